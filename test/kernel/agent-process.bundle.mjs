// test/kernel/agent-process.ts
import { createInterface } from "node:readline";

// shared/model/record.ts
import * as z4 from "zod";

// shared/model/fields.ts
import * as z from "zod";

// shared/address/ip.ts
var OCTET = /^(0|[1-9]\d{0,2})$/;
function parseIpv4(text) {
  const octets = text.split(".");
  const valid = octets.length === 4 && octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255);
  return valid ? text : void 0;
}
function parseIpv6(text) {
  const groups = ipv6Groups(text);
  return groups ? formatIpv6(groups) : void 0;
}
function parseIp(text) {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}
function isIpv4(ip2) {
  return !ip2.includes(":");
}
function ipToOctets(ip2) {
  const octets = new Uint8Array(isIpv4(ip2) ? 4 : 16);
  writeIp(ip2, octets);
  return octets;
}
function writeIp(ip2, target, offset = 0) {
  if (isIpv4(ip2)) {
    writeIpv4Octets(ip2, target, offset);
    return;
  }
  const groups = ipv6Groups(ip2);
  if (!groups) throw new RangeError(`not an IPv6 address: ${ip2}`);
  groups.forEach((group, index) => {
    target[offset + index * 2] = group >> 8;
    target[offset + index * 2 + 1] = group & 255;
  });
}
function writeIpv4Octets(ip2, target, offset) {
  let at = offset;
  let value = 0;
  for (let i = 0; i < ip2.length; i++) {
    const code = ip2.charCodeAt(i);
    if (code === DOT) {
      target[at++] = value;
      value = 0;
    } else value = value * 10 + code - 48;
  }
  target[at] = value;
}
var DOT = 46;
function ipFromOctets(octets) {
  if (octets.length === 4) return ipv4FromOctets(octets, 0);
  if (octets.length !== 16) throw new RangeError(`an IP address has 4 or 16 octets, not ${octets.length}`);
  const groups = [];
  for (let i = 0; i < 16; i += 2) groups.push(octets[i] << 8 | octets[i + 1]);
  return formatIpv6(groups);
}
function ipv4FromOctets(octets, offset) {
  const at = (i) => octets[offset + i];
  return ipv4FromNumber(at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3));
}
function ipv4FromNumber(value) {
  return TEXT.toString("latin1", 0, writeIpv4(value));
}
function ipv4WithLength(value, length) {
  const end = writeIpv4(value);
  TEXT[end] = SLASH;
  return TEXT.toString("latin1", 0, writeDecimal(length, end + 1));
}
var TEXT = Buffer.alloc(18);
var [SLASH, ZERO] = [47, 48];
function writeIpv4(value) {
  let at = writeDecimal(value >>> 24, 0);
  for (let shift = 16; shift >= 0; shift -= 8) {
    TEXT[at++] = DOT;
    at = writeDecimal(value >>> shift & 255, at);
  }
  return at;
}
function writeDecimal(value, at) {
  const [hundreds, tens] = [value / 100 | 0, value / 10 | 0];
  if (hundreds > 0) TEXT[at++] = ZERO + hundreds;
  if (tens > 0) TEXT[at++] = ZERO + tens % 10;
  TEXT[at] = ZERO + value % 10;
  return at + 1;
}
function isUnicastIp(ip2) {
  const octets = ipToOctets(ip2);
  const first = octets[0];
  if (octets.length === 4) return first !== 0 && first !== 127 && first < 224;
  const loopbackOrZero = octets.subarray(0, 15).every((octet) => octet === 0) && octets[15] < 2;
  const mapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255;
  return !loopbackOrZero && !mapped && first !== 255;
}
function isLinkLocal(ip2) {
  return /^fe[89ab]/.test(ip2);
}
function compareIps(a, b) {
  if (a === b) return 0;
  const left = ipToOctets(a);
  const right = ipToOctets(b);
  if (left.length !== right.length) return left.length - right.length;
  const at = left.findIndex((octet, index) => octet !== right[index]);
  return left[at] - right[at];
}
function ipv6Groups(text) {
  const dotted = /^(.*:)([^:]*\.[^:]*)$/.exec(text);
  let hex2 = text;
  if (dotted) {
    const tail2 = parseIpv4(dotted[2]);
    if (!tail2) return void 0;
    const [a, b, c, d] = ipToOctets(tail2);
    hex2 = `${dotted[1]}${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  }
  const halves = hex2.split("::");
  if (halves.length > 2) return void 0;
  const parsed = halves.map((half2) => half2 === "" ? [] : half2.split(":").map(parseGroup));
  const head = parsed[0] ?? [];
  const tail = parsed[1];
  const all = [...head, ...tail ?? []];
  if (all.includes(-1)) return void 0;
  if (!tail) return head.length === 8 ? head : void 0;
  if (all.length > 7) return void 0;
  return [...head, ...Array.from({ length: 8 - all.length }, () => 0), ...tail];
}
function parseGroup(text) {
  return /^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) : -1;
}
function formatIpv6(groups) {
  let start2 = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start2 = i;
      length = end - i;
    }
    i = end === i ? i + 1 : end;
  }
  const hex2 = groups.map((group) => group.toString(16));
  if (start2 < 0) return hex2.join(":");
  return `${hex2.slice(0, start2).join(":")}::${hex2.slice(start2 + length).join(":")}`;
}

// shared/address/mac.ts
var MAC_TEXT = /^([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})$/i;
var ZERO_MAC = "00:00:00:00:00:00";
function parseMac(text) {
  const groups = MAC_TEXT.exec(text);
  return groups ? groups.slice(1).join(":").toLowerCase() : void 0;
}
function isMulticastMac(mac) {
  return (Number.parseInt(mac.charAt(1), 16) & 1) === 1;
}
function macFromOctets(octets, offset = 0) {
  if (offset < 0 || offset + 6 > octets.length) throw new RangeError("a MAC address needs 6 octets");
  const at = (i) => octets[offset + i];
  return macFromNumbers(at(0) << 16 | at(1) << 8 | at(2), at(3) << 16 | at(4) << 8 | at(5));
}
function macFromNumbers(high, low) {
  return String.fromCharCode(
    digit(high >> 20),
    digit(high >> 16),
    COLON,
    digit(high >> 12),
    digit(high >> 8),
    COLON,
    digit(high >> 4),
    digit(high),
    COLON,
    digit(low >> 20),
    digit(low >> 16),
    COLON,
    digit(low >> 12),
    digit(low >> 8),
    COLON,
    digit(low >> 4),
    digit(low)
  );
}
var COLON = 58;
function digit(bits) {
  const value = bits & 15;
  return value < 10 ? 48 + value : 87 + value;
}
function nibble(code) {
  return code < 58 ? code - 48 : code - 87;
}
function writeMac(mac, target, offset = 0) {
  for (let i = 0; i < 6; i++)
    target[offset + i] = nibble(mac.charCodeAt(i * 3)) << 4 | nibble(mac.charCodeAt(i * 3 + 1));
}
function macToOctets(mac) {
  const octets = new Uint8Array(6);
  writeMac(mac, octets);
  return octets;
}

// shared/address/prefix.ts
function parsePrefix(text) {
  const parts = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const ip2 = parts && parseIp(parts[1]);
  if (!ip2) return void 0;
  const length = Number(parts[2]);
  if (length > (isIpv4(ip2) ? 32 : 128)) return void 0;
  return mask(ip2, length) === ip2 ? `${ip2}/${length}` : void 0;
}
function prefixAddress(prefix) {
  return prefix.slice(0, prefix.indexOf("/"));
}
function prefixLength(prefix) {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}
function hostPrefix(ip2) {
  return `${ip2}/${isIpv4(ip2) ? 32 : 128}`;
}
function ipFromPrefix(prefix) {
  const ip2 = prefixAddress(prefix);
  return hostPrefix(ip2) === prefix ? ip2 : void 0;
}
function prefixContains(prefix, ip2) {
  const base = prefixAddress(prefix);
  return isIpv4(base) === isIpv4(ip2) && mask(ip2, prefixLength(prefix)) === base;
}
function mask(ip2, length) {
  const octets = ipToOctets(ip2);
  for (let i = 0; i < octets.length; i++) {
    const keep = Math.min(8, Math.max(0, length - i * 8));
    octets[i] = octets[i] & 255 << 8 - keep & 255;
  }
  return ipFromOctets(octets);
}

// shared/address/admin-number.ts
function parseAdminNumber(text) {
  const parts = /^(\d+\.\d+\.\d+\.\d+|\d{1,10})(L?):(0|[1-9]\d{0,9})$/.exec(text);
  if (!parts) return void 0;
  const [, admin, long, digits] = parts;
  const number8 = Number(digits);
  if (admin.includes(".")) return !long && parseIpv4(admin) && number8 <= 65535 ? text : void 0;
  const asn = Number(admin);
  if (String(asn) !== admin || asn > 4294967295) return void 0;
  if (asn > 65535) return number8 <= 65535 ? `${asn}:${number8}` : void 0;
  if (long) return number8 <= 65535 ? text : void 0;
  return number8 <= 4294967295 ? text : void 0;
}
function encodeAdminNumber(text) {
  const colon = text.lastIndexOf(":");
  const admin = text.slice(0, colon);
  const number8 = Number(text.slice(colon + 1));
  const octets = new Uint8Array(6);
  const view = new DataView(octets.buffer);
  if (admin.includes(".")) {
    octets.set(ipToOctets(admin));
    view.setUint16(4, number8);
    return { type: 1, octets };
  }
  const asn = Number.parseInt(admin, 10);
  if (asn > 65535 || admin.endsWith("L")) {
    view.setUint32(0, asn);
    view.setUint16(4, number8);
    return { type: 2, octets };
  }
  view.setUint16(0, asn);
  view.setUint32(2, number8);
  return { type: 0, octets };
}
function decodeAdminNumber(type, octets) {
  const view = new DataView(octets.buffer, octets.byteOffset, 6);
  if (type === 0) return `${view.getUint16(0)}:${view.getUint32(2)}`;
  if (type === 1) return `${ipFromOctets(octets.subarray(0, 4))}:${view.getUint16(4)}`;
  const asn = view.getUint32(0);
  return `${asn}${asn > 65535 ? "" : "L"}:${view.getUint16(4)}`;
}

// shared/address/rt.ts
function parseRouteTarget(text) {
  return parseAdminNumber(text);
}
function anyAsTarget(number8) {
  return `*:${number8}`;
}
function anyAsOf(target) {
  const colon = target.indexOf(":");
  return target.includes(".") ? void 0 : `*${target.slice(colon)}`;
}
function importsAny(imports, carried) {
  return carried.some((target) => {
    const anyAs = anyAsOf(target);
    return imports.has(target) || anyAs !== void 0 && imports.has(anyAs);
  });
}
function autoRouteTarget(asn, vni) {
  return `${asn & 65535}:${vni}`;
}
function rtToOctets(rt) {
  const { type, octets } = encodeAdminNumber(rt);
  return Uint8Array.of(type, 2, ...octets);
}
function rtFromOctets(octets) {
  const type = octets[0];
  if (octets.length !== 8 || type > 2 || octets[1] !== 2) return void 0;
  return decodeAdminNumber(type, octets.subarray(2));
}

// shared/address/vni.ts
var MAX_VNI = 16777215;
var MAX_ASN = 4294967295;
var AS_TRANS = 23456;
var RESERVED_ASNS = /* @__PURE__ */ new Set([0, AS_TRANS, 65535, MAX_ASN]);
function parseVni(value) {
  return Number.isInteger(value) && value >= 1 && value <= MAX_VNI ? value : void 0;
}
function parseAsn(value) {
  const valid = Number.isInteger(value) && value >= 1 && value <= MAX_ASN && !RESERVED_ASNS.has(value);
  return valid ? value : void 0;
}

// shared/model/fields.ts
var Slug = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$/, "must be 1 to 48 lower-case letters, digits and inner hyphens");
var DisplayName = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,128}$/u, "must be 1 to 128 characters without control characters");
var MacField = z.string().transform((text, context) => {
  const mac = parseMac(text);
  if (mac && mac !== ZERO_MAC && !isMulticastMac(mac)) return mac;
  const reason = mac ? "must be a unicast MAC address" : "must be a MAC address such as 02:00:5e:10:00:01";
  context.addIssue({ code: "custom", message: reason });
  return z.NEVER;
});
var IpField = z.string().transform((text, context) => {
  const ip2 = parseIp(text);
  if (ip2 && isUnicastIp(ip2)) return ip2;
  context.addIssue({ code: "custom", message: ip2 ? "must be a unicast address" : "must be an IPv4 or IPv6 address" });
  return z.NEVER;
});
var VtepField = z.string().transform((text, context) => {
  const ip2 = parseIp(text);
  if (ip2 && isUnicastIp(ip2) && !isLinkLocal(ip2)) return ip2;
  const reason = ip2 ? "must be a unicast address that is routed, not link-local" : "must be an IPv4 or IPv6 address";
  context.addIssue({ code: "custom", message: reason });
  return z.NEVER;
});
var Ipv4Field = z.string().transform((text, context) => {
  const ip2 = parseIp(text);
  if (ip2 && isIpv4(ip2) && isUnicastIp(ip2)) return ip2;
  context.addIssue({ code: "custom", message: "must be a unicast IPv4 address" });
  return z.NEVER;
});
var PrefixField = z.string().transform((text, context) => {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  context.addIssue({ code: "custom", message: "must be a prefix such as 10.0.0.0/24, with no host bits set" });
  return z.NEVER;
});
var VniField = z.number().transform((value, context) => {
  const vni = parseVni(value);
  if (vni !== void 0) return vni;
  context.addIssue({ code: "custom", message: `must be a whole number from 1 to ${MAX_VNI} (RFC 7348)` });
  return z.NEVER;
});
var AsnField = z.number().transform((value, context) => {
  const asn = parseAsn(value);
  if (asn !== void 0) return asn;
  const reason = "must be an AS number from 1 to 4294967294, not 23456 or 65535 (RFC 6793, 7300)";
  context.addIssue({ code: "custom", message: reason });
  return z.NEVER;
});
var RouteTargetField = z.string().transform((text, context) => {
  const rt = parseRouteTarget(text);
  if (rt) return rt;
  context.addIssue({ code: "custom", message: "must be a route target such as 65000:100 (RFC 4360)" });
  return z.NEVER;
});
var InterfaceName = z.string().regex(/^(?!\.{1,2}$)[!-.0-~]{1,15}$/, "must be an interface name of 1 to 15 visible characters without /");
var PortName = InterfaceName.refine((name) => name !== "lo", {
  message: "must not be lo: the loopback device belongs to the host itself"
});
var HoldTimeSec = z.number().int().refine((value) => value === 0 || value >= 3 && value <= 65535, "must be 0, or 3 to 65535 seconds (RFC 4271)");
var MtuBytes = z.number().int().min(1280, "must be at least 1280").max(9216, "must be at most 9216");
var LabelKey = z.string().regex(
  /^(?!constructor$)[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/,
  "must be 1 to 63 lower-case letters, digits and inner . _ - /"
);
var LabelValue = z.string().regex(
  /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
  "must be empty or 1 to 63 letters, digits and inner . _ -"
);
var AnnotationValue = z.string().regex(/^[^\p{Cs}]{0,512}$/u, "must be at most 512 characters");

// shared/model/resource.ts
import * as z3 from "zod";

// shared/model/underlay.ts
import * as z2 from "zod";
var BgpFamilies = z2.array(z2.enum(["evpn", "ipv4-unicast", "ipv6-unicast"])).min(1, "must be at least 1 family").refine((families) => new Set(families).size === families.length, "must not name a family twice");
var MaximumRoutes = z2.strictObject({
  limit: z2.number().int().min(1).max(4294967295),
  warnPercent: z2.number().int().min(1).max(100).optional(),
  /** The session is tried again after so long; absent: when the peer's settings change. */
  restartAfterSec: z2.number().int().min(1).max(86400).optional()
});
var AcceptedPrefix = z2.strictObject({
  prefix: PrefixField,
  ge: z2.number().int().min(0).max(128).optional(),
  le: z2.number().int().min(0).max(128).optional()
}).refine(({ prefix, ge, le }) => inOrder(prefixLength(prefix), ge, le, prefix.includes(":") ? 128 : 32), {
  message: "must be: length of the prefix <= ge <= le <= 32 (IPv4) or 128 (IPv6)"
});
var HostUnderlay = z2.strictObject({
  /** Announce the VTEP's address as a /32 or /128; nothing else ever is. */
  announceVtep: z2.boolean().optional(),
  /** What is accepted; absent: nothing of external peers (RFC 8212), everything of internal ones. */
  accept: z2.array(AcceptedPrefix).max(64, "must be at most 64").optional(),
  /** Next hops of accepted routes must be inside one of these; link-local ones always may be. Absent: any. */
  nextHops: z2.array(PrefixField).min(1).max(16, "must be at most 16").optional(),
  /** Equal paths that are used at a time; default 8. */
  maximumPaths: z2.number().int().min(1).max(64).optional(),
  /** Paths of equal length through other ASes count as equal. */
  multipathRelax: z2.boolean().optional(),
  /** How many routes a peer may have here, in each unicast family; default: the peer's own `maximumRoutes`. */
  maximumRoutes: MaximumRoutes.optional()
});
var UnderlayPatch = z2.strictObject({
  announceVtep: HostUnderlay.shape.announceVtep.nullable(),
  accept: HostUnderlay.shape.accept.nullable(),
  nextHops: HostUnderlay.shape.nextHops.nullable(),
  maximumPaths: HostUnderlay.shape.maximumPaths.nullable(),
  multipathRelax: HostUnderlay.shape.multipathRelax.nullable(),
  maximumRoutes: HostUnderlay.shape.maximumRoutes.nullable()
});
var PlacedUnderlay = z2.object({
  ...HostUnderlay.shape,
  accept: z2.array(AcceptedPrefix.strip()).optional(),
  maximumRoutes: MaximumRoutes.strip().optional()
});
function inOrder(length, ge, le, most) {
  const bounds = [length, ge, le, most].filter((bound) => bound !== void 0);
  return bounds.every((bound, i) => i === 0 || bounds[i - 1] <= bound);
}

// shared/model/resource.ts
var Stored = z3.object({
  version: z3.number().int().min(1),
  createdAt: z3.iso.datetime(),
  updatedAt: z3.iso.datetime(),
  /** The change that wrote this version: `GET /v1/changes/{id}` is its receipt. */
  change: z3.string()
});
var MAX_NOTES = 32;
var atMost = `must be at most ${MAX_NOTES}`;
var Labels = z3.record(LabelKey, LabelValue).refine((labels) => Object.keys(labels).length <= MAX_NOTES, `${atMost} labels`);
var Annotations = z3.record(LabelKey, AnnotationValue).refine((annotations) => Object.keys(annotations).length <= MAX_NOTES, `${atMost} annotations`);
var Noted = { labels: Labels.optional(), annotations: Annotations.optional() };
var NotedPatch = {
  labels: z3.record(LabelKey, LabelValue.nullable()).nullable().optional(),
  annotations: z3.record(LabelKey, AnnotationValue.nullable()).nullable().optional()
};
var Quotas = z3.strictObject({
  networks: z3.number().int().min(0).max(1e6).optional(),
  routers: z3.number().int().min(0).max(1e6).optional(),
  endpoints: z3.number().int().min(0).max(1e7).optional()
});
var NewTenant = z3.strictObject({
  id: Slug.optional(),
  name: DisplayName,
  quotas: Quotas.optional(),
  ...Noted
});
var NewSite = z3.strictObject({ id: Slug.optional(), name: DisplayName, ...Noted });
var NewFabricPeer = z3.strictObject({
  id: Slug.optional(),
  site: Slug,
  name: DisplayName.optional(),
  asn: AsnField,
  addresses: z3.array(IpField).min(1, "must be at least 1 address").max(8, "must be at most 8 addresses"),
  ...Noted
});
var NewVniPool = z3.strictObject({
  id: Slug.optional(),
  name: DisplayName.optional(),
  ranges: z3.array(z3.strictObject({ from: VniField, to: VniField })).min(1, "must be at least 1 range").max(16, "must be at most 16 ranges"),
  ...Noted
});
var RemoteAs = z3.union([AsnField, z3.enum(["external", "internal"])]);
var LongLivedSec = z3.number().int().min(0).max(16777215);
var LongLivedRestart = z3.strictObject({
  families: BgpFamilies,
  /** The peer is asked to keep this host's routes, as the last resort, for so long after the restart time; default 0, not at all. */
  staleSec: LongLivedSec.optional(),
  /** What the peer asks for its own routes is granted up to this; default all of it. */
  maximumSec: LongLivedSec.optional()
});
var BgpPeer = z3.strictObject({
  /** Absent with an interface: that of the router that is found on it, by its advertisements (RFC 4861). */
  address: IpField.optional(),
  /** Or any but the host's own ("external"), or the host's own ("internal"). */
  asn: RemoteAs,
  /** The link that the peer is on; with a link-local IPv6 address (RFC 4007) or with none, and only so. */
  interface: InterfaceName.optional(),
  holdTimeSec: HoldTimeSec.optional(),
  /** Interval of KEEPALIVE; the default, and the most that counts, is a third of the agreed hold time. */
  keepaliveTimeSec: z3.number().int().min(1).max(21845).optional(),
  /** A connect without an answer is tried again after so long; default 1. */
  connectRetrySec: z3.number().int().min(1).max(3600).optional(),
  port: z3.number().int().min(1).max(65535).optional(),
  /** Source address of the session ("update source"), such as a loopback's; the peer must be configured with it. */
  sourceAddress: IpField.optional(),
  /** The peer is up to so many hops away: the TTL of what is sent. */
  multihop: z3.number().int().min(1).max(255).optional(),
  /** GTSM (RFC 5082): send with TTL 255, accept only what came over at most so many hops. */
  ttlSecurityHops: z3.number().int().min(1).max(254).optional(),
  /** Never connect, wait for the peer to; the agent must be configured to listen. */
  passive: z3.boolean().optional(),
  /** Administratively down; the peer is told the reason (RFC 9003). */
  shutdown: z3.strictObject({ reason: DisplayName.optional() }).optional(),
  /** What the peer is offered; default EVPN alone. At least one must be agreed for a session. */
  families: BgpFamilies.optional(),
  /** In each family. */
  maximumRoutes: MaximumRoutes.optional(),
  longLived: LongLivedRestart.optional(),
  /** What this host is to the peer (RFC 9234), told to external peers; and whether the peer must tell its own. */
  role: z3.enum(["provider", "rs", "rs-client", "customer", "peer"]).optional(),
  strictRole: z3.boolean().optional()
}).refine((peer) => peer.multihop === void 0 || peer.ttlSecurityHops === void 0, {
  message: "multihop and ttlSecurityHops exclude each other",
  path: ["ttlSecurityHops"]
}).refine((peer) => peer.address !== void 0 || peer.interface !== void 0, {
  message: "must be given, unless the peer is found on an interface",
  path: ["address"]
}).refine((peer) => peer.address === void 0 || peer.interface !== void 0 === isLinkLocal(peer.address), {
  message: "must be given with a link-local address (fe80::/10), and only with one",
  path: ["interface"]
}).refine((peer) => peer.interface === void 0 || peer.multihop === void 0, {
  message: "must not be given with a peer on an interface: it is one hop away",
  path: ["multihop"]
}).refine((peer) => peer.interface === void 0 || peer.sourceAddress === void 0, {
  message: "must not be given with a link-local peer: its source is the interface's own link-local address",
  path: ["sourceAddress"]
}).refine(
  ({ longLived: longLived3, families = ["evpn"] }) => longLived3?.families.every((family) => families.includes(family)) ?? true,
  { message: "must be among the families that the peer is offered", path: ["longLived", "families"] }
).refine((peer) => !peer.sourceAddress || peer.sourceAddress.includes(":") === peer.address?.includes(":"), {
  message: "must be of the peer address's family",
  path: ["sourceAddress"]
});
var HostBgp = z3.strictObject({
  asn: AsnField,
  routerId: Ipv4Field.optional(),
  peers: z3.array(BgpPeer).max(8, "must be at most 8 peers"),
  /** Unicast routes with the peers that are offered such families. */
  underlay: HostUnderlay.optional()
});
var NewHost = z3.strictObject({
  id: Slug.optional(),
  site: Slug,
  name: DisplayName.optional(),
  vtep: VtepField,
  bgp: HostBgp.optional(),
  ...Noted
});
var RouteTargets = z3.strictObject({
  import: z3.array(RouteTargetField).max(16, "must be at most 16"),
  export: z3.array(RouteTargetField).max(16, "must be at most 16")
});
var NewNetwork = z3.strictObject({
  id: Slug.optional(),
  tenant: Slug,
  name: DisplayName,
  /** Or, at the creation only, the pool that gives the next free one. */
  vni: VniField.optional(),
  vniPool: Slug.optional(),
  /** Endpoints' addresses must be inside one of these. Empty: any address. */
  subnets: z3.array(PrefixField).max(8, "must be at most 8 subnets").default([]),
  /** Overlay MTU; the default follows from the underlay of each host. */
  mtuBytes: MtuBytes.optional(),
  /** Default: `ASN:VNI` of the ASNs of the member hosts and their ToRs. */
  routeTargets: RouteTargets.optional(),
  /**
   * Import `*:VNI` too: routes with this VNI in a route target of any AS. Only where VNIs are the same network in every site
   * that the ToRs connect: elsewhere another site's network leaks in. Default: no.
   */
  importAnyAs: z3.boolean().optional(),
  /** The router that routes between this network and the router's others; needs `gateways`. */
  router: Slug.optional(),
  /** The anycast gateway's address in each routed subnet, the same on every host (RFC 9135 4.1). */
  gateways: z3.array(IpField).max(8, "must be at most 8 gateways").optional(),
  /** Bridges learn machines that nobody declared, on ports without port security. Default: they are only reported. */
  learning: z3.boolean().optional(),
  /** Broadcast, unknown-unicast and multicast frames a second that a port may send; more are dropped. Default: no limit. */
  stormPacketsPerSec: z3.number().int().min(1, "must be at least 1").max(1e7).optional(),
  ...Noted
});
var NewRouter = z3.strictObject({
  id: Slug.optional(),
  tenant: Slug,
  name: DisplayName,
  /** The L3 VNI; from the same space as networks' VNIs. Or, at the creation only, the pool that gives one. */
  vni: VniField.optional(),
  vniPool: Slug.optional(),
  /** Default: `ASN:VNI` of the ASNs of the hosts that carry it and their ToRs. */
  routeTargets: RouteTargets.optional(),
  ...Noted
});
var NewPrefix = z3.strictObject({ id: Slug.optional(), prefix: PrefixField, nextHop: IpField, ...Noted });
var AllowedAddress = z3.strictObject({ ip: PrefixField, mac: MacField.optional() });
var Allocate = z3.strictObject({
  ipv4: z3.union([z3.literal(true), PrefixField]).optional(),
  ipv6: z3.union([z3.literal(true), PrefixField]).optional()
});
var NewEndpoint = z3.strictObject({
  id: Slug.optional(),
  host: Slug,
  mac: MacField,
  ips: z3.array(IpField).max(16, "must be at most 16 addresses").default([]),
  /** Of each family that `ips` has none of, the next free address. */
  allocate: Allocate.optional(),
  /** Absent: the interface is found by the endpoint's MAC, or by its alias `overspan-endpoint=<id>`. */
  port: PortName.optional(),
  name: DisplayName.optional(),
  /** What may be sent from the port besides the endpoint's own MAC and addresses. */
  allowedAddresses: z3.array(AllowedAddress).max(16, "must be at most 16 addresses").optional(),
  /** False: frames from the port are not checked against MAC and addresses. Default true. */
  portSecurity: z3.boolean().optional(),
  /** Its port reaches no other isolated port of the network on the same host. */
  isolated: z3.boolean().optional(),
  /** Its port gets every frame of the network that passes this host, for a firewall or a probe. */
  promiscuous: z3.boolean().optional(),
  ...Noted
});
var TenantPatch = z3.strictObject({
  name: DisplayName.optional(),
  quotas: z3.strictObject({
    networks: Quotas.shape.networks.nullable(),
    routers: Quotas.shape.routers.nullable(),
    endpoints: Quotas.shape.endpoints.nullable()
  }).nullable().optional(),
  ...NotedPatch
});
var SitePatch = z3.strictObject({ name: DisplayName.optional(), ...NotedPatch });
var FabricPeerPatch = z3.strictObject({
  name: DisplayName.nullable().optional(),
  asn: AsnField.optional(),
  addresses: NewFabricPeer.shape.addresses.optional(),
  ...NotedPatch
});
var VniPoolPatch = z3.strictObject({
  name: DisplayName.nullable().optional(),
  ranges: NewVniPool.shape.ranges.optional(),
  ...NotedPatch
});
var HostPatch = z3.strictObject({
  name: DisplayName.nullable().optional(),
  bgp: HostBgp.nullable().optional(),
  ...NotedPatch
});
var NetworkPatch = z3.strictObject({
  name: DisplayName.optional(),
  subnets: z3.array(PrefixField).max(8, "must be at most 8 subnets").optional(),
  mtuBytes: MtuBytes.nullable().optional(),
  routeTargets: RouteTargets.nullable().optional(),
  router: Slug.nullable().optional(),
  gateways: NewNetwork.shape.gateways.unwrap().nullable().optional(),
  importAnyAs: z3.boolean().nullable().optional(),
  learning: z3.boolean().nullable().optional(),
  stormPacketsPerSec: NewNetwork.shape.stormPacketsPerSec.unwrap().nullable().optional(),
  ...NotedPatch
});
var RouterPatch = z3.strictObject({
  name: DisplayName.optional(),
  routeTargets: RouteTargets.nullable().optional(),
  ...NotedPatch
});
var RouterPrefixPatch = z3.strictObject({ nextHop: IpField.optional(), ...NotedPatch });
var EndpointPatch = z3.strictObject({
  ips: z3.array(IpField).max(16, "must be at most 16 addresses").optional(),
  port: PortName.nullable().optional(),
  name: DisplayName.nullable().optional(),
  allowedAddresses: NewEndpoint.shape.allowedAddresses.unwrap().nullable().optional(),
  portSecurity: z3.boolean().nullable().optional(),
  isolated: z3.boolean().nullable().optional(),
  promiscuous: z3.boolean().nullable().optional(),
  ...NotedPatch
});
var EndpointMove = z3.strictObject({ host: Slug, port: PortName.optional() });
var Tenant = z3.object({ ...NewTenant.shape, id: Slug, ...Stored.shape });
var Site = z3.object({ ...NewSite.shape, id: Slug, ...Stored.shape });
var Host = z3.object({ ...NewHost.shape, id: Slug, ...Stored.shape });
var FabricPeer = z3.object({ ...NewFabricPeer.shape, id: Slug, ...Stored.shape });
var VniPool = z3.object({ ...NewVniPool.shape, id: Slug, ...Stored.shape });
var { vniPool: _, ...NetworkShape } = NewNetwork.shape;
var Network = z3.object({ ...NetworkShape, id: Slug, vni: VniField, ...Stored.shape });
var { vniPool: __, ...RouterShape } = NewRouter.shape;
var Router = z3.object({ ...RouterShape, id: Slug, vni: VniField, ...Stored.shape });
var RouterPrefix = z3.object({ ...NewPrefix.shape, id: Slug, router: Slug, ...Stored.shape });
var { allocate: ___, ...EndpointShape } = NewEndpoint.shape;
var Endpoint = z3.object({
  ...EndpointShape,
  id: Slug,
  network: Slug,
  /** Raised by every move: the sequence number of the MAC mobility community (RFC 7432 section 15). */
  mobility: z3.number().int().min(0).max(4294967295),
  /** A prepared move: where it goes when it is activated. `change` is the preparation's. */
  next: z3.strictObject({ host: Slug, port: PortName.optional(), change: z3.string() }).optional(),
  ...Stored.shape
});

// shared/model/record.ts
var PlacedBgp = z4.object({
  ...HostBgp.shape,
  peers: z4.array(BgpPeer.strip()),
  underlay: PlacedUnderlay.optional()
});
var NetworkRecord = z4.object({
  tenant: Slug,
  name: z4.string(),
  vni: VniField,
  subnets: z4.array(PrefixField),
  mtuBytes: MtuBytes.optional(),
  routeTargets: RouteTargets.strip().optional(),
  router: Slug.optional(),
  gateways: z4.array(IpField).optional(),
  importAnyAs: z4.boolean().optional(),
  learning: z4.boolean().optional(),
  stormPacketsPerSec: z4.number().int().min(1).optional()
});
var RouterRecord = z4.object({
  tenant: Slug,
  name: z4.string(),
  vni: VniField,
  routeTargets: RouteTargets.strip().optional()
});
var RoutedNetworkRecord = z4.object({});
var PrefixRecord = z4.object({ prefix: PrefixField, nextHop: IpField });
var VtepRecord = z4.object({ site: Slug, address: IpField, asns: z4.array(AsnField) });
var EndpointRecord = z4.object({
  host: Slug,
  mac: MacField,
  ips: z4.array(IpField),
  /** Absent: the interface is found by the MAC. */
  port: InterfaceName.optional(),
  mobility: z4.number().int().min(0).max(4294967295),
  allowedAddresses: z4.array(AllowedAddress.strip()).optional(),
  portSecurity: z4.boolean().optional(),
  isolated: z4.boolean().optional(),
  promiscuous: z4.boolean().optional(),
  /**
   * A prepared move. That host carries the network and has port and guards ready, but announces nothing and gets no
   * frames: `host` is where the endpoint is until the move is activated, which sets `host` and raises `mobility`.
   */
  next: z4.object({ host: Slug, port: InterfaceName.optional() }).optional()
});
var HostRecord = z4.object({ site: Slug, vtep: IpField, bgp: PlacedBgp.optional() });
var CarriedNetworkRecord = z4.object({ routed: z4.boolean().optional() });
var CarriedRouterRecord = z4.object({});
function parseRecordKey(channel, key) {
  const slash = key.indexOf("/");
  const head = slash < 0 ? key : key.slice(0, slash);
  const id = slash < 0 ? void 0 : key.slice(slash + 1);
  if (id !== void 0 && !Slug.safeParse(id).success) return void 0;
  if (channel.startsWith("net:")) {
    if (head === "network" && id === void 0) return { kind: "network" };
    if (head === "vtep" && id !== void 0) return { kind: "vtep", host: id };
    if (head === "endpoint" && id !== void 0) return { kind: "endpoint", id };
    return void 0;
  }
  if (channel.startsWith("rtr:")) {
    if (head === "router" && id === void 0) return { kind: "router" };
    if (head === "network" && id !== void 0) return { kind: "routed-network", network: id };
    if (head === "prefix" && id !== void 0) return { kind: "prefix", id };
    return void 0;
  }
  if (head === "host" && id === void 0) return { kind: "host" };
  if (head === "network" && id !== void 0) return { kind: "carried-network", network: id };
  if (head === "router" && id !== void 0) return { kind: "carried-router", router: id };
  return void 0;
}
function recordSchema(key) {
  switch (key.kind) {
    case "network":
      return NetworkRecord;
    case "vtep":
      return VtepRecord;
    case "endpoint":
      return EndpointRecord;
    case "router":
      return RouterRecord;
    case "routed-network":
      return RoutedNetworkRecord;
    case "prefix":
      return PrefixRecord;
    case "host":
      return HostRecord;
    case "carried-network":
      return CarriedNetworkRecord;
    case "carried-router":
      return CarriedRouterRecord;
  }
}
function parseChannel(text) {
  const parts = /^(net|rtr|host):(.*)$/.exec(text);
  return parts && Slug.safeParse(parts[2]).success ? text : void 0;
}
function networkChannel(network) {
  return `net:${network}`;
}
function routerChannel(router) {
  return `rtr:${router}`;
}
function hostChannel(host2) {
  return `host:${host2}`;
}
function channelRouter(channel) {
  return channel.startsWith("rtr:") ? channel.slice(4) : void 0;
}
function channelNetwork(channel) {
  return channel.startsWith("net:") ? channel.slice(4) : void 0;
}

// edge-agent/dataplane/breath.ts
import { setImmediate as setImmediate2 } from "node:timers/promises";
var WORK_MS = 5;
function createBreath(nowMs, every = 64) {
  let since = nowMs();
  let count2 = 0;
  return {
    due: () => ++count2 % every === 0 && nowMs() - since >= WORK_MS,
    rest: async () => {
      await setImmediate2();
      since = nowMs();
    }
  };
}

// edge-agent/dataplane/drift.ts
var KEEP = 200;
function createDriftLog() {
  const records = [];
  const counts = /* @__PURE__ */ new Map();
  return {
    note: (found) => {
      const record4 = { ...found, repaired: false };
      records.push(record4);
      if (records.length > KEEP) records.shift();
      const count2 = counts.get(found.vni) ?? { found: 0, repaired: 0, lastAtMs: 0 };
      counts.set(found.vni, count2);
      count2.found++;
      count2.lastAtMs = found.atMs;
      return () => {
        if (record4.repaired) return;
        record4.repaired = true;
        count2.repaired++;
      };
    },
    recent: () => records,
    byNetwork: () => counts
  };
}

// shared/model/device.ts
import { createHash } from "node:crypto";
var VXLAN_PORT = 4789;
var NEIGHBOUR_PROTOCOL = 79;
var OWNER_PREFIX = "overspan ";
function ownerMark(network, tenant) {
  return `${OWNER_PREFIX}net=${network} tenant=${tenant}`;
}
function routerMark(router, tenant) {
  return `${OWNER_PREFIX}router=${router} tenant=${tenant}`;
}
function bridgeName(vni) {
  return `ovbr${vni}`;
}
function vxlanName(vni) {
  return `ovx${vni}`;
}
function bridgeMac(vni, vtep) {
  const last = ipToOctets(vtep).at(-1) ?? 0;
  return macFromOctets(Uint8Array.of(6, 111, vni >> 16, vni >> 8 & 255, vni & 255, last));
}
var ROUTE_PROTOCOL = 79;
var ROUTE_METRIC = 20;
var GATEWAY_MAC = "06:6f:00:00:00:01";
function vrfName(vni) {
  return `ovr${vni}`;
}
var FIRST_TABLE = 13e8;
function routerTable(vni) {
  return FIRST_TABLE + vni;
}
function routerMac(vtep) {
  const octets = ipToOctets(vtep);
  if (isIpv4(vtep)) return macFromOctets(Uint8Array.of(6, 114, ...octets));
  return macFromOctets(Uint8Array.of(10, ...createHash("sha256").update(octets).digest().subarray(0, 5)));
}
function vtepGateway(vtep, to) {
  if (!isIpv4(vtep) || isIpv4(to)) return vtep;
  return ipFromOctets(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ipToOctets(vtep)));
}

// shared/text/fdb.ts
function tunnelLine(vni, mac, vteps, remoteVni) {
  const way = `dst ${vteps.join("/")}${remoteVni === void 0 ? "" : ` vni ${remoteVni}`}`;
  return `${mac} dev ${vxlanName(vni)} ${way} self extern_learn`;
}
function floodEntryLine(vni, vtep) {
  return `${ZERO_MAC} dev ${vxlanName(vni)} dst ${vtep} self permanent`;
}
function neighbourLine(vni, ip2, mac) {
  return `${ip2} dev ${bridgeName(vni)} lladdr ${mac} PERMANENT proto ${NEIGHBOUR_PROTOCOL}`;
}

// edge-agent/dataplane/state.ts
function ownerOf(alias) {
  if (!alias?.startsWith(OWNER_PREFIX)) return void 0;
  return alias.startsWith(`${OWNER_PREFIX}router=`) ? "router" : "network";
}
function isOwnerMark(alias) {
  return ownerOf(alias) === "network";
}
function encapsulationBytes(vtep) {
  return isIpv4(vtep) ? 50 : 70;
}

// edge-agent/dataplane/describe.ts
function describeRow(vni, mac, row) {
  const origin = row.port === vxlanName(vni) ? " extern_learn" : row.pinned ? " static" : "";
  const halves = [
    ...row.port === void 0 ? [] : [`${mac} dev ${row.port} master ${bridgeName(vni)}${row.pinned ? origin : ""}`],
    ...row.tunnel ? [tunnelLine(vni, mac, row.tunnel.vteps, row.tunnel.vni)] : []
  ];
  return halves.length > 0 ? halves.join("; ") : void 0;
}
function describeFlood(vni, vtep) {
  return floodEntryLine(vni, vtep);
}
function describeNeighbour(vni, ip2, mac) {
  if (mac === void 0) return void 0;
  return neighbourLine(vni, ip2, mac);
}
function describeDeviceOp(op, devices) {
  const { bridge, vxlan } = devices ?? {};
  const link3 = "name" in op ? [bridge, vxlan].find((each) => each?.name === op.name) : void 0;
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return { before: `${op.name} mtu ${op.mtuBytes} alias "${op.owner}"`, after: void 0 };
    case "set-link": {
      const parts = (mac2, mtuBytes, owner, up) => [
        op.name,
        ...op.mac === void 0 ? [] : [`address ${mac2}`],
        ...op.mtuBytes === void 0 ? [] : [`mtu ${mtuBytes}`],
        ...op.owner === void 0 ? [] : [`alias "${owner}"`],
        ...op.up === void 0 ? [] : [up ? "up" : "down"]
      ].join(" ");
      const mac = link3 && "mac" in link3 ? link3.mac : void 0;
      return {
        before: parts(op.mac, op.mtuBytes, op.owner, op.up),
        after: parts(mac, link3?.mtuBytes, link3?.owner, link3?.up)
      };
    }
    case "set-vxlan":
      return {
        before: `${op.name} local ${op.vtep} nolearning`,
        after: vxlan && `${op.name} local ${vxlan.vtep} ${vxlan.learning ? "learning" : "nolearning"}`
      };
    case "attach-port": {
      const master = op.role === "vxlan" ? vxlan?.master : void 0;
      const flags = (learning, suppress) => ` learning ${learning ? "on" : "off"} neigh_suppress ${suppress ? "on" : "off"}`;
      if (op.role === "tenant")
        return { before: `${op.name} master ${op.bridge}`, after: `${op.name} without it, or down` };
      return {
        before: `${op.name} master ${op.bridge} up${flags(false, true)}`,
        after: vxlan && `${op.name} ${master ? `master ${master}` : "without master"} ${vxlan.up ? "up" : "down"}${flags(vxlan.portLearning, vxlan.neighSuppress)}`
      };
    }
    default:
      return { before: op.kind, after: void 0 };
  }
}

// edge-agent/dataplane/desired.ts
function sameTarget(a, b) {
  if (a === b) return true;
  if (!a || !b) return false;
  if (a.kind === "local") return b.kind === "local" && a.port === b.port;
  return b.kind === "remote" && a.vni === b.vni && a.yields === b.yields && a.vteps.length === b.vteps.length && a.vteps.every((v) => b.vteps.includes(v));
}
function tablesOf(network) {
  const { local, remote, neighbours, ...frame2 } = network;
  const macs2 = /* @__PURE__ */ new Map();
  for (const { mac, vtep, vteps = [vtep], vni } of remote) {
    macs2.set(mac, { kind: "remote", vteps, ...vni !== void 0 && { vni } });
  }
  for (const { mac, port } of local) macs2.set(mac, { kind: "local", port });
  return { frame: frame2, macs: macs2, neighbours: new Map(neighbours.map(({ ip: ip2, mac }) => [ip2, mac])) };
}

// edge-agent/dataplane/kernel.ts
function sameTunnel(a, b) {
  if (a === b) return true;
  if (!a || !b || a.form !== b.form || a.vni !== b.vni || a.vteps.length !== b.vteps.length) return false;
  return a.vteps.every((vtep, index) => vtep === b.vteps[index]);
}

// edge-agent/dataplane/dirty-rows.ts
var SLACK = 1024;
var DirtyRows = class {
  #places = [];
  #size = 0;
  get size() {
    return this.#size;
  }
  add(row) {
    if (row.dirty) return;
    row.dirty = true;
    this.#size++;
    if (row.listed) return;
    row.listed = true;
    this.#places.push(row);
  }
  delete(row) {
    if (!row.dirty) return;
    row.dirty = false;
    this.#size--;
    if (this.#size === 0) this.#vacate(this.#places.splice(0));
    else if (this.#places.length > 2 * this.#size + SLACK) this.#compact();
  }
  /** Those of now: one that comes later is not visited, one that goes before its turn is not either. */
  *[Symbol.iterator]() {
    for (const row of Array.from(this.#places)) if (row.dirty) yield row;
  }
  #compact() {
    const before = this.#places;
    this.#places = before.filter((row) => row.dirty);
    this.#vacate(before);
  }
  #vacate(places) {
    for (const row of places) row.listed = row.dirty;
  }
};

// edge-agent/dataplane/network.ts
var MOST_LEARNED = 4096;
var BRIDGE_READ = 1;
var TUNNEL_READ = 2;
function createNetwork(vni) {
  return {
    vni,
    vxlan: vxlanName(vni),
    frame: void 0,
    macs: /* @__PURE__ */ new Map(),
    ips: /* @__PURE__ */ new Map(),
    flood: /* @__PURE__ */ new Set(),
    devices: void 0,
    learned: /* @__PURE__ */ new Map(),
    learnedChanges: /* @__PURE__ */ new Set(),
    yielded: /* @__PURE__ */ new Set(),
    upPorts: /* @__PURE__ */ new Set(),
    localPorts: /* @__PURE__ */ new Map(),
    usable: /* @__PURE__ */ new Set(),
    dirty: { frame: true, all: true, macs: new DirtyRows(), ips: new DirtyRows(), flood: false },
    waiting: { macs: /* @__PURE__ */ new Set(), ips: /* @__PURE__ */ new Set(), flood: 0, devices: 0 },
    suspects: /* @__PURE__ */ new Map(),
    repairs: /* @__PURE__ */ new Map(),
    attached: /* @__PURE__ */ new Set(),
    remaining: 0,
    failure: void 0,
    problems: [],
    blocked: false,
    adopted: false,
    settled: false,
    changed: { whole: true, macs: /* @__PURE__ */ new Map(), neighbours: /* @__PURE__ */ new Map(), flood: void 0 }
  };
}
function wantedPort(network, row) {
  const place = row.want;
  if (!place || !network.frame || network.yielded.size > 0 && network.yielded.has(row)) return void 0;
  if (place.target.kind === "local") return network.usable.has(place.target.port) ? place.target.port : void 0;
  return place.tunnel && network.vxlan;
}
function wantedTunnel(network, row) {
  return network.frame && row.want?.tunnel;
}
function isMacRight(network, row) {
  const port = wantedPort(network, row);
  if (!sameTunnel(row.tunnel, wantedTunnel(network, row))) return false;
  if (port === void 0) return !isStray(network, row);
  return row.port === port && row.pinned;
}
function isStray(network, row) {
  return row.pinned && row.port !== void 0 && (row.port === network.vxlan || network.usable.has(row.port));
}
function isRetarget(network, mac, row) {
  const port = wantedPort(network, row);
  if (port === void 0 || row.port === void 0 || !row.pinned || network.repairs.has(`mac ${mac}`)) return false;
  const { tunnel } = row;
  const wanted = wantedTunnel(network, row);
  return row.port !== port || tunnel !== void 0 && wanted !== void 0 && !leadsAlike(tunnel, wanted);
}
function isIpRetarget(network, ip2, row) {
  const { want, have, ours } = row;
  if (want === void 0 || have === void 0 || !ours || network.repairs.has(`ip ${ip2}`)) return false;
  return want !== have;
}
function leadsAlike(a, b) {
  const alike = a.form === b.form ? a.vteps.length === b.vteps.length : true;
  return alike && a.vni === b.vni && (a.vteps.every((v) => b.vteps.includes(v)) || b.vteps.every((v) => a.vteps.includes(v)));
}
function isIpRight(network, row) {
  if (row.want === void 0 || !network.frame) return row.have === void 0 || !row.ours;
  return row.have === row.want && row.ours;
}
function wantedFlood(network) {
  const { frame: frame2 } = network;
  return new Set(frame2?.flood.filter((vtep) => vtep !== frame2.vtep));
}
function setBridgeHalf(network, mac, half2, foundBy = "event") {
  const { port, pinned } = half2;
  let row = network.macs.get(mac);
  if (!row) {
    setLearned(network, mac, pinned ? void 0 : port);
    if (port === void 0 || !pinned) return;
    row = emptyRow(mac);
    network.macs.set(mac, row);
  }
  if (row.port === port && row.pinned === pinned) return;
  const learnedOn = pinned || port === network.vxlan ? void 0 : port;
  setLearned(network, mac, learnedOn);
  const { want } = row;
  if (learnedOn !== void 0 && want?.target.kind === "remote" && want.target.yields) network.yielded.add(row);
  else network.yielded.delete(row);
  noteMac(network, mac, row, foundBy);
  row.port = port;
  row.pinned = pinned;
  checkMac(network, mac, row);
}
function setLearned(network, mac, port) {
  const { learned, learnedChanges } = network;
  if (learned.get(mac) === port) return;
  if (port === void 0) learned.delete(mac);
  else if (learned.size < MOST_LEARNED || learned.has(mac)) learned.set(mac, port);
  else return;
  learnedChanges.add(mac);
}
function setTunnelHalf(network, mac, tunnel, foundBy = "event") {
  let row = network.macs.get(mac);
  if (!row) {
    if (!tunnel) return;
    row = emptyRow(mac);
    network.macs.set(mac, row);
  }
  if (sameTunnel(row.tunnel, tunnel)) {
    row.tunnel = tunnel;
    return;
  }
  noteMac(network, mac, row, foundBy);
  row.tunnel = tunnel;
  checkMac(network, mac, row);
}
function setNeighbour(network, ip2, have, foundBy = "event") {
  let row = network.ips.get(ip2);
  if (!row) {
    if (have.mac === void 0) return;
    row = emptyIpRow(ip2);
    network.ips.set(ip2, row);
  }
  if (row.have === have.mac && row.ours === have.ours) return;
  noteIp(network, ip2, row, foundBy);
  row.have = have.mac === row.want ? row.want : have.mac;
  row.ours = have.ours;
  checkIp(network, ip2, row);
}
function setFlood(network, vtep, present, foundBy = "event") {
  if (network.flood.has(vtep) === present) return;
  const { changed, dirty, suspects } = network;
  if (!changed.whole) changed.flood ??= [...network.flood];
  if (network.settled && !dirty.flood) {
    suspects.set(`flood ${vtep}`, { before: present ? void 0 : describeFlood(network.vni, vtep), foundBy });
  }
  if (present) network.flood.add(vtep);
  else network.flood.delete(vtep);
  dirty.flood = true;
}
function wantMac(network, mac, place) {
  let row = network.macs.get(mac);
  if (!row) {
    if (!place) return;
    row = emptyRow(mac);
    network.macs.set(mac, row);
  }
  countPort(network, row.want, -1);
  countPort(network, place, 1);
  row.want = place;
  network.yielded.delete(row);
  if (network.suspects.size > 0) network.suspects.delete(`mac ${mac}`);
  checkMac(network, mac, row);
}
function wantNeighbour(network, ip2, mac) {
  let row = network.ips.get(ip2);
  if (!row) {
    if (mac === void 0) return;
    row = emptyIpRow(ip2);
    network.ips.set(ip2, row);
  }
  row.want = mac;
  if (network.suspects.size > 0) network.suspects.delete(`ip ${ip2}`);
  checkIp(network, ip2, row);
}
function checkMac(network, mac, row) {
  const { dirty, waiting, macs: macs2 } = network;
  if (waiting.macs.size > 0) waiting.macs.delete(mac);
  if (!row.want && row.port === void 0 && !row.tunnel) {
    macs2.delete(mac);
    dirty.macs.delete(row);
    network.yielded.delete(row);
  } else if (dirty.all) return;
  else if (isMacRight(network, row)) dirty.macs.delete(row);
  else dirty.macs.add(row);
}
function checkIp(network, ip2, row) {
  const { dirty, waiting, ips: ips2 } = network;
  if (waiting.ips.size > 0) waiting.ips.delete(ip2);
  if (row.want === void 0 && row.have === void 0) {
    ips2.delete(ip2);
    dirty.ips.delete(row);
  } else if (dirty.all) return;
  else if (isIpRight(network, row)) dirty.ips.delete(row);
  else dirty.ips.add(row);
}
function forwards({ devices }) {
  const { bridge, vxlan } = devices ?? {};
  return bridge?.up === true && vxlan?.up === true && vxlan.master === bridge.name;
}
function setDevices(network, devices) {
  const before = { whole: wholeText(network), ports: network.upPorts };
  const rows = network.changed.whole ? [] : rowsOnPorts(network, network.upPorts, upPortsOf(devices));
  const then = rows.map(([, row]) => verifiedMac(network, row));
  network.devices = devices;
  network.upPorts = upPortsOf(devices);
  if (wholeText(network) !== before.whole) changedWhole(network);
  if (network.changed.whole) return;
  rows.forEach(([mac], index) => {
    if (!network.changed.macs.has(mac)) network.changed.macs.set(mac, then[index]);
  });
}
function setUsable(network, usable) {
  const rows = rowsOnPorts(network, network.usable, usable);
  network.usable = usable;
  for (const [mac, row] of rows) checkMac(network, mac, row);
}
function rowsOnPorts(network, a, b) {
  const differ = new Set([...a, ...b].filter((port) => !a.has(port) || !b.has(port)));
  if (differ.size === 0) return [];
  return [...network.macs].filter(([, { port, want }]) => {
    const wanted = want?.target.kind === "local" ? want.target.port : void 0;
    return port !== void 0 && differ.has(port) || wanted !== void 0 && differ.has(wanted);
  });
}
function upPortsOf(devices) {
  if (!devices?.bridge?.up) return /* @__PURE__ */ new Set();
  return new Set(devices.ports.filter((port) => port.up).map((port) => port.name));
}
function wholeText(network) {
  const { bridge, vxlan } = network.devices ?? {};
  return `${bridge !== void 0 && vxlan?.vtep !== void 0} ${vxlan?.vtep} ${bridge?.up} ${forwards(network)}`;
}
function verifiedMac(network, row) {
  if (!row?.pinned || row.port === void 0) return void 0;
  if (row.port !== network.vxlan) return network.upPorts.has(row.port) ? { kind: "local", port: row.port } : void 0;
  if (!row.tunnel || !forwards(network)) return void 0;
  const { vteps, vni } = row.tunnel;
  return { kind: "remote", vteps, ...vni !== void 0 && { vni } };
}
function verifiedNeighbour(network, row) {
  return row?.ours && network.devices?.bridge?.up ? row.have : void 0;
}
function verifiedFlood(network) {
  return forwards(network) ? [...network.flood].sort() : [];
}
function takeChanged(network) {
  const { changed } = network;
  network.changed = { whole: false, macs: /* @__PURE__ */ new Map(), neighbours: /* @__PURE__ */ new Map(), flood: void 0 };
  for (const [mac, before] of changed.macs) {
    if (sameTarget(before, verifiedMac(network, network.macs.get(mac)))) changed.macs.delete(mac);
  }
  for (const [ip2, before] of changed.neighbours) {
    if (before === verifiedNeighbour(network, network.ips.get(ip2))) changed.neighbours.delete(ip2);
  }
  const sameFlood = changed.flood?.length === network.flood.size && changed.flood.every((v) => network.flood.has(v));
  if (sameFlood) changed.flood = void 0;
  return changed;
}
function changedWhole(network) {
  network.changed = { whole: true, macs: /* @__PURE__ */ new Map(), neighbours: /* @__PURE__ */ new Map(), flood: void 0 };
}
function noteMac(network, mac, row, foundBy) {
  const { changed, dirty, suspects } = network;
  if (!changed.whole && !changed.macs.has(mac)) changed.macs.set(mac, verifiedMac(network, row));
  if (!network.settled || dirty.all || row.dirty || network.waiting.macs.has(mac)) return;
  const key = `mac ${mac}`;
  if (!suspects.has(key)) suspects.set(key, { before: describeRow(network.vni, mac, row), foundBy });
}
function noteIp(network, ip2, row, foundBy) {
  const { changed, dirty, suspects } = network;
  if (!changed.whole && !changed.neighbours.has(ip2)) changed.neighbours.set(ip2, verifiedNeighbour(network, row));
  if (!network.settled || dirty.all || row.dirty || network.waiting.ips.has(ip2)) return;
  const key = `ip ${ip2}`;
  if (!suspects.has(key)) suspects.set(key, { before: describeNeighbour(network.vni, ip2, row.have), foundBy });
}
function countPort({ localPorts, dirty }, place, by) {
  if (place?.target.kind !== "local") return;
  const { port } = place.target;
  const count2 = (localPorts.get(port) ?? 0) + by;
  if (count2 > 0) localPorts.set(port, count2);
  else localPorts.delete(port);
  if (count2 === 0 || count2 === 1 && by > 0) dirty.frame = true;
}
function emptyRow(mac) {
  return {
    mac,
    want: void 0,
    port: void 0,
    pinned: false,
    tunnel: void 0,
    read: 0,
    dirty: false,
    listed: false
  };
}
function emptyIpRow(ip2) {
  return { ip: ip2, want: void 0, have: void 0, ours: false, read: false, dirty: false, listed: false };
}

// edge-agent/dataplane/drift-check.ts
function confirmDrift(network, context) {
  for (const [key, suspect] of network.suspects) {
    network.suspects.delete(key);
    if (network.frame && !isKeyRight(network, key)) note(network, key, suspect, context);
  }
}
function confirmDeviceDrift(network, writes, context) {
  if (!network.settled || !network.frame) return;
  for (const op of writes) {
    if (op.kind === "attach-port" && op.role === "tenant" && !network.attached.has(op.name)) continue;
    const { before, after } = describeDeviceOp(op, network.devices);
    const repaired = context.drift.note({ atMs: context.atMs, vni: network.vni, before, after, foundBy: "event" });
    context.counters.drift++;
    network.repairs.set(`device ${op.kind} ${"name" in op ? op.name : ""}`, repaired);
  }
}
function settleRepairs(network, counters) {
  for (const [key, repaired] of network.repairs) {
    const right = key.startsWith("device ") ? network.remaining === 0 : isKeyRight(network, key);
    if (!right) continue;
    network.repairs.delete(key);
    repaired();
    counters.repairs++;
  }
}
function note(network, key, { before, foundBy }, context) {
  const { drift, atMs, counters } = context;
  counters.drift++;
  if (foundBy === "comparison") counters.missed++;
  network.repairs.set(key, drift.note({ atMs, vni: network.vni, before, after: describeKey(network, key), foundBy }));
}
function isKeyRight(network, key) {
  const [kind, name] = key.split(" ");
  if (kind === "flood") return wantedFlood(network).has(name) === network.flood.has(name);
  if (kind === "ip") {
    const row2 = network.ips.get(name);
    return !row2 || isIpRight(network, row2);
  }
  const row = network.macs.get(name);
  return !row || isMacRight(network, row);
}
function describeKey(network, key) {
  const { vni } = network;
  const [kind, name] = key.split(" ");
  if (kind === "flood") {
    return network.flood.has(name) ? describeFlood(vni, name) : void 0;
  }
  if (kind === "ip") return describeNeighbour(vni, name, network.ips.get(name)?.have);
  const row = network.macs.get(name);
  return row && describeRow(vni, name, row);
}

// edge-agent/dataplane/pass-loop.ts
function createPassLoop(options) {
  const { clock: clock2, pass, onError, settleMs = 50, background } = options;
  const retryMs = options.retryMs ?? { first: 200, longest: 1e4 };
  const timers = /* @__PURE__ */ new Map();
  const counts = { passes: 0, retries: 0 };
  let running;
  let asked = false;
  let stepDue = false;
  let closed = false;
  let delayMs = 0;
  let passMs = 0;
  function arm(name, afterMs, act) {
    timers.get(name)?.();
    timers.delete(name);
    if (closed) return;
    const cancel = clock2.setTimer(afterMs, () => {
      timers.delete(name);
      act();
    });
    timers.set(name, cancel);
  }
  function disarm(name) {
    timers.get(name)?.();
    timers.delete(name);
  }
  function ask() {
    if (closed) return;
    asked = true;
    start2();
  }
  function start2() {
    running ??= run().finally(() => {
      running = void 0;
      if (isDue()) start2();
    });
  }
  function isDue() {
    return !closed && (asked || stepDue);
  }
  async function run() {
    await Promise.resolve();
    while (isDue()) {
      if (asked) {
        asked = false;
        await runPass();
      } else {
        stepDue = false;
        await runStep();
      }
    }
  }
  async function runPass() {
    const startMs = clock2.nowMs();
    counts.passes++;
    const outcome = await pass().catch((cause) => refused(cause));
    passMs = clock2.nowMs() - startMs;
    if (outcome === "again") retry();
    else {
      delayMs = 0;
      disarm("retry");
    }
    if (background && !timers.has("background")) armBackground(background.everyMs);
  }
  async function runStep() {
    if (!background) return;
    const outcome = await background.step().catch((cause) => refused(cause));
    if (outcome === "again") retry();
    armBackground(background.everyMs);
  }
  function armBackground(everyMs) {
    arm("background", everyMs(), () => {
      stepDue = true;
      start2();
    });
  }
  function refused(cause) {
    onError(cause instanceof Error ? cause : new Error(String(cause)));
    return "again";
  }
  function retry() {
    counts.retries++;
    delayMs = delayMs === 0 ? retryMs.first : Math.min(delayMs * 2, retryMs.longest);
    arm("retry", delayMs, ask);
  }
  return {
    ask,
    notice: () => {
      if (!timers.has("settle")) arm("settle", Math.max(settleMs, passMs), ask);
    },
    counts: () => ({ ...counts }),
    close: async () => {
      closed = true;
      for (const cancel of timers.values()) cancel();
      timers.clear();
      await running;
    }
  };
}

// edge-agent/dataplane/diff-devices.ts
var USUAL_UNDERLAY_MTU_BYTES = 1500;
function foreignDevices(network, have, actual) {
  const { vni } = network;
  return actual.foreign.flatMap((device2) => {
    if (device2.name === bridgeName(vni) || device2.name === vxlanName(vni)) {
      return [{ kind: "foreign-device", vni, device: device2.name, clash: "name" }];
    }
    if (!have?.vxlan && device2.vni === vni && device2.udpPort === VXLAN_PORT) {
      return [{ kind: "foreign-device", vni, device: device2.name, clash: "vni" }];
    }
    return [];
  });
}
function planMtu(network, underlayBytes) {
  const { vni, vtep, mtuBytes } = network;
  const overhead = encapsulationBytes(vtep);
  if (underlayBytes === void 0) return { mtuBytes: mtuBytes ?? USUAL_UNDERLAY_MTU_BYTES - overhead, problems: [] };
  const possibleBytes = underlayBytes - overhead;
  if (mtuBytes === void 0 || mtuBytes <= possibleBytes) return { mtuBytes: mtuBytes ?? possibleBytes, problems: [] };
  return { mtuBytes: possibleBytes, problems: [{ kind: "mtu-too-large", vni, wantedBytes: mtuBytes, possibleBytes }] };
}
function isUnusable(vxlan, { vtep, sourcePorts: sourcePorts2 }) {
  const { udpPort, vtep: has2, sourcePorts: ports } = vxlan;
  const range = sourcePorts2 && (ports?.low !== sourcePorts2.low || ports.high !== sourcePorts2.high);
  return udpPort !== VXLAN_PORT || has2 !== void 0 && isIpv4(has2) !== isIpv4(vtep) || range === true;
}
function diffDevices(network, have, mtuBytes) {
  const { vni, owner, vtep, sourcePorts: sourcePorts2 } = network;
  const ops = [];
  const bridge = have?.bridge;
  const vxlan = have?.vxlan;
  const mac = network.bridgeMac ?? bridgeMac(vni, vtep);
  if (!bridge) ops.push({ kind: "add-bridge", vni, name: bridgeName(vni), mac, owner, mtuBytes });
  else ops.push(...linkChanges(network, bridge, mtuBytes, bridge.mac === mac ? void 0 : mac));
  const attach2 = { kind: "attach-port", vni, name: vxlanName(vni), bridge: bridgeName(vni), role: "vxlan" };
  if (!vxlan || isUnusable(vxlan, network)) {
    const kind = vxlan ? "rebuild-vxlan" : "add-vxlan";
    return [
      ...ops,
      { kind, vni, name: vxlanName(vni), owner, mtuBytes, vtep, ...sourcePorts2 && { sourcePorts: sourcePorts2 } },
      attach2
    ];
  }
  if (vxlan.vtep !== vtep || vxlan.learning) ops.push({ kind: "set-vxlan", vni, name: vxlan.name, vtep });
  ops.push(...linkChanges(network, { ...vxlan, up: true }, mtuBytes));
  const attached = bridge !== void 0 && vxlan.master === bridge.name && vxlan.up;
  if (!attached || vxlan.portLearning || !vxlan.neighSuppress) ops.push(attach2);
  return ops;
}
function diffPorts(network, have, wanted) {
  const { vni } = network;
  const bridge = bridgeName(vni);
  const ops = [];
  for (const [name, at] of wanted) {
    if (at.master !== bridge || !at.up) ops.push({ kind: "attach-port", vni, name, bridge, role: "tenant" });
  }
  for (const { name } of have?.ports ?? []) {
    if (!wanted.has(name)) ops.push({ kind: "release-port", vni, name, bridge });
  }
  return ops;
}
function linkChanges(network, link3, mtuBytes, mac) {
  const change2 = {
    ...mac === void 0 ? {} : { mac },
    ...link3.owner === network.owner ? {} : { owner: network.owner },
    ...link3.mtuBytes === mtuBytes ? {} : { mtuBytes },
    ...link3.up ? {} : { up: true }
  };
  return Object.keys(change2).length === 0 ? [] : [{ kind: "set-link", vni: network.vni, name: link3.name, ...change2 }];
}

// edge-agent/dataplane/ports.ts
function planPorts(claims, actual, mayRetarget) {
  const interfaces = new Map(actual.interfaces.map((each) => [each.name, each]));
  const ours = new Set(actual.networks.flatMap((network) => network.bridge ? [network.bridge.name] : []));
  const holders = /* @__PURE__ */ new Map();
  const usable = /* @__PURE__ */ new Map();
  const problems = /* @__PURE__ */ new Map();
  for (const { vni, ports } of claims) {
    const mine = /* @__PURE__ */ new Map();
    const found = [];
    for (const port of ports) {
      const holder = holders.get(port);
      const at = interfaces.get(port);
      if (holder !== void 0) found.push({ kind: "port-claimed-twice", vni, port, holder });
      else if (!at) found.push({ kind: "port-missing", vni, port });
      else if (at.master !== void 0 && at.master !== bridgeName(vni) && !(mayRetarget && ours.has(at.master))) {
        found.push({ kind: "port-taken", vni, port, master: at.master });
      } else if (at.addressed && at.master === void 0) {
        found.push({ kind: "port-addressed", vni, port });
      } else {
        holders.set(port, vni);
        mine.set(port, at);
      }
    }
    usable.set(vni, mine);
    problems.set(vni, found);
  }
  return { usable, problems };
}

// edge-agent/dataplane/plan-host.ts
var PHASE = {
  "rebuild-vxlan": 0,
  "add-bridge": 0,
  "add-vxlan": 0,
  "set-link": 1,
  "set-vxlan": 1
};
function inPhases(plans) {
  const phase = (op) => PHASE[op.kind] ?? 2;
  return plans.flatMap((plan) => plan.writes).sort((a, b) => phase(a) - phase(b));
}
function planHost(claims, context) {
  const { host: host2 } = context;
  const devices = new Map(host2.networks.map((each) => [each.vni, each]));
  const ports = planPorts(
    claims.filter((claim) => claim.frame),
    host2,
    context.mayRetarget
  );
  return claims.map(({ vni, frame: frame2 }) => {
    const have = devices.get(vni);
    if (!frame2) return { vni, blocked: false, writes: [], deletions: removal(have), usable: NONE, problems: [] };
    const usable = ports.usable.get(vni) ?? /* @__PURE__ */ new Map();
    return planNetwork(frame2, have, { ...context, usable, problems: ports.problems.get(vni) ?? [] });
  });
}
var NONE = /* @__PURE__ */ new Set();
function planNetwork(frame2, have, context) {
  const { vni, vtep } = frame2;
  const { host: host2, mayDelete } = context;
  const stop = (problems) => ({
    vni,
    blocked: true,
    writes: [],
    deletions: [],
    usable: NONE,
    problems
  });
  const foreign3 = foreignDevices(frame2, have, host2);
  if (foreign3.length > 0) return stop(foreign3);
  const rebuild = have?.vxlan !== void 0 && isUnusable(have.vxlan, frame2);
  if (rebuild && !mayDelete) return stop([{ kind: "device-unusable", vni, device: have.vxlan.name }]);
  const mtu = planMtu(frame2, context.underlayBytes(frame2));
  const missing2 = host2.addresses.has(vtep) ? [] : [{ kind: "vtep-missing", vni, vtep }];
  const portOps = diffPorts(frame2, have, context.usable);
  const released = (op) => op.kind === "release-port";
  return {
    vni,
    blocked: false,
    writes: [...diffDevices(frame2, have, mtu.mtuBytes), ...portOps.filter((op) => !released(op))],
    deletions: portOps.filter(released),
    usable: new Set(context.usable.keys()),
    problems: [...missing2, ...mtu.problems, ...context.problems]
  };
}
function removal(have) {
  return [have?.vxlan, have?.bridge].flatMap(
    (device2) => have && device2 ? [{ kind: "delete-link", vni: have.vni, name: device2.name }] : []
  );
}
function isRouted(host2, vtep) {
  return host2.addresses.has(vtep) && host2.addresses.get(vtep) === void 0;
}

// edge-agent/dataplane/read-back.ts
function viewVerified(network) {
  const { vni, devices, macs: macs2, ips: ips2 } = network;
  const vtep = devices?.vxlan?.vtep;
  if (!devices?.bridge || vtep === void 0) return void 0;
  return {
    vni,
    vtep,
    get flood() {
      return verifiedFlood(network);
    },
    mac: (mac) => verifiedMac(network, macs2.get(mac)),
    neighbour: (ip2) => verifiedNeighbour(network, ips2.get(ip2)),
    macs: () => verifiedMacs(network),
    neighbours: () => verifiedNeighbours(network),
    get macCount() {
      return count(verifiedMacs(network));
    },
    get neighbourCount() {
      return count(verifiedNeighbours(network));
    },
    state: () => stateOf(network)
  };
}
function* verifiedMacs(network) {
  for (const [mac, row] of network.macs) {
    const target = verifiedMac(network, row);
    if (target) yield [mac, target];
  }
}
function* verifiedNeighbours(network) {
  for (const [ip2, row] of network.ips) {
    const mac = verifiedNeighbour(network, row);
    if (mac !== void 0) yield [ip2, mac];
  }
}
function stateOf(network) {
  const { vni, devices, upPorts } = network;
  const { bridge, vxlan } = devices ?? {};
  if (!bridge || vxlan?.vtep === void 0) throw new Error(`VNI ${vni} has no devices`);
  const local = [];
  const remote = [];
  for (const [mac, target] of verifiedMacs(network)) {
    if (target.kind === "local") local.push({ mac, port: target.port });
    else {
      const { vteps, vni: other } = target;
      const more = { ...vteps.length > 1 && { vteps }, ...other !== void 0 && { vni: other } };
      remote.push({ mac, vtep: vteps[0], ...more });
    }
  }
  return {
    vni,
    owner: bridge.owner,
    vtep: vxlan.vtep,
    mtuBytes: Math.min(bridge.mtuBytes, vxlan.mtuBytes),
    ports: [...upPorts].sort().map((name) => ({ name })),
    local: sorted(local, (entry3) => entry3.mac),
    remote: sorted(remote, (entry3) => entry3.mac),
    flood: verifiedFlood(network),
    neighbours: sorted(
      Array.from(verifiedNeighbours(network), ([ip2, mac]) => ({ ip: ip2, mac })),
      (entry3) => entry3.ip
    )
  };
}
function count(items) {
  let size = 0;
  for (const _2 of items) size++;
  return size;
}
function sorted(items, key) {
  return items.toSorted((a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

// shared/assert.ts
function assertNever(value) {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

// edge-agent/dataplane/places.ts
function createPlaces(form) {
  const byKey = /* @__PURE__ */ new Map();
  const tunnelUses = /* @__PURE__ */ new Map();
  return {
    take: (target, context) => {
      const key = keyOf(target, context);
      let place = byKey.get(key);
      if (!place) {
        place = { key, target, tunnel: tunnelOf(target, context, form), uses: 0 };
        byKey.set(key, place);
        if (place.tunnel) {
          const tunnel = tunnelKey(place.tunnel);
          tunnelUses.set(tunnel, (tunnelUses.get(tunnel) ?? 0) + 1);
        }
      }
      place.uses++;
      return place;
    },
    drop: (place) => {
      if (--place.uses > 0) return;
      byKey.delete(place.key);
      if (!place.tunnel) return;
      const tunnel = tunnelKey(place.tunnel);
      const left = (tunnelUses.get(tunnel) ?? 1) - 1;
      if (left > 0) tunnelUses.set(tunnel, left);
      else tunnelUses.delete(tunnel);
    },
    isWanted: (tunnel) => tunnelUses.has(tunnelKey(tunnel))
  };
}
function tunnelOf(target, context, form) {
  if (target.kind === "local") return void 0;
  const vteps = target.vteps.filter((vtep) => vtep !== context.vtep).toSorted();
  if (vteps.length === 0) return void 0;
  const vni = target.vni === context.vni ? void 0 : target.vni;
  if (form === "nexthop" && vni === void 0) return { form, vteps, vni };
  return { form: "dst", vteps: vteps.slice(0, 1), vni };
}
function keyOf(target, context) {
  if (target.kind === "local") return `port ${target.port}`;
  const { vteps, vni, yields } = target;
  const [first] = vteps;
  const plain = vteps.length === 1 && vni === void 0 && first !== context.vtep;
  const key = plain ? first : `${vteps.toSorted().join(" ")} vni ${vni} from ${context.vtep} ${context.vni}`;
  return yields ? `${key} yields` : key;
}
function tunnelKey({ form, vteps, vni }) {
  return `${form} ${vteps.join(" ")} ${vni}`;
}

// edge-agent/dataplane/tables.ts
function createTables(form) {
  const networks = /* @__PURE__ */ new Map();
  const places = createPlaces(form);
  const doubts = /* @__PURE__ */ new Set();
  const movedTunnels = /* @__PURE__ */ new Map();
  let twice = /* @__PURE__ */ new Set();
  let touched;
  const networkOf = (vni) => {
    let network = networks.get(vni);
    if (!network) {
      network = createNetwork(vni);
      networks.set(vni, network);
    }
    return network;
  };
  function want(network, mac, target) {
    const before = network.macs.get(mac)?.want;
    const place = target && places.take(target, { vtep: network.frame?.vtep, vni: network.vni });
    if (place !== before) wantMac(network, mac, place);
    if (before) places.drop(before);
  }
  async function foldChange(change2, breath) {
    if ("remove" in change2) {
      const network2 = networks.get(change2.vni);
      if (!network2) return;
      network2.frame = void 0;
      network2.dirty.frame = true;
      network2.dirty.all = true;
      network2.settled = false;
      await clear(network2, breath);
      return;
    }
    const network = networkOf(change2.vni);
    if (change2.frame) await setFrame(network, change2.frame, breath);
    if (change2.macs) {
      for (const [mac, target] of change2.macs) {
        want(network, mac, target);
        if (breath.due()) await breath.rest();
      }
    }
    for (const [ip2, mac] of change2.neighbours ?? []) {
      wantNeighbour(network, ip2, mac);
      if (breath.due()) await breath.rest();
    }
  }
  async function setFrame(network, frame2, breath) {
    const before = network.frame;
    network.frame = frame2;
    network.dirty.frame = true;
    network.dirty.flood = true;
    if (before?.vtep === frame2.vtep) return;
    network.dirty.all = true;
    for (const row of network.macs.values()) {
      const { want: old } = row;
      if (old) {
        row.want = places.take(old.target, { vtep: frame2.vtep, vni: network.vni });
        places.drop(old);
      }
      if (breath.due()) await breath.rest();
    }
  }
  async function clear(network, breath) {
    for (const [mac, row] of network.macs) {
      if (row.want) want(network, mac, void 0);
      if (breath.due()) await breath.rest();
    }
    for (const [ip2, row] of network.ips) {
      if (row.want !== void 0) wantNeighbour(network, ip2, void 0);
      if (breath.due()) await breath.rest();
    }
  }
  async function foldWhole(state, breath) {
    const wanted = /* @__PURE__ */ new Map();
    const again = /* @__PURE__ */ new Set();
    for (const network of state.networks) {
      if (wanted.has(network.vni)) again.add(network.vni);
      else wanted.set(network.vni, network);
    }
    twice = again;
    for (const vni of networks.keys()) if (!wanted.has(vni)) await foldChange({ vni, remove: true }, breath);
    for (const [vni, whole] of wanted) {
      const network = networkOf(vni);
      const { frame: frame2, macs: macs2, neighbours } = tablesOf(whole);
      const gone = /* @__PURE__ */ new Map();
      for (const [mac, row] of network.macs) if (row.want && !macs2.has(mac)) gone.set(mac, void 0);
      const goneIps = /* @__PURE__ */ new Map();
      for (const [ip2, row] of network.ips) {
        if (row.want !== void 0 && !neighbours.has(ip2)) goneIps.set(ip2, void 0);
      }
      await foldChange({ vni, frame: frame2, macs: macs2, neighbours }, breath);
      await foldChange({ vni, macs: gone, neighbours: goneIps }, breath);
    }
  }
  return {
    networks,
    places,
    doubts,
    twice: () => twice,
    onEvent: (event) => {
      switch (event.kind) {
        case "bridge-entry": {
          touched?.add(`b ${event.vni} ${event.mac}`);
          const network = networkOf(event.vni);
          const { mac, port, state } = event;
          if (state !== "gone") setBridgeHalf(network, mac, { port, pinned: state === "pinned" });
          else if (network.macs.get(mac)?.port === port) setBridgeHalf(network, mac, GONE);
          else if (network.learned.get(mac) === port) setLearned(network, mac, void 0);
          break;
        }
        case "vxlan-entry":
          touched?.add(`v ${event.vni} ${event.mac}`);
          setTunnelHalf(networkOf(event.vni), event.mac, event.tunnel);
          break;
        case "flood":
          touched?.add(`f ${event.vni} ${event.vtep}`);
          setFlood(networkOf(event.vni), event.vtep, event.present);
          break;
        case "neighbour":
          touched?.add(`n ${event.vni} ${event.ip}`);
          setNeighbour(networkOf(event.vni), event.ip, event);
          break;
        case "emptied":
          empty(networkOf(event.vni), event.device);
          break;
        case "tunnel":
          movedTunnels.set(event.before, event.after);
          break;
        case "doubt":
          if (event.vni === void 0) for (const vni of networks.keys()) doubts.add(vni);
          else doubts.add(event.vni);
          break;
        case "host":
          break;
        default:
          assertNever(event);
      }
    },
    fold: async (input, breath) => {
      if ("networks" in input) await foldWhole(input, breath);
      else for (const change2 of input) await foldChange(change2, breath);
    },
    beginReading: () => {
      const mine = /* @__PURE__ */ new Set();
      touched = mine;
      return () => {
        if (touched === mine) touched = void 0;
      };
    },
    load: async (entries, foundBy, breath) => {
      const network = networkOf(entries.vni);
      const { vni } = network;
      const isTouched = (kind, key) => touched !== void 0 && touched.has(`${kind} ${vni} ${key}`);
      const learned = /* @__PURE__ */ new Set();
      for (const { mac, port, pinned } of entries.bridgeEntries) {
        if (!pinned) learned.add(mac);
        if (!isTouched("b", mac)) setBridgeHalf(network, mac, { port, pinned }, foundBy);
        const row = network.macs.get(mac);
        if (row) row.read |= BRIDGE_READ;
        if (breath.due()) await breath.rest();
      }
      for (const mac of network.learned.keys()) {
        if (!learned.has(mac) && !isTouched("b", mac)) setLearned(network, mac, void 0);
      }
      for (const { mac, tunnel } of entries.vxlanEntries) {
        if (!isTouched("v", mac)) setTunnelHalf(network, mac, tunnel, foundBy);
        const row = network.macs.get(mac);
        if (row) row.read |= TUNNEL_READ;
        if (breath.due()) await breath.rest();
      }
      for (const [mac, row] of network.macs) {
        const { read } = row;
        row.read = 0;
        if (row.port !== void 0 && !(read & BRIDGE_READ) && !isTouched("b", mac)) {
          setBridgeHalf(network, mac, GONE, foundBy);
        }
        if (row.tunnel && !(read & TUNNEL_READ) && !isTouched("v", mac)) {
          setTunnelHalf(network, mac, void 0, foundBy);
        }
        if (breath.due()) await breath.rest();
      }
      for (const { ip: ip2, mac, ours } of entries.neighbours) {
        if (!isTouched("n", ip2)) setNeighbour(network, ip2, { mac, ours }, foundBy);
        const row = network.ips.get(ip2);
        if (row) row.read = true;
        if (breath.due()) await breath.rest();
      }
      for (const [ip2, row] of network.ips) {
        const { read } = row;
        row.read = false;
        if (row.have !== void 0 && !read && !isTouched("n", ip2)) setNeighbour(network, ip2, NO_NEIGHBOUR, foundBy);
        if (breath.due()) await breath.rest();
      }
      const flood = new Set(entries.flood);
      for (const vtep of /* @__PURE__ */ new Set([...flood, ...network.flood])) {
        if (!isTouched("f", vtep)) setFlood(network, vtep, flood.has(vtep), foundBy);
      }
    },
    settleTunnels: () => {
      if (movedTunnels.size === 0) return;
      const moved = new Map(movedTunnels);
      movedTunnels.clear();
      const follow = (tunnel) => {
        let at = tunnel;
        while (at && moved.has(at)) at = moved.get(at);
        return at;
      };
      for (const network of networks.values()) {
        for (const [mac, row] of network.macs) {
          if (row.tunnel && moved.has(row.tunnel)) setTunnelHalf(network, mac, follow(row.tunnel));
        }
      }
    },
    network: networkOf,
    forget: (vni) => void networks.delete(vni)
  };
}
var GONE = { port: void 0, pinned: false };
var NO_NEIGHBOUR = { mac: void 0, ours: false };
function empty(network, device2) {
  network.dirty.all = true;
  for (const [mac, row] of network.macs) {
    if (device2 === "vxlan") setTunnelHalf(network, mac, void 0);
    if (device2 === "bridge" || row.port === network.vxlan) setBridgeHalf(network, mac, GONE);
    checkMac(network, mac, row);
  }
  if (device2 === "bridge") for (const mac of network.learned.keys()) setLearned(network, mac, void 0);
  if (device2 === "vxlan") for (const vtep of network.flood) setFlood(network, vtep, false);
  else for (const ip2 of network.ips.keys()) setNeighbour(network, ip2, NO_NEIGHBOUR);
}

// edge-agent/dataplane/diff-entries.ts
function diffMac(network, mac, row, { writes, deletions }) {
  const { vni, vxlan } = network;
  const port = wantedPort(network, row);
  const tunnel = wantedTunnel(network, row);
  const bridgeWrong = port !== void 0 && (row.port !== port || !row.pinned);
  if (tunnel && !sameTunnel(row.tunnel, tunnel)) {
    const kind = bridgeWrong ? "replace-remote-entry" : "replace-vxlan-entry";
    writes.push({ kind, vni, vxlan, mac, tunnel, before: row.tunnel });
  } else if (bridgeWrong) {
    writes.push({ kind: "replace-bridge-entry", vni, mac, port, origin: port === vxlan ? "extern" : "static" });
  }
  if (port === void 0 && row.port !== void 0 && isStray(network, row)) {
    deletions.push({ kind: "delete-bridge-entry", vni, mac, port: row.port });
  }
  if (!tunnel && row.tunnel) deletions.push({ kind: "delete-vxlan-entry", vni, vxlan, mac, tunnel: row.tunnel });
}
function diffIp(network, ip2, row, { writes, deletions }) {
  const { vni } = network;
  const bridge = bridgeName(vni);
  if (row.want !== void 0) writes.push({ kind: "replace-neighbour", vni, bridge, ip: ip2, mac: row.want });
  else deletions.push({ kind: "delete-neighbour", vni, bridge, ip: ip2 });
}
function diffFlood(network, { writes, deletions }) {
  const { vni, vxlan, flood } = network;
  const wanted = wantedFlood(network);
  for (const vtep of wanted) if (!flood.has(vtep)) writes.push({ kind: "add-flood", vni, vxlan, vtep });
  for (const vtep of flood) if (!wanted.has(vtep)) deletions.push({ kind: "delete-flood", vni, vxlan, vtep });
}

// edge-agent/dataplane/write-entries.ts
var CHUNK = 512;
var BULK_FROM = 32;
function createEntryWriter(options) {
  const { kernel, tables, clock: clock2, onApplied } = options;
  async function apply(ops) {
    for (let from = 0; from < ops.length; from += CHUNK) {
      const chunk = ops.slice(from, from + CHUNK);
      onApplied(chunk.length, await kernel.apply(chunk));
      tables.settleTunnels();
    }
  }
  async function writeNetwork(network, { mayRetarget }) {
    const holds = !mayRetarget && network.adopted;
    const breath = createBreath(clock2.nowMs);
    const lists = { writes: [], deletions: [] };
    const flush = async (least) => {
      if (lists.writes.length < least) return;
      await apply(lists.writes.splice(0));
    };
    if (network.dirty.flood) diffFlood(network, lists);
    for (const row of network.dirty.macs) {
      if (!(holds && isRetarget(network, row.mac, row))) diffMac(network, row.mac, row, lists);
      await flush(CHUNK);
      if (breath.due()) await breath.rest();
    }
    for (const row of network.dirty.ips) {
      const held = holds && isIpRetarget(network, row.ip, row);
      if (!held && !isIpRight(network, row)) diffIp(network, row.ip, row, lists);
      await flush(CHUNK);
      if (breath.due()) await breath.rest();
    }
    await flush(1);
    return lists.deletions;
  }
  async function findDirty(network) {
    const { dirty } = network;
    const breath = createBreath(clock2.nowMs);
    dirty.all = false;
    dirty.flood = true;
    for (const [mac, row] of network.macs) {
      checkMac(network, mac, row);
      if (breath.due()) await breath.rest();
    }
    for (const [ip2, row] of network.ips) {
      checkIp(network, ip2, row);
      if (breath.due()) await breath.rest();
    }
  }
  function checkFlood(network) {
    const wanted = wantedFlood(network);
    network.dirty.flood = wanted.size !== network.flood.size || [...wanted].some((vtep) => !network.flood.has(vtep));
  }
  function withhold2(network, { mayRetarget }) {
    const { dirty, waiting } = network;
    const holds = !mayRetarget && network.adopted;
    for (const row of dirty.macs) {
      const lists = { writes: [], deletions: [] };
      diffMac(network, row.mac, row, lists);
      const held = holds && isRetarget(network, row.mac, row);
      if (lists.writes.length > 0 && !held) continue;
      dirty.macs.delete(row);
      if (held || lists.deletions.length > 0) waiting.macs.add(row.mac);
    }
    for (const row of dirty.ips) {
      if (row.want !== void 0 && !(holds && isIpRetarget(network, row.ip, row))) continue;
      dirty.ips.delete(row);
      waiting.ips.add(row.ip);
    }
    const wanted = wantedFlood(network);
    waiting.flood = [...network.flood].filter((vtep) => !wanted.has(vtep)).length;
    if (network.dirty.flood) network.dirty.flood = [...wanted].some((vtep) => !network.flood.has(vtep));
  }
  function releaseWaiting(network) {
    const { dirty, waiting } = network;
    for (const mac of waiting.macs) {
      const row = network.macs.get(mac);
      if (row) dirty.macs.add(row);
    }
    for (const ip2 of waiting.ips) {
      const row = network.ips.get(ip2);
      if (row) dirty.ips.add(row);
    }
    if (waiting.flood > 0) dirty.flood = true;
    waiting.macs.clear();
    waiting.ips.clear();
    waiting.flood = 0;
  }
  function bulkOf(network, deletions) {
    const groups = /* @__PURE__ */ new Map();
    for (const op of deletions) {
      if (op.kind === "delete-vxlan-entry") groups.set(op.tunnel, (groups.get(op.tunnel) ?? 0) + 1);
    }
    const bulk = [];
    const vteps = /* @__PURE__ */ new Map();
    for (const [tunnel, count2] of groups) {
      if (tables.places.isWanted(tunnel)) continue;
      const [vtep] = tunnel.vteps;
      if (tunnel.form === "nexthop") bulk.push({ kind: "delete-tunnel", vni: void 0, tunnel });
      else if (kernel.bulkDelete && vtep !== void 0) {
        const { vni, vxlan } = network;
        const sum = (vteps.get(vtep)?.count ?? 0) + count2;
        vteps.set(vtep, { count: sum, op: { kind: "flush-vtep", vni, vxlan, vtep } });
      }
    }
    for (const { count: count2, op } of vteps.values()) if (count2 >= BULK_FROM) bulk.push(op);
    if (vteps.size > 0) network.dirty.flood = true;
    return bulk;
  }
  return {
    write: async (networks, rights) => {
      const { mayDelete } = rights;
      const later = [];
      for (const network of networks) {
        if (network.dirty.all) await findDirty(network);
        if (mayDelete || rights.mayRetarget && network.adopted) releaseWaiting(network);
        if (rights.mayRetarget) network.adopted = false;
        const { dirty } = network;
        if (dirty.macs.size + dirty.ips.size === 0 && !dirty.flood) continue;
        const deletions = await writeNetwork(network, rights);
        if (mayDelete) later.push({ network, deletions });
        else withhold2(network, rights);
      }
      for (const { network, deletions } of later) {
        await apply(bulkOf(network, deletions));
        await apply(deletions.filter((op) => isStillThere(network, op)));
        checkFlood(network);
      }
    },
    sweepTunnels: async () => {
      const unwanted = kernel.tunnels().filter((tunnel) => !tables.places.isWanted(tunnel));
      await apply(unwanted.map((tunnel) => ({ kind: "delete-tunnel", vni: void 0, tunnel })));
    }
  };
}
function isStillThere(network, op) {
  switch (op.kind) {
    case "delete-vxlan-entry":
      return network.macs.get(op.mac)?.tunnel !== void 0;
    case "delete-bridge-entry":
      return network.macs.get(op.mac)?.port === op.port;
    case "delete-flood":
      return network.flood.has(op.vtep);
    default:
      return true;
  }
}

// edge-agent/dataplane/reconciler.ts
var REST_FACTOR = 50;
var MOST_PATHS = 32;
var MTU_KNOWN_FOR_MS = 5e3;
var MOST_READING_MS = 250;
function createReconciler(options) {
  const { kernel, clock: clock2, log: log2, compareEveryMs = 3e4, settleMs } = options;
  const wallMs = clock2.wallMs ?? clock2.nowMs;
  const listeners = /* @__PURE__ */ new Set();
  const counters = {
    passes: 0,
    dumps: 0,
    applied: 0,
    refused: 0,
    drift: 0,
    repairs: 0,
    missed: 0,
    retries: 0,
    overruns: 0
  };
  const tables = createTables(kernel.tunnelForm);
  const { networks } = tables;
  const drift = createDriftLog();
  const inputs = [];
  const mtus = /* @__PURE__ */ new Map();
  let begun = false;
  let rights = { mayDelete: false, mayRetarget: false };
  let adopted = false;
  let generation = 0;
  let host2;
  let hostStale = true;
  let hostFresh = false;
  let allStale = true;
  let latest;
  let compared;
  let restMs = 0;
  const entries = createEntryWriter({ kernel, tables, clock: clock2, onApplied: noteApplied });
  const loop = createPassLoop({
    clock: clock2,
    ...settleMs !== void 0 && { settleMs },
    ...options.retryMs && { retryMs: options.retryMs },
    pass: async () => begun ? await pass() : "done",
    onError: (cause) => log2("error", `dataplane: ${cause.message}`),
    background: {
      everyMs: () => Math.max(compareEveryMs / Math.max(1, networks.size), restMs),
      step: compareOne
    }
  });
  const watch = kernel.watch(onEvent);
  function onEvent(event) {
    if (event.kind === "host" || event.kind === "emptied") hostStale = true;
    if (event.kind === "doubt") {
      if (event.vni === void 0) hostStale = true;
      if (event.lost !== void 0) {
        counters.overruns++;
        const which = event.vni === void 0 ? "all networks are" : `VNI ${event.vni} is`;
        log2("warn", `kernel events: ${event.lost}; ${which} read anew`);
      }
    }
    tables.onEvent(event);
    if (!passing || event.kind === "host" || event.kind === "doubt" && event.lost !== void 0) loop.notice();
  }
  let passing = false;
  async function pass() {
    const about = { generation, ...rights };
    passing = true;
    let outcome;
    try {
      outcome = await reconcile(about);
    } catch (cause) {
      allStale = true;
      for (const network of networks.values()) network.settled = false;
      const error2 = cause instanceof Error ? cause.message : String(cause);
      log2("error", `dataplane: ${error2}`);
      publish(about, error2);
      return "again";
    } finally {
      passing = false;
    }
    publish(about, void 0);
    return outcome;
  }
  async function reconcile(allowed) {
    const { mayDelete } = allowed;
    const breath = createBreath(clock2.nowMs);
    for (let input = inputs.shift(); input; input = inputs.shift()) await tables.fold(input, breath);
    if (allStale) await readAll();
    await readDoubted();
    tables.settleTunnels();
    const plans = await planAll(allowed);
    for (const network of networks.values()) confirmDrift(network, { drift, atMs: wallMs(), counters });
    const ready = [...networks.values()].filter(
      ({ frame: frame2, devices, blocked }) => frame2 && devices?.bridge && devices.vxlan && !blocked
    );
    await entries.write(ready, allowed);
    if (mayDelete) {
      await applyAll(plans.flatMap((plan) => plan.deletions));
      await entries.sweepTunnels();
    }
    await readDoubted();
    if (hostStale) await readHost();
    let left = false;
    for (const network of networks.values()) {
      settleRepairs(network, counters);
      const plan = plans.find((each) => each.vni === network.vni);
      network.waiting.devices = mayDelete ? 0 : plan?.deletions.length ?? 0;
      if (!network.frame && !network.devices) continue;
      const open = openKeys(network) > 0;
      const failed = network.failure !== void 0 || network.remaining > 0;
      network.settled = !open && !failed && network.frame !== void 0;
      network.attached = new Set(network.devices?.ports.map((port) => port.name));
      if (network.suspects.size > 0) loop.notice();
      left ||= open || failed;
    }
    return left ? "again" : "done";
  }
  async function planAll(allowed) {
    const all = [...networks.values()].sort((a, b) => a.vni - b.vni);
    const changed = all.filter((network) => network.dirty.frame);
    if (hostStale) await readHost();
    if (!host2) return [];
    const current = host2;
    for (const { frame: frame2 } of all) if (frame2 && isRouted(current, frame2.vtep)) await learnPathMtu(frame2);
    const context = {
      host: current,
      underlayBytes: (frame2) => underlayBytes(current, frame2),
      ...allowed
    };
    const plans = planHost(all.map(claimOf), context);
    const intended = new Set(changed.map((network) => network.vni));
    for (const plan of plans) {
      const network = tables.network(plan.vni);
      network.failure = void 0;
      network.problems = tables.twice().has(plan.vni) ? [{ kind: "vni-claimed-twice", vni: plan.vni }, ...plan.problems] : plan.problems;
      network.blocked = plan.blocked;
      setUsable(network, plan.usable);
      network.dirty.frame = false;
      if (!intended.has(plan.vni)) confirmDeviceDrift(network, plan.writes, { drift, atMs: wallMs(), counters });
    }
    const writes = inPhases(plans);
    if (writes.length > 0) {
      await applyAll(writes);
      if (hostStale) await readHost();
    }
    const after = writes.length > 0 && host2 ? planHost(all.map(claimOf), { ...context, host: host2 }) : plans;
    for (const plan of after) tables.network(plan.vni).remaining = plan.writes.length;
    return plans;
  }
  function claimOf(network) {
    const { vni, frame: frame2, localPorts } = network;
    return {
      vni,
      frame: frame2,
      ports: new Set([...(frame2?.ports ?? []).map((port) => port.name), ...localPorts.keys()].sort())
    };
  }
  async function readHost() {
    const fresh = hostFresh;
    hostStale = false;
    hostFresh = false;
    host2 = await kernel.readHost({ fresh });
    takeHost(host2);
  }
  function takeHost(read) {
    const devices = new Map(read.networks.map((each) => [each.vni, each]));
    for (const vni of devices.keys()) tables.network(vni);
    for (const network of networks.values()) {
      const { vni, devices: before } = network;
      const now = devices.get(vni);
      if (before?.vxlan && !now?.vxlan) tables.onEvent({ kind: "emptied", vni, device: "vxlan" });
      if (before?.bridge && !now?.bridge) tables.onEvent({ kind: "emptied", vni, device: "bridge" });
      setDevices(network, now);
      if (!network.devices && !network.frame && network.macs.size + network.ips.size === 0) forgetSoon.add(network.vni);
    }
  }
  const forgetSoon = /* @__PURE__ */ new Set();
  async function readAll() {
    const endReading = tables.beginReading();
    try {
      counters.dumps++;
      const state = await kernel.dump();
      const breath = createBreath(clock2.nowMs);
      hostStale = false;
      host2 = state;
      takeHost(state);
      const read = new Set(state.networks.map((network) => network.vni));
      for (const network of state.networks) await tables.load(network, "event", breath);
      for (const { vni } of adopted ? [] : state.networks) tables.network(vni).adopted = true;
      adopted = true;
      for (const { vni } of networks.values()) if (!read.has(vni)) await tables.load(nothing(vni), "event", breath);
      tables.doubts.clear();
      allStale = false;
    } finally {
      endReading();
    }
  }
  async function readDoubted() {
    const startMs = clock2.nowMs();
    for (const vni of tables.doubts) {
      tables.doubts.delete(vni);
      await readOne(vni, "event");
      if (clock2.nowMs() - startMs < MOST_READING_MS || tables.doubts.size === 0) continue;
      loop.ask();
      return;
    }
  }
  async function readOne(vni, foundBy) {
    const endReading = tables.beginReading();
    try {
      counters.dumps++;
      const breath = createBreath(clock2.nowMs);
      await tables.load(await kernel.readEntries(vni), foundBy, breath);
    } catch (cause) {
      tables.doubts.add(vni);
      throw cause;
    } finally {
      endReading();
    }
  }
  async function compareOne() {
    const startMs = clock2.nowMs();
    const vnis = [...networks.keys()].sort((a, b) => a - b);
    const next = vnis.find((vni) => compared === void 0 || vni > compared);
    compared = next;
    if (next === void 0 || vnis.length === 1) hostStale = hostFresh = true;
    if (next !== void 0) await readOne(next, "comparison");
    const network = next === void 0 ? void 0 : networks.get(next);
    restMs = (clock2.nowMs() - startMs) * REST_FACTOR;
    if (hostStale || network && openKeys(network) + network.suspects.size > 0) loop.ask();
  }
  async function learnPathMtu(frame2) {
    const { vtep, flood } = frame2;
    const key = mtuKey(frame2);
    const known2 = mtus.get(key);
    if (known2 && clock2.nowMs() - known2.atMs < MTU_KNOWN_FOR_MS) return;
    const to = flood.filter((other) => other !== vtep).slice(0, MOST_PATHS);
    mtus.set(key, { bytes: await kernel.pathMtu(vtep, to), atMs: clock2.nowMs() });
  }
  function underlayBytes({ addresses }, frame2) {
    return addresses.get(frame2.vtep) ?? mtus.get(mtuKey(frame2))?.bytes;
  }
  async function applyAll(ops) {
    if (ops.length === 0) return;
    hostStale = true;
    noteApplied(ops.length, await kernel.apply(ops));
  }
  function noteApplied(count2, failures) {
    counters.applied += count2 - failures.length;
    counters.refused += failures.length;
    for (const failure of failures) {
      if (failure.op.vni === void 0) continue;
      const network = tables.network(failure.op.vni);
      network.failure = { first: network.failure?.first ?? failure, count: (network.failure?.count ?? 0) + 1 };
    }
    for (const { op, code, message } of failures.slice(0, 5)) {
      log2("warn", `VNI ${op.vni ?? "-"}: kernel refused ${op.kind}: ${code} ${message}`.trimEnd());
    }
  }
  function publish(about, error2) {
    const changed = /* @__PURE__ */ new Map();
    const learned = /* @__PURE__ */ new Map();
    for (const network of networks.values()) {
      if (network.learnedChanges.size > 0) {
        learned.set(network.vni, new Set(network.learnedChanges));
        network.learnedChanges.clear();
      }
      const change2 = takeChanged(network);
      const some = change2.whole || change2.flood || change2.macs.size + change2.neighbours.size > 0;
      if (some) changed.set(network.vni, change2);
    }
    for (const vni of forgetSoon) {
      const network = networks.get(vni);
      if (network && !network.frame && !network.devices) tables.forget(vni);
    }
    forgetSoon.clear();
    const shown = [...networks.values()].filter((network) => network.frame ?? network.devices);
    latest = {
      generation: about.generation,
      atMs: clock2.nowMs(),
      inSync: about.mayDelete,
      networks: shown.sort((a, b) => a.vni - b.vni).map((network) => reportOf(network, error2 === void 0)),
      changed,
      learned,
      counters: { ...counters, ...loop.counts() },
      error: error2
    };
    for (const listener of listeners) listener(latest);
  }
  function desiredChanged(input, { inSync, mayRetarget = true }) {
    begun = true;
    rights = { mayDelete: inSync, mayRetarget: mayRetarget || inSync };
    inputs.push(input);
    generation++;
    loop.ask();
    return generation;
  }
  return {
    setDesired: desiredChanged,
    change: desiredChanged,
    verified: (vni) => {
      tables.settleTunnels();
      const network = networks.get(vni);
      return network && viewVerified(network);
    },
    learned: (vni) => networks.get(vni)?.learned ?? NOTHING_LEARNED,
    drift: () => ({ recent: drift.recent(), byNetwork: drift.byNetwork() }),
    resync: (reason) => {
      log2("info", `dataplane: comparing everything: ${reason}`);
      allStale = true;
      loop.ask();
    },
    onReport: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    latest: () => latest,
    close: async () => {
      watch.close();
      await loop.close();
    }
  };
}
var NOTHING_LEARNED = /* @__PURE__ */ new Map();
function mtuKey({ vtep, flood }) {
  return `${vtep} ${flood.slice(0, MOST_PATHS).join(" ")}`;
}
function nothing(vni) {
  return { vni, bridgeEntries: [], vxlanEntries: [], flood: [], neighbours: [] };
}
function openKeys({ dirty, frame: frame2, blocked }) {
  if (!frame2 || blocked) return 0;
  return dirty.macs.size + dirty.ips.size + (dirty.flood || dirty.all ? 1 : 0);
}
function reportOf(network, readable) {
  const { vni, frame: frame2, failure, problems, waiting, remaining } = network;
  const failed = failure ? [{ kind: "op-failed", vni, failure: failure.first, more: failure.count - 1 }] : [];
  return {
    vni,
    desired: frame2 !== void 0,
    get verified() {
      return readable ? viewVerified(network)?.state() : void 0;
    },
    remaining: remaining + openKeys(network),
    withheld: waiting.macs.size + waiting.ips.size + waiting.flood + waiting.devices,
    problems: readable ? [...problems, ...failed] : []
  };
}

// shared/message/inbox.ts
import * as z7 from "zod";

// shared/message/digest.ts
import { createHash as createHash2 } from "node:crypto";
var EMPTY_DIGEST = "0000000000000000";
var MASK = (1n << 64n) - 1n;
function parseDigest(text) {
  return /^[0-9a-f]{16}$/.test(text) ? text : void 0;
}
function digestAdd(a, b) {
  return format(BigInt(`0x${a}`) + BigInt(`0x${b}`) & MASK);
}
function digestSubtract(a, b) {
  return format(BigInt(`0x${a}`) - BigInt(`0x${b}`) & MASK);
}
function digestSum(parts) {
  let sum = 0n;
  for (const part of parts) sum += BigInt(`0x${part}`);
  return format(sum & MASK);
}
var DigestSum = class {
  #sum = 0n;
  add(part) {
    this.#sum = this.#sum + BigInt(`0x${part}`) & MASK;
  }
  subtract(part) {
    this.#sum = this.#sum - BigInt(`0x${part}`) & MASK;
  }
  get digest() {
    return format(this.#sum);
  }
};
function hashText(text) {
  return createHash2("sha256").update(text).digest("hex").slice(0, 16);
}
function hashRecord(record4) {
  return hashText(`${record4.key}
${record4.version}
${canonicalJson(record4.body)}`);
}
function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== void 0);
  members.sort(([a], [b]) => a < b ? -1 : 1);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
}
function format(sum) {
  return sum.toString(16).padStart(16, "0");
}

// shared/message/range.ts
import * as z5 from "zod";
var Bound = z5.string().max(200);
var ChannelRange = z5.object({ from: Bound.optional(), to: Bound.optional() });
function inRange({ from, to }, name) {
  return (from === void 0 || name >= from) && (to === void 0 || name < to);
}
function coverAll(ranges) {
  const sorted2 = ranges.toSorted((a, b) => (a.from ?? "") < (b.from ?? "") ? -1 : 1);
  let end = "";
  for (const { from = "", to } of sorted2) {
    if (end === void 0 || from > end) break;
    end = to === void 0 || to > end ? to : end;
  }
  return end === void 0;
}
function splitRange(range, items, maxBytes) {
  const runs = [{ range: { ...range }, items: [] }];
  let room = maxBytes;
  for (const item of items) {
    const last = runs.at(-1);
    if (last && (last.items.length === 0 || item.bytes + 1 <= room)) {
      last.items.push(item);
      room -= item.bytes + 1;
      continue;
    }
    if (last) last.range.to = item.name;
    runs.push({ range: { ...range, from: item.name }, items: [item] });
    room = maxBytes - item.bytes - 1;
  }
  return runs;
}

// shared/message/version.ts
import * as z6 from "zod";
var PROTOCOL_VERSION = 2;
var FIRST_VERSION = 1;
var ProtocolVersion = z6.union([z6.literal(FIRST_VERSION), z6.literal(PROTOCOL_VERSION)], {
  error: `must be ${FIRST_VERSION} or ${PROTOCOL_VERSION}`
});

// shared/message/inbox.ts
var MAX_PAYLOAD_BYTES = 1e5;
var DigestField = z7.string().transform((text, context) => {
  const digest = parseDigest(text);
  if (digest) return digest;
  context.addIssue({ code: "custom", message: "must be 16 hex digits" });
  return z7.NEVER;
});
var ChannelField = z7.string().transform((text, context) => {
  const channel = parseChannel(text);
  if (channel) return channel;
  context.addIssue({ code: "custom", message: "must be net:<id>, rtr:<id> or host:<id>" });
  return z7.NEVER;
});
var Seq = z7.number().int().min(0);
var Version = z7.number().int().min(1);
var RecordChange = z7.object({ key: z7.string(), version: Version, body: z7.unknown() });
var LogEntry = z7.object({
  channel: ChannelField,
  seq: Seq.min(1),
  prev: Seq,
  digest: DigestField,
  /** The digest of the forwarding form (forwarding.ts) after this step. */
  forwarding: DigestField,
  /** The same for hosts that only route to the network; absent where no router does. */
  routed: DigestField.optional(),
  changes: z7.array(RecordChange)
}).transform((entry3, context) => ({ ...entry3, changes: checkBodies(entry3.channel, entry3.changes, context) }));
var Envelope = { v: ProtocolVersion, host: Slug };
var Envelope2 = { v: z7.literal(PROTOCOL_VERSION), host: Slug };
var DeltaMessage = z7.object({
  ...Envelope,
  kind: z7.literal("delta"),
  entries: z7.array(LogEntry),
  /** Channels that these entries say to hold and whose snapshots follow unasked. */
  coming: z7.array(ChannelField).optional()
});
var SnapshotMessage = z7.object({
  ...Envelope,
  kind: z7.literal("snapshot"),
  channel: ChannelField,
  seq: Seq,
  digest: DigestField,
  forwarding: DigestField,
  part: z7.number().int().min(1),
  parts: z7.number().int().min(1),
  records: z7.array(RecordChange)
}).transform((message, context) => ({ ...message, records: checkBodies(message.channel, message.records, context) }));
var LeaveMessage = z7.object({
  ...Envelope,
  kind: z7.literal("leave"),
  channels: z7.array(ChannelField),
  /** The seq of the host's own channel at which this was so: a host that is further on knows better. */
  own: Seq.optional()
});
var InSyncMessage = z7.object({
  ...Envelope,
  kind: z7.literal("in-sync"),
  channels: z7.array(z7.object({ channel: ChannelField, seq: Seq, digest: DigestField })),
  /** The number of the request that this answers. */
  request: z7.number().int().min(0).optional(),
  ...ChannelRange.shape,
  /** The seq of the host's own channel when this was so, since that channel may be in another range. */
  own: Seq.optional()
});
var OfferMessage = z7.object({
  ...Envelope2,
  kind: z7.literal("offer"),
  channel: ChannelField,
  seq: Seq.min(1),
  digest: DigestField,
  forwarding: DigestField,
  records: z7.number().int().min(0),
  url: z7.url({ protocol: /^https?$/ }).max(4096),
  /** To be sent with the request; the URL's signature covers them, and is worth nothing without. */
  headers: z7.record(z7.string().max(64), z7.string().max(256)),
  /** Of the body as it is fetched (gzip of snapshot-file.ts). */
  bytes: z7.number().int().min(1),
  sha256: z7.string().regex(/^[0-9a-f]{64}$/)
});
var RetryMessage = z7.object({
  ...Envelope2,
  kind: z7.literal("retry"),
  afterMs: z7.number().int().min(0).max(6e5),
  reason: z7.string().max(300)
});
var BundledMessage = z7.discriminatedUnion("kind", [DeltaMessage, SnapshotMessage, LeaveMessage, OfferMessage]);
var BundleMessage = z7.object({ ...Envelope2, kind: z7.literal("bundle"), messages: z7.array(BundledMessage) });
function decodeInbox(payload) {
  return decodeJson(payload, InboxMessageByKind);
}
function decodeJson(payload, schema) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (error2) {
    return { kind: "malformed", reason: `not JSON: ${error2.message}` };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return { kind: "malformed", reason: `${issue?.path.join(".") || "message"}: ${issue?.message ?? "invalid"}` };
}
var InboxMessageByKind = z7.unknown().transform((value, context) => {
  const kind = value?.kind;
  const schema = typeof kind === "string" ? SCHEMAS.get(kind) : void 0;
  if (!schema) {
    context.addIssue({ code: "custom", message: "unknown kind", path: ["kind"] });
    return z7.NEVER;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues)
    context.addIssue({ code: "custom", message: issue.message, path: issue.path });
  return z7.NEVER;
});
var SCHEMAS = /* @__PURE__ */ new Map([
  ["delta", DeltaMessage],
  ["snapshot", SnapshotMessage],
  ["leave", LeaveMessage],
  ["in-sync", InSyncMessage],
  ["offer", OfferMessage],
  ["retry", RetryMessage],
  ["bundle", BundleMessage]
]);
function checkBodies(channel, changes2, context) {
  return changes2.map((change2, index) => {
    const key = parseRecordKey(channel, change2.key);
    const path = [index, change2.key];
    if (!key) context.addIssue({ code: "custom", message: "no such record in this channel", path });
    if (!key || change2.body === null) return change2;
    const parsed = recordSchema(key).safeParse(change2.body);
    if (parsed.success) return change2;
    context.addIssue({ code: "custom", message: parsed.error.issues[0]?.message ?? "invalid body", path });
    return change2;
  });
}

// edge-agent/clock.ts
var LONGEST_TIMER_MS = 2 ** 31 - 1;
function longTimer(clock2, afterMs, callback) {
  if (afterMs <= LONGEST_TIMER_MS) return clock2.setTimer(afterMs, callback);
  let cancel = clock2.setTimer(LONGEST_TIMER_MS, () => {
    cancel = longTimer(clock2, afterMs - LONGEST_TIMER_MS, callback);
  });
  return () => cancel();
}
function debounce(clock2, ms, act) {
  let cancel;
  let closed = false;
  return {
    trigger() {
      if (closed) return;
      cancel ??= clock2.setTimer(ms, () => {
        cancel = void 0;
        act();
      });
    },
    cancel() {
      cancel?.();
      cancel = void 0;
    },
    close() {
      closed = true;
      cancel?.();
    }
  };
}

// edge-agent/intent/carried.ts
function carriedChannels(state) {
  return new Set(carriedSteps(state).keys());
}
function carriedSteps(state) {
  const own = hostChannel(state.host);
  const carried = /* @__PURE__ */ new Map();
  for (const [key, { version }] of state.channels.get(own)?.records ?? []) {
    const parsed = parseRecordKey(own, key);
    if (parsed?.kind === "carried-network") carried.set(networkChannel(parsed.network), version);
    if (parsed?.kind === "carried-router") carried.set(routerChannel(parsed.router), version);
  }
  return carried;
}
function drop(state, channel) {
  for (const of of [state.partial, state.early, state.offers, state.owed]) of.delete(channel);
  state.suspect.delete(channel);
  state.coming.delete(channel);
  return state.channels.delete(channel) ? [{ kind: "dropped", channel }] : [];
}

// edge-agent/intent/early.ts
var MOST_OF_CHANNEL = 1e3;
var MOST_IN_ALL = 2e4;
var MOST_ANSWERS = 2;
function keepEarly(early, entry3) {
  const waiting = early.get(entry3.channel) ?? { byPrev: /* @__PURE__ */ new Map(), answers: 0 };
  early.set(entry3.channel, waiting);
  waiting.answers = 0;
  if (waiting.byPrev.size < MOST_OF_CHANNEL && countEarly(early) < MOST_IN_ALL) waiting.byPrev.set(entry3.prev, entry3);
}
function takeEarly(early, channel, seq) {
  const byPrev = early.get(channel)?.byPrev;
  const next = byPrev?.get(seq);
  for (const [prev, entry3] of byPrev ?? []) if (entry3.seq <= seq || prev === seq) byPrev?.delete(prev);
  if (byPrev?.size === 0) early.delete(channel);
  return next;
}
function outliveAnswer(early, covers) {
  let any = false;
  for (const [channel, waiting] of early) {
    if (!covers(channel)) continue;
    if (++waiting.answers >= MOST_ANSWERS) early.delete(channel);
    else any = true;
  }
  return any;
}
function countEarly(early) {
  let sum = 0;
  for (const { byPrev } of early.values()) sum += byPrev.size;
  return sum;
}

// edge-agent/intent/answer.ts
var ENVELOPE_BYTES = 700;
var REMEMBERED_REQUESTS = 4;
function syncRequests(state, request2) {
  const have = Array.from(state.channels.values(), ({ channel, seq, digest }) => {
    const item = { channel, seq, digest: state.suspect.has(channel) ? EMPTY_DIGEST : digest };
    return { name: channel, bytes: Buffer.byteLength(JSON.stringify(item)), item };
  }).toSorted((a, b) => a.name < b.name ? -1 : 1);
  return splitRange({}, have, MAX_PAYLOAD_BYTES - ENVELOPE_BYTES).map(({ range, items }) => ({
    v: PROTOCOL_VERSION,
    request: request2,
    ...range,
    have: items.map(({ item }) => item)
  }));
}
function receiveInSync(state, message) {
  const own = hostChannel(state.host);
  const wanted = new Map(message.channels.map((item) => [item.channel, item]));
  const ownSeq = message.own ?? wanted.get(own)?.seq;
  const overtaken = ownSeq !== void 0 && (state.channels.get(own)?.seq ?? 0) > ownSeq;
  const range = { ...message.from !== void 0 && { from: message.from }, ...toOf(message) };
  const held = [...state.channels.keys()].filter((channel) => inRange(range, channel));
  const effects = overtaken ? [] : held.flatMap((channel) => wanted.has(channel) ? [] : drop(state, channel));
  const carried = overtaken ? carriedChannels(state) : void 0;
  const lacking = message.channels.filter((item) => !isMet(state, item) && (!carried || carried.has(item.channel)));
  const unexplained = lacking.filter(({ channel }) => !state.offers.has(channel));
  if (unexplained.length > 0) {
    const detail = unexplained.map((item) => item.channel).join(" ");
    return [...effects, { kind: "sync", reason: "incomplete", detail: detail.slice(0, 400) }];
  }
  for (const { channel, seq, digest } of lacking) state.owed.set(channel, { seq, digest });
  if (ownSeq !== void 0 && !inRange(range, own) && !isMet(state, { channel: own, seq: ownSeq })) {
    state.owed.set(own, { seq: ownSeq });
  }
  cover(state, message.request ?? 0, range);
  const waiting = outliveAnswer(state.early, (channel) => inRange(range, channel));
  return [...effects, ...settle(state), ...waiting ? [{ kind: "awaiting" }] : []];
}
function toOf({ to }) {
  return to === void 0 ? {} : { to };
}
function isMet(state, item) {
  const held = state.channels.get(item.channel);
  if (!held) return false;
  return held.seq > item.seq || held.seq === item.seq && (item.digest === void 0 || held.digest === item.digest);
}
function cover(state, request2, range) {
  const ranges = state.covered.get(request2) ?? [];
  state.covered.delete(request2);
  state.covered.set(request2, [...ranges, range]);
  for (const old of [...state.covered.keys()].slice(0, -REMEMBERED_REQUESTS)) state.covered.delete(old);
}
function settle(state) {
  for (const [channel, owed] of state.owed) if (isMet(state, { channel, ...owed })) state.owed.delete(channel);
  if (state.owed.size > 0) return [];
  const whole = [...state.covered].filter(([, ranges]) => coverAll(ranges));
  if (whole.length === 0) return [];
  for (const channel of carriedChannels(state)) if (!state.channels.has(channel)) return [{ kind: "awaiting" }];
  for (const [request2] of whole) state.covered.delete(request2);
  state.inSync = true;
  return [{ kind: "in-sync" }];
}

// edge-agent/intent/fetch-snapshot.ts
import { createHash as createHash3 } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

// shared/message/snapshot-file.ts
import * as z8 from "zod";
var SNAPSHOT_FORMAT = 1;
var SnapshotHeader = z8.object({
  format: z8.literal(SNAPSHOT_FORMAT),
  channel: ChannelField,
  seq: z8.number().int().min(0),
  digest: DigestField,
  forwarding: DigestField,
  records: z8.number().int().min(0)
});

// edge-agent/intent/equal-json.ts
function equalJson(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((member, index) => equalJson(member, b[index]));
  }
  if (Array.isArray(b)) return false;
  const [one, other] = [a, b];
  let members = 0;
  for (const name in one) {
    if (one[name] === void 0) continue;
    members++;
    if (!equalJson(one[name], other[name])) return false;
  }
  for (const name in other) if (other[name] !== void 0) members--;
  return members === 0;
}

// edge-agent/intent/replica.ts
function applyEntry(replica, entry3) {
  const held = replica?.seq ?? 0;
  if (replica && entry3.seq <= held) return { kind: "known" };
  if (entry3.prev !== held) return { kind: "gap", held, prev: entry3.prev };
  const target = replica ?? emptyReplica(entry3.channel);
  const changes2 = newerRecords(target, entry3.changes);
  let computed = target.digest;
  for (const [key, record4] of changes2) {
    computed = digestAdd(digestSubtract(computed, hashOf(target.records.get(key))), hashOf(record4));
  }
  if (computed !== entry3.digest) return { kind: "diverged", expected: entry3.digest, computed };
  for (const [key, record4] of changes2) {
    if (record4) target.records.set(key, record4);
    else target.records.delete(key);
  }
  target.seq = entry3.seq;
  target.digest = entry3.digest;
  target.forwarding = entry3.forwarding;
  return { kind: "applied", replica: target, keys: [...changes2.keys()] };
}
function fromSnapshot(snapshot) {
  const builder = buildSnapshot(snapshot, void 0);
  for (const change2 of snapshot.records) builder.add(change2);
  return builder.finish();
}
function buildSnapshot(state, held) {
  const { channel, seq, digest, forwarding } = state;
  const records = /* @__PURE__ */ new Map();
  return {
    add(change2) {
      const before = held?.records.get(change2.key);
      const isSame2 = before?.version === change2.version && equalJson(before.raw, change2.body);
      const record4 = isSame2 ? before : toRecord(channel, change2);
      if (record4) records.set(change2.key, record4);
    },
    finish() {
      let sum = 0n;
      for (const { hash } of records.values()) sum += BigInt(`0x${hash}`);
      const computed = BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
      return computed === digest ? { channel, seq, digest, forwarding, records } : void 0;
    }
  };
}
function emptyReplica(channel) {
  return { channel, seq: 0, digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST, records: /* @__PURE__ */ new Map() };
}
function newerRecords(replica, changes2) {
  const newer = /* @__PURE__ */ new Map();
  const versions = /* @__PURE__ */ new Map();
  for (const change2 of changes2) {
    const held = versions.get(change2.key) ?? replica.records.get(change2.key)?.version;
    if (held !== void 0 && held >= change2.version) continue;
    versions.set(change2.key, change2.version);
    newer.set(change2.key, toRecord(replica.channel, change2));
  }
  return newer;
}
function toRecord(channel, change2) {
  const { version, body: raw } = change2;
  if (raw === null) return void 0;
  const key = parseRecordKey(channel, change2.key);
  if (!key) throw new Error(`record ${change2.key} cannot be in ${channel}`);
  const body = recordSchema(key).parse(raw);
  const hash = hashRecord({ key: change2.key, version, body: raw });
  return { version, raw: equalJson(raw, body) ? body : raw, body, hash };
}
function hashOf(record4) {
  return record4?.hash ?? EMPTY_DIGEST;
}

// edge-agent/intent/fetch-snapshot.ts
var MAX_LINE_BYTES = 1e6;
var NEWLINE = 10;
async function fetchSnapshot(source, offer, held, signal) {
  const { channel } = offer;
  const hash = createHash3("sha256");
  const builder = buildSnapshot(offer, held);
  let lines = 0;
  function take3(text) {
    const value = JSON.parse(text);
    if (lines++ === 0) checkHeader(SnapshotHeader.parse(value), offer);
    else if (lines > offer.records + 1) throw new Error(`more than the ${offer.records} records that were offered`);
    else builder.add(RecordChange.parse(value));
  }
  await pipeline(
    () => counted(source.open(offer, signal), offer.bytes, (chunk) => void hash.update(chunk)),
    createGunzip(),
    async (chunks) => {
      for await (const text of linesOf(chunks)) take3(text);
    }
  );
  if (hash.digest("hex") !== offer.sha256) throw new Error("SHA-256 differs");
  const replica = lines === offer.records + 1 ? builder.finish() : void 0;
  if (!replica) throw new Error(`the records do not sum to the digest of ${channel} at ${offer.seq}`);
  return replica;
}
function checkHeader(header, offer) {
  for (const name of ["channel", "seq", "digest", "forwarding", "records"]) {
    if (header[name] !== offer[name]) throw new Error(`${name} is ${header[name]}, offered was ${offer[name]}`);
  }
}
async function* counted(chunks, expected, see) {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > expected) throw new Error(`more than the ${expected} octets that were offered`);
    see(chunk);
    yield chunk;
  }
  if (bytes < expected) throw new Error(`${bytes} of ${expected} octets came`);
}
async function* linesOf(chunks) {
  let rest = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start2 = 0;
    for (let end = octets.indexOf(NEWLINE); end >= 0; end = octets.indexOf(NEWLINE, start2)) {
      const line = octets.subarray(start2, end);
      yield rest.length === 0 ? line.toString("utf8") : Buffer.concat([...rest, line]).toString("utf8");
      rest = [];
      restBytes = 0;
      start2 = end + 1;
    }
    if (start2 === octets.length) continue;
    rest.push(Buffer.from(octets.subarray(start2)));
    restBytes += octets.length - start2;
    if (restBytes > MAX_LINE_BYTES) throw new Error(`a line of more than ${MAX_LINE_BYTES} octets`);
  }
  if (restBytes > 0) throw new Error("the last line is cut short");
}

// edge-agent/intent/intent.ts
function createIntent(host2, held) {
  return {
    host: host2,
    channels: new Map(held.map((replica) => [replica.channel, replica])),
    partial: /* @__PURE__ */ new Map(),
    suspect: /* @__PURE__ */ new Set(),
    early: /* @__PURE__ */ new Map(),
    offers: /* @__PURE__ */ new Map(),
    coming: /* @__PURE__ */ new Set(),
    covered: /* @__PURE__ */ new Map(),
    owed: /* @__PURE__ */ new Map(),
    inSync: false
  };
}
function receive(state, message) {
  const own = hostChannel(state.host);
  return speaksOf(message, own) ? watchingHost(state, () => take(state, message)) : take(state, message);
}
function watchingHost(state, act) {
  const own = hostChannel(state.host);
  const before = carriedSteps(state);
  const effects = act();
  const moved = effects.some((effect) => effect.kind === "changed" && effect.channel === own);
  return moved ? [...effects, ...afterHostChannel(state, before)] : effects;
}
function speaksOf(message, channel) {
  switch (message.kind) {
    case "delta":
      return message.entries.some((entry3) => entry3.channel === channel);
    case "bundle":
      return message.messages.some((each) => speaksOf(each, channel));
    default:
      return "channel" in message && message.channel === channel;
  }
}
function take(state, message) {
  if (message.host !== state.host) {
    return [{ kind: "sync", reason: "foreign", detail: `a message for ${message.host} arrived` }];
  }
  switch (message.kind) {
    case "delta":
      return receiveDelta(state, message);
    case "snapshot":
      return receiveSnapshot(state, message);
    case "leave":
      return receiveLeave(state, message);
    case "in-sync":
      return receiveInSync(state, message);
    case "offer":
      return receiveOffer(state, message);
    case "retry":
      return [{ kind: "retry", afterMs: message.afterMs, reason: message.reason }];
    case "bundle":
      return message.messages.flatMap((each) => take(state, each));
    default:
      return assertNever(message);
  }
}
function receiveDelta(state, message) {
  for (const channel of message.coming ?? []) if (!state.channels.has(channel)) state.coming.add(channel);
  return message.entries.flatMap((entry3) => {
    if (mayHold(state, entry3.channel)) return takeEntry(state, entry3);
    return [{ kind: "sync", reason: "foreign", detail: `${entry3.channel} is not this host's` }];
  });
}
function takeEntry(state, entry3) {
  const { channel } = entry3;
  const outcome = applyEntry(state.channels.get(channel), entry3);
  switch (outcome.kind) {
    case "known":
      return [];
    case "gap":
      keepEarly(state.early, entry3);
      return [{ kind: "awaiting" }];
    case "diverged":
      state.suspect.add(channel);
      state.early.delete(channel);
      return [{ kind: "sync", reason: "diverged", detail: `${channel} at ${entry3.seq}` }];
    case "applied":
      state.channels.set(channel, outcome.replica);
      return [
        { kind: "changed", channel, keys: outcome.keys, entry: entry3 },
        ...takeWaiting(state, channel),
        ...settle(state)
      ];
    default:
      return assertNever(outcome);
  }
}
function takeWaiting(state, channel) {
  const next = takeEarly(state.early, channel, state.channels.get(channel)?.seq ?? 0);
  return next ? takeEntry(state, next) : [];
}
function receiveSnapshot(state, message) {
  const { channel, seq, parts } = message;
  if (!mayHold(state, channel)) {
    return [{ kind: "sync", reason: "foreign", detail: `${channel} is not this host's` }];
  }
  if (isHeld(state, message)) return [];
  let partial = state.partial.get(channel);
  if (partial && partial.seq > seq) return [];
  if (!partial || partial.seq < seq) {
    partial = { seq, parts: /* @__PURE__ */ new Map() };
    state.partial.set(channel, partial);
  }
  partial.parts.set(message.part, message);
  if (partial.parts.size < parts) return [];
  state.partial.delete(channel);
  const records = Array.from(partial.parts.values()).flatMap((part) => part.records);
  const replica = fromSnapshot({ ...message, records });
  if (!replica) return [{ kind: "sync", reason: "diverged", detail: `snapshot of ${channel} at ${seq}` }];
  return hold(state, replica);
}
function receiveOffer(state, offer) {
  const { channel, seq } = offer;
  if (!mayHold(state, channel)) {
    return [{ kind: "sync", reason: "foreign", detail: `${channel} is not this host's` }];
  }
  const other = state.offers.get(channel);
  if (isHeld(state, offer) || other && other.seq >= seq) return [];
  state.offers.set(channel, offer);
  return [{ kind: "fetch", offer }];
}
function receiveFetched(state, offer, replica) {
  if (state.offers.get(offer.channel) !== offer) return [];
  state.offers.delete(offer.channel);
  if (isHeld(state, offer)) return settle(state);
  return offer.channel === hostChannel(state.host) ? watchingHost(state, () => hold(state, replica)) : hold(state, replica);
}
function forgetOffer(state, offer) {
  if (state.offers.get(offer.channel) === offer) state.offers.delete(offer.channel);
}
function isHeld(state, { channel, seq, digest }) {
  const held = state.channels.get(channel);
  if (!held) return false;
  return held.seq > seq || held.seq === seq && held.digest === digest && !state.suspect.has(channel);
}
function hold(state, replica) {
  const { channel } = replica;
  state.channels.set(channel, replica);
  state.suspect.delete(channel);
  state.coming.delete(channel);
  return [{ kind: "changed", channel, keys: "whole" }, ...takeWaiting(state, channel), ...settle(state)];
}
function afterHostChannel(state, before) {
  const own = hostChannel(state.host);
  const carried = carriedSteps(state);
  const known2 = /* @__PURE__ */ new Set([...state.channels.keys(), ...state.offers.keys(), ...state.early.keys()]);
  const effects = [...known2].flatMap((held) => held === own || carried.has(held) ? [] : drop(state, held));
  if ([...carried.keys()].some((each) => !state.channels.has(each))) effects.push({ kind: "awaiting" });
  const rejoined = [...carried].filter(([each, step2]) => state.channels.has(each) && step2 > (before.get(each) ?? step2));
  if (rejoined.length > 0) {
    effects.push({ kind: "sync", reason: "rejoined", detail: rejoined.map(([each]) => each).join(" ") });
  }
  return effects;
}
function missing(state) {
  const comes = (channel) => state.offers.has(channel) || state.coming.has(channel);
  return {
    channels: [...carriedChannels(state)].filter((channel) => !state.channels.has(channel) && !comes(channel)),
    gaps: [...state.early.keys()].filter((channel) => !comes(channel))
  };
}
function mayHold(state, channel) {
  return !channel.startsWith("host:") || channel === hostChannel(state.host);
}
function receiveLeave(state, message) {
  const own = hostChannel(state.host);
  const isOvertaken = message.own !== void 0 && (state.channels.get(own)?.seq ?? 0) > message.own;
  if (isOvertaken) return [];
  const whole = message.channels.includes(own);
  const carried = carriedChannels(state);
  return message.channels.filter((each) => whole || !carried.has(each)).flatMap((each) => drop(state, each));
}

// edge-agent/intent/replica-writer.ts
var SAVE_AFTER_MS = 200;
var SAVE_AGAIN_MS = 5e3;
function createReplicaWriter(ports) {
  const { held, store, clock: clock2, log: log2 } = ports;
  let pending = /* @__PURE__ */ new Map();
  let tail = Promise.resolve();
  const write = () => {
    tail = tail.then(() => {
      const writing = pending;
      pending = /* @__PURE__ */ new Map();
      return writeAll(writing);
    });
  };
  const soon = debounce(clock2, SAVE_AFTER_MS, write);
  const again = debounce(clock2, SAVE_AGAIN_MS, write);
  async function writeAll(writing) {
    const failures = [];
    for (const [channel, news] of writing) {
      try {
        const replica = held(channel);
        if (!replica) await store.remove(channel);
        else await store.save(replica, news === "whole" ? void 0 : news);
      } catch (error2) {
        pending.set(channel, "whole");
        failures.push(`${channel}: ${error2.message}`);
      }
    }
    if (failures.length === 0) return;
    log2.warn("replica-write-failed", `${failures.length} of ${writing.size} channels; ${failures[0]}`);
    again.trigger();
  }
  return {
    changed(channel, entry3) {
      const news = pending.get(channel);
      if (!entry3 || news === "whole") pending.set(channel, "whole");
      else if (news) news.push(entry3);
      else pending.set(channel, [entry3]);
      soon.trigger();
    },
    flush() {
      soon.cancel();
      write();
      return tail;
    },
    close() {
      soon.close();
      again.close();
      write();
      return tail;
    }
  };
}

// edge-agent/intent/session.ts
var ASK_AGAIN_MS = { first: 5e3, most: 6e4 };
var FETCH_AGAIN_MS = { first: 1e3, most: 6e4 };
var SYNC_AFTER_MS = 20;
var SYNC_APART_MS = 500;
var GAP_CLOSES_WITHIN_MS = 100;
var FOLLOWS_WITHIN_MS = 300;
var COMES_WITHIN_MS = 5e3;
async function openIntent(options) {
  const { store, snapshots, connection, clock: clock2, random, log: log2, onChange } = options;
  const { replicas, setAside } = await store.load();
  for (const { file, reason } of setAside) log2.warn("replica-set-aside", `${file}: ${reason}`);
  const state = createIntent(options.host, replicas);
  const writer = createReplicaWriter({ held: (channel) => state.channels.get(channel), store, clock: clock2, log: log2 });
  let request2 = Math.floor(random() * 1e9);
  let askedTimes = 0;
  let failedFetches = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let cancelAsk;
  let cancelAskAgain;
  let fetching;
  const jitter = () => 0.75 + random() / 2;
  function ask() {
    cancelAsk ??= clock2.setTimer(Math.max(SYNC_AFTER_MS, askedAtMs + SYNC_APART_MS - clock2.nowMs()), () => {
      cancelAsk = void 0;
      if (!connection.connected) return;
      request2++;
      for (const part of syncRequests(state, request2)) connection.publish("sync", JSON.stringify(part));
      askedAtMs = clock2.nowMs();
      askIn(backoffMs(ASK_AGAIN_MS, askedTimes++) * jitter());
    });
  }
  function askIn(afterMs) {
    cancelAskAgain?.();
    cancelAskAgain = clock2.setTimer(afterMs, () => fetching ? askIn(ASK_AGAIN_MS.first * jitter()) : ask());
  }
  const closeGaps = debounce(clock2, GAP_CLOSES_WITHIN_MS, () => {
    const { gaps } = missing(state);
    if (gaps.length === 0) return;
    log2.warn("sync-gap", gaps.map((channel) => `${channel}: held ${state.channels.get(channel)?.seq ?? 0}`).join(", "));
    ask();
  });
  const lookAgain = debounce(clock2, FOLLOWS_WITHIN_MS, () => {
    const { channels } = missing(state);
    if (channels.length === 0) return;
    log2.warn("sync-missing-channel", channels.join(" "));
    ask();
  });
  const giveUpComing = debounce(clock2, COMES_WITHIN_MS, () => {
    state.coming.clear();
    lookAgain.trigger();
    closeGaps.trigger();
  });
  function fetchNext() {
    const [offer] = state.offers.values();
    if (!offer || fetching) return;
    const abort = new AbortController();
    fetching = abort;
    const finished2 = () => {
      if (fetching === abort) fetching = void 0;
    };
    fetchSnapshot(snapshots, offer, state.channels.get(offer.channel), abort.signal).then(
      (replica) => {
        finished2();
        failedFetches = 0;
        if (abort.signal.aborted) return;
        run(receiveFetched(state, offer, replica));
        fetchNext();
      },
      (error2) => {
        finished2();
        forgetOffer(state, offer);
        if (abort.signal.aborted) return;
        log2.warn("snapshot-fetch-failed", `${offer.channel} at ${offer.seq}: ${error2.message}`);
        askIn(backoffMs(FETCH_AGAIN_MS, failedFetches++) * jitter());
        fetchNext();
      }
    );
  }
  function settle2() {
    askedTimes = 0;
    cancelAskAgain?.();
    cancelAskAgain = void 0;
  }
  function run(effects) {
    for (const effect of effects) {
      switch (effect.kind) {
        case "changed":
          writer.changed(effect.channel, effect.entry);
          break;
        case "dropped":
          writer.changed(effect.channel);
          break;
        case "sync":
          if (effect.reason === "rejoined") log2.info("sync-rejoined", effect.detail);
          else log2.warn(`sync-${effect.reason}`, effect.detail);
          ask();
          break;
        case "awaiting":
          closeGaps.trigger();
          lookAgain.trigger();
          if (state.coming.size > 0) giveUpComing.trigger();
          break;
        case "fetch":
          fetchNext();
          break;
        case "retry":
          log2.info("sync-retry", `${effect.reason}; again in ${effect.afterMs} ms`);
          askIn(effect.afterMs * jitter());
          break;
        case "in-sync":
          settle2();
          break;
        default:
          assertNever(effect);
      }
    }
    if (effects.some(({ kind }) => TOLD.has(kind))) onChange(changesOf(effects));
  }
  return {
    state,
    onConnected() {
      askedTimes = 0;
      askedAtMs = Number.NEGATIVE_INFINITY;
      ask();
    },
    onDisconnected: () => settle2(),
    onInbox(payload) {
      const message = decodeInbox(payload);
      if (message.kind === "malformed") {
        log2.warn("inbox-malformed", message.reason);
        ask();
        return;
      }
      run(receive(state, message));
    },
    flush: () => writer.flush(),
    async close() {
      settle2();
      cancelAsk?.();
      fetching?.abort();
      for (const timer of [closeGaps, lookAgain, giveUpComing]) timer.close();
      await writer.close();
    }
  };
}
var TOLD = /* @__PURE__ */ new Set(["changed", "dropped", "in-sync"]);
function backoffMs({ first, most }, times) {
  return Math.min(first * 2 ** times, most);
}
function changesOf(effects) {
  const changes2 = /* @__PURE__ */ new Map();
  for (const effect of effects) {
    if (effect.kind === "dropped" || effect.kind === "changed" && effect.keys === "whole") {
      changes2.set(effect.channel, "whole");
    } else if (effect.kind === "changed") {
      const known2 = changes2.get(effect.channel) ?? /* @__PURE__ */ new Set();
      changes2.set(effect.channel, known2);
      if (known2 !== "whole") for (const key of effect.keys) known2.add(key);
    }
  }
  return changes2;
}

// edge-agent/lane/trust.ts
var INTENT_OLD_AFTER_MS = 3e4;
function createTrust(startMs) {
  let current = false;
  let awaySinceMs = startMs;
  const at = (nowMs) => {
    if (current) return "current";
    return nowMs < awaySinceMs + INTENT_OLD_AFTER_MS ? "recent" : "old";
  };
  return {
    heard(now, nowMs) {
      if (current && !now) awaySinceMs = nowMs;
      current = now;
    },
    at,
    dueMs: (nowMs) => at(nowMs) === "recent" ? awaySinceMs + INTENT_OLD_AFTER_MS : void 0
  };
}

// edge-agent/lane/completeness.ts
var END_OF_RIB_WAIT_MS = 6e4;
function createCompleteness(options) {
  const { inSync, peers, busy, changed } = options;
  const endOfRib2 = /* @__PURE__ */ new Set();
  let waited = false;
  let now = false;
  let mayRetarget = false;
  let away = false;
  function judge2() {
    const told = inSync() && (waited || peers().every((peer) => endOfRib2.has(peer)));
    const next = told && (now || !busy());
    const released = mayRetarget || (inSync() || away) && !busy();
    if (next === now && released === mayRetarget) return;
    now = next;
    mayRetarget = released;
    changed(now);
  }
  const cancelAway = options.clock.setTimer(INTENT_OLD_AFTER_MS, () => {
    away = true;
    judge2();
  });
  const cancelWait = options.clock.setTimer(END_OF_RIB_WAIT_MS, () => {
    waited = true;
    judge2();
  });
  return {
    get now() {
      return now;
    },
    get mayRetarget() {
      return mayRetarget;
    },
    endOfRib(peer) {
      endOfRib2.add(peer);
      judge2();
    },
    sessionLost(peer) {
      endOfRib2.delete(peer);
      judge2();
    },
    judge: judge2,
    close() {
      cancelAway();
      cancelWait();
    }
  };
}

// edge-agent/lane/guard-first.ts
var MOST_WAIT_MS = 3e3;
function guardFirst(kernel, clock2, guards) {
  return {
    ...kernel,
    apply: async (ops) => {
      const lane = guards();
      const ports = ops.flatMap((op) => isAttachment(op) ? [op.name] : []);
      if (!lane || ports.length === 0) return await kernel.apply(ops);
      await atMost2(MOST_WAIT_MS, clock2, lane.guarded(ports));
      return await kernel.apply(ops.map((op) => withFlags(op, lane)));
    }
  };
}
function isAttachment(op) {
  return op.kind === "attach-port" && op.role === "tenant";
}
function withFlags(op, lane) {
  const flags = isAttachment(op) ? lane.flagsOf(op.name) : void 0;
  return isAttachment(op) && flags ? { ...op, flags } : op;
}
function atMost2(ms, clock2, promise) {
  return new Promise((resolve, reject) => {
    const cancel = clock2.setTimer(ms, resolve);
    promise.then(resolve, reject).finally(cancel);
  });
}

// edge-agent/dataplane/guard-diff.ts
function diffGuards(desired, actual, context) {
  const { guards, mayDelete, isAttached } = context;
  const set = [...desired.ports.values()].filter((guard2) => actual.ports.get(guard2.port) !== guards.print(guard2));
  const surplus = [...actual.ports.keys()].filter((port) => !desired.ports.has(port));
  const remove2 = mayDelete ? surplus.filter((port) => !isAttached(port)) : [];
  const macLists = /* @__PURE__ */ new Map();
  for (const [key, wanted] of desired.macLists) {
    const change2 = listChange(wanted, actual.macLists.has(key), actual.macLists.get(key));
    if (change2) macLists.set(key, change2);
  }
  if (mayDelete && remove2.length === surplus.length) {
    for (const key of actual.macLists.keys()) if (!desired.macLists.has(key)) macLists.set(key, { kind: "drop" });
  }
  const mirrors = /* @__PURE__ */ new Map();
  for (const [from, mirror] of desired.mirrors) {
    if (actual.mirrors.get(from) !== guards.printMirror(mirror)) mirrors.set(from, mirror);
  }
  if (mayDelete) {
    for (const from of actual.mirrors.keys()) if (!desired.mirrors.has(from)) mirrors.set(from, void 0);
  }
  const frame2 = !actual.frame && desired.ports.size > 0;
  return { frame: frame2, set, remove: remove2, macLists, mirrors };
}
function isEmptyChange({ frame: frame2, set, remove: remove2, macLists, mirrors }) {
  return !frame2 && set.length + remove2.length + macLists.size + mirrors.size === 0;
}
function listChange(wanted, exists, have) {
  if (!exists) return { kind: "edit", clear: true, add: [...wanted], remove: [] };
  if (!have) return void 0;
  const add = [...wanted].filter((mac) => !have.has(mac));
  const remove2 = [...have].filter((mac) => !wanted.has(mac));
  return add.length + remove2.length > 0 ? { kind: "edit", clear: false, add, remove: remove2 } : void 0;
}

// edge-agent/dataplane/guard-keeper.ts
var NOTHING_READ = { drops: [], sightings: [] };
function createGuardKeeper(options) {
  const { guards, clock: clock2, log: log2, isAttached, compareEveryMs = 3e4, readEveryMs = 5e3 } = options;
  const desired = {
    ports: /* @__PURE__ */ new Map(),
    macLists: /* @__PURE__ */ new Map(),
    mirrors: /* @__PURE__ */ new Map()
  };
  const pending = /* @__PURE__ */ new Map();
  const counters = { passes: 0, applied: 0, refused: 0, drift: 0, repairs: 0 };
  const reportListeners = /* @__PURE__ */ new Set();
  const readingListeners = /* @__PURE__ */ new Set();
  const waiting = /* @__PURE__ */ new Set();
  const clean = /* @__PURE__ */ new Map();
  let complete = false;
  let known2;
  let wholeDue = true;
  let whole = true;
  let latest;
  let reading = NOTHING_READ;
  let cancelRead = () => {
  };
  let closed = false;
  const loop = createPassLoop({
    clock: clock2,
    settleMs: 20,
    pass,
    onError: (cause) => {
      known2 = void 0;
      log2("warn", cause.message);
      publish(/* @__PURE__ */ new Map(), cause.message);
    },
    background: {
      everyMs: () => compareEveryMs,
      step: async () => {
        known2 = void 0;
        wholeDue = true;
        loop.ask();
      }
    }
  });
  const watch = guards.watch(() => {
    known2 = void 0;
    wholeDue = true;
    loop.notice();
  });
  async function pass() {
    if (desired.ports.size === 0 && !complete && known2 === void 0 && clean.size === 0) return settle2(/* @__PURE__ */ new Map());
    counters.passes++;
    if (guards.lacks.guards !== void 0) return settle2(refusals(guards.lacks.guards));
    let actual = known2 ?? await guards.dump({ macLists: wholeDue });
    wholeDue = false;
    const drifted = noteDrift(actual);
    const change2 = withPending(diffGuards(desired, actual, context()));
    let failures = /* @__PURE__ */ new Map();
    if (!isEmptyChange(change2)) {
      known2 = void 0;
      failures = await write(change2);
      actual = await guards.dump({ macLists: false });
      if (drifted > 0 && failures.size === 0) counters.repairs += drifted;
    }
    known2 = actual;
    const left = diffGuards(desired, actual, context());
    for (const guard2 of left.set) {
      if (!failures.has(guard2.port) && change2.set.includes(guard2)) {
        failures = new Map([...failures, [guard2.port, "the kernel does not show it as it was written"]]);
      }
    }
    const { mirrors } = left;
    whole = mirrors.size === 0 && left.set.every(({ port }) => failures.has(port)) && pending.size === 0;
    return settle2(failures);
  }
  function context() {
    return { guards, mayDelete: complete, isAttached };
  }
  function withPending(change2) {
    const macLists = new Map(change2.macLists);
    for (const [key, edits] of pending) {
      if (macLists.has(key) || !desired.macLists.has(key)) continue;
      const add = [...edits].flatMap(([mac, present]) => present ? [mac] : []);
      const remove2 = [...edits].flatMap(([mac, present]) => present ? [] : [mac]);
      macLists.set(key, { kind: "edit", clear: false, add, remove: remove2 });
    }
    pending.clear();
    return { ...change2, macLists };
  }
  async function write(change2) {
    const failures = /* @__PURE__ */ new Map();
    const attempt = async (part, ports) => {
      try {
        await guards.apply(part);
        counters.applied += part.set.length + part.remove.length;
        return true;
      } catch (cause) {
        counters.refused++;
        for (const port of ports) failures.set(port, cause.message);
        return false;
      }
    };
    if (await attempt(change2, [])) return failures;
    wholeDue = true;
    await guards.dump({ macLists: false });
    const none = { frame: false, set: [], remove: [], macLists: /* @__PURE__ */ new Map(), mirrors: /* @__PURE__ */ new Map() };
    const shared = { ...none, frame: change2.frame, macLists: editsOnly(change2) };
    await attempt(shared, change2.frame ? [...desired.ports.keys()] : []);
    for (const guard2 of change2.set) await attempt({ ...none, set: [guard2] }, [guard2.port]);
    for (const port of change2.remove) await attempt({ ...none, remove: [port] }, []);
    for (const mirror of change2.mirrors) await attempt({ ...none, mirrors: new Map([mirror]) }, [mirror[0]]);
    for (const [port, reason] of failures) log2("warn", `port ${port}: ${reason}`);
    return failures;
  }
  function noteDrift(actual) {
    let found = 0;
    for (const [port, guard2] of clean) {
      if (desired.ports.get(port) === guard2 && actual.ports.get(port) !== guards.print(guard2)) found++;
    }
    const frame2 = clean.size > 0 && !actual.frame;
    if (frame2) found++;
    if (found > 0) {
      counters.drift += found;
      log2("warn", `another hand changed ${found} guards (${frame2 ? "those of all ports" : "of single ports"}); mended`);
    }
    return found;
  }
  function refusals(reason) {
    return new Map(Array.from(desired.ports.keys(), (port) => [port, reason]));
  }
  function settle2(failures) {
    publish(failures, void 0);
    return failures.size > 0 && guards.lacks.guards === void 0 ? "again" : "done";
  }
  function publish(failures, error2) {
    clean.clear();
    const guarded = /* @__PURE__ */ new Set();
    for (const [port, guard2] of desired.ports) {
      if (known2?.ports.get(port) !== guards.print(guard2) || failures.has(port) || !known2.frame) continue;
      guarded.add(port);
      clean.set(port, guard2);
    }
    latest = { guarded, failures, whole: whole && error2 === void 0, counters: { ...counters }, error: error2 };
    for (const entry3 of waiting) {
      if (!entry3.ports.every((port) => guarded.has(port) || failures.has(port) || !desired.ports.has(port))) continue;
      waiting.delete(entry3);
      entry3.done();
    }
    for (const listener of reportListeners) listener(latest);
  }
  function armRead() {
    if (closed || guards.lacks.guards !== void 0) return;
    cancelRead = clock2.setTimer(readEveryMs, () => {
      if (clean.size === 0) return armRead();
      guards.read().then((now) => {
        reading = now;
        for (const listener of readingListeners) listener(now);
      }).catch((cause) => log2("warn", `the counters cannot be read: ${cause.message}`)).finally(armRead);
    });
  }
  armRead();
  return {
    lacks: guards.lacks,
    change: ({ ports, macLists, mirrors }) => {
      whole = false;
      for (const [port, guard2] of ports ?? []) replace(desired.ports, port, guard2);
      for (const [from, mirror] of mirrors ?? []) replace(desired.mirrors, from, mirror);
      for (const [key, edits] of macLists ?? []) {
        if (!edits) {
          desired.macLists.delete(key);
          pending.delete(key);
          continue;
        }
        const list = desired.macLists.get(key) ?? /* @__PURE__ */ new Set();
        desired.macLists.set(key, list);
        const later = pending.get(key) ?? /* @__PURE__ */ new Map();
        pending.set(key, later);
        for (const [mac, present] of edits) {
          later.set(mac, present);
          if (present) list.add(mac);
          else list.delete(mac);
        }
      }
      loop.ask();
    },
    setComplete: (now) => {
      complete = now;
      loop.ask();
    },
    look: () => loop.ask(),
    settled: (ports) => new Promise((resolve) => {
      const missing2 = ports.filter(
        (port) => desired.ports.has(port) && clean.get(port) !== desired.ports.get(port) && !latest?.failures.has(port)
      );
      if (missing2.length === 0) return resolve();
      waiting.add({ ports: missing2, done: resolve });
      loop.ask();
    }),
    latest: () => latest,
    reading: () => reading,
    onReport: (listener) => void reportListeners.add(listener),
    onReading: (listener) => void readingListeners.add(listener),
    close: async () => {
      closed = true;
      cancelRead();
      watch.close();
      await loop.close();
      for (const { done } of waiting) done();
      await guards.close();
    }
  };
}
function replace(map, key, value) {
  if (value === void 0) map.delete(key);
  else map.set(key, value);
}
function editsOnly(change2) {
  return new Map([...change2.macLists].filter(([, edit]) => edit.kind === "edit"));
}

// edge-agent/dataplane/router-state.ts
function hasIpv6({ networks, routes }) {
  const gateways = networks.flatMap((network) => network.gateways);
  return gateways.some(({ ip: ip2 }) => !isIpv4(ip2)) || routes.some(({ prefix }) => !isIpv4(prefixAddress(prefix)));
}
var LAST_RESORT_METRIC = 4278198272;
var GATEWAY_LINK_LOCAL = "fe80::46f:ff:fe00:1";
function vrfOfTable(table2) {
  return parseVni(table2 - FIRST_TABLE);
}
function gatewayVtep(via) {
  if (!via.startsWith("::ffff:")) return via;
  const octets = ipToOctets(via);
  return octets.subarray(0, 10).some((octet) => octet !== 0) ? via : ipFromOctets(octets.slice(12));
}

// edge-agent/lane/endpoint-key.ts
var ENDPOINT = "endpoint/";
function endpointOf(key) {
  return key.startsWith(ENDPOINT) ? key.slice(ENDPOINT.length) : void 0;
}

// edge-agent/dataplane/guard-state.ts
function portGuard(guard2) {
  const byMac = /* @__PURE__ */ new Map();
  for (const { mac, prefixes } of guard2.sources) {
    const before = byMac.get(mac);
    if (prefixes === void 0 || byMac.has(mac) && before === void 0) byMac.set(mac, void 0);
    else byMac.set(mac, /* @__PURE__ */ new Set([...before ?? [], ...prefixes]));
  }
  const sources = Array.from(byMac, ([mac, prefixes]) => ({ mac, prefixes: prefixes && widest([...prefixes]) }));
  const { port, vni, mode, stormPacketsPerSec } = guard2;
  return { port, vni, mode, sources: sources.toSorted((a, b) => a.mac < b.mac ? -1 : 1), stormPacketsPerSec };
}
function hostPrefix2(ip2) {
  return `${ip2}/${isIpv4(ip2) ? 32 : 128}`;
}
function widest(prefixes) {
  const covered = (inner) => prefixes.some(
    (outer) => outer !== inner && prefixLength(outer) < prefixLength(inner) && prefixContains(outer, prefixAddress(inner))
  );
  return prefixes.filter((prefix) => !covered(prefix)).toSorted();
}

// edge-agent/lane/guard-policy.ts
function portPolicies(network, endpoints) {
  const byPort = /* @__PURE__ */ new Map();
  for (const { port, record: record4 } of endpoints) byPort.set(port, [...byPort.get(port) ?? [], record4]);
  return new Map(Array.from(byPort, ([port, records]) => [port, policyOf(network, port, records)]));
}
function policyOf(network, port, records) {
  const open = records.some(({ portSecurity }) => portSecurity === false);
  const learning = open && network.learning === true;
  const promiscuous = records.some((record4) => record4.promiscuous === true);
  return {
    guard: portGuard({
      port,
      vni: network.vni,
      mode: learning ? "learn" : open ? "observe" : "enforce",
      sources: records.flatMap(sourcesOf),
      stormPacketsPerSec: network.stormPacketsPerSec
    }),
    flags: {
      // Elsewhere nothing is learned, so that nothing can be taught: every MAC is declared.
      learning,
      isolated: records.some((record4) => record4.isolated === true),
      // Its copies come by the mirrors, one of each frame.
      flood: !promiscuous
    },
    promiscuous,
    macs: records.map(({ mac }) => mac)
  };
}
function sourcesOf({ mac, ips: ips2, allowedAddresses = [] }) {
  const own = allowedAddresses.flatMap((pair) => pair.mac === void 0 || pair.mac === mac ? [pair.ip] : []);
  const others = allowedAddresses.flatMap(
    (pair) => pair.mac === void 0 || pair.mac === mac ? [] : [{ mac: pair.mac, prefixes: [pair.ip] }]
  );
  return [{ mac, prefixes: ips2.length === 0 ? void 0 : [...ips2.map(hostPrefix2), ...own] }, ...others];
}
function mirrorsOf(network, policies, exists) {
  const targets = [...policies].filter(([port, policy]) => policy.promiscuous && exists(port));
  if (targets.length === 0) return /* @__PURE__ */ new Map();
  const devices = [vxlanName(network.vni), ...policies.keys()].filter(exists);
  return new Map(
    devices.flatMap((from) => {
      const to = targets.flatMap(([port, { macs: macs2 }]) => port === from ? [] : [{ port, macs: macs2 }]);
      return to.length > 0 ? [[from, { from, to }]] : [];
    })
  );
}

// edge-agent/dataplane/host-ports.ts
function sameFlags(a, b) {
  return a.learning === b.learning && a.isolated === b.isolated && a.flood === b.flood;
}
function endpointAlias(endpoint) {
  return `overspan-endpoint=${endpoint}`;
}
function findPort(endpoint, ports) {
  const { id, mac } = endpoint;
  const candidates = ports.filter(({ loopback, ours, kind }) => !loopback && !ours && kind !== "bridge");
  const told = candidates.filter(({ alias }) => alias?.split(/\s+/).includes(endpointAlias(id)));
  const same = candidates.filter((port) => port.mac === mac || port.permanentMac === mac);
  const taps = candidates.filter((port) => port.kind === "tun" && port.mac?.slice(2) === mac.slice(2));
  for (const group of [told, same, taps]) {
    const [first, ...more] = group;
    if (first && more.length === 0) return { kind: "found", port: first.name };
    if (first) return { kind: "ambiguous", ports: group.map(({ name }) => name).toSorted() };
  }
  return { kind: "missing" };
}

// edge-agent/lane/port-flags.ts
function createPortFlags(options) {
  const { hostPorts, clock: clock2, log: log2, ports } = options;
  const wanted = /* @__PURE__ */ new Map();
  let failures = /* @__PURE__ */ new Map();
  const loop = createPassLoop({
    clock: clock2,
    pass: async () => {
      const wrong = /* @__PURE__ */ new Map();
      for (const [port, flags] of wanted) {
        const has2 = ports().get(port)?.attached;
        if (has2 && !sameFlags(has2, flags)) wrong.set(port, flags);
      }
      failures = wrong.size > 0 ? await hostPorts.set(wrong) : /* @__PURE__ */ new Map();
      for (const [port, reason] of failures) log2.warn("port-flags-refused", `port ${port}: ${reason}`);
      return failures.size > 0 ? "again" : "done";
    },
    onError: (cause) => log2.warn("port-flags-unset", cause.message)
  });
  return {
    change: (flags) => {
      for (const [port, next] of flags) {
        if (next) wanted.set(port, next);
        else wanted.delete(port);
      }
      loop.ask();
    },
    look: () => loop.ask(),
    isSet: (port) => {
      const flags = wanted.get(port);
      const has2 = ports().get(port)?.attached;
      return !flags || !has2 || sameFlags(has2, flags) || failures.has(port);
    },
    failures: () => failures,
    close: () => loop.close()
  };
}

// edge-agent/bgp/wire/iana.ts
var MessageType = { OPEN: 1, UPDATE: 2, NOTIFICATION: 3, KEEPALIVE: 4, ROUTE_REFRESH: 5 };
var ErrorCode = {
  MESSAGE_HEADER: 1,
  OPEN_MESSAGE: 2,
  UPDATE_MESSAGE: 3,
  HOLD_TIMER_EXPIRED: 4,
  FINITE_STATE_MACHINE: 5,
  CEASE: 6,
  ROUTE_REFRESH: 7
};
var HeaderSubcode = { CONNECTION_NOT_SYNCHRONIZED: 1, BAD_MESSAGE_LENGTH: 2, BAD_MESSAGE_TYPE: 3 };
var OpenSubcode = {
  UNSPECIFIC: 0,
  UNSUPPORTED_VERSION: 1,
  BAD_PEER_AS: 2,
  BAD_BGP_IDENTIFIER: 3,
  UNSUPPORTED_OPTIONAL_PARAMETER: 4,
  UNACCEPTABLE_HOLD_TIME: 6,
  UNSUPPORTED_CAPABILITY: 7,
  ROLE_MISMATCH: 11
};
var UpdateSubcode = {
  MALFORMED_ATTRIBUTE_LIST: 1,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE: 2,
  MISSING_WELL_KNOWN_ATTRIBUTE: 3,
  ATTRIBUTE_FLAGS: 4,
  ATTRIBUTE_LENGTH: 5,
  INVALID_ORIGIN: 6,
  INVALID_NEXT_HOP: 8,
  OPTIONAL_ATTRIBUTE: 9,
  INVALID_NETWORK_FIELD: 10,
  MALFORMED_AS_PATH: 11
};
var FsmSubcode = { UNSPECIFIED: 0, IN_OPEN_SENT: 1, IN_OPEN_CONFIRM: 2, IN_ESTABLISHED: 3 };
var CeaseSubcode = {
  MAXIMUM_PREFIXES: 1,
  ADMINISTRATIVE_SHUTDOWN: 2,
  PEER_DECONFIGURED: 3,
  ADMINISTRATIVE_RESET: 4,
  CONNECTION_REJECTED: 5,
  OTHER_CONFIGURATION_CHANGE: 6,
  CONNECTION_COLLISION: 7,
  OUT_OF_RESOURCES: 8,
  HARD_RESET: 9
};
var CapabilityCode = {
  MULTIPROTOCOL: 1,
  ROUTE_REFRESH: 2,
  EXTENDED_NEXT_HOP: 5,
  EXTENDED_MESSAGE: 6,
  BGP_ROLE: 9,
  GRACEFUL_RESTART: 64,
  FOUR_OCTET_AS: 65,
  ENHANCED_ROUTE_REFRESH: 70,
  LONG_LIVED_GRACEFUL_RESTART: 71,
  FQDN: 73
};
var BGP_ROLES = ["provider", "rs", "rs-client", "customer", "peer"];
var RefreshSubtype = { REQUEST: 0, BEGIN: 1, END: 2 };
var RefreshSubcode = { INVALID_MESSAGE_LENGTH: 1 };
var Community = { LLGR_STALE: 4294901766, NO_LLGR: 4294901767 };
var Afi = { IPV4: 1, IPV6: 2, L2VPN: 25 };
var Safi = { UNICAST: 1, EVPN: 70 };
var AttributeCode = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MULTI_EXIT_DISC: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH_NLRI: 14,
  MP_UNREACH_NLRI: 15,
  EXTENDED_COMMUNITIES: 16,
  AS4_PATH: 17,
  AS4_AGGREGATOR: 18,
  PMSI_TUNNEL: 22,
  ONLY_TO_CUSTOMER: 35,
  IPV6_EXTENDED_COMMUNITIES: 25,
  LARGE_COMMUNITY: 32
};
var AttributeFlag = { OPTIONAL: 128, TRANSITIVE: 64, PARTIAL: 32, EXTENDED_LENGTH: 16 };
var AsPathSegmentType = { AS_SET: 1, AS_SEQUENCE: 2, AS_CONFED_SEQUENCE: 3, AS_CONFED_SET: 4 };
var EvpnRouteType = {
  ETHERNET_AUTO_DISCOVERY: 1,
  MAC_IP_ADVERTISEMENT: 2,
  INCLUSIVE_MULTICAST_ETHERNET_TAG: 3,
  ETHERNET_SEGMENT: 4,
  IP_PREFIX: 5,
  PER_REGION_I_PMSI: 9,
  S_PMSI: 10,
  LEAF: 11
};
var ExtCommunityType = {
  ENCAPSULATION: 780,
  DEFAULT_GATEWAY: 781,
  MAC_MOBILITY: 1536,
  ESI_LABEL: 1537,
  ROUTER_MAC: 1539,
  ARP_ND: 1544,
  MULTICAST_FLAGS: 1545
};
var TunnelType = { VXLAN: 8, NVGRE: 9, MPLS: 10, VXLAN_GPE: 12, GENEVE: 19 };
var PmsiTunnelType = { NO_TUNNEL_INFORMATION: 0, PIM_SM: 3, INGRESS_REPLICATION: 6 };
var BGP_PORT = 179;

// edge-agent/bgp/family.ts
var FAMILIES = {
  evpn: { afi: Afi.L2VPN, safi: Safi.EVPN, title: "L2VPN EVPN" },
  "ipv4-unicast": { afi: Afi.IPV4, safi: Safi.UNICAST, title: "IPv4 Unicast" },
  "ipv6-unicast": { afi: Afi.IPV6, safi: Safi.UNICAST, title: "IPv6 Unicast" }
};
var FAMILY_NAMES = Object.keys(FAMILIES);
var DEFAULT_FAMILIES = ["evpn"];
function familyOf(afi, safi) {
  return FAMILY_NAMES.find((name) => FAMILIES[name].afi === afi && FAMILIES[name].safi === safi);
}
function prefixFamily(prefix) {
  return isIpv4(prefixAddress(prefix)) ? "ipv4-unicast" : "ipv6-unicast";
}

// edge-agent/bgp/route.ts
var ZERO_ESI = "00000000000000000000";
function peerKeyOf(peer) {
  const key = peer.interface ?? peer.address;
  if (key === void 0) throw new Error("a peer with neither an address nor an interface");
  return key;
}
function routeKey(route) {
  switch (route.type) {
    case "mac-ip":
      return `2|${route.rd}|${route.ethernetTag}|${route.mac}|${route.ip ?? ""}`;
    case "imet":
      return `3|${route.rd}|${route.ethernetTag}|${route.originator}`;
    case "ethernet-ad":
      return `1|${route.rd}|${route.esi}|${route.ethernetTag}`;
    case "ethernet-segment":
      return `4|${route.rd}|${route.esi}|${route.originator}`;
    case "ip-prefix":
      return `5|${route.rd}|${route.ethernetTag}|${route.prefix}`;
    case "per-region-i-pmsi":
      return `9|${route.rd}|${route.ethernetTag}|${route.region}`;
    case "s-pmsi":
      return `10|${route.rd}|${route.ethernetTag}|${route.source ?? "*"}|${route.group ?? "*"}|${route.originator}`;
    case "leaf":
      return `11|${route.route}|${route.originator}`;
  }
}

// edge-agent/evpn/segments.ts
var PER_SEGMENT_TAG = 4294967295;
var MAX_ESI = "ffffffffffffffffffff";
function isMultihomed(esi2) {
  return esi2 !== ZERO_ESI && esi2 !== MAX_ESI;
}
function collectSegments(routes, usable) {
  const segments = /* @__PURE__ */ new Map();
  for (const route of routes) {
    const { nlri, nextHop, esiLabel } = route;
    if (nlri.type !== "ethernet-ad" || !isMultihomed(nlri.esi) || !usable(route)) continue;
    const segment = segments.get(nlri.esi) ?? { perSegment: /* @__PURE__ */ new Map(), perEvi: /* @__PURE__ */ new Set(), paths: /* @__PURE__ */ new Map() };
    segments.set(nlri.esi, segment);
    const singleActive = (segment.perSegment.get(nextHop) ?? false) || (esiLabel?.singleActive ?? false);
    if (nlri.ethernetTag === PER_SEGMENT_TAG) segment.perSegment.set(nextHop, singleActive);
    else segment.perEvi.add(nextHop);
  }
  return {
    pathsTo(esi2, advertiser) {
      const segment = segments.get(esi2);
      if (!segment) return void 0;
      if (!segment.paths.has(advertiser)) segment.paths.set(advertiser, segmentPaths(esi2, segment, advertiser));
      return segment.paths.get(advertiser);
    },
    lowest: (esi2) => [...segments.get(esi2)?.perSegment.keys() ?? []].sort(compareIps)[0]
  };
}
function segmentPaths(esi2, { perSegment, perEvi }, advertiser) {
  const own = perSegment.has(advertiser) ? [advertiser] : [];
  const others = [...perSegment.keys()].filter((vtep) => vtep !== advertiser && perEvi.has(vtep)).sort(compareIps);
  const singleActive = [...perSegment.values()].includes(true);
  const mode = singleActive ? "single-active" : "all-active";
  const paths = singleActive ? singleActivePaths(own, others) : { vteps: [...own, ...others].sort(compareIps), backups: [] };
  return paths.vteps.length > 0 ? { esi: esi2, mode, ...paths } : void 0;
}
function singleActivePaths(own, backups) {
  if (own.length > 0) return { vteps: own, backups };
  return backups.length === 1 ? { vteps: backups, backups: [] } : { vteps: [], backups: [] };
}

// edge-agent/evpn/fabric-path.ts
var VXLAN_TUNNEL = 8;
var NO_IPS = [];
function speaksVxlan(route) {
  return route.encapsulations.length === 0 || route.encapsulations.includes(VXLAN_TUNNEL);
}
function isReachableVtep(vtep, ownVtep) {
  return vtep !== ownVtep && isIpv4(vtep) === isIpv4(ownVtep);
}
function isUsable(route, ownVtep) {
  return isReachableVtep(route.nextHop, ownVtep) && speaksVxlan(route);
}
function fabricPath(routes, context) {
  if (!Array.isArray(routes)) return candidate(routes, context);
  let best;
  for (const route of routes) {
    const path = candidate(route, context);
    if (!path) continue;
    const order = best ? comparePaths(path, best) : -1;
    if (order < 0) best = path;
    else if (best && order === 0) merge(best, path);
  }
  return best && finished(best);
}
function candidate(route, { ownVtep, segments, pinned }) {
  const { nlri, nextHop } = route;
  if (nlri.type !== "mac-ip" || !isUsable(route, ownVtep)) return void 0;
  const multihomed = isMultihomed(nlri.esi);
  const segment = multihomed ? segments.pathsTo(nlri.esi, nextHop) : void 0;
  if (multihomed && !segment) return void 0;
  const tie = (segment && segments.lowest(nlri.esi)) ?? nextHop;
  return pathOf(route, nlri, { segment, tie, pinned });
}
function pathOf(route, { ip: ip2, esi: esi2, vni }, { segment, tie, pinned }) {
  const place = segment ? esi2 : route.nextHop;
  return {
    place,
    vtep: segment?.vteps[0] ?? route.nextHop,
    segment,
    mobility: route.mobility?.sequence ?? 0,
    fixed: route.defaultGateway || (route.mobility?.sticky ?? false),
    gateway: route.defaultGateway,
    lastResort: route.llgrStale ?? false,
    label: vni,
    ips: ip2 ? [ip2] : NO_IPS,
    immutableIps: ip2 && route.arpNd?.immutable ? [ip2] : NO_IPS,
    gathered: void 0,
    pinned: pinned !== void 0 && pinned === place,
    tie
  };
}
function comparePaths(a, b) {
  if (a.lastResort !== b.lastResort) return a.lastResort ? 1 : -1;
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  if (a.fixed !== b.fixed) return a.fixed ? -1 : 1;
  if (a.mobility !== b.mobility) return b.mobility - a.mobility;
  if (a.place === b.place) return a.segment?.mode === "single-active" ? compareIps(a.vtep, b.vtep) : 0;
  return compareIps(a.tie, b.tie) || (a.segment ? -1 : 1);
}
function merge(held, path) {
  held.gathered ??= { ips: new Set(held.ips), immutableIps: new Set(held.immutableIps) };
  for (const ip2 of path.ips) held.gathered.ips.add(ip2);
  for (const ip2 of path.immutableIps) held.gathered.immutableIps.add(ip2);
  held.gateway ||= path.gateway;
  if (path.label < held.label) held.label = path.label;
  if (!held.segment || !path.segment || held.segment === path.segment) return;
  const vteps = Array.from(/* @__PURE__ */ new Set([...held.segment.vteps, ...path.segment.vteps])).sort(compareIps);
  held.segment = { ...held.segment, vteps };
  held.vtep = vteps[0] ?? held.vtep;
}
function finished(path) {
  if (!path.gathered) return path;
  path.ips = [...path.gathered.ips].sort();
  path.immutableIps = [...path.gathered.immutableIps].sort();
  return path;
}

// edge-agent/evpn/mac-table.ts
var NO_DECISIONS = { frozen: /* @__PURE__ */ new Map(), raised: /* @__PURE__ */ new Map() };
var MAX_SEQUENCE = 4294967295;
function firstDeclared(a, b) {
  return !a || b.id < a.id ? b : a;
}
function macOutcome(mac, declared, path, context, learned) {
  const { ownVtep, vni, decisions, trust } = context;
  if (!declared) {
    if (learned && prevails(learned, path, decisions.frozen.get(mac), ownVtep))
      return learnedOutcome(mac, learned, context);
    if (!path) return NOTHING;
    const entry4 = fabricEntry(path, { mac, ips: path.ips, vni });
    const frozen = decisions.frozen.size > 0 && decisions.frozen.has(mac);
    const moved = path.mobility > 0 && !path.fixed ? { place: path.place, sequence: path.mobility } : void 0;
    return { entry: frozen ? { ...entry4, frozen: true } : entry4, conflict: void 0, moved };
  }
  const entry3 = declaredEntry(declared, path, decisions);
  const conflict = path && conflictOf(entry3, path, ownVtep, trust);
  if (!path || conflict?.response !== "follow") return { entry: entry3, conflict, moved: void 0 };
  const { ips: ips2, id } = declared;
  return { entry: { ...fabricEntry(path, { mac, ips: ips2, vni }), endpoint: id }, conflict, moved: void 0 };
}
function prevails({ sequence }, path, frozenAt, ownVtep) {
  if (frozenAt !== void 0) return frozenAt === ownVtep;
  if (!path) return true;
  if (path.fixed) return false;
  if (path.mobility !== sequence) return path.mobility < sequence;
  return compareIps(ownVtep, path.vtep) < 0;
}
function learnedOutcome(mac, { port, sequence }, { ownVtep, decisions }) {
  const frozen = decisions.frozen.has(mac) ? { frozen: true } : {};
  const entry3 = { mac, source: "learned", vtep: ownVtep, port, ips: [], mobility: sequence, confirmed: false };
  const moved = sequence > 0 ? { place: ownVtep, sequence } : void 0;
  return { entry: { ...entry3, ...frozen }, conflict: void 0, moved };
}
var NOTHING = { entry: void 0, conflict: void 0, moved: void 0 };
function declaredEntry(endpoint, path, decisions) {
  const { id, ...rest } = endpoint;
  const source = endpoint.port === void 0 ? "intent" : "local";
  const raised = source === "local" ? decisions.raised.get(endpoint.mac) ?? 0 : 0;
  const confirmed = path !== void 0 && reaches(path, endpoint.vtep);
  const frozen = source === "local" && decisions.frozen.has(endpoint.mac) ? { frozen: true } : {};
  return { ...rest, source, endpoint: id, mobility: Math.max(endpoint.mobility, raised), confirmed, ...frozen };
}
function fabricEntry(path, { mac, ips: ips2, vni }) {
  const { vtep, segment, mobility, fixed, gateway, lastResort, immutableIps, label: label2 } = path;
  const foreign3 = vni !== void 0 && label2 !== 0 && label2 !== vni;
  const entry3 = { mac, source: "fabric", vtep, ips: ips2, mobility, confirmed: false };
  if (!segment && !fixed && !foreign3 && !lastResort && immutableIps.length === 0) return entry3;
  return {
    ...entry3,
    ...segment && { segment },
    ...foreign3 && { vni: label2 },
    ...immutableIps.length > 0 && { immutableIps },
    ...fixed && { fixed },
    ...gateway && { gateway },
    ...lastResort && { lastResort }
  };
}
function conflictOf(entry3, path, ownVtep, trust) {
  if (reaches(path, entry3.vtep) || path.mobility < entry3.mobility && !path.fixed) return void 0;
  return {
    mac: entry3.mac,
    declaredVtep: entry3.vtep,
    declaredMobility: entry3.mobility,
    fabricVtep: path.vtep,
    fabricPlace: path.place,
    fabricMobility: path.mobility,
    fixed: path.fixed,
    response: responseTo(entry3, path, ownVtep, trust)
  };
}
function responseTo(entry3, path, ownVtep, trust) {
  if (path.fixed || path.lastResort) return "keep";
  if (entry3.frozen) return "frozen";
  if (trust === "old") return path.mobility > entry3.mobility ? "follow" : "keep";
  if (entry3.source !== "local" || trust !== "current" || path.mobility >= MAX_SEQUENCE) return "keep";
  const lost = path.mobility > entry3.mobility || compareIps(path.vtep, ownVtep) < 0;
  return lost ? "raise" : "keep";
}
function reaches(path, vtep) {
  return path.vtep === vtep || (path.segment?.vteps.includes(vtep) ?? false);
}
function floodList(members, fabric, ownVtep) {
  const flood = /* @__PURE__ */ new Map();
  for (const route of fabric) {
    if (route.nlri.type !== "imet" || !speaksVxlan(route)) continue;
    if (route.pmsi && !route.pmsi.endpoint) continue;
    const vtep = floodVtep(route, route.nlri);
    if (isUnicastIp(vtep) && isReachableVtep(vtep, ownVtep)) flood.set(vtep, "fabric");
  }
  for (const vtep of members) flood.set(vtep, "intent");
  flood.delete(ownVtep);
  return Array.from(flood, ([vtep, source]) => ({ vtep, source }));
}
function floodVtep(route, nlri) {
  return route.pmsi?.endpoint ?? nlri.originator;
}

// shared/evpn/mac-vrf.ts
var AUTO_VXLAN = 1 << 28;
function importTargets(network, bgp) {
  const { vni, importAnyAs } = network;
  const anyAs = importAnyAs ? [anyAsTarget(vni), anyAsTarget(rfc8365Number(vni))] : [];
  if (network.routeTargets) return /* @__PURE__ */ new Set([...network.routeTargets.import, ...anyAs]);
  const asns = /* @__PURE__ */ new Set([...network.asns, bgp.asn, ...peerAsns(bgp)]);
  const own = [...asns].flatMap((asn) => [autoRouteTarget(asn, vni), rfc8365RouteTarget(asn, vni)]);
  return /* @__PURE__ */ new Set([...own, ...anyAs]);
}
function peerAsns({ peers }) {
  return peers.flatMap(({ asn }) => typeof asn === "number" ? [asn] : []);
}
function rfc8365RouteTarget(asn, vni) {
  return `${asn & 65535}:${rfc8365Number(vni)}`;
}
function rfc8365Number(vni) {
  return AUTO_VXLAN | vni;
}
function exportTargets(network, bgp) {
  return network.routeTargets?.export ?? [autoRouteTarget(bgp.asn, network.vni)];
}
function routeDistinguishers(vnis, routerId) {
  const taken = /* @__PURE__ */ new Set();
  const rds = /* @__PURE__ */ new Map();
  for (const vni of [...vnis].sort((a, b) => a - b)) {
    let number8 = vni & 65535;
    while (number8 === 0 || taken.has(number8)) number8 = number8 + 1 & 65535;
    taken.add(number8);
    rds.set(vni, `${routerId}:${number8}`);
  }
  return rds;
}

// edge-agent/evpn/multi-map.ts
function withValue(held, value) {
  if (held === void 0) return value;
  if (!Array.isArray(held)) return held === value ? held : [held, value];
  if (!held.includes(value)) held.push(value);
  return held;
}
function withoutValue(held, value) {
  if (!Array.isArray(held)) return held === value ? void 0 : held;
  const at = held.indexOf(value);
  const last = at < 0 ? void 0 : held.pop();
  if (last !== void 0 && at < held.length) held[at] = last;
  return held.length > 1 ? held : held[0];
}
function valuesOf(held) {
  return held === void 0 ? [] : Array.isArray(held) ? held : [held];
}
var MultiMap = class {
  #values = /* @__PURE__ */ new Map();
  keys() {
    return this.#values.keys();
  }
  /** The one value, or several; undefined for none. */
  get(key) {
    return this.#values.get(key);
  }
  all(key) {
    return valuesOf(this.#values.get(key));
  }
  put(key, value) {
    const held = this.#values.get(key);
    const now = withValue(held, value);
    if (now !== held) this.#values.set(key, now);
  }
  delete(key, value) {
    const now = withoutValue(this.#values.get(key), value);
    if (now === void 0) this.#values.delete(key);
    else this.#values.set(key, now);
  }
};

// edge-agent/evpn/mac-vrf-table.ts
var NO_IPS2 = [];
var FEW = 8;
var MOST_ROUNDS = 4;
var Slot = class {
  mac;
  routes = void 0;
  entry = void 0;
  /** To be made anew, and in the queue for it. */
  dirty = false;
  constructor(mac) {
    this.mac = mac;
  }
};
var MacVrfTable = class {
  conflicts = /* @__PURE__ */ new Map();
  #slots = /* @__PURE__ */ new Map();
  #queue = [];
  #queueAt = 0;
  #imets = /* @__PURE__ */ new Map();
  #segments = /* @__PURE__ */ new Map();
  /** The MACs announced behind a segment. */
  #behind = /* @__PURE__ */ new Map();
  #claims = new MultiMap();
  #flood = [];
  #floodDirty = true;
  get flood() {
    return this.#flood;
  }
  /** Something is to be made anew. */
  get dirty() {
    return this.#queue.length > 0 || this.#floodDirty;
  }
  entry(mac) {
    return this.#slots.get(mac)?.entry;
  }
  *entries() {
    for (const { entry: entry3 } of this.#slots.values()) if (entry3) yield entry3;
  }
  /** The MAC/IP routes of a MAC. */
  routesOf(mac) {
    return valuesOf(this.#slots.get(mac)?.routes);
  }
  /** A route came, or took the place of `before`, which is the object that was put last for the same key and peer. */
  put(route, before) {
    const { nlri } = route;
    if (nlri.type === "mac-ip") {
      const slot = this.#slotOf(nlri.mac);
      slot.routes = withValue(before ? withoutValue(slot.routes, before) : slot.routes, route);
      this.#mark(slot);
      if (isMultihomed(nlri.esi)) this.#macBehind(nlri.esi, nlri.mac);
    } else if (nlri.type === "imet") {
      this.#imets.set(keyOf2(route), route);
      this.#floodDirty = true;
    } else if (nlri.type === "ethernet-ad" && isMultihomed(nlri.esi)) {
      const segment = this.#segments.get(nlri.esi) ?? { routes: /* @__PURE__ */ new Map(), built: void 0 };
      this.#segments.set(nlri.esi, segment);
      segment.routes.set(keyOf2(route), route);
      this.#segmentChanged(nlri.esi);
    }
  }
  delete(route) {
    const { nlri } = route;
    if (nlri.type === "mac-ip") {
      const slot = this.#slotOf(nlri.mac);
      slot.routes = withoutValue(slot.routes, route);
      this.#mark(slot);
    } else if (nlri.type === "imet") {
      this.#imets.delete(keyOf2(route));
      this.#floodDirty = true;
    } else if (nlri.type === "ethernet-ad" && isMultihomed(nlri.esi)) {
      const segment = this.#segments.get(nlri.esi);
      segment?.routes.delete(keyOf2(route));
      if (segment?.routes.size === 0) this.#segments.delete(nlri.esi);
      this.#segmentChanged(nlri.esi);
    }
  }
  /** All routes that were put, for a filter that changed; each may be deleted when it is its turn. */
  *routes() {
    for (const { routes } of this.#slots.values()) yield* valuesOf(routes).slice();
    yield* this.#imets.values();
    for (const { routes } of this.#segments.values()) yield* routes.values();
  }
  /** What is declared of a MAC, or a decision about it, has changed. */
  touch(mac) {
    this.#mark(this.#slotOf(mac));
  }
  touchFlood() {
    this.#floodDirty = true;
  }
  /** Trust in intent has changed: it bears on conflicts alone. */
  touchConflicts() {
    for (const mac of this.conflicts.keys()) this.touch(mac);
  }
  /** The own VTEP has changed: it bears on everything. `declared` are the MACs that intent names. */
  touchAll(declared) {
    for (const mac of declared) this.touch(mac);
    for (const slot of this.#slots.values()) this.#mark(slot);
    for (const segment of this.#segments.values()) segment.built = void 0;
    this.#floodDirty = true;
  }
  /** Makes at most `most` dirty entries anew. */
  step(part, context, settle2, most) {
    const entries = [];
    const declared = [];
    const conflicts = [];
    const ips2 = /* @__PURE__ */ new Map();
    const segments = this.#segmentsFor(context.ownVtep);
    for (const slot of this.#take(most)) {
      const { mac, entry: before } = slot;
      const { entry: after, conflict } = this.#outcome(slot, part, context, segments, settle2);
      const conflictBefore = this.conflicts.size > 0 ? this.conflicts.get(mac) : void 0;
      if (conflict) this.conflicts.set(mac, conflict);
      else if (conflictBefore) this.conflicts.delete(mac);
      if (conflict || conflictBefore) conflicts.push({ before: conflictBefore, after: conflict });
      if (before?.endpoint !== void 0 || after?.endpoint !== void 0) declared.push(mac);
      if (before !== after && !(before && after && isSameEntry(before, after))) {
        this.#claim(mac, before, after, ips2);
        slot.entry = after;
        entries.push({ mac, before, after });
      }
      if (!after && slot.routes === void 0) this.#slots.delete(mac);
    }
    const flood = this.#takeFlood(part, context.ownVtep);
    return { entries, declared, neighbours: this.#neighbours(ips2), conflicts, flood };
  }
  #slotOf(mac) {
    const known2 = this.#slots.get(mac);
    if (known2) return known2;
    const slot = new Slot(mac);
    this.#slots.set(mac, slot);
    return slot;
  }
  #mark(slot) {
    if (slot.dirty) return;
    slot.dirty = true;
    this.#queue.push(slot);
  }
  /** The next of the queue, dirty no more. */
  #take(most) {
    const taken = this.#queue.slice(this.#queueAt, this.#queueAt + most);
    this.#queueAt += taken.length;
    if (this.#queueAt >= this.#queue.length) {
      this.#queue = [];
      this.#queueAt = 0;
    }
    for (const slot of taken) slot.dirty = false;
    return taken;
  }
  /** Who answers for an IP now. */
  neighbour(ip2) {
    const held = this.#claims.get(ip2);
    if (held === void 0 || typeof held === "string") return held;
    return chooseNeighbour(ip2, held, (mac) => this.entry(mac));
  }
  /** All of them. */
  *neighbours() {
    for (const ip2 of this.#claims.keys()) {
      const mac = this.neighbour(ip2);
      if (mac !== void 0) yield [ip2, mac];
    }
  }
  #outcome({ mac, routes }, part, context, segments, settle2) {
    const declared = part.declared(mac);
    const { frozen } = context.decisions;
    for (let round = 1; ; round++) {
      const pinned = frozen.size > 0 ? frozen.get(mac) : void 0;
      const path = routes && fabricPath(routes, { ownVtep: context.ownVtep, segments, pinned });
      const outcome = macOutcome(mac, declared, path, context, part.learned?.(mac));
      if (!settle2(mac, outcome) || round === MOST_ROUNDS) return outcome;
    }
  }
  /** Before entries change: whose IPs they are told to be, and who answered for each until now. */
  #claim(mac, before, after, ips2) {
    const had = before?.ips ?? NO_IPS2;
    const has2 = after?.ips ?? NO_IPS2;
    for (const ip2 of had) if (!ips2.has(ip2)) ips2.set(ip2, this.neighbour(ip2));
    for (const ip2 of has2) if (!ips2.has(ip2)) ips2.set(ip2, this.neighbour(ip2));
    for (const ip2 of without(had, has2)) this.#claims.delete(ip2, mac);
    for (const ip2 of without(has2, had)) this.#claims.put(ip2, mac);
  }
  #neighbours(before) {
    const changed = /* @__PURE__ */ new Map();
    for (const [ip2, was] of before) {
      const now = this.neighbour(ip2);
      if (now !== was) changed.set(ip2, now);
    }
    return changed;
  }
  #takeFlood(part, ownVtep) {
    if (!this.#floodDirty) return void 0;
    this.#floodDirty = false;
    const flood = floodList(part.members(), this.#imets.values(), ownVtep);
    const text = (list) => list.map(({ vtep, source }) => `${vtep} ${source}`).join();
    if (text(flood) === text(this.#flood)) return void 0;
    this.#flood = flood;
    return flood;
  }
  #macBehind(esi2, mac) {
    const macs2 = this.#behind.get(esi2);
    if (macs2) macs2.add(mac);
    else this.#behind.set(esi2, /* @__PURE__ */ new Set([mac]));
  }
  /** RFC 7432 8.2: one route decides about all MACs behind the segment. */
  #segmentChanged(esi2) {
    const segment = this.#segments.get(esi2);
    if (segment) segment.built = void 0;
    const macs2 = this.#behind.get(esi2);
    for (const mac of macs2 ?? []) {
      if (this.routesOf(mac).some(({ nlri }) => nlri.type === "mac-ip" && nlri.esi === esi2)) this.touch(mac);
      else macs2?.delete(mac);
    }
    if (macs2?.size === 0) this.#behind.delete(esi2);
  }
  #segmentsFor(ownVtep) {
    const of = (esi2) => {
      const segment = this.#segments.get(esi2);
      if (!segment) return void 0;
      segment.built ??= collectSegments([...segment.routes.values()], (route) => isUsable(route, ownVtep));
      return segment.built;
    };
    return {
      pathsTo: (esi2, advertiser) => of(esi2)?.pathsTo(esi2, advertiser),
      lowest: (esi2) => of(esi2)?.lowest(esi2)
    };
  }
};
function chooseNeighbour(ip2, macs2, entryOf) {
  let best;
  for (const mac of macs2) {
    const entry3 = entryOf(mac);
    if (!entry3) continue;
    const rank = entry3.endpoint !== void 0 ? 0 : entry3.immutableIps?.includes(ip2) ? 1 : 2;
    if (!best || rank < best.rank || rank === best.rank && mac < best.mac) best = { mac, rank };
  }
  return best?.mac;
}
function without(all, others) {
  if (others.length === 0) return all;
  const there = others.length > FEW ? new Set(others) : void 0;
  return all.filter((ip2) => !(there ? there.has(ip2) : others.includes(ip2)));
}
function keyOf2({ peer, nlri }) {
  return `${peer}|${routeKey(nlri)}`;
}
function isSameEntry(a, b) {
  return a.source === b.source && a.vtep === b.vtep && a.vni === b.vni && a.port === b.port && a.mobility === b.mobility && a.endpoint === b.endpoint && a.confirmed === b.confirmed && a.fixed === b.fixed && a.gateway === b.gateway && a.frozen === b.frozen && a.lastResort === b.lastResort && isSameList(a.ips, b.ips) && isSameList(a.immutableIps, b.immutableIps) && a.segment?.esi === b.segment?.esi && a.segment?.mode === b.segment?.mode && isSameList(a.segment?.vteps, b.segment?.vteps) && isSameList(a.segment?.backups, b.segment?.backups);
}
function isSameList(a, b) {
  if (a === b) return true;
  return a !== void 0 && b !== void 0 && a.length === b.length && a.every((each, i) => each === b[i]);
}

// edge-agent/evpn/originate.ts
function originateMembership({ vni, rd, vtep, routeTargets }) {
  const nlri = { type: "imet", rd, ethernetTag: 0, originator: vtep };
  return { nextHop: vtep, routeTargets, nlri, pmsi: { vni } };
}
function isOwn(entry3) {
  return entry3?.source === "local" || entry3?.source === "learned";
}
function originateMac({ vni, rd, vtep, routeTargets, routed }, entry3) {
  if (!isOwn(entry3)) return [];
  const mobility = entry3.mobility > 0 ? { mobility: { sequence: entry3.mobility, sticky: false } } : {};
  const nlri = { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac: entry3.mac, vni };
  const shared = { nextHop: vtep, routeTargets, ...mobility };
  const withIp = routed ? { ...shared, routeTargets: [...routeTargets, ...routed.routeTargets], routerMac: routed.routerMac } : shared;
  const l3 = routed ? { l3Vni: routed.vni } : {};
  return [{ ...shared, nlri }, ...entry3.ips.map((ip2) => ({ ...withIp, nlri: { ...nlri, ...l3, ip: ip2 } }))];
}

// edge-agent/evpn/policy.ts
function exportRefusal(route, own) {
  const { nlri, nextHop, routeTargets } = route;
  if (nextHop !== own.vtep) return "foreign-next-hop";
  if (nlri.rd !== own.rd) return "foreign-rd";
  if (routeTargets.length === 0) return "no-route-target";
  if (nlri.type === "mac-ip") return own.macs.has(nlri.mac) ? void 0 : "undeclared-mac";
  if (nlri.type === "imet") return nlri.originator === own.vtep ? void 0 : "foreign-originator";
  return "type-never-announced";
}
function prefixRefusal({ nlri, nextHop, routeTargets }, own) {
  if (nextHop !== own.vtep) return "foreign-next-hop";
  if (nlri.rd !== own.rd) return "foreign-rd";
  if (routeTargets.length === 0) return "no-route-target";
  if (nlri.type !== "ip-prefix") return "type-never-announced";
  return own.prefixes.has(nlri.prefix) ? void 0 : "foreign-prefix";
}
function nextHopList(prefixes) {
  const known2 = /* @__PURE__ */ new Map();
  return (vtep) => {
    const allowed = known2.get(vtep) ?? prefixes.some((prefix) => prefixContains(prefix, vtep));
    known2.set(vtep, allowed);
    return allowed;
  };
}
function leadsWhereAllowed(route, mayUse) {
  return mayUse(route.nextHop) && (route.nlri.type !== "imet" || mayUse(floodVtep(route, route.nlri)));
}

// edge-agent/overlay.ts
function routerIdOf(host2) {
  return host2.bgp?.routerId ?? (isIpv4(host2.vtep) ? host2.vtep : void 0);
}
function settingsOf({ host: host2 }, { id, definition, vteps }, rd) {
  const { vni, tenant, mtuBytes, routeTargets, importAnyAs } = definition;
  const { vtep, bgp } = host2;
  const asns = Array.from(vteps.values()).flatMap((each) => each.asns);
  const membership2 = { vni, routeTargets, importAnyAs, asns };
  return {
    frame: { vni, owner: ownerMark(id, tenant), vtep, mtuBytes },
    rd,
    imports: bgp ? importTargets(membership2, bgp) : /* @__PURE__ */ new Set(),
    originator: rd && bgp ? { vni, rd, vtep, routeTargets: exportTargets(membership2, bgp) } : void 0
  };
}
function namelessPort(mac) {
  return `with MAC ${mac}`;
}
function declaredOf(own, vteps, { id, record: record4 }) {
  const { mac, ips: ips2, mobility, host: host2, port } = record4;
  if (host2 === own.id) return { id, mac, ips: ips2, mobility, vtep: own.vtep, port: port ?? namelessPort(mac) };
  const vtep = vteps.get(host2)?.address;
  return vtep && { id, mac, ips: ips2, mobility, vtep };
}
function targetOf(entry3, learning) {
  const { source, port, vtep, vni, segment } = entry3;
  if (source === "learned") return void 0;
  if (port !== void 0) return { kind: "local", port };
  const yields = learning && source === "fabric" && !entry3.fixed && !entry3.frozen && entry3.endpoint === void 0;
  return {
    kind: "remote",
    vteps: segment?.vteps ?? [vtep],
    ...vni !== void 0 && { vni },
    ...yields && { yields: true }
  };
}
function announceMembership(originator) {
  const route = originateMembership(originator);
  return { route, reason: exportRefusal(route, { ...originator, macs: /* @__PURE__ */ new Set() }) };
}
function announceMac(originator, entry3, macs2) {
  if (!isOwn(entry3)) return NOTHING2;
  const { vtep, rd } = originator;
  return originateMac(originator, entry3).map((route) => ({ route, reason: exportRefusal(route, { vtep, rd, macs: macs2 }) }));
}
var NOTHING2 = [];
function localOf({ mac, source, port }) {
  return source === "local" && port !== void 0 ? [{ mac, port }] : [];
}
function remoteOf({ mac, vtep, segment, vni }) {
  const several = segment && segment.vteps.length > 1 ? { vteps: segment.vteps } : {};
  return { mac, vtep, ...several, ...vni !== void 0 && { vni } };
}

// edge-agent/lane/peers.ts
function hostRecord(intent) {
  const own = intent.channels.get(hostChannel(intent.host))?.records.get("host")?.body;
  return own ?? void 0;
}
function withLearnedAsns(host2, sessions) {
  if (!host2.bgp?.peers.some(({ asn }) => asn === "external")) return host2;
  const learned = new Map(sessions.map(({ peer, asn }) => [peer, asn]));
  const peers = host2.bgp.peers.map((peer) => {
    const asn = peer.asn === "external" ? learned.get(peerKeyOf(peer)) : void 0;
    return asn === void 0 ? peer : { ...peer, asn };
  });
  return { ...host2, bgp: { ...host2.bgp, peers } };
}
function fabricPeers(host2) {
  const peers = host2?.bgp?.peers ?? [];
  return peers.flatMap((peer) => {
    const { shutdown, families = DEFAULT_FAMILIES } = peer;
    return shutdown || !families.includes("evpn") ? [] : [peerKeyOf(peer)];
  });
}
function createPeersLane(context) {
  const { intent, speaker, diary: diary2 } = context;
  const own = hostChannel(intent.host);
  let configured = "";
  return {
    intent(change2) {
      const host2 = hostRecord(intent);
      if (!change2.has(own) && (host2 || !intent.inSync)) return;
      const text = JSON.stringify([host2?.vtep, host2?.bgp]);
      if (text === configured || !host2 && !intent.inSync) return;
      configured = text;
      if (host2?.bgp && !routerIdOf(host2)) {
        diary2.warn("bgp-no-router-id", "an IPv6 VTEP needs bgp.routerId: no session is opened");
      }
      speaker.configure(host2 && speakerConfig(host2));
    }
  };
}
function speakerConfig(host2) {
  const routerId = routerIdOf(host2);
  const { bgp, vtep } = host2;
  if (!bgp || !routerId) return void 0;
  const peers = bgp.peers.map(({ sourceAddress, ...peer }) => ({ ...peer, localAddress: sourceAddress }));
  return { asn: bgp.asn, routerId, peers, ownAddresses: [vtep] };
}

// edge-agent/lane/sightings.ts
var TELL_AGAIN_MS = 10 * 6e4;
var FORGET_MS = 15 * 6e4;
var MOST_A_MINUTE = 5;
var MOST_KEPT = 1e3;
function createSightingLog() {
  const known2 = /* @__PURE__ */ new Map();
  const told = /* @__PURE__ */ new Map();
  let quiet = 0;
  function mayTell(port, nowMs) {
    const recent = (told.get(port) ?? []).filter((atMs) => nowMs - atMs < 6e4);
    told.set(port, recent);
    if (recent.length >= MOST_A_MINUTE) return false;
    recent.push(nowMs);
    return true;
  }
  return {
    see(seen, nowMs) {
      const tell = [];
      for (const each of seen) {
        const key = `${each.port} ${each.mac}`;
        const before = known2.get(key);
        const stranger = { ...each, firstMs: before?.stranger.firstMs ?? nowMs, lastMs: nowMs };
        const due = before?.toldMs === void 0 || nowMs - before.toldMs >= TELL_AGAIN_MS;
        const changed = before !== void 0 && before.stranger.kind !== each.kind;
        let toldMs = before?.toldMs;
        if (due || changed) {
          if (mayTell(each.port, nowMs)) {
            tell.push(stranger);
            toldMs = nowMs;
          } else if (!before) quiet++;
        }
        known2.delete(key);
        known2.set(key, { stranger, toldMs });
      }
      for (const [key, { stranger }] of known2) {
        if (nowMs - stranger.lastMs < FORGET_MS && known2.size <= MOST_KEPT) break;
        known2.delete(key);
      }
      return tell;
    },
    strangers: () => Array.from(known2.values(), ({ stranger }) => stranger).toReversed(),
    get quiet() {
      return quiet;
    }
  };
}

// edge-agent/lane/guards.ts
function createGuardsLane(context, options) {
  const { host: host2, clock: clock2, diary: diary2, intent, pace, reconciler } = context;
  const { finder } = options;
  const parts = /* @__PURE__ */ new Map();
  const dirty = /* @__PURE__ */ new Set();
  const changedKeys = /* @__PURE__ */ new Map();
  const holders = /* @__PURE__ */ new Map();
  const sightings = createSightingLog();
  const resting = /* @__PURE__ */ new Set();
  const turn = pace.add(work);
  const keeper = createGuardKeeper({
    guards: options.guards,
    clock: clock2,
    log: (level, text) => diary2[level]("guards", text),
    isAttached: (port) => finder.ports.get(port)?.attached !== void 0
  });
  const flags = createPortFlags({ hostPorts: options.hostPorts, clock: clock2, log: diary2, ports: () => finder.ports });
  if (keeper.lacks.guards !== void 0) diary2.warn("guards-missing", keeper.lacks.guards);
  finder.onChange((changed) => {
    for (const [channel, keys] of changed) take3(channelNetwork(channel), keys);
    for (const [id, part] of parts) if (part.policies.size > 0) dirty.add(id);
    keeper.look();
    flags.look();
    turn.wake();
  });
  keeper.onReport(() => context.reportChanged());
  keeper.onReading((reading) => {
    tellSightings(reading);
    countDrops(reading);
  });
  function take3(network, keys) {
    if (network === void 0) return;
    const before = changedKeys.get(network);
    if (keys === "whole" || before === "whole") changedKeys.set(network, "whole");
    else changedKeys.set(network, /* @__PURE__ */ new Set([...before ?? [], ...keys]));
    turn.wake();
  }
  function work() {
    const more = step2();
    if (!more) {
      for (const resolve of resting) resolve();
      resting.clear();
    }
    return more;
  }
  function step2() {
    const [network] = changedKeys;
    if (network) {
      changedKeys.delete(network[0]);
      takeRecords(network[0], network[1]);
    } else {
      const [id] = dirty;
      if (id === void 0) return false;
      dirty.delete(id);
      const part = parts.get(id);
      if (part) settle2(part);
    }
    return changedKeys.size + dirty.size > 0;
  }
  function takeRecords(id, keys) {
    const records = intent.channels.get(networkChannel(id))?.records;
    const part = parts.get(id) ?? emptyPart(id);
    parts.set(id, part);
    dirty.add(id);
    const definition = records?.get("network")?.body;
    const all = needsMacs(definition ?? void 0);
    const again = keys === "whole" || all !== needsMacs(part.definition);
    part.definition = definition ?? void 0;
    if (again) {
      part.local.clear();
      part.declared.clear();
    }
    for (const key of again ? records?.keys() ?? [] : keys) {
      const endpoint = endpointOf(key);
      if (endpoint === void 0) continue;
      const body = finder.resolve(id, key, records?.get(key)?.body ?? void 0);
      const here = body && placesOf(body, host2).length > 0;
      if (here) part.local.set(endpoint, body);
      else part.local.delete(endpoint);
      if (body && all) part.declared.set(endpoint, macsOf(body));
      else part.declared.delete(endpoint);
    }
  }
  function settle2(part) {
    const { id, definition } = part;
    const before = part.policies;
    const placed = Array.from(part.local.values()).flatMap(
      (record4) => placesOf(record4, host2).map((port) => ({ port, record: record4 }))
    );
    part.policies = definition ? portPolicies(definition, placed) : /* @__PURE__ */ new Map();
    for (const port of before.keys()) if (!part.policies.has(port)) holders.get(port)?.delete(part);
    for (const port of part.policies.keys()) holders.set(port, (holders.get(port) ?? /* @__PURE__ */ new Set()).add(part));
    const touched = /* @__PURE__ */ new Set([...before.keys(), ...part.policies.keys()]);
    const policies = new Map(Array.from(touched, (port) => [port, policyOf2(port)]));
    keeper.change({
      ports: new Map(Array.from(policies, ([port, policy]) => [port, policy?.guard])),
      mirrors: takeMirrors(part),
      macLists: takeLists(part)
    });
    flags.change(new Map(Array.from(policies, ([port, policy]) => [port, policy?.flags])));
    if (!definition && part.local.size === 0) parts.delete(id);
    context.reportChanged();
  }
  function policyOf2(port) {
    const all = Array.from(holders.get(port) ?? []).flatMap((part) => part.policies.get(port) ?? []);
    if (all.length === 0) holders.delete(port);
    return all.toSorted((a, b) => a.guard.vni - b.guard.vni)[0];
  }
  function takeMirrors(part) {
    const now = part.definition && keeper.lacks.mirrors === void 0 ? mirrorsOf(part.definition, part.policies, (device2) => finder.ports.has(device2)) : /* @__PURE__ */ new Map();
    const gone = [...part.mirrors.keys()].filter((from) => !now.has(from));
    part.mirrors = now;
    return new Map([...gone.map((from) => [from, void 0]), ...now]);
  }
  function takeLists(part) {
    const now = listsOf(part);
    const edits = /* @__PURE__ */ new Map();
    for (const key of part.lists.keys()) if (!now.has(key)) edits.set(key, void 0);
    for (const [key, list] of now) {
      const edit = editOf(part.lists.get(key), list);
      if (edit) edits.set(key, edit);
    }
    part.lists = now;
    return edits;
  }
  function listsOf({ definition, policies, declared }) {
    const now = /* @__PURE__ */ new Map();
    if (!definition || policies.size === 0) return now;
    const { vni } = definition;
    if (definition.learning) now.set(`declared-${vni}`, new Set([...declared.values()].flat()));
    if (definition.stormPacketsPerSec !== void 0) {
      const key = `known-${vni}`;
      const own = hostRecord(intent)?.vtep;
      const forwarded = Array.from(reconciler.verified(vni)?.macs() ?? [], ([mac]) => mac);
      const gateways = [GATEWAY_MAC, ...own ? [bridgeMac(vni, own)] : []];
      const learned = reconciler.learned(vni).keys();
      now.set(key, /* @__PURE__ */ new Set([...forwarded, ...learned, ...[...declared.values()].flat(), ...gateways]));
    }
    return now;
  }
  function noteForwarding(report) {
    const byVni = new Map(
      Array.from(parts.values()).flatMap((part) => part.definition ? [[part.definition.vni, part]] : [])
    );
    for (const vni of /* @__PURE__ */ new Set([...report.changed.keys(), ...report.learned.keys()])) {
      const { whole = false, macs: macs2 } = report.changed.get(vni) ?? {};
      const part = byVni.get(vni);
      const key = `known-${vni}`;
      const list = part?.lists.get(key);
      if (!part || !list) continue;
      const network = reconciler.verified(vni);
      const edit = /* @__PURE__ */ new Map();
      const declared = new Set([...part.declared.values()].flat());
      const learned = reconciler.learned(vni);
      const look = (mac) => {
        const known2 = network?.mac(mac) !== void 0 || learned.has(mac) || declared.has(mac);
        if (known2 !== list.has(mac)) edit.set(mac, known2);
      };
      for (const mac of whole ? Array.from(network?.macs() ?? [], ([each]) => each) : macs2?.keys() ?? []) look(mac);
      for (const mac of report.learned.get(vni) ?? []) look(mac);
      if (edit.size === 0) continue;
      part.lists = new Map([...part.lists, [key, edited(list, edit)]]);
      keeper.change({ macLists: /* @__PURE__ */ new Map([[key, edit]]) });
    }
  }
  function tellSightings({ sightings: seen }) {
    const strangers = seen.flatMap(({ port, mac }) => {
      const part = [...holders.get(port) ?? []][0];
      if (!part?.definition) return [];
      const target = reconciler.verified(part.definition.vni)?.mac(mac);
      const declaredAt = target && placeText(target);
      return [{ network: part.id, port, mac, kind: target ? "moved" : "unknown", declaredAt }];
    });
    for (const { network, port, mac, kind, declaredAt } of sightings.see(strangers, clock2.wallMs())) {
      if (kind === "moved") {
        diary2.warn("moved-machine", `${network}: ${mac} is seen on port ${port}, but is declared at ${declaredAt}`);
      } else diary2.warn("unknown-machine", `${network}: ${mac} is seen on port ${port}, and nobody declared it`);
    }
  }
  const counted2 = /* @__PURE__ */ new Map();
  function countDrops({ drops }) {
    for (const { port, reason, packets } of drops) {
      const key = `${port}/${reason}`;
      const before = counted2.get(key) ?? 0;
      counted2.set(key, packets);
      const more = packets >= before ? packets - before : packets;
      if (more > 0) diary2.count(`guard-dropped-${reason}`, more);
    }
  }
  function isSettled(port, report) {
    return (report.guarded.has(port) || report.failures.has(port)) && flags.isSet(port);
  }
  function problemsOf(part) {
    const report = keeper.latest();
    const problems = [...finder.problems(part.id)];
    const refused = flags.failures();
    for (const [port, { promiscuous }] of part.policies) {
      if (finder.ports.get(port)?.loopback)
        problems.push(`port ${port} is this host's loopback device, and never a port`);
      const failure = report?.failures.get(port);
      if (failure !== void 0 && keeper.lacks.guards === void 0)
        problems.push(`port ${port} is not guarded: ${failure}`);
      const flag2 = refused.get(port);
      if (flag2 !== void 0) problems.push(`port ${port}: its flags cannot be set: ${flag2}`);
      if (promiscuous && keeper.lacks.mirrors !== void 0) {
        problems.push(`port ${port} is promiscuous in name only: ${keeper.lacks.mirrors}`);
      }
    }
    if (keeper.lacks.guards !== void 0 && asksForGuards(part))
      problems.push(`ports are not guarded: ${keeper.lacks.guards}`);
    if (report?.error !== void 0) problems.push(`guards: ${report.error}`);
    return problems;
  }
  return {
    guarded: async (ports) => {
      if (changedKeys.size + dirty.size > 0) await new Promise((resolve) => void resting.add(resolve));
      await keeper.settled(ports);
    },
    flagsOf: (port) => policyOf2(port)?.flags,
    intent: (change2) => {
      for (const [channel, keys] of change2) take3(channelNetwork(channel), keys);
    },
    complete: (now) => keeper.setComplete(now),
    verified: noteForwarding,
    channel(channel) {
      const part = parts.get(channelNetwork(channel) ?? "");
      if (!part || part.policies.size === 0) return void 0;
      const report = keeper.latest();
      const settled = keeper.lacks.guards !== void 0 || report?.whole === true && [...part.policies.keys()].every((port) => isSettled(port, report));
      return { kernel: settled && !dirty.has(part.id) ? EMPTY_DIGEST : void 0, problems: problemsOf(part) };
    },
    view: () => ({
      ports: Array.from(parts.values()).flatMap(
        (part) => Array.from(part.policies, ([port, policy]) => {
          const report = keeper.latest();
          const reason = report?.failures.get(port) ?? report?.error;
          const state = report?.guarded.has(port) ? "guarded" : reason === void 0 ? "waiting" : "not guarded";
          return { network: part.id, port, policy, state, reason };
        })
      ),
      reading: keeper.reading(),
      strangers: sightings.strangers(),
      quiet: sightings.quiet,
      lacks: keeper.lacks
    }),
    close: async () => {
      turn.close();
      for (const resolve of resting) resolve();
      await flags.close();
      await keeper.close();
      await finder.close();
    }
  };
}
function emptyPart(id) {
  return {
    id,
    definition: void 0,
    local: /* @__PURE__ */ new Map(),
    declared: /* @__PURE__ */ new Map(),
    policies: /* @__PURE__ */ new Map(),
    mirrors: /* @__PURE__ */ new Map(),
    lists: /* @__PURE__ */ new Map()
  };
}
function placesOf(record4, host2) {
  const here = record4.host === host2 ? [record4.port] : [];
  const next = record4.next?.host === host2 ? [record4.next.port] : [];
  return [.../* @__PURE__ */ new Set([...here, ...next])].filter((port) => port !== void 0);
}
function macsOf({ mac, allowedAddresses = [] }) {
  return [mac, ...allowedAddresses.flatMap((pair) => pair.mac ?? [])];
}
function needsMacs(definition) {
  return definition?.learning === true || definition?.stormPacketsPerSec !== void 0;
}
function asksForGuards({ definition, policies }) {
  if (definition?.stormPacketsPerSec !== void 0) return true;
  return [...policies.values()].some(({ guard: guard2 }) => guard2.mode === "enforce");
}
function editOf(before, now) {
  const edit = /* @__PURE__ */ new Map();
  for (const mac of now) if (!before?.has(mac)) edit.set(mac, true);
  for (const mac of before ?? []) if (!now.has(mac)) edit.set(mac, false);
  return edit.size > 0 || !before ? edit : void 0;
}
function edited(list, edit) {
  const next = new Set(list);
  for (const [mac, present] of edit) {
    if (present) next.add(mac);
    else next.delete(mac);
  }
  return next;
}
function placeText(target) {
  return target.kind === "local" ? `port ${target.port}` : `VTEP ${target.vteps.join(", ")}`;
}

// edge-agent/lane/hold.ts
var MOST_WAITING = 16384;
var FEW_WAITING = 4096;
function createHold(speaker) {
  const lagging = /* @__PURE__ */ new Set();
  return (lane, waiting) => {
    const before = lagging.size;
    if (waiting > MOST_WAITING) lagging.add(lane);
    else if (waiting < FEW_WAITING) lagging.delete(lane);
    if (lagging.size > 0 !== before > 0) speaker.hold(lagging.size > 0);
  };
}

// edge-agent/lane/imports.ts
function createImports(speaker) {
  const byLane = /* @__PURE__ */ new Map();
  let all = /* @__PURE__ */ new Set();
  return (lane, targets) => {
    byLane.set(lane, targets);
    const now = new Set(Array.from(byLane.values()).flatMap((each) => [...each]));
    if (now.size === all.size && [...now].every((target) => all.has(target))) return;
    all = now;
    speaker.setImports((carried) => importsAny(now, carried));
  };
}

// edge-agent/dataplane/problem.ts
function describeProblem(problem) {
  switch (problem.kind) {
    case "foreign-device":
      return problem.clash === "name" ? `device ${problem.device} exists and is not ours (its alias does not say overspan); remove or rename it` : `device ${problem.device}, which is not ours, already uses this VNI; remove it`;
    case "vni-claimed-twice":
      return "two networks want this VNI on this host";
    case "port-missing":
      return `port ${problem.port} does not exist yet`;
    case "port-taken":
      return `port ${problem.port} belongs to bridge ${problem.master}, which is not ours`;
    case "port-addressed":
      return `port ${problem.port} has IP addresses, so it is this host's own and is not attached`;
    case "port-claimed-twice":
      return `port ${problem.port} is already used by VNI ${problem.holder}`;
    case "mtu-too-large":
      return `MTU ${problem.wantedBytes} does not fit the underlay; running with ${problem.possibleBytes}`;
    case "vtep-missing":
      return `no interface has the VTEP address ${problem.vtep}`;
    case "device-unusable":
      return `device ${problem.device} has another UDP port or address family; it is rebuilt once in sync`;
    case "op-failed": {
      const { op, code, message } = problem.failure;
      const more = problem.more > 0 ? ` (and ${problem.more} more)` : "";
      return `kernel refused ${op.kind}: ${message === "" ? code : `${code}, ${message}`}${more}`;
    }
    default:
      return assertNever(problem);
  }
}

// edge-agent/evpn/duplicate-mac.ts
var DUPLICATE_LIMITS = { moves: 5, withinMs: 18e4, freezeMs: 54e4 };
function stepMac(history, event, nowMs, limits) {
  switch (event.type) {
    case "clear":
      return void 0;
    case "tick":
      return history && expire(history, nowMs, limits);
    case "seen": {
      const { place, sequence } = event;
      const current = history && expire(history, nowMs, limits);
      if (!current) return { place, sequence, movesAtMs: [] };
      if (current.frozenAtMs !== void 0) return current;
      const moved = place !== current.place && sequence > current.sequence;
      const movesAtMs = moved ? [...current.movesAtMs, nowMs] : current.movesAtMs;
      const frozen = movesAtMs.length >= limits.moves ? { frozenAtMs: nowMs } : {};
      return { place, sequence: Math.max(sequence, current.sequence), movesAtMs, ...frozen };
    }
    default:
      return assertNever(event);
  }
}
function releaseAtMs({ frozenAtMs }, limits) {
  return frozenAtMs === void 0 ? void 0 : frozenAtMs + limits.freezeMs;
}
function expire(history, nowMs, limits) {
  const { place, sequence, movesAtMs, frozenAtMs } = history;
  if (frozenAtMs !== void 0) {
    return nowMs < frozenAtMs + limits.freezeMs ? history : { place, sequence, movesAtMs: [] };
  }
  const [oldest] = movesAtMs;
  if (oldest === void 0 || nowMs < oldest + limits.withinMs) return history;
  return { place, sequence, movesAtMs: movesAtMs.filter((atMs) => nowMs < atMs + limits.withinMs) };
}

// edge-agent/evpn/mobility.ts
var CLAIM_STANDS_MS = 1e3;
var NO_EVENTS = [];
function createMobilityWatch(limits, before = []) {
  const networks = /* @__PURE__ */ new Map();
  let raisedChanged = false;
  let earliestMs = Number.POSITIVE_INFINITY;
  function memoryOf(network) {
    const known2 = networks.get(network);
    if (known2) return known2;
    const memory = {
      histories: /* @__PURE__ */ new Map(),
      claims: /* @__PURE__ */ new Map(),
      raised: /* @__PURE__ */ new Map(),
      remembered: /* @__PURE__ */ new Map(),
      frozen: /* @__PURE__ */ new Map(),
      due: /* @__PURE__ */ new Map()
    };
    networks.set(network, memory);
    return memory;
  }
  function step2(memory, mac, event, nowMs) {
    const before2 = memory.histories.get(mac);
    const after = stepMac(before2, event, nowMs, limits);
    if (after) memory.histories.set(mac, after);
    else memory.histories.delete(mac);
    const [was, is] = [before2?.frozenAtMs !== void 0, after?.frozenAtMs !== void 0];
    if (after && is) memory.frozen.set(mac, after.place);
    else memory.frozen.delete(mac);
    return was === is ? void 0 : is ? "frozen" : "released";
  }
  function dueOf({ claims, histories }, mac) {
    const history = histories.get(mac);
    if (history?.frozenAtMs !== void 0) return releaseAtMs(history, limits);
    const claim = claims.get(mac);
    if (claim) return claim.sinceMs + CLAIM_STANDS_MS;
    const last = history?.movesAtMs.at(-1);
    return last === void 0 ? void 0 : last + limits.withinMs;
  }
  function restore({ raised, remembered }, mac, entry3) {
    const sequence = remembered.get(mac);
    if (sequence === void 0 || entry3?.source !== "local" && entry3?.source !== "intent") return false;
    remembered.delete(mac);
    raisedChanged = true;
    if (entry3.source !== "local" || sequence <= entry3.mobility) return false;
    raised.set(mac, sequence);
    return true;
  }
  for (const { network, mac, sequence } of before) memoryOf(network).remembered.set(mac, sequence);
  return {
    decisions: (network) => networks.get(network) ?? NO_DECISIONS,
    settle(network, mac, { entry: entry3, conflict, moved }, { vtep: ownVtep, nowMs }) {
      const claim = conflict && isClaim(conflict, ownVtep) ? conflict : void 0;
      if (!moved && !claim && !isRemembered(networks.get(network), mac)) return NO_EVENTS;
      const memory = memoryOf(network);
      const events = [];
      if (restore(memory, mac, entry3)) {
        const sequence = memory.raised.get(mac) ?? 0;
        return [{ kind: "sequence-restored", network, mac, place: ownVtep, sequence }];
      }
      const see = (place, sequence) => {
        const change2 = step2(memory, mac, { type: "seen", place, sequence }, nowMs);
        if (!change2) return;
        const kind = change2 === "frozen" ? "duplicate-mac" : "duplicate-mac-released";
        events.push({ kind, network, mac, place, sequence });
      };
      if (moved) see(moved.place, moved.sequence);
      if (claim) {
        const { fabricPlace, fabricMobility, declaredMobility, response } = claim;
        const known2 = memory.claims.get(mac);
        const same = known2?.conflict.fabricPlace === fabricPlace && known2.conflict.fabricMobility === fabricMobility;
        if (!memory.histories.has(mac)) see(ownVtep, declaredMobility - 1);
        see(fabricPlace, fabricMobility);
        const { sinceMs } = known2 && same ? known2 : { sinceMs: nowMs };
        memory.claims.set(mac, { sinceMs, conflict: claim });
        if (response === "raise" && !memory.frozen.has(mac) && nowMs >= sinceMs + CLAIM_STANDS_MS) {
          const sequence = fabricMobility + 1;
          memory.raised.set(mac, sequence);
          raisedChanged = true;
          memory.claims.delete(mac);
          events.push({ kind: "mac-taken-back", network, mac, place: ownVtep, sequence });
          see(ownVtep, sequence);
        }
      } else {
        memory.claims.delete(mac);
      }
      if (!moved && !claim && memory.histories.has(mac)) {
        const { place, sequence } = memory.histories.get(mac) ?? { place: ownVtep, sequence: 0 };
        if (step2(memory, mac, { type: "tick" }, nowMs) === "released") {
          events.push({ kind: "duplicate-mac-released", network, mac, place, sequence });
        }
        const history = memory.histories.get(mac);
        if (history && history.movesAtMs.length === 0 && history.frozenAtMs === void 0) memory.histories.delete(mac);
      }
      if (entry3?.source !== "local" && memory.raised.delete(mac)) raisedChanged = true;
      const dueMs = dueOf(memory, mac);
      if (dueMs === void 0) memory.due.delete(mac);
      else {
        memory.due.set(mac, dueMs);
        earliestMs = Math.min(earliestMs, dueMs);
      }
      return events;
    },
    forget(network) {
      const memory = networks.get(network);
      if (memory && memory.raised.size + memory.remembered.size > 0) raisedChanged = true;
      networks.delete(network);
    },
    clear(mac) {
      const released = [];
      for (const [network, memory] of networks) {
        if (step2(memory, mac, { type: "clear" }, 0) === "released") released.push(network);
      }
      return released;
    },
    dueMs: () => Number.isFinite(earliestMs) ? earliestMs : void 0,
    takeDue(nowMs) {
      const taken = /* @__PURE__ */ new Map();
      if (nowMs < earliestMs) return taken;
      earliestMs = Number.POSITIVE_INFINITY;
      for (const [network, { due }] of networks) {
        const macs2 = [];
        for (const [mac, dueMs] of due) {
          if (dueMs <= nowMs) macs2.push(mac);
          else earliestMs = Math.min(earliestMs, dueMs);
        }
        for (const mac of macs2) due.delete(mac);
        if (macs2.length > 0) taken.set(network, macs2);
      }
      return taken;
    },
    moved(nowMs) {
      return Array.from(networks).flatMap(
        ([network, { histories }]) => Array.from(histories).flatMap(([mac, history]) => {
          const { place, sequence, movesAtMs, frozenAtMs } = stepMac(history, { type: "tick" }, nowMs, limits) ?? history;
          if (movesAtMs.length === 0) return [];
          const moved = { network, mac, place, sequence, moves: movesAtMs.length };
          if (frozenAtMs === void 0) return [moved];
          const forMs = nowMs - frozenAtMs;
          return [{ ...moved, frozen: { forMs, releaseInMs: limits.freezeMs - forMs } }];
        })
      );
    },
    raised: () => Array.from(networks).flatMap(
      ([network, { raised, remembered }]) => Array.from([...remembered, ...raised], ([mac, sequence]) => ({ network, mac, sequence }))
    ),
    takeRaisedChanged() {
      const changed = raisedChanged;
      raisedChanged = false;
      return changed;
    }
  };
}
function isClaim({ declaredVtep, response }, ownVtep) {
  return declaredVtep === ownVtep && response !== "keep" && response !== "follow";
}
function isRemembered(memory, mac) {
  if (memory === void 0) return false;
  const { histories, claims, raised, remembered } = memory;
  return histories.has(mac) || claims.has(mac) || raised.has(mac) || remembered.has(mac);
}

// edge-agent/intent/view.ts
function l2Networks(state) {
  const own = hostChannel(state.host);
  const networks = /* @__PURE__ */ new Set();
  for (const [key, { body }] of state.channels.get(own)?.records ?? []) {
    const parsed = parseRecordKey(own, key);
    if (parsed?.kind !== "carried-network" || body === null) continue;
    if (!body.routed) networks.add(parsed.network);
  }
  return networks;
}

// edge-agent/lane/disputes.ts
var MOST_LINES = 20;
var RESPONSES = {
  keep: "kept where it is declared",
  raise: "to be taken back with a higher sequence",
  follow: "followed, since the cloud is away",
  frozen: "frozen: it moved too often"
};
function sayConflicts(log2, network, conflicts) {
  const fresh = [];
  for (const { before, after } of conflicts) {
    const text = after && describe(network, after);
    if (text !== void 0 && (!before || describe(network, before) !== text)) fresh.push(text);
  }
  say(log2, "conflict", fresh, network);
}
function sayRefused(log2, network, refused) {
  const texts = refused.map(({ route, reason }) => `${reason}: ${JSON.stringify(route.nlri)}`);
  say(log2, "export-refused", texts, network);
}
function sayMobility(log2, { kind, network, mac, place, sequence }) {
  switch (kind) {
    case "duplicate-mac":
      log2.warn(kind, `${network}: ${mac} moved too often and is frozen at ${place} (sequence ${sequence})`);
      break;
    case "duplicate-mac-released":
      log2.info(kind, `${network}: ${mac} is followed again after its time of freeze`);
      break;
    case "sequence-restored":
      log2.info(kind, `${network}: ${mac} is announced with sequence ${sequence}, as before the restart`);
      break;
    case "mac-taken-back":
      log2.warn(kind, `${network}: ${mac} is declared here; announced again with sequence ${sequence}`);
      break;
  }
}
function say(log2, kind, texts, network) {
  for (const text of texts.slice(0, MOST_LINES)) log2.warn(kind, text);
  if (texts.length > MOST_LINES) log2.warn(kind, `${network}: and ${texts.length - MOST_LINES} more at once`);
}
function describe(network, conflict) {
  const { mac, declaredVtep, declaredMobility, fabricPlace, fabricMobility, fixed, response } = conflict;
  return `${network}: ${mac} is declared at ${declaredVtep} (sequence ${declaredMobility}), the fabric says ${fabricPlace} (${fixed ? "sticky" : `sequence ${fabricMobility}`}); ${RESPONSES[response]}`;
}

// shared/message/forwarding.ts
function floodLine(vtep) {
  return `flood ${vtep}`;
}
function macLine(mac, vtep) {
  return `mac ${mac} ${vtep}`;
}
function ipLine(ip2, mac) {
  return `ip ${ip2} ${mac}`;
}
function gatewayLine(ip2) {
  return `gateway ${ip2}`;
}
function hostRouteLine(ip2, vtep) {
  return `host ${ip2} ${vtep}`;
}
function prefixLine(prefix, nextHop) {
  return `prefix ${prefix} ${nextHop}`;
}
function endpointLines(endpoint, vtep) {
  return [macLine(endpoint.mac, vtep), ...endpoint.ips.map((ip2) => ipLine(ip2, endpoint.mac))];
}
function forwardingDigest(lines) {
  const hashes = [];
  for (const line of lines) hashes.push(hashText(line));
  return digestSum(hashes);
}

// shared/message/report.ts
import * as z9 from "zod";
var LineProof = z9.object({ digest: DigestField, count: z9.number().int().min(0) });
var MOST_LACKING = 16;
var Lacking = z9.array(MacField).max(MOST_LACKING).optional();
var AnnouncedProof = LineProof.extend({ lacking: Lacking });
var SeenProof = LineProof.extend({ peer: z9.string().max(64), lacking: Lacking });
var ChannelReport = z9.object({
  channel: ChannelField,
  seq: z9.number().int().min(0),
  digest: DigestField,
  kernel: DigestField.optional(),
  /** Why the kernel is not as intent wants it, in words for an operator. */
  problems: z9.array(z9.string().max(300)).max(20).default([]),
  /** The endpoints of this host that it announces over BGP: what every peer that is `told` was sent. */
  announced: AnnouncedProof.optional(),
  /** Per established peer, the endpoints of the site's other hosts whose very routes it passed on: MAC, IPs and VTEP. */
  seen: z9.array(SeenProof).max(16).optional(),
  /**
   * The site's endpoints, this host's own included, as the two proofs above took them to be: the cloud knows the sum at
   * every step, and so which step the proofs are of.
   */
  site: LineProof.optional()
});
var PeerReport = z9.object({
  peer: z9.string().max(64),
  asn: z9.number(),
  state: z9.string().max(32),
  sinceMs: z9.number(),
  routesIn: z9.number(),
  routesOut: z9.number(),
  /** What the peer is offered; absent in reports of older agents. Counts above are those of all families. */
  families: z9.array(z9.object({ family: z9.string().max(32), agreed: z9.boolean(), routesIn: z9.number(), routesOut: z9.number() })).max(8).optional(),
  /** Sent everything that this host announces, End-of-RIB included, on the session that is up. */
  told: z9.boolean().optional(),
  /** Its BGP identifier (RFC 6286: unique in its AS), and its name as it tells it; of the session that is up. */
  routerId: z9.string().max(15).optional(),
  name: z9.string().max(64).optional(),
  // What `show bgp neighbor` says besides; absent in reports of older agents.
  /** Of a session that was lost, or of a refresh that is not over. */
  staleRoutes: z9.number().optional(),
  /** Times the peer was Established. */
  sessions: z9.number().optional(),
  /** Malformed messages by their consequence (RFC 7606), counted since the agent's start. */
  malformed: z9.object({ "attribute-discard": z9.number(), "treat-as-withdraw": z9.number(), "session-reset": z9.number() }).optional(),
  /** Why the last session or connection ended, or why none comes about. */
  lastError: z9.string().max(300).optional()
});
var ReportedEvent = z9.object({ atMs: z9.number(), kind: z9.string().max(64), detail: z9.string().max(500) });
var Report = z9.object({
  v: ProtocolVersion,
  /** Host clock, ms since the epoch. */
  atMs: z9.number(),
  /** Grows with every report of one agent process. */
  number: z9.number().int().min(1),
  agent: z9.object({ version: z9.string().max(32), startedAtMs: z9.number(), kernel: z9.string().max(64) }),
  inSync: z9.boolean(),
  /** Some of the channels; the others are in reports of neighbouring numbers, since all would not fit a message. */
  partial: z9.boolean().optional(),
  /** What the host's kernel can do. Without "vrf" no router can be placed there. */
  capabilities: z9.record(z9.string().max(64), z9.boolean()).optional(),
  channels: z9.array(ChannelReport).max(5e3),
  bgp: z9.array(PeerReport).max(16),
  /** Routes of the underlay: as BGP decides, and as the kernel was read back; absent where the host takes no part. */
  underlay: z9.object({ routes: z9.number(), installed: z9.number(), problems: z9.array(z9.string().max(300)).max(20) }).optional(),
  counters: z9.record(z9.string().max(64), z9.number()),
  events: z9.array(ReportedEvent).max(50)
});

// edge-agent/report/keyed-sum.ts
var KeyedSum = class {
  #sum = new DigestSum();
  #parts = /* @__PURE__ */ new Map();
  get digest() {
    return this.#sum.digest;
  }
  /** Keys that have lines. */
  get size() {
    return this.#parts.size;
  }
  keys() {
    return this.#parts.keys();
  }
  has(key) {
    return this.#parts.has(key);
  }
  /** The sum of a key's lines; undefined if it has none. */
  part(key) {
    return this.#parts.get(key);
  }
  /** The lines of a key from now on. */
  put(key, lines) {
    const before = this.#parts.get(key);
    if (before) this.#sum.subtract(before);
    const [only] = lines;
    if (only === void 0) {
      if (before) this.#parts.delete(key);
      return;
    }
    const now = lines.length === 1 ? hashText(only) : forwardingDigest(lines);
    this.#sum.add(now);
    this.#parts.set(key, now);
  }
};

// edge-agent/report/confirmation.ts
var NO_LINES = [];
var Confirmations = class {
  #own = new KeyedSum();
  #others = new KeyedSum();
  #announced = new KeyedSum();
  #seen = /* @__PURE__ */ new Map();
  #made;
  /** Made once for every change of them: a report asks for all networks. */
  get proofs() {
    this.#made ??= {
      announced: proofOf(this.#announced, this.#own),
      seen: Array.from(this.#seen, ([peer, sum]) => ({ peer, ...proofOf(sum, this.#others) })).filter(
        ({ count: count2 }) => count2 > 0
      ),
      site: {
        digest: digestAdd(this.#own.digest, this.#others.digest),
        count: this.#own.size + this.#others.size
      }
    };
    return this.#made;
  }
  /** What a MAC is taken to be at this site, what is announced of it, and the routes that peers have of it. */
  put(mac, endpoint, routes) {
    this.#made = void 0;
    const lines = endpoint ? endpointLines(endpoint.declared, endpoint.declared.vtep) : NO_LINES;
    this.#own.put(mac, endpoint?.own ? lines : NO_LINES);
    this.#others.put(mac, endpoint?.own ? NO_LINES : lines);
    this.#announced.put(
      mac,
      endpoint?.own ? linesOf2(routes.announced).filter((line) => lines.includes(line)) : NO_LINES
    );
    this.#putSeen(mac, endpoint?.own ? void 0 : endpoint?.declared, routes.received);
  }
  #putSeen(mac, declared, routes) {
    const byPeer = /* @__PURE__ */ new Map();
    for (const route of routes) {
      if (!declared || route.nextHop !== declared.vtep || !isOf(route, declared)) continue;
      const known2 = byPeer.get(route.peer);
      if (known2) known2.push(route);
      else byPeer.set(route.peer, [route]);
    }
    for (const [peer, sum] of this.#seen) if (!byPeer.has(peer)) sum.put(mac, NO_LINES);
    for (const [peer, held] of byPeer) {
      const sum = this.#seen.get(peer) ?? new KeyedSum();
      this.#seen.set(peer, sum);
      sum.put(mac, linesOf2(held));
    }
  }
};
function proofOf(sum, whole) {
  const lacking = [];
  if (sum.digest !== whole.digest) {
    for (const mac of whole.keys()) {
      if (sum.part(mac) === whole.part(mac)) continue;
      if (lacking.length === MOST_LACKING) return { digest: sum.digest, count: sum.size };
      lacking.push(mac);
    }
  }
  return { digest: sum.digest, count: sum.size, lacking };
}
function linesOf2(routes) {
  const lines = /* @__PURE__ */ new Set();
  for (const { nlri, nextHop } of routes) {
    if (nlri.type !== "mac-ip") continue;
    lines.add(macLine(nlri.mac, nextHop));
    if (nlri.ip) lines.add(ipLine(nlri.ip, nlri.mac));
  }
  return [...lines];
}
function isOf({ nlri }, { ips: ips2 }) {
  return nlri.type === "mac-ip" && (nlri.ip === void 0 || ips2.includes(nlri.ip));
}

// edge-agent/report/kernel-digest.ts
var NetworkReceipt = class {
  /** What counts of each key; nothing of what only the fabric told. */
  #macs = new KeyedSum();
  #ips = new KeyedSum();
  #flood = new KeyedSum();
  #dirtyMacs = /* @__PURE__ */ new Set();
  #dirtyIps = /* @__PURE__ */ new Set();
  /** Keys that the kernel was read back to hold otherwise: as many as a burst has, so they are looked at in parts too. */
  #readMacs = [];
  #readIps = [];
  #floodDirty = false;
  #known;
  /** As of the last time that all was worked off; undefined while the devices are not there. */
  get digest() {
    return this.#known;
  }
  get dirty() {
    const keys = this.#dirtyMacs.size + this.#dirtyIps.size + this.#readMacs.length + this.#readIps.length;
    return this.#floodDirty || keys > 0;
  }
  /**
   * An entry of the table has changed, or the kernel was read back to hold something else for the MAC: which lines count may
   * be another matter now. What only the fabric told is found to count for nothing at once.
   */
  macChanged(mac, verified, table2) {
    if (this.#macs.has(mac) || verified && macLines(mac, verified, table2).length > 0) this.#dirtyMacs.add(mac);
  }
  ipChanged(ip2, verified, table2) {
    if (this.#ips.has(ip2) || verified && ipLines(ip2, verified, table2).length > 0) this.#dirtyIps.add(ip2);
  }
  floodChanged() {
    this.#floodDirty = true;
  }
  /** The kernel was read back to hold something else. */
  verifiedChanged(change2, now) {
    this.#readMacs.push(change2.macs.keys());
    this.#readIps.push(change2.neighbours.keys());
    if (change2.flood) this.#floodDirty = true;
    if (change2.whole) this.readAnew(now);
  }
  /** Everything may be otherwise. */
  readAnew(now) {
    for (const mac of this.#macs.keys()) this.#dirtyMacs.add(mac);
    for (const ip2 of this.#ips.keys()) this.#dirtyIps.add(ip2);
    this.#readMacs.push(keysOf(now?.macs() ?? []));
    this.#readIps.push(keysOf(now?.neighbours() ?? []));
    this.#floodDirty = true;
  }
  /** Works off at most `most` keys. */
  step(verified, table2, most) {
    let left = most;
    for (const mac of drain(this.#readMacs)) {
      this.macChanged(mac, verified, table2);
      if (left-- <= 0) return;
    }
    for (const ip2 of drain(this.#readIps)) {
      this.ipChanged(ip2, verified, table2);
      if (left-- <= 0) return;
    }
    for (const mac of this.#dirtyMacs) {
      if (left-- <= 0) return;
      this.#dirtyMacs.delete(mac);
      this.#macs.put(mac, verified ? macLines(mac, verified, table2) : NONE2);
    }
    for (const ip2 of this.#dirtyIps) {
      if (left-- <= 0) return;
      this.#dirtyIps.delete(ip2);
      this.#ips.put(ip2, verified ? ipLines(ip2, verified, table2) : NONE2);
    }
    if (this.#floodDirty) this.#stepFlood(verified, table2);
    this.#known = verified && digestSum([this.#macs, this.#ips, this.#flood].map(({ digest }) => digest));
  }
  #stepFlood(verified, table2) {
    this.#floodDirty = false;
    const fabric = new Set(table2.flood.flatMap(({ vtep, source }) => source === "fabric" ? [vtep] : []));
    const counted2 = new Set([verified?.vtep ?? [], verified?.flood ?? []].flat().filter((vtep) => !fabric.has(vtep)));
    for (const vtep of /* @__PURE__ */ new Set([...this.#flood.keys(), ...counted2])) {
      this.#flood.put(vtep, counted2.has(vtep) ? [floodLine(vtep)] : NONE2);
    }
  }
};
var NONE2 = [];
function* drain(iterators) {
  for (let first = iterators[0]; first; first = iterators[0]) {
    const next = first.next();
    if (next.done) iterators.shift();
    else yield next.value;
  }
}
function* keysOf(pairs) {
  for (const [key] of pairs) yield key;
}
function macLines(mac, verified, table2) {
  const target = verified.mac(mac);
  if (!target) return NONE2;
  if (target.kind === "local") return [macLine(mac, verified.vtep)];
  const entry3 = table2.entry(mac);
  const fabric = entry3?.source === "fabric" ? entry3 : void 0;
  const [only, ...more] = target.vteps;
  if (only && more.length === 0 && fabric && isWay(fabric, only)) return NONE2;
  const counted2 = fabric ? target.vteps.filter((way) => !isWay(fabric, way)) : target.vteps;
  return counted2.map((way) => macLine(mac, way));
}
function ipLines(ip2, verified, table2) {
  const mac = verified.neighbour(ip2);
  if (mac === void 0) return NONE2;
  const entry3 = table2.entry(mac);
  return entry3?.source === "fabric" && entry3.ips.includes(ip2) ? NONE2 : [ipLine(ip2, mac)];
}
function isWay({ vtep, segment }, way) {
  return segment ? segment.vteps.includes(way) : vtep === way;
}

// edge-agent/lane/network-proofs.ts
var NO_IPS3 = [];
function createNetworkProofs(reconciler, changed) {
  const proofs = /* @__PURE__ */ new Map();
  const byVni = /* @__PURE__ */ new Map();
  const unproven = /* @__PURE__ */ new Set();
  const unconfirmed = /* @__PURE__ */ new Set();
  const awaited = /* @__PURE__ */ new Map();
  function noteEntries(network, { vni, receipt }, { entries, flood }) {
    const verified = reconciler.verified(vni);
    for (const { mac, before, after } of entries) {
      receipt.macChanged(mac, verified, network.table);
      for (const ip2 of before?.ips ?? NO_IPS3) receipt.ipChanged(ip2, verified, network.table);
      for (const ip2 of after?.ips ?? NO_IPS3) receipt.ipChanged(ip2, verified, network.table);
    }
    if (flood) receipt.floodChanged();
  }
  function prove(network, { vni, receipt }, most) {
    const before = receipt.digest;
    receipt.step(reconciler.verified(vni), network.table, most);
    if (!receipt.dirty) unproven.delete(network);
    if (receipt.digest !== before) changed();
  }
  function confirm(network, { confirmations, unsure }, most) {
    let left = most;
    for (const mac of unsure) {
      if (left-- === 0) return;
      unsure.delete(mac);
      const routes = { announced: network.announcedOf(mac), received: network.table.routesOf(mac) };
      confirmations.put(mac, network.endpointOfSite(mac), routes);
    }
    unconfirmed.delete(network);
    changed();
  }
  return {
    open(network, vni) {
      const receipt = new NetworkReceipt();
      receipt.readAnew(reconciler.verified(vni));
      proofs.set(network, { vni, receipt, confirmations: new Confirmations(), unsure: /* @__PURE__ */ new Set() });
      byVni.set(vni, network);
      unproven.add(network);
    },
    close(network) {
      const proof = proofs.get(network);
      if (proof) byVni.delete(proof.vni);
      proofs.delete(network);
      unproven.delete(network);
      unconfirmed.delete(network);
      awaited.delete(network);
    },
    told(network, { delta, endpoints }, generation) {
      const proof = proofs.get(network);
      if (!proof) return;
      noteEntries(network, proof, delta);
      for (const mac of endpoints) proof.unsure.add(mac);
      if (proof.unsure.size > 0) unconfirmed.add(network);
      if (generation === void 0) unproven.add(network);
      else awaited.set(network, generation);
    },
    read(report) {
      for (const [vni, change2] of report.changed) {
        const network = byVni.get(vni);
        if (!network) continue;
        proofs.get(network)?.receipt.verifiedChanged(change2, reconciler.verified(vni));
        unproven.add(network);
      }
      for (const [network, generation] of awaited) {
        if (generation > report.generation) continue;
        awaited.delete(network);
        unproven.add(network);
      }
    },
    of(network) {
      const proof = proofs.get(network);
      if (!proof) return void 0;
      return { kernel: reconciler.verified(proof.vni) && proof.receipt.digest, fabric: proof.confirmations.proofs };
    },
    get busy() {
      return unproven.size + unconfirmed.size > 0;
    },
    work(most) {
      const [first] = unproven.size > 0 ? unproven : unconfirmed;
      const proof = first && proofs.get(first);
      if (!first || !proof) return;
      if (unproven.size > 0) prove(first, proof, most);
      else confirm(first, proof, most);
    }
  };
}

// edge-agent/lane/network-intent.ts
var VTEP = "vtep/";
var ENDPOINT2 = "endpoint/";
var NOTHING3 = { macs: [], settings: false };
var NetworkRecords = class {
  id;
  definition;
  /** Member hosts by id, this one included. */
  vteps = /* @__PURE__ */ new Map();
  endpoints = /* @__PURE__ */ new Map();
  #byMac = new MultiMap();
  #byHost = /* @__PURE__ */ new Map();
  #ownHost;
  /** The ports of the endpoints on this host, with how many name each. */
  #ports = /* @__PURE__ */ new Map();
  #portChanges = 0;
  constructor(id, ownHost) {
    this.id = id;
    this.#ownHost = ownHost;
  }
  /** Takes a record as it is now; undefined: it is gone. */
  put(key, body) {
    if (key === "network") {
      if (body === this.definition) return NOTHING3;
      this.definition = body;
      return { macs: [], settings: true };
    }
    if (key.startsWith(ENDPOINT2)) {
      const id = key.slice(ENDPOINT2.length);
      return { macs: this.#putEndpoint(id, body), settings: false };
    }
    return key.startsWith(VTEP) ? this.#putVtep(key.slice(VTEP.length), body) : NOTHING3;
  }
  /** The keys of all records held. */
  *keys() {
    if (this.definition) yield "network";
    for (const host2 of this.vteps.keys()) yield VTEP + host2;
    for (const id of this.endpoints.keys()) yield ENDPOINT2 + id;
  }
  /** The MACs that endpoints have. */
  get macs() {
    return this.#byMac.keys();
  }
  /** The interfaces of the endpoints on this host. */
  get ports() {
    return this.#ports.keys();
  }
  /** Grows whenever `ports` changes. */
  get portChanges() {
    return this.#portChanges;
  }
  /** The endpoint that a MAC is taken to be. */
  declared(mac, ownVtep) {
    const own = { id: this.#ownHost, vtep: ownVtep };
    let first;
    for (const id of this.#byMac.all(mac)) {
      const record4 = this.endpoints.get(id);
      const declared = record4 && declaredOf(own, this.vteps, { id, record: record4 });
      if (declared) first = firstDeclared(first, declared);
    }
    return first;
  }
  /** The endpoint that a MAC is taken to be, if it is at this site. */
  endpointOfSite(mac, own) {
    const declared = this.declared(mac, own.vtep);
    const host2 = declared && this.endpoints.get(declared.id)?.host;
    if (!declared || host2 === void 0) return void 0;
    if (host2 === this.#ownHost) return { declared, own: true };
    return this.vteps.get(host2)?.site === own.site ? { declared, own: false } : void 0;
  }
  /** True if an endpoint of this host has the MAC. */
  isLocal(mac) {
    return this.#byMac.all(mac).some((id) => this.endpoints.get(id)?.host === this.#ownHost);
  }
  /** The MACs of the endpoints on this host. */
  *localMacs() {
    for (const id of this.#byHost.get(this.#ownHost) ?? []) {
      const record4 = this.endpoints.get(id);
      if (record4) yield record4.mac;
    }
  }
  #putVtep(host2, record4) {
    const before = this.vteps.get(host2);
    if (before === record4) return NOTHING3;
    if (record4) this.vteps.set(host2, record4);
    else this.vteps.delete(host2);
    if (before?.address === record4?.address && before?.site === record4?.site) return { macs: [], settings: true };
    const ids = Array.from(this.#byHost.get(host2) ?? []);
    return { macs: ids.flatMap((id) => this.endpoints.get(id)?.mac ?? []), settings: true };
  }
  #putEndpoint(id, record4) {
    const before = this.endpoints.get(id);
    if (before === record4) return [];
    if (before) {
      this.#byMac.delete(before.mac, id);
      this.#leave(before.host, id);
      if (before.host === this.#ownHost) this.#countPort(before.port ?? namelessPort(before.mac), -1);
    }
    if (!record4) {
      this.endpoints.delete(id);
      return before ? [before.mac] : [];
    }
    this.endpoints.set(id, record4);
    this.#byMac.put(record4.mac, id);
    const neighbours = this.#byHost.get(record4.host);
    if (neighbours) neighbours.add(id);
    else this.#byHost.set(record4.host, /* @__PURE__ */ new Set([id]));
    if (record4.host === this.#ownHost) this.#countPort(record4.port ?? namelessPort(record4.mac), 1);
    return before && before.mac !== record4.mac ? [before.mac, record4.mac] : [record4.mac];
  }
  #leave(host2, id) {
    const ids = this.#byHost.get(host2);
    ids?.delete(id);
    if (ids?.size === 0) this.#byHost.delete(host2);
  }
  #countPort(port, by) {
    const before = this.#ports.get(port) ?? 0;
    if (before + by > 0) this.#ports.set(port, before + by);
    else this.#ports.delete(port);
    if (before === 0 || before + by === 0) this.#portChanges++;
  }
};

// edge-agent/lane/network.ts
var MOST_LEARNED2 = 256;
var NO_TARGETS = /* @__PURE__ */ new Set();
var Network2 = class {
  records;
  table = new MacVrfTable();
  /** What the ToRs are told, by MAC; the membership under no MAC. */
  #announced = /* @__PURE__ */ new Map();
  /** To be announced anew although its entry did not change. */
  #reannounce = /* @__PURE__ */ new Set();
  /** To be told to the dataplane anew although its entry did not change. */
  #retell = /* @__PURE__ */ new Set();
  #learned = /* @__PURE__ */ new Map();
  #learnedOn = /* @__PURE__ */ new Map();
  #learning = false;
  #host;
  #settings;
  #settingsDirty = true;
  #frame;
  #frameDirty = true;
  #portChanges = 0;
  constructor(id, host2) {
    this.records = new NetworkRecords(id, host2.id);
    this.#host = host2;
  }
  get id() {
    return this.records.id;
  }
  /** The VNI that intent gives it now; undefined while the definition is not held. */
  get vni() {
    return this.records.definition?.vni;
  }
  get ownVtep() {
    return this.#host.record.vtep;
  }
  get rd() {
    return this.#host.rd;
  }
  /** As of `applySettings`; undefined while the definition is not held. */
  get settings() {
    return this.#settings;
  }
  get imports() {
    return this.#settings?.imports ?? NO_TARGETS;
  }
  /** Settings are to be applied before the next step. */
  get unsettled() {
    return this.#settingsDirty;
  }
  /** A step would do something. */
  get dirty() {
    return this.table.dirty || this.#retell.size > 0 || this.#frameDirty || this.#portChanges !== this.records.portChanges;
  }
  get frame() {
    return this.#frame;
  }
  *announcements() {
    for (const each of this.#announced.values()) yield* each;
  }
  /** The routes of a MAC that are announced. */
  announcedOf(mac) {
    return (this.#announced.get(mac) ?? []).flatMap(({ route, reason }) => reason ? [] : [route]);
  }
  /** The endpoint of a MAC at this site. */
  endpointOfSite(mac) {
    return this.records.endpointOfSite(mac, this.#host.record);
  }
  /** A record as it is now; undefined: it is gone. */
  put(key, body) {
    const { macs: macs2, settings } = this.records.put(key, body);
    for (const mac of macs2) this.table.touch(mac);
    if (!settings) return;
    this.#settingsDirty = true;
    this.table.touchFlood();
  }
  /** Machines that nobody declared may be announced (`NetworkRecord.learning`). */
  get learning() {
    return this.records.definition?.learning === true;
  }
  /**
   * The bridge learned a MAC on a port, or forgot it. False if the port has too many already: a machine may make up as
   * many as it likes, and the fabric is not to hear of all of them.
   */
  learn(mac, port) {
    const before = this.#learned.get(mac);
    if (before?.port === port) return true;
    if (before) this.#countLearned(before.port, -1);
    this.#learned.delete(mac);
    const full = port !== void 0 && (this.#learnedOn.get(port) ?? 0) >= MOST_LEARNED2;
    if (port !== void 0 && !full) {
      this.#countLearned(port, 1);
      this.#learned.set(mac, { port, sequence: before?.sequence ?? this.#nextSequence(mac) });
    }
    if (this.learning) this.table.touch(mac);
    return !full;
  }
  /** RFC 7432 15: one above what the fabric says of the MAC until now; by itself 0. */
  #nextSequence(mac) {
    const entry3 = this.table.entry(mac);
    return entry3?.source === "fabric" ? Math.min(entry3.mobility + 1, MAX_SEQUENCE) : 0;
  }
  #countLearned(port, by) {
    const count2 = (this.#learnedOn.get(port) ?? 0) + by;
    if (count2 > 0) this.#learnedOn.set(port, count2);
    else this.#learnedOn.delete(port);
  }
  #learnedOf(mac) {
    return this.#learned.size > 0 && this.learning ? this.#learned.get(mac) : void 0;
  }
  /** This host's own record, the network's RD or its router may have changed. */
  configure(host2) {
    const { record: record4, rd, routing } = this.#host;
    if (record4 === host2.record && rd === host2.rd && routing === host2.routing) return;
    this.#host = host2;
    this.#settingsDirty = true;
  }
  /** Takes over what intent says of the network as a whole; true if the import targets are others than before. */
  applySettings() {
    this.#settingsDirty = false;
    const before = this.#settings;
    const { definition, vteps } = this.records;
    const { record: record4, rd, routing } = this.#host;
    if (!definition) return false;
    const plain = settingsOf({ host: record4 }, { id: this.id, definition, vteps }, rd);
    const { originator } = plain;
    const routed = originator && routing ? { ...originator, routed: routing.routed } : originator;
    const settings = { ...plain, originator: routed };
    this.#settings = settings;
    this.#frameDirty = true;
    if (this.#learning !== this.learning) {
      this.#learning = this.learning;
      for (const mac of this.#learned.keys()) this.table.touch(mac);
      for (const { mac, source } of this.table.entries()) if (source === "fabric") this.#retell.add(mac);
    }
    if (before && before.frame.vtep !== settings.frame.vtep) this.table.touchAll(this.records.macs);
    if (JSON.stringify(before?.originator) !== JSON.stringify(routed)) {
      this.#reannounce.add(void 0);
      for (const mac of this.#announced.keys()) this.#reannounce.add(mac);
      for (const mac of this.records.localMacs()) this.#reannounce.add(mac);
      for (const mac of this.#learned.keys()) this.#reannounce.add(mac);
    }
    return !isSameSet(before?.imports ?? NO_TARGETS, settings.imports);
  }
  /** Makes at most `most` entries anew; undefined while there is no definition. The VNI must not change in its life. */
  step(context, most) {
    const settings = this.#settings;
    if (!settings) return void 0;
    const { vtep, vni } = settings.frame;
    const part = {
      declared: (mac) => this.records.declared(mac, vtep),
      members: () => Array.from(this.records.vteps.values(), ({ address }) => address),
      learned: (mac) => this.#learnedOf(mac)
    };
    const { learning } = this;
    const { trust, decisions, settle: settle2 } = context;
    const delta = this.table.step(part, { ownVtep: vtep, vni, trust, decisions }, settle2, most);
    const macs2 = /* @__PURE__ */ new Map();
    const exports = [];
    const refused = [];
    for (const mac of this.#retell) {
      const entry3 = this.table.entry(mac);
      if (entry3) macs2.set(mac, targetOf(entry3, learning));
    }
    this.#retell.clear();
    for (const { mac, before, after } of delta.entries) {
      const target = after && targetOf(after, learning);
      if (!sameTarget(before && targetOf(before, learning), target)) macs2.set(mac, target);
      if (isOwn(after) || isOwn(before)) this.#announce(mac, exports, refused);
    }
    const endpoints = [...delta.declared];
    for (const mac of this.#reannounce) {
      this.#announce(mac, exports, refused);
      if (mac !== void 0) endpoints.push(mac);
    }
    this.#reannounce.clear();
    if (delta.flood) this.#frameDirty = true;
    const frame2 = this.#takeFrame(settings);
    const desired = {
      vni,
      ...frame2 && { frame: frame2 },
      ...macs2.size > 0 && { macs: macs2 },
      ...delta.neighbours.size > 0 && { neighbours: delta.neighbours }
    };
    const told = frame2 !== void 0 || macs2.size > 0 || delta.neighbours.size > 0;
    return { desired: told ? desired : void 0, exports, refused, delta, endpoints };
  }
  /** Everything that the ToRs were told, to be taken back. */
  takeBack() {
    const told = Array.from(this.announcements()).filter(({ reason }) => !reason);
    this.#announced.clear();
    return told.map(({ route }) => ({ key: routeKey(route.nlri), route: void 0 }));
  }
  /** What the ToRs are to hear of a MAC, less what they know. */
  #announce(mac, exports, refused) {
    const before = this.#announced.get(mac) ?? [];
    const after = this.#announcementsOf(mac);
    if (before.length + after.length === 0) return;
    const keys = /* @__PURE__ */ new Set();
    for (const { route, reason } of after) {
      const key = routeKey(route.nlri);
      if (reason) {
        refused.push({ route, reason });
        continue;
      }
      keys.add(key);
      exports.push({ key, route });
    }
    for (const { route, reason } of before) {
      const key = routeKey(route.nlri);
      if (!reason && !keys.has(key)) exports.push({ key, route: void 0 });
    }
    if (after.length > 0) this.#announced.set(mac, after);
    else this.#announced.delete(mac);
  }
  #announcementsOf(mac) {
    const originator = this.#settings?.originator;
    if (!originator) return [];
    if (mac === void 0) return [announceMembership(originator)];
    const entry3 = this.table.entry(mac);
    return entry3 ? announceMac(originator, entry3, this.#announceable) : [];
  }
  #announceable = {
    has: (mac) => this.records.isLocal(mac) || this.#learnedOf(mac) !== void 0
  };
  #takeFrame({ frame: frame2 }) {
    if (!this.#frameDirty && this.#portChanges === this.records.portChanges) return void 0;
    this.#frameDirty = false;
    this.#portChanges = this.records.portChanges;
    const next = {
      ...frame2,
      bridgeMac: this.#host.routing?.bridgeMac,
      ports: Array.from(this.records.ports, (name) => ({ name })),
      flood: this.table.flood.map(({ vtep }) => vtep)
    };
    if (JSON.stringify(next) === JSON.stringify(this.#frame)) return void 0;
    this.#frame = next;
    return next;
  }
};
function isSameSet(a, b) {
  return a.size === b.size && [...a].every((each) => b.has(each));
}

// edge-agent/lane/overlay-view.ts
function overlayOf(networks) {
  const viewed = [];
  const announced = [];
  for (const network of networks) {
    const view = viewNetwork(network);
    if (!view) continue;
    viewed.push(view);
    announced.push(...network.announcements());
  }
  return {
    networks: viewed,
    desired: { networks: viewed.map(({ state }) => state) },
    exports: announced.flatMap(({ route, reason }) => reason ? [] : [route]),
    refusedExports: announced.flatMap(({ route, reason }) => reason ? [{ route, reason }] : []),
    imports: new Set(viewed.flatMap(({ imports }) => [...imports]))
  };
}
function viewNetwork({ id, records, table: table2, settings, frame: frame2 }) {
  if (!records.definition || !settings || !frame2) return void 0;
  const entries = [...table2.entries()];
  const state = {
    ...frame2,
    local: entries.flatMap(localOf),
    remote: entries.flatMap((entry3) => entry3.port === void 0 ? [remoteOf(entry3)] : []),
    neighbours: Array.from(table2.neighbours(), ([ip2, mac]) => ({ ip: ip2, mac }))
  };
  const { tenant } = records.definition;
  const { rd, imports } = settings;
  const conflicts = [...table2.conflicts.values()];
  return { id, tenant, rd, imports, table: { entries, flood: table2.flood, conflicts }, state };
}

// edge-agent/lane/route-sorter.ts
var NONE3 = [];
var RouteSorter = class {
  #mayUse;
  #importers = /* @__PURE__ */ new Map();
  /** The last answer: the routes of one UPDATE share their targets. */
  #last;
  /** `mayUse`: the VTEPs that routes may lead to; absent: any. */
  constructor(mayUse) {
    this.#mayUse = mayUse;
  }
  /** All targets that are imported. */
  get targets() {
    return this.#importers.keys();
  }
  /** Import targets have changed, or networks came or went. */
  setNetworks(networks) {
    this.#importers.clear();
    this.#last = void 0;
    for (const network of networks) {
      for (const target of network.imports) {
        const known2 = this.#importers.get(target);
        if (known2) known2.push(network);
        else this.#importers.set(target, [network]);
      }
    }
  }
  /** Gives a changed route to its networks, and says which those are. */
  apply({ before, after }, touched) {
    const now = after ? this.#networksOf(after) : NONE3;
    for (const network of now) {
      network.table.put(after, before);
      touched.add(network);
    }
    if (!before) return;
    for (const network of this.#networksOf(before)) {
      if (now.includes(network)) continue;
      network.table.delete(before);
      touched.add(network);
    }
  }
  /**
   * Sorts all routes anew for some networks, a part between each two yields. Changes that come meanwhile are to be applied
   * after it.
   */
  *sort(networks, all, touched) {
    for (const network of networks) {
      for (const route of network.table.routes()) {
        if (this.#networksOf(route).includes(network)) continue;
        network.table.delete(route);
        touched.add(network);
        yield;
      }
    }
    for (const route of all) {
      for (const network of this.#networksOf(route)) {
        if (!networks.has(network)) continue;
        network.table.put(route);
        touched.add(network);
      }
      yield;
    }
  }
  #networksOf(route) {
    if (this.#mayUse && !leadsWhereAllowed(route, this.#mayUse)) return NONE3;
    const { routeTargets } = route;
    if (this.#last?.targets === routeTargets) return this.#last.networks;
    const networks = /* @__PURE__ */ new Set();
    for (const target of routeTargets) {
      const anyAs = anyAsOf(target);
      for (const each of this.#importers.get(target) ?? NONE3) networks.add(each);
      for (const each of (anyAs && this.#importers.get(anyAs)) ?? NONE3) networks.add(each);
    }
    this.#last = { targets: routeTargets, networks: [...networks] };
    return this.#last.networks;
  }
};

// edge-agent/lane/networks.ts
var BATCH = 256;
function createNetworksLane(context, options) {
  const { host: host2, clock: clock2, diary: diary2, intent, speaker, reconciler, pace } = context;
  const { fabricVteps, routing, placed, raised } = options;
  const { mobility = createMobilityWatch(DUPLICATE_LIMITS, raised?.known) } = options;
  const trust = createTrust(clock2.nowMs());
  const sorter = new RouteSorter(fabricVteps && nextHopList(fabricVteps));
  const turn = pace.add(work);
  const networks = /* @__PURE__ */ new Map();
  const proofs = createNetworkProofs(reconciler, () => context.reportChanged());
  const holders = /* @__PURE__ */ new Map();
  const held = /* @__PURE__ */ new Map();
  let own;
  let begun = false;
  let trusted = "recent";
  let report;
  let reports = /* @__PURE__ */ new Map();
  let ownChanged = false;
  const changedRecords = /* @__PURE__ */ new Map();
  const wholes = /* @__PURE__ */ new Map();
  let vnisChanged = false;
  const unsettled = /* @__PURE__ */ new Set();
  const resort = /* @__PURE__ */ new Set();
  let importsChanged = false;
  let sorting;
  const routes = [];
  let routesAt = 0;
  let routesLeft = 0;
  const dirty = /* @__PURE__ */ new Set();
  let cancelTimer = () => {
  };
  const crowded = /* @__PURE__ */ new Set();
  function work() {
    if (ownChanged) takeOwn();
    else if (changedRecords.size > 0) takeRecords();
    else if (wholes.size > 0) takeWholes();
    else if (vnisChanged) assignVnis();
    else if (unsettled.size > 0) settleSome();
    else if (importsChanged) takeImports();
    else if (dirty.size > 0) stepOne();
    else if (sorting) sortOn(sorting);
    else if (routes.length > 0) takeRoutes();
    else if (proofs.busy) proofs.work(BATCH);
    const more = isBusy();
    if (!more) schedule();
    return more;
  }
  function isBusy() {
    const records = ownChanged || changedRecords.size > 0 || wholes.size > 0;
    const settings = vnisChanged || unsettled.size > 0 || importsChanged || sorting !== void 0;
    return records || settings || routes.length > 0 || dirty.size > 0 || proofs.busy;
  }
  function takeOwn() {
    ownChanged = false;
    const record4 = hostRecord(intent);
    const now = record4 && withLearnedAsns(record4, speaker.summary());
    if (!now && !intent.inSync) return;
    begun = true;
    own = now;
    const carried = now ? l2Networks(intent) : /* @__PURE__ */ new Set();
    for (const id of networks.keys()) if (!carried.has(id)) remove2(id);
    for (const id of carried) if (now && !networks.has(id)) create2(id, now);
    vnisChanged = true;
    reconciler.change([], context.trust());
  }
  function create2(id, record4) {
    networks.set(id, new Network2(id, { id: host2, record: record4, rd: void 0, routing: routing?.(id) }));
    wholes.set(id, whole(id));
  }
  function remove2(id) {
    const network = networks.get(id);
    if (!network) return;
    networks.delete(id);
    changedRecords.delete(id);
    wholes.delete(id);
    mobility.forget(id);
    unsettled.delete(network);
    resort.delete(network);
    dirty.delete(network);
    proofs.close(network);
    const vni = held.get(network);
    if (vni === void 0) return;
    held.delete(network);
    holders.delete(vni);
    vnisChanged = importsChanged = true;
    speaker.changeExports(network.takeBack());
    reconciler.change([{ vni, remove: true }], context.trust());
    context.reportChanged();
  }
  function assignVnis() {
    vnisChanged = false;
    if (!own) return;
    for (const [network, vni] of held) {
      if (network.vni === vni) continue;
      remove2(network.id);
      create2(network.id, own);
    }
    for (const network of networks.values()) {
      const { vni } = network;
      if (vni === void 0 || holders.has(vni)) continue;
      holders.set(vni, network);
      held.set(network, vni);
      proofs.open(network, vni);
      for (const [mac, port] of reconciler.learned(vni)) learn(network, mac, port);
    }
    const routerId = routerIdOf(own);
    const rds = routerId && routeDistinguishers(holders.keys(), routerId);
    for (const [vni, network] of holders) configure(network, rds?.get(vni));
  }
  function configure(network, rd) {
    if (!own) return;
    if (network.rd !== rd) speaker.changeExports(network.takeBack());
    network.configure({ id: host2, record: own, rd, routing: routing?.(network.id) });
    if (network.unsettled) unsettled.add(network);
    if (network.dirty) dirty.add(network);
  }
  function noteRecords(id, keys) {
    const known2 = changedRecords.get(id) ?? /* @__PURE__ */ new Set();
    changedRecords.set(id, known2);
    for (const key of keys) known2.add(key);
  }
  function takeRecords() {
    let left = BATCH;
    for (const [id, keys] of changedRecords) {
      const network = networks.get(id);
      const records = intent.channels.get(networkChannel(id))?.records;
      for (const key of keys) {
        if (left-- === 0) return;
        keys.delete(key);
        if (network) put(network, key, records?.get(key)?.body);
      }
      changedRecords.delete(id);
    }
  }
  function takeWholes() {
    for (const [id, job] of wholes) {
      if (!advance(job)) return;
      wholes.delete(id);
    }
  }
  function* whole(id) {
    const network = networks.get(id);
    if (!network) return;
    const records = intent.channels.get(networkChannel(id))?.records;
    for (const key of network.records.keys()) {
      if (!records?.has(key)) put(network, key, void 0);
      yield;
    }
    for (const [key, { body }] of records ?? []) {
      put(network, key, body);
      yield;
    }
  }
  function put(network, key, body) {
    network.put(key, placed ? placed(network.id, key, body) : body);
    if (key === "network") vnisChanged = true;
    if (network.unsettled) unsettled.add(network);
    dirty.add(network);
  }
  function settleSome() {
    let left = BATCH / 16;
    for (const network of unsettled) {
      if (left-- === 0) return;
      unsettled.delete(network);
      if (!held.has(network)) continue;
      dirty.add(network);
      if (!network.applySettings()) continue;
      resort.add(network);
      importsChanged = true;
    }
  }
  function takeImports() {
    importsChanged = false;
    sorter.setNetworks(holders.values());
    context.setImports("networks", new Set(sorter.targets));
    sorting = resort.size > 0 ? sorter.sort(resort, speaker.ribIn(), dirty) : void 0;
  }
  function sortOn(job) {
    if (!advance(job)) return;
    sorting = void 0;
    resort.clear();
  }
  function takeRoutes() {
    const [first = []] = routes;
    const batch = first.slice(routesAt, routesAt + BATCH);
    for (const change2 of batch) sorter.apply(change2, dirty);
    routesAt += batch.length;
    routesLeft -= batch.length;
    context.routesWaiting("networks", routesLeft);
    if (routesAt < first.length) return;
    routes.shift();
    routesAt = 0;
  }
  function stepOne() {
    const [network] = dirty;
    if (!network) return;
    dirty.delete(network);
    if (!held.has(network) || network.unsettled) return;
    const { id } = network;
    const own2 = { vtep: network.ownVtep, nowMs: clock2.nowMs() };
    const step2 = network.step(
      {
        trust: trusted,
        decisions: mobility.decisions(id),
        settle: (mac, outcome) => {
          const events = mobility.settle(id, mac, outcome, own2);
          for (const event of events) sayMobility(diary2, event);
          return events.length > 0;
        }
      },
      BATCH
    );
    if (network.dirty) dirty.add(network);
    if (mobility.takeRaisedChanged()) raised?.keep(mobility.raised().filter(isStillOurs));
    if (step2) tell(network, step2);
  }
  function isStillOurs({ network, mac }) {
    return !intent.inSync || (networks.get(network)?.records.isLocal(mac) ?? false);
  }
  function tell(network, { desired, exports, refused, delta, endpoints }) {
    if (exports.length > 0) speaker.changeExports(exports);
    const generation = desired && reconciler.change([desired], context.trust());
    sayConflicts(diary2, network.id, delta.conflicts);
    sayRefused(diary2, network.id, refused);
    proofs.told(network, { delta, endpoints }, generation);
  }
  function schedule() {
    cancelTimer();
    const nowMs = clock2.nowMs();
    const dueMs = Math.min(
      mobility.dueMs() ?? Number.POSITIVE_INFINITY,
      trust.dueMs(nowMs) ?? Number.POSITIVE_INFINITY
    );
    cancelTimer = Number.isFinite(dueMs) ? clock2.setTimer(Math.max(0, dueMs - nowMs), timePassed) : () => {
    };
  }
  function timePassed() {
    for (const [id, macs2] of mobility.takeDue(clock2.nowMs())) for (const mac of macs2) touch(id, mac);
    reconsider();
  }
  function reconsider() {
    const now = trust.at(clock2.nowMs());
    if (now !== trusted) {
      trusted = now;
      for (const network of networks.values()) {
        network.table.touchConflicts();
        if (network.dirty) dirty.add(network);
      }
    }
    turn.wake();
  }
  function learn(network, mac, port) {
    if (!network.learn(mac, port) && network.learning && port !== void 0) {
      const key = `${network.id} ${port}`;
      if (!crowded.has(key)) {
        const detail = `${network.id}: port ${port} has more than ${MOST_LEARNED2} undeclared machines; the others are not announced`;
        diary2.warn("learned-too-many", detail);
      }
      crowded.add(key);
    }
    if (network.dirty) dirty.add(network);
  }
  function touch(id, mac) {
    const network = networks.get(id);
    network?.table.touch(mac);
    if (network) dirty.add(network);
  }
  return {
    intent(change2) {
      for (const [channel, keys] of change2) {
        if (channel === hostChannel(host2)) ownChanged = true;
        const id = channelNetwork(channel);
        if (id === void 0 || !networks.has(id)) continue;
        if (keys === "whole") wholes.set(id, whole(id));
        else noteRecords(id, keys);
      }
      if (!own && intent.inSync && !begun) ownChanged = true;
      turn.wake();
    },
    routes(changes2) {
      routes.push(changes2);
      routesLeft += changes2.length;
      context.routesWaiting("networks", routesLeft);
      turn.wake();
    },
    session(_2, established2) {
      if (!established2 || !own?.bgp?.peers.some(({ asn }) => asn === "external")) return;
      ownChanged = true;
      turn.wake();
    },
    heard(current) {
      trust.heard(current, clock2.nowMs());
      reconsider();
    },
    complete() {
      if (begun) reconciler.change([], context.trust());
    },
    verified(now) {
      report = now;
      reports = new Map(now.networks.map((each) => [each.vni, each]));
      proofs.read(now);
      for (const [vni, macs2] of now.learned) {
        const network = holders.get(vni);
        const learned = reconciler.learned(vni);
        for (const mac of network ? macs2 : []) if (network) learn(network, mac, learned.get(mac));
      }
      turn.wake();
    },
    channel(channel) {
      const network = networks.get(channelNetwork(channel) ?? "");
      if (!network) return void 0;
      const vni = held.get(network);
      if (vni === void 0) {
        const holder = network.vni === void 0 ? void 0 : holders.get(network.vni);
        return {
          kernel: void 0,
          problems: holder ? [`network ${holder.id} has VNI ${network.vni} on this host`] : []
        };
      }
      const problems = (reports.get(vni)?.problems ?? []).map(describeProblem);
      if (report?.error) problems.push(report.error);
      return { kernel: void 0, ...proofs.of(network), problems };
    },
    overlay: () => overlayOf(holders.values()),
    moved: () => mobility.moved(clock2.nowMs()),
    clearDuplicate(mac) {
      const released = mobility.clear(mac);
      for (const id of released) {
        diary2.info("duplicate-mac-cleared", `${id}: ${mac} is released by command`);
        touch(id, mac);
      }
      turn.wake();
      return released;
    },
    routingChanged(id) {
      const network = networks.get(id);
      if (!network) return;
      configure(network, network.rd);
      turn.wake();
    },
    close() {
      turn.close();
      cancelTimer();
    }
  };
}
function advance(job) {
  for (let left = BATCH; left > 0; left--) if (job.next().done) return true;
  return false;
}

// edge-agent/lane/pace.ts
var SLICE_MS = 5;
function createPace(clock2, rested) {
  const awake = /* @__PURE__ */ new Set();
  let cancel;
  let closed = false;
  function slice() {
    cancel = void 0;
    const untilMs = clock2.nowMs() + SLICE_MS;
    for (const work of awake) {
      awake.delete(work);
      if (work()) awake.add(work);
      if (awake.size > 0 && clock2.nowMs() >= untilMs) break;
    }
    if (awake.size > 0) schedule();
    else if (!closed) rested();
  }
  function schedule() {
    if (!closed) cancel ??= clock2.setTimer(0, slice);
  }
  return {
    add: (work) => ({
      wake() {
        awake.add(work);
        schedule();
      },
      close: () => void awake.delete(work)
    }),
    get busy() {
      return awake.size > 0;
    },
    close() {
      closed = true;
      cancel?.();
    }
  };
}

// edge-agent/lane/port-finder.ts
function createPortFinder(options) {
  const { host: host2, hostPorts, clock: clock2, log: log2 } = options;
  const wanted = /* @__PURE__ */ new Map();
  const listeners = /* @__PURE__ */ new Set();
  let ports = /* @__PURE__ */ new Map();
  let list = [];
  let text = "";
  const loop = createPassLoop({
    clock: clock2,
    settleMs: 10,
    pass: async () => {
      list = await hostPorts.list();
      ports = new Map(list.map((port) => [port.name, port]));
      const now = JSON.stringify(list);
      if (now !== text) {
        text = now;
        const changed = lookAgain();
        for (const listener of listeners) listener(changed);
      }
      return "done";
    },
    onError: (cause) => log2.warn("interfaces-unread", cause.message)
  });
  const watch = hostPorts.watch(() => loop.notice());
  loop.ask();
  function lookAgain() {
    const changed = /* @__PURE__ */ new Map();
    for (const [network, endpoints] of wanted) {
      for (const [key, each] of endpoints) {
        const before = each.resolved;
        place(each);
        if (each.resolved === before) continue;
        const keys = changed.get(networkChannel(network)) ?? /* @__PURE__ */ new Set();
        changed.set(networkChannel(network), keys.add(key));
      }
    }
    return changed;
  }
  function place(each) {
    const { id, source } = each;
    const found = findPort({ id, mac: source.mac }, list);
    const port = found.kind === "found" ? found.port : void 0;
    each.problem = void 0;
    if (found.kind === "ambiguous") {
      each.problem = `endpoint ${id} names no port, and ${found.ports.join(", ")} all could be the one of ${source.mac}`;
    }
    if (each.resolved.port !== port) each.resolved = port === void 0 ? source : { ...source, port };
  }
  return {
    resolve(network, key, body) {
      const id = endpointOf(key);
      if (id === void 0) return body;
      const record4 = body;
      if (!record4 || record4.host !== host2 || record4.port !== void 0) {
        wanted.get(network)?.delete(key);
        return body;
      }
      const endpoints = wanted.get(network) ?? /* @__PURE__ */ new Map();
      wanted.set(network, endpoints);
      const before = endpoints.get(key);
      if (before?.source === record4) return before.resolved;
      const each = { id, source: record4, resolved: record4, problem: void 0 };
      place(each);
      endpoints.set(key, each);
      return each.resolved;
    },
    get ports() {
      return ports;
    },
    problems: (network) => Array.from(wanted.get(network)?.values() ?? []).flatMap(({ problem }) => problem ?? []),
    onChange: (listener) => void listeners.add(listener),
    close: async () => {
      watch.close();
      await loop.close();
      await hostPorts.close();
    }
  };
}

// edge-agent/dataplane/router-problem.ts
function describeRouterProblem(problem) {
  switch (problem.kind) {
    case "no-vrf":
      return `kernel has no VRF: ${problem.reason}`;
    case "foreign-device": {
      const { device: device2, clash } = problem;
      if (clash === "name") return `device ${device2} exists and is not a router's of ours; remove or rename it`;
      if (clash === "vni") return `device ${device2} already uses this L3 VNI; remove it`;
      return `VRF ${device2}, which is not ours, already uses the routing table of this L3 VNI`;
    }
    case "vni-claimed-twice":
      return "two routers want this L3 VNI on this host";
    case "device-unusable":
      return `device ${problem.device} has another table, UDP port or address family; it is rebuilt once in sync`;
    case "vtep-missing":
      return `no interface has the VTEP address ${problem.vtep}`;
    case "bridge-missing":
      return `bridge ${bridgeName(problem.network)} does not exist yet`;
    case "no-ipv6":
      return "the kernel has no IPv6, so the router's IPv6 subnets are not routed here";
    case "ipv6-would-cut-off":
      return "IPv6 is not routed here: net.ipv6.conf.all.forwarding is 0, and to turn it on would drop the host's default route, which came by router advertisements; set accept_ra=2 on that interface and forwarding to 1";
    case "host-exposed":
      return `${problem.key.slice(4).replaceAll("/", ".").replace(/^/, "net.")} is 1: tenants reach the host's own services`;
    case "op-failed": {
      const { op, code, message } = problem.failure;
      const more = problem.more > 0 ? ` (and ${problem.more} more)` : "";
      return `kernel refused ${op.kind}: ${message === "" ? code : `${code}, ${message}`}${more}`;
    }
    default:
      return assertNever(problem);
  }
}

// edge-agent/dataplane/router-sysctl.ts
var ALL = ["vrf", "vxlan", "bridge"];
var PORTS = ["vxlan", "bridge"];
var ROWS = [
  { family: "ipv4", name: "forwarding", value: "1", of: ALL },
  { family: "ipv4", name: "rp_filter", value: "2", of: ALL },
  { family: "ipv4", name: "send_redirects", value: "0", of: PORTS },
  { family: "ipv4", name: "accept_redirects", value: "0", of: PORTS },
  { family: "ipv4", name: "proxy_arp", value: "0", of: PORTS },
  // Only for the bridge's own addresses: by default the kernel answers on any device for any address of the VRF.
  { family: "ipv4", name: "arp_ignore", value: "1", of: ["bridge"] },
  { family: "ipv4", name: "arp_announce", value: "2", of: ["bridge"] },
  { family: "ipv6", name: "forwarding", value: "1", of: ALL },
  { family: "ipv6", name: "force_forwarding", value: "1", of: ALL },
  { family: "ipv6", name: "accept_ra", value: "0", of: PORTS },
  { family: "ipv6", name: "accept_redirects", value: "0", of: PORTS },
  { family: "ipv6", name: "proxy_ndp", value: "0", of: PORTS },
  // The gateway's addresses survive a bridge that is set down and up, as IPv4's do.
  { family: "ipv6", name: "keep_addr_on_down", value: "1", of: ["bridge"] }
];
var IPV6_FORWARDING = "net/ipv6/conf/all/forwarding";
var ACCEPTS = ["net/ipv4/tcp_l3mdev_accept", "net/ipv4/udp_l3mdev_accept"];
function sysctlsOf(device2, role) {
  const rows = ROWS.filter((row) => row.of.includes(role));
  return new Map(rows.map(({ family, name, value }) => [`net/${family}/conf/${device2}/${name}`, value]));
}
var GLOBAL_SYSCTLS = [IPV6_FORWARDING, ...ACCEPTS];
function ipv6Obstacle({ sysctls, advertisedDefault }, vrf) {
  const whole = sysctls.get(IPV6_FORWARDING);
  if (whole === void 0) return "absent";
  if (whole === "1" || sysctls.has(`net/ipv6/conf/${vrf}/force_forwarding`)) return void 0;
  return advertisedDefault ? "advertised" : void 0;
}
function needsIpv6Forwarding(actual, vrf) {
  const { sysctls } = actual;
  return sysctls.get(IPV6_FORWARDING) === "0" && !sysctls.has(`net/ipv6/conf/${vrf}/force_forwarding`) && ipv6Obstacle(actual, vrf) === void 0;
}
function exposedBy({ sysctls }) {
  return ACCEPTS.filter((key) => sysctls.get(key) === "1");
}

// edge-agent/dataplane/router-diff-devices.ts
var USUAL_UNDERLAY_MTU_BYTES2 = 1500;
function foreignL3Devices({ vni }, have, actual) {
  return actual.foreign.flatMap((device2) => {
    const clash = (kind) => [
      { kind: "foreign-device", device: device2.name, clash: kind }
    ];
    if (device2.name === vrfName(vni) || device2.name === vxlanName(vni)) return clash("name");
    if (!have?.vxlan && device2.vni === vni && device2.udpPort === VXLAN_PORT) return clash("vni");
    return device2.table === routerTable(vni) ? clash("table") : [];
  });
}
function isUnusableL3({ vni, vtep }, have) {
  const { vrf, vxlan } = have ?? {};
  const wrongFamily = vxlan?.vtep !== void 0 && isIpv4(vxlan.vtep) !== isIpv4(vtep);
  return [
    ...vrf && vrf.table !== routerTable(vni) ? [vrf.name] : [],
    ...vxlan && (vxlan.udpPort !== VXLAN_PORT || wrongFamily) ? [vxlan.name] : []
  ];
}
function diffL3Devices(router, have, actual) {
  const { vni, owner, vtep } = router;
  const underlay3 = actual.addresses.get(vtep);
  const mtuBytes = (underlay3 ?? USUAL_UNDERLAY_MTU_BYTES2) - encapsulationBytes(vtep);
  const problems = actual.addresses.has(vtep) ? [] : [{ kind: "vtep-missing", vtep }];
  const mac = routerMac(vtep);
  const ops = [];
  const vrf = vrfName(vni);
  if (!have?.vrf) ops.push({ kind: "add-vrf", vni, name: vrf, owner, table: routerTable(vni) });
  else ops.push(...changes(vni, vrf, { owner: differs(have.vrf.owner, owner), up: have.vrf.up ? void 0 : true }));
  const name = vxlanName(vni);
  const vxlan = have?.vxlan;
  if (!vxlan) ops.push({ kind: "add-l3-vxlan", vni, name, owner, mac, mtuBytes, vtep });
  else if (vxlan.vtep !== vtep || vxlan.learning) ops.push({ kind: "set-l3-vxlan", vni, name, vtep });
  ops.push(
    ...changes(vni, name, {
      owner: vxlan && differs(vxlan.owner, owner),
      mac: vxlan && differs(vxlan.mac, mac),
      mtuBytes: vxlan && differs(vxlan.mtuBytes, mtuBytes),
      master: differs(vxlan?.master, vrf),
      up: vxlan?.up && vxlan.master === vrf ? void 0 : true
    }),
    ...diffSysctls(router, vrf, "vrf", actual),
    ...diffSysctls(router, name, "vxlan", actual)
  );
  return { ops, problems };
}
function diffBridges(router, actual, mayEnslave) {
  const { vni } = router;
  const vrf = vrfName(vni);
  const ops = [];
  const problems = [];
  const wanted = new Map(router.networks.map((network) => [bridgeName(network.vni), network]));
  const there = new Map(actual.bridges.map((bridge) => [bridge.name, bridge]));
  for (const [name, { vni: network, gateways }] of wanted) {
    const bridge = there.get(name);
    if (!bridge) {
      problems.push({ kind: "bridge-missing", network });
      continue;
    }
    ops.push(...diffSysctls(router, name, "bridge", actual));
    const inside = bridge.master === vrf;
    if (!inside && mayEnslave) ops.push({ kind: "enslave-bridge", vni, name, vrf });
    if (!inside && !mayEnslave) continue;
    const addresses = withLinkLocal(gateways);
    for (const gateway of addresses) {
      if (!bridge.addresses.some((each) => sameGateway(each, gateway)))
        ops.push({ kind: "add-address", vni, name, gateway });
    }
    for (const gateway of bridge.addresses) {
      if (!addresses.some((each) => sameGateway(each, gateway)))
        ops.push({ kind: "delete-address", vni, name, gateway });
    }
  }
  for (const { name, addresses } of actual.bridges.filter(
    (bridge) => bridge.master === vrf && !wanted.has(bridge.name)
  )) {
    ops.push(...addresses.map((gateway) => ({ kind: "delete-address", vni, name, gateway })));
    ops.push({ kind: "release-bridge", vni, name, vrf });
  }
  return { ops, problems };
}
function withLinkLocal(gateways) {
  if (gateways.every(({ ip: ip2 }) => isIpv4(ip2))) return gateways;
  return [...gateways, { ip: GATEWAY_LINK_LOCAL, length: 64 }];
}
function sameGateway(a, b) {
  return a.ip === b.ip && a.length === b.length;
}
function diffSysctls({ vni }, device2, role, { sysctls }) {
  return Array.from(sysctlsOf(device2, role)).flatMap(([key, value]) => {
    const is = sysctls.get(key);
    return is === void 0 || is === value ? [] : [{ kind: "set-sysctl", vni, key, value }];
  });
}
function changes(vni, name, wanted) {
  const given = Object.entries(wanted).filter(([, value]) => value !== void 0);
  return given.length === 0 ? [] : [{ kind: "set-device", vni, name, ...Object.fromEntries(given) }];
}
function differs(is, wanted) {
  return is === wanted ? void 0 : wanted;
}

// edge-agent/dataplane/router-diff-host.ts
var VRF_FIRST = { lookup: "vrf", priority: 1 };
var LOCAL_SECOND = { lookup: "local", priority: 2 };
var LOCAL_FIRST = { lookup: "local", priority: 0 };
function diffHost(routers, actual, options) {
  const families = actual.sysctls.has(IPV6_FORWARDING) ? ["ipv4", "ipv6"] : ["ipv4"];
  const needed = routers.length > 0;
  const moves = families.flatMap((family) => needed ? tenantsFirst(family, actual) : hostFirst(family, actual));
  const ops = needed || options.mayDelete && actual.routers.length === 0 ? moves : [];
  const router = routers.find((each) => hasIpv6(each) && needsIpv6Forwarding(actual, vrfName(each.vni)));
  const forwarding = router ? [{ kind: "set-sysctl", vni: void 0, key: IPV6_FORWARDING, value: "1" }] : [];
  return { ops: [...ops, ...forwarding], withheld: [], problems: [], guarded: needed && moves.length === 0 };
}
function tenantsFirst(family, { rules }) {
  const missing2 = [VRF_FIRST, LOCAL_SECOND].filter((place) => !has(rules, family, place));
  if (missing2.length > 0)
    return missing2.map((place) => ({ kind: "add-rule", vni: void 0, rule: { family, ...place } }));
  return has(rules, family, LOCAL_FIRST) ? [remove(family, LOCAL_FIRST)] : [];
}
function hostFirst(family, { rules }) {
  const ours = rules.filter((rule) => rule.family === family && rule.ours);
  if (ours.length === 0) return [];
  const others = rules.some((rule) => rule.family === family && rule.lookup === "local" && !rule.ours);
  if (!others) return [{ kind: "add-rule", vni: void 0, rule: { family, ...LOCAL_FIRST } }];
  return ours.map(({ lookup, priority }) => remove(family, { lookup, priority }));
}
function has(rules, family, { lookup, priority }) {
  return rules.some((rule) => rule.family === family && rule.lookup === lookup && rule.priority === priority);
}
function remove(family, place) {
  return { kind: "delete-rule", vni: void 0, rule: { family, ...place } };
}

// edge-agent/dataplane/router-diff-routes.ts
var LAST_RESORTS = ["0.0.0.0/0", "::/0"].map((prefix) => ({
  prefix,
  metric: LAST_RESORT_METRIC,
  type: "unreachable",
  hops: []
}));
function diffRoutes(router, have, actual) {
  const { vni } = router;
  const table2 = routerTable(vni);
  const device2 = vxlanName(vni);
  const bridges = new Set(actual.bridges.map((bridge) => bridge.name));
  const wanted = /* @__PURE__ */ new Map();
  for (const route of LAST_RESORTS) {
    if (isIpv4(prefixAddress(route.prefix)) || actual.sysctls.has(IPV6_FORWARDING)) wanted.set(keyOf3(route), route);
  }
  for (const { prefix, hops: hops2 } of router.routes) {
    const ways = hops2.map((hop) => kernelHop(vni, prefix, hop)).filter((hop) => hop.device === device2 || bridges.has(hop.device));
    const route = { prefix, metric: ROUTE_METRIC, type: "unicast", hops: ways };
    if (ways.length > 0) wanted.set(keyOf3(route), route);
  }
  const ops = [];
  const held = new Map((have?.routes ?? []).map((route) => [keyOf3(route), route]));
  for (const [key, route] of wanted) {
    const is = held.get(key);
    if (!is?.ours || !sameRoute(is, route)) ops.push({ kind: "replace-route", vni, table: table2, route });
  }
  for (const [key, route] of held) {
    if (route.ours && !wanted.has(key)) ops.push({ kind: "delete-route", vni, table: table2, route });
  }
  return [...ops, ...diffPeers(router, have)];
}
function removeRoutes(have) {
  const { vni } = have;
  const ours = have.routes.filter((route) => route.ours);
  return ours.map((route) => ({ kind: "delete-route", vni, table: routerTable(vni), route }));
}
function diffPeers(router, have) {
  const { vni } = router;
  const device2 = vxlanName(vni);
  const ops = [];
  const macs2 = new Map(router.peers.map(({ vtep, mac }) => [vtep, mac]));
  const neighbours = /* @__PURE__ */ new Map();
  for (const { prefix, hops: hops2 } of router.routes) {
    for (const hop of hops2) {
      const mac = hop.kind === "vtep" ? macs2.get(hop.vtep) : void 0;
      if (hop.kind === "vtep" && mac) neighbours.set(vtepGateway(hop.vtep, prefixAddress(prefix)), mac);
    }
  }
  const is = new Map((have?.neighbours ?? []).map(({ ip: ip2, mac }) => [ip2, mac]));
  for (const [ip2, mac] of neighbours) {
    if (is.get(ip2) !== mac) ops.push({ kind: "replace-l3-neighbour", vni, device: device2, ip: ip2, mac });
  }
  for (const [ip2, mac] of is) if (!neighbours.has(ip2)) ops.push({ kind: "delete-l3-neighbour", vni, device: device2, ip: ip2, mac });
  const entries = new Map(router.peers.map((peer) => [peer.mac, peer]));
  const held = new Map((have?.entries ?? []).map((peer) => [peer.mac, peer]));
  for (const [mac, peer] of entries) {
    const is2 = held.get(mac);
    const right = is2?.vtep === peer.vtep && is2.vni === peer.vni;
    if (!right) ops.push({ kind: "replace-l3-entry", vni, device: device2, peer });
  }
  for (const [mac, peer] of held) {
    if (!entries.has(mac)) ops.push({ kind: "delete-l3-entry", vni, device: device2, peer });
  }
  return ops;
}
function kernelHop(vni, prefix, hop) {
  if (hop.kind === "machine") return { device: bridgeName(hop.network), via: hop.ip };
  return { device: vxlanName(vni), via: vtepGateway(hop.vtep, prefixAddress(prefix)) };
}
function sameHops(a, b) {
  const texts = new Set(a.map(({ device: device2, via }) => `${device2} ${via}`));
  return a.length === b.length && b.every(({ device: device2, via }) => texts.has(`${device2} ${via}`));
}
function sameRoute(is, wanted) {
  return is.type === wanted.type && sameHops(is.hops, wanted.hops);
}
function keyOf3({ prefix, metric }) {
  return `${prefix} ${metric}`;
}

// edge-agent/dataplane/router-diff.ts
var PHASE2 = {
  "add-rule": 0,
  "add-vrf": 1,
  "add-l3-vxlan": 2,
  "set-device": 3,
  "set-l3-vxlan": 3,
  "set-sysctl": 4,
  "replace-l3-entry": 5,
  "replace-l3-neighbour": 5,
  "replace-route": 6,
  "enslave-bridge": 7,
  "add-address": 8,
  "delete-route": 10,
  "delete-l3-neighbour": 11,
  "delete-l3-entry": 11,
  "delete-address": 12,
  "release-bridge": 13,
  "delete-device": 14,
  "delete-rule": 15
};
var DELETIONS = /* @__PURE__ */ new Set([
  "delete-route",
  "delete-l3-neighbour",
  "delete-l3-entry",
  "delete-address",
  "release-bridge",
  "delete-device"
]);
function isRouterDeletion(op) {
  return DELETIONS.has(op.kind);
}
function phaseOf(op) {
  if (op.kind !== "replace-route") return PHASE2[op.kind];
  if (op.route.type === "unreachable") return PHASE2["add-vrf"] + 0.5;
  return op.route.hops.every((hop) => hop.device.startsWith("ovbr")) ? PHASE2["add-address"] + 0.5 : PHASE2[op.kind];
}
function diffRouters(desired, actual, options) {
  const wanted = /* @__PURE__ */ new Map();
  const twice = /* @__PURE__ */ new Set();
  for (const router of desired.routers) {
    if (wanted.has(router.vni)) twice.add(router.vni);
    else wanted.set(router.vni, router);
  }
  const existing = new Map(actual.routers.map((router) => [router.vni, router]));
  const host2 = diffHost([...wanted.values()], actual, options);
  const vnis = [.../* @__PURE__ */ new Set([...wanted.keys(), ...existing.keys()])].sort((a, b) => a - b);
  const routers = vnis.map((vni) => {
    const router = wanted.get(vni);
    const have = existing.get(vni);
    const problems = twice.has(vni) ? [{ kind: "vni-claimed-twice" }] : [];
    const mayEnslave = host2.guarded;
    const plan = router ? diffRouter(router, have, { actual, ...options, mayEnslave }) : {
      problems: [],
      ...withhold(removeRouter(vni, have, actual), options.mayDelete ? void 0 : isRouterDeletion)
    };
    return { vni, ...plan, problems: [...problems, ...plan.problems] };
  });
  const ops = [...host2.ops, ...routers.flatMap((router) => router.ops)].sort((a, b) => phaseOf(a) - phaseOf(b));
  return { routers, host: host2, ops };
}
function diffRouter(router, have, context) {
  const { actual, mayDelete, mayEnslave, held } = context;
  const foreign3 = foreignL3Devices(router, have, actual);
  if (foreign3.length > 0) return { ops: [], withheld: [], problems: foreign3 };
  const unusable2 = isUnusableL3(router, have);
  if (unusable2.length > 0) {
    const drop2 = unusable2.map((name) => ({ kind: "delete-device", vni: router.vni, name }));
    const problems2 = unusable2.map((device2) => ({ kind: "device-unusable", device: device2 }));
    return { ...withhold(drop2, mayDelete ? void 0 : isRouterDeletion), problems: mayDelete ? [] : problems2 };
  }
  const ipv6 = ipv6Obstacle(actual, vrfName(router.vni));
  const reachable = ipv6 === "absent" ? withoutIpv6(router) : router;
  const devices = diffL3Devices(reachable, have, actual);
  const bridges = diffBridges(reachable, actual, mayEnslave);
  const all = [...devices.ops, ...bridges.ops, ...diffRoutes(reachable, have, actual)];
  const problems = [...devices.problems, ...bridges.problems];
  if (ipv6 && hasIpv6(router)) problems.push({ kind: ipv6 === "absent" ? "no-ipv6" : "ipv6-would-cut-off" });
  problems.push(...exposedBy(actual).map((key) => ({ kind: "host-exposed", key })));
  const waits = (op) => !mayDelete && isRouterDeletion(op) || held?.has(router.vni) && isRetarget2(op, have);
  return { ...withhold(all, waits), problems };
}
function removeRouter(vni, have, actual) {
  if (!have) return [];
  const vrf = vrfName(vni);
  const leaving = actual.bridges.filter((bridge) => bridge.master === vrf);
  return [
    ...leaving.flatMap(({ name, addresses }) => [
      ...addresses.map((gateway) => ({ kind: "delete-address", vni, name, gateway })),
      { kind: "release-bridge", vni, name, vrf }
    ]),
    ...removeRoutes(have),
    ...[have.vxlan, have.vrf].flatMap(
      (device2) => device2 ? [{ kind: "delete-device", vni, name: device2.name }] : []
    )
  ];
}
function withoutIpv6(router) {
  const networks = router.networks.map(({ vni, gateways }) => ({
    vni,
    gateways: gateways.filter(({ ip: ip2 }) => !ip2.includes(":"))
  }));
  return { ...router, networks, routes: router.routes.filter(({ prefix }) => !prefix.includes(":")) };
}
function isRetarget2(op, have) {
  switch (op.kind) {
    case "replace-route":
      return (have?.routes ?? []).some(
        (is) => is.ours && is.prefix === op.route.prefix && is.metric === op.route.metric && is.type === op.route.type
      );
    case "replace-l3-neighbour":
      return (have?.neighbours ?? []).some(({ ip: ip2 }) => ip2 === op.ip);
    case "replace-l3-entry":
      return (have?.entries ?? []).some(({ mac }) => mac === op.peer.mac);
    default:
      return false;
  }
}
function withhold(all, waits) {
  if (!waits) return { ops: all, withheld: [] };
  return { ops: all.filter((op) => !waits(op)), withheld: all.filter((op) => waits(op)) };
}

// edge-agent/dataplane/router-read-back.ts
function readBackRouter(router, actual) {
  const { vni, vrf, vxlan } = router;
  if (!vrf?.up || !vxlan?.up || vxlan.master !== vrf.name || vxlan.vtep === void 0) return void 0;
  const inside = actual.bridges.filter((bridge) => bridge.up && bridge.master === vrfName(vni));
  const bridges = new Map(inside.map((bridge) => [bridge.name, bridge.vni]));
  const neighbours = new Map(router.neighbours.map(({ ip: ip2, mac }) => [ip2, mac]));
  const entries = new Map(router.entries.map(({ mac, vtep }) => [mac, vtep]));
  const hopOf2 = ({ device: device2, via }) => {
    if (via === void 0) return void 0;
    const network = bridges.get(device2);
    if (network !== void 0) return { kind: "machine", network, ip: via };
    const vtep = gatewayVtep(via);
    const mac = neighbours.get(via);
    return device2 === vxlan.name && mac && entries.get(mac) === vtep ? { kind: "vtep", vtep } : void 0;
  };
  const routes = /* @__PURE__ */ new Map();
  for (const { prefix, ours, type, hops: hops2 } of router.routes) {
    const ways = hops2.flatMap((hop) => hopOf2(hop) ?? []);
    if (ours && type === "unicast" && ways.length > 0) routes.set(prefix, ways);
  }
  const gateways = inside.map(({ vni: network, addresses }) => [
    network,
    addresses.flatMap(({ ip: ip2 }) => ip2 === GATEWAY_LINK_LOCAL ? [] : [ip2])
  ]);
  return { vni, gateways: new Map(gateways), routes };
}

// edge-agent/dataplane/router-reconciler.ts
var MOST_ROUNDS2 = 5;
function createRouterReconciler(options) {
  const { kernel, clock: clock2, log: log2, compareEveryMs = 3e4 } = options;
  const listeners = /* @__PURE__ */ new Set();
  const counters = { applied: 0, refused: 0, drift: 0, overruns: 0 };
  let desired;
  let trust = { inSync: false };
  let adopted;
  const cleanAs = /* @__PURE__ */ new Map();
  let hostCleanAs;
  let latest;
  const loop = createPassLoop({
    clock: clock2,
    pass,
    onError: (cause) => {
      log2("error", `routers: ${cause.message}`);
      publish(unread(cause.message));
    },
    background: {
      everyMs: () => compareEveryMs,
      step: async () => {
        if (!isIdle()) loop.ask();
      }
    }
  });
  const watch = kernel.watch((event) => {
    if (event === "overrun") counters.overruns++;
    if (desired && !isIdle()) loop.notice();
  });
  function isIdle() {
    const nothing2 = latest?.error === void 0 && latest?.routers.length === 0 && latest.host.length === 0;
    return desired?.routers.length === 0 && nothing2;
  }
  async function pass() {
    const wanted = desired ?? { routers: [] };
    const about = new Map(wanted.routers.map((router) => [router.vni, router]));
    const { inSync: mayDelete, mayRetarget = true } = trust;
    let actual = await kernel.dump();
    adopted ??= new Set(actual.routers.map(({ vni }) => vni));
    const isHeld2 = (vni) => !cleanAs.has(vni) || cleanAs.get(vni) !== about.get(vni);
    const held = new Set(mayRetarget || mayDelete ? [] : [...adopted].filter(isHeld2));
    let found = diffRouters(wanted, actual, { mayDelete, held });
    noteDrift(found, about);
    if (hostCleanAs === wanted) noteDriftOf("routing rules", found.host.ops);
    let failures = [];
    for (let round = 0; round < MOST_ROUNDS2 && found.ops.length > 0 && failures.length === 0; round++) {
      failures = await kernel.apply(found.ops);
      noteApplied(found.ops.length, failures);
      actual = await kernel.dump();
      found = diffRouters(wanted, actual, { mayDelete, held });
    }
    publish({ routers: reportRouters(wanted, actual, { found, failures }), host: found.host.ops, error: void 0 });
    hostCleanAs = found.host.ops.length === 0 ? wanted : void 0;
    cleanAs.clear();
    for (const router of found.routers) if (isClean(router)) cleanAs.set(router.vni, about.get(router.vni));
    return found.ops.length > 0 ? "again" : "done";
  }
  function noteDrift({ routers }, about) {
    for (const { vni, ops } of routers) {
      if (ops.length === 0 || !cleanAs.has(vni) || cleanAs.get(vni) !== about.get(vni)) continue;
      noteDriftOf(`router of L3 VNI ${vni}`, ops);
    }
  }
  function noteDriftOf(whose, ops) {
    if (ops.length === 0) return;
    counters.drift += ops.length;
    log2("warn", `${whose}: ${ops.length} differences made by another hand, first ${ops[0]?.kind}`);
  }
  function noteApplied(count2, failures) {
    counters.applied += count2 - failures.length;
    counters.refused += failures.length;
    for (const { op, code, message } of failures.slice(0, 5)) {
      const whose = op.vni === void 0 ? "routers" : `router of L3 VNI ${op.vni}`;
      log2("warn", `${whose}: kernel refused ${op.kind}: ${code} ${message}`.trimEnd());
    }
  }
  function unread(error2) {
    const nothing2 = { desired: true, verified: void 0, remaining: [], withheld: [], problems: [] };
    return { routers: (desired?.routers ?? []).map(({ vni }) => ({ vni, ...nothing2 })), host: [], error: error2 };
  }
  function publish(report) {
    latest = { ...report, atMs: clock2.nowMs(), counters: { ...counters, ...loop.counts() } };
    for (const listener of listeners) listener(latest);
  }
  return {
    setDesired: (state, now) => {
      const before = new Map(desired?.routers.map((router) => [router.vni, router]));
      const routers = state.routers.map((router) => {
        const known2 = before.get(router.vni);
        return known2 && JSON.stringify(known2) === JSON.stringify(router) ? known2 : router;
      });
      const same = routers.length === before.size && routers.every((router) => before.get(router.vni) === router);
      const sameTrust = trust.inSync === now.inSync && trust.mayRetarget === now.mayRetarget;
      if (desired && same && sameTrust) return;
      desired = { routers };
      trust = now;
      loop.ask();
    },
    onReport: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    latest: () => latest,
    close: async () => {
      watch.close();
      await loop.close();
    }
  };
}
function reportRouters(wanted, actual, { found, failures }) {
  const desired = new Set(wanted.routers.map((router) => router.vni));
  const held = new Map(actual.routers.map((router) => [router.vni, router]));
  return found.routers.map(({ vni, ops, withheld, problems }) => {
    const [failure, ...more] = failures.filter(({ op }) => op.vni === vni || op.vni === void 0);
    const have = held.get(vni);
    return {
      vni,
      desired: desired.has(vni),
      verified: have && readBackRouter(have, actual),
      remaining: ops,
      withheld,
      problems: failure ? [...problems, { kind: "op-failed", failure, more: more.length }] : problems
    };
  });
}
function isClean({ ops, withheld, problems }) {
  return ops.length + withheld.length + problems.length === 0;
}

// edge-agent/report/router-digest.ts
function prefixLines({ intent, state, table: table2 }, verified) {
  const wanted = new Map(state.routes.map(({ prefix, hops: hops2 }) => [prefix, hops2]));
  const statics = new Set(table2.routes.flatMap(({ prefix, source }) => source === "static" ? [prefix] : []));
  const held = intent.statics.filter(({ prefix }) => {
    const hops2 = wanted.get(prefix);
    return hops2 && statics.has(prefix) && sameWays(hops2, verified.routes.get(prefix) ?? []);
  });
  const left = [...verified.routes.keys()].filter((prefix) => !wanted.has(prefix));
  return [...held.map(({ prefix, nextHop }) => prefixLine(prefix, nextHop)), ...left.map((prefix) => `left ${prefix}`)];
}
function routedLines(network, picture, verified) {
  if (network.here) return (verified.gateways.get(network.vni) ?? []).map(gatewayLine);
  const fabric = new Set(picture.table.routes.flatMap(({ prefix, source }) => source === "fabric" ? [prefix] : []));
  const lines = [];
  for (const [prefix, hops2] of verified.routes) {
    const ip2 = ipFromPrefix(prefix);
    if (ip2 === void 0 || fabric.has(prefix)) continue;
    if (!network.machines.has(ip2) && !network.subnets.some((subnet) => prefixContains(subnet, ip2))) continue;
    for (const hop of hops2) if (hop.kind === "vtep") lines.push(hostRouteLine(ip2, hop.vtep));
  }
  return lines;
}
function createLineDigest() {
  let known2 = /* @__PURE__ */ new Map();
  return (lines) => {
    const next = /* @__PURE__ */ new Map();
    for (const line of lines) next.set(line, known2.get(line) ?? hashText(line));
    known2 = next;
    return digestSum(next.values());
  };
}
function sameWays(a, b) {
  const text = (hop) => hop.kind === "vtep" ? hop.vtep : `${hop.network} ${hop.ip}`;
  const texts = new Set(a.map(text));
  return a.length === b.length && b.every((hop) => texts.has(text(hop)));
}

// edge-agent/lane/router-intent.ts
function createRouterIntents(intent) {
  const networks = /* @__PURE__ */ new Map();
  const network = (id, here) => {
    const held = networks.get(id);
    if (held?.here === here) return held;
    const read = readNetwork(intent, id, here);
    networks.set(id, read);
    return read;
  };
  const router = (id, here) => {
    const statics = [];
    const found = [];
    const pending = [];
    let definition;
    for (const [key, body] of recordsOf(intent, routerChannel(id))) {
      if (key.kind === "router") definition = body;
      else if (key.kind === "prefix") statics.push(body);
      else if (key.kind === "routed-network") {
        const known2 = network(key.network, here.has(key.network));
        if (known2) found.push(known2);
        else pending.push(key.network);
      }
    }
    return definition && { id, definition, statics, networks: found, pending };
  };
  return {
    read: () => {
      const here = l2Networks(intent);
      const routers = carriedRouters(intent).map((id) => router(id, here));
      return new Map(routers.flatMap((each) => each ? [[each.id, each]] : []));
    },
    missing: () => {
      const here = l2Networks(intent);
      return carriedRouters(intent).filter((id) => router(id, here) === void 0);
    },
    forget: (channels) => {
      for (const channel of channels) networks.delete(channel.slice(channel.indexOf(":") + 1));
    }
  };
}
function carriedRouters(intent) {
  const keys = [...recordsOf(intent, hostChannel(intent.host))];
  return keys.flatMap(([key]) => key.kind === "carried-router" ? [key.router] : []);
}
function readNetwork(intent, id, here) {
  let definition;
  const vteps = /* @__PURE__ */ new Map();
  const endpoints = [];
  for (const [key, body] of recordsOf(intent, networkChannel(id))) {
    if (key.kind === "network") definition = body;
    else if (key.kind === "vtep") vteps.set(key.host, body);
    else if (key.kind === "endpoint") endpoints.push(body);
  }
  if (!definition) return void 0;
  const { vni, subnets, gateways = [] } = definition;
  const machines = /* @__PURE__ */ new Map();
  for (const { host: host2, ips: ips2 } of endpoints) {
    const vtep = vteps.get(host2)?.address;
    const local = here ? { kind: "local", network: vni } : void 0;
    const place = host2 === intent.host ? local : vtep && { kind: "remote", vtep };
    if (place) for (const ip2 of ips2) machines.set(ip2, place);
  }
  const inside = gateways.map((ip2) => ({ ip: ip2, subnet: subnets.find((subnet) => prefixContains(subnet, ip2)) }));
  return {
    id,
    vni,
    here,
    subnets: inside.flatMap(({ subnet }) => subnet ?? []),
    gateways: inside.flatMap(({ ip: ip2, subnet }) => subnet ? [{ ip: ip2, length: prefixLength(subnet) }] : []),
    stray: inside.flatMap(({ ip: ip2, subnet }) => subnet ? [] : [ip2]),
    machines,
    asns: Array.from(vteps.values()).flatMap(({ asns }) => asns),
    vteps: Array.from(vteps.values(), ({ address }) => address)
  };
}
function* recordsOf(intent, channel) {
  for (const [key, { body }] of intent.channels.get(channel)?.records ?? []) {
    const parsed = parseRecordKey(channel, key);
    if (parsed && body !== null) yield [parsed, body];
  }
}

// edge-agent/evpn/ip-vrf.ts
var MOST_HOPS = 16;
function buildIpVrf(input) {
  const { ownVtep, connected, machines, statics } = input;
  const subnets = new Set(connected.map(({ subnet }) => subnet));
  const routes = /* @__PURE__ */ new Map();
  for (const [ip2, place] of machines) {
    if (place.kind !== "remote" || place.vtep === ownVtep) continue;
    const prefix = hostPrefix(ip2);
    routes.set(prefix, { prefix, source: "intent", hops: [{ kind: "vtep", vtep: place.vtep }] });
  }
  const fabric = fabricRoutes(input.fabric, input);
  const hostRoute = (ip2) => fabric.hosts.get(ip2) ?? [];
  const resolve = (ip2) => {
    const place = machines.get(ip2);
    if (place?.kind === "local") return [{ kind: "machine", network: place.network, ip: ip2 }];
    if (place) return place.vtep === ownVtep ? [] : [{ kind: "vtep", vtep: place.vtep }];
    const learned = hostRoute(ip2);
    if (learned.length > 0) return learned;
    const on = connected.find(({ subnet }) => prefixContains(subnet, ip2));
    return on ? [{ kind: "machine", network: on.network, ip: ip2 }] : [];
  };
  const unresolved = [];
  const own = new Set(subnets);
  const declared = /* @__PURE__ */ new Map();
  for (const each of statics) {
    const hops2 = resolve(each.nextHop);
    if (hops2.length === 0) unresolved.push(each);
    if (hops2.some((hop) => hop.kind === "machine")) own.add(each.prefix);
    declared.set(each.prefix, [...declared.get(each.prefix) ?? [], ...hops2]);
  }
  for (const [prefix, hops2] of declared) {
    if (hops2.length > 0 && !subnets.has(prefix) && !routes.has(prefix))
      routes.set(prefix, { prefix, source: "static", hops: unique(hops2) });
  }
  for (const [ip2, hops2] of fabric.hosts) {
    const prefix = hostPrefix(ip2);
    if (!machines.has(ip2) && !routes.has(prefix)) routes.set(prefix, { prefix, source: "fabric", hops: hops2 });
  }
  for (const [prefix, paths] of fabric.prefixes) {
    const hops2 = paths.flatMap(
      (path) => path.gateway === void 0 ? [{ kind: "vtep", vtep: path.vtep }] : resolve(path.gateway)
    );
    const only = ipFromPrefix(prefix);
    const speaksForMachine = only !== void 0 && machines.has(only);
    if (hops2.length === 0 || subnets.has(prefix) || routes.has(prefix) || speaksForMachine) continue;
    routes.set(prefix, { prefix, source: "fabric", hops: unique(hops2) });
  }
  const { macs: fabricMacs, vnis: fabricVnis, refused } = fabric;
  return { routes: [...routes.values()], fabricMacs, fabricVnis, refused, own: [...own], unresolved };
}
function fabricRoutes(routes, context) {
  const { ownVtep, vni } = context;
  const macs2 = /* @__PURE__ */ new Map();
  const labels = labelsOf(routes, context);
  const refused = [];
  const byHost = /* @__PURE__ */ new Map();
  const byPrefix = /* @__PURE__ */ new Map();
  for (const route of routes) {
    const { nlri, nextHop } = route;
    const routerMac2 = routerMacOf(route);
    if (!isUsable(route, ownVtep)) continue;
    const label2 = labelOf(route);
    if (label2 !== void 0 && label2 !== labels.get(nextHop)) {
      const prefix = prefixOf(route);
      if (prefix !== void 0) refused.push({ prefix, vtep: nextHop, label: label2 });
      continue;
    }
    if (nlri.type === "ip-prefix" && isZero(nlri.gateway) && !routerMac2) continue;
    if (nlri.type === "mac-ip" && nlri.ip !== void 0 && nlri.l3Vni && routerMac2) append(byHost, nlri.ip, route);
    else if (nlri.type === "ip-prefix" && nlri.esi === ZERO_ESI) append(byPrefix, nlri.prefix, route);
    else continue;
    const known2 = macs2.get(nextHop);
    if (routerMac2 && (known2 === void 0 || routerMac2 < known2)) macs2.set(nextHop, routerMac2);
  }
  const hosts = /* @__PURE__ */ new Map();
  for (const [ip2, all] of byHost) {
    const candidates = withoutLastResorts(all);
    const newest = Math.max(...candidates.map((route) => route.mobility?.sequence ?? 0));
    const [best] = bestPaths(candidates.filter((route) => (route.mobility?.sequence ?? 0) === newest));
    if (best && isUnicastIp(ip2)) hosts.set(ip2, [{ kind: "vtep", vtep: best.nextHop }]);
  }
  const prefixes = /* @__PURE__ */ new Map();
  for (const [prefix, candidates] of byPrefix) {
    const paths = bestPaths(withoutLastResorts(candidates)).flatMap(
      ({ nlri, nextHop }) => nlri.type === "ip-prefix" ? [{ vtep: nextHop, gateway: isZero(nlri.gateway) ? void 0 : nlri.gateway }] : []
    );
    prefixes.set(prefix, paths);
  }
  const others = [...labels].flatMap(
    ([vtep, label2]) => label2 === vni || !macs2.has(vtep) ? [] : [[vtep, label2]]
  );
  return { hosts, prefixes, macs: macs2, vnis: new Map(others), refused };
}
function labelsOf(routes, { vni, hosts }) {
  const labels = /* @__PURE__ */ new Map();
  for (const route of routes) {
    const { nextHop } = route;
    const label2 = parseVni(labelOf(route) ?? 0);
    if (label2 === void 0) continue;
    const known2 = labels.get(nextHop);
    if (hosts?.has(nextHop) || label2 === vni) labels.set(nextHop, vni);
    else if (known2 === void 0 || known2 !== vni && label2 < known2) labels.set(nextHop, label2);
  }
  return labels;
}
function labelOf({ nlri }) {
  if (nlri.type === "mac-ip") return nlri.l3Vni || void 0;
  return nlri.type === "ip-prefix" && isZero(nlri.gateway) ? nlri.vni : void 0;
}
function routerMacOf({ routerMac: routerMac2 }) {
  return routerMac2 === void 0 || routerMac2 === ZERO_MAC || isMulticastMac(routerMac2) ? void 0 : routerMac2;
}
function prefixOf({ nlri }) {
  if (nlri.type === "ip-prefix") return nlri.prefix;
  return nlri.type === "mac-ip" && nlri.ip !== void 0 ? hostPrefix(nlri.ip) : void 0;
}
function withoutLastResorts(candidates) {
  const others = candidates.filter(({ llgrStale }) => !llgrStale);
  return others.length > 0 ? others : candidates;
}
function bestPaths(candidates) {
  const rank = (route) => [
    -(route.localPref ?? 100),
    route.asPath.length,
    ["igp", "egp", "incomplete"].indexOf(route.origin)
  ];
  const compare = (a, b) => {
    const right = rank(b);
    return rank(a).map((value, at) => value - (right[at] ?? 0)).find((difference) => difference !== 0) ?? 0;
  };
  const sorted2 = candidates.toSorted((a, b) => compare(a, b) || compareIps(a.nextHop, b.nextHop));
  const [first] = sorted2;
  if (!first) return [];
  const equal = new Map(sorted2.filter((route) => compare(route, first) === 0).map((route) => [route.nextHop, route]));
  return [...equal.values()].slice(0, MOST_HOPS);
}
function originatePrefix({ vni, rd, vtep, routerMac: routerMac2, routeTargets }, prefix) {
  const gateway = isIpv4(prefixAddress(prefix)) ? "0.0.0.0" : "::";
  const nlri = { type: "ip-prefix", rd, esi: ZERO_ESI, ethernetTag: 0, prefix, gateway, vni };
  return { nextHop: vtep, routeTargets, nlri, routerMac: routerMac2 };
}
function isZero(ip2) {
  return ip2 === "0.0.0.0" || ip2 === "::";
}
function unique(hops2) {
  const byText = new Map(hops2.map((hop) => [hop.kind === "vtep" ? hop.vtep : `${hop.network} ${hop.ip}`, hop]));
  return [...byText.values()].slice(0, MOST_HOPS);
}
function append(map, key, route) {
  const known2 = map.get(key);
  if (known2) known2.push(route);
  else map.set(key, [route]);
}

// edge-agent/lane/router.ts
function routingOf(intent, { record: record4 }) {
  const { vni } = intent.definition;
  const routeTargets = record4.bgp ? exportTargets(membership(intent), record4.bgp) : [];
  return { routed: { vni, routerMac: routerMac(record4.vtep), routeTargets }, bridgeMac: GATEWAY_MAC };
}
function routerImports(intent, { record: record4 }) {
  return record4.bgp ? importTargets(membership(intent), record4.bgp) : /* @__PURE__ */ new Set();
}
function pictureRouter(intent, host2, fabric) {
  const { id, definition, statics, networks, pending } = intent;
  const { vtep } = host2.record;
  const here = networks.filter((network) => network.here);
  const connected = here.flatMap(({ vni: vni2, subnets }) => subnets.map((subnet) => ({ network: vni2, subnet })));
  const machines = new Map(networks.flatMap((network) => [...network.machines]));
  const hosts = new Set(networks.flatMap(({ vteps }) => [...vteps]));
  const { vni } = definition;
  const table2 = buildIpVrf({ ownVtep: vtep, vni, hosts, connected, machines, statics, fabric });
  const macs2 = peerMacs(intent, table2);
  const routes = table2.routes.flatMap(({ prefix, hops: hops2 }) => {
    const usable = hops2.filter((hop) => hop.kind === "machine" || macs2.has(hop.vtep));
    return usable.length > 0 ? [{ prefix, hops: usable }] : [];
  });
  const used = new Set(routes.flatMap(({ hops: hops2 }) => hops2.flatMap((hop) => hop.kind === "vtep" ? [hop.vtep] : [])));
  const state = {
    vni: definition.vni,
    owner: routerMark(id, definition.tenant),
    vtep,
    networks: here.map(({ vni: vni2, gateways }) => ({ vni: vni2, gateways })),
    peers: Array.from(macs2).flatMap(([peer, mac]) => {
      const other = table2.fabricVnis.get(peer);
      return used.has(peer) ? [{ vtep: peer, mac, ...other !== void 0 && { vni: other } }] : [];
    }),
    routes
  };
  const problems = [
    ...pending.map((network) => `network ${network} is not held yet`),
    ...networks.flatMap(({ id: network, stray }) => stray.map((ip2) => `gateway ${ip2} is in no subnet of ${network}`)),
    ...table2.refused.map(
      ({ prefix, vtep: peer, label: label2 }) => `route to ${prefix} by ${peer} has the L3 VNI ${label2}, which that VTEP's frames cannot be sent with: not followed`
    ),
    ...table2.unresolved.map(({ prefix, nextHop }) => `prefix ${prefix}: no machine has the next hop ${nextHop}`)
  ];
  return {
    intent,
    imports: routerImports(intent, host2),
    table: table2,
    state,
    announced: announce(intent, host2, table2),
    problems
  };
}
function announce(intent, { record: record4, rd }, table2) {
  if (!rd || !record4.bgp) return [];
  const { vtep } = record4;
  const originator = {
    vni: intent.definition.vni,
    rd,
    vtep,
    routerMac: routerMac(vtep),
    routeTargets: exportTargets(membership(intent), record4.bgp)
  };
  const prefixes = new Set(table2.own);
  return table2.own.map((prefix) => {
    const route = originatePrefix(originator, prefix);
    return { route, reason: prefixRefusal(route, { vtep, rd, prefixes }) };
  });
}
function peerMacs({ networks }, table2) {
  const macs2 = new Map(table2.fabricMacs);
  for (const { vteps } of networks) for (const vtep of vteps) macs2.set(vtep, routerMac(vtep));
  return macs2;
}
function membership({ definition, networks }) {
  const { vni, routeTargets } = definition;
  return { vni, routeTargets, asns: networks.flatMap(({ asns }) => asns) };
}

// edge-agent/lane/routers.ts
var SETTLE_MS = 5;
var REST_FACTOR2 = 4;
function createRoutersLane(context, options) {
  const { clock: clock2, diary: diary2, intent, speaker } = context;
  const { support } = options;
  const mayUse = options.fabricVteps && nextHopList(options.fabricVteps);
  const intents = createRouterIntents(intent);
  const fabric = /* @__PURE__ */ new Map();
  const announced = /* @__PURE__ */ new Map();
  const digests = /* @__PURE__ */ new Map();
  let routers = /* @__PURE__ */ new Map();
  let routing = /* @__PURE__ */ new Map();
  let pictures = [];
  let report;
  let reports = /* @__PURE__ */ new Map();
  let refused = /* @__PURE__ */ new Set();
  let begun = false;
  let restMs = 0;
  let lastMs = clock2.nowMs();
  const { kernel } = options;
  const reconciler = support.vrf && kernel ? createRouterReconciler({
    kernel,
    clock: clock2,
    compareEveryMs: options.compareEveryMs,
    log: (level, text) => level === "info" ? diary2.info("routers", text) : diary2.warn("routers", text)
  }) : void 0;
  reconciler?.onReport((now) => {
    report = now;
    reports = new Map(now.routers.map((each) => [each.vni, each]));
    context.reportChanged();
  });
  const turn = context.pace.add(() => {
    workOut();
    return false;
  });
  const settled = debounce(clock2, SETTLE_MS, () => {
    const waitMs = restMs - (clock2.nowMs() - lastMs);
    if (waitMs > 0) later.trigger();
    else turn.wake();
  });
  const later = debounce(clock2, SETTLE_MS * REST_FACTOR2, () => settled.trigger());
  function readIntent() {
    const host2 = hostRecord(intent);
    routers = host2 ? intents.read() : /* @__PURE__ */ new Map();
    const next = /* @__PURE__ */ new Map();
    for (const router of routers.values()) {
      if (!host2 || !support.vrf) break;
      const value = routingOf(router, { record: host2 });
      const text = JSON.stringify(value);
      for (const { id, here } of router.networks) {
        const known2 = routing.get(id);
        if (here) next.set(id, known2?.text === text ? known2 : { text, value });
      }
    }
    const before = routing;
    routing = next;
    for (const id of /* @__PURE__ */ new Set([...before.keys(), ...next.keys()])) {
      if (before.get(id)?.text !== next.get(id)?.text) options.onRouting(id);
    }
  }
  function workOut() {
    const host2 = hostRecord(intent);
    if (!host2 && !intent.inSync) return;
    begun = true;
    const startMs = clock2.nowMs();
    const all = host2 ? [...routers.values()] : [];
    const routerId = host2 && routerIdOf(host2);
    const rds = routerId ? routeDistinguishers(
      all.map(({ definition }) => definition.vni),
      routerId
    ) : void 0;
    const routes = [...fabric.values()];
    pictures = host2 ? all.map((router) => {
      const part = { record: host2, rd: rds?.get(router.definition.vni) };
      const imports = routerImports(router, part);
      return pictureRouter(
        router,
        part,
        routes.filter((route) => importsAny(imports, route.routeTargets))
      );
    }) : [];
    context.setImports("routers", new Set(pictures.flatMap(({ imports }) => [...imports])));
    announce2();
    reconciler?.setDesired({ routers: pictures.map(({ state }) => state) }, context.trust());
    lastMs = clock2.nowMs();
    restMs = (lastMs - startMs) * REST_FACTOR2;
    context.reportChanged();
  }
  function announce2() {
    const now = /* @__PURE__ */ new Map();
    if (support.vrf)
      for (const picture of pictures) for (const each of picture.announced) now.set(routeKey(each.route.nlri), each);
    const changes2 = [];
    const refusals = /* @__PURE__ */ new Set();
    for (const [key, { route, reason }] of now) {
      const text = JSON.stringify(route);
      if (reason) {
        refusals.add(`${reason}: ${JSON.stringify(route.nlri)}`);
        now.delete(key);
      } else if (announced.get(key) !== text) {
        announced.set(key, text);
        changes2.push({ key, route });
      }
    }
    for (const key of announced.keys()) {
      if (now.has(key)) continue;
      announced.delete(key);
      changes2.push({ key, route: void 0 });
    }
    for (const text of refusals) if (!refused.has(text)) diary2.warn("export-refused", text);
    refused = refusals;
    if (changes2.length > 0) speaker.changeExports(changes2);
  }
  function problemsOf({ state, problems }) {
    if (!support.vrf) return [describeRouterProblem({ kind: "no-vrf", reason: support.reason })];
    const found = (reports.get(state.vni)?.problems ?? []).map(describeRouterProblem);
    return [...problems, ...found, ...report?.error === void 0 ? [] : [report.error]];
  }
  function digest(channel, lines) {
    const of = digests.get(channel) ?? createLineDigest();
    digests.set(channel, of);
    return of(lines);
  }
  return {
    intent(change2) {
      const own = hostChannel(intent.host);
      const touched = [...change2.keys()].filter((channel) => channel === own || bearsOn(channel, routers));
      if (touched.length === 0 && begun) return;
      intents.forget(touched);
      for (const channel of digests.keys()) if (!intent.channels.has(channel)) digests.delete(channel);
      readIntent();
      settled.trigger();
    },
    routes(changes2) {
      let any = false;
      for (const { peer, key, before, after } of changes2) {
        const route = after && isRouted2(after) && (!mayUse || leadsWhereAllowed(after, mayUse)) ? after : void 0;
        const name = `${peer}|${key}`;
        if (!route && !(before && fabric.has(name))) continue;
        if (route) fabric.set(name, route);
        else fabric.delete(name);
        any = true;
      }
      if (any) settled.trigger();
    },
    complete: () => settled.trigger(),
    heard: () => {
      if (!begun && intent.inSync) settled.trigger();
    },
    channel(channel) {
      const routerId = channelRouter(channel);
      if (routerId !== void 0) {
        const picture2 = pictures.find((each) => each.intent.id === routerId);
        if (!picture2) return void 0;
        const verified2 = reports.get(picture2.state.vni)?.verified;
        const kernel2 = verified2 && digest(channel, prefixLines(picture2, verified2));
        return { kernel: kernel2, problems: problemsOf(picture2) };
      }
      const id = channelNetwork(channel);
      const picture = pictures.find(({ intent: router }) => router.networks.some((network2) => network2.id === id));
      const network = picture?.intent.networks.find((each) => each.id === id);
      if (!picture || !network) return void 0;
      const verified = reports.get(picture.state.vni)?.verified;
      const problems = support.vrf ? [] : problemsOf(picture);
      if (!verified) return { kernel: network.here ? EMPTY_DIGEST : void 0, problems };
      return { kernel: digest(channel, routedLines(network, picture, verified)), problems };
    },
    routing: (network) => routing.get(network)?.value,
    view: () => ({
      support,
      report,
      routers: pictures.map((picture) => ({
        ...picture,
        report: reports.get(picture.state.vni),
        allProblems: problemsOf(picture)
      }))
    }),
    async close() {
      turn.close();
      settled.close();
      later.close();
      await reconciler?.close();
    }
  };
}
function bearsOn(channel, routers) {
  if (channelRouter(channel) !== void 0) return true;
  const id = channelNetwork(channel);
  return [...routers.values()].some(
    ({ networks, pending }) => networks.some((network) => network.id === id) || pending.some((each) => each === id)
  );
}
function isRouted2({ nlri }) {
  return nlri.type === "ip-prefix" || nlri.type === "mac-ip" && nlri.ip !== void 0 && !!nlri.l3Vni;
}

// edge-agent/underlay/policy.ts
function underlayPolicy(vtep, underlay3) {
  const own = hostPrefix3(vtep);
  const { accept, nextHops, announceVtep, maximumRoutes } = underlay3 ?? {};
  return {
    announce: announceVtep ? [own] : [],
    maximumRoutes,
    refuse(prefix, nextHop, { external }) {
      if (!underlay3 || external && !accept) return "no-policy";
      if (prefix === own) return "own-prefix";
      if (accept && !accept.some((entry3) => matches(entry3, prefix))) return "prefix";
      const { address } = nextHop;
      const known2 = isLinkLocal(address) || !nextHops || nextHops.some((each) => prefixContains(each, address));
      return known2 ? void 0 : "next-hop";
    }
  };
}
function hostPrefix3(address) {
  return `${address}/${isIpv4(address) ? 32 : 128}`;
}
function matches({ prefix, ge, le }, candidate2) {
  if (ge === void 0 && le === void 0) return candidate2 === prefix;
  if (!prefixContains(prefix, prefixAddress(candidate2))) return false;
  const length = prefixLength(candidate2);
  return length >= (ge ?? prefixLength(prefix)) && length <= (le ?? 128);
}

// edge-agent/underlay/best-path.ts
var DEFAULT_LOCAL_PREF = 100;
var ORIGIN_RANK = { igp: 0, egp: 1, incomplete: 2 };
function decide(routes, reachOf, options) {
  const byPrefix = /* @__PURE__ */ new Map();
  for (const route of routes) {
    const paths = byPrefix.get(route.prefix);
    if (paths) paths.push(route);
    else byPrefix.set(route.prefix, [route]);
  }
  return Array.from(byPrefix, ([prefix, paths]) => decideFor(prefix, paths, reachOf, options));
}
function decideFor(prefix, routes, reachOf, { maximumPaths, multipathRelax }) {
  const usable = [];
  const unusable2 = [];
  for (const route of routes) {
    const found = reachOf(route);
    if ("hop" in found) usable.push({ route, hop: found.hop });
    else unusable2.push({ route, use: found.unusable });
  }
  const equal = eliminate(usable).toSorted(breakTie);
  const [best, ...beside] = equal;
  const alike = beside.filter(({ route }) => multipathRelax || sameAsPath(route, best?.route));
  const multipath = new Set(alike.slice(0, maximumPaths - 1));
  const used = best ? [best, ...multipath] : [];
  const rest = usable.filter((path) => !used.includes(path)).toSorted(breakTie);
  return {
    prefix,
    paths: [
      ...used.map((path) => ({ ...path, use: path === best ? "best" : "multipath" })),
      ...rest.map((path) => ({ ...path, use: "valid" })),
      ...unusable2
    ],
    hops: distinct(used.map(({ hop }) => hop))
  };
}
function eliminate(paths) {
  let left = lowest(paths, ({ route }) => Number(route.llgrStale ?? false));
  left = lowest(left, ({ route }) => -localPref(route));
  left = lowest(left, ({ route }) => route.asPathLength);
  left = lowest(left, ({ route }) => ORIGIN_RANK[route.origin]);
  left = left.filter((path) => !left.some((other) => isBetterByMed(other.route, path.route)));
  return lowest(left, ({ route }) => Number(route.internal));
}
function localPref({ internal, localPref: told }) {
  return internal ? told ?? DEFAULT_LOCAL_PREF : DEFAULT_LOCAL_PREF;
}
function isBetterByMed(a, b) {
  return a.asPath[0] === b.asPath[0] && (a.med ?? 0) < (b.med ?? 0);
}
function breakTie({ route: a }, { route: b }) {
  return compareIps(a.originatorId ?? a.peerRouterId, b.originatorId ?? b.peerRouterId) || a.clusterListLength - b.clusterListLength || comparePeers(a.peer, b.peer);
}
function comparePeers(a, b) {
  const [first, second] = [parseIp(a), parseIp(b)];
  if (first && second) return compareIps(first, second);
  return a < b ? -1 : Number(a > b);
}
function lowest(paths, value) {
  const least = Math.min(...paths.map(value));
  return paths.filter((path) => value(path) === least);
}
function sameAsPath(a, b) {
  return b !== void 0 && a.asPath.length === b.asPath.length && a.asPath.every((asn, i) => asn === b.asPath[i]);
}
function distinct(hops2) {
  return [...new Map(hops2.map((hop) => [`${hop.device} ${hop.via}`, hop])).values()];
}

// edge-agent/underlay/reach.ts
function reach({ nextHop, interface: device2 }, links) {
  if (device2 !== void 0 && nextHop.linkLocal !== void 0) {
    const link3 = links.find(({ name }) => name === device2);
    if (!link3) return { unusable: "no-link" };
    return link3.up ? { hop: { device: device2, via: nextHop.linkLocal } } : { unusable: "link-down" };
  }
  const via = nextHop.address;
  const ways = links.flatMap(
    (link3) => link3.connected.filter((prefix) => prefixContains(prefix, via)).map((prefix) => ({ link: link3, prefix }))
  );
  const [way] = ways.toSorted(
    (a, b) => prefixLength(b.prefix) - prefixLength(a.prefix) || Number(b.link.up) - Number(a.link.up)
  );
  if (!way) return { unusable: "off-link" };
  return way.link.up ? { hop: { device: way.link.name, via } } : { unusable: "link-down" };
}

// edge-agent/underlay/route-diff.ts
function desiredRoutes(decisions, vtep, actual) {
  const source = vtep !== void 0 && actual.addresses.has(vtep) ? vtep : void 0;
  return decisions.flatMap(({ prefix, hops: hops2 }) => {
    if (hops2.length === 0) return [];
    const sameFamily = source !== void 0 && isIpv4(source) === isIpv4(prefixAddress(prefix));
    return [{ prefix, hops: hops2, source: sameFamily ? source : void 0 }];
  });
}
function diffRoutes2(desired, actual, { mayDelete, told }) {
  const ours = new Map(actual.ours.map((route) => [route.prefix, route]));
  const alive = new Set(actual.links.flatMap(({ name, up }) => up ? [name] : []));
  const ops = [];
  const taken = [];
  const withheld = [];
  const left = ({ prefix, hops: hops2 }) => mayDelete ? [] : hops2.filter((hop) => !told.has(wayKey(prefix, hop)));
  for (const route of desired) {
    const have = ours.get(route.prefix);
    ours.delete(route.prefix);
    if (!have) {
      if (actual.taken.has(route.prefix)) taken.push(route.prefix);
      else ops.push({ kind: "add-route", route });
      continue;
    }
    const next = {
      ...route,
      hops: union3(
        route.hops,
        left(have).filter(({ device: device2 }) => alive.has(device2))
      )
    };
    if (!sameRoute2(next, have)) ops.push({ kind: "replace-route", route: next });
  }
  for (const have of ours.values()) {
    const hops2 = left(have);
    if (hops2.length === 0) ops.push({ kind: "delete-route", prefix: have.prefix });
    else if (hops2.length < have.hops.length) ops.push({ kind: "replace-route", route: { ...have, hops: hops2 } });
    if (hops2.length > 0) withheld.push(have.prefix);
  }
  return { ops, taken, withheld };
}
function wayKey(prefix, hop) {
  return `${prefix} ${keyOf4(hop)}`;
}
function sameRoute2(a, b) {
  return a.source === b.source && a.hops.length === b.hops.length && keysOf2(a.hops).every((key) => keysOf2(b.hops).includes(key));
}
function union3(hops2, more) {
  const known2 = new Set(keysOf2(hops2));
  return [...hops2, ...more.filter((hop) => !known2.has(keyOf4(hop)))];
}
function keysOf2(hops2) {
  return hops2.map(keyOf4);
}
function keyOf4({ device: device2, via }) {
  return `${device2} ${via}`;
}

// edge-agent/underlay/reconciler.ts
function createUnderlayReconciler(options) {
  const { kernel, clock: clock2, log: log2 } = options;
  const counters = { applied: 0, refused: 0, drift: 0 };
  let input;
  let latest;
  let clean;
  const told = /* @__PURE__ */ new Set();
  let said = /* @__PURE__ */ new Set();
  const loop = createPassLoop({
    clock: clock2,
    pass,
    onError: (cause) => {
      clean = void 0;
      log2.warn("underlay-kernel", cause.message);
    },
    background: {
      everyMs: () => options.compareEveryMs,
      step: async () => {
        if (!isIdle()) await pass();
      }
    }
  });
  const watch = kernel.watch(() => {
    if (input && !isIdle()) loop.notice();
  });
  function isIdle() {
    return input?.mayDelete === true && input.routes.length === 0 && latest?.installed.length === 0 && clean?.length === 0;
  }
  async function pass() {
    const wanted = input;
    if (!wanted) return "done";
    let view = judge(wanted, await kernel.read(), told);
    let failures = [];
    const { ops } = view.diff;
    if (ops.length > 0) {
      noteDrift(ops, view.desired);
      failures = await kernel.apply(ops);
      counters.applied += ops.length - failures.length;
      counters.refused += failures.length;
      view = judge(wanted, await kernel.read(), told);
    }
    const left = view.diff.ops.length > 0;
    clean = left ? void 0 : view.desired;
    publish(view, [...failures.map(describeFailure), ...describe2(wanted, view)]);
    return left ? "again" : "done";
  }
  function noteDrift(ops, desired) {
    const same = clean?.length === desired.length && desired.every((route, i) => isSame(route, clean?.[i]));
    if (!same) return;
    counters.drift += ops.length;
    const names = ops.map((op) => op.kind === "delete-route" ? op.prefix : op.route.prefix).join(", ");
    log2.warn("underlay-drift", `another hand changed routes of the underlay, which are put right: ${names}`);
  }
  function publish({ decisions, desired, actual, diff }, problems) {
    for (const problem of problems) if (!said.has(problem)) log2.warn("underlay", problem);
    said = new Set(problems);
    latest = {
      decisions,
      desired,
      installed: actual.ours,
      remaining: diff,
      problems,
      counters: { ...loop.counts(), ...counters }
    };
    options.onReport(latest);
  }
  return {
    set(next) {
      input = next;
      if (!isIdle()) loop.ask();
    },
    latest: () => latest,
    async close() {
      watch.close();
      await loop.close();
    }
  };
}
function judge(input, actual, told) {
  const decisions = decide(input.routes, (route) => reach(route, actual.links), input);
  const desired = desiredRoutes(decisions, input.vtep, actual);
  if (input.mayDelete) told.clear();
  else for (const { prefix, hops: hops2 } of desired) for (const hop of hops2) told.add(wayKey(prefix, hop));
  return { decisions, desired, actual, diff: diffRoutes2(desired, actual, { mayDelete: input.mayDelete, told }) };
}
function describe2({ vtep, routes }, { decisions, diff, actual }) {
  const unreachable = decisions.filter(({ hops: hops2 }) => hops2.length === 0).map(describeUnreachable);
  const taken = diff.taken.map((prefix) => `${prefix}: somebody else's route has the metric of ours, and stays`);
  const homeless = vtep !== void 0 && routes.length > 0 && !actual.addresses.has(vtep);
  return [...unreachable, ...taken, ...homeless ? [`no interface has the VTEP address ${vtep}`] : []];
}
var WHY = {
  "off-link": "is on no link of this host",
  "link-down": "is on a link that is down",
  "no-link": "is on a link that does not exist"
};
function describeUnreachable({ prefix, paths }) {
  const reasons = paths.flatMap(
    ({ route, use }) => use in WHY ? [`next hop ${route.nextHop.address} ${WHY[use]}`] : []
  );
  return `${prefix} is not installed: ${reasons.join("; ")}`;
}
function describeFailure({ op, code, message }) {
  const prefix = op.kind === "delete-route" ? op.prefix : op.route.prefix;
  return `${prefix}: the kernel refused ${op.kind}: ${message === "" ? code : `${code}, ${message}`}`;
}
function isSame(a, b) {
  return b !== void 0 && a.prefix === b.prefix && sameRoute2(a, b);
}

// edge-agent/lane/underlay.ts
var END_OF_RIB_WAIT_MS2 = 6e4;
var DEFAULT_MAXIMUM_PATHS = 8;
function createUnderlayLane(context, options) {
  const { clock: clock2, diary: diary2, intent, speaker } = context;
  const { kernel, compareEveryMs } = options;
  const own = hostChannel(intent.host);
  const endOfRib2 = /* @__PURE__ */ new Set();
  let configured = "";
  let accepted = "";
  let whole = false;
  const reconciler = kernel && createUnderlayReconciler({
    kernel,
    clock: clock2,
    log: diary2,
    compareEveryMs,
    onReport: () => context.reportChanged()
  });
  const cancelWait = clock2.setTimer(END_OF_RIB_WAIT_MS2, () => {
    whole = true;
    reconcile();
  });
  function setPolicy(host2) {
    const { accept, nextHops, maximumRoutes } = host2?.bgp?.underlay ?? {};
    const all = JSON.stringify([host2?.vtep, host2?.bgp?.underlay]);
    const incoming = JSON.stringify([host2?.vtep, host2?.bgp?.underlay !== void 0, accept, nextHops, maximumRoutes]);
    if (all === configured) return;
    const accepts = incoming !== accepted;
    configured = all;
    accepted = incoming;
    if (host2) speaker.setUnicastPolicy(underlayPolicy(host2.vtep, host2.bgp?.underlay), { accepts });
  }
  function reconcile() {
    const host2 = hostRecord(intent);
    if (!host2 && !intent.inSync) return;
    whole ||= host2 === void 0 || hasAllTables(host2);
    const { maximumPaths = DEFAULT_MAXIMUM_PATHS, multipathRelax = false } = host2?.bgp?.underlay ?? {};
    const routes = host2 ? speaker.unicastIn() : [];
    reconciler?.set({ vtep: host2?.vtep, routes, maximumPaths, multipathRelax, mayDelete: whole });
  }
  function hasAllTables({ bgp }) {
    const offered = (bgp?.peers ?? []).filter(({ shutdown, families }) => !shutdown && families?.some(isUnicast));
    const sessions = new Map(speaker.summary().map((session) => [session.peer, session]));
    return offered.every((configured2) => {
      const peer = peerKeyOf(configured2);
      const { state, families = [] } = sessions.get(peer) ?? {};
      const agreed = families.filter(({ family, agreed: both }) => isUnicast(family) && both);
      return state === "Established" && agreed.every(({ family }) => endOfRib2.has(`${peer} ${family}`));
    });
  }
  return {
    intent(change2) {
      const host2 = hostRecord(intent);
      if (!change2.has(own) && (host2 || !intent.inSync)) return;
      setPolicy(host2);
      reconcile();
    },
    unicast: reconcile,
    session(peer, established2) {
      if (!established2) {
        for (const key of endOfRib2) if (key.startsWith(`${peer} `)) endOfRib2.delete(key);
      }
      reconcile();
    },
    endOfRib(peer, family) {
      endOfRib2.add(`${peer} ${family}`);
      reconcile();
    },
    view: () => ({
      config: hostRecord(intent)?.bgp?.underlay,
      routes: speaker.unicastIn(),
      told: new Map(speaker.summary().map(({ peer }) => [peer, speaker.unicastOut(peer)])),
      report: reconciler?.latest(),
      whole
    }),
    async close() {
      cancelWait();
      await reconciler?.close();
    }
  };
}
function isUnicast(family) {
  return family !== "evpn";
}

// edge-agent/report/malformed.ts
var KEEP2 = 20;
function createMalformedLog() {
  const messages = [];
  return {
    add(message) {
      messages.push(message);
      if (messages.length > KEEP2) messages.shift();
    },
    recent: () => messages
  };
}

// edge-agent/report/drift-report.ts
var MOST_EVENTS = 50;
var MOST_DRIFT = 20;
function withDrift(diary2, drift) {
  const changed = drift.slice(-MOST_DRIFT).map(({ atMs, vni, before, after, foundBy }) => {
    const detail = `VNI ${vni}: ${before ?? "nothing"} -> ${after ?? "nothing"} (${foundBy})`;
    return { atMs, kind: "drift", detail: detail.slice(0, 500) };
  });
  return [...diary2, ...changed].sort((a, b) => a.atMs - b.atMs).slice(-MOST_EVENTS);
}
function withDriftCounts(diary2, byNetwork) {
  const counts = [...byNetwork.values()];
  if (counts.length === 0) return diary2;
  const sum = (of) => counts.reduce((all, each) => all + each[of], 0);
  return new Map([...diary2, ["drift", sum("found")], ["drift-repaired", sum("repaired")]]);
}

// edge-agent/report/split-report.ts
function splitReport(report) {
  const whole = JSON.stringify(report);
  if (Buffer.byteLength(whole) <= MAX_PAYLOAD_BYTES) return [whole];
  const rest = { ...report, partial: true, events: [] };
  const wholeRoom = MAX_PAYLOAD_BYTES - Buffer.byteLength(JSON.stringify({ ...rest, events: report.events, channels: [] })) - 100;
  const own = report.channels.filter(({ channel }) => channel.startsWith("host:"));
  const others = report.channels.filter(({ channel }) => !channel.startsWith("host:"));
  const room = wholeRoom - Buffer.byteLength(JSON.stringify(own));
  const runs = [[]];
  let left = room;
  for (const channel of others) {
    const bytes = Buffer.byteLength(JSON.stringify(channel)) + 1;
    if (bytes > left && runs.at(-1)?.length !== 0) {
      runs.push([]);
      left = room;
    }
    runs.at(-1)?.push(channel);
    left -= bytes;
  }
  return runs.map((channels, index) => {
    const events = index === 0 ? report.events : [];
    return JSON.stringify({ ...rest, events, number: report.number + index, channels: [...own, ...channels] });
  });
}

// edge-agent/report/report.ts
var MOST_PROBLEMS = 20;
var MOST_CHARACTERS = 300;
function channelReports(intent, parts, peers) {
  const sure = new Set(
    peers.flatMap(({ peer, state, staleRoutes }) => isUp(state) && staleRoutes === 0 ? [peer] : [])
  );
  return Array.from(intent.channels.values(), ({ channel, seq, digest }) => {
    const known2 = parts(channel);
    const kernel = known2.length > 0 && known2.every((part) => part.kernel) ? digestSum(known2.flatMap((part) => part.kernel ?? [])) : void 0;
    const problems = known2.flatMap((part) => part.problems).slice(0, MOST_PROBLEMS);
    const fabric = peers.length > 0 ? known2.find((part) => part.fabric)?.fabric : void 0;
    const seen = (fabric?.seen ?? []).filter(({ peer }) => sure.has(peer));
    return {
      channel,
      seq,
      digest,
      ...kernel && { kernel },
      problems: problems.map((text) => text.slice(0, MOST_CHARACTERS)),
      ...fabric && (fabric.announced.count > 0 || fabric.announced.lacking?.length !== 0) && {
        announced: fabric.announced
      },
      ...seen.length > 0 && { seen },
      ...fabric && fabric.site.count > 0 && { site: fabric.site }
    };
  });
}
function peerReport(peer) {
  const { peer: key, asn = 0, state, sinceMs, routesIn, routesOut, families, peerRouterId, peerHostName } = peer;
  const { staleRoutes, sessions, malformed, lastError } = peer;
  const told = isUp(state) && families.every((family) => family.told || !family.agreed);
  const counts = families.map(({ family, agreed, routesIn: from, routesOut: to }) => {
    return { family, agreed, routesIn: from, routesOut: to };
  });
  return {
    peer: key,
    asn,
    state,
    sinceMs,
    routesIn,
    routesOut,
    told,
    families: counts,
    staleRoutes,
    sessions,
    malformed,
    ...peerRouterId !== void 0 && { routerId: peerRouterId },
    ...peerHostName !== void 0 && peerHostName !== "" && { name: peerHostName.slice(0, 64) },
    ...lastError !== void 0 && { lastError: lastError.slice(0, LONGEST_REASON) }
  };
}
var LONGEST_REASON = 300;
function isUp(state) {
  return state === "Established";
}
var AFTER_CHANGE_MS = 20;
var EVERY_MS = 3e4;
var TOLD_AFTER_MS = 1e3;
var REST_FACTOR3 = 20;
var MOST_REST_MS = 5e3;
function startReports(options) {
  const { clock: clock2, random, agent: agent2 } = options;
  let number8 = 0;
  let cancelNext = () => {
  };
  let cancelSoon;
  let tookMs = 0;
  let sentMs = Number.NEGATIVE_INFINITY;
  let closed = false;
  function report() {
    cancelSoon?.();
    cancelSoon = void 0;
    const startMs = clock2.nowMs();
    number8++;
    const { counters, events, ...content } = options.content();
    const message = {
      v: PROTOCOL_VERSION,
      atMs: clock2.wallMs(),
      number: number8,
      agent: agent2,
      ...content,
      counters: Object.fromEntries(counters),
      events: [...events]
    };
    const texts = splitReport(message);
    for (const text of texts) options.send(text);
    number8 += texts.length - 1;
    sentMs = clock2.nowMs();
    tookMs = sentMs - startMs;
    cancelNext();
    const settling = content.bgp.some(({ state, told }) => state === "Established" && !told);
    cancelNext = clock2.setTimer(settling ? TOLD_AFTER_MS : EVERY_MS * (0.8 + random() * 0.4), report);
  }
  return {
    changed() {
      if (closed) return;
      const restMs = sentMs + Math.min(tookMs * REST_FACTOR3, MOST_REST_MS) - clock2.nowMs();
      cancelSoon ??= clock2.setTimer(Math.max(AFTER_CHANGE_MS, restMs), report);
    },
    close() {
      closed = true;
      cancelSoon?.();
      cancelNext();
    }
  };
}

// edge-agent/report/underlay-report.ts
var MOST_PROBLEMS2 = 20;
var MOST_CHARACTERS2 = 300;
function underlayReport({ config, report }) {
  if (!config || !report) return void 0;
  const installed = new Map(report.installed.map((route) => [route.prefix, route]));
  const right = report.desired.filter((route) => {
    const held = installed.get(route.prefix);
    return held !== void 0 && sameRoute2(route, held);
  });
  return {
    routes: report.desired.length,
    installed: right.length,
    problems: report.problems.slice(0, MOST_PROBLEMS2).map((text) => text.slice(0, MOST_CHARACTERS2))
  };
}

// edge-agent/agent.ts
async function startAgent(ports) {
  const { host: host2, broker, kernel, clock: clock2, random, diary: diary2 } = ports;
  const lanes = [];
  const malformed = createMalformedLog();
  const pace = createPace(clock2, () => completeness.judge());
  const preserved = await forwardsAlready(ports);
  const support = await routerSupport(ports);
  const speaker = ports.speaker(
    {
      routes: (changes2) => each((lane) => lane.routes?.(changes2)),
      session: onSession,
      unicast: () => each((lane) => lane.unicast?.()),
      endOfRib: (peer, family) => {
        if (family === "evpn") completeness.endOfRib(peer);
        each((lane) => lane.endOfRib?.(peer, family));
      },
      error: onBgpError
    },
    { preserved }
  );
  const reconciler = createReconciler({
    kernel: guardFirst(kernel, clock2, () => guards),
    clock: clock2,
    compareEveryMs: ports.compareEveryMs,
    log: (level, text) => level === "info" ? diary2.info("dataplane", text) : diary2.warn("dataplane", text)
  });
  const session = await openIntent({
    host: host2,
    store: ports.replica,
    snapshots: ports.snapshots,
    connection: broker,
    clock: clock2,
    random,
    log: diary2,
    onChange: onIntent
  });
  const intent = session.state;
  const completeness = createCompleteness({
    clock: clock2,
    inSync: () => intent.inSync,
    peers: () => fabricPeers(hostRecord(intent)),
    busy: () => pace.busy,
    changed: (now) => each((lane) => lane.complete?.(now))
  });
  const reports = startReports({
    agent: ports.identity,
    clock: clock2,
    random,
    send: (payload) => {
      if (broker.connected) broker.publish("report", payload);
    },
    content: () => ({
      channels: channelReports(intent, partsOf, speaker.summary()),
      inSync: intent.inSync,
      bgp: speaker.summary().map(peerReport),
      underlay: underlayReport(underlay3.view()),
      counters: withDriftCounts(diary2.counters, reconciler.drift().byNetwork),
      events: withDrift(diary2.recent(), reconciler.drift().recent),
      capabilities: {
        ...Object.fromEntries(kernel.capabilities.map(({ name, present }) => [name, present])),
        vrf: support.vrf
      }
    })
  });
  const context = {
    host: host2,
    clock: clock2,
    diary: diary2,
    kernel,
    pace,
    intent,
    speaker,
    reconciler,
    setImports: createImports(speaker),
    routesWaiting: createHold(speaker),
    trust: () => ({ inSync: completeness.now, mayRetarget: completeness.mayRetarget }),
    reportChanged: () => reports.changed()
  };
  const { portSecurity } = ports;
  const finder = portSecurity && createPortFinder({ host: host2, hostPorts: portSecurity.hostPorts, clock: clock2, log: diary2 });
  const guards = finder && createGuardsLane(context, { ...portSecurity, finder });
  const routers = createRoutersLane(context, {
    kernel: ports.routers,
    support,
    compareEveryMs: ports.compareEveryMs,
    fabricVteps: ports.fabricVteps,
    onRouting: (network) => networks.routingChanged(network)
  });
  const networks = createNetworksLane(context, {
    fabricVteps: ports.fabricVteps,
    routing: (network) => routers.routing(network),
    placed: finder?.resolve,
    raised: ports.raised
  });
  const underlay3 = createUnderlayLane(context, { kernel: ports.routes, compareEveryMs: ports.compareEveryMs });
  lanes.push(underlay3, createPeersLane(context), ...guards ? [guards] : [], routers, networks);
  finder?.onChange((changed) => networks.intent?.(changed));
  diary2.onWarning(() => reports.changed());
  reconciler.onReport((report) => {
    each((lane) => lane.verified?.(report));
    reports.changed();
  });
  broker.listen({
    connected: () => {
      session.onConnected();
      heard();
    },
    disconnected: () => {
      session.onDisconnected();
      heard();
    },
    inbox: (payload) => session.onInbox(payload)
  });
  onIntent(new Map([hostChannel(host2), ...intent.channels.keys()].map((channel) => [channel, "whole"])));
  function each(act) {
    for (const lane of lanes) act(lane);
  }
  function partsOf(channel) {
    return lanes.flatMap((lane) => lane.channel?.(channel) ?? []);
  }
  function onIntent(change2) {
    each((lane) => lane.intent?.(change2));
    heard();
  }
  function heard() {
    each((lane) => lane.heard?.(broker.connected && intent.inSync));
    completeness.judge();
    reports.changed();
  }
  function onSession(...[peer, state, detail]) {
    diary2.info("bgp-session", `${peer} ${state}${detail ? `: ${detail}` : ""}`);
    const established2 = state === "Established";
    if (!established2) completeness.sessionLost(peer);
    each((lane) => lane.session?.(peer, established2));
    reports.changed();
  }
  function onBgpError(error2) {
    diary2.warn(`bgp-${error2.kind}`, error2.detail);
    if (error2.kind !== "malformed-message") return;
    diary2.count(`bgp-${error2.severity}`);
    malformed.add({ ...error2, atMs: clock2.wallMs() });
  }
  function view() {
    const record4 = hostRecord(intent);
    let overlay;
    return {
      host: host2,
      intent,
      hostIntent: record4 && { host: record4 },
      // Long for a large fabric, and most views do without.
      get overlay() {
        return overlay ??= networks.overlay();
      },
      dataplane: reconciler.latest(),
      drift: reconciler.drift(),
      capabilities: kernel.capabilities,
      get routers() {
        return routers.view();
      },
      peers: speaker.summary(),
      get fabric() {
        return speaker.ribIn();
      },
      moved: networks.moved(),
      guards: guards?.view(),
      underlay: underlay3.view(),
      malformed: malformed.recent(),
      diary: diary2,
      brokerConnected: broker.connected,
      mayDelete: completeness.now,
      identity: ports.identity,
      nowMs: clock2.wallMs()
    };
  }
  return {
    view,
    clearDuplicate: (mac) => networks.clearDuplicate(mac),
    async close() {
      completeness.close();
      pace.close();
      reports.close();
      for (const lane of lanes) await lane.close?.();
      await session.close();
      await broker.close();
      await speaker.close("restart");
      await reconciler.close();
      await kernel.close();
    }
  };
}
async function forwardsAlready({ kernel, diary: diary2 }) {
  try {
    return (await kernel.readHost()).networks.length > 0;
  } catch (cause) {
    diary2.warn("kernel-unread", `whether the kernel forwards already is not known: ${cause.message}`);
    return false;
  }
}
async function routerSupport({ routers, diary: diary2 }) {
  if (!routers) return { vrf: false, reason: "this agent was started without" };
  try {
    return await routers.support();
  } catch (cause) {
    const reason = cause.message;
    diary2.warn("vrf-unknown", reason);
    return { vrf: false, reason };
  }
}

// edge-agent/bgp/route-table.ts
var RouteTable = class {
  #parts = /* @__PURE__ */ new Map();
  #size = 0;
  /** The part of the last route: the next one mostly belongs to it too. */
  #last;
  get size() {
    return this.#size;
  }
  get(route) {
    return this.#partOf(route).get(innerKey(route));
  }
  set(route, value) {
    const part = this.#partOf(route);
    const before = part.size;
    part.set(innerKey(route), value);
    this.#size += part.size - before;
  }
  delete(route) {
    const part = this.#partOf(route);
    if (part.delete(innerKey(route))) this.#size--;
    if (part.size > 0) return;
    this.#parts.delete(outerKey(route));
    this.#last = void 0;
  }
  clear() {
    this.#parts.clear();
    this.#last = void 0;
    this.#size = 0;
  }
  *values() {
    for (const part of this.#parts.values()) yield* part.values();
  }
  #partOf(route) {
    const { type, rd } = route;
    const tag = tagOf(route);
    const last = this.#last;
    if (last && last.type === type && last.rd === rd && last.tag === tag) return last.part;
    const key = outerKey(route);
    let part = this.#parts.get(key);
    if (!part) {
      part = /* @__PURE__ */ new Map();
      this.#parts.set(key, part);
    }
    this.#last = { type, rd, tag, part };
    return part;
  }
};
function sameContent(a, b) {
  switch (a.type) {
    case "mac-ip":
      return b.type === a.type && a.vni === b.vni && a.esi === b.esi && a.l3Vni === b.l3Vni;
    case "ethernet-ad":
      return b.type === a.type && a.vni === b.vni;
    case "ip-prefix":
      return b.type === a.type && a.vni === b.vni && a.esi === b.esi && a.gateway === b.gateway;
    case "imet":
    case "ethernet-segment":
    case "per-region-i-pmsi":
    case "s-pmsi":
    case "leaf":
      return b.type === a.type;
  }
}
function tagOf(route) {
  const byKey = route.type === "ethernet-ad" || route.type === "ethernet-segment" || route.type === "leaf";
  return byKey ? 0 : route.ethernetTag;
}
function outerKey(route) {
  return `${route.type}|${route.rd}|${tagOf(route)}`;
}
function innerKey(route) {
  switch (route.type) {
    case "mac-ip":
      return route.ip === void 0 ? route.mac : `${route.mac}|${route.ip}`;
    case "imet":
      return route.originator;
    case "ethernet-ad":
      return `${route.esi}|${route.ethernetTag}`;
    case "ethernet-segment":
      return `${route.esi}|${route.originator}`;
    case "ip-prefix":
      return route.prefix;
    case "per-region-i-pmsi":
      return route.region;
    case "s-pmsi":
      return `${route.source ?? "*"}|${route.group ?? "*"}|${route.originator}`;
    case "leaf":
      return `${route.route}|${route.originator}`;
  }
}

// edge-agent/bgp/wire/as-path.ts
function decodeAsPath(reader, asOctets) {
  const segments = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const count2 = reader.u8();
    const body = reader.sub(count2 * asOctets);
    const known2 = code === AsPathSegmentType.AS_SET || code === AsPathSegmentType.AS_SEQUENCE;
    if (reader.overrun || !known2 || count2 === 0) return void 0;
    const asns = [];
    while (body.remaining > 0) asns.push(asOctets === 4 ? body.u32() : body.u16());
    segments.push({ type: code === AsPathSegmentType.AS_SET ? "set" : "sequence", asns });
  }
  return segments;
}
function encodeAsPath(segments, writer, asOctets) {
  for (const { type, asns } of segments) {
    writer.u8(type === "set" ? AsPathSegmentType.AS_SET : AsPathSegmentType.AS_SEQUENCE).u8(asns.length);
    for (const asn of asns) {
      if (asOctets === 4) writer.u32(asn);
      else writer.u16(asn > 65535 ? AS_TRANS : asn);
    }
  }
}
function mergeAs4Path(asPath, as4Path) {
  let surplus = hops(asPath) - hops(as4Path);
  if (surplus < 0) return [...asPath];
  const leading = [];
  for (const segment of asPath) {
    if (surplus === 0) break;
    const length = segment.type === "set" ? 1 : segment.asns.length;
    const kept = segment.type === "set" ? segment.asns : segment.asns.slice(0, surplus);
    leading.push({ type: segment.type, asns: kept });
    surplus -= Math.min(length, surplus);
  }
  return [...leading, ...as4Path];
}
function hops(segments) {
  return segments.reduce((sum, segment) => sum + (segment.type === "set" ? 1 : segment.asns.length), 0);
}

// shared/address/rd.ts
function rdToOctets(rd) {
  const other = /^\?(\d+):([0-9a-f]{12})$/.exec(rd);
  if (other) {
    const type2 = Number(other[1]);
    const value = other[2].match(/../g) ?? [];
    return Uint8Array.of(type2 >> 8, type2 & 255, ...value.map((octet) => Number.parseInt(octet, 16)));
  }
  const { type, octets } = encodeAdminNumber(rd);
  return Uint8Array.of(0, type, ...octets);
}
function rdFromOctets(octets) {
  if (octets.length !== 8) throw new RangeError(`a route distinguisher has 8 octets, not ${octets.length}`);
  const type = octets[0] << 8 | octets[1];
  if (type <= 2) return decodeAdminNumber(type, octets.subarray(2));
  const hex2 = Array.from(octets.subarray(2), (octet) => octet.toString(16).padStart(2, "0")).join("");
  return `?${type}:${hex2}`;
}

// edge-agent/bgp/wire/hex.ts
var HEX = Array.from({ length: 256 }, (_2, octet) => octet.toString(16).padStart(2, "0"));
function toHex(octets, limit = octets.length) {
  let text = "";
  const shown = Math.min(limit, octets.length);
  for (let i = 0; i < shown; i++) text += HEX[octets[i]];
  return shown < octets.length ? `${text}..` : text;
}
function fromHex(text) {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return void 0;
  const octets = new Uint8Array(text.length / 2);
  for (let i = 0; i < octets.length; i++) octets[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return octets;
}

// edge-agent/bgp/wire/reader.ts
var EMPTY = new Uint8Array(0);
var Reader = class _Reader {
  #octets;
  #end;
  #at;
  #overrun = false;
  constructor(octets, at = 0, end = octets.length) {
    this.#octets = octets;
    this.#at = at;
    this.#end = Math.min(end, octets.length);
  }
  get remaining() {
    return this.#end - this.#at;
  }
  /** True once anything was read that was not there. */
  get overrun() {
    return this.#overrun;
  }
  /** Everything was read, and nothing more. */
  get finished() {
    return !this.#overrun && this.#at === this.#end;
  }
  u8() {
    return this.#take(1) ? this.#octets[this.#at - 1] : 0;
  }
  u16() {
    if (!this.#take(2)) return 0;
    return this.#octets[this.#at - 2] << 8 | this.#octets[this.#at - 1];
  }
  u24() {
    if (!this.#take(3)) return 0;
    return this.#back(3) << 16 | this.#back(2) << 8 | this.#back(1);
  }
  u32() {
    if (!this.#take(4)) return 0;
    return (this.#back(4) << 24 | this.#back(3) << 16 | this.#back(2) << 8 | this.#back(1)) >>> 0;
  }
  /** The next `length` octets, not copied. */
  view(length) {
    return this.#take(length) ? this.#octets.subarray(this.#at - length, this.#at) : EMPTY;
  }
  /** The next `length` octets, copied. */
  copy(length) {
    return this.#take(length) ? this.#octets.slice(this.#at - length, this.#at) : EMPTY;
  }
  /**
   * A reader of the next `length` octets; an empty one with `overrun` here if they are not all there. `into` is made that reader
   * instead of a new one: a list of a hundred thousand frames needs one.
   */
  sub(length, into = new _Reader(EMPTY)) {
    const whole = this.#take(length);
    into.#octets = this.#octets;
    into.#at = whole ? this.#at - length : this.#at;
    into.#end = this.#at;
    into.#overrun = false;
    return into;
  }
  /** The octet `count` before the place that is read next. */
  #back(count2) {
    return this.#octets[this.#at - count2];
  }
  #take(length) {
    if (this.#at + length > this.#end) {
      this.#overrun = true;
      this.#at = this.#end;
      return false;
    }
    this.#at += length;
    return true;
  }
};

// edge-agent/bgp/wire/writer.ts
var Writer = class {
  #octets;
  #length = 0;
  constructor(capacity = 256) {
    this.#octets = new Uint8Array(capacity);
  }
  get length() {
    return this.#length;
  }
  u8(value) {
    const at = this.#grow(1);
    this.#octets[at] = value;
    return this;
  }
  u16(value) {
    const at = this.#grow(2);
    this.#octets[at] = value >>> 8;
    this.#octets[at + 1] = value;
    return this;
  }
  u24(value) {
    return this.u8(value >>> 16).u16(value & 65535);
  }
  u32(value) {
    return this.u16(value >>> 16).u16(value & 65535);
  }
  octets(value) {
    const at = this.#grow(value.length);
    this.#octets.set(value, at);
    return this;
  }
  /** Writes a length field of 1 or 2 octets, then what `body` writes, then fills the length in; throws if it does not fit. */
  withLength(size, body) {
    const at = this.#grow(size);
    body();
    const length = this.#length - at - size;
    if (length > (size === 1 ? 255 : 65535))
      throw new RangeError(`${length} octets do not fit a ${size}-octet length`);
    if (size === 2) this.#octets[at] = length >>> 8;
    this.#octets[at + size - 1] = length;
    return this;
  }
  /** A copy of everything written. */
  finish() {
    return this.#octets.slice(0, this.#length);
  }
  #grow(by) {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#octets.length * 2));
      larger.set(this.#octets);
      this.#octets = larger;
    }
    return at;
  }
};

// edge-agent/bgp/wire/evpn-nlri.ts
var NO_OCTETS = new Uint8Array(0);
var UNSPECIFIED = "0.0.0.0";
var ROWS2 = {
  "ethernet-ad": {
    code: EvpnRouteType.ETHERNET_AUTO_DISCOVERY,
    type: "ethernet-ad",
    decode: (reader, rds) => ({
      type: "ethernet-ad",
      rd: rds.read(reader),
      esi: esi(reader),
      ethernetTag: reader.u32(),
      vni: label(reader)
    }),
    encode: (route, writer) => writeEsi(route.esi, writer).u32(route.ethernetTag).u24(route.vni)
  },
  "mac-ip": {
    code: EvpnRouteType.MAC_IP_ADVERTISEMENT,
    type: "mac-ip",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const segment = esi(reader);
      const ethernetTag = reader.u32();
      if (reader.u8() !== 48) return void 0;
      const mac = macFromNumbers(reader.u24(), reader.u24());
      const ipBits = reader.u8();
      if (reader.overrun || ipBits !== 0 && ipBits !== 32 && ipBits !== 128) return void 0;
      const ipOctets = ipBits > 0 ? reader.view(ipBits >> 3) : void 0;
      const vni = label(reader);
      if (reader.overrun) return void 0;
      const l3 = reader.remaining > 0 ? { l3Vni: label(reader) } : void 0;
      if (!ipOctets && !l3) return { type: "mac-ip", rd, esi: segment, ethernetTag, mac, vni };
      const ip2 = ipOctets && { ip: ipFromOctets(ipOctets) };
      return { type: "mac-ip", rd, esi: segment, ethernetTag, mac, ...ip2, vni, ...l3 };
    },
    encode(route, writer) {
      writeEsi(route.esi, writer).u32(route.ethernetTag).u8(48).octets(macToOctets(route.mac));
      if (route.ip) writeIp2(route.ip, writer);
      else writer.u8(0);
      writer.u24(route.vni);
      if (route.l3Vni !== void 0) writer.u24(route.l3Vni);
    },
    invalid(route) {
      if (route.mac === ZERO_MAC || isMulticastMac(route.mac)) return `${route.mac} is not a unicast MAC address`;
      return route.ip && !isUnicastIp(route.ip) ? `${route.ip} is not a unicast address` : void 0;
    }
  },
  imet: {
    code: EvpnRouteType.INCLUSIVE_MULTICAST_ETHERNET_TAG,
    type: "imet",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const ethernetTag = reader.u32();
      const originator = ip(reader);
      return originator && { type: "imet", rd, ethernetTag, originator };
    },
    encode: (route, writer) => writeIp2(route.originator, writer.u32(route.ethernetTag)),
    invalid: (route) => isUnicastIp(route.originator) ? void 0 : `originator ${route.originator} is not a unicast address`
  },
  "ethernet-segment": {
    code: EvpnRouteType.ETHERNET_SEGMENT,
    type: "ethernet-segment",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const segment = esi(reader);
      const originator = ip(reader);
      return originator && { type: "ethernet-segment", rd, esi: segment, originator };
    },
    encode: (route, writer) => writeIp2(route.originator, writeEsi(route.esi, writer))
  },
  "ip-prefix": {
    code: EvpnRouteType.IP_PREFIX,
    type: "ip-prefix",
    decode(reader, rds) {
      const rd = rds.read(reader);
      const segment = esi(reader);
      const ethernetTag = reader.u32();
      const length = reader.u8();
      const size = reader.remaining === 11 ? 4 : reader.remaining === 35 ? 16 : 0;
      if (size === 0 || length > size * 8) return void 0;
      const prefix = size === 4 ? ipv4Prefix(reader.u32(), length) : ipv6Prefix(reader.view(size), length);
      const gateway = size === 4 ? ipv4Gateway(reader.u32()) : ipFromOctets(reader.view(size));
      return { type: "ip-prefix", rd, esi: segment, ethernetTag, prefix, gateway, vni: label(reader) };
    },
    encode(route, writer) {
      writeEsi(route.esi, writer).u32(route.ethernetTag).u8(prefixLength(route.prefix));
      writer.octets(ipToOctets(prefixAddress(route.prefix))).octets(ipToOctets(route.gateway)).u24(route.vni);
    }
  },
  "per-region-i-pmsi": {
    code: EvpnRouteType.PER_REGION_I_PMSI,
    type: "per-region-i-pmsi",
    lenient: true,
    decode: (reader, rds) => ({
      type: "per-region-i-pmsi",
      rd: rds.read(reader),
      ethernetTag: reader.u32(),
      region: toHex(reader.view(REGION_OCTETS))
    }),
    encode: (route, writer) => writer.u32(route.ethernetTag).octets(fromHex(route.region) ?? NO_OCTETS)
  },
  "s-pmsi": {
    code: EvpnRouteType.S_PMSI,
    type: "s-pmsi",
    lenient: true,
    decode(reader, rds) {
      const rd = rds.read(reader);
      const ethernetTag = reader.u32();
      const [source, group] = [ipOrAll(reader), ipOrAll(reader)];
      const originator = ip(reader);
      if (!source || !group || !originator) return void 0;
      return {
        type: "s-pmsi",
        rd,
        ethernetTag,
        ...source !== "all" && { source },
        ...group !== "all" && { group },
        originator
      };
    },
    encode(route, writer) {
      writer.u32(route.ethernetTag);
      for (const each of [route.source, route.group])
        if (each) writeIp2(each, writer);
        else writer.u8(0);
      writeIp2(route.originator, writer);
    }
  },
  leaf: {
    code: EvpnRouteType.LEAF,
    type: "leaf",
    lenient: true,
    withoutRd: true,
    decode(reader, rds) {
      const [code, length] = [reader.u8(), reader.u8()];
      const value = reader.view(length);
      const rd = rds.read(new Reader(value));
      const route = toHex(Uint8Array.of(code, length, ...value));
      const originator = ip(reader);
      return originator && { type: "leaf", rd, route, originator };
    },
    encode: (route, writer) => writeIp2(route.originator, writer.octets(fromHex(route.route) ?? NO_OCTETS))
  }
};
var REGION_OCTETS = 8;
var ROW_BY_CODE = new Map(
  Object.values(ROWS2).map((row) => [row.code, row])
);
function decodeEvpnNlri(reader) {
  const routes = [];
  const invalid = [];
  let skipped = 0;
  const rds = new RdMemo();
  const frame2 = new Reader(NO_OCTETS);
  while (reader.remaining > 0) {
    const code = reader.u8();
    reader.sub(reader.u8(), frame2);
    if (reader.overrun) return { error: `EVPN route of type ${code} is longer than its field` };
    const row = ROW_BY_CODE.get(code);
    if (!row) {
      skipped++;
      continue;
    }
    const route = row.decode(frame2, rds);
    if (row.lenient && (!route || !frame2.finished)) {
      skipped++;
      continue;
    }
    if (!route || !frame2.finished) return { error: `EVPN ${row.type} route with lengths that do not fit its layout` };
    const reason = row.invalid?.(route);
    if (reason === void 0) routes.push(route);
    else invalid.push({ route, reason });
  }
  return { routes, invalid, skipped };
}
function encodeEvpnRoute(route) {
  const row = ROWS2[route.type];
  const writer = new Writer(64).u8(row.code);
  writer.withLength(1, () => {
    if (!row.withoutRd) writer.octets(rdToOctets(route.rd));
    row.encode(route, writer);
  });
  return writer.finish();
}
var RdMemo = class {
  #high = -1;
  #low = -1;
  #rd = "";
  /** Not all there: some RD, since the caller refuses a frame that overruns. */
  read(reader) {
    const high = reader.u32();
    const low = reader.u32();
    if (high === this.#high && low === this.#low) return this.#rd;
    this.#high = high;
    this.#low = low;
    this.#rd = rdFromOctets(new Writer(8).u32(high).u32(low).finish());
    return this.#rd;
  }
};
function esi(reader) {
  const [high, middle, low] = [reader.u32(), reader.u32(), reader.u16()];
  if (high === 0 && middle === 0 && low === 0) return ZERO_ESI;
  return hex(high, 8) + hex(middle, 8) + hex(low, 4);
}
function hex(value, digits) {
  return value.toString(16).padStart(digits, "0");
}
function writeEsi(value, writer) {
  for (let i = 0; i < 20; i += 2) writer.u8(Number.parseInt(value.slice(i, i + 2), 16));
  return writer;
}
function label(reader) {
  return reader.u24();
}
function ip(reader) {
  const bits = reader.u8();
  if (bits !== 32 && bits !== 128) return void 0;
  const octets = reader.view(bits >> 3);
  return octets.length > 0 ? ipFromOctets(octets) : void 0;
}
function ipOrAll(reader) {
  const bits = reader.u8();
  if (bits === 0) return "all";
  if (bits !== 32 && bits !== 128) return void 0;
  const octets = reader.view(bits >> 3);
  return octets.length > 0 ? ipFromOctets(octets) : void 0;
}
function writeIp2(value, writer) {
  const octets = ipToOctets(value);
  return writer.u8(octets.length * 8).octets(octets);
}
function ipv4Prefix(value, length) {
  return ipv4WithLength(length === 0 ? 0 : value & -1 << 32 - length, length);
}
function ipv6Prefix(octets, length) {
  if (length === octets.length * 8) return `${ipFromOctets(octets)}/${length}`;
  const masked = octets.map((octet, i) => octet & 255 << 8 - Math.min(8, Math.max(0, length - i * 8)) & 255);
  return `${ipFromOctets(masked)}/${length}`;
}
function ipv4Gateway(value) {
  return value === 0 ? UNSPECIFIED : ipv4FromNumber(value);
}

// edge-agent/bgp/wire/ext-community.ts
var ArpNdFlag = { ROUTER: 1, OVERRIDE: 2, IMMUTABLE: 8 };
function decodeExtCommunity(octets) {
  const target = rtFromOctets(octets);
  if (target !== void 0) return { kind: "route-target", target };
  const reader = new Reader(octets);
  switch (reader.u16()) {
    case ExtCommunityType.ENCAPSULATION:
      reader.view(4);
      return { kind: "encapsulation", tunnelType: reader.u16() };
    case ExtCommunityType.MAC_MOBILITY: {
      const flags = reader.u8();
      reader.u8();
      return { kind: "mac-mobility", sequence: reader.u32(), sticky: (flags & 1) === 1 };
    }
    case ExtCommunityType.ROUTER_MAC:
      return { kind: "router-mac", mac: macFromOctets(octets, 2) };
    case ExtCommunityType.DEFAULT_GATEWAY:
      return { kind: "default-gateway" };
    case ExtCommunityType.ESI_LABEL: {
      const flags = reader.u8();
      reader.u16();
      return { kind: "esi-label", singleActive: (flags & 1) === 1, label: reader.u24() };
    }
    case ExtCommunityType.ARP_ND: {
      const flags = reader.u8();
      return {
        kind: "arp-nd",
        router: (flags & ArpNdFlag.ROUTER) !== 0,
        override: (flags & ArpNdFlag.OVERRIDE) !== 0,
        immutable: (flags & ArpNdFlag.IMMUTABLE) !== 0
      };
    }
    case ExtCommunityType.MULTICAST_FLAGS:
      return { kind: "multicast-flags", flags: reader.u16() };
    default:
      return { kind: "raw", octets: octets.slice() };
  }
}
function encodeExtCommunity(community) {
  const writer = new Writer(8);
  switch (community.kind) {
    case "route-target":
      return rtToOctets(community.target);
    case "encapsulation":
      return writer.u16(ExtCommunityType.ENCAPSULATION).u32(0).u16(community.tunnelType).finish();
    case "mac-mobility":
      writer.u16(ExtCommunityType.MAC_MOBILITY).u8(community.sticky ? 1 : 0);
      return writer.u8(0).u32(community.sequence).finish();
    case "router-mac":
      return writer.u16(ExtCommunityType.ROUTER_MAC).octets(macToOctets(community.mac)).finish();
    case "default-gateway":
      return writer.u16(ExtCommunityType.DEFAULT_GATEWAY).u16(0).u32(0).finish();
    case "esi-label":
      writer.u16(ExtCommunityType.ESI_LABEL).u8(community.singleActive ? 1 : 0);
      return writer.u16(0).u24(community.label).finish();
    case "arp-nd": {
      const { router, override, immutable } = community;
      const flags = (router ? ArpNdFlag.ROUTER : 0) | (override ? ArpNdFlag.OVERRIDE : 0) | (immutable ? ArpNdFlag.IMMUTABLE : 0);
      return writer.u16(ExtCommunityType.ARP_ND).u8(flags).u8(0).u32(0).finish();
    }
    case "multicast-flags":
      return writer.u16(ExtCommunityType.MULTICAST_FLAGS).u16(community.flags).u32(0).finish();
    case "raw":
      return community.octets.slice();
  }
}

// edge-agent/bgp/wire/pmsi-tunnel.ts
function decodePmsi(reader) {
  const leafInformationRequired = (reader.u8() & 1) === 1;
  const tunnelType = reader.u8();
  const vni = reader.u24();
  const identifier = reader.view(reader.remaining);
  if (reader.overrun) return void 0;
  const common = { tunnelType, leafInformationRequired, vni };
  if (tunnelType !== PmsiTunnelType.INGRESS_REPLICATION) return { ...common, identifier: toHex(identifier) };
  if (identifier.length !== 4 && identifier.length !== 16) return void 0;
  return { ...common, endpoint: ipFromOctets(identifier) };
}
function encodePmsi(pmsi, writer) {
  writer.u8(pmsi.leafInformationRequired ? 1 : 0).u8(pmsi.tunnelType).u24(pmsi.vni);
  if (pmsi.endpoint) writer.octets(ipToOctets(pmsi.endpoint));
  else writer.octets(fromHex(pmsi.identifier ?? "") ?? new Uint8Array(0));
}

// edge-agent/bgp/wire/unicast-nlri.ts
function decodePrefixes(reader, family) {
  const size = family === "ipv4-unicast" ? 4 : 16;
  const routes = [];
  const invalid = [];
  while (reader.remaining > 0) {
    const bits = reader.u8();
    if (bits > size * 8) return { error: `a prefix of ${bits} bits` };
    const octets = reader.view(bits + 7 >> 3);
    if (reader.overrun) return { error: "a prefix that is longer than its field" };
    const route = prefixFrom(octets, bits, size);
    if (isMulticast(octets, bits, size)) invalid.push({ route, reason: `${route} is a multicast prefix` });
    else routes.push(route);
  }
  return { routes, invalid };
}
function encodePrefix(prefix) {
  const bits = prefixLength(prefix);
  const octets = ipToOctets(prefixAddress(prefix)).subarray(0, bits + 7 >> 3);
  return new Writer(17).u8(bits).octets(octets).finish();
}
function decodeNextHop(octets, family) {
  if (octets.length === 4 && family === "ipv4-unicast") return { address: ipFromOctets(octets) };
  if (octets.length !== 16 && octets.length !== 32) return void 0;
  const first = ipFromOctets(octets.subarray(0, 16));
  const second = octets.length === 32 ? ipFromOctets(octets.subarray(16)) : void 0;
  const linkLocal = [second, first].find((address2) => address2 !== void 0 && isLinkLocal(address2));
  const address = linkLocal !== void 0 && first === UNSPECIFIED2 ? linkLocal : first;
  return linkLocal === void 0 ? { address } : { address, linkLocal };
}
function encodeNextHop({ address, linkLocal }) {
  if (isIpv4(address) || linkLocal === void 0) return ipToOctets(address);
  return new Writer(32).octets(ipToOctets(address)).octets(ipToOctets(linkLocal)).finish();
}
var UNSPECIFIED2 = "::";
function prefixFrom(octets, bits, size) {
  const whole = new Uint8Array(size);
  whole.set(octets);
  const last = octets.length - 1;
  if (bits % 8 !== 0) whole[last] = whole[last] & 255 << 8 - bits % 8;
  return `${ipFromOctets(whole)}/${bits}`;
}
function isMulticast(octets, bits, size) {
  const first = octets[0] ?? 0;
  return size === 4 ? bits >= 4 && first >= 224 && first < 240 : bits >= 8 && first === 255;
}

// edge-agent/bgp/wire/attribute-table.ts
var WELL_KNOWN = AttributeFlag.TRANSITIVE;
var OPTIONAL_TRANSITIVE = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE;
var OPTIONAL = AttributeFlag.OPTIONAL;
var NO_OCTETS2 = new Uint8Array(0);
var ORIGINS = ["igp", "egp", "incomplete"];
var ROWS3 = {
  // RFC 7606 5.1: the multiprotocol attributes come first, so that a receiver finds the routes whatever follows.
  mpUnreach: {
    code: AttributeCode.MP_UNREACH_NLRI,
    key: "mpUnreach",
    flags: OPTIONAL,
    onFault: "session-reset",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode(reader, context) {
      const afi = reader.u16();
      const safi = reader.u8();
      if (reader.overrun) return { fault: "MP_UNREACH_NLRI is shorter than a family" };
      const family = agreedFamily(afi, safi, context);
      if (!family) return ignoreFamily(reader, afi, safi);
      if (family !== "evpn") {
        const nlri2 = decodePrefixes(reader, family);
        return "error" in nlri2 ? { fault: nlri2.error } : { value: { family, ...nlri2 } };
      }
      const nlri = decodeEvpnNlri(reader);
      return "error" in nlri ? { fault: nlri.error } : { value: { family: "evpn", ...nlri } };
    },
    encode: (value, writer) => writeNlri(value, writeFamily(value, writer))
  },
  mpReach: {
    code: AttributeCode.MP_REACH_NLRI,
    key: "mpReach",
    flags: OPTIONAL,
    onFault: "session-reset",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode(reader, context) {
      const afi = reader.u16();
      const safi = reader.u8();
      if (reader.overrun) return { fault: "MP_REACH_NLRI is shorter than a family" };
      const family = agreedFamily(afi, safi, context);
      if (!family) return ignoreFamily(reader, afi, safi);
      const nextHop = reader.view(reader.u8());
      reader.u8();
      if (family !== "evpn") {
        const unicast = decodeNextHop(nextHop, family);
        if (reader.overrun || !unicast) return { fault: "next hop length in MP_REACH_NLRI" };
        const nlri2 = decodePrefixes(reader, family);
        return "error" in nlri2 ? { fault: nlri2.error } : { value: { family, nextHop: unicast, ...nlri2 } };
      }
      const size = nextHop.length === 32 ? 16 : nextHop.length;
      if (reader.overrun || size !== 4 && size !== 16) return { fault: "next hop length in MP_REACH_NLRI" };
      const nlri = decodeEvpnNlri(reader);
      if ("error" in nlri) return { fault: nlri.error };
      return { value: { family: "evpn", nextHop: ipFromOctets(nextHop.subarray(0, size)), ...nlri } };
    },
    encode(value, writer) {
      writeFamily(value, writer);
      const nextHop = nextHopOctets(value);
      writer.u8(nextHop.length).octets(nextHop).u8(0);
      writeNlri(value, writer);
    }
  },
  origin: {
    code: AttributeCode.ORIGIN,
    key: "origin",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.INVALID_ORIGIN,
    decode(reader) {
      const value = reader.remaining === 1 ? ORIGINS[reader.u8()] : void 0;
      return value ? { value } : { fault: "ORIGIN is not one octet of 0..2" };
    },
    encode: (value, writer) => writer.u8(ORIGINS.indexOf(value))
  },
  asPath: {
    code: AttributeCode.AS_PATH,
    key: "asPath",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.MALFORMED_AS_PATH,
    decode: (reader, { asOctets }) => known(decodeAsPath(reader, asOctets), "AS_PATH with an unknown, empty or overrunning segment"),
    encode: (value, writer, { asOctets }) => encodeAsPath(value, writer, asOctets)
  },
  nextHop: {
    code: AttributeCode.NEXT_HOP,
    key: "nextHop",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.INVALID_NEXT_HOP,
    decode: (reader) => exactly(reader, 4, ipv4),
    encode: (value, writer) => writer.octets(ipToOctets(value))
  },
  med: {
    code: AttributeCode.MULTI_EXIT_DISC,
    key: "med",
    flags: OPTIONAL,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    decode: (reader) => exactly(reader, 4, (it) => it.u32()),
    encode: (value, writer) => writer.u32(value)
  },
  localPref: {
    code: AttributeCode.LOCAL_PREF,
    key: "localPref",
    flags: WELL_KNOWN,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    internalOnly: true,
    decode: (reader) => exactly(reader, 4, (it) => it.u32()),
    encode: (value, writer) => writer.u32(value)
  },
  atomicAggregate: {
    code: AttributeCode.ATOMIC_AGGREGATE,
    key: "atomicAggregate",
    flags: WELL_KNOWN,
    onFault: "attribute-discard",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    decode: (reader) => exactly(reader, 0, () => true),
    encode: () => void 0
  },
  aggregator: {
    code: AttributeCode.AGGREGATOR,
    key: "aggregator",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "attribute-discard",
    subcode: UpdateSubcode.ATTRIBUTE_LENGTH,
    decode: (reader, { asOctets }) => exactly(reader, asOctets + 4, (it) => ({ asn: asOctets === 4 ? it.u32() : it.u16(), address: ipv4(it) })),
    encode(value, writer, { asOctets }) {
      if (asOctets === 4) writer.u32(value.asn);
      else writer.u16(value.asn > 65535 ? AS_TRANS : value.asn);
      writer.octets(ipToOctets(value.address));
    }
  },
  communities: {
    code: AttributeCode.COMMUNITIES,
    key: "communities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 4, (it) => it.u32()),
    encode: (value, writer) => value.forEach((community) => writer.u32(community))
  },
  largeCommunities: {
    code: AttributeCode.LARGE_COMMUNITY,
    key: "largeCommunities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    // RFC 8092 6
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 12, (it) => [it.u32(), it.u32(), it.u32()]),
    encode: (value, writer) => value.forEach(([a, b, c]) => writer.u32(a).u32(b).u32(c))
  },
  originatorId: {
    code: AttributeCode.ORIGINATOR_ID,
    key: "originatorId",
    flags: OPTIONAL,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    internalOnly: true,
    decode: (reader) => exactly(reader, 4, ipv4),
    encode: (value, writer) => writer.octets(ipToOctets(value))
  },
  clusterList: {
    code: AttributeCode.CLUSTER_LIST,
    key: "clusterList",
    flags: OPTIONAL,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    internalOnly: true,
    decode: (reader) => multiple(reader, 4, ipv4),
    encode: (value, writer) => value.forEach((id) => writer.octets(ipToOctets(id)))
  },
  extCommunities: {
    code: AttributeCode.EXTENDED_COMMUNITIES,
    key: "extCommunities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 8, (it) => decodeExtCommunity(it.view(8))),
    encode: (value, writer) => value.forEach((community) => writer.octets(encodeExtCommunity(community)))
  },
  ipv6ExtCommunities: {
    code: AttributeCode.IPV6_EXTENDED_COMMUNITIES,
    key: "ipv6ExtCommunities",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => multiple(reader, 20, (it) => toHex(it.view(20))),
    encode: (value, writer) => value.forEach((community) => writer.octets(fromHex(community) ?? NO_OCTETS2))
  },
  as4Path: {
    code: AttributeCode.AS4_PATH,
    key: "as4Path",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "attribute-discard",
    // RFC 6793 6
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    twoOctetAsOnly: true,
    decode: (reader) => known(decodeAsPath(reader, 4), "AS4_PATH with an unknown, empty or overrunning segment"),
    encode: (value, writer) => encodeAsPath(value, writer, 4)
  },
  as4Aggregator: {
    code: AttributeCode.AS4_AGGREGATOR,
    key: "as4Aggregator",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "attribute-discard",
    // RFC 6793 6
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    twoOctetAsOnly: true,
    decode: (reader) => exactly(reader, 8, (it) => ({ asn: it.u32(), address: ipv4(it) })),
    encode: ({ asn, address }, writer) => writer.u32(asn).octets(ipToOctets(address))
  },
  pmsi: {
    code: AttributeCode.PMSI_TUNNEL,
    key: "pmsi",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    // RFC 6514 5
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => known(decodePmsi(reader), "PMSI_TUNNEL that is too short or has no address as its endpoint"),
    encode: encodePmsi
  },
  onlyToCustomer: {
    code: AttributeCode.ONLY_TO_CUSTOMER,
    key: "onlyToCustomer",
    flags: OPTIONAL_TRANSITIVE,
    onFault: "treat-as-withdraw",
    // RFC 9234 5
    subcode: UpdateSubcode.OPTIONAL_ATTRIBUTE,
    decode: (reader) => exactly(reader, 4, (it) => it.u32()),
    encode: (value, writer) => writer.u32(value)
  }
};
var ATTRIBUTE_ROWS = Object.values(ROWS3).toSorted(
  (a, b) => sendingRank(a.code) - sendingRank(b.code)
);
var ROW_BY_CODE2 = Array.from(
  { length: 256 },
  (_2, code) => ATTRIBUTE_ROWS.find((row) => row.code === code)
);
function attributeRow(code) {
  return ROW_BY_CODE2[code];
}
function sendingRank(code) {
  return code === AttributeCode.MP_REACH_NLRI || code === AttributeCode.MP_UNREACH_NLRI ? code - 256 : code;
}
function exactly(reader, length, read) {
  return reader.remaining === length ? { value: read(reader) } : { fault: `${reader.remaining} octets, not ${length}` };
}
function multiple(reader, size, read) {
  const length = reader.remaining;
  if (length === 0 || length % size !== 0) return { fault: `${length} octets, not a non-zero multiple of ${size}` };
  return { value: Array.from({ length: length / size }, () => read(reader)) };
}
function known(value, fault) {
  return value === void 0 ? { fault } : { value };
}
function ipv4(reader) {
  return ipFromOctets(reader.view(4));
}
function agreedFamily(afi, safi, { families = DEFAULT_FAMILIES }) {
  const family = familyOf(afi, safi);
  return family && families.includes(family) ? family : void 0;
}
function ignoreFamily(reader, afi, safi) {
  reader.view(reader.remaining);
  return { value: { family: "other", afi, safi } };
}
function writeFamily(value, writer) {
  const { afi, safi } = value.family === "other" ? value : FAMILIES[value.family];
  return writer.u16(afi).u8(safi);
}
function nextHopOctets(value) {
  if (value.family === "other") return new Uint8Array(0);
  return value.family === "evpn" ? ipToOctets(value.nextHop) : encodeNextHop(value.nextHop);
}
function writeNlri(value, writer) {
  if (value.family === "other") return;
  if (value.family === "evpn") for (const route of value.routes) writer.octets(encodeEvpnRoute(route));
  else for (const prefix of value.routes) writer.octets(encodePrefix(prefix));
}

// edge-agent/bgp/wire/attributes.ts
var NO_DATA = new Uint8Array(0);
var OPTIONAL_AND_TRANSITIVE = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE;
function decodeAttributes(reader, context) {
  const attributes = {};
  const unknown2 = [];
  const faults = [];
  const seen = /* @__PURE__ */ new Set();
  while (reader.remaining > 0 && faults.at(-1)?.severity !== "session-reset") {
    const flags = reader.u8();
    const code = reader.u8();
    const length = (flags & AttributeFlag.EXTENDED_LENGTH) === 0 ? reader.u8() : reader.u16();
    const octets = reader.view(length);
    const fault = (severity, subcode, reason) => {
      const data = severity === "session-reset" ? attributeOctets(flags, code, octets) : NO_DATA;
      faults.push({ severity, subcode, attribute: code, reason, data });
    };
    if (reader.overrun) {
      const severity = isMultiprotocol(code) ? "session-reset" : "treat-as-withdraw";
      fault(severity, UpdateSubcode.ATTRIBUTE_LENGTH, `attribute ${code} overruns the attribute field`);
      break;
    }
    if (seen.has(code)) {
      const severity = isMultiprotocol(code) ? "session-reset" : "attribute-discard";
      fault(severity, UpdateSubcode.MALFORMED_ATTRIBUTE_LIST, `attribute ${code} occurs twice`);
      continue;
    }
    seen.add(code);
    const row = attributeRow(code);
    if (!row) {
      if ((flags & AttributeFlag.OPTIONAL) === 0) {
        const reason = `unknown well-known attribute ${code}`;
        fault("session-reset", UpdateSubcode.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, reason);
      } else if ((flags & AttributeFlag.TRANSITIVE) !== 0) unknown2.push({ code, flags, value: octets.slice() });
      continue;
    }
    if (row.internalOnly && !context.internal || row.twoOctetAsOnly && context.asOctets === 4) {
      fault("attribute-discard", row.subcode, `${row.key} does not belong on a session of this kind`);
      continue;
    }
    if ((flags & OPTIONAL_AND_TRANSITIVE) !== row.flags) {
      fault("treat-as-withdraw", UpdateSubcode.ATTRIBUTE_FLAGS, `${row.key} with flags 0x${flags.toString(16)}`);
      if (!isMultiprotocol(code)) continue;
    }
    const decoded = row.decode(new Reader(octets), context);
    if ("fault" in decoded) fault(row.onFault, row.subcode, `${row.key}: ${decoded.fault}`);
    else attributes[row.key] = decoded.value;
  }
  if (unknown2.length > 0) attributes["unknown"] = unknown2;
  return { attributes, faults };
}
function encodeAttributes(attributes, context) {
  const writer = new Writer(256);
  for (const row of ATTRIBUTE_ROWS) {
    const value = attributes[row.key];
    if (value === void 0) continue;
    const body = new Writer(64);
    row.encode(value, body, context);
    writeAttribute(writer, row.flags, row.code, body.finish());
  }
  for (const { code, flags, value } of attributes.unknown ?? []) {
    writeAttribute(writer, flags & ~AttributeFlag.EXTENDED_LENGTH | AttributeFlag.PARTIAL, code, value);
  }
  return writer.finish();
}
function writeAttribute(writer, flags, code, value) {
  const extended = value.length > 255;
  writer.u8(extended ? flags | AttributeFlag.EXTENDED_LENGTH : flags).u8(code);
  writer.withLength(extended ? 2 : 1, () => writer.octets(value));
}
function isMultiprotocol(code) {
  return code === AttributeCode.MP_REACH_NLRI || code === AttributeCode.MP_UNREACH_NLRI;
}
function attributeOctets(flags, code, octets) {
  const writer = new Writer(octets.length + 4);
  writeAttribute(writer, flags & ~AttributeFlag.EXTENDED_LENGTH, code, octets);
  return writer.finish();
}

// edge-agent/bgp/wire/notification.ts
var MAX_COMMUNICATION_OCTETS = 255;
var NAMES = /* @__PURE__ */ new Map([
  [
    ErrorCode.MESSAGE_HEADER,
    {
      name: "Message Header Error",
      subcodes: ["Unspecific", "Connection Not Synchronized", "Bad Message Length", "Bad Message Type"]
    }
  ],
  [
    ErrorCode.OPEN_MESSAGE,
    {
      name: "OPEN Message Error",
      subcodes: [
        "Unspecific",
        "Unsupported Version Number",
        "Bad Peer AS",
        "Bad BGP Identifier",
        "Unsupported Optional Parameter",
        void 0,
        "Unacceptable Hold Time",
        "Unsupported Capability",
        void 0,
        void 0,
        void 0,
        "Role Mismatch"
      ]
    }
  ],
  [
    ErrorCode.UPDATE_MESSAGE,
    {
      name: "UPDATE Message Error",
      subcodes: [
        "Unspecific",
        "Malformed Attribute List",
        "Unrecognized Well-known Attribute",
        "Missing Well-known Attribute",
        "Attribute Flags Error",
        "Attribute Length Error",
        "Invalid ORIGIN Attribute",
        void 0,
        "Invalid NEXT_HOP Attribute",
        "Optional Attribute Error",
        "Invalid Network Field",
        "Malformed AS_PATH"
      ]
    }
  ],
  [ErrorCode.HOLD_TIMER_EXPIRED, { name: "Hold Timer Expired", subcodes: ["Unspecific"] }],
  [
    ErrorCode.FINITE_STATE_MACHINE,
    {
      name: "Finite State Machine Error",
      subcodes: [
        "Unspecified Error",
        "Receive Unexpected Message in OpenSent State",
        "Receive Unexpected Message in OpenConfirm State",
        "Receive Unexpected Message in Established State"
      ]
    }
  ],
  [
    ErrorCode.CEASE,
    {
      name: "Cease",
      subcodes: [
        "Unspecific",
        "Maximum Number of Prefixes Reached",
        "Administrative Shutdown",
        "Peer De-configured",
        "Administrative Reset",
        "Connection Rejected",
        "Other Configuration Change",
        "Connection Collision Resolution",
        "Out of Resources",
        "Hard Reset",
        "BFD Down"
      ]
    }
  ],
  [
    ErrorCode.ROUTE_REFRESH,
    { name: "ROUTE-REFRESH Message Error", subcodes: ["Unspecific", "Invalid Message Length"] }
  ]
]);
function decodeNotification(body) {
  return { code: body[0] ?? 0, subcode: body[1] ?? 0, data: body.slice(2) };
}
function encodeNotification({ code, subcode, data }) {
  return new Writer(data.length + 2).u8(code).u8(subcode).octets(data).finish();
}
function describeNotification(notification) {
  const { code, subcode } = notification;
  const names = NAMES.get(code);
  const name = names ? `${names.name}/${names.subcodes[subcode] ?? "Unknown"}` : "Unknown Error";
  const enclosed = enclosedNotification(notification);
  const rest = enclosed ? describeNotification(enclosed) : quoted(shutdownCommunication(notification));
  return `${name} (${code}/${subcode})${rest === void 0 ? "" : `: ${rest}`}`;
}
function enclosedNotification({ code, subcode, data }) {
  const hard = code === ErrorCode.CEASE && subcode === CeaseSubcode.HARD_RESET;
  if (!hard || data.length < 2) return void 0;
  const enclosed = decodeNotification(data);
  return enclosed.code === ErrorCode.CEASE && enclosed.subcode === CeaseSubcode.HARD_RESET ? void 0 : enclosed;
}
function hardReset(enclosed) {
  return { code: ErrorCode.CEASE, subcode: CeaseSubcode.HARD_RESET, data: encodeNotification(enclosed) };
}
function encodeShutdownCommunication(message) {
  const octets = new Uint8Array(MAX_COMMUNICATION_OCTETS);
  const { written } = new TextEncoder().encodeInto(message, octets);
  return new Writer(written + 1).u8(written).octets(octets.subarray(0, written)).finish();
}
function shutdownCommunication({ code, subcode, data }) {
  const administrative = subcode === CeaseSubcode.ADMINISTRATIVE_SHUTDOWN || subcode === CeaseSubcode.ADMINISTRATIVE_RESET;
  if (code !== ErrorCode.CEASE || !administrative) return void 0;
  const length = data[0] ?? 0;
  if (length === 0 || data.length !== length + 1) return void 0;
  return new TextDecoder().decode(data.subarray(1));
}
function quoted(text) {
  return text === void 0 ? void 0 : JSON.stringify(text);
}

// edge-agent/bgp/wire/capability.ts
var RESTARTED = 32768;
var NOTIFICATION = 16384;
var PRESERVED = 128;
function decodeCapabilities(reader) {
  const capabilities = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const value = reader.view(reader.u8());
    if (reader.overrun) return void 0;
    capabilities.push(decodeCapability(code, value));
  }
  return capabilities;
}
function encodeCapability(capability2) {
  const writer = new Writer(8);
  switch (capability2.kind) {
    case "multiprotocol":
      return writer.u8(CapabilityCode.MULTIPROTOCOL).u8(4).u16(capability2.afi).u8(0).u8(capability2.safi).finish();
    case "route-refresh":
      return writer.u8(CapabilityCode.ROUTE_REFRESH).u8(0).finish();
    case "extended-message":
      return writer.u8(CapabilityCode.EXTENDED_MESSAGE).u8(0).finish();
    case "four-octet-as":
      return writer.u8(CapabilityCode.FOUR_OCTET_AS).u8(4).u32(capability2.asn).finish();
    case "graceful-restart": {
      const { restarted, notification, restartTimeSec, families } = capability2;
      const flags = (restarted ? RESTARTED : 0) | (notification ? NOTIFICATION : 0);
      writer.u8(CapabilityCode.GRACEFUL_RESTART).u8(2 + families.length * 4).u16(flags | restartTimeSec);
      for (const { afi, safi, preserved } of families)
        writer.u16(afi).u8(safi).u8(preserved ? PRESERVED : 0);
      return writer.finish();
    }
    case "enhanced-route-refresh":
      return writer.u8(CapabilityCode.ENHANCED_ROUTE_REFRESH).u8(0).finish();
    case "extended-next-hop":
      writer.u8(CapabilityCode.EXTENDED_NEXT_HOP).u8(capability2.families.length * 6);
      for (const { afi, safi, nextHopAfi } of capability2.families) writer.u16(afi).u16(safi).u16(nextHopAfi);
      return writer.finish();
    case "role":
      return writer.u8(CapabilityCode.BGP_ROLE).u8(1).u8(BGP_ROLES.indexOf(capability2.role)).finish();
    case "long-lived-graceful-restart":
      writer.u8(CapabilityCode.LONG_LIVED_GRACEFUL_RESTART).u8(capability2.families.length * 7);
      for (const { afi, safi, preserved, staleTimeSec } of capability2.families)
        writer.u16(afi).u8(safi).u8(preserved ? PRESERVED : 0).u24(staleTimeSec);
      return writer.finish();
    case "fqdn": {
      const { host: host2, domain } = capability2;
      writer.u8(CapabilityCode.FQDN);
      return writer.withLength(1, () => {
        for (const name of [host2, domain]) writer.withLength(1, () => writer.octets(new TextEncoder().encode(name)));
      }).finish();
    }
    case "unknown":
      writer.u8(capability2.code);
      return writer.withLength(1, () => writer.octets(fromHex(capability2.value) ?? new Uint8Array(0))).finish();
  }
}
function decodeCapability(code, value) {
  const reader = new Reader(value);
  if (code === CapabilityCode.MULTIPROTOCOL && value.length === 4) {
    const afi = reader.u16();
    reader.u8();
    return { kind: "multiprotocol", afi, safi: reader.u8() };
  }
  if (code === CapabilityCode.FOUR_OCTET_AS && value.length === 4) return { kind: "four-octet-as", asn: reader.u32() };
  if (code === CapabilityCode.ROUTE_REFRESH && value.length === 0) return { kind: "route-refresh" };
  if (code === CapabilityCode.ENHANCED_ROUTE_REFRESH && value.length === 0) return { kind: "enhanced-route-refresh" };
  if (code === CapabilityCode.EXTENDED_MESSAGE && value.length === 0) return { kind: "extended-message" };
  if (code === CapabilityCode.EXTENDED_NEXT_HOP && value.length % 6 === 0) return extendedNextHop(reader);
  if (code === CapabilityCode.GRACEFUL_RESTART && value.length % 4 === 2) return gracefulRestart(reader);
  if (code === CapabilityCode.LONG_LIVED_GRACEFUL_RESTART && value.length % 7 === 0) return longLived(reader);
  const role = code === CapabilityCode.BGP_ROLE && value.length === 1 ? BGP_ROLES[reader.u8()] : void 0;
  if (role) return { kind: "role", role };
  return code === CapabilityCode.FQDN && fqdn(reader) || { kind: "unknown", code, value: toHex(value) };
}
function extendedNextHop(reader) {
  const families = [];
  while (reader.remaining > 0) families.push({ afi: reader.u16(), safi: reader.u16(), nextHopAfi: reader.u16() });
  return { kind: "extended-next-hop", families };
}
function longLived(reader) {
  const families = [];
  while (reader.remaining > 0) {
    const afi = reader.u16();
    const safi = reader.u8();
    const preserved = (reader.u8() & PRESERVED) !== 0;
    families.push({ afi, safi, preserved, staleTimeSec: reader.u24() });
  }
  return { kind: "long-lived-graceful-restart", families };
}
function fqdn(reader) {
  const name = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(reader.view(reader.u8()));
  try {
    const [host2, domain] = [name(), name()];
    return reader.finished ? { kind: "fqdn", host: host2, domain } : void 0;
  } catch {
    return void 0;
  }
}
function gracefulRestart(reader) {
  const head = reader.u16();
  const families = [];
  while (reader.remaining > 0) {
    families.push({ afi: reader.u16(), safi: reader.u8(), preserved: (reader.u8() & PRESERVED) !== 0 });
  }
  return {
    kind: "graceful-restart",
    restarted: (head & RESTARTED) !== 0,
    notification: (head & NOTIFICATION) !== 0,
    restartTimeSec: head & 4095,
    families
  };
}

// edge-agent/bgp/wire/open.ts
var CAPABILITIES_PARAMETER = 2;
var EXTENDED = 255;
function decodeOpen(body) {
  const reader = new Reader(body);
  const version = reader.u8();
  if (version !== 4) {
    const data = Uint8Array.of(0, 4);
    return error(OpenSubcode.UNSUPPORTED_VERSION, `BGP version ${version}`, data);
  }
  const myAs = reader.u16();
  const holdTimeSec = reader.u16();
  const routerId = ipFromOctets(reader.overrun || reader.remaining < 4 ? new Uint8Array(4) : reader.view(4));
  const parametersLength = reader.u8();
  if (reader.overrun) return error(OpenSubcode.UNSPECIFIC, "OPEN is too short");
  const extended = parametersLength === EXTENDED && body[10] === EXTENDED && reader.remaining >= 3;
  if (extended) reader.u8();
  const parameters = reader.sub(extended ? reader.u16() : parametersLength);
  if (!reader.finished) return error(OpenSubcode.UNSPECIFIC, "optional parameters do not fill the OPEN");
  const capabilities = [];
  while (parameters.remaining > 0) {
    const type = parameters.u8();
    const value = parameters.sub(extended ? parameters.u16() : parameters.u8());
    if (parameters.overrun) return error(OpenSubcode.UNSPECIFIC, "an optional parameter overruns");
    if (type !== CAPABILITIES_PARAMETER) {
      return error(OpenSubcode.UNSUPPORTED_OPTIONAL_PARAMETER, `optional parameter ${type}`);
    }
    const decoded = decodeCapabilities(value);
    if (!decoded) return error(OpenSubcode.UNSPECIFIC, "a capability overruns its parameter");
    capabilities.push(...decoded);
  }
  const fourOctet = capabilities.find((it) => it.kind === "four-octet-as");
  return { version, asn: fourOctet?.asn ?? myAs, holdTimeSec, routerId, capabilities };
}
function encodeOpen(open) {
  const writer = new Writer(64);
  writer.u8(open.version).u16(open.asn > 65535 ? AS_TRANS : open.asn).u16(open.holdTimeSec);
  writer.octets(ipToOctets(open.routerId));
  writer.withLength(1, () => {
    for (const capability2 of open.capabilities) {
      writer.u8(CAPABILITIES_PARAMETER).withLength(1, () => writer.octets(encodeCapability(capability2)));
    }
  });
  return writer.finish();
}
function error(subcode, reason, data = new Uint8Array(0)) {
  return { error: { code: ErrorCode.OPEN_MESSAGE, subcode, data }, reason };
}

// edge-agent/bgp/wire/message.ts
var HEADER_OCTETS = 19;
var MAX_MESSAGE_OCTETS = 4096;
var MAX_EXTENDED_MESSAGE_OCTETS = 65535;
var LENGTHS = /* @__PURE__ */ new Map([
  [MessageType.OPEN, { min: 29, max: MAX_MESSAGE_OCTETS }],
  [MessageType.UPDATE, { min: 23, max: MAX_EXTENDED_MESSAGE_OCTETS }],
  [MessageType.NOTIFICATION, { min: 21, max: MAX_EXTENDED_MESSAGE_OCTETS }],
  [MessageType.KEEPALIVE, { min: HEADER_OCTETS, max: HEADER_OCTETS }],
  [MessageType.ROUTE_REFRESH, { min: 23, max: MAX_EXTENDED_MESSAGE_OCTETS }]
]);
function checkHeader2(header, maxOctets) {
  for (let i = 0; i < 16; i++) {
    if (header[i] !== 255) return headerError(HeaderSubcode.CONNECTION_NOT_SYNCHRONIZED, "marker is not all ones");
  }
  const reader = new Reader(header, 16);
  const length = reader.u16();
  const type = reader.u8();
  const bounds = LENGTHS.get(type);
  if (!bounds) return headerError(HeaderSubcode.BAD_MESSAGE_TYPE, `message type ${type}`, Uint8Array.of(type));
  if (length < bounds.min || length > Math.min(bounds.max, maxOctets)) {
    const data = Uint8Array.of(length >> 8, length & 255);
    return headerError(HeaderSubcode.BAD_MESSAGE_LENGTH, `length ${length} in a message of type ${type}`, data);
  }
  return length;
}
function decodeMessage(octets) {
  const body = octets.subarray(HEADER_OCTETS);
  switch (octets[18]) {
    case MessageType.OPEN: {
      const open = decodeOpen(body);
      return "error" in open ? open : { type: "OPEN", open };
    }
    case MessageType.UPDATE:
      return { type: "UPDATE", body };
    case MessageType.NOTIFICATION:
      return { type: "NOTIFICATION", notification: decodeNotification(body) };
    case MessageType.KEEPALIVE:
      return { type: "KEEPALIVE" };
    case MessageType.ROUTE_REFRESH: {
      const reader = new Reader(body);
      const afi = reader.u16();
      const subtype = reader.u8();
      return { type: "ROUTE-REFRESH", afi, subtype, safi: reader.u8() };
    }
    default:
      return headerError(HeaderSubcode.BAD_MESSAGE_TYPE, `message type ${octets[18]}`, octets.slice(18, 19));
  }
}
function encodeMessage(message) {
  switch (message.type) {
    case "OPEN":
      return frame(MessageType.OPEN, encodeOpen(message.open));
    case "UPDATE":
      return frame(MessageType.UPDATE, message.body);
    case "NOTIFICATION":
      return frame(MessageType.NOTIFICATION, encodeNotification(message.notification));
    case "KEEPALIVE":
      return frame(MessageType.KEEPALIVE, new Uint8Array(0));
    case "ROUTE-REFRESH": {
      const body = new Writer(4).u16(message.afi).u8(message.subtype).u8(message.safi).finish();
      return frame(MessageType.ROUTE_REFRESH, body);
    }
  }
}
function frame(type, body) {
  const octets = new Uint8Array(HEADER_OCTETS + body.length);
  octets.fill(255, 0, 16);
  octets[16] = octets.length >> 8;
  octets[17] = octets.length;
  octets[18] = type;
  octets.set(body, HEADER_OCTETS);
  return octets;
}
function headerError(subcode, reason, data = new Uint8Array(0)) {
  return { error: { code: ErrorCode.MESSAGE_HEADER, subcode, data }, reason };
}

// edge-agent/bgp/export.ts
var LOCAL_PREF = 100;
var ENVELOPE_OCTETS = HEADER_OCTETS + 4 + 4 + 5 + 16;
function prepareExport(route, { key, attributesKey } = { key: routeKey(route.nlri), attributesKey: attributesKeyOf(route) }) {
  return { key, route, nlri: encodeEvpnRoute(route.nlri), attributesKey };
}
function attributesKeyOf({ nextHop, routeTargets, mobility, pmsi, routerMac: routerMac2 }) {
  const mobilityKey = mobility ? `${mobility.sequence}${mobility.sticky ? "s" : ""}` : "";
  return `${nextHop}|${routeTargets.join(" ")}|${mobilityKey}|${pmsi?.vni ?? ""}|${routerMac2 ?? ""}`;
}
function sameExport(a, b) {
  return a.nextHop === b.nextHop && a.mobility?.sequence === b.mobility?.sequence && a.mobility?.sticky === b.mobility?.sticky && a.pmsi?.vni === b.pmsi?.vni && a.routerMac === b.routerMac && sameTargets(a.routeTargets, b.routeTargets) && sameContent(a.nlri, b.nlri);
}
function sameTargets(a, b) {
  return a === b || a.length === b.length && a.every((target, i) => target === b[i]);
}
function longestPathOctets(route) {
  return encodePath({ route }, { asn: 4294967294, internal: false, asOctets: 2 }).length;
}
function isSendable({ nlri }, pathOctets) {
  return pathOctets + nlri.length + ENVELOPE_OCTETS <= MAX_MESSAGE_OCTETS;
}
function encodePath({ route }, context) {
  const { internal, asn, asOctets } = context;
  const asPath = internal ? [] : [{ type: "sequence", asns: [asn] }];
  const attributes = {
    origin: "igp",
    asPath,
    ...internal && { localPref: LOCAL_PREF },
    extCommunities: communitiesOf(route),
    ...!internal && asOctets === 2 && asn > 65535 && { as4Path: asPath },
    ...route.pmsi && { pmsi: ingressReplication(route, route.pmsi.vni) }
  };
  return encodeAttributes(attributes, context);
}
function encodeNextHop2({ route }) {
  return ipToOctets(route.nextHop);
}
function communitiesOf({ routeTargets, mobility, routerMac: routerMac2 }) {
  return [
    ...routeTargets.map((target) => ({ kind: "route-target", target })),
    { kind: "encapsulation", tunnelType: TunnelType.VXLAN },
    // No community means sequence 0 (RFC 7432 15).
    ...mobility && (mobility.sequence > 0 || mobility.sticky) ? [{ kind: "mac-mobility", sequence: mobility.sequence, sticky: mobility.sticky }] : [],
    ...routerMac2 ? [{ kind: "router-mac", mac: routerMac2 }] : []
  ];
}
function ingressReplication({ nextHop }, vni) {
  return {
    tunnelType: PmsiTunnelType.INGRESS_REPLICATION,
    leafInformationRequired: false,
    vni,
    endpoint: nextHop
  };
}

// edge-agent/bgp/export-set.ts
var ATTRIBUTES_SLACK = 64;
var ExportSet = class {
  /** By `routeKey`. */
  #routes = /* @__PURE__ */ new Map();
  #attributes = /* @__PURE__ */ new Map();
  values() {
    return this.#routes.values();
  }
  /** Makes `routes` the whole set. */
  replace(routes) {
    const draft = newDraft();
    const wanted = /* @__PURE__ */ new Set();
    for (const route of routes) {
      const key = routeKey(route.nlri);
      wanted.add(key);
      this.#put(key, route, draft);
    }
    for (const key of this.#routes.keys()) if (!wanted.has(key)) this.#remove(key, draft);
    return draft;
  }
  /** Changes the set by these; the last word on a route counts. */
  change(changes2) {
    const draft = newDraft();
    const last = new Map(changes2.map(({ key, route }) => [key, route]));
    for (const [key, route] of last) {
      if (route) this.#put(key, route, draft);
      else this.#remove(key, draft);
    }
    return draft;
  }
  #put(key, route, draft) {
    const known2 = this.#routes.get(key);
    if (known2 && sameExport(known2.route, route)) return;
    const attributes = this.#attributesOf(route);
    const prepared = prepareExport(route, { key, attributesKey: attributes.key });
    if (isSendable(prepared, attributes.pathOctets)) {
      this.#routes.set(key, prepared);
      draft.announce.push(prepared);
    } else {
      draft.unsendable.push(prepared);
      this.#remove(key, draft);
    }
  }
  #remove(key, draft) {
    if (this.#routes.delete(key)) draft.withdraw.push(key);
  }
  #attributesOf(route) {
    const key = attributesKeyOf(route);
    const known2 = this.#attributes.get(key);
    if (known2) return known2;
    if (this.#attributes.size > this.#routes.size + ATTRIBUTES_SLACK) this.#attributes.clear();
    const made = { key, pathOctets: longestPathOctets(route) };
    this.#attributes.set(key, made);
    return made;
  }
};
function newDraft() {
  return { announce: [], withdraw: [], unsendable: [] };
}

// edge-agent/bgp/down-reason.ts
function describeDown(reason) {
  switch (reason.kind) {
    case "sent":
      return `sent ${describeNotification(reason.notification)}: ${reason.reason}`;
    case "received":
      return `received ${describeNotification(reason.notification)}`;
    case "connection":
      return reason.reason;
    case "stopped":
      return "stopped";
  }
}

// edge-agent/bgp/negotiation.ts
function isInternal(remoteAs, own) {
  return remoteAs === own || remoteAs === "internal";
}
var EXTENDED_NEXT_HOP = {
  kind: "extended-next-hop",
  families: [{ afi: FAMILIES["ipv4-unicast"].afi, safi: FAMILIES["ipv4-unicast"].safi, nextHopAfi: Afi.IPV6 }]
};
var COUNTERPART = {
  provider: "customer",
  customer: "provider",
  rs: "rs-client",
  "rs-client": "rs",
  peer: "peer"
};
function localOpen(local, remoteAs) {
  const { restart, longLived: longLived3, role, hostName, families: offered = DEFAULT_FAMILIES } = local;
  const families = offered.map((name) => ({ afi: FAMILIES[name].afi, safi: FAMILIES[name].safi }));
  return {
    version: 4,
    asn: local.asn,
    holdTimeSec: local.holdTimeSec,
    routerId: local.routerId,
    capabilities: [
      ...families.map((family) => ({ kind: "multiprotocol", ...family })),
      ...offered.includes("ipv4-unicast") ? [EXTENDED_NEXT_HOP] : [],
      { kind: "route-refresh" },
      { kind: "enhanced-route-refresh" },
      { kind: "extended-message" },
      { kind: "four-octet-as", asn: local.asn },
      {
        kind: "graceful-restart",
        restarted: restart?.restarted ?? false,
        notification: true,
        restartTimeSec: restart?.timeSec ?? 0,
        families: restart ? families.map((family) => ({ ...family, preserved: restart.preserved })) : []
      },
      ...longLived3 ? [longLivedCapability(longLived3, restart)] : [],
      ...role && !isInternal(remoteAs, local.asn) ? [{ kind: "role", role }] : [],
      ...hostName === void 0 ? [] : [{ kind: "fqdn", host: hostName, domain: "" }]
    ]
  };
}
function longLivedCapability({ families, staleSec = 0 }, restart) {
  const staleTimeSec = restart ? staleSec : 0;
  const preserved = staleTimeSec > 0 && (restart?.preserved ?? false);
  return {
    kind: "long-lived-graceful-restart",
    families: families.map((name) => ({ afi: FAMILIES[name].afi, safi: FAMILIES[name].safi, preserved, staleTimeSec }))
  };
}
function negotiate(local, remoteAs, open) {
  const internal = open.asn === local.asn;
  const expected = typeof remoteAs === "number" ? open.asn === remoteAs : internal === (remoteAs === "internal");
  if (!expected || open.asn === 0) {
    return refuse(OpenSubcode.BAD_PEER_AS, `peer is AS ${open.asn}, not ${remoteAs}`);
  }
  if (open.routerId === "0.0.0.0" || internal && open.routerId === local.routerId) {
    return refuse(OpenSubcode.BAD_BGP_IDENTIFIER, `BGP identifier ${open.routerId}`);
  }
  if (open.holdTimeSec === 1 || open.holdTimeSec === 2) {
    const data = Uint8Array.of(0, open.holdTimeSec);
    return refuse(OpenSubcode.UNACCEPTABLE_HOLD_TIME, `hold time of ${open.holdTimeSec} s`, data);
  }
  const has2 = (kind) => open.capabilities.some((it) => it.kind === kind);
  const { families: offered = DEFAULT_FAMILIES } = local;
  const theirs = familiesOf(open.capabilities);
  const families = offered.filter((name) => theirs.has(name));
  if (families.length === 0) return refuseFamilies(offered);
  const mismatch = internal ? void 0 : roleMismatch(local, open.capabilities);
  if (mismatch !== void 0) return refuse(OpenSubcode.ROLE_MISMATCH, mismatch);
  const peerRestart = restartOf(open.capabilities);
  const fqdn2 = open.capabilities.find((it) => it.kind === "fqdn");
  return {
    peerAsn: open.asn,
    peerRouterId: open.routerId,
    internal,
    asOctets: has2("four-octet-as") ? 4 : 2,
    families,
    extendedNextHop: families.includes("ipv4-unicast") && takesIpv6NextHops(open.capabilities),
    routeRefresh: has2("route-refresh"),
    enhancedRouteRefresh: has2("route-refresh") && has2("enhanced-route-refresh"),
    maxMessageOctets: has2("extended-message") ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS,
    holdTimeSec: Math.min(local.holdTimeSec, open.holdTimeSec),
    peerCapabilities: open.capabilities,
    ...peerRestart && { peerRestart },
    ...fqdn2 && { peerHostName: fqdn2.domain ? `${fqdn2.host}.${fqdn2.domain}` : fqdn2.host }
  };
}
function restartOf(capabilities) {
  const graceful = capabilities.findLast((it) => it.kind === "graceful-restart");
  if (!graceful) return void 0;
  const longLived3 = capabilities.findLast((it) => it.kind === "long-lived-graceful-restart")?.families ?? [];
  return {
    timeSec: graceful.restartTimeSec,
    notification: graceful.notification,
    families: FAMILY_NAMES.flatMap((family) => {
      const ofFamily = (it) => familyOf(it.afi, it.safi) === family;
      const short = graceful.families.find(ofFamily);
      const long = longLived3.find(ofFamily);
      if (!short && !long?.staleTimeSec) return [];
      return [
        {
          family,
          graceful: short !== void 0,
          preserved: short?.preserved ?? false,
          longLivedSec: long?.staleTimeSec ?? 0,
          longLivedPreserved: long?.preserved ?? false
        }
      ];
    })
  };
}
function familiesOf(capabilities) {
  const listed = capabilities.flatMap((it) => it.kind === "multiprotocol" ? [familyOf(it.afi, it.safi)] : []);
  return new Set(listed.length === 0 ? ["ipv4-unicast"] : listed.filter((name) => name !== void 0));
}
function takesIpv6NextHops(capabilities) {
  const { afi, safi } = FAMILIES["ipv4-unicast"];
  const families = capabilities.flatMap((it) => it.kind === "extended-next-hop" ? it.families : []);
  return families.some((it) => it.afi === afi && it.safi === safi && it.nextHopAfi === Afi.IPV6);
}
function refuseFamilies(offered) {
  const titles = offered.map((name) => FAMILIES[name].title).join(", ");
  const capabilities = offered.map((name) => {
    const { afi, safi } = FAMILIES[name];
    return encodeCapability({ kind: "multiprotocol", afi, safi });
  });
  const data = new Uint8Array(Buffer.concat(capabilities));
  return refuse(OpenSubcode.UNSUPPORTED_CAPABILITY, `peer does not offer ${titles}`, data);
}
function roleMismatch({ role, strictRole }, capabilities) {
  if (role === void 0) return void 0;
  const roles = new Set(capabilities.flatMap((it) => it.kind === "role" ? [it.role] : []));
  if (roles.size === 0) return strictRole ? "peer tells no BGP role" : void 0;
  if (roles.size === 1 && roles.has(COUNTERPART[role])) return void 0;
  return `peer's BGP role is ${[...roles].join(" and ")}, ours ${role}`;
}
function survivingConnection(local, peer) {
  const ours = identifierValue(local.routerId);
  const theirs = identifierValue(peer.peerRouterId);
  if (ours !== theirs) return ours > theirs ? "ours" : "theirs";
  return local.asn > peer.peerAsn ? "ours" : "theirs";
}
function identifierValue(id) {
  return id.split(".").reduce((value, octet) => value * 256 + Number(octet), 0);
}
function refuse(subcode, reason, data = new Uint8Array(0)) {
  return { error: { code: ErrorCode.OPEN_MESSAGE, subcode, data }, reason };
}

// edge-agent/bgp/passive-wait.ts
var LOOK_EVERY_MS = 2e3;
var PassiveWait = class {
  #clock;
  #transport;
  #heard;
  #cancel;
  /** `heard` is told each hint once for a wait. */
  constructor(clock2, transport, heard) {
    this.#clock = clock2;
    this.#transport = transport;
    this.#heard = heard;
  }
  begin() {
    const silence = this.#transport.silence?.();
    if (silence && !this.#cancel) this.#look(silence, void 0);
  }
  end() {
    this.#cancel?.();
    this.#cancel = void 0;
  }
  #look(silence, said) {
    this.#cancel = this.#clock.setTimer(LOOK_EVERY_MS, () => {
      const hint = silence();
      this.#look(silence, hint ?? said);
      if (hint !== void 0 && hint !== said) this.#heard(`the peer is waited for; ${hint}`);
    });
  }
};

// edge-agent/bgp/adj-rib-in.ts
import { isDeepStrictEqual } from "node:util";

// edge-agent/bgp/held-route.ts
var HeldRoute = class {
  nlri;
  path;
  /** Of the table when the route was last announced: in an earlier one than the table's, it is stale. */
  generation;
  #source;
  constructor(source, nlri, path, generation) {
    this.nlri = nlri;
    this.path = path;
    this.generation = generation;
    this.#source = source;
  }
  get peer() {
    return this.#source.peer;
  }
  get peerAsn() {
    return this.#source.peerAsn;
  }
  get nextHop() {
    return this.path.nextHop;
  }
  get routeTargets() {
    return this.path.routeTargets;
  }
  get mobility() {
    return this.path.mobility;
  }
  get encapsulations() {
    return this.path.encapsulations;
  }
  get routerMac() {
    return this.path.routerMac;
  }
  get defaultGateway() {
    return this.path.defaultGateway;
  }
  get arpNd() {
    return this.path.arpNd;
  }
  get esiLabel() {
    return this.path.esiLabel;
  }
  get multicastFlags() {
    return this.path.multicastFlags;
  }
  get pmsi() {
    return this.path.pmsi;
  }
  get asPath() {
    return this.path.asPath;
  }
  get origin() {
    return this.path.origin;
  }
  get localPref() {
    return this.path.localPref;
  }
  get med() {
    return this.path.med;
  }
  get originatorId() {
    return this.path.originatorId;
  }
  get llgrStale() {
    return this.path.llgrStale;
  }
  get noLlgr() {
    return this.path.noLlgr;
  }
  get stale() {
    return this.generation !== this.#source.generation;
  }
  toJSON() {
    const { peer, peerAsn, nlri, stale } = this;
    return { ...this.path, peer, peerAsn, nlri, stale };
  }
};
var HeldRouteChange = class {
  before;
  after;
  constructor(before, after) {
    this.before = before;
    this.after = after;
  }
  get peer() {
    return this.#any.peer;
  }
  get key() {
    return routeKey(this.#any.nlri);
  }
  get #any() {
    const route = this.after ?? this.before;
    if (!route) throw new Error("a change of no route");
    return route;
  }
};

// edge-agent/bgp/import-policy.ts
function rejection(path, policy) {
  if (path.originatorId === policy.routerId) return "originated-here";
  if (path.asPath.includes(policy.asn)) return "as-loop";
  if (policy.ownAddresses.has(path.nextHop)) return "own-next-hop";
  return policy.accept(path.routeTargets) ? void 0 : "no-import-target";
}

// edge-agent/bgp/adj-rib-in.ts
var AdjRibIn = class {
  #source;
  #routes = new RouteTable();
  #staleCount = 0;
  #rejected = /* @__PURE__ */ new Map();
  /** The last two paths that were compared; neighbouring routes ask for the same two again. */
  #compared;
  constructor(source) {
    this.#source = source;
  }
  get size() {
    return this.#routes.size;
  }
  get staleCount() {
    return this.#staleCount;
  }
  /** Routes that policy kept out since the start, by reason. */
  get rejected() {
    return this.#rejected;
  }
  routes() {
    return this.#routes.values();
  }
  /** Withdrawals first: an UPDATE that withdraws and announces a route announces it (RFC 4271 4.3). */
  apply(update2, path, policy, changes2) {
    for (const nlri of update2.withdrawn) this.#remove(nlri, changes2);
    if (!path || update2.announced.length === 0) return;
    const rejected = rejection(path, policy);
    if (rejected) this.#rejected.set(rejected, (this.#rejected.get(rejected) ?? 0) + update2.announced.length);
    for (const nlri of update2.announced) {
      if (rejected) this.#remove(nlri, changes2);
      else this.#put(nlri, path, changes2);
    }
  }
  /** Counts how often everything became stale; a route that is not is of the present one. */
  get generation() {
    return this.#source.generation;
  }
  /** The session is gone: everything stays, as stale. */
  markStale() {
    this.#source.generation++;
    this.#staleCount = this.#routes.size;
  }
  /** Removes what was not announced again, of generations `from` to `below`; default all. */
  sweepStale(changes2, { from = 0, below = this.generation } = {}) {
    if (this.#staleCount === 0) return;
    const now = this.generation;
    const stale = ({ generation: of }) => of !== now && of >= from && of < below;
    this.#removeWhere(stale, changes2);
  }
  /** Attaches LLGR_STALE to what is stale, and removes what must not be kept so long (RFC 9494 4.2). */
  beginLongLived(changes2) {
    this.#removeWhere((held) => held.stale && (held.path.noLlgr ?? false), changes2);
    const marked = /* @__PURE__ */ new Map();
    for (const held of this.#routes.values()) {
      if (!held.stale || held.path.llgrStale) continue;
      const path = marked.get(held.path) ?? { ...held.path, llgrStale: true };
      marked.set(held.path, path);
      const next = new HeldRoute(this.#source, held.nlri, path, held.generation);
      this.#routes.set(held.nlri, next);
      changes2.push(new HeldRouteChange(held, next));
    }
  }
  /** Removes what a changed policy no longer lets in. */
  refilter(policy, changes2) {
    this.#removeWhere(({ path }) => rejection(path, policy) !== void 0, changes2);
  }
  clear(changes2) {
    for (const held of this.#routes.values()) changes2.push(new HeldRouteChange(held, void 0));
    this.#routes.clear();
    this.#staleCount = 0;
  }
  #removeWhere(condition, changes2) {
    for (const { nlri } of [...this.#routes.values()].filter(condition)) this.#remove(nlri, changes2);
  }
  #put(nlri, path, changes2) {
    const held = this.#routes.get(nlri);
    if (held && held.generation !== this.generation) this.#staleCount--;
    if (held && sameContent(held.nlri, nlri) && this.#samePath(held.path, path)) {
      held.generation = this.generation;
      return;
    }
    const next = new HeldRoute(this.#source, nlri, path, this.generation);
    this.#routes.set(nlri, next);
    changes2.push(new HeldRouteChange(held, next));
  }
  #remove(nlri, changes2) {
    const held = this.#routes.get(nlri);
    if (!held) return;
    this.#routes.delete(nlri);
    if (held.generation !== this.generation) this.#staleCount--;
    changes2.push(new HeldRouteChange(held, void 0));
  }
  #samePath(a, b) {
    if (this.#compared?.a !== a || this.#compared.b !== b) this.#compared = { a, b, same: isDeepStrictEqual(a, b) };
    return this.#compared.same;
  }
};

// edge-agent/bgp/wire/update.ts
var NO_DATA2 = new Uint8Array(0);
var NO_ROUTES = { routes: [], invalid: [] };
var EMPTY_UPDATE_OCTETS = 4;
var RANK = {
  ok: 0,
  "attribute-discard": 1,
  "treat-as-withdraw": 2,
  "session-reset": 3
};
function decodeUpdate(body, context) {
  const { families = DEFAULT_FAMILIES } = context;
  const reader = new Reader(body);
  const classicWithdrawn = decodePrefixes(reader.sub(reader.u16()), "ipv4-unicast");
  const attributeField = reader.sub(reader.u16());
  if (reader.overrun) return reset(UpdateSubcode.MALFORMED_ATTRIBUTE_LIST, "the length fields exceed the message");
  const classic = decodePrefixes(reader, "ipv4-unicast");
  if ("error" in classic) return reset(UpdateSubcode.INVALID_NETWORK_FIELD, `NLRI: ${classic.error}`);
  if ("error" in classicWithdrawn) {
    return reset(UpdateSubcode.INVALID_NETWORK_FIELD, `withdrawn routes: ${classicWithdrawn.error}`);
  }
  const attributesLength = attributeField.remaining;
  const decoded = decodeAttributes(attributeField, context);
  const { attributes } = decoded;
  const { mpReach, mpUnreach } = attributes;
  const faults = [...decoded.faults];
  const classicCounts = [classic, classicWithdrawn].map(({ routes, invalid }) => routes.length + invalid.length);
  const [classicCount = 0, classicWithdrawnCount = 0] = classicCounts;
  const ipv42 = families.includes("ipv4-unicast");
  const evpn = mpReach?.family === "evpn" ? mpReach : void 0;
  const unreach = mpUnreach?.family === "evpn" ? mpUnreach : void 0;
  const reached = mpReach && mpReach.family !== "other" ? mpReach : void 0;
  const announces = { mp: (reached?.routes.length ?? 0) > 0, classic: ipv42 && classic.routes.length > 0 };
  if (announces.mp || announces.classic) faults.push(...missingAttributes(decoded, context, announces.classic));
  for (const address of nextHopsOf(attributes, announces)) {
    if (!isUnicastIp(address)) faults.push(withdrawing(UpdateSubcode.INVALID_NEXT_HOP, unusable(address)));
  }
  for (const { reason } of [...reached?.invalid ?? [], ...ipv42 ? classic.invalid : []]) {
    faults.push(withdrawing(UpdateSubcode.INVALID_NETWORK_FIELD, reason));
  }
  const worst = faults.reduce(worse, void 0);
  if (worst?.severity === "session-reset") return reset(worst.subcode, worst.reason, worst.data);
  if (worst?.severity === "treat-as-withdraw" && classicCount === 0 && mpReach === void 0) {
    return reset(worst.subcode, `${worst.reason}, in an UPDATE without reachable routes`, worst.data);
  }
  const condemned = faults.some((it) => it.severity === "treat-as-withdraw" && !isImpossibleRoute(it));
  const announced = evpn?.routes ?? [];
  const withdrawn = [
    ...unreach?.routes ?? [],
    ...(unreach?.invalid ?? []).map(({ route }) => route),
    ...(evpn?.invalid ?? []).map(({ route }) => route),
    ...condemned ? announced : []
  ];
  const unicast = [
    ...ipv42 && classicCount + classicWithdrawnCount > 0 ? [unicastPart("ipv4-unicast", classic, classicWithdrawn, classicNextHop(attributes), condemned)] : [],
    ...multiprotocolParts(mpReach, mpUnreach, condemned)
  ];
  const otherFamilies = Number(mpReach?.family === "other") + Number(mpUnreach?.family === "other");
  const skipped = (evpn?.skipped ?? 0) + (unreach?.skipped ?? 0);
  const ignoredClassic = ipv42 ? 0 : classicCount + classicWithdrawnCount;
  return {
    severity: worst?.severity ?? "ok",
    announced: condemned ? [] : announced,
    withdrawn,
    unicast,
    attributes,
    endOfRib: faults.length > 0 ? void 0 : endOfRib(attributes, { bodyOctets: body.length, attributesLength, ipv4: ipv42 }),
    ignored: ignoredClassic + otherFamilies + skipped,
    faults
  };
}
function encodeEndOfRib(family = "evpn") {
  if (family === "ipv4-unicast") return new Uint8Array(4);
  const { afi, safi } = FAMILIES[family];
  return new Writer(10).u16(0).u16(6).u16(32783).u8(3).u16(afi).u8(safi).finish();
}
function endOfRib({ mpUnreach, ...others }, octets) {
  const { bodyOctets, attributesLength, ipv4: ipv42 } = octets;
  if (bodyOctets === EMPTY_UPDATE_OCTETS) return ipv42 ? "ipv4-unicast" : void 0;
  if (!mpUnreach || mpUnreach.family === "other" || Object.keys(others).length > 0) return void 0;
  const bare = bodyOctets === EMPTY_UPDATE_OCTETS + attributesLength && attributesLength <= 7;
  return bare ? mpUnreach.family : void 0;
}
function unicastPart(family, reach2, unreach, nextHop, condemned) {
  const withdrawn = [
    ...unreach.routes,
    ...[...unreach.invalid, ...reach2.invalid].map(({ route }) => route),
    ...condemned ? reach2.routes : []
  ];
  return { family, announced: condemned ? [] : reach2.routes, withdrawn, ...nextHop && { nextHop } };
}
function multiprotocolParts(reach2, unreach, condemned) {
  const parts = [];
  const same = reach2?.family === unreach?.family;
  if (unreach && unreach.family !== "evpn" && unreach.family !== "other" && !same) {
    parts.push(unicastPart(unreach.family, NO_ROUTES, unreach, void 0, condemned));
  }
  if (reach2 && reach2.family !== "evpn" && reach2.family !== "other") {
    const withdrawals = same && unreach && unreach.family === reach2.family ? unreach : NO_ROUTES;
    parts.push(unicastPart(reach2.family, reach2, withdrawals, reach2.nextHop, condemned));
  }
  return parts;
}
function missingAttributes({ attributes, faults }, { internal }, classic) {
  const wanted = [
    ["ORIGIN", AttributeCode.ORIGIN, attributes.origin],
    ["AS_PATH", AttributeCode.AS_PATH, attributes.asPath],
    ...internal ? [["LOCAL_PREF", AttributeCode.LOCAL_PREF, attributes.localPref]] : [],
    // Of routes in the classic field only (RFC 4760 section 3).
    ...classic ? [["NEXT_HOP", AttributeCode.NEXT_HOP, attributes.nextHop]] : []
  ];
  return wanted.filter(([, code, value]) => value === void 0 && faults.every(({ attribute }) => attribute !== code)).map(([name]) => withdrawing(UpdateSubcode.MISSING_WELL_KNOWN_ATTRIBUTE, `${name} is missing`));
}
function nextHopsOf({ mpReach, nextHop }, announces) {
  const mp = announces.mp && mpReach && mpReach.family !== "other" ? mpReach : void 0;
  return [
    ...mp ? [mp.family === "evpn" ? mp.nextHop : mp.nextHop.address] : [],
    ...announces.classic && nextHop ? [nextHop] : []
  ];
}
function classicNextHop({ nextHop }) {
  return nextHop && { address: nextHop };
}
function unusable(nextHop) {
  return `next hop ${nextHop} is not a unicast address`;
}
function isImpossibleRoute({ subcode, attribute }) {
  return subcode === UpdateSubcode.INVALID_NETWORK_FIELD && attribute === void 0;
}
function withdrawing(subcode, reason) {
  return { severity: "treat-as-withdraw", subcode, attribute: void 0, reason, data: NO_DATA2 };
}
function worse(a, b) {
  return a && RANK[a.severity] >= RANK[b.severity] ? a : b;
}
function reset(subcode, reason, data = NO_DATA2) {
  return { severity: "session-reset", subcode, data, reason };
}

// edge-agent/bgp/adj-rib-out.ts
var ATTRIBUTE_HEADER_OCTETS = 4;
var UPDATE_LENGTHS_OCTETS = 4;
var QUEUED_AHEAD = 4096;
var NO_OCTETS3 = new Uint8Array(0);
var EXTENDED_OPTIONAL = AttributeFlag.OPTIONAL | AttributeFlag.EXTENDED_LENGTH;
var AdjRibOut = class {
  #form;
  #maxMessageOctets;
  #sent = /* @__PURE__ */ new Map();
  #withdrawals = /* @__PURE__ */ new Map();
  #pending = /* @__PURE__ */ new Map();
  /** `#pending` by attributes: each group is packed together. */
  #groups = /* @__PURE__ */ new Map();
  /** What is left of the first table. */
  #first;
  #endOfRibDue = true;
  /** `first` is read as the peer takes it, and must show what changes meanwhile, as iterators of a Map do. */
  constructor(form, maxMessageOctets, first = []) {
    this.#form = form;
    this.#maxMessageOctets = maxMessageOctets;
    this.#first = first[Symbol.iterator]();
  }
  /** Routes that the peer was told. */
  get size() {
    return this.#sent.size;
  }
  /** The peer was sent everything, End-of-RIB included. */
  get told() {
    return !this.#first && !this.#endOfRibDue && this.#pending.size + this.#withdrawals.size === 0;
  }
  routes() {
    return this.#sent.values();
  }
  announce(route) {
    this.#unqueue(route.key);
    this.#withdrawals.delete(route.key);
    if (this.#sent.get(route.key) !== route) this.#queue(route);
  }
  withdraw(key) {
    this.#unqueue(key);
    const sent = this.#sent.get(key);
    if (sent) this.#withdrawals.set(key, sent);
  }
  /** The peer asked for everything again (RFC 2918 section 4). */
  resendAll() {
    for (const [key, route] of this.#sent)
      if (!this.#withdrawals.has(key) && !this.#pending.has(key)) this.#queue(route);
  }
  /** The next UPDATE, which counts as sent; undefined when the peer knows everything. */
  nextMessage() {
    if (this.#withdrawals.size > 0) return this.#nextWithdrawal();
    this.#readOn();
    for (const [key, group] of this.#groups) return this.#nextAnnouncement(key, group);
    if (!this.#endOfRibDue) return void 0;
    this.#endOfRibDue = false;
    return encodeMessage({ type: "UPDATE", body: encodeEndOfRib(this.#form.family) });
  }
  /** Keeps so much of the first table queued that messages are full, and not all of it, so that the first leaves at once. */
  #readOn() {
    if (!this.#first || this.#pending.size >= QUEUED_AHEAD) return;
    for (let i = 0; i < QUEUED_AHEAD; i++) {
      const next = this.#first.next();
      if (next.done) {
        this.#first = void 0;
        return;
      }
      this.announce(next.value);
    }
  }
  #nextWithdrawal() {
    const room = this.#maxMessageOctets - HEADER_OCTETS - UPDATE_LENGTHS_OCTETS - ATTRIBUTE_HEADER_OCTETS - 3;
    const packed = take2(this.#withdrawals.values(), room);
    for (const { key } of packed) {
      this.#withdrawals.delete(key);
      this.#sent.delete(key);
    }
    const [first] = packed;
    if (first && !this.#form.nextHop(first)) return classicUpdate(concatenate(packed), NO_OCTETS3, NO_OCTETS3);
    const value = familyOctets(this.#form.family).octets(concatenate(packed));
    return update(AttributeCode.MP_UNREACH_NLRI, value.finish(), NO_OCTETS3);
  }
  #nextAnnouncement(attributesKey, group) {
    const [first] = group;
    if (!first) throw new Error("an empty group of routes was left queued");
    const path = this.#form.path(first);
    const nextHop = this.#form.nextHop(first);
    const reach2 = nextHop ? ATTRIBUTE_HEADER_OCTETS + 5 + nextHop.length : 0;
    const overhead = HEADER_OCTETS + UPDATE_LENGTHS_OCTETS + reach2 + path.length;
    const packed = take2(group.values(), this.#maxMessageOctets - overhead);
    for (const route of packed) {
      group.delete(route);
      this.#pending.delete(route.key);
      this.#sent.set(route.key, route);
    }
    if (group.size === 0) this.#groups.delete(attributesKey);
    if (!nextHop) return classicUpdate(NO_OCTETS3, path, concatenate(packed));
    const value = familyOctets(this.#form.family).u8(nextHop.length).octets(nextHop).u8(0);
    return update(AttributeCode.MP_REACH_NLRI, value.octets(concatenate(packed)).finish(), path);
  }
  #queue(route) {
    this.#pending.set(route.key, route);
    const group = this.#groups.get(route.attributesKey);
    if (group) group.add(route);
    else this.#groups.set(route.attributesKey, /* @__PURE__ */ new Set([route]));
  }
  #unqueue(key) {
    const queued = this.#pending.get(key);
    if (!queued) return;
    this.#pending.delete(key);
    const group = this.#groups.get(queued.attributesKey);
    group?.delete(queued);
    if (group?.size === 0) this.#groups.delete(queued.attributesKey);
  }
};
function take2(routes, room) {
  const taken = [];
  let octets = 0;
  for (const route of routes) {
    octets += route.nlri.length;
    if (octets > room && taken.length > 0) break;
    taken.push(route);
  }
  return taken;
}
function concatenate(routes) {
  const octets = new Writer(4096);
  for (const { nlri } of routes) octets.octets(nlri);
  return octets.finish();
}
function familyOctets(family) {
  const { afi, safi } = FAMILIES[family];
  return new Writer(4096).u16(afi).u8(safi);
}
function classicUpdate(withdrawn, path, nlri) {
  const body = new Writer(withdrawn.length + path.length + nlri.length + UPDATE_LENGTHS_OCTETS);
  body.u16(withdrawn.length).octets(withdrawn).u16(path.length).octets(path).octets(nlri);
  return encodeMessage({ type: "UPDATE", body: body.finish() });
}
function update(code, value, path) {
  const length = ATTRIBUTE_HEADER_OCTETS + value.length + path.length;
  const body = new Writer(length + UPDATE_LENGTHS_OCTETS).u16(0).u16(length);
  body.u8(EXTENDED_OPTIONAL).u8(code).u16(value.length).octets(value).octets(path);
  return encodeMessage({ type: "UPDATE", body: body.finish() });
}

// edge-agent/bgp/export-form.ts
function evpnForm(context) {
  return { family: "evpn", path: (route) => encodePath(route, context), nextHop: encodeNextHop2 };
}
function preparePrefix(prefix) {
  return { key: prefix, nlri: encodePrefix(prefix), attributesKey: "", prefix };
}
function unicastForm(family, context, nextHop) {
  const { internal, asn, asOctets, role } = context;
  const classic = family === "ipv4-unicast" && isIpv4(nextHop.address) ? nextHop.address : void 0;
  const asPath = internal ? [] : [{ type: "sequence", asns: [asn] }];
  const downwards = !internal && (role === "provider" || role === "rs" || role === "peer");
  const attributes = {
    origin: "igp",
    asPath,
    ...classic !== void 0 && { nextHop: classic },
    ...internal && { localPref: LOCAL_PREF },
    ...!internal && asOctets === 2 && asn > 65535 && { as4Path: asPath },
    ...downwards && { onlyToCustomer: asn }
  };
  const path = encodeAttributes(attributes, context);
  const field = encodeNextHop(nextHop);
  return { family, path: () => path, nextHop: () => classic === void 0 ? field : void 0 };
}
function nextHopSelf(family, local, { extendedNextHop: extendedNextHop2 }) {
  if (local === void 0) return void 0;
  if (isIpv4(local)) return family === "ipv4-unicast" ? { address: local } : void 0;
  if (family === "ipv4-unicast" && !extendedNextHop2) return void 0;
  return isLinkLocal(local) ? { address: local, linkLocal: local } : { address: local };
}

// edge-agent/bgp/retention.ts
function longLivedLimitSec(configured, family) {
  if (!configured?.families.includes(family)) return 0;
  return configured.maximumSec ?? Number.POSITIVE_INFINITY;
}
function retention(reason, family, peer, { keepMs, longLivedSec }) {
  if (reason.kind === "stopped") return void 0;
  if (reason.kind !== "connection" && isFinal(reason.notification)) return void 0;
  const covered = restartOf2(family, peer);
  const longLivedMs = Math.min(covered?.longLivedSec ?? 0, longLivedSec) * 1e3;
  if (!peer || !covered || !(covered.graceful || longLivedMs > 0)) {
    return keepMs > 0 ? { keepMs, longLivedMs: 0, asked: false } : void 0;
  }
  return { keepMs: covered.graceful ? peer.timeSec * 1e3 : 0, longLivedMs, asked: true };
}
function forwardingLost(family, before, now) {
  const [was, is] = [restartOf2(family, before), restartOf2(family, now)];
  return {
    restarting: was?.graceful === true && !(is?.graceful && is.preserved),
    longLived: was !== void 0 && is?.longLivedPreserved !== true
  };
}
function restartOf2(family, peer) {
  return peer?.families.find((it) => it.family === family);
}
var FINAL = [
  CeaseSubcode.MAXIMUM_PREFIXES,
  CeaseSubcode.ADMINISTRATIVE_SHUTDOWN,
  CeaseSubcode.PEER_DECONFIGURED,
  CeaseSubcode.HARD_RESET
];
function isFinal({ code, subcode }) {
  return code === ErrorCode.CEASE && FINAL.includes(subcode);
}

// edge-agent/bgp/stale-routes.ts
var StaleRoutes = class {
  #clock;
  #table;
  #changed;
  #up = false;
  /** Stale routes of earlier generations are long-lived. */
  #longLivedBelow = 0;
  /** A session was lost, and the peer has not said all of it again. */
  #incomplete = false;
  #cancelRestart;
  #cancelLongLived;
  /** The long-lived time ended while the peer was saying all of it again. */
  #longLivedOver = false;
  /** `changed` hears of what the table did by time. */
  constructor(clock2, table2, changed) {
    this.#clock = clock2;
    this.#table = table2;
    this.#changed = changed;
  }
  /**
   * A session is lost, of which everything is about to become stale: what of `kept` is granted. What is stale already, from the
   * session before, goes: the peer had its chance (RFC 4724 4.2). With a long-lived time it stays until that is over, and if it
   * is over, nothing is granted any more (RFC 9494 4.2).
   */
  lost(kept) {
    this.#up = false;
    if (!kept || this.#longLivedOver) return void 0;
    if (kept.asked && kept.longLivedMs === 0 && this.#incomplete) this.#sweep({ from: this.#longLivedBelow });
    this.#incomplete = true;
    return kept;
  }
  /** Starts the restart time anew; what is long-lived already is not concerned. */
  keep({ keepMs, longLivedMs }) {
    this.#cancelRestart?.();
    this.#cancelRestart = void 0;
    if (keepMs > 0) this.#cancelRestart = this.#clock.setTimer(keepMs, () => this.#restartTimeOver(longLivedMs));
    else this.#restartTimeOver(longLivedMs);
  }
  /** The peer has a session again, and says what it still forwards for. */
  returned({ restarting, longLived: longLived3 }) {
    this.#up = true;
    if (restarting) this.#sweep({ from: this.#longLivedBelow });
    if (longLived3) this.#sweep({ below: this.#longLivedBelow });
  }
  sweep() {
    this.cancel();
    this.#incomplete = false;
    this.#longLivedOver = false;
    this.#sweep({});
  }
  cancel() {
    this.#cancelRestart?.();
    this.#cancelRestart = void 0;
    this.#cancelLongLived?.();
    this.#cancelLongLived = void 0;
  }
  #restartTimeOver(longLivedMs) {
    this.#cancelRestart = void 0;
    if (longLivedMs === 0) return this.#sweep({ from: this.#longLivedBelow });
    this.#longLivedBelow = this.#table.generation;
    this.#table.beginLongLived();
    this.#changed();
    this.#cancelLongLived ??= longTimer(this.#clock, longLivedMs, () => this.#longLivedTimeOver());
  }
  /** While the peer has a session, it may still lose it before End-of-RIB: see `lost`. */
  #longLivedTimeOver() {
    this.cancel();
    this.#longLivedOver = this.#up;
    this.#sweep({});
  }
  #sweep(generations) {
    this.#table.sweepStale(generations);
    this.#changed();
  }
};

// edge-agent/bgp/family-ribs.ts
var DEFAULT_WARN_PERCENT = 75;
var FamilyRibs = class {
  family;
  #table;
  #options;
  #on;
  #stale;
  #up;
  #warnedOfRoutes = false;
  constructor(family, table2, options, on) {
    this.family = family;
    this.#table = table2;
    this.#options = options;
    this.#on = on;
    this.#stale = new StaleRoutes(options.clock, table2, () => on.changed());
  }
  /** Of the session; undefined without one that agreed on the family. */
  get agreed() {
    return this.#up?.agreed;
  }
  summary() {
    const { size, staleCount, rejected } = this.#table;
    return {
      family: this.family,
      agreed: this.#up !== void 0,
      routesIn: size,
      staleRoutes: staleCount,
      routesOut: this.#up?.ribOut.size ?? 0,
      told: this.#up?.ribOut.told ?? false,
      rejected: Object.fromEntries(rejected)
    };
  }
  /** The family is agreed on a session that is Established. `before`: what the peer said of restarts on the last one. */
  up(session, agreed, ribOut, before) {
    this.#up = { session, agreed, ribOut, refresh: "none" };
    this.#stale.returned(forwardingLost(this.family, before, agreed.peerRestart));
    if (this.#table.staleCount > 0) this.#keepForRefresh();
  }
  /** The session is over, or the new one is without the family: routes are kept for as long as `reason` lets them. */
  down(reason, restart) {
    this.#up = void 0;
    const { staleMs, longLived: longLived3 } = this.#options;
    const limits = { keepMs: staleMs, longLivedSec: longLivedLimitSec(longLived3, this.family) };
    const kept = this.#stale.lost(retention(reason, this.family, restart, limits));
    this.#table.markStale();
    if (kept) this.#stale.keep(kept);
    else this.#stale.sweep();
  }
  /** The peer does not offer the family any more (RFC 4724 4.2: then nothing of it is kept). */
  notAgreed() {
    this.#table.markStale();
    this.#stale.sweep();
  }
  close() {
    this.#up = void 0;
    this.#stale.cancel();
    this.#table.clear();
  }
  /** After the table took in what an UPDATE announced. */
  learned() {
    const maximum = this.#options.maximum();
    if (maximum) this.#limitRoutes(maximum);
  }
  endOfRib() {
    this.#stale.sweep();
    this.#on.endOfRib();
  }
  /** Asks the peer to send everything again, or starts a new session where it cannot (RFC 2918 section 1). */
  requestRoutes() {
    if (!this.#up) return;
    const { session, agreed } = this.#up;
    if (agreed.routeRefresh) session.send(refreshMessage(this.family, RefreshSubtype.REQUEST));
    else session.dispatch({ type: "AutomaticStop", subcode: CeaseSubcode.ADMINISTRATIVE_RESET });
  }
  /** A ROUTE-REFRESH of the family. */
  routeRefresh(subtype) {
    if (!this.#up) return;
    const marks = this.#up.agreed.enhancedRouteRefresh;
    if (subtype === RefreshSubtype.REQUEST) this.#up.refresh = "asked";
    else if (marks && subtype === RefreshSubtype.BEGIN) {
      this.#table.markStale();
      this.#keepForRefresh();
    } else if (marks && subtype === RefreshSubtype.END) {
      this.#stale.sweep();
    }
  }
  /** The next message to be sent, which counts as sent. */
  nextMessage() {
    return this.#up && (this.#up.ribOut.nextMessage() ?? nextRefreshMessage(this.family, this.#up));
  }
  #keepForRefresh() {
    this.#stale.keep({ keepMs: Math.max(this.#options.staleMs, REFRESH_MS), longLivedMs: 0 });
  }
  /** Counts what is held: routes that policy keeps out take no memory (RFC 4486 section 4, first item). */
  #limitRoutes({ limit, warnPercent = DEFAULT_WARN_PERCENT, restartAfterSec }) {
    const held = this.#table.size;
    const many = held >= limit * warnPercent / 100;
    if (many && !this.#warnedOfRoutes) this.#on.manyRoutes(`${held} routes are held, the limit is ${limit}`);
    this.#warnedOfRoutes = many;
    if (held <= limit) return;
    const { afi, safi } = FAMILIES[this.family];
    const data = new Writer(7).u16(afi).u8(safi).u32(limit).finish();
    const plain = { code: ErrorCode.CEASE, subcode: CeaseSubcode.MAXIMUM_PREFIXES, data };
    this.#up?.session.dispatch({
      type: "AutomaticStop",
      ...this.#up.agreed.peerRestart?.notification ? hardReset(plain) : plain,
      reason: `more than ${limit} routes`,
      restMs: restartAfterSec === void 0 ? "for good" : restartAfterSec * 1e3
    });
  }
};
var REFRESH_MS = 6e4;
function nextRefreshMessage(family, up) {
  if (up.refresh === "none") return void 0;
  const marks = up.agreed.enhancedRouteRefresh;
  const ends = up.refresh === "marked";
  up.refresh = marks && !ends ? "marked" : "none";
  if (!ends) up.ribOut.resendAll();
  if (!marks) return up.ribOut.nextMessage();
  return refreshMessage(family, ends ? RefreshSubtype.END : RefreshSubtype.BEGIN);
}
function refreshMessage(family, subtype) {
  const { afi, safi } = FAMILIES[family];
  return encodeMessage({ type: "ROUTE-REFRESH", afi, safi, subtype });
}

// edge-agent/bgp/path-information.ts
function pathInformation(attributes) {
  const { mpReach, extCommunities = [], asPath = [], as4Path } = attributes;
  if (mpReach?.family !== "evpn") return void 0;
  const path = as4Path ? mergeAs4Path(asPath, as4Path) : asPath;
  const mobility = extCommunities.find((it) => it.kind === "mac-mobility");
  const routerMac2 = extCommunities.find((it) => it.kind === "router-mac");
  const arpNd = extCommunities.find((it) => it.kind === "arp-nd");
  const esiLabel = extCommunities.find((it) => it.kind === "esi-label");
  return {
    nextHop: mpReach.nextHop,
    routeTargets: extCommunities.flatMap((it) => it.kind === "route-target" ? [it.target] : []),
    mobility: mobility && { sequence: mobility.sequence, sticky: mobility.sticky },
    encapsulations: extCommunities.flatMap((it) => it.kind === "encapsulation" ? [it.tunnelType] : []),
    routerMac: routerMac2?.mac,
    defaultGateway: extCommunities.some((it) => it.kind === "default-gateway"),
    arpNd: arpNd && { router: arpNd.router, override: arpNd.override, immutable: arpNd.immutable },
    esiLabel: esiLabel && { singleActive: esiLabel.singleActive, label: esiLabel.label },
    multicastFlags: extCommunities.find((it) => it.kind === "multicast-flags")?.flags,
    pmsi: attributes.pmsi,
    asPath: path.flatMap((segment) => segment.asns),
    origin: attributes.origin ?? "incomplete",
    localPref: attributes.localPref,
    med: attributes.med,
    originatorId: attributes.originatorId,
    ...longLived2(attributes)
  };
}
function longLived2({ communities }) {
  if (!communities) return {};
  return {
    ...communities.includes(Community.LLGR_STALE) && { llgrStale: true },
    ...communities.includes(Community.NO_LLGR) && { noLlgr: true }
  };
}

// edge-agent/bgp/unicast-rib-in.ts
import { isDeepStrictEqual as isDeepStrictEqual2 } from "node:util";
var UnicastRibIn = class {
  family;
  #routes = /* @__PURE__ */ new Map();
  #rejected = /* @__PURE__ */ new Map();
  #generation = 0;
  #changed = false;
  constructor(family) {
    this.family = family;
  }
  get size() {
    return this.#routes.size;
  }
  /** Counts how often everything became stale. */
  get generation() {
    return this.#generation;
  }
  get staleCount() {
    return this.#held(({ generation }) => generation !== this.#generation).length;
  }
  /** Routes kept out since the start, by reason. */
  get rejected() {
    return this.#rejected;
  }
  routes({ peer, peerAsn, peerRouterId, internal, interface: link3 }) {
    const { family } = this;
    const from = { family, peer, peerAsn, peerRouterId, internal, ...link3 !== void 0 && { interface: link3 } };
    return Array.from(this.#routes, ([prefix, { path, generation }]) => ({
      ...path,
      ...from,
      prefix,
      stale: generation !== this.#generation
    }));
  }
  /** True if anything changed since the last call. */
  takeChanged() {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }
  /** Withdrawals first: an UPDATE that withdraws and announces a route announces it (RFC 4271 4.3). */
  apply(update2, path, source, policy) {
    for (const prefix of update2.withdrawn) this.#remove(prefix);
    if (!path) return;
    for (const prefix of update2.announced) {
      const rejected = rejection2(prefix, path, source, policy);
      if (rejected) this.#rejected.set(rejected, (this.#rejected.get(rejected) ?? 0) + 1);
      if (rejected) this.#remove(prefix);
      else this.#put(prefix, path);
    }
  }
  markStale() {
    this.#generation++;
    if (this.#routes.size > 0) this.#changed = true;
  }
  /** Removes what was not announced again, of generations `from` to `below`; default all. */
  sweepStale({ from = 0, below = this.#generation } = {}) {
    const stale = ({ generation: of }) => of !== this.#generation && of >= from && of < below;
    for (const prefix of this.#held(stale)) this.#remove(prefix);
  }
  /** Attaches LLGR_STALE to what is stale, and removes what must not be kept so long (RFC 9494 4.2). */
  beginLongLived() {
    for (const [prefix, held] of this.#routes) {
      if (held.generation === this.#generation) continue;
      if (held.path.noLlgr) this.#remove(prefix);
      else this.#routes.set(prefix, { ...held, path: { ...held.path, llgrStale: true } });
      this.#changed = true;
    }
  }
  /** Removes what a changed policy no longer lets in. */
  refilter(source, policy) {
    for (const [prefix, { path }] of this.#routes) {
      if (rejection2(prefix, path, source, policy)) this.#remove(prefix);
    }
  }
  clear() {
    for (const prefix of this.#routes.keys()) this.#remove(prefix);
  }
  #put(prefix, path) {
    const held = this.#routes.get(prefix);
    if (held?.generation === this.#generation && isDeepStrictEqual2(held.path, path)) return;
    this.#routes.set(prefix, { path, generation: this.#generation });
    this.#changed = true;
  }
  #remove(prefix) {
    if (this.#routes.delete(prefix)) this.#changed = true;
  }
  #held(condition) {
    return Array.from(this.#routes).flatMap(([prefix, held]) => condition(held) ? [prefix] : []);
  }
};
function rejection2(prefix, path, source, policy) {
  const { address, linkLocal } = path.nextHop;
  if (path.originatorId === source.routerId) return "originated-here";
  if (path.asPath.includes(source.asn)) return "as-loop";
  if (source.ownAddresses.has(address) || linkLocal && source.ownAddresses.has(linkLocal)) return "own-next-hop";
  if (isLeak(path, source)) return "route-leak";
  if (isLinkLocal(address) && source.interface === void 0) return "next-hop-off-link";
  return policy.refuse(prefix, path.nextHop, { external: !source.internal });
}
function isLeak({ onlyToCustomer }, { role, peerAsn, internal }) {
  if (onlyToCustomer === void 0 || role === void 0 || internal) return false;
  if (role === "provider" || role === "rs") return true;
  return role === "peer" && onlyToCustomer !== peerAsn;
}

// edge-agent/bgp/unicast-route.ts
function unicastPath(attributes, nextHop) {
  const { asPath = [], as4Path, clusterList = [] } = attributes;
  const path = as4Path ? mergeAs4Path(asPath, as4Path) : asPath;
  return {
    nextHop,
    asPath: path.flatMap((segment) => segment.asns),
    asPathLength: path.reduce((length, segment) => length + segmentLength(segment), 0),
    origin: attributes.origin ?? "incomplete",
    localPref: attributes.localPref,
    med: attributes.med,
    originatorId: attributes.originatorId,
    clusterListLength: clusterList.length,
    onlyToCustomer: attributes.onlyToCustomer,
    ...longLived2(attributes)
  };
}
function segmentLength({ type, asns }) {
  return type === "set" ? 1 : asns.length;
}

// edge-agent/bgp/unicast-ribs.ts
var UnicastRibs = class {
  family;
  upkeep;
  #shared;
  #ribIn;
  /** Undefined without a session, or where our end of it is no next hop for the family. */
  #ribOut;
  /** Why nothing can be announced. */
  #note;
  /** Stale routes of a peer that promised nothing are not kept: what would go on forwarding may be a dead router. */
  constructor(family, config, shared, on) {
    const ribIn = new UnicastRibIn(family);
    const { clock: clock2, policy } = shared;
    const table2 = {
      get size() {
        return ribIn.size;
      },
      get staleCount() {
        return ribIn.staleCount;
      },
      rejected: ribIn.rejected,
      get generation() {
        return ribIn.generation;
      },
      markStale: () => ribIn.markStale(),
      sweepStale: (generations) => ribIn.sweepStale(generations),
      beginLongLived: () => ribIn.beginLongLived(),
      clear: () => ribIn.clear()
    };
    const maximum = () => policy().maximumRoutes ?? config.maximumRoutes;
    this.family = family;
    const options = { clock: clock2, staleMs: 0, maximum, longLived: config.longLived };
    this.upkeep = new FamilyRibs(family, table2, options, on);
    this.#shared = shared;
    this.#ribIn = ribIn;
  }
  routes() {
    return this.#ribIn.routes(this.#shared.source());
  }
  /** What the peer was told. */
  told() {
    return Array.from(this.#ribOut?.routes() ?? [], ({ prefix }) => prefix);
  }
  summary() {
    return { ...this.upkeep.summary(), ...this.#note !== void 0 && { note: this.#note } };
  }
  /** True if the routes held have changed since the last call. */
  takeChanged() {
    return this.#ribIn.takeChanged();
  }
  /** The family is agreed on a session that is Established. */
  up(session, agreed, context, before) {
    const { family } = this;
    const nextHop = nextHopSelf(family, session.localAddress, agreed);
    const { role, routerId } = this.#shared.source();
    const form = unicastForm(family, { ...context, role }, nextHop ?? { address: routerId });
    const ribOut = new AdjRibOut(form, agreed.maxMessageOctets, nextHop ? this.#announced() : []);
    this.#ribOut = nextHop && ribOut;
    this.#note = nextHop ? void 0 : `nothing can be announced: ${whyNoNextHop(family, session.localAddress)}`;
    this.upkeep.up(session, agreed, ribOut, before);
  }
  /** The session is over; what becomes of the routes held is the upkeep's. */
  sessionEnded() {
    this.#ribOut = void 0;
    this.#note = void 0;
  }
  /** Takes in what an UPDATE says of the family. */
  update(part, attributes) {
    const path = part.nextHop && unicastPath(attributes, part.nextHop);
    this.#ribIn.apply(part, path, this.#shared.source(), this.#shared.policy());
    this.upkeep.learned();
  }
  /** Drops what policy no longer lets in, and announces what it says now. */
  policyChanged(changed) {
    if (changed.accepts) this.#ribIn.refilter(this.#shared.source(), this.#shared.policy());
    const ribOut = this.#ribOut;
    if (!ribOut) return;
    const wanted = this.#announced();
    for (const { key } of ribOut.routes()) if (!wanted.some((route) => route.key === key)) ribOut.withdraw(key);
    const told = new Set(this.told());
    for (const route of wanted) if (!told.has(route.key)) ribOut.announce(route);
  }
  #announced() {
    const { announce: announce2 } = this.#shared.policy();
    return announce2.filter((prefix) => prefixFamily(prefix) === this.family).map(preparePrefix);
  }
};
function whyNoNextHop(family, local) {
  if (family === "ipv6-unicast") return "IPv6 routes need a session over IPv6";
  return local === void 0 ? "our end of the session is not known" : "the peer takes no IPv6 next hops (RFC 8950)";
}

// edge-agent/bgp/peer-ribs.ts
var PeerRibs = class {
  #config;
  #local;
  #shared;
  #on;
  #ribIn;
  #evpn;
  #unicast;
  #ribOut;
  #session;
  #far;
  #routeSource;
  /** What the peer said of its restarts on the last session. */
  #peerRestart;
  /** Not yet told. */
  #changes = [];
  constructor(config, local, shared, on) {
    this.#config = config;
    this.#local = local;
    this.#shared = shared;
    this.#on = on;
    const { families = DEFAULT_FAMILIES } = config;
    const internal = isInternal(config.asn, local.asn);
    const asn = typeof config.asn === "number" ? config.asn : internal ? local.asn : 0;
    this.#far = { asn, routerId: "0.0.0.0", internal };
    this.#routeSource = { peer: peerKeyOf(config), peerAsn: asn, generation: 0 };
    this.#ribIn = new AdjRibIn(this.#routeSource);
    this.#evpn = this.#evpnRibs();
    const unicast = {
      clock: shared.clock,
      policy: shared.policy,
      source: () => this.#source()
    };
    this.#unicast = families.flatMap(
      (family) => family === "evpn" ? [] : [new UnicastRibs(family, config, unicast, this.#listenerOf(family))]
    );
  }
  get ribIn() {
    return this.#ribIn;
  }
  /** The EVPN routes that the peer was told; undefined without a session. */
  get ribOut() {
    return this.#ribOut;
  }
  /** What the peer said of its restarts on the last session. */
  get peerRestart() {
    return this.#peerRestart;
  }
  /** As the peer said last; undefined if it never did, and is not configured. */
  get peerAsn() {
    return this.#far.asn === 0 ? void 0 : this.#far.asn;
  }
  unicastIn() {
    return this.#unicast.flatMap((ribs) => ribs.routes());
  }
  /** The unicast prefixes that the peer was told. */
  unicastOut() {
    return this.#unicast.flatMap((ribs) => ribs.told());
  }
  /** The families that the peer is offered, in order. */
  summaries() {
    const evpn = this.#offers("evpn") ? [this.#evpn] : [];
    return [...evpn, ...this.#unicast].map((ribs) => ribs.summary());
  }
  /** `session` is Established. */
  up(session, agreed) {
    const { internal, asOctets, maxMessageOctets, peerAsn, peerRouterId } = agreed;
    const context = { asn: this.#local.asn, internal, asOctets };
    const before = this.#peerRestart;
    this.#session = session;
    this.#peerRestart = agreed.peerRestart;
    this.#far = { asn: peerAsn, routerId: peerRouterId, internal };
    this.#routeSource.peerAsn = peerAsn;
    for (const upkeep of this.#upkeeps()) if (!agreed.families.includes(upkeep.family)) upkeep.notAgreed();
    for (const ribs of this.#unicast) {
      if (agreed.families.includes(ribs.family)) ribs.up(session, agreed, context, before);
    }
    if (agreed.families.includes("evpn")) {
      this.#ribOut = new AdjRibOut(evpnForm(context), maxMessageOctets, this.#shared.exports());
      this.#evpn.up(session, agreed, this.#ribOut, before);
    }
    this.tell();
    this.pump();
  }
  /** The session is over: its routes are kept for as long as `reason` lets them. */
  down(reason) {
    this.#forgetSession();
    for (const upkeep of this.#upkeeps()) upkeep.down(reason, this.#peerRestart);
    this.tell();
  }
  /** The peer is no more, and neither are its routes. */
  close() {
    this.#forgetSession();
    for (const upkeep of this.#upkeeps()) upkeep.close();
    this.tell();
  }
  /** The set of EVPN exports has changed by these. */
  exportsChanged(announce2, withdraw) {
    for (const key of withdraw) this.#ribOut?.withdraw(key);
    for (const route of announce2) this.#ribOut?.announce(route);
    this.pump();
  }
  /** The import policy of EVPN has changed: drops what is not wanted any more, and asks for what may be wanted now. */
  importsChanged() {
    this.#ribIn.refilter(this.#policy(), this.#changes);
    this.tell();
    this.#evpn.requestRoutes();
  }
  /** The policy of the unicast families has changed, in what it lets in or in what is announced. */
  unicastPolicyChanged(changed) {
    for (const ribs of this.#unicast) ribs.policyChanged(changed);
    this.tell();
    this.pump();
    if (changed.accepts) for (const { upkeep } of this.#unicast) upkeep.requestRoutes();
  }
  /** Its changes are told with those of the same read: with `tell`. */
  update(update2) {
    const { attributes, announced, withdrawn, unicast, endOfRib: endOfRib2 } = update2;
    if (announced.length + withdrawn.length > 0) {
      this.#ribIn.apply(update2, pathInformation(attributes), this.#policy(), this.#changes);
      this.#evpn.learned();
    }
    for (const part of unicast) {
      this.#unicast.find(({ family }) => family === part.family)?.update(part, attributes);
    }
    if (endOfRib2 === void 0) return;
    for (const upkeep of this.#upkeeps()) if (upkeep.family === endOfRib2) upkeep.endOfRib();
  }
  /** Tells what has changed since the last time. */
  tell() {
    const changed = this.#unicast.filter((ribs) => ribs.takeChanged());
    if (changed.length > 0) this.#on.unicast();
    if (this.#changes.length === 0) return;
    const changes2 = this.#changes;
    this.#changes = [];
    this.#on.routes(changes2);
  }
  routeRefresh({ afi, safi, subtype }) {
    const family = familyOf(afi, safi);
    for (const upkeep of this.#upkeeps()) if (upkeep.family === family) upkeep.routeRefresh(subtype);
    this.pump();
  }
  /** Sends while the connection takes it: the underlay first, which is small and carries the overlay. */
  pump() {
    while (this.#session?.writable) {
      let message;
      for (const { upkeep } of this.#unicast) message ??= upkeep.nextMessage();
      message ??= this.#evpn.nextMessage();
      if (!message) return;
      this.#session.send(message);
    }
  }
  #offers(family) {
    return (this.#config.families ?? DEFAULT_FAMILIES).includes(family);
  }
  /** Of the families that the peer is offered. */
  #upkeeps() {
    return [...this.#offers("evpn") ? [this.#evpn] : [], ...this.#unicast.map(({ upkeep }) => upkeep)];
  }
  #forgetSession() {
    this.#session = void 0;
    this.#ribOut = void 0;
    for (const ribs of this.#unicast) ribs.sessionEnded();
  }
  #evpnRibs() {
    const ribIn = this.#ribIn;
    const { clock: clock2, staleMs } = this.#shared;
    const table2 = {
      get size() {
        return ribIn.size;
      },
      get staleCount() {
        return ribIn.staleCount;
      },
      rejected: ribIn.rejected,
      get generation() {
        return ribIn.generation;
      },
      markStale: () => ribIn.markStale(),
      sweepStale: (generations) => ribIn.sweepStale(this.#changes, generations),
      beginLongLived: () => ribIn.beginLongLived(this.#changes),
      clear: () => ribIn.clear(this.#changes)
    };
    const { maximumRoutes, longLived: longLived3 } = this.#config;
    const options = { clock: clock2, staleMs, maximum: () => maximumRoutes, longLived: longLived3 };
    return new FamilyRibs("evpn", table2, options, this.#listenerOf("evpn"));
  }
  #listenerOf(family) {
    return {
      changed: () => this.tell(),
      endOfRib: () => {
        this.tell();
        this.#on.endOfRib(family);
      },
      manyRoutes: (detail) => this.#on.manyRoutes(detail)
    };
  }
  #policy() {
    const { asn, routerId } = this.#local;
    return { asn, routerId, ownAddresses: this.#ownAddresses(), accept: this.#shared.accept() };
  }
  #source() {
    const { asn, routerId } = this.#local;
    const { interface: link3, role } = this.#config;
    const far = {
      peer: peerKeyOf(this.#config),
      peerAsn: this.#far.asn,
      peerRouterId: this.#far.routerId,
      internal: this.#far.internal
    };
    return { ...far, interface: link3, role, asn, routerId, ownAddresses: this.#ownAddresses() };
  }
  #ownAddresses() {
    const { ownAddresses } = this.#local;
    const local = this.#session?.localAddress;
    return local ? /* @__PURE__ */ new Set([...ownAddresses, local]) : ownAddresses;
  }
};

// edge-agent/bgp/fsm.ts
var INITIAL_STATE = { name: "Idle", connectRetryCounter: 0 };
var OPEN_HOLD_MS = 24e4;
var NO_DATA3 = new Uint8Array(0);
var NO_ANSWER = { kind: "connection", reason: "no answer" };
function step(state, event, config) {
  switch (state.name) {
    case "Idle":
      return idle(state, event, config);
    case "Connect":
    case "Active":
      return connecting(state, event, config);
    case "OpenSent":
      return openSent(state, event, config);
    case "OpenConfirm":
      return openConfirm(state, event, config);
    case "Established":
      return established(state, event, config);
    default:
      return assertNever(state);
  }
}
function idle(state, event, config) {
  switch (event.type) {
    case "ManualStart":
      return start(0, config);
    case "AutomaticStart":
    case "IdleHoldTimer_Expires":
      return start(state.connectRetryCounter, config);
    case "ManualStop":
      return { state: INITIAL_STATE, actions: [{ type: "stop-timer", timer: "IdleHoldTimer" }] };
    case "OpenCollisionDump":
      return { state, actions: [{ type: "stop-timer", timer: "IdleHoldTimer" }] };
    default:
      return stay(state);
  }
}
function connecting(state, event, config) {
  switch (event.type) {
    case "ManualStart":
    case "AutomaticStart":
      return stay(state);
    case "ManualStop":
      return toIdle(state, { kind: "stopped" }, config);
    case "OpenCollisionDump":
      return toIdle(state, { kind: "stopped" }, config, { restart: false });
    case "ConnectRetryTimer_Expires":
      if (config.role === "passive") return stay(state);
      return {
        state: { name: "Connect", connectRetryCounter: state.connectRetryCounter },
        actions: [
          { type: "close-connection" },
          ...state.name === "Connect" ? [{ type: "session-down", reason: NO_ANSWER }] : [],
          connectRetry(config),
          { type: "connect" }
        ]
      };
    case "Tcp_CR_Acked":
    case "TcpConnectionConfirmed":
      return {
        state: { name: "OpenSent", connectRetryCounter: state.connectRetryCounter },
        actions: [
          { type: "stop-timer", timer: "ConnectRetryTimer" },
          { type: "send-open" },
          { type: "start-timer", timer: "HoldTimer", afterMs: OPEN_HOLD_MS, jitter: false }
        ]
      };
    case "TcpConnectionFails":
      return toIdle(state, { kind: "connection", reason: event.reason }, config);
    case "NotifMsgVerErr":
    case "NotifMsg":
      return fail(state, { kind: "received", notification: event.notification }, config);
    default:
      return fail(state, { kind: "connection", reason: `${event.type} in ${state.name}` }, config);
  }
}
function openSent(state, event, config) {
  switch (event.type) {
    case "TcpConnectionFails":
      return {
        state: { name: "Active", connectRetryCounter: state.connectRetryCounter },
        actions: [
          { type: "close-connection" },
          { type: "stop-timer", timer: "HoldTimer" },
          ...config.role === "active" ? [connectRetry(config)] : [],
          { type: "session-down", reason: { kind: "connection", reason: event.reason } }
        ]
      };
    case "BGPOpen": {
      const { agreed } = event;
      return {
        state: { name: "OpenConfirm", connectRetryCounter: state.connectRetryCounter, agreed },
        actions: [
          { type: "stop-timer", timer: "ConnectRetryTimer" },
          { type: "send-keepalive" },
          ...agreed.holdTimeSec > 0 ? [keepaliveTimer(agreed, config), holdTimer(agreed)] : [{ type: "stop-timer", timer: "HoldTimer" }]
        ]
      };
    }
    default:
      return openedSession(state, event, config, FsmSubcode.IN_OPEN_SENT);
  }
}
function openConfirm(state, event, config) {
  const { agreed, connectRetryCounter } = state;
  switch (event.type) {
    case "KeepaliveTimer_Expires":
      return { state, actions: [{ type: "send-keepalive" }, ...withHoldTime(agreed, keepaliveTimer(agreed, config))] };
    case "KeepAliveMsg":
      return {
        state: { name: "Established", connectRetryCounter, agreed },
        actions: withHoldTime(agreed, holdTimer(agreed))
      };
    default:
      return openedSession(state, event, config, FsmSubcode.IN_OPEN_CONFIRM);
  }
}
function established(state, event, config) {
  const { agreed } = state;
  switch (event.type) {
    case "KeepaliveTimer_Expires":
      return {
        state: { ...state, connectRetryCounter: 0 },
        actions: [{ type: "send-keepalive" }, ...withHoldTime(agreed, keepaliveTimer(agreed, config))]
      };
    case "KeepAliveMsg":
      return { state, actions: withHoldTime(agreed, holdTimer(agreed)) };
    case "UpdateMsg":
      return {
        state,
        actions: [...withHoldTime(agreed, holdTimer(agreed)), { type: "accept-update", update: event.update }]
      };
    case "RouteRefreshMsg": {
      const { afi, safi, subtype } = event;
      return {
        state,
        actions: [...withHoldTime(agreed, holdTimer(agreed)), { type: "accept-route-refresh", afi, safi, subtype }]
      };
    }
    case "UpdateMsgErr":
    case "RouteRefreshMsgErr":
      return notify(state, event.notification, event.reason, config);
    default:
      return openedSession(state, event, config, FsmSubcode.IN_ESTABLISHED);
  }
}
function openedSession(state, event, config, unexpected) {
  switch (event.type) {
    case "ManualStart":
    case "AutomaticStart":
      return stay(state);
    case "ManualStop": {
      const { subcode = CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, data = NO_DATA3, quiet } = event;
      const notification = { code: ErrorCode.CEASE, subcode, data };
      const idle2 = toIdle(state, { kind: "stopped" }, config);
      if (quiet) return idle2;
      return { ...idle2, actions: [{ type: "send-notification", notification }, ...idle2.actions] };
    }
    case "AutomaticStop": {
      const { subcode, data = NO_DATA3, reason = "stopped by the speaker", restMs } = event;
      const notification = { code: ErrorCode.CEASE, subcode, data };
      return notify(state, notification, reason, config, restMs);
    }
    case "HoldTimer_Expires":
      return notify(state, { code: ErrorCode.HOLD_TIMER_EXPIRED, subcode: 0, data: NO_DATA3 }, "peer is silent", config);
    case "BGPHeaderErr":
    case "BGPOpenMsgErr":
      return notify(state, event.notification, event.reason, config);
    case "OpenCollisionDump": {
      const notification = cease(CeaseSubcode.CONNECTION_COLLISION);
      const reason = { kind: "sent", notification, reason: "another connection to this peer stays" };
      const idle2 = toIdle(state, reason, config, { restart: false });
      return { ...idle2, actions: [{ type: "send-notification", notification }, ...idle2.actions] };
    }
    case "TcpConnectionFails":
      return fail(state, { kind: "connection", reason: event.reason }, config);
    case "NotifMsgVerErr":
    case "NotifMsg":
      return fail(state, { kind: "received", notification: event.notification }, config);
    case "Tcp_CR_Acked":
    case "TcpConnectionConfirmed":
      return stay(state);
    // a second connection is a second machine
    case "ConnectRetryTimer_Expires":
    case "IdleHoldTimer_Expires":
    case "KeepaliveTimer_Expires":
    case "BGPOpen":
    case "KeepAliveMsg":
    case "UpdateMsg":
    case "UpdateMsgErr":
    case "RouteRefreshMsg":
    case "RouteRefreshMsgErr": {
      const notification = { code: ErrorCode.FINITE_STATE_MACHINE, subcode: unexpected, data: NO_DATA3 };
      return notify(state, notification, `${event.type} in ${state.name}`, config);
    }
    default:
      return assertNever(event);
  }
}
function start(connectRetryCounter, config) {
  const stop = { type: "stop-timer", timer: "IdleHoldTimer" };
  if (config.role === "passive") return { state: { name: "Active", connectRetryCounter }, actions: [stop] };
  return {
    state: { name: "Connect", connectRetryCounter },
    actions: [stop, connectRetry(config), { type: "connect" }]
  };
}
function notify(state, notification, reason, config, restMs) {
  const failed = fail(state, { kind: "sent", notification, reason }, config, restMs);
  return { ...failed, actions: [{ type: "send-notification", notification }, ...failed.actions] };
}
function fail(state, reason, config, restMs) {
  const failed = { ...state, connectRetryCounter: state.connectRetryCounter + 1 };
  return toIdle(failed, reason, config, {
    restart: restMs !== "for good",
    ...typeof restMs === "number" && { restMs }
  });
}
function toIdle(state, reason, config, { restart = true, restMs } = {}) {
  const connectRetryCounter = reason.kind === "stopped" && restart ? 0 : state.connectRetryCounter;
  const restarts = restart && reason.kind !== "stopped" && config.role === "active";
  const doublings = Math.min(20, Math.max(0, connectRetryCounter - 1));
  const afterMs = restMs ?? Math.min(config.idleHoldMaxMs, config.idleHoldMs * 2 ** doublings);
  return {
    state: { name: "Idle", connectRetryCounter },
    actions: [
      { type: "close-connection" },
      { type: "stop-timer", timer: "ConnectRetryTimer" },
      { type: "stop-timer", timer: "HoldTimer" },
      { type: "stop-timer", timer: "KeepaliveTimer" },
      restarts ? { type: "start-timer", timer: "IdleHoldTimer", afterMs, jitter: restMs === void 0 } : { type: "stop-timer", timer: "IdleHoldTimer" },
      { type: "session-down", reason }
    ]
  };
}
function stay(state) {
  return { state, actions: [] };
}
function cease(subcode) {
  return { code: ErrorCode.CEASE, subcode, data: NO_DATA3 };
}
function connectRetry(config) {
  return { type: "start-timer", timer: "ConnectRetryTimer", afterMs: config.connectRetryMs, jitter: true };
}
function holdTimer(agreed) {
  return { type: "start-timer", timer: "HoldTimer", afterMs: agreed.holdTimeSec * 1e3, jitter: false };
}
function keepaliveTimer(agreed, { keepaliveMs = Number.POSITIVE_INFINITY }) {
  const afterMs = Math.min(keepaliveMs, agreed.holdTimeSec * 1e3 / 3);
  return { type: "start-timer", timer: "KeepaliveTimer", afterMs, jitter: true };
}
function withHoldTime(agreed, timer) {
  return agreed.holdTimeSec > 0 ? [timer] : [];
}

// edge-agent/bgp/session-timers.ts
var SessionTimers = class {
  #deps;
  #expired;
  #running = /* @__PURE__ */ new Map();
  constructor(deps, expired) {
    this.#deps = deps;
    this.#expired = expired;
  }
  /** Starts or restarts. Jitter shortens to between three quarters and the whole (RFC 4271 section 10). */
  start({ timer, afterMs, jitter }) {
    this.stop(timer);
    const delayMs = jitter ? afterMs * (0.75 + 0.25 * this.#deps.random()) : afterMs;
    const cancel = this.#deps.clock.setTimer(delayMs, () => {
      this.#running.delete(timer);
      this.#expired(timer);
    });
    this.#running.set(timer, cancel);
  }
  stop(timer) {
    this.#running.get(timer)?.();
    this.#running.delete(timer);
  }
};

// edge-agent/bgp/wire/framer.ts
var EMPTY2 = new Uint8Array(0);
var Framer = class {
  #pending = EMPTY2;
  #maxOctets = MAX_MESSAGE_OCTETS;
  #failed = false;
  /** Takes effect with the next message: for RFC 8654, once both OPENs are known. */
  set maxOctets(octets) {
    this.#maxOctets = octets;
  }
  /**
   * Hands every complete message of what has arrived so far to `message`, as a view that is valid only during the call;
   * `message` returns false to have the rest dropped. A header error goes to `error`, with the header's octets.
   */
  push(chunk, message, error2) {
    if (this.#failed) return;
    const octets = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk);
    let at = 0;
    while (octets.length - at >= HEADER_OCTETS) {
      const header = octets.subarray(at, at + HEADER_OCTETS);
      const length = checkHeader2(header, this.#maxOctets);
      if (typeof length !== "number") {
        this.#fail();
        error2(length, octets.subarray(at));
        return;
      }
      if (octets.length - at < length) break;
      if (!message(octets.subarray(at, at + length))) {
        this.#fail();
        return;
      }
      at += length;
    }
    this.#pending = octets.slice(at);
  }
  #fail() {
    this.#failed = true;
    this.#pending = EMPTY2;
  }
};
function concat(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

// edge-agent/bgp/session.ts
var HEX_EXCERPT_OCTETS = 128;
var MARKER_OCTETS = 16;
var REFRESH_OCTETS = 23;
var NO_OCTETS4 = new Uint8Array(0);
var Session = class {
  #deps;
  #config;
  #on;
  #timers;
  #queue = [];
  #running = false;
  #state = INITIAL_STATE;
  #connection;
  #framer = new Framer();
  #writable = false;
  /** Of the connection closed last: why the peer may not have been heard. */
  #hint;
  #counters = { messagesIn: 0, messagesOut: 0 };
  /** Of the present connection, for the observer. */
  #opens = { sent: NO_OCTETS4, received: NO_OCTETS4 };
  constructor(deps, config, on) {
    this.#deps = deps;
    this.#config = config;
    this.#on = on;
    this.#timers = new SessionTimers(deps, (timer) => this.dispatch({ type: `${timer}_Expires` }));
  }
  get state() {
    return this.#state;
  }
  get counters() {
    return this.#counters;
  }
  get localAddress() {
    return this.#connection?.localAddress;
  }
  /** Why the peer may not be heard. */
  get hint() {
    return this.#connection?.hint?.();
  }
  /** False while the connection has enough to send. */
  get writable() {
    return this.#writable;
  }
  /** Feeds an event; events that arise meanwhile wait their turn. */
  dispatch(event) {
    this.#queue.push(event);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#take(next);
    } finally {
      this.#running = false;
    }
  }
  /** Takes over a connection that the peer opened; undefined if it cannot be protected as the peer wants it. */
  adopt(connection) {
    const { hopLimit } = this.#config.peer;
    const unlimited = hopLimit && (connection.limitHops ? connection.limitHops(hopLimit) : "not supported");
    if (unlimited !== void 0) return void 0;
    this.dispatch({ type: "AutomaticStart" });
    this.#open(connection);
    const handlers2 = this.#handlersOf(() => connection);
    handlers2.connected();
    return handlers2;
  }
  /** Sends a whole message; only in Established. */
  send(octets) {
    if (!this.#connection) return;
    this.#counters.messagesOut++;
    this.#writable = this.#connection.write(octets);
  }
  #take(event) {
    const before = this.#state;
    const { state, actions } = step(before, event, this.#config.fsm);
    this.#state = state;
    let reason;
    for (const action of actions) {
      if (action.type === "session-down") reason = withHint(action.reason, this.#hint);
      else this.#perform(action);
    }
    this.#observe(before, state, reason);
    if (state.name !== before.name || reason) this.#on.changed(state, reason);
  }
  #observe(before, state, reason) {
    const { observer } = this.#deps;
    if (!observer || before.name === state.name) return;
    const { key, address } = this.#config.peer;
    if (before.name === "Established") observer.down(key, reason ?? { kind: "stopped" });
    if (state.name !== "Established") return;
    observer.established(key, {
      remoteAddress: address,
      agreed: state.agreed,
      localAddress: this.#connection?.localAddress,
      localPort: this.#connection?.localPort,
      remotePort: this.#connection?.remotePort,
      sentOpen: this.#opens.sent,
      receivedOpen: this.#opens.received,
      requestRoutes: () => this.#requestRoutes()
    });
  }
  #requestRoutes() {
    if (this.#state.name !== "Established" || !this.#state.agreed.routeRefresh) return;
    for (const name of this.#state.agreed.families) {
      const { afi, safi } = FAMILIES[name];
      this.#sendMessage({ type: "ROUTE-REFRESH", afi, safi, subtype: RefreshSubtype.REQUEST });
    }
  }
  #perform(action) {
    switch (action.type) {
      case "connect":
        return this.#connect();
      case "send-open":
        this.#opens.sent = encodeMessage({
          type: "OPEN",
          open: localOpen(this.#config.local(), this.#config.peer.asn)
        });
        return this.send(this.#opens.sent);
      case "send-keepalive":
        return this.#sendMessage({ type: "KEEPALIVE" });
      case "send-notification":
        return this.#sendMessage({ type: "NOTIFICATION", notification: action.notification });
      case "close-connection":
        return this.#close();
      case "start-timer":
        return this.#timers.start(action);
      case "stop-timer":
        return this.#timers.stop(action.timer);
      case "accept-update":
        return this.#on.update(action.update);
      case "accept-route-refresh":
        return this.#on.routeRefresh(action);
      default:
        return assertNever(action);
    }
  }
  #connect() {
    const { address, port, localAddress, interface: link3, hopLimit } = this.#config.peer;
    let connection;
    const handlers2 = this.#handlersOf(() => connection);
    connection = this.#deps.transport.connect({ address, port, localAddress, interface: link3, hopLimit }, handlers2);
    this.#open(connection);
  }
  #open(connection) {
    this.#connection = connection;
    this.#framer = new Framer();
    this.#writable = true;
  }
  #close() {
    this.#hint = this.#connection?.hint?.();
    this.#connection?.close();
    this.#connection = void 0;
    this.#writable = false;
  }
  /** Handlers that fall silent when the session has moved on to another connection, or to none. */
  #handlersOf(connection) {
    const current = () => this.#connection !== void 0 && this.#connection === connection();
    return {
      connected: () => {
        if (current())
          this.dispatch({ type: this.#config.fsm.role === "active" ? "Tcp_CR_Acked" : "TcpConnectionConfirmed" });
      },
      data: (octets) => {
        if (!current()) return;
        this.#framer.push(
          octets,
          (message) => {
            this.#receive(message);
            return current();
          },
          (error2, rest) => {
            this.#report(error2, rest);
            this.dispatch({ type: "BGPHeaderErr", notification: error2.error, reason: error2.reason });
          }
        );
        this.#on.readEnd();
      },
      drained: () => {
        if (!current()) return;
        this.#writable = true;
        this.#on.drained();
      },
      closed: (reason) => {
        if (current()) this.dispatch({ type: "TcpConnectionFails", reason });
      }
    };
  }
  #receive(octets) {
    this.#counters.messagesIn++;
    const message = decodeMessage(octets);
    if ("error" in message) {
      this.#report(message, octets);
      const type = message.error.code === ErrorCode.OPEN_MESSAGE ? "BGPOpenMsgErr" : "BGPHeaderErr";
      return this.dispatch({ type, notification: message.error, reason: message.reason });
    }
    switch (message.type) {
      case "OPEN": {
        this.#opens.received = octets.slice();
        const agreed = negotiate(this.#config.local(), this.#config.peer.asn, message.open);
        if ("error" in agreed) {
          this.#report(agreed, octets);
          return this.dispatch({ type: "BGPOpenMsgErr", notification: agreed.error, reason: agreed.reason });
        }
        if (this.#state.name === "OpenSent") this.#framer.maxOctets = agreed.maxMessageOctets;
        return this.dispatch({ type: "BGPOpen", agreed });
      }
      case "KEEPALIVE":
        return this.dispatch({ type: "KeepAliveMsg" });
      case "NOTIFICATION": {
        const { notification } = message;
        return this.dispatch({ type: isVersionError(notification) ? "NotifMsgVerErr" : "NotifMsg", notification });
      }
      case "ROUTE-REFRESH":
        return this.#receiveRefresh(message, octets);
      case "UPDATE":
        return this.#receiveUpdate(message.body, octets);
      default:
        return assertNever(message);
    }
  }
  #receiveRefresh({ afi, safi, subtype }, octets) {
    const enhanced = "agreed" in this.#state && this.#state.agreed.enhancedRouteRefresh;
    if (enhanced && subtype !== RefreshSubtype.REQUEST && octets.length !== REFRESH_OCTETS) {
      const subcode = RefreshSubcode.INVALID_MESSAGE_LENGTH;
      const notification = { code: ErrorCode.ROUTE_REFRESH, subcode, data: octets.slice() };
      const reason = `ROUTE-REFRESH of ${octets.length} octets`;
      this.#report({ error: notification, reason }, octets);
      return this.dispatch({ type: "RouteRefreshMsgErr", notification, reason });
    }
    this.dispatch({ type: "RouteRefreshMsg", afi, safi, subtype });
  }
  #receiveUpdate(body, octets) {
    const agreed = "agreed" in this.#state ? this.#state.agreed : void 0;
    const update2 = decodeUpdate(body, updateContext(agreed));
    if (update2.severity === "session-reset") {
      const notification = { code: ErrorCode.UPDATE_MESSAGE, subcode: update2.subcode, data: update2.data };
      this.#report({ error: notification, reason: update2.reason }, octets);
      return this.dispatch({ type: "UpdateMsgErr", notification, reason: update2.reason });
    }
    const worst = update2.faults.find(({ severity }) => severity === update2.severity);
    if (worst) {
      const reason = update2.faults.map((fault) => fault.reason).join("; ");
      const hex2 = toHex(octets.subarray(MARKER_OCTETS), HEX_EXCERPT_OCTETS);
      const { severity, subcode } = worst;
      this.#on.malformed({ severity, code: ErrorCode.UPDATE_MESSAGE, subcode, reason, hex: hex2 });
    }
    if (this.#state.name === "Established") {
      this.#deps.observer?.update(this.#config.peer.key, octets, update2);
    }
    this.dispatch({ type: "UpdateMsg", update: update2 });
  }
  #report({ error: error2, reason }, octets) {
    const { code, subcode } = error2;
    const shown = code === ErrorCode.MESSAGE_HEADER ? octets : octets.subarray(MARKER_OCTETS);
    this.#on.malformed({ severity: "session-reset", code, subcode, reason, hex: toHex(shown, HEX_EXCERPT_OCTETS) });
  }
  #sendMessage(message) {
    this.send(encodeMessage(message));
  }
};
function updateContext(agreed) {
  const { asOctets = 4, internal = false, families = DEFAULT_FAMILIES } = agreed ?? {};
  return { asOctets, internal, families };
}
function withHint(reason, hint) {
  const silence = reason.kind === "connection" ? reason.reason === NO_ANSWER.reason : isHoldTimerExpired(reason);
  return hint !== void 0 && silence && "reason" in reason ? { ...reason, reason: `${reason.reason}; ${hint}` } : reason;
}
function isHoldTimerExpired(reason) {
  return reason.kind === "sent" && reason.notification.code === ErrorCode.HOLD_TIMER_EXPIRED;
}
function isVersionError({ code, subcode }) {
  return code === ErrorCode.OPEN_MESSAGE && subcode === OpenSubcode.UNSUPPORTED_VERSION;
}

// edge-agent/bgp/session-settings.ts
var CONNECT_RETRY_MS = 1e3;
var IDLE_HOLD_MS = 800;
var IDLE_HOLD_MAX_MS = 3e4;
var MAX_TTL = 255;
function fsmConfigOf({ connectRetrySec, keepaliveTimeSec }, role) {
  return {
    role,
    connectRetryMs: connectRetrySec === void 0 ? CONNECT_RETRY_MS : connectRetrySec * 1e3,
    idleHoldMs: connectRetrySec === void 0 ? IDLE_HOLD_MS : connectRetrySec * 1e3,
    idleHoldMaxMs: Math.max(IDLE_HOLD_MAX_MS, (connectRetrySec ?? 0) * 1e3),
    keepaliveMs: keepaliveTimeSec === void 0 ? void 0 : keepaliveTimeSec * 1e3
  };
}
function hopLimitOf({ multihop, ttlSecurityHops }) {
  if (ttlSecurityHops !== void 0) return { ttl: MAX_TTL, minTtl: MAX_TTL + 1 - ttlSecurityHops };
  return multihop === void 0 ? void 0 : { ttl: multihop };
}

// edge-agent/bgp/peer.ts
var DEFAULT_HOLD_TIME_SEC = 90;
var COLLISION_MS = 5e3;
var NO_DATA4 = new Uint8Array(0);
var PROGRESS = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
var OPEN_SENT = PROGRESS.indexOf("OpenSent");
var Peer = class {
  config;
  #local;
  #shared;
  #on;
  #ribs;
  #outgoing;
  #wait;
  #incoming;
  /** The one in Established. */
  #established;
  #agreed;
  /** What the listener last heard. */
  #said = 0;
  #saidDetail;
  #shown;
  #sessions = 0;
  #malformed = { "attribute-discard": 0, "treat-as-withdraw": 0, "session-reset": 0 };
  #messages = { in: 0, out: 0 };
  #closed = false;
  /** Our own session rests in Idle because the peer's was preferred. */
  #parked = false;
  constructor(config, local, shared, on) {
    this.config = config;
    this.#local = local;
    this.#shared = shared;
    this.#on = on;
    this.#ribs = new PeerRibs(config, local, shared, on);
    this.#shown = { state: "Idle", sinceMs: shared.clock.wallMs() };
    if (config.shutdown) this.#shown = { ...this.#shown, lastError: describeShutdown(config.shutdown) };
    this.#outgoing = this.#newSession("active");
    this.#wait = new PassiveWait(shared.clock, shared.transport, (hint) => this.#unheard(hint));
  }
  start() {
    if (this.config.shutdown) return;
    if (this.config.passive) this.#wait.begin();
    else this.#outgoing.dispatch({ type: "ManualStart" });
  }
  /**
   * Ends the sessions and forgets the peer's routes. The peer is told why, and that our routes are not to be kept (RFC
   * 8538 section 4), unless `subcode` is of a passing kind; `reason` goes with an administrative shutdown (RFC 9003).
   */
  stop(subcode, reason) {
    const data = reason === void 0 ? NO_DATA4 : encodeShutdownCommunication(reason);
    const plain = { code: ErrorCode.CEASE, subcode, data };
    const hard = this.#established && this.#ribs.peerRestart?.notification && subcode !== CeaseSubcode.OTHER_CONFIGURATION_CHANGE;
    this.#stop({ type: "ManualStop", ...hard ? hardReset(plain) : plain });
  }
  /** Ends the sessions without a word, so that a peer with graceful restart keeps our routes; others are told. */
  leave() {
    const quiet = this.#shared.restart !== void 0 && this.#agreed?.peerRestart !== void 0;
    this.#stop({ type: "ManualStop", quiet });
  }
  #stop(event) {
    this.#closed = true;
    this.#wait.end();
    for (const session of [this.#outgoing, this.#incoming]) session?.dispatch(event);
    this.#ribs.close();
  }
  /** A connection that the peer opened; undefined if it is not wanted. */
  accept(connection) {
    if (this.#closed || this.config.shutdown || connection.interface !== this.config.interface) return void 0;
    const upForMs = this.#shared.clock.wallMs() - this.#shown.sinceMs;
    if (this.#restarts && upForMs >= COLLISION_MS) {
      this.#established?.dispatch({ type: "TcpConnectionFails", reason: "the peer has restarted and connected anew" });
    }
    if (this.#established) {
      const notification = {
        code: ErrorCode.CEASE,
        subcode: CeaseSubcode.CONNECTION_COLLISION,
        data: NO_DATA4
      };
      connection.write(encodeMessage({ type: "NOTIFICATION", notification }));
      connection.close();
      return void 0;
    }
    this.#incoming?.dispatch({ type: "OpenCollisionDump" });
    const incoming = this.#newSession("passive");
    this.#incoming = incoming;
    const handlers2 = incoming.adopt(connection);
    if (!handlers2) this.#incoming = void 0;
    return handlers2;
  }
  /** The link to the peer is gone: no need to wait for the hold time (as FRR's fast external failover). */
  linkDown(reason) {
    for (const session of [this.#outgoing, this.#incoming]) session?.dispatch({ type: "TcpConnectionFails", reason });
  }
  /** The peer does graceful restart, of at least one family. */
  get #restarts() {
    return (this.#ribs.peerRestart?.families.length ?? 0) > 0;
  }
  /** As configured, or as the peer said last. */
  get #asn() {
    const { asn } = this.config;
    if (typeof asn === "number") return asn;
    return asn === "internal" ? this.#local.asn : this.#ribs.peerAsn;
  }
  get ribs() {
    return this.#ribs;
  }
  summary() {
    const families = this.#ribs.summaries();
    const total = (count2) => families.reduce((sum, it) => sum + count2(it), 0);
    const { state, sinceMs, lastError = this.#established ? void 0 : this.#outgoing.hint } = this.#shown;
    const agreed = this.#established && this.#agreed;
    const localAddress = this.#established?.localAddress;
    const live = [this.#outgoing, this.#incoming].map((session) => session?.counters);
    return {
      peer: peerKeyOf(this.config),
      address: this.config.address,
      asn: this.#asn,
      state,
      sinceMs,
      families,
      routesIn: total((it) => it.routesIn),
      staleRoutes: total((it) => it.staleRoutes),
      routesOut: total((it) => it.routesOut),
      rejected: sumOf(families.map((it) => it.rejected)),
      messagesIn: live.reduce((sum, it) => sum + (it?.messagesIn ?? 0), this.#messages.in),
      messagesOut: live.reduce((sum, it) => sum + (it?.messagesOut ?? 0), this.#messages.out),
      malformed: { ...this.#malformed },
      sessions: this.#sessions,
      ...agreed && {
        peerRouterId: agreed.peerRouterId,
        ...agreed.peerHostName !== void 0 && { peerHostName: agreed.peerHostName },
        holdTimeSec: agreed.holdTimeSec,
        capabilities: agreed.peerCapabilities
      },
      ...localAddress && { localAddress },
      ...lastError !== void 0 && { lastError }
    };
  }
  #newSession(role) {
    const { address, asn, port = BGP_PORT, localAddress, interface: link3 } = this.config;
    const handlers2 = {
      changed: (state, reason) => this.#changed(session, state, reason),
      update: (update2) => this.#ribs.update(update2),
      routeRefresh: (refresh) => this.#ribs.routeRefresh(refresh),
      malformed: (malformed) => {
        this.#malformed[malformed.severity]++;
        this.#on.malformed(malformed);
      },
      readEnd: () => this.#ribs.tell(),
      drained: () => this.#ribs.pump()
    };
    const key = peerKeyOf(this.config);
    const peer = { key, address, asn, port, localAddress, interface: link3, hopLimit: hopLimitOf(this.config) };
    const config = { local: () => this.#localEnd(), peer, fsm: fsmConfigOf(this.config, role) };
    const session = new Session(this.#shared, config, handlers2);
    return session;
  }
  #localEnd() {
    const { clock: clock2, restart, startedMs, hostName } = this.#shared;
    const { holdTimeSec = DEFAULT_HOLD_TIME_SEC, role, strictRole, families, longLived: longLived3 } = this.config;
    const first = this.#sessions === 0 && clock2.nowMs() - startedMs < (restart?.timeSec ?? 0) * 1e3;
    return {
      ...this.#local,
      holdTimeSec,
      families,
      role,
      strictRole,
      hostName,
      longLived: longLived3,
      restart: restart && {
        timeSec: restart.timeSec,
        restarted: first,
        preserved: restart.preserved || !first
      }
    };
  }
  #changed(session, state, reason) {
    if (reason) this.#down(session, reason);
    if (state.name === "OpenConfirm") this.#resolveCollision(session, state.agreed);
    else if (state.name === "Established" && this.#established !== session) this.#up(session, state.agreed);
    this.#show(reason);
  }
  #resolveCollision(session, agreed) {
    const other = session === this.#outgoing ? this.#incoming : this.#outgoing;
    if (other?.state.name === "Established") this.#dump(session);
    else if (other?.state.name === "OpenConfirm") {
      const survivor = survivingConnection(this.#local, agreed) === "ours" ? this.#outgoing : this.#incoming;
      this.#dump(session === survivor ? other : session);
    }
  }
  #dump(session) {
    if (session === this.#outgoing) this.#parked = true;
    session.dispatch({ type: "OpenCollisionDump" });
  }
  #up(session, agreed) {
    const other = session === this.#outgoing ? this.#incoming : this.#outgoing;
    this.#established = session;
    this.#agreed = agreed;
    this.#wait.end();
    this.#sessions++;
    if (other) this.#dump(other);
    this.#ribs.up(session, agreed);
  }
  #down(session, reason) {
    if (session === this.#incoming) {
      this.#incoming = void 0;
      this.#messages.in += session.counters.messagesIn;
      this.#messages.out += session.counters.messagesOut;
    }
    if (session === this.#established) {
      this.#established = void 0;
      this.#agreed = void 0;
      if (!this.#closed) this.#ribs.down(reason);
      if (!this.#closed && this.config.passive) this.#wait.begin();
    }
    if (session === this.#outgoing || !this.#parked || this.#closed) return;
    this.#parked = false;
    if (!this.config.passive) this.#outgoing.dispatch({ type: "AutomaticStart" });
  }
  /** A passive peer that does not come, and why. */
  #unheard(hint) {
    this.#shown = { ...this.#shown, lastError: hint };
    this.#saidDetail = hint;
    this.#on.state(this.#shown.state, hint);
  }
  /** What the peer was offered and does not offer, in words; undefined if there is nothing. */
  #missing() {
    const missing2 = this.#ribs.summaries().flatMap(({ family, agreed }) => agreed ? [] : [FAMILIES[family].title]);
    return missing2.length > 0 ? `without ${missing2.join(" and ")}, which the peer does not offer` : void 0;
  }
  #show(reason) {
    const names = [this.#outgoing.state.name, this.#incoming?.state.name ?? "Idle"];
    const state = names.reduce((a, b) => PROGRESS.indexOf(b) > PROGRESS.indexOf(a) ? b : a);
    const detail = reason && describeDown(reason);
    const lastError = reason?.kind === "stopped" ? this.#shown.lastError : detail ?? this.#shown.lastError;
    const changed = state !== this.#shown.state;
    const sinceMs = changed ? this.#shared.clock.wallMs() : this.#shown.sinceMs;
    this.#shown = { state, sinceMs, ...lastError !== void 0 && { lastError } };
    const worthSaying = changed && (PROGRESS.indexOf(state) >= OPEN_SENT || this.#said >= OPEN_SENT);
    if (!worthSaying && (detail === void 0 || detail === this.#saidDetail)) return;
    this.#said = PROGRESS.indexOf(state);
    if (detail !== void 0 || state === "Established") this.#saidDetail = detail;
    this.#on.state(state, detail ?? (state === "Established" ? this.#missing() : void 0));
  }
};
function sumOf(counts) {
  const sum = {};
  for (const [key, count2] of counts.flatMap((it) => Object.entries(it))) sum[key] = (sum[key] ?? 0) + count2;
  return sum;
}
function describeShutdown({ reason }) {
  return reason === void 0 ? "administratively shut down" : `administratively shut down: ${JSON.stringify(reason)}`;
}

// edge-agent/bgp/peer-slot.ts
var PeerSlot = class {
  /** Equal text: the session need not be disturbed. */
  fingerprint;
  #config;
  #make;
  #sinceMs;
  #peer;
  #watch;
  #trouble;
  constructor(config, fingerprint, wallMs, make) {
    this.#config = config;
    this.fingerprint = fingerprint;
    this.#sinceMs = wallMs;
    this.#make = make;
  }
  /** Undefined while its address is not known. */
  get peer() {
    return this.#peer;
  }
  start(discovery) {
    const { address, interface: link3 = "", shutdown } = this.#config;
    if (address !== void 0) this.#meet(address);
    else if (!discovery) this.#trouble = "peers cannot be found by their interface here";
    else if (!shutdown) {
      this.#trouble = `no router has been heard on ${link3}`;
      this.#watch = discovery.watch(link3, {
        found: (found) => this.#found(found),
        down: () => {
          this.#trouble = `${link3} is down`;
          this.#peer?.linkDown(this.#trouble);
        },
        failed: (reason) => this.#trouble = `${link3}: ${reason}`
      });
    }
  }
  /** A connection that the peer opened; on a link, whoever opens it has been found. */
  accept(connection) {
    if (connection.interface !== this.#config.interface || this.#config.shutdown) return void 0;
    if (this.#config.address === void 0) this.#found(connection.remoteAddress);
    if (this.#peer?.config.address !== connection.remoteAddress) return void 0;
    return this.#peer.accept(connection);
  }
  stop(subcode, reason) {
    this.#watch?.close();
    this.#peer?.stop(subcode, reason);
  }
  leave() {
    this.#watch?.close();
    this.#peer?.leave();
  }
  summary() {
    if (this.#peer) return this.#peer.summary();
    const { asn } = this.#config;
    return {
      peer: peerKeyOf(this.#config),
      address: void 0,
      asn: typeof asn === "number" ? asn : void 0,
      state: "Idle",
      sinceMs: this.#sinceMs,
      families: [],
      routesIn: 0,
      staleRoutes: 0,
      routesOut: 0,
      rejected: {},
      messagesIn: 0,
      messagesOut: 0,
      malformed: { "attribute-discard": 0, "treat-as-withdraw": 0, "session-reset": 0 },
      sessions: 0,
      ...this.#trouble !== void 0 && { lastError: this.#trouble }
    };
  }
  /** Another router on the link counts only once the session with the one before is down. */
  #found(address) {
    if (this.#peer?.config.address === address || this.#peer?.summary().state === "Established") return;
    this.#peer?.stop(CeaseSubcode.PEER_DECONFIGURED);
    this.#meet(address);
  }
  #meet(address) {
    this.#peer = this.#make({ ...this.#config, address });
    this.#peer.start();
  }
};

// edge-agent/bgp/speaker.ts
function createSpeaker(deps, on) {
  const peers = /* @__PURE__ */ new Map();
  const exports = new ExportSet();
  let accept = () => false;
  let policy = { refuse: () => "no-policy", announce: [] };
  const shared = {
    ...deps,
    startedMs: deps.clock.nowMs(),
    accept: () => accept,
    exports: () => exports.values(),
    policy: () => policy
  };
  const listener = deps.listen && deps.transport.listen(
    deps.listen,
    (connection) => peers.get(connection.interface ? connection.interface : connection.remoteAddress)?.accept(connection),
    (reason) => on.error({ kind: "listen-failed", detail: `cannot listen for BGP: ${reason}` })
  );
  function addPeer(config, speaker, fingerprint) {
    const { asn, routerId, ownAddresses = [] } = speaker;
    const key = peerKeyOf(config);
    const local = { asn, routerId, ownAddresses: /* @__PURE__ */ new Set([routerId, ...ownAddresses]) };
    const listener2 = {
      routes: (changes2) => on.routes(changes2),
      state: (state, detail) => on.session(key, state, detail),
      unicast: () => on.unicast?.(),
      endOfRib: (family) => on.endOfRib(key, family),
      manyRoutes: (detail) => on.error({ kind: "many-routes", peer: key, detail: `${key}: ${detail}` }),
      malformed: ({ reason, ...rest }) => {
        const detail = `${key}: ${reason} (${rest.code}/${rest.subcode}, ${rest.severity}): ${rest.hex}`;
        on.error({ kind: "malformed-message", peer: key, detail, ...rest });
      }
    };
    const make = (reachable) => new Peer(reachable, local, shared, listener2);
    const slot = new PeerSlot(config, fingerprint, deps.clock.wallMs(), make);
    peers.set(key, slot);
    slot.start(deps.discovery);
  }
  function removePeer(key, subcode, reason) {
    const slot = peers.get(key);
    peers.delete(key);
    slot?.stop(subcode, reason);
  }
  function tellExports({ announce: announce2, withdraw, unsendable }) {
    for (const { key, route } of unsendable) {
      const detail = `${key} with ${route.routeTargets.length} route targets does not fit an UPDATE`;
      on.error({ kind: "unsendable-route", detail });
    }
    if (announce2.length + withdraw.length === 0) return;
    for (const { peer } of peers.values()) peer?.ribs.exportsChanged(announce2, withdraw);
  }
  return {
    configure(config) {
      const wanted = new Map(config?.peers.map((peer) => [peerKeyOf(peer), peer]));
      for (const key of peers.keys()) if (!wanted.has(key)) removePeer(key, CeaseSubcode.PEER_DECONFIGURED);
      if (!config) return;
      for (const [key, peer] of wanted) {
        const fingerprint = fingerprintOf(peer, config);
        if (peers.get(key)?.fingerprint === fingerprint) continue;
        if (peer.shutdown) removePeer(key, CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, peer.shutdown.reason);
        else removePeer(key, CeaseSubcode.OTHER_CONFIGURATION_CHANGE);
        addPeer(peer, config, fingerprint);
      }
    },
    setExports: (routes) => tellExports(exports.replace(routes)),
    changeExports: (changes2) => tellExports(exports.change(changes2)),
    setImports(next) {
      accept = next;
      for (const { peer } of peers.values()) peer?.ribs.importsChanged();
    },
    setUnicastPolicy(next, changed) {
      policy = next;
      for (const { peer } of peers.values()) peer?.ribs.unicastPolicyChanged(changed);
    },
    hold: (on2) => deps.transport.hold?.(on2),
    summary: () => Array.from(peers.values(), (slot) => slot.summary()),
    ribIn: () => Array.from(peers.values()).flatMap(({ peer }) => [...peer?.ribs.ribIn.routes() ?? []]),
    unicastIn: () => Array.from(peers.values()).flatMap(({ peer }) => peer?.ribs.unicastIn() ?? []),
    unicastOut: (key) => peers.get(key)?.peer?.ribs.unicastOut() ?? [],
    ribOut: (key) => Array.from(peers.get(key)?.peer?.ribs.ribOut?.routes() ?? [], ({ route }) => route),
    close(purpose = "shutdown") {
      listener?.close();
      for (const [key, slot] of peers) {
        if (purpose === "restart") slot.leave();
        else slot.stop(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN);
        peers.delete(key);
      }
      return Promise.resolve();
    }
  };
}
function fingerprintOf(peer, { asn, routerId, ownAddresses }) {
  return JSON.stringify([asn, routerId, ownAddresses, Object.entries(peer).toSorted(([a], [b]) => a < b ? -1 : 1)]);
}

// edge-agent/bgp/transport.ts
import { createServer, Socket } from "node:net";

// edge-agent/bgp/transport-counters.ts
import { readFileSync } from "node:fs";
var DROPS = {
  TCPMD5NotFound: "without an MD5 signature",
  TCPMD5Unexpected: "with an MD5 signature though no key is configured",
  TCPMD5Failure: "with a wrong MD5 signature",
  TCPMinTTLDrop: "from more hops away than ttlSecurityHops allows"
};
function readDropCounters(path = "/proc/net/netstat") {
  let text;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  const [names = [], values = []] = text.split("\n").filter((line) => line.startsWith("TcpExt:")).map((line) => line.split(" "));
  return Object.fromEntries(Object.keys(DROPS).map((name) => [name, Number(values[names.indexOf(name)] ?? 0)]));
}
function describeDrops(before, after) {
  const risen = Object.entries(DROPS).filter(([name]) => (after[name] ?? 0) > (before[name] ?? 0));
  if (risen.length === 0) return void 0;
  return risen.map(([name, meaning]) => `the kernel drops segments ${meaning} (${name})`).join(", ");
}

// edge-agent/bgp/transport.ts
var LINGER_MS = 2e3;
var NO_CALLS = "TCP MD5 and hop limits need koffi, which could not be loaded";
var ANY = "::";
var MAX_TTL2 = 255;
function createTcpTransport(options = {}) {
  const { calls } = options;
  let md5Keys = options.md5Keys ?? /* @__PURE__ */ new Map();
  const listening = /* @__PURE__ */ new Map();
  const baselines = /* @__PURE__ */ new Map();
  const open = /* @__PURE__ */ new Set();
  let held = false;
  function track(socket) {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    if (held) socket.pause();
    return socket;
  }
  function hintsOf({ address, hopLimit }) {
    const checks = [
      ...md5Keys.has(address) ? ["is the TCP MD5 key the same on both ends?"] : [],
      ...hopLimit ? ["do both ends agree on the hops?"] : []
    ];
    const before = baselines.get(address) ?? readDropCounters();
    baselines.set(address, before);
    return () => describeDrops(before, readDropCounters()) ?? (checks.join(" ") || void 0);
  }
  function socketTo({ address, localAddress, hopLimit }) {
    const key = md5Keys.get(address);
    if (key === void 0 && !hopLimit) return new Socket();
    if (!calls) throw new Error(NO_CALLS);
    const fd = calls.open(address);
    try {
      if (hopLimit) calls.setHopLimit(fd, address, hopLimit);
      if (key !== void 0) calls.setMd5Key(fd, address, address, key);
      if (localAddress) calls.bind(fd, localAddress, 0);
      return new Socket({ fd });
    } catch (cause) {
      calls.close(fd);
      throw cause;
    }
  }
  function listenOn(server, { port, address }) {
    if (!calls) {
      if (md5Keys.size > 0) throw new Error(NO_CALLS);
      server.listen({ port, ...address && { host: address } });
      return;
    }
    const family = address ?? ANY;
    const fd = calls.open(family);
    try {
      calls.reuseAddress(fd);
      calls.setHopLimit(fd, family, { ttl: MAX_TTL2 });
      for (const [peer, key] of md5Keys) {
        if (isReachable(family, peer)) calls.setMd5Key(fd, family, peer, key);
      }
      calls.bind(fd, family, port);
      server.listen({ fd });
      listening.set(fd, family);
      server.once("close", () => listening.delete(fd));
    } catch (cause) {
      calls.close(fd);
      throw cause;
    }
  }
  return {
    setMd5Keys(keys) {
      const peers = /* @__PURE__ */ new Set([...md5Keys.keys(), ...keys.keys()]);
      for (const [fd, family] of listening) {
        for (const peer of peers) {
          if (!isReachable(family, peer) || keys.get(peer) === md5Keys.get(peer)) continue;
          calls?.setMd5Key(fd, family, peer, keys.get(peer) ?? "");
        }
      }
      md5Keys = keys;
    },
    connect(to, handlers2) {
      const hint = hintsOf(to);
      let socket;
      try {
        socket = track(socketTo(to));
      } catch (cause) {
        return failedConnection(to.address, cause.message, handlers2);
      }
      const { connection, attach: attach2 } = wrap(socket, to.address, { calls, hint });
      attach2(handlers2);
      socket.once("connect", () => baselines.delete(to.address));
      const bindTo = to.hopLimit || md5Keys.has(to.address) ? void 0 : to.localAddress;
      const host2 = to.interface === void 0 ? to.address : `${to.address}%${to.interface}`;
      socket.connect({ host: host2, port: to.port, ...bindTo && { localAddress: bindTo } });
      return connection;
    },
    listen(at, accept, failed) {
      const server = createServer((socket) => {
        const remoteAddress = addressOf(socket.remoteAddress);
        if (!remoteAddress) {
          socket.destroy();
          return;
        }
        const { connection, attach: attach2 } = wrap(track(socket), remoteAddress, { calls, hint: () => void 0 });
        const handlers2 = accept(connection);
        if (handlers2) attach2(handlers2);
        else connection.close();
      });
      server.on("error", (error2) => failed(error2.message));
      try {
        listenOn(server, at);
      } catch (cause) {
        setImmediate(() => failed(cause.message));
      }
      return { close: () => server.close() };
    },
    silence() {
      const before = readDropCounters();
      return () => describeDrops(before, readDropCounters());
    },
    hold(on) {
      held = on;
      for (const socket of open) {
        if (on) socket.pause();
        else socket.resume();
      }
    }
  };
}
function wrap(socket, remoteAddress, { calls, hint }) {
  let closed = false;
  let reason = "closed by the peer";
  socket.setNoDelay(true);
  socket.on("error", (error2) => {
    reason = error2.message;
  });
  const connection = {
    remoteAddress,
    hint,
    get localAddress() {
      return addressOf(socket.localAddress);
    },
    // Told by Node for link-local addresses only.
    interface: /%(.+)$/.exec(socket.remoteAddress ?? "")?.[1],
    get localPort() {
      return socket.localPort;
    },
    get remotePort() {
      return socket.remotePort;
    },
    write: (octets) => socket.write(octets),
    close() {
      if (closed) return;
      closed = true;
      if (socket.connecting) {
        socket.destroy();
        return;
      }
      socket.resume();
      socket.end();
      const cut = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => clearTimeout(cut));
    },
    limitHops: (limit) => limitHops(socket, calls, limit)
  };
  return {
    connection,
    attach(handlers2) {
      const unlessClosed = (act) => () => {
        if (!closed) act();
      };
      socket.once("connect", unlessClosed(handlers2.connected));
      socket.on("data", (octets) => {
        if (!closed) handlers2.data(octets);
      });
      socket.on("drain", unlessClosed(handlers2.drained));
      socket.once(
        "close",
        unlessClosed(() => handlers2.closed(reason))
      );
    }
  };
}
function failedConnection(remoteAddress, reason, handlers2) {
  let closed = false;
  setImmediate(() => {
    if (!closed) handlers2.closed(reason);
  });
  return {
    remoteAddress,
    localAddress: void 0,
    write: () => false,
    close: () => {
      closed = true;
    },
    limitHops: () => reason,
    hint: () => void 0
  };
}
function limitHops(socket, calls, limit) {
  const { fd } = Reflect.get(socket, "_handle") ?? {};
  const family = parseIp(socket.remoteFamily === "IPv6" ? "::" : "0.0.0.0");
  if (!calls) return NO_CALLS;
  if (fd === void 0 || fd < 0 || !family) return "the connection is gone";
  try {
    calls.setHopLimit(fd, family, limit);
    return void 0;
  } catch (cause) {
    return cause.message;
  }
}
function isReachable(family, peer) {
  return family === ANY || family.includes(":") === peer.includes(":");
}
function addressOf(text) {
  return text === void 0 ? void 0 : parseIp(text.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, ""));
}

// edge-agent/local/show-routers.ts
function routersView({ routers }) {
  return {
    routers: routers.map((each) => {
      const { intent, state, table: routes, report, allProblems } = each;
      const count2 = (source) => routes.routes.filter((route) => route.source === source).length;
      const clean = report?.verified && report.remaining.length + allProblems.length === 0;
      return {
        router: intent.id,
        tenant: intent.definition.tenant,
        vni: state.vni,
        vrf: vrfName(state.vni),
        networks: intent.networks.flatMap(({ id, here }) => here ? [id] : []),
        routed: intent.networks.flatMap(({ id, here }) => here ? [] : [id]),
        gateways: intent.networks.flatMap(
          ({ here, gateways }) => here ? gateways.map(({ ip: ip2, length }) => `${ip2}/${length}`) : []
        ),
        hosts: count2("intent"),
        statics: count2("static"),
        fabric: count2("fabric"),
        announced: each.announced.flatMap(
          ({ route, reason }) => !reason && route.nlri.type === "ip-prefix" ? [route.nlri.prefix] : []
        ),
        state: clean ? "live" : allProblems.length > 0 ? "degraded" : "applying",
        problems: allProblems
      };
    }),
    routes: routers.flatMap(({ intent, state, table: routes, report }) => {
      const answering = (vni) => report?.verified?.gateways.get(vni) ?? [];
      const connected = intent.networks.flatMap(
        ({ vni, here, subnets }) => here ? subnets.map((prefix) => ({
          router: intent.id,
          prefix,
          via: [bridgeName(vni)],
          source: "connected",
          inKernel: answering(vni).some((ip2) => prefixContains(prefix, ip2))
        })) : []
      );
      const others = routes.routes.map(({ prefix, source, hops: hops2 }) => ({
        router: intent.id,
        prefix,
        via: hops2.map((hop) => hopText(state.vni, hop)),
        source,
        inKernel: report?.verified?.routes.get(prefix)?.length === hops2.length
      }));
      return [...connected, ...others].sort((a, b) => a.prefix < b.prefix ? -1 : 1);
    })
  };
}
function hopText(vni, hop) {
  return hop.kind === "vtep" ? `${hop.vtep} dev ${vxlanName(vni)}` : `${hop.ip} dev ${bridgeName(hop.network)}`;
}

// edge-agent/log.ts
var KEEP3 = 50;
function createDiary(wallMs, write) {
  const counters = /* @__PURE__ */ new Map();
  const events = [];
  let listener;
  const line = (level, kind, detail) => write(`${new Date(wallMs()).toISOString()} ${level} ${kind}: ${detail}`);
  const count2 = (kind, by = 1) => void counters.set(kind, (counters.get(kind) ?? 0) + by);
  return {
    counters,
    count: count2,
    recent: () => events,
    onWarning(act) {
      listener = act;
    },
    info: (kind, detail) => line("info", kind, detail),
    warn(kind, detail) {
      count2(kind);
      events.push({ atMs: wallMs(), kind, detail: detail.slice(0, 500) });
      if (events.length > KEEP3) events.shift();
      line("warn", kind, detail);
      listener?.();
    }
  };
}

// edge-agent/netlink/kernel.ts
import { setImmediate as setImmediate4 } from "node:timers/promises";

// edge-agent/netlink/constants.ts
var NETLINK_ROUTE = 0;
var NLMSG_ERROR = 2;
var NLMSG_DONE = 3;
var RTM_NEWLINK = 16;
var RTM_DELLINK = 17;
var RTM_GETLINK = 18;
var RTM_NEWADDR = 20;
var RTM_DELADDR = 21;
var RTM_GETADDR = 22;
var RTM_NEWROUTE = 24;
var RTM_DELROUTE = 25;
var RTM_GETROUTE = 26;
var RTM_NEWNEIGH = 28;
var RTM_DELNEIGH = 29;
var RTM_GETNEIGH = 30;
var RTM_NEWRULE = 32;
var RTM_DELRULE = 33;
var RTM_GETRULE = 34;
var RTM_NEWNETCONF = 80;
var RTM_NEWNEXTHOP = 104;
var RTM_DELNEXTHOP = 105;
var RTM_GETNEXTHOP = 106;
var NLM_F_REQUEST = 1;
var NLM_F_ACK = 4;
var NLM_F_DUMP_INTR = 16;
var NLM_F_DUMP = 768;
var NLM_F_REPLACE = 256;
var NLM_F_EXCL = 512;
var NLM_F_BULK = 512;
var NLM_F_CREATE = 1024;
var NLM_F_APPEND = 2048;
var NLM_F_CAPPED = 256;
var NLM_F_ACK_TLVS = 512;
var NLMSGERR_ATTR_MSG = 1;
var NLA_F_NESTED = 32768;
var NLA_TYPE_MASK = 16383;
var AF_UNSPEC = 0;
var AF_INET = 2;
var AF_BRIDGE = 7;
var AF_INET6 = 10;
var AF_NETLINK = 16;
var IFF_UP = 1;
var IFF_LOOPBACK = 8;
var IFLA_ADDRESS = 1;
var IFLA_IFNAME = 3;
var IFLA_MTU = 4;
var IFLA_MASTER = 10;
var IFLA_LINKINFO = 18;
var IFLA_IFALIAS = 20;
var IFLA_AF_SPEC = 26;
var IFLA_EXT_MASK = 29;
var RTEXT_FILTER_SKIP_STATS = 8;
var IFLA_INFO_KIND = 1;
var IFLA_INFO_DATA = 2;
var IFLA_INFO_SLAVE_KIND = 4;
var IFLA_INFO_SLAVE_DATA = 5;
var IFLA_INET6_ADDR_GEN_MODE = 8;
var IN6_ADDR_GEN_MODE_NONE = 1;
var IFLA_BR_STP_STATE = 5;
var IFLA_BR_MCAST_SNOOPING = 23;
var IFLA_BRPORT_LEARNING = 8;
var IFLA_BRPORT_NEIGH_SUPPRESS = 32;
var IFLA_VXLAN_ID = 1;
var IFLA_VXLAN_LOCAL = 4;
var IFLA_VXLAN_LEARNING = 7;
var IFLA_VXLAN_PORT = 15;
var IFLA_VXLAN_PORT_RANGE = 10;
var IFLA_VXLAN_LOCAL6 = 17;
var IFLA_VRF_TABLE = 1;
var IFA_ADDRESS = 1;
var IFA_LOCAL = 2;
var IFA_FLAGS = 8;
var IFA_F_NODAD = 2;
var FRA_PRIORITY = 6;
var FRA_TABLE = 15;
var FRA_L3MDEV = 19;
var FRA_PROTOCOL = 21;
var FR_ACT_TO_TBL = 1;
var RT_TABLE_LOCAL = 255;
var RTA_DST = 1;
var RTA_SRC = 2;
var RTA_OIF = 4;
var RTA_GATEWAY = 5;
var RTA_PRIORITY = 6;
var RTA_PREFSRC = 7;
var RTA_METRICS = 8;
var RTAX_MTU = 2;
var RTA_MULTIPATH = 9;
var RTA_TABLE = 15;
var RTA_VIA = 18;
var RTA_NH_ID = 30;
var RTN_UNICAST = 1;
var RTN_BLACKHOLE = 6;
var RTN_UNREACHABLE = 7;
var RTM_F_CLONED = 512;
var RTNH_F_ONLINK = 4;
var RT_TABLE_UNSPEC = 0;
var RT_TABLE_COMPAT = 252;
var RT_TABLE_MAIN = 254;
var RTPROT_KERNEL = 2;
var RTPROT_RA = 9;
var NDA_DST = 1;
var NDA_LLADDR = 2;
var NDA_VNI = 7;
var NDA_IFINDEX = 8;
var NDA_MASTER = 9;
var NDA_PROTOCOL = 12;
var NDA_NH_ID = 13;
var NHA_ID = 1;
var NHA_GROUP = 2;
var NHA_GATEWAY = 6;
var NHA_FDB = 11;
var NTF_SELF = 2;
var NTF_MASTER = 4;
var NTF_EXT_LEARNED = 16;
var NUD_REACHABLE = 2;
var NUD_NOARP = 64;
var NUD_PERMANENT = 128;
var RTNLGRP_LINK = 1;
var RTNLGRP_NEIGH = 3;
var RTNLGRP_IPV4_IFADDR = 5;
var RTNLGRP_IPV4_ROUTE = 7;
var RTNLGRP_IPV4_RULE = 8;
var RTNLGRP_IPV6_IFADDR = 9;
var RTNLGRP_NEXTHOP = 32;
var RTNLGRP_IPV6_ROUTE = 11;
var RTNLGRP_IPV6_RULE = 19;
var RTNLGRP_IPV4_NETCONF = 24;
var RTNLGRP_IPV6_NETCONF = 25;
var SOL_SOCKET = 1;
var SO_RCVBUFFORCE = 33;
var SO_MEMINFO = 55;
var SK_MEMINFO_DROPS = 8;
var SK_MEMINFO_VARS = 9;
var SOL_NETLINK = 270;
var NETLINK_NO_ENOBUFS = 5;
var NETLINK_CAP_ACK = 10;
var NETLINK_EXT_ACK = 11;
var CLONE_NEWNET = 1073741824;

// edge-agent/netlink/message.ts
var HEADER_BYTES = 16;
var ATTRIBUTE_HEADER_BYTES = 4;
var MessageWriter = class {
  #buffer;
  #length = 0;
  #start = 0;
  constructor(capacityBytes = 16384) {
    this.#buffer = Buffer.alloc(capacityBytes);
  }
  /** Starts a message; `end` completes it. */
  begin(type, flags, seq) {
    this.#start = this.#length;
    const at = this.#grow(HEADER_BYTES);
    this.#buffer.writeUInt16LE(type, at + 4);
    this.#buffer.writeUInt16LE(flags, at + 6);
    this.#buffer.writeUInt32LE(seq, at + 8);
  }
  /** The fixed part after the header; returns the buffer and the offset of `bytes` zeroed octets to be filled. */
  fixed(bytes) {
    const at = this.#grow(bytes);
    return { buffer: this.#buffer, at };
  }
  /** Room for the value of an attribute, to be written at the returned place of `buffer` before anything else is. */
  room(type, bytes) {
    return this.#attribute(type, bytes);
  }
  /** Another one once there was no more room. */
  get buffer() {
    return this.#buffer;
  }
  octets(type, value) {
    const at = this.#attribute(type, value.length);
    this.#buffer.set(value, at);
  }
  u8(type, value) {
    const at = this.#attribute(type, 1);
    this.#buffer.writeUInt8(value, at);
  }
  u16be(type, value) {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16BE(value, at);
  }
  u32(type, value) {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32LE(value, at);
  }
  /** A string with its terminating zero, as the kernel wants names. */
  text(type, value) {
    this.octets(type, Buffer.from(`${value}\0`));
  }
  /** An attribute of attributes, which `body` writes. */
  nest(type, body) {
    const at = this.#attribute(type | NLA_F_NESTED, 0) - ATTRIBUTE_HEADER_BYTES;
    body();
    this.#buffer.writeUInt16LE(this.#length - at, at);
  }
  end() {
    this.#buffer.writeUInt32LE(this.#length - this.#start, this.#start);
  }
  /** Forgets what was written. */
  clear() {
    this.#length = 0;
  }
  /** All messages so far, which empties the writer; a view that lasts until the next message is begun. */
  take() {
    const out = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return out;
  }
  #attribute(type, valueBytes) {
    const at = this.#grow(align(ATTRIBUTE_HEADER_BYTES + valueBytes));
    this.#buffer.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + valueBytes, at);
    this.#buffer.writeUInt16LE(type, at + 2);
    return at + ATTRIBUTE_HEADER_BYTES;
  }
  #grow(bytes) {
    const at = this.#length;
    const need2 = at + bytes;
    if (need2 > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(need2, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    for (let i = at; i < need2; i++) this.#buffer[i] = 0;
    this.#length = need2;
    return at;
  }
};
function eachMessage(buffer, from, to, visit) {
  for (let at = from; at < to; ) {
    const length = at + HEADER_BYTES <= to ? buffer.readUInt32LE(at) : 0;
    if (length < HEADER_BYTES || at + length > to) throw new RangeError("malformed netlink message");
    visit(buffer.readUInt16LE(at + 4), at, at + length);
    at += align(length);
  }
}
function messageAt(buffer, at, end) {
  return new PlacedMessage(buffer, at, end);
}
var PlacedMessage = class {
  type;
  flags;
  seq;
  port;
  buffer;
  start;
  end;
  constructor(buffer, at, end) {
    this.type = buffer.readUInt16LE(at + 4);
    this.flags = buffer.readUInt16LE(at + 6);
    this.seq = buffer.readUInt32LE(at + 8);
    this.port = buffer.readUInt32LE(at + 12);
    this.buffer = buffer;
    this.start = at + HEADER_BYTES;
    this.end = end;
  }
  get payload() {
    return this.buffer.subarray(this.start, this.end);
  }
};
function parseMessages(datagram) {
  const messages = [];
  eachMessage(datagram, 0, datagram.length, (_2, at, end) => messages.push(messageAt(datagram, at, end)));
  return messages;
}
function parseAttributes(buffer, at = 0) {
  const attributes = /* @__PURE__ */ new Map();
  while (at + ATTRIBUTE_HEADER_BYTES <= buffer.length) {
    const length = buffer.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > buffer.length) {
      throw new RangeError("malformed netlink attribute");
    }
    const type = buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK;
    attributes.set(type, buffer.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += align(length);
  }
  return attributes;
}
function parseErrorReply(message) {
  const { payload, flags, type } = message;
  if (payload.length < 4) return { errno: 0, text: void 0 };
  const errno = Math.abs(payload.readInt32LE(0));
  if (!(flags & NLM_F_ACK_TLVS)) return { errno, text: void 0 };
  let at = 4;
  if (type === NLMSG_ERROR) {
    at += flags & NLM_F_CAPPED ? HEADER_BYTES : align(payload.readUInt32LE(4));
  }
  const words = parseAttributes(payload, at).get(NLMSGERR_ATTR_MSG);
  return { errno, text: words && attributeText(words) };
}
function attributeText(value) {
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end < 0 ? value.length : end);
}
function align(bytes) {
  return bytes + 3 & ~3;
}

// edge-agent/netlink/address-message.ts
var IFADDRMSG_BYTES = 8;
function parseAddress(payload) {
  const attributes = parseAttributes(payload, IFADDRMSG_BYTES);
  const octets = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  return octets && { index: payload.readUInt32LE(4), ip: ipFromOctets(octets) };
}

// edge-agent/netlink/assemble.ts
function ownedVni(link3) {
  if (!isOwnerMark(link3.alias)) return void 0;
  const vni = parseVni(Number(/^ov(?:br|x)(\d+)$/.exec(link3.name)?.[1]));
  if (vni === void 0) return void 0;
  if (link3.kind === "bridge") return link3.name === bridgeName(vni) ? vni : void 0;
  return link3.vxlan?.vni === vni && link3.name === vxlanName(vni) ? vni : void 0;
}
function assembleHost(byIndex, addresses) {
  const links = [...byIndex.values()];
  const owned = /* @__PURE__ */ new Map();
  const bridges = /* @__PURE__ */ new Map();
  for (const link3 of links) {
    const vni = ownedVni(link3);
    if (vni === void 0) continue;
    const devices = owned.get(vni) ?? { ports: [] };
    owned.set(vni, devices);
    if (link3.vxlan) devices.vxlan = link3;
    else {
      devices.bridge = link3;
      bridges.set(link3.index, vni);
    }
  }
  const ours = new Set([...owned.values()].flatMap(({ bridge, vxlan }) => [bridge, vxlan]));
  for (const link3 of links) {
    const vni = link3.master === void 0 ? void 0 : bridges.get(link3.master);
    const devices = vni === void 0 ? void 0 : owned.get(vni);
    if (devices && link3 !== devices.vxlan) devices.ports.push(link3);
  }
  const others = links.filter((link3) => !ours.has(link3));
  const addressed = new Set(addresses.filter(({ ip: ip2 }) => !isLinkLocal2(ip2)).map(({ index }) => index));
  return {
    networks: Array.from(owned, ([vni, devices]) => devicesOf(vni, devices, byIndex)),
    foreign: others.flatMap(foreignDevice),
    interfaces: others.filter((link3) => !link3.loopback).map(({ index, name, mtuBytes, up, master }) => ({
      name,
      mtuBytes,
      up,
      master: nameOf(byIndex, master),
      addressed: addressed.has(index)
    })),
    addresses: underlay(addresses, byIndex)
  };
}
function devicesOf(vni, { bridge, vxlan, ports }, byIndex) {
  return {
    vni,
    bridge: bridge && { ...device(bridge), mac: bridge.mac ?? ZERO_MAC },
    vxlan: vxlan && {
      ...device(vxlan),
      vtep: vxlan.vxlan?.local,
      udpPort: vxlan.vxlan?.udpPort ?? 0,
      sourcePorts: vxlan.vxlan?.sourcePorts,
      learning: vxlan.vxlan?.learning ?? false,
      master: nameOf(byIndex, vxlan.master),
      portLearning: vxlan.port?.learning ?? true,
      neighSuppress: vxlan.port?.neighSuppress ?? false
    },
    ports: ports.map(({ name, up }) => ({ name, up }))
  };
}
function device({ name, alias = "", mtuBytes, up }) {
  return { name, owner: alias, mtuBytes, up };
}
function foreignDevice({ name, kind, vxlan }) {
  if (!vxlan && !/^ov(br|x)\d+$/.test(name)) return [];
  return [{ name, kind, vni: vxlan && parseVni(vxlan.vni), udpPort: vxlan?.udpPort }];
}
function underlay(addresses, byIndex) {
  const mtus = /* @__PURE__ */ new Map();
  for (const { ip: ip2, index } of addresses) {
    const link3 = byIndex.get(index);
    if (link3) mtus.set(ip2, link3.loopback || link3.kind === "dummy" ? void 0 : link3.mtuBytes);
  }
  return mtus;
}
function isLinkLocal2(ip2) {
  return ip2.startsWith("169.254.") || /^fe[89ab]/.test(ip2);
}
function nameOf(byIndex, index) {
  return index === void 0 ? void 0 : byIndex.get(index)?.name;
}
function emptyDraft(vni) {
  return { vni, bridgeEntries: [], vxlanEntries: [], flood: [], neighbours: [] };
}
function addEntry(draft, entry3, on, tunnel) {
  const { mac, dst, flags, state, protocol } = entry3;
  if (mac === void 0) return;
  if (entry3.family !== AF_BRIDGE) {
    const declared = on.kind === "bridge" && dst !== void 0 && (state & NUD_PERMANENT) !== 0;
    if (declared) draft.neighbours.push({ ip: dst, mac, ours: protocol === NEIGHBOUR_PROTOCOL });
  } else if (flags & NTF_SELF) {
    if (on.kind !== "vxlan") return;
    if (mac !== ZERO_MAC) draft.vxlanEntries.push({ mac, tunnel: tunnel(entry3) });
    else if (dst !== void 0) draft.flood.push(dst);
  } else if (on.kind !== "bridge" && !isOwnAddress(entry3)) {
    draft.bridgeEntries.push({ mac, port: on.name, pinned: isPinned(entry3) });
  }
}
function isOwnAddress(entry3) {
  return (entry3.state & NUD_PERMANENT) !== 0;
}
function isPinned(entry3) {
  return (entry3.state & NUD_NOARP) !== 0 || (entry3.flags & NTF_EXT_LEARNED) !== 0;
}

// edge-agent/netlink/transport.ts
import { closeSync as closeSync2 } from "node:fs";
import { constants } from "node:os";
import { setImmediate as setImmediate3 } from "node:timers/promises";

// edge-agent/netlink/socket.ts
import { RawNetlinkSocket } from "netlink";

// edge-agent/netlink/libc.ts
import { Buffer as Buffer2 } from "node:buffer";
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
async function loadLibc() {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  const setsockopt = library.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
  const getsockopt = library.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
  const getsockname = library.func("int getsockname(int fd, void *address, void *length)");
  const setns = library.func("int setns(int fd, int type)");
  const unshare = library.func("int unshare(int flags)");
  const recvmmsg = library.func("int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)");
  const socket = library.func("int socket(int family, int type, int protocol)");
  const bind = library.func("int bind(int fd, void *address, uint32_t length)");
  const send = library.func("int64_t send(int fd, void *octets, size_t length, int flags)");
  const recv = library.func("int64_t recv(int fd, void *room, size_t length, int flags)");
  const addressOf2 = library.func("uint64_t memmove(void *to, void *from, size_t octets)");
  const enter = (fd, name) => {
    if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`setns to ${name} failed with errno ${koffi.errno()}`);
  };
  return {
    setOption: (fd, level, option, value) => {
      const octets = Buffer2.alloc(4);
      octets.writeInt32LE(value);
      return setsockopt(fd, level, option, octets, octets.length) === 0 ? 0 : koffi.errno();
    },
    drops: (fd) => {
      const octets = Buffer2.alloc(4 * SK_MEMINFO_VARS);
      const failed = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, octets, uint32(octets.length)) !== 0;
      return failed ? 0 : octets.readUInt32LE(4 * SK_MEMINFO_DROPS);
    },
    netlinkPort: (fd) => {
      const address = Buffer2.alloc(128);
      if (getsockname(fd, address, uint32(address.length)) !== 0) return void 0;
      return address.readUInt16LE(0) === AF_NETLINK ? address.readUInt32LE(4) : void 0;
    },
    inNamespace: (name, body) => andBack(() => {
      const away = openSync(`/run/netns/${name}`, "r");
      try {
        enter(away, name);
      } finally {
        closeSync(away);
      }
      return body();
    }),
    inNewNamespace: (body) => andBack(() => {
      if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare failed with errno ${koffi.errno()}`);
      return body();
    }),
    openNetlink: (protocol) => {
      const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
      if (fd < 0) throw new Error(`a netlink socket cannot be opened: errno ${koffi.errno()}`);
      const address = Buffer2.alloc(SOCKADDR_NL_BYTES);
      address.writeUInt16LE(AF_NETLINK, 0);
      if (bind(fd, address, address.length) !== 0) {
        const errno = koffi.errno();
        closeSync(fd);
        throw new Error(`a netlink socket cannot be bound: errno ${errno}`);
      }
      return fd;
    },
    send: (fd, octets) => send(fd, octets, octets.length, 0) < 0 ? koffi.errno() : 0,
    receive: (fd, room) => {
      const length = Number(recv(fd, room, room.length, MSG_DONTWAIT | MSG_TRUNC));
      return length < 0 ? -koffi.errno() : length;
    },
    receiver: () => {
      if (process.arch !== "x64" && process.arch !== "arm64") return void 0;
      return createReceiver(
        (buffer) => BigInt(addressOf2(buffer, buffer, 0)),
        (fd, messages) => recvmmsg(fd, messages, RECEIVE_BATCH, MSG_DONTWAIT | MSG_TRUNC, null)
      );
    }
  };
  function andBack(body) {
    const home = openSync("/proc/thread-self/ns/net", "r");
    try {
      return body();
    } finally {
      try {
        enter(home, "the former namespace");
      } finally {
        closeSync(home);
      }
    }
  }
}
var RECEIVE_BATCH = 64;
var DATAGRAM_BYTES = 8192;
var SOCK_RAW = 3;
var SOCK_CLOEXEC = 524288;
var SOCKADDR_NL_BYTES = 12;
var MSG_TRUNC = 32;
var MSG_DONTWAIT = 64;
var MMSGHDR_BYTES = 64;
var IOV_AT = 16;
var IOV_COUNT_AT = 24;
var FLAGS_AT = 48;
var LENGTH_AT = 56;
var IOVEC_BYTES = 16;
function createReceiver(addressOf2, call) {
  const room = Buffer2.allocUnsafeSlow(RECEIVE_BATCH * DATAGRAM_BYTES);
  const headers = Buffer2.alloc(RECEIVE_BATCH * (MMSGHDR_BYTES + IOVEC_BYTES));
  const messages = headers.subarray(0, RECEIVE_BATCH * MMSGHDR_BYTES);
  const vectors = headers.subarray(RECEIVE_BATCH * MMSGHDR_BYTES);
  const [roomAt, vectorsAt] = [addressOf2(room), addressOf2(vectors)];
  for (let i = 0; i < RECEIVE_BATCH; i++) {
    vectors.writeBigUInt64LE(roomAt + BigInt(i * DATAGRAM_BYTES), i * IOVEC_BYTES);
    vectors.writeBigUInt64LE(BigInt(DATAGRAM_BYTES), i * IOVEC_BYTES + 8);
    messages.writeBigUInt64LE(vectorsAt + BigInt(i * IOVEC_BYTES), i * MMSGHDR_BYTES + IOV_AT);
    messages.writeBigUInt64LE(1n, i * MMSGHDR_BYTES + IOV_COUNT_AT);
  }
  return {
    receive: (fd, take3) => {
      const count2 = call(fd, messages);
      for (let i = 0; i < count2; i++) {
        const flags = messages.readInt32LE(i * MMSGHDR_BYTES + FLAGS_AT);
        const length = messages.readUInt32LE(i * MMSGHDR_BYTES + LENGTH_AT);
        const at = i * DATAGRAM_BYTES;
        take3(room, at, flags & MSG_TRUNC || length > DATAGRAM_BYTES ? 0 : at + length);
      }
      return count2;
    }
  };
}
function openDescriptors() {
  const open = /* @__PURE__ */ new Map();
  for (const name of readdirSync("/proc/self/fd")) {
    const target = targetOf2(`/proc/self/fd/${name}`);
    if (target !== void 0) open.set(Number(name), target);
  }
  return open;
}
function targetOf2(path) {
  try {
    return readlinkSync(path);
  } catch {
    return void 0;
  }
}
function uint32(value) {
  const octets = Buffer2.alloc(4);
  octets.writeUInt32LE(value);
  return octets;
}

// edge-agent/netlink/socket.ts
var RECEIVE_BUFFER_BYTES = 128 * 1024 * 1024;
var DUMP_DATAGRAM_BYTES = 32768;
function openSocket(place, purpose, listener) {
  const { libc } = place;
  const before = openDescriptors();
  const construct = () => constructSocket(purpose, place.protocol);
  const raw = inPlace(place, construct);
  const { port } = raw.address();
  const isNew = ([fd2, target]) => before.get(fd2) !== target;
  const opened = [...openDescriptors()].filter(isNew).map(([each]) => each);
  const fd = libc && opened.find((each) => libc.netlinkPort(each) === port);
  const guarded = libc !== void 0 && fd !== void 0 && guard(libc, fd);
  const visit = listener.onMessageAt;
  const take3 = (buffer, from, to) => {
    try {
      if (to === 0) throw new Error("a netlink message was longer than the buffer");
      if (visit) eachMessage(buffer, from, to, (type, at, end) => visit(type, buffer, at, end));
      else eachMessage(buffer, from, to, (_2, at, end) => listener.onMessage(messageAt(buffer, at, end)));
    } catch (cause) {
      listener.onError(asError(cause));
    }
  };
  const receiver = guarded && purpose === "events" ? libc.receiver() : void 0;
  let closed = false;
  const drain2 = () => {
    if (!receiver || fd === void 0 || closed) return false;
    while (receiver.receive(fd, take3) === RECEIVE_BATCH) ;
    return true;
  };
  raw.on("message", (datagram) => {
    take3(datagram, 0, datagram.length);
    if (receiver && fd !== void 0 && !closed) receiver.receive(fd, take3);
  });
  raw.on("truncatedMessage", () => listener.onError(new Error("a netlink message was longer than the buffer")));
  raw.on("error", (cause) => listener.onError(cause));
  return {
    port,
    guarded,
    send: (octets) => new Promise((resolve, reject) => {
      raw.send(octets, {}, (cause) => cause ? reject(cause) : resolve());
    }),
    join: (group) => raw.addMembership(group),
    drain: drain2,
    drops: () => libc && fd !== void 0 ? libc.drops(fd) : 0,
    close: () => {
      closed = true;
      raw.close();
    }
  };
}
function constructSocket(purpose, protocol = NETLINK_ROUTE) {
  const size = 1024 * 1024;
  return new RawNetlinkSocket(protocol, {
    messagePeeking: purpose !== "dumps",
    msgBufferSize: DUMP_DATAGRAM_BYTES,
    recvBufferSize: size,
    sendBufferSize: size
  });
}
function inPlace({ libc, netns }, body) {
  if (netns === void 0) return body();
  if (!libc) throw new Error(`namespace ${netns}: koffi is needed to enter it`);
  return libc.inNamespace(netns, body);
}
function guard(libc, fd) {
  libc.setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
  libc.setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  libc.setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  return libc.setOption(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1) === 0;
}
function asError(cause) {
  return cause instanceof Error ? cause : new Error(String(cause));
}

// edge-agent/netlink/transport.ts
var ANSWER_TIMEOUT_MS = 1e4;
var ROOM_BYTES = 64 * 1024;
var { EAGAIN, EINTR } = constants.errno;
function openDirect(libc, place) {
  const fd = inPlace(place, () => libc.openNetlink(place.protocol ?? NETLINK_ROUTE));
  const guarded = guard(libc, fd);
  const room = Buffer.allocUnsafeSlow(ROOM_BYTES);
  let closed = false;
  const receive2 = () => {
    if (closed) throw new Error("the netlink connection is closed");
    const length = libc.receive(fd, room);
    if (length === -EAGAIN || length === -EINTR) return void 0;
    if (length < 0) throw new Error(`netlink receive failed: errno ${-length}`);
    if (length > room.length) throw new Error("a netlink message was longer than the buffer");
    return parseMessages(room.subarray(0, length));
  };
  return {
    port: libc.netlinkPort(fd) ?? 0,
    guarded,
    converse: async (octets, onMessage) => {
      while (receive2()) ;
      const errno = libc.send(fd, octets);
      if (errno !== 0) throw new Error(`netlink send failed: errno ${errno}`);
      const nowMs = () => performance.now();
      const breath = createBreath(nowMs, 1);
      for (let heardMs = nowMs(); ; ) {
        const messages = receive2();
        if (messages) {
          heardMs = nowMs();
          for (const message of messages) if (onMessage(message)) return;
        } else if (nowMs() - heardMs > ANSWER_TIMEOUT_MS) {
          throw new Error(`the kernel did not answer within ${ANSWER_TIMEOUT_MS / 1e3} s`);
        }
        if (!messages) await setImmediate3();
        else if (breath.due()) await breath.rest();
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      closeSync2(fd);
    }
  };
}
function openEvented(place, purpose) {
  let exchange;
  const socket = openSocket(place, purpose, {
    onMessage: (message) => {
      if (exchange?.onMessage(message)) exchange.settle();
    },
    onError: (cause) => exchange?.settle(cause)
  });
  return {
    port: socket.port,
    guarded: socket.guarded,
    converse: (octets, onMessage) => new Promise((resolve, reject) => {
      const expire2 = () => settle2(new Error(`the kernel did not answer within ${ANSWER_TIMEOUT_MS / 1e3} s`));
      const timer = setTimeout(expire2, ANSWER_TIMEOUT_MS);
      const settle2 = (cause) => {
        clearTimeout(timer);
        exchange = void 0;
        if (cause) reject(cause);
        else resolve();
      };
      const heard = (message) => {
        timer.refresh();
        return onMessage(message);
      };
      exchange = { onMessage: heard, settle: settle2 };
      socket.send(octets).catch((cause) => settle2(new Error("netlink send failed", { cause })));
    }),
    close: () => {
      exchange?.settle(new Error("the netlink connection is closed"));
      socket.close();
    }
  };
}

// edge-agent/netlink/connection.ts
var MAX_BATCH = 128;
function connect(place, purpose) {
  let queue = Promise.resolve();
  let seq = 0;
  let closed = false;
  const transport = place.libc ? openDirect(place.libc, place) : openEvented(place, purpose);
  const { converse } = transport;
  const writer = new MessageWriter();
  const serially = (body) => {
    const result = queue.then(() => {
      if (closed) throw new Error("the netlink connection is closed");
      return body();
    });
    queue = result.catch(() => void 0);
    return result;
  };
  const sendBatch = async (requests) => {
    const answers = Array.from({ length: requests.length });
    const first = seq + 1;
    const last = seq + requests.length;
    writer.clear();
    for (const request2 of requests) {
      seq++;
      const ack = seq === last ? NLM_F_ACK : 0;
      request2.write(writer, { type: request2.type, flags: request2.flags | NLM_F_REQUEST | ack, seq });
    }
    await converse(writer.take(), (message) => {
      if (message.type !== NLMSG_ERROR || message.seq < first || message.seq > last) return false;
      const reply = parseErrorReply(message);
      if (reply.errno !== 0) answers[message.seq - first] = reply;
      return message.seq === last;
    });
    return answers;
  };
  return {
    port: transport.port,
    guarded: transport.guarded,
    transact: (requests) => serially(() => sendBatch(requests)),
    dump: (request2, onEntry) => serially(async () => {
      const mine = ++seq;
      let interrupted = false;
      let refusal;
      const { type, flags } = request2;
      writer.clear();
      request2.write(writer, { type, flags: flags | NLM_F_REQUEST | NLM_F_DUMP, seq: mine });
      await converse(writer.take(), (message) => {
        if (message.seq !== mine) return false;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          const reply = parseErrorReply(message);
          if (reply.errno !== 0) refusal = reply;
          return true;
        }
        onEntry(message);
        return false;
      });
      if (refusal) throw new Error(`netlink dump ${type} refused: errno ${refusal.errno} ${refusal.text ?? ""}`);
      if (interrupted) throw new InterruptedDump();
    }),
    ask: (request2, onAnswer) => serially(async () => {
      const mine = ++seq;
      let refusal;
      const { type, flags } = request2;
      writer.clear();
      request2.write(writer, { type, flags: flags | NLM_F_REQUEST | NLM_F_ACK, seq: mine });
      await converse(writer.take(), (message) => {
        if (message.seq !== mine) return false;
        if (message.type !== NLMSG_ERROR) {
          onAnswer(message);
          return false;
        }
        const reply = parseErrorReply(message);
        if (reply.errno !== 0) refusal = reply;
        return true;
      });
      return refusal;
    }),
    close: () => {
      closed = true;
      transport.close();
    }
  };
}
var InterruptedDump = class extends Error {
  constructor() {
    super("the kernel's table changed during the dump");
  }
};

// edge-agent/netlink/link-message.ts
var IFINFOMSG_BYTES = 16;
function writeLink(writer, request2, change2) {
  writer.begin(request2.type, request2.flags, request2.seq);
  const { buffer, at } = writer.fixed(IFINFOMSG_BYTES);
  buffer.writeInt32LE(change2.index, at + 4);
  if (change2.up !== void 0) {
    buffer.writeUInt32LE(change2.up ? IFF_UP : 0, at + 8);
    buffer.writeUInt32LE(IFF_UP, at + 12);
  }
  if (change2.name !== void 0) writer.text(IFLA_IFNAME, change2.name);
  if (change2.mac !== void 0) writer.octets(IFLA_ADDRESS, macToOctets(change2.mac));
  if (change2.mtuBytes !== void 0) writer.u32(IFLA_MTU, change2.mtuBytes);
  if (change2.master !== void 0) writer.u32(IFLA_MASTER, change2.master);
  if (change2.alias !== void 0) writer.text(IFLA_IFALIAS, change2.alias);
  if (change2.quietIpv6) {
    writer.nest(
      IFLA_AF_SPEC,
      () => writer.nest(AF_INET6, () => writer.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE))
    );
  }
  if (change2.kind !== void 0 || change2.port !== void 0) writeLinkInfo(writer, change2);
  writer.end();
}
function writeLinkInfo(writer, change2) {
  const { kind, bridge, vxlan, port } = change2;
  writer.nest(IFLA_LINKINFO, () => {
    if (kind !== void 0) writer.text(IFLA_INFO_KIND, kind);
    if (bridge) {
      writer.nest(IFLA_INFO_DATA, () => {
        writer.u32(IFLA_BR_STP_STATE, bridge.stp ? 1 : 0);
        writer.u8(IFLA_BR_MCAST_SNOOPING, bridge.multicastSnooping ? 1 : 0);
      });
    }
    if (vxlan) {
      writer.nest(IFLA_INFO_DATA, () => {
        writer.u32(IFLA_VXLAN_ID, vxlan.vni);
        writer.octets(isIpv4(vxlan.local) ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, ipToOctets(vxlan.local));
        writer.u8(IFLA_VXLAN_LEARNING, vxlan.learning ? 1 : 0);
        if (vxlan.udpPort !== void 0) writer.u16be(IFLA_VXLAN_PORT, vxlan.udpPort);
        if (vxlan.sourcePorts) {
          const { low, high } = vxlan.sourcePorts;
          writer.octets(IFLA_VXLAN_PORT_RANGE, Uint8Array.of(low >> 8, low & 255, high >> 8, high & 255));
        }
      });
    }
    if (port) {
      writer.text(IFLA_INFO_SLAVE_KIND, "bridge");
      writer.nest(IFLA_INFO_SLAVE_DATA, () => {
        writer.u8(IFLA_BRPORT_LEARNING, port.learning ? 1 : 0);
        writer.u8(IFLA_BRPORT_NEIGH_SUPPRESS, port.neighSuppress ? 1 : 0);
      });
    }
  });
}
function linkHead(payload) {
  return { family: payload.readUInt8(0), index: payload.readInt32LE(4) };
}
function parseLink(payload) {
  const flags = payload.readUInt32LE(8);
  const attributes = parseAttributes(payload, IFINFOMSG_BYTES);
  const info = nested(attributes.get(IFLA_LINKINFO));
  const kind = optionalText(info.get(IFLA_INFO_KIND)) ?? "";
  const alias = optionalText(attributes.get(IFLA_IFALIAS));
  const slave = optionalText(info.get(IFLA_INFO_SLAVE_KIND));
  return {
    index: payload.readInt32LE(4),
    name: optionalText(attributes.get(IFLA_IFNAME)) ?? "",
    kind,
    mac: macOf(attributes.get(IFLA_ADDRESS)),
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    mtuBytes: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    alias: alias === "" ? void 0 : alias,
    master: attributes.get(IFLA_MASTER)?.readUInt32LE(0) || void 0,
    vxlan: kind === "vxlan" ? parseVxlan(nested(info.get(IFLA_INFO_DATA))) : void 0,
    port: slave === "bridge" ? parsePort(nested(info.get(IFLA_INFO_SLAVE_DATA))) : void 0
  };
}
function parseVxlan(data) {
  const local = data.get(IFLA_VXLAN_LOCAL) ?? data.get(IFLA_VXLAN_LOCAL6);
  return {
    vni: data.get(IFLA_VXLAN_ID)?.readUInt32LE(0) ?? 0,
    local: local && ipFromOctets(local),
    udpPort: data.get(IFLA_VXLAN_PORT)?.readUInt16BE(0) ?? 0,
    sourcePorts: sourcePorts(data.get(IFLA_VXLAN_PORT_RANGE)),
    learning: flag(data.get(IFLA_VXLAN_LEARNING))
  };
}
function sourcePorts(value) {
  if (!value || value.length < 4) return void 0;
  const [low, high] = [value.readUInt16BE(0), value.readUInt16BE(2)];
  return low === 0 && high === 0 ? void 0 : { low, high };
}
function macOf(value) {
  return value?.length === 6 ? macFromOctets(value) : void 0;
}
function parsePort(data) {
  return {
    learning: flag(data.get(IFLA_BRPORT_LEARNING)),
    neighSuppress: flag(data.get(IFLA_BRPORT_NEIGH_SUPPRESS))
  };
}
function nested(value) {
  return value ? parseAttributes(value) : /* @__PURE__ */ new Map();
}
function optionalText(value) {
  return value && attributeText(value);
}
function flag(value) {
  return value?.readUInt8(0) === 1;
}

// edge-agent/netlink/link-table.ts
function createLinkTable() {
  const byIndex = /* @__PURE__ */ new Map();
  const byName2 = /* @__PURE__ */ new Map();
  const roles = /* @__PURE__ */ new Map();
  const roleOf2 = (link3) => {
    const { name } = link3;
    const own = ownedVni(link3);
    if (own !== void 0) return { vni: own, kind: link3.vxlan ? "vxlan" : "bridge", name };
    const master = link3.master === void 0 ? void 0 : roles.get(link3.master);
    return master?.kind === "bridge" ? { vni: master.vni, kind: "port", name } : void 0;
  };
  const assign = (link3) => {
    const before = roles.get(link3.index);
    const role = roleOf2(link3);
    if (role) roles.set(link3.index, role);
    else roles.delete(link3.index);
    if (role?.kind === "bridge" !== (before?.kind === "bridge")) {
      for (const port of byIndex.values()) if (port.master === link3.index && port !== link3) assign(port);
    }
  };
  const emptied = (role) => role && role.kind !== "port" ? [{ kind: "emptied", vni: role.vni, device: role.kind }] : [];
  return {
    byIndex,
    byName: byName2,
    role: (index) => roles.get(index),
    device: (vni, kind) => {
      const link3 = byName2.get(kind === "bridge" ? `ovbr${vni}` : `ovx${vni}`);
      const role = link3 && roles.get(link3.index);
      return role?.vni === vni && role.kind === kind ? link3 : void 0;
    },
    reset: (links) => {
      for (const each of [byIndex, byName2, roles]) each.clear();
      for (const link3 of links) {
        byIndex.set(link3.index, link3);
        byName2.set(link3.name, link3);
      }
      for (const link3 of links) if (ownedVni(link3) !== void 0) assign(link3);
      for (const link3 of links) if (!roles.has(link3.index)) assign(link3);
    },
    set: (link3) => {
      const before = byIndex.get(link3.index);
      if (before && sameLink(before, link3)) return [];
      if (before && byName2.get(before.name) === before) byName2.delete(before.name);
      const role = roles.get(link3.index);
      byIndex.set(link3.index, link3);
      byName2.set(link3.name, link3);
      assign(link3);
      const lost = role && role.kind !== "port" && roles.get(link3.index)?.kind !== role.kind ? emptied(role) : [];
      return [...lost, { kind: "host", name: link3.name }];
    },
    remove: (index) => {
      const link3 = byIndex.get(index);
      if (!link3) return [];
      const role = roles.get(index);
      byIndex.delete(index);
      if (byName2.get(link3.name) === link3) byName2.delete(link3.name);
      roles.delete(index);
      return [...emptied(role), { kind: "host", name: link3.name }];
    }
  };
}
function sameLink(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

// edge-agent/netlink/text-memo.ts
var PLACES = 4096;
var SHIFT = 20;
function createMemo() {
  const texts = Array.from({ length: PLACES });
  return { first: new Int32Array(PLACES), rest: new Int32Array(PLACES), texts };
}
var macs = createMemo();
var ips = createMemo();
function putMac(buffer, at, mac) {
  writeMac(mac, buffer, at);
  note2(macs, word(buffer, at), half(buffer, at + 4), mac);
}
function takeMac(buffer, at) {
  const known2 = at + 6 <= buffer.length && find(macs, word(buffer, at), half(buffer, at + 4));
  return known2 || macFromOctets(buffer, at);
}
function putIp(buffer, at, ip2) {
  writeIp(ip2, buffer, at);
  if (isIpv4(ip2)) note2(ips, word(buffer, at), 0, ip2);
}
function takeIp(buffer, at, length) {
  if (length === 4) return find(ips, word(buffer, at), 0) ?? ipv4FromOctets(buffer, at);
  return length === 16 ? ipFromOctets(buffer.subarray(at, at + 16)) : void 0;
}
function note2({ first, rest, texts }, a, b, text) {
  const place = placeOf(a, b);
  first[place] = a;
  rest[place] = b;
  texts[place] = text;
}
function find({ first, rest, texts }, a, b) {
  const place = placeOf(a, b);
  return first[place] === a && rest[place] === b ? texts[place] : void 0;
}
function placeOf(a, b) {
  return Math.imul(Math.imul(a, 2654435761) ^ b, 2246822507) >>> SHIFT;
}
function word(buffer, at) {
  return half(buffer, at) | half(buffer, at + 2) << 16;
}
function half(buffer, at) {
  return buffer[at] | buffer[at + 1] << 8;
}

// edge-agent/netlink/neighbour-message.ts
var NDMSG_BYTES = 12;
var MAC_BYTES = 6;
function writeNeighbour(writer, request2, entry3) {
  writer.begin(request2.type, request2.flags, request2.seq);
  const { buffer, at } = writer.fixed(NDMSG_BYTES);
  buffer.writeUInt8(entry3.family, at);
  buffer.writeInt32LE(entry3.index, at + 4);
  buffer.writeUInt16LE(entry3.state, at + 8);
  buffer.writeUInt8(entry3.flags, at + 10);
  if (entry3.mac !== void 0) {
    const macAt = writer.room(NDA_LLADDR, MAC_BYTES);
    putMac(writer.buffer, macAt, entry3.mac);
  }
  if (entry3.dst !== void 0) {
    const dstAt = writer.room(NDA_DST, isIpv4(entry3.dst) ? 4 : 16);
    putIp(writer.buffer, dstAt, entry3.dst);
  }
  if (entry3.nexthop !== void 0) writer.u32(NDA_NH_ID, entry3.nexthop);
  if (entry3.vni !== void 0) writer.u32(NDA_VNI, entry3.vni);
  if (entry3.protocol !== void 0) writer.u8(NDA_PROTOCOL, entry3.protocol);
  writer.end();
}
function neighbourRequest(type, flags, entry3) {
  return { type, flags, entry: entry3, write: writeOwn };
}
function writeOwn(writer, request2) {
  writeNeighbour(writer, request2, this.entry);
}
function ipFamily(ip2) {
  return isIpv4(ip2) ? AF_INET : AF_INET6;
}
function neighbourIndex(buffer, at) {
  return buffer.readInt32LE(at + 4);
}
function parseNeighbour(payload) {
  return parseNeighbourAt(payload, 0, payload.length);
}
function parseNeighbourAt(buffer, start2, end) {
  let mac;
  let dst;
  let master;
  let protocol;
  let nexthop;
  let vni;
  for (let at = start2 + NDMSG_BYTES; at + 4 <= end; ) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > end) throw new RangeError("malformed netlink attribute");
    switch (buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK) {
      case NDA_LLADDR:
        if (length === 4 + MAC_BYTES) mac = takeMac(buffer, at + 4);
        break;
      case NDA_DST:
        dst = takeIp(buffer, at + 4, length - 4);
        break;
      case NDA_MASTER:
        master = buffer.readUInt32LE(at + 4);
        break;
      case NDA_PROTOCOL:
        protocol = buffer.readUInt8(at + 4);
        break;
      case NDA_NH_ID:
        nexthop = buffer.readUInt32LE(at + 4);
        break;
      case NDA_VNI:
        vni = buffer.readUInt32LE(at + 4);
        break;
      default:
    }
    at += length + 3 & ~3;
  }
  return {
    family: buffer.readUInt8(start2),
    index: buffer.readInt32LE(start2 + 4),
    state: buffer.readUInt16LE(start2 + 8),
    flags: buffer.readUInt8(start2 + 10),
    mac,
    dst,
    master,
    protocol,
    nexthop,
    vni
  };
}

// edge-agent/netlink/nexthop-message.ts
var NHMSG_BYTES = 8;
var GROUP_MEMBER_BYTES = 8;
function addNexthop(nexthop) {
  const { id, protocol, gateway, group } = nexthop;
  return {
    type: RTM_NEWNEXTHOP,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      const { buffer, at } = writer.fixed(NHMSG_BYTES);
      buffer.writeUInt8(gateway === void 0 ? AF_UNSPEC : ipFamily(gateway), at);
      buffer.writeUInt8(protocol, at + 2);
      writer.u32(NHA_ID, id);
      if (gateway !== void 0) writer.octets(NHA_GATEWAY, ipToOctets(gateway));
      if (group) {
        const members = Buffer.alloc(group.length * GROUP_MEMBER_BYTES);
        group.forEach((member, index) => members.writeUInt32LE(member, index * GROUP_MEMBER_BYTES));
        writer.octets(NHA_GROUP, members);
      }
      writer.octets(NHA_FDB, new Uint8Array());
      writer.end();
    }
  };
}
function deleteNexthop(id) {
  return {
    type: RTM_DELNEXTHOP,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      writer.fixed(NHMSG_BYTES);
      writer.u32(NHA_ID, id);
      writer.end();
    }
  };
}
function parseNexthop(payload) {
  const attributes = parseAttributes(payload, NHMSG_BYTES);
  const id = attributes.get(NHA_ID)?.readUInt32LE(0);
  if (id === void 0) return void 0;
  const gateway = attributes.get(NHA_GATEWAY);
  const group = attributes.get(NHA_GROUP);
  return {
    id,
    protocol: payload.readUInt8(2),
    fdb: attributes.has(NHA_FDB),
    gateway: gateway && ipFromOctets(gateway),
    group: group && membersOf(group)
  };
}
function membersOf(value) {
  const members = [];
  for (let at = 0; at + GROUP_MEMBER_BYTES <= value.length; at += GROUP_MEMBER_BYTES) {
    members.push(value.readUInt32LE(at));
  }
  return members;
}

// edge-agent/netlink/monitor.ts
function createMonitor(ports) {
  const { links, nexthops, onStaleLink, onStaleAddresses, emit } = ports;
  const tunnels = createTunnelReader(nexthops);
  const emitAll = (events) => {
    for (const event of events) emit(event);
  };
  const onLink = (payload, gone) => {
    const { family, index } = linkHead(payload);
    if (family === AF_UNSPEC) {
      emitAll(gone ? links.remove(index) : links.set(parseLink(payload)));
      return;
    }
    const role = links.role(index);
    if (!role) return;
    onStaleLink(index);
    emit({ kind: "host", name: role.name });
  };
  const onNeighbour = (buffer, start2, end, gone) => {
    const role = links.role(neighbourIndex(buffer, start2));
    if (!role) return;
    const entry3 = parseNeighbourAt(buffer, start2, end);
    const { mac, dst, flags } = entry3;
    const { vni } = role;
    if (mac === void 0 && entry3.family === AF_BRIDGE) return;
    if (entry3.family !== AF_BRIDGE) {
      if (role.kind !== "bridge" || dst === void 0) return;
      const ours = entry3.protocol === NEIGHBOUR_PROTOCOL;
      const there = !gone && mac !== void 0 && (entry3.state & NUD_PERMANENT) !== 0;
      emit({ kind: "neighbour", vni, ip: dst, mac: there ? mac : void 0, ours: there && ours });
      return;
    }
    if (flags & NTF_SELF) {
      if (role.kind !== "vxlan") return;
      if (mac !== ZERO_MAC) {
        emit({ kind: "vxlan-entry", vni, mac, tunnel: gone ? void 0 : tunnels(entry3) });
      } else if (dst !== void 0) emit({ kind: "flood", vni, vtep: dst, present: !gone });
      return;
    }
    if (role.kind === "bridge" || isOwnAddress(entry3)) return;
    const state = gone ? "gone" : isPinned(entry3) ? "pinned" : "learned";
    emit({ kind: "bridge-entry", vni, mac, port: role.name, state });
  };
  const onNexthop = (payload, gone) => {
    const nexthop = parseNexthop(payload);
    if (nexthop) emitAll(gone ? nexthops.onDeleted(nexthop.id) : nexthops.onNew(nexthop));
  };
  const take3 = ({ type, payload }) => {
    switch (type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        onLink(payload, type === RTM_DELLINK);
        break;
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH:
        onNeighbour(payload, 0, payload.length, type === RTM_DELNEIGH);
        break;
      case RTM_NEWNEXTHOP:
      case RTM_DELNEXTHOP:
        onNexthop(payload, type === RTM_DELNEXTHOP);
        break;
      case RTM_NEWADDR:
      case RTM_DELADDR:
        onStaleAddresses();
        emit({ kind: "host", name: "addresses" });
        break;
      default:
    }
  };
  return {
    take: take3,
    takeAt: (type, buffer, at, end) => {
      if (type === RTM_NEWNEIGH || type === RTM_DELNEIGH) {
        onNeighbour(buffer, at + HEADER_BYTES, end, type === RTM_DELNEIGH);
      } else take3(messageAt(buffer, at, end));
    }
  };
}
function createTunnelReader(nexthops) {
  const plain = /* @__PURE__ */ new Map();
  return ({ dst, nexthop, vni }) => {
    if (nexthop !== void 0) return nexthops.tunnelOf(nexthop) ?? UNKNOWN_GROUP;
    const key = vni === void 0 ? dst ?? "" : `${dst} ${vni}`;
    let tunnel = plain.get(key);
    if (!tunnel) {
      tunnel = {
        form: "dst",
        vteps: dst === void 0 ? [] : [dst],
        vni: vni === void 0 ? void 0 : parseVni(vni)
      };
      plain.set(key, tunnel);
    }
    return tunnel;
  };
}
var UNKNOWN_GROUP = { form: "nexthop", vteps: [], vni: void 0 };

// edge-agent/netlink/nexthop-table.ts
var OWN_IDS = 1325400065;
function createNexthopTable() {
  const taken = /* @__PURE__ */ new Set();
  const gateways = /* @__PURE__ */ new Map();
  const groups = /* @__PURE__ */ new Map();
  const nexthopIds = /* @__PURE__ */ new Map();
  const groupIds = /* @__PURE__ */ new Map();
  let next = OWN_IDS;
  const takeId = () => {
    while (taken.has(next)) next++;
    taken.add(next);
    return next++;
  };
  const forget = (id) => {
    taken.delete(id);
    const gateway = gateways.get(id);
    gateways.delete(id);
    if (gateway !== void 0 && nexthopIds.get(gateway) === id) nexthopIds.delete(gateway);
    const group = groups.get(id);
    groups.delete(id);
    if (group && groupIds.get(keyOf5(group.tunnel.vteps)) === id) groupIds.delete(keyOf5(group.tunnel.vteps));
    return group;
  };
  const learn = (nexthop) => {
    const { id, protocol, fdb: fdb2, gateway, group } = nexthop;
    const ours = protocol === NEIGHBOUR_PROTOCOL;
    taken.add(id);
    if (!fdb2) return [];
    if (!group) {
      const before = gateways.get(id);
      if (gateway === void 0 || before === gateway) return [];
      gateways.set(id, gateway);
      if (before !== void 0 && nexthopIds.get(before) === id) nexthopIds.delete(before);
      if (ours) nexthopIds.set(gateway, id);
      return [...groups].flatMap(
        ([groupId, { members, ours: own }]) => members.includes(id) ? place(groupId, members, own) : []
      );
    }
    return place(id, group, ours);
  };
  const place = (id, members, ours) => {
    const vteps = members.flatMap((member) => gateways.get(member) ?? []).toSorted();
    const key = keyOf5(vteps);
    const before = groups.get(id);
    if (before && keyOf5(before.tunnel.vteps) === key) {
      groups.set(id, { ...before, members, ours });
      if (ours) groupIds.set(key, id);
      return [];
    }
    if (before && groupIds.get(keyOf5(before.tunnel.vteps)) === id) groupIds.delete(keyOf5(before.tunnel.vteps));
    const tunnel = { form: "nexthop", vteps, vni: void 0 };
    groups.set(id, { members, tunnel, ours });
    if (ours && !groupIds.has(key)) groupIds.set(key, id);
    return before ? [{ kind: "tunnel", before: before.tunnel, after: tunnel }] : [];
  };
  return {
    reset: (found) => {
      const tunnels = new Map([...groups].map(([id, group]) => [id, group.tunnel]));
      for (const each of [taken, gateways, groups, nexthopIds, groupIds]) each.clear();
      for (const nexthop of found.toSorted((a, b) => Number(!!a.group) - Number(!!b.group))) learn(nexthop);
      for (const [id, group] of groups) {
        const before = tunnels.get(id);
        if (before && keyOf5(before.vteps) === keyOf5(group.tunnel.vteps)) groups.set(id, { ...group, tunnel: before });
      }
    },
    onNew: learn,
    onDeleted: (id) => {
      const group = forget(id);
      return group ? [{ kind: "tunnel", before: group.tunnel, after: void 0 }] : [];
    },
    tunnelOf: (id) => groups.get(id)?.tunnel,
    use: (vteps) => {
      const there = groupIds.get(keyOf5(vteps));
      if (there !== void 0) return { id: there, requests: [] };
      const protocol = NEIGHBOUR_PROTOCOL;
      const requests = [];
      const members = vteps.map((gateway) => {
        const known2 = nexthopIds.get(gateway);
        if (known2 !== void 0) return known2;
        const id2 = takeId();
        gateways.set(id2, gateway);
        nexthopIds.set(gateway, id2);
        requests.push(addNexthop({ id: id2, protocol, gateway, group: void 0 }));
        return id2;
      });
      const id = takeId();
      place(id, members, true);
      requests.push(addNexthop({ id, protocol, gateway: void 0, group: members }));
      return { id, requests };
    },
    drop: (vteps) => {
      const id = groupIds.get(keyOf5(vteps));
      if (id === void 0) return [];
      const members = groups.get(id)?.members ?? [];
      const elsewhere = /* @__PURE__ */ new Set();
      for (const [other, group] of groups) if (other !== id) for (const member of group.members) elsewhere.add(member);
      const own = (member) => nexthopIds.get(gateways.get(member)) === member;
      const alone = members.filter((member) => !elsewhere.has(member) && own(member));
      if (members.length === 1 && alone.length === 1) return alone.map(deleteNexthop);
      return [deleteNexthop(id), ...alone.map(deleteNexthop)];
    },
    tunnels: () => [...groups.values()].flatMap(({ tunnel, ours }) => ours ? [tunnel] : [])
  };
}
function keyOf5(vteps) {
  return vteps.length === 1 ? vteps[0] : vteps.join(" ");
}

// edge-agent/netlink/path-mtu.ts
var RTMSG_BYTES = 12;
function createPathMtu(connection, links) {
  return async (from, to) => {
    let least;
    for (const other of to) {
      if (isIpv4(other) !== isIpv4(from)) continue;
      await connection.ask(routeTo(from, other), ({ type, payload }) => {
        if (type !== RTM_NEWROUTE) return;
        const mtu = mtuOf(payload, links);
        if (mtu !== void 0 && (least === void 0 || mtu < least)) least = mtu;
      });
    }
    return least;
  };
}
function routeTo(from, to) {
  return {
    type: RTM_GETROUTE,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      const { buffer, at } = writer.fixed(RTMSG_BYTES);
      const bits = isIpv4(to) ? 32 : 128;
      buffer.writeUInt8(ipFamily(to), at);
      buffer.writeUInt8(bits, at + 1);
      buffer.writeUInt8(bits, at + 2);
      writer.octets(RTA_DST, ipToOctets(to));
      writer.octets(RTA_SRC, ipToOctets(from));
      writer.end();
    }
  };
}
function mtuOf(payload, links) {
  if (payload.readUInt8(7) !== RTN_UNICAST) return void 0;
  const attributes = parseAttributes(payload, RTMSG_BYTES);
  const link3 = links.byIndex.get(attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0);
  if (!link3 || link3.loopback) return void 0;
  const metrics = attributes.get(RTA_METRICS);
  const own = metrics && parseAttributes(metrics).get(RTAX_MTU)?.readUInt32LE(0);
  return own ? Math.min(own, link3.mtuBytes) : link3.mtuBytes;
}

// edge-agent/netlink/table-request.ts
var IFINFOMSG_BYTES2 = 16;
var NDMSG_BYTES2 = 12;
var LINKS = linkRequest(0);
var ADDRESSES = tableRequest(RTM_GETADDR, AF_UNSPEC, 8);
var FORWARDING = tableRequest(RTM_GETNEIGH, AF_BRIDGE, NDMSG_BYTES2);
var NEIGHBOURS = tableRequest(RTM_GETNEIGH, AF_UNSPEC, NDMSG_BYTES2);
var NEXTHOPS = tableRequest(RTM_GETNEXTHOP, AF_UNSPEC, 8);
function oneLink(index) {
  return linkRequest(index);
}
function oneNamedLink(name) {
  return linkRequest(0, name);
}
function entriesOnPortsOf(bridge) {
  return tableRequest(RTM_GETNEIGH, AF_BRIDGE, NDMSG_BYTES2, (writer) => writer.u32(NDA_MASTER, bridge));
}
function entriesOnDevice(index) {
  return tableRequest(RTM_GETNEIGH, AF_BRIDGE, NDMSG_BYTES2, void 0, index);
}
function neighboursOn(index) {
  return tableRequest(RTM_GETNEIGH, AF_UNSPEC, NDMSG_BYTES2, (writer) => writer.u32(NDA_IFINDEX, index));
}
function tableRequest(type, family, fixedBytes, attributes, index = 0) {
  return {
    type,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      const { buffer, at } = writer.fixed(fixedBytes);
      buffer.writeUInt8(family, at);
      if (index !== 0) buffer.writeInt32LE(index, at + 4);
      attributes?.(writer);
      writer.end();
    }
  };
}
function linkRequest(index, name) {
  return {
    type: RTM_GETLINK,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      const { buffer, at } = writer.fixed(IFINFOMSG_BYTES2);
      buffer.writeInt32LE(index, at + 4);
      if (name !== void 0) writer.text(IFLA_IFNAME, name);
      writer.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
      writer.end();
    }
  };
}

// edge-agent/netlink/probe.ts
var DETAILS = {
  "kernel-events": {
    present: "changes by others are seen at once",
    absent: "changes by others are found by the comparison in the background only"
  },
  "nexthop-fdb": {
    present: "entries lead to groups of nexthops: a VTEP's change or loss is one message",
    absent: "entries have plain destinations; of a multihomed segment the first VTEP is used"
  },
  "bulk-delete": {
    present: "all entries of a VTEP can be deleted with one message",
    absent: "entries are deleted one by one"
  },
  "neigh-suppress": {
    present: "ARP and neighbour discovery are answered on this host",
    absent: "ARP and neighbour discovery are flooded"
  },
  vrf: { present: "tenants' routers can be placed here", absent: "no tenant's router can be placed here" },
  nftables: { present: "what a port may send can be filtered", absent: "what a port sends cannot be filtered" }
};
var probed;
function probeCapabilities(options) {
  probed ??= probe(options.libc, options.degraded);
  return probed;
}
async function probe(libc, degraded) {
  const events = capability("kernel-events", degraded);
  let trial;
  try {
    if (!libc) throw new Error("koffi is needed to make a namespace");
    trial = libc.inNewNamespace(() => ({
      routing: connect({ libc, netns: void 0 }, "messages"),
      filter: openFilter(libc)
    }));
  } catch (cause) {
    const why = `not tried: ${cause.message}`;
    const rest = ["bulk-delete", "neigh-suppress", "vrf", "nftables"].map((name) => capability(name, why));
    return [events, capability("nexthop-fdb", libc ? await tryNexthopsHere(libc) : why), ...rest];
  }
  try {
    const vxlan = await makeDevices(trial.routing);
    return [
      events,
      capability("nexthop-fdb", await tryEntryByNexthop(trial.routing, vxlan)),
      capability("bulk-delete", await tryBulkDelete(trial.routing, vxlan)),
      capability("neigh-suppress", await tryNeighSuppress(trial.routing, vxlan)),
      capability("vrf", await tryVrf(trial.routing)),
      capability("nftables", await tryFilter(trial.filter))
    ];
  } catch (cause) {
    const why = cause.message;
    return [
      events,
      ...Object.keys(DETAILS).slice(1).map((name) => capability(name, why))
    ];
  } finally {
    trial.routing.close();
    trial.filter?.close();
  }
}
function capability(name, missing2) {
  const { present = "", absent = "" } = DETAILS[name] ?? {};
  return { name, present: missing2 === void 0, detail: missing2 === void 0 ? present : `${absent} (${missing2})` };
}
var BRIDGE = "ovprobeb";
var VXLAN = "ovprobex";
var VTEP2 = ipFromOctets(Uint8Array.of(192, 0, 2, 1));
var OTHER = ipFromOctets(Uint8Array.of(192, 0, 2, 2));
var MAC = macFromNumbers(131072, 1);
var IDS = { nexthop: 1342177278, group: 1342177279 };
async function makeDevices(routing) {
  const create2 = NLM_F_CREATE | NLM_F_EXCL;
  const vxlan = { vni: 1, local: VTEP2, learning: false, udpPort: 4789 };
  await need(routing, link(create2, { index: 0, name: BRIDGE, kind: "bridge" }));
  await need(routing, link(create2, { index: 0, name: VXLAN, kind: "vxlan", vxlan }));
  const [bridge, device2] = [await indexOf(routing, BRIDGE), await indexOf(routing, VXLAN)];
  await need(routing, link(0, { index: device2, master: bridge, up: true }));
  return device2;
}
async function tryEntryByNexthop(routing, index) {
  const refusal = await makeGroup(routing) ?? await tryRequest(routing, entry(index, { nexthop: IDS.group }));
  await routing.transact([deleteNexthop(IDS.nexthop)]);
  return refusal;
}
async function tryNexthopsHere(libc) {
  const routing = connect({ libc, netns: void 0 }, "messages");
  try {
    const refusal = await makeGroup(routing);
    await routing.transact([deleteNexthop(IDS.nexthop)]);
    return refusal;
  } finally {
    routing.close();
  }
}
async function makeGroup(routing) {
  const protocol = NEIGHBOUR_PROTOCOL;
  const nexthop = addNexthop({ id: IDS.nexthop, protocol, gateway: OTHER, group: void 0 });
  const group = addNexthop({ id: IDS.group, protocol, gateway: void 0, group: [IDS.nexthop] });
  return await tryRequest(routing, nexthop) ?? await tryRequest(routing, group);
}
async function tryBulkDelete(routing, index) {
  await need(routing, entry(index, { dst: OTHER }));
  return await tryRequest(routing, {
    type: RTM_DELNEIGH,
    flags: NLM_F_BULK,
    write: (writer, request2) => writeNeighbour(writer, request2, {
      family: AF_BRIDGE,
      index,
      state: 0,
      flags: NTF_SELF,
      mac: void 0,
      dst: OTHER
    })
  });
}
async function tryNeighSuppress(routing, index) {
  return await tryRequest(routing, link(0, { index, port: { learning: false, neighSuppress: true } }));
}
async function tryVrf(routing) {
  return await tryRequest(routing, {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      writer.fixed(16);
      writer.text(IFLA_IFNAME, "ovprobev");
      writer.nest(IFLA_LINKINFO, () => {
        writer.text(IFLA_INFO_KIND, "vrf");
        writer.nest(IFLA_INFO_DATA, () => writer.u32(1, 1e3));
      });
      writer.end();
    }
  });
}
var NETLINK_NETFILTER = 12;
var NFT_GETGEN = 10 << 8 | 16;
function openFilter(libc) {
  try {
    return connect({ libc, netns: void 0, protocol: NETLINK_NETFILTER }, "messages");
  } catch {
    return void 0;
  }
}
async function tryFilter(filter) {
  if (!filter) return "the kernel has no netfilter";
  return await tryRequest(filter, {
    type: NFT_GETGEN,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      writer.fixed(4);
      writer.end();
    }
  });
}
async function tryRequest(connection, request2) {
  const refusal = await connection.ask(request2, () => void 0);
  return refusal && (refusal.text ?? `errno ${refusal.errno}`);
}
async function need(connection, request2) {
  const refusal = await tryRequest(connection, request2);
  if (refusal !== void 0) throw new Error(refusal);
}
async function indexOf(connection, name) {
  let index = 0;
  await connection.ask(oneNamedLink(name), ({ type, payload }) => {
    if (type === RTM_NEWLINK) ({ index } = parseLink(payload));
  });
  return index;
}
function link(flags, what) {
  return { type: RTM_NEWLINK, flags, write: (writer, request2) => writeLink(writer, request2, what) };
}
function entry(index, where) {
  const whole = { family: AF_BRIDGE, index, state: NUD_REACHABLE, flags: NTF_SELF, mac: MAC, ...where };
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    write: (writer, request2) => writeNeighbour(writer, request2, whole)
  };
}

// edge-agent/netlink/writer.ts
import { constants as constants3 } from "node:os";

// edge-agent/netlink/op-request.ts
import { constants as constants2 } from "node:os";

// edge-agent/netlink/port-flags-message.ts
var IFLA_BRPORT_UNICAST_FLOOD = 9;
var IFLA_BRPORT_MCAST_FLOOD = 27;
var IFLA_BRPORT_BCAST_FLOOD = 30;
var IFLA_BRPORT_ISOLATED = 33;
var IFINFOMSG_BYTES3 = 16;
function setFlags(index, flags) {
  const one = (value) => value ? 1 : 0;
  return {
    type: RTM_NEWLINK,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      const { buffer, at } = writer.fixed(IFINFOMSG_BYTES3);
      buffer.writeInt32LE(index, at + 4);
      writer.nest(IFLA_LINKINFO, () => {
        writer.text(IFLA_INFO_SLAVE_KIND, "bridge");
        writer.nest(IFLA_INFO_SLAVE_DATA, () => {
          writer.u8(IFLA_BRPORT_LEARNING, one(flags.learning));
          writer.u8(IFLA_BRPORT_ISOLATED, one(flags.isolated));
          for (const type of [IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD]) {
            writer.u8(type, one(flags.flood));
          }
        });
      });
      writer.end();
    }
  };
}

// edge-agent/netlink/op-request.ts
var DONE = { requests: [] };
var { ENOENT, ENODEV, EEXIST, ESRCH } = constants2.errno;
function stageOf(op) {
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
    case "rebuild-vxlan":
      return "create";
    case "set-link":
    case "set-vxlan":
    case "attach-port":
      return "change";
    case "release-port":
    case "delete-link":
      return "remove";
    default:
      return "entry";
  }
}
function isHarmless(op, errno) {
  if (op.kind === "add-flood") return errno === EEXIST;
  if (op.kind === "release-port" || op.kind === "delete-link") return errno === ENODEV;
  return /^(delete|flush)-/.test(op.kind) && (errno === ENOENT || errno === ENODEV || errno === ESRCH);
}
function planOp(op, context) {
  switch (op.kind) {
    case "add-bridge":
    case "add-vxlan":
      return planCreation(op, context);
    case "rebuild-vxlan": {
      const old = context.links.byName.get(op.name);
      if (old && !isOwnerMark(old.alias)) return foreign(op.name);
      const drop2 = old ? [link2(RTM_DELLINK, 0, { index: old.index })] : [];
      return { requests: [...drop2, ...creation({ ...op, kind: "add-vxlan" })] };
    }
    case "set-link":
      return withLink(context, op.name, ({ index }) => {
        const up = op.up === void 0 ? {} : { up: op.up };
        const mac = op.mac === void 0 ? {} : { mac: op.mac };
        return [change({ index, alias: op.owner, mtuBytes: op.mtuBytes, ...mac, ...up })];
      });
    case "set-vxlan":
      return withLink(context, op.name, ({ index }) => [
        change({ index, kind: "vxlan", vxlan: { vni: op.vni, local: op.vtep, learning: false } })
      ]);
    case "attach-port":
      return withLink(
        context,
        op.bridge,
        (bridge) => withLink(context, op.name, (port) => attach(port.index, bridge.index, op))
      );
    case "release-port": {
      const port = context.links.byName.get(op.name);
      const bridge = context.links.byName.get(op.bridge);
      if (!port || !bridge || port.master !== bridge.index) return DONE;
      return { requests: [change({ index: port.index, master: 0 })] };
    }
    case "delete-link": {
      const old = context.links.byName.get(op.name);
      if (!old) return DONE;
      return isOwnerMark(old.alias) ? { requests: [link2(RTM_DELLINK, 0, { index: old.index })] } : foreign(op.name);
    }
    default:
      return planEntry(op, context);
  }
}
function planEntry(op, context) {
  switch (op.kind) {
    case "replace-bridge-entry":
      return withLink(context, op.port, ({ index, master }) => {
        if (!isOwnerMark(context.links.byIndex.get(master ?? 0)?.alias)) {
          return { code: "EINVAL", message: `${op.port} is not a port of our bridge` };
        }
        const extern = op.origin === "extern";
        const state = extern ? NUD_REACHABLE : NUD_NOARP;
        const flags = NTF_MASTER | (extern ? NTF_EXT_LEARNED : 0);
        return [fdb(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, { index, state, flags, mac: op.mac })];
      });
    case "delete-bridge-entry":
      return ifLink(context, op.port, ({ index }) => [
        fdb(RTM_DELNEIGH, 0, { index, state: 0, flags: NTF_MASTER, mac: op.mac })
      ]);
    case "replace-vxlan-entry":
    case "replace-remote-entry":
      return withLink(context, op.vxlan, (device2) => planRemote(op, device2, context));
    case "delete-vxlan-entry":
      return ifLink(context, op.vxlan, ({ index }) => [deleteTunnelled(index, op.mac, op.tunnel)]);
    case "delete-tunnel":
      return { requests: context.nexthops.drop(op.tunnel.vteps) };
    case "flush-vtep":
      return ifLink(context, op.vxlan, ({ index }) => [
        fdb(RTM_DELNEIGH, NLM_F_BULK, { index, state: 0, flags: NTF_SELF, mac: void 0, dst: op.vtep })
      ]);
    case "add-flood":
      return withLink(context, op.vxlan, ({ index }) => {
        const entry3 = { index, state: NUD_PERMANENT, flags: NTF_SELF, mac: ZERO_MAC, dst: op.vtep };
        return [fdb(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, entry3)];
      });
    case "delete-flood":
      return ifLink(context, op.vxlan, ({ index }) => [
        fdb(RTM_DELNEIGH, 0, { index, state: 0, flags: NTF_SELF, mac: ZERO_MAC, dst: op.vtep })
      ]);
    case "replace-neighbour":
      return withLink(context, op.bridge, ({ index }) => [
        neighbourRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, {
          family: ipFamily(op.ip),
          index,
          state: NUD_PERMANENT,
          flags: 0,
          mac: op.mac,
          dst: op.ip,
          protocol: NEIGHBOUR_PROTOCOL
        })
      ]);
    case "delete-neighbour":
      return ifLink(context, op.bridge, ({ index }) => [
        neighbourRequest(RTM_DELNEIGH, 0, {
          family: ipFamily(op.ip),
          index,
          state: 0,
          flags: 0,
          mac: void 0,
          dst: op.ip
        })
      ]);
    default:
      return assertNever(op);
  }
}
function planRemote(op, device2, context) {
  const { mac, tunnel, before } = op;
  const { index, master } = device2;
  const both = op.kind === "replace-remote-entry";
  if (both && !isOwnerMark(context.links.byIndex.get(master ?? 0)?.alias)) {
    return { code: "EINVAL", message: `${op.vxlan} is not a port of our bridge` };
  }
  const requests = before && before.form !== tunnel.form ? [deleteTunnelled(index, mac, before)] : [];
  const flags = NTF_SELF | NTF_EXT_LEARNED | (both ? NTF_MASTER : 0);
  const entry3 = (where) => ({
    index,
    state: NUD_REACHABLE,
    flags,
    mac,
    dst: where.dst,
    vni: where.vni,
    nexthop: where.nexthop
  });
  const replace2 = NLM_F_CREATE | NLM_F_REPLACE;
  if (tunnel.form === "dst") {
    requests.push(fdb(RTM_NEWNEIGH, replace2, entry3({ dst: tunnel.vteps[0], vni: tunnel.vni })));
  } else {
    const group = context.nexthops.use(tunnel.vteps);
    requests.push(...group.requests, fdb(RTM_NEWNEIGH, replace2, entry3({ nexthop: group.id })));
  }
  return { requests };
}
function deleteTunnelled(index, mac, tunnel) {
  const entry3 = { index, state: 0, flags: NTF_SELF, mac };
  const dst = tunnel.form === "dst" ? { dst: tunnel.vteps[0], vni: tunnel.vni } : {};
  return fdb(RTM_DELNEIGH, 0, { ...entry3, ...dst });
}
function planCreation(op, context) {
  const there = context.links.byName.get(op.name);
  if (there && isOwnerMark(there.alias)) return DONE;
  return there ? foreign(op.name) : { requests: creation(op) };
}
function creation(op) {
  const { name, owner, mtuBytes, vni } = op;
  const mark = { alias: owner, quietIpv6: true };
  const create2 = NLM_F_CREATE | NLM_F_EXCL;
  if (op.kind === "add-bridge") {
    const which2 = { index: 0, name, kind: "bridge" };
    return [
      link2(RTM_NEWLINK, create2, { ...which2, mac: op.mac, bridge: { stp: false, multicastSnooping: false } }),
      change({ ...which2, ...mark, mtuBytes }),
      change({ ...which2, up: true })
    ];
  }
  const which = { index: 0, name, kind: "vxlan" };
  const vxlan = { vni, local: op.vtep, learning: false };
  const fixed = { udpPort: VXLAN_PORT, sourcePorts: op.sourcePorts };
  return [
    link2(RTM_NEWLINK, create2, { ...which, mtuBytes, vxlan: { ...vxlan, ...fixed } }),
    change({ ...which, vxlan, ...mark })
  ];
}
var PLAIN_FLAGS = { learning: false, isolated: false, flood: true };
function attach(index, master, op) {
  if (op.role === "tenant") {
    return [change({ index, master }), setFlags(index, op.flags ?? PLAIN_FLAGS), change({ index, up: true })];
  }
  return [
    change({ index, master }),
    change({ index, port: { learning: false, neighSuppress: true } }),
    change({ index, up: true })
  ];
}
function planUndo(op) {
  if (op.kind === "add-bridge" || op.kind === "add-vxlan" || op.kind === "rebuild-vxlan") {
    return [link2(RTM_DELLINK, 0, { index: 0, name: op.name })];
  }
  return [];
}
function link2(type, flags, what) {
  return { type, flags, write: (writer, request2) => writeLink(writer, request2, what) };
}
function change(what) {
  return link2(RTM_NEWLINK, 0, what);
}
function fdb(type, flags, entry3) {
  return neighbourRequest(type, flags, Object.assign(entry3, { family: AF_BRIDGE }));
}
function withLink(context, name, body) {
  const found = context.links.byName.get(name);
  if (!found) return { code: "ENODEV", message: `no device ${name}` };
  const result = body(found);
  return "requests" in result || "code" in result ? result : { requests: result };
}
function ifLink(context, name, body) {
  return context.links.byName.has(name) ? withLink(context, name, body) : DONE;
}
function foreign(name) {
  return { code: "EEXIST", message: `${name} is not ours` };
}

// edge-agent/netlink/writer.ts
var ERRNO_NAMES = new Map(
  Object.entries(constants3.errno).map(([name, number8]) => [number8, name])
);
function createWriter(ports) {
  const { connection, context, onDone, onNexthopsRefused } = ports;
  const applyStage = async (ops) => {
    const failures = [];
    const unmarked = [];
    const most = stageOf(ops[0]) === "entry" ? MAX_BATCH : 1;
    let batch = [];
    const now = await context();
    for (const op of ops) {
      const plan = planOp(op, now);
      if ("code" in plan) failures.push({ op, code: plan.code, message: plan.message });
      else for (const request2 of plan.requests) batch.push({ op, request: request2 });
      if (batch.length < most) continue;
      await send(batch, failures, unmarked);
      batch = [];
    }
    if (batch.length > 0) await send(batch, failures, unmarked);
    for (const request2 of unmarked.flatMap(planUndo)) await connection.transact([request2]);
    if (unmarked.length > 0) onDone();
    return failures;
  };
  const send = async (batch, failures, unmarked) => {
    const answers = await connection.transact(batch.map((each) => each.request));
    onDone();
    const refused = /* @__PURE__ */ new Set();
    for (const [index, answer] of answers.entries()) {
      if (!answer) continue;
      const { op, request: request2 } = batch[index];
      if (refused.has(op) || isHarmless(op, answer.errno)) continue;
      refused.add(op);
      failures.push({ op, code: codeOf(answer), message: answer.text ?? "" });
      if (request2.type === RTM_NEWNEXTHOP || request2.type === RTM_DELNEXTHOP) onNexthopsRefused();
      if (!(request2.flags & NLM_F_EXCL)) unmarked.push(op);
    }
  };
  return async (ops) => {
    const failures = [];
    for (let from = 0; from < ops.length; ) {
      const stage = stageOf(ops[from]);
      let to = from + 1;
      while (to < ops.length && stageOf(ops[to]) === stage) to++;
      failures.push(...await applyStage(ops.slice(from, to)));
      from = to;
    }
    return failures;
  };
}
function codeOf({ errno }) {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

// edge-agent/netlink/kernel.ts
var DUMP_ATTEMPTS = 5;
var DROPS_EVERY_MS = 1e3;
async function createNetlinkKernel(options) {
  const { netns, log: log2 } = options;
  let degraded;
  const libc = await loadLibc().catch((cause) => {
    degraded = `koffi cannot be loaded (${cause.message})`;
    return void 0;
  });
  const place = { libc, netns };
  const writes = connect(place, "messages");
  const dumps = connect(place, "dumps");
  if (!writes.guarded) {
    degraded = `${degraded ?? "NETLINK_NO_ENOBUFS cannot be set"}: no kernel events, only periodic comparison`;
    log2(degraded);
  }
  const capabilities = await probeCapabilities({ libc, degraded });
  const has2 = (name) => capabilities.some((each) => each.name === name && each.present);
  const tunnelForm = options.tunnelForm ?? (has2("nexthop-fdb") ? "nexthop" : "dst");
  const links = createLinkTable();
  const nexthops = createNexthopTable();
  const readTunnel = createTunnelReader(nexthops);
  const listeners = /* @__PURE__ */ new Set();
  const stale = { links: true, nexthops: true, addresses: true, link: /* @__PURE__ */ new Set() };
  let addresses = [];
  let socket;
  let lost = 0;
  let timer;
  const emit = (event) => {
    for (const listener of listeners) listener(event);
  };
  const monitor = createMonitor({
    links,
    nexthops,
    onStaleLink: (index) => void stale.link.add(index),
    onStaleAddresses: () => {
      stale.addresses = true;
    },
    emit
  });
  const doubtAll = (reason) => {
    stale.links = true;
    stale.nexthops = true;
    stale.addresses = true;
    emit({ kind: "doubt", vni: void 0, lost: reason });
  };
  const catchUp = () => {
    if (!socket) return;
    socket.drain();
    const drops = socket.drops();
    if (drops !== lost) doubtAll("the kernel dropped notifications");
    lost = drops;
  };
  const listen2 = () => {
    if (socket || !writes.guarded) return;
    socket = openSocket(place, "events", {
      // An exception that left a socket's listener would abort the process without a trace; the socket catches it.
      onMessage: (message) => monitor.take(message),
      onMessageAt: (type, buffer, at, end) => monitor.takeAt(type, buffer, at, end),
      onError: (cause) => {
        log2(`kernel events: ${cause.message}`);
        doubtAll(cause.message);
      }
    });
    for (const group of GROUPS) socket.join(group);
    lost = socket.drops();
    timer = setInterval(catchUp, DROPS_EVERY_MS);
    timer.unref();
    stale.links = true;
    stale.nexthops = true;
    stale.addresses = true;
  };
  const dumpTable2 = async (request2, begin) => {
    for (let attempt = 1; ; attempt++) {
      try {
        await dumps.dump(request2, begin());
        return;
      } catch (cause) {
        if (!(cause instanceof InterruptedDump) || attempt === DUMP_ATTEMPTS) throw cause;
      }
    }
  };
  const dumpList = async (request2, parse) => {
    let list = [];
    await dumpTable2(request2, () => {
      list = [];
      return ({ payload }) => {
        const entry3 = parse(payload);
        if (entry3 !== void 0) list.push(entry3);
      };
    });
    return list;
  };
  let refreshing = Promise.resolve();
  const refresh = () => {
    const done = refreshing.then(refreshNow);
    refreshing = done.catch(() => void 0);
    return done;
  };
  const refreshNow = async () => {
    catchUp();
    if (!socket) stale.links = stale.addresses = stale.nexthops = true;
    if (stale.links) {
      stale.links = false;
      stale.link.clear();
      const found = await dumpList(LINKS, parseLink).catch((cause) => {
        stale.links = true;
        throw cause;
      });
      links.reset(found);
    }
    for (const index of stale.link) {
      stale.link.delete(index);
      await writes.ask(oneLink(index), ({ type, payload }) => {
        if (type === RTM_NEWLINK) links.set(parseLink(payload));
      });
    }
    if (stale.addresses) {
      stale.addresses = false;
      addresses = await dumpList(ADDRESSES, parseAddress).catch((cause) => {
        stale.addresses = true;
        throw cause;
      });
    }
    if (stale.nexthops && tunnelForm === "nexthop") {
      stale.nexthops = false;
      const found = await dumpList(NEXTHOPS, parseNexthop).catch((cause) => {
        stale.nexthops = true;
        throw cause;
      });
      nexthops.reset(found);
    }
  };
  const sortEntries = (drafts) => ({ buffer, start: start2, end }) => {
    const role = links.role(neighbourIndex(buffer, start2));
    const draft = role && drafts.get(role.vni);
    if (draft) addEntry(draft, parseNeighbourAt(buffer, start2, end), role, readTunnel);
  };
  const readEntries = async (vni) => {
    await refresh();
    const bridge = links.device(vni, "bridge");
    const vxlan = links.device(vni, "vxlan");
    const parts = [];
    const read = async (request2) => {
      let draft = emptyDraft(vni);
      await dumpTable2(request2, () => {
        draft = emptyDraft(vni);
        return sortEntries(/* @__PURE__ */ new Map([[vni, draft]]));
      });
      parts.push(draft);
    };
    if (bridge) await read(entriesOnPortsOf(bridge.index));
    if (vxlan && (!bridge || vxlan.master !== bridge.index)) await read(entriesOnDevice(vxlan.index));
    if (bridge) await read(neighboursOn(bridge.index));
    return joinDrafts(vni, parts);
  };
  const apply = createWriter({
    connection: writes,
    context: async () => {
      await refresh();
      return { links, nexthops };
    },
    onDone: catchUp,
    onNexthopsRefused: () => {
      stale.nexthops = true;
    }
  });
  return {
    degraded,
    tunnelForm,
    bulkDelete: has2("bulk-delete"),
    capabilities,
    dump: async () => {
      await refresh();
      const host2 = assembleHost(links.byIndex, addresses);
      let drafts = /* @__PURE__ */ new Map();
      const tables = [];
      for (const request2 of [FORWARDING, NEIGHBOURS]) {
        await dumpTable2(request2, () => {
          drafts = new Map(host2.networks.map(({ vni }) => [vni, emptyDraft(vni)]));
          return sortEntries(drafts);
        });
        tables.push(drafts);
      }
      await setImmediate4();
      return {
        ...host2,
        networks: host2.networks.map((devices) => ({
          ...devices,
          ...joinDrafts(
            devices.vni,
            tables.flatMap((table2) => table2.get(devices.vni) ?? [])
          )
        }))
      };
    },
    readHost: async ({ fresh } = { fresh: false }) => {
      if (fresh) stale.links = stale.addresses = stale.nexthops = true;
      await refresh();
      return assembleHost(links.byIndex, addresses);
    },
    readEntries,
    tunnels: () => nexthops.tunnels(),
    pathMtu: createPathMtu(dumps, links),
    apply: async (ops) => {
      const failures = await apply(ops);
      if (!socket) for (const vni of networksOf(ops)) emit({ kind: "doubt", vni, lost: void 0 });
      return failures;
    },
    watch: (listener) => {
      listeners.add(listener);
      listen2();
      return { close: () => void listeners.delete(listener) };
    },
    close: async () => {
      clearInterval(timer);
      listeners.clear();
      socket?.close();
      socket = void 0;
      writes.close();
      dumps.close();
    }
  };
}
var GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_NEXTHOP,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV6_IFADDR
];
function joinDrafts(vni, parts) {
  return {
    vni,
    bridgeEntries: joined(parts.map((part) => part.bridgeEntries)),
    vxlanEntries: joined(parts.map((part) => part.vxlanEntries)),
    flood: [...new Set(parts.flatMap((part) => part.flood))],
    neighbours: joined(parts.map((part) => part.neighbours))
  };
}
function joined(lists) {
  const some = lists.filter((list) => list.length > 0);
  return some.length > 1 ? some.flat() : some[0] ?? [];
}
function networksOf(ops) {
  return new Set(ops.map((op) => op.vni));
}

// edge-agent/netlink/routers.ts
import { constants as constants5 } from "node:os";
import { setImmediate as setImmediate5 } from "node:timers/promises";

// edge-agent/netlink/gateway-message.ts
var IFADDRMSG_BYTES2 = 8;
var SCOPE_UNIVERSE = 0;
var SCOPE_LINK = 253;
function gatewayRequest(act, index, { ip: ip2, length }) {
  const add = act === "add";
  return {
    type: add ? RTM_NEWADDR : RTM_DELADDR,
    flags: add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
    write: (writer, { type, flags, seq }) => {
      writer.begin(type, flags, seq);
      const { buffer, at } = writer.fixed(IFADDRMSG_BYTES2);
      buffer.writeUInt8(ipFamily(ip2), at);
      buffer.writeUInt8(length, at + 1);
      buffer.writeUInt8(isLinkLocal(ip2) ? SCOPE_LINK : SCOPE_UNIVERSE, at + 3);
      buffer.writeUInt32LE(index, at + 4);
      writer.octets(IFA_LOCAL, ipToOctets(ip2));
      writer.octets(IFA_ADDRESS, ipToOctets(ip2));
      if (add) writer.u32(IFA_FLAGS, IFA_F_NODAD);
      writer.end();
    }
  };
}
function parseGateway(payload) {
  const attributes = parseAttributes(payload, IFADDRMSG_BYTES2);
  const octets = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const ip2 = octets && ipFromOctets(octets);
  return ip2 === void 0 ? void 0 : { index: payload.readUInt32LE(4), ip: ip2, length: payload.readUInt8(1) };
}

// edge-agent/netlink/l3-link-message.ts
var IFINFOMSG_BYTES4 = 16;
function parseL3Link(payload) {
  const attributes = parseAttributes(payload, IFINFOMSG_BYTES4);
  const address = attributes.get(IFLA_ADDRESS);
  const info = attributes.get(IFLA_LINKINFO);
  const parts = info ? parseAttributes(info) : /* @__PURE__ */ new Map();
  const kind = parts.get(IFLA_INFO_KIND);
  const data = parts.get(IFLA_INFO_DATA);
  const vrf = kind !== void 0 && attributeText(kind) === "vrf" && data ? parseAttributes(data) : void 0;
  return {
    ...parseLink(payload),
    mac: address?.length === 6 ? macFromOctets(address) : void 0,
    table: vrf?.get(IFLA_VRF_TABLE)?.readUInt32LE(0)
  };
}
function addVrf(vrf) {
  const { name, owner, table: table2 } = vrf;
  return [
    vrfRequest(NLM_F_CREATE | NLM_F_EXCL, name, table2),
    changeLink({ index: 0, name, alias: owner, quietIpv6: true }),
    changeLink({ index: 0, name, up: true })
  ];
}
function probeVrf(name) {
  return vrfRequest(NLM_F_CREATE | NLM_F_EXCL, name, void 0);
}
function vrfRequest(flags, name, table2) {
  return {
    type: RTM_NEWLINK,
    flags,
    write: (writer, head) => {
      writer.begin(head.type, head.flags, head.seq);
      writer.fixed(IFINFOMSG_BYTES4);
      writer.text(IFLA_IFNAME, name);
      writer.nest(IFLA_LINKINFO, () => {
        writer.text(IFLA_INFO_KIND, "vrf");
        if (table2 !== void 0) writer.nest(IFLA_INFO_DATA, () => writer.u32(IFLA_VRF_TABLE, table2));
      });
      writer.end();
    }
  };
}
function addL3Vxlan(vxlan) {
  const { vni, name, owner, mac, mtuBytes, vtep } = vxlan;
  const config = { vni, local: vtep, learning: false };
  const which = { index: 0, name, kind: "vxlan" };
  return [
    linkRequest2(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, {
      ...which,
      mac,
      mtuBytes,
      vxlan: { ...config, udpPort: VXLAN_PORT }
    }),
    changeLink({ ...which, vxlan: config, alias: owner, quietIpv6: true })
  ];
}
function changeLink(change2) {
  return linkRequest2(RTM_NEWLINK, 0, change2);
}
function deleteLink(index) {
  return linkRequest2(RTM_DELLINK, 0, { index });
}
function linkRequest2(type, flags, what) {
  return { type, flags, write: (writer, request2) => writeLink(writer, request2, what) };
}

// edge-agent/netlink/route-message.ts
var RTMSG_BYTES2 = 12;
var RTNEXTHOP_BYTES = 8;
var SCOPE_UNIVERSE2 = 0;
var SCOPE_LINK2 = 253;
var TYPES = {
  unicast: RTN_UNICAST,
  blackhole: RTN_BLACKHOLE,
  unreachable: RTN_UNREACHABLE
};
function replaceRoute(route) {
  return request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}
function deleteRoute(route) {
  return {
    type: RTM_DELROUTE,
    flags: 0,
    write: (writer, head) => writeRoute(writer, head, { ...route, type: void 0, hops: [] })
  };
}
var ROUTE_DUMP = {
  type: RTM_GETROUTE,
  flags: 0,
  write: (writer, { type, flags, seq }) => {
    writer.begin(type, flags, seq);
    writer.fixed(RTMSG_BYTES2);
    writer.end();
  }
};
function request(type, flags, route) {
  return { type, flags, write: (writer, head) => writeRoute(writer, head, route) };
}
function writeRoute(writer, head, route) {
  const { prefix, table: table2, metric, hops: hops2, prefSrc, nexthopId } = route;
  const address = prefixAddress(prefix);
  const [only] = hops2.length === 1 ? hops2 : [];
  writer.begin(head.type, head.flags, head.seq);
  const { buffer, at } = writer.fixed(RTMSG_BYTES2);
  buffer.writeUInt8(isIpv4(address) ? AF_INET : AF_INET6, at);
  buffer.writeUInt8(prefixLength(prefix), at + 1);
  buffer.writeUInt8(table2 < 256 ? table2 : RT_TABLE_UNSPEC, at + 4);
  buffer.writeUInt8(route.protocol, at + 5);
  buffer.writeUInt8(scopeOf(route), at + 6);
  buffer.writeUInt8(route.type === void 0 ? 0 : TYPES[route.type], at + 7);
  if (only?.onlink) buffer.writeUInt32LE(RTNH_F_ONLINK, at + 8);
  writer.u32(RTA_TABLE, table2);
  if (prefixLength(prefix) > 0) writer.octets(RTA_DST, ipToOctets(address));
  if (metric > 0) writer.u32(RTA_PRIORITY, metric);
  if (prefSrc !== void 0) writer.octets(RTA_PREFSRC, ipToOctets(prefSrc));
  if (nexthopId !== void 0) writer.u32(RTA_NH_ID, nexthopId);
  else if (only) {
    if (only.via !== void 0) writer.octets(...viaAttribute(address, only.via));
    if (only.index > 0) writer.u32(RTA_OIF, only.index);
  } else if (hops2.length > 1) {
    writer.octets(RTA_MULTIPATH, Buffer.concat(hops2.map((hop) => multipathHop(address, hop))));
  }
  writer.end();
}
function scopeOf({ type, hops: hops2, nexthopId }) {
  if (type === void 0) return 255;
  const direct = type === "unicast" && nexthopId === void 0 && hops2.every((hop) => hop.via === void 0);
  return direct ? SCOPE_LINK2 : SCOPE_UNIVERSE2;
}
function viaAttribute(destination, via) {
  const octets = ipToOctets(via);
  if (isIpv4(destination) === isIpv4(via)) return [RTA_GATEWAY, octets];
  return [RTA_VIA, Buffer.concat([Uint8Array.of(AF_INET6, 0), octets])];
}
function multipathHop(destination, { index, via, onlink, weight = 1 }) {
  const [type, value] = via === void 0 ? [0, new Uint8Array()] : viaAttribute(destination, via);
  const attributeBytes = via === void 0 ? 0 : 4 + value.length;
  const padded = attributeBytes + 3 & ~3;
  const hop = Buffer.alloc(RTNEXTHOP_BYTES + padded);
  hop.writeUInt16LE(hop.length, 0);
  hop.writeUInt8(onlink ? RTNH_F_ONLINK : 0, 2);
  hop.writeUInt8(weight - 1, 3);
  hop.writeInt32LE(index, 4);
  if (via !== void 0) {
    hop.writeUInt16LE(attributeBytes, RTNEXTHOP_BYTES);
    hop.writeUInt16LE(type, RTNEXTHOP_BYTES + 2);
    hop.set(value, RTNEXTHOP_BYTES + 4);
  }
  return hop;
}
function routeTable(payload) {
  const table2 = payload.readUInt8(4);
  if (table2 !== RT_TABLE_UNSPEC && table2 !== RT_TABLE_COMPAT) return table2;
  return parseAttributes(payload, RTMSG_BYTES2).get(RTA_TABLE)?.readUInt32LE(0) ?? table2;
}
function parseRouteMessage(payload) {
  const family = payload.readUInt8(0);
  const kind = payload.readUInt8(7);
  const type = Object.keys(TYPES).find((each) => TYPES[each] === kind);
  const flags = payload.readUInt32LE(8);
  if (family !== AF_INET && family !== AF_INET6 || type === void 0 || flags & RTM_F_CLONED) return void 0;
  const attributes = parseAttributes(payload, RTMSG_BYTES2);
  const address = attributes.get(RTA_DST) ?? Buffer.alloc(family === AF_INET ? 4 : 16);
  const prefix = parsePrefix(`${ipFromOctets(address)}/${payload.readUInt8(1)}`);
  if (prefix === void 0) return void 0;
  const prefSrc = attributes.get(RTA_PREFSRC);
  const nexthopId = attributes.get(RTA_NH_ID)?.readUInt32LE(0);
  return {
    prefix,
    table: attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    type,
    metric: attributes.get(RTA_PRIORITY)?.readUInt32LE(0) ?? 0,
    hops: type === "unicast" ? parseHops(attributes, flags) : [],
    ...prefSrc && { prefSrc: ipFromOctets(prefSrc) },
    ...nexthopId !== void 0 && { nexthopId }
  };
}
function parseHops(attributes, flags) {
  const multipath = attributes.get(RTA_MULTIPATH);
  if (!multipath) {
    const index = attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0;
    const via = parseVia(attributes);
    return index === 0 && via === void 0 ? [] : [hopOf(index, via, flags, 1)];
  }
  const hops2 = [];
  for (let at = 0; at + RTNEXTHOP_BYTES <= multipath.length; ) {
    const length = multipath.readUInt16LE(at);
    if (length < RTNEXTHOP_BYTES || at + length > multipath.length) throw new RangeError("malformed next hop");
    const via = parseVia(parseAttributes(multipath.subarray(at, at + length), RTNEXTHOP_BYTES));
    hops2.push(hopOf(multipath.readInt32LE(at + 4), via, multipath.readUInt8(at + 2), multipath.readUInt8(at + 3) + 1));
    at += length + 3 & ~3;
  }
  return hops2;
}
function hopOf(index, via, flags, weight) {
  const onlink = (flags & RTNH_F_ONLINK) !== 0;
  return { index, ...via !== void 0 && { via }, ...onlink && { onlink }, ...weight > 1 && { weight } };
}
function parseVia(attributes) {
  const gateway = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2);
  return gateway && ipFromOctets(gateway);
}

// edge-agent/netlink/router-tables.ts
function roleOf(link3) {
  const owner = ownerOf(link3.alias);
  const vni = parseVni(Number(/^ov(?:r|x|br)(\d+)$/.exec(link3.name)?.[1]));
  if (owner === void 0 || vni === void 0) return void 0;
  if (owner === "network")
    return link3.kind === "bridge" && link3.name === bridgeName(vni) ? { kind: "bridge", vni } : void 0;
  if (link3.kind === "vrf") return link3.name === vrfName(vni) ? { kind: "vrf", vni } : void 0;
  return link3.vxlan?.vni === vni && link3.name === vxlanName(vni) ? { kind: "vxlan", vni } : void 0;
}
function assembleRouters(tables) {
  const { links, rules, sysctls } = tables;
  const byIndex = new Map(links.map((link3) => [link3.index, link3]));
  const nameOf2 = (index) => index === void 0 ? void 0 : byIndex.get(index)?.name;
  const roles = new Map(links.flatMap((link3) => roleEntry(link3)));
  const vnis = /* @__PURE__ */ new Set();
  for (const role of roles.values()) if (role.kind !== "bridge") vnis.add(role.vni);
  const routes = /* @__PURE__ */ new Map();
  for (const route of tables.routes) {
    const vni = vrfOfTable(route.table);
    if (vni === void 0 || route.protocol === RTPROT_KERNEL) continue;
    if (route.protocol === ROUTE_PROTOCOL) vnis.add(vni);
    const list = routes.get(vni) ?? [];
    routes.set(vni, list);
    list.push(actualRoute(route, nameOf2));
  }
  const device2 = (kind, vni) => links.find((link3) => roles.get(link3.index)?.kind === kind && roles.get(link3.index)?.vni === vni);
  const routers = [...vnis].map((vni) => {
    const vrf = device2("vrf", vni);
    const vxlan = device2("vxlan", vni);
    const own = tables.neighbours.filter((entry3) => vxlan && entry3.index === vxlan.index);
    return {
      vni,
      vrf: vrf && { name: vrf.name, owner: vrf.alias ?? "", table: vrf.table ?? 0, up: vrf.up },
      vxlan: vxlan && actualVxlan(vxlan, nameOf2(vxlan.master)),
      // What others have put into our table is theirs; without our VRF their table is no concern of ours at all.
      routes: (routes.get(vni) ?? []).filter((route) => route.ours || vrf?.table === routerTable(vni)),
      neighbours: own.flatMap(
        ({ family, state, dst: ip2, mac }) => family !== AF_BRIDGE && state & NUD_PERMANENT && ip2 !== void 0 && mac !== void 0 ? [{ ip: ip2, mac }] : []
      ),
      entries: own.flatMap(({ family, flags, dst: vtep, mac, vni: other }) => {
        if (family !== AF_BRIDGE || !(flags & NTF_SELF) || vtep === void 0 || mac === void 0) return [];
        const translated = other === void 0 ? void 0 : parseVni(other);
        return [{ mac, vtep, ...translated !== void 0 && { vni: translated } }];
      })
    };
  });
  const bridges = links.flatMap((link3) => {
    const role = roles.get(link3.index);
    if (role?.kind !== "bridge") return [];
    const mine = tables.addresses.filter(({ index }) => index === link3.index);
    const addresses = mine.map(({ ip: ip2, length }) => ({ ip: ip2, length }));
    return [{ vni: role.vni, name: link3.name, up: link3.up, master: nameOf2(link3.master), addresses }];
  });
  return {
    routers,
    bridges,
    foreign: links.flatMap((link3) => foreignDevice2(link3, roles.has(link3.index))),
    rules,
    sysctls,
    addresses: underlay2(tables, byIndex),
    advertisedDefault: tables.routes.some(isAdvertisedDefault)
  };
}
function roleEntry(link3) {
  const role = roleOf(link3);
  return role ? [[link3.index, role]] : [];
}
function actualRoute(route, nameOf2) {
  const { prefix, metric, type, protocol, hops: hops2 } = route;
  return {
    prefix,
    metric,
    ours: protocol === ROUTE_PROTOCOL,
    type,
    hops: hops2.map(({ index, via }) => ({ device: nameOf2(index) ?? `#${index}`, ...via !== void 0 && { via } }))
  };
}
function actualVxlan(link3, master) {
  const { name, alias = "", mtuBytes, up, vxlan } = link3;
  return {
    name,
    owner: alias,
    // A vxlan device is Ethernet, so it has one.
    mac: link3.mac,
    mtuBytes,
    up,
    vtep: vxlan?.local,
    udpPort: vxlan?.udpPort ?? 0,
    learning: vxlan?.learning ?? false,
    master
  };
}
function foreignDevice2(link3, ours) {
  const { name, kind, vxlan, table: table2 } = link3;
  if (ours || !vxlan && table2 === void 0 && !/^ov(r|x)\d+$/.test(name)) return [];
  return [{ name, kind, vni: vxlan && parseVni(vxlan.vni), udpPort: vxlan?.udpPort, table: table2 }];
}
function isAdvertisedDefault({ prefix, table: table2, protocol }) {
  return table2 === RT_TABLE_MAIN && protocol === RTPROT_RA && prefixLength(prefix) === 0 && prefixAddress(prefix).includes(":");
}
function underlay2({ addresses, routes }, byIndex) {
  const mtus = /* @__PURE__ */ new Map();
  for (const { ip: ip2, index } of addresses) {
    const link3 = byIndex.get(index);
    if (link3) mtus.set(ip2, link3.loopback ? gatewayMtu(routes, ip2.includes(":"), byIndex) : link3.mtuBytes);
  }
  return mtus;
}
function gatewayMtu(routes, ipv6, byIndex) {
  const mtus = routes.filter(({ table: table2, prefix }) => table2 === RT_TABLE_MAIN && prefix.includes(":") === ipv6).flatMap(({ hops: hops2 }) => hops2.filter((hop) => hop.via !== void 0)).flatMap(({ index }) => {
    const link3 = byIndex.get(index);
    return link3?.up && !link3.loopback ? [link3.mtuBytes] : [];
  });
  return mtus.length === 0 ? void 0 : Math.min(...mtus);
}

// edge-agent/netlink/router-monitor.ts
var NETCONFMSG_BYTES = 4;
var NETCONFA_IFINDEX = 1;
function createRouterMonitor() {
  const ours = /* @__PURE__ */ new Set();
  const vxlans = /* @__PURE__ */ new Set();
  const onLink = (payload) => {
    const { family, index } = linkHead(payload);
    if (family !== AF_UNSPEC) return false;
    const link3 = parseL3Link(payload);
    return ours.has(index) || roleOf(link3) !== void 0 || link3.kind === "vrf" || link3.kind === "vxlan";
  };
  return {
    concerns: (message, ownPort) => {
      const { type, payload, port } = message;
      const own = port === ownPort;
      switch (type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
          return !own && onLink(payload);
        case RTM_NEWADDR:
        case RTM_DELADDR:
          return !own;
        case RTM_NEWRULE:
        case RTM_DELRULE:
          return !own;
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
          return !own && payload.readUInt8(5) !== RTPROT_KERNEL && vrfOfTable(routeTable(payload)) !== void 0;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
          return !own && vxlans.has(payload.readInt32LE(4));
        case RTM_NEWNETCONF: {
          const index = parseAttributes(payload, NETCONFMSG_BYTES).get(NETCONFA_IFINDEX)?.readInt32LE(0);
          return index !== void 0 && ours.has(index);
        }
        default:
          return false;
      }
    },
    onDump: (links) => {
      ours.clear();
      vxlans.clear();
      for (const link3 of links) {
        const role = roleOf(link3);
        if (!role) continue;
        ours.add(link3.index);
        if (role.kind === "vxlan") vxlans.add(link3.index);
      }
    },
    vxlans: () => vxlans
  };
}

// edge-agent/netlink/router-request.ts
import { constants as constants4 } from "node:os";

// edge-agent/netlink/rule-message.ts
var HEADER_BYTES2 = 12;
var NO_SELECTORS = /* @__PURE__ */ new Set([6, 13, 14, 15, 18, 19, 21]);
function ruleRequest(act, rule) {
  const { family, lookup, priority } = rule;
  const add = act === "add";
  return {
    type: add ? RTM_NEWRULE : RTM_DELRULE,
    flags: add ? NLM_F_CREATE | NLM_F_EXCL : 0,
    write: (writer, { type, flags, seq }) => {
      writer.begin(type, flags, seq);
      const { buffer, at } = writer.fixed(HEADER_BYTES2);
      buffer.writeUInt8(family === "ipv4" ? AF_INET : AF_INET6, at);
      buffer.writeUInt8(lookup === "local" ? RT_TABLE_LOCAL : RT_TABLE_UNSPEC, at + 4);
      buffer.writeUInt8(FR_ACT_TO_TBL, at + 7);
      writer.u32(FRA_PRIORITY, priority);
      if (lookup === "vrf") writer.u8(FRA_L3MDEV, 1);
      if (add) writer.u8(FRA_PROTOCOL, priority === 0 ? RTPROT_KERNEL : ROUTE_PROTOCOL);
      writer.end();
    }
  };
}
function parseRule(payload) {
  const family = payload.readUInt8(0);
  const selects = payload.readUInt8(1) + payload.readUInt8(2) + payload.readUInt8(3) > 0;
  const action = payload.readUInt8(7);
  if (family !== AF_INET && family !== AF_INET6 || selects || action !== FR_ACT_TO_TBL) return void 0;
  const attributes = parseAttributes(payload, HEADER_BYTES2);
  if ([...attributes.keys()].some((type) => !NO_SELECTORS.has(type))) return void 0;
  const table2 = attributes.get(FRA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4);
  const vrf = attributes.get(FRA_L3MDEV)?.readUInt8(0) === 1;
  if (!vrf && table2 !== RT_TABLE_LOCAL) return void 0;
  return {
    family: family === AF_INET ? "ipv4" : "ipv6",
    lookup: vrf ? "vrf" : "local",
    priority: attributes.get(FRA_PRIORITY)?.readUInt32LE(0) ?? 0,
    ours: attributes.get(FRA_PROTOCOL)?.readUInt8(0) === ROUTE_PROTOCOL
  };
}

// edge-agent/netlink/router-request.ts
var DONE2 = { requests: [] };
var { ENOENT: ENOENT2, ENODEV: ENODEV2, EEXIST: EEXIST2, ESRCH: ESRCH2, EADDRNOTAVAIL } = constants4.errno;
function changesLinks({ kind }) {
  return kind === "add-vrf" || kind === "add-l3-vxlan" || kind === "delete-device";
}
function isHarmlessHere({ kind }, errno) {
  if (kind === "add-rule") return errno === EEXIST2;
  if (!kind.startsWith("delete-") && kind !== "release-bridge") return false;
  return errno === ENOENT2 || errno === ENODEV2 || errno === ESRCH2 || errno === EADDRNOTAVAIL;
}
function planRouterOp(op, links) {
  switch (op.kind) {
    case "add-vrf":
      return create(op.name, links, () => addVrf(op));
    case "add-l3-vxlan":
      return create(op.name, links, () => addL3Vxlan(op));
    case "set-device":
      return withOwn(op.name, "router", links, ({ index }) => setDevice(op, index, links));
    case "set-l3-vxlan":
      return withOwn(op.name, "router", links, ({ index }) => {
        const vxlan = { vni: op.vni, local: op.vtep, learning: false };
        return { requests: [changeLink({ index, kind: "vxlan", vxlan })] };
      });
    case "enslave-bridge":
      return withOwn(
        op.name,
        "network",
        links,
        (bridge) => withOwn(op.vrf, "router", links, (vrf) => ({
          requests: [changeLink({ index: bridge.index, master: vrf.index })]
        }))
      );
    case "release-bridge": {
      const bridge = links.get(op.name);
      const vrf = links.get(op.vrf);
      if (!bridge || !vrf || bridge.master !== vrf.index) return DONE2;
      return { requests: [changeLink({ index: bridge.index, master: 0 })] };
    }
    case "add-address":
      return withOwn(op.name, "network", links, ({ index }) => ({
        requests: [gatewayRequest("add", index, op.gateway)]
      }));
    case "delete-address":
      return ifThere(op.name, links, (index) => [gatewayRequest("delete", index, op.gateway)]);
    case "add-rule":
    case "delete-rule":
      return { requests: [ruleRequest(op.kind === "add-rule" ? "add" : "delete", op.rule)] };
    case "replace-route":
      return planRoute(op, links);
    case "delete-route": {
      const { prefix, metric } = op.route;
      return { requests: [deleteRoute({ prefix, metric, table: op.table, protocol: ROUTE_PROTOCOL })] };
    }
    case "replace-l3-neighbour":
      return withOwn(op.device, "router", links, ({ index }) => ({ requests: [neighbour(op, index)] }));
    case "delete-l3-neighbour":
      return ifThere(op.device, links, (index) => [neighbour(op, index)]);
    case "replace-l3-entry":
      return withOwn(op.device, "router", links, ({ index }) => ({ requests: [entry2(op, index)] }));
    case "delete-l3-entry":
      return ifThere(op.device, links, (index) => [entry2(op, index)]);
    case "delete-device": {
      const old = links.get(op.name);
      if (!old) return DONE2;
      return ownerOf(old.alias) === "router" ? { requests: [deleteLink(old.index)] } : foreign2(op.name);
    }
    default:
      return assertNever(op);
  }
}
function planRouterUndo(op, links) {
  const made = op.kind === "add-vrf" || op.kind === "add-l3-vxlan" ? links.get(op.name) : void 0;
  return made && ownerOf(made.alias) === void 0 ? [deleteLink(made.index)] : [];
}
function create(name, links, requests) {
  const there = links.get(name);
  if (!there) return { requests: requests() };
  return ownerOf(there.alias) === "router" ? DONE2 : foreign2(name);
}
function setDevice(op, index, links) {
  const { owner, mac, mtuBytes, up, master } = op;
  const vrf = master === void 0 ? void 0 : links.get(master);
  if (master !== void 0 && !vrf) return { code: "ENODEV", message: `no device ${master}` };
  return {
    requests: [
      ...owner !== void 0 || mtuBytes !== void 0 ? [changeLink({ index, alias: owner, mtuBytes })] : [],
      ...mac === void 0 ? [] : [changeLink({ index, mac })],
      ...vrf ? [changeLink({ index, master: vrf.index })] : [],
      ...up ? [changeLink({ index, up })] : []
    ]
  };
}
function planRoute(op, links) {
  const { prefix, metric, type, hops: hops2 } = op.route;
  const missing2 = hops2.find((hop) => !links.has(hop.device));
  if (missing2) return { code: "ENODEV", message: `no device ${missing2.device}` };
  const ways = hops2.map(({ device: device2, via }) => ({
    index: links.get(device2)?.index ?? 0,
    via,
    onlink: via !== void 0
  }));
  return { requests: [replaceRoute({ prefix, metric, type, table: op.table, protocol: ROUTE_PROTOCOL, hops: ways })] };
}
function neighbour({ kind, ip: ip2, mac }, index) {
  const replace2 = kind === "replace-l3-neighbour";
  const written = replace2 ? { state: NUD_PERMANENT, mac, protocol: NEIGHBOUR_PROTOCOL } : { state: 0, mac: void 0 };
  return {
    type: replace2 ? RTM_NEWNEIGH : RTM_DELNEIGH,
    flags: replace2 ? NLM_F_CREATE | NLM_F_REPLACE : 0,
    write: (writer, request2) => writeNeighbour(writer, request2, { family: ipFamily(ip2), index, flags: 0, dst: ip2, ...written })
  };
}
function entry2({ kind, peer }, index) {
  const replace2 = kind === "replace-l3-entry";
  const flags = NTF_SELF | (replace2 ? NTF_EXT_LEARNED : 0);
  const state = replace2 ? NUD_REACHABLE : 0;
  return {
    type: replace2 ? RTM_NEWNEIGH : RTM_DELNEIGH,
    flags: replace2 ? NLM_F_CREATE | NLM_F_REPLACE : 0,
    write: (writer, request2) => writeNeighbour(writer, request2, {
      family: AF_BRIDGE,
      index,
      state,
      flags,
      mac: peer.mac,
      dst: peer.vtep,
      ...peer.vni !== void 0 && { vni: peer.vni }
    })
  };
}
function withOwn(name, owner, links, body) {
  const link3 = links.get(name);
  if (!link3) return { code: "ENODEV", message: `no device ${name}` };
  return ownerOf(link3.alias) === owner ? body(link3) : foreign2(name);
}
function ifThere(name, links, body) {
  const link3 = links.get(name);
  return link3 ? { requests: body(link3.index) } : DONE2;
}
function foreign2(name) {
  return { code: "EEXIST", message: `${name} is not ours` };
}

// edge-agent/netlink/sysctl.ts
import { readFileSync as readFileSync2, writeFileSync } from "node:fs";
function createSysctls({ libc, netns }) {
  const inside = (body) => {
    if (netns === void 0) return body();
    if (!libc) throw new Error(`namespace ${netns}: koffi is needed to enter it`);
    return libc.inNamespace(netns, body);
  };
  return {
    read: (keys) => inside(() => {
      const values = /* @__PURE__ */ new Map();
      for (const key of keys) {
        try {
          values.set(key, readFileSync2(pathOf2(key), "utf8").trim());
        } catch {
        }
      }
      return values;
    }),
    write: (key, value) => inside(() => {
      try {
        writeFileSync(pathOf2(key), value);
        return void 0;
      } catch (cause) {
        return cause.code ?? "EIO";
      }
    })
  };
}
function pathOf2(key) {
  return `/proc/sys/${key}`;
}

// edge-agent/netlink/routers.ts
var DUMP_ATTEMPTS2 = 5;
var DROPS_EVERY_MS2 = 1e3;
var PROBE_NAME = "ovrprobe";
var ERRNO_NAMES2 = new Map(
  Object.entries(constants5.errno).map(([name, number8]) => [number8, name])
);
async function openNetlinkRouters(options) {
  const { netns, log: log2 } = options;
  const libc = await loadLibc().catch(() => void 0);
  const place = { libc, netns };
  const writes = connect(place, "messages");
  const dumps = connect(place, "dumps");
  const sysctls = createSysctls(place);
  const monitor = createRouterMonitor();
  const watchers = /* @__PURE__ */ new Set();
  const dumpLinks = () => dumpTable(dumps, LINKS2, parseL3Link);
  const apply = async (ops) => {
    const failures = [];
    let links = byName(await dumpLinks());
    let batch = [];
    const refuse2 = (op, code, message) => void failures.push({ op, code, message });
    const flush = async () => {
      const sent = batch;
      batch = [];
      const requests = sent.flatMap((each) => each.requests);
      const owners = sent.flatMap((each) => each.requests.map(() => each.op));
      const refused = /* @__PURE__ */ new Set();
      for (let from = 0; from < requests.length; from += MAX_BATCH) {
        const answers = await writes.transact(requests.slice(from, from + MAX_BATCH));
        for (const [index, answer] of answers.entries()) {
          const op = owners[from + index];
          if (!answer || refused.has(op) || isHarmlessHere(op, answer.errno)) continue;
          refused.add(op);
          refuse2(op, ERRNO_NAMES2.get(answer.errno) ?? `errno ${answer.errno}`, answer.text ?? "");
        }
      }
      if (!sent.some(({ op }) => changesLinks(op))) return;
      links = byName(await dumpLinks());
      for (const op of refused) for (const undo of planRouterUndo(op, links)) await writes.transact([undo]);
    };
    for (const op of ops) {
      if (op.kind === "set-sysctl") {
        await flush();
        const code = sysctls.write(op.key, op.value);
        if (code !== void 0) refuse2(op, code, op.key);
        continue;
      }
      const plan = planRouterOp(op, links);
      if ("code" in plan) refuse2(op, plan.code, plan.message);
      else batch.push({ op, requests: plan.requests });
      if (changesLinks(op) || op.kind === "set-device" || op.kind === "enslave-bridge") await flush();
      else if (batch.length >= MAX_BATCH) await flush();
    }
    await flush();
    return failures;
  };
  return {
    support: async () => {
      const [answer] = await writes.transact([probeVrf(PROBE_NAME)]);
      if (answer?.errno === constants5.errno.EINVAL) return { vrf: true };
      const code = answer ? ERRNO_NAMES2.get(answer.errno) ?? `errno ${answer.errno}` : "no answer";
      return { vrf: false, reason: answer?.text ?? code };
    },
    dump: async () => {
      const links = await dumpLinks();
      monitor.onDump(links);
      const addresses = await dumpTable(dumps, ADDRESSES2, parseGateway);
      const rules = await dumpTable(dumps, RULES, parseRule);
      const routes = await dumpTable(dumps, ROUTE_DUMP, parseRouteMessage);
      const fdb2 = await dumpTable(dumps, FORWARDING2, (payload) => onVxlan(payload, monitor.vxlans()));
      const neighbours = await dumpTable(dumps, NEIGHBOURS2, (payload) => onVxlan(payload, monitor.vxlans()));
      const roles = links.flatMap((link3) => {
        const role = roleOf(link3);
        return role ? [[link3.name, role.kind]] : [];
      });
      const keys = [...GLOBAL_SYSCTLS, ...roles.flatMap(([name, kind]) => [...sysctlsOf(name, kind).keys()])];
      const tables = { links, addresses, routes, rules, neighbours: [...fdb2, ...neighbours] };
      const state = assembleRouters({ ...tables, sysctls: sysctls.read(keys) });
      await setImmediate5();
      return state;
    },
    apply,
    watch: (listener) => {
      if (!writes.guarded) return { close: () => void 0 };
      const close = listen(place, log2, (message) => monitor.concerns(message, writes.port), listener);
      watchers.add(close);
      return {
        close: () => {
          if (watchers.delete(close)) close();
        }
      };
    },
    close: () => {
      for (const close of watchers) close();
      watchers.clear();
      writes.close();
      dumps.close();
    }
  };
}
async function dumpTable(connection, request2, parse) {
  for (let attempt = 1; ; attempt++) {
    const entries = [];
    try {
      await connection.dump(request2, ({ payload }) => {
        const entry3 = parse(payload);
        if (entry3 !== void 0) entries.push(entry3);
      });
      return entries;
    } catch (cause) {
      if (!(cause instanceof InterruptedDump) || attempt === DUMP_ATTEMPTS2) throw cause;
    }
  }
}
function onVxlan(payload, vxlans) {
  return vxlans.has(payload.readInt32LE(4)) ? parseNeighbour(payload) : void 0;
}
function listen(place, log2, concerns, listener) {
  const tell = (event) => queueMicrotask(() => listener(event));
  const socket = openSocket(place, "messages", {
    onMessage: (message) => {
      if (concerns(message)) tell("changed");
    },
    onError: (cause) => {
      log2(`kernel events of routers: ${cause.message}`);
      tell("overrun");
    }
  });
  for (const group of GROUPS2) socket.join(group);
  let seen = socket.drops();
  const timer = setInterval(() => {
    const drops = socket.drops();
    if (drops !== seen) tell("overrun");
    seen = drops;
  }, DROPS_EVERY_MS2);
  timer.unref();
  return () => {
    clearInterval(timer);
    socket.close();
  };
}
var GROUPS2 = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_IPV4_NETCONF,
  RTNLGRP_IPV6_NETCONF
];
function byName(links) {
  return new Map(links.map((link3) => [link3.name, link3]));
}
var LINKS2 = {
  type: RTM_GETLINK,
  flags: 0,
  write: (writer, request2) => {
    writer.begin(request2.type, request2.flags, request2.seq);
    writer.fixed(16);
    writer.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    writer.end();
  }
};
var ADDRESSES2 = wholeTable(RTM_GETADDR, AF_UNSPEC, 8);
var RULES = wholeTable(RTM_GETRULE, AF_UNSPEC, 12);
var FORWARDING2 = wholeTable(RTM_GETNEIGH, AF_BRIDGE, 12);
var NEIGHBOURS2 = wholeTable(RTM_GETNEIGH, AF_UNSPEC, 12);
function wholeTable(type, family, fixedBytes) {
  return {
    type,
    flags: 0,
    write: (writer, request2) => {
      writer.begin(request2.type, request2.flags, request2.seq);
      const { buffer, at } = writer.fixed(fixedBytes);
      buffer.writeUInt8(family, at);
      writer.end();
    }
  };
}

// test/kernel/agent-process.ts
var [host = "h1"] = process.argv.slice(2);
var say2 = (event) => void process.stdout.write(`${JSON.stringify(event)}
`);
var clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (afterMs, callback) => {
    const timer = setTimeout(callback, afterMs);
    return () => clearTimeout(timer);
  }
};
var diary = createDiary(clock.wallMs, (line) => say2({ log: line }));
var handlers;
var log = (text) => diary.warn("netlink", text);
var agent = await startAgent({
  host,
  broker: {
    connected: true,
    publish: (topic, payload) => topic === "report" && say2({ report: JSON.parse(payload) }),
    listen: (each) => {
      handlers = each;
    },
    close: async () => void 0
  },
  kernel: await createNetlinkKernel({ log }),
  routers: await openNetlinkRouters({ log }),
  replica: {
    load: async () => ({ replicas: [], setAside: [] }),
    save: async () => void 0,
    remove: async () => void 0
  },
  snapshots: {
    open: () => {
      throw new Error("nothing is offered here");
    }
  },
  speaker: (listener) => createSpeaker(
    {
      transport: createTcpTransport({ md5Keys: /* @__PURE__ */ new Map(), calls: void 0 }),
      clock,
      random: Math.random,
      staleMs: 12e4
    },
    listener
  ),
  clock,
  random: Math.random,
  diary,
  identity: { version: "test", startedAtMs: clock.wallMs(), kernel: "test" },
  compareEveryMs: 3e4
});
handlers?.connected();
createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  if (command.inbox !== void 0) handlers?.inbox(Buffer.from(JSON.stringify(command.inbox)));
  if (command.view !== void 0) say2({ view: command.view, ...routersView(agent.view().routers) });
  if (command.close) void agent.close().then(() => process.exit(0));
});
