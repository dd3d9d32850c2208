// Route distinguishers (RFC 4364 section 4.2): they make routes of different MAC-VRFs distinct, and mean nothing else.

import { type AdminType, decodeAdminNumber, encodeAdminNumber, parseAdminNumber } from "./admin-number.ts";
import type { Brand } from "./brand.ts";

/** `192.0.2.1:100` (type 1, the form of RFC 7432 7.9), `65000:100` or `4200000001:100`. */
export type RouteDistinguisher = Brand<string, "RouteDistinguisher">;

export function parseRouteDistinguisher(text: string): RouteDistinguisher | undefined {
  return parseAdminNumber(text) as RouteDistinguisher | undefined;
}

/** The eight octets on the wire: a two-octet type and the value. */
export function rdToOctets(rd: RouteDistinguisher): Uint8Array {
  const other = /^\?(\d+):([0-9a-f]{12})$/.exec(rd);
  if (other) {
    const type = Number(other[1]);
    const value = (other[2] as string).match(/../g) ?? [];
    return Uint8Array.of(type >> 8, type & 0xff, ...value.map((octet) => Number.parseInt(octet, 16)));
  }
  const { type, octets } = encodeAdminNumber(rd);
  return Uint8Array.of(0, type, ...octets);
}

/** Reads eight octets; a type outside 0..2 is kept as `?TYPE:HEX`, since an RD is only compared (RFC 4364 4.2). */
export function rdFromOctets(octets: Uint8Array): RouteDistinguisher {
  if (octets.length !== 8) throw new RangeError(`a route distinguisher has 8 octets, not ${octets.length}`);
  const type = ((octets[0] as number) << 8) | (octets[1] as number);
  if (type <= 2) return decodeAdminNumber(type as AdminType, octets.subarray(2)) as RouteDistinguisher;
  const hex = Array.from(octets.subarray(2), (octet) => octet.toString(16).padStart(2, "0")).join("");
  return `?${type}:${hex}` as RouteDistinguisher;
}
