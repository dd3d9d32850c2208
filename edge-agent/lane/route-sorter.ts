// Which network a route of the fabric belongs to: those that import one of its route targets. Takes changes one by one, and
// sorts everything anew when import targets have changed. No clock, no I/O.

import { anyAsOf, type ImportTarget, type RouteTarget } from "../../shared/address/rt.ts";
import type { ReceivedRoute, RouteChange } from "../bgp/route.ts";
import { leadsWhereAllowed, type NextHopList } from "../evpn/policy.ts";
import type { Network } from "./network.ts";

const NONE: readonly Network[] = [];

export class RouteSorter {
  readonly #mayUse: NextHopList | undefined;
  readonly #importers = new Map<ImportTarget, Network[]>();
  /** The last answer: the routes of one UPDATE share their targets. */
  #last: { readonly targets: readonly RouteTarget[]; readonly networks: readonly Network[] } | undefined;

  /** `mayUse`: the VTEPs that routes may lead to; absent: any. */
  constructor(mayUse: NextHopList | undefined) {
    this.#mayUse = mayUse;
  }

  /** All targets that are imported. */
  get targets(): Iterable<ImportTarget> {
    return this.#importers.keys();
  }

  /** Import targets have changed, or networks came or went. */
  setNetworks(networks: Iterable<Network>): void {
    this.#importers.clear();
    this.#last = undefined;
    for (const network of networks) {
      for (const target of network.imports) {
        const known = this.#importers.get(target);
        if (known) known.push(network);
        else this.#importers.set(target, [network]);
      }
    }
  }

  /** Gives a changed route to its networks, and says which those are. */
  apply({ before, after }: RouteChange, touched: Set<Network>): void {
    const now = after ? this.#networksOf(after) : NONE;
    for (const network of now) {
      network.table.put(after as ReceivedRoute, before);
      touched.add(network);
    }
    if (!before) return;
    for (const network of this.#networksOf(before)) {
      if (now.includes(network)) continue;
      network.table.delete(before);
      touched.add(network);
    }
  }

  /**
   * Sorts all routes anew for some networks, a part between each two yields. Changes that come meanwhile are to be applied
   * after it.
   */
  *sort(networks: ReadonlySet<Network>, all: Iterable<ReceivedRoute>, touched: Set<Network>): IterableIterator<void> {
    for (const network of networks) {
      for (const route of network.table.routes()) {
        if (this.#networksOf(route).includes(network)) continue;
        network.table.delete(route);
        touched.add(network);
        yield;
      }
    }
    for (const route of all) {
      for (const network of this.#networksOf(route)) {
        if (!networks.has(network)) continue;
        network.table.put(route);
        touched.add(network);
      }
      yield;
    }
  }

  #networksOf(route: ReceivedRoute): readonly Network[] {
    if (this.#mayUse && !leadsWhereAllowed(route, this.#mayUse)) return NONE;
    const { routeTargets } = route;
    if (this.#last?.targets === routeTargets) return this.#last.networks;
    const networks = new Set<Network>();
    for (const target of routeTargets) {
      const anyAs = anyAsOf(target);
      for (const each of this.#importers.get(target) ?? NONE) networks.add(each);
      for (const each of (anyAs && this.#importers.get(anyAs)) ?? NONE) networks.add(each);
    }
    this.#last = { targets: routeTargets, networks: [...networks] };
    return this.#last.networks;
  }
}
