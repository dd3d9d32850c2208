// What every implementation of the router part of the kernel must do, run against the one in memory and against a real one
// that has VRF. A rig gives the hands of others on the same machine.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type {
  ActualHop,
  ActualRouter,
  ActualRouters,
  RouterKernel,
  RouterOp,
} from "../../edge-agent/dataplane/router-kernel.ts";
import {
  LAST_RESORT_METRIC,
  ROUTE_METRIC,
  routerMac,
  routerTable,
  vrfName,
} from "../../edge-agent/dataplane/router-state.ts";
import { routerMark, vxlanName } from "../../edge-agent/dataplane/state.ts";
import { type Prefix, parsePrefix } from "../../shared/address/prefix.ts";
import { ip, vni, VTEP } from "./kernel.ts";

export type RoutersRig = {
  readonly kernel: RouterKernel;
  /** A network's bridge of ours, as the other part of the dataplane makes it. */
  addBridge(vni: number): Promise<void>;
  addForeignVrf(name: string, table: number): Promise<void>;
  /** Another hand deletes or adds a route of the router's table. */
  deleteRouteByHand(prefix: string, table: number): Promise<void>;
  addRouteByHand(prefix: string, table: number): Promise<void>;
  close(): Promise<void>;
};

export const L3_VNI = vni(5000);
export const TABLE = routerTable(L3_VNI);
export const CORE = routerMark("core", "acme");
const VRF = vrfName(L3_VNI);
const L3 = vxlanName(L3_VNI);
const OTHER = ip("192.0.2.2");
const THIRD = ip("192.0.2.3");

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`bad test value ${text}`);
  return parsed;
}

const addVrf: RouterOp = { kind: "add-vrf", vni: L3_VNI, name: VRF, owner: CORE, table: TABLE };
const addVxlan: RouterOp = {
  kind: "add-l3-vxlan",
  vni: L3_VNI,
  name: L3,
  owner: CORE,
  mac: routerMac(VTEP),
  mtuBytes: 1400,
  vtep: VTEP,
};
const join: RouterOp = { kind: "set-device", vni: L3_VNI, name: L3, master: VRF, up: true };
const DEVICES = [addVrf, addVxlan, join];

function route(to: string, hops: readonly ActualHop[]) {
  const unreachable = hops.length === 0;
  return {
    prefix: prefix(to),
    metric: unreachable ? LAST_RESORT_METRIC : ROUTE_METRIC,
    type: unreachable ? ("unreachable" as const) : ("unicast" as const),
    hops,
  };
}

function replaceRoute(to: string, ...hops: { device: string; via: ReturnType<typeof ip> }[]): RouterOp {
  return { kind: "replace-route", vni: L3_VNI, table: TABLE, route: route(to, hops) };
}

export function routersContract(open: () => Promise<RoutersRig>): void {
  let rig: RoutersRig;
  beforeEach(async () => {
    rig = await open();
  });
  afterEach(() => rig.close());

  const apply = async (...ops: RouterOp[]): Promise<string[]> =>
    (await rig.kernel.apply(ops)).map((failure) => `${failure.op.kind} ${failure.code}`);
  const dump = (): Promise<ActualRouters> => rig.kernel.dump();
  const router = async (): Promise<ActualRouter | undefined> =>
    (await dump()).routers.find((each) => each.vni === L3_VNI);
  const byPrefix = (each: ActualRouter | undefined) =>
    (each?.routes ?? []).toSorted((a, b) => a.prefix.localeCompare(b.prefix) || a.metric - b.metric);

  it("support: a kernel with VRF -> says so, and nothing was made", async () => {
    expect(await rig.kernel.support()).toEqual({ vrf: true });
    const { routers, foreign } = await dump();
    expect({ routers, foreign }).toEqual({ routers: [], foreign: [] });
  });

  it("devices: VRF and L3 VNI -> read back with mark, table, MAC, MTU, source and membership; again -> nothing changes", async () => {
    expect(await apply(...DEVICES)).toEqual([]);
    const expected: ActualRouter = {
      vni: L3_VNI,
      vrf: { name: VRF, owner: CORE, table: TABLE, up: true },
      vxlan: {
        name: L3,
        owner: CORE,
        mac: routerMac(VTEP),
        mtuBytes: 1400,
        up: true,
        vtep: VTEP,
        udpPort: 4789,
        learning: false,
        master: VRF,
      },
      routes: [],
      neighbours: [],
      entries: [],
    };
    expect(await router()).toEqual(expected);
    expect(await apply(...DEVICES)).toEqual([]);
    expect(await router()).toEqual(expected);
  });

  it("devices: another mark, MTU, MAC, source -> changed in place", async () => {
    await apply(...DEVICES);
    const owner = routerMark("edge", "acme");
    const mac = routerMac(THIRD);
    expect(
      await apply(
        { kind: "set-device", vni: L3_VNI, name: VRF, owner },
        { kind: "set-device", vni: L3_VNI, name: L3, owner, mac, mtuBytes: 1300 },
        { kind: "set-l3-vxlan", vni: L3_VNI, name: L3, vtep: THIRD },
      ),
    ).toEqual([]);
    const after = await router();
    expect(after?.vrf?.owner).toBe(owner);
    expect(after?.vxlan).toMatchObject({ owner, mac, mtuBytes: 1300, vtep: THIRD, master: VRF, up: true });
  });

  it("devices: a VRF of others has the name -> EEXIST, it is named and stays; one with the table is named too", async () => {
    await rig.addForeignVrf(VRF, 77);
    await rig.addForeignVrf("theirs", TABLE);
    expect(await apply(addVrf, { kind: "delete-device", vni: L3_VNI, name: "theirs" })).toContain("add-vrf EEXIST");
    const { foreign, routers } = await dump();
    expect(
      foreign.map(({ name, kind, table }) => ({ name, kind, table })).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ).toEqual([
      { name: VRF, kind: "vrf", table: 77 },
      { name: "theirs", kind: "vrf", table: TABLE },
    ]);
    expect(routers).toEqual([]);
  });

  it("routes: by a VTEP in both families, by several, by a machine, and the last resort -> read back as written", async () => {
    await rig.addBridge(100);
    await apply(...DEVICES, { kind: "enslave-bridge", vni: L3_VNI, name: "ovbr100", vrf: VRF });
    const written: RouterOp[] = [
      replaceRoute("0.0.0.0/0"),
      replaceRoute("::/0"),
      replaceRoute("10.2.0.7/32", { device: L3, via: OTHER }),
      replaceRoute("fd00:2::7/128", { device: L3, via: ip("::ffff:192.0.2.2") }),
      replaceRoute("172.16.0.0/12", { device: L3, via: OTHER }, { device: L3, via: THIRD }),
      // By an IPv6 VTEP (RFC 8950).
      replaceRoute("10.3.0.7/32", { device: L3, via: ip("2001:db8::2") }),
      replaceRoute("10.9.0.0/16", { device: "ovbr100", via: ip("10.1.0.7") }),
    ];
    expect(await apply(...written)).toEqual([]);
    const expected = written.flatMap((op) => (op.kind === "replace-route" ? [{ ...op.route, ours: true }] : []));
    expect(byPrefix(await router())).toEqual(byPrefix({ routes: expected } as unknown as ActualRouter));
    expect(await apply(replaceRoute("10.2.0.7/32", { device: L3, via: THIRD }))).toEqual([]);
    expect((await router())?.routes).toContainEqual({
      ...route("10.2.0.7/32", [{ device: L3, via: THIRD }]),
      ours: true,
    });
    const deletions = expected.map(
      (each): RouterOp => ({
        kind: "delete-route",
        vni: L3_VNI,
        table: TABLE,
        route: each,
      }),
    );
    expect(await apply(...deletions)).toEqual([]);
    expect((await router())?.routes).toEqual([]);
    expect(await apply(...deletions)).toEqual([]);
  });

  it("routes: one by a device that is not there -> ENODEV, the others are written", async () => {
    await apply(...DEVICES);
    const failures = await apply(
      replaceRoute("10.9.0.0/16", { device: "ovbr999", via: ip("10.1.0.7") }),
      replaceRoute("10.2.0.7/32", { device: L3, via: OTHER }),
    );
    expect(failures).toEqual(["replace-route ENODEV"]);
    expect((await router())?.routes.map((each) => each.prefix)).toEqual(["10.2.0.7/32"]);
  });

  it("routes: of others in the table -> read as theirs, and a deletion leaves them", async () => {
    await apply(...DEVICES);
    await rig.addRouteByHand("10.66.0.0/16", TABLE);
    const theirs = (await router())?.routes ?? [];
    expect(theirs).toMatchObject([{ prefix: "10.66.0.0/16", ours: false }]);
    const each = theirs[0] ?? route("10.66.0.0/16", []);
    expect(await apply({ kind: "delete-route", vni: L3_VNI, table: TABLE, route: each })).toEqual([]);
    expect((await router())?.routes).toHaveLength(1);
  });

  it("L3 VNI: neighbours of both families and entries -> read back, replaced, deleted", async () => {
    await apply(...DEVICES);
    const mac = routerMac(OTHER);
    const mapped = ip("::ffff:192.0.2.2");
    const neighbour = (
      kind: "replace-l3-neighbour" | "delete-l3-neighbour",
      to: typeof mapped,
      by = mac,
    ): RouterOp => ({
      kind,
      vni: L3_VNI,
      device: L3,
      ip: to,
      mac: by,
    });
    const peer = { mac, vtep: OTHER };
    // A VTEP that knows the router by another VNI.
    const translated = { ...peer, vni: vni(7000) };
    expect(
      await apply(
        neighbour("replace-l3-neighbour", OTHER, routerMac(THIRD)),
        neighbour("replace-l3-neighbour", OTHER),
        neighbour("replace-l3-neighbour", mapped),
        { kind: "replace-l3-entry", vni: L3_VNI, device: L3, peer: { mac, vtep: THIRD } },
        { kind: "replace-l3-entry", vni: L3_VNI, device: L3, peer: translated },
      ),
    ).toEqual([]);
    expect((await router())?.entries).toEqual([translated]);
    expect(await apply({ kind: "delete-l3-entry", vni: L3_VNI, device: L3, peer: translated })).toEqual([]);
    expect((await router())?.entries).toEqual([]);
    expect(await apply({ kind: "replace-l3-entry", vni: L3_VNI, device: L3, peer: translated })).toEqual([]);
    expect(await apply({ kind: "replace-l3-entry", vni: L3_VNI, device: L3, peer })).toEqual([]);
    const after = await router();
    expect(after?.neighbours.toSorted((a, b) => (a.ip < b.ip ? -1 : 1))).toEqual([
      { ip: OTHER, mac },
      { ip: mapped, mac },
    ]);
    expect(after?.entries).toEqual([peer]);
    const deletions: RouterOp[] = [
      neighbour("delete-l3-neighbour", OTHER),
      neighbour("delete-l3-neighbour", mapped),
      { kind: "delete-l3-entry", vni: L3_VNI, device: L3, peer },
    ];
    expect(await apply(...deletions)).toEqual([]);
    expect(await router()).toMatchObject({ neighbours: [], entries: [] });
    expect(await apply(...deletions)).toEqual([]);
  });

  it("bridges: into the VRF with addresses of both families and out again -> read back, nothing left", async () => {
    await rig.addBridge(100);
    expect((await dump()).bridges).toEqual([
      { vni: vni(100), name: "ovbr100", up: true, master: undefined, addresses: [] },
    ]);
    await apply(...DEVICES);
    const gateways = [
      { ip: ip("10.1.0.1"), length: 24 },
      { ip: ip("fd00:1::1"), length: 64 },
    ];
    const address = (kind: "add-address" | "delete-address") =>
      gateways.map((gateway): RouterOp => ({ kind, vni: L3_VNI, name: "ovbr100", gateway }));
    const enslave: RouterOp = { kind: "enslave-bridge", vni: L3_VNI, name: "ovbr100", vrf: VRF };
    expect(await apply(enslave, ...address("add-address"), ...address("add-address"))).toEqual([]);
    const [bridge] = (await dump()).bridges;
    expect(bridge?.master).toBe(VRF);
    expect(bridge?.addresses).toEqual(expect.arrayContaining(gateways));
    expect(bridge?.addresses).toHaveLength(2);
    const release: RouterOp = { kind: "release-bridge", vni: L3_VNI, name: "ovbr100", vrf: VRF };
    expect(await apply(...address("delete-address"), release, release, ...address("delete-address"))).toEqual([]);
    expect((await dump()).bridges[0]).toMatchObject({ master: undefined, addresses: [] });
  });

  it("bridges: one that is not there -> ENODEV", async () => {
    await apply(...DEVICES);
    expect(await apply({ kind: "enslave-bridge", vni: L3_VNI, name: "ovbr100", vrf: VRF })).toEqual([
      "enslave-bridge ENODEV",
    ]);
  });

  it("switches: of our devices -> read and set", async () => {
    await apply(...DEVICES);
    const key = `net/ipv4/conf/${VRF}/forwarding`;
    expect((await dump()).sysctls.has(key)).toBe(true);
    expect(await apply({ kind: "set-sysctl", vni: L3_VNI, key, value: "1" })).toEqual([]);
    expect((await dump()).sysctls.get(key)).toBe("1");
  });

  it("rules: the host's own addresses are asked after the VRFs -> read back, and undone", async () => {
    const rule = (kind: "add-rule" | "delete-rule", lookup: "vrf" | "local", priority: number): RouterOp[] =>
      (["ipv4", "ipv6"] as const).map((family) => ({ kind, vni: undefined, rule: { family, lookup, priority } }));
    const local = async () =>
      (await dump()).rules
        .filter((each) => each.priority < 1000)
        .map(({ family, lookup, priority, ours }) => `${family} ${priority} ${lookup}${ours ? " ours" : ""}`)
        .toSorted();
    expect(await local()).toEqual(["ipv4 0 local", "ipv6 0 local"]);
    const first = [...rule("add-rule", "vrf", 1), ...rule("add-rule", "local", 2)];
    expect(await apply(...first, ...first, ...rule("delete-rule", "local", 0))).toEqual([]);
    expect(await local()).toEqual(["ipv4 1 vrf ours", "ipv4 2 local ours", "ipv6 1 vrf ours", "ipv6 2 local ours"]);
    const back = [...rule("delete-rule", "vrf", 1), ...rule("delete-rule", "local", 2)];
    expect(await apply(...rule("add-rule", "local", 0), ...back, ...back)).toEqual([]);
    expect(await local()).toEqual(["ipv4 0 local", "ipv6 0 local"]);
  });

  it("deletion: of a VRF with a bridge -> the bridge stays, and what is left of the table is still read as ours", async () => {
    await rig.addBridge(100);
    const enslave: RouterOp = { kind: "enslave-bridge", vni: L3_VNI, name: "ovbr100", vrf: VRF };
    await apply(...DEVICES, enslave, replaceRoute("0.0.0.0/0"));
    const drop = (name: string): RouterOp => ({ kind: "delete-device", vni: L3_VNI, name });
    expect(await apply(drop(L3), drop(VRF), drop(VRF))).toEqual([]);
    expect((await dump()).bridges[0]).toMatchObject({ name: "ovbr100", master: undefined });
    const left = (await router())?.routes ?? [];
    const ops = left.map(
      (each): RouterOp => ({
        kind: "delete-route",
        vni: L3_VNI,
        table: TABLE,
        route: each,
      }),
    );
    expect(await apply(...ops)).toEqual([]);
    expect((await dump()).routers).toEqual([]);
  });

  describe("events", () => {
    it("a route deleted by another hand -> changed; our own writes of routes -> nothing", async () => {
      await apply(...DEVICES, replaceRoute("10.2.0.7/32", { device: L3, via: OTHER }));
      await dump();
      const heard: string[] = [];
      const watch = rig.kernel.watch((event) => heard.push(event));
      await apply(replaceRoute("10.2.0.8/32", { device: L3, via: OTHER }));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(heard).toEqual([]);
      await rig.deleteRouteByHand("10.2.0.7/32", TABLE);
      await expect.poll(() => heard.includes("changed"), { timeout: 5000 }).toBe(true);
      watch.close();
    });
  });
}
