// What this host announces: its flood membership (RT-3) for each network it carries, and a route (RT-2) for the MAC, and
// for each MAC with an IP, of each endpoint declared on it. Never what the kernel learned, never what others announced.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, type MacIpRoute, ZERO_ESI } from "../bgp/route.ts";
import type { MacEntry } from "./mac-table.ts";

/** The routes of one network. Ethernet tag 0: VLAN-based service (RFC 7432 6.1). */
export function originate(network: {
  vni: Vni;
  rd: RouteDistinguisher;
  vtep: IpAddress;
  routeTargets: readonly RouteTarget[];
  entries: readonly MacEntry[];
}): ExportedRoute[] {
  const { vni, rd, vtep, routeTargets } = network;
  const shared = { nextHop: vtep, routeTargets };
  const routes: ExportedRoute[] = [
    { ...shared, nlri: { type: "imet", rd, ethernetTag: 0, originator: vtep }, pmsi: { vni } },
  ];
  for (const entry of network.entries) {
    if (entry.source !== "local") continue;
    const macOnly: MacIpRoute = { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac: entry.mac, vni };
    const mobility = entry.mobility > 0 ? { mobility: { sequence: entry.mobility, sticky: false } } : {};
    for (const nlri of [macOnly, ...entry.ips.map((ip) => ({ ...macOnly, ip }))]) {
      routes.push({ ...shared, ...mobility, nlri });
    }
  }
  return routes;
}
