// What a caller asks for, parsed and with its id, and how a patch changes a resource (JSON merge patch, RFC 7396).

import * as z from "zod";
import {
  EndpointMove,
  EndpointPatch,
  HostBgp,
  HostPatch,
  NetworkPatch,
  NewEndpoint,
  NewHost,
  NewNetwork,
  NewSite,
  NewTenant,
  RouteTargets,
  SitePatch,
  TenantPatch,
} from "../../shared/model/resource.ts";

/** In a merge patch the members of an object are patched too, so none is required. */
export const HostChange = HostPatch.extend({
  bgp: HostBgp.partial()
    .extend({ routerId: HostBgp.shape.routerId.nullable(), underlay: HostBgp.shape.underlay.nullable() })
    .nullable()
    .optional(),
});
export const NetworkChange = NetworkPatch.extend({ routeTargets: RouteTargets.partial().nullable().optional() });
export const TenantChange = TenantPatch;
export const SiteChange = SitePatch;
export const EndpointChange = EndpointPatch;

type Identified<T> = Omit<T, "id"> & { id: string };

export type CreateTenant = Identified<z.infer<typeof NewTenant>>;
export type CreateSite = Identified<z.infer<typeof NewSite>>;
export type CreateHost = Identified<z.infer<typeof NewHost>>;
export type CreateNetwork = Identified<z.infer<typeof NewNetwork>>;
export type CreateEndpoint = Identified<z.infer<typeof NewEndpoint>> & { network: string };
export type ChangeTenant = { id: string; patch: z.infer<typeof TenantChange> };
export type ChangeSite = { id: string; patch: z.infer<typeof SiteChange> };
export type ChangeHost = { id: string; patch: z.infer<typeof HostChange> };
export type ChangeNetwork = { id: string; patch: z.infer<typeof NetworkChange> };
export type ChangeEndpoint = { network: string; id: string; patch: z.infer<typeof EndpointChange> };
export type MoveEndpoint = { network: string; id: string } & z.infer<typeof EndpointMove>;

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
