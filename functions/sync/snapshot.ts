// A channel whole at one seq, read while its log moves on, and the messages that carry it. Imported by functions/publish
// too: a host that joins a small network gets it unasked. Large channels go as files: shared-snapshot.ts.

import { type Digest, digestSum, hashRecord } from "../../shared/message/digest.ts";
import { MAX_PAYLOAD_BYTES, type RecordChange } from "../../shared/message/inbox.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import type { Channel } from "../../shared/model/record.ts";
import {
  channelPk,
  type Head,
  headKey,
  type LoggedEntry,
  logSk,
  parseHead,
  parseLog,
  parseRecord,
} from "../publish/channel-items.ts";
import { packTexts } from "../publish/outbox.ts";
import { getItem, queryAll, queryPage, queryPages, type Table } from "../publish/table.ts";

export type Snapshot = { readonly channel: Channel; readonly head: Head; readonly records: readonly RecordChange[] };

/** The most octets of records that go in messages: AWS IoT passes 512 KiB a second to a connection. */
export const INLINE_BYTES = 200_000;
/** More records have more octets than that, whatever is in them: the shortest is of 100. */
export const INLINE_RECORDS = INLINE_BYTES / 100;

const ATTEMPTS = 3;
/** Room for the envelope, the longest ids and numbers included. */
const ENVELOPE_BYTES = 512;

/**
 * Reads a channel at one seq; its digest is proven to be that of the log. @throws if the store fails, or the records do
 * not sum to the log's digest even after other tries.
 */
export async function readSnapshot(table: Table, channel: Channel, nowSec: number): Promise<Snapshot> {
  const snapshot = await readProven(table, channel, nowSec, Number.POSITIVE_INFINITY);
  if (snapshot === "larger") throw new Error("unreachable: there is no limit");
  return snapshot;
}

/** As `readSnapshot`; undefined for a channel that is too large for messages, of which at most 2,001 records are read. */
export async function readSmallSnapshot(table: Table, channel: Channel, nowSec: number): Promise<Snapshot | undefined> {
  const snapshot = await readProven(table, channel, nowSec, INLINE_RECORDS);
  return snapshot === "larger" || snapshotBytes(snapshot) > INLINE_BYTES ? undefined : snapshot;
}

/** The octets of a snapshot's records as JSON text. */
export function snapshotBytes({ records }: Snapshot): number {
  return records.reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)) + 1, 0);
}

/** The messages of a snapshot for one host, as JSON text; an empty channel has one part too. */
export function snapshotMessages(host: string, snapshot: Snapshot): string[] {
  const { channel, head } = snapshot;
  const packs = packTexts(
    snapshot.records.map((record) => JSON.stringify(record)),
    MAX_PAYLOAD_BYTES - ENVELOPE_BYTES,
  );
  if (packs.length === 0) packs.push([]);
  return packs.map((pack, index) => {
    const envelope = {
      v: FIRST_VERSION,
      host,
      kind: "snapshot",
      channel,
      ...head,
      part: index + 1,
      parts: packs.length,
    };
    return `${JSON.stringify(envelope).slice(0, -1)},"records":[${pack.join(",")}]}`;
  });
}

/** Brings records that were read while the log went on to its end: what the entries since name is as the last one says. */
export function overlay(records: readonly RecordChange[], entries: readonly LoggedEntry[]): RecordChange[] {
  const byKey = new Map(records.map((record) => [record.key, record]));
  for (const { entry } of entries) {
    for (const change of entry.changes) {
      if (change.body === null) byKey.delete(change.key);
      else byKey.set(change.key, change);
    }
  }
  return [...byKey.values()];
}

async function readProven(table: Table, channel: Channel, nowSec: number, most: number): Promise<Snapshot | "larger"> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const snapshot = await readOnce(table, channel, nowSec, most);
    if (snapshot) return snapshot;
  }
  throw new Error(`the records of ${channel} do not sum to the digest of its log`);
}

/**
 * One try; undefined if the log moved on further than it can be followed. Records that sum to the digest of the head before
 * them are of that step, whatever was written meanwhile. Tombstones count as records too.
 */
async function readOnce(
  table: Table,
  channel: Channel,
  nowSec: number,
  most: number,
): Promise<Snapshot | "larger" | undefined> {
  const before = parseHead(await getItem(table, headKey(channel)));
  const records: RecordChange[] = [];
  const range = { prefix: "REC#" };
  const pk = channelPk(channel);
  // A page of a large channel takes a store long.
  const pages = Number.isFinite(most)
    ? [await queryPage(table, pk, { ...range, limit: most + 1 })]
    : queryPages(table, pk, range);
  for await (const page of pages) {
    if (page.length > most) return "larger";
    for (const item of page) {
      const record = parseRecord(item, nowSec);
      if (record && record.body !== null) records.push({ key: record.key, version: record.version, body: record.body });
    }
  }
  if (digestOf(records) === before.digest) return { channel, head: before, records };
  const head = parseHead(await getItem(table, headKey(channel)));
  if (head.seq === before.seq) return undefined;
  const since = { from: logSk(before.seq + 1), to: logSk(head.seq) };
  const entries = (await queryAll(table, pk, since)).map(parseLog);
  if (entries.length !== head.seq - before.seq) return undefined;
  const followed = overlay(records, entries);
  return digestOf(followed) === head.digest ? { channel, head, records: followed } : undefined;
}

function digestOf(records: readonly RecordChange[]): Digest {
  return digestSum(records.map((record) => hashRecord({ ...record, body: record.body })));
}
