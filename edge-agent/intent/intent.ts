// The agent's side of the channels: takes inbox messages in any order, keeps the replica, and says what to do next as
// effects. It trusts seq, prev and digest only; MQTT sessions, message order and its own memory may all fail.
// No clock, no socket, no disk: the driver is session.ts. What an answer to a sync covers is in answer.ts.

import { assertNever } from "../../shared/assert.ts";
import type { Digest } from "../../shared/message/digest.ts";
import type {
  DeltaMessage,
  InboxMessage,
  LeaveMessage,
  LogEntry,
  OfferMessage,
  SnapshotMessage,
} from "../../shared/message/inbox.ts";
import type { ChannelRange } from "../../shared/message/range.ts";
import { type Channel, hostChannel } from "../../shared/model/record.ts";
import { receiveInSync, settle } from "./answer.ts";
import { carriedChannels, carriedSteps, drop } from "./carried.ts";
import { type EarlyEntries, keepEarly, takeEarly } from "./early.ts";
import { applyEntry, type ChannelReplica, fromSnapshot } from "./replica.ts";

/** What the driver is to do after a message. */
export type IntentEffect =
  /** `keys`: the records that changed; `whole` after a snapshot, when any may have. `entry`: what changed them. */
  | {
      readonly kind: "changed";
      readonly channel: Channel;
      readonly keys: readonly string[] | "whole";
      readonly entry?: LogEntry;
    }
  | { readonly kind: "dropped"; readonly channel: Channel }
  /** Ask the cloud; the reason is for the log and the counters. */
  | {
      readonly kind: "sync";
      readonly reason: "diverged" | "incomplete" | "foreign" | "rejoined";
      readonly detail: string;
    }
  /** Something is missing that is probably on its way: look again (`missing`) before asking. */
  | { readonly kind: "awaiting" }
  | { readonly kind: "fetch"; readonly offer: OfferMessage }
  | { readonly kind: "retry"; readonly afterMs: number; readonly reason: string }
  | { readonly kind: "in-sync" };

/** The replica and what is half received. `inSync` stays true once it was: later steps apply in order or ask anew. */
export type IntentState = {
  readonly host: string;
  readonly channels: Map<Channel, ChannelReplica>;
  readonly partial: Map<Channel, PartialSnapshot>;
  /** Channels whose digest did not come out: still used, and asked for anew as a whole. */
  readonly suspect: Set<Channel>;
  readonly early: EarlyEntries;
  /** Snapshots on offer that are not here yet. */
  readonly offers: Map<Channel, OfferMessage>;
  /** Channels whose snapshots were announced. */
  readonly coming: Set<Channel>;
  /** By request, the ranges of channels that are known to be whole. */
  readonly covered: Map<number, ChannelRange[]>;
  /** What an answer named and is not here yet, although it is on its way. */
  readonly owed: Map<Channel, Owed>;
  /** What the last request said is held. */
  claimed: { readonly request: number; readonly seqs: ReadonlyMap<Channel, number> } | undefined;
  /**
   * Channels held at a later step than their log has (a damaged message, a table restored from a backup), with the step of
   * the log: a snapshot from there on replaces what is held, although it is older.
   */
  readonly ahead: Map<Channel, number>;
  inSync: boolean;
};

/** What a channel has to reach; without a digest, any content of that seq. */
export type Owed = { readonly seq: number; readonly digest?: Digest };

type PartialSnapshot = { readonly seq: number; readonly parts: Map<number, SnapshotMessage> };

export function createIntent(host: string, held: readonly ChannelReplica[]): IntentState {
  return {
    host,
    channels: new Map(held.map((replica) => [replica.channel, replica])),
    partial: new Map(),
    suspect: new Set(),
    early: new Map(),
    offers: new Map(),
    coming: new Set(),
    covered: new Map(),
    owed: new Map(),
    claimed: undefined,
    ahead: new Map(),
    inSync: false,
  };
}

/**
 * Takes one decoded message. A message for another host changes nothing and is reported. What the host is to leave is
 * looked at when all of the message is taken: where it leaves a network and joins it again, it never lets go of it.
 */
export function receive(state: IntentState, message: InboxMessage): IntentEffect[] {
  const own = hostChannel(state.host);
  return speaksOf(message, own) ? watchingHost(state, () => take(state, message)) : take(state, message);
}

function watchingHost(state: IntentState, act: () => IntentEffect[]): IntentEffect[] {
  const own = hostChannel(state.host);
  const before = carriedSteps(state);
  const effects = act();
  const moved = effects.some((effect) => effect.kind === "changed" && effect.channel === own);
  return moved ? [...effects, ...afterHostChannel(state, before)] : effects;
}

function speaksOf(message: InboxMessage, channel: Channel): boolean {
  switch (message.kind) {
    case "delta":
      return message.entries.some((entry) => entry.channel === channel);
    case "bundle":
      return message.messages.some((each) => speaksOf(each, channel));
    default:
      return "channel" in message && message.channel === channel;
  }
}

function take(state: IntentState, message: InboxMessage): IntentEffect[] {
  if (message.host !== state.host) {
    return [{ kind: "sync", reason: "foreign", detail: `a message for ${message.host} arrived` }];
  }
  switch (message.kind) {
    case "delta":
      return receiveDelta(state, message);
    case "snapshot":
      return receiveSnapshot(state, message);
    case "leave":
      return receiveLeave(state, message);
    case "in-sync":
      return receiveInSync(state, message);
    case "offer":
      return receiveOffer(state, message);
    case "retry":
      return [{ kind: "retry", afterMs: message.afterMs, reason: message.reason }];
    case "bundle":
      return message.messages.flatMap((each) => take(state, each));
    default:
      return assertNever(message);
  }
}

function receiveDelta(state: IntentState, message: DeltaMessage): IntentEffect[] {
  for (const channel of message.coming ?? []) if (!state.channels.has(channel)) state.coming.add(channel);
  return message.entries.flatMap((entry) => {
    if (mayHold(state, entry.channel)) return takeEntry(state, entry);
    return [{ kind: "sync", reason: "foreign", detail: `${entry.channel} is not this host's` }] as const;
  });
}

function takeEntry(state: IntentState, entry: LogEntry): IntentEffect[] {
  const { channel } = entry;
  const outcome = applyEntry(state.channels.get(channel), entry);
  switch (outcome.kind) {
    case "known":
      return [];
    case "gap":
      keepEarly(state.early, entry);
      return [{ kind: "awaiting" }];
    case "diverged":
      state.suspect.add(channel);
      state.early.delete(channel);
      return [{ kind: "sync", reason: "diverged", detail: `${channel} at ${entry.seq}` }];
    case "applied":
      state.channels.set(channel, outcome.replica);
      return [
        { kind: "changed", channel, keys: outcome.keys, entry },
        ...takeWaiting(state, channel),
        ...settle(state),
      ];
    default:
      return assertNever(outcome);
  }
}

/** Entries that were waiting for what is held now. */
function takeWaiting(state: IntentState, channel: Channel): IntentEffect[] {
  const next = takeEarly(state.early, channel, state.channels.get(channel)?.seq ?? 0);
  return next ? takeEntry(state, next) : [];
}

function receiveSnapshot(state: IntentState, message: SnapshotMessage): IntentEffect[] {
  const { channel, seq, parts } = message;
  if (!mayHold(state, channel)) {
    return [{ kind: "sync", reason: "foreign", detail: `${channel} is not this host's` }];
  }
  if (isHeld(state, message)) return [];
  let partial = state.partial.get(channel);
  if (partial && partial.seq > seq) return [];
  if (!partial || partial.seq < seq) {
    partial = { seq, parts: new Map() };
    state.partial.set(channel, partial);
  }
  partial.parts.set(message.part, message);
  if (partial.parts.size < parts) return [];
  state.partial.delete(channel);
  const records = Array.from(partial.parts.values()).flatMap((part) => part.records);
  const replica = fromSnapshot({ ...message, records });
  if (!replica) return [{ kind: "sync", reason: "diverged", detail: `snapshot of ${channel} at ${seq}` }];
  return hold(state, replica);
}

function receiveOffer(state: IntentState, offer: OfferMessage): IntentEffect[] {
  const { channel, seq } = offer;
  if (!mayHold(state, channel)) {
    return [{ kind: "sync", reason: "foreign", detail: `${channel} is not this host's` }];
  }
  const other = state.offers.get(channel);
  if (isHeld(state, offer) || (other && other.seq >= seq)) return [];
  state.offers.set(channel, offer);
  return [{ kind: "fetch", offer }];
}

/** Takes what an offer led to. Nothing if the offer was overtaken, or the channel was left meanwhile. */
export function receiveFetched(state: IntentState, offer: OfferMessage, replica: ChannelReplica): IntentEffect[] {
  if (state.offers.get(offer.channel) !== offer) return [];
  state.offers.delete(offer.channel);
  if (isHeld(state, offer)) return settle(state);
  return offer.channel === hostChannel(state.host)
    ? watchingHost(state, () => hold(state, replica))
    : hold(state, replica);
}

/** An offer that led to nothing: the cloud has to be asked again. */
export function forgetOffer(state: IntentState, offer: OfferMessage): void {
  if (state.offers.get(offer.channel) === offer) state.offers.delete(offer.channel);
}

/** True if a snapshot has nothing to bring. */
function isHeld(state: IntentState, { channel, seq, digest }: Pick<OfferMessage, "channel" | "seq" | "digest">) {
  const held = state.channels.get(channel);
  const logSeq = state.ahead.get(channel);
  if (!held || (logSeq !== undefined && seq >= logSeq)) return false;
  return held.seq > seq || (held.seq === seq && held.digest === digest && !state.suspect.has(channel));
}

function hold(state: IntentState, replica: ChannelReplica): IntentEffect[] {
  const { channel } = replica;
  state.channels.set(channel, replica);
  state.suspect.delete(channel);
  state.ahead.delete(channel);
  state.coming.delete(channel);
  return [{ kind: "changed", channel, keys: "whole" }, ...takeWaiting(state, channel), ...settle(state)];
}

/**
 * The host channel says which networks and routers this host carries: leaves the others, asks for those it lacks. One that
 * it left and joined again, `before` and now, it keeps; but it was told nothing of it in between, so it asks.
 */
function afterHostChannel(state: IntentState, before: ReadonlyMap<Channel, number>): IntentEffect[] {
  const own = hostChannel(state.host);
  const carried = carriedSteps(state);
  const known = new Set([...state.channels.keys(), ...state.offers.keys(), ...state.early.keys()]);
  const effects = [...known].flatMap((held) => (held === own || carried.has(held) ? [] : drop(state, held)));
  if ([...carried.keys()].some((each) => !state.channels.has(each))) effects.push({ kind: "awaiting" });
  const rejoined = [...carried].filter(([each, step]) => state.channels.has(each) && step > (before.get(each) ?? step));
  if (rejoined.length > 0) {
    effects.push({ kind: "sync", reason: "rejoined", detail: rejoined.map(([each]) => each).join(" ") });
  }
  return effects;
}

/** What the host lacks and nothing is known to bring: channels to be carried, and those with a gap in their log. */
export function missing(state: IntentState): {
  readonly channels: readonly Channel[];
  readonly gaps: readonly Channel[];
} {
  const comes = (channel: Channel) => state.offers.has(channel) || state.coming.has(channel);
  return {
    channels: [...carriedChannels(state)].filter((channel) => !state.channels.has(channel) && !comes(channel)),
    gaps: [...state.early.keys()].filter((channel) => !comes(channel)),
  };
}

/** Another host's channel is refused even if the broker let it through. */
function mayHold(state: IntentState, channel: Channel): boolean {
  return !channel.startsWith("host:") || channel === hostChannel(state.host);
}

/** A leave that was overtaken by a newer host channel is out of date. */
function receiveLeave(state: IntentState, message: LeaveMessage): IntentEffect[] {
  const own = hostChannel(state.host);
  const isOvertaken = message.own !== undefined && (state.channels.get(own)?.seq ?? 0) > message.own;
  if (isOvertaken) return [];
  const whole = message.channels.includes(own);
  const carried = carriedChannels(state);
  return message.channels.filter((each) => whole || !carried.has(each)).flatMap((each) => drop(state, each));
}
