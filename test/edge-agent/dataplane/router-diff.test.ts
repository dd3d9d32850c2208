// Desired routers against actual ones, on the kernel in memory: what is written, in which order, and what is left alone.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryRouters, type MemoryRouters } from "../../../edge-agent/dataplane/memory-routers.ts";
import { diffRouters, isRouterDeletion } from "../../../edge-agent/dataplane/router-diff.ts";
import type { RouterOp } from "../../../edge-agent/dataplane/router-kernel.ts";
import { describeRouterProblem } from "../../../edge-agent/dataplane/router-problem.ts";
import { readBackRouter } from "../../../edge-agent/dataplane/router-read-back.ts";
import {
  type DesiredRouters,
  GATEWAY_LINK_LOCAL,
  GATEWAY_MAC,
  gatewayVtep,
  type RouterHop,
  type RouterState,
  routerMac,
  routerTable,
  vrfOfTable,
  vtepGateway,
} from "../../../edge-agent/dataplane/router-state.ts";
import { bridgeName, routerMark } from "../../../edge-agent/dataplane/state.ts";
import { ip, vni, VTEP } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";

const OTHER = ip("192.0.2.2");
const THIRD = ip("192.0.2.3");
const BLUE = vni(100);
const RED = vni(200);

const byVtep = (vtep = OTHER): RouterHop => ({ kind: "vtep", vtep });
const peer = (vtep = OTHER) => ({ vtep, mac: routerMac(vtep) });

const core: RouterState = {
  vni: vni(5000),
  owner: routerMark("core", "acme"),
  vtep: VTEP,
  networks: [
    {
      vni: BLUE,
      gateways: [
        { ip: ip("10.1.0.1"), length: 24 },
        { ip: ip("fd00:1::1"), length: 64 },
      ],
    },
  ],
  peers: [peer(), peer(THIRD)],
  routes: [
    { prefix: prefix("10.2.0.7/32"), hops: [byVtep()] },
    { prefix: prefix("fd00:2::7/128"), hops: [byVtep()] },
    { prefix: prefix("0.0.0.0/0"), hops: [byVtep(), byVtep(THIRD)] },
    { prefix: prefix("10.9.0.0/16"), hops: [{ kind: "machine", network: BLUE, ip: ip("10.1.0.7") }] },
  ],
};

function machine(...networks: number[]): {
  kernel: MemoryRouters;
  bridges: { vni: typeof BLUE; name: string; up: boolean }[];
} {
  const bridges = networks.map((each) => ({ vni: vni(each), name: bridgeName(vni(each)), up: true }));
  return { kernel: createMemoryRouters({ bridges: () => bridges, vtep: VTEP }), bridges };
}

/** Compares and writes until nothing is left, as the reconciler does; all ops in their order. */
async function settle(kernel: MemoryRouters, desired: DesiredRouters, mayDelete = true): Promise<RouterOp[]> {
  const all: RouterOp[] = [];
  for (let round = 0; round < 6; round++) {
    const { ops } = diffRouters(desired, await kernel.dump(), { mayDelete });
    if (ops.length === 0) return all;
    all.push(...ops);
    await kernel.apply(ops);
  }
  throw new Error("it does not settle");
}

const at = (ops: readonly RouterOp[], test: (op: RouterOp) => boolean): number => ops.findIndex(test);

describe("names and numbers of routers", () => {
  it("derived from VNI and VTEP -> readable, and the same on every host (RFC 9135 4.1, 8.1)", () => {
    expect(routerTable(core.vni)).toBe(1_300_005_000);
    expect(vrfOfTable(1_300_005_000)).toBe(5000);
    expect([254, 255, 1_300_000_000, 1_316_777_216].map(vrfOfTable)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(routerMac(ip("192.0.2.1"))).toBe("06:72:c0:00:02:01");
    expect(routerMac(ip("2001:db8::1"))).toMatch(/^0a(:[0-9a-f]{2}){5}$/);
    expect(routerMac(ip("2001:db8::1"))).not.toBe(routerMac(ip("2001:db8::2")));
    // RFC 4291 appendix A: ff:fe in the middle, and the universal bit inverted.
    const octets = GATEWAY_MAC.split(":").map((octet) => Number.parseInt(octet, 16));
    expect(octets[0]).toBe(0x06);
    expect(GATEWAY_LINK_LOCAL).toBe("fe80::46f:ff:fe00:1");
  });

  it("an IPv6 route by an IPv4 VTEP -> its IPv4-mapped address, and back; all others as they are", () => {
    expect(vtepGateway(OTHER, ip("10.0.0.0"))).toBe(OTHER);
    expect(vtepGateway(OTHER, ip("fd00::"))).toBe(ip("::ffff:192.0.2.2"));
    expect(vtepGateway(ip("2001:db8::2"), ip("10.0.0.0"))).toBe(ip("2001:db8::2"));
    expect(gatewayVtep(ip("::ffff:192.0.2.2"))).toBe(OTHER);
    expect(gatewayVtep(ip("::ffff:0:1:2"))).toBe(ip("::ffff:0:1:2"));
  });
});

describe("routers' diff", () => {
  it("nothing there -> everything, so ordered that no bridge is in a VRF without last resort and rules", async () => {
    const { kernel } = machine(BLUE);
    const ops = await settle(kernel, { routers: [core] });
    const enslaved = at(ops, (op) => op.kind === "enslave-bridge");
    const before = (test: (op: RouterOp) => boolean): void => {
      const found = at(ops, test);
      expect(found).toBeGreaterThanOrEqual(0);
      expect(found).toBeLessThan(enslaved);
    };
    before((op) => op.kind === "replace-route" && op.route.type === "unreachable" && op.route.prefix === "0.0.0.0/0");
    before((op) => op.kind === "replace-route" && op.route.type === "unreachable" && op.route.prefix === "::/0");
    before((op) => op.kind === "delete-rule" && op.rule.family === "ipv4" && op.rule.priority === 0);
    before((op) => op.kind === "delete-rule" && op.rule.family === "ipv6" && op.rule.priority === 0);
    const entry = at(ops, (op) => op.kind === "replace-l3-entry");
    expect(entry).toBeLessThan(at(ops, (op) => op.kind === "replace-route" && op.route.prefix === "10.2.0.7/32"));
    const actual = await kernel.dump();
    const verified = readBackRouter(actual.routers[0] ?? fail(), actual);
    expect(verified?.gateways).toEqual(new Map([[BLUE, ["10.1.0.1", "fd00:1::1"]]]));
    expect(verified?.routes).toEqual(new Map(core.routes.map(({ prefix, hops }) => [prefix, hops])));
    expect(actual.bridges[0]?.addresses).toContainEqual({ ip: GATEWAY_LINK_LOCAL, length: 64 });
    expect(actual.sysctls.get("net/ipv6/conf/all/forwarding")).toBe("1");
    expect(actual.sysctls.get("net/ipv4/conf/ovbr100/arp_ignore")).toBe("1");
  });

  it("as desired -> nothing", async () => {
    const { kernel } = machine(BLUE);
    await settle(kernel, { routers: [core] });
    const writes = kernel.writes();
    expect(await settle(kernel, { routers: [core] })).toEqual([]);
    expect(kernel.writes()).toBe(writes);
  });

  it("the rule of the host's own addresses -> is only taken away once its successors were read back", async () => {
    const { kernel } = machine(BLUE);
    kernel.setFault((op) => (op.kind === "add-rule" && op.rule.lookup === "local" ? "EINVAL" : undefined));
    for (let round = 0; round < 4; round++) {
      const { ops } = diffRouters({ routers: [core] }, await kernel.dump(), { mayDelete: true });
      await kernel.apply(ops);
    }
    const { rules, bridges } = await kernel.dump();
    expect(rules).toContainEqual({ family: "ipv4", lookup: "local", priority: 0, ours: false });
    expect(bridges[0]?.master).toBeUndefined();
  });

  it("a router that goes -> bridges, routes and devices go, and the rules are as the kernel had them", async () => {
    const { kernel } = machine(BLUE);
    await settle(kernel, { routers: [core] });
    await settle(kernel, { routers: [] });
    const actual = await kernel.dump();
    expect(actual.routers).toEqual([]);
    expect(actual.bridges).toEqual([{ vni: BLUE, name: "ovbr100", up: true, master: undefined, addresses: [] }]);
    expect(actual.rules.toSorted((a, b) => (a.family < b.family ? -1 : 1))).toEqual([
      { family: "ipv4", lookup: "local", priority: 0, ours: false },
      { family: "ipv6", lookup: "local", priority: 0, ours: false },
    ]);
  });

  it("not in sync -> nothing is deleted, and what waits is named", async () => {
    const { kernel } = machine(BLUE);
    await settle(kernel, { routers: [core] });
    const { ops, routers } = diffRouters({ routers: [] }, await kernel.dump(), { mayDelete: false });
    expect(ops).toEqual([]);
    expect(routers[0]?.withheld.length).toBeGreaterThan(0);
    const smaller = { ...core, routes: [], peers: [], networks: [] };
    expect(diffRouters({ routers: [smaller] }, await kernel.dump(), { mayDelete: false }).ops).toEqual([]);
  });

  it("a network that goes to another router -> its bridge moves, its gateways follow", async () => {
    const { kernel } = machine(BLUE);
    const edge = { ...core, vni: vni(6000), owner: routerMark("edge", "acme") };
    await settle(kernel, { routers: [core] });
    await settle(kernel, { routers: [{ ...core, networks: [], routes: [], peers: [] }, edge] });
    expect((await kernel.dump()).bridges[0]?.master).toBe("ovr6000");
  });

  it("a bridge that is not there yet -> a problem; when it comes it joins", async () => {
    const { kernel, bridges } = machine();
    const found = diffRouters({ routers: [core] }, await kernel.dump(), { mayDelete: true });
    expect(found.routers[0]?.problems.map(describeRouterProblem)).toEqual(["bridge ovbr100 does not exist yet"]);
    await settle(kernel, { routers: [core] });
    bridges.push({ vni: BLUE, name: "ovbr100", up: true });
    await settle(kernel, { routers: [core] });
    const actual = await kernel.dump();
    expect(actual.bridges[0]).toMatchObject({ master: "ovr5000" });
    expect(actual.routers[0]?.routes.map((each) => each.prefix)).toContain("10.9.0.0/16");
  });

  it.each([
    [{ name: "ovr5000", kind: "vrf", vni: undefined, udpPort: undefined, table: 7 }, /ovr5000 exists and is not/],
    [{ name: "ovx5000", kind: "vxlan", vni: vni(9), udpPort: 4789, table: undefined }, /ovx5000 exists and is not/],
    [{ name: "theirs", kind: "vxlan", vni: vni(5000), udpPort: 4789, table: undefined }, /already uses this L3 VNI/],
    [
      { name: "theirs", kind: "vrf", vni: undefined, udpPort: undefined, table: 1_300_005_000 },
      /already uses the routing/,
    ],
  ])("a device of others in the way: %o -> a problem, nothing is written", async (device, text) => {
    const { kernel } = machine(BLUE);
    kernel.addForeign(device);
    const { routers } = diffRouters({ routers: [core] }, await kernel.dump(), { mayDelete: true });
    expect(routers[0]?.ops).toEqual([]);
    expect(routers[0]?.problems.map(describeRouterProblem)).toEqual([expect.stringMatching(text)]);
  });

  it("one router in trouble -> the other is made", async () => {
    const { kernel } = machine(BLUE, RED);
    kernel.addForeign({ name: "ovr5000", kind: "vrf", vni: undefined, udpPort: undefined, table: 7 });
    const edge = { ...core, vni: vni(6000), networks: [{ vni: RED, gateways: [] }], routes: [], peers: [] };
    await settle(kernel, { routers: [core, edge] });
    expect((await kernel.dump()).bridges.map(({ name, master }) => [name, master])).toEqual([
      ["ovbr100", undefined],
      ["ovbr200", "ovr6000"],
    ]);
  });

  it("the L3 VNI claimed twice -> the first counts, and it is said", async () => {
    const { kernel } = machine(BLUE);
    const found = diffRouters({ routers: [core, { ...core, owner: "x" }] }, await kernel.dump(), { mayDelete: true });
    expect(found.routers[0]?.problems).toEqual([{ kind: "vni-claimed-twice" }]);
  });

  it("no IPv6 in the kernel -> IPv4 is routed, and it is said", async () => {
    const { kernel } = machine(BLUE);
    kernel.setSysctl("net/ipv6/conf/all/forwarding", undefined);
    await settle(kernel, { routers: [core] });
    const actual = await kernel.dump();
    expect(actual.bridges[0]?.addresses).toEqual([{ ip: "10.1.0.1", length: 24 }]);
    expect(actual.routers[0]?.routes.every((each) => !each.prefix.includes(":"))).toBe(true);
    expect(diffRouters({ routers: [core] }, actual, { mayDelete: true }).routers[0]?.problems).toEqual([
      { kind: "no-ipv6" },
    ]);
  });

  it("the host's default route came by advertisements -> IPv6 forwarding is not turned on, and it is said", async () => {
    const { kernel } = machine(BLUE);
    kernel.setAdvertisedDefault(true);
    await settle(kernel, { routers: [core] });
    const actual = await kernel.dump();
    expect(actual.sysctls.get("net/ipv6/conf/all/forwarding")).toBe("0");
    expect(diffRouters({ routers: [core] }, actual, { mayDelete: true }).routers[0]?.problems).toEqual([
      { kind: "ipv6-would-cut-off" },
    ]);
  });

  it("sockets of the host that answer in every VRF -> it is said", async () => {
    const { kernel } = machine(BLUE);
    kernel.setSysctl("net/ipv4/tcp_l3mdev_accept", "1");
    const { routers } = diffRouters({ routers: [core] }, await kernel.dump(), { mayDelete: true });
    expect(routers[0]?.problems.map(describeRouterProblem)).toEqual([
      "net.ipv4.tcp_l3mdev_accept is 1: tenants reach the host's own services",
    ]);
  });

  it("a route without its neighbour or entry -> does not count as read back", async () => {
    const { kernel } = machine(BLUE);
    await settle(kernel, { routers: [core] });
    kernel.tamper({ kind: "delete-l3-entry", vni: core.vni, device: "ovx5000", peer: peer() });
    const actual = await kernel.dump();
    const routes = readBackRouter(actual.routers[0] ?? fail(), actual)?.routes;
    expect(routes?.has(prefix("10.2.0.7/32"))).toBe(false);
    expect(routes?.get(prefix("0.0.0.0/0"))).toEqual([byVtep(THIRD)]);
  });

  it("random desired states over each other, with another hand -> the kernel ends as desired, others' routes untouched", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryRouters(), { minLength: 1, maxLength: 4 }), async (states) => {
        const { kernel } = machine(BLUE, RED);
        const theirs = { prefix: prefix("10.66.0.0/16"), metric: 0, type: "blackhole", hops: [], ours: false } as const;
        kernel.addForeignRoute(7, theirs);
        for (const desired of states) {
          const ops = await settle(kernel, desired);
          expect(ops.filter((op) => op.kind === "delete-route" && op.table === 7)).toEqual([]);
          const actual = await kernel.dump();
          const held = new Map(actual.routers.map((each) => [each.vni, readBackRouter(each, actual)]));
          expect(new Set(held.keys())).toEqual(new Set(desired.routers.map((each) => each.vni)));
          for (const { vni, routes } of desired.routers) {
            const wanted = new Map(
              routes.map((each) => [each.prefix, new Set(each.hops.map((hop) => JSON.stringify(hop)))]),
            );
            const is = Array.from(
              held.get(vni)?.routes ?? [],
              ([to, hops]) => [to, new Set(hops.map((hop) => JSON.stringify(hop)))] as const,
            );
            expect(new Map(is)).toEqual(wanted);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("without leave to delete -> no op ever takes anything away", () => {
    const { kernel } = machine(BLUE, RED);
    return fc.assert(
      fc.asyncProperty(arbitraryRouters(), arbitraryRouters(), async (first, second) => {
        await settle(kernel, first);
        const { ops } = diffRouters(second, await kernel.dump(), { mayDelete: false });
        expect(ops.filter(isRouterDeletion)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

function fail(): never {
  throw new Error("no router was read");
}

/** One or two routers, each with one network and some routes. */
function arbitraryRouters(): fc.Arbitrary<DesiredRouters> {
  const vteps = [OTHER, THIRD, ip("192.0.2.4")];
  const hops = fc
    .uniqueArray(fc.constantFrom(...vteps), { minLength: 1, maxLength: 3 })
    .map((chosen) => chosen.map((vtep) => byVtep(vtep)));
  const routes = fc.uniqueArray(
    fc.record({ prefix: fc.integer({ min: 1, max: 6 }).map((n) => prefix(`10.${n}.0.0/16`)), hops }),
    { maxLength: 5, selector: (route) => route.prefix },
  );
  const router = (number: number, network: typeof BLUE) =>
    routes.map(
      (each): RouterState => ({
        vni: vni(number),
        owner: routerMark(`r${number}`, "acme"),
        vtep: VTEP,
        networks: [{ vni: network, gateways: [{ ip: ip("10.1.0.1"), length: 24 }] }],
        peers: vteps
          .filter((vtep) => each.some((route) => route.hops.some((hop) => hop.kind === "vtep" && hop.vtep === vtep)))
          .map((vtep) => peer(vtep)),
        routes: each,
      }),
    );
  return fc
    .tuple(fc.option(router(5000, BLUE), { nil: undefined }), fc.option(router(6000, RED), { nil: undefined }))
    .map((found) => ({ routers: found.filter((each) => each !== undefined) }));
}
