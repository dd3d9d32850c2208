// One host's report on one channel against the channel's log: is it live, behind or diverged, is there anything to write,
// does the host need an answer. Pure. When in doubt a host is not live.

import type { Digest } from "../../shared/message/digest.ts";
import type { LogEntry } from "../../shared/message/inbox.ts";
import type { ChannelReport, PeerReport } from "../../shared/message/report.ts";
import { channelNetwork, channelRouter } from "../../shared/model/record.ts";
import { EMPTY_HEAD, type Head, type SiteSums } from "../publish/channel-items.ts";
import { fabricProof } from "./fabric-proof.ts";
import type { ChannelRow, Stamp } from "./report-items.ts";

/** A row that says the same is written again after this, to show that it still holds. */
export const REWRITE_AFTER_MS = 5 * 60_000;
/** A host that lacks an entry is given this long before it is sent again: its delta may be on the way. */
export const GRACE_MS = 5_000;

/** How many of the times at which a host became live are kept: enough for the changes of the last moments. */
const LIVED_KEPT = 16;

/** An entry with the sums that the log keeps beside it. */
export type Applied = LogEntry & { readonly sites?: SiteSums };

/** The log as far as a report on one channel needs it. */
export type ChannelFacts = {
  readonly head: Head;
  /** Of a network: the host has no endpoint there, and is proven by what it routes. */
  readonly isRouted?: boolean;
  /** The host has not heard yet that it carries the channel: what it holds is of an earlier time, and it will let go of it. */
  readonly isStale?: boolean;
  /** The entry that the host is at, if it is not the head and the log still has it. */
  readonly applied?: Applied;
  /** The host's own site. */
  readonly site?: string | undefined;
  /** When the first entry that the host lacks was committed, ms since the epoch; undefined if it is no longer known. */
  readonly lackingSinceMs?: number;
};

/** Where a report comes from and when it came. */
export type Received = Stamp & {
  readonly nowMs: number;
  readonly bgp: readonly PeerReport[];
};

/** The row that a report makes; `previous` is the one before it. */
export function assessChannel(
  report: ChannelReport,
  facts: ChannelFacts,
  received: Received,
  previous: ChannelRow | undefined,
): ChannelRow {
  const state = stateAt(report.seq, facts);
  const faithful = state !== undefined && state.digest === report.digest;
  const held = faithful && facts.isStale !== true && kernelHolds(report, state, facts.isRouted === true);
  const liveSeq = Math.max(previous?.liveSeq ?? 0, held ? report.seq : 0);
  // A log that no longer has the host's entry cannot tell whether anything is wrong.
  const wrong = state !== undefined && !held;
  const proof =
    faithful && facts.isStale !== true
      ? fabricProof(report, { forwarding: state.forwarding, sites: state.sites, site: facts.site }, received)
      : undefined;
  const fabric = proof ?? previous?.fabric;
  return {
    appliedSeq: report.seq,
    digest: report.digest,
    ...(report.kernel === undefined ? {} : { kernel: report.kernel }),
    faithful,
    live: held && report.seq === facts.head.seq,
    liveSeq,
    lived: livedAfter(liveSeq, received.nowMs, previous),
    ...(wrong ? { wrongSinceMs: previous?.wrongSinceMs ?? received.nowMs } : {}),
    ...(fabric ? { fabric: unchanged(fabric, previous?.fabric) } : {}),
    problems: report.problems,
    atMs: received.nowMs,
    startedAtMs: received.startedAtMs,
    number: received.number,
    ...(received.sentMs === undefined ? {} : { sentMs: received.sentMs }),
  };
}

function livedAfter(liveSeq: number, nowMs: number, previous: ChannelRow | undefined): ChannelRow["lived"] {
  const before = previous?.lived ?? [];
  if (liveSeq === (previous?.liveSeq ?? 0)) return before;
  const begun = before.length > 0 ? before : [{ seq: previous?.liveSeq ?? 0, atMs: nowMs }];
  return [...begun, { seq: liveSeq, atMs: nowMs }].slice(-LIVED_KEPT);
}

/** The one before it if it says the same of the same step: a row that says nothing new is not written. */
function unchanged(
  now: NonNullable<ChannelRow["fabric"]>,
  before: ChannelRow["fabric"],
): NonNullable<ChannelRow["fabric"]> {
  return before && JSON.stringify({ ...now, atMs: before.atMs }) === JSON.stringify(before) ? before : now;
}

/** True if the row says something new, or the old one is old. */
export function isWorthWriting(row: ChannelRow, previous: ChannelRow | undefined): boolean {
  if (!previous || row.atMs - previous.atMs >= REWRITE_AFTER_MS) return true;
  return (
    row.appliedSeq !== previous.appliedSeq ||
    row.digest !== previous.digest ||
    row.kernel !== previous.kernel ||
    row.faithful !== previous.faithful ||
    row.live !== previous.live ||
    row.liveSeq !== previous.liveSeq ||
    row.wrongSinceMs !== previous.wrongSinceMs ||
    row.fabric !== previous.fabric ||
    JSON.stringify(row.problems) !== JSON.stringify(previous.problems)
  );
}

/** True if the host has to be sent what it lacks: it diverged, or has lacked an entry for longer than a delta takes. */
export function needsAnswer(row: ChannelRow, facts: ChannelFacts, nowMs: number): boolean {
  if (row.appliedSeq >= facts.head.seq) return !row.faithful;
  if (facts.lackingSinceMs === undefined) return true;
  // A log that no longer has the host's entry cannot tell whether it diverged; catching up will.
  const diverged = facts.applied !== undefined && !row.faithful;
  return diverged || nowMs - facts.lackingSinceMs > GRACE_MS;
}

/** The state that the log says a replica at `seq` has; undefined if the log does not say. */
function stateAt(seq: number, facts: ChannelFacts): Head | Applied | undefined {
  if (seq === facts.head.seq) return facts.head;
  if (seq === 0) return EMPTY_HEAD;
  return facts.applied?.seq === seq ? facts.applied : undefined;
}

/**
 * A kernel is proven by its digest: of a network's members, of those that only route there, or of a router's static routes.
 * A host channel has none: it is applied, without a problem. What the host should have let go of and has not is one.
 */
function kernelHolds(
  report: ChannelReport,
  { forwarding, routed }: { readonly forwarding: Digest; readonly routed?: Digest | undefined },
  isRouted: boolean,
): boolean {
  if (channelNetwork(report.channel) === undefined && channelRouter(report.channel) === undefined)
    return report.problems.length === 0;
  const expected = isRouted ? routed : forwarding;
  return expected !== undefined && report.kernel === expected;
}
