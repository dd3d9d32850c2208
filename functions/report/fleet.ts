// The fleet, host by host: what each reported last, judged by what the clock says now. Pure; a page of hosts is one batch of
// reads, and nothing is kept in sum, so that the fleet's size costs nothing where nobody asks.

import type { FleetHost } from "../api/host-status.ts";
import { formatDuration, silenceOf } from "./liveness.ts";
import type { HostRow } from "./report-items.ts";

/** A conflict or drift of longer ago is history. */
const RECENT_MS = 3600_000;
/** Worst first. */
const STATES = ["diverged", "kernel", "behind"] as const;

export function fleetHost(
  { id, site }: { id: string; site: string },
  row: HostRow | undefined,
  nowMs: number,
): FleetHost {
  const channels = (row?.lagging ?? []).map(({ sinceMs, ...rest }) => ({ ...rest, since: iso(sinceMs) }));
  const base = { host: id, site, channels, sessionsDown: [], conflicts: [], drift: [] };
  if (!row) return { ...base, state: "unreported", reason: "never reported" };
  const { lastSeenAt } = row;
  const seen = {
    ...base,
    lastSeenAt,
    sessionsDown: row.bgp
      .filter(({ state }) => state !== "Established")
      .map(({ peer, name, state, sinceMs }) => ({ peer: name ?? peer, state, since: iso(sinceMs) })),
    conflicts: recent(row, ["conflict", "duplicate-mac"], nowMs),
    drift: recent(row, ["drift", "underlay-drift"], nowMs),
  };
  const silentMs = silenceOf(row, nowMs);
  if (silentMs !== undefined) {
    return { ...seen, state: "silent", reason: `offline ${formatDuration(silentMs)}`, since: lastSeenAt };
  }
  for (const state of STATES) {
    // The longest in trouble comes first.
    const lagging = row.lagging.filter((each) => each.state === state);
    const [first] = lagging;
    if (!first) continue;
    const more = lagging.length > 1 ? ` and ${lagging.length - 1} more` : "";
    return { ...seen, state, reason: `${first.channel}${more}`, since: iso(first.sinceMs) };
  }
  return { ...seen, state: "in-sync" };
}

function recent({ events }: HostRow, kinds: readonly string[], nowMs: number): FleetHost["conflicts"] {
  return events
    .filter(({ kind, atMs }) => kinds.includes(kind) && nowMs - atMs < RECENT_MS)
    .map(({ atMs, detail }) => ({ at: iso(atMs), detail }));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
