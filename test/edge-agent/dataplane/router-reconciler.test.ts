import { describe, expect, it } from "vitest";
import { createMemoryRouters } from "../../../edge-agent/dataplane/memory-routers.ts";
import { createRouterReconciler, type RouterReconciler } from "../../../edge-agent/dataplane/router-reconciler.ts";
import { routerMac, type RouterState, routerTable } from "../../../edge-agent/dataplane/router-state.ts";
import { bridgeName, routerMark } from "../../../edge-agent/dataplane/state.ts";
import { ip, vni, VTEP } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { createFakeClock } from "./fake-clock.ts";

const BLUE = vni(100);
const OTHER = ip("192.0.2.2");
const TO = prefix("10.2.0.7/32");
const core: RouterState = {
  vni: vni(5000),
  owner: routerMark("core", "acme"),
  vtep: VTEP,
  networks: [{ vni: BLUE, gateways: [{ ip: ip("10.1.0.1"), length: 24 }] }],
  peers: [{ vtep: OTHER, mac: routerMac(OTHER) }],
  routes: [{ prefix: TO, hops: [{ kind: "vtep", vtep: OTHER }] }],
};

function rig() {
  const clock = createFakeClock();
  const bridges = [{ vni: BLUE, name: bridgeName(BLUE), up: true }];
  const kernel = createMemoryRouters({ bridges: () => bridges, vtep: VTEP });
  const said: string[] = [];
  const reconciler = createRouterReconciler({ kernel, clock, log: (_, text) => void said.push(text) });
  return { clock, kernel, reconciler, said };
}

const only = (reconciler: RouterReconciler) => reconciler.latest()?.routers[0];

describe("router reconciler", () => {
  it("a desired state -> all in one pass, read back", async () => {
    const { clock, kernel, reconciler } = rig();
    reconciler.setDesired({ routers: [core] }, { inSync: false });
    await clock.advance(0);
    expect(only(reconciler)).toMatchObject({ desired: true, remaining: [], withheld: [], problems: [] });
    expect(only(reconciler)?.verified?.routes.get(TO)).toEqual([{ kind: "vtep", vtep: OTHER }]);
    expect(reconciler.latest()?.counters).toMatchObject({ passes: 1, retries: 0, drift: 0, refused: 0 });
    expect((await kernel.dump()).rules.some((rule) => rule.priority === 0)).toBe(false);
    await reconciler.close();
  });

  it("a started again reconciler, not complete -> adopts what is there without a write", async () => {
    const { clock, kernel, reconciler } = rig();
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    await reconciler.close();
    const writes = kernel.writes();
    const again = createRouterReconciler({ kernel, clock, log: () => undefined });
    again.setDesired({ routers: [] }, { inSync: false });
    again.setDesired({ routers: [core] }, { inSync: false });
    await clock.advance(0);
    expect(kernel.writes()).toBe(writes);
    expect(only(again)?.verified).toBeDefined();
    await again.close();
  });

  it("an L3 VNI is another router's from now on -> its VRF goes with all that was in it, then comes anew; not before it may", async () => {
    const { clock, kernel, reconciler } = rig();
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    await reconciler.close();
    const edge: RouterState = { ...core, owner: routerMark("edge", "other"), networks: [], peers: [], routes: [] };
    const again = createRouterReconciler({ kernel, clock, log: () => undefined });
    const writes = kernel.writes();
    again.setDesired({ routers: [edge] }, { inSync: false });
    await clock.advance(0);
    expect(kernel.writes()).toBe(writes);
    expect(only(again)?.problems).toEqual(
      ["ovr5000", "ovx5000"].map((device) => ({ kind: "device-unusable", device })),
    );
    again.setDesired({ routers: [edge] }, { inSync: true });
    await clock.advance(0);
    const actual = await kernel.dump();
    expect(actual.routers).toMatchObject([{ vrf: { owner: edge.owner }, vxlan: { owner: edge.owner } }]);
    expect(actual.routers[0]?.routes.some(({ prefix: to }) => to === TO)).toBe(false);
    expect(actual.bridges).toMatchObject([{ master: undefined, addresses: [] }]);
    expect(only(again)).toMatchObject({ remaining: [], problems: [] });
    await again.close();
  });

  it("a copy of intent older than the tables -> routes and entries are turned once it may, missing ones added", async () => {
    const { clock, kernel, reconciler } = rig();
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    await reconciler.close();
    const again = createRouterReconciler({ kernel, clock, log: () => undefined });
    const THIRD = ip("192.0.2.3");
    const more = prefix("10.9.0.0/16");
    const older: RouterState = {
      ...core,
      peers: [...core.peers, { vtep: THIRD, mac: routerMac(THIRD) }],
      routes: [
        { prefix: TO, hops: [{ kind: "vtep", vtep: THIRD }] },
        { prefix: more, hops: [{ kind: "vtep", vtep: THIRD }] },
      ],
    };
    again.setDesired({ routers: [older] }, { inSync: false, mayRetarget: false });
    await clock.advance(0);
    const routes = () => only(again)?.verified?.routes;
    expect([routes()?.get(TO), routes()?.get(more)]).toEqual([core.routes[0]?.hops, older.routes[1]?.hops]);
    expect(only(again)?.withheld).toMatchObject([{ kind: "replace-route" }, { kind: "delete-l3-neighbour" }]);
    again.setDesired({ routers: [older] }, { inSync: false, mayRetarget: true });
    await clock.advance(0);
    expect(routes()?.get(TO)).toEqual(older.routes[0]?.hops);
    await again.close();
  });

  it("a route that another hand deletes -> is back after the settle time, counted and said", async () => {
    const { clock, kernel, reconciler, said } = rig();
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    const route = (await kernel.dump()).routers[0]?.routes.find((each) => each.prefix === TO);
    if (!route) throw new Error("the route was not made");
    kernel.tamper({ kind: "delete-route", vni: core.vni, table: routerTable(core.vni), route });
    await clock.advance(50);
    expect(only(reconciler)?.verified?.routes.has(TO)).toBe(true);
    expect(reconciler.latest()?.counters.drift).toBe(1);
    expect(said).toEqual([expect.stringContaining("made by another hand, first replace-route")]);
    await reconciler.close();
  });

  it("an op refused -> a problem with the kernel's word, tried again, and gone once it is taken", async () => {
    const { clock, kernel, reconciler } = rig();
    kernel.setFault((op) => (op.kind === "replace-route" && op.route.prefix === TO ? "ENOBUFS" : undefined));
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    expect(only(reconciler)?.problems).toEqual([
      { kind: "op-failed", failure: expect.objectContaining({ code: "ENOBUFS" }), more: 0 },
    ]);
    kernel.setFault(undefined);
    await clock.advance(1000);
    expect(only(reconciler)).toMatchObject({ problems: [], remaining: [] });
    await reconciler.close();
  });

  it.each(["dump", "apply"] as const)("a kernel that does not answer the %s -> said, and tried again", async (what) => {
    const { clock, kernel, reconciler } = rig();
    kernel.failNext(what);
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    expect(reconciler.latest()?.error).toContain(`told to fail this ${what}`);
    expect(only(reconciler)?.verified).toBeUndefined();
    await clock.advance(1000);
    expect(reconciler.latest()?.error).toBeUndefined();
    expect(only(reconciler)?.verified).toBeDefined();
    await reconciler.close();
  });

  it("no router, here or wanted -> the kernel is read once and then left alone; the first router wakes it", async () => {
    const { clock, kernel, reconciler } = rig();
    reconciler.setDesired({ routers: [] }, { inSync: true });
    await clock.advance(120_000);
    kernel.overrun();
    await clock.advance(120_000);
    expect(reconciler.latest()?.counters.passes).toBe(1);
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    expect(only(reconciler)?.verified).toBeDefined();
    await reconciler.close();
  });

  it("events lost -> compared and counted; without events the slow comparison finds it", async () => {
    const { clock, kernel, reconciler } = rig();
    reconciler.setDesired({ routers: [core] }, { inSync: true });
    await clock.advance(0);
    kernel.overrun();
    await clock.advance(50);
    expect(reconciler.latest()?.counters).toMatchObject({ passes: 2, overruns: 1 });
    kernel.setSysctl("net/ipv4/conf/ovr5000/forwarding", "0");
    await clock.advance(30_000);
    expect((await kernel.dump()).sysctls.get("net/ipv4/conf/ovr5000/forwarding")).toBe("1");
    await reconciler.close();
  });
});
