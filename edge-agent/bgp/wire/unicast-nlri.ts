// Unicast NLRI (RFC 4271 4.3, RFC 4760 section 5), `length in bits(1) prefix(as many octets as needed)`, in the classic fields
// and in the multiprotocol attributes alike; and the next hops of MP_REACH_NLRI: IPv4, IPv6 (RFC 2545 section 3), and
// IPv6 for IPv4 routes (RFC 8950 section 3). No ADD-PATH (RFC 7911).

import {
  type IpAddress,
  ipFromOctets,
  type Ipv6,
  ipToOctets,
  isIpv4,
  isLinkLocal,
} from "../../../shared/address/ip.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../shared/address/prefix.ts";
import type { UnicastFamily } from "../family.ts";
import type { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** Routes of one NLRI field, in order. An `invalid` one can be told but not meant: it alone is withdrawn (RFC 4271 6.3). */
export type UnicastNlri = {
  readonly routes: readonly Prefix[];
  readonly invalid: readonly { readonly route: Prefix; readonly reason: string }[];
};

/** `address` is the link-local one where there is no other; `linkLocal` is for who shares the link (RFC 2545 section 3). */
export type UnicastNextHop = { readonly address: IpAddress; readonly linkLocal?: Ipv6 };

/** Reads prefixes to the end of `reader`. The error is a reason for the log. */
export function decodePrefixes(reader: Reader, family: UnicastFamily): UnicastNlri | { readonly error: string } {
  const size = family === "ipv4-unicast" ? 4 : 16;
  const routes: Prefix[] = [];
  const invalid: { route: Prefix; reason: string }[] = [];
  while (reader.remaining > 0) {
    const bits = reader.u8();
    if (bits > size * 8) return { error: `a prefix of ${bits} bits` };
    const octets = reader.view((bits + 7) >> 3);
    if (reader.overrun) return { error: "a prefix that is longer than its field" };
    const route = prefixFrom(octets, bits, size);
    if (isMulticast(octets, bits, size)) invalid.push({ route, reason: `${route} is a multicast prefix` });
    else routes.push(route);
  }
  return { routes, invalid };
}

/** One prefix: its length in bits and as many octets as that needs. */
export function encodePrefix(prefix: Prefix): Uint8Array {
  const bits = prefixLength(prefix);
  const octets = ipToOctets(prefixAddress(prefix)).subarray(0, (bits + 7) >> 3);
  return new Writer(17).u8(bits).octets(octets).finish();
}

/** Undefined if the length is none that the family may have (RFC 2545 section 3, RFC 8950 section 3). */
export function decodeNextHop(octets: Uint8Array, family: UnicastFamily): UnicastNextHop | undefined {
  if (octets.length === 4 && family === "ipv4-unicast") return { address: ipFromOctets(octets) };
  if (octets.length !== 16 && octets.length !== 32) return undefined;
  const first = ipFromOctets(octets.subarray(0, 16)) as Ipv6;
  const second = octets.length === 32 ? (ipFromOctets(octets.subarray(16)) as Ipv6) : undefined;
  const linkLocal = [second, first].find((address) => address !== undefined && isLinkLocal(address));
  // A router without a global address on the link leaves it out, writes zeros, or its link-local address twice.
  const address = linkLocal !== undefined && first === UNSPECIFIED ? linkLocal : first;
  return linkLocal === undefined ? { address } : { address, linkLocal };
}

/** 4, 16 or 32 octets. A link-local address alone is written twice, which older receivers take too. */
export function encodeNextHop({ address, linkLocal }: UnicastNextHop): Uint8Array {
  if (isIpv4(address) || linkLocal === undefined) return ipToOctets(address);
  return new Writer(32).octets(ipToOctets(address)).octets(ipToOctets(linkLocal)).finish();
}

const UNSPECIFIED = "::" as Ipv6;

/** Bits beyond the length are irrelevant (RFC 4271 4.3) and cleared, so that equal prefixes are equal text. */
function prefixFrom(octets: Uint8Array, bits: number, size: number): Prefix {
  const whole = new Uint8Array(size);
  whole.set(octets);
  const last = octets.length - 1;
  if (bits % 8 !== 0) whole[last] = (whole[last] as number) & (0xff << (8 - (bits % 8)));
  return `${ipFromOctets(whole)}/${bits}` as Prefix;
}

/** Within 224.0.0.0/4 or ff00::/8. */
function isMulticast(octets: Uint8Array, bits: number, size: number): boolean {
  const first = octets[0] ?? 0;
  return size === 4 ? bits >= 4 && first >= 0xe0 && first < 0xf0 : bits >= 8 && first === 0xff;
}
