// The decision process for unicast routes (RFC 4271 9.1.2): of the paths to each prefix the best one, and those that are as good
// and may share the traffic. As in the RFC each step removes what is worse, so that the order of arrival never matters
// (MED is compared within one neighbouring AS only). Pure.

import { compareIps, parseIp } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { ReceivedUnicast } from "../bgp/unicast-route.ts";
import type { RouteHop } from "../dataplane/route-kernel.ts";
import type { Reach } from "./reach.ts";

/** `multipath`: used beside the best one; `valid`: usable, but worse or one too many. */
export type PathUse = "best" | "multipath" | "valid" | "off-link" | "link-down" | "no-link";
export type JudgedPath = { readonly route: ReceivedUnicast; readonly use: PathUse; readonly hop?: RouteHop };
export type Decision = {
  readonly prefix: Prefix;
  /** In order of preference, unusable ones last. */
  readonly paths: readonly JudgedPath[];
  /** Of the best path and those beside it, each once; empty if no path is usable. */
  readonly hops: readonly RouteHop[];
};

export type MultipathOptions = {
  /** At least 1. */
  readonly maximumPaths: number;
  /** AS paths need be equal in length only, not in content. */
  readonly multipathRelax: boolean;
};

type Usable = { readonly route: ReceivedUnicast; readonly hop: RouteHop };

const DEFAULT_LOCAL_PREF = 100;
const ORIGIN_RANK = { igp: 0, egp: 1, incomplete: 2 } as const;

/** Decides for every prefix among `routes`; `reachOf` says how a route's next hop is reached. */
export function decide(
  routes: readonly ReceivedUnicast[],
  reachOf: (route: ReceivedUnicast) => Reach,
  options: MultipathOptions,
): Decision[] {
  const byPrefix = new Map<Prefix, ReceivedUnicast[]>();
  for (const route of routes) {
    const paths = byPrefix.get(route.prefix);
    if (paths) paths.push(route);
    else byPrefix.set(route.prefix, [route]);
  }
  return Array.from(byPrefix, ([prefix, paths]) => decideFor(prefix, paths, reachOf, options));
}

function decideFor(
  prefix: Prefix,
  routes: readonly ReceivedUnicast[],
  reachOf: (route: ReceivedUnicast) => Reach,
  { maximumPaths, multipathRelax }: MultipathOptions,
): Decision {
  const usable: Usable[] = [];
  const unusable: JudgedPath[] = [];
  for (const route of routes) {
    const found = reachOf(route);
    if ("hop" in found) usable.push({ route, hop: found.hop });
    else unusable.push({ route, use: found.unusable });
  }
  const equal = eliminate(usable).toSorted(breakTie);
  const [best, ...beside] = equal;
  const alike = beside.filter(({ route }) => multipathRelax || sameAsPath(route, best?.route));
  const multipath = new Set(alike.slice(0, maximumPaths - 1));
  const used = best ? [best, ...multipath] : [];
  const rest = usable.filter((path) => !used.includes(path)).toSorted(breakTie);
  return {
    prefix,
    paths: [
      ...used.map((path): JudgedPath => ({ ...path, use: path === best ? "best" : "multipath" })),
      ...rest.map((path): JudgedPath => ({ ...path, use: "valid" })),
      ...unusable,
    ],
    hops: distinct(used.map(({ hop }) => hop)),
  };
}

/** Degree of preference, then steps a to d of 9.1.2.2; e, the interior cost, is 0 for all: next hops are on the link. */
function eliminate(paths: readonly Usable[]): Usable[] {
  // A stale path counts as any other for its restart time (RFC 4724 4.2), and as the last resort after that (RFC 9494 4.4).
  let left = lowest(paths, ({ route }) => Number(route.llgrStale ?? false));
  left = lowest(left, ({ route }) => -localPref(route));
  left = lowest(left, ({ route }) => route.asPathLength);
  left = lowest(left, ({ route }) => ORIGIN_RANK[route.origin]);
  left = left.filter((path) => !left.some((other) => isBetterByMed(other.route, path.route)));
  return lowest(left, ({ route }) => Number(route.internal));
}

/** LOCAL_PREF counts within the AS only (RFC 4271 5.1.5). */
function localPref({ internal, localPref: told }: ReceivedUnicast): number {
  return internal ? (told ?? DEFAULT_LOCAL_PREF) : DEFAULT_LOCAL_PREF;
}

/** Step c: a missing MULTI_EXIT_DISC is the lowest. */
function isBetterByMed(a: ReceivedUnicast, b: ReceivedUnicast): boolean {
  return a.asPath[0] === b.asPath[0] && (a.med ?? 0) < (b.med ?? 0);
}

/** Steps f and g: the lowest BGP identifier, or that of the originator, then the shorter way through reflectors, then the address (RFC 4456 section 9). */
function breakTie({ route: a }: Usable, { route: b }: Usable): number {
  return (
    compareIps(a.originatorId ?? a.peerRouterId, b.originatorId ?? b.peerRouterId) ||
    a.clusterListLength - b.clusterListLength ||
    comparePeers(a.peer, b.peer)
  );
}

/** By address; one that is named by its link has none that would tell it from others. */
function comparePeers(a: ReceivedUnicast["peer"], b: ReceivedUnicast["peer"]): number {
  const [first, second] = [parseIp(a), parseIp(b)];
  if (first && second) return compareIps(first, second);
  return a < b ? -1 : Number(a > b);
}

function lowest(paths: readonly Usable[], value: (path: Usable) => number): Usable[] {
  const least = Math.min(...paths.map(value));
  return paths.filter((path) => value(path) === least);
}

function sameAsPath(a: ReceivedUnicast, b: ReceivedUnicast | undefined): boolean {
  return b !== undefined && a.asPath.length === b.asPath.length && a.asPath.every((asn, i) => asn === b.asPath[i]);
}

function distinct(hops: readonly RouteHop[]): RouteHop[] {
  return [...new Map(hops.map((hop) => [`${hop.device} ${hop.via}`, hop])).values()];
}
