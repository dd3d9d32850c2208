// What a host lacks: (what it holds, what it should hold) -> per channel nothing, entries or a snapshot, and what to
// leave. Pure; whether the log really has the entries is seen when it is read (`usableEntries`).

import { type Digest, EMPTY_DIGEST } from "../../shared/message/digest.ts";
import type { LogEntry } from "../../shared/message/inbox.ts";
import type { Channel } from "../../shared/model/record.ts";
import type { Head } from "../publish/channel-items.ts";

/** What a host says that it holds of one channel. */
export type Held = { readonly channel: Channel; readonly seq: number; readonly digest: Digest };

/** The most log entries that are sent in place of a snapshot. */
export const MAX_ENTRIES = 50;

export type ChannelPlan =
  | { readonly kind: "equal" }
  | { readonly kind: "entries"; readonly from: Held }
  /** `diverged`: same or later seq with other content, which must never be and is counted. */
  | { readonly kind: "snapshot"; readonly diverged: boolean };

/** How to bring a host from what it holds of a channel to the channel's head. */
export function planChannel(head: Head, held: Held | undefined): ChannelPlan {
  if (!held) return { kind: "snapshot", diverged: false };
  if (held.seq === head.seq && held.digest === head.digest) return { kind: "equal" };
  if (held.seq >= head.seq) return { kind: "snapshot", diverged: true };
  return head.seq - held.seq <= MAX_ENTRIES ? { kind: "entries", from: held } : { kind: "snapshot", diverged: false };
}

/**
 * The entries that lead from `from` to `head`, of those in the log from `from.seq` on; undefined if one is missing, or
 * the host's state at `from.seq` is not the log's: then only a snapshot helps.
 */
export function usableEntries(head: Head, from: Held, log: readonly LogEntry[]): LogEntry[] | undefined {
  const start = from.seq === 0 ? EMPTY_DIGEST : log.find((entry) => entry.seq === from.seq)?.digest;
  return start === from.digest ? entriesAfter(head, from.seq, log) : undefined;
}

/** The entries that lead from a state of the log itself at `fromSeq` to `head`; undefined if one is missing. */
export function entriesAfter(head: Head, fromSeq: number, log: readonly LogEntry[]): LogEntry[] | undefined {
  const entries = log.filter((entry) => entry.seq > fromSeq && entry.seq <= head.seq);
  let seq = fromSeq;
  for (const entry of entries) {
    if (entry.prev !== seq) return undefined;
    seq = entry.seq;
  }
  return seq === head.seq ? entries : undefined;
}

/** The channels that a host holds and should not. */
export function channelsToLeave(have: readonly Held[], should: ReadonlySet<Channel>): Channel[] {
  return [...new Set(have.map((held) => held.channel))].filter((channel) => !should.has(channel));
}
