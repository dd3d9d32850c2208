// Drives intent.ts over a connection to the broker: syncs after every connect, asks again until the answer is complete,
// writes the replica behind each change, and tells the listener. A malformed message is counted, reported, skipped, and
// followed by a sync, so that nothing it may have carried is lost.

import { assertNever } from "../../shared/assert.ts";
import { decodeInbox } from "../../shared/message/inbox.ts";
import type { Channel } from "../../shared/model/record.ts";
import { type Clock, debounce, type Random } from "../clock.ts";
import type { Log } from "../log.ts";
import { createIntent, type IntentEffect, type IntentState, missingNetworks, receive, syncRequest } from "./intent.ts";
import type { ReplicaStore } from "./replica-files.ts";

/** The connection to the broker, as mqtt.ts makes it. */
export type Connection = {
  readonly connected: boolean;
  publish(lane: "sync" | "report", payload: string): void;
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
/** Channels that change often are written at most so often. */
const SAVE_AFTER_MS = 200;
/** What could not be written is tried again after so long, until it can. */
const SAVE_AGAIN_MS = 5_000;
/** Several doubts within this time become one sync, and two syncs are at least so far apart. */
const SYNC_AFTER_MS = 20;
const SYNC_APART_MS = 500;
/** A network's channel that is to follow the host's is waited for so long before the cloud is asked for it. */
const FOLLOWS_WITHIN_MS = 300;

/** Loads the replica and starts; `onChange` runs after every change of what is held, not for what was loaded. */
export async function openIntent(options: {
  host: string;
  store: ReplicaStore;
  connection: Connection;
  clock: Clock;
  random: Random;
  log: Log;
  onChange: (change: IntentChange) => void;
}): Promise<IntentSession> {
  const { store, connection, clock, random, log, onChange } = options;
  const { replicas, setAside } = await store.load();
  for (const { file, reason } of setAside) log.warn("replica-set-aside", `${file}: ${reason}`);
  const state = createIntent(options.host, replicas);
  const writer = createWriter(state, store, clock, log);
  let askedTimes = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let cancelAsk: (() => void) | undefined;
  let cancelAskAgain: (() => void) | undefined;

  function ask(): void {
    cancelAsk ??= clock.setTimer(Math.max(SYNC_AFTER_MS, askedAtMs + SYNC_APART_MS - clock.nowMs()), () => {
      cancelAsk = undefined;
      if (!connection.connected) return;
      connection.publish("sync", JSON.stringify(syncRequest(state)));
      askedAtMs = clock.nowMs();
      const waitMs = Math.min(ASK_AGAIN_MS.first * 2 ** askedTimes, ASK_AGAIN_MS.most) * (0.75 + random() / 2);
      askedTimes++;
      cancelAskAgain?.();
      cancelAskAgain = clock.setTimer(waitMs, ask);
    });
  }

  const lookAgain = debounce(clock, FOLLOWS_WITHIN_MS, () => {
    const missing = missingNetworks(state);
    if (missing.length === 0) return;
    log.warn("sync-missing-channel", missing.join(" "));
    ask();
  });

  function settle(): void {
    askedTimes = 0;
    cancelAskAgain?.();
    cancelAskAgain = undefined;
  }

  function run(effects: readonly IntentEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "changed":
        case "dropped":
          writer.touch(effect.channel);
          break;
        case "sync":
          log.warn(`sync-${effect.reason}`, effect.detail);
          ask();
          break;
        case "awaiting":
          lookAgain.trigger();
          break;
        case "in-sync":
          settle();
          break;
        default:
          assertNever(effect);
      }
    }
    if (effects.some((effect) => effect.kind !== "sync" && effect.kind !== "awaiting")) onChange(changesOf(effects));
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
      lookAgain.close();
      await writer.close();
    },
  };
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

/** Writes touched channels one after the other. What could not be written is reported, and tried again by itself. */
function createWriter(state: IntentState, store: ReplicaStore, clock: Clock, log: Log) {
  const touched = new Set<Channel>();
  let tail: Promise<void> = Promise.resolve();
  const write = () => {
    const channels = [...touched];
    touched.clear();
    tail = tail.then(() => writeAll(channels));
  };
  const soon = debounce(clock, SAVE_AFTER_MS, write);
  const again = debounce(clock, SAVE_AGAIN_MS, write);

  async function writeAll(channels: readonly Channel[]): Promise<void> {
    const failures: string[] = [];
    for (const channel of channels) {
      try {
        const replica = state.channels.get(channel);
        await (replica ? store.save(replica) : store.remove(channel));
      } catch (error) {
        touched.add(channel);
        failures.push(`${channel}: ${(error as Error).message}`);
      }
    }
    if (failures.length === 0) return;
    // One line for them all: a full disk refuses every channel for the same reason.
    log.warn("replica-write-failed", `${failures.length} of ${channels.length} channels; ${failures[0]}`);
    again.trigger();
  }

  return {
    touch(channel: Channel) {
      touched.add(channel);
      soon.trigger();
    },
    flush() {
      soon.cancel();
      write();
      return tail;
    },
    close() {
      soon.close();
      again.close();
      write();
      return tail;
    },
  };
}
