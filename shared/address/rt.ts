// Route targets (RFC 4360 section 4, RFC 5668): the extended communities that say which MAC-VRFs import a route.

import { type AdminType, decodeAdminNumber, encodeAdminNumber, parseAdminNumber } from "./admin-number.ts";
import type { Brand } from "./brand.ts";
import type { Asn, Vni } from "./vni.ts";

/** `65000:100`, `192.0.2.1:100` or `4200000001:100`, without a `target:` prefix. */
export type RouteTarget = Brand<string, "RouteTarget">;

export function parseRouteTarget(text: string): RouteTarget | undefined {
  return parseAdminNumber(text) as RouteTarget | undefined;
}

/** `*:100`: the route targets with that number of any AS, for import alone. */
export type AnyAsTarget = Brand<string, "AnyAsTarget">;
export type ImportTarget = RouteTarget | AnyAsTarget;

export function anyAsTarget(number: number): AnyAsTarget {
  return `*:${number}` as AnyAsTarget;
}

/** What of any AS has the number of `target`; undefined for one of an IPv4 address, which is of no AS. */
export function anyAsOf(target: RouteTarget): AnyAsTarget | undefined {
  const colon = target.indexOf(":");
  return target.includes(".") ? undefined : (`*${target.slice(colon)}` as AnyAsTarget);
}

/** True if a route that carries these targets is imported. */
export function importsAny(imports: ReadonlySet<ImportTarget>, carried: readonly RouteTarget[]): boolean {
  return carried.some((target) => {
    const anyAs = anyAsOf(target);
    return imports.has(target) || (anyAs !== undefined && imports.has(anyAs));
  });
}

/**
 * The automatic route target `ASN:VNI` as FRR, Cumulus and NX-OS derive it: type 0, so a 4-octet ASN gives its low
 * 16 bits. (RFC 8365 5.1.2.1 sets bit 28 of the number too; no ToR imports that unless told to.)
 */
export function autoRouteTarget(asn: Asn, vni: Vni): RouteTarget {
  return `${asn & 0xffff}:${vni}` as RouteTarget;
}

/** The eight octets of the extended community: high type, sub-type 0x02, value. */
export function rtToOctets(rt: RouteTarget): Uint8Array {
  const { type, octets } = encodeAdminNumber(rt);
  return Uint8Array.of(type, 0x02, ...octets);
}

/** Reads an extended community; undefined if it is not a route target of type 0, 1 or 2. */
export function rtFromOctets(octets: Uint8Array): RouteTarget | undefined {
  const type = octets[0] as number;
  if (octets.length !== 8 || type > 2 || octets[1] !== 0x02) return undefined;
  return decodeAdminNumber(type as AdminType, octets.subarray(2)) as RouteTarget;
}
