// What of a host's kernel follows from intent alone, so that every host, and whoever plans for it, derives it alike: the
// names and aliases of devices, the MACs of bridges, gateways and routers, the numbers of tables, routes and neighbours.

import { createHash } from "node:crypto";
import { type IpAddress, ipFromOctets, ipToOctets, isIpv4 } from "../address/ip.ts";
import { type Mac, macFromOctets } from "../address/mac.ts";
import type { Vni } from "../address/vni.ts";

/** VXLAN's UDP port (RFC 7348 section 5; IANA). */
export const VXLAN_PORT = 4789;

/** NDA_PROTOCOL of our neighbour entries, shown as `proto 79`: unassigned in rtnetlink.h, the letter O. */
export const NEIGHBOUR_PROTOCOL = 79;

/** Begins the alias of every device of ours. */
export const OWNER_PREFIX = "overspan ";

/** The alias that makes a network's device ours, readable in `ip link`: `overspan net=blue tenant=acme`. */
export function ownerMark(network: string, tenant: string): string {
  return `${OWNER_PREFIX}net=${network} tenant=${tenant}`;
}

/** The alias of a router's devices, which this part leaves alone: `overspan router=core tenant=acme`. */
export function routerMark(router: string, tenant: string): string {
  return `${OWNER_PREFIX}router=${router} tenant=${tenant}`;
}

/** `ovbr100`: at most 12 of an interface name's 15 characters. */
export function bridgeName(vni: Vni): string {
  return `ovbr${vni}`;
}

/** `ovx100`. */
export function vxlanName(vni: Vni): string {
  return `ovx${vni}`;
}

/**
 * The bridge's own address, `06:6f:<vni>:<last octet of the VTEP>`: locally administered. Nothing is sent from it; it
 * only has to stay the same, whatever ports come and go.
 */
export function bridgeMac(vni: Vni, vtep: IpAddress): Mac {
  const last = ipToOctets(vtep).at(-1) ?? 0;
  return macFromOctets(Uint8Array.of(0x06, 0x6f, vni >> 16, (vni >> 8) & 0xff, vni & 0xff, last));
}

/** RTA_PROTOCOL of our routes, addresses and rules, shown as `proto 79`: unassigned in rtnetlink.h, the letter O. */
export const ROUTE_PROTOCOL = 79;
/** Metric of our routes: behind what the kernel derives from addresses, before what others add without a number. */
export const ROUTE_METRIC = 20;
/**
 * The MAC of every anycast gateway, the same on every host (RFC 9135 4.1), so that a machine that moves finds its gateway
 * where it was. Locally administered; VNI 0 in the form of `bridgeMac`, which no network has.
 */
export const GATEWAY_MAC = "06:6f:00:00:00:01" as Mac;

/** `ovr5000`. */
export function vrfName(vni: Vni): string {
  return `ovr${vni}`;
}

/** Of the VRFs' routing tables, L3 VNI 0's. */
export const FIRST_TABLE = 1_300_000_000;

/** The VRF's routing table: 1300005000 for the L3 VNI 5000. */
export function routerTable(vni: Vni): number {
  return FIRST_TABLE + vni;
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
