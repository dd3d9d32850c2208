// The resources of the API, in the field's terms. `New…` is what a client sends; the resource adds what the store keeps.
// Rules that need other records (uniqueness, an IP inside its subnet) are not here: they are functions/domain.

import * as z from "zod";
import {
  AnnotationValue,
  AsnField,
  DisplayName,
  HoldTimeSec,
  InterfaceName,
  IpField,
  Ipv4Field,
  LabelKey,
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
} from "./fields.ts";
import { isLinkLocal } from "../address/ip.ts";
import { BgpFamilies, HostUnderlay, MaximumRoutes } from "./underlay.ts";

/** What every stored resource carries. `version` only grows, also over a deletion and re-creation of the same id. */
export const Stored = z.object({
  version: z.number().int().min(1),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** The change that wrote this version: `GET /v1/changes/{id}` is its receipt. */
  change: z.string(),
});
export type Stored = z.infer<typeof Stored>;

const MAX_NOTES = 32;
const atMost = `must be at most ${MAX_NOTES}`;

/** What lists can be filtered by: at most 32, of short words. */
export const Labels = z
  .record(LabelKey, LabelValue)
  .refine((labels) => Object.keys(labels).length <= MAX_NOTES, `${atMost} labels`);
/** Free text that nothing reads: at most 32. */
export const Annotations = z
  .record(LabelKey, AnnotationValue)
  .refine((annotations) => Object.keys(annotations).length <= MAX_NOTES, `${atMost} annotations`);

const Noted = { labels: Labels.optional(), annotations: Annotations.optional() };
/** In a merge patch a null removes one entry, or all of them. */
const NotedPatch = {
  labels: z.record(LabelKey, LabelValue.nullable()).nullable().optional(),
  annotations: z.record(LabelKey, AnnotationValue.nullable()).nullable().optional(),
};

/** How many resources a tenant may have; what is absent is as the operator's default. */
export const Quotas = z.strictObject({
  networks: z.number().int().min(0).max(1_000_000).optional(),
  routers: z.number().int().min(0).max(1_000_000).optional(),
  endpoints: z.number().int().min(0).max(10_000_000).optional(),
});
export type Quotas = z.infer<typeof Quotas>;

/** An owner of networks. */
export const NewTenant = z.strictObject({
  id: Slug.optional(),
  name: DisplayName,
  quotas: Quotas.optional(),
  ...Noted,
});
/** A data centre: hosts that share a fabric. */
export const NewSite = z.strictObject({ id: Slug.optional(), name: DisplayName, ...Noted });

/**
 * A ToR: hosts of its site that have one of its addresses among their BGP peers are its neighbours. Its AS number is
 * what those peers must say.
 */
export const NewFabricPeer = z.strictObject({
  id: Slug.optional(),
  site: Slug,
  name: DisplayName.optional(),
  asn: AsnField,
  addresses: z.array(IpField).min(1, "must be at least 1 address").max(8, "must be at most 8 addresses"),
  ...Noted,
});

/** VNIs to take the next free one from, for networks and routers alike. */
export const NewVniPool = z.strictObject({
  id: Slug.optional(),
  name: DisplayName.optional(),
  ranges: z
    .array(z.strictObject({ from: VniField, to: VniField }))
    .min(1, "must be at least 1 range")
    .max(16, "must be at most 16 ranges"),
  ...Noted,
});

/** The AS of a BGP neighbour. */
const RemoteAs = z.union([AsnField, z.enum(["external", "internal"])]);

/** 24 bits (RFC 9494 3.1). */
const LongLivedSec = z.number().int().min(0).max(0xffffff);

/** Long-lived graceful restart with a peer, in the families that are named and in no other (RFC 9494 section 5). */
const LongLivedRestart = z.strictObject({
  families: BgpFamilies,
  /** The peer is asked to keep this host's routes, as the last resort, for so long after the restart time; default 0, not at all. */
  staleSec: LongLivedSec.optional(),
  /** What the peer asks for its own routes is granted up to this; default all of it. */
  maximumSec: LongLivedSec.optional(),
});

/** A BGP neighbour of a host: a ToR. Its TCP MD5 key is no part of it: keys are files on the host. */
export const BgpPeer = z
  .strictObject({
    /** Absent with an interface: that of the router that is found on it, by its advertisements (RFC 4861). */
    address: IpField.optional(),
    /** Or any but the host's own ("external"), or the host's own ("internal"). */
    asn: RemoteAs,
    /** The link that the peer is on; with a link-local IPv6 address (RFC 4007) or with none, and only so. */
    interface: InterfaceName.optional(),
    holdTimeSec: HoldTimeSec.optional(),
    /** Interval of KEEPALIVE; the default, and the most that counts, is a third of the agreed hold time. */
    keepaliveTimeSec: z.number().int().min(1).max(21845).optional(),
    /** A connect without an answer is tried again after so long; default 1. */
    connectRetrySec: z.number().int().min(1).max(3600).optional(),
    port: z.number().int().min(1).max(65535).optional(),
    /** Source address of the session ("update source"), such as a loopback's; the peer must be configured with it. */
    sourceAddress: IpField.optional(),
    /** The peer is up to so many hops away: the TTL of what is sent. */
    multihop: z.number().int().min(1).max(255).optional(),
    /** GTSM (RFC 5082): send with TTL 255, accept only what came over at most so many hops. */
    ttlSecurityHops: z.number().int().min(1).max(254).optional(),
    /** Never connect, wait for the peer to; the agent must be configured to listen. */
    passive: z.boolean().optional(),
    /** Administratively down; the peer is told the reason (RFC 9003). */
    shutdown: z.strictObject({ reason: DisplayName.optional() }).optional(),
    /** What the peer is offered; default EVPN alone. At least one must be agreed for a session. */
    families: BgpFamilies.optional(),
    /** In each family. */
    maximumRoutes: MaximumRoutes.optional(),
    longLived: LongLivedRestart.optional(),
    /** What this host is to the peer (RFC 9234), told to external peers; and whether the peer must tell its own. */
    role: z.enum(["provider", "rs", "rs-client", "customer", "peer"]).optional(),
    strictRole: z.boolean().optional(),
  })
  .refine((peer) => peer.multihop === undefined || peer.ttlSecurityHops === undefined, {
    message: "multihop and ttlSecurityHops exclude each other",
    path: ["ttlSecurityHops"],
  })
  .refine((peer) => peer.address !== undefined || peer.interface !== undefined, {
    message: "must be given, unless the peer is found on an interface",
    path: ["address"],
  })
  .refine((peer) => peer.address === undefined || (peer.interface !== undefined) === isLinkLocal(peer.address), {
    message: "must be given with a link-local address (fe80::/10), and only with one",
    path: ["interface"],
  })
  .refine((peer) => peer.interface === undefined || peer.multihop === undefined, {
    message: "must not be given with a peer on an interface: it is one hop away",
    path: ["multihop"],
  })
  .refine((peer) => peer.interface === undefined || peer.sourceAddress === undefined, {
    message: "must not be given with a link-local peer: its source is the interface's own link-local address",
    path: ["sourceAddress"],
  })
  .refine(
    ({ longLived, families = ["evpn"] }) => longLived?.families.every((family) => families.includes(family)) ?? true,
    { message: "must be among the families that the peer is offered", path: ["longLived", "families"] },
  )
  .refine((peer) => !peer.sourceAddress || peer.sourceAddress.includes(":") === peer.address?.includes(":"), {
    message: "must be of the peer address's family",
    path: ["sourceAddress"],
  });
export type BgpPeer = z.infer<typeof BgpPeer>;

/** RDs of a host's choice, each for the VNI of a network or a router; of the others they follow from VNI and router id. */
const RouteDistinguishers = z
  .array(z.strictObject({ vni: VniField, rd: RouteDistinguisherField }))
  .max(64, "must be at most 64 route distinguishers")
  .superRefine((given, context) => {
    for (const field of ["vni", "rd"] as const) {
      const at = given.findIndex((each, index) => given.findIndex((other) => other[field] === each[field]) < index);
      if (at >= 0) context.addIssue({ code: "custom", message: "must not be given twice", path: [at, field] });
    }
  });

/** A host's BGP speaker. `routerId` defaults to an IPv4 VTEP address. */
export const HostBgp = z.strictObject({
  asn: AsnField,
  routerId: Ipv4Field.optional(),
  peers: z.array(BgpPeer).max(8, "must be at most 8 peers"),
  /** Unicast routes with the peers that are offered such families. */
  underlay: HostUnderlay.optional(),
  routeDistinguishers: RouteDistinguishers.optional(),
});
export type HostBgp = z.infer<typeof HostBgp>;

/** A hypervisor. `vtep` is the underlay address of its VXLAN tunnels, unique, and fixed for its life. */
export const NewHost = z.strictObject({
  id: Slug.optional(),
  site: Slug,
  name: DisplayName.optional(),
  vtep: VtepField,
  bgp: HostBgp.optional(),
  ...Noted,
});

export const RouteTargets = z.strictObject({
  import: z.array(RouteTargetField).max(16, "must be at most 16"),
  export: z.array(RouteTargetField).max(16, "must be at most 16"),
});

/** A tenant's L2 segment: one VNI, stretched over every host that has an endpoint of it. */
export const NewNetwork = z.strictObject({
  id: Slug.optional(),
  tenant: Slug,
  name: DisplayName,
  /** Or, at the creation only, the pool that gives the next free one. */
  vni: VniField.optional(),
  vniPool: Slug.optional(),
  /** Endpoints' addresses must be inside one of these. Empty: any address. */
  subnets: z.array(PrefixField).max(8, "must be at most 8 subnets").default([]),
  /** Overlay MTU; the default follows from the underlay of each host. */
  mtuBytes: MtuBytes.optional(),
  /**
   * UDP source ports of the tunnels' frames, for firewalls and ECMP of the underlay; default: the kernel's choice. To change it,
   * or to go back to the default, makes the tunnel device of each host anew, which takes milliseconds and frames in flight.
   */
  sourcePorts: SourcePorts.optional(),
  /** Default: `ASN:VNI` of the ASNs of the member hosts and their ToRs. */
  routeTargets: RouteTargets.optional(),
  /**
   * Import `*:VNI` too: routes with this VNI in a route target of any AS. Only where VNIs are the same network in every site
   * that the ToRs connect: elsewhere another site's network leaks in. Default: no.
   */
  importAnyAs: z.boolean().optional(),
  /** The router that routes between this network and the router's others; needs `gateways`. */
  router: Slug.optional(),
  /** The anycast gateway's address in each routed subnet, the same on every host (RFC 9135 4.1). */
  gateways: z.array(IpField).max(8, "must be at most 8 gateways").optional(),
  /** Bridges learn machines that nobody declared, on ports without port security. Default: they are only reported. */
  learning: z.boolean().optional(),
  /** Broadcast, unknown-unicast and multicast frames a second that a port may send; more are dropped. Default: no limit. */
  stormPacketsPerSec: z.number().int().min(1, "must be at least 1").max(10_000_000).optional(),
  ...Noted,
});

/** A tenant's IP-VRF: it routes between its networks by an L3 VNI (symmetric IRB, RFC 9135 4.1). */
export const NewRouter = z.strictObject({
  id: Slug.optional(),
  tenant: Slug,
  name: DisplayName,
  /** The L3 VNI; from the same space as networks' VNIs. Or, at the creation only, the pool that gives one. */
  vni: VniField.optional(),
  vniPool: Slug.optional(),
  /** Default: `ASN:VNI` of the ASNs of the hosts that carry it and their ToRs. */
  routeTargets: RouteTargets.optional(),
  ...Noted,
});

/** A static route of a router: `prefix` by way of a machine on one of its networks. */
export const NewPrefix = z.strictObject({ id: Slug.optional(), prefix: PrefixField, nextHop: IpField, ...Noted });

/** An address that an endpoint may send from besides its own, such as a virtual router's (VRRP). */
export const AllowedAddress = z.strictObject({ ip: PrefixField, mac: MacField.optional() });
export type AllowedAddress = z.infer<typeof AllowedAddress>;

/** A free address, of any of the network's subnets of that family or of the one that is named. */
export const Allocate = z.strictObject({
  ipv4: z.union([z.literal(true), PrefixField]).optional(),
  ipv6: z.union([z.literal(true), PrefixField]).optional(),
});
export type Allocate = z.infer<typeof Allocate>;

/** One MAC on a network, at a port of a host. */
export const NewEndpoint = z.strictObject({
  id: Slug.optional(),
  host: Slug,
  mac: MacField,
  ips: z.array(IpField).max(16, "must be at most 16 addresses").default([]),
  /** Of each family that `ips` has none of, the next free address. */
  allocate: Allocate.optional(),
  /** Absent: the interface is found by the endpoint's MAC, or by its alias `overspan-endpoint=<id>`. */
  port: PortName.optional(),
  name: DisplayName.optional(),
  /** What may be sent from the port besides the endpoint's own MAC and addresses. */
  allowedAddresses: z.array(AllowedAddress).max(16, "must be at most 16 addresses").optional(),
  /** False: frames from the port are not checked against MAC and addresses. Default true. */
  portSecurity: z.boolean().optional(),
  /** Its port reaches no other isolated port of the network on the same host. */
  isolated: z.boolean().optional(),
  /** Its port gets every frame of the network that passes this host, for a firewall or a probe. */
  promiscuous: z.boolean().optional(),
  ...Noted,
});

/** Changes as JSON merge patches (RFC 7396): absent = keep, null = remove where the field is optional. */
export const TenantPatch = z.strictObject({
  name: DisplayName.optional(),
  quotas: z
    .strictObject({
      networks: Quotas.shape.networks.nullable(),
      routers: Quotas.shape.routers.nullable(),
      endpoints: Quotas.shape.endpoints.nullable(),
    })
    .nullable()
    .optional(),
  ...NotedPatch,
});
export const SitePatch = z.strictObject({ name: DisplayName.optional(), ...NotedPatch });
export const FabricPeerPatch = z.strictObject({
  name: DisplayName.nullable().optional(),
  asn: AsnField.optional(),
  addresses: NewFabricPeer.shape.addresses.optional(),
  ...NotedPatch,
});
export const VniPoolPatch = z.strictObject({
  name: DisplayName.nullable().optional(),
  ranges: NewVniPool.shape.ranges.optional(),
  ...NotedPatch,
});
export const HostPatch = z.strictObject({
  name: DisplayName.nullable().optional(),
  bgp: HostBgp.nullable().optional(),
  ...NotedPatch,
});
export const NetworkPatch = z.strictObject({
  name: DisplayName.optional(),
  subnets: z.array(PrefixField).max(8, "must be at most 8 subnets").optional(),
  mtuBytes: MtuBytes.nullable().optional(),
  sourcePorts: SourcePorts.nullable().optional(),
  routeTargets: RouteTargets.nullable().optional(),
  router: Slug.nullable().optional(),
  gateways: NewNetwork.shape.gateways.unwrap().nullable().optional(),
  importAnyAs: z.boolean().nullable().optional(),
  learning: z.boolean().nullable().optional(),
  stormPacketsPerSec: NewNetwork.shape.stormPacketsPerSec.unwrap().nullable().optional(),
  ...NotedPatch,
});
export const RouterPatch = z.strictObject({
  name: DisplayName.optional(),
  routeTargets: RouteTargets.nullable().optional(),
  ...NotedPatch,
});
export const RouterPrefixPatch = z.strictObject({ nextHop: IpField.optional(), ...NotedPatch });
export const EndpointPatch = z.strictObject({
  ips: z.array(IpField).max(16, "must be at most 16 addresses").optional(),
  port: PortName.nullable().optional(),
  name: DisplayName.nullable().optional(),
  allowedAddresses: NewEndpoint.shape.allowedAddresses.unwrap().nullable().optional(),
  portSecurity: z.boolean().nullable().optional(),
  isolated: z.boolean().nullable().optional(),
  promiscuous: z.boolean().nullable().optional(),
  ...NotedPatch,
});
/** A move to another host: the port there, default the same name. */
export const EndpointMove = z.strictObject({ host: Slug, port: PortName.optional() });

export const Tenant = z.object({ ...NewTenant.shape, id: Slug, ...Stored.shape });
export type Tenant = z.infer<typeof Tenant>;
export const Site = z.object({ ...NewSite.shape, id: Slug, ...Stored.shape });
export type Site = z.infer<typeof Site>;
export const Host = z.object({ ...NewHost.shape, id: Slug, ...Stored.shape });
export type Host = z.infer<typeof Host>;
export const FabricPeer = z.object({ ...NewFabricPeer.shape, id: Slug, ...Stored.shape });
export type FabricPeer = z.infer<typeof FabricPeer>;
export const VniPool = z.object({ ...NewVniPool.shape, id: Slug, ...Stored.shape });
export type VniPool = z.infer<typeof VniPool>;
const { vniPool: _, ...NetworkShape } = NewNetwork.shape;
export const Network = z.object({ ...NetworkShape, id: Slug, vni: VniField, ...Stored.shape });
export type Network = z.infer<typeof Network>;
const { vniPool: __, ...RouterShape } = NewRouter.shape;
export const Router = z.object({ ...RouterShape, id: Slug, vni: VniField, ...Stored.shape });
export type Router = z.infer<typeof Router>;
/** The field's word is prefix; `router` is the router it belongs to. */
export const RouterPrefix = z.object({ ...NewPrefix.shape, id: Slug, router: Slug, ...Stored.shape });
export type RouterPrefix = z.infer<typeof RouterPrefix>;
const { allocate: ___, ...EndpointShape } = NewEndpoint.shape;
export const Endpoint = z.object({
  ...EndpointShape,
  id: Slug,
  network: Slug,
  /** Raised by every move: the sequence number of the MAC mobility community (RFC 7432 section 15). */
  mobility: z.number().int().min(0).max(0xffffffff),
  /** A prepared move: where it goes when it is activated. `change` is the preparation's. */
  next: z.strictObject({ host: Slug, port: PortName.optional(), change: z.string() }).optional(),
  ...Stored.shape,
});
export type Endpoint = z.infer<typeof Endpoint>;
