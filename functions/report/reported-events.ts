// An agent reports its last events each time, since a report may be lost: which of them are new. Pure.

import type { ReportedEvent } from "../../shared/message/report.ts";

type Told = { readonly startedAtMs: number; readonly events: readonly ReportedEvent[] };

/** Those after the last one that was known; of another process of the agent, all that were not. */
export function newEvents(before: Told | undefined, { startedAtMs, events }: Told): readonly ReportedEvent[] {
  if (!before) return events;
  const last = before.events.at(-1);
  const at =
    last === undefined || before.startedAtMs !== startedAtMs ? -1 : events.findLastIndex((each) => isSame(each, last));
  if (at >= 0) return events.slice(at + 1);
  return events.filter((each) => !before.events.some((known) => isSame(each, known)));
}

function isSame(a: ReportedEvent, b: ReportedEvent): boolean {
  return a.atMs === b.atMs && a.kind === b.kind && a.detail === b.detail;
}
