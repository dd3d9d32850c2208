// What is of a host itself: its BGP speaker and sessions, in the words of a router's configuration. Pure.

import { canonicalJson } from "../../shared/message/digest.ts";
import type { BgpPeer, Host } from "../../shared/model/resource.ts";
import type { Lines } from "./lines.ts";

/** Adds the lines of a host's own settings. */
export function addHost({ bgp: lines }: Lines, { vtep, bgp }: Host): void {
  if (!bgp) return;
  const { asn, routerId, peers, underlay } = bgp;
  lines.add(`router bgp ${asn} router-id ${routerId ?? vtep}`);
  for (const peer of peers) for (const line of peerLines(peer)) lines.add(line);
  if (underlay) lines.add(`underlay ${canonicalJson(underlay)}`);
}

function peerLines({ address, interface: link, asn, ...options }: BgpPeer): string[] {
  const name = `neighbor ${link ?? address}`;
  const found = link !== undefined && address !== undefined ? [`${name} address ${address}`] : [];
  const more = Object.entries(options).filter(([, value]) => value !== undefined);
  return [
    `${name} remote-as ${asn}`,
    ...found,
    ...more.map(([option, value]) => `${name} ${option} ${typeof value === "object" ? canonicalJson(value) : value}`),
  ];
}

/** The peers that hear the host's EVPN routes, by address or link. */
export function evpnPeers(host: Host | undefined): string[] {
  return (host?.bgp?.peers ?? []).flatMap(({ address, interface: link, families, shutdown }) => {
    const hears = (families ?? ["evpn"]).includes("evpn") && !shutdown;
    return hears ? [String(link ?? address)] : [];
  });
}
