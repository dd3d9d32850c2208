// Networks: a tenant's L2 segments. A VNI belongs to one network or router; subnets do not overlap, neither here nor
// among the networks of one router, and keep their endpoints. A gateway's address is claimed as an endpoint's would be.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import { Network, type Tenant } from "../../shared/model/resource.ts";
import { type ChangeNetwork, type CreateNetwork, same, wanted } from "./command.ts";
import {
  type Children,
  parentRefusal,
  planChange,
  planCreate,
  planDeleteOfParent,
  planNothing,
  requireLive,
} from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import type { Held, ResourceRef } from "./resource.ts";
import { attachRefusals, bookWrite, detachRefusals, type Routing, withNetwork } from "./router-book.ts";
import { addressRefusal, gatewayRefusals, subnetRefusals, subnetsOnlyWiden } from "./subnet.ts";
import { chooseVni, type PoolOffer } from "./vni-pool.ts";
import { type Context, type Decision, GATEWAY_OWNER, type Refused, refuse, refuseAny, type Write } from "./write.ts";

/** How many stranded endpoints a refusal names. */
const STRANDED_NAMED = 20;

/** The routers that a command is about, by id; and the network's hosts that reported that they know no VRFs. */
export type RoutingFacts = { routers: Readonly<Record<string, Routing>>; withoutVrf: readonly string[] };

export const NO_ROUTING: RoutingFacts = { routers: {}, withoutVrf: [] };

export function createNetwork(
  facts: { network: Held<Network>; tenant: Held<Tenant>; pool?: PoolOffer | undefined } & RoutingFacts,
  command: CreateNetwork,
  context: Context,
): Decision<Network> {
  const ref = { kind: "network", id: command.id } as const;
  if (facts.network.state === "live") return refuse({ kind: "id-taken", ref });
  const { vniPool: _, ...content } = command;
  const chosen = chooseVni(command, facts.pool);
  const tenant = { kind: "tenant", id: command.tenant } as const;
  const refused = refuseAny([
    parentRefusal("tenant", tenant, facts.tenant),
    "kind" in chosen ? chosen : undefined,
    ...subnetRefusals(command.subnets),
    ...gatewayRefusals(command),
    ...routerRefusals(command, facts),
  ]);
  if (refused) return refused;
  if ("kind" in chosen) throw new Error("a network without a VNI");
  const { vni, allocated } = chosen;
  const writes: Write[] = [
    { write: "require", ref: tenant },
    { write: "room", tenant: command.tenant, mode: "take", rooms: { networks: 1 } },
    { write: "claim", guard: { kind: "vni", vni }, owner: command.id, ...(allocated ? { allocated } : {}) },
    { write: "link", index: { kind: "tenant-network", tenant: command.tenant, network: command.id } },
    ...(command.gateways ?? []).map((ip) => gatewayWrite("claim", command.id, ip)),
    ...bookWrites(command.id, { after: command }, facts),
  ];
  return planCreate({ ref, held: facts.network, content: { ...content, vni } }, writes, context);
}

/** Facts: the addresses in use, needed only if `narrowsSubnets`; the routers before and after. */
export function changeNetwork(
  facts: { network: Held<Network>; addresses: readonly AddressInUse[] } & RoutingFacts,
  command: ChangeNetwork,
  context: Context,
): Decision<Network> {
  const ref = { kind: "network", id: command.id } as const;
  const live = requireLive(ref, facts.network);
  if ("refusals" in live) return live;
  const before = live.resource;
  const change = networkAfter(before, command);
  if ("refusals" in change) return change;
  const { after } = change;
  const refused = refuseAny([
    ...subnetRefusals(after.subnets),
    ...gatewayRefusals(after),
    ...detachedRefusals(before, after, facts),
    ...(routingChanges(before, after) ? routerRefusals(after, facts) : []),
  ]);
  if (refused) return refused;
  if (same(after, before)) return planNothing(before);
  const [old, now] = [before.gateways ?? [], after.gateways ?? []];
  const writes: Write[] = [
    ...now.filter((ip) => !old.includes(ip)).map((ip) => gatewayWrite("claim", before.id, ip)),
    ...old.filter((ip) => !now.includes(ip)).map((ip) => gatewayWrite("release", before.id, ip)),
    ...(routingChanges(before, after) ? bookWrites(before.id, { before, after }, facts) : []),
  ];
  const plan = planChange({ ref, live, content: after }, writes, context);
  if (subnetsOnlyWiden(before.subnets, after.subnets)) return plan;
  const fence = { ref, version: before.version, why: { kind: "narrowing", subnets: after.subnets } } as const;
  return refuseStranded(facts.addresses, after.subnets) ?? { ...plan, fence };
}

/** What the command makes of the network. */
export function networkAfter(before: Network, command: ChangeNetwork): { after: Network } | Refused {
  // A pool has given its VNI once and for all.
  const put = command.put && { ...command.put, vniPool: undefined };
  return wanted(before, { patch: command.patch, put }, { schema: Network, fixed: ["tenant", "vni"] });
}

/** True if addresses that are allowed now might not be after the command: the addresses in use must be read then. */
export function narrowsSubnets(network: Held<Network>, command: ChangeNetwork): boolean {
  if (network.state !== "live") return false;
  const subnets = command.put ? command.put.subnets : command.patch.subnets;
  return subnets !== undefined && !subnetsOnlyWiden(network.resource.subnets, subnets);
}

/** Refused while it has endpoints. A router's network leaves its router. */
export function deleteNetwork(
  facts: { network: Held<Network>; children: Children } & RoutingFacts,
  command: { id: string },
  context: Context,
): Decision<Network> {
  const ref = { kind: "network", id: command.id } as const;
  if (facts.network.state === "live") {
    const { resource } = facts.network;
    const { router: _, ...unrouted } = resource;
    const refused = refuseAny(detachedRefusals(resource, unrouted, facts));
    if (refused) return refused;
  }
  const writes = (network: Network): Write[] => [
    { write: "release", guard: { kind: "vni", vni: network.vni }, owner: network.id },
    { write: "room", tenant: network.tenant, mode: "shift", rooms: { networks: -1 } },
    { write: "unlink", index: { kind: "tenant-network", tenant: network.tenant, network: network.id } },
    ...(network.gateways ?? []).map((ip) => gatewayWrite("release", network.id, ip)),
    ...bookWrites(network.id, { before: network }, facts),
  ];
  return planDeleteOfParent({ ref, held: facts.network, children: facts.children }, writes, context);
}

/** An address and the endpoint that has it. */
export type AddressInUse = { ref: ResourceRef; ip: IpAddress };

function refuseStranded(addresses: readonly AddressInUse[], subnets: readonly Prefix[]): Refused | undefined {
  const stranded = addresses.filter(({ ip }) => addressRefusal("", ip, subnets));
  if (stranded.length === 0) return undefined;
  const more = stranded.length > STRANDED_NAMED;
  return refuse({ kind: "subnet-change-strands-endpoints", stranded: stranded.slice(0, STRANDED_NAMED), more });
}

type Routed = Pick<Network, "id" | "tenant" | "subnets" | "gateways" | "router">;

function routingChanges(before: Routed, after: Routed): boolean {
  return before.router !== after.router || (after.router !== undefined && !same(before.subnets, after.subnets));
}

function routerRefusals({ id, tenant, subnets, gateways, router }: Routed, facts: RoutingFacts): Refusal[] {
  if (router === undefined) return [];
  const ref = { kind: "router", id: router } as const;
  const routing = facts.routers[router];
  const missing = parentRefusal("router", ref, routing?.router ?? { state: "absent" });
  if (missing) return [missing];
  if (routing?.router.state !== "live" || !routing.book) return [{ kind: "no-such", field: "router", ref }];
  if (routing.router.resource.tenant !== tenant) return [{ kind: "other-tenant", field: "router", ref }];
  return [
    ...((gateways ?? []).length === 0 ? [{ kind: "gateways-needed" } as const] : []),
    ...attachRefusals(routing.book, id, subnets),
    ...(facts.withoutVrf.length > 0
      ? [{ kind: "no-vrf", field: "router", router, hosts: [...facts.withoutVrf] } as const]
      : []),
  ];
}

function detachedRefusals(before: Routed, after: Routed, { routers }: RoutingFacts): Refusal[] {
  if (before.router === undefined || before.router === after.router) return [];
  const book = routers[before.router]?.book;
  return book ? detachRefusals(book, before.id) : [];
}

/** The entries in the books of the routers before and after. */
function bookWrites(network: string, { before, after }: { before?: Routed; after?: Routed }, facts: RoutingFacts) {
  const writes: Write[] = [];
  if (before?.router !== undefined && before.router !== after?.router) {
    const book = facts.routers[before.router]?.book;
    if (book) writes.push(bookWrite(before.router, book, withNetwork(book, network, undefined)));
  }
  if (after?.router !== undefined) {
    const book = facts.routers[after.router]?.book;
    if (book) {
      writes.push({ write: "require", ref: { kind: "router", id: after.router }, tenant: after.tenant });
      writes.push(bookWrite(after.router, book, withNetwork(book, network, after.subnets)));
    }
  }
  return writes;
}

function gatewayWrite(write: "claim" | "release", network: string, ip: IpAddress): Write {
  return { write, guard: { kind: "ip", network, ip }, owner: GATEWAY_OWNER };
}
