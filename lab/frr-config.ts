// FRR's configuration of a ToR: EVPN sessions to its hosts and to the other site's ToR. Pure text, FRR 8.4 and later.
// Site 1 peers by iBGP with the ToR as route reflector (RFC 4456), site 2 by eBGP with an AS per host (RFC 7938).

import type { LabSite, Topology } from "./topology.ts";

/** zebra needs no more: it finds the vxlan device and its bridge by itself. */
export function zebraConfig({ tor }: LabSite): string {
  return lines(`hostname ${tor.id}`, "log timestamp precision 6");
}

export function bgpdConfig(topology: Topology, site: LabSite): string {
  const { tor, hosts, peering } = site;
  const remote = topology.sites.filter((other) => other !== site).map((other) => other.tor);
  const neighbours = [...hosts.map((host) => host.underlayAddress), ...remote.map((other) => other.loopback)];
  return lines(
    `hostname ${tor.id}`,
    "log timestamp precision 6",
    "!",
    `router bgp ${tor.asn}`,
    ` bgp router-id ${tor.loopback}`,
    ...(peering === "ibgp" ? [` bgp cluster-id ${tor.loopback}`] : []),
    " no bgp default ipv4-unicast",
    // Without this FRR exchanges nothing over eBGP, and says nothing (RFC 8212).
    " no bgp ebgp-requires-policy",
    // 8.4.4 sometimes takes the next hop of a multihop peer for one that must be connected, and keeps all its routes
    // invalid, when both ends connect at once (seen in 1 of 6 starts).
    " bgp disable-ebgp-connected-route-check",
    ...hosts.map((host) => ` neighbor ${host.underlayAddress} remote-as ${host.asn}`),
    ...remote.flatMap((other) => [
      ` neighbor ${other.loopback} remote-as ${other.asn}`,
      ` neighbor ${other.loopback} update-source ${tor.loopback}`,
      ` neighbor ${other.loopback} ebgp-multihop 4`,
    ]),
    ...neighbours.map((address) => ` neighbor ${address} timers connect 1`),
    " address-family l2vpn evpn",
    ...neighbours.map((address) => `  neighbor ${address} activate`),
    ...(peering === "ibgp" ? hosts.map((host) => `  neighbor ${host.underlayAddress} route-reflector-client`) : []),
    // The VTEP stays the next hop, whoever passes the route on (RFC 8365 section 5.1.2).
    ...remote.map((other) => `  neighbor ${other.loopback} attribute-unchanged next-hop`),
    "  advertise-all-vni",
    " exit-address-family",
    "exit",
  );
}

function lines(...text: string[]): string {
  return `${text.join("\n")}\n`;
}
