// The switch's side of the BGP sessions with its hosts, in FRRouting's words: neighbours, timers, GTSM, the L2VPN EVPN
// family. What the API does not know (the switch's own addresses, interfaces, uplinks) is not said. Pure.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { BgpPeer, FabricPeer, Host } from "../../shared/model/resource.ts";

/** A host's session with the switch, seen from the host. */
type Session = { host: Host; asn: number; peer: BgpPeer };

/** The configuration of `bgpd`, as `vtysh -f` reads it. Hosts that do not peer with it are left out. */
export function frrConfig(tor: FabricPeer, hosts: readonly Host[]): string {
  const sessions = hosts.flatMap(({ bgp, ...host }): Session[] =>
    (bgp?.peers ?? [])
      .filter(({ address }) => address !== undefined && tor.addresses.includes(address))
      .map((peer) => ({ host: { ...host, bgp }, asn: bgp?.asn ?? 0, peer })),
  );
  const numbered = sessions.filter(({ peer }) => peer.interface === undefined);
  const unnumbered = sessions.filter(({ peer }) => peer.interface !== undefined);
  const neighbours = [...new Map(numbered.map((session) => [neighbourOf(session), session])).values()];
  const lines = [
    `! Overspan: ${tor.id}, a fabric peer of site ${tor.site}. Generated of ${count(new Set(sessions.map(({ host }) => host.id)).size)}.`,
    ...unnumbered.map(
      ({ host, peer }) =>
        `! ${host.id} peers over its link ${peer.interface}: neighbor INTERFACE interface remote-as external`,
    ),
    `router bgp ${tor.asn}`,
    " no bgp default ipv4-unicast",
    // Without this FRR exchanges nothing over eBGP, and says nothing (RFC 8212).
    " no bgp ebgp-requires-policy",
    ...neighbours.flatMap((session) => sessionLines(session, tor)),
    " address-family l2vpn evpn",
    ...neighbours.flatMap((session) => {
      const neighbour = neighbourOf(session);
      const internal = session.asn === tor.asn ? [`  neighbor ${neighbour} route-reflector-client`] : [];
      return [`  neighbor ${neighbour} activate`, ...internal];
    }),
    "  advertise-all-vni",
    " exit-address-family",
    "exit",
  ];
  return `${lines.join("\n")}\n`;
}

function sessionLines({ host, asn, peer }: Session, tor: FabricPeer): string[] {
  const neighbour = neighbourOf({ host, peer });
  const { holdTimeSec, keepaliveTimeSec, multihop, ttlSecurityHops, port, passive, maximumRoutes } = peer;
  const lines = [` neighbor ${neighbour} remote-as ${asn}`, ` neighbor ${neighbour} description ${host.id}`];
  if (holdTimeSec !== undefined) {
    const keepalive = Math.min(keepaliveTimeSec ?? Math.floor(holdTimeSec / 3), Math.floor(holdTimeSec / 3));
    lines.push(` neighbor ${neighbour} timers ${keepalive} ${holdTimeSec}`);
  }
  if (multihop !== undefined && asn !== tor.asn) lines.push(` neighbor ${neighbour} ebgp-multihop ${multihop}`);
  if (ttlSecurityHops !== undefined) lines.push(` neighbor ${neighbour} ttl-security hops ${ttlSecurityHops}`);
  // The host dials a port of the switch that is not BGP's: the switch must listen there by its own settings (bgpd -p).
  if (port !== undefined && port !== 179) lines.push(` ! ${host.id} connects to port ${port}`);
  if (!passive) lines.push(` neighbor ${neighbour} passive`);
  if (maximumRoutes !== undefined) lines.push(` ! ${host.id} takes at most ${maximumRoutes.limit} routes`);
  return lines;
}

/** The address the host speaks from: the one it is told to, or its VTEP's. */
function neighbourOf({ host, peer }: Pick<Session, "host" | "peer">): IpAddress {
  return peer.sourceAddress ?? host.vtep;
}

function count(hosts: number): string {
  return hosts === 1 ? "1 host" : `${hosts} hosts`;
}
