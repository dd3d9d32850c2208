import { describe, expect, it } from "vitest";
import type { ReceivedRoute } from "../../../edge-agent/bgp/route.ts";
import { ZERO_ESI } from "../../../edge-agent/bgp/route.ts";
import { buildMacTable, type Declared, routesOf } from "../../../edge-agent/evpn/mac-table.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";

const own = "192.0.2.1" as IpAddress;
const [h2, h3, tor] = ["192.0.2.2", "192.0.2.3", "192.0.2.254"] as [IpAddress, IpAddress, IpAddress];
const mac = (n: number) => `02:00:00:00:00:0${n}` as Mac;

function declared(n: number, vtep: IpAddress, extra: Partial<Declared> = {}): Declared {
  return { id: `e${n}`, mac: mac(n), ips: [], vtep, mobility: 0, ...(vtep === own && { port: `tap${n}` }), ...extra };
}

function route(n: number, vtep: IpAddress, extra: Partial<ReceivedRoute> = {}, ip?: string): ReceivedRoute {
  return {
    peer: tor,
    peerAsn: 65001 as Asn,
    nextHop: vtep,
    routeTargets: ["65001:100" as RouteTarget],
    encapsulations: [8],
    defaultGateway: false,
    asPath: [],
    origin: "igp",
    nlri: {
      type: "mac-ip",
      rd: `${vtep}:2` as RouteDistinguisher,
      esi: ZERO_ESI,
      ethernetTag: 0,
      mac: mac(n),
      vni: 100 as Vni,
      ...(ip !== undefined && { ip: ip as IpAddress }),
    },
    ...extra,
  };
}

const imet = (vtep: IpAddress, extra: Partial<ReceivedRoute> = {}): ReceivedRoute => ({
  ...route(0, vtep, extra),
  nlri: { type: "imet", rd: `${vtep}:2` as RouteDistinguisher, ethernetTag: 0, originator: vtep },
});

const table = (declaredList: Declared[], fabric: ReceivedRoute[], members: IpAddress[] = []) =>
  buildMacTable({ ownVtep: own, declared: declaredList, members, fabric });

describe("mac table", () => {
  it("mac table: declared here, declared elsewhere, only in the fabric -> ranked by source", () => {
    const { entries } = table([declared(1, own), declared(2, h2)], [route(3, tor)]);
    expect(entries.map(({ source, vtep, port }) => [source, vtep, port])).toEqual([
      ["local", own, "tap1"],
      ["intent", h2, undefined],
      ["fabric", tor, undefined],
    ]);
  });

  it("mac table: the fabric says the same of a declared MAC -> confirmed, no second entry", () => {
    const { entries, conflicts } = table([declared(2, h2)], [route(2, h2)]);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ source: "intent", confirmed: true });
    expect(conflicts).toEqual([]);
  });

  it("mac table: the fabric says another VTEP at the same sequence -> intent stays, a conflict is reported", () => {
    const { entries, conflicts } = table([declared(2, h2)], [route(2, tor)]);
    expect(entries[0]).toMatchObject({ vtep: h2, confirmed: false });
    expect(conflicts).toMatchObject([{ mac: mac(2), declaredVtep: h2, fabricVtep: tor }]);
  });

  it("mac table: the fabric still has the place before a move -> no conflict (RFC 7432 section 15)", () => {
    const { entries, conflicts } = table([declared(2, h3, { mobility: 1 })], [route(2, h2)]);
    expect(entries[0]?.vtep).toBe(h3);
    expect(conflicts).toEqual([]);
  });

  it("mac table: two fabric paths -> the higher sequence, whatever the order (RFC 7432 section 15)", () => {
    const older = route(3, h2, { mobility: { sequence: 7, sticky: false } });
    const newer = route(3, h3, { mobility: { sequence: 9, sticky: false } });
    for (const fabric of [
      [older, newer],
      [newer, older],
    ])
      expect(table([], fabric).entries[0]?.vtep).toBe(h3);
    expect(table([], [older]).entries[0]?.vtep).toBe(h2);
  });

  it("mac table: equal sequences -> the lowest VTEP; sticky before any sequence (RFC 7432 15.2)", () => {
    expect(table([], [route(3, h3), route(3, h2)]).entries[0]?.vtep).toBe(h2);
    const sticky = route(3, h3, { mobility: { sequence: 0, sticky: true } });
    const moved = route(3, h2, { mobility: { sequence: 5, sticky: false } });
    expect(table([], [moved, sticky]).entries[0]?.vtep).toBe(h3);
  });

  it("mac table: a path that is long-lived stale -> only where there is no other, whatever it says (RFC 9494 4.4)", () => {
    const stale = route(3, h2, { mobility: { sequence: 9, sticky: true }, llgrStale: true });
    const live = route(3, h3, { mobility: { sequence: 7, sticky: false } });
    for (const fabric of [
      [stale, live],
      [live, stale],
    ])
      expect(table([], fabric).entries[0]).toMatchObject({ vtep: h3, mobility: 7 });
    expect(table([], [stale]).entries[0]).toMatchObject({ vtep: h2, lastResort: true });
  });

  it("mac table: a long-lived stale path against a declared endpoint -> kept where it is, never outbid or followed", () => {
    const stale = route(1, h2, { mobility: { sequence: 9, sticky: false }, llgrStale: true });
    for (const trust of ["current", "old"] as const) {
      const { entries, conflicts } = buildMacTable({
        ownVtep: own,
        declared: [declared(1, own)],
        members: [],
        fabric: [stale],
        trust,
      });
      expect(entries).toMatchObject([{ source: "local", mobility: 0 }]);
      expect(conflicts).toMatchObject([{ response: "keep" }]);
    }
  });

  it("mac table: MAC-only and MAC+IP routes of one place -> one entry with the IPs", () => {
    const { entries } = table([], [route(3, tor), route(3, tor, {}, "10.0.0.3"), route(3, tor, {}, "2001:db8::3")]);
    expect(entries).toMatchObject([{ vtep: tor, ips: ["10.0.0.3", "2001:db8::3"] }]);
  });

  it("mac table: own VTEP as next hop, or no VXLAN among the encapsulations -> not used", () => {
    expect(table([], [route(3, own), route(4, h2, { encapsulations: [10] })]).entries).toEqual([]);
    expect(table([], [route(4, h2, { encapsulations: [] })]).entries).toHaveLength(1);
  });

  it("mac table: flood list -> members of intent and VTEPs of the fabric, never this host", () => {
    const { flood } = table([], [imet(tor), imet(h2), imet(own)], [own, h2]);
    expect(flood.toSorted((a, b) => (a.vtep < b.vtep ? -1 : 1))).toEqual([
      { vtep: h2, source: "intent" },
      { vtep: tor, source: "fabric" },
    ]);
  });

  it("mac table: a flooding tunnel that is not ingress replication -> no copies to its VTEP (RFC 7432 11.2)", () => {
    const tunnel = { leafInformationRequired: false, vni: 100 as Vni };
    const pim = imet(tor, { pmsi: { ...tunnel, tunnelType: 3, identifier: "c0000201e0000001" } });
    expect(table([], [pim]).flood).toEqual([]);
    const replication = imet(tor, { pmsi: { ...tunnel, tunnelType: 6, endpoint: h3 } });
    expect(table([], [replication]).flood).toEqual([{ vtep: h3, source: "fabric" }]);
  });

  it("mac table: routes of RFC 9572, or a leaf that is asked for -> flooding by RT-3 alone, as without them", () => {
    const rd = `${h3}:2` as RouteDistinguisher;
    const pmsi = { tunnelType: 6, leafInformationRequired: true, vni: 100 as Vni, endpoint: h3 };
    const segmented: ReceivedRoute["nlri"][] = [
      { type: "per-region-i-pmsi", rd, ethernetTag: 0, region: "0009fde800000001" },
      { type: "s-pmsi", rd, ethernetTag: 0, originator: h3 },
      { type: "leaf", rd, route: "09", originator: h3 },
    ];
    const fabric = segmented.map((nlri) => ({ ...route(0, h3, { pmsi }), nlri }));
    expect(table([], fabric)).toEqual({ entries: [], flood: [], conflicts: [] });
    const { flood } = table([], [...fabric, imet(h2, { pmsi: { ...pmsi, endpoint: h2 }, multicastFlags: 0x80 })]);
    expect(flood).toEqual([{ vtep: h2, source: "fabric" }]);
  });

  it("mac table: a VTEP of the other family, or no unicast address -> nothing is sent there", () => {
    const v6 = "2001:db8::9" as IpAddress;
    expect(table([], [route(3, v6), imet(v6)])).toMatchObject({ entries: [], flood: [] });
    expect(
      table([], [route(3, tor), route(3, v6, { mobility: { sequence: 9, sticky: false } })]).entries,
    ).toMatchObject([{ vtep: tor }]);
    const pmsi = { tunnelType: 6, leafInformationRequired: false, vni: 100 as Vni };
    for (const endpoint of ["0.0.0.0", "239.1.1.1", "255.255.255.255"]) {
      expect(table([], [imet(tor, { pmsi: { ...pmsi, endpoint: endpoint as IpAddress } })]).flood).toEqual([]);
    }
  });

  it("mac table: routes of a network -> those with one of its route targets, not those with its VNI", () => {
    const foreign = route(3, tor, { routeTargets: ["65009:100" as RouteTarget] });
    expect(routesOf([foreign, route(4, tor)], new Set(["65001:100" as RouteTarget]))).toHaveLength(1);
  });
});
