// What intent says of the routers that this host carries: their definitions, static prefixes and networks, and where each
// machine on those networks is. Read from the replica; a network's machines are kept until its channel changes. No clock.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Prefix, prefixContains, prefixLength } from "../../shared/address/prefix.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import {
  type Channel,
  type EndpointRecord,
  hostChannel,
  type NetworkRecord,
  networkChannel,
  parseRecordKey,
  type PrefixRecord,
  type RecordBody,
  routerChannel,
  type RouterRecord,
  type VtepRecord,
} from "../../shared/model/record.ts";
import type { Gateway } from "../dataplane/router-state.ts";
import type { MachinePlace, StaticPrefix } from "../evpn/ip-vrf.ts";
import type { IntentState } from "../intent/intent.ts";
import { l2Networks } from "../intent/view.ts";

/** One network of a router. */
export type RoutedNetworkIntent = {
  readonly id: string;
  readonly vni: Vni;
  /** Machines of it are on this host; otherwise only routes lead there. */
  readonly here: boolean;
  readonly subnets: readonly Prefix[];
  readonly gateways: readonly Gateway[];
  /** Gateway addresses that are in none of the subnets. */
  readonly stray: readonly IpAddress[];
  readonly machines: ReadonlyMap<IpAddress, MachinePlace>;
  /** Of the hosts with machines here and their ToRs. */
  readonly asns: readonly Asn[];
  /** The VTEPs of the hosts with machines of it, with the site of each. */
  readonly vteps: ReadonlyMap<IpAddress, string>;
};

export type RouterIntent = {
  readonly id: string;
  readonly definition: RouterRecord;
  readonly statics: readonly StaticPrefix[];
  readonly networks: readonly RoutedNetworkIntent[];
  /** Networks of the router whose definition is not held yet. */
  readonly pending: readonly string[];
};

export type RouterIntents = {
  /** The routers that this host carries and knows, by id. */
  read(): ReadonlyMap<string, RouterIntent>;
  /** Ids of routers that it should carry and knows nothing of. */
  missing(): readonly string[];
  /** Records of these channels changed. */
  forget(channels: Iterable<Channel>): void;
};

export function createRouterIntents(intent: IntentState): RouterIntents {
  const networks = new Map<string, RoutedNetworkIntent | undefined>();

  const network = (id: string, here: boolean): RoutedNetworkIntent | undefined => {
    const held = networks.get(id);
    if (held?.here === here) return held;
    const read = readNetwork(intent, id, here);
    networks.set(id, read);
    return read;
  };

  const router = (id: string, here: ReadonlySet<string>): RouterIntent | undefined => {
    const statics: StaticPrefix[] = [];
    const found: RoutedNetworkIntent[] = [];
    const pending: string[] = [];
    let definition: RouterRecord | undefined;
    for (const [key, body] of recordsOf(intent, routerChannel(id))) {
      if (key.kind === "router") definition = body as RouterRecord;
      else if (key.kind === "prefix") statics.push(body as PrefixRecord);
      else if (key.kind === "routed-network") {
        const known = network(key.network, here.has(key.network));
        if (known) found.push(known);
        else pending.push(key.network);
      }
    }
    return definition && { id, definition, statics, networks: found, pending };
  };

  return {
    read: () => {
      const here = l2Networks(intent);
      const routers = carriedRouters(intent).map((id) => router(id, here));
      return new Map(routers.flatMap((each) => (each ? [[each.id, each]] : [])));
    },
    missing: () => {
      const here = l2Networks(intent);
      return carriedRouters(intent).filter((id) => router(id, here) === undefined);
    },
    forget: (channels) => {
      for (const channel of channels) networks.delete(channel.slice(channel.indexOf(":") + 1));
    },
  };
}

function carriedRouters(intent: IntentState): string[] {
  const keys = [...recordsOf(intent, hostChannel(intent.host))];
  return keys.flatMap(([key]) => (key.kind === "carried-router" ? [key.router] : []));
}

function readNetwork(intent: IntentState, id: string, here: boolean): RoutedNetworkIntent | undefined {
  let definition: NetworkRecord | undefined;
  const vteps = new Map<string, VtepRecord>();
  const endpoints: EndpointRecord[] = [];
  for (const [key, body] of recordsOf(intent, networkChannel(id))) {
    if (key.kind === "network") definition = body as NetworkRecord;
    else if (key.kind === "vtep") vteps.set(key.host, body as VtepRecord);
    else if (key.kind === "endpoint") endpoints.push(body as EndpointRecord);
  }
  if (!definition) return undefined;
  const { vni, subnets, gateways = [] } = definition;
  const machines = new Map<IpAddress, MachinePlace>();
  for (const { host, ips } of endpoints) {
    const vtep = vteps.get(host)?.address;
    // Where neither its host's VTEP nor a bridge of our own is known, there is no way to it.
    const local: MachinePlace | undefined = here ? { kind: "local", network: vni } : undefined;
    const place = host === intent.host ? local : vtep && ({ kind: "remote", vtep } as const);
    if (place) for (const ip of ips) machines.set(ip, place);
  }
  const inside = gateways.map((ip) => ({ ip, subnet: subnets.find((subnet) => prefixContains(subnet, ip)) }));
  return {
    id,
    vni,
    here,
    subnets: inside.flatMap(({ subnet }) => subnet ?? []),
    gateways: inside.flatMap(({ ip, subnet }) => (subnet ? [{ ip, length: prefixLength(subnet) }] : [])),
    stray: inside.flatMap(({ ip, subnet }) => (subnet ? [] : [ip])),
    machines,
    asns: Array.from(vteps.values()).flatMap(({ asns }) => asns),
    vteps: new Map(Array.from(vteps.values(), ({ address, site }) => [address, site])),
  };
}

function* recordsOf(intent: IntentState, channel: Channel) {
  for (const [key, { body }] of intent.channels.get(channel)?.records ?? []) {
    const parsed = parseRecordKey(channel, key);
    if (parsed && body !== null) yield [parsed, body satisfies RecordBody] as const;
  }
}
