// How long a change took to be live, over the hosts that have it. Pure.

import type { ChannelRow } from "./report-items.ts";

/** Milliseconds from the change's being stored to the report that proved it live, over the `measured` hosts. */
export type LiveTimes = { measured: number; p50Ms: number; p99Ms: number; maxMs: number };

/** When a host was proven to have step `seq`, ms since the epoch; undefined if it has it not, or it is not known any more. */
export function livedAt(seq: number, { lived }: Pick<ChannelRow, "lived">): number | undefined {
  const at = lived.findIndex((each) => each.seq >= seq);
  // Of the first one it is not known for how long it was so.
  return at > 0 ? lived[at]?.atMs : undefined;
}

/** Undefined if nothing was measured. A clock that went back counts as no time. */
export function liveTimes(sinceMs: number, atMs: readonly number[]): LiveTimes | undefined {
  const took = atMs.map((each) => Math.max(0, each - sinceMs)).sort((a, b) => a - b);
  if (took.length === 0) return undefined;
  const rank = (part: number) => took[Math.max(0, Math.ceil(took.length * part) - 1)] ?? 0;
  return { measured: took.length, p50Ms: rank(0.5), p99Ms: rank(0.99), maxMs: rank(1) };
}
