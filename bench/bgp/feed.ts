// The feed that every receiver gets: UPDATEs of at most 4096 octets, encoded once, full of routes that share attributes.

import { ipFromOctets, type Ipv4 } from "../../shared/address/ip.ts";
import { macFromOctets } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { AdjRibOut } from "../../edge-agent/bgp/adj-rib-out.ts";
import { prepareExport } from "../../edge-agent/bgp/export.ts";
import { evpnForm } from "../../edge-agent/bgp/export-form.ts";
import { type EvpnRoute, type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import { MAX_MESSAGE_OCTETS } from "../../edge-agent/bgp/wire/message.ts";

export const ASN = 65000 as Asn;
export const VNI = 100 as Vni;
export const TARGET = `${ASN}:${VNI}` as RouteTarget;

/** What a route of the feed is: a MAC, a MAC with its IP, or a /32. */
export type FeedType = "mac" | "mac-ip" | "prefix";

/** `count` routes of a type from the speaker at `from`. */
export function routesFrom(from: Ipv4, type: FeedType, count: number): ExportedRoute[] {
  const rd = `${from}:${VNI}` as RouteDistinguisher;
  const shared = { nextHop: from, routeTargets: [TARGET] };
  return Array.from({ length: count }, (_, i): ExportedRoute => ({ ...shared, nlri: nlri(rd, type, i) }));
}

/** The octets of the UPDATEs, one after the other, for a session inside the AS. */
export function encodeFeed(routes: readonly ExportedRoute[]): Uint8Array {
  const rib = new AdjRibOut(evpnForm({ asn: ASN, internal: true, asOctets: 4 }), MAX_MESSAGE_OCTETS);
  for (const route of routes) rib.announce(prepareExport(route));
  const messages: Uint8Array[] = [];
  for (let next = rib.nextMessage(); next; next = rib.nextMessage()) messages.push(next);
  return Buffer.concat(messages);
}

function nlri(rd: RouteDistinguisher, type: FeedType, i: number): EvpnRoute {
  const [a, b, c] = [(i >> 16) & 0xff, (i >> 8) & 0xff, i & 0xff];
  if (type !== "prefix") {
    const mac = macFromOctets(Uint8Array.of(0x02, 0, 0, a, b, c));
    const route = { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac, vni: VNI } as const;
    return type === "mac" ? route : { ...route, ip: ipFromOctets(Uint8Array.of(10, a, b, c)) };
  }
  const prefix = `${ipFromOctets(Uint8Array.of(10 + a, b, c, 1))}/32` as Prefix;
  return { type: "ip-prefix", rd, esi: ZERO_ESI, ethernetTag: 0, prefix, gateway: "0.0.0.0" as Ipv4, vni: VNI };
}
