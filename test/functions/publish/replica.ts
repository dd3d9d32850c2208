// The oracle: an agent's replica, written from the protocol's text alone. It applies what follows, checks each digest
// from scratch, and recomputes the forwarding form from its records.

import { expect } from "vitest";
import { type Digest, digestSum, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import {
  endpointLines,
  floodLine,
  forwardingDigest,
  gatewayLine,
  hostRouteLine,
  prefixLine,
} from "../../../shared/message/forwarding.ts";
import {
  decodeInbox,
  type InboxMessage,
  type LogEntry,
  MAX_PAYLOAD_BYTES,
  type OfferMessage,
  type RecordChange,
} from "../../../shared/message/inbox.ts";
import type { Channel, EndpointRecord, NetworkRecord, PrefixRecord, VtepRecord } from "../../../shared/model/record.ts";

export type ReplicaChannel = { seq: number; digest: Digest; records: Map<string, RecordChange> };

export class Replica {
  readonly host: string;
  readonly channels = new Map<Channel, ReplicaChannel>();
  /** The channels that the last in-sync named. */
  inSync: Channel[] | undefined;
  /** Entries that did not follow what is held: the agent would ask for a sync. */
  gaps = 0;
  #parts: RecordChange[] = [];

  /** Snapshots that it was told where to fetch. */
  readonly offers: OfferMessage[] = [];
  /** How often it was told to ask again later. */
  retries = 0;

  constructor(host: string) {
    this.host = host;
  }

  receive(payload: string): void {
    expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    const message = decodeInbox(Buffer.from(payload));
    if (message.kind === "malformed") throw new Error(message.reason);
    this.take(message);
  }

  take(message: InboxMessage): void {
    expect(message.host).toBe(this.host);
    switch (message.kind) {
      case "delta":
        for (const entry of message.entries) this.apply(entry);
        return;
      case "snapshot": {
        if (message.part === 1) this.#parts = [];
        this.#parts.push(...message.records);
        if (message.part < message.parts) return;
        const records = new Map(this.#parts.map((record) => [record.key, record]));
        expect(sumOf(records)).toBe(message.digest);
        if (!message.channel.startsWith("host:")) expect(forwardingOf(records)).toBe(message.forwarding);
        this.channels.set(message.channel, { seq: message.seq, digest: message.digest, records });
        return;
      }
      case "leave":
        for (const channel of message.channels) this.channels.delete(channel);
        return;
      case "bundle":
        for (const each of message.messages) this.take(each);
        return;
      case "offer":
        this.offers.push(message);
        return;
      case "retry":
        this.retries += 1;
        return;
      case "in-sync":
        this.inSync = message.channels.map((each) => each.channel);
        for (const { channel, seq, digest } of message.channels) {
          expect({ channel, ...this.at(channel) }).toEqual({ channel, seq, digest });
        }
    }
  }

  apply(entry: LogEntry): void {
    const held = this.channels.get(entry.channel) ?? { seq: 0, digest: EMPTY_DIGEST, records: new Map() };
    if (entry.seq <= held.seq) return;
    if (entry.prev !== held.seq) {
      this.gaps += 1;
      return;
    }
    const records = new Map(held.records);
    for (const change of entry.changes) {
      expect(change.version).toBeGreaterThan(records.get(change.key)?.version ?? 0);
      if (change.body === null) records.delete(change.key);
      else records.set(change.key, change);
    }
    expect(sumOf(records)).toBe(entry.digest);
    if (!entry.channel.startsWith("host:")) expect(forwardingOf(records)).toBe(entry.forwarding);
    if (entry.routed !== undefined) expect(routedOf(records)).toBe(entry.routed);
    this.channels.set(entry.channel, { seq: entry.seq, digest: entry.digest, records });
  }

  at(channel: Channel): { seq: number; digest: Digest } {
    const held = this.channels.get(channel);
    return { seq: held?.seq ?? 0, digest: held?.digest ?? EMPTY_DIGEST };
  }

  have(): { channel: Channel; seq: number; digest: Digest }[] {
    return [...this.channels].map(([channel, { seq, digest }]) => ({ channel, seq, digest }));
  }

  keys(channel: Channel): string[] {
    return [...(this.channels.get(channel)?.records.keys() ?? [])].sort();
  }

  forwarding(channel: Channel): Digest {
    return forwardingOf(this.channels.get(channel)?.records ?? new Map());
  }
}

export function sumOf(records: ReadonlyMap<string, RecordChange>): Digest {
  return digestSum([...records.values()].map((record) => hashRecord({ ...record, body: record.body })));
}

/** The digest of what a host holds that only routes to a network, from scratch. */
export function routedOf(records: ReadonlyMap<string, RecordChange>): Digest {
  const endpoints = [...records.values()].filter(({ key }) => key.startsWith("endpoint/"));
  const lines = endpoints.flatMap(({ body }) => {
    const { host, ips } = body as EndpointRecord;
    const vtep = records.get(`vtep/${host}`)?.body as VtepRecord;
    return ips.map((ip) => hostRouteLine(ip, vtep.address));
  });
  return forwardingDigest(lines);
}

/** The forwarding digest of a network's or router's records, from scratch. */
export function forwardingOf(records: ReadonlyMap<string, RecordChange>): Digest {
  const lines: string[] = [];
  for (const { key, body } of records.values()) {
    if (key === "network") {
      const { router, gateways = [] } = body as NetworkRecord;
      if (router !== undefined) lines.push(...gateways.map(gatewayLine));
    }
    if (key.startsWith("prefix/")) {
      const { prefix, nextHop } = body as PrefixRecord;
      lines.push(prefixLine(prefix, nextHop));
    }
    if (key.startsWith("vtep/")) lines.push(floodLine((body as VtepRecord).address));
    if (!key.startsWith("endpoint/")) continue;
    const endpoint = body as EndpointRecord;
    const vtep = records.get(`vtep/${endpoint.host}`)?.body as VtepRecord;
    lines.push(...endpointLines(endpoint, vtep.address));
  }
  return forwardingDigest(lines);
}
