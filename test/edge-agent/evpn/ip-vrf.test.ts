// The routes of a tenant router: who counts for which prefix, and what this host may say of it.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Esi, type ReceivedRoute, ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import { decodeEvpnNlri, encodeEvpnRoute } from "../../../edge-agent/bgp/wire/evpn-nlri.ts";
import { Reader } from "../../../edge-agent/bgp/wire/reader.ts";
import { buildIpVrf, type IpHop, type MachinePlace, originatePrefix } from "../../../edge-agent/evpn/ip-vrf.ts";
import { originateMac } from "../../../edge-agent/evpn/originate.ts";
import { prefixRefusal } from "../../../edge-agent/evpn/policy.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Vni } from "../../../shared/address/vni.ts";
import { ip, vni } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "./fabric-routes.ts";

const L3 = vni(5000);
const BLUE = vni(100);
const TOR = ip("192.0.2.254");
const TOR_MAC = "00:1c:73:00:00:01" as Mac;

type Input = Parameters<typeof buildIpVrf>[0];
const build = (input: Partial<Input>) =>
  buildIpVrf({ ownVtep: OWN, vni: L3, connected: [], machines: new Map(), statics: [], fabric: [], ...input });
const byVtep = (vtep: IpAddress): IpHop => ({ kind: "vtep", vtep });
const remote = (vtep: IpAddress): MachinePlace => ({ kind: "remote", vtep });
const local: MachinePlace = { kind: "local", network: BLUE };
const hopsOf = (table: ReturnType<typeof build>, to: string) => table.routes.find((route) => route.prefix === to)?.hops;

/** An IP prefix route (RT-5) of the fabric. */
function prefixRoute(
  to: string,
  vtep: IpAddress,
  extra: Partial<ReceivedRoute> & { gateway?: string; esi?: Esi; label?: number } = {},
) {
  const { gateway = to.includes(":") ? "::" : "0.0.0.0", esi = ZERO_ESI, label = L3, ...rest } = extra;
  const { nlri: _, ...path } = macRoute(1, vtep, { routerMac: TOR_MAC, ...rest });
  const rd = `${vtep}:1` as RouteDistinguisher;
  return {
    ...path,
    nlri: {
      type: "ip-prefix",
      rd,
      esi,
      ethernetTag: 0,
      prefix: to as Prefix,
      gateway: gateway as IpAddress,
      vni: label as Vni,
    },
  } satisfies ReceivedRoute;
}

/** A MAC/IP route with an L3 label. */
function hostRoute(n: number, to: string, vtep: IpAddress, extra: Parameters<typeof macRoute>[2] = {}): ReceivedRoute {
  const route = macRoute(n, vtep, { ip: to, routerMac: TOR_MAC, ...extra });
  return { ...route, nlri: { ...route.nlri, l3Vni: L3 } as ReceivedRoute["nlri"] };
}

describe("IP-VRF: the label is the VNI to send with (RFC 8365 5.1.3, RFC 9136 4.4.1)", () => {
  const hostWith = (label: number, vtep = LOW) => {
    const route = hostRoute(3, "10.2.0.9", vtep);
    return { ...route, nlri: { ...route.nlri, l3Vni: label } as ReceivedRoute["nlri"] };
  };

  it("a VTEP that knows the router by another VNI -> its routes are followed, by that VNI", () => {
    const table = build({ fabric: [prefixRoute("10.9.0.0/16", LOW, { label: 7000 }), hostWith(7000)] });
    expect([hopsOf(table, "10.9.0.0/16"), hopsOf(table, "10.2.0.9/32")]).toEqual([[byVtep(LOW)], [byVtep(LOW)]]);
    expect([table.fabricVnis, table.refused]).toEqual([new Map([[LOW, 7000]]), []]);
  });

  it("a VTEP that names our VNI -> nothing is translated", () => {
    expect(build({ fabric: [prefixRoute("10.9.0.0/16", LOW), hostWith(L3)] }).fabricVnis.size).toBe(0);
  });

  it("one VTEP with several labels -> ours, else the lowest, whatever came first; the others are refused and told", () => {
    const routes = [prefixRoute("10.9.0.0/16", LOW, { label: 7001 }), prefixRoute("10.8.0.0/16", LOW, { label: 7000 })];
    for (const fabric of [routes, routes.toReversed()]) {
      const table = build({ fabric });
      expect(table.routes.map(({ prefix }) => prefix)).toEqual(["10.8.0.0/16"]);
      expect(table.fabricVnis).toEqual(new Map([[LOW, 7000]]));
      expect(table.refused).toEqual([{ prefix: "10.9.0.0/16", vtep: LOW, label: 7001 }]);
    }
    const withOurs = build({ fabric: [...routes, hostWith(L3)] });
    expect(withOurs.routes.map(({ prefix }) => prefix)).toEqual(["10.2.0.9/32"]);
    expect(withOurs.refused).toHaveLength(2);
  });

  it("a host that intent names, with another label -> refused: its frames are sent with the router's VNI", () => {
    const table = build({ hosts: new Set([LOW]), fabric: [prefixRoute("10.9.0.0/16", LOW, { label: 7000 })] });
    expect([table.routes, table.fabricVnis.size, table.refused.length]).toEqual([[], 0, 1]);
  });

  it("label 0 without a gateway -> no route (RFC 9136 3.2); with a gateway -> its own route decides", () => {
    const none = build({ fabric: [prefixRoute("10.9.0.0/16", LOW, { label: 0 })] });
    expect([none.routes, none.refused.length]).toEqual([[], 1]);
    const by = prefixRoute("10.9.0.0/16", HIGH, { label: 0, gateway: "10.2.0.9" });
    const table = build({ fabric: [by, hostWith(7000)] });
    expect(hopsOf(table, "10.9.0.0/16")).toEqual([byVtep(LOW)]);
    expect(table.fabricVnis).toEqual(new Map([[LOW, 7000]]));
  });
});

describe("IP-VRF: sources", () => {
  it("machines elsewhere -> a host route each, of both families; machines here -> none, they are connected", () => {
    const machines = new Map([
      [ip("10.1.0.7"), local],
      [ip("10.2.0.7"), remote(LOW)],
      [ip("fd00:2::7"), remote(HIGH)],
    ]);
    expect(build({ machines }).routes).toEqual([
      { prefix: "10.2.0.7/32", source: "intent", hops: [byVtep(LOW)] },
      { prefix: "fd00:2::7/128", source: "intent", hops: [byVtep(HIGH)] },
    ]);
  });

  it("prefix of the fabric -> by its VTEP, with its router MAC (RFC 9136 4.4.1)", () => {
    const table = build({ fabric: [prefixRoute("172.16.0.0/24", TOR), prefixRoute("::/0", TOR)] });
    expect(table.routes).toEqual([
      { prefix: "172.16.0.0/24", source: "fabric", hops: [byVtep(TOR)] },
      { prefix: "::/0", source: "fabric", hops: [byVtep(TOR)] },
    ]);
    expect(table.fabricMacs).toEqual(new Map([[TOR, TOR_MAC]]));
    expect(table.own).toEqual([]);
  });

  it("MAC/IP route with an L3 label and a router MAC -> a host route; without either -> none (RFC 9135 6.1)", () => {
    const bridged = macRoute(2, TOR, { ip: "10.1.0.98", routerMac: TOR_MAC });
    const { routerMac: _, ...unsaid } = hostRoute(3, "10.1.0.97", TOR);
    const table = build({ fabric: [hostRoute(1, "10.1.0.99", TOR), bridged, unsaid] });
    expect(table.routes).toEqual([{ prefix: "10.1.0.99/32", source: "fabric", hops: [byVtep(TOR)] }]);
  });

  it.each(["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"])(
    "router MAC %s -> as without one: no route (RFC 9136 3.2)",
    (mac) => {
      const routerMac = mac as Mac;
      const fabric = [prefixRoute("172.16.0.0/24", TOR), hostRoute(1, "10.1.0.99", TOR)];
      const table = build({ fabric: fabric.map((route) => ({ ...route, routerMac })) });
      expect([table.routes, table.fabricMacs.size]).toEqual([[], 0]);
    },
  );

  it("the fabric says something else of a declared machine -> intent counts, whatever the length", () => {
    const machines = new Map([
      [ip("10.2.0.7"), remote(LOW)],
      [ip("10.1.0.7"), local],
    ]);
    const fabric = [
      hostRoute(1, "10.2.0.7", TOR),
      prefixRoute("10.2.0.7/32", TOR),
      hostRoute(2, "10.1.0.7", TOR),
      prefixRoute("10.1.0.7/32", TOR),
    ];
    expect(build({ machines, fabric }).routes).toEqual([
      { prefix: "10.2.0.7/32", source: "intent", hops: [byVtep(LOW)] },
    ]);
  });

  it("a prefix that is connected here -> nobody's route takes its place", () => {
    const connected = [{ network: BLUE, subnet: prefix("10.1.0.0/24") }];
    const statics = [{ prefix: prefix("10.1.0.0/24"), nextHop: ip("10.2.0.7") }];
    const machines = new Map([[ip("10.2.0.7"), remote(LOW)]]);
    const table = build({ connected, machines, statics, fabric: [prefixRoute("10.1.0.0/24", TOR)] });
    expect(table.routes.map((route) => route.prefix)).toEqual(["10.2.0.7/32"]);
  });

  it("a static prefix and the fabric's of the same length -> the static one", () => {
    const machines = new Map([[ip("10.2.0.7"), remote(LOW)]]);
    const statics = [{ prefix: prefix("0.0.0.0/0"), nextHop: ip("10.2.0.7") }];
    const table = build({ machines, statics, fabric: [prefixRoute("0.0.0.0/0", TOR)] });
    expect(hopsOf(table, "0.0.0.0/0")).toEqual([byVtep(LOW)]);
  });
});

describe("IP-VRF: static prefixes", () => {
  const to = prefix("10.9.0.0/16");
  const connected = [{ network: BLUE, subnet: prefix("10.1.0.0/24") }];

  it("by a machine here -> by it, and announced; by one elsewhere -> by its VTEP, and not", () => {
    const machines = new Map([
      [ip("10.1.0.7"), local],
      [ip("10.2.0.7"), remote(LOW)],
    ]);
    const here = build({ connected, machines, statics: [{ prefix: to, nextHop: ip("10.1.0.7") }] });
    expect(hopsOf(here, to)).toEqual([{ kind: "machine", network: BLUE, ip: "10.1.0.7" }]);
    expect(here.own).toEqual(["10.1.0.0/24", to]);
    const there = build({ connected, machines, statics: [{ prefix: to, nextHop: ip("10.2.0.7") }] });
    expect(hopsOf(there, to)).toEqual([byVtep(LOW)]);
    expect(there.own).toEqual(["10.1.0.0/24"]);
  });

  it("by an address that the fabric has, or that is on a wire here -> by that; by none -> it is said", () => {
    const nextHop = ip("10.1.0.50");
    const learned = build({ statics: [{ prefix: to, nextHop }], fabric: [hostRoute(1, "10.1.0.50", TOR)] });
    expect(hopsOf(learned, to)).toEqual([byVtep(TOR)]);
    const wired = build({ connected, statics: [{ prefix: to, nextHop }] });
    expect(hopsOf(wired, to)).toEqual([{ kind: "machine", network: BLUE, ip: nextHop }]);
    const lost = build({ statics: [{ prefix: to, nextHop }] });
    expect(lost.routes).toEqual([]);
    expect(lost.unresolved).toEqual([{ prefix: to, nextHop }]);
  });

  it("the same prefix by several machines -> over all of them", () => {
    const machines = new Map([
      [ip("10.2.0.7"), remote(LOW)],
      [ip("10.2.0.8"), remote(HIGH)],
    ]);
    const statics = [...machines.keys()].map((nextHop) => ({ prefix: to, nextHop }));
    expect(hopsOf(build({ machines, statics }), to)).toEqual([byVtep(LOW), byVtep(HIGH)]);
  });
});

describe("IP-VRF: the fabric's paths", () => {
  const to = "172.16.0.0/24";

  it.each([
    ["equal paths", {}, {}, [LOW, HIGH]],
    ["a higher local preference", { localPref: 200 }, {}, [HIGH]],
    ["a shorter AS path", { asPath: [1] }, { asPath: [1, 2] }, [HIGH]],
    ["a lower origin", { origin: "igp" }, { origin: "incomplete" }, [HIGH]],
  ] as const)("%s -> the best, spread over equal ones (RFC 4271 9.1.2.2)", (_, high, low, expected) => {
    const fabric = [
      prefixRoute(to, HIGH, { ...high, asPath: [...("asPath" in high ? high.asPath : [])] }),
      prefixRoute(to, LOW, { ...low, asPath: [...("asPath" in low ? low.asPath : [])] }),
    ];
    expect(hopsOf(build({ fabric }), to)).toEqual(expected.map(byVtep));
  });

  it("long-lived stale -> only where there is no other, of hosts and of prefixes (RFC 9494 4.4)", () => {
    const prefixes = [prefixRoute(to, LOW, { llgrStale: true, localPref: 200 }), prefixRoute(to, HIGH)];
    expect(hopsOf(build({ fabric: prefixes }), to)).toEqual([byVtep(HIGH)]);
    expect(hopsOf(build({ fabric: prefixes.slice(0, 1) }), to)).toEqual([byVtep(LOW)]);
    const stale = { ...hostRoute(1, "10.1.0.99", LOW, { sequence: 2 }), llgrStale: true };
    const hosts = [stale, hostRoute(1, "10.1.0.99", HIGH, { sequence: 1 })];
    expect(hopsOf(build({ fabric: hosts }), "10.1.0.99/32")).toEqual([byVtep(HIGH)]);
    expect(hopsOf(build({ fabric: [stale] }), "10.1.0.99/32")).toEqual([byVtep(LOW)]);
  });

  it("a host that moved -> where the sequence is highest (RFC 7432 15)", () => {
    const fabric = [hostRoute(1, "10.1.0.99", LOW, { sequence: 1 }), hostRoute(1, "10.1.0.99", HIGH, { sequence: 2 })];
    expect(hopsOf(build({ fabric }), "10.1.0.99/32")).toEqual([byVtep(HIGH)]);
  });

  it("a gateway address -> resolved by the router's own routes (RFC 9136 4.1); an unknown one -> no route", () => {
    const machines = new Map([[ip("10.2.0.7"), remote(LOW)]]);
    const fabric = [
      prefixRoute(to, TOR, { gateway: "10.2.0.7" }),
      prefixRoute("172.17.0.0/24", TOR, { gateway: "10.2.0.8" }),
    ];
    const table = build({ machines, fabric });
    expect(hopsOf(table, to)).toEqual([byVtep(LOW)]);
    expect(hopsOf(table, "172.17.0.0/24")).toBeUndefined();
  });

  it("our own VTEP, another family, another encapsulation, a segment, no router MAC -> no route", () => {
    const { routerMac: _, ...unsaid } = prefixRoute(to, TOR);
    const fabric = [
      prefixRoute(to, OWN),
      prefixRoute(to, ip("2001:db8::9")),
      prefixRoute(to, TOR, { encapsulations: [10] }),
      prefixRoute(to, TOR, { esi: "03443839ffff01000001" as Esi }),
      unsaid,
    ];
    expect(build({ fabric }).routes).toEqual([]);
  });

  it("any order of routes -> the same table", () => {
    const all = [
      prefixRoute(to, LOW),
      prefixRoute(to, HIGH, { routerMac: macOf(9) }),
      prefixRoute("0.0.0.0/0", HIGH),
      hostRoute(1, "10.1.0.99", LOW),
      hostRoute(2, "10.1.0.99", HIGH),
    ];
    const text = (fabric: readonly ReceivedRoute[]) => {
      const { routes, fabricMacs } = build({ fabric });
      return JSON.stringify([
        routes.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
        fabricMacs.get(LOW),
        fabricMacs.get(HIGH),
      ]);
    };
    fc.assert(fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (some) => text(some) === text(all)));
  });
});

describe("IP-VRF: announced", () => {
  const originator = {
    vni: L3,
    rd: "192.0.2.5:5000" as RouteDistinguisher,
    vtep: OWN,
    routerMac: "06:72:c0:00:02:05" as Mac,
    routeTargets: ["65001:5000" as RouteTarget],
  };

  it.each(["10.1.0.0/24", "fd00:1::/64"])(
    "a prefix %s -> RT-5, the VTEP as gateway, on the wire and back (RFC 9136 3.1)",
    (to) => {
      const route = originatePrefix(originator, prefix(to));
      expect(route).toMatchObject({
        nextHop: OWN,
        routerMac: originator.routerMac,
        routeTargets: originator.routeTargets,
      });
      expect(decodeEvpnNlri(new Reader(encodeEvpnRoute(route.nlri)))).toMatchObject({
        routes: [route.nlri],
        invalid: [],
      });
    },
  );

  it("policy: an own prefix -> may; what the fabric or another host has, another next hop, RD or type -> may not", () => {
    const own = { vtep: OWN, rd: originator.rd, prefixes: new Set([prefix("10.1.0.0/24")]) };
    const route = originatePrefix(originator, prefix("10.1.0.0/24"));
    expect(prefixRefusal(route, own)).toBeUndefined();
    expect(prefixRefusal(originatePrefix(originator, prefix("0.0.0.0/0")), own)).toBe("foreign-prefix");
    expect(prefixRefusal({ ...route, nextHop: TOR }, own)).toBe("foreign-next-hop");
    expect(prefixRefusal({ ...route, routeTargets: [] }, own)).toBe("no-route-target");
    expect(prefixRefusal(route, { ...own, rd: "192.0.2.5:1" as RouteDistinguisher })).toBe("foreign-rd");
    expect(prefixRefusal({ ...route, nlri: { ...macRoute(1, OWN).nlri, rd: originator.rd } }, own)).toBe(
      "type-never-announced",
    );
  });

  it("a machine on a routed network -> its IPs with both labels and targets and the router MAC, its MAC alone without (RFC 9135 5.1)", () => {
    const routed = { vni: L3, routerMac: originator.routerMac, routeTargets: originator.routeTargets };
    const macVrf = { ...originator, vni: BLUE, routeTargets: ["65001:100" as RouteTarget], routed };
    const entry = {
      mac: macOf(1),
      source: "local",
      vtep: OWN,
      port: "tap1",
      ips: [ip("10.1.0.7")],
      mobility: 0,
      confirmed: false,
    } as const;
    const [macOnly, withIp] = originateMac(macVrf, entry);
    expect(macOnly).toMatchObject({ routeTargets: ["65001:100"], nlri: { vni: 100 } });
    expect(macOnly?.nlri).not.toHaveProperty("l3Vni");
    expect(macOnly).not.toHaveProperty("routerMac");
    expect(withIp).toMatchObject({
      routeTargets: ["65001:100", "65001:5000"],
      routerMac: originator.routerMac,
      nlri: { vni: 100, l3Vni: 5000, ip: "10.1.0.7" },
    });
  });
});
