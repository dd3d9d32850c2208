// Asking the cloud, and when its answer is whole. A host of many channels asks in parts, each about a range of channel
// names, and each part is answered by itself: only when the ranges together leave nothing out is the host in sync.

import { EMPTY_DIGEST } from "../../shared/message/digest.ts";
import { type InSyncMessage, MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import { type ChannelRange, coverAll, inRange, splitRange } from "../../shared/message/range.ts";
import type { SyncRequest } from "../../shared/message/sync.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { type Channel, hostChannel } from "../../shared/model/record.ts";
import { carriedChannels, drop } from "./carried.ts";
import { outliveAnswer } from "./early.ts";
import type { IntentEffect, IntentState, Owed } from "./intent.ts";

/** Room for all but the list. */
const ENVELOPE_BYTES = 700;
/** Answers to older requests than these are late beyond use. */
const REMEMBERED_REQUESTS = 4;

/** What the host holds, for `functions/sync`. A suspect channel claims no digest, so that the answer is a snapshot. */
export function syncRequests(state: IntentState, request: number): SyncRequest[] {
  state.claimed = { request, seqs: new Map(Array.from(state.channels.values(), ({ channel, seq }) => [channel, seq])) };
  const have = Array.from(state.channels.values(), ({ channel, seq, digest }) => {
    const item = { channel, seq, digest: state.suspect.has(channel) ? EMPTY_DIGEST : digest };
    return { name: channel, bytes: Buffer.byteLength(JSON.stringify(item)), item };
  }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return splitRange({}, have, MAX_PAYLOAD_BYTES - ENVELOPE_BYTES).map(({ range, items }) => ({
    v: PROTOCOL_VERSION,
    request,
    ...range,
    have: items.map(({ item }) => item),
  }));
}

/** Takes the end of an answer: drops what it does not name, and finds what is still lacking. */
export function receiveInSync(state: IntentState, message: InSyncMessage): IntentEffect[] {
  const own = hostChannel(state.host);
  const wanted = new Map(message.channels.map((item) => [item.channel, item]));
  const ownSeq = message.own ?? wanted.get(own)?.seq;
  const overtaken = ownSeq !== undefined && (state.channels.get(own)?.seq ?? 0) > ownSeq;
  const range: ChannelRange = { ...(message.from !== undefined && { from: message.from }), ...toOf(message) };
  const held = [...state.channels.keys()].filter((channel) => inRange(range, channel));
  // What the own channel names is let go of with that channel's news, or in a farewell, which names nothing: this list has
  // no digest of its own, and a damaged one may lack what it should name.
  const farewell = message.channels.length === 0 && inRange(range, own);
  const carriedNow = carriedChannels(state);
  const stays = (channel: Channel) =>
    wanted.has(channel) || (!farewell && (channel === own || carriedNow.has(channel)));
  const effects = overtaken ? [] : held.flatMap((channel) => (stays(channel) ? [] : drop(state, channel)));

  const ahead = noteAhead(state, message);
  if (ahead.length > 0) {
    const detail = ahead.map(({ channel, seq }) => `${channel}, whose log is at ${seq}`).join(" ");
    return [...effects, { kind: "sync", reason: "diverged", detail: detail.slice(0, 400) }];
  }
  const carried = overtaken ? carriedNow : undefined;
  // What the host left since is nothing that it lacks.
  const lacking = message.channels.filter((item) => !isMet(state, item) && (!carried || carried.has(item.channel)));
  const unexplained = lacking.map(({ channel }) => channel).filter((channel) => !state.offers.has(channel));
  // Nor is what stays without being named: the cloud vouches for no content of it. A list that is true names it, unless the
  // host's channel is behind; then the next answer comes after that channel's news.
  const unnamed = overtaken ? [] : held.filter((channel) => stays(channel) && !wanted.has(channel));
  if (unexplained.length + unnamed.length > 0) {
    const detail = [...unexplained, ...unnamed].join(" ");
    return [...effects, { kind: "sync", reason: "incomplete", detail: detail.slice(0, 400) }];
  }
  for (const { channel, seq, digest } of lacking) state.owed.set(channel, { seq, digest });
  // In the range of this message, what is not named is not to be held.
  if (ownSeq !== undefined && !inRange(range, own) && !isMet(state, { channel: own, seq: ownSeq })) {
    state.owed.set(own, { seq: ownSeq });
  }
  cover(state, message.request ?? 0, range);
  const waiting = outliveAnswer(state.early, (channel) => inRange(range, channel));
  return [...effects, ...settle(state), ...(waiting ? [{ kind: "awaiting" } as const] : [])];
}

/**
 * The channels of which the request said a later step than the answer to it: the log has no such step, so what is held is not
 * of that log.
 */
function noteAhead(state: IntentState, { request, channels }: InSyncMessage): InSyncMessage["channels"] {
  const { claimed } = state;
  if (!claimed || claimed.request !== request) return [];
  for (const { channel } of channels) state.ahead.delete(channel);
  const ahead = channels.filter(
    ({ channel, seq }) => state.channels.has(channel) && (claimed.seqs.get(channel) ?? 0) > seq,
  );
  for (const { channel, seq } of ahead) state.ahead.set(channel, seq);
  return ahead;
}

function toOf({ to }: ChannelRange): ChannelRange {
  return to === undefined ? {} : { to };
}

function isMet(state: IntentState, item: { readonly channel: Channel } & Owed): boolean {
  const held = state.channels.get(item.channel);
  if (!held) return false;
  return held.seq > item.seq || (held.seq === item.seq && (item.digest === undefined || held.digest === item.digest));
}

function cover(state: IntentState, request: number, range: ChannelRange): void {
  const ranges = state.covered.get(request) ?? [];
  state.covered.delete(request);
  // Set anew, so that the requests are in the order in which they were last answered.
  state.covered.set(request, [...ranges, range]);
  for (const old of [...state.covered.keys()].slice(0, -REMEMBERED_REQUESTS)) state.covered.delete(old);
}

/** In sync if the answer to some request is whole and all that it named is here. */
export function settle(state: IntentState): IntentEffect[] {
  for (const [channel, owed] of state.owed) if (isMet(state, { channel, ...owed })) state.owed.delete(channel);
  if (state.owed.size > 0) return [];
  const whole = [...state.covered].filter(([, ranges]) => coverAll(ranges));
  if (whole.length === 0) return [];
  for (const channel of carriedChannels(state)) if (!state.channels.has(channel)) return [{ kind: "awaiting" }];
  for (const [request] of whole) state.covered.delete(request);
  state.inSync = true;
  return [{ kind: "in-sync" }];
}
