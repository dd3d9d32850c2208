// IP prefixes in CIDR form, canonical: the host bits are zero (RFC 4632 3.1, RFC 4291 2.3).

import type { Brand } from "./brand.ts";
import { type IpAddress, ipFromOctets, ipToOctets, isIpv4, parseIp } from "./ip.ts";

/** `10.0.0.0/24` or `2001:db8::/64`; no host bits set. */
export type Prefix = Brand<string, "Prefix">;

/** Parses CIDR text; undefined if it is malformed, too long for its family, or has host bits set. */
export function parsePrefix(text: string): Prefix | undefined {
  const parts = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const ip = parts && parseIp(parts[1] as string);
  if (!ip) return undefined;
  const length = Number(parts[2]);
  if (length > (isIpv4(ip) ? 32 : 128)) return undefined;
  return mask(ip, length) === ip ? (`${ip}/${length}` as Prefix) : undefined;
}

/** The first address of the prefix. */
export function prefixAddress(prefix: Prefix): IpAddress {
  return prefix.slice(0, prefix.indexOf("/")) as IpAddress;
}

/** The number of leading bits: 0..32 or 0..128. */
export function prefixLength(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}

/** `ip` alone: a /32 or a /128. */
export function hostPrefix(ip: IpAddress): Prefix {
  return `${ip}/${isIpv4(ip) ? 32 : 128}` as Prefix;
}

/** The address of a /32 or a /128; undefined for shorter prefixes. */
export function ipFromPrefix(prefix: Prefix): IpAddress | undefined {
  const ip = prefixAddress(prefix);
  return hostPrefix(ip) === prefix ? ip : undefined;
}

/** True if `ip` is of the prefix's family and inside it. */
export function prefixContains(prefix: Prefix, ip: IpAddress): boolean {
  const base = prefixAddress(prefix);
  return isIpv4(base) === isIpv4(ip) && mask(ip, prefixLength(prefix)) === base;
}

/** True if the two prefixes share an address. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return prefixContains(a, prefixAddress(b)) || prefixContains(b, prefixAddress(a));
}

function mask(ip: IpAddress, length: number): IpAddress {
  const octets = ipToOctets(ip);
  for (let i = 0; i < octets.length; i++) {
    const keep = Math.min(8, Math.max(0, length - i * 8));
    octets[i] = (octets[i] as number) & (0xff << (8 - keep)) & 0xff;
  }
  return ipFromOctets(octets);
}
