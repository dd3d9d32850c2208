// What a caller asks for, parsed and with its id, and what a resource becomes by a patch (JSON merge patch, RFC 7396) or
// by a put, which says all of it.

import * as z from "zod";
import { canonicalJson } from "../../shared/message/digest.ts";
import {
  EndpointMove,
  EndpointPatch,
  FabricPeerPatch,
  HostBgp,
  HostPatch,
  NetworkPatch,
  NewEndpoint,
  NewFabricPeer,
  NewHost,
  NewNetwork,
  NewPrefix,
  NewRouter,
  NewSite,
  NewTenant,
  NewVniPool,
  RouterPatch,
  RouterPrefixPatch,
  RouteTargets,
  SitePatch,
  TenantPatch,
  VniPoolPatch,
} from "../../shared/model/resource.ts";
import { UnderlayPatch } from "../../shared/model/underlay.ts";
import { type Refused, refuse, refuseAny, type Stamped } from "./write.ts";

/** In a merge patch the members of an object are patched too, so none is required. */
export const HostChange = HostPatch.extend({
  bgp: HostBgp.partial()
    .extend({
      routerId: HostBgp.shape.routerId.nullable(),
      underlay: UnderlayPatch.nullable().optional(),
      routeDistinguishers: HostBgp.shape.routeDistinguishers.nullable(),
    })
    .nullable()
    .optional(),
});
export const NetworkChange = NetworkPatch.extend({ routeTargets: RouteTargets.partial().nullable().optional() });
export const RouterChange = RouterPatch.extend({ routeTargets: RouteTargets.partial().nullable().optional() });
export const TenantChange = TenantPatch;
export const SiteChange = SitePatch;
export const FabricPeerChange = FabricPeerPatch;
export const VniPoolChange = VniPoolPatch;
export const PrefixChange = RouterPrefixPatch;
export const EndpointChange = EndpointPatch;

type Identified<T> = Omit<T, "id"> & { id: string };

export type CreateTenant = Identified<z.infer<typeof NewTenant>>;
export type CreateSite = Identified<z.infer<typeof NewSite>>;
export type CreateHost = Identified<z.infer<typeof NewHost>>;
export type CreateFabricPeer = Identified<z.infer<typeof NewFabricPeer>>;
export type CreateVniPool = Identified<z.infer<typeof NewVniPool>>;
export type CreateNetwork = Identified<z.infer<typeof NewNetwork>>;
export type CreateRouter = Identified<z.infer<typeof NewRouter>>;
export type CreatePrefix = Identified<z.infer<typeof NewPrefix>> & { router: string };
export type CreateEndpoint = Identified<z.infer<typeof NewEndpoint>> & { network: string };

/** A change: by a patch, or by a put that says what is to be. */
type Wish<P, C> = { patch: P; put?: undefined } | { put: C; patch?: undefined };

export type ChangeTenant = { id: string } & Wish<z.infer<typeof TenantChange>, CreateTenant>;
export type ChangeSite = { id: string } & Wish<z.infer<typeof SiteChange>, CreateSite>;
export type ChangeHost = { id: string } & Wish<z.infer<typeof HostChange>, CreateHost>;
export type ChangeFabricPeer = { id: string } & Wish<z.infer<typeof FabricPeerChange>, CreateFabricPeer>;
export type ChangeVniPool = { id: string } & Wish<z.infer<typeof VniPoolChange>, CreateVniPool>;
export type ChangeNetwork = { id: string } & Wish<z.infer<typeof NetworkChange>, CreateNetwork>;
export type ChangeRouter = { id: string } & Wish<z.infer<typeof RouterChange>, CreateRouter>;
export type ChangePrefix = { router: string; id: string } & Wish<z.infer<typeof PrefixChange>, CreatePrefix>;
export type ChangeEndpoint = { network: string; id: string } & Wish<z.infer<typeof EndpointChange>, CreateEndpoint>;
export type MoveEndpoint = { network: string; id: string } & z.infer<typeof EndpointMove>;

/** How a kind's changes are read. */
type Rules<T> = {
  schema: z.ZodType<T>;
  /** Members that no change touches; a put may say them as they are, or not at all. */
  fixed: readonly (keyof T & string)[];
  /** Members that only the system writes. */
  own?: readonly (keyof T & string)[];
};

const STAMPS = ["version", "createdAt", "updatedAt", "change"] as const;

/** What a live resource becomes; the refusal if that is not whole or touches what is fixed for its life. */
export function wanted<T extends Stamped & { id: string }>(
  before: T,
  { patch, put }: { patch?: object | undefined; put?: object | undefined },
  { schema, fixed, own = [] }: Rules<T>,
): { after: T } | Refused {
  if (put) {
    const said = put as Record<string, unknown>;
    const held = before as Record<string, unknown>;
    const differs = fixed.filter((field) => said[field] !== undefined && !same(said[field], held[field]));
    const refused = refuseAny(differs.map((field) => ({ kind: "immutable-field", field })));
    if (refused) return refused;
    const kept = Object.fromEntries(["id", ...STAMPS, ...fixed, ...own].map((field) => [field, held[field]]));
    return parsed(schema, { ...put, ...kept });
  }
  return parsed(schema, mergePatch(before, patch));
}

/** True if two values are the same JSON. */
export function same(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): { after: T } | Refused {
  const result = schema.safeParse(value);
  if (result.success) return { after: result.data };
  const [issue] = result.error.issues;
  const field = issue?.path.join(".") ?? "";
  // Every member was parsed before: what is wrong now is what a patch left out, or how many there are.
  if (issue?.code === "invalid_type") return refuse({ kind: "required", field });
  return refuse({ kind: "not-whole", field, reason: issue?.message ?? "is not whole" });
}

/**
 * RFC 7396 section 2: null removes, an object patches, anything else replaces; absent (or undefined) keeps.
 * The caller checks that the result is whole.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
