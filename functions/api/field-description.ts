// What the document says of the fields that are parsed into branded values: a description, a pattern and an example each.
// Imported for its effect.

import { z } from "@hono/zod-openapi";
import {
  AnnotationValue,
  AsnField,
  DisplayName,
  HoldTimeSec,
  InterfaceName,
  IpField,
  Ipv4Field,
  LabelValue,
  MacField,
  MtuBytes,
  PortName,
  PrefixField,
  RouteDistinguisherField,
  RouteTargetField,
  Slug,
  SourcePorts,
  VniField,
  VtepField,
} from "../../shared/model/fields.ts";
import { Annotations, Labels, Stored } from "../../shared/model/resource.ts";
import { BgpFamilies, HostUnderlay } from "../../shared/model/underlay.ts";
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
describeField(
  SourcePorts,
  "UDP source ports of the tunnels' frames, `from` up to `to`. Absent: the kernel's choice. To set, change or remove it makes the tunnel device of each host anew: frames in flight are lost.",
  { from: 50000, to: 60000 },
);
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

/** On the instance itself, not on a copy: the resources' schemas hold these very instances. */
function describeField(
  field: z.ZodType,
  description: string,
  example: unknown,
  more: Record<string, unknown> = {},
): void {
  z.globalRegistry.add(field, { description, example, ...more });
}
