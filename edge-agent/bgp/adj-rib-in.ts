// The Adj-RIB-In of one peer (RFC 4271 3.2): what it announced and policy let in. Survives the session as stale routes
// (in the manner of RFC 4724 4.2), until they are announced again, or swept. Knows no time. Each act adds what it changed
// to a list that the caller brings, so that many UPDATEs make one batch.

import { isDeepStrictEqual } from "node:util";
import { HeldRoute, HeldRouteChange, type RouteSource } from "./held-route.ts";
import { type ImportPolicy, type Rejection, rejection } from "./import-policy.ts";
import type { EvpnRoute, PathInformation, ReceivedRoute, RouteChange } from "./route.ts";
import { RouteTable, sameContent } from "./route-table.ts";

/** Some generations of a table: from one on, and below another. */
export type Generations = { readonly from?: number; readonly below?: number };

export class AdjRibIn {
  readonly #source: RouteSource;
  readonly #routes = new RouteTable<HeldRoute>();
  #staleCount = 0;
  readonly #rejected = new Map<Rejection, number>();
  /** The last two paths that were compared; neighbouring routes ask for the same two again. */
  #compared: { readonly a: PathInformation; readonly b: PathInformation; readonly same: boolean } | undefined;

  constructor(source: RouteSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#routes.size;
  }

  get staleCount(): number {
    return this.#staleCount;
  }

  /** Routes that policy kept out since the start, by reason. */
  get rejected(): ReadonlyMap<Rejection, number> {
    return this.#rejected;
  }

  routes(): IterableIterator<ReceivedRoute> {
    return this.#routes.values();
  }

  /** Withdrawals first: an UPDATE that withdraws and announces a route announces it (RFC 4271 4.3). */
  apply(
    update: { readonly withdrawn: readonly EvpnRoute[]; readonly announced: readonly EvpnRoute[] },
    path: PathInformation | undefined,
    policy: ImportPolicy,
    changes: RouteChange[],
  ): void {
    for (const nlri of update.withdrawn) this.#remove(nlri, changes);
    if (!path || update.announced.length === 0) return;
    const rejected = rejection(path, policy);
    if (rejected) this.#rejected.set(rejected, (this.#rejected.get(rejected) ?? 0) + update.announced.length);
    for (const nlri of update.announced) {
      // A route that policy refuses still replaces what was there before (RFC 4271 3.1).
      if (rejected) this.#remove(nlri, changes);
      else this.#put(nlri, path, changes);
    }
  }

  /** Counts how often everything became stale; a route that is not is of the present one. */
  get generation(): number {
    return this.#source.generation;
  }

  /** The session is gone: everything stays, as stale. */
  markStale(): void {
    this.#source.generation++;
    this.#staleCount = this.#routes.size;
  }

  /** Removes what was not announced again, of generations `from` to `below`; default all. */
  sweepStale(changes: RouteChange[], { from = 0, below = this.generation }: Generations = {}): void {
    if (this.#staleCount === 0) return;
    const now = this.generation;
    const stale = ({ generation: of }: HeldRoute) => of !== now && of >= from && of < below;
    this.#removeWhere(stale, changes);
  }

  /** Attaches LLGR_STALE to what is stale, and removes what must not be kept so long (RFC 9494 4.2). */
  beginLongLived(changes: RouteChange[]): void {
    this.#removeWhere((held) => held.stale && (held.path.noLlgr ?? false), changes);
    const marked = new Map<PathInformation, PathInformation>();
    for (const held of this.#routes.values()) {
      if (!held.stale || held.path.llgrStale) continue;
      const path = marked.get(held.path) ?? { ...held.path, llgrStale: true };
      marked.set(held.path, path);
      const next = new HeldRoute(this.#source, held.nlri, path, held.generation);
      this.#routes.set(held.nlri, next);
      changes.push(new HeldRouteChange(held, next));
    }
  }

  /** Removes what a changed policy no longer lets in. */
  refilter(policy: ImportPolicy, changes: RouteChange[]): void {
    this.#removeWhere(({ path }) => rejection(path, policy) !== undefined, changes);
  }

  clear(changes: RouteChange[]): void {
    for (const held of this.#routes.values()) changes.push(new HeldRouteChange(held, undefined));
    this.#routes.clear();
    this.#staleCount = 0;
  }

  #removeWhere(condition: (held: HeldRoute) => boolean, changes: RouteChange[]): void {
    for (const { nlri } of [...this.#routes.values()].filter(condition)) this.#remove(nlri, changes);
  }

  #put(nlri: EvpnRoute, path: PathInformation, changes: RouteChange[]): void {
    const held = this.#routes.get(nlri);
    if (held && held.generation !== this.generation) this.#staleCount--;
    if (held && sameContent(held.nlri, nlri) && this.#samePath(held.path, path)) {
      held.generation = this.generation;
      return;
    }
    const next = new HeldRoute(this.#source, nlri, path, this.generation);
    this.#routes.set(nlri, next);
    changes.push(new HeldRouteChange(held, next));
  }

  #remove(nlri: EvpnRoute, changes: RouteChange[]): void {
    const held = this.#routes.get(nlri);
    if (!held) return;
    this.#routes.delete(nlri);
    if (held.generation !== this.generation) this.#staleCount--;
    changes.push(new HeldRouteChange(held, undefined));
  }

  #samePath(a: PathInformation, b: PathInformation): boolean {
    if (this.#compared?.a !== a || this.#compared.b !== b) this.#compared = { a, b, same: isDeepStrictEqual(a, b) };
    return this.#compared.same;
  }
}
