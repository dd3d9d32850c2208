// How one session is told routes of one family: with which attributes and next hop, and in which fields of the UPDATE. What is
// told, and when, is the Adj-RIB-Out's (adj-rib-out.ts).

import { type IpAddress, isIpv4, isLinkLocal } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import { encodeNextHop, encodePath, type ExportContext, LOCAL_PREF, type PreparedExport } from "./export.ts";
import type { FamilyName, UnicastFamily } from "./family.ts";
import type { PathAttributes } from "./wire/attribute-table.ts";
import { encodeAttributes } from "./wire/attributes.ts";
import type { BgpRole } from "./wire/capability.ts";
import { encodeNextHop as encodeUnicastNextHop, encodePrefix, type UnicastNextHop } from "./wire/unicast-nlri.ts";

/** A route in the form that all peers share; the same route in the same form is the same object. */
export type Prepared = {
  readonly key: string;
  readonly nlri: Uint8Array;
  /** Equal for routes that may share an UPDATE. */
  readonly attributesKey: string;
};

export type ExportForm<E extends Prepared> = {
  readonly family: FamilyName;
  /** All attributes but MP_REACH_NLRI. */
  path(route: E): Uint8Array;
  /** The next hop field of MP_REACH_NLRI; undefined: NEXT_HOP is among the attributes, the routes in the classic fields. */
  nextHop(route: E): Uint8Array | undefined;
};

/** EVPN: the next hop is the VTEP, whatever the session. */
export function evpnForm(context: ExportContext): ExportForm<PreparedExport> {
  return { family: "evpn", path: (route) => encodePath(route, context), nextHop: encodeNextHop };
}

/** One of this host's own prefixes. */
export type PreparedPrefix = Prepared & { readonly prefix: Prefix };

export function preparePrefix(prefix: Prefix): PreparedPrefix {
  return { key: prefix, nlri: encodePrefix(prefix), attributesKey: "", prefix };
}

/** A unicast family: the next hop is our end of the session. Undefined if that cannot be one; see `nextHopSelf`. */
export function unicastForm(
  family: UnicastFamily,
  context: ExportContext & { readonly role?: BgpRole | undefined },
  nextHop: UnicastNextHop,
): ExportForm<PreparedPrefix> {
  const { internal, asn, asOctets, role } = context;
  const classic = family === "ipv4-unicast" && isIpv4(nextHop.address) ? nextHop.address : undefined;
  const asPath = internal ? [] : [{ type: "sequence" as const, asns: [asn] }];
  // RFC 9234 section 5, egress: what goes down, or to a peer, goes no further up.
  const downwards = !internal && (role === "provider" || role === "rs" || role === "peer");
  const attributes: PathAttributes = {
    origin: "igp",
    asPath,
    ...(classic !== undefined && { nextHop: classic }),
    ...(internal && { localPref: LOCAL_PREF }),
    ...(!internal && asOctets === 2 && asn > 0xffff && { as4Path: asPath }),
    ...(downwards && { onlyToCustomer: asn }),
  };
  const path = encodeAttributes(attributes, context);
  const field = encodeUnicastNextHop(nextHop);
  return { family, path: () => path, nextHop: () => (classic === undefined ? field : undefined) };
}

/**
 * Our end of the session as a next hop; undefined where it is of no use for the family: IPv6 routes need an IPv6 session, and
 * IPv4 routes an IPv4 one, or a peer that takes IPv6 next hops for them (RFC 8950).
 */
export function nextHopSelf(
  family: UnicastFamily,
  local: IpAddress | undefined,
  { extendedNextHop }: { readonly extendedNextHop: boolean },
): UnicastNextHop | undefined {
  if (local === undefined) return undefined;
  if (isIpv4(local)) return family === "ipv4-unicast" ? { address: local } : undefined;
  if (family === "ipv4-unicast" && !extendedNextHop) return undefined;
  return isLinkLocal(local) ? { address: local, linkLocal: local } : { address: local };
}
