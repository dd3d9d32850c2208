// What this host may announce, and whose tunnels it may use. Small and explicit, so that a host never becomes transit:
// whatever went wrong before, a route that is not this host's own does not get past here. Pure.
//
// Which routes enter at all (import route targets, loops, own next hop) is bgp/import-policy.ts; how many is the peer's
// `maximumRoutes`.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Prefix, prefixContains } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { ExportedRoute, ReceivedRoute } from "../bgp/route.ts";
import { floodVtep } from "./mac-table.ts";

/** What is this host's own in one network. */
export type OwnNetwork = {
  readonly vtep: IpAddress;
  readonly rd: RouteDistinguisher;
  /** The MACs of the endpoints declared here, and those learned here where that is allowed. */
  readonly macs: Pick<ReadonlySet<Mac>, "has">;
};

export type ExportRefusal =
  | "foreign-next-hop"
  | "foreign-rd"
  | "no-route-target"
  | "undeclared-mac"
  | "foreign-originator"
  | "foreign-prefix"
  | "type-never-announced";

/** Why a route may not be announced; undefined if it may. */
export function exportRefusal(route: ExportedRoute, own: OwnNetwork): ExportRefusal | undefined {
  const { nlri, nextHop, routeTargets } = route;
  if (nextHop !== own.vtep) return "foreign-next-hop";
  if (nlri.rd !== own.rd) return "foreign-rd";
  // Without one it would be in no VPN, and in some routers' hands in every one.
  if (routeTargets.length === 0) return "no-route-target";
  if (nlri.type === "mac-ip") return own.macs.has(nlri.mac) ? undefined : "undeclared-mac";
  if (nlri.type === "imet") return nlri.originator === own.vtep ? undefined : "foreign-originator";
  return "type-never-announced";
}

/** What is this host's own in one router. */
export type OwnRouter = {
  readonly vtep: IpAddress;
  readonly rd: RouteDistinguisher;
  /** Subnets with machines here, and prefixes by way of machines here: never what another host or the fabric told. */
  readonly prefixes: Pick<ReadonlySet<Prefix>, "has">;
};

/** Why a router's route may not be announced; undefined if it may. */
export function prefixRefusal(
  { nlri, nextHop, routeTargets }: ExportedRoute,
  own: OwnRouter,
): ExportRefusal | undefined {
  if (nextHop !== own.vtep) return "foreign-next-hop";
  if (nlri.rd !== own.rd) return "foreign-rd";
  if (routeTargets.length === 0) return "no-route-target";
  if (nlri.type !== "ip-prefix") return "type-never-announced";
  return own.prefixes.has(nlri.prefix) ? undefined : "foreign-prefix";
}

/** True for a VTEP that may be sent to: one inside one of the prefixes. */
export type NextHopList = (vtep: IpAddress) => boolean;

export function nextHopList(prefixes: readonly Prefix[]): NextHopList {
  // A fabric has many routes and few VTEPs.
  const known = new Map<IpAddress, boolean>();
  return (vtep) => {
    const allowed = known.get(vtep) ?? prefixes.some((prefix) => prefixContains(prefix, vtep));
    known.set(vtep, allowed);
    return allowed;
  };
}

/** Whether a route's next hop, and where it has one the end of its flooding tunnel, may be sent to. */
export function leadsWhereAllowed(route: ReceivedRoute, mayUse: NextHopList): boolean {
  return mayUse(route.nextHop) && (route.nlri.type !== "imet" || mayUse(floodVtep(route, route.nlri)));
}
