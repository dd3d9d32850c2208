// Frames as an attacker makes them, octet by octet: Ethernet, 802.1Q tags, ARP (RFC 826), IPv4, IPv6, UDP, ICMPv6 with
// right checksums. Every field can be a lie.

import { Buffer } from "node:buffer";
import { type IpAddress, ipToOctets, parseIp } from "../../shared/address/ip.ts";
import { macToOctets, parseMac } from "../../shared/address/mac.ts";

export const BROADCAST = "ff:ff:ff:ff:ff:ff";

export function ethernet(frame: {
  to: string;
  from: string;
  type: number;
  /** Tags, the outer one first: TPID and TCI. */
  tags?: readonly (readonly [number, number])[];
  payload: Buffer;
}): Buffer {
  const tags = (frame.tags ?? []).map(([tpid, tci]) => u16(tpid, tci));
  const whole = Buffer.concat([mac(frame.to), mac(frame.from), ...tags, u16(frame.type), frame.payload]);
  return whole.length < 60 ? Buffer.concat([whole, Buffer.alloc(60 - whole.length)]) : whole;
}

export function arp(message: {
  op: "request" | "reply";
  senderMac: string;
  senderIp: string;
  targetMac?: string;
  targetIp: string;
}): Buffer {
  return Buffer.concat([
    u16(1, 0x0800, 0x0604, message.op === "request" ? 1 : 2),
    mac(message.senderMac),
    ip(message.senderIp),
    mac(message.targetMac ?? "00:00:00:00:00:00"),
    ip(message.targetIp),
  ]);
}

export function ipv4(packet: { from: string; to: string; protocol: number; payload: Buffer }): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + packet.payload.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(packet.protocol, 9);
  header.set(ip(packet.from), 12);
  header.set(ip(packet.to), 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, packet.payload]);
}

export function ipv6(packet: {
  from: string;
  to: string;
  next: number;
  payload: Buffer;
  /** Puts an empty destination-options header between (RFC 8200 4.6). */
  extension?: boolean;
}): Buffer {
  const between = packet.extension ? Buffer.from([packet.next, 0, 1, 4, 0, 0, 0, 0]) : Buffer.alloc(0);
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(between.length + packet.payload.length, 4);
  header.writeUInt8(packet.extension ? 60 : packet.next, 6);
  header.writeUInt8(255, 7);
  header.set(ip(packet.from), 8);
  header.set(ip(packet.to), 24);
  return Buffer.concat([header, between, packet.payload]);
}

/** Without a checksum, which IPv4 allows and no bridge looks at. */
export function udp(from: number, to: number, payload: Buffer): Buffer {
  return Buffer.concat([u16(from, to, 8 + payload.length, 0), payload]);
}

/** An ICMPv6 message with the checksum over its pseudo header. */
export function icmpv6(from: string, to: string, type: number, body: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, 0, 0, 0]), body]);
  const pseudo = Buffer.concat([ip(from), ip(to), Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58])]);
  message.writeUInt16BE(checksum(Buffer.concat([pseudo, message])), 2);
  return message;
}

/** The body of a neighbour solicitation or advert (RFC 4861 4.3, 4.4); `option` 1: source, 2: target link-layer address. */
export function ndBody(target: string, options: readonly (readonly [number, string])[] = [], flags = 0): Buffer {
  const flagged = Buffer.from([flags, 0, 0, 0]);
  return Buffer.concat([
    flagged,
    ip(target),
    ...options.flatMap(([type, text]) => [Buffer.from([type, 1]), mac(text)]),
  ]);
}

export function mac(text: string): Buffer {
  const parsed = parseMac(text);
  if (!parsed) throw new Error(`bad MAC ${text}`);
  return Buffer.from(macToOctets(parsed));
}

function ip(text: string): Buffer {
  const parsed: IpAddress | undefined = parseIp(text);
  if (!parsed) throw new Error(`bad address ${text}`);
  return Buffer.from(ipToOctets(parsed));
}

function u16(...values: number[]): Buffer {
  const octets = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => octets.writeUInt16BE(value, index * 2));
  return octets;
}

/** RFC 1071. */
function checksum(octets: Buffer): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += (octets[at] as number) * 256 + (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
