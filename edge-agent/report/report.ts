// Builds the report of what is applied and what the kernel holds, and sends it: soon after a change, and every 30 s with
// jitter, which makes the report the anti-entropy of the channels too. Building is pure; sending is over a port.

import type { ChannelReport, PeerReport, Report } from "../../shared/message/report.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { digestSum } from "../../shared/message/digest.ts";
import type { Channel } from "../../shared/model/record.ts";
import { type Clock, debounce, type Random } from "../clock.ts";
import type { IntentState } from "../intent/intent.ts";
import type { DiaryEvent } from "../log.ts";
import type { ChannelPart } from "../lane/lane.ts";

const MOST_PROBLEMS = 20;
const MOST_CHARACTERS = 300;

/**
 * One line per held channel; `parts` is what the lanes know of it. A channel of which a part was not read back yet has no
 * kernel digest, so it is not live.
 */
export function channelReports(
  intent: IntentState,
  parts: (channel: Channel) => readonly ChannelPart[],
): ChannelReport[] {
  return Array.from(intent.channels.values(), ({ channel, seq, digest }) => {
    const known = parts(channel);
    const kernel =
      known.length > 0 && known.every((part) => part.kernel)
        ? digestSum(known.flatMap((part) => part.kernel ?? []))
        : undefined;
    const problems = known.flatMap((part) => part.problems).slice(0, MOST_PROBLEMS);
    return {
      channel,
      seq,
      digest,
      ...(kernel && { kernel }),
      problems: problems.map((text) => text.slice(0, MOST_CHARACTERS)),
    };
  });
}

/** Everything a report says besides the clock and its number. */
export type ReportContent = {
  readonly channels: ChannelReport[];
  readonly inSync: boolean;
  readonly bgp: PeerReport[];
  readonly counters: ReadonlyMap<string, number>;
  readonly events: readonly DiaryEvent[];
  /** What the kernel can do, by name. */
  readonly capabilities: Record<string, boolean>;
};

const AFTER_CHANGE_MS = 20;
const EVERY_MS = 30_000;

/** Sends reports until closed; `content` is read at the moment of sending. */
export function startReports(options: {
  agent: Report["agent"];
  content: () => ReportContent;
  send: (payload: string) => void;
  clock: Clock;
  random: Random;
}): { changed(): void; close(): void } {
  const { clock, random, agent } = options;
  let number = 0;
  let cancelNext = () => {};
  function report(): void {
    number++;
    const { counters, events, ...content } = options.content();
    const message: Report = {
      v: PROTOCOL_VERSION,
      atMs: clock.wallMs(),
      number,
      agent,
      ...content,
      counters: Object.fromEntries(counters),
      events: [...events],
    };
    options.send(JSON.stringify(message));
    cancelNext();
    cancelNext = clock.setTimer(EVERY_MS * (0.8 + random() * 0.4), report);
  }
  const soon = debounce(clock, AFTER_CHANGE_MS, report);
  return {
    changed: () => soon.trigger(),
    close() {
      soon.close();
      cancelNext();
    },
  };
}
