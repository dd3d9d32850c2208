// diff(desired, actual) -> ops, for the routes of the underlay. Replaces what can be replaced; deletes only what is ours, and
// only once the desired routes are known to be whole. Pure.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import type { ActualRoutes, KernelRoute, RouteHop, RouteOp } from "../dataplane/route-kernel.ts";
import type { Decision } from "./best-path.ts";

export type RouteDiff = {
  readonly ops: readonly RouteOp[];
  /** What is left of an earlier process, or not wanted any more, and waits until the desired routes are whole. */
  readonly withheld: readonly Prefix[];
  /** Prefixes where somebody else's route stands at our metric: it stays, and ours is not written. */
  readonly taken: readonly Prefix[];
};

/** The routes that follow from decisions; `vtep` is the source of what this host sends, as soon as it has the address. */
export function desiredRoutes(
  decisions: readonly Decision[],
  vtep: IpAddress | undefined,
  actual: Pick<ActualRoutes, "addresses">,
): KernelRoute[] {
  const source = vtep !== undefined && actual.addresses.has(vtep) ? vtep : undefined;
  return decisions.flatMap(({ prefix, hops }) => {
    if (hops.length === 0) return [];
    const sameFamily = source !== undefined && isIpv4(source) === isIpv4(prefixAddress(prefix));
    return [{ prefix, hops, source: sameFamily ? source : undefined }];
  });
}

/**
 * `told` are the ways that this process was told of at some time: of those it knows when they end. What an earlier process
 * left beside them stays until `mayDelete`.
 */
export function diffRoutes(
  desired: readonly KernelRoute[],
  actual: ActualRoutes,
  { mayDelete, told }: { readonly mayDelete: boolean; readonly told: ReadonlySet<string> },
): RouteDiff {
  const ours = new Map(actual.ours.map((route) => [route.prefix, route]));
  const alive = new Set(actual.links.flatMap(({ name, up }) => (up ? [name] : [])));
  const ops: RouteOp[] = [];
  const taken: Prefix[] = [];
  const withheld: Prefix[] = [];
  const left = ({ prefix, hops }: KernelRoute) =>
    mayDelete ? [] : hops.filter((hop) => !told.has(wayKey(prefix, hop)));
  for (const route of desired) {
    const have = ours.get(route.prefix);
    ours.delete(route.prefix);
    if (!have) {
      if (actual.taken.has(route.prefix)) taken.push(route.prefix);
      else ops.push({ kind: "add-route", route });
      continue;
    }
    // The other ToR's session may just be later; but nothing is sent into a dead link for it.
    const next = {
      ...route,
      hops: union(
        route.hops,
        left(have).filter(({ device }) => alive.has(device)),
      ),
    };
    if (!sameRoute(next, have)) ops.push({ kind: "replace-route", route: next });
  }
  for (const have of ours.values()) {
    const hops = left(have);
    if (hops.length === 0) ops.push({ kind: "delete-route", prefix: have.prefix });
    else if (hops.length < have.hops.length) ops.push({ kind: "replace-route", route: { ...have, hops } });
    if (hops.length > 0) withheld.push(have.prefix);
  }
  return { ops, taken, withheld };
}

/** What tells ways apart, of all routes. */
export function wayKey(prefix: Prefix, hop: RouteHop): string {
  return `${prefix} ${keyOf(hop)}`;
}

/** True if the kernel would forward the same by both. */
export function sameRoute(a: KernelRoute, b: KernelRoute): boolean {
  return (
    a.source === b.source &&
    a.hops.length === b.hops.length &&
    keysOf(a.hops).every((key) => keysOf(b.hops).includes(key))
  );
}

function union(hops: readonly RouteHop[], more: readonly RouteHop[]): RouteHop[] {
  const known = new Set(keysOf(hops));
  return [...hops, ...more.filter((hop) => !known.has(keyOf(hop)))];
}

function keysOf(hops: readonly RouteHop[]): string[] {
  return hops.map(keyOf);
}

function keyOf({ device, via }: RouteHop): string {
  return `${device} ${via}`;
}
