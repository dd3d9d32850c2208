// Routes to be announced, prepared once for all peers: key, NLRI octets, and the key of the attributes that decide which
// routes can share an UPDATE. Then, per session, the attributes as that session wants them (RFC 4271 5.1, RFC 6793).

import { ipToOctets } from "../../shared/address/ip.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { type ExportedRoute, routeKey } from "./route.ts";
import { sameContent } from "./route-table.ts";
import type { PathAttributes } from "./wire/attribute-table.ts";
import { encodeAttributes } from "./wire/attributes.ts";
import { encodeEvpnRoute } from "./wire/evpn-nlri.ts";
import type { ExtCommunity } from "./wire/ext-community.ts";
import { HEADER_OCTETS, MAX_MESSAGE_OCTETS } from "./wire/message.ts";
import { PmsiTunnelType, TunnelType } from "./wire/iana.ts";

/** Immutable: two prepared exports are the same route in the same form if and only if they are the same object. */
export type PreparedExport = {
  readonly key: string;
  readonly route: ExportedRoute;
  readonly nlri: Uint8Array;
  /** Equal for routes that may share an UPDATE. */
  readonly attributesKey: string;
};

/** How a session writes attributes. */
export type ExportContext = { readonly asn: Asn; readonly internal: boolean; readonly asOctets: 2 | 4 };

/** What routes of ours get within the AS, as everywhere by default. */
export const LOCAL_PREF = 100;
/** Header, length fields, and MP_REACH_NLRI up to its routes, with an IPv6 next hop. */
const ENVELOPE_OCTETS = HEADER_OCTETS + 4 + 4 + 5 + 16;

/** Makes the forms that all peers share. */
export function prepareExport(
  route: ExportedRoute,
  { key, attributesKey } = { key: routeKey(route.nlri), attributesKey: attributesKeyOf(route) },
): PreparedExport {
  return { key, route, nlri: encodeEvpnRoute(route.nlri), attributesKey };
}

/** Text of everything that becomes path attributes. */
export function attributesKeyOf({ nextHop, routeTargets, mobility, pmsi, routerMac }: ExportedRoute): string {
  const mobilityKey = mobility ? `${mobility.sequence}${mobility.sticky ? "s" : ""}` : "";
  return `${nextHop}|${routeTargets.join(" ")}|${mobilityKey}|${pmsi?.vni ?? ""}|${routerMac ?? ""}`;
}

/** True if both would be the same on the wire; tells it without encoding, since most routes of a set never change. */
export function sameExport(a: ExportedRoute, b: ExportedRoute): boolean {
  return (
    a.nextHop === b.nextHop &&
    a.mobility?.sequence === b.mobility?.sequence &&
    a.mobility?.sticky === b.mobility?.sticky &&
    a.pmsi?.vni === b.pmsi?.vni &&
    a.routerMac === b.routerMac &&
    sameTargets(a.routeTargets, b.routeTargets) &&
    sameContent(a.nlri, b.nlri)
  );
}

function sameTargets(a: readonly RouteTarget[], b: readonly RouteTarget[]): boolean {
  return a === b || (a.length === b.length && a.every((target, i) => target === b[i]));
}

/** The longest that the attributes of a route get on any session. */
export function longestPathOctets(route: ExportedRoute): number {
  return encodePath({ route }, { asn: 0xfffffffe as Asn, internal: false, asOctets: 2 }).length;
}

/** False if the route alone, with all its route targets, would exceed a message of 4096 octets. */
export function isSendable({ nlri }: PreparedExport, pathOctets: number): boolean {
  return pathOctets + nlri.length + ENVELOPE_OCTETS <= MAX_MESSAGE_OCTETS;
}

/** All attributes but MP_REACH_NLRI, encoded. */
export function encodePath({ route }: Pick<PreparedExport, "route">, context: ExportContext): Uint8Array {
  const { internal, asn, asOctets } = context;
  const asPath = internal ? [] : [{ type: "sequence" as const, asns: [asn] }];
  const attributes: PathAttributes = {
    origin: "igp",
    asPath,
    ...(internal && { localPref: LOCAL_PREF }),
    extCommunities: communitiesOf(route),
    ...(!internal && asOctets === 2 && asn > 0xffff && { as4Path: asPath }),
    ...(route.pmsi && { pmsi: ingressReplication(route, route.pmsi.vni) }),
  };
  return encodeAttributes(attributes, context);
}

/** The octets of the next hop field of MP_REACH_NLRI. */
export function encodeNextHop({ route }: PreparedExport): Uint8Array {
  return ipToOctets(route.nextHop);
}

function communitiesOf({ routeTargets, mobility, routerMac }: ExportedRoute): ExtCommunity[] {
  return [
    ...routeTargets.map((target): ExtCommunity => ({ kind: "route-target", target })),
    { kind: "encapsulation", tunnelType: TunnelType.VXLAN },
    // No community means sequence 0 (RFC 7432 15).
    ...(mobility && (mobility.sequence > 0 || mobility.sticky)
      ? [{ kind: "mac-mobility", sequence: mobility.sequence, sticky: mobility.sticky } as const]
      : []),
    ...(routerMac ? [{ kind: "router-mac", mac: routerMac } as const] : []),
  ];
}

function ingressReplication({ nextHop }: ExportedRoute, vni: Vni) {
  return {
    tunnelType: PmsiTunnelType.INGRESS_REPLICATION,
    leafInformationRequired: false,
    vni,
    endpoint: nextHop,
  };
}
