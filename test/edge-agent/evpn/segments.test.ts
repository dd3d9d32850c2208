import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Esi, ReceivedRoute } from "../../../edge-agent/bgp/route.ts";
import { buildMacTable } from "../../../edge-agent/evpn/mac-table.ts";
import { adRoute, ESI_A, HIGH, LOW, macOf, macRoute, OWN } from "./fabric-routes.ts";

const entryOf = (fabric: readonly ReceivedRoute[]) =>
  buildMacTable({ ownVtep: OWN, declared: [], members: [], fabric }).entries[0];
const behindA = (vtep = LOW, extra = {}) => macRoute(1, vtep, { esi: ESI_A, ...extra });
const attached = (vtep = LOW, singleActive = false) => [
  adRoute(vtep, "per-segment", singleActive),
  adRoute(vtep, "per-evi"),
];

describe("multihomed segments", () => {
  it("segments: a MAC route before its segment was announced -> not used (RFC 7432 9.2.2)", () => {
    expect(entryOf([behindA()])).toBeUndefined();
    expect(entryOf([behindA(), adRoute(LOW, "per-evi")])).toBeUndefined();
    expect(entryOf([behindA(), adRoute(LOW, "per-segment")])).toMatchObject({ vtep: LOW });
  });

  it("segments: all-active, learned by one of two -> both reach it, lowest first (RFC 7432 8.4, aliasing)", () => {
    const entry = entryOf([behindA(HIGH), ...attached(LOW), ...attached(HIGH)]);
    expect(entry).toMatchObject({
      vtep: LOW,
      segment: { esi: ESI_A, mode: "all-active", vteps: [LOW, HIGH], backups: [] },
    });
  });

  it("segments: another VTEP of the segment without this EVI -> no alias (RFC 7432 8.4)", () => {
    const entry = entryOf([behindA(HIGH), ...attached(HIGH), adRoute(LOW, "per-segment")]);
    expect(entry?.segment?.vteps).toEqual([HIGH]);
  });

  it("segments: both learned the MAC -> one place with both, no move between them (RFC 7432 15)", () => {
    const routes = [behindA(LOW), behindA(HIGH), adRoute(LOW, "per-segment"), adRoute(HIGH, "per-segment")];
    expect(entryOf(routes)?.segment?.vteps).toEqual([LOW, HIGH]);
    expect(entryOf(routes.toReversed())?.segment?.vteps).toEqual([LOW, HIGH]);
  });

  it("segments: one withdraws its route per segment -> all its MACs go over the other at once (RFC 7432 8.2)", () => {
    const withdrawn = [behindA(LOW), adRoute(LOW, "per-evi"), ...attached(HIGH)];
    expect(entryOf(withdrawn)).toMatchObject({ vtep: HIGH, segment: { vteps: [HIGH] } });
    expect(entryOf([behindA(LOW), adRoute(LOW, "per-evi")])).toBeUndefined();
  });

  it("segments: single-active -> the announcing VTEP alone, the other stands by (RFC 7432 8.4, backup path)", () => {
    const entry = entryOf([behindA(HIGH), ...attached(LOW, true), ...attached(HIGH, true)]);
    expect(entry).toMatchObject({ vtep: HIGH, segment: { mode: "single-active", vteps: [HIGH], backups: [LOW] } });
  });

  it("segments: single-active, the announcing VTEP is gone -> the one backup; of two, none before its MAC route", () => {
    const third = "192.0.2.9" as typeof LOW;
    expect(entryOf([behindA(HIGH), ...attached(LOW, true)])).toMatchObject({ vtep: LOW });
    expect(entryOf([behindA(HIGH), ...attached(LOW, true), ...attached(third, true)])).toBeUndefined();
  });

  it("segments: the reserved MAX-ESI -> the MAC route alone decides (RFC 7432 9.2.2)", () => {
    const entry = entryOf([macRoute(1, LOW, { esi: "ffffffffffffffffffff" as Esi })]);
    expect(entry).toMatchObject({ mac: macOf(1), vtep: LOW });
    expect(entry?.segment).toBeUndefined();
  });

  it("segments: a higher sequence elsewhere -> the MAC left the segment", () => {
    const entry = entryOf([behindA(LOW), ...attached(LOW), macRoute(1, HIGH, { sequence: 1 })]);
    expect(entry).toMatchObject({ vtep: HIGH, mobility: 1 });
    expect(entry?.segment).toBeUndefined();
  });

  it("segments: this host's own address among the attached -> never a way to send", () => {
    expect(entryOf([behindA(LOW), ...attached(LOW), ...attached(OWN)])?.segment?.vteps).toEqual([LOW]);
  });

  it("segments: any order of any routes -> the same table", () => {
    const vteps = [LOW, HIGH, "192.0.2.9" as typeof LOW];
    const route = fc.oneof(
      fc.constantFrom(...vteps.flatMap((vtep) => [...attached(vtep), adRoute(vtep, "per-segment", true)])),
      fc
        .record({ vtep: fc.constantFrom(...vteps), n: fc.integer({ min: 1, max: 2 }), sequence: fc.nat(2) })
        .map(({ vtep, n, sequence }) => macRoute(n, vtep, { esi: ESI_A, sequence })),
      fc.constantFrom(...vteps).map((vtep) => macRoute(1, vtep)),
    );
    const unique = fc.uniqueArray(route, {
      selector: ({ nlri, nextHop }) =>
        nlri.type === "ethernet-ad" ? `${nextHop} ${nlri.ethernetTag}` : `${nextHop} ${"mac" in nlri ? nlri.mac : ""}`,
      maxLength: 12,
    });
    const sorted = (fabric: ReceivedRoute[]) =>
      buildMacTable({ ownVtep: OWN, declared: [], members: [], fabric }).entries.toSorted((a, b) =>
        a.mac < b.mac ? -1 : 1,
      );
    fc.assert(
      fc.property(unique, (fabric) => {
        expect(sorted(fabric.toReversed())).toEqual(sorted(fabric));
      }),
    );
  });
});
