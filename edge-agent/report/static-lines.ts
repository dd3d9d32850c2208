// A router's static routes as the fabric's proofs see them (confirmation.ts): named by prefix and next hop, in routes of type
// 5 (RFC 9136 4.4.1) of the host that has the next hop. Two static routes by machines of one host are one such route.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { prefixLine } from "../../shared/message/forwarding.ts";
import { ZERO_ESI } from "../bgp/route.ts";
import type { StaticPrefix } from "../evpn/ip-vrf.ts";
import type { LineForm, LineRoute } from "./confirmation.ts";

/** A static route, the VTEP of the host that has its next hop, and the label by which that host knows the router. */
export type PlacedStatic = StaticPrefix & { readonly vtep: IpAddress; readonly vni: Vni };

export const STATIC_LINES: LineForm<PlacedStatic> = {
  lines: (placed) => [lineOf(placed)],
  told: (routes, placed) => (routes.some((route) => isOf(route, placed)) ? [lineOf(placed)] : []),
  isOf,
};

/** The place is in it: a route by way of where the next hop was is another line. */
function lineOf({ prefix, nextHop, vtep }: PlacedStatic): string {
  return `${prefixLine(prefix, nextHop)} ${vtep}`;
}

function isOf({ nlri }: LineRoute, { prefix, vni }: PlacedStatic): boolean {
  if (nlri.type !== "ip-prefix" || nlri.prefix !== prefix) return false;
  return nlri.vni === vni && nlri.esi === ZERO_ESI && (nlri.gateway === "0.0.0.0" || nlri.gateway === "::");
}
