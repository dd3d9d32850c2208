// What the fabric proves of a network's endpoints, as digests that the cloud can compare with its own, over the endpoints'
// lines of the forwarding form (`mac <mac> <vtep>` and `ip <ip> <mac>`, shared/message/forwarding.ts).
//
//   announced   the endpoints of this host that its speaker announces now. A peer of which the report says `told` was sent
//               exactly this, with End-of-RIB, on the session that is up. It does not prove that the ToR took it in.
//   seen        per peer, the endpoints of this site's other hosts of which the peer has the very route: this MAC, these
//               IPs, this VTEP. It proves that the ToR holds the route and passes it on.
//   strays      per peer, MACs of which it passes on a route to another place than where they are declared, of those that were
//               declared here since: what is deleted, or has moved, and not yet gone from there.
//   site        all endpoints that the two above are about, as they were taken to be: the step of intent that they are of.
//
// What lacks in the first two, and what strays, is named, as long as it is little: one endpoint that a ToR does not have must not hide that it
// has the others.

import type { Mac } from "../../shared/address/mac.ts";
import { digestAdd } from "../../shared/message/digest.ts";
import { endpointLines, ipLine, macLine } from "../../shared/message/forwarding.ts";
import { type AnnouncedProof, type LineProof, MOST_LACKING, type SeenProof } from "../../shared/message/report.ts";
import type { ExportedRoute, PeerKey, ReceivedRoute } from "../bgp/route.ts";
import type { Declared } from "../evpn/mac-table.ts";
import { KeyedSum } from "./keyed-sum.ts";

const NO_LINES: readonly string[] = [];

/** An endpoint of this site, and whether it is on this host. */
export type OfSite = { readonly declared: Declared; readonly own: boolean };

export type FabricProofs = {
  readonly announced: AnnouncedProof;
  /** Peers that confirm nothing are left out. */
  readonly seen: readonly SeenProof[];
  readonly strays: Strays;
  readonly site: LineProof;
};

/** `since`: the step of intent from which on what is deleted is known of. By peer; one that is not named has none. */
export type Strays = { readonly since: number; readonly byPeer: ReadonlyMap<PeerKey, ReadonlySet<Mac>> };

/** The proofs of one network. */
export class Confirmations {
  readonly #own = new KeyedSum<Mac>();
  readonly #others = new KeyedSum<Mac>();
  readonly #announced = new KeyedSum<Mac>();
  readonly #seen = new Map<PeerKey, KeyedSum<Mac>>();
  readonly #strays = new Map<PeerKey, Set<Mac>>();
  readonly #since: number;
  #made: FabricProofs | undefined;

  /** `since`: the step that the network's records are of by now. */
  constructor(since: number) {
    this.#since = since;
  }

  /** Made once for every change of them: a report asks for all networks. */
  get proofs(): FabricProofs {
    this.#made ??= {
      announced: proofOf(this.#announced, this.#own),
      seen: Array.from(this.#seen, ([peer, sum]) => ({ peer, ...proofOf(sum, this.#others) })).filter(
        ({ count }) => count > 0,
      ),
      strays: { since: this.#since, byPeer: this.#strays },
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
  ): void {
    this.#made = undefined;
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
