// The Adj-RIB-In of one peer (RFC 4271 3.2): what it announced and policy let in, keyed by route key. Survives the session
// as stale routes (in the manner of RFC 4724 4.2), until they are announced again, or swept. Knows no time.

import { isDeepStrictEqual } from "node:util";
import type { Asn } from "../../shared/address/vni.ts";
import { type ImportPolicy, type Rejection, rejection } from "./import-policy.ts";
import { receivedRoute } from "./path-information.ts";
import { type EvpnRoute, type PathInformation, type PeerKey, type ReceivedRoute, routeKey } from "./route.ts";

/** Routes that are new or changed, and routes that are gone as they were last held. */
export type RibChanges = { readonly announced: readonly ReceivedRoute[]; readonly withdrawn: readonly ReceivedRoute[] };

export const NO_CHANGES: RibChanges = { announced: [], withdrawn: [] };

export class AdjRibIn {
  readonly #peer: PeerKey;
  readonly #peerAsn: Asn;
  readonly #routes = new Map<string, ReceivedRoute>();
  readonly #stale = new Set<string>();
  readonly #rejected = new Map<Rejection, number>();

  constructor(peer: PeerKey, peerAsn: Asn) {
    this.#peer = peer;
    this.#peerAsn = peerAsn;
  }

  get size(): number {
    return this.#routes.size;
  }

  get staleCount(): number {
    return this.#stale.size;
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
  ): RibChanges {
    const withdrawn: ReceivedRoute[] = [];
    const announced: ReceivedRoute[] = [];
    for (const nlri of update.withdrawn) this.#remove(routeKey(nlri), withdrawn);
    if (path && update.announced.length > 0) {
      const rejected = rejection(path, policy);
      if (rejected) this.#rejected.set(rejected, (this.#rejected.get(rejected) ?? 0) + update.announced.length);
      for (const nlri of update.announced) {
        const key = routeKey(nlri);
        // A route that policy refuses still replaces what was there before (RFC 4271 3.1).
        if (rejected) this.#remove(key, withdrawn);
        else this.#put(key, receivedRoute(this.#peer, this.#peerAsn, nlri, path), announced);
      }
    }
    return { announced, withdrawn };
  }

  /** The session is gone: everything stays, as stale. */
  markStale(): void {
    for (const key of this.#routes.keys()) this.#stale.add(key);
  }

  /** Removes what was not announced again. */
  sweepStale(): RibChanges {
    const withdrawn: ReceivedRoute[] = [];
    for (const key of this.#stale) this.#remove(key, withdrawn);
    return { announced: [], withdrawn };
  }

  /** Removes what a changed policy no longer lets in. */
  refilter(policy: ImportPolicy): RibChanges {
    const withdrawn: ReceivedRoute[] = [];
    for (const [key, route] of this.#routes) if (rejection(route, policy)) this.#remove(key, withdrawn);
    return { announced: [], withdrawn };
  }

  clear(): RibChanges {
    const withdrawn = [...this.#routes.values()];
    this.#routes.clear();
    this.#stale.clear();
    return { announced: [], withdrawn };
  }

  #put(key: string, route: ReceivedRoute, announced: ReceivedRoute[]): void {
    const held = this.#routes.get(key);
    this.#stale.delete(key);
    if (held && isDeepStrictEqual(held, route)) return;
    this.#routes.set(key, route);
    announced.push(route);
  }

  #remove(key: string, withdrawn: ReceivedRoute[]): void {
    const held = this.#routes.get(key);
    if (!held) return;
    this.#routes.delete(key);
    this.#stale.delete(key);
    withdrawn.push(held);
  }
}
