// Facts that several commands need: parents and children of resources, free numbers, routers with their books.

import type { IpAddress } from "../../shared/address/ip.ts";
import { ipFromOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import { parseVni, type Vni } from "../../shared/address/vni.ts";
import type { Allocate, FabricPeer, Network } from "../../shared/model/resource.ts";
import type { Random } from "../domain/ids.ts";
import type { AddressInUse } from "../domain/network.ts";
import type { FreeAddresses } from "../domain/endpoint.ts";
import type { Children } from "../domain/plan.ts";
import type { ResourceKind, ResourceOf, ResourceRef } from "../domain/resource.ts";
import type { Routing } from "../domain/router-book.ts";
import { usableRange } from "../domain/subnet.ts";
import type { PoolOffer } from "../domain/vni-pool.ts";
import type { ListOf, Page, Store } from "../store/store.ts";
import type { Runtime } from "./execute.ts";

/** How many children a refusal to delete names. */
const BLOCKING_NAMED = 20;
const READ_AT_ONCE = 200;
/** Among how many free ones those choose who ran into others over the first. */
const CHOICE = 128;

/** Facts that do not depend on each other's moment: the conditions of the commit hold them together. */
export async function together<T extends Record<string, Promise<unknown>>>(
  reads: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const entries = Object.entries(reads).map(async ([name, read]) => [name, await read] as const);
  return Object.fromEntries(await Promise.all(entries)) as { [K in keyof T]: Awaited<T[K]> };
}

type ParentRef = ResourceRef & { kind: "tenant" | "site" | "host" | "network" };

/** The resources that keep a parent from being deleted: the first `limit` of each kind. */
export async function childrenOf(store: Store, ref: ParentRef, limit = BLOCKING_NAMED): Promise<Children> {
  const { kind, id } = ref;
  const page = { limit };
  switch (kind) {
    case "tenant": {
      const networks = named("network", await store.list<"network">({ kind: "network", tenant: id }, page));
      if (networks.refs.length > 0) return networks;
      return named("router", await store.list<"router">({ kind: "router", tenant: id }, page));
    }
    case "site": {
      const hosts = named("host", await store.list<"host">({ kind: "host", site: id }, page));
      if (hosts.refs.length > 0) return hosts;
      return named("fabric-peer", await store.list<"fabric-peer">({ kind: "fabric-peer", site: id }, page));
    }
    case "host":
    case "network": {
      const list: ListOf<"endpoint"> =
        kind === "host" ? { kind: "endpoint", host: id } : { kind: "endpoint", network: id };
      const { items, next } = await store.list<"endpoint">(list, page);
      const refs = items.map((item): ResourceRef => ({ kind: "endpoint", network: item.network, id: item.id }));
      return { refs, more: next !== undefined };
    }
  }
}

function named(kind: "network" | "router" | "host" | "fabric-peer", { items, next }: Page<{ id: string }>): Children {
  return { refs: items.map(({ id }) => ({ kind, id })), more: next !== undefined };
}

/** Every resource of a list. */
export async function all<K extends ResourceKind>(store: Store, list: ListOf<K>): Promise<ResourceOf[K][]> {
  const found: ResourceOf[K][] = [];
  let position: string | undefined;
  do {
    const page = await store.list<K>(list, { limit: READ_AT_ONCE, ...(position === undefined ? {} : { position }) });
    found.push(...page.items);
    position = page.next;
  } while (position !== undefined);
  return found;
}

/** Every address in use in a network, with its endpoint. */
export async function addressesOf(store: Store, network: string): Promise<AddressInUse[]> {
  const endpoints = await all<"endpoint">(store, { kind: "endpoint", network });
  return endpoints.flatMap(({ id, ips }) => ips.map((ip) => ({ ref: { kind: "endpoint", network, id } as const, ip })));
}

export function fabricOf(store: Store, site: string): Promise<FabricPeer[]> {
  return all<"fabric-peer">(store, { kind: "fabric-peer", site });
}

/** The book is read before its router: a router that is gone by then has no book that counts. */
export async function routingOf(store: Store, router: string): Promise<Routing> {
  const book = await store.book(router);
  return { book, router: await store.get({ kind: "router", id: router }) };
}

/** A free VNI of the pool that a creation names, if it names one and no VNI. */
export async function offerOf(
  { store, random }: Runtime,
  { vniPool, vni }: { vniPool?: string | undefined; vni?: Vni | undefined },
  tried: number,
): Promise<PoolOffer | undefined> {
  if (vniPool === undefined) return undefined;
  const pool = await store.get({ kind: "vni-pool", id: vniPool });
  if (pool.state !== "live" || vni !== undefined) return { pool, free: undefined };
  const free: bigint[] = [];
  const want = tried === 1 ? 1 : CHOICE;
  for (const { from, to } of pool.resource.ranges) {
    if (free.length < want) free.push(...(await store.free({ guard: "vni", from, to }, want - free.length)));
  }
  const chosen = choose(free, random);
  return { pool, free: chosen === undefined ? undefined : parseVni(Number(chosen)) };
}

/** `count` free addresses of each family that is asked for and not given; the first ones, or any after a conflict. */
export async function freeAddresses(
  { store, random }: Runtime,
  network: Network,
  wish: { allocate?: Allocate | undefined; ips: readonly IpAddress[]; tried: number },
): Promise<FreeAddresses> {
  const free: FreeAddresses = {};
  for (const family of ["ipv4", "ipv6"] as const) {
    const subnets = wantedSubnets(network, wish, family);
    const want = wish.tried === 1 ? 1 : CHOICE;
    const found: IpAddress[] = [];
    for (const subnet of subnets) {
      if (found.length < want)
        found.push(...(await freeIn(store, { network: network.id, subnet }, want - found.length)));
    }
    const chosen = choose(found, random);
    if (chosen !== undefined) free[family] = chosen;
  }
  return free;
}

/** The subnets from which an address of the family is to be given; none if none is to be. */
export function wantedSubnets(
  network: Network,
  { allocate, ips }: { allocate?: Allocate | undefined; ips: readonly IpAddress[] },
  family: "ipv4" | "ipv6",
): Prefix[] {
  const wish = allocate?.[family];
  if (wish === undefined || ips.some((ip) => isIpv4(ip) === (family === "ipv4"))) return [];
  const ofFamily = network.subnets.filter((subnet) => isIpv4(prefixAddress(subnet)) === (family === "ipv4"));
  return wish === true ? ofFamily : ofFamily.filter((subnet) => subnet === wish);
}

/** The least free addresses of a subnet. Gateways are claimed as endpoints' addresses are, so they are not among them. */
export async function freeIn(
  store: Store,
  { network, subnet }: { network: string; subnet: Prefix },
  want: number,
): Promise<IpAddress[]> {
  const { first, last } = usableRange(subnet);
  const numbers = await store.free({ guard: "ip", network, from: first, to: last }, want);
  return numbers.map((number) => ipFromNumber(number, isIpv4(first)));
}

function ipFromNumber(number: bigint, ipv4: boolean): IpAddress {
  const hex = number.toString(16).padStart(ipv4 ? 8 : 32, "0");
  return ipFromOctets(Uint8Array.from(Buffer.from(hex, "hex")));
}

/** The first if there is but one to choose from, else any. */
function choose<T>(among: readonly T[], random: Random): T | undefined {
  const [octet = 0] = random(1);
  return among[octet % Math.max(1, among.length)];
}
