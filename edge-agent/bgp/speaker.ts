// The BGP speaker: peers that come and go at run time, one set of routes to announce to all of them, and one listener that
// hears what they announce. Knows no EVPN policy beyond the predicate over route targets that it is given.
//
// RFC 2545, 4271, 4456 (as a client), 4724, 4760, 5492, 6608, 6793, 7313, 7432, 7606, 8365, 8538, 8654, 8950, 9003, 9072,
// 9234, 9494. It is no reflector and no transit: it never announces what it learned. TCP MD5 (RFC 2385) and GTSM (RFC 5082) are the transport's.

import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn } from "../../shared/address/vni.ts";
import { type ExportDifference, ExportSet } from "./export-set.ts";
import type { FamilyName } from "./family.ts";
import type { StateName } from "./fsm.ts";
import type { AcceptTargets } from "./import-policy.ts";
import { Peer, type PeerListener, type SpeakerRestart } from "./peer.ts";
import { PeerSlot } from "./peer-slot.ts";
import type { PeerConfig, PeerSummary, ReachablePeer } from "./peer-summary.ts";
import type { Discovery } from "./ports.ts";
import {
  type ExportChange,
  type ExportedRoute,
  type PeerKey,
  peerKeyOf,
  type ReceivedRoute,
  type RouteChange,
} from "./route.ts";
import type { Malformed, SessionDeps } from "./session.ts";
import type { ReceivedUnicast, UnicastPolicy } from "./unicast-route.ts";
import { CeaseSubcode } from "./wire/iana.ts";

export type { PeerConfig, PeerSummary } from "./peer-summary.ts";

export type SpeakerConfig = {
  readonly asn: Asn;
  readonly routerId: Ipv4;
  readonly peers: readonly PeerConfig[];
  /** Addresses of this host, such as its VTEP: routes with such a next hop are refused. */
  readonly ownAddresses?: readonly IpAddress[] | undefined;
};

export type SpeakerDeps = SessionDeps & {
  /** How long a lost session's routes are kept, where the peer does not say so itself. */
  readonly staleMs: number;
  /** Graceful restart of our own; absent: peers are not asked to keep our routes. */
  readonly restart?: SpeakerRestart | undefined;
  /** Our name for peers' displays, at most 64 octets. */
  readonly hostName?: string | undefined;
  /** Finds peers that are given by their interface alone; absent: they stay unfound. */
  readonly discovery?: Discovery | undefined;
  /** Accept connections of configured peers here; absent: only connect. */
  readonly listen?: { readonly port: number; readonly address?: IpAddress };
};

/** Something a person may want to know; `detail` is one line. */
export type SpeakerError =
  | ({ readonly kind: "malformed-message"; readonly peer: PeerKey; readonly detail: string } & Omit<
      Malformed,
      "reason"
    >)
  | { readonly kind: "many-routes"; readonly peer: PeerKey; readonly detail: string }
  | { readonly kind: "listen-failed"; readonly detail: string }
  | { readonly kind: "unsendable-route"; readonly detail: string };

export type SpeakerListener = {
  /**
   * What changed in the tables of routes held: all that one read of a socket brought, or one other cause (a lost session, a
   * sweep, new imports). In order; a route may be in it twice. Applied to an empty table from the start on, the changes
   * always make what `ribIn` shows.
   */
  routes(changes: readonly RouteChange[]): void;
  session(peer: PeerKey, state: StateName, detail: string | undefined): void;
  /** The tables of unicast routes have changed; `unicastIn` shows them. */
  unicast?(): void;
  endOfRib(peer: PeerKey, family: FamilyName): void;
  error(error: SpeakerError): void;
};

export type Speaker = {
  /** Adds, removes and changes peers; unchanged ones are not disturbed. Undefined: no peers. */
  configure(config: SpeakerConfig | undefined): void;
  /** The whole set of routes to announce; the speaker finds the difference. */
  setExports(routes: readonly ExportedRoute[]): void;
  /** Changes that set, at a cost of the changes' number alone. */
  changeExports(changes: readonly ExportChange[]): void;
  /** Which routes are of interest; until the first call, none. Peers are asked to send their routes again. */
  setImports(accept: AcceptTargets): void;
  /** What may be learned and announced in the unicast families; until the first call, nothing. `accepts`: what may be learned has changed. */
  setUnicastPolicy(policy: UnicastPolicy, changed: { readonly accepts: boolean }): void;
  /** Nothing more is read of any peer until it is released: backpressure, for moments. */
  hold(on: boolean): void;
  summary(): PeerSummary[];
  /** All routes held, stale ones included. */
  ribIn(): ReceivedRoute[];
  /** The routes that `peer` was told. */
  ribOut(peer: PeerKey): ExportedRoute[];
  /** All unicast routes held, stale ones included. */
  unicastIn(): ReceivedUnicast[];
  /** The unicast prefixes that `peer` was told. */
  unicastOut(peer: PeerKey): Prefix[];
  /** Ends all sessions: with a Cease, or for a restart without a word to peers that wait for it (RFC 4724 section 4). */
  close(purpose?: "shutdown" | "restart"): Promise<void>;
};

export function createSpeaker(deps: SpeakerDeps, on: SpeakerListener): Speaker {
  const peers = new Map<PeerKey, PeerSlot>();
  const exports = new ExportSet();
  let accept: AcceptTargets = () => false;
  let policy: UnicastPolicy = { refuse: () => "no-policy", announce: [] };
  const shared = {
    ...deps,
    startedMs: deps.clock.nowMs(),
    accept: () => accept,
    exports: () => exports.values(),
    policy: () => policy,
  };

  const listener =
    deps.listen &&
    deps.transport.listen(
      deps.listen,
      (connection) =>
        peers
          .get(connection.interface ? (connection.interface as PeerKey) : connection.remoteAddress)
          ?.accept(connection),
      (reason) => on.error({ kind: "listen-failed", detail: `cannot listen for BGP: ${reason}` }),
    );

  function addPeer(config: PeerConfig, speaker: SpeakerConfig, fingerprint: string): void {
    const { asn, routerId, ownAddresses = [] } = speaker;
    const key = peerKeyOf(config);
    const local = { asn, routerId, ownAddresses: new Set<IpAddress>([routerId, ...ownAddresses]) };
    const listener: PeerListener = {
      routes: (changes) => on.routes(changes),
      state: (state, detail) => on.session(key, state, detail),
      unicast: () => on.unicast?.(),
      endOfRib: (family) => on.endOfRib(key, family),
      manyRoutes: (detail) => on.error({ kind: "many-routes", peer: key, detail: `${key}: ${detail}` }),
      malformed: ({ reason, ...rest }) => {
        const detail = `${key}: ${reason} (${rest.code}/${rest.subcode}, ${rest.severity}): ${rest.hex}`;
        on.error({ kind: "malformed-message", peer: key, detail, ...rest });
      },
    };
    const make = (reachable: ReachablePeer) => new Peer(reachable, local, shared, listener);
    const slot = new PeerSlot(config, fingerprint, deps.clock.wallMs(), make);
    peers.set(key, slot);
    slot.start(deps.discovery);
  }

  function removePeer(key: PeerKey, subcode: number, reason?: string): void {
    const slot = peers.get(key);
    peers.delete(key);
    slot?.stop(subcode, reason);
  }

  function tellExports({ announce, withdraw, unsendable }: ExportDifference): void {
    for (const { key, route } of unsendable) {
      const detail = `${key} with ${route.routeTargets.length} route targets does not fit an UPDATE`;
      on.error({ kind: "unsendable-route", detail });
    }
    if (announce.length + withdraw.length === 0) return;
    for (const { peer } of peers.values()) peer?.ribs.exportsChanged(announce, withdraw);
  }

  return {
    configure(config) {
      const wanted = new Map(config?.peers.map((peer) => [peerKeyOf(peer), peer]));
      for (const key of peers.keys()) if (!wanted.has(key)) removePeer(key, CeaseSubcode.PEER_DECONFIGURED);
      if (!config) return;
      for (const [key, peer] of wanted) {
        const fingerprint = fingerprintOf(peer, config);
        if (peers.get(key)?.fingerprint === fingerprint) continue;
        if (peer.shutdown) removePeer(key, CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, peer.shutdown.reason);
        else removePeer(key, CeaseSubcode.OTHER_CONFIGURATION_CHANGE);
        addPeer(peer, config, fingerprint);
      }
    },

    setExports: (routes) => tellExports(exports.replace(routes)),
    changeExports: (changes) => tellExports(exports.change(changes)),

    setImports(next) {
      accept = next;
      for (const { peer } of peers.values()) peer?.ribs.importsChanged();
    },

    setUnicastPolicy(next, changed) {
      policy = next;
      for (const { peer } of peers.values()) peer?.ribs.unicastPolicyChanged(changed);
    },

    hold: (on) => deps.transport.hold?.(on),
    summary: () => Array.from(peers.values(), (slot) => slot.summary()),
    ribIn: () => Array.from(peers.values()).flatMap(({ peer }) => [...(peer?.ribs.ribIn.routes() ?? [])]),
    unicastIn: () => Array.from(peers.values()).flatMap(({ peer }) => peer?.ribs.unicastIn() ?? []),
    unicastOut: (key) => peers.get(key)?.peer?.ribs.unicastOut() ?? [],
    ribOut: (key) => Array.from(peers.get(key)?.peer?.ribs.ribOut?.routes() ?? [], ({ route }) => route),

    close(purpose = "shutdown") {
      listener?.close();
      for (const [key, slot] of peers) {
        if (purpose === "restart") slot.leave();
        else slot.stop(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN);
        peers.delete(key);
      }
      return Promise.resolve();
    },
  };
}

/** Equal text: the session need not be disturbed. */
function fingerprintOf(peer: PeerConfig, { asn, routerId, ownAddresses }: SpeakerConfig): string {
  return JSON.stringify([asn, routerId, ownAddresses, Object.entries(peer).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
