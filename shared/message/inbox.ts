// What the cloud sends to a host's inbox. Agents ignore what they have (seq <= applied), apply what follows, and ask
// `sync` for anything else, so that publishing twice, late or out of order is harmless.

import * as z from "zod";
import { Slug } from "../model/fields.ts";
import { type Channel, parseChannel, parseRecordKey, recordSchema } from "../model/record.ts";
import { parseDigest } from "./digest.ts";
import { ChannelRange } from "./range.ts";
import { PROTOCOL_VERSION, ProtocolVersion } from "./version.ts";

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
    /** The same for hosts that only route to the network; absent where no router does. */
    routed: DigestField.optional(),
    changes: z.array(RecordChange),
  })
  .transform((entry, context) => ({ ...entry, changes: checkBodies(entry.channel, entry.changes, context) }));
export type LogEntry = z.infer<typeof LogEntry>;

const Envelope = { v: ProtocolVersion, host: Slug };
/** Of kinds that came with version 2. */
const Envelope2 = { v: z.literal(PROTOCOL_VERSION), host: Slug };

export const DeltaMessage = z.object({
  ...Envelope,
  kind: z.literal("delta"),
  entries: z.array(LogEntry),
  /** Channels that these entries say to hold and whose snapshots follow unasked. */
  coming: z.array(ChannelField).optional(),
});
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
export const LeaveMessage = z.object({
  ...Envelope,
  kind: z.literal("leave"),
  channels: z.array(ChannelField),
  /** The seq of the host's own channel at which this was so: a host that is further on knows better. */
  own: Seq.optional(),
});
export type LeaveMessage = z.infer<typeof LeaveMessage>;

/**
 * Closes the answer to a sync: the whole of what the host should hold in the range (version 1: at all). Only after all
 * ranges may an agent delete.
 */
export const InSyncMessage = z.object({
  ...Envelope,
  kind: z.literal("in-sync"),
  channels: z.array(z.object({ channel: ChannelField, seq: Seq, digest: DigestField })),
  /** The number of the request that this answers. */
  request: z.number().int().min(0).optional(),
  ...ChannelRange.shape,
  /** The seq of the host's own channel when this was so, since that channel may be in another range. */
  own: Seq.optional(),
});
export type InSyncMessage = z.infer<typeof InSyncMessage>;

/** A channel whole, too large for messages: where it can be fetched for a short while, by this host alone. */
export const OfferMessage = z.object({
  ...Envelope2,
  kind: z.literal("offer"),
  channel: ChannelField,
  seq: Seq.min(1),
  digest: DigestField,
  forwarding: DigestField,
  records: z.number().int().min(0),
  url: z.url({ protocol: /^https?$/ }).max(4096),
  /** To be sent with the request; the URL's signature covers them, and is worth nothing without. */
  headers: z.record(z.string().max(64), z.string().max(256)),
  /** Of the body as it is fetched (gzip of snapshot-file.ts). */
  bytes: z.number().int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type OfferMessage = z.infer<typeof OfferMessage>;

/** The cloud is busy with what this host lacks, or with other hosts: ask again after that time. */
export const RetryMessage = z.object({
  ...Envelope2,
  kind: z.literal("retry"),
  afterMs: z.number().int().min(0).max(600_000),
  reason: z.string().max(300),
});
export type RetryMessage = z.infer<typeof RetryMessage>;

const BundledMessage = z.discriminatedUnion("kind", [DeltaMessage, SnapshotMessage, LeaveMessage, OfferMessage]);

/** Several messages in one, in their order, since a broker drops what exceeds 100 a second. */
export const BundleMessage = z.object({ ...Envelope2, kind: z.literal("bundle"), messages: z.array(BundledMessage) });
export type BundleMessage = z.infer<typeof BundleMessage>;

export type InboxMessage =
  | DeltaMessage
  | SnapshotMessage
  | LeaveMessage
  | InSyncMessage
  | OfferMessage
  | RetryMessage
  | BundleMessage;

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
  ["offer", OfferMessage],
  ["retry", RetryMessage],
  ["bundle", BundleMessage],
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
