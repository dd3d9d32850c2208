// Endpoints: one MAC on a network, at a port of a host. MAC and addresses are unique in the network, and a port serves
// endpoints of one network. A move raises the mobility sequence (RFC 7432 section 15); moves are endpoint-move.ts.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import { type Allocate, Endpoint, type Host, type Network } from "../../shared/model/resource.ts";
import { type ChangeEndpoint, type CreateEndpoint, same, wanted } from "./command.ts";
import type { ChangeAction } from "./change.ts";
import { type Content, parentRefusal, planChange, planCreate, planDelete, planNothing, requireLive } from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import type { Held, Live } from "./resource.ts";
import { addressRefusals } from "./subnet.ts";
import { type Context, type Decision, type PortUse, refuse, refuseAny, type Write } from "./write.ts";

/** A free address of each family that one was asked of; absent: none is left. */
export type FreeAddresses = { ipv4?: IpAddress; ipv6?: IpAddress };

export type EndpointFacts = {
  network: Held<Network>;
  endpoint: Held<Endpoint>;
  /** The hosts that it is to be on. */
  hosts: Readonly<Record<string, Held<Host>>>;
  /** Who uses the ports that it has, by `portName`. */
  ports: Readonly<Record<string, PortUse | undefined>>;
  free: FreeAddresses;
  /** Those of the hosts that reported that they know no VRFs; looked at for a router's network only. */
  withoutVrf: readonly string[];
};

/** The name of a port among facts. */
export function portName({ host, port }: Place): string {
  return `${host} ${port}`;
}

export function createEndpoint(facts: EndpointFacts, command: CreateEndpoint, context: Context): Decision<Endpoint> {
  const ref = endpointRef(command);
  const network = requireLive({ kind: "network", id: command.network }, facts.network);
  if ("refusals" in network) return network;
  if (facts.endpoint.state === "live") return refuse({ kind: "id-taken", ref });
  const { allocate, ...given } = command;
  const ips = chooseIps(given.ips, [], allocate, { network, free: facts.free });
  const content = { ...given, ips: ips.all, mobility: 0 };
  const places = placeWrites(facts, [], content);
  const refused = refuseAny([...places.refusals, ...ips.refusals, ...newAddressRefusals(ips.all, network)]);
  if (refused) return refused;
  const writes: Write[] = [
    requireNetwork(network, ips.all),
    { write: "room", tenant: network.resource.tenant, mode: "take", rooms: { endpoints: 1 } },
    { write: "claim", guard: { kind: "mac", network: command.network, mac: command.mac }, owner: command.id },
    ...ips.all.map((ip) => claimAddress(command, ip, ips.allocated.includes(ip))),
    ...places.writes,
  ];
  return planCreate({ ref, held: facts.endpoint, content }, writes, context);
}

/** By a put, to another host too: that is a move. */
export function changeEndpoint(facts: EndpointFacts, command: ChangeEndpoint, context: Context): Decision<Endpoint> {
  const network = requireLive({ kind: "network", id: command.network }, facts.network);
  if ("refusals" in network) return network;
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const before = live.resource;
  const { put } = command;
  const ips = put && chooseIps(put.ips, before.ips, put.allocate, { network, free: facts.free });
  const wish = put && ips ? { put: { ...put, ips: ips.all } } : { patch: command.patch };
  const change = wanted(before, wish, { schema: Endpoint, fixed: ["network", "mac"], own: ["mobility", "next"] });
  if ("refusals" in change) return change;
  const moved = change.after.host !== before.host;
  if (moved && before.next) return refuse({ kind: "move-prepared", ref, host: before.next.host });
  const after = moved ? { ...change.after, mobility: before.mobility + 1 } : change.after;
  if (same(after, before)) return planNothing(before);
  const added = after.ips.filter((ip) => !before.ips.includes(ip));
  const removed = before.ips.filter((ip) => !after.ips.includes(ip));
  const places = placeWrites(facts, placesOf(before), after);
  // An address that the endpoint has already may be what a change of subnets under way is about to trip over.
  const addresses = newAddressRefusals(after.ips, network).filter(
    (refusal) => !("ip" in refusal) || added.includes(refusal.ip),
  );
  const refused = refuseAny([...places.refusals, ...(ips?.refusals ?? []), ...addresses]);
  if (refused) return refused;
  const writes: Write[] = [
    requireNetwork(network, added),
    ...added.map((ip) => claimAddress(command, ip, ips?.allocated.includes(ip) ?? false)),
    ...removed.map((ip) => releaseAddress(command, ip)),
    ...places.writes,
  ];
  return planChange({ ref, live, content: after, action: moved ? "move" : "change" }, writes, context);
}

export function deleteEndpoint(
  facts: Pick<EndpointFacts, "network" | "endpoint" | "ports">,
  command: Identity,
  context: Context,
): Decision<Endpoint> {
  const ref = endpointRef(command);
  const live = requireLive(ref, facts.endpoint);
  if ("refusals" in live) return live;
  const { mac, ips } = live.resource;
  const places = placeWrites({ ...facts, hosts: {}, withoutVrf: [] }, placesOf(live.resource), {
    ...live.resource,
    places: [],
  });
  const { network } = facts;
  const writes: Write[] = [
    { write: "release", guard: { kind: "mac", network: command.network, mac }, owner: command.id },
    ...ips.map((ip) => releaseAddress(command, ip)),
    ...places.writes,
    ...(network.state === "live"
      ? [{ write: "room", tenant: network.resource.tenant, mode: "shift", rooms: { endpoints: -1 } } as const]
      : []),
  ];
  return planDelete({ ref, live }, writes, context);
}

/** The next version of an endpoint at other places: what a move's steps have in common. */
export function replaceEndpoint(
  facts: Omit<EndpointFacts, "free">,
  subject: { live: Live<Endpoint>; content: Content<"endpoint">; action: ChangeAction },
  context: Context,
): Decision<Endpoint> {
  const { live, content, action } = subject;
  const places = placeWrites(facts, placesOf(live.resource), content);
  const refused = refuseAny(places.refusals);
  if (refused) return refused;
  return planChange({ ref: endpointRef(content), live, content, action }, places.writes, context);
}

export type Identity = { network: string; id: string };
/** A port with a name, which one network has at a time. */
export type Place = { host: string; port: string };
/** `port` undefined: the host finds the interface by the MAC. */
type Placement = { host: string; port: string | undefined };

export function endpointRef({ network, id }: Identity) {
  return { kind: "endpoint", network, id } as const;
}

/** Where an endpoint is, and where it is about to move. */
export function placesOf({ host, port, next }: Pick<Endpoint, "host" | "port" | "next">): Placement[] {
  return [{ host, port }, ...(next ? [{ host: next.host, port: next.port }] : [])];
}

/** Those of the places that have a name. */
export function namedPlaces(places: readonly Placement[]): Place[] {
  return places.flatMap(({ host, port }) => (port === undefined ? [] : [{ host, port }]));
}

type Placed = Identity & Pick<Endpoint, "host" | "port" | "next"> & { places?: Placement[] };

/** What taking up new places and leaving old ones writes, and what speaks against it. */
function placeWrites(
  facts: Omit<EndpointFacts, "free" | "endpoint">,
  before: readonly Placement[],
  after: Placed,
): { writes: Write[]; refusals: Refusal[] } {
  const now = after.places ?? placesOf(after);
  const isIn = (places: readonly Placement[], place: Placement) =>
    places.some(({ host, port }) => host === place.host && port === place.port);
  const taken = now.filter((place) => !isIn(before, place));
  const left = before.filter((place) => !isIn(now, place));
  const [hostsBefore, hostsNow] = [hostsOf(before), hostsOf(now)];
  const newHosts = hostsNow.filter((host) => !hostsBefore.includes(host));
  const router = facts.network.state === "live" ? facts.network.resource.router : undefined;
  const refusals = newHosts.flatMap((host): Refusal[] => {
    const held = facts.hosts[host] ?? { state: "absent" };
    const missing = parentRefusal("host", { kind: "host", id: host }, held);
    if (missing) return [missing];
    if (router === undefined || !facts.withoutVrf.includes(host)) return [];
    return [{ kind: "no-vrf", field: "host", router, hosts: [host] }];
  });
  const writes: Write[] = [
    ...newHosts.map((host): Write => ({ write: "require", ref: { kind: "host", id: host } })),
    ...newHosts.map((host): Write => ({ write: "link", index: hostIndex(after, host) })),
    ...hostsBefore
      .filter((host) => !hostsNow.includes(host))
      .map((host): Write => ({ write: "unlink", index: hostIndex(after, host) })),
  ];
  for (const { host, port } of namedPlaces(taken)) {
    writes.push({ write: "take-port", host, port, network: after.network, endpoints: 1 });
  }
  for (const { host, port } of namedPlaces(left)) {
    const expected = facts.ports[portName({ host, port })];
    if (expected?.network === after.network) writes.push({ write: "leave-port", host, port, expected });
  }
  return { writes, refusals };
}

function hostsOf(places: readonly Placement[]): string[] {
  return [...new Set(places.map(({ host }) => host))];
}

const FAMILIES = ["ipv4", "ipv6"] as const;

/** The addresses given, and of each family that one was asked of and none given, the one it has or a free one. */
function chooseIps(
  given: readonly IpAddress[],
  held: readonly IpAddress[],
  allocate: Allocate | undefined,
  { network, free }: { network: Live<Network>; free: FreeAddresses },
): { all: IpAddress[]; allocated: IpAddress[]; refusals: Refusal[] } {
  const all = [...given];
  const allocated: IpAddress[] = [];
  const refusals: Refusal[] = [];
  for (const family of FAMILIES) {
    const wish = allocate?.[family];
    const field = `allocate.${family}`;
    if (wish === undefined) continue;
    if (wish !== true && !network.resource.subnets.includes(wish)) {
      refusals.push({ kind: "not-whole", field, reason: "must be true or a subnet of the network" });
      continue;
    }
    if (wish !== true && isIpv4Text(wish) !== (family === "ipv4")) {
      refusals.push({ kind: "not-whole", field, reason: `must be an ${family === "ipv4" ? "IPv4" : "IPv6"} subnet` });
      continue;
    }
    if (given.some((ip) => isIpv4(ip) === (family === "ipv4"))) continue;
    const kept = held.filter((ip) => isIpv4(ip) === (family === "ipv4"));
    const fresh = free[family];
    all.push(...kept);
    if (kept.length > 0) continue;
    if (fresh === undefined) {
      refusals.push({ kind: "subnets-exhausted", field });
      continue;
    }
    all.push(fresh);
    allocated.push(fresh);
  }
  return { all, allocated, refusals };
}

function isIpv4Text(prefix: string): boolean {
  return !prefix.includes(":");
}

function claimAddress({ network, id }: Identity, ip: IpAddress, allocated: boolean): Write {
  return { write: "claim", guard: { kind: "ip", network, ip }, owner: id, ...(allocated ? { allocated } : {}) };
}

function releaseAddress({ network, id }: Identity, ip: IpAddress): Write {
  return { write: "release", guard: { kind: "ip", network, ip }, owner: id };
}

function hostIndex({ network, id }: Identity, host: string) {
  return { kind: "host-endpoint", host, network, endpoint: id } as const;
}

/** Inside the subnets as they are, and as they would be after a change that is under way. */
function newAddressRefusals(ips: readonly IpAddress[], network: Live<Network>) {
  const now = addressRefusals(ips, network.resource.subnets);
  return now.length > 0 || !network.narrowing ? now : addressRefusals(ips, network.narrowing);
}

/**
 * The same tenant's, since its id may have been given to another's network in between. The subnets must still be as they were
 * read only if addresses were found to fit them.
 */
function requireNetwork(network: Live<Network>, ips: readonly IpAddress[]): Write {
  const { id, tenant, subnets } = network.resource;
  const ref = { kind: "network", id } as const;
  if (ips.length === 0) return { write: "require", ref, tenant };
  const { narrowing } = network;
  return { write: "require", ref, tenant, subnets: { subnets, ...(narrowing ? { narrowing } : {}) } };
}
