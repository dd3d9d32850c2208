// A model of the cloud's side of one channel set, for tests of the agent's side: an ordered log per channel with real
// digests, and the answer to a sync as a snapshot or as entries. It is small on purpose; functions/ has the real one.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Digest } from "../../../shared/message/digest.ts";
import { digestSum, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import type { InboxMessage, LogEntry, OfferMessage, RecordChange } from "../../../shared/message/inbox.ts";
import type { SyncRequest } from "../../../shared/message/sync.ts";
import type { Channel } from "../../../shared/model/record.ts";

type ModelChannel = { seq: number; digest: Digest; log: LogEntry[]; records: Map<string, RecordChange> };

export function createCloudModel(host: string) {
  const channels = new Map<Channel, ModelChannel>();

  function channelOf(channel: Channel): ModelChannel {
    const held = channels.get(channel) ?? { seq: 0, digest: EMPTY_DIGEST, log: [], records: new Map() };
    channels.set(channel, held);
    return held;
  }

  return {
    channels,
    /** Commits one step and returns its entry. */
    commit(channel: Channel, changes: readonly { key: string; body: unknown }[]): LogEntry {
      const state = channelOf(channel);
      const versioned = changes.map(({ key, body }) => {
        const change = { key, version: (state.records.get(key)?.version ?? 0) + 1, body };
        state.records.set(key, change);
        return change;
      });
      state.seq++;
      const live = [...state.records.values()].filter((record) => record.body !== null);
      state.digest = digestSum(live.map(hashRecord));
      const entry: LogEntry = {
        channel,
        seq: state.seq,
        prev: state.seq - 1,
        digest: state.digest,
        forwarding: EMPTY_DIGEST,
        changes: versioned,
      };
      state.log.push(entry);
      return entry;
    },
    delta: (...entries: LogEntry[]): InboxMessage => ({ v: 1, host, kind: "delta", entries }),
    snapshot(channel: Channel, parts = 1): InboxMessage[] {
      const state = channelOf(channel);
      const live = [...state.records.values()].filter((record) => record.body !== null);
      const size = Math.max(1, Math.ceil(live.length / parts));
      return Array.from({ length: parts }, (_, index) => ({
        v: 1,
        host,
        kind: "snapshot",
        channel,
        seq: state.seq,
        digest: state.digest,
        forwarding: EMPTY_DIGEST,
        part: index + 1,
        parts,
        records: live.slice(index * size, (index + 1) * size),
      }));
    },
    /** A snapshot on offer, and the file that it leads to. */
    offer(channel: Channel, url = `https://store/${channel}`): { offer: OfferMessage; file: Uint8Array } {
      const { seq, digest, records } = channelOf(channel);
      const live = [...records.values()].filter((record) => record.body !== null);
      const of = { channel, seq, digest, forwarding: EMPTY_DIGEST, records: live.length };
      const lines = [{ format: 1, ...of }, ...live].map((line) => `${JSON.stringify(line)}\n`);
      const file = gzipSync(lines.join(""));
      const sha256 = createHash("sha256").update(file).digest("hex");
      const offer: OfferMessage = { v: 2, host, kind: "offer", ...of, url, headers: {}, bytes: file.length, sha256 };
      return { offer, file };
    },
    /** The whole answer: entries where the agent's digest is on the log, else a snapshot; then in-sync. */
    answer(request: SyncRequest): InboxMessage[] {
      const messages: InboxMessage[] = [];
      for (const [channel, state] of channels) {
        const have = request.have.find((item) => item.channel === channel);
        if (have?.seq === state.seq && have.digest === state.digest) continue;
        const known = have && state.log.find((entry) => entry.seq === have.seq && entry.digest === have.digest);
        if (known) messages.push(this.delta(...state.log.slice(known.seq)));
        else messages.push(...this.snapshot(channel));
      }
      const list = Array.from(channels, ([channel, { seq, digest }]) => ({ channel, seq, digest }));
      return [...messages, { v: 1, host, kind: "in-sync", channels: list }];
    },
  };
}

/** The body of an endpoint's record; `number` up to 2^24. */
export function endpointBody(number: number, host = "h1"): unknown {
  const octets = [number >> 16, (number >> 8) & 255, number & 255];
  const mac = ["02", "00", "00", ...octets.map((octet) => octet.toString(16).padStart(2, "0"))].join(":");
  return { host, mac, ips: [`10.${octets.join(".")}`], port: `tap${number}`, mobility: 0 };
}

export const networkBody = { tenant: "acme", name: "blue", vni: 100, subnets: ["10.0.0.0/24"] };
export const vtepBody = (address: string) => ({ site: "s1", address, asns: [65001] });
