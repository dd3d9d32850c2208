// The MAC table of a network: intent, local and fabric in one, by rank. Local and declared endpoints come from intent;
// the fabric adds what nobody declared (bare metal, appliances) and confirms or contradicts what somebody did.
//
// A contradiction is reported. What follows depends on who can be wrong. With the cloud heard, intent is right: the
// declared place stays, and the host that has the endpoint raises its sequence (mobility.ts, RFC 7432 15.1). With the
// cloud away for long, our copy of intent may be what is old, and a higher sequence is taken as the move that it is.
// Pure.

import { compareIps, type IpAddress, isUnicastIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { ImetRoute, ReceivedRoute } from "../bgp/route.ts";
import { type FabricPath, fabricPaths, isReachableVtep, type Place, speaksVxlan } from "./fabric-path.ts";
import type { SegmentPaths } from "./segments.ts";

/** Where an entry comes from, best first. */
export type Source = "local" | "intent" | "fabric";

export type MacEntry = {
  readonly mac: Mac;
  readonly source: Source;
  /** The VTEP to send to: of several, the first. */
  readonly vtep: IpAddress;
  /** The ways to a multihomed segment of the fabric; absent for a single VTEP. */
  readonly segment?: SegmentPaths;
  /** The interface, for local entries. */
  readonly port?: string;
  readonly ips: readonly IpAddress[];
  /** Those of `ips` whose binding the fabric calls immutable (RFC 9047 2). */
  readonly immutableIps?: readonly IpAddress[];
  readonly mobility: number;
  /** The endpoint's id, for declared ones. */
  readonly endpoint?: string;
  /** True when the fabric says the same of a declared endpoint: another speaker holds the route. */
  readonly confirmed: boolean;
  /** The fabric announces it as sticky, or as a gateway's: it does not move. */
  readonly fixed?: boolean;
  /** A default gateway's MAC (RFC 7432 10.1). */
  readonly gateway?: boolean;
  /** Moved too often (RFC 7432 15.1): the fabric is not followed for it any more. */
  readonly frozen?: boolean;
};

/** What this host does about a conflict. */
export type ConflictResponse = "keep" | "raise" | "follow" | "frozen";

/** The fabric says that a declared MAC is elsewhere. */
export type Conflict = {
  readonly mac: Mac;
  readonly declaredVtep: IpAddress;
  readonly declaredMobility: number;
  readonly fabricVtep: IpAddress;
  readonly fabricPlace: Place;
  readonly fabricMobility: number;
  /** The fabric's route is sticky or a gateway's: an operator has to decide (RFC 7432 15.2). */
  readonly fixed: boolean;
  readonly response: ConflictResponse;
};

export type MacTable = {
  readonly entries: readonly MacEntry[];
  /** The other VTEPs that take part in flooding. */
  readonly flood: readonly { readonly vtep: IpAddress; readonly source: "intent" | "fabric" }[];
  readonly conflicts: readonly Conflict[];
  /** Undeclared MACs that have moved at least once: what duplicate detection watches. */
  readonly moved: readonly { readonly mac: Mac; readonly place: Place; readonly sequence: number }[];
};

/** A declared endpoint as the table needs it. */
export type Declared = {
  readonly id: string;
  readonly mac: Mac;
  readonly ips: readonly IpAddress[];
  readonly vtep: IpAddress;
  readonly mobility: number;
  /** Set if it is on this host. */
  readonly port?: string;
};

/** How far our copy of intent can be relied on: the cloud is heard, was heard a moment ago, or is away. */
export type IntentTrust = "current" | "recent" | "old";

/** What is known of MACs that moved (mobility.ts). */
export type MobilityDecisions = {
  /** MACs that are frozen, with the place where they were. */
  readonly frozen: ReadonlyMap<Mac, Place>;
  /** Sequences by which this host took declared endpoints back. */
  readonly raised: ReadonlyMap<Mac, number>;
};

export const NO_DECISIONS: MobilityDecisions = { frozen: new Map(), raised: new Map() };

/** The highest sequence: it cannot be raised any more (RFC 7432 7.7, 32 bits). */
const MAX_SEQUENCE = 0xffffffff;

/** Builds the table of one network from its declared endpoints, its member VTEPs, and the fabric's routes for it. */
export function buildMacTable(input: {
  ownVtep: IpAddress;
  declared: readonly Declared[];
  members: readonly IpAddress[];
  fabric: readonly ReceivedRoute[];
  decisions?: MobilityDecisions;
  trust?: IntentTrust;
}): MacTable {
  const { ownVtep, declared, members, fabric, decisions = NO_DECISIONS, trust = "current" } = input;
  const undeclared = fabricPaths(fabric, ownVtep, decisions.frozen);
  const entries: MacEntry[] = [];
  const conflicts: Conflict[] = [];
  for (const endpoint of declared) {
    const path = undeclared.get(endpoint.mac);
    undeclared.delete(endpoint.mac);
    const entry = declaredEntry(endpoint, path, decisions);
    const conflict = path && conflictOf(entry, path, ownVtep, trust);
    if (conflict) conflicts.push(conflict);
    entries.push(
      path && conflict?.response === "follow" ? { ...fabricEntry(path, endpoint), endpoint: endpoint.id } : entry,
    );
  }
  const moved: MacTable["moved"][number][] = [];
  for (const [mac, path] of undeclared) {
    const entry = fabricEntry(path, { mac, ips: path.ips });
    entries.push(decisions.frozen.size > 0 && decisions.frozen.has(mac) ? { ...entry, frozen: true } : entry);
    if (path.mobility > 0 && !path.fixed) moved.push({ mac, place: path.place, sequence: path.mobility });
  }
  return { entries, flood: floodList(members, fabric, ownVtep), conflicts, moved };
}

/** The routes of a network: those that carry one of its import route targets. */
export function routesOf(routes: Iterable<ReceivedRoute>, targets: ReadonlySet<RouteTarget>): ReceivedRoute[] {
  return Array.from(routes).filter((route) => route.routeTargets.some((target) => targets.has(target)));
}

function declaredEntry(endpoint: Declared, path: FabricPath | undefined, decisions: MobilityDecisions): MacEntry {
  const { id, ...rest } = endpoint;
  const source = endpoint.port === undefined ? "intent" : "local";
  const raised = source === "local" ? (decisions.raised.get(endpoint.mac) ?? 0) : 0;
  const confirmed = path !== undefined && reaches(path, endpoint.vtep);
  const frozen = source === "local" && decisions.frozen.has(endpoint.mac) ? { frozen: true } : {};
  return { ...rest, source, endpoint: id, mobility: Math.max(endpoint.mobility, raised), confirmed, ...frozen };
}

function fabricEntry(path: FabricPath, { mac, ips }: { mac: Mac; ips: readonly IpAddress[] }): MacEntry {
  const { vtep, segment, mobility, fixed, gateway, immutableIps } = path;
  const entry: MacEntry = { mac, source: "fabric", vtep, ips, mobility, confirmed: false };
  // Nearly all are like this, and a fabric may have a hundred thousand: spreading nothing into each costs more than the rest.
  if (!segment && !fixed && immutableIps.length === 0) return entry;
  return {
    ...entry,
    ...(segment && { segment }),
    ...(immutableIps.length > 0 && { immutableIps }),
    ...(fixed && { fixed }),
    ...(gateway && { gateway }),
  };
}

/** An older sequence elsewhere is only a withdrawal on its way: a move announces the new place first. */
function conflictOf(entry: MacEntry, path: FabricPath, ownVtep: IpAddress, trust: IntentTrust): Conflict | undefined {
  if (reaches(path, entry.vtep) || (path.mobility < entry.mobility && !path.fixed)) return undefined;
  return {
    mac: entry.mac,
    declaredVtep: entry.vtep,
    declaredMobility: entry.mobility,
    fabricVtep: path.vtep,
    fabricPlace: path.place,
    fabricMobility: path.mobility,
    fixed: path.fixed,
    response: responseTo(entry, path, ownVtep, trust),
  };
}

function responseTo(entry: MacEntry, path: FabricPath, ownVtep: IpAddress, trust: IntentTrust): ConflictResponse {
  if (path.fixed) return "keep";
  if (entry.frozen) return "frozen";
  if (trust === "old") return path.mobility > entry.mobility ? "follow" : "keep";
  if (entry.source !== "local" || trust !== "current" || path.mobility >= MAX_SEQUENCE) return "keep";
  // Of equal sequences the lowest VTEP wins (RFC 7432 15.1): where that is us, the other side gives way by itself.
  const lost = path.mobility > entry.mobility || compareIps(path.vtep, ownVtep) < 0;
  return lost ? "raise" : "keep";
}

function reaches(path: FabricPath, vtep: IpAddress): boolean {
  return path.vtep === vtep || (path.segment?.vteps.includes(vtep) ?? false);
}

function floodList(
  members: readonly IpAddress[],
  fabric: readonly ReceivedRoute[],
  ownVtep: IpAddress,
): MacTable["flood"] {
  const flood = new Map<IpAddress, "intent" | "fabric">();
  for (const route of fabric) {
    if (route.nlri.type !== "imet" || !speaksVxlan(route)) continue;
    // Any other tunnel than ingress replication is not joined by copying frames to the VTEP (RFC 7432 11.2).
    if (route.pmsi && !route.pmsi.endpoint) continue;
    const vtep = floodVtep(route, route.nlri);
    // The attribute may say anything, and the kernel would take a group address for a tunnel of its own kind.
    if (isUnicastIp(vtep) && isReachableVtep(vtep, ownVtep)) flood.set(vtep, "fabric");
  }
  for (const vtep of members) flood.set(vtep, "intent");
  flood.delete(ownVtep);
  return Array.from(flood, ([vtep, source]) => ({ vtep, source }));
}

/** The tunnel's end is in the PMSI attribute (RFC 7432 11.2); FRR takes the originator, which is the same VTEP. */
export function floodVtep(route: ReceivedRoute, nlri: ImetRoute): IpAddress {
  return route.pmsi?.endpoint ?? nlri.originator;
}
