// The messages of an answer, as JSON text that fits. Pure.

import {
  type InSyncMessage,
  type LeaveMessage,
  MAX_PAYLOAD_BYTES,
  type OfferMessage,
  type RetryMessage,
} from "../../shared/message/inbox.ts";
import { type ChannelRange, splitRange } from "../../shared/message/range.ts";
import { FIRST_VERSION, PROTOCOL_VERSION, type ProtocolVersion } from "../../shared/message/version.ts";
import type { Channel } from "../../shared/model/record.ts";
import { packTexts } from "../publish/outbox.ts";
import type { SnapshotFile } from "./shared-snapshot.ts";
import type { SignedRequest } from "./snapshot-objects.ts";

/** Room for all but the list: a host's name, two bounds, numbers. */
const ENVELOPE_BYTES = 700;

/** The host is not to hold `channels`, as of the seq `own` of its own channel. */
export function leaveMessages(host: string, channels: readonly Channel[], own: number): string[] {
  const message: LeaveMessage = { v: FIRST_VERSION, host, kind: "leave", channels: [], own };
  return packTexts(
    channels.map((channel) => JSON.stringify(channel)),
    MAX_PAYLOAD_BYTES - ENVELOPE_BYTES,
  ).map((pack) => filled(message, "channels", pack));
}

/** What a host should hold of the range that it asked about; several messages from version 2 on. */
export function inSyncMessages(
  host: string,
  whole: {
    readonly asked: ChannelRange & { readonly v: ProtocolVersion; readonly request?: number | undefined };
    readonly channels: InSyncMessage["channels"];
    readonly own?: number;
  },
): string[] {
  const { asked, channels, own } = whole;
  if (asked.v === FIRST_VERSION) {
    const message: InSyncMessage = { v: FIRST_VERSION, host, kind: "in-sync", channels };
    return [JSON.stringify(message)];
  }
  const items = channels.map((item) => {
    const text = JSON.stringify(item);
    return { name: item.channel, bytes: Buffer.byteLength(text), text };
  });
  const range = { ...bound("from", asked.from), ...bound("to", asked.to) };
  return splitRange(range, items, MAX_PAYLOAD_BYTES - ENVELOPE_BYTES).map((run) => {
    const message: InSyncMessage = {
      v: PROTOCOL_VERSION,
      host,
      kind: "in-sync",
      channels: [],
      ...(asked.request === undefined ? {} : { request: asked.request }),
      ...run.range,
      ...(own === undefined ? {} : { own }),
    };
    return filled(
      message,
      "channels",
      run.items.map(({ text }) => text),
    );
  });
}

function bound(name: "from" | "to", value: string | undefined): ChannelRange {
  return value === undefined ? {} : { [name]: value };
}

/** Where the host finds a channel whole. */
export function offerMessage(host: string, file: SnapshotFile, { url, headers }: SignedRequest): string {
  const { channel, seq, digest, forwarding, records, bytes, sha256 } = file;
  const of = { channel, seq, digest, forwarding, records, url, headers: { ...headers }, bytes, sha256 };
  const message: OfferMessage = { v: PROTOCOL_VERSION, host, kind: "offer", ...of };
  return JSON.stringify(message);
}

export function retryMessage(host: string, afterMs: number, reason: string): string {
  const message: RetryMessage = { v: PROTOCOL_VERSION, host, kind: "retry", afterMs, reason: reason.slice(0, 300) };
  return JSON.stringify(message);
}

/** As few messages as hold all, in their order: a broker drops what exceeds 100 a second. */
export function bundle(host: string, messages: readonly string[]): string[] {
  const envelope = { v: PROTOCOL_VERSION, host, kind: "bundle", messages: [] };
  return packTexts(messages, MAX_PAYLOAD_BYTES - ENVELOPE_BYTES).map((pack) => {
    const [only, ...more] = pack;
    return only !== undefined && more.length === 0 ? only : filled(envelope, "messages", pack);
  });
}

/** The message as text with JSON texts in place of its empty list: no text is parsed only to be written again. */
function filled(message: object, list: string, texts: readonly string[]): string {
  return JSON.stringify(message).replace(`"${list}":[]`, () => `"${list}":[${texts.join(",")}]`);
}
