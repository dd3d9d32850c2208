// The agent's copy of its channels: what to do with each log entry and snapshot, as values. The copy is changed in
// place, since it may hold 100,000 records, but only after the whole step was found right. No clock, no I/O.
//
// It keeps no tombstones: entries apply in the order of the log alone, which never has an older version after a newer.

import { type Digest, digestAdd, digestSubtract, EMPTY_DIGEST, hashRecord } from "../../shared/message/digest.ts";
import type { LogEntry, RecordChange } from "../../shared/message/inbox.ts";
import { type Channel, parseRecordKey, type RecordBody, recordSchema } from "../../shared/model/record.ts";
import { equalJson } from "./equal-json.ts";

/** One live record. */
export type ReplicaRecord = {
  readonly version: number;
  /** As received: the digest is over this. The same object as `body` where parsing changed nothing. */
  readonly raw: unknown;
  /** As parsed: addresses are canonical. */
  readonly body: RecordBody;
  readonly hash: Digest;
};

/** A channel as of `seq`: the records sum to `digest`. */
export type ChannelReplica = {
  readonly channel: Channel;
  seq: number;
  digest: Digest;
  /** The digest of the forwarding form at `seq`, as the cloud computed it. */
  forwarding: Digest;
  records: Map<string, ReplicaRecord>;
};

/** What became of an entry. Only `applied` changed the replica; `gap` and `diverged` need more from the cloud. */
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
    computed = digestAdd(digestSubtract(computed, hashOf(target.records.get(key))), hashOf(record));
  }
  if (computed !== entry.digest) return { kind: "diverged", expected: entry.digest, computed };
  for (const [key, record] of changes) {
    if (record) target.records.set(key, record);
    else target.records.delete(key);
  }
  target.seq = entry.seq;
  target.digest = entry.digest;
  target.forwarding = entry.forwarding;
  return { kind: "applied", replica: target, keys: [...changes.keys()] };
}

/** What a channel is to be after a snapshot. */
export type SnapshotState = {
  readonly channel: Channel;
  readonly seq: number;
  readonly digest: Digest;
  readonly forwarding: Digest;
};

/** Builds a channel from a snapshot; undefined if its records do not sum to its digest. */
export function fromSnapshot(
  snapshot: SnapshotState & { readonly records: Iterable<RecordChange> },
): ChannelReplica | undefined {
  const builder = buildSnapshot(snapshot, undefined);
  for (const change of snapshot.records) builder.add(change);
  return builder.finish();
}

export type SnapshotBuilder = {
  /** @throws if the record cannot be in the channel. */
  add(change: RecordChange): void;
  /** The channel; undefined if its records do not sum to the digest. */
  finish(): ChannelReplica | undefined;
};

/**
 * Builds a channel record by record beside what is held of it, which stays as it is. Records that are the same in both
 * are shared, so that the two together need little more memory than one.
 */
export function buildSnapshot(state: SnapshotState, held: ChannelReplica | undefined): SnapshotBuilder {
  const { channel, seq, digest, forwarding } = state;
  const records = new Map<string, ReplicaRecord>();
  return {
    add(change) {
      const before = held?.records.get(change.key);
      const isSame = before?.version === change.version && equalJson(before.raw, change.body);
      const record = isSame ? before : toRecord(channel, change);
      if (record) records.set(change.key, record);
    },
    finish() {
      let sum = 0n;
      for (const { hash } of records.values()) sum += BigInt(`0x${hash}`);
      const computed = BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
      return computed === digest ? { channel, seq, digest, forwarding, records } : undefined;
    },
  };
}

function emptyReplica(channel: Channel): ChannelReplica {
  return { channel, seq: 0, digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST, records: new Map() };
}

/** The last change of each key that is newer than what is held, undefined for a deletion. */
function newerRecords(
  replica: ChannelReplica,
  changes: readonly RecordChange[],
): Map<string, ReplicaRecord | undefined> {
  const newer = new Map<string, ReplicaRecord | undefined>();
  const versions = new Map<string, number>();
  for (const change of changes) {
    const held = versions.get(change.key) ?? replica.records.get(change.key)?.version;
    if (held !== undefined && held >= change.version) continue;
    versions.set(change.key, change.version);
    newer.set(change.key, toRecord(replica.channel, change));
  }
  return newer;
}

/** Parses a record; undefined for a deletion. A key or body that cannot be throws: decoders refuse it before. */
function toRecord(channel: Channel, change: RecordChange): ReplicaRecord | undefined {
  const { version, body: raw } = change;
  if (raw === null) return undefined;
  const key = parseRecordKey(channel, change.key);
  if (!key) throw new Error(`record ${change.key} cannot be in ${channel}`);
  const body = recordSchema(key).parse(raw);
  const hash = hashRecord({ key: change.key, version, body: raw });
  // Kept once where it can be: 100,000 records twice are what a host would feel.
  return { version, raw: equalJson(raw, body) ? body : raw, body, hash };
}

/** What a record adds to the digest: nothing if it is absent. */
function hashOf(record: ReplicaRecord | undefined): Digest {
  return record?.hash ?? EMPTY_DIGEST;
}
