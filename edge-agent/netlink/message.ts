// Netlink's framing (netlink(7), RFC 3549 section 2.3): headers, attributes, error replies. Pure; knows no message type.
//
//   0        4      6       8       12      16
//   | length | type | flags | seq   | port  | payload ... pad to 4 |     header, then attributes:
//   | length:2 | type:2 | value ... pad to 4 |
//
// Host byte order is little-endian on every architecture that the transport is built for (x64, arm64, arm, ia32).

import * as k from "./constants.ts";

/** Of a message, before its payload. */
export const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;

export type NetlinkMessage = {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** Port of the socket whose request caused the message; 0 where the kernel does not say. */
  readonly port: number;
  /** A view of the receive buffer, made when it is asked for. */
  readonly payload: Buffer;
  /** Where the payload is, for tables of which no view is to be made for each entry. */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
};

/** The answer to a request: errno 0 is an acknowledgement. */
export type ErrorReply = { readonly errno: number; readonly text: string | undefined };

/** Appends messages to one buffer that grows, so that many of them go out with one send. */
export class MessageWriter {
  #buffer: Buffer;
  #length = 0;
  #start = 0;

  constructor(capacityBytes = 16_384) {
    this.#buffer = Buffer.alloc(capacityBytes);
  }

  /** Starts a message; `end` completes it. */
  begin(type: number, flags: number, seq: number): void {
    this.#start = this.#length;
    const at = this.#grow(HEADER_BYTES);
    this.#buffer.writeUInt16LE(type, at + 4);
    this.#buffer.writeUInt16LE(flags, at + 6);
    this.#buffer.writeUInt32LE(seq, at + 8);
  }

  /** The fixed part after the header; returns the buffer and the offset of `bytes` zeroed octets to be filled. */
  fixed(bytes: number): { readonly buffer: Buffer; readonly at: number } {
    const at = this.#grow(bytes);
    return { buffer: this.#buffer, at };
  }

  /** Room for the value of an attribute, to be written at the returned place of `buffer` before anything else is. */
  room(type: number, bytes: number): number {
    return this.#attribute(type, bytes);
  }

  /** Another one once there was no more room. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  octets(type: number, value: Uint8Array): void {
    // The buffer may be another one once there is room for the attribute.
    const at = this.#attribute(type, value.length);
    this.#buffer.set(value, at);
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1);
    this.#buffer.writeUInt8(value, at);
  }

  u16be(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16BE(value, at);
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32LE(value, at);
  }

  /** A string with its terminating zero, as the kernel wants names. */
  text(type: number, value: string): void {
    this.octets(type, Buffer.from(`${value}\0`));
  }

  /** An attribute of attributes, which `body` writes. */
  nest(type: number, body: () => void): void {
    const at = this.#attribute(type | k.NLA_F_NESTED, 0) - ATTRIBUTE_HEADER_BYTES;
    body();
    this.#buffer.writeUInt16LE(this.#length - at, at);
  }

  end(): void {
    this.#buffer.writeUInt32LE(this.#length - this.#start, this.#start);
  }

  /** Forgets what was written. */
  clear(): void {
    this.#length = 0;
  }

  /** All messages so far, which empties the writer; a view that lasts until the next message is begun. */
  take(): Buffer {
    const out = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return out;
  }

  #attribute(type: number, valueBytes: number): number {
    const at = this.#grow(align(ATTRIBUTE_HEADER_BYTES + valueBytes));
    this.#buffer.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + valueBytes, at);
    this.#buffer.writeUInt16LE(type, at + 2);
    return at + ATTRIBUTE_HEADER_BYTES;
  }

  #grow(bytes: number): number {
    const at = this.#length;
    const need = at + bytes;
    if (need > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(need, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    // A few octets, for which `fill` costs more than they do.
    for (let i = at; i < need; i++) this.#buffer[i] = 0;
    this.#length = need;
    return at;
  }
}

/**
 * Walks the messages of a datagram that is in `buffer` from `from` to `to`, without making an object of any; throws
 * RangeError if a length points outside of it.
 */
export function eachMessage(
  buffer: Buffer,
  from: number,
  to: number,
  visit: (type: number, at: number, end: number) => void,
): void {
  for (let at = from; at < to; ) {
    const length = at + HEADER_BYTES <= to ? buffer.readUInt32LE(at) : 0;
    if (length < HEADER_BYTES || at + length > to) throw new RangeError("malformed netlink message");
    visit(buffer.readUInt16LE(at + 4), at, at + length);
    at += align(length);
  }
}

/** The message that `eachMessage` found at these places. */
export function messageAt(buffer: Buffer, at: number, end: number): NetlinkMessage {
  return new PlacedMessage(buffer, at, end);
}

class PlacedMessage implements NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly port: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;

  constructor(buffer: Buffer, at: number, end: number) {
    this.type = buffer.readUInt16LE(at + 4);
    this.flags = buffer.readUInt16LE(at + 6);
    this.seq = buffer.readUInt32LE(at + 8);
    this.port = buffer.readUInt32LE(at + 12);
    this.buffer = buffer;
    this.start = at + HEADER_BYTES;
    this.end = end;
  }

  get payload(): Buffer {
    return this.buffer.subarray(this.start, this.end);
  }
}

/** Splits one received datagram; throws RangeError if a length points outside of it. */
export function parseMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  eachMessage(datagram, 0, datagram.length, (_, at, end) => messages.push(messageAt(datagram, at, end)));
  return messages;
}

/** The attributes from `at` to the end, by type; of a repeated one the last counts. */
export function parseAttributes(buffer: Buffer, at = 0): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  while (at + ATTRIBUTE_HEADER_BYTES <= buffer.length) {
    const length = buffer.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > buffer.length) {
      throw new RangeError("malformed netlink attribute");
    }
    const type = buffer.readUInt16LE(at + 2) & k.NLA_TYPE_MASK;
    attributes.set(type, buffer.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += align(length);
  }
  return attributes;
}

/** Reads the payload of NLMSG_ERROR or NLMSG_DONE, with the kernel's own words when NETLINK_EXT_ACK is on. */
export function parseErrorReply(message: Pick<NetlinkMessage, "type" | "flags" | "payload">): ErrorReply {
  const { payload, flags, type } = message;
  if (payload.length < 4) return { errno: 0, text: undefined };
  const errno = Math.abs(payload.readInt32LE(0));
  if (!(flags & k.NLM_F_ACK_TLVS)) return { errno, text: undefined };
  let at = 4;
  if (type === k.NLMSG_ERROR) {
    at += flags & k.NLM_F_CAPPED ? HEADER_BYTES : align(payload.readUInt32LE(4));
  }
  const words = parseAttributes(payload, at).get(k.NLMSGERR_ATTR_MSG);
  return { errno, text: words && attributeText(words) };
}

export function attributeText(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end < 0 ? value.length : end);
}

function align(bytes: number): number {
  return (bytes + 3) & ~3;
}
