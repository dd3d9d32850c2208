// The two messages of IPv6 neighbour discovery by which BGP peers on one link find each other (RFC 4861 4.1, 4.2). Ours says
// of this host no more than that it is there: it is nobody's default router, and gives out no prefix.
//
//   advertisement: type(1)=134 code(1) checksum(2) hop limit(1) flags(1) lifetime(2) reachable(4) retransmit(4) options
//   solicitation:  type(1)=133 code(1) checksum(2) reserved(4) options
//   option:        type(1) length in eights(1) value

import { type Mac, macToOctets } from "../../shared/address/mac.ts";
import { Writer } from "./wire/writer.ts";

const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const SOURCE_LINK_LAYER_ADDRESS = 1;
const ADVERTISEMENT_OCTETS = 16;
const SOLICITATION_OCTETS = 8;

/** The kernel fills in the checksum. */
export function routerAdvertisement(mac: Mac): Uint8Array {
  const writer = new Writer(24).u8(ROUTER_ADVERTISEMENT).u8(0).u16(0);
  // Hop limit: not told; router lifetime 0: not a default router (RFC 4861 6.2.3).
  writer.u8(0).u8(0).u16(0).u32(0).u32(0);
  return withSource(writer, mac);
}

export function routerSolicitation(mac: Mac): Uint8Array {
  return withSource(new Writer(16).u8(ROUTER_SOLICITATION).u8(0).u16(0).u32(0), mac);
}

/** Of a host or a router that looks for routers. */
export function isRouterSolicitation(octets: Uint8Array): boolean {
  return octets.length >= SOLICITATION_OCTETS && octets[0] === ROUTER_SOLICITATION && octets[1] === 0;
}

/** True for a whole advertisement, whose options fill it (RFC 4861 6.1.2). */
export function isRouterAdvertisement(octets: Uint8Array): boolean {
  if (octets.length < ADVERTISEMENT_OCTETS || octets[0] !== ROUTER_ADVERTISEMENT || octets[1] !== 0) return false;
  let at = ADVERTISEMENT_OCTETS;
  while (at + 2 <= octets.length && octets[at + 1] !== 0) at += 8 * (octets[at + 1] as number);
  return at === octets.length;
}

function withSource(writer: Writer, mac: Mac): Uint8Array {
  return writer.u8(SOURCE_LINK_LAYER_ADDRESS).u8(1).octets(macToOctets(mac)).finish();
}
