// Which link leads to a next hop (RFC 4271 9.1.2.1, the resolvability condition). Only what is on a link counts: a host has no
// IGP, and a route is never resolved by another BGP route. Pure.

import { prefixContains, prefixLength } from "../../shared/address/prefix.ts";
import type { ReceivedUnicast } from "../bgp/unicast-route.ts";
import type { RouteHop, RouteLink } from "../dataplane/route-kernel.ts";

/** The way, or why there is none. */
export type Reach = { readonly hop: RouteHop } | { readonly unusable: "off-link" | "link-down" | "no-link" };

/** A peer on a named link is reached there by its link-local address, where it tells one (RFC 2545 section 3). */
export function reach(
  { nextHop, interface: device }: Pick<ReceivedUnicast, "nextHop" | "interface">,
  links: readonly RouteLink[],
): Reach {
  if (device !== undefined && nextHop.linkLocal !== undefined) {
    const link = links.find(({ name }) => name === device);
    if (!link) return { unusable: "no-link" };
    return link.up ? { hop: { device, via: nextHop.linkLocal } } : { unusable: "link-down" };
  }
  const via = nextHop.address;
  const ways = links.flatMap((link) =>
    link.connected.filter((prefix) => prefixContains(prefix, via)).map((prefix) => ({ link, prefix })),
  );
  // The most specific one; among equals one that works.
  const [way] = ways.toSorted(
    (a, b) => prefixLength(b.prefix) - prefixLength(a.prefix) || Number(b.link.up) - Number(a.link.up),
  );
  if (!way) return { unusable: "off-link" };
  return way.link.up ? { hop: { device: way.link.name, via } } : { unusable: "link-down" };
}
