// The values that the BGP speaker and the EVPN policy exchange: EVPN routes (RFC 7432 7, RFC 9136 3), what was learned
// with them, and what is to be announced. Which route goes to which network is not decided here.

import type { Asn, Vni } from "../../shared/address/vni.ts";
import type { Brand } from "../../shared/address/brand.ts";
import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";

/** Ethernet Segment Identifier (RFC 7432 5): 20 lower-case hex digits. */
export type Esi = Brand<string, "Esi">;

/** The segment of a single-homed site. */
export const ZERO_ESI = "00000000000000000000" as Esi;

export function parseEsi(text: string): Esi | undefined {
  return /^[0-9a-f]{20}$/i.test(text) ? (text.toLowerCase() as Esi) : undefined;
}

/** The whole 24-bit label field as a VNI (RFC 8365 5.1.3); 0 is common in withdrawals, where it means nothing. */
export type Label = Vni | 0;

/** Route type 2. `ip` is absent in a MAC-only route; `l3Vni` is the second label (RFC 9135 5.1). */
export type MacIpRoute = {
  readonly type: "mac-ip";
  readonly rd: RouteDistinguisher;
  readonly esi: Esi;
  readonly ethernetTag: number;
  readonly mac: Mac;
  readonly ip?: IpAddress;
  readonly vni: Label;
  readonly l3Vni?: Label;
};

/** Route type 3, inclusive multicast Ethernet tag: `originator` takes part in the flooding of the broadcast domain. */
export type ImetRoute = {
  readonly type: "imet";
  readonly rd: RouteDistinguisher;
  readonly ethernetTag: number;
  readonly originator: IpAddress;
};

/** Route type 1: per Ethernet segment (tag 0xffffffff) or per EVI. */
export type EthernetAdRoute = {
  readonly type: "ethernet-ad";
  readonly rd: RouteDistinguisher;
  readonly esi: Esi;
  readonly ethernetTag: number;
  readonly vni: Label;
};

/** Route type 4. */
export type EthernetSegmentRoute = {
  readonly type: "ethernet-segment";
  readonly rd: RouteDistinguisher;
  readonly esi: Esi;
  readonly originator: IpAddress;
};

/** Route type 5 (RFC 9136 3.1); `gateway` is `0.0.0.0` or `::` where the next hop is the gateway. */
export type IpPrefixRoute = {
  readonly type: "ip-prefix";
  readonly rd: RouteDistinguisher;
  readonly esi: Esi;
  readonly ethernetTag: number;
  readonly prefix: Prefix;
  readonly gateway: IpAddress;
  readonly vni: Label;
};

/** Route type 9 (RFC 9572 3.1): the I-PMSI of a whole region of a segmented network; `region`: 16 hex digits. */
export type PerRegionIPmsiRoute = {
  readonly type: "per-region-i-pmsi";
  readonly rd: RouteDistinguisher;
  readonly ethernetTag: number;
  readonly region: string;
};

/** Route type 10 (RFC 9572 3.2): the tunnel for a flow; a source or group that is absent stands for all of them. */
export type SPmsiRoute = {
  readonly type: "s-pmsi";
  readonly rd: RouteDistinguisher;
  readonly ethernetTag: number;
  readonly source?: IpAddress;
  readonly group?: IpAddress;
  readonly originator: IpAddress;
};

/** Route type 11 (RFC 9572 3.3): `originator` joins the tunnel of the route that `route` is the NLRI of, in hex. */
export type LeafRoute = {
  readonly type: "leaf";
  /** That of the other route. */
  readonly rd: RouteDistinguisher;
  readonly route: string;
  readonly originator: IpAddress;
};

export type EvpnRoute =
  | MacIpRoute
  | ImetRoute
  | EthernetAdRoute
  | EthernetSegmentRoute
  | IpPrefixRoute
  | PerRegionIPmsiRoute
  | SPmsiRoute
  | LeafRoute;

/** MAC mobility extended community (RFC 7432 7.7): `sequence` 0..2^32-1. */
export type Mobility = { readonly sequence: number; readonly sticky: boolean };

/** ARP/ND extended community (RFC 9047 section 2): flags of the neighbour that the route's MAC and IP describe. */
export type ArpNd = { readonly router: boolean; readonly override: boolean; readonly immutable: boolean };

/** ESI label extended community (RFC 7432 7.5): how a segment is attached. Its label is for split horizon over MPLS. */
export type EsiLabel = { readonly singleActive: boolean; readonly label: number };

/** PMSI tunnel attribute (RFC 6514 5). `endpoint` is set for ingress replication, `identifier` (hex) for other types. */
export type Pmsi = {
  readonly tunnelType: number;
  readonly leafInformationRequired: boolean;
  readonly vni: Label;
  readonly endpoint?: IpAddress;
  readonly identifier?: string;
};

/** A link by its name, such as `eth1`. */
export type LinkName = Brand<string, "LinkName">;

/** Names a peer: its link if it is configured with one, since link-local addresses repeat from link to link; else its address. */
export type PeerKey = IpAddress | LinkName;

export function peerKeyOf(peer: {
  readonly address?: IpAddress | undefined;
  readonly interface?: string | undefined;
}): PeerKey {
  const key = peer.interface ?? peer.address;
  if (key === undefined) throw new Error("a peer with neither an address nor an interface");
  return key as PeerKey;
}

/** What the path attributes of an UPDATE say about each of its routes. Values of one UPDATE are shared, not copied. */
export type PathInformation = {
  readonly nextHop: IpAddress;
  readonly routeTargets: readonly RouteTarget[];
  /** Absent when the community was: sequence 0, not sticky. */
  readonly mobility?: Mobility | undefined;
  /** Tunnel types (`TunnelType`) of the encapsulation communities; none means the receiver's default (RFC 8365 5.1.3). */
  readonly encapsulations: readonly number[];
  readonly routerMac?: Mac | undefined;
  readonly defaultGateway: boolean;
  readonly arpNd?: ArpNd | undefined;
  readonly esiLabel?: EsiLabel | undefined;
  /** ES-Import route target (RFC 7432 7.6), shown: this host is on no segment, and imports nothing by it. */
  readonly esImport?: Mac | undefined;
  /** The Multicast Flags community (RFC 9251 9.4, RFC 9572 8): 16 bits, shown and of no effect on ingress replication. */
  readonly multicastFlags?: number | undefined;
  readonly pmsi?: Pmsi | undefined;
  /** All ASNs of the AS_PATH in order, members of sets included. */
  readonly asPath: readonly number[];
  readonly origin: "igp" | "egp" | "incomplete";
  readonly localPref?: number | undefined;
  readonly med?: number | undefined;
  readonly originatorId?: Ipv4 | undefined;
} & LongLived;

/** What the communities of RFC 9494 say of a route. */
export type LongLived = {
  /** LLGR_STALE, told by the peer or attached here: any route without it is preferred (section 4.3). */
  readonly llgrStale?: boolean | undefined;
  /** NO_LLGR: not to be kept beyond the restart time of a lost peer (section 4.2). */
  readonly noLlgr?: boolean | undefined;
};

/** A route in the Adj-RIB-In of `peer`. */
export type ReceivedRoute = PathInformation & {
  readonly peer: PeerKey;
  readonly peerAsn: Asn;
  readonly nlri: EvpnRoute;
  /** The session that brought it is gone, or it is being asked for again; as of now, told by no change. Absent: no. */
  readonly stale?: boolean;
};

/**
 * One route of one peer's Adj-RIB-In before and after: new without `before`, gone without `after`. Both are the objects that
 * `ribIn` shows, so the `before` of a change is the `after` of the one that told of the route last.
 */
export type RouteChange = {
  readonly peer: PeerKey;
  /** `routeKey` of the route: unique within a peer. */
  readonly key: string;
  readonly before?: ReceivedRoute | undefined;
  readonly after?: ReceivedRoute | undefined;
};

/** A route to be announced as it is from now on; without `route`, it is announced no more. */
export type ExportChange = {
  /** `routeKey` of the route. */
  readonly key: string;
  readonly route: ExportedRoute | undefined;
};

/** A route to be announced. `nextHop` is this host's VTEP. An `imet` route gets a PMSI attribute: ingress replication to `nextHop`. */
export type ExportedRoute = {
  readonly nlri: EvpnRoute;
  readonly nextHop: IpAddress;
  readonly routeTargets: readonly RouteTarget[];
  /** The MAC mobility community is sent when `sequence` > 0 or `sticky`. */
  readonly mobility?: Mobility;
  /** The VNI of the PMSI attribute; required in effect for `imet` routes. */
  readonly pmsi?: { readonly vni: Vni };
  readonly routerMac?: Mac;
};

/** What makes two NLRI the same route: labels never, and the ESI only in types 1 and 4 (RFC 7432 7.1-7.4, RFC 9136 3.1). */
export function routeKey(route: EvpnRoute): string {
  switch (route.type) {
    case "mac-ip":
      return `2|${route.rd}|${route.ethernetTag}|${route.mac}|${route.ip ?? ""}`;
    case "imet":
      return `3|${route.rd}|${route.ethernetTag}|${route.originator}`;
    case "ethernet-ad":
      return `1|${route.rd}|${route.esi}|${route.ethernetTag}`;
    case "ethernet-segment":
      return `4|${route.rd}|${route.esi}|${route.originator}`;
    case "ip-prefix":
      return `5|${route.rd}|${route.ethernetTag}|${route.prefix}`;
    case "per-region-i-pmsi":
      return `9|${route.rd}|${route.ethernetTag}|${route.region}`;
    case "s-pmsi":
      return `10|${route.rd}|${route.ethernetTag}|${route.source ?? "*"}|${route.group ?? "*"}|${route.originator}`;
    case "leaf":
      return `11|${route.route}|${route.originator}`;
  }
}
