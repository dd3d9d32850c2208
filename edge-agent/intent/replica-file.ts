// The form of one channel on disk: lines, each with a checksum of its own. First the channel whole, then the log entries
// that came since, appended as they come, so that a change costs what it is long and not what the channel is.
//
//   <sum> {"format":2,"channel":"net:blue","seq":7,"digest":"…","forwarding":"…","records":1000}
//   <sum> {"records":[{"key":…,"version":…,"body":…}, …]}       as many as it takes
//   <sum> {"entry":{"channel":…,"seq":8,"prev":7,…}}            one log entry each, in the order of the log
//
// <sum> is the first 64 bits of the SHA-256 of the rest of the line, in hex. A last line of an entry that is not whole
// is a write that was cut short: what is before it counts. Any other fault, and any other format, makes the file unfit.

import { createHash } from "node:crypto";
import * as z from "zod";
import { LogEntry, RecordChange } from "../../shared/message/inbox.ts";
import { SnapshotHeader } from "../../shared/message/snapshot-file.ts";
import { applyEntry, buildSnapshot, type ChannelReplica, type SnapshotBuilder } from "./replica.ts";

export const REPLICA_FORMAT = 2;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const SUM_LENGTH = 16;
const RECORDS_A_LINE = 200;

/** The lines of a channel whole. It is read when called, so that the channel may change while the lines are written. */
export function wholeLines(replica: ChannelReplica): Generator<string> {
  const { channel, seq, digest, forwarding } = replica;
  const records = [...replica.records];
  return (function* () {
    yield line({ format: REPLICA_FORMAT, channel, seq, digest, forwarding, records: records.length });
    for (let at = 0; at < records.length; at += RECORDS_A_LINE) {
      const some = records.slice(at, at + RECORDS_A_LINE);
      yield line({ records: some.map(([key, { version, raw }]) => ({ key, version, body: raw })) });
    }
  })();
}

export function entryLine(entry: LogEntry): string {
  return line({ entry });
}

function line(value: unknown): string {
  const text = JSON.stringify(value);
  return `${sumOf(text)} ${text}\n`;
}

function sumOf(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex").slice(0, SUM_LENGTH);
}

export type ReadReplica = {
  readonly replica: ChannelReplica;
  /** How many octets of the file count; what is behind them was cut short. */
  readonly bytes: number;
  /** How many of them are the channel whole. */
  readonly wholeBytes: number;
};

/** Reads a file's octets; the reason in words if it is not fit to use. */
export async function readReplicaFile(chunks: AsyncIterable<Uint8Array>): Promise<ReadReplica | string> {
  const reader = createReader();
  let rest: Uint8Array = new Uint8Array();
  let bytes = 0;
  let hasBadLine = false;
  for await (const chunk of chunks) {
    const octets = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = octets.indexOf(NEWLINE); end >= 0; end = octets.indexOf(NEWLINE, start)) {
      // A bad line counts as cut short only if nothing follows it.
      if (hasBadLine) return BAD_SUM;
      const fault = reader.take(octets.subarray(start, end));
      if (fault === BAD_SUM) hasBadLine = true;
      else if (fault !== undefined) return fault;
      else bytes += end + 1 - start;
      start = end + 1;
    }
    rest = Buffer.from(octets.subarray(start));
  }
  if (hasBadLine && rest.length > 0) return BAD_SUM;
  return reader.finish(bytes) ?? (hasBadLine ? BAD_SUM : "the file ends before the channel is whole");
}

const BAD_SUM = "checksum differs";

const ReplicaHeader = SnapshotHeader.extend({ format: z.literal(REPLICA_FORMAT) });
type ReplicaHeader = z.infer<typeof ReplicaHeader>;
const RecordsLine = z.object({ records: z.array(RecordChange) });
const EntryLine = z.object({ entry: LogEntry });

function createReader() {
  let header: ReplicaHeader | undefined;
  let builder: SnapshotBuilder | undefined;
  let records = 0;
  let read = 0;
  let wholeBytes = 0;
  let replica: ChannelReplica | undefined;

  /** The reason if it cannot be. */
  function takeValue(value: unknown): string | undefined {
    if (!header || !builder) {
      const { format } = value as { format?: unknown };
      if (format !== REPLICA_FORMAT) return `format ${String(format)}, this agent reads ${REPLICA_FORMAT}`;
      header = ReplicaHeader.parse(value);
      builder = buildSnapshot(header, undefined);
      return finishWhole(header, builder);
    }
    if (!replica) {
      for (const record of RecordsLine.parse(value).records) {
        builder.add(record);
        records++;
      }
      return finishWhole(header, builder);
    }
    const { entry } = EntryLine.parse(value);
    if (entry.channel !== replica.channel) return `an entry of ${entry.channel} in the file of ${replica.channel}`;
    const { kind } = applyEntry(replica, entry);
    return kind === "applied" ? undefined : `entry ${entry.seq} after ${replica.seq}: ${kind}`;
  }

  function finishWhole(of: ReplicaHeader, whole: SnapshotBuilder): string | undefined {
    if (records < of.records) return undefined;
    replica = records === of.records ? whole.finish() : undefined;
    wholeBytes = read;
    return replica ? undefined : "digest differs";
  }

  return {
    take(octets: Uint8Array): string | undefined {
      const sum = Buffer.from(octets.subarray(0, SUM_LENGTH)).toString("latin1");
      const text = octets.subarray(SUM_LENGTH + 1);
      if (octets[SUM_LENGTH] !== SPACE || sum !== sumOf(text)) return BAD_SUM;
      read += octets.length + 1;
      try {
        return takeValue(JSON.parse(Buffer.from(text).toString("utf8")));
      } catch (error) {
        return (error as Error).message;
      }
    },
    finish: (bytes: number): ReadReplica | undefined => replica && { replica, bytes, wholeBytes },
  };
}
