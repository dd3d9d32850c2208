// What the cloud sends to a host's inbox. Agents ignore what they have (seq <= applied), apply what follows, and ask
// `sync` for anything else, so that publishing twice, late or out of order is harmless.

import * as z from "zod";
import { Slug } from "../model/fields.ts";
import { type Channel, parseChannel, parseRecordKey, recordSchema } from "../model/record.ts";
import { parseDigest } from "./digest.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/** The largest payload of one message: under AWS IoT Core's 128 KB with room for the envelope. */
export const MAX_PAYLOAD_BYTES = 100_000;

export const DigestField = z.string().transform((text, context) => {
  const digest = parseDigest(text);
  if (digest) return digest;
  context.addIssue({ code: "custom", message: "must be 16 hex digits" });
  return z.NEVER;
});

export const ChannelField = z.string().transform((text, context): Channel => {
  const channel = parseChannel(text);
  if (channel) return channel;
  context.addIssue({ code: "custom", message: "must be net:<id>, rtr:<id> or host:<id>" });
  return z.NEVER;
});

const Seq = z.number().int().min(0);
const Version = z.number().int().min(1);

/** A record's new content, or null for its deletion. */
export const RecordChange = z.object({ key: z.string(), version: Version, body: z.unknown() });
export type RecordChange = z.infer<typeof RecordChange>;

/** One step of a channel: `changes` lead from `prev` to `seq`, after which the live records sum to `digest`. */
export const LogEntry = z
  .object({
    channel: ChannelField,
    seq: Seq.min(1),
    prev: Seq,
    digest: DigestField,
    /** The digest of the forwarding form (forwarding.ts) after this step. */
    forwarding: DigestField,
    changes: z.array(RecordChange),
  })
  .transform((entry, context) => ({ ...entry, changes: checkBodies(entry.channel, entry.changes, context) }));
export type LogEntry = z.infer<typeof LogEntry>;

const Envelope = { v: z.literal(PROTOCOL_VERSION), host: Slug };

export const DeltaMessage = z.object({ ...Envelope, kind: z.literal("delta"), entries: z.array(LogEntry) });
export type DeltaMessage = z.infer<typeof DeltaMessage>;

/** A channel whole, in `parts` messages numbered from 1; `seq`, `digest` and `parts` are equal in all of them. */
export const SnapshotMessage = z
  .object({
    ...Envelope,
    kind: z.literal("snapshot"),
    channel: ChannelField,
    seq: Seq,
    digest: DigestField,
    forwarding: DigestField,
    part: z.number().int().min(1),
    parts: z.number().int().min(1),
    records: z.array(RecordChange),
  })
  .transform((message, context) => ({ ...message, records: checkBodies(message.channel, message.records, context) }));
export type SnapshotMessage = z.infer<typeof SnapshotMessage>;

/** The host is not to hold these channels (any more). */
export const LeaveMessage = z.object({ ...Envelope, kind: z.literal("leave"), channels: z.array(ChannelField) });
export type LeaveMessage = z.infer<typeof LeaveMessage>;

/** Closes the answer to a sync: the whole of what the host should hold. Only then may an agent delete. */
export const InSyncMessage = z.object({
  ...Envelope,
  kind: z.literal("in-sync"),
  channels: z.array(z.object({ channel: ChannelField, seq: Seq, digest: DigestField })),
});
export type InSyncMessage = z.infer<typeof InSyncMessage>;

export const InboxMessage = z.union([DeltaMessage, SnapshotMessage, LeaveMessage, InSyncMessage]);
export type InboxMessage = z.infer<typeof InboxMessage>;

/** A payload that is no message, with the reason in words. */
export type Malformed = { kind: "malformed"; reason: string };

/** Decodes an inbox payload; every fault is a value, never an exception. */
export function decodeInbox(payload: Uint8Array): InboxMessage | Malformed {
  return decodeJson(payload, InboxMessageByKind);
}

/** Decodes JSON octets by `schema`; the reason names the first offending field. */
export function decodeJson<T>(payload: Uint8Array, schema: z.ZodType<T>): T | Malformed {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (error) {
    return { kind: "malformed", reason: `not JSON: ${(error as Error).message}` };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return { kind: "malformed", reason: `${issue?.path.join(".") || "message"}: ${issue?.message ?? "invalid"}` };
}

/** Picks the schema by `kind` first, so that the reason is of the kind that was meant. */
const InboxMessageByKind: z.ZodType<InboxMessage> = z.unknown().transform((value, context): InboxMessage => {
  const kind = (value as { kind?: unknown } | null)?.kind;
  const schema = typeof kind === "string" ? SCHEMAS.get(kind) : undefined;
  if (!schema) {
    context.addIssue({ code: "custom", message: "unknown kind", path: ["kind"] });
    return z.NEVER;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues)
    context.addIssue({ code: "custom", message: issue.message, path: issue.path });
  return z.NEVER;
});

const SCHEMAS = new Map<string, z.ZodType<InboxMessage>>([
  ["delta", DeltaMessage],
  ["snapshot", SnapshotMessage],
  ["leave", LeaveMessage],
  ["in-sync", InSyncMessage],
]);

type IssueSink = { addIssue(issue: { code: "custom"; message: string; path: PropertyKey[] }): void };

function checkBodies(channel: Channel, changes: RecordChange[], context: IssueSink): RecordChange[] {
  return changes.map((change, index) => {
    const key = parseRecordKey(channel, change.key);
    const path = [index, change.key];
    if (!key) context.addIssue({ code: "custom", message: "no such record in this channel", path });
    if (!key || change.body === null) return change;
    const parsed = recordSchema(key).safeParse(change.body);
    if (parsed.success) return change;
    context.addIssue({ code: "custom", message: parsed.error.issues[0]?.message ?? "invalid body", path });
    return change;
  });
}
