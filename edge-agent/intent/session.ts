// Drives intent.ts over a connection to the broker: syncs after every connect, asks again until the answer is complete,
// fetches what is on offer, writes the replica behind each change, and tells the listener. A malformed message is counted,
// reported, skipped, and followed by a sync, so that nothing it may have carried is lost.

import { assertNever } from "../../shared/assert.ts";
import { decodeInbox } from "../../shared/message/inbox.ts";
import type { Lane } from "../../shared/message/topic.ts";
import type { Channel } from "../../shared/model/record.ts";
import { type Clock, debounce, type Random } from "../clock.ts";
import type { Log } from "../log.ts";
import { syncRequests } from "./answer.ts";
import { fetchSnapshot, type SnapshotSource } from "./fetch-snapshot.ts";
import {
  createIntent,
  forgetOffer,
  type IntentEffect,
  type IntentState,
  missing,
  receive,
  receiveFetched,
} from "./intent.ts";
import type { ReplicaStore } from "./replica-files.ts";
import { createReplicaWriter } from "./replica-writer.ts";

/** The connection to the broker, as mqtt.ts makes it. */
export type Connection = {
  readonly connected: boolean;
  publish(lane: Exclude<Lane, "inbox">, payload: string): void;
};

/**
 * What changed of intent: per channel the keys of the records, or `whole` when any may have changed (a snapshot, a channel
 * that was dropped). Empty when only `inSync` did.
 */
export type IntentChange = ReadonlyMap<Channel, ReadonlySet<string> | "whole">;

export type IntentSession = {
  readonly state: IntentState;
  onConnected(): void;
  onDisconnected(): void;
  onInbox(payload: Uint8Array): void;
  /** Waits until what was received is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

/** How long an unanswered sync waits before it is asked again: 5 s, doubling to 60 s, with jitter. */
const ASK_AGAIN_MS = { first: 5_000, most: 60_000 };
/** The same after a snapshot could not be fetched. */
const FETCH_AGAIN_MS = { first: 1_000, most: 60_000 };
/** Several doubts within this time become one sync. */
const SYNC_AFTER_MS = 20;
/**
 * Two syncs are at least so far apart, and further with each that brought no whole answer: where it is the answer itself that
 * cannot be used, to ask at once would only bring it again.
 */
const SYNC_APART_MS = { first: 500, most: 60_000 };
/** Messages may overtake each other by so much: a gap in a log is waited for before the cloud is asked. */
const GAP_CLOSES_WITHIN_MS = 100;
/** A channel that is to follow the host's is waited for so long before the cloud is asked for it. */
const FOLLOWS_WITHIN_MS = 300;
/** And so long if the cloud said that it is on its way. */
const COMES_WITHIN_MS = 5_000;

/** Loads the replica and starts; `onChange` runs after every change of what is held, not for what was loaded. */
export async function openIntent(options: {
  host: string;
  store: ReplicaStore;
  snapshots: SnapshotSource;
  connection: Connection;
  clock: Clock;
  random: Random;
  log: Log;
  onChange: (change: IntentChange) => void;
}): Promise<IntentSession> {
  const { store, snapshots, connection, clock, random, log, onChange } = options;
  const { replicas, setAside } = await store.load();
  for (const { file, reason } of setAside) log.warn("replica-set-aside", `${file}: ${reason}`);
  const state = createIntent(options.host, replicas);
  const writer = createReplicaWriter({ held: (channel) => state.channels.get(channel), store, clock, log });
  // Not from 1: an answer to an earlier process may still be on its way.
  let request = Math.floor(random() * 1e9);
  let askedTimes = 0;
  let failedFetches = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let cancelAsk: (() => void) | undefined;
  let cancelAskAgain: (() => void) | undefined;
  let fetching: AbortController | undefined;

  const jitter = () => 0.75 + random() / 2;

  function ask(): void {
    const apartMs = backoffMs(SYNC_APART_MS, Math.max(0, askedTimes - 1));
    cancelAsk ??= clock.setTimer(Math.max(SYNC_AFTER_MS, askedAtMs + apartMs - clock.nowMs()), () => {
      cancelAsk = undefined;
      if (!connection.connected) return;
      request++;
      for (const part of syncRequests(state, request)) connection.publish("sync", JSON.stringify(part));
      askedAtMs = clock.nowMs();
      askIn(backoffMs(ASK_AGAIN_MS, askedTimes++) * jitter());
    });
  }

  function askIn(afterMs: number): void {
    cancelAskAgain?.();
    // What is being fetched answers most of what there is to ask.
    cancelAskAgain = clock.setTimer(afterMs, () => (fetching ? askIn(ASK_AGAIN_MS.first * jitter()) : ask()));
  }

  const closeGaps = debounce(clock, GAP_CLOSES_WITHIN_MS, () => {
    const { gaps } = missing(state);
    if (gaps.length === 0) return;
    log.warn("sync-gap", gaps.map((channel) => `${channel}: held ${state.channels.get(channel)?.seq ?? 0}`).join(", "));
    ask();
  });
  const lookAgain = debounce(clock, FOLLOWS_WITHIN_MS, () => {
    const { channels } = missing(state);
    if (channels.length === 0) return;
    log.warn("sync-missing-channel", channels.join(" "));
    ask();
  });
  const giveUpComing = debounce(clock, COMES_WITHIN_MS, () => {
    state.coming.clear();
    lookAgain.trigger();
    closeGaps.trigger();
  });

  /** One after the other: two at once would need the memory of both. */
  function fetchNext(): void {
    const [offer] = state.offers.values();
    if (!offer || fetching) return;
    const abort = new AbortController();
    fetching = abort;
    const finished = () => {
      if (fetching === abort) fetching = undefined;
    };
    fetchSnapshot(snapshots, offer, state.channels.get(offer.channel), abort.signal).then(
      (replica) => {
        finished();
        failedFetches = 0;
        if (abort.signal.aborted) return;
        run(receiveFetched(state, offer, replica));
        fetchNext();
      },
      (error: Error) => {
        finished();
        forgetOffer(state, offer);
        if (abort.signal.aborted) return;
        log.warn("snapshot-fetch-failed", `${offer.channel} at ${offer.seq}: ${error.message}`);
        askIn(backoffMs(FETCH_AGAIN_MS, failedFetches++) * jitter());
        fetchNext();
      },
    );
  }

  function settle(): void {
    askedTimes = 0;
    cancelAskAgain?.();
    cancelAskAgain = undefined;
  }

  function run(effects: readonly IntentEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "changed":
          writer.changed(effect.channel, effect.entry);
          break;
        case "dropped":
          writer.changed(effect.channel);
          break;
        case "sync":
          if (effect.reason === "rejoined") log.info("sync-rejoined", effect.detail);
          else log.warn(`sync-${effect.reason}`, effect.detail);
          ask();
          break;
        case "awaiting":
          closeGaps.trigger();
          lookAgain.trigger();
          if (state.coming.size > 0) giveUpComing.trigger();
          break;
        case "fetch":
          fetchNext();
          break;
        case "retry":
          log.info("sync-retry", `${effect.reason}; again in ${effect.afterMs} ms`);
          askIn(effect.afterMs * jitter());
          break;
        case "in-sync":
          settle();
          break;
        default:
          assertNever(effect);
      }
    }
    if (effects.some(({ kind }) => TOLD.has(kind))) onChange(changesOf(effects));
  }

  return {
    state,
    onConnected() {
      askedTimes = 0;
      askedAtMs = Number.NEGATIVE_INFINITY;
      ask();
    },
    onDisconnected: () => settle(),
    onInbox(payload) {
      const message = decodeInbox(payload);
      if (message.kind === "malformed") {
        log.warn("inbox-malformed", message.reason);
        ask();
        return;
      }
      run(receive(state, message));
    },
    flush: () => writer.flush(),
    async close() {
      settle();
      cancelAsk?.();
      fetching?.abort();
      for (const timer of [closeGaps, lookAgain, giveUpComing]) timer.close();
      await writer.close();
    },
  };
}

/** The effects of which the listener hears. */
const TOLD: ReadonlySet<IntentEffect["kind"]> = new Set(["changed", "dropped", "in-sync"]);

function backoffMs({ first, most }: { first: number; most: number }, times: number): number {
  return Math.min(first * 2 ** times, most);
}

/** The changes of several effects as one. */
function changesOf(effects: readonly IntentEffect[]): IntentChange {
  const changes = new Map<Channel, Set<string> | "whole">();
  for (const effect of effects) {
    if (effect.kind === "dropped" || (effect.kind === "changed" && effect.keys === "whole")) {
      changes.set(effect.channel, "whole");
    } else if (effect.kind === "changed") {
      const known = changes.get(effect.channel) ?? new Set();
      changes.set(effect.channel, known);
      if (known !== "whole") for (const key of effect.keys) known.add(key);
    }
  }
  return changes;
}
