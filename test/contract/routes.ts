// What every implementation of the underlay's part of the Kernel port must do, run against the one in memory and against the
// real kernel. A rig gives the hands of others on the same machine.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { KernelRoute, RouteHop, RouteKernel } from "../../edge-agent/dataplane/route-kernel.ts";
import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { parsePrefix, type Prefix } from "../../shared/address/prefix.ts";

export type RoutesRig = {
  readonly kernel: RouteKernel;
  /** A link that is up, with the prefixes of these addresses on it. */
  addLink(name: string, ...addresses: string[]): Promise<void>;
  removeLink(name: string): Promise<void>;
  /** Takes the carrier away. */
  unplug(name: string): Promise<void>;
  /** A route of somebody else at our metric. */
  addForeign(prefix: string): Promise<void>;
  deleteByHand(prefix: string): Promise<void>;
  close(): Promise<void>;
};

const VTEP = "10.99.0.1";
const REMOTE = prefix("10.99.0.2/32");
const REMOTE6 = prefix("2001:db8:99::2/128");
const viaA: RouteHop = { device: "ra", via: ip("192.0.2.2") };
const viaB: RouteHop = { device: "rb", via: ip("198.51.100.2") };

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (!parsed) throw new Error(`bad test value ${text}`);
  return parsed;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`bad test value ${text}`);
  return parsed;
}

function route(hops: readonly RouteHop[], more: Partial<KernelRoute> = {}): KernelRoute {
  return { prefix: REMOTE, hops, source: undefined, ...more };
}

export function routesContract(makeRig: () => Promise<RoutesRig>): void {
  let rig: RoutesRig;

  const ours = async () =>
    (await rig.kernel.read()).ours
      .map(({ hops, ...rest }) => ({ ...rest, hops: hops.toSorted((a, b) => (a.device < b.device ? -1 : 1)) }))
      .toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));

  beforeEach(async () => {
    rig = await makeRig();
    await rig.addLink("ra", "192.0.2.1/24", "2001:db8:a::1/64", `${VTEP}/32`);
    await rig.addLink("rb", "198.51.100.1/24");
  });
  afterEach(() => rig.close());

  describe("routes", () => {
    it("routes: a kernel without any of ours -> links with what is on them, and this host's addresses", async () => {
      const { ours: none, links, addresses, taken } = await rig.kernel.read();
      expect(none).toEqual([]);
      expect([...taken]).toEqual([]);
      const ra = links.find(({ name }) => name === "ra");
      expect(ra?.up).toBe(true);
      expect(ra?.connected).toEqual(expect.arrayContaining(["192.0.2.0/24", "2001:db8:a::/64"]));
      expect([...addresses]).toEqual(expect.arrayContaining(["192.0.2.1", "2001:db8:a::1", VTEP]));
    });

    it("routes: one way, several ways, a source -> read back as written", async () => {
      const ecmp = route([viaA, viaB], { source: ip(VTEP) });
      const six = route([{ device: "ra", via: ip("2001:db8:a::2") }], { prefix: REMOTE6 });
      const all = route([viaA], { prefix: prefix("0.0.0.0/0") });
      expect(await rig.kernel.apply([ecmp, six, all].map((each) => ({ kind: "add-route", route: each })))).toEqual([]);
      expect(await ours()).toEqual([all, ecmp, six]);
    });

    it("routes: IPv4 by IPv6 neighbours, link-local too -> read back as written (RFC 8950)", async () => {
      const hops = [
        { device: "ra", via: ip("fe80::1") },
        { device: "rb", via: ip("fe80::1") },
      ];
      const single = route([{ device: "rb", via: ip("fe80::2") }], { prefix: prefix("10.99.0.3/32") });
      const ops = [route(hops, { source: ip(VTEP) }), single].map((each) => ({
        kind: "add-route" as const,
        route: each,
      }));
      expect(await rig.kernel.apply(ops)).toEqual([]);
      expect(await ours()).toEqual([route(hops, { source: ip(VTEP) }), single]);
    });

    it("routes: replaced, in both families -> exactly the new ways", async () => {
      const six = (...last: string[]) =>
        route(
          last.map((each) => ({ device: "ra", via: ip(`2001:db8:a::${each}`) })),
          { prefix: REMOTE6 },
        );
      await rig.kernel.apply([route([viaA, viaB]), six("2", "3")].map((each) => ({ kind: "add-route", route: each })));
      const next = [route([viaB], { source: ip(VTEP) }), six("3")];
      expect(await rig.kernel.apply(next.map((each) => ({ kind: "replace-route", route: each })))).toEqual([]);
      expect(await ours()).toEqual(next);
      const back = [route([viaA, viaB]), six("2", "3", "4")];
      expect(await rig.kernel.apply(back.map((each) => ({ kind: "replace-route", route: each })))).toEqual([]);
      expect((await ours()).map(({ hops }) => hops.length)).toEqual([2, 3]);
    });

    it("routes: deleted, and deleted again -> gone, and no failure", async () => {
      await rig.kernel.apply([{ kind: "add-route", route: route([viaA, viaB]) }]);
      for (let i = 0; i < 2; i++) {
        expect(await rig.kernel.apply([{ kind: "delete-route", prefix: REMOTE }])).toEqual([]);
        expect(await ours()).toEqual([]);
      }
    });

    it("routes: somebody else's at our metric -> told, never replaced by an addition", async () => {
      await rig.addForeign(REMOTE);
      expect([...(await rig.kernel.read()).taken]).toEqual([REMOTE]);
      const op = { kind: "add-route", route: route([viaA]) } as const;
      expect(await rig.kernel.apply([op])).toMatchObject([{ op, code: "EEXIST" }]);
      expect([...(await rig.kernel.read()).taken]).toEqual([REMOTE]);
    });

    it("routes: a source that is not ours, a link that is not there -> refused, and the others are written", async () => {
      const bad = { kind: "add-route", route: route([viaA], { source: ip("203.0.113.9") }) } as const;
      const lost = {
        kind: "add-route",
        route: route([{ device: "nolink", via: ip("192.0.2.2") }], { prefix: prefix("10.99.0.4/32") }),
      } as const;
      const good = { kind: "add-route", route: route([viaB], { prefix: prefix("10.99.0.5/32") }) } as const;
      const failures = await rig.kernel.apply([bad, lost, good]);
      expect(failures.map(({ op }) => op)).toEqual(expect.arrayContaining([bad, lost]));
      expect(failures).toHaveLength(2);
      expect(await ours()).toEqual([good.route]);
    });

    it("routes: a link without its carrier -> not up; one that is removed -> its ways are gone", async () => {
      await rig.kernel.apply([{ kind: "add-route", route: route([viaA]) }]);
      await rig.unplug("rb");
      const links = (await rig.kernel.read()).links;
      expect(links.find(({ name }) => name === "rb")?.up).toBe(false);
      await rig.removeLink("ra");
      expect(await ours()).toEqual([]);
    });

    it("routes: changes by another hand -> told; our own writes -> not", async () => {
      let told = 0;
      const watch = rig.kernel.watch(() => told++);
      await quiet(() => told);
      const before = told;
      await rig.kernel.apply([{ kind: "add-route", route: route([viaA]) }]);
      await quiet(() => told);
      expect(told).toBe(before);
      await rig.deleteByHand(REMOTE);
      await expect.poll(() => told, { timeout: 5000 }).toBeGreaterThan(before);
      watch.close();
      const after = told;
      await rig.unplug("ra");
      await quiet(() => told);
      expect(told).toBe(after);
    });
  });
}

/** Until nothing more comes for a while: notifications have no end that could be waited for. */
async function quiet(count: () => number): Promise<void> {
  for (let seen = -1; seen !== count(); ) {
    seen = count();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
