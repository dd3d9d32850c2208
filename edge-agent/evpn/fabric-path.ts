// The fabric's path to each MAC of a network: of all its MAC/IP routes the one that counts. RFC 9494 4.4 (what is long-lived
// stale last of all), RFC 7432 15 (sticky, then the highest sequence, then the lowest VTEP), 9.2.2 and 8.4 (segments), 10.1
// (gateways do not move). Chosen anew from the routes that are held, so a withdrawn route leaves nothing behind. Pure.

import { compareIps, type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Label, MacIpRoute, ReceivedRoute } from "../bgp/route.ts";
import { collectSegments, isMultihomed, type SegmentPaths, type Segments } from "./segments.ts";

/** Where a MAC is attached: a VTEP's address, or an ESI. Behind one segment a MAC does not move (RFC 7432 15). */
export type Place = string;

export type FabricPath = {
  readonly place: Place;
  /** The VTEP to use now: the lowest of `segment.vteps`, where there is a segment. */
  readonly vtep: IpAddress;
  readonly segment: SegmentPaths | undefined;
  /** The sequence number, 0..2^32-1. */
  readonly mobility: number;
  /** Announced as sticky (RFC 7432 15.2), or as a default gateway's: it does not move. */
  readonly fixed: boolean;
  readonly gateway: boolean;
  /** Long-lived stale (RFC 9494 4.4): its speaker has been away for long, and anything else is preferred. */
  readonly lastResort: boolean;
  /** The VNI in the route, which is the VTEP's own for the network; 0: not said. */
  readonly label: Label;
  readonly ips: readonly IpAddress[];
  /** Those of `ips` whose binding to the MAC is immutable (RFC 9047 2). */
  readonly immutableIps: readonly IpAddress[];
};

type Growing = Omit<FabricPath, "vtep" | "segment" | "gateway" | "label" | "ips" | "immutableIps"> & {
  vtep: IpAddress;
  segment: SegmentPaths | undefined;
  gateway: boolean;
  label: Label;
  ips: readonly IpAddress[];
  immutableIps: readonly IpAddress[];
  /** Of several routes: a MAC may have thousands of IPs, such as a firewall's. */
  gathered: { readonly ips: Set<IpAddress>; readonly immutableIps: Set<IpAddress> } | undefined;
  readonly pinned: boolean;
  /** Of equal sequences the lowest wins (RFC 7432 15.1); for a segment it does not depend on who announced the MAC. */
  readonly tie: IpAddress;
};

const VXLAN_TUNNEL = 8;
/** Shared, since most MACs have none and there may be many. */
const NO_IPS: readonly IpAddress[] = [];

/** RFC 8365 5.1.3: a route with encapsulation communities, none of which is VXLAN, is not for us. */
export function speaksVxlan(route: ReceivedRoute): boolean {
  return route.encapsulations.length === 0 || route.encapsulations.includes(VXLAN_TUNNEL);
}

/** True for a VTEP that a tunnel of this host can lead to: one of its own VTEP's family, and not itself. */
export function isReachableVtep(vtep: IpAddress, ownVtep: IpAddress): boolean {
  return vtep !== ownVtep && isIpv4(vtep) === isIpv4(ownVtep);
}

/** True for a route that this host can follow at all. */
export function isUsable(route: ReceivedRoute, ownVtep: IpAddress): boolean {
  return isReachableVtep(route.nextHop, ownVtep) && speaksVxlan(route);
}

/** The path per MAC, of all routes of a network; at its place in `pinned`, as long as somebody announces it there. */
export function fabricPaths(
  fabric: readonly ReceivedRoute[],
  ownVtep: IpAddress,
  pinned: ReadonlyMap<Mac, Place>,
): Map<Mac, FabricPath> {
  const segments = collectSegments(fabric, (route) => isUsable(route, ownVtep));
  const byMac = new Map<Mac, ReceivedRoute[]>();
  for (const route of fabric) {
    if (route.nlri.type !== "mac-ip") continue;
    const known = byMac.get(route.nlri.mac);
    if (known) known.push(route);
    else byMac.set(route.nlri.mac, [route]);
  }
  const paths = new Map<Mac, FabricPath>();
  for (const [mac, routes] of byMac) {
    const path = fabricPath(routes, { ownVtep, segments, pinned: pinned.get(mac) });
    if (path) paths.set(mac, path);
  }
  return paths;
}

/**
 * The path to one MAC by its MAC/IP routes, in any order; undefined if none can be used. `pinned` is preferred as long as
 * somebody announces the MAC there.
 */
export function fabricPath(
  routes: ReceivedRoute | readonly ReceivedRoute[],
  context: { readonly ownVtep: IpAddress; readonly segments: Segments; readonly pinned: Place | undefined },
): FabricPath | undefined {
  // Nearly every MAC of a large fabric has one route.
  if (!Array.isArray(routes)) return candidate(routes as ReceivedRoute, context);
  let best: Growing | undefined;
  for (const route of routes as readonly ReceivedRoute[]) {
    const path = candidate(route, context);
    if (!path) continue;
    const order = best ? comparePaths(path, best) : -1;
    if (order < 0) best = path;
    else if (best && order === 0) merge(best, path);
  }
  return best && finished(best);
}

function candidate(
  route: ReceivedRoute,
  { ownVtep, segments, pinned }: Parameters<typeof fabricPath>[1],
): Growing | undefined {
  const { nlri, nextHop } = route;
  if (nlri.type !== "mac-ip" || !isUsable(route, ownVtep)) return undefined;
  const multihomed = isMultihomed(nlri.esi);
  const segment = multihomed ? segments.pathsTo(nlri.esi, nextHop) : undefined;
  if (multihomed && !segment) return undefined;
  const tie = (segment && segments.lowest(nlri.esi)) ?? nextHop;
  return pathOf(route, nlri, { segment, tie, pinned });
}

function pathOf(
  route: ReceivedRoute,
  { ip, esi, vni }: MacIpRoute,
  { segment, tie, pinned }: { segment: SegmentPaths | undefined; tie: IpAddress; pinned: Place | undefined },
): Growing {
  const place = segment ? esi : route.nextHop;
  return {
    place,
    vtep: segment?.vteps[0] ?? route.nextHop,
    segment,
    mobility: route.mobility?.sequence ?? 0,
    fixed: route.defaultGateway || (route.mobility?.sticky ?? false),
    gateway: route.defaultGateway,
    lastResort: route.llgrStale ?? false,
    label: vni,
    ips: ip ? [ip] : NO_IPS,
    immutableIps: ip && route.arpNd?.immutable ? [ip] : NO_IPS,
    gathered: undefined,
    pinned: pinned !== undefined && pinned === place,
    tie,
  };
}

/** Negative if `a` is better; zero for the same place, of which each IP has a route of its own. */
function comparePaths(a: Growing, b: Growing): number {
  if (a.lastResort !== b.lastResort) return a.lastResort ? 1 : -1;
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  if (a.fixed !== b.fixed) return a.fixed ? -1 : 1;
  if (a.mobility !== b.mobility) return b.mobility - a.mobility;
  if (a.place === b.place) return a.segment?.mode === "single-active" ? compareIps(a.vtep, b.vtep) : 0;
  // A VTEP that announces the MAC both alone and behind its segment: the segment has more ways.
  return compareIps(a.tie, b.tie) || (a.segment ? -1 : 1);
}

function merge(held: Growing, path: Growing): void {
  held.gathered ??= { ips: new Set(held.ips), immutableIps: new Set(held.immutableIps) };
  for (const ip of path.ips) held.gathered.ips.add(ip);
  for (const ip of path.immutableIps) held.gathered.immutableIps.add(ip);
  held.gateway ||= path.gateway;
  if (path.label < held.label) held.label = path.label;
  if (!held.segment || !path.segment || held.segment === path.segment) return;
  // Two VTEPs of the segment learned the MAC: both reach it, whether or not they announced the segment per EVI.
  const vteps = Array.from(new Set([...held.segment.vteps, ...path.segment.vteps])).sort(compareIps);
  held.segment = { ...held.segment, vteps };
  held.vtep = vteps[0] ?? held.vtep;
}

/** IPs in an order of their own, so that it does not depend on which route came first. */
function finished(path: Growing): FabricPath {
  if (!path.gathered) return path;
  path.ips = [...path.gathered.ips].sort();
  path.immutableIps = [...path.gathered.immutableIps].sort();
  return path;
}
