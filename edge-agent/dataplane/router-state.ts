// What the kernel of one host should hold for each tenant router (an IP-VRF, RFC 9135), in the words of the overlay:
//
//   VRF ovr<l3vni>, its table, "unreachable" as its last resort
//     bridges ovbr<vni> of the networks with machines here, each with the anycast gateway's addresses
//     vxlan device ovx<l3vni>, the L3 VNI: a neighbour and an entry per VTEP, by that host's router MAC
//     host routes and prefixes by a VTEP (symmetric IRB), or by a machine on one of the bridges
//
// Pure data. How it becomes kernel objects is router-diff.ts; how the kernel shows them is router-kernel.ts.

import { type IpAddress, type Ipv6, ipFromOctets, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";
import { FIRST_TABLE } from "../../shared/model/device.ts";

/** What both sides derive alike; the words of the dataplane all the same. */
export {
  GATEWAY_MAC,
  ROUTE_METRIC,
  ROUTE_PROTOCOL,
  routerMac,
  routerTable,
  vrfName,
  vtepGateway,
} from "../../shared/model/device.ts";

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

/** Metric of the last resort: behind everything (the number that the kernel's vrf.rst gives it). */
export const LAST_RESORT_METRIC = 4_278_198_272;

/** The gateway's link-local address, from its MAC (RFC 4291 appendix A): the source of its neighbour solicitations. */
export const GATEWAY_LINK_LOCAL = "fe80::46f:ff:fe00:1" as Ipv6;

/** The L3 VNI whose routing table it would be; undefined for all other tables. */
export function vrfOfTable(table: number): Vni | undefined {
  return parseVni(table - FIRST_TABLE);
}

/** The VTEP that `vtepGateway` named. */
export function gatewayVtep(via: IpAddress): IpAddress {
  if (!via.startsWith("::ffff:")) return via;
  const octets = ipToOctets(via);
  return octets.subarray(0, 10).some((octet) => octet !== 0) ? via : ipFromOctets(octets.slice(12));
}
