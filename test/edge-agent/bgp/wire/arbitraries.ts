// fast-check arbitraries of BGP values, in the canonical forms that the decoders give.

import fc from "fast-check";
import { ipFromOctets, type IpAddress, type Ipv4, isUnicastIp } from "../../../../shared/address/ip.ts";
import { isMulticastMac, macFromOctets, ZERO_MAC } from "../../../../shared/address/mac.ts";
import { parsePrefix, type Prefix } from "../../../../shared/address/prefix.ts";
import { rdFromOctets } from "../../../../shared/address/rd.ts";
import { rtFromOctets, type RouteTarget } from "../../../../shared/address/rt.ts";
import {
  type EvpnRoute,
  type Label,
  parseEsi,
  type Esi,
  type Pmsi,
  type SPmsiRoute,
} from "../../../../edge-agent/bgp/route.ts";
import type { AsPathSegment } from "../../../../edge-agent/bgp/wire/as-path.ts";
import type { PathAttributes } from "../../../../edge-agent/bgp/wire/attribute-table.ts";
import type { Capability } from "../../../../edge-agent/bgp/wire/capability.ts";
import { BGP_ROLES } from "../../../../edge-agent/bgp/wire/iana.ts";
import { encodeEvpnRoute } from "../../../../edge-agent/bgp/wire/evpn-nlri.ts";
import type { ExtCommunity } from "../../../../edge-agent/bgp/wire/ext-community.ts";
import { toHex } from "../../../../edge-agent/bgp/wire/hex.ts";
import type { OpenMessage } from "../../../../edge-agent/bgp/wire/open.ts";

export const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const ipv4 = octets(4).map((it) => ipFromOctets(it) as Ipv4);
const ipv6 = octets(16).map(ipFromOctets);
const unicastIp: fc.Arbitrary<IpAddress> = fc.oneof(ipv4, ipv6).filter(isUnicastIp);
const mac = octets(6)
  .map((it) => macFromOctets(it))
  .filter((it) => !isMulticastMac(it) && it !== ZERO_MAC);
const rd = fc
  .tuple(fc.constantFrom(0, 1, 2), octets(6))
  .map(([type, it]) => rdFromOctets(Uint8Array.of(0, type, ...it)));
export const routeTarget = fc
  .tuple(fc.constantFrom(0, 1, 2), octets(6))
  .map(([type, it]) => rtFromOctets(Uint8Array.of(type, 2, ...it)) as RouteTarget);
const esi = octets(10).map((it) => parseEsi(toHex(it)) as Esi);
const label = fc.integer({ min: 0, max: 0xffffff }).map((it) => it as Label);
const prefixOf = (family: fc.Arbitrary<IpAddress>, bits: number): fc.Arbitrary<Prefix> =>
  fc.tuple(family, fc.integer({ min: 0, max: bits })).map(([ip, length]) => {
    // The one length that needs no masking is always valid; shorter ones may not be.
    return parsePrefix(`${ip}/${length}`) ?? (parsePrefix(`${ip}/${bits}`) as Prefix);
  });

const sPmsi = fc.record(
  {
    type: fc.constant("s-pmsi" as const),
    rd,
    ethernetTag: u32,
    source: fc.oneof(ipv4 as fc.Arbitrary<IpAddress>, ipv6),
    group: fc.oneof(ipv4 as fc.Arbitrary<IpAddress>, ipv6),
    originator: unicastIp,
  },
  { requiredKeys: ["type", "rd", "ethernetTag", "originator"] },
) as fc.Arbitrary<SPmsiRoute>;

export const evpnRoute: fc.Arbitrary<EvpnRoute> = fc.oneof(
  fc.record(
    { type: fc.constant("mac-ip" as const), rd, esi, ethernetTag: u32, mac, vni: label, ip: unicastIp, l3Vni: label },
    { requiredKeys: ["type", "rd", "esi", "ethernetTag", "mac", "vni"] },
  ),
  fc.record({ type: fc.constant("imet" as const), rd, ethernetTag: u32, originator: unicastIp }),
  fc.record({ type: fc.constant("ethernet-ad" as const), rd, esi, ethernetTag: u32, vni: label }),
  fc.record({ type: fc.constant("ethernet-segment" as const), rd, esi, originator: unicastIp }),
  fc.constantFrom({ family: ipv4, bits: 32 }, { family: ipv6, bits: 128 }).chain(({ family, bits }) =>
    fc.record({
      type: fc.constant("ip-prefix" as const),
      rd,
      esi,
      ethernetTag: u32,
      prefix: prefixOf(family, bits),
      gateway: family,
      vni: label,
    }),
  ),
  fc.record({
    type: fc.constant("per-region-i-pmsi" as const),
    rd,
    ethernetTag: u32,
    region: octets(8).map((it) => toHex(it)),
  }),
  sPmsi,
  sPmsi.chain((it) => {
    const route = Buffer.from(encodeEvpnRoute(it)).toString("hex");
    return fc.record({
      type: fc.constant("leaf" as const),
      rd: fc.constant(it.rd),
      route: fc.constant(route),
      originator: unicastIp,
    });
  }),
) as fc.Arbitrary<EvpnRoute>;

export const extCommunity: fc.Arbitrary<ExtCommunity> = fc.oneof(
  routeTarget.map((target) => ({ kind: "route-target" as const, target })),
  fc.integer({ min: 0, max: 0xffff }).map((tunnelType) => ({ kind: "encapsulation" as const, tunnelType })),
  fc.record({ kind: fc.constant("mac-mobility" as const), sequence: u32, sticky: fc.boolean() }),
  mac.map((it) => ({ kind: "router-mac" as const, mac: it })),
  mac.map((it) => ({ kind: "es-import" as const, mac: it })),
  fc.constant({ kind: "default-gateway" as const }),
  fc.record({ kind: fc.constant("esi-label" as const), singleActive: fc.boolean(), label }),
  fc.record({
    kind: fc.constant("arp-nd" as const),
    router: fc.boolean(),
    override: fc.boolean(),
    immutable: fc.boolean(),
  }),
  fc.integer({ min: 0, max: 0xffff }).map((flags) => ({ kind: "multicast-flags" as const, flags })),
  octets(6).map((it) => ({ kind: "raw" as const, octets: Uint8Array.of(0x43, 0x99, ...it) })),
);

/** AS 0 is nobody's (RFC 7607). */
const asn = u32.map((it) => it || 1);
export const asPath: fc.Arbitrary<AsPathSegment[]> = fc.array(
  fc.record({
    type: fc.constantFrom("set" as const, "sequence" as const),
    asns: fc.array(asn, { minLength: 1, maxLength: 20 }),
  }),
  { maxLength: 4 },
);

const pmsi: fc.Arbitrary<Pmsi> = fc.oneof(
  fc.record({
    tunnelType: fc.constant(6),
    leafInformationRequired: fc.boolean(),
    vni: label,
    endpoint: fc.oneof(ipv4 as fc.Arbitrary<IpAddress>, ipv6),
  }),
  fc.record({
    tunnelType: fc.constantFrom(0, 1, 3, 7),
    leafInformationRequired: fc.boolean(),
    vni: label,
    identifier: octets(0, 24).map((it) => toHex(it)),
  }),
);

const nlri = fc.record({
  routes: fc.array(evpnRoute, { maxLength: 8 }),
  invalid: fc.constant([]),
  skipped: fc.constant(0),
});

/** All attributes that a session with 4-octet AS numbers to an internal peer can carry. */
export const pathAttributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom("igp" as const, "egp" as const, "incomplete" as const),
    asPath,
    nextHop: ipv4,
    med: u32,
    localPref: u32,
    atomicAggregate: fc.constant(true as const),
    aggregator: fc.record({ asn, address: ipv4 }),
    communities: fc.array(u32, { minLength: 1, maxLength: 80 }),
    originatorId: ipv4,
    clusterList: fc.array(ipv4, { minLength: 1, maxLength: 4 }),
    mpReach: fc.tuple(unicastIp, nlri).map(([nextHop, it]) => ({ family: "evpn" as const, nextHop, ...it })),
    mpUnreach: nlri.map((it) => ({ family: "evpn" as const, ...it })),
    extCommunities: fc.array(extCommunity, { minLength: 1, maxLength: 8 }),
    pmsi,
    ipv6ExtCommunities: fc.array(
      octets(20, 20).map((it) => toHex(it)),
      { minLength: 1, maxLength: 3 },
    ),
    largeCommunities: fc.array(fc.tuple(u32, u32, u32), { minLength: 1, maxLength: 3 }),
    unknown: fc.array(fc.record({ code: fc.constant(200), flags: fc.constant(0xe0), value: octets(0, 300) }), {
      minLength: 1,
      maxLength: 1,
    }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<PathAttributes>;

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({
    kind: fc.constant("multiprotocol" as const),
    afi: fc.integer({ min: 0, max: 0xffff }),
    safi: fc.integer({ min: 0, max: 0xff }),
  }),
  fc.constant({ kind: "route-refresh" as const }),
  fc.constant({ kind: "extended-message" as const }),
  fc.constant({ kind: "enhanced-route-refresh" as const }),
  fc.record({
    kind: fc.constant("extended-next-hop" as const),
    families: fc.array(fc.record({ afi: fc.nat(0xffff), safi: fc.nat(0xffff), nextHopAfi: fc.nat(0xffff) }), {
      maxLength: 3,
    }),
  }),
  fc.record({ kind: fc.constant("role" as const), role: fc.constantFrom(...BGP_ROLES) }),
  fc.record({
    kind: fc.constant("long-lived-graceful-restart" as const),
    families: fc.array(
      fc.record({
        afi: fc.nat(0xffff),
        safi: fc.nat(255),
        preserved: fc.boolean(),
        staleTimeSec: fc.nat(0xffffff),
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    kind: fc.constant("fqdn" as const),
    host: fc.string({ maxLength: 12, unit: "grapheme-ascii" }),
    domain: fc.string({ maxLength: 12 }),
  }),
  fc.record({
    kind: fc.constant("graceful-restart" as const),
    restarted: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSec: fc.nat(4095),
    families: fc.array(fc.record({ afi: fc.nat(0xffff), safi: fc.nat(255), preserved: fc.boolean() }), {
      maxLength: 3,
    }),
  }),
  fc.record({
    kind: fc.constant("unknown" as const),
    code: fc.constantFrom(69, 72, 128, 200),
    value: octets(0, 20).map((it) => toHex(it)),
  }),
);

export const openMessage: fc.Arbitrary<OpenMessage> = fc
  .record({
    asn,
    holdTimeSec: fc.integer({ min: 0, max: 0xffff }),
    routerId: ipv4,
    rest: fc.array(capability, { maxLength: 6 }),
  })
  .map(({ asn: number, holdTimeSec, routerId, rest }) => ({
    version: 4,
    asn: number,
    holdTimeSec,
    routerId,
    capabilities: [{ kind: "four-octet-as" as const, asn: number }, ...rest],
  }));
