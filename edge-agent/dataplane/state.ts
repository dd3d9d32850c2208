// What the kernel of one host should hold for each network, in the words of the overlay. The same type says what was
// read back (`readBack` in read-back.ts), so that a receipt compares like with like. Pure data; no netlink, no BGP.
// How a network becomes devices and entries is in diff.ts; how the kernel shows them is `ActualState` in kernel.ts.

import type { IpAddress } from "../../shared/address/ip.ts";
import { ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Mac, macFromOctets } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";

/** An endpoint on this host: a static bridge entry on its port. */
export type LocalEntry = { readonly mac: Mac; readonly port: string };
/** An endpoint behind another VTEP: a vxlan entry and a bridge entry, both `extern_learn`. */
export type RemoteEntry = {
  readonly mac: Mac;
  /** Of several, the first. */
  readonly vtep: IpAddress;
  /** All ways to a multihomed segment; absent: `vtep` alone. */
  readonly vteps?: readonly IpAddress[];
  /** The VNI that the other side knows the network by; absent: the network's own. */
  readonly vni?: Vni;
};
/** A permanent neighbour on the bridge, from which the kernel answers ARP and ND for remote machines. */
export type NeighbourEntry = { readonly ip: IpAddress; readonly mac: Mac };

/** One network (one VNI) on one host. The order of the lists means nothing. */
export type NetworkState = {
  readonly vni: Vni;
  /** Goes into IFLA_IFALIAS and marks the devices as ours; made by `ownerMark`. */
  readonly owner: string;
  /** This host's VTEP, the outer source address. */
  readonly vtep: IpAddress;
  /** What the tenants may send; absent: the underlay's MTU less the encapsulation. */
  readonly mtuBytes?: number | undefined;
  /** The bridge's own MAC, for a network with an anycast gateway; absent: `bridgeMac`. */
  readonly bridgeMac?: Mac | undefined;
  /** UDP source ports of the outer header, both included; absent: the kernel's choice. Only at creation. */
  readonly sourcePorts?: { readonly low: number; readonly high: number } | undefined;
  /** Interfaces to be enslaved to the bridge; one that does not exist yet is attached when it appears. */
  readonly ports: readonly { readonly name: string }[];
  readonly local: readonly LocalEntry[];
  readonly remote: readonly RemoteEntry[];
  /** The other VTEPs of the network: broadcast, unknown and multicast frames are copied to each. */
  readonly flood: readonly IpAddress[];
  readonly neighbours: readonly NeighbourEntry[];
};

export type DesiredState = { readonly networks: readonly NetworkState[] };

/** VXLAN's UDP port (RFC 7348 section 5; IANA). */
export const VXLAN_PORT = 4789;

/** NDA_PROTOCOL of our neighbour entries, shown as `proto 79`: unassigned in rtnetlink.h, the letter O. */
export const NEIGHBOUR_PROTOCOL = 79;

const OWNER_PREFIX = "overspan ";

/** The alias that makes a network's device ours, readable in `ip link`: `overspan net=blue tenant=acme`. */
export function ownerMark(network: string, tenant: string): string {
  return `${OWNER_PREFIX}net=${network} tenant=${tenant}`;
}

/** The alias of a router's devices, which this part leaves alone: `overspan router=core tenant=acme`. */
export function routerMark(router: string, tenant: string): string {
  return `${OWNER_PREFIX}router=${router} tenant=${tenant}`;
}

/** Whose a device with this alias is; undefined for a device that is not ours. The text after the word is for people. */
export function ownerOf(alias: string | undefined): "network" | "router" | undefined {
  if (!alias?.startsWith(OWNER_PREFIX)) return undefined;
  return alias.startsWith(`${OWNER_PREFIX}router=`) ? "router" : "network";
}

/** True if a device with this alias is a network's. */
export function isOwnerMark(alias: string | undefined): boolean {
  return ownerOf(alias) === "network";
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

/** Octets that VXLAN adds: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40 (RFC 7348 section 5). */
export function encapsulationBytes(vtep: IpAddress): number {
  return isIpv4(vtep) ? 50 : 70;
}
