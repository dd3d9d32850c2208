// The layout that route distinguishers (RFC 4364 4.2) and route targets (RFC 4360 section 4, RFC 5668) share:
// an administrator and a number in six octets, in three types.
//
//   type 0   2-octet ASN    : 4-octet number    65000:100
//   type 1   IPv4 address   : 2-octet number    192.0.2.1:100
//   type 2   4-octet ASN    : 2-octet number    4200000001:100, or 65000L:100 where the ASN fits in two octets

import { type Ipv4, ipFromOctets, ipToOctets, parseIpv4 } from "./ip.ts";

export type AdminType = 0 | 1 | 2;

/** Parses and returns the canonical text; undefined if a part is out of its type's range. */
export function parseAdminNumber(text: string): string | undefined {
  const parts = /^(\d+\.\d+\.\d+\.\d+|\d{1,10})(L?):(0|[1-9]\d{0,9})$/.exec(text);
  if (!parts) return undefined;
  const [, admin, long, digits] = parts as unknown as [string, string, string, string];
  const number = Number(digits);
  if (admin.includes(".")) return !long && parseIpv4(admin) && number <= 0xffff ? text : undefined;
  const asn = Number(admin);
  if (String(asn) !== admin || asn > 0xffffffff) return undefined;
  if (asn > 0xffff) return number <= 0xffff ? `${asn}:${number}` : undefined;
  if (long) return number <= 0xffff ? text : undefined;
  return number <= 0xffffffff ? text : undefined;
}

/** The type, and the six octets after it, of text that `parseAdminNumber` accepted. */
export function encodeAdminNumber(text: string): { type: AdminType; octets: Uint8Array } {
  const colon = text.lastIndexOf(":");
  const admin = text.slice(0, colon);
  const number = Number(text.slice(colon + 1));
  const octets = new Uint8Array(6);
  const view = new DataView(octets.buffer);
  if (admin.includes(".")) {
    octets.set(ipToOctets(admin as Ipv4));
    view.setUint16(4, number);
    return { type: 1, octets };
  }
  const asn = Number.parseInt(admin, 10);
  if (asn > 0xffff || admin.endsWith("L")) {
    view.setUint32(0, asn);
    view.setUint16(4, number);
    return { type: 2, octets };
  }
  view.setUint16(0, asn);
  view.setUint32(2, number);
  return { type: 0, octets };
}

/** Canonical text of six octets of the given type. */
export function decodeAdminNumber(type: AdminType, octets: Uint8Array): string {
  const view = new DataView(octets.buffer, octets.byteOffset, 6);
  if (type === 0) return `${view.getUint16(0)}:${view.getUint32(2)}`;
  if (type === 1) return `${ipFromOctets(octets.subarray(0, 4))}:${view.getUint16(4)}`;
  const asn = view.getUint32(0);
  return `${asn}${asn > 0xffff ? "" : "L"}:${view.getUint16(4)}`;
}
