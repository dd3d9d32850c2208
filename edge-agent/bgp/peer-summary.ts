// A peer as it is configured, and as it is shown.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { FamilyName } from "./family.ts";
import type { StateName } from "./fsm.ts";
import type { LongLivedRestart, RemoteAs } from "./negotiation.ts";
import type { PeerKey } from "./route.ts";
import type { Malformed } from "./session.ts";
import type { BgpRole, Capability } from "./wire/capability.ts";

export type MaximumRoutes = {
  /** 1..2^32-1 */
  readonly limit: number;
  /** A warning at this part of the limit, 1..100; default 75. */
  readonly warnPercent?: number | undefined;
  /** The session is tried again after so long; absent: when the configuration changes. */
  readonly restartAfterSec?: number | undefined;
};

/** A neighbour, by its address, or by the link that it is on. */
export type PeerConfig = {
  /** Absent: that of the router that is found on `interface`. */
  readonly address?: IpAddress | undefined;
  readonly asn: RemoteAs;
  /** The link of a link-local address. */
  readonly interface?: string | undefined;
  /** Where to connect to; default 179. */
  readonly port?: number | undefined;
  /** Offered hold time in seconds, 0 or 3..65535; default 90. */
  readonly holdTimeSec?: number | undefined;
  /** Wanted interval of KEEPALIVE in seconds; a third of the agreed hold time at most, which is the default. */
  readonly keepaliveTimeSec?: number | undefined;
  /** A connect that gets no answer is tried again after so many seconds; default 1. */
  readonly connectRetrySec?: number | undefined;
  /** TTL of what we send, 1..255, for a peer that is not on the link; default: the system's. */
  readonly multihop?: number | undefined;
  /** GTSM (RFC 5082): we send with TTL 255 and drop what came over more than so many hops, 1..254. */
  readonly ttlSecurityHops?: number | undefined;
  /** Source address of our connection; default: the system's choice. */
  readonly localAddress?: IpAddress | undefined;
  /** Administratively down, with a reason that the peer is told (RFC 9003), 1..255 octets of UTF-8. */
  readonly shutdown?: { readonly reason?: string | undefined } | undefined;
  /** What the peer is offered, at least one; default EVPN. */
  readonly families?: readonly FamilyName[] | undefined;
  /** How many of its routes may be held, in each family, before the session is ended. */
  readonly maximumRoutes?: MaximumRoutes | undefined;
  /** Absent: neither asked of the peer nor granted to it. */
  readonly longLived?: LongLivedRestart | undefined;
  /** What we are to the peer, told to external peers (RFC 9234), and whether it must tell its own. */
  readonly role?: BgpRole | undefined;
  readonly strictRole?: boolean | undefined;
  /** Never connect, wait for the peer to do so; needs the speaker to listen. */
  readonly passive?: boolean | undefined;
};

/** One family of a peer. */
export type FamilySummary = {
  readonly family: FamilyName;
  /** Both ends offer it on the present session. */
  readonly agreed: boolean;
  /** Routes held of the peer, stale ones included. */
  readonly routesIn: number;
  readonly staleRoutes: number;
  /** Routes the peer was told. */
  readonly routesOut: number;
  /** It was told everything that there is to tell on the present session, End-of-RIB included. */
  readonly told: boolean;
  /** Routes kept out by reason, counted since the start. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Something that a person should know, such as why nothing can be announced. */
  readonly note?: string;
};

/** A neighbour whose address is known. */
export type ReachablePeer = PeerConfig & { readonly address: IpAddress };

/** Counts of routes are those of all families. */
export type PeerSummary = {
  readonly peer: PeerKey;
  /** Undefined while nobody was found on the peer's link. */
  readonly address: IpAddress | undefined;
  /** Undefined before the first session with a peer of any AS but ours. */
  readonly asn: Asn | undefined;
  readonly state: StateName;
  /** When `state` was entered, ms since the epoch. */
  readonly sinceMs: number;
  /** Those that the peer is offered. */
  readonly families: readonly FamilySummary[];
  readonly routesIn: number;
  readonly staleRoutes: number;
  readonly routesOut: number;
  /** Routes kept out by reason, counted since the start. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Malformed messages by consequence, counted since the start. */
  readonly malformed: Readonly<Record<Malformed["severity"], number>>;
  /** Times the peer was Established. */
  readonly sessions: number;
  readonly peerRouterId?: string;
  /** The name that the peer tells of itself. */
  readonly peerHostName?: string;
  readonly holdTimeSec?: number;
  /** How often we send KEEPALIVE, before jitter; 0 without a hold time. */
  readonly keepaliveSec?: number;
  readonly capabilities?: readonly Capability[];
  readonly localAddress?: IpAddress;
  /** Why the last session or connection ended. */
  readonly lastError?: string;
};
