// The MAC table of a network: intent, local and fabric in one, by rank. Local and declared endpoints come from intent;
// the fabric adds what nobody declared (bare metal, appliances) and confirms or contradicts what somebody did.
// A contradiction is reported and never acted on: intent is the same on every host, the fabric's view may not be.
// Pure. Multihomed segments (an ESI that is not zero) are not resolved here.

import { compareIps, type IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import { type ImetRoute, type MacIpRoute, type ReceivedRoute, ZERO_ESI } from "../bgp/route.ts";

/** Where an entry comes from, best first. */
export type Source = "local" | "intent" | "fabric";

export type MacEntry = {
  readonly mac: Mac;
  readonly source: Source;
  readonly vtep: IpAddress;
  /** The interface, for local entries. */
  readonly port?: string;
  readonly ips: readonly IpAddress[];
  readonly mobility: number;
  /** The endpoint's id, for declared ones. */
  readonly endpoint?: string;
  /** True when the fabric says the same of a declared endpoint: another speaker holds the route. */
  readonly confirmed: boolean;
};

/** The fabric says that a declared MAC is elsewhere. */
export type Conflict = {
  readonly mac: Mac;
  readonly declaredVtep: IpAddress;
  readonly declaredMobility: number;
  readonly fabricVtep: IpAddress;
  readonly fabricMobility: number;
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

const VXLAN_TUNNEL = 8;

/** Builds the table of one network from its declared endpoints, its member VTEPs, and the fabric's routes for it. */
export function buildMacTable(input: {
  ownVtep: IpAddress;
  declared: readonly Declared[];
  members: readonly IpAddress[];
  fabric: readonly ReceivedRoute[];
}): MacTable {
  const { ownVtep, declared, members, fabric } = input;
  const best = bestFabricPaths(fabric, ownVtep);
  const entries: MacEntry[] = [];
  const conflicts: Conflict[] = [];
  for (const endpoint of declared) {
    const path = best.get(endpoint.mac);
    best.delete(endpoint.mac);
    const { id, ...rest } = endpoint;
    const source = endpoint.port === undefined ? "intent" : "local";
    entries.push({ ...rest, source, endpoint: id, confirmed: path?.vtep === endpoint.vtep });
    if (path && contradicts(path, endpoint)) {
      conflicts.push({
        mac: endpoint.mac,
        declaredVtep: endpoint.vtep,
        declaredMobility: endpoint.mobility,
        fabricVtep: path.vtep,
        fabricMobility: path.mobility,
      });
    }
  }
  for (const [mac, { vtep, ips, mobility }] of best) {
    entries.push({ mac, source: "fabric", vtep, ips, mobility, confirmed: false });
  }
  return { entries, flood: floodList(members, fabric, ownVtep), conflicts };
}

/** An older sequence elsewhere is only a withdrawal on its way: a move announces the new place first. */
function contradicts(path: FabricPath, endpoint: Declared): boolean {
  return path.vtep !== endpoint.vtep && path.mobility >= endpoint.mobility;
}

/** The routes of a network: those that carry one of its import route targets. */
export function routesOf(routes: Iterable<ReceivedRoute>, targets: ReadonlySet<RouteTarget>): ReceivedRoute[] {
  return Array.from(routes).filter((route) => route.routeTargets.some((target) => targets.has(target)));
}

type FabricPath = { vtep: IpAddress; mobility: number; sticky: boolean; ips: IpAddress[] };

/** Per MAC the path of RFC 7432 section 15: sticky, then the highest sequence, then the lowest VTEP. */
function bestFabricPaths(fabric: readonly ReceivedRoute[], ownVtep: IpAddress): Map<Mac, FabricPath> {
  const best = new Map<Mac, FabricPath>();
  for (const route of fabric) {
    if (!isUsable(route, ownVtep)) continue;
    const { mac, ip } = route.nlri;
    const path: FabricPath = {
      vtep: route.nextHop,
      mobility: route.mobility?.sequence ?? 0,
      sticky: route.mobility?.sticky ?? false,
      ips: ip ? [ip] : [],
    };
    const held = best.get(mac);
    const order = held ? comparePaths(path, held) : -1;
    if (order < 0) best.set(mac, path);
    else if (held && order === 0 && ip && !held.ips.includes(ip)) held.ips.push(ip);
  }
  return best;
}

/** Negative if `a` is better; zero for the same place, of which each IP has a route of its own. */
function comparePaths(a: FabricPath, b: FabricPath): number {
  if (a.sticky !== b.sticky) return a.sticky ? -1 : 1;
  return b.mobility - a.mobility || compareIps(a.vtep, b.vtep);
}

function isUsable(route: ReceivedRoute, ownVtep: IpAddress): route is ReceivedRoute & { nlri: MacIpRoute } {
  const { nlri, nextHop } = route;
  return nlri.type === "mac-ip" && nlri.esi === ZERO_ESI && nextHop !== ownVtep && speaksVxlan(route);
}

/** RFC 8365 5.1.3: a route with encapsulation communities, none of which is VXLAN, is not for us. */
function speaksVxlan(route: ReceivedRoute): boolean {
  return route.encapsulations.length === 0 || route.encapsulations.includes(VXLAN_TUNNEL);
}

function floodList(
  members: readonly IpAddress[],
  fabric: readonly ReceivedRoute[],
  ownVtep: IpAddress,
): MacTable["flood"] {
  const flood = new Map<IpAddress, "intent" | "fabric">();
  for (const route of fabric) {
    // The tunnel's end is in the PMSI attribute (RFC 7432 11.2); FRR takes the originator, which is the same VTEP.
    if (route.nlri.type === "imet" && speaksVxlan(route)) flood.set(floodVtep(route, route.nlri), "fabric");
  }
  for (const vtep of members) flood.set(vtep, "intent");
  flood.delete(ownVtep);
  return Array.from(flood, ([vtep, source]) => ({ vtep, source }));
}

function floodVtep(route: ReceivedRoute, nlri: ImetRoute): IpAddress {
  return route.pmsi?.endpoint ?? nlri.originator;
}
