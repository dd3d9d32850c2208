// The records of the channels: what a host needs to know of each resource, and nothing more.
//
//   net:<id>    network                the segment itself
//               vtep/<host>            a host that has an endpoint here
//               endpoint/<id>          one MAC and where it is; "next": where it is about to move
//   rtr:<id>    router                 the IP-VRF itself
//               network/<id>           a network that it routes
//               prefix/<id>            a static route
//   host:<id>   host                   this host's own settings and BGP peers
//               network/<id>           this host carries that network; "routed": for its router only, no endpoint here
//               router/<id>            this host carries that router

import * as z from "zod";
import { AsnField, InterfaceName, IpField, MacField, MtuBytes, PrefixField, Slug, VniField } from "./fields.ts";
import { AllowedAddress, BgpPeer, HostBgp, RouteTargets } from "./resource.ts";
import { PlacedUnderlay } from "./underlay.ts";

/** As the API has it, but with what a later version adds ignored: an agent may be older than the cloud. */
const PlacedBgp = z.object({
  ...HostBgp.shape,
  peers: z.array(BgpPeer.strip()),
  underlay: PlacedUnderlay.optional(),
});

export const NetworkRecord = z.object({
  tenant: Slug,
  name: z.string(),
  vni: VniField,
  subnets: z.array(PrefixField),
  mtuBytes: MtuBytes.optional(),
  sourcePorts: z.object({ from: z.number().int().min(1), to: z.number().int().max(65535) }).optional(),
  routeTargets: RouteTargets.strip().optional(),
  router: Slug.optional(),
  gateways: z.array(IpField).optional(),
  importAnyAs: z.boolean().optional(),
  learning: z.boolean().optional(),
  stormPacketsPerSec: z.number().int().min(1).optional(),
});
export type NetworkRecord = z.infer<typeof NetworkRecord>;

export const RouterRecord = z.object({
  tenant: Slug,
  name: z.string(),
  vni: VniField,
  routeTargets: RouteTargets.strip().optional(),
});
export type RouterRecord = z.infer<typeof RouterRecord>;

/** Nothing to say but that the router routes it: gateways are in the network's own record. */
export const RoutedNetworkRecord = z.object({});
export type RoutedNetworkRecord = z.infer<typeof RoutedNetworkRecord>;

export const PrefixRecord = z.object({ prefix: PrefixField, nextHop: IpField });
export type PrefixRecord = z.infer<typeof PrefixRecord>;

/** `asns`: the AS numbers of the host and its ToRs, of which the default route targets are made. */
export const VtepRecord = z.object({ site: Slug, address: IpField, asns: z.array(AsnField) });
export type VtepRecord = z.infer<typeof VtepRecord>;

export const EndpointRecord = z.object({
  host: Slug,
  mac: MacField,
  ips: z.array(IpField),
  /** Absent: the interface is found by the MAC. */
  port: InterfaceName.optional(),
  mobility: z.number().int().min(0).max(0xffffffff),
  allowedAddresses: z.array(AllowedAddress.strip()).optional(),
  portSecurity: z.boolean().optional(),
  isolated: z.boolean().optional(),
  promiscuous: z.boolean().optional(),
  /**
   * A prepared move. That host carries the network and has port and guards ready, but announces nothing and gets no
   * frames: `host` is where the endpoint is until the move is activated, which sets `host` and raises `mobility`.
   */
  next: z.object({ host: Slug, port: InterfaceName.optional() }).optional(),
});
export type EndpointRecord = z.infer<typeof EndpointRecord>;

export const HostRecord = z.object({ site: Slug, vtep: IpField, bgp: PlacedBgp.optional() });
export type HostRecord = z.infer<typeof HostRecord>;

/** `routed`: no endpoint of it is here, so routes to its endpoints are all that is needed. Absent: an endpoint is. */
export const CarriedNetworkRecord = z.object({ routed: z.boolean().optional() });
export type CarriedNetworkRecord = z.infer<typeof CarriedNetworkRecord>;

export const CarriedRouterRecord = z.object({});
export type CarriedRouterRecord = z.infer<typeof CarriedRouterRecord>;

/** A live record's content; which it is follows from its channel and key. (A carried router's is as empty as a routed network's.) */
export type RecordBody =
  | NetworkRecord
  | VtepRecord
  | EndpointRecord
  | RouterRecord
  | RoutedNetworkRecord
  | PrefixRecord
  | HostRecord
  | CarriedNetworkRecord;

/** Which kind of record a key names, with the id in it. */
export type RecordKey =
  | { kind: "network" }
  | { kind: "vtep"; host: string }
  | { kind: "endpoint"; id: string }
  | { kind: "router" }
  | { kind: "routed-network"; network: string }
  | { kind: "prefix"; id: string }
  | { kind: "host" }
  | { kind: "carried-network"; network: string }
  | { kind: "carried-router"; router: string };

/** Parses a key in its channel; undefined if no such record can be there. */
export function parseRecordKey(channel: Channel, key: string): RecordKey | undefined {
  const slash = key.indexOf("/");
  const head = slash < 0 ? key : key.slice(0, slash);
  const id = slash < 0 ? undefined : key.slice(slash + 1);
  if (id !== undefined && !Slug.safeParse(id).success) return undefined;
  if (channel.startsWith("net:")) {
    if (head === "network" && id === undefined) return { kind: "network" };
    if (head === "vtep" && id !== undefined) return { kind: "vtep", host: id };
    if (head === "endpoint" && id !== undefined) return { kind: "endpoint", id };
    return undefined;
  }
  if (channel.startsWith("rtr:")) {
    if (head === "router" && id === undefined) return { kind: "router" };
    if (head === "network" && id !== undefined) return { kind: "routed-network", network: id };
    if (head === "prefix" && id !== undefined) return { kind: "prefix", id };
    return undefined;
  }
  if (head === "host" && id === undefined) return { kind: "host" };
  if (head === "network" && id !== undefined) return { kind: "carried-network", network: id };
  if (head === "router" && id !== undefined) return { kind: "carried-router", router: id };
  return undefined;
}

/** The schema of a record's body. */
export function recordSchema(key: RecordKey): z.ZodType<RecordBody> {
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

/** An ordered log of record changes. */
export type Channel = `net:${string}` | `rtr:${string}` | `host:${string}`;

/** Parses `net:<id>`, `rtr:<id>` or `host:<id>`. */
export function parseChannel(text: string): Channel | undefined {
  const parts = /^(net|rtr|host):(.*)$/.exec(text);
  return parts && Slug.safeParse(parts[2]).success ? (text as Channel) : undefined;
}

export function networkChannel(network: string): Channel {
  return `net:${network}`;
}

export function routerChannel(router: string): Channel {
  return `rtr:${router}`;
}

export function hostChannel(host: string): Channel {
  return `host:${host}`;
}

/** The router of an `rtr:` channel. */
export function channelRouter(channel: Channel): string | undefined {
  return channel.startsWith("rtr:") ? channel.slice(4) : undefined;
}

/** The network of a `net:` channel. */
export function channelNetwork(channel: Channel): string | undefined {
  return channel.startsWith("net:") ? channel.slice(4) : undefined;
}
