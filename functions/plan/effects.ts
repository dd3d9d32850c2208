// What a write does to each host: its lines before and after, compared. Only what can differ is made: of a network that
// stays as it is but for some endpoints, those endpoints; of one that a host joins or leaves, everything. Pure.

import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { routeDistinguishers } from "../../shared/evpn/mac-vrf.ts";
import type { Endpoint, Host } from "../../shared/model/resource.ts";
import { same } from "../domain/command.ts";
import { addHost, evpnPeers } from "./host-lines.ts";
import { indexWorld, type NetworkIndex, type RouterIndex, type WorldIndex } from "./index-world.ts";
import { type Difference, differenceOf, Lines } from "./lines.ts";
import { addNetwork, type Scope } from "./network-lines.ts";
import { addRouter, type RouterScope } from "./router-lines.ts";
import { type Changed, sameSettings, type Worlds } from "./world.ts";

export type HostEffect = {
  readonly host: string;
  readonly site: string;
  readonly kernel: Difference;
  readonly bgp: Difference;
  /** Of each peer: routes that it hears of, hears no more, and hears anew with other attributes. */
  readonly peers: ReadonlyMap<string, PeerEffect>;
  /** Networks that it carries from now on, and no more. */
  readonly joins: readonly string[];
  readonly leaves: readonly string[];
};

export type PeerEffect = { readonly announced: number; readonly withdrawn: number; readonly changed: number };

/** The hosts that have something to do, in the order of their ids, one by one: many lines are never held at once. */
export function* hostEffects(worlds: Worlds, changes: readonly Changed[]): Generator<HostEffect> {
  if (worlds.beyond !== undefined) return;
  const before = indexWorld(worlds.before);
  const after = indexWorld(worlds.after);
  const touched = touchedNetworks({ before, after }, worlds, changes);
  const sides: Sides = { before, after, touched, endpoints: changedEndpoints(changes), ips: changedAddresses(changes) };
  for (const id of concernedHosts(sides, changes)) {
    const effect = effectOn(id, sides, worlds);
    if (effect) yield effect;
  }
}

type Sides = {
  readonly before: WorldIndex;
  readonly after: WorldIndex;
  /** Networks of which something may differ on some host. */
  readonly touched: ReadonlySet<string>;
  /** Ids of the changed endpoints of each network. */
  readonly endpoints: ReadonlyMap<string, ReadonlySet<string>>;
  /** Addresses that changed endpoints had or have. */
  readonly ips: ReadonlySet<IpAddress>;
};

function effectOn(id: string, sides: Sides, worlds: Worlds): HostEffect | undefined {
  const { before, after, touched } = sides;
  const [was, is] = [before.hosts.get(id), after.hosts.get(id)];
  const lines = { before: new Lines(), after: new Lines() };
  const own = !was || !is || !sameSettings(was, is);
  const joins: string[] = [];
  const leaves: string[] = [];
  const rds = {
    before: was && rdsOf(was, before, worlds.elsewhere),
    after: is && rdsOf(is, after, worlds.elsewhere),
  };
  if (own && was) addHost(lines.before, was);
  if (own && is) addHost(lines.after, is);
  for (const network of touched) {
    const [old, now] = [before.networks.get(network), after.networks.get(network)];
    const [had, has] = [old?.members.has(id) === true, now?.members.has(id) === true];
    if (has && !had) joins.push(network);
    if (had && !has) leaves.push(network);
    const whole = own || had !== has || old?.definition !== now?.definition || rerouted(sides, old, now);
    const scope: Scope = whole ? "all" : (sides.endpoints.get(network) ?? NOTHING);
    if (was && old) addNetwork(lines.before, networkOn(was, old, before, rds.before?.networks), scope);
    if (is && now) addNetwork(lines.after, networkOn(is, now, after, rds.after?.networks), scope);
  }
  for (const router of new Set([...before.routers.keys(), ...after.routers.keys()])) {
    const [old, now] = [before.routers.get(router), after.routers.get(router)];
    const scope: RouterScope = own || !sameRouter(id, old, now) ? "all" : sides.ips;
    const rd = (side: Rds | undefined, index: RouterIndex) => side?.routers.get(index.definition.vni);
    if (was && old) {
      addRouter(lines.before, { host: was, router: old, hosts: before.hosts, rd: rd(rds.before, old) }, scope);
    }
    if (is && now) addRouter(lines.after, { host: is, router: now, hosts: after.hosts, rd: rd(rds.after, now) }, scope);
  }
  const kernel = differenceOf(lines.before.kernel, lines.after.kernel);
  const bgp = differenceOf(lines.before.bgp, lines.after.bgp);
  const size = kernel.added.length + kernel.removed.length + bgp.added.length + bgp.removed.length;
  if (size === 0) return undefined;
  const site = (is ?? was)?.site ?? "";
  return { host: id, site, kernel, bgp, peers: peerEffects(was, is, lines), joins, leaves };
}

const NOTHING: ReadonlySet<string> = new Set();

function networkOn(
  host: Host,
  network: NetworkIndex,
  { routers }: WorldIndex,
  rds: Rds["networks"] | undefined,
): Parameters<typeof addNetwork>[1] {
  const { router, vni } = network.definition;
  return { host, network, router: router === undefined ? undefined : routers.get(router), rd: rds?.get(vni) };
}

type Rds = {
  readonly networks: ReadonlyMap<Vni, RouteDistinguisher>;
  readonly routers: ReadonlyMap<Vni, RouteDistinguisher>;
};

/** Route distinguishers follow from all that the host carries; beyond 65535 also from what the write does not bear on. */
function rdsOf(host: Host, index: WorldIndex, elsewhere: Worlds["elsewhere"]): Rds | undefined {
  const routerId = host.bgp?.routerId ?? (host.vtep.includes(":") ? undefined : host.vtep);
  if (!host.bgp || routerId === undefined) return undefined;
  const carried = [...index.networks.values()].filter(({ members }) => members.has(host.id));
  const vnis = [...carried.map(({ definition }) => definition.vni), ...(elsewhere.get(host.id) ?? [])];
  const routers = [...index.routers.values()].filter(({ carriers }) => carriers.has(host.id));
  const source = { routerId: routerId as Ipv4, given: host.bgp.routeDistinguishers };
  return {
    networks: routeDistinguishers(vnis, source),
    routers: routeDistinguishers(
      routers.map(({ definition }) => definition.vni),
      source,
    ),
  };
}

/** A network differs somewhere if it, its endpoints, the settings of a member, or what its router adds do. */
function touchedNetworks(
  { before, after }: Pick<Sides, "before" | "after">,
  worlds: Worlds,
  changes: readonly Changed[],
): Set<string> {
  const hosts = new Set(changes.flatMap(({ ref }) => (ref.kind === "host" ? [ref.id] : [])));
  const ids = new Set([...before.networks.keys(), ...after.networks.keys()]);
  const touched = new Set<string>();
  for (const id of ids) {
    const [old, now] = [before.networks.get(id), after.networks.get(id)];
    const members = [...(old?.members.keys() ?? []), ...(now?.members.keys() ?? [])];
    const changed = worlds.before.networks.get(id) !== worlds.after.networks.get(id);
    if (changed || members.some((host) => hosts.has(host)) || rerouted({ before, after }, old, now)) touched.add(id);
  }
  return touched;
}

/** What a network's router adds to its routes differs. */
function rerouted(
  { before, after }: Pick<Sides, "before" | "after">,
  old: NetworkIndex | undefined,
  now: NetworkIndex | undefined,
): boolean {
  const router = (index: WorldIndex, network: NetworkIndex | undefined) => {
    const found = index.routers.get(network?.definition.router ?? "");
    return found && [found.definition.vni, found.definition.routeTargets ?? null];
  };
  return !same(router(before, old) ?? null, router(after, now) ?? null);
}

/** All but the routes of changed machines is the same on the host. */
function sameRouter(host: string, old: RouterIndex | undefined, now: RouterIndex | undefined): boolean {
  if (!old || !now || old.definition !== now.definition || old.carriers.has(host) !== now.carriers.has(host)) {
    return false;
  }
  const here = ({ networks }: RouterIndex) =>
    networks.map(({ definition, members }) => [definition, members.has(host)]);
  const [a, b] = [here(old).flat(), here(now).flat()];
  return a.length === b.length && a.every((each, at) => each === b[at]);
}

/** Members of what is touched, carriers of its routers, and hosts that changed themselves. */
function concernedHosts({ before, after, touched }: Sides, changes: readonly Changed[]): string[] {
  const ids = new Set(changes.flatMap(({ ref }) => (ref.kind === "host" ? [ref.id] : [])));
  for (const index of [before, after]) {
    for (const id of touched) for (const member of index.networks.get(id)?.members.keys() ?? []) ids.add(member);
    for (const { carriers } of index.routers.values()) for (const host of carriers) ids.add(host);
  }
  return [...ids].sort();
}

function changedEndpoints(changes: readonly Changed[]): Map<string, Set<string>> {
  const ids = new Map<string, Set<string>>();
  for (const { ref } of changes) {
    if (ref.kind === "endpoint") ids.set(ref.network, (ids.get(ref.network) ?? new Set()).add(ref.id));
  }
  return ids;
}

function changedAddresses(changes: readonly Changed[]): Set<IpAddress> {
  return new Set(
    changes.flatMap(({ ref, before, after }) => {
      if (ref.kind !== "endpoint") return [];
      return [before as Endpoint | undefined, after as Endpoint | undefined].flatMap((each) => each?.ips ?? []);
    }),
  );
}

/** What each peer hears: what it heard of the old lines, and hears of the new ones. */
function peerEffects(
  was: Host | undefined,
  is: Host | undefined,
  lines: { readonly before: Lines; readonly after: Lines },
): Map<string, PeerEffect> {
  const [old, now] = [new Set(evpnPeers(was)), new Set(evpnPeers(is))];
  const effects = new Map<string, PeerEffect>();
  for (const peer of new Set([...old, ...now])) {
    const heard = old.has(peer) ? lines.before.routes : NO_ROUTES;
    const hears = now.has(peer) ? lines.after.routes : NO_ROUTES;
    const announced = [...hears.keys()].filter((key) => !heard.has(key)).length;
    const withdrawn = [...heard.keys()].filter((key) => !hears.has(key)).length;
    const changed = [...hears].filter(([key, line]) => heard.has(key) && heard.get(key) !== line).length;
    if (announced + withdrawn + changed > 0) effects.set(peer, { announced, withdrawn, changed });
  }
  return effects;
}

const NO_ROUTES: ReadonlyMap<string, string> = new Map();
