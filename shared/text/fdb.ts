// Kernel entries as lines, in the form of `bridge fdb show`, `ip neigh show` and `ip route show`: the words in which the
// agent shows what it holds and a plan shows what it would. Pure.

import type { IpAddress } from "../address/ip.ts";
import { type Mac, ZERO_MAC } from "../address/mac.ts";
import type { Prefix } from "../address/prefix.ts";
import type { Vni } from "../address/vni.ts";
import { bridgeName, NEIGHBOUR_PROTOCOL, ROUTE_METRIC, ROUTE_PROTOCOL, vxlanName } from "../model/device.ts";

/** A machine here: `02:… dev tap1 master ovbr100 static`. */
export function localLine(vni: Vni, mac: Mac, port: string): string {
  return `${mac} dev ${port} master ${bridgeName(vni)} static`;
}

/** The bridge's half of a machine elsewhere. */
export function learnedLine(vni: Vni, mac: Mac): string {
  return `${mac} dev ${vxlanName(vni)} extern_learn master ${bridgeName(vni)}`;
}

/** The vxlan device's half; several VTEPs of a segment as `dst 192.0.2.2/192.0.2.3`. */
export function tunnelLine(vni: Vni, mac: Mac, vteps: readonly IpAddress[], remoteVni?: Vni): string {
  const way = `dst ${vteps.join("/")}${remoteVni === undefined ? "" : ` vni ${remoteVni}`}`;
  return `${mac} dev ${vxlanName(vni)} ${way} self extern_learn`;
}

/** A copy of each broadcast frame: `00:00:00:00:00:00 dev ovx100 dst 192.0.2.2 self permanent`. */
export function floodEntryLine(vni: Vni, vtep: IpAddress): string {
  return `${ZERO_MAC} dev ${vxlanName(vni)} dst ${vtep} self permanent`;
}

/** From which the kernel answers ARP and ND: `10.0.0.11 dev ovbr100 lladdr 02:… PERMANENT proto 79`. */
export function neighbourLine(vni: Vni, ip: IpAddress, mac: Mac): string {
  return `${ip} dev ${bridgeName(vni)} lladdr ${mac} PERMANENT proto ${NEIGHBOUR_PROTOCOL}`;
}

/** One way of a router's route. */
export type RouteHop = { readonly device: string; readonly via?: IpAddress | undefined };

/** A route of a tenant router: `10.9.0.0/16 vrf ovr5000 via 192.0.2.12 dev ovx5000 proto 79 metric 20`. */
export function routeLine(vrf: string, prefix: Prefix, hops: readonly RouteHop[]): string {
  const ways = hops.map(({ device, via }) => (via === undefined ? `dev ${device}` : `via ${via} dev ${device}`)).sort();
  const way = ways.length === 1 ? ways[0] : ways.map((each) => `nexthop ${each}`).join(" ");
  return `${prefix} vrf ${vrf} ${way} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`;
}

/** The router MAC of another VTEP on an L3 VNI. */
export function routerNeighbourLine(l3Vni: Vni, ip: IpAddress, mac: Mac): string {
  return `${ip} dev ${vxlanName(l3Vni)} lladdr ${mac} PERMANENT`;
}

/** Where routed frames to that MAC go. */
export function routerEntryLine(l3Vni: Vni, mac: Mac, vtep: IpAddress): string {
  return `${mac} dev ${vxlanName(l3Vni)} dst ${vtep} self permanent`;
}
