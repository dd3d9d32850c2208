// Duplicate MAC detection (RFC 7432 15.1) for one MAC, as a pure state machine: N moves within M seconds, and the MAC is
// frozen: where it is stays where it is, and its sequence is not raised any more, until an operator clears it or a time
// has passed. A move is a new place with a higher sequence; falling back after a withdrawal is none.

import { assertNever } from "../../shared/assert.ts";
import type { Place } from "./fabric-path.ts";

export type DuplicateLimits = {
  /** N of RFC 7432 15.1. */
  readonly moves: number;
  /** M of RFC 7432 15.1, ms. */
  readonly withinMs: number;
  /** After so long a frozen MAC is given another chance; the RFC leaves this to the operator. */
  readonly freezeMs: number;
};

/** The RFC's defaults. */
export const DUPLICATE_LIMITS: DuplicateLimits = { moves: 5, withinMs: 180_000, freezeMs: 540_000 };

/** What is remembered of a MAC that has moved at least once. */
export type MacHistory = {
  readonly place: Place;
  /** The highest sequence seen. */
  readonly sequence: number;
  /** The moves within the last M, oldest first. */
  readonly movesAtMs: readonly number[];
  readonly frozenAtMs?: number;
};

export type MacSighting =
  | { readonly type: "seen"; readonly place: Place; readonly sequence: number }
  /** Time has passed. */
  | { readonly type: "tick" }
  /** An operator's command. */
  | { readonly type: "clear" };

/** The next history; undefined when there is nothing left to remember. */
export function stepMac(
  history: MacHistory | undefined,
  event: MacSighting,
  nowMs: number,
  limits: DuplicateLimits,
): MacHistory | undefined {
  switch (event.type) {
    case "clear":
      return undefined;
    case "tick":
      return history && expire(history, nowMs, limits);
    case "seen": {
      const { place, sequence } = event;
      const current = history && expire(history, nowMs, limits);
      if (!current) return { place, sequence, movesAtMs: [] };
      if (current.frozenAtMs !== undefined) return current;
      const moved = place !== current.place && sequence > current.sequence;
      const movesAtMs = moved ? [...current.movesAtMs, nowMs] : current.movesAtMs;
      const frozen = movesAtMs.length >= limits.moves ? { frozenAtMs: nowMs } : {};
      return { place, sequence: Math.max(sequence, current.sequence), movesAtMs, ...frozen };
    }
    default:
      return assertNever(event);
  }
}

/** When `tick` would change something; undefined when never. */
export function releaseAtMs({ frozenAtMs }: MacHistory, limits: DuplicateLimits): number | undefined {
  return frozenAtMs === undefined ? undefined : frozenAtMs + limits.freezeMs;
}

/** Moves before the window are forgotten; a frozen MAC is released, with its count at zero, when its time is over. */
function expire(history: MacHistory, nowMs: number, limits: DuplicateLimits): MacHistory {
  const { place, sequence, movesAtMs, frozenAtMs } = history;
  if (frozenAtMs !== undefined) {
    return nowMs < frozenAtMs + limits.freezeMs ? history : { place, sequence, movesAtMs: [] };
  }
  const [oldest] = movesAtMs;
  if (oldest === undefined || nowMs < oldest + limits.withinMs) return history;
  return { place, sequence, movesAtMs: movesAtMs.filter((atMs) => nowMs < atMs + limits.withinMs) };
}
