// What a host takes part in of the underlay's routing, and which BGP families a peer is offered. Policy is explicit: what is
// not named here is neither announced nor accepted (RFC 8212, and beyond it for a host).

import * as z from "zod";
import { prefixLength } from "../address/prefix.ts";
import { PrefixField } from "./fields.ts";

/** The families of a session (RFC 4760). */
export const BgpFamilies = z
  .array(z.enum(["evpn", "ipv4-unicast", "ipv6-unicast"]))
  .min(1, "must be at least 1 family")
  .refine((families) => new Set(families).size === families.length, "must not name a family twice");

/** The session ends with more routes held than `limit`; a warning comes at `warnPercent` of it, default 75. */
export const MaximumRoutes = z.strictObject({
  limit: z.number().int().min(1).max(0xffffffff),
  warnPercent: z.number().int().min(1).max(100).optional(),
  /** The session is tried again after so long; absent: when the peer's settings change. */
  restartAfterSec: z.number().int().min(1).max(86_400).optional(),
});

/** An entry of a prefix list: `prefix` itself, or what is inside of it and from `ge` to `le` bits long. */
export const AcceptedPrefix = z
  .strictObject({
    prefix: PrefixField,
    ge: z.number().int().min(0).max(128).optional(),
    le: z.number().int().min(0).max(128).optional(),
  })
  .refine(({ prefix, ge, le }) => inOrder(prefixLength(prefix), ge, le, prefix.includes(":") ? 128 : 32), {
    message: "must be: length of the prefix <= ge <= le <= 32 (IPv4) or 128 (IPv6)",
  });
export type AcceptedPrefix = z.infer<typeof AcceptedPrefix>;

/** A host's part in the unicast families of its peers. */
export const HostUnderlay = z.strictObject({
  /** Announce the VTEP's address as a /32 or /128; nothing else ever is. */
  announceVtep: z.boolean().optional(),
  /** What is accepted; absent: nothing of external peers (RFC 8212), everything of internal ones. */
  accept: z.array(AcceptedPrefix).max(64, "must be at most 64").optional(),
  /** Next hops of accepted routes must be inside one of these; link-local ones always may be. Absent: any. */
  nextHops: z.array(PrefixField).min(1).max(16, "must be at most 16").optional(),
  /** Equal paths that are used at a time; default 8. */
  maximumPaths: z.number().int().min(1).max(64).optional(),
  /** Paths of equal length through other ASes count as equal. */
  multipathRelax: z.boolean().optional(),
  /** How many routes a peer may have here, in each unicast family; default: the peer's own `maximumRoutes`. */
  maximumRoutes: MaximumRoutes.optional(),
});
export type HostUnderlay = z.infer<typeof HostUnderlay>;

/** A change of it as a JSON merge patch (RFC 7396): null removes. */
export const UnderlayPatch = z.strictObject({
  announceVtep: HostUnderlay.shape.announceVtep.nullable(),
  accept: HostUnderlay.shape.accept.nullable(),
  nextHops: HostUnderlay.shape.nextHops.nullable(),
  maximumPaths: HostUnderlay.shape.maximumPaths.nullable(),
  multipathRelax: HostUnderlay.shape.multipathRelax.nullable(),
  maximumRoutes: HostUnderlay.shape.maximumRoutes.nullable(),
});

/** As the API has it, but with what a later version adds ignored: an agent may be older than the cloud. */
export const PlacedUnderlay = z.object({
  ...HostUnderlay.shape,
  accept: z.array(AcceptedPrefix.strip()).optional(),
  maximumRoutes: MaximumRoutes.strip().optional(),
});

function inOrder(length: number, ge: number | undefined, le: number | undefined, most: number): boolean {
  const bounds = [length, ge, le, most].filter((bound) => bound !== undefined);
  return bounds.every((bound, i) => i === 0 || (bounds[i - 1] as number) <= bound);
}
