// The fields that resources and messages share, as zod schemas that turn text into branded addresses.
// Each says in its message what is allowed, since the message reaches the caller of the API as it is.

import * as z from "zod";
import { type IpAddress, type Ipv4, isIpv4, isLinkLocal, isUnicastIp, parseIp } from "../address/ip.ts";
import { isMulticastMac, type Mac, parseMac, ZERO_MAC } from "../address/mac.ts";
import { type Prefix, parsePrefix } from "../address/prefix.ts";
import { parseRouteDistinguisher, type RouteDistinguisher } from "../address/rd.ts";
import { parseRouteTarget, type RouteTarget } from "../address/rt.ts";
import { type Asn, MAX_VNI, parseAsn, parseVni, type Vni } from "../address/vni.ts";

/** Identifiers in URLs, topics and device aliases: lower case letters, digits and inner hyphens, 1..48 characters. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$/, "must be 1 to 48 lower-case letters, digits and inner hyphens");

/** Free text for people, 1..128 characters without control characters; half a surrogate pair is no character. */
export const DisplayName = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,128}$/u, "must be 1 to 128 characters without control characters");

export const MacField = z.string().transform((text, context): Mac => {
  const mac = parseMac(text);
  if (mac && mac !== ZERO_MAC && !isMulticastMac(mac)) return mac;
  const reason = mac ? "must be a unicast MAC address" : "must be a MAC address such as 02:00:5e:10:00:01";
  context.addIssue({ code: "custom", message: reason });
  return z.NEVER;
});

export const IpField = z.string().transform((text, context): IpAddress => {
  const ip = parseIp(text);
  if (ip && isUnicastIp(ip)) return ip;
  context.addIssue({ code: "custom", message: ip ? "must be a unicast address" : "must be an IPv4 or IPv6 address" });
  return z.NEVER;
});

/** The underlay address of a VTEP: routed between hosts, so not link-local. */
export const VtepField = z.string().transform((text, context): IpAddress => {
  const ip = parseIp(text);
  if (ip && isUnicastIp(ip) && !isLinkLocal(ip)) return ip;
  const reason = ip ? "must be a unicast address that is routed, not link-local" : "must be an IPv4 or IPv6 address";
  context.addIssue({ code: "custom", message: reason });
  return z.NEVER;
});

export const Ipv4Field = z.string().transform((text, context): Ipv4 => {
  const ip = parseIp(text);
  if (ip && isIpv4(ip) && isUnicastIp(ip)) return ip;
  context.addIssue({ code: "custom", message: "must be a unicast IPv4 address" });
  return z.NEVER;
});

export const PrefixField = z.string().transform((text, context): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  context.addIssue({ code: "custom", message: "must be a prefix such as 10.0.0.0/24, with no host bits set" });
  return z.NEVER;
});

export const VniField = z.number().transform((value, context): Vni => {
  const vni = parseVni(value);
  if (vni !== undefined) return vni;
  context.addIssue({ code: "custom", message: `must be a whole number from 1 to ${MAX_VNI} (RFC 7348)` });
  return z.NEVER;
});

export const AsnField = z.number().transform((value, context): Asn => {
  const asn = parseAsn(value);
  if (asn !== undefined) return asn;
  const reason = "must be an AS number from 1 to 4294967294, not 23456 or 65535 (RFC 6793, 7300)";
  context.addIssue({ code: "custom", message: reason });
  return z.NEVER;
});

export const RouteTargetField = z.string().transform((text, context): RouteTarget => {
  const rt = parseRouteTarget(text);
  if (rt) return rt;
  context.addIssue({ code: "custom", message: "must be a route target such as 65000:100 (RFC 4360)" });
  return z.NEVER;
});

export const RouteDistinguisherField = z.string().transform((text, context): RouteDistinguisher => {
  const rd = parseRouteDistinguisher(text);
  if (rd) return rd;
  context.addIssue({ code: "custom", message: "must be a route distinguisher such as 192.0.2.1:100 (RFC 4364)" });
  return z.NEVER;
});

/** A Linux interface name: 1..15 octets (IFNAMSIZ), without `/`, white space or the names `.` and `..`. */
export const InterfaceName = z
  .string()
  .regex(/^(?!\.{1,2}$)[!-.0-~]{1,15}$/, "must be an interface name of 1 to 15 visible characters without /");

/** The interface of an endpoint: any but the host's own loopback device, and of a name that nftables takes as it is. */
export const PortName = InterfaceName.refine((name) => name !== "lo", {
  message: "must not be lo: the loopback device belongs to the host itself",
}).refine((name) => !/^@|[*"\\]/.test(name), {
  message: 'must not begin with @ or have *, " or \\: to the guards of ports these mean other things than a name',
});

/** Hold time in seconds (RFC 4271 4.2): 0 for none, else at least 3. */
export const HoldTimeSec = z
  .number()
  .int()
  .refine((value) => value === 0 || (value >= 3 && value <= 65535), "must be 0, or 3 to 65535 seconds (RFC 4271)");

/** UDP source ports of the outer header: `from`, up to `to`. The kernel spreads flows over them (as `ip link … srcport`). */
export const SourcePorts = z
  .strictObject({
    from: z.number().int().min(1024, "must be at least 1024").max(65535, "must be at most 65535"),
    to: z.number().int().max(65535, "must be at most 65535"),
  })
  .refine(({ from, to }) => from < to, { path: ["to"], message: "must be above from" });

/** Overlay MTU in octets: 1280 (what IPv6 needs) to 9216. */
export const MtuBytes = z.number().int().min(1280, "must be at least 1280").max(9216, "must be at most 9216");

/** A label's name: 1..63 lower-case letters, digits and inner `.`, `_`, `-`, `/`. Never a name of Object's prototype. */
export const LabelKey = z
  .string()
  .regex(
    /^(?!constructor$)[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/,
    "must be 1 to 63 lower-case letters, digits and inner . _ - /",
  );

/** A label's value: empty, or 1..63 letters, digits and inner `.`, `_`, `-`. */
export const LabelValue = z
  .string()
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
    "must be empty or 1 to 63 letters, digits and inner . _ -",
  );

/** An annotation: up to 512 characters, no half surrogate pairs. */
export const AnnotationValue = z.string().regex(/^[^\p{Cs}]{0,512}$/u, "must be at most 512 characters");
