// A router's book: the subnets of the networks it routes and the next hops of its static routes, in one item with a
// revision. Every attachment, detachment and static route writes it on the revision it was read at, so that what must
// hold among them (no overlap, a next hop that can be reached, an empty router before its deletion) is exact. Pure.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Prefix, prefixContains, prefixesOverlap } from "../../shared/address/prefix.ts";
import type { Router } from "../../shared/model/resource.ts";
import type { Refusal } from "./refusal.ts";
import type { Held, ResourceRef } from "./resource.ts";
import type { Write } from "./write.ts";

export type RouterBook = {
  readonly revision: number;
  readonly networks: Readonly<Record<string, readonly Prefix[]>>;
  readonly prefixes: Readonly<Record<string, { readonly prefix: Prefix; readonly nextHop: IpAddress }>>;
};

/** A router and its book, read together. */
export type Routing = { readonly router: Held<Router>; readonly book: RouterBook | undefined };

/** The book is one item of the table, of at most 400 KB. */
export const MAX_ROUTED_NETWORKS = 500;
export const MAX_ROUTER_PREFIXES = 1000;

export const EMPTY_BOOK: RouterBook = { revision: 1, networks: {}, prefixes: {} };

/** What is wrong with routing a network of these subnets, besides its own. */
export function attachRefusals(book: RouterBook, network: string, subnets: readonly Prefix[]): Refusal[] {
  const others = Object.entries(book.networks).filter(([id]) => id !== network);
  if (others.length >= MAX_ROUTED_NETWORKS) {
    return [{ kind: "too-many", field: "router", what: "networks of one router", most: MAX_ROUTED_NETWORKS }];
  }
  const overlaps = subnets.flatMap((subnet, index): Refusal[] => {
    for (const [id, theirs] of others) {
      const other = theirs.find((each) => prefixesOverlap(each, subnet));
      if (other) return [{ kind: "subnets-overlap", field: `subnets.${index}`, subnet, other, network: id }];
    }
    return [];
  });
  return [...overlaps, ...strandedHops(book, { ...Object.fromEntries(others), [network]: subnets })];
}

/** What is in the way of detaching a network. */
export function detachRefusals(book: RouterBook, network: string): Refusal[] {
  const { [network]: _, ...others } = book.networks;
  return strandedHops(book, others);
}

/** True if some network of the router has the address in one of its subnets. */
export function isReachable(networks: RouterBook["networks"], ip: IpAddress): boolean {
  return Object.values(networks).some((subnets) => subnets.some((subnet) => prefixContains(subnet, ip)));
}

/** What is in the way of deleting a router. */
export function bookedRefs(book: RouterBook, router: string): ResourceRef[] {
  return [
    ...Object.keys(book.networks).map((id) => ({ kind: "network", id }) as const),
    ...Object.keys(book.prefixes).map((id) => ({ kind: "prefix", router, id }) as const),
  ];
}

/** The book's next revision. */
export function bookWrite(router: string, before: RouterBook, after: Omit<RouterBook, "revision">): Write {
  return { write: "book", router, expected: before.revision, book: { ...after, revision: before.revision + 1 } };
}

/** The book with a network's subnets, or without it. */
export function withNetwork(book: RouterBook, network: string, subnets: readonly Prefix[] | undefined): RouterBook {
  const { [network]: _, ...others } = book.networks;
  return { ...book, networks: subnets ? { ...others, [network]: subnets } : others };
}

function strandedHops(book: RouterBook, networks: RouterBook["networks"]): Refusal[] {
  const lost = Object.entries(book.prefixes).filter(
    // One that was out of reach before is nobody's loss.
    ([, { nextHop }]) => isReachable(book.networks, nextHop) && !isReachable(networks, nextHop),
  );
  if (lost.length === 0) return [];
  return [{ kind: "next-hops-stranded", prefixes: lost.slice(0, 20).map(([id, { nextHop }]) => ({ id, nextHop })) }];
}
