// A route as an Adj-RIB-In holds it, which is also the form that consumers see: its NLRI, and pointers to what it shares with
// the other routes of its UPDATE and of its peer. Nothing is copied per route, so a table of a hundred thousand costs
// little more than its NLRI, and a route is the same object for as long as it is as it was.

import type { Asn } from "../../shared/address/vni.ts";
import {
  type EvpnRoute,
  type PathInformation,
  type PeerKey,
  type ReceivedRoute,
  type RouteChange,
  routeKey,
} from "./route.ts";

/** The peer that a table of routes is of; its AS number may be known only once there is a session. */
export type RouteSource = {
  readonly peer: PeerKey;
  peerAsn: Asn;
  /** Of the table now: routes of earlier ones are stale. */
  generation: number;
};

/** Its fields are read through what it shares: a spread copies `nlri` alone, `JSON.stringify` shows all. */
export class HeldRoute implements ReceivedRoute {
  readonly nlri: EvpnRoute;
  readonly path: PathInformation;
  /** Of the table when the route was last announced: in an earlier one than the table's, it is stale. */
  generation: number;
  readonly #source: RouteSource;

  constructor(source: RouteSource, nlri: EvpnRoute, path: PathInformation, generation: number) {
    this.nlri = nlri;
    this.path = path;
    this.generation = generation;
    this.#source = source;
  }

  get peer() {
    return this.#source.peer;
  }
  get peerAsn() {
    return this.#source.peerAsn;
  }
  get nextHop() {
    return this.path.nextHop;
  }
  get routeTargets() {
    return this.path.routeTargets;
  }
  get mobility() {
    return this.path.mobility;
  }
  get encapsulations() {
    return this.path.encapsulations;
  }
  get routerMac() {
    return this.path.routerMac;
  }
  get defaultGateway() {
    return this.path.defaultGateway;
  }
  get arpNd() {
    return this.path.arpNd;
  }
  get esiLabel() {
    return this.path.esiLabel;
  }
  get esImport() {
    return this.path.esImport;
  }
  get multicastFlags() {
    return this.path.multicastFlags;
  }
  get pmsi() {
    return this.path.pmsi;
  }
  get asPath() {
    return this.path.asPath;
  }
  get origin() {
    return this.path.origin;
  }
  get localPref() {
    return this.path.localPref;
  }
  get med() {
    return this.path.med;
  }
  get originatorId() {
    return this.path.originatorId;
  }
  get llgrStale() {
    return this.path.llgrStale;
  }
  get noLlgr() {
    return this.path.noLlgr;
  }
  get stale() {
    return this.generation !== this.#source.generation;
  }

  toJSON(): ReceivedRoute {
    const { peer, peerAsn, nlri, stale } = this;
    return { ...this.path, peer, peerAsn, nlri, stale };
  }
}

/** A change of the table; the text of its key is made when somebody asks for it. */
export class HeldRouteChange implements RouteChange {
  readonly before: HeldRoute | undefined;
  readonly after: HeldRoute | undefined;

  constructor(before: HeldRoute | undefined, after: HeldRoute | undefined) {
    this.before = before;
    this.after = after;
  }

  get peer(): PeerKey {
    return this.#any.peer;
  }

  get key(): string {
    return routeKey(this.#any.nlri);
  }

  get #any(): HeldRoute {
    const route = this.after ?? this.before;
    if (!route) throw new Error("a change of no route");
    return route;
  }
}
