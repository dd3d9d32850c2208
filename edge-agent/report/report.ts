// Builds the report of what is applied and what the kernel holds, and sends it: soon after a change, and every 30 s with
// jitter, which makes the report the anti-entropy of the channels too. Building is pure; sending is over a port.

import type { ChannelReport, PeerReport, Report } from "../../shared/message/report.ts";
import { MOST_LACKING, type StaticProofs } from "../../shared/message/route-proof.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { digestSum } from "../../shared/message/digest.ts";
import type { Channel } from "../../shared/model/record.ts";
import type { PeerKey } from "../bgp/route.ts";
import type { PeerSummary } from "../bgp/speaker.ts";
import type { Clock, Random } from "../clock.ts";
import type { IntentState } from "../intent/intent.ts";
import type { DiaryEvent } from "../log.ts";
import type { ChannelPart } from "../lane/lane.ts";
import type { RouterProofs } from "../lane/router-proofs.ts";
import type { RouteProofs, Strays } from "./confirmation.ts";
import { splitReport } from "./split-report.ts";

const MOST_PROBLEMS = 20;
const MOST_CHARACTERS = 300;

/**
 * One line per held channel; `parts` is what the lanes know of it. A channel of which a part was not read back yet has no
 * kernel digest, so it is not live. `sentAll`: peers whose table is whole; of another one nothing can be said to be gone.
 */
export function channelReports(
  intent: IntentState,
  parts: (channel: Channel) => readonly ChannelPart[],
  { peers, sentAll }: { readonly peers: readonly PeerSummary[]; readonly sentAll: (peer: PeerKey) => boolean },
): ChannelReport[] {
  // What a peer announced on an earlier session may be gone there.
  const sure = new Set<string>(
    peers.flatMap(({ peer, state, staleRoutes }) => (isUp(state) && staleRoutes === 0 ? [peer] : [])),
  );
  const whole = peers.map(({ peer }) => peer).filter((peer) => sure.has(peer) && sentAll(peer));
  const trusted = { sure, whole };
  return Array.from(intent.channels.values(), ({ channel, seq, digest }) => {
    const known = parts(channel);
    const kernel =
      known.length > 0 && known.every((part) => part.kernel)
        ? digestSum(known.flatMap((part) => part.kernel ?? []))
        : undefined;
    const problems = known.flatMap((part) => part.problems).slice(0, MOST_PROBLEMS);
    // Without BGP nothing is announced, and nothing is to be proven.
    const part = peers.length > 0 ? known.find(({ fabric, statics }) => fabric ?? statics) : undefined;
    return {
      channel,
      seq,
      digest,
      ...(kernel && { kernel }),
      problems: problems.map((text) => text.slice(0, MOST_CHARACTERS)),
      ...(part?.fabric && endpointProofs(part.fabric, trusted)),
      ...(part?.statics && { statics: staticProofs(part.statics, trusted) }),
    };
  });
}

/** Peers of whose routes something can be said: `sure` that they are of this session, `whole` that they are all. */
type Trusted = { readonly sure: ReadonlySet<string>; readonly whole: readonly PeerKey[] };

function endpointProofs(fabric: RouteProofs<Mac>, { sure, whole }: Trusted): Partial<ChannelReport> {
  const { announced, site } = fabric;
  const seen = fabric.seen.filter(({ peer }) => sure.has(peer));
  const strays = strayProofs(fabric.strays, whole).map(({ names, ...rest }) => ({
    ...rest,
    ...(names && { macs: names }),
  }));
  return {
    ...((announced.count > 0 || announced.lacking?.length !== 0) && { announced }),
    ...(seen.length > 0 && { seen }),
    strays: { peers: strays },
    ...(site.count > 0 && { site }),
  };
}

function staticProofs(proofs: RouterProofs, { sure, whole }: Trusted): StaticProofs {
  const { hops, seen, strays, ...rest } = proofs;
  return {
    ...rest,
    seen: seen.filter(({ peer }) => sure.has(peer)),
    strays: strayProofs(strays, whole).map(({ names, ...each }) => ({ ...each, ...(names && { routes: names }) })),
    ...(hops && { hops: [...hops] }),
  };
}

function strayProofs<K extends string>({ byPeer, deleted }: Strays<K>, peers: readonly PeerKey[]) {
  return peers.map((peer) => {
    const names = [...(byPeer.get(peer) ?? [])];
    return { peer, names: names.length > MOST_LACKING ? undefined : names, deleted: [...(deleted.get(peer) ?? [])] };
  });
}

export function peerReport(peer: PeerSummary): PeerReport {
  const { peer: key, asn = 0, state, sinceMs, routesIn, routesOut, families, peerRouterId, peerHostName } = peer;
  const { staleRoutes, sessions, malformed, lastError } = peer;
  const told = isUp(state) && families.every((family) => family.told || !family.agreed);
  const counts = families.map(({ family, agreed, routesIn: from, routesOut: to }) => {
    return { family, agreed, routesIn: from, routesOut: to };
  });
  return {
    peer: key,
    asn,
    state,
    sinceMs,
    routesIn,
    routesOut,
    told,
    families: counts,
    staleRoutes,
    sessions,
    malformed,
    ...(peerRouterId !== undefined && { routerId: peerRouterId }),
    ...(peerHostName !== undefined && peerHostName !== "" && { name: peerHostName.slice(0, 64) }),
    ...(lastError !== undefined && { lastError: lastError.slice(0, LONGEST_REASON) }),
  };
}

/** A shutdown's reason alone may be 255 octets. */
const LONGEST_REASON = 300;

function isUp(state: PeerSummary["state"]): boolean {
  return state === "Established";
}

/** Everything a report says besides the clock and its number. */
export type ReportContent = {
  readonly channels: ChannelReport[];
  readonly inSync: boolean;
  readonly bgp: PeerReport[];
  readonly underlay?: Report["underlay"];
  readonly counters: ReadonlyMap<string, number>;
  readonly events: readonly DiaryEvent[];
  /** What the kernel can do, by name. */
  readonly capabilities: Record<string, boolean>;
};

const AFTER_CHANGE_MS = 20;
const EVERY_MS = 30_000;
/** A peer that is up and not told everything yet is looked at again after so long: nothing else says when it is. */
const TOLD_AFTER_MS = 1000;
/** Between two reports passes at least so many times what the last one took, so that a busy host does not mostly report. */
const REST_FACTOR = 20;
/** And at most this, ms: on a machine that stands still for a moment the last one says little of the next. */
const MOST_REST_MS = 5000;

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
  let cancelSoon: (() => void) | undefined;
  let tookMs = 0;
  let sentMs = Number.NEGATIVE_INFINITY;
  let closed = false;
  function report(): void {
    cancelSoon?.();
    cancelSoon = undefined;
    const startMs = clock.nowMs();
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
    const texts = splitReport(message);
    for (const text of texts) options.send(text);
    number += texts.length - 1;
    sentMs = clock.nowMs();
    tookMs = sentMs - startMs;
    cancelNext();
    const settling = content.bgp.some(({ state, told }) => state === "Established" && !told);
    cancelNext = clock.setTimer(settling ? TOLD_AFTER_MS : EVERY_MS * (0.8 + random() * 0.4), report);
  }
  return {
    changed() {
      if (closed) return;
      const restMs = sentMs + Math.min(tookMs * REST_FACTOR, MOST_REST_MS) - clock.nowMs();
      cancelSoon ??= clock.setTimer(Math.max(AFTER_CHANGE_MS, restMs), report);
    },
    close() {
      closed = true;
      cancelSoon?.();
      cancelNext();
    },
  };
}
