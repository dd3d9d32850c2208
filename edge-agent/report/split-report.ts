// A report of a host that holds thousands of channels, as several that fit a message. Pure.

import { MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import type { Report } from "../../shared/message/report.ts";

/**
 * The report as texts that fit, each a report of its own with the next number; only one where it fits. Each part names the
 * host's own channel, which comes first: what the host holds of the others counts as of that step.
 */
export function splitReport(report: Report): string[] {
  const whole = JSON.stringify(report);
  if (Buffer.byteLength(whole) <= MAX_PAYLOAD_BYTES) return [whole];
  // The events are told once.
  const rest = { ...report, partial: true, events: [] };
  const wholeRoom =
    MAX_PAYLOAD_BYTES - Buffer.byteLength(JSON.stringify({ ...rest, events: report.events, channels: [] })) - 100;
  const own = report.channels.filter(({ channel }) => channel.startsWith("host:"));
  const others = report.channels.filter(({ channel }) => !channel.startsWith("host:"));
  const room = wholeRoom - Buffer.byteLength(JSON.stringify(own));
  const runs: Report["channels"][] = [[]];
  let left = room;
  for (const channel of others) {
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
    return JSON.stringify({ ...rest, events, number: report.number + index, channels: [...own, ...channels] });
  });
}
