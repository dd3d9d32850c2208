// Builds the report of what is applied and what the kernel holds, and sends it: soon after a change, and every 30 s with
// jitter, which makes the report the anti-entropy of the channels too. Building is pure; sending is over a port.

import type { ChannelReport, PeerReport, Report } from "../../shared/message/report.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { channelNetwork } from "../../shared/model/record.ts";
import { type Clock, debounce, type Random } from "../clock.ts";
import type { NetworkState } from "../dataplane/state.ts";
import type { IntentState } from "../intent/intent.ts";
import type { DiaryEvent } from "../log.ts";
import type { Overlay } from "../overlay.ts";
import { kernelDigest } from "./kernel-digest.ts";

/** What was read back of each network, by network id, and what stands in the way there. */
export type Verified = ReadonlyMap<
  string,
  { readonly actual: NetworkState | undefined; readonly problems: readonly string[] }
>;

const MOST_PROBLEMS = 20;
const MOST_CHARACTERS = 300;

/** One line per held channel. A network that was not read back yet has no kernel digest, so it is not live. */
export function channelReports(intent: IntentState, overlay: Overlay, verified: Verified): ChannelReport[] {
  const networks = new Map(overlay.networks.map((network) => [network.id, network]));
  return Array.from(intent.channels.values(), ({ channel, seq, digest }) => {
    const id = channelNetwork(channel);
    const network = id === undefined ? undefined : networks.get(id);
    const read = id === undefined ? undefined : verified.get(id);
    const kernel = network && read ? kernelDigest(read.actual, network.table) : undefined;
    const problems = (read?.problems ?? []).slice(0, MOST_PROBLEMS).map((text) => text.slice(0, MOST_CHARACTERS));
    return { channel, seq, digest, ...(kernel && { kernel }), problems };
  });
}

/** Everything a report says besides the clock and its number. */
export type ReportContent = {
  readonly channels: ChannelReport[];
  readonly inSync: boolean;
  readonly bgp: PeerReport[];
  readonly counters: ReadonlyMap<string, number>;
  readonly events: readonly DiaryEvent[];
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
