// What `show route` says of EVPN routes beyond their names (shared/text/evpn-route.ts), in the words of FRR. Pure.

import { colons, describeAttributes } from "../../shared/text/evpn-route.ts";
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

/** In FRR's words: `RT:65000:100 ET:8 MM:7, sticky MAC Rmac:…`. */
export function describeCommunities(route: ReceivedRoute | ExportedRoute): string {
  const encapsulations = isReceived(route) ? route.encapsulations : [8];
  const more = isReceived(route) ? receivedCommunities(route) : [];
  return [describeAttributes({ ...route, encapsulations }), ...more].join(" ");
}

function receivedCommunities(route: ReceivedRoute): string[] {
  const { defaultGateway, arpNd, esiLabel, esImport, multicastFlags, llgrStale, noLlgr } = route;
  return [
    ...(defaultGateway ? ["Default Gateway"] : []),
    ...(arpNd?.router ? ["ND:Router Flag"] : []),
    ...(arpNd?.override ? ["ND:Override Flag"] : []),
    ...(arpNd?.immutable ? ["ND:Immutable Flag"] : []),
    ...(multicastFlags === undefined ? [] : [`MF:0x${multicastFlags.toString(16).padStart(4, "0")}`]),
    ...(esImport ? [`ES-Import-Rt:${esImport}`] : []),
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
