import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ExportedRoute } from "../../../edge-agent/bgp/route.ts";
import { exportRefusal, leadsWhereAllowed, nextHopList, type OwnNetwork } from "../../../edge-agent/evpn/policy.ts";
import type { HostIntent } from "../../../edge-agent/intent/view.ts";
import { buildOverlay } from "../../../edge-agent/overlay.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import { adRoute, HIGH, LOW, macOf, macRoute, OWN } from "./fabric-routes.ts";

const rd = `${OWN}:100` as RouteDistinguisher;
const own: OwnNetwork = { vtep: OWN, rd, macs: new Set([macOf(1)]) };
const targets = ["65001:100" as RouteTarget];

/** A route of this host, from one of the fabric. */
function announced(n: number, extra: Partial<ExportedRoute> = {}): ExportedRoute {
  const { nlri } = macRoute(n, OWN);
  return { nlri: { ...nlri, rd }, nextHop: OWN, routeTargets: targets, ...extra };
}

describe("what may be announced", () => {
  it("export: an endpoint declared here, and the own flood membership -> yes", () => {
    expect(exportRefusal(announced(1), own)).toBeUndefined();
    const imet = { nlri: { type: "imet", rd, ethernetTag: 0, originator: OWN }, nextHop: OWN, routeTargets: targets };
    expect(exportRefusal(imet as ExportedRoute, own)).toBeUndefined();
  });

  it.each<[string, ExportedRoute]>([
    ["undeclared-mac", announced(2)],
    ["foreign-next-hop", announced(1, { nextHop: HIGH })],
    ["foreign-rd", announced(1, { nlri: macRoute(1, HIGH).nlri })],
    ["no-route-target", announced(1, { routeTargets: [] })],
    ["foreign-originator", announced(1, { nlri: { type: "imet", rd, ethernetTag: 0, originator: LOW } })],
    ["type-never-announced", announced(1, { nlri: { ...adRoute(OWN, "per-evi").nlri, rd } })],
  ])("export: %s -> refused", (reason, route) => {
    expect(exportRefusal(route, own)).toBe(reason);
  });

  it("export: whatever the fabric says -> only routes of endpoints declared here, never transit", () => {
    const intent: HostIntent = {
      id: "h1",
      host: { site: "ams", vtep: OWN, bgp: { asn: 65001 as Asn, peers: [] } },
      pending: [],
      networks: [
        {
          id: "blue",
          definition: { tenant: "acme", name: "blue", vni: 100 as Vni, subnets: [] },
          vteps: new Map(),
          endpoints: [{ id: "e1", record: { host: "h1", mac: macOf(1), ips: [], port: "tap1", mobility: 0 } }],
        },
      ],
    };
    const route = fc
      .record({
        n: fc.integer({ min: 1, max: 4 }),
        vtep: fc.constantFrom(LOW, HIGH, OWN),
        sequence: fc.nat(9),
        sticky: fc.boolean(),
      })
      .map(({ n, vtep, ...mobility }) => macRoute(n, vtep, mobility));
    fc.assert(
      fc.property(fc.array(route, { maxLength: 20 }), (fabric) => {
        const { exports, refusedExports } = buildOverlay(intent, fabric);
        expect(refusedExports).toEqual([]);
        expect(exports.map(({ nlri, nextHop }) => [nlri.type, "mac" in nlri && nlri.mac, nextHop])).toEqual([
          ["imet", false, OWN],
          ["mac-ip", macOf(1), OWN],
        ]);
      }),
    );
  });
});

describe("which VTEPs may be used", () => {
  it("next hops: a list -> those inside one of its prefixes, of either family", () => {
    const mayUse = nextHopList(["192.0.2.0/30", "2001:db8::/32"] as Prefix[]);
    const asked = [LOW, HIGH, LOW, "2001:db8::1" as IpAddress, "2001:db9::1" as IpAddress];
    expect(asked.map(mayUse)).toEqual([true, false, true, true, false]);
    expect(nextHopList([])(LOW)).toBe(false);
  });

  it("next hops: flooding to a VTEP outside the list by way of one inside -> refused", () => {
    const mayUse = nextHopList([`${LOW}/32` as Prefix]);
    const imet = (originator: IpAddress) => ({
      ...macRoute(0, LOW),
      nlri: { type: "imet", rd, ethernetTag: 0, originator } as const,
    });
    expect(leadsWhereAllowed(imet(LOW), mayUse)).toBe(true);
    expect(leadsWhereAllowed(imet(HIGH), mayUse)).toBe(false);
  });
});
