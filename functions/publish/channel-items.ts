// The items of a channel in the table, and their keys. One partition a channel:
//
//   CH#<channel>   HEAD               where the log stands
//                  LOG#<seq>          one entry, kept 72 h
//                  REC#<key>          the newest state of one record: what a snapshot is made of
//                  READER#<host>      of a net: channel, a host that holds it for its router only; of an rtr:, one that carries it
//                  FOLLOW#<what>      of a net: channel, what its routers and their hosts have to be told still
//   CHANGE#<id>    PUB#<channel>      an API change reached the channel's log at this seq
//
// Only functions/publish writes them, and each REC and LOG only together with its HEAD, on condition of the HEAD's old
// seq: so whoever reads HEAD first and commits on it has read one consistent state.

import { type Digest, EMPTY_DIGEST, hashRecord } from "../../shared/message/digest.ts";
import type { LogEntry } from "../../shared/message/inbox.ts";
import type { Channel, RecordBody } from "../../shared/model/record.ts";
import type { Item, Key } from "./table.ts";

/** Seconds a log entry is kept; an agent further behind gets a snapshot. */
export const LOG_TTL_SEC = 72 * 3600;
/** Seconds a published mark is kept: how long a change's receipt can tell where it is. */
export const MARK_TTL_SEC = 30 * 86400;

/** Where a channel's log stands. A channel never written has seq 0. */
export type Head = {
  readonly seq: number;
  readonly digest: Digest;
  readonly forwarding: Digest;
  /** Of a network: what hosts that only route to it hold in place of `forwarding`. */
  readonly routed?: Digest;
  /** Of a network: by site, the sum of the lines of its endpoints, which fabrics confirm (functions/report/fabric-proof.ts). */
  readonly sites?: SiteSums;
};

export type SiteSums = Readonly<Record<string, Digest>>;

export const EMPTY_HEAD: Head = { seq: 0, digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST };

/** The newest state of one record. `body` is null for a deletion, kept until `ttl` so that older versions stay out. */
export type StoredRecord = {
  readonly key: string;
  readonly version: number;
  readonly body: RecordBody | null;
  /** The entry that brought this version. */
  readonly seq: number;
  /** Epoch seconds; after it the item counts as absent although DynamoDB may take days to remove it. */
  readonly ttl?: number;
  readonly vtep?: VtepBookkeeping;
  /** Of a carried network without an endpoint of the host: the router that it is carried for. */
  readonly router?: string;
};

/** What the publisher keeps beside a `vtep/<host>` record and never sends. */
export type VtepBookkeeping = {
  /** Live endpoints of the host on this network; at 0 the record goes. */
  readonly endpoints: number;
  /** The version of the host resource that the body was made of. */
  readonly hostVersion: number;
  /** The entry with which the host became a member. */
  readonly since: number;
};

/** A host that joined or left a network with an entry, and the entry of its own channel that says so. */
export type Membership = { readonly host: string; readonly joined: boolean; readonly seq: number };

/** A host that holds a channel without a record in it that says so; `since` is the channel's seq when it came. */
export type Reader = { readonly host: string; readonly since: number };

export type LoggedEntry = {
  readonly entry: LogEntry;
  readonly memberships: readonly Membership[];
  /** When it was committed, ms since the epoch. */
  readonly atMs: number;
  /** As in the head after it. Not in the entry: hosts have no use for it. */
  readonly sites?: SiteSums;
};

/** `change` reached `channel` with entry `seq`, as `version` of the record `key`. */
export type Mark = {
  readonly change: string;
  readonly channel: Channel;
  readonly seq: number;
  readonly key: string;
  readonly version: number;
  readonly deleted: boolean;
};

/** A mark and when it was written, ms since the epoch. */
export type WrittenMark = Mark & { readonly atMs: number };

export function channelPk(channel: Channel): string {
  return `CH#${channel}`;
}

export function headKey(channel: Channel): Key {
  return { pk: channelPk(channel), sk: "HEAD" };
}

export function logKey(channel: Channel, seq: number): Key {
  return { pk: channelPk(channel), sk: logSk(seq) };
}

export function logSk(seq: number): string {
  return `LOG#${String(seq).padStart(12, "0")}`;
}

export function recordKey(channel: Channel, key: string): Key {
  return { pk: channelPk(channel), sk: `REC#${key}` };
}

export function vtepRecordKey(host: string): string {
  return `vtep/${host}`;
}

export const READER_PREFIX = "READER#";

export function readerKey(channel: Channel, host: string): Key {
  return { pk: channelPk(channel), sk: `${READER_PREFIX}${host}` };
}

export function readerItem(channel: Channel, reader: Reader): Item {
  return { ...readerKey(channel, reader.host), type: "reader", ...reader };
}

export const FOLLOW_PREFIX = "FOLLOW#";

/** A network joins or leaves a router with `version` of its resource; `former`: the one that it leaves. */
export function rerouteItem(channel: Channel, version: number, former: string | undefined): Item {
  const sk = `${FOLLOW_PREFIX}reroute/${version}`;
  return { pk: channelPk(channel), sk, type: "follow", ...(former === undefined ? {} : { former }) };
}

/** A host became a member of a routed network, or is none any more. */
export function followHostItem(channel: Channel, host: string): Item {
  return { pk: channelPk(channel), sk: `${FOLLOW_PREFIX}host/${host}`, type: "follow", host };
}

export function headItem(channel: Channel, head: Head): Item {
  return { ...headKey(channel), type: "head", ...head };
}

export function parseHead(item: Item | undefined): Head {
  if (!item) return EMPTY_HEAD;
  const routed = item["routed"] as Digest | undefined;
  const sites = item["sites"] as SiteSums | undefined;
  return {
    seq: item["seq"] as number,
    digest: item["digest"] as Digest,
    forwarding: item["forwarding"] as Digest,
    ...(routed === undefined ? {} : { routed }),
    ...(sites === undefined ? {} : { sites }),
  };
}

export function logItem(logged: LoggedEntry): Item {
  const { channel, seq } = logged.entry;
  const ttl = Math.floor(logged.atMs / 1000) + LOG_TTL_SEC;
  return { ...logKey(channel, seq), type: "log", ...logged, ttl };
}

export function parseLog(item: Item): LoggedEntry {
  const sites = item["sites"] as SiteSums | undefined;
  return {
    entry: item["entry"] as LogEntry,
    memberships: item["memberships"] as Membership[],
    atMs: item["atMs"] as number,
    ...(sites === undefined ? {} : { sites }),
  };
}

/** Seconds a tombstone is kept at least, by the publisher's clock: the writer's may be wrong. As long as the API's. */
const TOMBSTONE_TTL_SEC = 7 * 86400;

export function recordItem(channel: Channel, record: StoredRecord, atMs: number): Item {
  const { body, ...rest } = record;
  const key = { ...recordKey(channel, record.key), type: "record" };
  if (body === null) {
    const ttl = Math.max(record.ttl ?? 0, Math.floor(atMs / 1000) + TOMBSTONE_TTL_SEC);
    return { ...key, ...rest, deleted: true, ttl };
  }
  return { ...key, ...rest, body, hash: hashRecord({ key: record.key, version: record.version, body }) };
}

/** The record of an item; undefined if there is none or its tombstone has run out at `nowSec`. */
export function parseRecord(item: Item | undefined, nowSec: number): StoredRecord | undefined {
  if (!item) return undefined;
  const ttl = item["ttl"] as number | undefined;
  if (ttl !== undefined && ttl <= nowSec) return undefined;
  const vtep = item["vtep"] as VtepBookkeeping | undefined;
  const router = item["router"] as string | undefined;
  return {
    key: item["key"] as string,
    version: item["version"] as number,
    body: (item["body"] as RecordBody | undefined) ?? null,
    seq: item["seq"] as number,
    ...(ttl === undefined ? {} : { ttl }),
    ...(vtep ? { vtep } : {}),
    ...(router === undefined ? {} : { router }),
  };
}

export function markItem(mark: Mark, atMs: number): Item {
  return {
    pk: `CHANGE#${mark.change}`,
    sk: `PUB#${mark.channel}`,
    type: "published",
    ...mark,
    at: new Date(atMs).toISOString(),
    ttl: Math.floor(atMs / 1000) + MARK_TTL_SEC,
  };
}

export function parseMark(item: Item): WrittenMark {
  return {
    change: item["change"] as string,
    channel: item["channel"] as Channel,
    seq: item["seq"] as number,
    key: item["key"] as string,
    version: item["version"] as number,
    deleted: item["deleted"] === true,
    atMs: Date.parse(item["at"] as string),
  };
}
