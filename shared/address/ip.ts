// IPv4 and IPv6 addresses: canonical text (RFC 5952 for IPv6) and octets in network order.
// No scopes or zones: a zone is a property of an interface, not of an address.

import type { Brand } from "./brand.ts";

/** An IPv4 address in dotted decimal without leading zeros. */
export type Ipv4 = Brand<string, "Ipv4">;
/** An IPv6 address in the canonical form of RFC 5952. */
export type Ipv6 = Brand<string, "Ipv6">;
/** Either family; `isIpv4` tells which. */
export type IpAddress = Ipv4 | Ipv6;

const OCTET = /^(0|[1-9]\d{0,2})$/;

/** Parses dotted decimal of four octets; leading zeros are refused, since some tools read them as octal. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const octets = text.split(".");
  const valid = octets.length === 4 && octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255);
  return valid ? (text as Ipv4) : undefined;
}

/** Parses any textual form of RFC 4291 2.2 (also with a dotted tail) to the form of RFC 5952. */
export function parseIpv6(text: string): Ipv6 | undefined {
  const groups = ipv6Groups(text);
  return groups ? formatIpv6(groups) : undefined;
}

/** Parses either family. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

export function isIpv4(ip: IpAddress): ip is Ipv4 {
  return !ip.includes(":");
}

/** The 4 or 16 octets of `ip`. */
export function ipToOctets(ip: IpAddress): Uint8Array {
  const octets = new Uint8Array(isIpv4(ip) ? 4 : 16);
  writeIp(ip, octets);
  return octets;
}

/** Writes the 4 or 16 octets of `ip` into `target` at `offset`. */
export function writeIp(ip: IpAddress, target: Uint8Array, offset = 0): void {
  if (isIpv4(ip)) {
    writeIpv4Octets(ip, target, offset);
    return;
  }
  const groups = ipv6Groups(ip);
  if (!groups) throw new RangeError(`not an IPv6 address: ${ip}`);
  groups.forEach((group, index) => {
    target[offset + index * 2] = group >> 8;
    target[offset + index * 2 + 1] = group & 0xff;
  });
}

/** Digit by digit: a table of addresses is read and written by the hundred thousand. */
function writeIpv4Octets(ip: Ipv4, target: Uint8Array, offset: number): void {
  let at = offset;
  let value = 0;
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === DOT) {
      target[at++] = value;
      value = 0;
    } else value = value * 10 + code - 0x30;
  }
  target[at] = value;
}

const DOT = 0x2e;

/** Reads 4 or 16 octets; throws RangeError for any other length. */
export function ipFromOctets(octets: Uint8Array): IpAddress {
  if (octets.length === 4) return ipv4FromOctets(octets, 0);
  if (octets.length !== 16) throw new RangeError(`an IP address has 4 or 16 octets, not ${octets.length}`);
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((octets[i] as number) << 8) | (octets[i + 1] as number));
  return formatIpv6(groups);
}

/** Reads the four octets at `offset`. */
export function ipv4FromOctets(octets: Uint8Array, offset: number): Ipv4 {
  const at = (i: number): number => octets[offset + i] as number;
  return ipv4FromNumber((at(0) << 24) | (at(1) << 16) | (at(2) << 8) | at(3));
}

/** The address of which `value` are the 32 bits. */
export function ipv4FromNumber(value: number): Ipv4 {
  return TEXT.toString("latin1", 0, writeIpv4(value)) as Ipv4;
}

/** The address of which `value` are the 32 bits, and a prefix length, `192.0.2.0/24`; bits beyond the length are the caller's to clear. */
export function ipv4WithLength(value: number, length: number): string {
  const end = writeIpv4(value);
  TEXT[end] = SLASH;
  return TEXT.toString("latin1", 0, writeDecimal(length, end + 1));
}

/** Room for `255.255.255.255/32`: text that is read from octets at once, since put together of pieces it is a tree of them. */
const TEXT = Buffer.alloc(18);
const [SLASH, ZERO] = [0x2f, 0x30] as const;

/** Writes into `TEXT` from its start; where it ends. */
function writeIpv4(value: number): number {
  let at = writeDecimal(value >>> 24, 0);
  for (let shift = 16; shift >= 0; shift -= 8) {
    TEXT[at++] = DOT;
    at = writeDecimal((value >>> shift) & 0xff, at);
  }
  return at;
}

/** `value` is 0..255. */
function writeDecimal(value: number, at: number): number {
  const [hundreds, tens] = [(value / 100) | 0, (value / 10) | 0];
  if (hundreds > 0) TEXT[at++] = ZERO + hundreds;
  if (tens > 0) TEXT[at++] = ZERO + (tens % 10);
  TEXT[at] = ZERO + (value % 10);
  return at + 1;
}

/** False for 0.0.0.0/8, loopback, multicast, broadcast, `::` and IPv4-mapped: no host or VTEP can own these. */
export function isUnicastIp(ip: IpAddress): boolean {
  const octets = ipToOctets(ip);
  const first = octets[0] as number;
  if (octets.length === 4) return first !== 0 && first !== 127 && first < 224;
  const loopbackOrZero = octets.subarray(0, 15).every((octet) => octet === 0) && (octets[15] as number) < 2;
  // ::ffff:0:0/96 are IPv4 addresses in a program's memory, never on a wire (RFC 4291 2.5.5.2).
  const mapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff;
  return !loopbackOrZero && !mapped && first !== 0xff;
}

/** fe80::/10 (RFC 4291 2.5.6): the same address may be on several links. */
export function isLinkLocal(ip: IpAddress): boolean {
  return /^fe[89ab]/.test(ip);
}

/** Orders addresses by number, IPv4 before IPv6: "lowest VTEP wins" must mean the same on every host. */
export function compareIps(a: IpAddress, b: IpAddress): number {
  if (a === b) return 0;
  const left = ipToOctets(a);
  const right = ipToOctets(b);
  if (left.length !== right.length) return left.length - right.length;
  const at = left.findIndex((octet, index) => octet !== right[index]);
  return (left[at] as number) - (right[at] as number);
}

function ipv6Groups(text: string): number[] | undefined {
  const dotted = /^(.*:)([^:]*\.[^:]*)$/.exec(text);
  let hex = text;
  if (dotted) {
    const tail = parseIpv4(dotted[2] as string);
    if (!tail) return undefined;
    const [a, b, c, d] = ipToOctets(tail) as unknown as [number, number, number, number];
    hex = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = hex.split("::");
  if (halves.length > 2) return undefined;
  const parsed = halves.map((half) => (half === "" ? [] : half.split(":").map(parseGroup)));
  const head = parsed[0] ?? [];
  const tail = parsed[1];
  const all = [...head, ...(tail ?? [])];
  if (all.includes(-1)) return undefined;
  if (!tail) return head.length === 8 ? head : undefined;
  if (all.length > 7) return undefined;
  return [...head, ...Array.from({ length: 8 - all.length }, () => 0), ...tail];
}

function parseGroup(text: string): number {
  return /^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) : -1;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIpv6(groups: readonly number[]): Ipv6 {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    i = end === i ? i + 1 : end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(":") as Ipv6;
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}` as Ipv6;
}
