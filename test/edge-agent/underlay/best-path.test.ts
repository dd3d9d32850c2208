// The decision process: each step with all before it equal, ECMP, and that the order of arrival never matters.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReceivedUnicast } from "../../../edge-agent/bgp/unicast-route.ts";
import { decide, type MultipathOptions } from "../../../edge-agent/underlay/best-path.ts";
import { reach } from "../../../edge-agent/underlay/reach.ts";
import type { IpAddress, Ipv4, Ipv6 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { LINK1, LINK2, received, REMOTE, TOR1, TOR2, unnumbered } from "./routes.ts";

const LINKS = [LINK1, LINK2];
const ONE: MultipathOptions = { maximumPaths: 1, multipathRelax: false };
const ECMP: MultipathOptions = { maximumPaths: 8, multipathRelax: true };

function decision(routes: readonly ReceivedUnicast[], options = ONE, links = LINKS) {
  const [only] = decide(routes, (route) => reach(route, links), options);
  return only ?? expect.unreachable("no decision");
}

const best = (...routes: ReceivedUnicast[]) => decision(routes).paths[0]?.route;

describe("best path (RFC 4271 9.1.2)", () => {
  // Of each pair the first wins, though every later step prefers the second: TOR1 has the lower identifier and address.
  it.each<[string, Partial<ReceivedUnicast>, Partial<ReceivedUnicast>]>([
    ["any path over one that is long-lived stale (RFC 9494 4.4)", { asPathLength: 5 }, { llgrStale: true }],
    ["a stale path counts like a live one (RFC 4724 4.2)", { stale: true }, { asPathLength: 5 }],
    ["the higher LOCAL_PREF", { internal: true, localPref: 200, asPathLength: 5 }, { internal: true, localPref: 100 }],
    ["LOCAL_PREF 150 of iBGP over the default of eBGP", { internal: true, localPref: 150 }, {}],
    ["the shorter AS_PATH", { asPathLength: 1, origin: "incomplete" }, { asPathLength: 2 }],
    ["the lower ORIGIN", { origin: "igp", med: 9 }, { origin: "egp" }],
    ["ORIGIN EGP over INCOMPLETE", { origin: "egp" }, { origin: "incomplete" }],
    ["the lower MED of the same AS", { asPath: [65009], med: 1, internal: true }, { asPath: [65009], med: 2 }],
    ["no MED over MED 1 of the same AS", { asPath: [65009] }, { asPath: [65009], med: 1 }],
    ["eBGP over iBGP", { internal: false }, { internal: true }],
  ])("%s", (_, winner, loser) => {
    const [a, b] = [received(TOR2, winner), received(TOR1, loser)];
    expect(best(a, b)).toBe(a);
    expect(best(b, a)).toBe(a);
  });

  it("MED of different ASes -> not compared (9.1.2.2 c)", () => {
    expect(best(received(TOR1, { med: 9 }), received(TOR2, { med: 1 }))?.peer).toBe(TOR1);
  });

  it("LOCAL_PREF that an external peer smuggled in -> of no effect (5.1.5)", () => {
    expect(best(received(TOR1), received(TOR2, { localPref: 500 }))?.peer).toBe(TOR1);
  });

  it("all equal -> the lower identifier, the originator's where reflected; then clusters; then the address (RFC 4456 9)", () => {
    const id = (peerRouterId: string) => ({ peerRouterId: peerRouterId as Ipv4 });
    const originatorId = "1.1.1.1" as Ipv4;
    expect(best(received(TOR1, id("9.9.9.9")), received(TOR2, id("9.9.9.8")))?.peer).toBe(TOR2);
    expect(best(received(TOR1, id("2.2.2.2")), received(TOR2, { ...id("9.9.9.9"), originatorId }))?.peer).toBe(TOR2);
    const same = { ...id("9.9.9.9"), originatorId };
    expect(
      best(received(TOR1, { ...same, clusterListLength: 2 }), received(TOR2, { ...same, clusterListLength: 1 }))?.peer,
    ).toBe(TOR2);
    expect(best(received(TOR2, same), received(TOR1, same))?.peer).toBe(TOR1);
  });

  it("MED loops of three paths -> the same best in every order of arrival", () => {
    // The classic: a beats b by identifier, b beats c by MED, c beats a by identifier.
    const a = received("192.0.2.2" as IpAddress, { asPath: [65001], peerRouterId: "2.2.2.2" as Ipv4 });
    const b = received("192.0.2.3" as IpAddress, { asPath: [65002], med: 1, peerRouterId: "3.3.3.3" as Ipv4 });
    const c = received("192.0.2.4" as IpAddress, { asPath: [65002], med: 2, peerRouterId: "1.1.1.1" as Ipv4 });
    fc.assert(
      fc.property(fc.shuffledSubarray([a, b, c], { minLength: 3 }), (routes) => {
        expect(best(...routes)).toBe(a);
      }),
    );
  });

  it("any paths in any order -> the same decision", () => {
    const path = fc.record({
      localPref: fc.option(fc.constantFrom(100, 200), { nil: undefined }),
      asPathLength: fc.constantFrom(1, 2),
      origin: fc.constantFrom("igp", "incomplete"),
      med: fc.option(fc.nat(2), { nil: undefined }),
      internal: fc.boolean(),
      stale: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 5 }), fc.infiniteStream(fc.nat()), (paths, random) => {
        const routes = paths.map((each, i) =>
          received(`192.0.2.${i + 1}` as IpAddress, { ...each, asPath: [65001 + (i % 2)] }),
        );
        const shuffled = routes.map((route) => ({ route, at: random.next().value })).toSorted((x, y) => x.at - y.at);
        const there = decision(routes, ECMP);
        expect(
          decision(
            shuffled.map(({ route }) => route),
            ECMP,
          ),
        ).toEqual(there);
        expect(there.paths.map(({ use }) => use).filter((use) => use === "best")).toHaveLength(1);
      }),
    );
  });
});

describe("multipath", () => {
  const both = [received(TOR1), received(TOR2)];

  it("equal length through other ASes -> both with relax, else the best alone", () => {
    expect(decision(both, ECMP).hops).toEqual([
      { device: "eth1", via: TOR1 },
      { device: "eth2", via: TOR2 },
    ]);
    expect(decision(both, { ...ECMP, multipathRelax: false }).hops).toEqual([{ device: "eth1", via: TOR1 }]);
    const same = both.map((route) => ({ ...route, asPath: [65009] }));
    expect(decision(same, { ...ECMP, multipathRelax: false }).hops).toHaveLength(2);
  });

  it("more than the maximum -> the preferred ones", () => {
    const many = [1, 2, 3, 4].map((i) => received(`192.0.2.${i}` as IpAddress));
    const { paths, hops } = decision(many, { ...ECMP, maximumPaths: 3 });
    expect(paths.map(({ use }) => use)).toEqual(["best", "multipath", "multipath", "valid"]);
    expect(hops.map(({ via }) => via)).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  });

  it("worse or long-lived stale paths -> not used beside the best; stale ones are (RFC 4724 4.2)", () => {
    const longer = received(TOR2, { asPathLength: 2 });
    const longLived = received(TOR2, { stale: true, llgrStale: true });
    for (const other of [longer, longLived]) expect(decision([received(TOR1), other], ECMP).hops).toHaveLength(1);
    expect(decision([received(TOR1), received(TOR2, { stale: true })], ECMP).hops).toHaveLength(2);
  });

  it("two peers with one next hop -> one way", () => {
    const shared = { nextHop: { address: TOR1 } };
    expect(decision([received(TOR1, shared), received(TOR2, shared)], ECMP).hops).toEqual([
      { device: "eth1", via: TOR1 },
    ]);
  });
});

describe("next hops (9.1.2.1)", () => {
  it("unnumbered peers -> by their link-local addresses, each on its link (RFC 8950)", () => {
    const routes = [unnumbered("eth1", "fe80::1"), unnumbered("eth2", "fe80::1", { peer: "fe80::2" as Ipv6 })];
    expect(decision(routes, ECMP).hops).toEqual([
      { device: "eth1", via: "fe80::1" },
      { device: "eth2", via: "fe80::1" },
    ]);
  });

  it("a next hop on no link, or on one that is down or gone -> the path is unusable, and says why", () => {
    const off = received("203.0.113.1" as IpAddress);
    const gone = unnumbered("eth9", "fe80::9");
    const { paths, hops } = decision([received(TOR1), received(TOR2), off, gone], ECMP, [
      LINK1,
      { ...LINK2, up: false },
    ]);
    expect(paths.map(({ route, use }) => [route.peer, use])).toEqual([
      [TOR1, "best"],
      [TOR2, "link-down"],
      ["203.0.113.1", "off-link"],
      ["fe80::9", "no-link"],
    ]);
    expect(hops).toEqual([{ device: "eth1", via: TOR1 }]);
  });

  it("a next hop on two links -> the more specific prefix's; among equals the one that is up", () => {
    const wide = { name: "wide", up: true, connected: ["192.0.0.0/16" as Prefix] };
    const twin = { ...LINK1, name: "twin" };
    expect(decision([received(TOR1)], ONE, [wide, LINK1]).hops).toEqual([{ device: "eth1", via: TOR1 }]);
    expect(decision([received(TOR1)], ONE, [{ ...LINK1, up: false }, twin]).hops).toEqual([
      { device: "twin", via: TOR1 },
    ]);
  });

  it("a global next hop with a link-local one, over a numbered session -> the global one", () => {
    const nextHop = { address: "2001:db8::1" as IpAddress, linkLocal: "fe80::1" as Ipv6 };
    const link = { ...LINK1, connected: ["2001:db8::/64" as Prefix] };
    expect(decision([received(TOR1, { nextHop })], ONE, [link]).hops).toEqual([{ device: "eth1", via: "2001:db8::1" }]);
    expect(decision([received(TOR1, { nextHop, interface: "eth1" })], ONE, [link]).hops).toEqual([
      { device: "eth1", via: "fe80::1" },
    ]);
  });

  it("no path is usable -> no way, and the prefix is still told of", () => {
    expect(decision([received("203.0.113.1" as IpAddress)])).toMatchObject({ prefix: REMOTE, hops: [] });
  });
});
