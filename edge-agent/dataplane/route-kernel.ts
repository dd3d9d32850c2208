// The part of the port to the kernel that the underlay needs: routes of the main table that are ours, by protocol number and
// metric, and what next hops can be reached by. netlink/routes.ts implements it on rtnetlink, memory-routes.ts in memory;
// both pass test/contract/routes.ts. Links are named, never numbered.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";

/** RTPROT of our routes, shown as `proto 79`: unassigned in rtnetlink.h, the letter O. */
export const ROUTE_PROTOCOL = 79;

/**
 * The metric of our routes. Above those of the kernel's own (256 for IPv6) and of what an operator or DHCP set (1024 by
 * default for IPv6), so that a host's own routes to the same prefix win.
 */
export const ROUTE_METRIC = 1103;

/** One way: by a neighbour on a link, of either family for an IPv4 route (RFC 8950). */
export type RouteHop = { readonly device: string; readonly via: IpAddress };

/** A route to `prefix`; several hops share its traffic by flow. */
export type KernelRoute = {
  readonly prefix: Prefix;
  /** At least one, in any order. */
  readonly hops: readonly RouteHop[];
  /** The source address of what this host itself sends there; must be its own. */
  readonly source: IpAddress | undefined;
};

/** A link that could carry a next hop. */
export type RouteLink = {
  readonly name: string;
  /** Set up, and with a carrier. */
  readonly up: boolean;
  /** Prefixes that are on the link, by the kernel's routes without a gateway. */
  readonly connected: readonly Prefix[];
};

export type ActualRoutes = {
  /** Unicast routes with our protocol and metric. */
  readonly ours: readonly KernelRoute[];
  /** Prefixes with a route of somebody else at our metric: that is the one that the kernel would replace. */
  readonly taken: ReadonlySet<Prefix>;
  readonly links: readonly RouteLink[];
  /** This host's own addresses. */
  readonly addresses: ReadonlySet<IpAddress>;
};

/**
 * One idempotent write. `add-route` fails with EEXIST where somebody else's route is at our metric; `replace-route` changes one
 * of ours in a single step, without a moment in which there is none.
 */
export type RouteOp =
  | { readonly kind: "add-route" | "replace-route"; readonly route: KernelRoute }
  | { readonly kind: "delete-route"; readonly prefix: Prefix };

/** An op that the kernel refused. `code` is the errno's name; `message` has the kernel's own words if any. */
export type RouteOpFailure = { readonly op: RouteOp; readonly code: string; readonly message: string };

export type RouteKernel = {
  /** Reads the main table's routes of ours, links and addresses; rejects when the kernel cannot be read. */
  read(): Promise<ActualRoutes>;
  /** Applies in order and goes on after a refusal; rejects only when the kernel does not answer at all. */
  apply(ops: readonly RouteOp[]): Promise<readonly RouteOpFailure[]>;
  /** Tells that a link, an address or a route of the main table was changed by anybody but `apply`, or that events were lost. */
  watch(listener: () => void): { close(): void };
};
