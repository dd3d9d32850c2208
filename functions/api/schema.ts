// The schemas of the API's document: those that parse requests (shared/model), with descriptions, patterns and examples
// for the fields that they turn into branded addresses.

import { z } from "@hono/zod-openapi";
import {
  AnnotationValue,
  AsnField,
  DisplayName,
  HoldTimeSec,
  InterfaceName,
  PortName,
  IpField,
  Ipv4Field,
  LabelValue,
  MacField,
  MtuBytes,
  PrefixField,
  RouteDistinguisherField,
  RouteTargetField,
  Slug,
  VniField,
  VtepField,
} from "../../shared/model/fields.ts";
import {
  Annotations,
  Endpoint,
  EndpointMove,
  FabricPeer,
  Host,
  Labels,
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
import { BgpFamilies, HostUnderlay } from "../../shared/model/underlay.ts";
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

const IPV4 = "(25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.(25[0-5]|2[0-4]\\d|1?\\d?\\d)){3}";
/** A hint for editors: the server's parser is exact, and IPv6 has no pattern that a person could read. */
const IPV6 = "[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*";

describeField(Slug, "An identifier: 1 to 48 lower-case letters, digits and inner hyphens.", "blue");
describeField(DisplayName, "A name for people: 1 to 128 characters, no control characters.", "Blue", {
  pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,128}$",
});
describeField(MacField, "A unicast MAC address; given back in lower case with colons.", "02:00:5e:10:00:01", {
  pattern: "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$",
});
describeField(IpField, "A unicast IPv4 or IPv6 address; IPv6 is given back as in RFC 5952.", "10.1.0.10", {
  pattern: `^(${IPV4}|${IPV6})$`,
});
describeField(VtepField, "The underlay address of a VTEP, IPv4 or IPv6, not link-local.", "192.0.2.11", {
  pattern: `^(${IPV4}|${IPV6})$`,
});
describeField(Ipv4Field, "A unicast IPv4 address.", "192.0.2.11", { pattern: `^${IPV4}$` });
describeField(PrefixField, "A prefix without host bits.", "10.1.0.0/24", {
  pattern: `^(${IPV4}|${IPV6})/\\d{1,3}$`,
});
describeField(VniField, "VXLAN network identifier (RFC 7348).", 10100, {
  type: "integer",
  minimum: 1,
  maximum: 16777215,
});
describeField(AsnField, "AS number (RFC 6793), not 23456 or 65535.", 65101, {
  type: "integer",
  minimum: 1,
  maximum: 4294967294,
});
describeField(RouteTargetField, "A route target (RFC 4360): ASN:number or IPv4:number.", "65000:10100", {
  pattern: `^(\\d{1,10}L?|${IPV4}):\\d{1,10}$`,
});
describeField(
  RouteDistinguisherField,
  "A route distinguisher (RFC 4364 4.2): IPv4:number or ASN:number. No two hosts, and no two VNIs of one, should have the same.",
  "192.0.2.1:10100",
  { pattern: `^(\\d{1,10}L?|${IPV4}):\\d{1,10}$` },
);
describeField(InterfaceName, "A network interface's name on the host.", "tap0");
describeField(PortName, "The name of the endpoint's network interface on the host; any but lo.", "tap0");
describeField(HoldTimeSec, "BGP hold time in seconds (RFC 4271 4.2): 0 for none, else at least 3.", 9, {
  minimum: 0,
  maximum: 65535,
});
describeField(MtuBytes, "Overlay MTU in octets.", 1450);
describeField(BgpFamilies, "What the peer is offered (RFC 4760); one must be agreed. Default: evpn alone.", ["evpn"]);
describeField(
  HostUnderlay,
  "Unicast routes with the peers that are offered such families. Nothing is announced or accepted but what it names.",
  example.underlay,
);
describeField(HostUnderlay.shape.announceVtep, "Announce the VTEP's address as a /32 or /128; nothing else is.", true);
describeField(
  HostUnderlay.shape.accept,
  "A prefix list. Absent: nothing of external peers (RFC 8212), everything of internal ones.",
  example.underlay.accept,
);
describeField(HostUnderlay.shape.nextHops, "Next hops that routes may have; link-local ones always. Absent: any.", [
  "192.0.2.0/24",
]);
describeField(HostUnderlay.shape.maximumPaths, "Equal paths used at a time, 1 to 64; default 8.", 8);
describeField(HostUnderlay.shape.multipathRelax, "Paths of equal length through other ASes count as equal.", true);
describeField(HostUnderlay.shape.maximumRoutes, "How many routes a peer may have here, in each unicast family.", {
  limit: 1000,
});
describeField(AnnotationValue, "An annotation: at most 512 characters.", "Jane", {
  pattern: "^[^\\ud800-\\udfff]{0,512}$",
});
describeField(LabelValue, "A label: empty, or at most 63 letters, digits and inner . _ -.", "web");
describeField(Labels, "Labels: lists can be filtered by them. At most 32.", { tier: "web" });
describeField(Annotations, "Free text by name, which nothing reads. At most 32.", { owner: "Jane, +49 69 1234" });
describeField(Stored.shape.version, "Grows with every change, over a deletion and re-creation too.", 1);
describeField(Stored.shape.createdAt, "When it was created.", example.AT);
describeField(Stored.shape.updatedAt, "When it was last changed.", example.AT);
describeField(Stored.shape.change, "The change that wrote this version: GET /v1/changes/{change}.", example.CHANGE);

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

const ChannelSchema = z
  .string()
  .openapi({ description: "net:<network>, rtr:<router> or host:<host>.", example: "net:web" });
const FleetState = z.enum(["in-sync", "behind", "diverged", "kernel", "silent", "unreported"]).openapi({
  description:
    "The worst of its channels: diverged: its copy is not what was sent; kernel: its kernel is not as it should be; behind: it lacks entries. silent: it reports no more. unreported: it never did.",
});
const LaggingSchema = z
  .array(
    z.object({
      channel: ChannelSchema,
      state: z.enum(["behind", "diverged", "kernel"]),
      behindBy: z.number().int(),
      since: z.iso.datetime(),
    }),
  )
  .openapi({ description: "Channels that it does not have as it should, the longest first; not all of very many." });

export const ShownHostSchema = HostSchema.extend({
  status: z
    .object({
      lastSeenAt: z.iso.datetime(),
      inSync: z.boolean(),
      agent: z.object({ version: z.string(), startedAtMs: z.number(), kernel: z.string() }),
      bgp: z.array(
        z.object({
          peer: z.string(),
          asn: z.number(),
          state: z.string(),
          sinceMs: z.number(),
          routesIn: z.number(),
          routesOut: z.number(),
        }),
      ),
      capabilities: z.record(z.string(), z.unknown()).optional(),
      state: FleetState,
      reason: z.string().optional(),
      since: z.iso.datetime().optional(),
      channels: LaggingSchema,
    })
    .optional()
    .openapi({
      description: "Its last report, and what it comes to now; absent if it never reported, or not for a month.",
    }),
}).openapi("ShownHost", { example: example.shownHost });

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

const HostsSchema = z.object({
  total: z.number().int(),
  live: z.number().int(),
  waiting: z.array(
    z.object({
      host: Slug,
      state: z.enum(["unreported", "silent", "pending", "behind", "diverged", "kernel"]).openapi({
        description:
          "unreported: it never reported. silent: it reports no more. pending: not of this channel yet. behind: it lacks entries. diverged: its copy is not what was sent. kernel: its kernel is not as it should be.",
      }),
      reason: z.string(),
      since: z.iso.datetime().optional(),
      problem: z.string().optional().openapi({ description: "What the host says that its kernel refused." }),
    }),
  ),
});
const TorsSchema = z
  .object({
    total: z.number().int(),
    seen: z.number().int(),
    at: z.array(
      z.object({
        tor: z.string().openapi({ description: "The fabric peer, or what the ToR calls itself, or its address." }),
        state: z.enum(["seen", "told", "pending", "missing", "down", "unknown"]).openapi({
          description:
            "seen: another host has the route from there. told: the host told it, and nobody else is there to show it. pending: one of the two is to come. missing: another host does not have it from there. down: no session. unknown: the host does not report.",
        }),
        reason: z.string(),
        by: Slug.optional().openapi({ description: "The host that has the route from there." }),
      }),
    ),
  })
  .openapi({ description: "Of an endpoint, the ToRs of its host; absent where there is nothing to be seen." });
const TimesSchema = z
  .object({ measured: z.number().int(), p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() })
  .openapi({ description: "From accepted to live, over the hosts that have it, as far as it was measured." });
export const ReceiptSchema = z
  .object({
    change: z.string(),
    resource: RefSchema,
    at: z.iso.datetime(),
    state: z.enum(["accepted", "published", "live"]).openapi({
      description: "accepted: stored. published: sent to the hosts. live: in the kernel of every host concerned.",
    }),
    published: z.array(z.object({ channel: ChannelSchema, seq: z.number().int() })),
    hosts: HostsSchema,
    times: TimesSchema.optional(),
    tors: TorsSchema.optional(),
    summary: z.string(),
  })
  .openapi("Receipt", { example: example.receipt });

export const ConvergenceSchema = z
  .object({
    network: Slug,
    channel: ChannelSchema,
    seq: z.number().int(),
    converged: z.boolean(),
    hosts: HostsSchema,
    recent: TimesSchema.extend({ steps: z.number().int() })
      .optional()
      .openapi({ description: "From published to live, over these hosts and the last steps." }),
    items: z.array(
      z.object({
        host: Slug,
        state: z.enum(["in-sync", "unreported", "silent", "pending", "behind", "diverged", "kernel"]),
        reason: z.string().optional(),
        since: z.iso.datetime().optional(),
        appliedSeq: z.number().int(),
        behindBy: z.number().int(),
        digestEqual: z.boolean().openapi({ description: "Its copy is what was sent." }),
        kernelEqual: z.boolean().openapi({ description: "Its kernel holds that." }),
        lastSeenAt: z.iso.datetime().optional(),
        errors: z.array(z.string()),
      }),
    ),
    next: z.string().optional().openapi({ description: "The cursor of the next page; absent on the last." }),
    summary: z.string(),
  })
  .openapi("Convergence", { example: example.convergence });

const Noted = z.array(z.object({ at: z.iso.datetime(), detail: z.string() }));
const Count = z.number().int();
export const FleetSchema = z
  .object({
    hosts: z.object({
      total: Count,
      inSync: Count,
      behind: Count,
      diverged: Count,
      kernel: Count,
      silent: Count,
      unreported: Count,
    }),
    sessionsDown: Count,
    conflicts: Count,
    drift: Count,
    items: z
      .array(
        z.object({
          host: Slug,
          site: Slug,
          state: FleetState,
          reason: z.string().optional(),
          since: z.iso.datetime().optional(),
          lastSeenAt: z.iso.datetime().optional(),
          channels: LaggingSchema,
          sessionsDown: z.array(z.object({ peer: z.string(), state: z.string(), since: z.iso.datetime() })),
          conflicts: Noted,
          drift: Noted,
        }),
      )
      .openapi({ description: "Those that need a look." }),
    next: z.string().optional().openapi({ description: "The cursor of the next page; absent on the last." }),
  })
  .openapi("Fleet", { example: example.fleet });

/** On the instance itself, not on a copy: the resources' schemas hold these very instances. */
function describeField(
  field: z.ZodType,
  description: string,
  example: unknown,
  more: Record<string, unknown> = {},
): void {
  z.globalRegistry.add(field, { description, example, ...more });
}
