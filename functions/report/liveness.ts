// Is a step of a channel live on a host, and if not, why, in words for people. Pure, and never says live when unsure.

import type { ChannelRow, HostRow } from "./report-items.ts";

/** A host that has not reported for this long counts as offline: three reports of 30 s missed. */
export const OFFLINE_AFTER_MS = 90_000;
/** How many waiting hosts a summary names. */
const NAMED_HOSTS = 3;

export type Waiting = { host: string; reason: string };
export type HostCount = { total: number; live: number; waiting: Waiting[] };

/** What a host reported of one channel, and when it reported at all. */
export type Reported = { readonly row: ChannelRow | undefined; readonly host: HostRow | undefined };

/** Why step `seq` is not seen to be live on a host; undefined if it is. */
export function reasonNotLive(seq: number, { row, host }: Reported, nowMs: number): string | undefined {
  if (row && row.liveSeq >= seq) return undefined;
  if (!host) return "never reported";
  const silentMs = nowMs - Date.parse(host.lastSeenAt);
  if (silentMs > OFFLINE_AFTER_MS) return `offline ${formatDuration(silentMs)}`;
  if (!row) return "not applied yet";
  if (row.appliedSeq < seq) return `behind by ${seq - row.appliedSeq}`;
  if (!row.faithful) return "applied, content differs";
  const problem = row.problems[0];
  if (problem !== undefined) return `applied, kernel differs: ${problem}`;
  return row.kernel === undefined ? "applied, kernel not read back yet" : "applied, kernel differs";
}

/** Counts hosts by the reason that each has (undefined: live), in the order of their names. */
export function countHosts(reasons: ReadonlyMap<string, string | undefined>): HostCount {
  const waiting: Waiting[] = [];
  for (const [host, reason] of reasons) if (reason !== undefined) waiting.push({ host, reason });
  waiting.sort((a, b) => (a.host < b.host ? -1 : 1));
  return { total: reasons.size, live: reasons.size - waiting.length, waiting };
}

/** "live on 41 of 42 hosts; waiting for h17 (offline 12 s)". */
export function summarize({ total, live, waiting }: HostCount): string {
  const hosts = `live on ${live} of ${total} ${total === 1 ? "host" : "hosts"}`;
  if (waiting.length === 0) return hosts;
  const named = waiting.slice(0, NAMED_HOSTS).map(({ host, reason }) => `${host} (${reason})`);
  const more = waiting.length > NAMED_HOSTS ? ` and ${waiting.length - NAMED_HOSTS} more` : "";
  return `${hosts}; waiting for ${named.join(", ")}${more}`;
}

/** "12 s", "3 min", "5 h", "2 d": two units would be more than an operator needs. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
