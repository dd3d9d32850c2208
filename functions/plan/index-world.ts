// A world, looked up by what the hosts' lines are made of: who is a member of a network, what a router routes and who
// carries it, and where each address of a router's machines is. Made once for a plan, so that a host costs its own lines.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { Endpoint, Host, Network, Router, RouterPrefix } from "../../shared/model/resource.ts";
import { vtepBody } from "../publish/resource-change.ts";
import type { World } from "./world.ts";

export type NetworkIndex = {
  readonly definition: Network;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** Hosts with an endpoint, or one on its way, by id. */
  readonly members: ReadonlyMap<string, Host>;
  /** Of the members and their ToRs. */
  readonly asns: readonly Asn[];
};

export type RouterIndex = {
  readonly definition: Router;
  readonly prefixes: readonly RouterPrefix[];
  readonly networks: readonly NetworkIndex[];
  /** Members of any of its networks. */
  readonly carriers: ReadonlySet<string>;
  readonly asns: readonly Asn[];
  /** Whose machine has the address, and on which network. */
  readonly machines: ReadonlyMap<IpAddress, { readonly host: string; readonly network: NetworkIndex }>;
  /** Hosts with a machine that has an address, and whether it is an IPv4 one, an IPv6 one, or both are there. */
  readonly addressed: ReadonlyMap<string, ReadonlySet<boolean>>;
};

export type WorldIndex = {
  readonly hosts: ReadonlyMap<string, Host>;
  readonly networks: ReadonlyMap<string, NetworkIndex>;
  readonly routers: ReadonlyMap<string, RouterIndex>;
};

export function indexWorld(world: World): WorldIndex {
  const networks = new Map<string, NetworkIndex>();
  for (const [id, { definition, endpoints }] of world.networks) {
    const members = new Map<string, Host>();
    for (const { host, next } of endpoints.values()) {
      for (const each of next ? [host, next.host] : [host]) {
        const known = world.hosts.get(each);
        if (known) members.set(each, known);
      }
    }
    networks.set(id, { definition, endpoints, members, asns: asnsOf(members.values()) });
  }
  const routers = new Map<string, RouterIndex>();
  for (const [id, { definition, prefixes }] of world.routers) {
    const routed = [...networks.values()].filter((network) => network.definition.router === id);
    const machines = new Map<IpAddress, { host: string; network: NetworkIndex }>();
    for (const network of routed) {
      for (const { host, ips } of network.endpoints.values()) for (const ip of ips) machines.set(ip, { host, network });
    }
    routers.set(id, {
      definition,
      prefixes: [...prefixes.values()],
      networks: routed,
      carriers: new Set(routed.flatMap(({ members }) => [...members.keys()])),
      asns: [...new Set(routed.flatMap(({ asns }) => asns))],
      machines,
      addressed: addressedOf(machines),
    });
  }
  return { hosts: world.hosts, networks, routers };
}

function addressedOf(machines: RouterIndex["machines"]): Map<string, Set<boolean>> {
  const families = new Map<string, Set<boolean>>();
  for (const [ip, { host }] of machines) families.set(host, (families.get(host) ?? new Set()).add(isIpv4(ip)));
  return families;
}

function asnsOf(hosts: Iterable<Host>): Asn[] {
  return [...new Set(Array.from(hosts).flatMap((host) => vtepBody(host).asns))];
}
