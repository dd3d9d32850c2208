// What the kernel of one host should hold for each tenant router (an IP-VRF, RFC 9135), in the words of the overlay:
//
//   VRF ovr<l3vni>, its table, "unreachable" as its last resort
//     bridges ovbr<vni> of the networks with machines here, each with the anycast gateway's addresses
//     vxlan device ovx<l3vni>, the L3 VNI: a neighbour and an entry per VTEP, by that host's router MAC
//     host routes and prefixes by a VTEP (symmetric IRB), or by a machine on one of the bridges
//
// Pure data. How it becomes kernel objects is router-diff.ts; how the kernel shows them is router-kernel.ts.

import { createHash } from "node:crypto";
import { type IpAddress, type Ipv6, ipFromOctets, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Mac, macFromOctets } from "../../shared/address/mac.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";

/** An address of the anycast gateway and the length of its subnet. */
export type Gateway = { readonly ip: IpAddress; readonly length: number };

/** One way of a route: another host or a ToR by the L3 VNI, or a machine on a network of this host. */
export type RouterHop =
  | { readonly kind: "vtep"; readonly vtep: IpAddress }
  | { readonly kind: "machine"; readonly network: Vni; readonly ip: IpAddress };

/** Several hops: flows are spread over them. Never empty. */
export type RouterRoute = { readonly prefix: Prefix; readonly hops: readonly RouterHop[] };

/**
 * The router MAC of a VTEP (RFC 9135 8.1), to which routed frames are sent there, and the L3 VNI by which it knows the
 * router; absent: ours.
 */
export type RouterPeer = { readonly vtep: IpAddress; readonly mac: Mac; readonly vni?: Vni };

/** One router on one host. The order of the lists means nothing. */
export type RouterState = {
  /** The L3 VNI. */
  readonly vni: Vni;
  /** Goes into IFLA_IFALIAS and marks the devices as ours; made by `routerMark`. */
  readonly owner: string;
  readonly vtep: IpAddress;
  /** The networks with a bridge on this host. */
  readonly networks: readonly { readonly vni: Vni; readonly gateways: readonly Gateway[] }[];
  /** Every VTEP that is a hop of a route, once. */
  readonly peers: readonly RouterPeer[];
  readonly routes: readonly RouterRoute[];
};

export type DesiredRouters = { readonly routers: readonly RouterState[] };

/** True if a subnet or a route of the router is an IPv6 one. */
export function hasIpv6({ networks, routes }: RouterState): boolean {
  const gateways = networks.flatMap((network) => network.gateways);
  return gateways.some(({ ip }) => !isIpv4(ip)) || routes.some(({ prefix }) => !isIpv4(prefixAddress(prefix)));
}

/** RTA_PROTOCOL of our routes, addresses and rules, shown as `proto 79`: unassigned in rtnetlink.h, the letter O. */
export const ROUTE_PROTOCOL = 79;
/** Metric of our routes: behind what the kernel derives from addresses, before what others add without a number. */
export const ROUTE_METRIC = 20;
/** Metric of the last resort: behind everything (the number that the kernel's vrf.rst gives it). */
export const LAST_RESORT_METRIC = 4_278_198_272;

/**
 * The MAC of every anycast gateway, the same on every host (RFC 9135 4.1), so that a machine that moves finds its gateway
 * where it was. Locally administered; VNI 0 in the form of `bridgeMac`, which no network has.
 */
export const GATEWAY_MAC = "06:6f:00:00:00:01" as Mac;

/** The gateway's link-local address, from its MAC (RFC 4291 appendix A): the source of its neighbour solicitations. */
export const GATEWAY_LINK_LOCAL = "fe80::46f:ff:fe00:1" as Ipv6;

/** `ovr5000`. */
export function vrfName(vni: Vni): string {
  return `ovr${vni}`;
}

const FIRST_TABLE = 1_300_000_000;

/** The VRF's routing table: 1300005000 for the L3 VNI 5000. */
export function routerTable(vni: Vni): number {
  return FIRST_TABLE + vni;
}

/** The L3 VNI whose routing table it would be; undefined for all other tables. */
export function vrfOfTable(table: number): Vni | undefined {
  return parseVni(table - FIRST_TABLE);
}

/**
 * The router MAC of a host, which every other host derives alike, so that intent alone is enough: `06:72:` and the four
 * octets of an IPv4 VTEP, or `0a:` and 40 bits of a hash of an IPv6 one. Locally administered.
 */
export function routerMac(vtep: IpAddress): Mac {
  const octets = ipToOctets(vtep);
  if (isIpv4(vtep)) return macFromOctets(Uint8Array.of(0x06, 0x72, ...octets));
  return macFromOctets(Uint8Array.of(0x0a, ...createHash("sha256").update(octets).digest().subarray(0, 5)));
}

/** How a route of the family of `to` names the VTEP as its gateway: IPv6 by IPv4 VTEPs as `::ffff:192.0.2.1`. */
export function vtepGateway(vtep: IpAddress, to: IpAddress): IpAddress {
  if (!isIpv4(vtep) || isIpv4(to)) return vtep;
  return ipFromOctets(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ipToOctets(vtep)));
}

/** The VTEP that `vtepGateway` named. */
export function gatewayVtep(via: IpAddress): IpAddress {
  if (!via.startsWith("::ffff:")) return via;
  const octets = ipToOctets(via);
  return octets.subarray(0, 10).some((octet) => octet !== 0) ? via : ipFromOctets(octets.slice(12));
}
