// What this host announces: its flood membership (RT-3) for each network it carries, and a route (RT-2) for the MAC, and
// for each MAC with an IP, of each endpoint declared on it; on a network that allows learning, for each MAC heard on its
// ports too. Never what others announced.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, type MacIpRoute, ZERO_ESI } from "../bgp/route.ts";
import type { MacEntry } from "./mac-table.ts";

/** A MAC-VRF as it announces itself. */
export type Originator = {
  readonly vni: Vni;
  readonly rd: RouteDistinguisher;
  readonly vtep: IpAddress;
  readonly routeTargets: readonly RouteTarget[];
  /** Set if a router routes the network here: its IPs are announced for the IP-VRF too (RFC 9135 5.1). */
  readonly routed?: RoutedNetwork | undefined;
};

/** The IP-VRF's part of a network's routes. */
export type RoutedNetwork = {
  /** The L3 VNI: the second label. */
  readonly vni: Vni;
  readonly routerMac: Mac;
  readonly routeTargets: readonly RouteTarget[];
};

/** The membership of one network. Ethernet tag 0: VLAN-based service (RFC 7432 6.1). */
export function originateMembership({ vni, rd, vtep, routeTargets }: Originator): ExportedRoute {
  const nlri = { type: "imet", rd, ethernetTag: 0, originator: vtep } as const;
  return { nextHop: vtep, routeTargets, nlri, pmsi: { vni } };
}

/** True for an entry that this host speaks for. */
export function isOwn(entry: Pick<MacEntry, "source"> | undefined): boolean {
  return entry?.source === "local" || entry?.source === "learned";
}

/** The routes of one entry: none unless it is this host's own. */
export function originateMac({ vni, rd, vtep, routeTargets, routed }: Originator, entry: MacEntry): ExportedRoute[] {
  if (!isOwn(entry)) return [];
  const mobility = entry.mobility > 0 ? { mobility: { sequence: entry.mobility, sticky: false } } : {};
  const nlri: MacIpRoute = { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac: entry.mac, vni };
  const shared = { nextHop: vtep, routeTargets, ...mobility };
  const withIp = routed
    ? { ...shared, routeTargets: [...routeTargets, ...routed.routeTargets], routerMac: routed.routerMac }
    : shared;
  const l3 = routed ? { l3Vni: routed.vni } : {};
  return [{ ...shared, nlri }, ...entry.ips.map((ip) => ({ ...withIp, nlri: { ...nlri, ...l3, ip } }))];
}
