// The fabric's routes on their way into the tables: each change goes to the networks that import it, in batches and in order, and
// after a network's import targets changed the whole RIB is gone through once for it.

import type { RouteChange } from "../bgp/route.ts";
import { advance } from "./record-intake.ts";
import type { Network } from "./network.ts";
import type { RouteSorter } from "./route-sorter.ts";

export type RouteIntake = {
  /** There are routes to sort. */
  readonly busy: boolean;
  /** What is imported is to be told before anything else is done with what came of it. */
  readonly importsStale: boolean;
  takeImports(): void;
  add(changes: readonly RouteChange[]): void;
  /** Which networks there are, or what they import, changed; `resort`: of this one. */
  importsChanged(resort?: Network): void;
  forget(network: Network): void;
  /** Does at most a batch of it. */
  work(): void;
};

export function createRouteIntake(options: {
  readonly batch: number;
  readonly sorter: RouteSorter;
  readonly ribIn: () => Parameters<RouteSorter["sort"]>[1];
  /** Those that hold a VNI. */
  readonly networks: () => Iterable<Network>;
  /** Where networks are put that got something to do. */
  readonly dirty: Set<Network>;
  readonly setImports: (targets: RouteSorter["targets"]) => void;
  /** How many changes wait. */
  readonly waiting: (count: number) => void;
}): RouteIntake {
  const { batch, sorter, dirty } = options;
  const routes: (readonly RouteChange[])[] = [];
  let at = 0;
  let left = 0;
  const resort = new Set<Network>();
  let stale = false;
  let sorting: Iterator<void> | undefined;

  function takeImports(): void {
    stale = false;
    sorter.setNetworks(options.networks());
    options.setImports(sorter.targets);
    // What an unfinished sort was for is in `resort` still.
    sorting = resort.size > 0 ? sorter.sort(resort, options.ribIn(), dirty) : undefined;
  }

  function sortOn(job: Iterator<void>): void {
    if (!advance(job, batch)) return;
    sorting = undefined;
    resort.clear();
  }

  function takeRoutes(): void {
    const [first = []] = routes;
    const some = first.slice(at, at + batch);
    for (const change of some) sorter.apply(change, dirty);
    at += some.length;
    left -= some.length;
    options.waiting(left);
    if (at < first.length) return;
    routes.shift();
    at = 0;
  }

  return {
    get busy() {
      return sorting !== undefined || routes.length > 0;
    },
    get importsStale() {
      return stale;
    },
    takeImports,
    add(changes) {
      routes.push(changes);
      left += changes.length;
      options.waiting(left);
    },
    importsChanged(network) {
      stale = true;
      if (network) resort.add(network);
    },
    forget: (network) => void resort.delete(network),
    work: () => (sorting ? sortOn(sorting) : takeRoutes()),
  };
}
