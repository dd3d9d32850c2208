// What other hands changed in the kernel, as a report tells it: the last of it among the events, all of it in the counters. Pure.

import type { DriftCount, DriftRecord } from "../dataplane/drift.ts";
import type { DiaryEvent } from "../log.ts";

/** As many events as a report has room for, and of them as many of drift. */
const MOST_EVENTS = 50;
const MOST_DRIFT = 20;

/** The diary's events and the last drift, oldest first. */
export function withDrift(diary: readonly DiaryEvent[], drift: readonly DriftRecord[]): DiaryEvent[] {
  const changed = drift.slice(-MOST_DRIFT).map(({ atMs, vni, before, after, foundBy }) => {
    const detail = `VNI ${vni}: ${before ?? "nothing"} -> ${after ?? "nothing"} (${foundBy})`;
    return { atMs, kind: "drift", detail: detail.slice(0, 500) };
  });
  return [...diary, ...changed].sort((a, b) => a.atMs - b.atMs).slice(-MOST_EVENTS);
}

/** The diary's counters and those of drift: found and repaired since the start. */
export function withDriftCounts(
  diary: ReadonlyMap<string, number>,
  byNetwork: ReadonlyMap<unknown, DriftCount>,
): ReadonlyMap<string, number> {
  const counts = [...byNetwork.values()];
  if (counts.length === 0) return diary;
  const sum = (of: "found" | "repaired") => counts.reduce((all, each) => all + each[of], 0);
  return new Map([...diary, ["drift", sum("found")], ["drift-repaired", sum("repaired")]]);
}
