// The resources of the API, in the field's terms. `New…` is what a client sends; the resource adds what the store keeps.
// Rules that need other records (uniqueness, an IP inside its subnet) are not here: they are functions/domain.

import * as z from "zod";
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

/** An owner of networks. */
export const NewTenant = z.strictObject({ id: Slug.optional(), name: DisplayName });
/** A data centre: hosts that share a fabric. */
export const NewSite = z.strictObject({ id: Slug.optional(), name: DisplayName });

/** A BGP neighbour of a host: a ToR. Its TCP MD5 key is no part of it: keys are files on the host. */
export const BgpPeer = z
  .strictObject({
    address: IpField,
    asn: AsnField,
    /** The link on which a link-local IPv6 address is (RFC 4007); with such an address, and only with one. */
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
    /** What this host is to the peer (RFC 9234), told to external peers; and whether the peer must tell its own. */
    role: z.enum(["provider", "rs", "rs-client", "customer", "peer"]).optional(),
    strictRole: z.boolean().optional(),
  })
  .refine((peer) => peer.multihop === undefined || peer.ttlSecurityHops === undefined, {
    message: "multihop and ttlSecurityHops exclude each other",
    path: ["ttlSecurityHops"],
  })
  .refine((peer) => (peer.interface !== undefined) === isLinkLocal(peer.address), {
    message: "must be given with a link-local address (fe80::/10), and only with one",
    path: ["interface"],
  })
  .refine((peer) => peer.interface === undefined || peer.sourceAddress === undefined, {
    message: "must not be given with a link-local peer: its source is the interface's own link-local address",
    path: ["sourceAddress"],
  })
  .refine((peer) => !peer.sourceAddress || peer.sourceAddress.includes(":") === peer.address.includes(":"), {
    message: "must be of the peer address's family",
    path: ["sourceAddress"],
  });
export type BgpPeer = z.infer<typeof BgpPeer>;

/** A host's BGP speaker. `routerId` defaults to an IPv4 VTEP address. */
export const HostBgp = z.strictObject({
  asn: AsnField,
  routerId: Ipv4Field.optional(),
  peers: z.array(BgpPeer).max(8, "must be at most 8 peers"),
  /** Unicast routes with the peers that are offered such families. */
  underlay: HostUnderlay.optional(),
});
export type HostBgp = z.infer<typeof HostBgp>;

/** A hypervisor. `vtep` is the underlay address of its VXLAN tunnels, unique, and fixed for its life. */
export const NewHost = z.strictObject({
  id: Slug.optional(),
  site: Slug,
  name: DisplayName.optional(),
  vtep: VtepField,
  bgp: HostBgp.optional(),
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
  vni: VniField,
  /** Endpoints' addresses must be inside one of these. Empty: any address. */
  subnets: z.array(PrefixField).max(8, "must be at most 8 subnets").default([]),
  /** Overlay MTU; the default follows from the underlay of each host. */
  mtuBytes: MtuBytes.optional(),
  /** Default: `ASN:VNI` of the ASNs of the member hosts and their ToRs. */
  routeTargets: RouteTargets.optional(),
  /** The router that routes between this network and the router's others; needs `gateways`. */
  router: Slug.optional(),
  /** The anycast gateway's address in each routed subnet, the same on every host (RFC 9135 4.1). */
  gateways: z.array(IpField).max(8, "must be at most 8 gateways").optional(),
  /** Announce machines that nobody declared, when the kernel learns them on a declared port. Default: only report them. */
  learning: z.boolean().optional(),
  /** Broadcast, unknown-unicast and multicast frames a second that a port may send; more are dropped. Default: no limit. */
  stormPacketsPerSec: z.number().int().min(1, "must be at least 1").max(10_000_000).optional(),
});

/** A tenant's IP-VRF: it routes between its networks by an L3 VNI (symmetric IRB, RFC 9135 4.1). */
export const NewRouter = z.strictObject({
  id: Slug.optional(),
  tenant: Slug,
  name: DisplayName,
  /** The L3 VNI; from the same space as networks' VNIs. */
  vni: VniField,
  /** Default: `ASN:VNI` of the ASNs of the hosts that carry it and their ToRs. */
  routeTargets: RouteTargets.optional(),
});

/** A static route of a router: `prefix` by way of a machine on one of its networks. */
export const NewPrefix = z.strictObject({ id: Slug.optional(), prefix: PrefixField, nextHop: IpField });

/** An address that an endpoint may send from besides its own, such as a virtual router's (VRRP). */
export const AllowedAddress = z.strictObject({ ip: PrefixField, mac: MacField.optional() });
export type AllowedAddress = z.infer<typeof AllowedAddress>;

/** One MAC on a network, at a port of a host. */
export const NewEndpoint = z.strictObject({
  id: Slug.optional(),
  host: Slug,
  mac: MacField,
  ips: z.array(IpField).max(16, "must be at most 16 addresses").default([]),
  port: InterfaceName,
  name: DisplayName.optional(),
  /** What may be sent from the port besides the endpoint's own MAC and addresses. */
  allowedAddresses: z.array(AllowedAddress).max(16, "must be at most 16 addresses").optional(),
  /** False: frames from the port are not checked against MAC and addresses. Default true. */
  portSecurity: z.boolean().optional(),
  /** Its port reaches no other isolated port of the network on the same host. */
  isolated: z.boolean().optional(),
  /** Its port gets every frame of the network that passes this host, for a firewall or a probe. */
  promiscuous: z.boolean().optional(),
});

/** Changes as JSON merge patches (RFC 7396): absent = keep, null = remove where the field is optional. */
export const TenantPatch = z.strictObject({ name: DisplayName.optional() });
export const SitePatch = z.strictObject({ name: DisplayName.optional() });
export const HostPatch = z.strictObject({
  name: DisplayName.nullable().optional(),
  bgp: HostBgp.nullable().optional(),
});
export const NetworkPatch = z.strictObject({
  name: DisplayName.optional(),
  subnets: z.array(PrefixField).max(8, "must be at most 8 subnets").optional(),
  mtuBytes: MtuBytes.nullable().optional(),
  routeTargets: RouteTargets.nullable().optional(),
  router: Slug.nullable().optional(),
  gateways: NewNetwork.shape.gateways.unwrap().nullable().optional(),
  learning: z.boolean().nullable().optional(),
  stormPacketsPerSec: NewNetwork.shape.stormPacketsPerSec.unwrap().nullable().optional(),
});
export const RouterPatch = z.strictObject({
  name: DisplayName.optional(),
  routeTargets: RouteTargets.nullable().optional(),
});
export const EndpointPatch = z.strictObject({
  ips: z.array(IpField).max(16, "must be at most 16 addresses").optional(),
  port: InterfaceName.optional(),
  name: DisplayName.nullable().optional(),
  allowedAddresses: NewEndpoint.shape.allowedAddresses.unwrap().nullable().optional(),
  portSecurity: z.boolean().nullable().optional(),
  isolated: z.boolean().nullable().optional(),
  promiscuous: z.boolean().nullable().optional(),
});
/** A move to another host: the port there, default the same name. */
export const EndpointMove = z.strictObject({ host: Slug, port: InterfaceName.optional() });

export const Tenant = z.object({ ...NewTenant.shape, id: Slug, ...Stored.shape });
export type Tenant = z.infer<typeof Tenant>;
export const Site = z.object({ ...NewSite.shape, id: Slug, ...Stored.shape });
export type Site = z.infer<typeof Site>;
export const Host = z.object({ ...NewHost.shape, id: Slug, ...Stored.shape });
export type Host = z.infer<typeof Host>;
export const Network = z.object({ ...NewNetwork.shape, id: Slug, ...Stored.shape });
export type Network = z.infer<typeof Network>;
export const Router = z.object({ ...NewRouter.shape, id: Slug, ...Stored.shape });
export type Router = z.infer<typeof Router>;
/** The field's word is prefix; `router` is the router it belongs to. */
export const RouterPrefix = z.object({ ...NewPrefix.shape, id: Slug, router: Slug, ...Stored.shape });
export type RouterPrefix = z.infer<typeof RouterPrefix>;
export const Endpoint = z.object({
  ...NewEndpoint.shape,
  id: Slug,
  network: Slug,
  /** Raised by every move: the sequence number of the MAC mobility community (RFC 7432 section 15). */
  mobility: z.number().int().min(0).max(0xffffffff),
  ...Stored.shape,
});
export type Endpoint = z.infer<typeof Endpoint>;
