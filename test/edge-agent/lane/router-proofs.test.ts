// What the fabric proves of a router's static routes: by machines here, on another host of the site, and abroad.

import { afterEach, describe, expect, it } from "vitest";
import { type IpPrefixRoute, type ReceivedRoute, ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import { routerMac } from "../../../edge-agent/dataplane/router-state.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { forwardingDigest, prefixLine, staticName } from "../../../shared/message/forwarding.ts";
import { MOST_HOPS } from "../../../shared/message/route-proof.ts";
import { ip, vni, VTEP } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { macRoute } from "../evpn/fabric-routes.ts";
import { channels, machine, member, OTHER, routersWorld, TOR } from "./routers-world.ts";

const [THIRD, TOR2] = [ip("192.0.2.3"), ip("192.0.2.253")];
const [near, far, third] = [ip("10.1.0.7"), ip("10.2.0.8"), ip("10.2.0.9")];
const own = { prefix: "10.9.0.0/16", nextHop: near };
const others = { prefix: "10.8.0.0/16", nextHop: far };
const name = ({ prefix: to, nextHop }: { prefix: string; nextHop: IpAddress }) => staticName(prefix(to), nextHop);
const place = ({ prefix: to, nextHop }: typeof own, vtep: IpAddress) => `${prefixLine(prefix(to), nextHop)} ${vtep}`;

/** RT-5 of the host with this VTEP, as a ToR passes it on. */
function by(
  vtep: IpAddress,
  to: string,
  extra: Partial<Omit<ReceivedRoute, "nlri">> & { nlri?: Partial<IpPrefixRoute> } = {},
): ReceivedRoute {
  const { nlri, ...more } = extra;
  const path = macRoute(1, vtep, { routerMac: routerMac(vtep), routeTargets: ["65001:5000" as RouteTarget], ...more });
  const rd = `${vtep}:5` as RouteDistinguisher;
  const route = {
    type: "ip-prefix",
    rd,
    esi: ZERO_ESI,
    ethernetTag: 0,
    vni: vni(5000),
    gateway: ip("0.0.0.0"),
  } as const;
  return { ...path, nlri: { ...route, prefix: prefix(to), ...nlri } };
}

let world: ReturnType<typeof routersWorld>;
afterEach(() => world.lane.close?.());

/** Both static routes, a second machine of red on h3, and a ToR that has sent its table. */
async function host(options: Parameters<typeof routersWorld>[0] = {}) {
  world = routersWorld(options);
  await world.start();
  const router = channels["rtr:core"];
  const red = { ...channels["net:red"], "vtep/h3": member(THIRD), "endpoint/c": machine("h3", 3, [third]) };
  let statics: Record<string, object> = { "prefix/own": own, "prefix/others": others };
  const declare = (next: Record<string, object>) => world.put("rtr:core", { ...router, ...(statics = next) });
  await world.put("net:red", red);
  await declare(statics);
  world.lane.session?.(TOR, true);
  world.lane.endOfRib?.(TOR, "evpn");
  await world.settle();
  const proofs = () => world.lane.channel?.("rtr:core")?.statics;
  return {
    ...world,
    proofs,
    declare,
    red,
    router,
    /** The static route goes. */
    deletes: (key: string) =>
      declare(Object.fromEntries(Object.entries(statics).filter(([each]) => each !== `prefix/${key}`))),
    shows: (peer = TOR) => proofs()?.strays.deleted.get(peer) ?? [],
    holds: (peer = TOR) => [...(proofs()?.strays.byPeer.get(peer) ?? [])],
  };
}

describe("static routes' proofs", () => {
  it("announced: by a machine here, and the speaker has it; without a VRF or BGP -> lacking", async () => {
    const { proofs, put } = await host();
    const digest = forwardingDigest([place(own, VTEP)]);
    expect(proofs()?.announced).toEqual({ digest, count: 1, lacking: [] });
    await put("host:h1", { ...channels["host:h1"], host: { site: "a", vtep: VTEP } });
    expect(proofs()?.announced).toEqual({ digest: EMPTY_DIGEST, count: 0, lacking: [name(own)] });
    await world.lane.close?.();
    const without = await host({ vrf: false });
    expect(without.proofs()?.announced.lacking).toEqual([name(own)]);
  });

  it("seen: a ToR passes on the very route of another host's -> proven for that ToR alone", async () => {
    const { proofs, sees, hear } = await host();
    expect(proofs()?.seen).toEqual([]);
    await sees(by(OTHER, "10.8.0.0/16"));
    const digest = forwardingDigest([place(others, OTHER)]);
    expect(proofs()?.seen).toEqual([{ peer: TOR, digest, count: 1, lacking: [] }]);
    await sees(by(OTHER, "10.8.0.0/16", { peer: TOR2 }));
    expect(proofs()?.seen).toEqual([{ peer: TOR2, digest, count: 1, lacking: [] }]);
    // The same route, and it says something else from now on.
    await hear(by(OTHER, "10.8.0.0/16", { peer: TOR2, nlri: { vni: vni(7000) } }));
    expect(proofs()?.seen).toEqual([]);
  });

  it.each([
    ["by way of another host", by(THIRD, "10.8.0.0/16")],
    ["with another L3 VNI", by(OTHER, "10.8.0.0/16", { nlri: { vni: vni(7000) } })],
    ["by a gateway (RFC 9136 4.1)", by(OTHER, "10.8.0.0/16", { nlri: { gateway: far } })],
    ["with another router's target", by(OTHER, "10.8.0.0/16", { routeTargets: ["65001:9" as RouteTarget] })],
    ["to another prefix", by(OTHER, "10.8.0.0/17")],
    ["that this host announces itself", by(OTHER, "10.9.0.0/16")],
  ])("seen: a route %s -> proves nothing", async (_, route) => {
    const { proofs, sees } = await host();
    await sees(route);
    expect(proofs()?.seen).toEqual([]);
  });

  it("whole, hops: of all static routes, where the machines at this site are; a next hop moves -> the new place", async () => {
    const { proofs, declare, put, red, sees } = await host();
    const abroad = { prefix: "10.7.0.0/16", nextHop: ip("10.2.0.10") };
    const nobodys = { prefix: "10.6.0.0/16", nextHop: ip("10.2.0.99") };
    const all = { "prefix/own": own, "prefix/others": others, "prefix/abroad": abroad, "prefix/nobodys": nobodys };
    const farRed = {
      ...red,
      "vtep/h4": { ...member("192.0.2.4"), site: "b" },
      "endpoint/d": machine("h4", 4, [abroad.nextHop]),
    };
    await put("net:red", farRed);
    await declare(all);
    const lines = Object.values(all).map(({ prefix: to, nextHop }) => prefixLine(prefix(to), nextHop));
    expect(proofs()).toMatchObject({
      whole: { digest: forwardingDigest(lines), count: 4 },
      site: { digest: forwardingDigest([place(own, VTEP), place(others, OTHER)]), count: 2 },
      hops: [
        { ip: near, vtep: VTEP },
        { ip: far, vtep: OTHER },
      ],
    });
    await sees(by(OTHER, "10.8.0.0/16"));
    await put("net:red", { ...farRed, "endpoint/b": machine("h3", 2, [far]) });
    expect(proofs()).toMatchObject({ seen: [], hops: [{ ip: near }, { ip: far, vtep: THIRD }] });
    await sees(by(THIRD, "10.8.0.0/16"));
    expect(proofs()?.seen).toMatchObject([{ count: 1, lacking: [] }]);
  });

  it("hops: more than are told -> not told at all", async () => {
    const { proofs, declare, put, red } = await host();
    const many = Array.from({ length: MOST_HOPS + 1 }, (_, n) => ip(`10.2.1.${n + 1}`));
    await put("net:red", { ...red, "endpoint/b": machine("h2", 2, many) });
    const routes = many.map((nextHop, n) => [`prefix/p${n}`, { prefix: `10.100.${n}.0/24`, nextHop }] as const);
    await declare(Object.fromEntries(routes.slice(1)));
    expect(proofs()?.hops).toHaveLength(MOST_HOPS);
    await declare(Object.fromEntries(routes));
    expect(proofs()).toHaveProperty("hops", undefined);
  });

  describe("deleted", () => {
    const route = by(OTHER, "10.8.0.0/16");

    it("deleted: the ToR had passed it on -> it is one to show, and does so when the route goes", async () => {
      const { sees, deletes, shows, holds } = await host();
      await sees(route);
      expect([shows(), holds()]).toEqual([[], []]);
      await deletes("others");
      expect([shows(), holds()]).toEqual([[name(others)], [name(others)]]);
      await sees();
      expect([shows(), holds()]).toEqual([[name(others)], []]);
      await sees(route);
      expect(holds()).toEqual([name(others)]);
    });

    it("deleted: the ToR takes it back just before, or long before, the deletion is heard of -> shown, or not", async () => {
      const { sees, deletes, shows, wait, declare } = await host();
      await sees(route);
      await sees();
      wait(25_000);
      await deletes("others");
      expect(shows()).toEqual([name(others)]);
      await declare({ "prefix/others": others });
      await sees(route);
      await sees();
      wait(60_000);
      await deletes("others");
      expect(shows()).toEqual([]);
    });

    it.each<[string, ReceivedRoute[]]>([
      ["never passed it on", []],
      ["passed on the same prefix of another host", [by(THIRD, "10.8.0.0/16")]],
      ["passed it on with another L3 VNI", [by(OTHER, "10.8.0.0/16", { nlri: { vni: vni(7000) } })]],
    ])("deleted: the ToR %s -> nothing that it could show", async (_, routes) => {
      const { sees, deletes, shows } = await host();
      await sees(...routes);
      await deletes("others");
      expect(shows()).toEqual([]);
    });

    it("deleted: the ToR announces that prefix of itself, as a default route -> no trace of ours", async () => {
      const { sees, deletes, shows, holds, declare } = await host();
      await declare({ "prefix/out": { prefix: "0.0.0.0/0", nextHop: far } });
      const its = by(TOR, "0.0.0.0/0");
      await sees(by(OTHER, "0.0.0.0/0"), its);
      await deletes("out");
      expect([shows(), holds()]).toEqual([["0.0.0.0/0 10.2.0.8"], ["0.0.0.0/0 10.2.0.8"]]);
      await sees(its);
      expect([shows(), holds()]).toEqual([["0.0.0.0/0 10.2.0.8"], []]);
    });

    it("deleted: one of two of that prefix by machines of one host -> its route is the other's, and no trace", async () => {
      const { sees, deletes, holds, declare, put, red } = await host();
      await put("net:red", { ...red, "endpoint/b": machine("h2", 2, [far, "10.2.0.10"]) });
      const twin = { prefix: others.prefix, nextHop: ip("10.2.0.10") };
      await declare({ "prefix/others": others, "prefix/twin": twin });
      await sees(route);
      await deletes("others");
      expect(holds()).toEqual([]);
      await deletes("twin");
      expect(holds().toSorted()).toEqual([name(others), name(twin)].toSorted());
    });

    it("moved: the ToR still passes on the former place -> it strays, until it does no more", async () => {
      const { sees, holds, put, red, shows, deletes } = await host();
      await sees(route);
      await put("net:red", { ...red, "endpoint/b": machine("h3", 2, [far]) });
      expect(holds()).toEqual([name(others)]);
      await sees();
      expect(holds()).toEqual([]);
      // The route from the new place never came.
      await deletes("others");
      expect(shows()).toEqual([]);
    });

    it("deleted: the session is lost and comes back, with the old route or without -> never to be shown gone", async () => {
      const { sees, deletes, shows, lane, settle } = await host();
      await sees(route);
      lane.session?.(TOR, false);
      lane.session?.(TOR, true);
      await deletes("others");
      lane.endOfRib?.(TOR, "evpn");
      await settle();
      expect(shows()).toEqual([]);
      await sees();
      expect(shows()).toEqual([]);
    });

    it("deleted: after a new session's table has come and was worked off -> as ever; a session lost then -> forgotten", async () => {
      const { sees, deletes, shows, lane, settle } = await host();
      await sees(route);
      lane.session?.(TOR, false);
      lane.session?.(TOR, true);
      lane.endOfRib?.(TOR, "evpn");
      await settle();
      await deletes("others");
      expect(shows()).toEqual([name(others)]);
      lane.session?.(TOR, false);
      expect(shows()).toEqual([]);
    });

    it("deleted: the router imports other routes -> what went by that is not shown to be gone", async () => {
      const { sees, put, router, shows, holds, deletes } = await host();
      const routeTargets = { import: ["65001:9"], export: ["65001:9"] };
      await sees(route);
      await deletes("others");
      expect(holds()).toEqual([name(others)]);
      await put("rtr:core", {
        ...router,
        "prefix/own": own,
        router: { ...(router?.["router"] as object), routeTargets },
      });
      expect([shows(), holds()]).toEqual([[], []]);
      await put("rtr:core", { ...router, "prefix/others": others });
      await sees(route);
      await put("rtr:core", { ...router, router: { ...(router?.["router"] as object), routeTargets } });
      expect(shows()).toEqual([]);
    });

    it("the router leaves the host -> nothing is proven of it, nor remembered when it comes back", async () => {
      const { sees, deletes, proofs, put, shows } = await host();
      await sees(route);
      await deletes("others");
      await put("host:h1", { host: channels["host:h1"]?.["host"], "network/blue": {} });
      expect(proofs()).toBeUndefined();
      await put("host:h1", channels["host:h1"] ?? {});
      expect(shows()).toEqual([]);
    });
  });
});
