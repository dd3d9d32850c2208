// The five BGP messages (RFC 4271 4.1, RFC 2918, RFC 8654): the header, its checks, and the dispatch to their codecs.
// UPDATE bodies are decoded with what was agreed, and their faults are consequences, so update.ts does that.
//
//   marker(16, all ones) length(2, of the whole message) type(1)

import { ErrorCode, HeaderSubcode, MessageType } from "./iana.ts";
import { decodeNotification, encodeNotification, type MessageError, type Notification } from "./notification.ts";
import { decodeOpen, encodeOpen, type OpenMessage } from "./open.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

export type Message =
  | { readonly type: "OPEN"; readonly open: OpenMessage }
  /** `body` is a view of the receive buffer: decode it at once. */
  | { readonly type: "UPDATE"; readonly body: Uint8Array }
  | { readonly type: "NOTIFICATION"; readonly notification: Notification }
  | { readonly type: "KEEPALIVE" }
  | { readonly type: "ROUTE-REFRESH"; readonly afi: number; readonly safi: number; readonly subtype: number };

export const HEADER_OCTETS = 19;
export const MAX_MESSAGE_OCTETS = 4096;
/** With the extended message capability on both sides; OPEN and KEEPALIVE stay at 4096 (RFC 8654 section 4). */
export const MAX_EXTENDED_MESSAGE_OCTETS = 65535;

/** Least and greatest length by type; ROUTE-REFRESH may carry outbound route filters (RFC 5291). */
const LENGTHS: ReadonlyMap<number, { readonly min: number; readonly max: number }> = new Map([
  [MessageType.OPEN, { min: 29, max: MAX_MESSAGE_OCTETS }],
  [MessageType.UPDATE, { min: 23, max: MAX_EXTENDED_MESSAGE_OCTETS }],
  [MessageType.NOTIFICATION, { min: 21, max: MAX_EXTENDED_MESSAGE_OCTETS }],
  [MessageType.KEEPALIVE, { min: HEADER_OCTETS, max: HEADER_OCTETS }],
  [MessageType.ROUTE_REFRESH, { min: 23, max: MAX_EXTENDED_MESSAGE_OCTETS }],
]);

/** Checks the 19 octets of a header: the length of the message, or the error of RFC 4271 6.1. */
export function checkHeader(header: Uint8Array, maxOctets: number): number | MessageError {
  for (let i = 0; i < 16; i++) {
    if (header[i] !== 0xff) return headerError(HeaderSubcode.CONNECTION_NOT_SYNCHRONIZED, "marker is not all ones");
  }
  const reader = new Reader(header, 16);
  const length = reader.u16();
  const type = reader.u8();
  const bounds = LENGTHS.get(type);
  if (!bounds) return headerError(HeaderSubcode.BAD_MESSAGE_TYPE, `message type ${type}`, Uint8Array.of(type));
  if (length < bounds.min || length > Math.min(bounds.max, maxOctets)) {
    const data = Uint8Array.of(length >> 8, length & 0xff);
    return headerError(HeaderSubcode.BAD_MESSAGE_LENGTH, `length ${length} in a message of type ${type}`, data);
  }
  return length;
}

/** Decodes one whole message whose header passed `checkHeader`. */
export function decodeMessage(octets: Uint8Array): Message | MessageError {
  const body = octets.subarray(HEADER_OCTETS);
  switch (octets[18]) {
    case MessageType.OPEN: {
      const open = decodeOpen(body);
      return "error" in open ? open : { type: "OPEN", open };
    }
    case MessageType.UPDATE:
      return { type: "UPDATE", body };
    case MessageType.NOTIFICATION:
      return { type: "NOTIFICATION", notification: decodeNotification(body) };
    case MessageType.KEEPALIVE:
      return { type: "KEEPALIVE" };
    case MessageType.ROUTE_REFRESH: {
      const reader = new Reader(body);
      const afi = reader.u16();
      const subtype = reader.u8();
      return { type: "ROUTE-REFRESH", afi, subtype, safi: reader.u8() };
    }
    default:
      return headerError(HeaderSubcode.BAD_MESSAGE_TYPE, `message type ${octets[18]}`, octets.slice(18, 19));
  }
}

/** A whole message with its header. */
export function encodeMessage(message: Message): Uint8Array {
  switch (message.type) {
    case "OPEN":
      return frame(MessageType.OPEN, encodeOpen(message.open));
    case "UPDATE":
      return frame(MessageType.UPDATE, message.body);
    case "NOTIFICATION":
      return frame(MessageType.NOTIFICATION, encodeNotification(message.notification));
    case "KEEPALIVE":
      return frame(MessageType.KEEPALIVE, new Uint8Array(0));
    case "ROUTE-REFRESH": {
      const body = new Writer(4).u16(message.afi).u8(message.subtype).u8(message.safi).finish();
      return frame(MessageType.ROUTE_REFRESH, body);
    }
  }
}

function frame(type: number, body: Uint8Array): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS + body.length);
  octets.fill(0xff, 0, 16);
  octets[16] = octets.length >> 8;
  octets[17] = octets.length;
  octets[18] = type;
  octets.set(body, HEADER_OCTETS);
  return octets;
}

function headerError(subcode: number, reason: string, data = new Uint8Array(0)): MessageError {
  return { error: { code: ErrorCode.MESSAGE_HEADER, subcode, data }, reason };
}
