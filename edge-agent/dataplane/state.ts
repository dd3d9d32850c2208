// What the kernel of one host should hold for each network, in the words of the overlay. The same type says what was
// read back (`readBack` in read-back.ts), so that a receipt compares like with like. Pure data; no netlink, no BGP.
// How a network becomes devices and entries is in diff.ts; how the kernel shows them is `ActualState` in kernel.ts.

import type { IpAddress } from "../../shared/address/ip.ts";
import { isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { OWNER_PREFIX } from "../../shared/model/device.ts";

/** What both sides derive alike; the words of the dataplane all the same. */
export {
  bridgeMac,
  bridgeName,
  NEIGHBOUR_PROTOCOL,
  ownerMark,
  routerMark,
  VXLAN_PORT,
  vxlanName,
} from "../../shared/model/device.ts";

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
  /** UDP source ports of the outer header, from `low` up to `high`; absent: the kernel's choice. Only at creation. */
  readonly sourcePorts?: { readonly low: number; readonly high: number } | undefined;
  /** The host's own links to its BGP peers, which are nobody's port; absent: none is named. */
  readonly uplinks?: readonly string[] | undefined;
  /** Interfaces to be enslaved to the bridge; one that does not exist yet is attached when it appears. */
  readonly ports: readonly { readonly name: string }[];
  readonly local: readonly LocalEntry[];
  readonly remote: readonly RemoteEntry[];
  /** The other VTEPs of the network: broadcast, unknown and multicast frames are copied to each. */
  readonly flood: readonly IpAddress[];
  readonly neighbours: readonly NeighbourEntry[];
};

export type DesiredState = { readonly networks: readonly NetworkState[] };

/** Whose a device with this alias is; undefined for a device that is not ours. The text after the word is for people. */
export function ownerOf(alias: string | undefined): "network" | "router" | undefined {
  if (!alias?.startsWith(OWNER_PREFIX)) return undefined;
  return alias.startsWith(`${OWNER_PREFIX}router=`) ? "router" : "network";
}

/** Which network a device with this alias is of, as "net=blue tenant=acme"; undefined where it does not say. */
export function ownerNetwork(alias: string): string | undefined {
  return /^overspan (net=\S+ tenant=\S+)/.exec(alias)?.[1];
}

/** The same of a router's. */
export function ownerRouter(alias: string): string | undefined {
  return /^overspan (router=\S+ tenant=\S+)/.exec(alias)?.[1];
}

/** True if a device with this alias is a network's. */
export function isOwnerMark(alias: string | undefined): boolean {
  return ownerOf(alias) === "network";
}

/** Octets that VXLAN adds: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40 (RFC 7348 section 5). */
export function encapsulationBytes(vtep: IpAddress): number {
  return isIpv4(vtep) ? 50 : 70;
}
