// What the fabric proves of a channel's declared routes, as digests that the cloud can compare with its own, over lines of
// the forwarding form (shared/message/forwarding.ts). What is declared is known by a name: an endpoint of a network by its
// MAC (endpoint-lines.ts), a static route of a router by prefix and next hop (static-lines.ts).
//
//   announced   what is of this host, and its speaker announces now. A peer of which the report says `told` was sent exactly
//               this, with End-of-RIB, on the session that is up. It does not prove that the ToR took it in.
//   seen        per peer, what is of this site's other hosts, and the peer has the very routes of: to this VTEP, and with this
//               MAC and these IPs, or this prefix and label. It proves that the ToR holds the routes and passes them on.
//   strays      per peer, names of which it passes on a route to another place than where they are declared, of those that were
//               declared here since: what is deleted, or has moved, and not yet gone from there.
//   deleted     per peer, names of other hosts' that are declared no more, and whose whole routes it had passed on until then,
//               on the same session. Such a peer would pass them on if it had them, so that its silence proves something. The
//               last ones only; a lost session, or other imports, and nothing that was passed on before proves anything.
//   site        all that the two first are about, as it was taken to be: the step of intent that they are of.
//
// What lacks in the first two, and what strays, is named, as long as it is little: one route that a ToR does not have must
// not hide that it has the others.

import type { IpAddress } from "../../shared/address/ip.ts";
import { type Digest, digestAdd } from "../../shared/message/digest.ts";
import { type LineProof, MOST_DELETED, MOST_LACKING, type NamedProof } from "../../shared/message/route-proof.ts";
import type { ExportedRoute, PeerKey, ReceivedRoute } from "../bgp/route.ts";
import { KeyedSum } from "./keyed-sum.ts";

const NO_LINES: readonly string[] = [];
/** The ToR may take a route back before the cloud says why: by so much, ms. */
const DELETED_WITHIN_MS = 30_000;

/** What is declared at this site, and whether it is on this host. */
export type OfSite<D> = { readonly declared: D; readonly own: boolean };

/** A route as far as its lines need it. */
export type LineRoute = Pick<ExportedRoute, "nlri" | "nextHop">;

/** How declared things of one kind are seen in routes. `vtep`: that of the host where it is. */
export type LineForm<D extends { readonly vtep: IpAddress }> = {
  /** What its routes are to say. */
  readonly lines: (declared: D) => readonly string[];
  /** What routes of it say. */
  readonly told: (routes: readonly LineRoute[], declared: D) => readonly string[];
  /** False for a route that leads there, and yet is none of its own. */
  readonly isOf: (route: LineRoute, declared: D) => boolean;
};

export type RouteProofs<K extends string> = {
  readonly announced: NamedProof<K>;
  /** Peers that confirm nothing are left out. */
  readonly seen: readonly (NamedProof<K> & { readonly peer: PeerKey })[];
  readonly strays: Strays<K>;
  readonly site: LineProof;
};

/** By peer; one that is not named has none. */
export type Strays<K extends string> = {
  readonly byPeer: ReadonlyMap<PeerKey, ReadonlySet<K>>;
  readonly deleted: ReadonlyMap<PeerKey, readonly K[]>;
};

/** When something is put; `isSteady`: what the peer passed on before, it passed on on the session that is up. */
export type PutContext = { readonly nowMs: number; readonly isSteady: (peer: PeerKey) => boolean };

/** The routes of a name: what this host announces, and what peers have, whoever announced it. */
export type PutRoutes = {
  readonly announced: readonly LineRoute[];
  readonly received: readonly ReceivedRoute[];
};

/** The proofs of one channel. */
export class Confirmations<K extends string, D extends { readonly vtep: IpAddress }> {
  readonly #form: LineForm<D>;
  readonly #own = new KeyedSum<K>();
  readonly #others = new KeyedSum<K>();
  readonly #announced = new KeyedSum<K>();
  readonly #seen = new Map<PeerKey, KeyedSum<K>>();
  readonly #strays = new Map<PeerKey, Set<K>>();
  /** What other hosts had that is deleted, the oldest first, and the peers that had passed it on. */
  readonly #deleted = new Map<K, Set<PeerKey>>();
  /** What is declared and passed on no more, by peer: until when it was, the oldest first. */
  readonly #takenBack = new Map<K, Map<PeerKey, number>>();
  #made: RouteProofs<K> | undefined;

  constructor(form: LineForm<D>) {
    this.#form = form;
  }

  /** Made once for every change of them: a report asks for all networks. */
  get proofs(): RouteProofs<K> {
    this.#made ??= {
      announced: proofOf(this.#announced, this.#own),
      seen: Array.from(this.#seen, ([peer, sum]) => ({ peer, ...proofOf(sum, this.#others) })).filter(
        ({ count }) => count > 0,
      ),
      strays: { byPeer: this.#strays, deleted: this.#deletedByPeer() },
      site: {
        digest: digestAdd(this.#own.digest, this.#others.digest),
        count: this.#own.size + this.#others.size,
      },
    };
    return this.#made;
  }

  /** What a name is taken to be at this site, what is announced of it, and the routes that peers have of it. */
  put(name: K, place: OfSite<D> | undefined, routes: PutRoutes, context: PutContext): void {
    this.#made = undefined;
    const before = { whole: this.#others.part(name), had: this.#whoHasWhole(name) };
    const lines = place ? this.#form.lines(place.declared) : NO_LINES;
    this.#own.put(name, place?.own ? lines : NO_LINES);
    this.#others.put(name, place?.own ? NO_LINES : lines);
    // What is announced besides what is declared, such as a learned machine, is no part of it.
    this.#announced.put(
      name,
      place?.own ? this.#form.told(routes.announced, place.declared).filter((line) => lines.includes(line)) : NO_LINES,
    );
    this.#putSeen(name, place?.own ? undefined : place?.declared, routes.received);
    this.#putStrays(name, routes.received, (route) => route.nextHop === place?.declared.vtep);
    if (place) this.#putDeclared(name, before, context);
    else if (before.whole !== undefined) this.#putDeleted(name, before.had, context);
  }

  /** A name that is declared no more, of which a change of routes is to be put all the same. */
  isFollowed(name: K): boolean {
    if (this.#deleted.has(name)) return true;
    for (const names of this.#strays.values()) if (names.has(name)) return true;
    return false;
  }

  /** What a peer passed on until now proves nothing of what is passed on from now on; undefined: what any did. */
  forget(peer: PeerKey | undefined): void {
    this.#made = undefined;
    for (const peers of [this.#deleted, this.#takenBack]) {
      for (const [name, known] of peers) {
        if (peer !== undefined) known.delete(peer);
        if (peer === undefined || known.size === 0) peers.delete(name);
      }
    }
  }

  /** The peers of which all routes of another host's are there. */
  #whoHasWhole(name: K): PeerKey[] {
    const whole = this.#others.part(name);
    if (whole === undefined) return [];
    return Array.from(this.#seen).flatMap(([peer, sum]) => (sum.part(name) === whole ? [peer] : []));
  }

  #putDeclared(
    name: K,
    before: { readonly whole: Digest | undefined; readonly had: readonly PeerKey[] },
    { nowMs, isSteady }: PutContext,
  ): void {
    this.#deleted.delete(name);
    const isSame = before.whole !== undefined && this.#others.part(name) === before.whole;
    const known = isSame ? this.#takenBack.get(name) : undefined;
    // Last in order, as it is the newest.
    this.#takenBack.delete(name);
    if (!isSame) return;
    const has = new Set(this.#whoHasWhole(name));
    const lost = before.had.filter((peer) => !has.has(peer) && isSteady(peer)).map((peer) => [peer, nowMs] as const);
    const peers = new Map([...(known ?? []), ...lost].filter(([peer]) => !has.has(peer)));
    if (peers.size > 0) this.#takenBack.set(name, peers);
    for (const [old, since] of this.#takenBack) {
      if ([...since.values()].some((atMs) => isRecent(atMs, nowMs))) break;
      this.#takenBack.delete(old);
    }
  }

  #putDeleted(name: K, had: readonly PeerKey[], { nowMs, isSteady }: PutContext): void {
    const lately = [...(this.#takenBack.get(name) ?? [])].flatMap(([peer, atMs]) =>
      isRecent(atMs, nowMs) ? [peer] : [],
    );
    this.#takenBack.delete(name);
    const peers = new Set([...had, ...lately].filter(isSteady));
    if (peers.size === 0) return;
    this.#deleted.set(name, peers);
    const [oldest] = this.#deleted.keys();
    if (this.#deleted.size > MOST_DELETED && oldest !== undefined) this.#deleted.delete(oldest);
  }

  #deletedByPeer(): Map<PeerKey, K[]> {
    const byPeer = new Map<PeerKey, K[]>();
    for (const [name, peers] of this.#deleted) {
      for (const peer of peers) {
        const names = byPeer.get(peer);
        if (names) names.push(name);
        else byPeer.set(peer, [name]);
      }
    }
    return byPeer;
  }

  #putStrays(name: K, routes: readonly ReceivedRoute[], isInPlace: (route: ReceivedRoute) => boolean): void {
    for (const names of this.#strays.values()) names.delete(name);
    for (const route of routes) {
      if (isInPlace(route)) continue;
      const known = this.#strays.get(route.peer);
      if (known) known.add(name);
      else this.#strays.set(route.peer, new Set([name]));
    }
  }

  #putSeen(name: K, declared: D | undefined, routes: readonly ReceivedRoute[]): void {
    const byPeer = new Map<PeerKey, ReceivedRoute[]>();
    for (const route of routes) {
      if (!declared || route.nextHop !== declared.vtep || !this.#form.isOf(route, declared)) continue;
      const known = byPeer.get(route.peer);
      if (known) known.push(route);
      else byPeer.set(route.peer, [route]);
    }
    for (const [peer, sum] of this.#seen) if (!byPeer.has(peer)) sum.put(name, NO_LINES);
    for (const [peer, held] of byPeer) {
      const sum = this.#seen.get(peer) ?? new KeyedSum<K>();
      this.#seen.set(peer, sum);
      sum.put(name, declared ? this.#form.told(held, declared) : NO_LINES);
    }
  }
}

function isRecent(atMs: number, nowMs: number): boolean {
  return nowMs - atMs <= DELETED_WITHIN_MS;
}

/** What of `whole` is there, and what is not there whole. */
function proofOf<K extends string>(sum: KeyedSum<K>, whole: KeyedSum<K>): NamedProof<K> {
  const lacking: K[] = [];
  if (sum.digest !== whole.digest) {
    for (const name of whole.keys()) {
      if (sum.part(name) === whole.part(name)) continue;
      if (lacking.length === MOST_LACKING) return { digest: sum.digest, count: sum.size };
      lacking.push(name);
    }
  }
  return { digest: sum.digest, count: sum.size, lacking };
}
