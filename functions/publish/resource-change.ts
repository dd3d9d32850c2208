// Resource images -> what they change in which channel. Several images of one record collapse into its newest version,
// whichever order they came in; the API changes behind the older ones are remembered, since each has a receipt.

import type { Asn } from "../../shared/address/vni.ts";
import {
  type Channel,
  type EndpointRecord,
  type HostRecord,
  hostChannel,
  type NetworkRecord,
  networkChannel,
  type PrefixRecord,
  routerChannel,
  type RouterRecord,
  type VtepRecord,
} from "../../shared/model/record.ts";
import type { Endpoint, Host, Network, Router } from "../../shared/model/resource.ts";
import type { ResourceImage } from "./resource-image.ts";

/** The API changes that a channel change carries out, with the version that each wrote. */
export type Origin = { readonly change: string; readonly version: number };

type Changed<B> = {
  readonly version: number;
  /** The new content, null for a deletion. */
  readonly body: B | null;
  /** Of a deletion: when its tombstone runs out, epoch seconds. */
  readonly ttl?: number;
  readonly origins: readonly Origin[];
};

export type HostChange = { readonly kind: "host"; readonly id: string } & Changed<HostRecord>;

export type NetworkChange =
  | ({ readonly kind: "network" } & Changed<NetworkRecord>)
  | ({ readonly kind: "endpoint"; readonly id: string } & Changed<EndpointRecord>)
  /** The host's own data changed: its `vtep` record follows where it is a member. */
  | { readonly kind: "vtep"; readonly host: string; readonly version: number; readonly origins: readonly Origin[] };

export type RouterChange =
  | ({ readonly kind: "router" } & Changed<RouterRecord>)
  | ({ readonly kind: "prefix"; readonly id: string } & Changed<PrefixRecord>);

/** The change of one image in its channel. */
export type ChannelChange =
  | { readonly channel: Channel; readonly change: HostChange }
  | { readonly channel: Channel; readonly change: NetworkChange }
  | { readonly channel: Channel; readonly change: RouterChange };

/** The change that an image means for its own channel. */
export function changeOf(image: ResourceImage): ChannelChange {
  const { version, change } = image.resource;
  const changed = {
    version,
    origins: [{ change, version }],
    ...(image.deleted && image.ttl !== undefined ? { ttl: image.ttl } : {}),
  };
  switch (image.kind) {
    case "host": {
      const { id } = image.resource;
      const body = image.deleted ? null : hostBody(image.resource);
      return { channel: hostChannel(id), change: { kind: "host", id, body, ...changed } };
    }
    case "network": {
      const body = image.deleted ? null : networkBody(image.resource);
      return { channel: networkChannel(image.resource.id), change: { kind: "network", body, ...changed } };
    }
    case "endpoint": {
      const { id, network } = image.resource;
      const body = image.deleted ? null : endpointBody(image.resource);
      return { channel: networkChannel(network), change: { kind: "endpoint", id, body, ...changed } };
    }
    case "router": {
      const body = image.deleted ? null : routerBody(image.resource);
      return { channel: routerChannel(image.resource.id), change: { kind: "router", body, ...changed } };
    }
    case "prefix": {
      const { id, router, prefix, nextHop } = image.resource;
      const body = image.deleted ? null : { prefix, nextHop };
      return { channel: routerChannel(router), change: { kind: "prefix", id, body, ...changed } };
    }
  }
}

/** The key of the record that a change is about. */
export function changedKey(change: HostChange | NetworkChange | RouterChange): string {
  switch (change.kind) {
    case "host":
    case "network":
    case "router":
      return change.kind;
    case "endpoint":
      return `endpoint/${change.id}`;
    case "prefix":
      return `prefix/${change.id}`;
    case "vtep":
      return `vtep/${change.host}`;
  }
}

/** One change a record: the newest, with the origins of all. Keeps the order in which the records first came. */
export function collapse<C extends HostChange | NetworkChange | RouterChange>(changes: readonly C[]): C[] {
  const byKey = new Map<string, C>();
  for (const change of changes) {
    const key = changedKey(change);
    const other = byKey.get(key);
    if (!other) {
      byKey.set(key, change);
      continue;
    }
    const newest = change.version >= other.version ? change : other;
    const origins = new Map([...other.origins, ...change.origins].map((origin) => [origin.change, origin]));
    byKey.set(key, { ...newest, origins: [...origins.values()] });
  }
  return [...byKey.values()];
}

/** The record that a host's networks have of it. */
export function vtepBody(host: Host): VtepRecord {
  const asns: Asn[] = host.bgp
    ? [host.bgp.asn, ...host.bgp.peers.flatMap(({ asn }) => (typeof asn === "number" ? [asn] : []))]
    : [];
  return { site: host.site, address: host.vtep, asns: [...new Set(asns)] };
}

function hostBody(host: Host): HostRecord {
  return { site: host.site, vtep: host.vtep, ...(host.bgp ? { bgp: host.bgp } : {}) };
}

function networkBody(network: Network): NetworkRecord {
  const { tenant, name, vni, subnets, mtuBytes, sourcePorts, routeTargets, importAnyAs } = network;
  const { router, gateways, learning, stormPacketsPerSec } = network;
  return {
    tenant,
    name,
    vni,
    subnets,
    ...given({ mtuBytes, sourcePorts, routeTargets, importAnyAs, router, gateways, learning, stormPacketsPerSec }),
  };
}

function routerBody({ tenant, name, vni, routeTargets }: Router): RouterRecord {
  return { tenant, name, vni, ...given({ routeTargets }) };
}

function endpointBody(endpoint: Endpoint): EndpointRecord {
  const { host, mac, ips, port, mobility, allowedAddresses, portSecurity, isolated, promiscuous } = endpoint;
  const next = endpoint.next && { host: endpoint.next.host, ...given({ port: endpoint.next.port }) };
  const options = { port, allowedAddresses, portSecurity, isolated, promiscuous, next };
  return { host, mac, ips, mobility, ...given(options) };
}

/** Only the members that are there: an absent one is absent in the record, whose canonical form is hashed. */
function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
