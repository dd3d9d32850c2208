import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DUPLICATE_LIMITS,
  type MacHistory,
  type MacSighting,
  releaseAtMs,
  stepMac,
} from "../../../edge-agent/evpn/duplicate-mac.ts";

const step = (history: MacHistory | undefined, event: MacSighting, nowMs: number) =>
  stepMac(history, event, nowMs, DUPLICATE_LIMITS);

/** Moves to and fro, one sequence higher each time. */
function moves(count: number, everyMs: number): MacHistory | undefined {
  let history = step(undefined, { type: "seen", place: "a", sequence: 0 }, 0);
  for (let n = 1; n <= count; n++) {
    history = step(history, { type: "seen", place: n % 2 ? "b" : "a", sequence: n }, n * everyMs);
  }
  return history;
}

describe("duplicate MAC", () => {
  it("duplicate MAC: 5 moves in 180 s -> frozen where the fifth took it (RFC 7432 15.1)", () => {
    expect(moves(4, 30_000)?.frozenAtMs).toBeUndefined();
    expect(moves(5, 30_000)).toMatchObject({ frozenAtMs: 150_000, place: "b", sequence: 5 });
  });

  it("duplicate MAC: 5 moves in more than 180 s -> not frozen, however long it goes on", () => {
    expect(moves(50, 45_000)?.frozenAtMs).toBeUndefined();
  });

  it("duplicate MAC: a place with a lower or equal sequence -> no move: the newer route was withdrawn", () => {
    let history = step(undefined, { type: "seen", place: "a", sequence: 9 }, 0);
    for (let n = 0; n < 20; n++) history = step(history, { type: "seen", place: n % 2 ? "a" : "b", sequence: 7 }, n);
    expect(history).toMatchObject({ movesAtMs: [], sequence: 9 });
  });

  it("duplicate MAC: a higher sequence at the same place -> no move", () => {
    const history = step(moves(1, 1), { type: "seen", place: "b", sequence: 99 }, 2);
    expect(history?.movesAtMs).toHaveLength(1);
  });

  it("duplicate MAC: frozen, then more moves -> place and count stay (15.1: routes are not processed)", () => {
    const frozen = moves(5, 1);
    expect(step(frozen, { type: "seen", place: "c", sequence: 99 }, 10)).toEqual(frozen);
  });

  it("duplicate MAC: the time of freeze is over -> followed again, the count at zero", () => {
    const frozen = moves(5, 1);
    const due = frozen && releaseAtMs(frozen, DUPLICATE_LIMITS);
    expect(due).toBe(5 + DUPLICATE_LIMITS.freezeMs);
    expect(step(frozen, { type: "tick" }, (due ?? 0) - 1)).toEqual(frozen);
    expect(step(frozen, { type: "tick" }, due ?? 0)).toEqual({ place: "b", sequence: 5, movesAtMs: [] });
    expect(step(frozen, { type: "seen", place: "a", sequence: 6 }, due ?? 0)).toMatchObject({
      place: "a",
      movesAtMs: [due],
    });
  });

  it("duplicate MAC: cleared -> nothing is remembered", () => {
    expect(step(moves(5, 1), { type: "clear" }, 6)).toBeUndefined();
  });

  it("duplicate MAC: any sightings -> frozen only with N moves within M, and never more than N remembered", () => {
    const sightings = fc.array(
      fc.record({ afterMs: fc.nat(60_000), place: fc.constantFrom("a", "b", "c"), sequence: fc.nat(50) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(sightings, (list) => {
        let history: MacHistory | undefined;
        let nowMs = 0;
        for (const { afterMs, place, sequence } of list) {
          nowMs += afterMs;
          history = step(history, { type: "seen", place, sequence }, nowMs);
          const times = history?.movesAtMs ?? [];
          expect(times.length).toBeLessThanOrEqual(DUPLICATE_LIMITS.moves);
          if (history?.frozenAtMs === undefined) continue;
          expect(times).toHaveLength(DUPLICATE_LIMITS.moves);
          expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(DUPLICATE_LIMITS.withinMs);
        }
      }),
    );
  });
});
