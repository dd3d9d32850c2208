// The agent's side of the channels: takes inbox messages in any order, keeps the replica, and says what to do next as
// effects. It trusts seq, prev and digest only; MQTT sessions, message order and its own memory may all fail.
// No clock, no socket, no disk: the driver is session.ts.

import { assertNever } from "../../shared/assert.ts";
import { EMPTY_DIGEST } from "../../shared/message/digest.ts";
import type { DeltaMessage, InboxMessage, InSyncMessage, SnapshotMessage } from "../../shared/message/inbox.ts";
import type { SyncRequest } from "../../shared/message/sync.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import {
  type Channel,
  channelNetwork,
  hostChannel,
  networkChannel,
  parseRecordKey,
} from "../../shared/model/record.ts";
import { applyEntry, type ChannelReplica, fromSnapshot } from "./replica.ts";

/** What the driver is to do after a message. */
export type IntentEffect =
  /** `keys`: the records that changed; `whole` after a snapshot, when any may have. */
  | { readonly kind: "changed"; readonly channel: Channel; readonly keys: readonly string[] | "whole" }
  | { readonly kind: "dropped"; readonly channel: Channel }
  /** Ask the cloud; the reason is for the log and the counters. */
  | { readonly kind: "sync"; readonly reason: "gap" | "diverged" | "incomplete" | "foreign"; readonly detail: string }
  /** Networks to be carried are not held yet; their channels usually follow at once, so look again before asking. */
  | { readonly kind: "awaiting"; readonly networks: readonly string[] }
  | { readonly kind: "in-sync" };

/** The replica and what is half received. `inSync` stays true once it was: later steps apply in order or ask anew. */
export type IntentState = {
  readonly host: string;
  readonly channels: Map<Channel, ChannelReplica>;
  readonly partial: Map<Channel, PartialSnapshot>;
  /** Channels whose digest did not come out: still used, and asked for anew as a whole. */
  readonly suspect: Set<Channel>;
  inSync: boolean;
};

type PartialSnapshot = { readonly seq: number; readonly parts: Map<number, SnapshotMessage> };

export function createIntent(host: string, held: readonly ChannelReplica[]): IntentState {
  return {
    host,
    channels: new Map(held.map((replica) => [replica.channel, replica])),
    partial: new Map(),
    suspect: new Set(),
    inSync: false,
  };
}

/** What the host holds, for `functions/sync`. A suspect channel claims no digest, so that the answer is a snapshot. */
export function syncRequest(state: IntentState): SyncRequest {
  const have = Array.from(state.channels.values(), ({ channel, seq, digest }) => ({
    channel,
    seq,
    digest: state.suspect.has(channel) ? EMPTY_DIGEST : digest,
  }));
  return { v: PROTOCOL_VERSION, have };
}

/** Takes one decoded message. A message for another host changes nothing and is reported. */
export function receive(state: IntentState, message: InboxMessage): IntentEffect[] {
  if (message.host !== state.host) {
    return [{ kind: "sync", reason: "foreign", detail: `a message for ${message.host} arrived` }];
  }
  switch (message.kind) {
    case "delta":
      return receiveDelta(state, message);
    case "snapshot":
      return receiveSnapshot(state, message);
    case "leave":
      return receiveLeave(state, message.channels);
    case "in-sync":
      return receiveInSync(state, message);
    default:
      return assertNever(message);
  }
}

function receiveDelta(state: IntentState, message: DeltaMessage): IntentEffect[] {
  const effects: IntentEffect[] = [];
  for (const entry of message.entries) {
    if (!mayHold(state, entry.channel)) {
      effects.push({ kind: "sync", reason: "foreign", detail: `${entry.channel} is not this host's` });
      continue;
    }
    const outcome = applyEntry(state.channels.get(entry.channel), entry);
    switch (outcome.kind) {
      case "known":
        break;
      case "gap":
        effects.push({
          kind: "sync",
          reason: "gap",
          detail: `${entry.channel}: held ${outcome.held}, got ${outcome.prev}`,
        });
        break;
      case "diverged":
        state.suspect.add(entry.channel);
        effects.push({ kind: "sync", reason: "diverged", detail: `${entry.channel} at ${entry.seq}` });
        break;
      case "applied":
        state.channels.set(entry.channel, outcome.replica);
        effects.push({ kind: "changed", channel: entry.channel, keys: outcome.keys });
        effects.push(...afterHostChannel(state, entry.channel));
        break;
      default:
        assertNever(outcome);
    }
  }
  return effects;
}

function receiveSnapshot(state: IntentState, message: SnapshotMessage): IntentEffect[] {
  const { channel, seq, parts } = message;
  const held = state.channels.get(channel);
  const suspect = state.suspect.has(channel);
  if (held && (held.seq > seq || (held.seq === seq && held.digest === message.digest && !suspect))) return [];
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
  state.channels.set(channel, replica);
  state.suspect.delete(channel);
  return [{ kind: "changed", channel, keys: "whole" }, ...afterHostChannel(state, channel)];
}

/** The host channel says which networks this host carries: leaves the others, asks for those it lacks. */
function afterHostChannel(state: IntentState, channel: Channel): IntentEffect[] {
  if (channel !== hostChannel(state.host)) return [];
  const carried = carriedNetworks(state);
  const effects: IntentEffect[] = [];
  for (const held of state.channels.keys()) {
    const network = channelNetwork(held);
    if (network !== undefined && !carried.has(network)) effects.push(...drop(state, held));
  }
  const networks = missingNetworks(state);
  if (networks.length > 0) effects.push({ kind: "awaiting", networks });
  return effects;
}

/** Networks that this host should carry but holds nothing of. */
export function missingNetworks(state: IntentState): readonly string[] {
  return [...carriedNetworks(state)].filter((network) => !state.channels.has(networkChannel(network)));
}

/** The networks that the host channel names. */
export function carriedNetworks(state: IntentState): ReadonlySet<string> {
  const channel = hostChannel(state.host);
  const carried = new Set<string>();
  for (const [key, record] of state.channels.get(channel)?.records ?? []) {
    const parsed = parseRecordKey(channel, key);
    if (record.body !== null && parsed?.kind === "carried-network") carried.add(parsed.network);
  }
  return carried;
}

/** Another host's channel is refused even if the broker let it through. */
function mayHold(state: IntentState, channel: Channel): boolean {
  return channelNetwork(channel) !== undefined || channel === hostChannel(state.host);
}

/** A leave that was overtaken by a newer host channel, which carries the network again, is out of date. */
function receiveLeave(state: IntentState, channels: readonly Channel[]): IntentEffect[] {
  const whole = channels.includes(hostChannel(state.host));
  const carried = carriedNetworks(state);
  const outdated = (channel: Channel) => !whole && carried.has(channelNetwork(channel) ?? "");
  return channels.filter((channel) => !outdated(channel)).flatMap((channel) => drop(state, channel));
}

function receiveInSync(state: IntentState, message: InSyncMessage): IntentEffect[] {
  const wanted = new Map(message.channels.map((item) => [item.channel, item.seq]));
  const own = hostChannel(state.host);
  const overtaken = (state.channels.get(own)?.seq ?? 0) > (wanted.get(own) ?? Number.POSITIVE_INFINITY);
  const extra = overtaken ? [] : [...state.channels.keys()].filter((channel) => !wanted.has(channel));
  const effects = extra.flatMap((channel) => drop(state, channel));
  const lacking = message.channels.filter(({ channel, seq, digest }) => {
    const held = state.channels.get(channel);
    if (!held) return !overtaken;
    return held.seq < seq || (held.seq === seq && held.digest !== digest);
  });
  if (lacking.length > 0) {
    const detail = lacking.map((item) => item.channel).join(" ");
    return [...effects, { kind: "sync", reason: "incomplete", detail }];
  }
  state.inSync = true;
  return [...effects, { kind: "in-sync" }];
}

function drop(state: IntentState, channel: Channel): IntentEffect[] {
  state.partial.delete(channel);
  state.suspect.delete(channel);
  return state.channels.delete(channel) ? [{ kind: "dropped", channel }] : [];
}
