import { describe, expect, it } from "vitest";
import type { ReceivedRoute } from "../../../edge-agent/bgp/route.ts";
import type { HostIntent } from "../../../edge-agent/intent/view.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import { endpointLines, forwardingDigest } from "../../../shared/message/forwarding.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { MOST_DELETED, MOST_LACKING } from "../../../shared/message/route-proof.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "../evpn/fabric-routes.ts";
import { networkWorld } from "../lane/network-world.ts";

const asn = 65001 as Asn;
const [tor1, tor2] = ["192.0.2.254", "192.0.2.253"] as [IpAddress, IpAddress];
const [near, far, abroad] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as [IpAddress, IpAddress, IpAddress];
const vtep = (address: IpAddress, site = "ams") => ({ site, address, asns: [asn] });
const record = (host: string, n: number, ip: IpAddress) => ({
  host,
  mac: macOf(n),
  ips: [ip],
  port: `tap${n}`,
  mobility: 0,
});
const blue = { tenant: "acme", name: "blue", vni: 100 as Vni, subnets: [] };
const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: OWN, bgp: { asn, peers: [] } },
  pending: [],
  networks: [
    {
      id: "blue",
      definition: blue,
      vteps: new Map([
        ["h1", vtep(OWN)],
        ["h2", vtep(LOW)],
        ["h3", vtep(HIGH, "fra")],
      ]),
      endpoints: [
        { id: "e1", record: record("h1", 1, near) },
        { id: "e2", record: record("h2", 2, far) },
        { id: "e3", record: record("h3", 3, abroad) },
      ],
    },
  ],
};
const from = (peer: IpAddress, route: ReceivedRoute): ReceivedRoute => ({ ...route, peer });
const whole = forwardingDigest(endpointLines({ mac: macOf(2), ips: [far] }, LOW));

function host() {
  const world = networkWorld();
  world.declares(intent);
  return { ...world, fabric: () => world.lane.channel?.("net:blue")?.fabric };
}

describe("confirmations", () => {
  it("announced: the endpoints of this host -> what the cloud sums over their lines; without BGP nothing", () => {
    const { fabric, put, rest } = host();
    const digest = forwardingDigest(endpointLines({ mac: macOf(1), ips: [near] }, OWN));
    expect(fabric()?.announced).toEqual({ digest, count: 1, lacking: [] });
    put("host:h1", "host", { site: "ams", vtep: OWN });
    rest();
    expect(fabric()?.announced).toEqual({ digest: EMPTY_DIGEST, count: 0, lacking: [macOf(1)] });
    put("host:h1", "host", intent.host);
    rest();
    expect(fabric()?.announced).toEqual({ digest, count: 1, lacking: [] });
  });

  it("seen: a ToR passes on the very route of another host's endpoint -> proven for that ToR alone", () => {
    const { fabric, sees } = host();
    expect(fabric()?.seen).toEqual([]);
    sees(from(tor1, macRoute(2, LOW)), from(tor1, macRoute(2, LOW, { ip: far })), from(tor2, macRoute(2, LOW)));
    const partly = forwardingDigest(endpointLines({ mac: macOf(2), ips: [] }, LOW));
    expect(fabric()?.seen).toEqual([
      { peer: tor1, digest: whole, count: 1, lacking: [] },
      { peer: tor2, digest: partly, count: 1, lacking: [macOf(2)] },
    ]);
  });

  it.each([
    ["another VTEP", macRoute(2, HIGH, { ip: far })],
    ["an address that nobody declared", macRoute(2, LOW, { ip: "10.0.0.99" })],
    ["an endpoint of another site, which is not in this site's EVPN", macRoute(3, HIGH, { ip: abroad })],
    ["a MAC that nobody declared", macRoute(9, LOW)],
  ])("seen: a route with %s -> proves nothing", (_, route) => {
    const { fabric, sees } = host();
    sees(from(tor1, route));
    expect(fabric()?.seen).toEqual([]);
  });

  it("seen: the second ToR withdraws, and the entry stays the same -> proven for the first alone", () => {
    const { fabric, sees } = host();
    const both = [tor1, tor2].map((tor) => from(tor, macRoute(2, LOW, { ip: far })));
    sees(...both);
    expect(fabric()?.seen).toHaveLength(2);
    sees(...both.slice(0, 1));
    expect(fabric()?.seen).toEqual([{ peer: tor1, digest: whole, count: 1, lacking: [] }]);
  });

  it("seen: the endpoint moves to another host -> the old route proves nothing any more", () => {
    const { fabric, sees, put, rest } = host();
    sees(from(tor1, macRoute(2, LOW, { ip: far })));
    put("net:blue", "endpoint/e2", { ...record("h3", 2, far), mobility: 1 });
    rest();
    expect(fabric()?.seen).toEqual([]);
    put("net:blue", "vtep/h3", vtep(HIGH));
    sees(from(tor1, macRoute(2, HIGH, { ip: far, sequence: 1 })));
    expect(fabric()?.seen).toHaveLength(1);
    put("net:blue", "vtep/h3", vtep(HIGH, "fra"));
    rest();
    expect(fabric()?.seen).toEqual([]);
  });

  it("strays: deleted, and a ToR still passes its route on -> named for that ToR until it does no more", () => {
    const { fabric, sees, put, rest } = host();
    const both = [tor1, tor2].map((tor) => from(tor, macRoute(2, LOW, { ip: far })));
    const strays = () =>
      [...(fabric()?.strays.byPeer ?? [])].flatMap(([peer, macs]) => [...macs].map((m) => [peer, m]));
    sees(...both, from(tor1, macRoute(9, LOW)));
    expect(strays()).toEqual([]);
    put("net:blue", "endpoint/e2", undefined);
    rest();
    expect(strays()).toEqual([tor1, tor2].map((tor) => [tor, macOf(2)]));
    sees(from(tor2, macRoute(2, LOW, { ip: far })), from(tor1, macRoute(9, LOW)));
    expect(strays()).toEqual([[tor2, macOf(2)]]);
    sees();
    expect(strays()).toEqual([]);
    // Gone from everywhere and back: it may be an old route that the ToR got from elsewhere.
    sees(from(tor1, macRoute(2, LOW)));
    expect(strays()).toEqual([[tor1, macOf(2)]]);
  });

  it("strays: moved, and a ToR still passes the former place on -> named; declared there again -> not", () => {
    const { fabric, sees, put, rest } = host();
    put("net:blue", "vtep/h3", vtep(HIGH));
    sees(from(tor1, macRoute(2, LOW)));
    put("net:blue", "endpoint/e2", { ...record("h3", 2, far), mobility: 1 });
    rest();
    expect(fabric()?.strays.byPeer.get(tor1)).toEqual(new Set([macOf(2)]));
    put("net:blue", "endpoint/e2", { ...record("h2", 2, far), mobility: 2 });
    rest();
    expect(fabric()?.strays.byPeer.get(tor1)).toEqual(new Set());
  });

  describe("deleted", () => {
    const other = "65001:9" as RouteTarget;
    const route = from(tor1, macRoute(2, LOW, { ip: far }));
    /** Another host with a session with the first ToR, which has sent its table. */
    function witness() {
      const world = host();
      world.lane.session?.(tor1, true);
      world.lane.endOfRib?.(tor1, "evpn");
      world.rest();
      return {
        ...world,
        deletes: (n = 2) => {
          world.put("net:blue", `endpoint/e${n}`, undefined);
          world.rest();
        },
        shows: () => world.fabric()?.strays.deleted.get(tor1) ?? [],
        holds: () => [...(world.fabric()?.strays.byPeer.get(tor1) ?? [])],
      };
    }

    it("deleted: the ToR had passed its whole route on -> it is one to show, and does so when the route goes", () => {
      const { sees, deletes, shows, holds } = witness();
      sees(route);
      expect(shows()).toEqual([]);
      deletes();
      expect([shows(), holds()]).toEqual([[macOf(2)], [macOf(2)]]);
      sees();
      expect([shows(), holds()]).toEqual([[macOf(2)], []]);
    });

    it("deleted: the ToR takes the route back just before the deletion is heard of -> it is one to show all the same", () => {
      const { sees, deletes, shows, wait } = witness();
      sees(route);
      sees();
      wait(29_000);
      deletes();
      expect(shows()).toEqual([macOf(2)]);
    });

    it.each([
      ["never passed it on", []],
      ["passed on another host's", [from(tor1, macRoute(2, HIGH, { ip: far }))]],
      ["passed on a part of it", [from(tor1, macRoute(2, LOW))]],
    ])("deleted: the ToR %s -> nothing that it could show", (_, routes) => {
      const { sees, deletes, shows } = witness();
      sees(...routes);
      deletes();
      expect(shows()).toEqual([]);
    });

    it("deleted: it passed it on no more for a minute, as by a filter -> nothing that it could show", () => {
      const { sees, deletes, shows, wait } = witness();
      sees(route);
      sees();
      wait(60_000);
      deletes();
      expect(shows()).toEqual([]);
    });

    it("deleted: just moved, and its route from the new place never came -> nothing that it could show", () => {
      const { sees, deletes, shows, put, rest } = witness();
      put("net:blue", "vtep/h3", vtep(HIGH));
      sees(route);
      put("net:blue", "endpoint/e2", { ...record("h3", 2, far), mobility: 1 });
      rest();
      sees();
      deletes();
      expect(shows()).toEqual([]);
    });

    it("deleted: before the session came up, as after a restart, and then the old route comes -> never to be shown gone", () => {
      const { sees, deletes, shows, lane, rest } = witness();
      lane.session?.(tor1, false);
      deletes();
      lane.session?.(tor1, true);
      sees(route);
      lane.endOfRib?.(tor1, "evpn");
      rest();
      expect(shows()).toEqual([]);
      sees();
      expect(shows()).toEqual([]);
    });

    it("deleted: the session is lost, its routes too, and both come back -> never to be shown gone", () => {
      const { sees, deletes, shows, lane } = witness();
      sees(route);
      deletes();
      lane.session?.(tor1, false);
      sees();
      expect(shows()).toEqual([]);
      lane.session?.(tor1, true);
      sees(route);
      lane.endOfRib?.(tor1, "evpn");
      sees();
      expect(shows()).toEqual([]);
    });

    it("deleted: while the session is away or sends its table -> not shown; once all is worked off -> as ever", () => {
      const { sees, deletes, shows, lane, rest, put } = witness();
      put("net:blue", "endpoint/e4", record("h2", 4, near));
      sees(route, from(tor1, macRoute(4, LOW, { ip: near })));
      lane.session?.(tor1, false);
      lane.session?.(tor1, true);
      deletes(2);
      lane.endOfRib?.(tor1, "evpn");
      rest();
      expect(shows()).toEqual([]);
      deletes(4);
      expect(shows()).toEqual([macOf(4)]);
    });

    it("deleted: the network imports other routes -> what went by that is not shown to be gone", () => {
      const { sees, deletes, shows, put, rest, fabric } = witness();
      sees(route);
      deletes();
      const routeTargets = { import: [other], export: [other] };
      put("net:blue", "network", { ...blue, routeTargets });
      rest();
      expect(fabric()?.strays.byPeer.get(tor1)?.size).toBe(0);
      expect(shows()).toEqual([]);
    });

    it("deleted: declared again -> no more; more than are remembered -> the last ones", () => {
      const { sees, deletes, shows, put, rest } = witness();
      sees(route);
      deletes();
      put("net:blue", "endpoint/e2", record("h2", 2, far));
      rest();
      expect(shows()).toEqual([]);
      const many = Array.from({ length: MOST_DELETED + 1 }, (_, n) => n + 10);
      for (const n of many) put("net:blue", `endpoint/e${n}`, record("h2", n, `10.0.1.${n}` as IpAddress));
      sees(...many.map((n) => from(tor1, macRoute(n, LOW, { ip: `10.0.1.${n}` }))));
      for (const n of many) deletes(n);
      expect(shows()).toEqual(many.slice(1).map(macOf));
    });
  });

  it("site: what the proofs are of -> the sum over this site's endpoints as the cloud has it, before and after a change", () => {
    const { fabric, put, rest } = host();
    const own = endpointLines({ mac: macOf(1), ips: [near] }, OWN);
    const other = endpointLines({ mac: macOf(2), ips: [far] }, LOW);
    expect(fabric()?.site).toEqual({ digest: forwardingDigest([...own, ...other]), count: 2 });
    put("net:blue", "endpoint/e4", record("h2", 4, "10.0.0.4" as IpAddress));
    rest();
    const more = endpointLines({ mac: macOf(4), ips: ["10.0.0.4" as IpAddress] }, LOW);
    expect(fabric()?.site).toEqual({ digest: forwardingDigest([...own, ...other, ...more]), count: 3 });
    put("net:blue", "endpoint/e2", undefined);
    put("net:blue", "endpoint/e1", undefined);
    rest();
    expect(fabric()?.site).toEqual({ digest: forwardingDigest(more), count: 1 });
  });

  it("lacking: more than a report may name -> not named at all; one less -> all of them", () => {
    const { fabric, put, rest, sees } = host();
    for (let n = 10; n < 10 + MOST_LACKING; n++) {
      put("net:blue", `endpoint/e${n}`, record("h2", n, `10.0.1.${n}` as IpAddress));
    }
    sees(from(tor1, macRoute(2, LOW, { ip: far })));
    expect(fabric()?.seen[0]?.lacking).toHaveLength(MOST_LACKING);
    put("net:blue", "endpoint/e99", record("h2", 99, "10.0.2.9" as IpAddress));
    rest();
    expect(fabric()?.seen).toEqual([{ peer: tor1, digest: whole, count: 1 }]);
  });
});
