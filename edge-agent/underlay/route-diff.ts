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

export function diffRoutes(
  desired: readonly KernelRoute[],
  actual: ActualRoutes,
  { mayDelete }: { readonly mayDelete: boolean },
): RouteDiff {
  const ours = new Map(actual.ours.map((route) => [route.prefix, route]));
  const wanted = new Set(desired.map(({ prefix }) => prefix));
  const alive = new Set(actual.links.flatMap(({ name, up }) => (up ? [name] : [])));
  const ops: RouteOp[] = [];
  const taken: Prefix[] = [];
  for (const route of desired) {
    const have = ours.get(route.prefix);
    if (!have) {
      if (actual.taken.has(route.prefix)) taken.push(route.prefix);
      else ops.push({ kind: "add-route", route });
      continue;
    }
    const next = mayDelete
      ? route
      : {
          ...route,
          hops: union(
            route.hops,
            have.hops.filter((hop) => alive.has(hop.device)),
          ),
        };
    if (!sameRoute(next, have)) ops.push({ kind: "replace-route", route: next });
  }
  const unwanted = [...ours.keys()].filter((prefix) => !wanted.has(prefix));
  if (mayDelete) ops.push(...unwanted.map((prefix): RouteOp => ({ kind: "delete-route", prefix })));
  return { ops, taken, withheld: mayDelete ? [] : unwanted };
}

/** True if the kernel would forward the same by both. */
export function sameRoute(a: KernelRoute, b: KernelRoute): boolean {
  return (
    a.source === b.source &&
    a.hops.length === b.hops.length &&
    keysOf(a.hops).every((key) => keysOf(b.hops).includes(key))
  );
}

/** What an earlier process wrote stays beside what is known by now: the other ToR's session may just be later. */
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
