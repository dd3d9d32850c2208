// What every implementation of the Kernel port must do, run against the kernel in memory and against the real one.
// A rig gives the hands of others on the same machine: interfaces that come and go, foreign devices, tampering.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ActualHost, ActualNetwork, Kernel, KernelEvent, Op, Tunnel } from "../../edge-agent/dataplane/kernel.ts";
import { ownerMark } from "../../edge-agent/dataplane/state.ts";
import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { type Mac, parseMac } from "../../shared/address/mac.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";

export type KernelRig = {
  readonly kernel: Kernel;
  /** The MTU of the interface by which the host reaches `OTHER`, for a VTEP on a loopback. */
  addUnderlay(mtuBytes: number): Promise<void>;
  addInterface(name: string): Promise<void>;
  removeInterface(name: string): Promise<void>;
  /** An interface with an address of the host. */
  addAddressed(name: string): Promise<void>;
  /** A vxlan device that is not ours, with UDP port 4789. */
  addForeignVxlan(name: string, vni: number): Promise<void>;
  addForeignBridge(name: string): Promise<void>;
  deleteBridgeEntryByHand(mac: string, port: string, vni: number): Promise<void>;
  close(): Promise<void>;
};

export const VTEP = ip("192.0.2.1");
const VNI = vni(100);
const MAC = mac("02:00:00:00:00:01");
const OTHER = ip("192.0.2.2");
const OWNER = ownerMark("blue", "acme");

export function ip(text: string): IpAddress {
  return parsed(parseIp(text), text);
}

export function mac(text: string): Mac {
  return parsed(parseMac(text), text);
}

export function vni(value: number): Vni {
  return parsed(parseVni(value), String(value));
}

function parsed<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`bad test value ${text}`);
  return value;
}

const BRIDGE_MAC = mac("06:6f:00:00:64:01");
const bridge: Op = { kind: "add-bridge", vni: VNI, name: "ovbr100", mac: BRIDGE_MAC, owner: OWNER, mtuBytes: 1400 };
const vxlan = {
  kind: "add-vxlan",
  vni: VNI,
  name: "ovx100",
  owner: OWNER,
  mtuBytes: 1400,
  vtep: VTEP,
} satisfies Op;
const enslaved: Op = { kind: "attach-port", vni: VNI, name: "ovx100", bridge: "ovbr100", role: "vxlan" };
const attach = { kind: "attach-port", vni: VNI, name: "tap1", bridge: "ovbr100", role: "tenant" } satisfies Op;
const here = { kind: "replace-bridge-entry", vni: VNI, mac: MAC, port: "tap1", origin: "static" } satisfies Op;
const there: Op = { kind: "replace-bridge-entry", vni: VNI, mac: MAC, port: "ovx100", origin: "extern" };

const flood = { kind: "add-flood", vni: VNI, vxlan: "ovx100", vtep: OTHER } satisfies Op;
const neighbour = { kind: "replace-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("10.0.0.7"), mac: MAC } satisfies Op;
const neighbour6: Op = { kind: "replace-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("fd00::7"), mac: MAC };

/** `form`: what the rig's kernel makes tunnels of. */
export function kernelContract(form: Tunnel["form"], open: () => Promise<KernelRig>): void {
  const to = (...vteps: string[]): Tunnel => ({ form, vteps: vteps.map(ip), vni: undefined });
  const tunnelTo = (
    where: Tunnel,
    before?: Tunnel,
    kind: "replace-vxlan-entry" | "replace-remote-entry" = "replace-vxlan-entry",
  ) => ({ kind, vni: VNI, vxlan: "ovx100", mac: MAC, tunnel: where, before }) satisfies Op;
  const tunnel = tunnelTo(to(OTHER));
  const untunnel = (where: Tunnel): Op => ({
    kind: "delete-vxlan-entry",
    vni: VNI,
    vxlan: "ovx100",
    mac: MAC,
    tunnel: where,
  });
  let rig: KernelRig;
  beforeEach(async () => {
    rig = await open();
  });
  afterEach(() => rig.close());

  const apply = async (...ops: Op[]): Promise<string[]> =>
    (await rig.kernel.apply(ops)).map((failure) => `${failure.op.kind} ${failure.code}`);
  const network = async (): Promise<ActualNetwork | undefined> =>
    (await rig.kernel.dump()).networks.find((each) => each.vni === VNI);

  describe("devices", () => {
    it("creation: bridge and vxlan device -> read back with mark, MTU, source, flags", async () => {
      expect(await apply(bridge, vxlan, enslaved)).toEqual([]);
      expect(await network()).toEqual({
        vni: VNI,
        bridge: { name: "ovbr100", owner: OWNER, mac: BRIDGE_MAC, mtuBytes: 1400, up: true },
        vxlan: {
          name: "ovx100",
          owner: OWNER,
          mtuBytes: 1400,
          up: true,
          vtep: VTEP,
          udpPort: 4789,
          sourcePorts: undefined,
          learning: false,
          master: "ovbr100",
          portLearning: false,
          neighSuppress: true,
        },
        ports: [],
        bridgeEntries: [],
        vxlanEntries: [],
        flood: [],
        neighbours: [],
      } satisfies ActualNetwork);
    });

    it("creation: again -> success, nothing changes", async () => {
      await apply(bridge, vxlan, enslaved, flood);
      const before = await network();
      expect(await apply(bridge, vxlan, enslaved, flood)).toEqual([]);
      expect(await network()).toEqual(before);
    });

    it("creation: a device of others has the name -> EEXIST, it stays as it is, the rest goes on", async () => {
      await rig.addForeignBridge("ovbr100");
      const failures = await apply(bridge, vxlan);
      expect(failures).toEqual(["add-bridge EEXIST"]);
      const state = await rig.kernel.dump();
      expect(state.foreign).toContainEqual({ name: "ovbr100", kind: "bridge", vni: undefined, udpPort: undefined });
      expect((await network())?.bridge).toBeUndefined();
      expect((await network())?.vxlan?.owner).toBe(OWNER);
    });

    it("creation: a device of others has the VNI -> EEXIST, and the dump names it", async () => {
      await rig.addForeignVxlan("theirs", 100);
      expect(await apply(vxlan)).toEqual(["add-vxlan EEXIST"]);
      const state = await rig.kernel.dump();
      expect(state.foreign).toContainEqual({ name: "theirs", kind: "vxlan", vni: VNI, udpPort: 4789 });
    });

    it("set-link, set-vxlan: new mark, MTU and source -> read back", async () => {
      await apply(bridge, vxlan, enslaved);
      const owner = ownerMark("green", "acme");
      const changes: Op[] = [
        { kind: "set-link", vni: VNI, name: "ovbr100", owner, mtuBytes: 1300, mac: MAC },
        { kind: "set-link", vni: VNI, name: "ovx100", owner, mtuBytes: 1300 },
        { kind: "set-vxlan", vni: VNI, name: "ovx100", vtep: ip("192.0.2.9") },
      ];
      expect(await apply(...changes)).toEqual([]);
      const after = await network();
      expect(after?.bridge).toEqual({ name: "ovbr100", owner, mac: MAC, mtuBytes: 1300, up: true });
      expect(after?.vxlan).toMatchObject({ owner, mtuBytes: 1300, vtep: "192.0.2.9", learning: false });
    });

    it("add-vxlan: a range of source ports -> read back", async () => {
      const sourcePorts = { low: 50_000, high: 60_000 };
      expect(await apply({ ...vxlan, sourcePorts })).toEqual([]);
      expect((await network())?.vxlan?.sourcePorts).toEqual(sourcePorts);
    });

    it("rebuild-vxlan: with entries -> a new, empty device with the new source", async () => {
      await apply(bridge, vxlan, enslaved, flood, tunnel, there);
      const owner = OWNER;
      const vtep = ip("2001:db8::1");
      expect(await apply({ kind: "rebuild-vxlan", vni: VNI, name: "ovx100", owner, mtuBytes: 1380, vtep })).toEqual([]);
      const after = await network();
      expect(after?.vxlan).toMatchObject({ vtep, owner, mtuBytes: 1380, master: undefined });
      expect([after?.flood, after?.vxlanEntries, after?.bridgeEntries]).toEqual([[], [], []]);
    });

    it("delete-link, then the same devices for another network, all at once -> new, empty, with its mark and its port", async () => {
      for (const name of ["tap1", "tap2"]) await rig.addInterface(name);
      await apply(bridge, vxlan, enslaved, attach, here, flood, neighbour);
      const owner = ownerMark("green", "other");
      const ops: Op[] = [
        { kind: "delete-link", vni: VNI, name: "ovx100" },
        { kind: "delete-link", vni: VNI, name: "ovbr100" },
        { ...bridge, owner } as Op,
        { ...vxlan, owner },
        enslaved,
        { ...attach, name: "tap2" },
      ];
      expect(await apply(...ops)).toEqual([]);
      const after = await network();
      expect(after).toMatchObject({ bridge: { owner }, vxlan: { owner }, ports: [{ name: "tap2" }] });
      expect([after?.bridgeEntries, after?.vxlanEntries, after?.flood, after?.neighbours]).toEqual([[], [], [], []]);
    });

    it("delete-link: devices with ports and entries -> gone, the port is free; again -> success", async () => {
      await rig.addInterface("tap1");
      await apply(bridge, vxlan, enslaved, attach, here, flood, neighbour);
      const deletions: Op[] = [
        { kind: "delete-link", vni: VNI, name: "ovx100" },
        { kind: "delete-link", vni: VNI, name: "ovbr100" },
      ];
      expect(await apply(...deletions)).toEqual([]);
      expect(await network()).toBeUndefined();
      expect(interfaceOf(await rig.kernel.dump(), "tap1")?.master).toBeUndefined();
      expect(await apply(...deletions)).toEqual([]);
    });
  });

  describe("ports", () => {
    it("attach-port: an interface -> on the bridge and up; release-port -> free, its entries gone", async () => {
      await rig.addInterface("tap1");
      expect(await apply(bridge, attach, here)).toEqual([]);
      expect((await network())?.ports).toEqual([{ name: "tap1", up: true }]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "tap1", pinned: true }]);
      expect(await apply({ kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" })).toEqual([]);
      expect((await network())?.ports).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([]);
      expect(interfaceOf(await rig.kernel.dump(), "tap1")).toMatchObject({ name: "tap1", master: undefined });
    });

    it("interfaces: the host's own are told from those without an address", async () => {
      await rig.addInterface("tap1");
      await rig.addAddressed("up0");
      const state = await rig.kernel.dump();
      expect(interfaceOf(state, "tap1")).toEqual({
        name: "tap1",
        mtuBytes: 1500,
        up: false,
        master: undefined,
        addressed: false,
      });
      expect(interfaceOf(state, "up0")).toMatchObject({ addressed: true });
    });

    it("attach-port: no such interface -> ENODEV, other ops go on", async () => {
      expect(await apply(bridge, attach, vxlan, enslaved, flood)).toEqual(["attach-port ENODEV"]);
      expect((await network())?.flood).toEqual([OTHER]);
    });

    it("release-port: it is on another network's bridge by now -> stays there", async () => {
      await rig.addInterface("tap1");
      const second = vni(200);
      const other: Op = {
        kind: "add-bridge",
        vni: second,
        name: "ovbr200",
        mac: BRIDGE_MAC,
        owner: OWNER,
        mtuBytes: 1400,
      };
      const moved: Op = { kind: "attach-port", vni: second, name: "tap1", bridge: "ovbr200", role: "tenant" };
      await apply(bridge, other, attach, moved);
      expect(await apply({ kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" })).toEqual([]);
      expect(interfaceOf(await rig.kernel.dump(), "tap1")?.master).toBe("ovbr200");
    });

    it("an entry on a port of no bridge of ours -> EINVAL", async () => {
      await rig.addInterface("tap1");
      expect(await apply(bridge, here)).toEqual(["replace-bridge-entry EINVAL"]);
    });
  });

  describe("entries", () => {
    it("a MAC moves port -> tunnel -> port by replacing -> one entry each time", async () => {
      await rig.addInterface("tap1");
      await apply(bridge, vxlan, enslaved, attach, here);
      expect(await apply(tunnel, there)).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "ovx100", pinned: true }]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: to(OTHER) }]);
      expect(await apply(here, untunnel(to(OTHER)))).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "tap1", pinned: true }]);
      expect((await network())?.vxlanEntries).toEqual([]);
    });

    it("replace-remote-entry: both halves at once, from nothing and from a port", async () => {
      await rig.addInterface("tap1");
      await apply(bridge, vxlan, enslaved, attach, here);
      expect(await apply(tunnelTo(to(OTHER), undefined, "replace-remote-entry"))).toEqual([]);
      expect((await network())?.bridgeEntries).toEqual([{ mac: MAC, port: "ovx100", pinned: true }]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: to(OTHER) }]);
    });

    it("replace-vxlan-entry: another VTEP -> replaced, not added", async () => {
      await apply(bridge, vxlan, enslaved, tunnel);
      expect(await apply(tunnelTo(to("192.0.2.3"), to(OTHER)))).toEqual([]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: to("192.0.2.3") }]);
    });

    it("a VNI of the other side's -> an entry with a plain destination, and back", async () => {
      await apply(bridge, vxlan, enslaved, tunnel);
      const translated: Tunnel = { form: "dst", vteps: [OTHER], vni: vni(7000) };
      expect(await apply(tunnelTo(translated, to(OTHER)))).toEqual([]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: translated }]);
      expect(await apply(tunnelTo(to(OTHER), translated))).toEqual([]);
      expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: to(OTHER) }]);
      await apply(tunnelTo(translated, to(OTHER)));
      expect(await apply(untunnel(translated))).toEqual([]);
      expect((await network())?.vxlanEntries).toEqual([]);
    });

    if (form === "nexthop") {
      it("nexthops: several VTEPs -> one group; entries of an older agent are turned, both ways", async () => {
        await apply(bridge, vxlan, enslaved, tunnelTo({ form: "dst", vteps: [OTHER], vni: undefined }));
        const both = to("192.0.2.2", "192.0.2.3");
        expect(await apply(tunnelTo(both, { form: "dst", vteps: [OTHER], vni: undefined }))).toEqual([]);
        expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: both }]);
        expect(rig.kernel.tunnels()).toEqual([both]);
        expect(await apply(tunnelTo({ form: "dst", vteps: [OTHER], vni: undefined }, both))).toEqual([]);
        expect((await network())?.vxlanEntries).toEqual([
          { mac: MAC, tunnel: { form: "dst", vteps: [OTHER], vni: undefined } },
        ]);
      });

      it("delete-tunnel: entries of two networks -> all gone with one op, others stay; watchers hear of it", async () => {
        const second = vni(200);
        const other = mac("02:00:00:00:00:09");
        await apply(bridge, vxlan, enslaved, { ...vxlan, vni: second, name: "ovx200" }, tunnel);
        await apply({ ...tunnel, vni: second, vxlan: "ovx200" }, { ...tunnel, mac: other, tunnel: to("192.0.2.3") });
        const events = watch();
        await rig.kernel.readHost();
        const entries = (await rig.kernel.readEntries(VNI)).vxlanEntries;
        const object = entries.find((each) => each.mac === MAC)?.tunnel;
        expect(await apply({ kind: "delete-tunnel", vni: undefined, tunnel: to(OTHER) })).toEqual([]);
        expect((await network())?.vxlanEntries).toEqual([{ mac: other, tunnel: to("192.0.2.3") }]);
        expect((await rig.kernel.readEntries(second)).vxlanEntries).toEqual([]);
        const gone = events.filter((event) => event.kind === "tunnel");
        expect(gone).toEqual([{ kind: "tunnel", before: to(OTHER), after: undefined }]);
        expect(gone[0]?.before).toBe(object);
        expect(rig.kernel.tunnels()).toEqual([to("192.0.2.3")]);
        expect(await apply({ kind: "delete-tunnel", vni: undefined, tunnel: to(OTHER) })).toEqual([]);
      });

      it("nexthops: a VTEP alone and in a group -> either goes without the other", async () => {
        const other = mac("02:00:00:00:00:09");
        const both = to("192.0.2.2", "192.0.2.3");
        await apply(bridge, vxlan, enslaved, tunnel, { ...tunnel, mac: other, tunnel: both });
        await apply({ kind: "delete-tunnel", vni: undefined, tunnel: to(OTHER) });
        expect((await network())?.vxlanEntries).toEqual([{ mac: other, tunnel: both }]);
        await apply(tunnel, { kind: "delete-tunnel", vni: undefined, tunnel: both });
        expect((await network())?.vxlanEntries).toEqual([{ mac: MAC, tunnel: to(OTHER) }]);
      });
    } else {
      it("flush-vtep: all entries of a VTEP -> gone with one op, others stay", async () => {
        const other = mac("02:00:00:00:00:09");
        await apply(bridge, vxlan, enslaved, tunnel, { ...tunnel, mac: other, tunnel: to("192.0.2.3") });
        expect(await apply({ kind: "flush-vtep", vni: VNI, vxlan: "ovx100", vtep: OTHER })).toEqual([]);
        expect((await network())?.vxlanEntries).toEqual([{ mac: other, tunnel: to("192.0.2.3") }]);
      });
    }

    it("flood: two VTEPs -> both; one deleted -> the other stays", async () => {
      const third = { ...flood, vtep: ip("192.0.2.3") };
      await apply(bridge, vxlan, enslaved, flood, third, flood);
      expect((await network())?.flood.toSorted()).toEqual(["192.0.2.2", "192.0.2.3"]);
      expect(await apply({ ...third, kind: "delete-flood" })).toEqual([]);
      expect((await network())?.flood).toEqual(["192.0.2.2"]);
    });

    it("neighbours: of both families -> ours; replaced, deleted", async () => {
      await apply(bridge, neighbour, neighbour6);
      const sorted = async () => (await network())?.neighbours.toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
      expect(await sorted()).toEqual([
        { ip: "10.0.0.7", mac: MAC, ours: true },
        { ip: "fd00::7", mac: MAC, ours: true },
      ]);
      const next = mac("02:00:00:00:00:09");
      await apply(
        { ...neighbour, mac: next },
        { kind: "delete-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("fd00::7") },
      );
      expect(await sorted()).toEqual([{ ip: "10.0.0.7", mac: next, ours: true }]);
    });

    it("neighbours: ports come and go -> they stay", async () => {
      for (const name of ["tap1", "tap2"]) await rig.addInterface(name);
      const second: Op = { ...attach, name: "tap2" };
      await apply(bridge, neighbour, vxlan, enslaved, attach, second);
      expect((await network())?.neighbours).toHaveLength(1);
      await apply(
        { kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" },
        { kind: "delete-link", vni: VNI, name: "ovx100" },
        { kind: "release-port", vni: VNI, name: "tap2", bridge: "ovbr100" },
      );
      expect((await network())?.neighbours).toHaveLength(1);
    });

    it("deletions of what is not there, on devices that are not there -> success", async () => {
      const deletions: Op[] = [
        { kind: "delete-bridge-entry", vni: VNI, mac: MAC, port: "ovx100" },
        untunnel(to(OTHER)),
        { kind: "delete-flood", vni: VNI, vxlan: "ovx100", vtep: OTHER },
        { kind: "delete-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("10.0.0.7") },
        { kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" },
      ];
      expect(await apply(...deletions)).toEqual([]);
      await apply(bridge, vxlan, enslaved);
      expect(await apply(...deletions)).toEqual([]);
    });

    it("writes without the devices -> ENODEV each, by op", async () => {
      expect(await apply(tunnel, flood, there, neighbour)).toEqual([
        "replace-vxlan-entry ENODEV",
        "add-flood ENODEV",
        "replace-bridge-entry ENODEV",
        "replace-neighbour ENODEV",
      ]);
    });
  });

  describe("underlay", () => {
    it("pathMtu: to a host behind an interface, and to one without a way", async () => {
      expect(await rig.kernel.pathMtu(VTEP, [OTHER])).toBeUndefined();
      await rig.addUnderlay(1450);
      await rig.kernel.readHost();
      expect(await rig.kernel.pathMtu(VTEP, [OTHER])).toBe(1450);
    });
  });

  describe("events", () => {
    it("an interface comes and goes -> host, by name", async () => {
      const events = watch();
      await rig.kernel.readHost();
      await rig.addInterface("tap1");
      await seen(events, (event) => event.kind === "host" && event.name === "tap1");
      events.length = 0;
      await rig.removeInterface("tap1");
      await seen(events, (event) => event.kind === "host" && event.name === "tap1");
    });

    it("our own writes -> told before apply returns; another hand's deletion -> told", async () => {
      await rig.addInterface("tap1");
      const events = watch();
      await apply(bridge, vxlan, enslaved, attach);
      events.length = 0;
      await apply(here, flood, tunnel, neighbour);
      expect(events.filter((event) => event.kind !== "host")).toEqual([
        { kind: "bridge-entry", vni: VNI, mac: MAC, port: "tap1", state: "pinned" },
        { kind: "flood", vni: VNI, vtep: OTHER, present: true },
        { kind: "vxlan-entry", vni: VNI, mac: MAC, tunnel: to(OTHER) },
        { kind: "neighbour", vni: VNI, ip: "10.0.0.7", mac: MAC, ours: true },
      ]);
      events.length = 0;
      await rig.deleteBridgeEntryByHand(MAC, "tap1", VNI);
      await seen(events, (event) => event.kind === "bridge-entry" && event.state === "gone");
      events.length = 0;
      await apply({ kind: "delete-flood", vni: VNI, vxlan: "ovx100", vtep: OTHER }, untunnel(to(OTHER)));
      await apply({ kind: "delete-neighbour", vni: VNI, bridge: "ovbr100", ip: ip("10.0.0.7") });
      // The kernel tells of a neighbour that it is no longer permanent, and then that it is gone.
      const texts = new Set(events.filter((event) => event.kind !== "host").map((event) => JSON.stringify(event)));
      expect(Array.from(texts, (text) => JSON.parse(text) as unknown)).toEqual([
        { kind: "flood", vni: VNI, vtep: OTHER, present: false },
        { kind: "vxlan-entry", vni: VNI, mac: MAC },
        { kind: "neighbour", vni: VNI, ip: "10.0.0.7", ours: false },
      ]);
    });

    it("a port leaves, a device goes -> its entries are told gone", async () => {
      await rig.addInterface("tap1");
      const events = watch();
      await apply(bridge, vxlan, enslaved, attach, here, neighbour);
      events.length = 0;
      await apply({ kind: "release-port", vni: VNI, name: "tap1", bridge: "ovbr100" });
      expect(events).toContainEqual({ kind: "bridge-entry", vni: VNI, mac: MAC, port: "tap1", state: "gone" });
      await apply({ kind: "delete-link", vni: VNI, name: "ovx100" });
      expect(events).toContainEqual({ kind: "emptied", vni: VNI, device: "vxlan" });
      await apply({ kind: "delete-link", vni: VNI, name: "ovbr100" });
      expect(events).toContainEqual({ kind: "emptied", vni: VNI, device: "bridge" });
    });

    it("readEntries: one network's -> the same as in the dump; of a network that is not there -> none", async () => {
      await rig.addInterface("tap1");
      await apply(
        bridge,
        vxlan,
        enslaved,
        attach,
        flood,
        neighbour,
        neighbour6,
        tunnelTo(to(OTHER), undefined, "replace-remote-entry"),
      );
      await apply({ ...here, mac: mac("02:00:00:00:00:09") });
      const { bridgeEntries, vxlanEntries, flood: vteps, neighbours } = (await network()) as ActualNetwork;
      const read = await rig.kernel.readEntries(VNI);
      const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
      expect(read.bridgeEntries.toSorted(byText)).toEqual(bridgeEntries.toSorted(byText));
      expect([read.vxlanEntries, read.flood]).toEqual([vxlanEntries, vteps]);
      expect(read.neighbours.toSorted(byText)).toEqual(neighbours.toSorted(byText));
      expect(await rig.kernel.readEntries(vni(999))).toEqual({
        vni: 999,
        bridgeEntries: [],
        vxlanEntries: [],
        flood: [],
        neighbours: [],
      });
    });
  });

  function watch(): KernelEvent[] {
    const events: KernelEvent[] = [];
    rig.kernel.watch((event) => events.push(event));
    return events;
  }
}

async function seen(events: readonly KernelEvent[], is: (event: KernelEvent) => boolean): Promise<void> {
  await expect.poll(() => events.some(is), { timeout: 5000, interval: 10 }).toBe(true);
}

function interfaceOf(
  state: Pick<ActualHost, "interfaces">,
  name: string,
): ActualHost["interfaces"][number] | undefined {
  return state.interfaces.find((each) => each.name === name);
}
