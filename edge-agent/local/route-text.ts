// EVPN routes and their communities as text, in the words of FRR, which network engineers read every day. Pure.

import type { EvpnRoute, ExportedRoute, ReceivedRoute } from "../bgp/route.ts";

/** What a route may be asked for by. */
export function namesOf(nlri: EvpnRoute): string[] {
  switch (nlri.type) {
    case "mac-ip":
      return [nlri.mac, ...(nlri.ip ? [nlri.ip] : [])];
    case "imet":
      return [nlri.originator];
    case "ethernet-ad":
      return [nlri.esi, colons(nlri.esi)];
    case "ethernet-segment":
      return [nlri.esi, colons(nlri.esi), nlri.originator];
    case "ip-prefix":
      return [nlri.prefix];
    case "s-pmsi":
      return [nlri.originator, ...(nlri.source ? [nlri.source] : []), ...(nlri.group ? [nlri.group] : [])];
    case "leaf":
      return [nlri.originator];
    case "per-region-i-pmsi":
      return [nlri.region];
  }
}

/** The bracketed form that FRR prints. */
export function describePrefix(nlri: EvpnRoute): string {
  switch (nlri.type) {
    case "mac-ip":
      return `[2]:[${nlri.ethernetTag}]:[48]:[${nlri.mac}]${nlri.ip ? `:${describeIp(nlri.ip)}` : ""}`;
    case "imet":
      return `[3]:[${nlri.ethernetTag}]:${describeIp(nlri.originator)}`;
    case "ethernet-ad":
      return `[1]:[${nlri.ethernetTag}]:[${colons(nlri.esi)}]`;
    case "ethernet-segment":
      return `[4]:[${colons(nlri.esi)}]:${describeIp(nlri.originator)}`;
    case "ip-prefix": {
      const [address, length] = nlri.prefix.split("/");
      return `[5]:[${nlri.ethernetTag}]:[${length}]:[${address}]`;
    }
    case "per-region-i-pmsi":
      return `[9]:[${nlri.ethernetTag}]:[${nlri.region}]`;
    case "s-pmsi":
      return `[10]:[${nlri.ethernetTag}]:[${nlri.source ?? "*"}]:[${nlri.group ?? "*"}]:${describeIp(nlri.originator)}`;
    case "leaf":
      return `[11]:[${nlri.route}]:${describeIp(nlri.originator)}`;
  }
}

function describeIp(ip: string): string {
  return `[${ip.includes(":") ? 128 : 32}]:[${ip}]`;
}

/** An ESI as it is written: `03:44:38:39:ff:ff:01:00:00:01`. */
export function colons(esi: string): string {
  return (esi.match(/../g) ?? []).join(":");
}

/** In FRR's words: `RT:65000:100 ET:8 MM:7, sticky MAC Rmac:…`. */
export function describeCommunities(route: ReceivedRoute | ExportedRoute): string {
  const { routeTargets, mobility, routerMac } = route;
  const encapsulations = isReceived(route) ? route.encapsulations : [8];
  return [
    ...routeTargets.map((target) => `RT:${target}`),
    ...encapsulations.map((type) => `ET:${type}`),
    ...(mobility ? [`MM:${mobility.sequence}${mobility.sticky ? ", sticky MAC" : ""}`] : []),
    ...(routerMac ? [`Rmac:${routerMac}`] : []),
    ...(isReceived(route) ? receivedCommunities(route) : []),
  ].join(" ");
}

function receivedCommunities(route: ReceivedRoute): string[] {
  const { defaultGateway, arpNd, esiLabel, multicastFlags, llgrStale, noLlgr } = route;
  return [
    ...(defaultGateway ? ["Default Gateway"] : []),
    ...(arpNd?.router ? ["ND:Router Flag"] : []),
    ...(arpNd?.override ? ["ND:Override Flag"] : []),
    ...(arpNd?.immutable ? ["ND:Immutable Flag"] : []),
    ...(multicastFlags === undefined ? [] : [`MF:0x${multicastFlags.toString(16).padStart(4, "0")}`]),
    ...(llgrStale ? ["llgr-stale"] : []),
    ...(noLlgr ? ["no-llgr"] : []),
    ...(esiLabel ? [`ESI-label:${esiLabel.singleActive ? "single-active" : "all-active"}`] : []),
  ];
}

/** The tunnel of an RT-3, 9 or 10: `Ingress Replication, label: 100, 192.0.2.2`. */
export function describePmsi(pmsi: NonNullable<ReceivedRoute["pmsi"]>): string {
  const { tunnelType, vni, endpoint, identifier, leafInformationRequired } = pmsi;
  const kind = tunnelType === 6 ? "Ingress Replication" : `type ${tunnelType}`;
  const end = (endpoint ?? identifier) ? `, ${endpoint ?? identifier}` : "";
  return `${kind}, label: ${vni}${end}${leafInformationRequired ? ", leaf information required" : ""}`;
}

/** True for a route of the fabric, false for one of this host. */
export function isReceived(route: ReceivedRoute | ExportedRoute): route is ReceivedRoute {
  return "peer" in route;
}
