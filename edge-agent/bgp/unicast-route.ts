// The values that the BGP speaker and the underlay exchange: unicast routes as they were learned, and the policy that says
// what may be learned and what is told. Which path is the best one is not decided here.

import type { Ipv4 } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { UnicastFamily } from "./family.ts";
import { longLived } from "./path-information.ts";
import type { LongLived, PeerKey } from "./route.ts";
import type { AsPathSegment } from "./wire/as-path.ts";
import { mergeAs4Path } from "./wire/as-path.ts";
import type { PathAttributes } from "./wire/attribute-table.ts";
import type { UnicastNextHop } from "./wire/unicast-nlri.ts";

/** What the path attributes of an UPDATE say about each of its unicast routes. */
export type UnicastPath = {
  readonly nextHop: UnicastNextHop;
  /** All ASNs in order, members of sets included. */
  readonly asPath: readonly number[];
  /** A set counts as one (RFC 4271 9.1.2.2 a). */
  readonly asPathLength: number;
  readonly origin: "igp" | "egp" | "incomplete";
  readonly localPref?: number | undefined;
  readonly med?: number | undefined;
  readonly originatorId?: Ipv4 | undefined;
  /** Reflectors that the route came through (RFC 4456 section 9). */
  readonly clusterListLength: number;
  /** Only to Customer (RFC 9234 section 5): the AS that limits where the route may go. */
  readonly onlyToCustomer?: number | undefined;
} & LongLived;

/** A route in the Adj-RIB-In of `peer`. */
export type ReceivedUnicast = UnicastPath & {
  readonly family: UnicastFamily;
  readonly prefix: Prefix;
  readonly peer: PeerKey;
  readonly peerAsn: Asn;
  /** The peer's BGP identifier. */
  readonly peerRouterId: Ipv4;
  /** Learned over iBGP. */
  readonly internal: boolean;
  /** The link of a peer that is configured with one: link-local next hops are there. */
  readonly interface?: string | undefined;
  /** The session that brought it is gone (RFC 4724), and it was not announced again. */
  readonly stale: boolean;
};

/** Why policy keeps a route out; `no-policy`: an external peer without any (RFC 8212). */
export type UnicastRefusal = "no-policy" | "own-prefix" | "prefix" | "next-hop";

/** Policy of the unicast families, for all peers. */
export type UnicastPolicy = {
  /** Undefined: the route may be learned. */
  refuse(prefix: Prefix, nextHop: UnicastNextHop, peer: { readonly external: boolean }): UnicastRefusal | undefined;
  /** What a peer is told: this host's own prefixes, and nothing that was learned. */
  readonly announce: readonly Prefix[];
  /** How many routes of a family each peer may have here; absent: as the peer's own configuration says. */
  readonly maximumRoutes?: MaximumUnicastRoutes | undefined;
};

export type MaximumUnicastRoutes = {
  readonly limit: number;
  readonly warnPercent?: number | undefined;
  readonly restartAfterSec?: number | undefined;
};

/** What the attributes of an UPDATE say of routes with this next hop. */
export function unicastPath(attributes: PathAttributes, nextHop: UnicastNextHop): UnicastPath {
  const { asPath = [], as4Path, clusterList = [] } = attributes;
  const path = as4Path ? mergeAs4Path(asPath, as4Path) : asPath;
  return {
    nextHop,
    asPath: path.flatMap((segment) => segment.asns),
    asPathLength: path.reduce((length, segment) => length + segmentLength(segment), 0),
    origin: attributes.origin ?? "incomplete",
    localPref: attributes.localPref,
    med: attributes.med,
    originatorId: attributes.originatorId,
    clusterListLength: clusterList.length,
    onlyToCustomer: attributes.onlyToCustomer,
    ...longLived(attributes),
  };
}

function segmentLength({ type, asns }: AsPathSegment): number {
  return type === "set" ? 1 : asns.length;
}
