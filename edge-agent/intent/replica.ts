// The agent's copy of its channels: what to do with each log entry and snapshot, as values. The copy is changed in
// place, since it may hold 100,000 records, but only after the whole step was found right. No clock, no I/O.

import {
  type Digest,
  digestAdd,
  digestSubtract,
  digestSum,
  EMPTY_DIGEST,
  hashRecord,
} from "../../shared/message/digest.ts";
import type { LogEntry, RecordChange } from "../../shared/message/inbox.ts";
import { type Channel, parseRecordKey, type RecordBody, recordSchema } from "../../shared/model/record.ts";

/** One record: `body` is null for a tombstone, which only guards against older versions. */
export type ReplicaRecord = {
  readonly version: number;
  /** As received: the digest is over this. */
  readonly raw: unknown;
  /** As parsed: addresses are canonical. */
  readonly body: RecordBody | null;
  readonly hash: Digest;
};

/** A channel as of `seq`: the live records sum to `digest`. */
export type ChannelReplica = {
  readonly channel: Channel;
  seq: number;
  digest: Digest;
  /** The digest of the forwarding form at `seq`, as the cloud computed it. */
  forwarding: Digest;
  readonly records: Map<string, ReplicaRecord>;
};

/** What became of an entry. Only `applied` changed the replica; `gap` and `diverged` need a sync. */
export type ApplyOutcome =
  /** `keys`: the records that changed. */
  | { readonly kind: "applied"; readonly replica: ChannelReplica; readonly keys: readonly string[] }
  | { readonly kind: "known" }
  | { readonly kind: "gap"; readonly held: number; readonly prev: number }
  | { readonly kind: "diverged"; readonly expected: Digest; readonly computed: Digest };

/** Applies one log entry to what is held of its channel. An entry with `prev` 0 starts a channel. */
export function applyEntry(replica: ChannelReplica | undefined, entry: LogEntry): ApplyOutcome {
  const held = replica?.seq ?? 0;
  if (replica && entry.seq <= held) return { kind: "known" };
  if (entry.prev !== held) return { kind: "gap", held, prev: entry.prev };
  const target = replica ?? emptyReplica(entry.channel);
  const changes = newerRecords(target, entry.changes);
  let computed = target.digest;
  for (const [key, record] of changes) {
    computed = digestAdd(digestSubtract(computed, liveHash(target.records.get(key))), liveHash(record));
  }
  if (computed !== entry.digest) return { kind: "diverged", expected: entry.digest, computed };
  for (const [key, record] of changes) target.records.set(key, record);
  target.seq = entry.seq;
  target.digest = entry.digest;
  target.forwarding = entry.forwarding;
  return { kind: "applied", replica: target, keys: [...changes.keys()] };
}

/** Builds a channel from a snapshot; undefined if its records do not sum to its digest. */
export function fromSnapshot(snapshot: {
  channel: Channel;
  seq: number;
  digest: Digest;
  forwarding: Digest;
  records: readonly RecordChange[];
}): ChannelReplica | undefined {
  const replica = emptyReplica(snapshot.channel);
  for (const change of snapshot.records) replica.records.set(change.key, toRecord(snapshot.channel, change));
  const sum = digestSum(Array.from(replica.records.values(), (record) => liveHash(record)));
  if (sum !== snapshot.digest) return undefined;
  replica.seq = snapshot.seq;
  replica.digest = snapshot.digest;
  replica.forwarding = snapshot.forwarding;
  return replica;
}

function emptyReplica(channel: Channel): ChannelReplica {
  return { channel, seq: 0, digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST, records: new Map() };
}

/** The last change of each key that is newer than what is held: order inside one record is by version alone. */
function newerRecords(replica: ChannelReplica, changes: readonly RecordChange[]): Map<string, ReplicaRecord> {
  const newer = new Map<string, ReplicaRecord>();
  for (const change of changes) {
    const held = newer.get(change.key) ?? replica.records.get(change.key);
    if (held && held.version >= change.version) continue;
    newer.set(change.key, toRecord(replica.channel, change));
  }
  return newer;
}

/** Parses a body that the decoder accepted already; an unknown key at this point is our own bug. */
function toRecord(channel: Channel, change: RecordChange): ReplicaRecord {
  const { version, body: raw } = change;
  if (raw === null) return { version, raw, body: null, hash: EMPTY_DIGEST };
  const key = parseRecordKey(channel, change.key);
  if (!key) throw new Error(`record ${change.key} cannot be in ${channel}`);
  return {
    version,
    raw,
    body: recordSchema(key).parse(raw),
    hash: hashRecord({ key: change.key, version, body: raw }),
  };
}

/** What a record adds to the digest: nothing if it is absent or a tombstone. */
function liveHash(record: ReplicaRecord | undefined): Digest {
  return record && record.body !== null ? record.hash : EMPTY_DIGEST;
}
