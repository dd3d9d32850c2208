// The AS_PATH attribute (RFC 4271 4.3, RFC 6793): segments of 2- or 4-octet AS numbers. Its malformations are those of
// RFC 7606 7.2: an unknown segment type, a segment that overruns or is empty; and AS 0 (RFC 7607).

import { AS_TRANS } from "../../../shared/address/vni.ts";
import { AsPathSegmentType } from "./iana.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export type AsPathSegment = { readonly type: "set" | "sequence"; readonly asns: readonly number[] };

/** Undefined if malformed. Confederation segments count as unknown: this speaker is in none (RFC 5065 4.1). */
export function decodeAsPath(reader: Reader, asOctets: 2 | 4): AsPathSegment[] | undefined {
  const segments: AsPathSegment[] = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const count = reader.u8();
    const body = reader.sub(count * asOctets);
    const known = code === AsPathSegmentType.AS_SET || code === AsPathSegmentType.AS_SEQUENCE;
    if (reader.overrun || !known || count === 0) return undefined;
    const asns: number[] = [];
    while (body.remaining > 0) {
      const asn = asOctets === 4 ? body.u32() : body.u16();
      if (asn === 0) return undefined;
      asns.push(asn);
    }
    segments.push({ type: code === AsPathSegmentType.AS_SET ? "set" : "sequence", asns });
  }
  return segments;
}

/** In two octets, an AS number beyond 65535 is written as AS_TRANS (RFC 6793 4.2.2). */
export function encodeAsPath(segments: readonly AsPathSegment[], writer: Writer, asOctets: 2 | 4): void {
  for (const { type, asns } of segments) {
    writer.u8(type === "set" ? AsPathSegmentType.AS_SET : AsPathSegmentType.AS_SEQUENCE).u8(asns.length);
    for (const asn of asns) {
      if (asOctets === 4) writer.u32(asn);
      else writer.u16(asn > 0xffff ? AS_TRANS : asn);
    }
  }
}

/**
 * The real path behind an AS_PATH from a speaker with 2-octet AS numbers (RFC 6793 4.2.3): the leading numbers of
 * `asPath` that are beyond `as4Path`, then `as4Path`; `asPath` itself if it is the shorter one.
 */
export function mergeAs4Path(asPath: readonly AsPathSegment[], as4Path: readonly AsPathSegment[]): AsPathSegment[] {
  let surplus = hops(asPath) - hops(as4Path);
  if (surplus < 0) return [...asPath];
  const leading: AsPathSegment[] = [];
  for (const segment of asPath) {
    if (surplus === 0) break;
    const length = segment.type === "set" ? 1 : segment.asns.length;
    const kept = segment.type === "set" ? segment.asns : segment.asns.slice(0, surplus);
    leading.push({ type: segment.type, asns: kept });
    surplus -= Math.min(length, surplus);
  }
  return [...leading, ...as4Path];
}

function hops(segments: readonly AsPathSegment[]): number {
  return segments.reduce((sum, segment) => sum + (segment.type === "set" ? 1 : segment.asns.length), 0);
}
