// A report of a host that holds thousands of channels, as several that fit a message. Pure.

import { MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import type { Report } from "../../shared/message/report.ts";

/** The report as texts that fit, each a report of its own with the next number; only one where it fits. */
export function splitReport(report: Report): string[] {
  const whole = JSON.stringify(report);
  if (Buffer.byteLength(whole) <= MAX_PAYLOAD_BYTES) return [whole];
  // The events are told once.
  const rest = { ...report, partial: true, events: [] };
  const room =
    MAX_PAYLOAD_BYTES - Buffer.byteLength(JSON.stringify({ ...rest, events: report.events, channels: [] })) - 100;
  const runs: Report["channels"][] = [[]];
  let left = room;
  for (const channel of report.channels) {
    const bytes = Buffer.byteLength(JSON.stringify(channel)) + 1;
    if (bytes > left && runs.at(-1)?.length !== 0) {
      runs.push([]);
      left = room;
    }
    runs.at(-1)?.push(channel);
    left -= bytes;
  }
  return runs.map((channels, index) => {
    const events = index === 0 ? report.events : [];
    return JSON.stringify({ ...rest, events, number: report.number + index, channels });
  });
}
