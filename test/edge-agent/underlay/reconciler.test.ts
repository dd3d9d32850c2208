// The underlay's reconciler over routes in memory: adoption, replacement, links that fail, other hands, and no delete before
// the routes are whole.

import { describe, expect, it } from "vitest";
import { createMemoryRoutes } from "../../../edge-agent/dataplane/memory-routes.ts";
import type { KernelRoute } from "../../../edge-agent/dataplane/route-kernel.ts";
import { createUnderlayReconciler, type UnderlayInput } from "../../../edge-agent/underlay/reconciler.ts";
import type { IpAddress, Ipv6 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { createFakeClock } from "../dataplane/fake-clock.ts";
import { LINK1, LINK2, received, REMOTE, TOR1, TOR2, VTEP } from "./routes.ts";

const VIA1 = { device: "eth1", via: TOR1 };
const VIA2 = { device: "eth2", via: TOR2 };
const OLD = "10.0.0.9/32" as Prefix;

function scene(before: readonly KernelRoute[] = []) {
  const kernel = createMemoryRoutes();
  kernel.setLink(LINK1);
  kernel.setLink(LINK2);
  kernel.setAddresses([VTEP]);
  const clock = createFakeClock();
  const warnings: string[] = [];
  const log = {
    info: () => undefined,
    warn: (kind: string, detail: string) => void warnings.push(`${kind}: ${detail}`),
  };
  const options = { kernel, clock, log, compareEveryMs: 30_000, onReport: () => undefined };
  const reconciler = createUnderlayReconciler(options);
  const settle = () => clock.advance(0);
  return {
    kernel,
    clock,
    warnings,
    reconciler,
    start: async () => {
      await kernel.apply(before.map((route) => ({ kind: "add-route", route })));
    },
    set: async (input: Partial<UnderlayInput>) => {
      const routes = [received(TOR1), received(TOR2)];
      reconciler.set({ vtep: VTEP, maximumPaths: 8, multipathRelax: true, mayDelete: true, routes, ...input });
      await settle();
    },
    settle,
    held: async () => {
      return (await kernel.read()).ours.map(({ prefix, hops, source }) =>
        [prefix, ...hops.map(({ via }) => via), ...(source ? [`src ${source}`] : [])].join(" "),
      );
    },
  };
}

const ECMP = `${REMOTE} ${TOR1} ${TOR2} src ${VTEP}`;

describe("underlay reconciler", () => {
  it("two ToRs -> one route by both with the VTEP as source; one goes -> replaced in one step", async () => {
    const { set, held, kernel } = scene();
    await set({});
    expect(await held()).toEqual([ECMP]);
    const writes = kernel.writes();
    await set({ routes: [received(TOR2)] });
    expect(await held()).toEqual([`${REMOTE} ${TOR2} src ${VTEP}`]);
    expect(kernel.writes() - writes).toBe(1);
  });

  it("the same again -> nothing is written", async () => {
    const { set, kernel } = scene();
    await set({});
    const writes = kernel.writes();
    await set({});
    expect(kernel.writes()).toBe(writes);
  });

  it("a restart: nothing known yet -> all stays; one ToR back -> both ways stay; whole -> swept", async () => {
    const { start, set, held, kernel, reconciler } = scene([
      { prefix: REMOTE, hops: [VIA1, VIA2], source: VTEP },
      { prefix: OLD, hops: [VIA1], source: VTEP },
    ]);
    await start();
    const writes = kernel.writes();
    await set({ routes: [], mayDelete: false });
    await set({ routes: [received(TOR1)], mayDelete: false });
    expect(kernel.writes()).toBe(writes);
    expect(reconciler.latest()?.remaining.withheld).toEqual([OLD]);
    await set({ mayDelete: true });
    expect(await held()).toEqual([ECMP]);
    expect(kernel.writes()).toBe(writes + 1);
  });

  it("a restart, not whole yet: a way is told of, then withdrawn -> that way goes at once, what is older stays", async () => {
    const { start, set, held } = scene([
      { prefix: REMOTE, hops: [VIA1, VIA2], source: VTEP },
      { prefix: OLD, hops: [VIA1], source: VTEP },
    ]);
    await start();
    const old = received(TOR1, { prefix: OLD });
    await set({ routes: [received(TOR1), old], mayDelete: false });
    await set({ routes: [], mayDelete: false });
    expect(await held()).toEqual([`${REMOTE} ${TOR2} src ${VTEP}`]);
  });

  it("a restart, and meanwhile a link died -> its old way is not kept", async () => {
    const { start, set, held, kernel } = scene([{ prefix: REMOTE, hops: [VIA1, VIA2], source: VTEP }]);
    await start();
    kernel.setLink({ ...LINK2, up: false });
    await set({ routes: [received(TOR1)], mayDelete: false });
    expect(await held()).toEqual([`${REMOTE} ${TOR1} src ${VTEP}`]);
  });

  it("a link loses its carrier, and gets it back -> out of the route and in again, without a word of BGP", async () => {
    const { set, held, kernel, clock } = scene();
    await set({});
    kernel.setLink({ ...LINK1, up: false });
    await clock.advance(60);
    expect(await held()).toEqual([`${REMOTE} ${TOR2} src ${VTEP}`]);
    kernel.setLink(LINK1);
    await clock.advance(60);
    expect((await held())[0]?.split(" ")).toHaveLength(5);
  });

  it("another hand deletes our route -> put back, counted and told", async () => {
    const { set, held, kernel, clock, warnings, reconciler } = scene();
    await set({});
    kernel.deleteByHand(REMOTE);
    await clock.advance(60);
    expect(await held()).toEqual([ECMP]);
    expect(reconciler.latest()?.counters).toMatchObject({ drift: 1 });
    expect(warnings).toEqual([
      `underlay-drift: another hand changed routes of the underlay, which are put right: ${REMOTE}`,
    ]);
  });

  it("somebody else's route at our metric -> left alone, and reported", async () => {
    const { set, held, kernel, reconciler } = scene();
    kernel.addForeign(REMOTE);
    await set({});
    expect(await held()).toEqual([]);
    expect(reconciler.latest()?.problems).toEqual([
      `${REMOTE}: somebody else's route has the metric of ours, and stays`,
    ]);
  });

  it("the kernel refuses -> reported, and tried again", async () => {
    const { set, held, kernel, clock, reconciler } = scene();
    kernel.failNext("ENOBUFS");
    await set({});
    expect(reconciler.latest()?.problems).toEqual([`${REMOTE}: the kernel refused add-route: ENOBUFS`]);
    await clock.advance(300);
    expect(await held()).toEqual([ECMP]);
    expect(reconciler.latest()?.problems).toEqual([]);
  });

  it("the VTEP's address is missing, then comes -> a route without source and a problem, then with it", async () => {
    const { set, held, kernel, clock, reconciler } = scene();
    kernel.setAddresses([]);
    await set({});
    expect(await held()).toEqual([`${REMOTE} ${TOR1} ${TOR2}`]);
    expect(reconciler.latest()?.problems).toEqual([`no interface has the VTEP address ${VTEP}`]);
    kernel.setAddresses([VTEP]);
    await clock.advance(60);
    expect(await held()).toEqual([ECMP]);
  });

  it("a next hop on no link -> not installed, with the reason", async () => {
    const { set, held, reconciler } = scene();
    await set({ routes: [received("203.0.113.1" as IpAddress)] });
    expect(await held()).toEqual([]);
    expect(reconciler.latest()?.problems).toEqual([
      `${REMOTE} is not installed: next hop 203.0.113.1 is on no link of this host`,
    ]);
  });

  it("an IPv6 route of a host with an IPv4 VTEP -> no source of the other family", async () => {
    const { set, held, kernel } = scene();
    kernel.setLink({ ...LINK1, connected: ["2001:db8::/64" as Prefix] });
    const address = "2001:db8::1" as Ipv6;
    const prefix = "2001:db8:9::1/128" as Prefix;
    await set({ routes: [received(TOR1, { family: "ipv6-unicast", prefix, nextHop: { address } })] });
    expect(await held()).toEqual([`${prefix} ${address}`]);
  });

  it("no routes, and none of ours -> the kernel is read once, whatever happens on the host", async () => {
    const { set, kernel, clock } = scene();
    let reads = 0;
    const original = { ...kernel };
    Object.assign(kernel, { read: () => (reads++, original.read()) });
    for (let i = 0; i < 3; i++) await set({ routes: [] });
    kernel.setLink({ ...LINK2, up: false });
    await clock.advance(120_000);
    expect(reads).toBe(1);
    await set({});
    expect(reads).toBeGreaterThan(1);
  });

  it("closed -> the routes stay, and nothing is written any more", async () => {
    const { set, held, kernel, clock, reconciler } = scene();
    await set({});
    await reconciler.close();
    kernel.deleteByHand(REMOTE);
    await clock.advance(60_000);
    expect(await held()).toEqual([]);
  });
});
