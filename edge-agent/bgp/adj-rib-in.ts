// The Adj-RIB-In of one peer (RFC 4271 3.2): what it announced and policy let in. Survives the session as stale routes
// (in the manner of RFC 4724 4.2), until they are announced again, or swept. Knows no time. A route that is held costs
// its NLRI and a pointer to its UPDATE's path attributes; the flat form that consumers want is made when they ask.

import { isDeepStrictEqual } from "node:util";
import type { Asn } from "../../shared/address/vni.ts";
import { type ImportPolicy, type Rejection, rejection } from "./import-policy.ts";
import { receivedRoute } from "./path-information.ts";
import type { EvpnRoute, PathInformation, PeerKey, ReceivedRoute } from "./route.ts";
import { RouteTable, sameContent } from "./route-table.ts";

/** Routes that are new or changed, and routes that are gone as they were last held. */
export type RibChanges = { readonly announced: readonly ReceivedRoute[]; readonly withdrawn: readonly ReceivedRoute[] };

export const NO_CHANGES: RibChanges = { announced: [], withdrawn: [] };

/** A route that was last announced in an earlier `generation` than the table's is stale. */
type Held = { readonly nlri: EvpnRoute; readonly path: PathInformation; generation: number };

export class AdjRibIn {
  readonly #peer: PeerKey;
  readonly #peerAsn: Asn;
  readonly #routes = new RouteTable<Held>();
  #generation = 0;
  #staleCount = 0;
  readonly #rejected = new Map<Rejection, number>();
  /** The last two paths that were compared; neighbouring routes ask for the same two again. */
  #compared: { readonly a: PathInformation; readonly b: PathInformation; readonly same: boolean } | undefined;

  constructor(peer: PeerKey, peerAsn: Asn) {
    this.#peer = peer;
    this.#peerAsn = peerAsn;
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

  *routes(): IterableIterator<ReceivedRoute> {
    for (const held of this.#routes.values()) yield this.#flat(held);
  }

  /** Withdrawals first: an UPDATE that withdraws and announces a route announces it (RFC 4271 4.3). */
  apply(
    update: { readonly withdrawn: readonly EvpnRoute[]; readonly announced: readonly EvpnRoute[] },
    path: PathInformation | undefined,
    policy: ImportPolicy,
  ): RibChanges {
    const withdrawn: ReceivedRoute[] = [];
    const announced: ReceivedRoute[] = [];
    for (const nlri of update.withdrawn) this.#remove(nlri, withdrawn);
    if (path && update.announced.length > 0) {
      const rejected = rejection(path, policy);
      if (rejected) this.#rejected.set(rejected, (this.#rejected.get(rejected) ?? 0) + update.announced.length);
      for (const nlri of update.announced) {
        // A route that policy refuses still replaces what was there before (RFC 4271 3.1).
        if (rejected) this.#remove(nlri, withdrawn);
        else this.#put(nlri, path, announced);
      }
    }
    return { announced, withdrawn };
  }

  /** The session is gone: everything stays, as stale. */
  markStale(): void {
    this.#generation++;
    this.#staleCount = this.#routes.size;
  }

  /** Removes what was not announced again. */
  sweepStale(): RibChanges {
    return this.#removeWhere((held) => held.generation !== this.#generation, this.#staleCount);
  }

  /** Removes what a changed policy no longer lets in. */
  refilter(policy: ImportPolicy): RibChanges {
    return this.#removeWhere((held) => rejection(held.path, policy) !== undefined);
  }

  clear(): RibChanges {
    const withdrawn = [...this.routes()];
    this.#routes.clear();
    this.#staleCount = 0;
    return { announced: [], withdrawn };
  }

  #removeWhere(condition: (held: Held) => boolean, atMost = this.#routes.size): RibChanges {
    if (atMost === 0) return NO_CHANGES;
    const withdrawn: ReceivedRoute[] = [];
    for (const held of [...this.#routes.values()].filter(condition)) this.#remove(held.nlri, withdrawn);
    return { announced: [], withdrawn };
  }

  #put(nlri: EvpnRoute, path: PathInformation, announced: ReceivedRoute[]): void {
    const held = this.#routes.get(nlri);
    if (held && held.generation !== this.#generation) this.#staleCount--;
    if (held && sameContent(held.nlri, nlri) && this.#samePath(held.path, path)) {
      held.generation = this.#generation;
      return;
    }
    const next: Held = { nlri, path, generation: this.#generation };
    this.#routes.set(nlri, next);
    announced.push(this.#flat(next));
  }

  #remove(nlri: EvpnRoute, withdrawn: ReceivedRoute[]): void {
    const held = this.#routes.get(nlri);
    if (!held) return;
    this.#routes.delete(nlri);
    if (held.generation !== this.#generation) this.#staleCount--;
    withdrawn.push(this.#flat(held));
  }

  #flat({ nlri, path }: Held): ReceivedRoute {
    return receivedRoute(this.#peer, this.#peerAsn, nlri, path);
  }

  #samePath(a: PathInformation, b: PathInformation): boolean {
    if (this.#compared?.a !== a || this.#compared.b !== b) this.#compared = { a, b, same: isDeepStrictEqual(a, b) };
    return this.#compared.same;
  }
}
