// The routes of a tenant router, of intent and fabric in one, by rank; and the prefixes that this host announces for it.
// RFC 9135 (symmetric IRB: host routes of MAC/IP routes that carry an L3 label), RFC 9136 4.4.1 (interface-less prefixes),
// 4.1 (a gateway address, resolved by the router's own routes). Route targets and distinguishers are mac-vrf.ts's. Pure.
//
//   connected    subnets of networks with machines here: the kernel's own, no route may take their place
//   intent       a host route to each declared machine elsewhere, by its VTEP
//   static       a declared prefix by a machine, which may be here, elsewhere, or the fabric's
//   fabric       what the ToRs announce, spread over the best paths; a default route is one of these
//
// Of the same prefix the first in this list counts. What is longer wins by itself, in the kernel.
//
// The label of a route is the L3 VNI by which its VTEP knows the IP-VRF: frames are sent with that one, whatever ours is
// (RFC 8365 5.1.3, RFC 9136 4.4.1). A VTEP can have one, since the frame's VNI goes with its router MAC.

import { compareIps, type IpAddress, isIpv4, isUnicastIp } from "../../shared/address/ip.ts";
import { isMulticastMac, type Mac, ZERO_MAC } from "../../shared/address/mac.ts";
import { hostPrefix, ipFromPrefix, type Prefix, prefixAddress, prefixContains } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, type Label, type ReceivedRoute, ZERO_ESI } from "../bgp/route.ts";
import { isUsable } from "./fabric-path.ts";

/** One way: another VTEP by the L3 VNI, or a machine on a network of this host. */
export type IpHop =
  | { readonly kind: "vtep"; readonly vtep: IpAddress }
  | { readonly kind: "machine"; readonly network: Vni; readonly ip: IpAddress };

export type IpRoute = {
  readonly prefix: Prefix;
  readonly source: "intent" | "static" | "fabric";
  readonly hops: readonly IpHop[];
};

/** A prefix that intent routes by the machine with the address `nextHop`. */
export type StaticPrefix = { readonly prefix: Prefix; readonly nextHop: IpAddress };

export type IpVrfTable = {
  /** One per prefix. */
  readonly routes: readonly IpRoute[];
  /** The router MACs that the fabric's routes gave, of VTEPs that are hops. */
  readonly fabricMacs: ReadonlyMap<IpAddress, Mac>;
  /** The L3 VNIs of VTEPs that know the router by another one than ours. */
  readonly fabricVnis: ReadonlyMap<IpAddress, Vni>;
  /** Routes that cannot be followed: their VTEP has another L3 VNI for its other routes, or is a host whose VNI is ours. */
  readonly refused: readonly RefusedLabel[];
  /** What this host may announce: subnets of its own, and static prefixes by machines of its own. */
  readonly own: readonly Prefix[];
  /** Static prefixes that lead nowhere. */
  readonly unresolved: readonly StaticPrefix[];
};

export type RefusedLabel = { readonly prefix: Prefix; readonly vtep: IpAddress; readonly label: Label };

/** A declared machine: on a network of this host, or behind another host's VTEP. */
export type MachinePlace =
  | { readonly kind: "local"; readonly network: Vni }
  | { readonly kind: "remote"; readonly vtep: IpAddress };

/** As many ways as a route has at most; the kernel could do with more. */
const MOST_HOPS = 16;

export function buildIpVrf(input: {
  readonly ownVtep: IpAddress;
  /** The router's L3 VNI. */
  readonly vni: Vni;
  /** Hosts that intent names: they know the router by the same L3 VNI. */
  readonly hosts?: ReadonlySet<IpAddress>;
  /** Routed subnets of the networks with machines here. */
  readonly connected: readonly { readonly network: Vni; readonly subnet: Prefix }[];
  readonly machines: ReadonlyMap<IpAddress, MachinePlace>;
  readonly statics: readonly StaticPrefix[];
  /** Routes with one of the router's import targets. */
  readonly fabric: readonly ReceivedRoute[];
}): IpVrfTable {
  const { ownVtep, connected, machines, statics } = input;
  const subnets = new Set(connected.map(({ subnet }) => subnet));
  const routes = new Map<Prefix, IpRoute>();
  for (const [ip, place] of machines) {
    if (place.kind !== "remote" || place.vtep === ownVtep) continue;
    const prefix = hostPrefix(ip);
    routes.set(prefix, { prefix, source: "intent", hops: [{ kind: "vtep", vtep: place.vtep }] });
  }
  const fabric = fabricRoutes(input.fabric, input);
  const hostRoute = (ip: IpAddress): readonly IpHop[] => fabric.hosts.get(ip) ?? [];
  const resolve = (ip: IpAddress): readonly IpHop[] => {
    const place = machines.get(ip);
    if (place?.kind === "local") return [{ kind: "machine", network: place.network, ip }];
    if (place) return place.vtep === ownVtep ? [] : [{ kind: "vtep", vtep: place.vtep }];
    const learned = hostRoute(ip);
    if (learned.length > 0) return learned;
    // A machine that nobody declared, on a wire of this host: the kernel asks for it.
    const on = connected.find(({ subnet }) => prefixContains(subnet, ip));
    return on ? [{ kind: "machine", network: on.network, ip }] : [];
  };

  const unresolved: StaticPrefix[] = [];
  const own = new Set<Prefix>(subnets);
  const declared = new Map<Prefix, IpHop[]>();
  for (const each of statics) {
    const hops = resolve(each.nextHop);
    if (hops.length === 0) unresolved.push(each);
    if (hops.some((hop) => hop.kind === "machine")) own.add(each.prefix);
    declared.set(each.prefix, [...(declared.get(each.prefix) ?? []), ...hops]);
  }
  for (const [prefix, hops] of declared) {
    if (hops.length > 0 && !subnets.has(prefix) && !routes.has(prefix))
      routes.set(prefix, { prefix, source: "static", hops: unique(hops) });
  }

  for (const [ip, hops] of fabric.hosts) {
    const prefix = hostPrefix(ip);
    if (!machines.has(ip) && !routes.has(prefix)) routes.set(prefix, { prefix, source: "fabric", hops });
  }
  for (const [prefix, paths] of fabric.prefixes) {
    const hops = paths.flatMap((path) =>
      path.gateway === undefined ? [{ kind: "vtep", vtep: path.vtep } as const] : resolve(path.gateway),
    );
    // A declared machine is where intent says; a prefix of its length may not speak for it.
    const only = ipFromPrefix(prefix);
    const speaksForMachine = only !== undefined && machines.has(only);
    if (hops.length === 0 || subnets.has(prefix) || routes.has(prefix) || speaksForMachine) continue;
    routes.set(prefix, { prefix, source: "fabric", hops: unique(hops) });
  }
  const { macs: fabricMacs, vnis: fabricVnis, refused } = fabric;
  return { routes: [...routes.values()], fabricMacs, fabricVnis, refused, own: [...own], unresolved };
}

type PrefixPath = { readonly vtep: IpAddress; readonly gateway: IpAddress | undefined };

type VrfContext = { readonly ownVtep: IpAddress; readonly vni: Vni; readonly hosts?: ReadonlySet<IpAddress> };

/** The best paths per host and prefix, and who has which router MAC and L3 VNI. */
function fabricRoutes(routes: readonly ReceivedRoute[], context: VrfContext) {
  const { ownVtep, vni } = context;
  const macs = new Map<IpAddress, Mac>();
  const labels = labelsOf(routes, context);
  const refused: RefusedLabel[] = [];
  const byHost = new Map<IpAddress, ReceivedRoute[]>();
  const byPrefix = new Map<Prefix, ReceivedRoute[]>();
  for (const route of routes) {
    const { nlri, nextHop } = route;
    const routerMac = routerMacOf(route);
    if (!isUsable(route, ownVtep)) continue;
    const label = labelOf(route);
    if (label !== undefined && label !== labels.get(nextHop)) {
      const prefix = prefixOf(route);
      if (prefix !== undefined) refused.push({ prefix, vtep: nextHop, label });
      continue;
    }
    if (nlri.type === "ip-prefix" && isZero(nlri.gateway) && !routerMac) continue;
    // Without an L3 label the route is for bridging only (RFC 9135 6.1); without a router MAC nobody would take the frame.
    if (nlri.type === "mac-ip" && nlri.ip !== undefined && nlri.l3Vni && routerMac) append(byHost, nlri.ip, route);
    else if (nlri.type === "ip-prefix" && nlri.esi === ZERO_ESI) append(byPrefix, nlri.prefix, route);
    else continue;
    const known = macs.get(nextHop);
    // A VTEP has one; if it says several, the same one is taken whatever came first.
    if (routerMac && (known === undefined || routerMac < known)) macs.set(nextHop, routerMac);
  }
  const hosts = new Map<IpAddress, readonly IpHop[]>();
  for (const [ip, all] of byHost) {
    const candidates = withoutLastResorts(all);
    const newest = Math.max(...candidates.map((route) => route.mobility?.sequence ?? 0));
    const [best] = bestPaths(candidates.filter((route) => (route.mobility?.sequence ?? 0) === newest));
    if (best && isUnicastIp(ip)) hosts.set(ip, [{ kind: "vtep", vtep: best.nextHop }]);
  }
  const prefixes = new Map<Prefix, readonly PrefixPath[]>();
  for (const [prefix, candidates] of byPrefix) {
    const paths = bestPaths(withoutLastResorts(candidates)).flatMap(({ nlri, nextHop }): PrefixPath[] =>
      nlri.type === "ip-prefix" ? [{ vtep: nextHop, gateway: isZero(nlri.gateway) ? undefined : nlri.gateway }] : [],
    );
    prefixes.set(prefix, paths);
  }
  const others = [...labels].flatMap(([vtep, label]): [IpAddress, Vni][] =>
    label === vni || !macs.has(vtep) ? [] : [[vtep, label]],
  );
  return { hosts, prefixes, macs, vnis: new Map(others), refused };
}

/** The L3 VNI of each VTEP: ours if any of its routes says so, of others the lowest, whatever came first. */
function labelsOf(routes: readonly ReceivedRoute[], { vni, hosts }: VrfContext): ReadonlyMap<IpAddress, Vni> {
  const labels = new Map<IpAddress, Vni>();
  for (const route of routes) {
    const { nextHop } = route;
    const label = parseVni(labelOf(route) ?? 0);
    if (label === undefined) continue;
    const known = labels.get(nextHop);
    if (hosts?.has(nextHop) || label === vni) labels.set(nextHop, vni);
    else if (known === undefined || (known !== vni && label < known)) labels.set(nextHop, label);
  }
  return labels;
}

/**
 * The label by which the route's own VTEP is to be sent to; undefined where another route decides (a gateway address, RFC
 * 9136 4.1), or where it is for bridging only. Without a gateway, 0 is none that could be sent to (RFC 9136 3.2).
 */
function labelOf({ nlri }: ReceivedRoute): Label | undefined {
  if (nlri.type === "mac-ip") return nlri.l3Vni || undefined;
  return nlri.type === "ip-prefix" && isZero(nlri.gateway) ? nlri.vni : undefined;
}

/** Frames cannot be routed to a group or to nobody: such a route is as one without a router MAC (RFC 9136 3.2). */
function routerMacOf({ routerMac }: ReceivedRoute): Mac | undefined {
  return routerMac === undefined || routerMac === ZERO_MAC || isMulticastMac(routerMac) ? undefined : routerMac;
}

function prefixOf({ nlri }: ReceivedRoute): Prefix | undefined {
  if (nlri.type === "ip-prefix") return nlri.prefix;
  return nlri.type === "mac-ip" && nlri.ip !== undefined ? hostPrefix(nlri.ip) : undefined;
}

/** What is long-lived stale counts where there is nothing else (RFC 9494 4.4). */
function withoutLastResorts(candidates: readonly ReceivedRoute[]): readonly ReceivedRoute[] {
  const others = candidates.filter(({ llgrStale }) => !llgrStale);
  return others.length > 0 ? others : candidates;
}

/**
 * Those that BGP's decision leaves over (RFC 4271 9.1.2.2: local preference, length of the AS path, origin), one per next
 * hop and by its address. MED says something between paths of one neighbouring AS only, and is not looked at.
 */
function bestPaths(candidates: readonly ReceivedRoute[]): readonly ReceivedRoute[] {
  const rank = (route: ReceivedRoute): number[] => [
    -(route.localPref ?? 100),
    route.asPath.length,
    ["igp", "egp", "incomplete"].indexOf(route.origin),
  ];
  const compare = (a: ReceivedRoute, b: ReceivedRoute): number => {
    const right = rank(b);
    return (
      rank(a)
        .map((value, at) => value - (right[at] ?? 0))
        .find((difference) => difference !== 0) ?? 0
    );
  };
  const sorted = candidates.toSorted((a, b) => compare(a, b) || compareIps(a.nextHop, b.nextHop));
  const [first] = sorted;
  if (!first) return [];
  const equal = new Map(sorted.filter((route) => compare(route, first) === 0).map((route) => [route.nextHop, route]));
  return [...equal.values()].slice(0, MOST_HOPS);
}

/** An IP-VRF as it announces itself. */
export type IpVrfOriginator = {
  /** The L3 VNI: the label. */
  readonly vni: Vni;
  readonly rd: RouteDistinguisher;
  readonly vtep: IpAddress;
  readonly routerMac: Mac;
  readonly routeTargets: readonly RouteTarget[];
};

/** The route (RT-5) of a prefix of this host's own: the VTEP itself is the gateway (RFC 9136 4.4.1). */
export function originatePrefix(
  { vni, rd, vtep, routerMac, routeTargets }: IpVrfOriginator,
  prefix: Prefix,
): ExportedRoute {
  const gateway = (isIpv4(prefixAddress(prefix)) ? "0.0.0.0" : "::") as IpAddress;
  const nlri = { type: "ip-prefix", rd, esi: ZERO_ESI, ethernetTag: 0, prefix, gateway, vni } as const;
  return { nextHop: vtep, routeTargets, nlri, routerMac };
}

function isZero(ip: IpAddress): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

function unique(hops: readonly IpHop[]): readonly IpHop[] {
  const byText = new Map(hops.map((hop) => [hop.kind === "vtep" ? hop.vtep : `${hop.network} ${hop.ip}`, hop]));
  return [...byText.values()].slice(0, MOST_HOPS);
}

function append<K>(map: Map<K, ReceivedRoute[]>, key: K, route: ReceivedRoute): void {
  const known = map.get(key);
  if (known) known.push(route);
  else map.set(key, [route]);
}
