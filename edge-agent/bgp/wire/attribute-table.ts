// Path attributes, a row each: code, key, flags, what an error does (RFC 7606 7), decode, encode. The loop that owns
// framing, duplicates, flags, unknown codes and severity is in attributes.ts. Nothing of a received buffer is kept.

import { type IpAddress, type Ipv4, ipFromOctets, ipToOctets } from "../../../shared/address/ip.ts";
import { AS_TRANS } from "../../../shared/address/vni.ts";
import { DEFAULT_FAMILIES, FAMILIES, type FamilyName, familyOf, type UnicastFamily } from "../family.ts";
import type { Pmsi } from "../route.ts";
import { type AsPathSegment, decodeAsPath, encodeAsPath } from "./as-path.ts";
import { decodeEvpnNlri, type EvpnNlri, encodeEvpnRoute } from "./evpn-nlri.ts";
import { decodeExtCommunity, type ExtCommunity, encodeExtCommunity } from "./ext-community.ts";
import { AttributeCode, AttributeFlag, UpdateSubcode } from "./iana.ts";
import { fromHex, toHex } from "./hex.ts";
import { decodePmsi, encodePmsi } from "./pmsi-tunnel.ts";
import type { Reader } from "./reader.ts";
import {
  decodeNextHop,
  decodePrefixes,
  encodeNextHop,
  encodePrefix,
  type UnicastNextHop,
  type UnicastNlri,
} from "./unicast-nlri.ts";
import type { Writer } from "./writer.ts";

/** What was agreed with the peer, as far as UPDATEs depend on it. */
export type UpdateContext = {
  /** 4 if both sides sent the 4-octet AS capability (RFC 6793). */
  readonly asOctets: 2 | 4;
  /** The peer is in our AS. */
  readonly internal: boolean;
  /** Routes of other families are ignored; default EVPN. */
  readonly families?: readonly FamilyName[];
};

/** NLRI of a family, or of one that was not agreed and is ignored. */
export type MpReach =
  | ({ readonly family: "evpn"; readonly nextHop: IpAddress } & EvpnNlri)
  | ({ readonly family: UnicastFamily; readonly nextHop: UnicastNextHop } & UnicastNlri)
  | { readonly family: "other"; readonly afi: number; readonly safi: number };
export type MpUnreach =
  | ({ readonly family: "evpn" } & EvpnNlri)
  | ({ readonly family: UnicastFamily } & UnicastNlri)
  | { readonly family: "other"; readonly afi: number; readonly safi: number };

export type UnknownAttribute = { readonly code: number; readonly flags: number; readonly value: Uint8Array };

/** The attributes of one UPDATE by key. */
export type PathAttributes = {
  readonly origin?: "igp" | "egp" | "incomplete";
  readonly asPath?: readonly AsPathSegment[];
  readonly nextHop?: Ipv4;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: { readonly asn: number; readonly address: Ipv4 };
  /** 32-bit values (RFC 1997). */
  readonly communities?: readonly number[];
  /** RFC 8092: three 32-bit values each. */
  readonly largeCommunities?: readonly (readonly [number, number, number])[];
  readonly originatorId?: Ipv4;
  readonly clusterList?: readonly Ipv4[];
  readonly mpReach?: MpReach;
  readonly mpUnreach?: MpUnreach;
  readonly extCommunities?: readonly ExtCommunity[];
  /** IPv6 address specific extended communities (RFC 5701), 20 octets each in hex: none of them means anything here. */
  readonly ipv6ExtCommunities?: readonly string[];
  readonly as4Path?: readonly AsPathSegment[];
  readonly as4Aggregator?: { readonly asn: number; readonly address: Ipv4 };
  readonly pmsi?: Pmsi;
  /** Only to Customer (RFC 9234 section 5): an AS number. */
  readonly onlyToCustomer?: number;
  /** Unknown optional transitive attributes, for display; this speaker propagates nothing. */
  readonly unknown?: readonly UnknownAttribute[];
};

export type AttributeKey = Exclude<keyof PathAttributes, "unknown">;

/** A value, or why the octets are not one. */
type Decoded<V> = { readonly value: V } | { readonly fault: string };

/** What RFC 7606 asks for, mildest first. */
export type Severity = "attribute-discard" | "treat-as-withdraw" | "session-reset";

export type Row<K extends AttributeKey = AttributeKey> = {
  readonly code: number;
  readonly key: K;
  /** Required values of the Optional and Transitive bits. */
  readonly flags: number;
  readonly onFault: Severity;
  /** The subcode that names the fault. */
  readonly subcode: UpdateSubcode;
  /** From an external peer the attribute is discarded unread (RFC 7606 7.5, 7.9, 7.10). */
  readonly internalOnly?: true;
  /** From a peer with 4-octet AS numbers the attribute is discarded unread (RFC 6793 6). */
  readonly twoOctetAsOnly?: true;
  decode(reader: Reader, context: UpdateContext): Decoded<NonNullable<PathAttributes[K]>>;
  encode(value: NonNullable<PathAttributes[K]>, writer: Writer, context: UpdateContext): void;
};

const WELL_KNOWN = AttributeFlag.TRANSITIVE;
const OPTIONAL_TRANSITIVE = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE;
const OPTIONAL = AttributeFlag.OPTIONAL;
const NO_OCTETS = new Uint8Array(0);
const ORIGINS = ["igp", "egp", "incomplete"] as const;

const ROWS: { readonly [K in AttributeKey]: Row<K> } = {
  // RFC 7606 5.1: the multiprotocol attributes come first, so that a receiver finds the routes whatever follows.
  mpUnreach: {
    code: AttributeCode.MP_UNREACH_NLRI,
    key: "mpUnreach",
    flags: OPTIONAL,
    onFault: "session-reset",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode(reader, context) {
      const afi = reader.u16();
      const safi = reader.u8();
      if (reader.overrun) return { fault: "MP_UNREACH_NLRI is shorter than a family" };
      const family = agreedFamily(afi, safi, context);
      if (!family) return ignoreFamily(reader, afi, safi);
      if (family !== "evpn") {
        const nlri = decodePrefixes(reader, family);
        return "error" in nlri ? { fault: nlri.error } : { value: { family, ...nlri } };
      }
      const nlri = decodeEvpnNlri(reader);
      return "error" in nlri ? { fault: nlri.error } : { value: { family: "evpn", ...nlri } };
    },
    encode: (value, writer) => writeNlri(value, writeFamily(value, writer)),
  },
  mpReach: {
    code: AttributeCode.MP_REACH_NLRI,
    key: "mpReach",
    flags: OPTIONAL,
    onFault: "session-reset",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode(reader, context) {
      const afi = reader.u16();
      const safi = reader.u8();
      if (reader.overrun) return { fault: "MP_REACH_NLRI is shorter than a family" };
      const family = agreedFamily(afi, safi, context);
      if (!family) return ignoreFamily(reader, afi, safi);
      const nextHop = reader.view(reader.u8());
      reader.u8();
      if (family !== "evpn") {
        const unicast = decodeNextHop(nextHop, family);
        if (reader.overrun || !unicast) return { fault: "next hop length in MP_REACH_NLRI" };
        const nlri = decodePrefixes(reader, family);
        return "error" in nlri ? { fault: nlri.error } : { value: { family, nextHop: unicast, ...nlri } };
      }
      // 32 octets: a global and a link-local address (RFC 2545 3); the global one is the VTEP.
      const size = nextHop.length === 32 ? 16 : nextHop.length;
      if (reader.overrun || (size !== 4 && size !== 16)) return { fault: "next hop length in MP_REACH_NLRI" };
      const nlri = decodeEvpnNlri(reader);
      if ("error" in nlri) return { fault: nlri.error };
      return { value: { family: "evpn", nextHop: ipFromOctets(nextHop.subarray(0, size)), ...nlri } };
    },
    encode(value, writer) {
      writeFamily(value, writer);
      const nextHop = nextHopOctets(value);
      writer.u8(nextHop.length).octets(nextHop).u8(0);
      writeNlri(value, writer);
    },
  },
  origin: {
    code: AttributeCode.ORIGIN,
    key: "origin",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.INVALID_ORIGIN,
    decode(reader) {
      const value = reader.remaining === 1 ? ORIGINS[reader.u8()] : undefined;
      return value ? { value } : { fault: "ORIGIN is not one octet of 0..2" };
    },
    encode: (value, writer) => writer.u8(ORIGINS.indexOf(value)),
  },
  asPath: {
    code: AttributeCode.AS_PATH,
    key: "asPath",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.MALFORMED_AS_PATH,
    decode: (reader, { asOctets }) =>
      known(decodeAsPath(reader, asOctets), "AS_PATH with an unknown, empty or overrunning segment, or AS 0"),
    encode: (value, writer, { asOctets }) => encodeAsPath(value, writer, asOctets),
  },
  nextHop: {
    code: AttributeCode.NEXT_HOP,
    key: "nextHop",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.INVALID_NEXT_HOP,
    decode: (reader) => exactly(reader, 4, ipv4),
    encode: (value, writer) => writer.octets(ipToOctets(value)),
  },
  med: {
    code: AttributeCode.MULTI_EXIT_DISC,
    key: "med",
    flags: OPTIONAL,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    decode: (reader) => exactly(reader, 4, (it) => it.u32()),
    encode: (value, writer) => writer.u32(value),
  },
  localPref: {
    code: AttributeCode.LOCAL_PREF,
    key: "localPref",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    internalOnly: true,
    decode: (reader) => exactly(reader, 4, (it) => it.u32()),
    encode: (value, writer) => writer.u32(value),
  },
  atomicAggregate: {
    code: AttributeCode.ATOMIC_AGGREGATE,
    key: "atomicAggregate",
    flags: WELL_KNOWN,
    onFault: "attribute-discard",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    decode: (reader) => exactly(reader, 0, () => true as const),
    encode: () => undefined,
  },
  aggregator: {
    code: AttributeCode.AGGREGATOR,
    key: "aggregator",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "attribute-discard",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    decode: (reader, { asOctets }) => decodeAggregator(reader, asOctets),
    encode(value, writer, { asOctets }) {
      if (asOctets === 4) writer.u32(value.asn);
      else writer.u16(value.asn > 0xffff ? AS_TRANS : value.asn);
      writer.octets(ipToOctets(value.address));
    },
  },
  communities: {
    code: AttributeCode.COMMUNITIES,
    key: "communities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 4, (it) => it.u32()),
    encode: (value, writer) => value.forEach((community) => writer.u32(community)),
  },
  largeCommunities: {
    code: AttributeCode.LARGE_COMMUNITY,
    key: "largeCommunities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw", // RFC 8092 6
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 12, (it) => [it.u32(), it.u32(), it.u32()] as const),
    encode: (value, writer) => value.forEach(([a, b, c]) => writer.u32(a).u32(b).u32(c)),
  },
  originatorId: {
    code: AttributeCode.ORIGINATOR_ID,
    key: "originatorId",
    flags: OPTIONAL,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    internalOnly: true,
    decode: (reader) => exactly(reader, 4, ipv4),
    encode: (value, writer) => writer.octets(ipToOctets(value)),
  },
  clusterList: {
    code: AttributeCode.CLUSTER_LIST,
    key: "clusterList",
    flags: OPTIONAL,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    internalOnly: true,
    decode: (reader) => multiple(reader, 4, ipv4),
    encode: (value, writer) => value.forEach((id) => writer.octets(ipToOctets(id))),
  },
  extCommunities: {
    code: AttributeCode.EXTENDED_COMMUNITIES,
    key: "extCommunities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 8, (it) => decodeExtCommunity(it.view(8))),
    encode: (value, writer) => value.forEach((community) => writer.octets(encodeExtCommunity(community))),
  },
  ipv6ExtCommunities: {
    code: AttributeCode.IPV6_EXTENDED_COMMUNITIES,
    key: "ipv6ExtCommunities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 20, (it) => toHex(it.view(20))),
    encode: (value, writer) => value.forEach((community) => writer.octets(fromHex(community) ?? NO_OCTETS)),
  },
  as4Path: {
    code: AttributeCode.AS4_PATH,
    key: "as4Path",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "attribute-discard", // RFC 6793 6
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    twoOctetAsOnly: true,
    decode: (reader) =>
      known(decodeAsPath(reader, 4), "AS4_PATH with an unknown, empty or overrunning segment, or AS 0"),
    encode: (value, writer) => encodeAsPath(value, writer, 4),
  },
  as4Aggregator: {
    code: AttributeCode.AS4_AGGREGATOR,
    key: "as4Aggregator",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "attribute-discard", // RFC 6793 6
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    twoOctetAsOnly: true,
    decode: (reader) => decodeAggregator(reader, 4),
    encode: ({ asn, address }, writer) => writer.u32(asn).octets(ipToOctets(address)),
  },
  pmsi: {
    code: AttributeCode.PMSI_TUNNEL,
    key: "pmsi",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw", // RFC 6514 5
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => known(decodePmsi(reader), "PMSI_TUNNEL that is too short or has no address as its endpoint"),
    encode: encodePmsi,
  },
  onlyToCustomer: {
    code: AttributeCode.ONLY_TO_CUSTOMER,
    key: "onlyToCustomer",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw", // RFC 9234 5
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => exactly(reader, 4, (it) => it.u32()),
    encode: (value, writer) => writer.u32(value),
  },
};

/** In the order of sending: the multiprotocol ones, then by code. */
export const ATTRIBUTE_ROWS: readonly Row[] = (Object.values(ROWS) as unknown as Row[]).toSorted(
  (a, b) => sendingRank(a.code) - sendingRank(b.code),
);

const ROW_BY_CODE: readonly (Row | undefined)[] = Array.from({ length: 256 }, (_, code) =>
  ATTRIBUTE_ROWS.find((row) => row.code === code),
);

/** The row of an attribute code 0..255, if known. */
export function attributeRow(code: number): Row | undefined {
  return ROW_BY_CODE[code];
}

function sendingRank(code: number): number {
  return code === AttributeCode.MP_REACH_NLRI || code === AttributeCode.MP_UNREACH_NLRI ? code - 256 : code;
}

function exactly<V>(reader: Reader, length: number, read: (reader: Reader) => V): Decoded<V> {
  return reader.remaining === length ? { value: read(reader) } : { fault: `${reader.remaining} octets, not ${length}` };
}

/** RFC 7606 7.8, 7.10, 7.14, 7.15 and RFC 8092 6: a non-zero multiple of the element's size. */
function multiple<V>(reader: Reader, size: number, read: (reader: Reader) => V): Decoded<V[]> {
  const length = reader.remaining;
  if (length === 0 || length % size !== 0) return { fault: `${length} octets, not a non-zero multiple of ${size}` };
  return { value: Array.from({ length: length / size }, () => read(reader)) };
}

function known<V>(value: V | undefined, fault: string): Decoded<V> {
  return value === undefined ? { fault } : { value };
}

/** AS 0 aggregates nothing (RFC 7607). */
function decodeAggregator(reader: Reader, asOctets: 2 | 4): Decoded<{ asn: number; address: Ipv4 }> {
  const decoded = exactly(reader, asOctets + 4, (it) => ({
    asn: asOctets === 4 ? it.u32() : it.u16(),
    address: ipv4(it),
  }));
  return "value" in decoded && decoded.value.asn === 0 ? { fault: "AS 0" } : decoded;
}

function ipv4(reader: Reader): Ipv4 {
  return ipFromOctets(reader.view(4)) as Ipv4;
}

/** Undefined for a family that is unknown or was not agreed. */
function agreedFamily(afi: number, safi: number, { families = DEFAULT_FAMILIES }: UpdateContext) {
  const family = familyOf(afi, safi);
  return family && families.includes(family) ? family : undefined;
}

function ignoreFamily(reader: Reader, afi: number, safi: number): Decoded<MpReach & MpUnreach> {
  reader.view(reader.remaining);
  return { value: { family: "other", afi, safi } };
}

function writeFamily(value: MpReach | MpUnreach, writer: Writer): Writer {
  const { afi, safi } = value.family === "other" ? value : FAMILIES[value.family];
  return writer.u16(afi).u8(safi);
}

function nextHopOctets(value: MpReach): Uint8Array {
  if (value.family === "other") return new Uint8Array(0);
  return value.family === "evpn" ? ipToOctets(value.nextHop) : encodeNextHop(value.nextHop);
}

function writeNlri(value: MpReach | MpUnreach, writer: Writer): void {
  if (value.family === "other") return;
  if (value.family === "evpn") for (const route of value.routes) writer.octets(encodeEvpnRoute(route));
  else for (const prefix of value.routes) writer.octets(encodePrefix(prefix));
}
