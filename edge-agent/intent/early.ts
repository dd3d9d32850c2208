// Log entries that came before what they build on. Most wait a moment for their predecessor, or for the answer to a sync
// that brings it. One that no answer explains belongs to a log that is no more: it is let go, so that nothing is kept for
// ever. That is safe: what was let go in error is a gap again with the next entry, or the report shows the host behind.

import type { LogEntry } from "../../shared/message/inbox.ts";
import type { Channel } from "../../shared/model/record.ts";

/** By channel and the `prev` of the entry. */
export type EarlyEntries = Map<Channel, { readonly byPrev: Map<number, LogEntry>; answers: number }>;

/** More entries of a channel than that are not kept: a snapshot is shorter. */
const MOST_OF_CHANNEL = 1_000;
/** Nor more than that of all channels: what is not kept is a gap that the cloud is asked about. */
const MOST_IN_ALL = 20_000;
/** An answer may have been on its way when the entry came; the next one was asked for afterwards. */
const MOST_ANSWERS = 2;

export function keepEarly(early: EarlyEntries, entry: LogEntry): void {
  const waiting = early.get(entry.channel) ?? { byPrev: new Map<number, LogEntry>(), answers: 0 };
  early.set(entry.channel, waiting);
  waiting.answers = 0;
  if (waiting.byPrev.size < MOST_OF_CHANNEL && countEarly(early) < MOST_IN_ALL) waiting.byPrev.set(entry.prev, entry);
}

/** The entry that follows `seq`; it and all older ones are no longer kept. */
export function takeEarly(early: EarlyEntries, channel: Channel, seq: number): LogEntry | undefined {
  const byPrev = early.get(channel)?.byPrev;
  const next = byPrev?.get(seq);
  for (const [prev, entry] of byPrev ?? []) if (entry.seq <= seq || prev === seq) byPrev?.delete(prev);
  if (byPrev?.size === 0) early.delete(channel);
  return next;
}

/** The cloud answered whole about these channels; true if entries of them wait on, so that it is to be asked again. */
export function outliveAnswer(early: EarlyEntries, covers: (channel: Channel) => boolean): boolean {
  let any = false;
  for (const [channel, waiting] of early) {
    if (!covers(channel)) continue;
    if (++waiting.answers >= MOST_ANSWERS) early.delete(channel);
    else any = true;
  }
  return any;
}

function countEarly(early: EarlyEntries): number {
  let sum = 0;
  for (const { byPrev } of early.values()) sum += byPrev.size;
  return sum;
}
