// VXLAN network identifiers (RFC 7348 section 5: 24 bits) and autonomous system numbers (RFC 6793, RFC 5396).

import type { Brand } from "./brand.ts";

/** 1..16777215. Zero is reserved here: the kernel reads it as "no VNI". */
export type Vni = Brand<number, "Vni">;
/** 1..4294967294, without the reserved 0, 65535 and 4294967295 (RFC 7607, RFC 7300) and AS_TRANS 23456 (RFC 6793). */
export type Asn = Brand<number, "Asn">;

export const MAX_VNI = 0xffffff;
export const MAX_ASN = 0xffffffff;
/** AS_TRANS (RFC 6793 section 9): stands for a 4-octet number in a 2-octet field, and is nobody's own. */
export const AS_TRANS = 23456;

const RESERVED_ASNS: ReadonlySet<number> = new Set([0, AS_TRANS, 0xffff, MAX_ASN]);

export function parseVni(value: number): Vni | undefined {
  return Number.isInteger(value) && value >= 1 && value <= MAX_VNI ? (value as Vni) : undefined;
}

export function parseAsn(value: number): Asn | undefined {
  const valid = Number.isInteger(value) && value >= 1 && value <= MAX_ASN && !RESERVED_ASNS.has(value);
  return valid ? (value as Asn) : undefined;
}
