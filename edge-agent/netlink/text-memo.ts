// Texts of addresses that were written a moment ago, found again by their octets: the kernel tells of every entry that it
// is asked to make, and a table finds fastest the very text that it holds. Saves making 300,000 texts for 100,000
// machines. Only a memory: what it does not know is read from the octets, and what it says is what they say.

import { type IpAddress, ipFromOctets, ipv4FromOctets, isIpv4, writeIp } from "../../shared/address/ip.ts";
import { type Mac, macFromOctets, writeMac } from "../../shared/address/mac.ts";

/** More than the addresses of a batch; the place is the uppermost 12 bits of a hash. */
const PLACES = 4096;
const SHIFT = 20;

/** One place for each hash; the newest text has it. */
type Memo<T> = { readonly first: Int32Array; readonly rest: Int32Array; readonly texts: (T | undefined)[] };

function createMemo<T>(): Memo<T> {
  const texts: (T | undefined)[] = Array.from({ length: PLACES });
  return { first: new Int32Array(PLACES), rest: new Int32Array(PLACES), texts };
}

const macs = createMemo<Mac>();
const ips = createMemo<IpAddress>();

/** Writes the six octets of `mac` at `at`. */
export function putMac(buffer: Buffer, at: number, mac: Mac): void {
  writeMac(mac, buffer, at);
  note(macs, word(buffer, at), half(buffer, at + 4), mac);
}

/** Reads the six octets at `at`; throws RangeError if they are not all there. */
export function takeMac(buffer: Buffer, at: number): Mac {
  const known = at + 6 <= buffer.length && find(macs, word(buffer, at), half(buffer, at + 4));
  return known || macFromOctets(buffer, at);
}

/** Writes the 4 or 16 octets of `ip` at `at`. */
export function putIp(buffer: Buffer, at: number, ip: IpAddress): void {
  writeIp(ip, buffer, at);
  if (isIpv4(ip)) note(ips, word(buffer, at), 0, ip);
}

/** Reads an IPv4 or IPv6 address of `length` octets; undefined for any other length, which is no address of ours to read. */
export function takeIp(buffer: Buffer, at: number, length: number): IpAddress | undefined {
  if (length === 4) return find(ips, word(buffer, at), 0) ?? ipv4FromOctets(buffer, at);
  return length === 16 ? ipFromOctets(buffer.subarray(at, at + 16)) : undefined;
}

function note<T>({ first, rest, texts }: Memo<T>, a: number, b: number, text: T): void {
  const place = placeOf(a, b);
  first[place] = a;
  rest[place] = b;
  texts[place] = text;
}

function find<T>({ first, rest, texts }: Memo<T>, a: number, b: number): T | undefined {
  const place = placeOf(a, b);
  return first[place] === a && rest[place] === b ? texts[place] : undefined;
}

function placeOf(a: number, b: number): number {
  return Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b) >>> SHIFT;
}

/** Four octets as a signed number. */
function word(buffer: Buffer, at: number): number {
  return half(buffer, at) | (half(buffer, at + 2) << 16);
}

function half(buffer: Buffer, at: number): number {
  return (buffer[at] as number) | ((buffer[at + 1] as number) << 8);
}
