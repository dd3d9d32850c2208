// The part of the store's intent that a write bears on, before and after it: the networks and routers concerned with all
// that is on them, and their hosts. A write is a list of resources with what they were and are; who it concerns follows.

import type { Vni } from "../../shared/address/vni.ts";
import type { Endpoint, Host, Network, Router, RouterPrefix } from "../../shared/model/resource.ts";
import { all, together } from "../api/facts.ts";
import { same } from "../domain/command.ts";
import { type Held, refText, type ResourceKind, type ResourceOf, type ResourceRef } from "../domain/resource.ts";
import type { Write } from "../domain/write.ts";
import type { Rehearsal, Store } from "../store/store.ts";

/** A resource before and after; undefined: it is not there. */
export type Changed = {
  readonly ref: ResourceRef;
  readonly before: ResourceOf[ResourceKind] | undefined;
  readonly after: ResourceOf[ResourceKind] | undefined;
};

export type NetworkWorld = { readonly definition: Network; readonly endpoints: ReadonlyMap<string, Endpoint> };
export type RouterWorld = { readonly definition: Router; readonly prefixes: ReadonlyMap<string, RouterPrefix> };

export type World = {
  readonly hosts: ReadonlyMap<string, Host>;
  readonly networks: ReadonlyMap<string, NetworkWorld>;
  readonly routers: ReadonlyMap<string, RouterWorld>;
};

export type Worlds = {
  readonly before: World;
  readonly after: World;
  /** VNIs that hosts carry besides those of these worlds; read only where they matter, for route distinguishers. */
  readonly elsewhere: ReadonlyMap<string, readonly Vni[]>;
  /** Why they are not whole. */
  readonly beyond?: string;
};

/** As many endpoints are read for one plan. */
const MAX_ENDPOINTS = 100_000;
const READ_AT_ONCE = 1000;

/** What a rehearsed write changed, each resource once, in the order in which they were first written. */
export async function changedResources(store: Store, rehearsal: Rehearsal): Promise<Changed[]> {
  const written = new Map<string, Write & { write: "resource" }>();
  for (const write of rehearsal.committed) if (write.write === "resource") written.set(refText(write.ref), write);
  const held = new Map<string, Held<ResourceOf[ResourceKind]>>();
  for (const kind of new Set(Array.from(written.values(), ({ ref }) => ref.kind))) {
    const refs = [...written.values()].flatMap(({ ref }) => (ref.kind === kind ? [ref] : []));
    const found = await store.many<ResourceKind>(refs);
    refs.forEach((ref, at) => held.set(refText(ref), found[at] ?? { state: "absent" }));
  }
  const changes = Array.from(written, ([name, { ref, resource, deleted }]): Changed => {
    const was = held.get(name);
    return { ref, before: was?.state === "live" ? was.resource : undefined, after: deleted ? undefined : resource };
  });
  return changes.filter(({ before, after }) => before !== undefined || after !== undefined);
}

/** Reads what the changes bear on. */
export async function readWorlds(store: Store, changes: readonly Changed[]): Promise<Worlds> {
  const networks = new Map<string, NetworkWorld>();
  const routers = new Map<string, RouterWorld>();
  let read = 0;

  async function readNetworks(ids: Iterable<string>): Promise<void> {
    for (const id of new Set(ids)) {
      if (networks.has(id) || read > MAX_ENDPOINTS) continue;
      const { held, endpoints } = await together({
        held: store.get({ kind: "network", id }),
        endpoints: endpointsOf(store, id, MAX_ENDPOINTS - read),
      });
      read += endpoints.length;
      if (held.state !== "live") continue;
      networks.set(id, { definition: held.resource, endpoints: byId(endpoints) });
    }
  }

  await readNetworks(await concernedNetworks(store, changes));
  for (const id of concernedRouters(networks.values(), changes)) {
    const { held, book, prefixes } = await together({
      held: store.get({ kind: "router", id }),
      book: store.book(id),
      prefixes: all<"prefix">(store, { kind: "prefix", router: id }),
    });
    if (held.state === "live") routers.set(id, { definition: held.resource, prefixes: byId(prefixes) });
    await readNetworks(Object.keys(book?.networks ?? {}));
  }
  const before = { hosts: await readHosts(store, networks.values(), changes), networks, routers };
  const after = afterChanges(before, changes);
  const large = [before, after].some((world) => hasLargeVni(world));
  const elsewhere = large ? await readElsewhere(store, before, after) : new Map<string, Vni[]>();
  const worlds = { before, after, elsewhere };
  if (read <= MAX_ENDPOINTS) return worlds;
  return { ...worlds, beyond: `more than ${MAX_ENDPOINTS} endpoints are on what it bears on: hosts are not looked at` };
}

/** Up to here a VNI is its own number in a route distinguisher, whatever else the host carries. */
const LARGEST_PLAIN_VNI = 0xffff;

function hasLargeVni({ networks }: World): boolean {
  return [...networks.values()].some(({ definition }) => definition.vni > LARGEST_PLAIN_VNI);
}

async function readElsewhere(store: Store, before: World, after: World): Promise<Map<string, Vni[]>> {
  const found = new Map<string, Vni[]>();
  for (const host of before.hosts.values()) {
    if (!host.bgp) continue;
    const endpoints = await all<"endpoint">(store, { kind: "endpoint", host: host.id });
    const ids = [...new Set(endpoints.map(({ network }) => network))];
    const others = ids.filter((id) => !before.networks.has(id) && !after.networks.has(id));
    const held = await store.many(others.map((id) => ({ kind: "network", id }) as const));
    found.set(
      host.id,
      held.flatMap((each) => (each.state === "live" ? [each.resource.vni] : [])),
    );
  }
  return found;
}

/** A network's endpoints; a page more than `most` at least says that there are more. */
async function endpointsOf(store: Store, network: string, most: number): Promise<Endpoint[]> {
  const found: Endpoint[] = [];
  let position: string | undefined;
  do {
    const page = await store.list<"endpoint">(
      { kind: "endpoint", network },
      { limit: READ_AT_ONCE, ...(position === undefined ? {} : { position }) },
    );
    found.push(...page.items);
    position = page.next;
  } while (position !== undefined && found.length <= most);
  return found;
}

/** The endpoints' networks, networks themselves, and those of hosts whose own settings change. */
async function concernedNetworks(store: Store, changes: readonly Changed[]): Promise<string[]> {
  const ids = changes.map(async ({ ref, before, after }): Promise<string[]> => {
    if (ref.kind === "endpoint") return [ref.network];
    if (ref.kind === "network") return [ref.id];
    if (ref.kind !== "host" || !before || !after || sameSettings(before as Host, after as Host)) return [];
    return (await all<"endpoint">(store, { kind: "endpoint", host: ref.id })).map(({ network }) => network);
  });
  return (await Promise.all(ids)).flat();
}

/** True if a host's channel and its networks say the same of it. */
export function sameSettings(before: Host, after: Host): boolean {
  return same([before.site, before.vtep, before.bgp ?? null], [after.site, after.vtep, after.bgp ?? null]);
}

function concernedRouters(networks: Iterable<NetworkWorld>, changes: readonly Changed[]): Set<string> {
  const ids = new Set<string>();
  const add = (id: string | undefined) => id !== undefined && ids.add(id);
  for (const { definition } of networks) add(definition.router);
  for (const { ref, after } of changes) {
    if (ref.kind === "router") ids.add(ref.id);
    if (ref.kind === "prefix") ids.add(ref.router);
    if (ref.kind === "network") add((after as Network | undefined)?.router);
  }
  return ids;
}

async function readHosts(
  store: Store,
  networks: Iterable<NetworkWorld>,
  changes: readonly Changed[],
): Promise<Map<string, Host>> {
  const ids = new Set<string>();
  for (const { endpoints } of networks) for (const endpoint of endpoints.values()) addHosts(ids, endpoint);
  for (const { ref, before, after } of changes) {
    if (ref.kind === "host") ids.add(ref.id);
    if (ref.kind === "endpoint") for (const each of [before, after]) addHosts(ids, each as Endpoint | undefined);
  }
  const held = await store.many([...ids].map((id) => ({ kind: "host", id }) as const));
  return byId(held.flatMap((each) => (each.state === "live" ? [each.resource] : [])));
}

function addHosts(ids: Set<string>, endpoint: Endpoint | undefined): void {
  if (!endpoint) return;
  ids.add(endpoint.host);
  if (endpoint.next) ids.add(endpoint.next.host);
}

/** The world with the changed resources in place of what they were. */
function afterChanges(before: World, changes: readonly Changed[]): World {
  const hosts = new Map(before.hosts);
  const networks = new Map(before.networks);
  const routers = new Map(before.routers);
  const own = new Map<string, Map<string, Endpoint>>();
  const prefixes = new Map<string, Map<string, RouterPrefix>>();
  for (const { ref, after } of changes) {
    if (ref.kind === "host") put(hosts, ref.id, after as Host | undefined);
    if (ref.kind === "network") {
      const definition = after as Network | undefined;
      const endpoints = networks.get(ref.id)?.endpoints ?? new Map<string, Endpoint>();
      put(networks, ref.id, definition && { definition, endpoints });
    }
    if (ref.kind === "router") {
      const definition = after as Router | undefined;
      const held = routers.get(ref.id)?.prefixes ?? new Map<string, RouterPrefix>();
      put(routers, ref.id, definition && { definition, prefixes: held });
    }
  }
  for (const { ref, after } of changes) {
    if (ref.kind === "endpoint") {
      const of = own.get(ref.network) ?? new Map(networks.get(ref.network)?.endpoints);
      own.set(ref.network, of);
      put(of, ref.id, after as Endpoint | undefined);
    }
    if (ref.kind === "prefix") {
      const of = prefixes.get(ref.router) ?? new Map(routers.get(ref.router)?.prefixes);
      prefixes.set(ref.router, of);
      put(of, ref.id, after as RouterPrefix | undefined);
    }
  }
  for (const [id, endpoints] of own) {
    const network = networks.get(id);
    if (network) networks.set(id, { ...network, endpoints });
  }
  for (const [id, held] of prefixes) {
    const router = routers.get(id);
    if (router) routers.set(id, { ...router, prefixes: held });
  }
  return { hosts, networks, routers };
}

function put<T>(map: Map<string, T>, id: string, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}

function byId<T extends { id: string }>(resources: readonly T[]): Map<string, T> {
  return new Map(resources.map((each) => [each.id, each]));
}
