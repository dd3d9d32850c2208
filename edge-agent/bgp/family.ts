// The address families that this speaker knows (RFC 4760), a row each. What their routes look like on the wire is in
// wire/evpn-nlri.ts and wire/unicast-nlri.ts; which of them a peer is offered is its configuration.

import { isIpv4 } from "../../shared/address/ip.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import { Afi, Safi } from "./wire/iana.ts";

export type FamilyName = "evpn" | "ipv4-unicast" | "ipv6-unicast";
export type UnicastFamily = Exclude<FamilyName, "evpn">;

export type Family = {
  readonly afi: number;
  readonly safi: number;
  /** As network engineers and FRR name it. */
  readonly title: string;
};

/** In the order of offering. */
export const FAMILIES: { readonly [N in FamilyName]: Family } = {
  evpn: { afi: Afi.L2VPN, safi: Safi.EVPN, title: "L2VPN EVPN" },
  "ipv4-unicast": { afi: Afi.IPV4, safi: Safi.UNICAST, title: "IPv4 Unicast" },
  "ipv6-unicast": { afi: Afi.IPV6, safi: Safi.UNICAST, title: "IPv6 Unicast" },
};

export const FAMILY_NAMES = Object.keys(FAMILIES) as readonly FamilyName[];

/** What is offered to a peer whose configuration does not say. */
export const DEFAULT_FAMILIES: readonly FamilyName[] = ["evpn"];

/** The known family of an AFI and a SAFI. */
export function familyOf(afi: number, safi: number): FamilyName | undefined {
  return FAMILY_NAMES.find((name) => FAMILIES[name].afi === afi && FAMILIES[name].safi === safi);
}

/** The unicast family that a prefix is of. */
export function prefixFamily(prefix: Prefix): UnicastFamily {
  return isIpv4(prefixAddress(prefix)) ? "ipv4-unicast" : "ipv6-unicast";
}
