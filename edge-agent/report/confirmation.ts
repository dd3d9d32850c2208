// What the fabric proves of a network's endpoints, as digests that the cloud can compare with its own, over the endpoints'
// lines of the forwarding form (`mac <mac> <vtep>` and `ip <ip> <mac>`, shared/message/forwarding.ts).
//
//   announced   the endpoints of this host that its speaker announces now. A peer of which the report says `told` was sent
//               exactly this, with End-of-RIB, on the session that is up. It does not prove that the ToR took it in.
//   seen        per peer, the endpoints of this site's other hosts of which the peer has the very route: this MAC, these
//               IPs, this VTEP. It proves that the ToR holds the route and passes it on.
//   strays      per peer, MACs of which it passes on a route to another place than where they are declared, of those that were
//               declared here since: what is deleted, or has moved, and not yet gone from there.
//   deleted     per peer, MACs of other hosts that are declared no more, and whose whole route it had passed on until then, on
//               the same session. Such a peer would pass the route on if it had it, so that its silence proves something. The
//               last ones only; a lost session, or other imports, and nothing that was passed on before proves anything.
//   site        all endpoints that the two above are about, as they were taken to be: the step of intent that they are of.
//
// What lacks in the first two, and what strays, is named, as long as it is little: one endpoint that a ToR does not have must not hide that it
// has the others.

import type { Mac } from "../../shared/address/mac.ts";
import { type Digest, digestAdd } from "../../shared/message/digest.ts";
import { endpointLines, ipLine, macLine } from "../../shared/message/forwarding.ts";
import {
  type AnnouncedProof,
  type LineProof,
  MOST_DELETED,
  MOST_LACKING,
  type SeenProof,
} from "../../shared/message/report.ts";
import type { ExportedRoute, PeerKey, ReceivedRoute } from "../bgp/route.ts";
import type { Declared } from "../evpn/mac-table.ts";
import { KeyedSum } from "./keyed-sum.ts";

const NO_LINES: readonly string[] = [];
/** The ToR may take a route back before the cloud says why: by so much, ms. */
const DELETED_WITHIN_MS = 30_000;

/** An endpoint of this site, and whether it is on this host. */
export type OfSite = { readonly declared: Declared; readonly own: boolean };

export type FabricProofs = {
  readonly announced: AnnouncedProof;
  /** Peers that confirm nothing are left out. */
  readonly seen: readonly SeenProof[];
  readonly strays: Strays;
  readonly site: LineProof;
};

/** By peer; one that is not named has none. */
export type Strays = {
  readonly byPeer: ReadonlyMap<PeerKey, ReadonlySet<Mac>>;
  readonly deleted: ReadonlyMap<PeerKey, readonly Mac[]>;
};

/** When something is put; `isSteady`: what the peer passed on before, it passed on on the session that is up. */
export type PutContext = { readonly nowMs: number; readonly isSteady: (peer: PeerKey) => boolean };

/** The proofs of one network. */
export class Confirmations {
  readonly #own = new KeyedSum<Mac>();
  readonly #others = new KeyedSum<Mac>();
  readonly #announced = new KeyedSum<Mac>();
  readonly #seen = new Map<PeerKey, KeyedSum<Mac>>();
  readonly #strays = new Map<PeerKey, Set<Mac>>();
  /** What other hosts had that is deleted, the oldest first, and the peers that had passed it on. */
  readonly #deleted = new Map<Mac, Set<PeerKey>>();
  /** What is declared and passed on no more, by peer: until when it was, the oldest first. */
  readonly #takenBack = new Map<Mac, Map<PeerKey, number>>();
  #made: FabricProofs | undefined;

  /** Made once for every change of them: a report asks for all networks. */
  get proofs(): FabricProofs {
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

  /** What a MAC is taken to be at this site, what is announced of it, and the routes that peers have of it. */
  put(
    mac: Mac,
    endpoint: OfSite | undefined,
    routes: { readonly announced: readonly ExportedRoute[]; readonly received: readonly ReceivedRoute[] },
    context: PutContext,
  ): void {
    this.#made = undefined;
    const before = { whole: this.#others.part(mac), had: this.#whoHasWhole(mac) };
    const lines = endpoint ? endpointLines(endpoint.declared, endpoint.declared.vtep) : NO_LINES;
    this.#own.put(mac, endpoint?.own ? lines : NO_LINES);
    this.#others.put(mac, endpoint?.own ? NO_LINES : lines);
    // What is announced besides what is declared, such as a learned machine, is no part of it.
    this.#announced.put(
      mac,
      endpoint?.own ? linesOf(routes.announced).filter((line) => lines.includes(line)) : NO_LINES,
    );
    this.#putSeen(mac, endpoint?.own ? undefined : endpoint?.declared, routes.received);
    this.#putStrays(mac, routes.received, (route) => route.nextHop === endpoint?.declared.vtep);
    if (endpoint) this.#putDeclared(mac, before, context);
    else if (before.whole !== undefined) this.#putDeleted(mac, before.had, context);
  }

  /** A MAC that is declared no more, of which a change of routes is to be put all the same. */
  isFollowed(mac: Mac): boolean {
    if (this.#deleted.has(mac)) return true;
    for (const macs of this.#strays.values()) if (macs.has(mac)) return true;
    return false;
  }

  /** What a peer passed on until now proves nothing of what is passed on from now on; undefined: what any did. */
  forget(peer: PeerKey | undefined): void {
    this.#made = undefined;
    for (const peers of [this.#deleted, this.#takenBack]) {
      for (const [mac, known] of peers) {
        if (peer !== undefined) known.delete(peer);
        if (peer === undefined || known.size === 0) peers.delete(mac);
      }
    }
  }

  /** The peers of which all routes of another host's endpoint are there. */
  #whoHasWhole(mac: Mac): PeerKey[] {
    const whole = this.#others.part(mac);
    if (whole === undefined) return [];
    return Array.from(this.#seen).flatMap(([peer, sum]) => (sum.part(mac) === whole ? [peer] : []));
  }

  #putDeclared(
    mac: Mac,
    before: { readonly whole: Digest | undefined; readonly had: readonly PeerKey[] },
    { nowMs, isSteady }: PutContext,
  ): void {
    this.#deleted.delete(mac);
    const isSame = before.whole !== undefined && this.#others.part(mac) === before.whole;
    const known = isSame ? this.#takenBack.get(mac) : undefined;
    // Last in order, as it is the newest.
    this.#takenBack.delete(mac);
    if (!isSame) return;
    const has = new Set(this.#whoHasWhole(mac));
    const lost = before.had.filter((peer) => !has.has(peer) && isSteady(peer)).map((peer) => [peer, nowMs] as const);
    const peers = new Map([...(known ?? []), ...lost].filter(([peer]) => !has.has(peer)));
    if (peers.size > 0) this.#takenBack.set(mac, peers);
    for (const [old, since] of this.#takenBack) {
      if ([...since.values()].some((atMs) => isRecent(atMs, nowMs))) break;
      this.#takenBack.delete(old);
    }
  }

  #putDeleted(mac: Mac, had: readonly PeerKey[], { nowMs, isSteady }: PutContext): void {
    const lately = [...(this.#takenBack.get(mac) ?? [])].flatMap(([peer, atMs]) =>
      isRecent(atMs, nowMs) ? [peer] : [],
    );
    this.#takenBack.delete(mac);
    const peers = new Set([...had, ...lately].filter(isSteady));
    if (peers.size === 0) return;
    this.#deleted.set(mac, peers);
    const [oldest] = this.#deleted.keys();
    if (this.#deleted.size > MOST_DELETED && oldest !== undefined) this.#deleted.delete(oldest);
  }

  #deletedByPeer(): Map<PeerKey, Mac[]> {
    const byPeer = new Map<PeerKey, Mac[]>();
    for (const [mac, peers] of this.#deleted) {
      for (const peer of peers) {
        const macs = byPeer.get(peer);
        if (macs) macs.push(mac);
        else byPeer.set(peer, [mac]);
      }
    }
    return byPeer;
  }

  #putStrays(mac: Mac, routes: readonly ReceivedRoute[], isInPlace: (route: ReceivedRoute) => boolean): void {
    for (const macs of this.#strays.values()) macs.delete(mac);
    for (const route of routes) {
      if (isInPlace(route)) continue;
      const known = this.#strays.get(route.peer);
      if (known) known.add(mac);
      else this.#strays.set(route.peer, new Set([mac]));
    }
  }

  #putSeen(mac: Mac, declared: Declared | undefined, routes: readonly ReceivedRoute[]): void {
    const byPeer = new Map<PeerKey, ReceivedRoute[]>();
    for (const route of routes) {
      if (!declared || route.nextHop !== declared.vtep || !isOf(route, declared)) continue;
      const known = byPeer.get(route.peer);
      if (known) known.push(route);
      else byPeer.set(route.peer, [route]);
    }
    for (const [peer, sum] of this.#seen) if (!byPeer.has(peer)) sum.put(mac, NO_LINES);
    for (const [peer, held] of byPeer) {
      const sum = this.#seen.get(peer) ?? new KeyedSum<Mac>();
      this.#seen.set(peer, sum);
      sum.put(mac, linesOf(held));
    }
  }
}

function isRecent(atMs: number, nowMs: number): boolean {
  return nowMs - atMs <= DELETED_WITHIN_MS;
}

/** What of `whole` is there, and what is not there whole. */
function proofOf(sum: KeyedSum<Mac>, whole: KeyedSum<Mac>): LineProof & { lacking?: Mac[] } {
  const lacking: Mac[] = [];
  if (sum.digest !== whole.digest) {
    for (const mac of whole.keys()) {
      if (sum.part(mac) === whole.part(mac)) continue;
      if (lacking.length === MOST_LACKING) return { digest: sum.digest, count: sum.size };
      lacking.push(mac);
    }
  }
  return { digest: sum.digest, count: sum.size, lacking };
}

/** A route with an IP says where the MAC is, too. */
function linesOf(routes: readonly Pick<ExportedRoute, "nlri" | "nextHop">[]): readonly string[] {
  const lines = new Set<string>();
  for (const { nlri, nextHop } of routes) {
    if (nlri.type !== "mac-ip") continue;
    lines.add(macLine(nlri.mac, nextHop));
    if (nlri.ip) lines.add(ipLine(nlri.ip, nlri.mac));
  }
  return [...lines];
}

function isOf({ nlri }: ReceivedRoute, { ips }: Declared): boolean {
  return nlri.type === "mac-ip" && (nlri.ip === undefined || ips.includes(nlri.ip));
}
