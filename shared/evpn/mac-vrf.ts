// Which routes belong to which network: route targets and route distinguishers of each MAC-VRF (RFC 7432 7.9, 7.10,
// RFC 8365 5.1.2). VNIs repeat across sites, so a wildcard over ASes is imported only where it was asked for.

import type { Ipv4 } from "../address/ip.ts";
import type { RouteDistinguisher } from "../address/rd.ts";
import { anyAsTarget, autoRouteTarget, type ImportTarget, type RouteTarget } from "../address/rt.ts";
import type { Asn, Vni } from "../address/vni.ts";
import type { HostBgp } from "../model/resource.ts";

/** What the route targets of one network follow from. */
type Membership = {
  readonly vni: Vni;
  readonly routeTargets?:
    | { readonly import: readonly RouteTarget[]; readonly export: readonly RouteTarget[] }
    | undefined;
  /** Import `*:VNI` too. */
  readonly importAnyAs?: boolean | undefined;
  /** The ASNs of the member hosts and their ToRs. */
  readonly asns: Iterable<Asn>;
};

/** The bit that says "VXLAN" in the number of an auto-derived route target (RFC 8365 5.1.2.1: type 1, domain 0). */
const AUTO_VXLAN = 1 << 28;

/**
 * The route targets a network imports: those given, else for each ASN a member or its ToR has, `ASN:VNI` and the form of
 * RFC 8365 5.1.2.1, which a ToR may be told to use. No VNI has that bit, so the two cannot be mistaken for each other.
 * Besides them, where it was asked for, both forms of any AS.
 */
export function importTargets(network: Membership, bgp: HostBgp): ReadonlySet<ImportTarget> {
  const { vni, importAnyAs } = network;
  const anyAs = importAnyAs ? [anyAsTarget(vni), anyAsTarget(rfc8365Number(vni))] : [];
  if (network.routeTargets) return new Set([...network.routeTargets.import, ...anyAs]);
  const asns = new Set([...network.asns, bgp.asn, ...peerAsns(bgp)]);
  const own = [...asns].flatMap((asn) => [autoRouteTarget(asn, vni), rfc8365RouteTarget(asn, vni)]);
  return new Set([...own, ...anyAs]);
}

/** The AS numbers of peers that are known beforehand; of one that is only "external" they are not. */
function peerAsns({ peers }: HostBgp): Asn[] {
  return peers.flatMap(({ asn }) => (typeof asn === "number" ? [asn] : []));
}

/** `65001:268435556` for VNI 100; of a 4-octet ASN the low 16 bits, as FRR derives it. */
function rfc8365RouteTarget(asn: Asn, vni: Vni): RouteTarget {
  return `${asn & 0xffff}:${rfc8365Number(vni)}` as RouteTarget;
}

function rfc8365Number(vni: Vni): number {
  return AUTO_VXLAN | vni;
}

/** The route targets a network exports: those given, else `ASN:VNI` with this host's ASN. */
export function exportTargets(network: Membership, bgp: HostBgp): readonly RouteTarget[] {
  return network.routeTargets?.export ?? [autoRouteTarget(bgp.asn, network.vni)];
}

/** A host, as its route distinguishers need it. */
type RdSource = {
  /** The BGP identifier (RFC 6286). */
  readonly routerId: Ipv4;
  /** Given in the host's settings; they come before all others. */
  readonly given?: HostBgp["routeDistinguishers"];
};

/**
 * The route distinguisher of each VNI of this host: the given one, else `router-id:number` (type 1, RFC 7432 7.9). The number is the
 * VNI's low 16 bits, which is the VNI itself up to 65535; of VNIs that collide, the lowest has it and the others take the
 * next free numbers. What is given for any VNI, carried or not, is never taken for another.
 */
export function routeDistinguishers(
  vnis: Iterable<Vni>,
  { routerId, given = [] }: RdSource,
): ReadonlyMap<Vni, RouteDistinguisher> {
  const explicit = new Map(given.map(({ vni, rd }) => [vni, rd]));
  const taken = new Set(given.map(({ rd }) => rd));
  const rds = new Map<Vni, RouteDistinguisher>();
  for (const vni of [...vnis].sort((a, b) => a - b)) {
    const rd = explicit.get(vni) ?? freeRd(vni, routerId, taken);
    taken.add(rd);
    rds.set(vni, rd);
  }
  return rds;
}

function freeRd(vni: Vni, routerId: Ipv4, taken: ReadonlySet<RouteDistinguisher>): RouteDistinguisher {
  for (let number = vni & 0xffff; ; number = (number + 1) & 0xffff) {
    const rd = `${routerId}:${number}` as RouteDistinguisher;
    if (number !== 0 && !taken.has(rd)) return rd;
  }
}
