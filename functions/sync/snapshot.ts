// A channel whole at one seq, read while its log moves on, and the messages that carry it. Imported by functions/publish
// too: a host that joins a network gets it unasked.

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
import { getItem, queryAll, type Table } from "../publish/table.ts";

export type Snapshot = { readonly channel: Channel; readonly head: Head; readonly records: readonly RecordChange[] };

const ATTEMPTS = 3;
/** Room for the envelope, the longest ids and numbers included. */
const ENVELOPE_BYTES = 512;

/**
 * Reads a channel at one seq; its digest is proven to be that of the log. @throws if the store fails, or the records do
 * not sum to the log's digest even after other tries.
 */
export async function readSnapshot(table: Table, channel: Channel, nowSec: number): Promise<Snapshot> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const snapshot = await readOnce(table, channel, nowSec);
    if (snapshot && digestOf(snapshot.records) === snapshot.head.digest) return snapshot;
  }
  throw new Error(`the records of ${channel} do not sum to the digest of its log`);
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

async function readOnce(table: Table, channel: Channel, nowSec: number): Promise<Snapshot | undefined> {
  const before = parseHead(await getItem(table, headKey(channel)));
  const records = (await queryAll(table, channelPk(channel), { prefix: "REC#" })).flatMap((item) => {
    const record = parseRecord(item, nowSec);
    return record && record.body !== null ? [{ key: record.key, version: record.version, body: record.body }] : [];
  });
  const head = parseHead(await getItem(table, headKey(channel)));
  if (head.seq === before.seq) return { channel, head, records };
  const range = { from: logSk(before.seq + 1), to: logSk(head.seq) };
  const entries = (await queryAll(table, channelPk(channel), range)).map(parseLog);
  const whole = entries.length === head.seq - before.seq;
  return whole ? { channel, head, records: overlay(records, entries) } : undefined;
}

function digestOf(records: readonly RecordChange[]): Digest {
  return digestSum(records.map((record) => hashRecord({ ...record, body: record.body })));
}
