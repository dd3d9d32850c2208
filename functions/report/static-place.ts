// Where a router's static routes are announced: on the host of the endpoint that has the next hop. Neither is in the router's
// log: the router's book knows which of its networks the address is on, and that network whose it is. What is stored is read,
// which a log may not have yet; tors.ts believes a host only if it took the next hop to be at the same place.

import type { IpAddress } from "../../shared/address/ip.ts";
import { prefixContains } from "../../shared/address/prefix.ts";
import type { PrefixRecord } from "../../shared/model/record.ts";
import type { RouterBook } from "../domain/router-book.ts";
import { batchGet, getItem, type Item, type Key, keyText, type Table } from "../publish/table.ts";
import { bookKey, guardKey, resourceKey } from "../store/key.ts";

/** The host of a static route that is there; undefined if its next hop is no endpoint's address. */
export async function hostOfStatic(
  table: Table,
  router: string,
  { nextHop }: PrefixRecord,
): Promise<string | undefined> {
  const book = await readBook(table, router);
  return book && (await hostsOf(table, book, [nextHop])).get(nextHop);
}

/**
 * The host that announced a static route that is deleted, by where the endpoint is now; undefined if there is none, or if the
 * host announces the same prefix for another static route still.
 */
export async function hostOfDeleted(
  table: Table,
  router: string,
  { prefix, nextHop }: PrefixRecord,
): Promise<string | undefined> {
  const book = await readBook(table, router);
  if (!book) return undefined;
  const twins = Object.values(book.prefixes).flatMap((each) => (each.prefix === prefix ? [each.nextHop] : []));
  const hosts = await hostsOf(table, book, [nextHop, ...twins]);
  const host = hosts.get(nextHop);
  return twins.some((twin) => hosts.get(twin) === host) ? undefined : host;
}

type Book = Pick<RouterBook, "networks" | "prefixes">;

async function readBook(table: Table, router: string): Promise<Book | undefined> {
  return (await getItem(table, bookKey(router))) as (Item & Book) | undefined;
}

/** The hosts of the endpoints that have the addresses, two reads whatever their number up to a hundred. */
async function hostsOf(
  table: Table,
  { networks }: Book,
  ips: readonly IpAddress[],
): Promise<ReadonlyMap<IpAddress, string>> {
  const guards = new Map<IpAddress, { readonly network: string; readonly key: Key }>();
  for (const ip of ips) {
    const found = Object.entries(networks).find(([, subnets]) => subnets.some((subnet) => prefixContains(subnet, ip)));
    if (found) guards.set(ip, { network: found[0], key: guardKey({ kind: "ip", network: found[0], ip }) });
  }
  const owners = await batchGet(
    table,
    Array.from(guards.values(), ({ key }) => key),
  );
  const endpoints = new Map<IpAddress, Key>();
  for (const [ip, { network, key }] of guards) {
    const id = owners.get(keyText(key))?.["owner"] as string | undefined;
    if (id !== undefined) endpoints.set(ip, resourceKey({ kind: "endpoint", network, id }));
  }
  const items = await batchGet(table, [...endpoints.values()]);
  return new Map(
    [...endpoints].flatMap(([ip, key]): [IpAddress, string][] => {
      const item = items.get(keyText(key));
      return item && item["deleted"] !== true ? [[ip, item["host"] as string]] : [];
    }),
  );
}
