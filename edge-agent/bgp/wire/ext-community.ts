// Extended communities (RFC 4360; RFC 7432 7.5-7.8; RFC 9047; RFC 9135 8.1; RFC 9012 4.1): eight octets each. What is not known
// is kept as octets. The order is preserved and means nothing: route reflectors sort them.

import type { Mac } from "../../../shared/address/mac.ts";
import { macFromOctets, macToOctets } from "../../../shared/address/mac.ts";
import { type RouteTarget, rtFromOctets, rtToOctets } from "../../../shared/address/rt.ts";
import { ExtCommunityType } from "./iana.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

export type ExtCommunity =
  | { readonly kind: "route-target"; readonly target: RouteTarget }
  | { readonly kind: "encapsulation"; readonly tunnelType: number }
  | { readonly kind: "mac-mobility"; readonly sequence: number; readonly sticky: boolean }
  | { readonly kind: "router-mac"; readonly mac: Mac }
  | { readonly kind: "default-gateway" }
  | { readonly kind: "esi-label"; readonly singleActive: boolean; readonly label: number }
  /** RFC 7432 7.6: whom a route of the segment is for, in place of a route target. */
  | { readonly kind: "es-import"; readonly mac: Mac }
  /** RFC 9047 section 2: what is said of the neighbour in an ARP or ND answer made of the route. */
  | { readonly kind: "arp-nd"; readonly router: boolean; readonly override: boolean; readonly immutable: boolean }
  /** RFC 9251 9.4: 16 bits, of which RFC 9572 adds that of segmentation. */
  | { readonly kind: "multicast-flags"; readonly flags: number }
  | { readonly kind: "raw"; readonly octets: Uint8Array };

/** The flags of RFC 9047 section 2. */
const ArpNdFlag = { ROUTER: 0x01, OVERRIDE: 0x02, IMMUTABLE: 0x08 } as const;

/** Reads eight octets; any octets are an extended community. */
export function decodeExtCommunity(octets: Uint8Array): ExtCommunity {
  const target = rtFromOctets(octets);
  if (target !== undefined) return { kind: "route-target", target };
  const reader = new Reader(octets);
  switch (reader.u16()) {
    case ExtCommunityType.ENCAPSULATION:
      reader.view(4);
      return { kind: "encapsulation", tunnelType: reader.u16() };
    case ExtCommunityType.MAC_MOBILITY: {
      const flags = reader.u8();
      reader.u8();
      return { kind: "mac-mobility", sequence: reader.u32(), sticky: (flags & 1) === 1 };
    }
    case ExtCommunityType.ROUTER_MAC:
      return { kind: "router-mac", mac: macFromOctets(octets, 2) };
    case ExtCommunityType.ES_IMPORT:
      return { kind: "es-import", mac: macFromOctets(octets, 2) };
    case ExtCommunityType.DEFAULT_GATEWAY:
      return { kind: "default-gateway" };
    case ExtCommunityType.ESI_LABEL: {
      const flags = reader.u8();
      reader.u16();
      return { kind: "esi-label", singleActive: (flags & 1) === 1, label: reader.u24() };
    }
    case ExtCommunityType.ARP_ND: {
      const flags = reader.u8();
      return {
        kind: "arp-nd",
        router: (flags & ArpNdFlag.ROUTER) !== 0,
        override: (flags & ArpNdFlag.OVERRIDE) !== 0,
        immutable: (flags & ArpNdFlag.IMMUTABLE) !== 0,
      };
    }
    case ExtCommunityType.MULTICAST_FLAGS:
      return { kind: "multicast-flags", flags: reader.u16() };
    default:
      return { kind: "raw", octets: octets.slice() };
  }
}

export function encodeExtCommunity(community: ExtCommunity): Uint8Array {
  const writer = new Writer(8);
  switch (community.kind) {
    case "route-target":
      return rtToOctets(community.target);
    case "encapsulation":
      return writer.u16(ExtCommunityType.ENCAPSULATION).u32(0).u16(community.tunnelType).finish();
    case "mac-mobility":
      writer.u16(ExtCommunityType.MAC_MOBILITY).u8(community.sticky ? 1 : 0);
      return writer.u8(0).u32(community.sequence).finish();
    case "router-mac":
      return writer.u16(ExtCommunityType.ROUTER_MAC).octets(macToOctets(community.mac)).finish();
    case "es-import":
      return writer.u16(ExtCommunityType.ES_IMPORT).octets(macToOctets(community.mac)).finish();
    case "default-gateway":
      return writer.u16(ExtCommunityType.DEFAULT_GATEWAY).u16(0).u32(0).finish();
    case "esi-label":
      writer.u16(ExtCommunityType.ESI_LABEL).u8(community.singleActive ? 1 : 0);
      return writer.u16(0).u24(community.label).finish();
    case "arp-nd": {
      const { router, override, immutable } = community;
      const flags =
        (router ? ArpNdFlag.ROUTER : 0) | (override ? ArpNdFlag.OVERRIDE : 0) | (immutable ? ArpNdFlag.IMMUTABLE : 0);
      return writer.u16(ExtCommunityType.ARP_ND).u8(flags).u8(0).u32(0).finish();
    }
    case "multicast-flags":
      return writer.u16(ExtCommunityType.MULTICAST_FLAGS).u16(community.flags).u32(0).finish();
    case "raw":
      return community.octets.slice();
  }
}
