// The MAC table of a network: intent, local and fabric in one, by rank. Local and declared endpoints come from intent;
// the fabric adds what nobody declared (bare metal, appliances) and confirms or contradicts what somebody did.
//
// A contradiction is reported. What follows depends on who can be wrong. With the cloud heard, intent is right: the
// declared place stays, and the host that has the endpoint raises its sequence (mobility.ts, RFC 7432 15.1). With the
// cloud away for long, our copy of intent may be what is old, and a higher sequence is taken as the move that it is.
// Pure.

import { compareIps, type IpAddress, isUnicastIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type ImportTarget, importsAny } from "../../shared/address/rt.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { ImetRoute, ReceivedRoute } from "../bgp/route.ts";
import { type FabricPath, fabricPaths, isReachableVtep, type Place, speaksVxlan } from "./fabric-path.ts";
import type { SegmentPaths } from "./segments.ts";

/** Where an entry comes from: declared here or elsewhere, told by the fabric, or learned from a frame on a port here. */
export type Source = "local" | "intent" | "fabric" | "learned";

export type MacEntry = {
  readonly mac: Mac;
  readonly source: Source;
  /** The VTEP to send to: of several, the first. */
  readonly vtep: IpAddress;
  /** The ways to a multihomed segment of the fabric; absent for a single VTEP. */
  readonly segment?: SegmentPaths;
  /** The VNI that the VTEP knows the network by, where it is another than our own (RFC 8365 5.1.3). */
  readonly vni?: Vni;
  /** The interface, for local and learned entries. */
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
  /** The fabric's path is long-lived stale (RFC 9494): it was told by a speaker that has been away for long. */
  readonly lastResort?: boolean;
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

/** A machine that nobody declared, heard on a port of this host, on a network that allows learning. */
export type Learned = {
  readonly port: string;
  /** One above the fabric's when it was heard here (RFC 7432 15). */
  readonly sequence: number;
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
export const MAX_SEQUENCE = 0xffffffff;

/** What the table depends on besides its sources. */
export type TableContext = {
  readonly ownVtep: IpAddress;
  /** The network's VNI on this host; absent: routes are taken to mean the same. */
  readonly vni?: Vni | undefined;
  readonly decisions: MobilityDecisions;
  readonly trust: IntentTrust;
};

/** What is to be done with one MAC. */
export type MacOutcome = {
  readonly entry: MacEntry | undefined;
  readonly conflict: Conflict | undefined;
  /** Set for an undeclared MAC that has moved at least once: what duplicate detection watches. */
  readonly moved: { readonly place: Place; readonly sequence: number } | undefined;
};

/**
 * Builds the table of one network from its declared endpoints, its member VTEPs, and the fabric's routes for it. This is the
 * definition; mac-vrf-table.ts keeps the same table up to date change by change.
 */
export function buildMacTable(input: {
  ownVtep: IpAddress;
  vni?: Vni;
  declared: readonly Declared[];
  members: readonly IpAddress[];
  fabric: readonly ReceivedRoute[];
  decisions?: MobilityDecisions;
  trust?: IntentTrust;
  learned?: ReadonlyMap<Mac, Learned>;
}): MacTable {
  const { ownVtep, vni, declared, members, fabric, decisions = NO_DECISIONS, trust = "current" } = input;
  const learned = input.learned ?? new Map<Mac, Learned>();
  const paths = fabricPaths(fabric, ownVtep, decisions.frozen);
  const byMac = new Map<Mac, Declared>();
  for (const endpoint of declared) byMac.set(endpoint.mac, firstDeclared(byMac.get(endpoint.mac), endpoint));
  const entries: MacEntry[] = [];
  const conflicts: Conflict[] = [];
  for (const mac of new Set([...byMac.keys(), ...paths.keys(), ...learned.keys()])) {
    const context = { ownVtep, vni, decisions, trust };
    const outcome = macOutcome(mac, byMac.get(mac), paths.get(mac), context, learned.get(mac));
    if (outcome.entry) entries.push(outcome.entry);
    if (outcome.conflict) conflicts.push(outcome.conflict);
  }
  return { entries, flood: floodList(members, fabric, ownVtep), conflicts };
}

/** A MAC is declared once in a network; where a half-received change has it twice, every host takes the same one. */
export function firstDeclared(a: Declared | undefined, b: Declared): Declared {
  return !a || b.id < a.id ? b : a;
}

/** The entry of one MAC, from what is declared of it and the fabric's path to it. */
export function macOutcome(
  mac: Mac,
  declared: Declared | undefined,
  path: FabricPath | undefined,
  context: TableContext,
  learned?: Learned,
): MacOutcome {
  const { ownVtep, vni, decisions, trust } = context;
  if (!declared) {
    if (learned && prevails(learned, path, decisions.frozen.get(mac), ownVtep))
      return learnedOutcome(mac, learned, context);
    if (!path) return NOTHING;
    const entry = fabricEntry(path, { mac, ips: path.ips, vni });
    const frozen = decisions.frozen.size > 0 && decisions.frozen.has(mac);
    const moved = path.mobility > 0 && !path.fixed ? { place: path.place, sequence: path.mobility } : undefined;
    return { entry: frozen ? { ...entry, frozen: true } : entry, conflict: undefined, moved };
  }
  const entry = declaredEntry(declared, path, decisions);
  const conflict = path && conflictOf(entry, path, ownVtep, trust);
  if (!path || conflict?.response !== "follow") return { entry, conflict, moved: undefined };
  const { ips, id } = declared;
  return { entry: { ...fabricEntry(path, { mac, ips, vni }), endpoint: id }, conflict, moved: undefined };
}

/** RFC 7432 15: the higher sequence, of equal ones the lower VTEP; what does not move has not come here either. */
function prevails(
  { sequence }: Learned,
  path: FabricPath | undefined,
  frozenAt: Place | undefined,
  ownVtep: IpAddress,
): boolean {
  if (frozenAt !== undefined) return frozenAt === ownVtep;
  if (!path) return true;
  if (path.fixed) return false;
  if (path.mobility !== sequence) return path.mobility < sequence;
  return compareIps(ownVtep, path.vtep) < 0;
}

function learnedOutcome(mac: Mac, { port, sequence }: Learned, { ownVtep, decisions }: TableContext): MacOutcome {
  const frozen = decisions.frozen.has(mac) ? { frozen: true } : {};
  const entry = { mac, source: "learned", vtep: ownVtep, port, ips: [], mobility: sequence, confirmed: false } as const;
  const moved = sequence > 0 ? { place: ownVtep, sequence } : undefined;
  return { entry: { ...entry, ...frozen }, conflict: undefined, moved };
}

const NOTHING: MacOutcome = { entry: undefined, conflict: undefined, moved: undefined };

/** The routes of a network: those that carry one of its import route targets. */
export function routesOf(routes: Iterable<ReceivedRoute>, targets: ReadonlySet<ImportTarget>): ReceivedRoute[] {
  return Array.from(routes).filter((route) => importsAny(targets, route.routeTargets));
}

function declaredEntry(endpoint: Declared, path: FabricPath | undefined, decisions: MobilityDecisions): MacEntry {
  const { id, mac, ips, vtep, port } = endpoint;
  const source = endpoint.port === undefined ? "intent" : "local";
  const raised = source === "local" ? (decisions.raised.get(endpoint.mac) ?? 0) : 0;
  const confirmed = path !== undefined && reaches(path, endpoint.vtep);
  const mobility = Math.max(endpoint.mobility, raised);
  // Nearly all are like this, and a host may hold a hundred thousand: spread out of parts, each would be twice as large.
  if (port === undefined) return { mac, source, vtep, ips, mobility, endpoint: id, confirmed };
  const frozen = decisions.frozen.has(mac) ? { frozen: true } : {};
  return { mac, source, vtep, port, ips, mobility, endpoint: id, confirmed, ...frozen };
}

function fabricEntry(
  path: FabricPath,
  { mac, ips, vni }: { mac: Mac; ips: readonly IpAddress[]; vni: Vni | undefined },
): MacEntry {
  const { vtep, segment, mobility, fixed, gateway, lastResort, immutableIps, label } = path;
  const foreign = vni !== undefined && label !== 0 && label !== vni;
  const entry: MacEntry = { mac, source: "fabric", vtep, ips, mobility, confirmed: false };
  // Nearly all are like this, and a fabric may have a hundred thousand: spreading nothing into each costs more than the rest.
  if (!segment && !fixed && !foreign && !lastResort && immutableIps.length === 0) return entry;
  return {
    ...entry,
    ...(segment && { segment }),
    ...(foreign && { vni: label }),
    ...(immutableIps.length > 0 && { immutableIps }),
    ...(fixed && { fixed }),
    ...(gateway && { gateway }),
    ...(lastResort && { lastResort }),
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
  // What is declared is preferred to a last resort (RFC 9494 4.4): there is nothing to outbid, and nothing to follow.
  if (path.fixed || path.lastResort) return "keep";
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

/** The VTEPs that broadcast, unknown and multicast frames are copied to. */
export function floodList(
  members: Iterable<IpAddress>,
  fabric: Iterable<ReceivedRoute>,
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
