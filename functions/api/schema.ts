// The schemas of the resources in the API's document: those that parse requests (shared/model), under the names that
// generated clients have; and what is common to all operations. What hosts report is in status-schema.ts.

import { z } from "@hono/zod-openapi";
import { Slug } from "../../shared/model/fields.ts";
import {
  Endpoint,
  EndpointMove,
  FabricPeer,
  Host,
  Network,
  NewEndpoint,
  NewFabricPeer,
  NewHost,
  NewNetwork,
  NewPrefix,
  NewRouter,
  NewSite,
  NewTenant,
  NewVniPool,
  Router,
  RouterPrefix,
  Site,
  Stored,
  Tenant,
  VniPool,
} from "../../shared/model/resource.ts";
import {
  EndpointChange,
  FabricPeerChange,
  HostChange,
  NetworkChange,
  PrefixChange,
  RouterChange,
  SiteChange,
  TenantChange,
  VniPoolChange,
} from "../domain/command.ts";
import { TOP_KINDS } from "../domain/resource.ts";
import * as example from "./example.ts";
import "./field-description.ts";

// New objects of the same fields: schemas that were made before the document's library was loaded have no `.openapi`,
// and which is loaded first depends on who imports what.
export const TenantSchema = z.object(Tenant.shape).openapi("Tenant", { example: example.tenant });
export const SiteSchema = z.object(Site.shape).openapi("Site", { example: example.site });
export const HostSchema = z.object(Host.shape).openapi("Host", { example: example.host });
export const FabricPeerSchema = z.object(FabricPeer.shape).openapi("FabricPeer", { example: example.fabricPeer });
export const VniPoolSchema = z.object(VniPool.shape).openapi("VniPool", { example: example.vniPool });
export const NetworkSchema = z.object(Network.shape).openapi("Network", { example: example.network });
export const RouterSchema = z.object(Router.shape).openapi("Router", { example: example.router });
export const PrefixSchema = z.object(RouterPrefix.shape).openapi("Prefix", { example: example.prefix });
export const EndpointSchema = z.object(Endpoint.shape).openapi("Endpoint", { example: example.endpoint });

export const NewTenantSchema = z.strictObject(NewTenant.shape).openapi("NewTenant");
export const NewSiteSchema = z.strictObject(NewSite.shape).openapi("NewSite");
export const NewHostSchema = z.strictObject(NewHost.shape).openapi("NewHost");
export const NewFabricPeerSchema = z.strictObject(NewFabricPeer.shape).openapi("NewFabricPeer");
export const NewVniPoolSchema = z.strictObject(NewVniPool.shape).openapi("NewVniPool");
export const NewNetworkSchema = z.strictObject(NewNetwork.shape).openapi("NewNetwork");
export const NewRouterSchema = z.strictObject(NewRouter.shape).openapi("NewRouter");
export const NewPrefixSchema = z.strictObject(NewPrefix.shape).openapi("NewPrefix");
export const NewEndpointSchema = z.strictObject(NewEndpoint.shape).openapi("NewEndpoint");

const PATCH = { description: "A JSON merge patch (RFC 7396): what is absent is kept, null removes." };
export const TenantPatchSchema = z.strictObject(TenantChange.shape).openapi("TenantPatch", PATCH);
export const SitePatchSchema = z.strictObject(SiteChange.shape).openapi("SitePatch", PATCH);
export const HostPatchSchema = z.strictObject(HostChange.shape).openapi("HostPatch", PATCH);
export const FabricPeerPatchSchema = z.strictObject(FabricPeerChange.shape).openapi("FabricPeerPatch", PATCH);
export const VniPoolPatchSchema = z.strictObject(VniPoolChange.shape).openapi("VniPoolPatch", PATCH);
export const NetworkPatchSchema = z.strictObject(NetworkChange.shape).openapi("NetworkPatch", PATCH);
export const RouterPatchSchema = z.strictObject(RouterChange.shape).openapi("RouterPatch", PATCH);
export const PrefixPatchSchema = z.strictObject(PrefixChange.shape).openapi("PrefixPatch", PATCH);
export const EndpointPatchSchema = z.strictObject(EndpointChange.shape).openapi("EndpointPatch", PATCH);
export const EndpointMoveSchema = z.strictObject(EndpointMove.shape).openapi("EndpointMove");
export const ActivationSchema = z
  .strictObject({
    force: z.boolean().optional().openapi({ description: "Also if the target did not report that it is ready." }),
  })
  .openapi("Activation");
export const AbandonmentSchema = z.strictObject({}).openapi("Abandonment");

/** A page of a list. */
export function pageSchema<T extends z.ZodType>(name: string, item: T) {
  const next = z.string().optional().openapi({ description: "The cursor of the next page; absent on the last." });
  return z.object({ items: z.array(item), next }).openapi(name);
}

/** Names a resource. */
export const RefSchema = z
  .object({
    kind: z.enum([...TOP_KINDS, "endpoint", "prefix"]),
    id: Slug,
    network: Slug.optional().openapi({ description: "Of an endpoint only." }),
    router: Slug.optional().openapi({ description: "Of a prefix only." }),
  })
  .openapi("ResourceRef", { example: { kind: "endpoint", network: "web", id: "vm1" } });

const FieldErrorSchema = z.object({ field: z.string(), reason: z.string() }).openapi("FieldError");

export const ProblemSchema = z
  .object({
    type: z.string().openapi({ description: "urn:overspan:problem: and a word that programs can switch on." }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    field: z.string().optional().openapi({ description: "The first field at fault, as a path." }),
    reason: z.string().openapi({ description: "What is wrong with it, or why it cannot be done." }),
    errors: z.array(FieldErrorSchema).optional().openapi({ description: "Every field at fault." }),
    blocking: z.array(RefSchema).optional().openapi({ description: "What is in the way." }),
    current: z
      .record(z.string(), z.unknown())
      .optional()
      .openapi({ description: "The resource as it is, if a precondition failed." }),
  })
  .openapi("Problem", { description: "RFC 9457" });

export const DeletedSchema = z
  .object({
    change: Stored.shape.change,
    cascaded: z
      .number()
      .int()
      .optional()
      .openapi({ description: "How many other resources a cascade deleted or changed." }),
  })
  .openapi("Deleted");

const UsageSchema = z.object({
  used: z.number().int(),
  quota: z.number().int(),
});
export const ShownTenantSchema = TenantSchema.extend({
  usage: z
    .object({ networks: UsageSchema, routers: UsageSchema, endpoints: UsageSchema })
    .openapi({ description: "What the tenant has, and may have." }),
}).openapi("ShownTenant", { example: example.shownTenant });

export const ShownVniPoolSchema = VniPoolSchema.extend({
  size: z.number().int().openapi({ description: "How many VNIs the pool is of." }),
  used: z.number().int().openapi({ description: "How many of them networks and routers have." }),
}).openapi("ShownVniPool", { example: example.shownVniPool });

export const BatchSchema = z
  .strictObject({
    items: z
      .array(
        z.discriminatedUnion("op", [
          z.strictObject({ op: z.literal("create"), endpoint: NewEndpointSchema }),
          z.strictObject({ op: z.literal("put"), endpoint: NewEndpointSchema.required({ id: true }) }),
          z.strictObject({ op: z.literal("delete"), id: Slug }),
        ]),
      )
      .min(1, "must be at least 1 item")
      .max(1000, "must be at most 1000 items"),
  })
  .openapi("EndpointBatch");

export const BatchResultSchema = z
  .object({
    done: z.number().int().openapi({ description: "How many items are as asked." }),
    refused: z.number().int(),
    items: z.array(
      z.object({
        status: z.number().int().openapi({ description: "As of a request for this item alone." }),
        id: Slug.optional(),
        endpoint: EndpointSchema.optional(),
        change: z.string().optional().openapi({ description: "Of a deletion." }),
        problem: ProblemSchema.optional(),
      }),
    ),
  })
  .openapi("EndpointBatchResult");

export const AuditEntrySchema = z
  .object({
    id: z.string().openapi({ description: "The change; of a refusal an id of its own." }),
    at: z.iso.datetime(),
    actor: z.string().openapi({ description: "anonymous, or a kind and an id: user:jane." }),
    outcome: z.enum(["done", "refused"]),
    action: z.string().optional(),
    resource: RefSchema.optional(),
    tenant: z
      .string()
      .optional()
      .openapi({ description: "Whose the resource is; of a refusal, the one that whoever asked is bound to, if any." }),
    version: z.number().int().optional(),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    operation: z.string().optional().openapi({ description: "Of a refusal, as `path` to `request` are." }),
    path: z.string().optional(),
    status: z.number().int().optional(),
    problem: z.string().optional(),
    reason: z.string().optional(),
    request: z.unknown().optional(),
  })
  .openapi("AuditEntry", { example: example.auditEntry });
