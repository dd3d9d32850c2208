// The Adj-RIB-In of one peer for a unicast family (RFC 4271 3.2): what it announced and policy let in. Small, since policy
// is an explicit list; so who wants to know what changed reads it anew.

import { isDeepStrictEqual } from "node:util";
import { isLinkLocal, type Ipv4 } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { Generations } from "./adj-rib-in.ts";
import type { UnicastFamily } from "./family.ts";
import type { PeerKey } from "./route.ts";
import type { ReceivedUnicast, UnicastPath, UnicastPolicy, UnicastRefusal } from "./unicast-route.ts";
import type { BgpRole } from "./wire/capability.ts";

/** The peer that a table is of, and who we are to it. */
export type UnicastSource = {
  readonly peer: PeerKey;
  readonly peerAsn: Asn;
  readonly peerRouterId: Ipv4;
  readonly internal: boolean;
  readonly interface?: string | undefined;
  /** What we are to the peer (RFC 9234). */
  readonly role?: BgpRole | undefined;
  readonly asn: Asn;
  readonly routerId: Ipv4;
  /** A route with one of these as its next hop leads back here (RFC 4271 5.1.3). */
  readonly ownAddresses: ReadonlySet<string>;
};

export type UnicastRejection =
  | UnicastRefusal
  | "originated-here"
  | "as-loop"
  | "own-next-hop"
  | "route-leak"
  | "next-hop-off-link";

type Held = { readonly path: UnicastPath; generation: number };

export class UnicastRibIn {
  readonly family: UnicastFamily;
  readonly #routes = new Map<Prefix, Held>();
  readonly #rejected = new Map<UnicastRejection, number>();
  #generation = 0;
  #changed = false;

  constructor(family: UnicastFamily) {
    this.family = family;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** Counts how often everything became stale. */
  get generation(): number {
    return this.#generation;
  }

  get staleCount(): number {
    return this.#held(({ generation }) => generation !== this.#generation).length;
  }

  /** Routes kept out since the start, by reason. */
  get rejected(): ReadonlyMap<UnicastRejection, number> {
    return this.#rejected;
  }

  routes({ peer, peerAsn, peerRouterId, internal, interface: link }: UnicastSource): ReceivedUnicast[] {
    const { family } = this;
    const from = { family, peer, peerAsn, peerRouterId, internal, ...(link !== undefined && { interface: link }) };
    return Array.from(this.#routes, ([prefix, { path, generation }]) => ({
      ...path,
      ...from,
      prefix,
      stale: generation !== this.#generation,
    }));
  }

  /** True if anything changed since the last call. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** Withdrawals first: an UPDATE that withdraws and announces a route announces it (RFC 4271 4.3). */
  apply(
    update: { readonly withdrawn: readonly Prefix[]; readonly announced: readonly Prefix[] },
    path: UnicastPath | undefined,
    source: UnicastSource,
    policy: UnicastPolicy,
  ): void {
    for (const prefix of update.withdrawn) this.#remove(prefix);
    if (!path) return;
    for (const prefix of update.announced) {
      const rejected = rejection(prefix, path, source, policy);
      if (rejected) this.#rejected.set(rejected, (this.#rejected.get(rejected) ?? 0) + 1);
      // A route that policy refuses still replaces what was there before (RFC 4271 3.1).
      if (rejected) this.#remove(prefix);
      else this.#put(prefix, path);
    }
  }

  markStale(): void {
    this.#generation++;
    if (this.#routes.size > 0) this.#changed = true;
  }

  /** Removes what was not announced again, of generations `from` to `below`; default all. */
  sweepStale({ from = 0, below = this.#generation }: Generations = {}): void {
    const stale = ({ generation: of }: Held) => of !== this.#generation && of >= from && of < below;
    for (const prefix of this.#held(stale)) this.#remove(prefix);
  }

  /** Attaches LLGR_STALE to what is stale, and removes what must not be kept so long (RFC 9494 4.2). */
  beginLongLived(): void {
    for (const [prefix, held] of this.#routes) {
      if (held.generation === this.#generation) continue;
      if (held.path.noLlgr) this.#remove(prefix);
      else this.#routes.set(prefix, { ...held, path: { ...held.path, llgrStale: true } });
      this.#changed = true;
    }
  }

  /** Removes what a changed policy no longer lets in. */
  refilter(source: UnicastSource, policy: UnicastPolicy): void {
    for (const [prefix, { path }] of this.#routes) {
      if (rejection(prefix, path, source, policy)) this.#remove(prefix);
    }
  }

  clear(): void {
    for (const prefix of this.#routes.keys()) this.#remove(prefix);
  }

  #put(prefix: Prefix, path: UnicastPath): void {
    const held = this.#routes.get(prefix);
    if (held?.generation === this.#generation && isDeepStrictEqual(held.path, path)) return;
    this.#routes.set(prefix, { path, generation: this.#generation });
    this.#changed = true;
  }

  #remove(prefix: Prefix): void {
    if (this.#routes.delete(prefix)) this.#changed = true;
  }

  #held(condition: (held: Held) => boolean): Prefix[] {
    return Array.from(this.#routes).flatMap(([prefix, held]) => (condition(held) ? [prefix] : []));
  }
}

/** Loops first, which are nobody's policy. */
function rejection(
  prefix: Prefix,
  path: UnicastPath,
  source: UnicastSource,
  policy: UnicastPolicy,
): UnicastRejection | undefined {
  const { address, linkLocal } = path.nextHop;
  if (path.originatorId === source.routerId) return "originated-here";
  if (path.asPath.includes(source.asn)) return "as-loop";
  if (source.ownAddresses.has(address) || (linkLocal && source.ownAddresses.has(linkLocal))) return "own-next-hop";
  if (isLeak(path, source)) return "route-leak";
  if (isLinkLocal(address) && source.interface === undefined) return "next-hop-off-link";
  return policy.refuse(prefix, path.nextHop, { external: !source.internal });
}

/** RFC 9234 section 5, ingress: a route that went down to a customer may not come up again. */
function isLeak({ onlyToCustomer }: UnicastPath, { role, peerAsn, internal }: UnicastSource): boolean {
  if (onlyToCustomer === undefined || role === undefined || internal) return false;
  if (role === "provider" || role === "rs") return true;
  return role === "peer" && onlyToCustomer !== peerAsn;
}
