// Unicast routes as peers bring them, for the tests of the underlay.

import type { ReceivedUnicast } from "../../../edge-agent/bgp/unicast-route.ts";
import type { RouteLink } from "../../../edge-agent/dataplane/route-kernel.ts";
import type { IpAddress, Ipv4, Ipv6 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import type { Asn } from "../../../shared/address/vni.ts";

export const VTEP = "10.0.0.1" as Ipv4;
export const REMOTE = "10.0.0.2/32" as Prefix;
export const TOR1 = "192.0.2.1" as IpAddress;
export const TOR2 = "198.51.100.1" as IpAddress;
export const LINK1: RouteLink = { name: "eth1", up: true, connected: ["192.0.2.0/24" as Prefix] };
export const LINK2: RouteLink = { name: "eth2", up: true, connected: ["198.51.100.0/24" as Prefix] };

/** An eBGP route of `peer`, whose next hop is the peer. */
export function received(peer: IpAddress, more: Partial<ReceivedUnicast> = {}): ReceivedUnicast {
  const asn = peer === TOR1 ? 65001 : 65002;
  return {
    family: "ipv4-unicast",
    prefix: REMOTE,
    peer,
    peerAsn: asn as Asn,
    peerRouterId: (peer.includes(":") ? "192.0.2.1" : peer) as Ipv4,
    internal: false,
    stale: false,
    nextHop: { address: peer },
    asPath: [asn],
    asPathLength: 1,
    origin: "igp",
    clusterListLength: 0,
    ...more,
  };
}

/** A route of an unnumbered session on `link`. */
export function unnumbered(link: string, address: string, more: Partial<ReceivedUnicast> = {}): ReceivedUnicast {
  const linkLocal = address as Ipv6;
  return received(linkLocal, { interface: link, nextHop: { address: linkLocal, linkLocal }, asPath: [65001], ...more });
}
