// What a host says and believes in the unicast families: its VTEP's address and nothing else, so that it is never transit; and
// the routes that its configuration names. Without configuration, nothing (RFC 8212). Pure.

import { type IpAddress, isIpv4, isLinkLocal } from "../../shared/address/ip.ts";
import { type Prefix, prefixAddress, prefixContains, prefixLength } from "../../shared/address/prefix.ts";
import type { AcceptedPrefix, HostUnderlay } from "../../shared/model/underlay.ts";
import type { UnicastPolicy } from "../bgp/unicast-route.ts";

/** The policy of a host with this VTEP. `underlay` absent: it takes no part. */
export function underlayPolicy(vtep: IpAddress, underlay: HostUnderlay | undefined): UnicastPolicy {
  const own = hostPrefix(vtep);
  const { accept, nextHops, announceVtep, maximumRoutes } = underlay ?? {};
  return {
    announce: announceVtep ? [own] : [],
    maximumRoutes,
    refuse(prefix, nextHop, { external }) {
      if (!underlay || (external && !accept)) return "no-policy";
      if (prefix === own) return "own-prefix";
      if (accept && !accept.some((entry) => matches(entry, prefix))) return "prefix";
      const { address } = nextHop;
      const known = isLinkLocal(address) || !nextHops || nextHops.some((each) => prefixContains(each, address));
      return known ? undefined : "next-hop";
    },
  };
}

/** Which directions of a peer have no policy, so that nothing passes: FRR shows `(Policy)` for them (RFC 8212). */
export function missingPolicy(
  underlay: HostUnderlay | undefined,
  { external }: { readonly external: boolean },
): { readonly in: boolean; readonly out: boolean } {
  return {
    in: external && underlay?.accept === undefined,
    out: external && underlay?.announceVtep === undefined,
  };
}

/** The prefix of one address. */
export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${isIpv4(address) ? 32 : 128}` as Prefix;
}

/** A prefix list's entry: with neither bound exactly that prefix, `ge` alone up to host routes, `le` alone from its own length. */
function matches({ prefix, ge, le }: AcceptedPrefix, candidate: Prefix): boolean {
  if (ge === undefined && le === undefined) return candidate === prefix;
  if (!prefixContains(prefix, prefixAddress(candidate))) return false;
  const length = prefixLength(candidate);
  return length >= (ge ?? prefixLength(prefix)) && length <= (le ?? 128);
}
