// Which of its channels a host does not have as it should, for its own row: so that the fleet can be looked over without a
// look at every channel of every host. Pure.

import type { Channel } from "../../shared/model/record.ts";
import type { ChannelFacts } from "./assess.ts";
import type { ChannelRow, HostRow } from "./report-items.ts";

/** As many as a host's row names: the longest in trouble. */
const KEPT = 20;

export type LaggingChannel = HostRow["lagging"][number];

/** What is wrong with one channel; undefined: nothing. */
export function laggingChannel(
  channel: Channel,
  { row, facts, nowMs }: { readonly row: ChannelRow; readonly facts: ChannelFacts; readonly nowMs: number },
): LaggingChannel | undefined {
  if (row.live) return undefined;
  const behindBy = facts.head.seq - row.appliedSeq;
  if (behindBy > 0) return { channel, state: "behind", behindBy, sinceMs: facts.lackingSinceMs ?? nowMs };
  return { channel, state: row.faithful ? "kernel" : "diverged", behindBy: 0, sinceMs: row.wrongSinceMs ?? nowMs };
}

/** What a host lags with after a report of `looked` channels; of a report in parts, the others are as they were. */
export function laggingAfter(
  before: readonly LaggingChannel[],
  now: readonly LaggingChannel[],
  { looked, held, partial }: { looked: ReadonlySet<string>; held: ReadonlySet<string>; partial: boolean },
): LaggingChannel[] {
  const kept = partial ? before.filter(({ channel }) => held.has(channel) && !looked.has(channel)) : [];
  const started = new Map(before.map((each) => [`${each.channel} ${each.state}`, each.sinceMs]));
  const since = (each: LaggingChannel) =>
    Math.min(each.sinceMs, started.get(`${each.channel} ${each.state}`) ?? each.sinceMs);
  const all = [...kept, ...now.map((each) => ({ ...each, sinceMs: since(each) }))];
  return all.sort((a, b) => a.sinceMs - b.sinceMs).slice(0, KEPT);
}
