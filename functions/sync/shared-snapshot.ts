// Snapshots of large channels: a file in the object store, made once and shared by all hosts that ask, in all processes.
// The item `CH#<channel>` / `SNAPSHOT` says which file there is, and who is making the next one. A file a few entries old
// is as good as a new one, since the log brings a host from there to the head.
//
//   nobody has it   -> take the lease (a conditional write), read, compress, store, say so
//   somebody makes  -> wait for it; not for ever: the host is told to ask again
//   the maker died  -> its lease runs out, the next who asks takes it

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Digest } from "../../shared/message/digest.ts";
import { SNAPSHOT_FORMAT, type SnapshotHeader } from "../../shared/message/snapshot-file.ts";
import type { Channel } from "../../shared/model/record.ts";
import { channelPk, type Head } from "../publish/channel-items.ts";
import { type Condition, getItem, type Item, type Key, putItem, type Table } from "../publish/table.ts";
import type { Telemetry } from "../publish/telemetry.ts";
import { INLINE_RECORDS, readSmallSnapshot, readSnapshot, type Snapshot } from "./snapshot.ts";
import type { SnapshotObjects } from "./snapshot-objects.ts";

/** A file in the object store. */
export type SnapshotFile = {
  readonly channel: Channel;
  readonly seq: number;
  readonly digest: Digest;
  readonly forwarding: Digest;
  readonly records: number;
  readonly object: string;
  readonly bytes: number;
  readonly sha256: string;
};

export type SharedSnapshotDeps = {
  readonly table: Table;
  readonly telemetry: Telemetry;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly objects: SnapshotObjects;
  /** Waits so many ms. */
  readonly wait: (ms: number) => Promise<void>;
  /** A name that no other process and no other call has. */
  readonly newId: () => string;
};

/** The bucket forgets files after 3 days (infra/snapshots.ts); nobody is sent to one in its last day. */
const FILE_TTL_SEC = 2 * 86_400;
/** How long a maker may take before another one starts: the time of a function, and some. */
const LEASE_MS = 90_000;
/** How long an answer waits for another maker. */
const PATIENCE_MS = 6_000;
const LOOK_EVERY_MS = 250;

/** What the item says. */
type State = { readonly file?: SnapshotFile; readonly atMs?: number; readonly lease?: Lease };
type Lease = { readonly by: string; readonly untilMs: number };

/**
 * The file for a channel at `head`, later, or at most so many entries before; undefined if another process is still making
 * it.
 */
export async function sharedSnapshot(
  deps: SharedSnapshotDeps,
  channel: Channel,
  wanted: { readonly head: Head; readonly mayBeBehind: number },
): Promise<SnapshotFile | undefined> {
  const leastSeq = wanted.head.seq - wanted.mayBeBehind;
  const untilMs = deps.now() + PATIENCE_MS;
  for (;;) {
    const state = await readState(deps.table, channel);
    const file = await usableFile(deps, state, leastSeq);
    if (file) return file;
    const nowMs = deps.now();
    const lease = { by: deps.newId(), untilMs: nowMs + LEASE_MS };
    if (!state.lease || state.lease.untilMs <= nowMs) {
      if (await writeState(deps, channel, { ...state, lease }, leaseIs(state.lease))) {
        return makeFile(deps, channel, state, lease);
      }
      continue;
    }
    if (nowMs >= untilMs) return undefined;
    await deps.wait(LOOK_EVERY_MS);
  }
}

/** A channel that goes in messages; undefined for a large one. Where a file of it is known, that tells, and no record is read. */
export async function smallSnapshot(table: Table, channel: Channel, nowSec: number): Promise<Snapshot | undefined> {
  const { file } = await readState(table, channel);
  return file !== undefined && file.records > INLINE_RECORDS ? undefined : readSmallSnapshot(table, channel, nowSec);
}

/** The file that the item names, if it is new enough and still there. */
async function usableFile(deps: SharedSnapshotDeps, state: State, leastSeq: number): Promise<SnapshotFile | undefined> {
  const { file, atMs = 0 } = state;
  if (!file || file.seq < leastSeq) return undefined;
  if (deps.now() - atMs > FILE_TTL_SEC * 1000) return undefined;
  return (await deps.objects.has(file.object)) ? file : undefined;
}

async function makeFile(
  deps: SharedSnapshotDeps,
  channel: Channel,
  before: State,
  lease: Lease,
): Promise<SnapshotFile> {
  try {
    const snapshot = await readSnapshot(deps.table, channel, Math.floor(deps.now() / 1000));
    const body = await encodeSnapshot(snapshot);
    const file = describe(snapshot, body);
    await deps.objects.put(file.object, body);
    deps.telemetry.count("SnapshotsMade");
    deps.telemetry.count("SnapshotBytesMade", body.length);
    // If the lease ran out meanwhile, another maker's word stands; this file is as true.
    await writeState(deps, channel, { file, atMs: deps.now() }, leaseIs(lease));
    return file;
  } catch (error) {
    const { lease: _, ...rest } = before;
    // Given back at once, so that the next who asks need not wait for it to run out.
    await writeState(deps, channel, rest, leaseIs(lease)).catch(() => false);
    throw error;
  }
}

const compress = promisify(gzip);

/** The file of a snapshot (shared/message/snapshot-file.ts). */
export async function encodeSnapshot({ channel, head, records }: Snapshot): Promise<Buffer> {
  const { seq, digest, forwarding } = head;
  const header: SnapshotHeader = { format: SNAPSHOT_FORMAT, channel, seq, digest, forwarding, records: records.length };
  const lines = [JSON.stringify(header), ...records.map((record) => JSON.stringify(record)), ""];
  return compress(lines.join("\n"));
}

function describe({ channel, head, records }: Snapshot, body: Uint8Array): SnapshotFile {
  const { seq, digest, forwarding } = head;
  const sha256 = createHash("sha256").update(body).digest("hex");
  // With the content in the name, no second maker can replace what a host was promised.
  const object = `${channel.replace(":", "/")}/${seq}-${sha256.slice(0, 16)}.ndjson.gz`;
  return { channel, seq, digest, forwarding, records: records.length, object, bytes: body.length, sha256 };
}

function stateKey(channel: Channel): Key {
  return { pk: channelPk(channel), sk: "SNAPSHOT" };
}

async function readState(table: Table, channel: Channel): Promise<State> {
  return parseState(await getItem(table, stateKey(channel)));
}

function parseState(item: Item | undefined): State {
  if (!item) return {};
  const file = item["file"] as SnapshotFile | undefined;
  const atMs = item["atMs"] as number | undefined;
  const by = item["leaseBy"] as string | undefined;
  const untilMs = item["leaseUntilMs"] as number | undefined;
  return {
    ...(file && atMs !== undefined ? { file, atMs } : {}),
    ...(by !== undefined && untilMs !== undefined ? { lease: { by, untilMs } } : {}),
  };
}

function writeState(deps: SharedSnapshotDeps, channel: Channel, state: State, condition: Condition): Promise<boolean> {
  const { file, atMs, lease } = state;
  const item = {
    ...stateKey(channel),
    type: "snapshot",
    ...(file && { file, atMs }),
    ...(lease && { leaseBy: lease.by, leaseUntilMs: lease.untilMs }),
    ttl: Math.floor(deps.now() / 1000) + FILE_TTL_SEC,
  };
  return putItem(deps.table, item, condition);
}

/** The named condition of every write here: the lease is still the one that was read. */
function leaseIs(lease: Lease | undefined): Condition {
  if (!lease) return { expression: "attribute_not_exists(leaseBy)" };
  return { expression: "leaseBy = :by", values: { ":by": lease.by } };
}
