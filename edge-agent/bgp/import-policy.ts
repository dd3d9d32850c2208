// Which routes may enter an Adj-RIB-In at all (RFC 4271 9.1.2, RFC 4456 section 8). Pure; asked once per UPDATE, since
// it looks at path attributes only. Which network a route is for is decided by the EVPN policy, not here.

import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { PathInformation } from "./route.ts";

/** True if any network imports one of the targets. */
export type AcceptTargets = (routeTargets: readonly RouteTarget[]) => boolean;

export type ImportPolicy = {
  readonly asn: Asn;
  readonly routerId: Ipv4;
  /** A route with one of these as its next hop leads back here (RFC 4271 5.1.3). */
  readonly ownAddresses: ReadonlySet<IpAddress>;
  readonly accept: AcceptTargets;
};

export type Rejection = "originated-here" | "as-loop" | "own-next-hop" | "no-import-target";

/** Why the routes of an UPDATE are not for us; undefined if they are. */
export function rejection(path: PathInformation, policy: ImportPolicy): Rejection | undefined {
  if (path.originatorId === policy.routerId) return "originated-here";
  if (path.asPath.includes(policy.asn)) return "as-loop";
  if (policy.ownAddresses.has(path.nextHop)) return "own-next-hop";
  return policy.accept(path.routeTargets) ? undefined : "no-import-target";
}
