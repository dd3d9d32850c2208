// Is a step of a channel live on a host, and if not, why, in words for people. Pure, and never says live when unsure.

import type { ChannelRow, HostRow } from "./report-items.ts";

/** A host that has not reported for this long counts as offline: three reports of 30 s missed. */
export const OFFLINE_AFTER_MS = 90_000;
/** How many waiting hosts a summary names. */
const NAMED_HOSTS = 3;

/**
 * What keeps a step from being live on a host: `unreported`: it never reported. `silent`: it does not report any more.
 * `pending`: it did not report of the channel yet. `behind`: it lacks entries. `diverged`: its replica is not what the log says.
 * `kernel`: it has the step, and its kernel does not.
 */
export type LagState = "unreported" | "silent" | "pending" | "behind" | "diverged" | "kernel";

/** `since`: ISO 8601, where it is known. */
/** `problem`: what the host says that its kernel refused. */
export type Lag = { state: LagState; reason: string; since?: string; problem?: string };
export type Waiting = { host: string } & Lag;
export type HostCount = { total: number; live: number; waiting: Waiting[] };

/** What a host reported of one channel, and when it reported at all. */
export type Reported = { readonly row: ChannelRow | undefined; readonly host: HostRow | undefined };

/**
 * Why step `seq` is not seen to be live on a host; undefined if it is. `lackingSinceMs`: when the first entry that the host
 * lacks was committed, as far as it is known.
 */
export function lagOf(
  seq: number,
  { row, host }: Reported,
  { nowMs, lackingSinceMs }: { readonly nowMs: number; readonly lackingSinceMs?: number | undefined },
): Lag | undefined {
  if (row && row.liveSeq >= seq) return undefined;
  if (!host) return lag("unreported", "never reported", lackingSinceMs);
  const silentMs = silenceOf(host, nowMs);
  if (silentMs !== undefined) return lag("silent", `offline ${formatDuration(silentMs)}`, Date.parse(host.lastSeenAt));
  if (!row) return lag("pending", "not applied yet", lackingSinceMs);
  if (row.appliedSeq < seq) return lag("behind", `behind by ${seq - row.appliedSeq}`, lackingSinceMs);
  if (!row.faithful) return lag("diverged", "applied, content differs", row.wrongSinceMs);
  const problem = row.problems[0];
  if (problem !== undefined) {
    return { ...lag("kernel", `applied, kernel differs: ${problem}`, row.wrongSinceMs), problem };
  }
  const reason = row.kernel === undefined ? "applied, kernel not read back yet" : "applied, kernel differs";
  return lag("kernel", reason, row.wrongSinceMs);
}

/** For how long a host has been silent, ms; undefined if it is heard. */
export function silenceOf({ lastSeenAt }: Pick<HostRow, "lastSeenAt">, nowMs: number): number | undefined {
  const silentMs = nowMs - Date.parse(lastSeenAt);
  return silentMs > OFFLINE_AFTER_MS ? silentMs : undefined;
}

function lag(state: LagState, reason: string, sinceMs: number | undefined): Lag {
  return { state, reason, ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }) };
}

/** Counts hosts by what each lacks (undefined: it is live), in the order of their names. */
export function countHosts(lags: ReadonlyMap<string, Lag | undefined>): HostCount {
  const waiting: Waiting[] = [];
  for (const [host, each] of lags) if (each) waiting.push({ host, ...each });
  waiting.sort((a, b) => (a.host < b.host ? -1 : 1));
  return { total: lags.size, live: lags.size - waiting.length, waiting };
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
