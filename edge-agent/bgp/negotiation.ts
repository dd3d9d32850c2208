// What two OPENs agree on, and whether the peer's is acceptable (RFC 4271 6.2; RFC 4724, 5492, 6286, 6793, 7313, 7607, 8538,
// 8654, 8950, 9234, 9494). Pure.

import type { Ipv4 } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { DEFAULT_FAMILIES, FAMILIES, FAMILY_NAMES, type FamilyName, familyOf } from "./family.ts";
import { type BgpRole, type Capability, encodeCapability } from "./wire/capability.ts";
import { Afi, ErrorCode, OpenSubcode } from "./wire/iana.ts";
import { MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS } from "./wire/message.ts";
import type { MessageError } from "./wire/notification.ts";
import type { OpenMessage } from "./wire/open.ts";

/** This end of a session. */
export type LocalEnd = {
  readonly asn: Asn;
  readonly routerId: Ipv4;
  /** Offered hold time: 0 (none) or 3..65535 s. */
  readonly holdTimeSec: number;
  /** What the peer is offered; default EVPN. */
  readonly families?: readonly FamilyName[] | undefined;
  /** What a restart of ours means to peers; absent: they are not asked to keep anything. */
  readonly restart?: LocalRestart | undefined;
  readonly longLived?: LongLivedRestart | undefined;
  /** What we are to the peer; told to external peers only (RFC 9234 4.2). */
  readonly role?: BgpRole | undefined;
  /** Refuse an external peer that tells no role (RFC 9234 4.2, strict mode). */
  readonly strictRole?: boolean | undefined;
  /** Our name for the network team's displays, at most 64 octets. */
  readonly hostName?: string | undefined;
};

/** The AS of a peer: a number, or whether it is ours (as FRR's `remote-as external` and `internal`). */
export type RemoteAs = Asn | "external" | "internal";

/** True if such a peer is in our own AS. */
export function isInternal(remoteAs: RemoteAs, own: Asn): boolean {
  return remoteAs === own || remoteAs === "internal";
}

/** The restarting side of graceful restart (RFC 4724 section 3). */
export type LocalRestart = {
  /** This process replaces an earlier one, and has not had a session with the peer yet (R bit). */
  readonly restarted: boolean;
  /** The forwarding state outlived whatever ended the last session (F bit). */
  readonly preserved: boolean;
  /** 0..4095 */
  readonly timeSec: number;
};

/** Long-lived graceful restart is off but in families that are named (RFC 9494 section 5). */
export type LongLivedRestart = {
  readonly families: readonly FamilyName[];
  /** How long the peer is asked to keep our routes after the restart time, as the last resort, 0..2^24-1; default 0. */
  readonly staleSec?: number | undefined;
  /** The peer's own such time counts up to this; default: whatever it says. */
  readonly maximumSec?: number | undefined;
};

/** What both ends agreed on. */
export type Negotiated = {
  readonly peerAsn: number;
  readonly peerRouterId: Ipv4;
  readonly internal: boolean;
  readonly asOctets: 2 | 4;
  /** Offered by both ends, at least one. */
  readonly families: readonly FamilyName[];
  /** IPv4 unicast routes may have IPv6 next hops in both directions (RFC 8950). */
  readonly extendedNextHop: boolean;
  readonly routeRefresh: boolean;
  /** Refreshes are marked by their begin and end (RFC 7313). */
  readonly enhancedRouteRefresh: boolean;
  /** Longest message either end may send: 4096 or 65535 octets. */
  readonly maxMessageOctets: number;
  /** The smaller of both offers; 0 = neither keepalives nor a hold timer. */
  readonly holdTimeSec: number;
  readonly peerCapabilities: readonly Capability[];
  /** The peer's graceful restart (RFC 4724); absent: it does not know of it at all. */
  readonly peerRestart?: PeerRestart;
  readonly peerHostName?: string;
};

/** What the peer said of its own restarts. */
export type PeerRestart = {
  readonly timeSec: number;
  /** A NOTIFICATION ends the session without ending the routes, in both directions (RFC 8538). */
  readonly notification: boolean;
  /** The families whose routes are to be kept when it is gone. */
  readonly families: readonly FamilyRestart[];
};

/** What the peer said of its restarts, for one family. */
export type FamilyRestart = {
  readonly family: FamilyName;
  /** Graceful restart lists it; else the restart time is none (RFC 9494 4.2). */
  readonly graceful: boolean;
  /** It kept forwarding since the last session. */
  readonly preserved: boolean;
  /** How long its routes are kept after the restart time (RFC 9494), 0 for not at all. */
  readonly longLivedSec: number;
  /** As `preserved`, of routes that are long-lived by now. */
  readonly longLivedPreserved: boolean;
};

/** IPv6 next hops for IPv4 unicast (RFC 8950 section 4). */
const EXTENDED_NEXT_HOP: Capability = {
  kind: "extended-next-hop",
  families: [{ afi: FAMILIES["ipv4-unicast"].afi, safi: FAMILIES["ipv4-unicast"].safi, nextHopAfi: Afi.IPV6 }],
};
/** What a peer must be to us, by what we are to it (RFC 9234 4.2, table 2). */
const COUNTERPART: Readonly<Record<BgpRole, BgpRole>> = {
  provider: "customer",
  customer: "provider",
  rs: "rs-client",
  "rs-client": "rs",
  peer: "peer",
};

/**
 * Our OPEN. IPv6 next hops of IPv4 routes are offered with that family (RFC 8950 section 4). Graceful restart is offered always, with the N bit: that it is sent at all is what makes peers send End-of-RIB
 * (RFC 4724 section 3), FRR and GoBGP among them. Families are listed where a restart of ours keeps forwarding. Long-lived
 * graceful restart is offered where it is configured alone (RFC 9494 section 5); with a time of 0 we are the helper only.
 */
export function localOpen(local: LocalEnd, remoteAs: RemoteAs): OpenMessage {
  const { restart, longLived, role, hostName, families: offered = DEFAULT_FAMILIES } = local;
  const families = offered.map((name) => ({ afi: FAMILIES[name].afi, safi: FAMILIES[name].safi }));
  return {
    version: 4,
    asn: local.asn,
    holdTimeSec: local.holdTimeSec,
    routerId: local.routerId,
    capabilities: [
      ...families.map((family) => ({ kind: "multiprotocol", ...family }) as const),
      ...(offered.includes("ipv4-unicast") ? [EXTENDED_NEXT_HOP] : []),
      { kind: "route-refresh" },
      { kind: "enhanced-route-refresh" },
      { kind: "extended-message" },
      { kind: "four-octet-as", asn: local.asn },
      {
        kind: "graceful-restart",
        restarted: restart?.restarted ?? false,
        notification: true,
        restartTimeSec: restart?.timeSec ?? 0,
        families: restart ? families.map((family) => ({ ...family, preserved: restart.preserved })) : [],
      },
      ...(longLived ? [longLivedCapability(longLived, restart)] : []),
      ...(role && !isInternal(remoteAs, local.asn) ? [{ kind: "role", role } as const] : []),
      ...(hostName === undefined ? [] : [{ kind: "fqdn", host: hostName, domain: "" } as const]),
    ],
  };
}

function longLivedCapability(
  { families, staleSec = 0 }: LongLivedRestart,
  restart: LocalRestart | undefined,
): Capability {
  const staleTimeSec = restart ? staleSec : 0;
  const preserved = staleTimeSec > 0 && (restart?.preserved ?? false);
  return {
    kind: "long-lived-graceful-restart",
    families: families.map((name) => ({ afi: FAMILIES[name].afi, safi: FAMILIES[name].safi, preserved, staleTimeSec })),
  };
}

/** Checks the peer's OPEN against our configuration of it, in the order of RFC 4271 6.2. */
export function negotiate(local: LocalEnd, remoteAs: RemoteAs, open: OpenMessage): Negotiated | MessageError {
  const internal = open.asn === local.asn;
  // AS 0 is nobody's (RFC 7607).
  const expected = typeof remoteAs === "number" ? open.asn === remoteAs : internal === (remoteAs === "internal");
  if (!expected || open.asn === 0) {
    return refuse(OpenSubcode.BAD_PEER_AS, `peer is AS ${open.asn}, not ${remoteAs}`);
  }
  // RFC 6286 2.2: any number but zero, and within an AS not our own.
  if (open.routerId === "0.0.0.0" || (internal && open.routerId === local.routerId)) {
    return refuse(OpenSubcode.BAD_BGP_IDENTIFIER, `BGP identifier ${open.routerId}`);
  }
  if (open.holdTimeSec === 1 || open.holdTimeSec === 2) {
    const data = Uint8Array.of(0, open.holdTimeSec);
    return refuse(OpenSubcode.UNACCEPTABLE_HOLD_TIME, `hold time of ${open.holdTimeSec} s`, data);
  }
  const has = (kind: Capability["kind"]): boolean => open.capabilities.some((it) => it.kind === kind);
  const { families: offered = DEFAULT_FAMILIES } = local;
  const theirs = familiesOf(open.capabilities);
  const families = offered.filter((name) => theirs.has(name));
  // Without any there is nothing to talk about (RFC 5492 section 5).
  if (families.length === 0) return refuseFamilies(offered);
  const mismatch = internal ? undefined : roleMismatch(local, open.capabilities);
  if (mismatch !== undefined) return refuse(OpenSubcode.ROLE_MISMATCH, mismatch);
  const peerRestart = restartOf(open.capabilities);
  const fqdn = open.capabilities.find((it) => it.kind === "fqdn");
  return {
    peerAsn: open.asn,
    peerRouterId: open.routerId,
    internal,
    asOctets: has("four-octet-as") ? 4 : 2,
    families,
    extendedNextHop: families.includes("ipv4-unicast") && takesIpv6NextHops(open.capabilities),
    routeRefresh: has("route-refresh"),
    enhancedRouteRefresh: has("route-refresh") && has("enhanced-route-refresh"),
    maxMessageOctets: has("extended-message") ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS,
    holdTimeSec: Math.min(local.holdTimeSec, open.holdTimeSec),
    peerCapabilities: open.capabilities,
    ...(peerRestart && { peerRestart }),
    ...(fqdn && { peerHostName: fqdn.domain ? `${fqdn.host}.${fqdn.domain}` : fqdn.host }),
  };
}

function restartOf(capabilities: readonly Capability[]): PeerRestart | undefined {
  // RFC 4724 section 3: of several instances the last counts. Without one the long-lived capability is ignored (RFC 9494 4.5).
  const graceful = capabilities.findLast((it) => it.kind === "graceful-restart");
  if (!graceful) return undefined;
  const longLived = capabilities.findLast((it) => it.kind === "long-lived-graceful-restart")?.families ?? [];
  return {
    timeSec: graceful.restartTimeSec,
    notification: graceful.notification,
    families: FAMILY_NAMES.flatMap((family): FamilyRestart[] => {
      const ofFamily = (it: { readonly afi: number; readonly safi: number }) => familyOf(it.afi, it.safi) === family;
      const short = graceful.families.find(ofFamily);
      const long = longLived.find(ofFamily);
      if (!short && !long?.staleTimeSec) return [];
      return [
        {
          family,
          graceful: short !== undefined,
          preserved: short?.preserved ?? false,
          longLivedSec: long?.staleTimeSec ?? 0,
          longLivedPreserved: long?.preserved ?? false,
        },
      ];
    }),
  };
}

/** A peer without the multiprotocol capability speaks IPv4 unicast, as all did before it (RFC 4271, RFC 4760 section 8). */
function familiesOf(capabilities: readonly Capability[]): ReadonlySet<FamilyName> {
  const listed = capabilities.flatMap((it) => (it.kind === "multiprotocol" ? [familyOf(it.afi, it.safi)] : []));
  return new Set(listed.length === 0 ? ["ipv4-unicast"] : listed.filter((name) => name !== undefined));
}

function takesIpv6NextHops(capabilities: readonly Capability[]): boolean {
  const { afi, safi } = FAMILIES["ipv4-unicast"];
  const families = capabilities.flatMap((it) => (it.kind === "extended-next-hop" ? it.families : []));
  return families.some((it) => it.afi === afi && it.safi === safi && it.nextHopAfi === Afi.IPV6);
}

function refuseFamilies(offered: readonly FamilyName[]): MessageError {
  const titles = offered.map((name) => FAMILIES[name].title).join(", ");
  const capabilities = offered.map((name) => {
    const { afi, safi } = FAMILIES[name];
    return encodeCapability({ kind: "multiprotocol", afi, safi });
  });
  const data = new Uint8Array(Buffer.concat(capabilities));
  return refuse(OpenSubcode.UNSUPPORTED_CAPABILITY, `peer does not offer ${titles}`, data);
}

/** Why the roles of an external peer and ours do not fit (RFC 9234 4.2); undefined if they do. */
function roleMismatch({ role, strictRole }: LocalEnd, capabilities: readonly Capability[]): string | undefined {
  if (role === undefined) return undefined;
  const roles = new Set(capabilities.flatMap((it) => (it.kind === "role" ? [it.role] : [])));
  if (roles.size === 0) return strictRole ? "peer tells no BGP role" : undefined;
  if (roles.size === 1 && roles.has(COUNTERPART[role])) return undefined;
  return `peer's BGP role is ${[...roles].join(" and ")}, ours ${role}`;
}

/**
 * Which of two connections to the same peer stays (RFC 4271 6.8): the one that the end with the higher BGP identifier
 * opened; with equal identifiers, the one of the larger AS number (RFC 6286 2.3).
 */
export function survivingConnection(
  local: Pick<LocalEnd, "asn" | "routerId">,
  peer: Pick<Negotiated, "peerRouterId" | "peerAsn">,
): "ours" | "theirs" {
  const ours = identifierValue(local.routerId);
  const theirs = identifierValue(peer.peerRouterId);
  if (ours !== theirs) return ours > theirs ? "ours" : "theirs";
  return local.asn > peer.peerAsn ? "ours" : "theirs";
}

function identifierValue(id: Ipv4): number {
  return id.split(".").reduce((value, octet) => value * 256 + Number(octet), 0);
}

function refuse(subcode: number, reason: string, data: Uint8Array = new Uint8Array(0)): MessageError {
  return { error: { code: ErrorCode.OPEN_MESSAGE, subcode, data }, reason };
}
