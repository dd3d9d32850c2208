// What the fabric proves of a network's endpoints, as digests that the cloud can compare with its own, over the endpoints'
// lines of the forwarding form (`mac <mac> <vtep>` and `ip <ip> <mac>`, shared/message/forwarding.ts).
//
//   announced   the endpoints of this host that its speaker announces now. A peer of which the report says `told` was sent
//               exactly this, with End-of-RIB, on the session that is up. It does not prove that the ToR took it in.
//   seen        per peer, the endpoints of this site's other hosts of which the peer has the very route: this MAC, these
//               IPs, this VTEP. It proves that the ToR holds the route and passes it on.

import type { Mac } from "../../shared/address/mac.ts";
import { ipLine, macLine } from "../../shared/message/forwarding.ts";
import type { LineProof, SeenProof } from "../../shared/message/report.ts";
import type { ExportedRoute, PeerKey, ReceivedRoute } from "../bgp/route.ts";
import type { Declared } from "../evpn/mac-table.ts";
import { KeyedSum } from "./keyed-sum.ts";

const NO_LINES: readonly string[] = [];

/** The proofs of one network. */
export class Confirmations {
  readonly #announced = new KeyedSum<Mac>();
  readonly #seen = new Map<PeerKey, KeyedSum<Mac>>();

  get announced(): LineProof {
    return { digest: this.#announced.digest, count: this.#announced.size };
  }

  /** Peers that confirm nothing are left out. */
  get seen(): readonly SeenProof[] {
    const proofs = Array.from(this.#seen, ([peer, { digest, size }]) => ({ peer, digest, count: size }));
    return proofs.filter(({ count }) => count > 0);
  }

  /** What is announced of a MAC now. */
  putAnnounced(mac: Mac, routes: readonly ExportedRoute[]): void {
    this.#announced.put(mac, linesOf(routes));
  }

  /** The endpoint of a MAC, if it is one of this site's other hosts, and the MAC's routes. */
  putSeen(mac: Mac, declared: Declared | undefined, routes: readonly ReceivedRoute[]): void {
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
