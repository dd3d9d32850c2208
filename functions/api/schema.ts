// The schemas of the API's document: those that parse requests (shared/model), with descriptions, patterns and examples
// for the fields that they turn into branded addresses.

import { z } from "@hono/zod-openapi";
import {
  AsnField,
  DisplayName,
  HoldTimeSec,
  InterfaceName,
  IpField,
  Ipv4Field,
  MacField,
  MtuBytes,
  PrefixField,
  RouteTargetField,
  Slug,
  VniField,
  VtepField,
} from "../../shared/model/fields.ts";
import {
  Endpoint,
  EndpointMove,
  Host,
  Network,
  NewEndpoint,
  NewHost,
  NewNetwork,
  NewSite,
  NewTenant,
  Site,
  Stored,
  Tenant,
} from "../../shared/model/resource.ts";
import { BgpFamilies, HostUnderlay } from "../../shared/model/underlay.ts";
import { EndpointChange, HostChange, NetworkChange, SiteChange, TenantChange } from "../domain/command.ts";
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
describeField(InterfaceName, "A network interface's name on the host.", "tap0");
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
describeField(Stored.shape.version, "Grows with every change, over a deletion and re-creation too.", 1);
describeField(Stored.shape.createdAt, "When it was created.", example.AT);
describeField(Stored.shape.updatedAt, "When it was last changed.", example.AT);
describeField(Stored.shape.change, "The change that wrote this version: GET /v1/changes/{change}.", example.CHANGE);

// New objects of the same fields: schemas that were made before the document's library was loaded have no `.openapi`,
// and which is loaded first depends on who imports what.
export const TenantSchema = z.object(Tenant.shape).openapi("Tenant", { example: example.tenant });
export const SiteSchema = z.object(Site.shape).openapi("Site", { example: example.site });
export const HostSchema = z.object(Host.shape).openapi("Host", { example: example.host });
export const NetworkSchema = z.object(Network.shape).openapi("Network", { example: example.network });
export const EndpointSchema = z.object(Endpoint.shape).openapi("Endpoint", { example: example.endpoint });

export const NewTenantSchema = z.strictObject(NewTenant.shape).openapi("NewTenant");
export const NewSiteSchema = z.strictObject(NewSite.shape).openapi("NewSite");
export const NewHostSchema = z.strictObject(NewHost.shape).openapi("NewHost");
export const NewNetworkSchema = z.strictObject(NewNetwork.shape).openapi("NewNetwork");
export const NewEndpointSchema = z.strictObject(NewEndpoint.shape).openapi("NewEndpoint");

const PATCH = { description: "A JSON merge patch (RFC 7396): what is absent is kept, null removes." };
export const TenantPatchSchema = z.strictObject(TenantChange.shape).openapi("TenantPatch", PATCH);
export const SitePatchSchema = z.strictObject(SiteChange.shape).openapi("SitePatch", PATCH);
export const HostPatchSchema = z.strictObject(HostChange.shape).openapi("HostPatch", PATCH);
export const NetworkPatchSchema = z.strictObject(NetworkChange.shape).openapi("NetworkPatch", PATCH);
export const EndpointPatchSchema = z.strictObject(EndpointChange.shape).openapi("EndpointPatch", PATCH);
export const EndpointMoveSchema = z.strictObject(EndpointMove.shape).openapi("EndpointMove");

/** A page of a list. */
export function pageSchema<T extends z.ZodType>(name: string, item: T) {
  const next = z.string().optional().openapi({ description: "The cursor of the next page; absent on the last." });
  return z.object({ items: z.array(item), next }).openapi(name);
}

const RefSchema = z
  .object({
    kind: z.enum(["tenant", "site", "host", "network", "endpoint"]),
    id: Slug,
    network: Slug.optional().openapi({ description: "Of an endpoint only." }),
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
  })
  .openapi("Problem", { description: "RFC 9457" });

export const DeletedSchema = z.object({ change: Stored.shape.change }).openapi("Deleted");

const HostsSchema = z.object({
  total: z.number().int(),
  live: z.number().int(),
  waiting: z.array(z.object({ host: Slug, reason: z.string() })),
});
const ChannelSchema = z.string().openapi({ description: "net:<network> or host:<host>.", example: "net:web" });

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
    summary: z.string(),
  })
  .openapi("Convergence", { example: example.convergence });

/** On the instance itself, not on a copy: the resources' schemas hold these very instances. */
function describeField(
  field: z.ZodType,
  description: string,
  example: unknown,
  more: Record<string, unknown> = {},
): void {
  z.globalRegistry.add(field, { description, example, ...more });
}
