import { describe, expect, it } from "vitest";
import type { ReceivedRoute } from "../../../edge-agent/bgp/route.ts";
import { DUPLICATE_LIMITS } from "../../../edge-agent/evpn/duplicate-mac.ts";
import type { Declared, IntentTrust, MacOutcome } from "../../../edge-agent/evpn/mac-table.ts";
import { MacVrfTable } from "../../../edge-agent/evpn/mac-vrf-table.ts";
import { createMobilityWatch, type MobilityEvent } from "../../../edge-agent/evpn/mobility.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "./fabric-routes.ts";

const here: Declared = { id: "e1", mac: macOf(1), ips: [], vtep: OWN, mobility: 0, port: "tap1" };

/** One network of one host, with a clock. */
function host(first: readonly Declared[] = [here]) {
  const watch = createMobilityWatch(DUPLICATE_LIMITS);
  const table = new MacVrfTable();
  let declared = first;
  let heard: readonly ReceivedRoute[] = [];
  let nowMs = 0;
  for (const { mac } of declared) table.touch(mac);
  const work = (trust: IntentTrust) => {
    const events: MobilityEvent[] = [];
    for (const mac of watch.takeDue(nowMs).get("blue") ?? []) table.touch(mac);
    const part = { declared: (mac: Mac) => declared.find((each) => each.mac === mac), members: () => [] };
    const settle = (mac: Mac, outcome: MacOutcome) => {
      const more = watch.settle("blue", mac, outcome, { vtep: OWN, nowMs });
      events.push(...more);
      return more.length > 0;
    };
    table.step(part, { ownVtep: OWN, decisions: watch.decisions("blue"), trust }, settle, Number.POSITIVE_INFINITY);
    const entry = table.entry(macOf(1));
    return { entry, conflict: table.conflicts.get(macOf(1)), kinds: events.map(({ kind }) => kind), nowMs };
  };
  return {
    watch,
    /** Time passes, then the fabric says this. */
    sees: (fabric: readonly ReceivedRoute[], afterMs = 0, trust: IntentTrust = "current") => {
      nowMs += afterMs;
      for (const route of heard) table.delete(route);
      for (const route of fabric) table.put(route);
      heard = fabric;
      table.touchConflicts();
      return work(trust);
    },
    /** The clock shows what was due, to the last bit. */
    waitsUntil: (atMs: number) => {
      nowMs = atMs;
      return work("current");
    },
    /** Nothing changes, but time passes. */
    waits: (ms: number) => {
      nowMs += ms;
      return work("current");
    },
    declares: (next: readonly Declared[]) => {
      for (const { mac } of [...declared, ...next]) table.touch(mac);
      declared = next;
      return work("current");
    },
  };
}

describe("a claim on an endpoint declared here", () => {
  it("claim: due at a fraction of a millisecond -> taken back when it is due, not due for ever", () => {
    for (let n = 1; n <= 200; n++) {
      const { sees, waitsUntil, watch } = host();
      sees([macRoute(1, HIGH, { sequence: 4 })], n * 1.1);
      expect(waitsUntil(watch.dueMs() ?? 0).kinds, `from ${n * 1.1}`).toEqual(["mac-taken-back"]);
    }
  });

  it("claim: a higher sequence that stands for a second -> taken back with one above (RFC 7432 15.1)", () => {
    const { sees, watch } = host();
    const claim = [macRoute(1, HIGH, { sequence: 4 })];
    const first = sees(claim);
    expect(first.conflict).toMatchObject({ response: "raise", fabricVtep: HIGH, fabricMobility: 4 });
    expect(first.entry).toMatchObject({ source: "local", mobility: 0 });
    expect(watch.dueMs()).toBe(1000);
    const second = sees(claim, 1000);
    expect(second.kinds).toEqual(["mac-taken-back"]);
    expect(second.entry).toMatchObject({ source: "local", port: "tap1", mobility: 5 });
    expect(second.conflict).toBeUndefined();
    expect(sees([]).entry).toMatchObject({ mobility: 5 });
  });

  it("claim: withdrawn within the second (a move that intent was about to tell) -> nothing is raised", () => {
    const { sees } = host();
    sees([macRoute(1, HIGH, { sequence: 1 })]);
    sees([], 900);
    expect(sees([macRoute(1, HIGH, { sequence: 1 })], 900).entry).toMatchObject({ mobility: 0 });
  });

  it("claim: an equal sequence from a lower VTEP, which wins ties -> taken back; from a higher one -> kept", () => {
    const lost = host();
    lost.sees([macRoute(1, LOW)]);
    expect(lost.sees([macRoute(1, LOW)], 1000).entry).toMatchObject({ mobility: 1 });
    const won = host();
    won.sees([macRoute(1, HIGH)]);
    const later = won.sees([macRoute(1, HIGH)], 5000);
    expect(later.entry).toMatchObject({ mobility: 0 });
    expect(later.conflict).toMatchObject({ response: "keep" });
  });

  it("claim: sticky -> never taken back, kept and reported (RFC 7432 15.2: the operator is told)", () => {
    const { sees } = host();
    const claim = [macRoute(1, HIGH, { sticky: true, sequence: 3 })];
    sees(claim);
    const later = sees(claim, 60_000);
    expect(later.entry).toMatchObject({ source: "local", mobility: 0 });
    expect(later.conflict).toMatchObject({ fixed: true, response: "keep" });
  });

  it("claim: the highest sequence there is -> cannot be raised, kept and reported (RFC 7432 7.7: 32 bits)", () => {
    const { sees } = host();
    const claim = [macRoute(1, HIGH, { sequence: 0xffffffff })];
    sees(claim);
    expect(sees(claim, 60_000)).toMatchObject({ entry: { mobility: 0 }, conflict: { response: "keep" }, kinds: [] });
  });

  it("claim: the cloud was lost a moment ago -> kept; away for long -> a higher sequence is followed", () => {
    const { sees } = host();
    const claim = [macRoute(1, HIGH, { sequence: 1 })];
    expect(sees(claim, 0, "recent")).toMatchObject({ entry: { source: "local" }, conflict: { response: "keep" } });
    const old = sees(claim, 60_000, "old");
    expect(old).toMatchObject({ entry: { source: "fabric", vtep: HIGH, endpoint: "e1" }, kinds: [] });
    expect(sees([macRoute(1, LOW)], 0, "old").entry).toMatchObject({ source: "local" });
    expect(sees(claim, 0, "current").entry).toMatchObject({ source: "local" });
  });

  it("claim: taken back and claimed again, to and fro -> frozen at the fifth move, not raised any more, reported", () => {
    const { sees, watch } = host();
    const seen: string[] = [];
    let sequence = 1;
    for (let round = 0; round < 5; round++) {
      const claim = [macRoute(1, HIGH, { sequence })];
      seen.push(...sees(claim, 1000).kinds);
      const after = sees(claim, 1000);
      seen.push(...after.kinds);
      sequence = Math.max(sequence, after.entry?.mobility ?? 0) + 1;
    }
    expect(seen).toEqual(["mac-taken-back", "mac-taken-back", "duplicate-mac"]);
    const frozen = sees([macRoute(1, HIGH, { sequence: 99 })], 1000);
    expect(frozen).toMatchObject({
      entry: { source: "local", frozen: true, mobility: 4 },
      conflict: { response: "frozen" },
    });
    expect(watch.moved(0)).toMatchObject([{ mac: macOf(1), moves: 5, frozen: {} }]);
  });

  it("claim: frozen, then cleared by the operator -> taken back again", () => {
    const { sees, watch } = host();
    for (let sequence = 1; sequence < 20; sequence += 2) {
      sees([macRoute(1, HIGH, { sequence })], 1000);
      sees([macRoute(1, HIGH, { sequence })], 1000);
    }
    const claim = [macRoute(1, HIGH, { sequence: 50 })];
    expect(sees(claim).conflict?.response).toBe("frozen");
    expect(watch.clear(macOf(1))).toEqual(["blue"]);
    expect(watch.clear(macOf(1))).toEqual([]);
    sees(claim);
    expect(sees(claim, 1000)).toMatchObject({ entry: { mobility: 51 }, kinds: ["mac-taken-back"] });
  });

  it("claim: the endpoint is moved away by the API -> its raised sequence is forgotten", () => {
    const { sees, waits, declares, watch } = host();
    sees([macRoute(1, HIGH, { sequence: 4 })]);
    expect(waits(1000).entry).toMatchObject({ source: "local", mobility: 5 });
    expect(watch.decisions("blue").raised.get(macOf(1))).toBe(5);
    const { port: _, ...elsewhere } = here;
    declares([{ ...elsewhere, vtep: LOW, mobility: 1 }]);
    expect(watch.decisions("blue").raised.size).toBe(0);
    watch.forget("blue");
    expect(watch.moved(3000)).toEqual([]);
  });

  it("claim: the sequence was raised, then the cloud is away and a higher claim is followed -> forgotten, and raised anew", () => {
    const { sees, waits, watch } = host();
    sees([macRoute(1, HIGH, { sequence: 4 })]);
    waits(1000);
    expect(sees([macRoute(1, HIGH, { sequence: 9 })], 0, "old").entry).toMatchObject({ source: "fabric", vtep: HIGH });
    expect(watch.decisions("blue").raised.size).toBe(0);
    sees([macRoute(1, HIGH, { sequence: 9 })]);
    expect(waits(1000).entry).toMatchObject({ source: "local", mobility: 10 });
  });

  it("claim: raised -> stays as high while the endpoint stays, over its withdrawal and lower claims", () => {
    const { sees, waits } = host();
    sees([macRoute(1, HIGH, { sequence: 4 })]);
    waits(1000);
    expect(sees([]).entry).toMatchObject({ mobility: 5 });
    expect(sees([macRoute(1, LOW, { sequence: 4 })], 60_000)).toMatchObject({ entry: { mobility: 5 }, kinds: [] });
    expect(sees([macRoute(1, HIGH, { sequence: 7 })])).toMatchObject({ conflict: { response: "raise" } });
    expect(waits(1000).entry).toMatchObject({ mobility: 8 });
  });
});

describe("a MAC that nobody declared", () => {
  it("undeclared: moves between VTEPs with rising sequences -> followed, and frozen at the fifth move", () => {
    const { sees, watch } = host([]);
    const kinds: string[] = [];
    for (let n = 1; n <= 6; n++) kinds.push(...sees([macRoute(1, n % 2 ? LOW : HIGH, { sequence: n })], 1000).kinds);
    expect(kinds).toEqual(["duplicate-mac"]);
    const both = [macRoute(1, LOW, { sequence: 9 }), macRoute(1, HIGH, { sequence: 6 })];
    expect(sees(both).entry).toMatchObject({ vtep: HIGH, frozen: true });
    expect(watch.dueMs()).toBeLessThanOrEqual(6000 + DUPLICATE_LIMITS.freezeMs);
    const released = sees(both, DUPLICATE_LIMITS.freezeMs);
    expect(released.kinds).toEqual(["duplicate-mac-released"]);
    expect(released.entry).toMatchObject({ vtep: LOW });
    expect(released.entry?.frozen).toBeUndefined();
  });

  it("undeclared: frozen, and its place withdraws it -> the place that is left, not a black hole", () => {
    const { sees } = host([]);
    for (let n = 1; n <= 6; n++) sees([macRoute(1, n % 2 ? LOW : HIGH, { sequence: n })], 1000);
    expect(sees([macRoute(1, LOW, { sequence: 9 })]).entry).toMatchObject({ vtep: LOW });
    expect(sees([]).entry).toBeUndefined();
  });

  it("undeclared: the higher sequence is withdrawn -> the path that is left, at once (FRR 8.4.4 stays on the stale one)", () => {
    const { sees } = host([]);
    const older = macRoute(1, HIGH, { sequence: 7 });
    expect(sees([older, macRoute(1, LOW, { sequence: 9 })]).entry).toMatchObject({ vtep: LOW, mobility: 9 });
    expect(sees([older]).entry).toMatchObject({ vtep: HIGH, mobility: 7 });
  });

  it("undeclared: never moved -> nothing is remembered of it", () => {
    const { sees, watch } = host([]);
    sees([macRoute(1, LOW)]);
    expect(watch.moved(0)).toEqual([]);
    expect(watch.dueMs()).toBeUndefined();
  });
});
