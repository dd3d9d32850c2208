// The RIBs against the simplest models of them: a map of what was announced last and not withdrawn.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Asn } from "../../../shared/address/vni.ts";
import { AdjRibIn } from "../../../edge-agent/bgp/adj-rib-in.ts";
import { AdjRibOut } from "../../../edge-agent/bgp/adj-rib-out.ts";
import { evpnForm } from "../../../edge-agent/bgp/export-form.ts";
import { type PreparedExport, prepareExport } from "../../../edge-agent/bgp/export.ts";
import { pathInformation } from "../../../edge-agent/bgp/path-information.ts";
import { type RouteChange, routeKey } from "../../../edge-agent/bgp/route.ts";
import { HEADER_OCTETS } from "../../../edge-agent/bgp/wire/message.ts";
import { decodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import { exportOf, macRoute, OURS, PEER, TARGET } from "./scripted-peer.ts";

const IBGP = { asn: 65000 as Asn, internal: true, asOctets: 4 } as const;
const POLICY = { asn: 65000 as Asn, routerId: OURS, ownAddresses: new Set([OURS]), accept: () => true };

describe("adj-rib-out", () => {
  it("any announcements and withdrawals, sent at any pace -> the peer ends with exactly what is desired", () => {
    const act = fc.record({
      what: fc.constantFrom(
        "announce" as const,
        "announce" as const,
        "withdraw" as const,
        "send" as const,
        "refresh" as const,
      ),
      route: fc.nat(6),
      sequence: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.constantFrom(4096, 150), (acts, maxOctets) => {
        const rib = new AdjRibOut(evpnForm(IBGP), maxOctets);
        const desired = new Map<string, PreparedExport>();
        const peer = new Map<string, number>();
        const send = (): boolean => {
          const message = rib.nextMessage();
          if (!message) return false;
          expect(message.length).toBeLessThanOrEqual(maxOctets);
          const update = decodeUpdate(message.subarray(HEADER_OCTETS), IBGP);
          if (update.severity !== "ok") expect.unreachable(JSON.stringify(update));
          for (const route of update.withdrawn) expect(peer.delete(routeKey(route))).toBe(true);
          const sequence = pathInformation(update.attributes)?.mobility?.sequence ?? 0;
          for (const route of update.announced) peer.set(routeKey(route), sequence);
          return true;
        };
        for (const { what, route, sequence } of acts) {
          const prepared = prepareExport(exportOf(route, { sequence, sticky: false }));
          if (what === "announce") {
            desired.set(prepared.key, prepared);
            rib.announce(prepared);
          } else if (what === "withdraw") {
            desired.delete(prepared.key);
            rib.withdraw(prepared.key);
          } else if (what === "refresh") rib.resendAll();
          else send();
        }
        for (let left = 100; send(); left--) expect(left).toBeGreaterThan(0);
        const wanted = Array.from(desired, ([key, { route }]) => [key, route.mobility?.sequence ?? 0]);
        expect(Object.fromEntries(peer)).toEqual(Object.fromEntries(wanted));
        expect(rib.size).toBe(desired.size);
      }),
      { numRuns: 300 },
    );
  });
});

describe("adj-rib-in", () => {
  it("any announcements, withdrawals and lost sessions -> holds the last word on each route, and tells each change once", () => {
    const act = fc.record({
      what: fc.constantFrom(
        "announce" as const,
        "announce" as const,
        "withdraw" as const,
        "lose" as const,
        "sweep" as const,
      ),
      route: fc.nat(5),
      med: fc.nat(1),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const rib = new AdjRibIn({ peer: PEER, peerAsn: 65000 as Asn, generation: 0 });
        const model = new Map<string, { med: number; stale: boolean }>();
        const told = new Map<string, number | undefined>();
        for (const { what, route, med } of acts) {
          const nlri = macRoute(route);
          const key = routeKey(nlri);
          const path = pathInformation({
            mpReach: { family: "evpn", nextHop: PEER, routes: [], invalid: [], skipped: 0 },
            extCommunities: [{ kind: "route-target", target: TARGET }],
            med,
          });
          const changes: RouteChange[] = [];
          if (what === "announce") {
            model.set(key, { med, stale: false });
            rib.apply({ announced: [nlri], withdrawn: [] }, path, POLICY, changes);
          } else if (what === "withdraw") {
            model.delete(key);
            rib.apply({ announced: [], withdrawn: [nlri] }, undefined, POLICY, changes);
          } else if (what === "lose") {
            for (const entry of model.values()) entry.stale = true;
            rib.markStale();
          } else {
            for (const [it, { stale }] of model) if (stale) model.delete(it);
            rib.sweepStale(changes);
          }
          for (const change of changes) {
            expect(told.get(change.key)).toBe(change.before?.med);
            expect(change.after?.med).not.toBe(change.before?.med);
            if (change.after) told.set(change.key, change.after.med);
            else told.delete(change.key);
          }
          expect(Object.fromEntries(told)).toEqual(Object.fromEntries(Array.from(model, ([it, { med }]) => [it, med])));
          expect(rib.staleCount).toBe([...model.values()].filter((it) => it.stale).length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
