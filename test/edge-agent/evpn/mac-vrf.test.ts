import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MacEntry } from "../../../edge-agent/evpn/mac-table.ts";
import { exportTargets, importTargets, routeDistinguishers } from "../../../shared/evpn/mac-vrf.ts";
import { originateMac, originateMembership } from "../../../edge-agent/evpn/originate.ts";
import type { IpAddress, Ipv4 } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import { parseRouteDistinguisher, type RouteDistinguisher } from "../../../shared/address/rd.ts";
import { importsAny, parseRouteTarget, type RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import type { HostBgp } from "../../../shared/model/resource.ts";

const routerId = "192.0.2.1" as Ipv4;
const bgp: HostBgp = { asn: 65021 as Asn, peers: [{ address: "192.0.2.254" as IpAddress, asn: 65002 as Asn }] };

describe("route targets", () => {
  it("route targets: none given -> ASN:VNI of the members and their ToRs, never a wildcard (RFC 8365 5.1.2)", () => {
    const network = { vni: 100 as Vni, asns: [65001 as Asn, 65002 as Asn] };
    const asns = [65001, 65002, 65021];
    const both = asns.flatMap((asn) => [`${asn}:${2 ** 28 + 100}`, `${asn}:100`]);
    expect([...importTargets(network, bgp)].sort()).toEqual(both.sort());
    expect(exportTargets(network, bgp)).toEqual(["65021:100"]);
  });

  it("route targets: a 4-octet ASN -> its low 16 bits, in both forms, and valid (FRR derives them so)", () => {
    const large: HostBgp = { asn: 4200000002 as Asn, peers: [] };
    const network = { vni: 0xffffff as Vni, asns: [] };
    expect([...importTargets(network, large)]).toEqual(["59906:16777215", "59906:285212671"]);
    expect(exportTargets(network, large)).toEqual(["59906:16777215"]);
    for (const target of importTargets(network, large)) expect(parseRouteTarget(target)).toBe(target);
  });

  it("route targets: any AS is asked for -> its VNI in both forms besides, given ones or not; never by default", () => {
    const anyAs = ["*:100", `*:${2 ** 28 + 100}`];
    const network = { vni: 100 as Vni, asns: [], importAnyAs: true };
    expect([...importTargets(network, bgp)].filter((target) => target.startsWith("*"))).toEqual(anyAs);
    const given = { import: ["1:1" as RouteTarget], export: ["2:2" as RouteTarget] };
    expect([...importTargets({ ...network, routeTargets: given }, bgp)]).toEqual(["1:1", ...anyAs]);
    for (const importAnyAs of [false, undefined]) {
      expect([...importTargets({ ...network, importAnyAs }, bgp)].join()).not.toContain("*");
    }
    expect(exportTargets(network, bgp)).toEqual(["65021:100"]);
  });

  it.each([
    ["65009:100", true],
    ["4200000001:100", true],
    ["65009L:100", true],
    [`65009:${2 ** 28 + 100}`, true],
    ["65009:101", false],
    ["65009:1100", false],
    ["192.0.2.7:100", false],
  ])("route targets: %s of another AS -> not imported by default; with any AS: %s", (text, imported) => {
    const target = parseRouteTarget(text) as RouteTarget;
    const network = { vni: 100 as Vni, asns: [] };
    expect(importsAny(importTargets(network, bgp), [target])).toBe(false);
    expect(importsAny(importTargets({ ...network, importAnyAs: true }, bgp), [target])).toBe(imported);
  });

  it("route targets: given -> those and no others", () => {
    const given = { import: ["1:1" as RouteTarget], export: ["2:2" as RouteTarget] };
    const network = { vni: 100 as Vni, asns: [65001 as Asn], routeTargets: given };
    expect([...importTargets(network, bgp)]).toEqual(["1:1"]);
    expect(exportTargets(network, bgp)).toEqual(["2:2"]);
  });
});

describe("route distinguishers", () => {
  it("route distinguishers: VNIs up to 65535 -> router-id:VNI (RFC 7432 7.9)", () => {
    const rds = routeDistinguishers(
      [100, 65535].map((vni) => vni as Vni),
      { routerId },
    );
    expect([...rds]).toEqual([
      [100, "192.0.2.1:100"],
      [65535, "192.0.2.1:65535"],
    ]);
  });

  it("route distinguishers: any VNIs -> valid and all different, whatever the order", () => {
    const vnis = fc.uniqueArray(
      fc.integer({ min: 1, max: 0xffffff }).map((vni) => (vni & 0x3) | (vni & 0xff0000) || 1),
    );
    fc.assert(
      fc.property(vnis, (list) => {
        const rds = routeDistinguishers(list as Vni[], { routerId });
        expect(new Set(rds.values()).size).toBe(list.length);
        for (const rd of rds.values()) expect(parseRouteDistinguisher(rd)).toBe(rd);
        expect(new Map(routeDistinguishers(list.toReversed() as Vni[], { routerId }))).toEqual(new Map(rds));
      }),
    );
  });
});

describe("given route distinguishers", () => {
  it("route distinguishers: given for one VNI -> that one, and never taken for another (RFC 4364 4.2)", () => {
    const given = [
      { vni: 200 as Vni, rd: "192.0.2.1:100" as RouteDistinguisher },
      { vni: 999 as Vni, rd: "192.0.2.1:101" as RouteDistinguisher },
    ];
    const rds = routeDistinguishers(
      [100, 101, 200].map((vni) => vni as Vni),
      { routerId, given },
    );
    expect([...rds]).toEqual([
      [100, "192.0.2.1:102"],
      [101, "192.0.2.1:103"],
      [200, "192.0.2.1:100"],
    ]);
  });
});

describe("originate", () => {
  const network = {
    vni: 100 as Vni,
    rd: "192.0.2.1:100" as RouteDistinguisher,
    vtep: routerId,
    routeTargets: ["65021:100" as RouteTarget],
  };
  const entry = (extra: Partial<MacEntry>): MacEntry => ({
    mac: "02:00:00:00:00:01" as Mac,
    source: "local",
    vtep: routerId,
    ips: [],
    mobility: 0,
    confirmed: false,
    ...extra,
  });

  it("originate: a network without local endpoints -> its flood membership alone (RFC 7432 7.3)", () => {
    expect(originateMembership(network).nlri.type).toBe("imet");
    for (const source of ["intent", "fabric"] as const) expect(originateMac(network, entry({ source }))).toEqual([]);
  });

  it("originate: a local endpoint with IPs -> its MAC, and its MAC with each IP, one sequence", () => {
    const ips = ["10.0.0.1", "2001:db8::1"] as IpAddress[];
    const routes = originateMac(network, entry({ ips, mobility: 3 }));
    expect(routes.map(({ nlri }) => (nlri.type === "mac-ip" ? (nlri.ip ?? "mac only") : nlri.type))).toEqual([
      "mac only",
      ...ips,
    ]);
    expect(routes.every((route) => route.mobility?.sequence === 3 && route.nextHop === routerId)).toBe(true);
  });

  it("originate: never moved -> no mobility community (RFC 7432 section 15)", () => {
    expect(originateMac(network, entry({}))[0]?.mobility).toBeUndefined();
  });

  it("originate: a routed network -> MAC and IP with the L3 VNI, router's MAC and both kinds of targets; the MAC alone without", () => {
    const routerMac = "02:ee:00:00:00:01" as Mac;
    const routed = { vni: 5000 as Vni, routerMac, routeTargets: ["65021:5000" as RouteTarget] };
    const routes = originateMac({ ...network, routed }, entry({ ips: ["10.0.0.1" as IpAddress] }));
    expect(routes).toMatchObject([
      { routeTargets: ["65021:100"], nlri: { type: "mac-ip", vni: 100 } },
      { routeTargets: ["65021:100", "65021:5000"], routerMac, nlri: { vni: 100, l3Vni: 5000, ip: "10.0.0.1" } },
    ]);
    expect(routes[0]).not.toHaveProperty("routerMac");
  });
});
