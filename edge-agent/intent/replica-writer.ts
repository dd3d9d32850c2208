// Writes the replica behind the changes: soon, several changes of a channel as one, one channel after the other. What
// could not be written is reported, and tried again by itself; what is held stays in use all the same.

import type { LogEntry } from "../../shared/message/inbox.ts";
import type { Channel } from "../../shared/model/record.ts";
import { type Clock, debounce } from "../clock.ts";
import type { Log } from "../log.ts";
import type { ChannelReplica } from "./replica.ts";
import type { ReplicaStore } from "./replica-files.ts";

/** Channels that change often are written at most so often. */
const SAVE_AFTER_MS = 200;
/** What could not be written is tried again after so long, until it can. */
const SAVE_AGAIN_MS = 5_000;

export type ReplicaWriter = {
  /** The channel changed, by `entry` alone or in any other way. */
  changed(channel: Channel, entry?: LogEntry): void;
  /** Waits until all that changed so far was written, or could not be. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

export function createReplicaWriter(ports: {
  /** What is held of a channel now. */
  held: (channel: Channel) => ChannelReplica | undefined;
  store: ReplicaStore;
  clock: Clock;
  log: Log;
}): ReplicaWriter {
  const { held, store, clock, log } = ports;
  /** What to write: the entries since the last write, or all there is. */
  let pending = new Map<Channel, LogEntry[] | "whole">();
  let tail: Promise<void> = Promise.resolve();

  const write = () => {
    tail = tail.then(() => {
      const writing = pending;
      pending = new Map();
      return writeAll(writing);
    });
  };
  const soon = debounce(clock, SAVE_AFTER_MS, write);
  const again = debounce(clock, SAVE_AGAIN_MS, write);

  async function writeAll(writing: ReadonlyMap<Channel, readonly LogEntry[] | "whole">): Promise<void> {
    const failures: string[] = [];
    for (const [channel, news] of writing) {
      try {
        const replica = held(channel);
        if (!replica) await store.remove(channel);
        else await store.save(replica, news === "whole" ? undefined : news);
      } catch (error) {
        pending.set(channel, "whole");
        failures.push(`${channel}: ${(error as Error).message}`);
      }
    }
    if (failures.length === 0) return;
    // One line for them all: a full disk refuses every channel for the same reason.
    log.warn("replica-write-failed", `${failures.length} of ${writing.size} channels; ${failures[0]}`);
    again.trigger();
  }

  return {
    changed(channel, entry) {
      const news = pending.get(channel);
      if (!entry || news === "whole") pending.set(channel, "whole");
      else if (news) news.push(entry);
      else pending.set(channel, [entry]);
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
