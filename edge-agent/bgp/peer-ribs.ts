// The routes of one peer in all its families: what it announced (kept as stale for a time when the session is lost), and what
// it is told. Sessions come and go (peer.ts); this outlives them. The upkeep of one family is in family-ribs.ts, what is special to unicast in unicast-ribs.ts.

import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { AdjRibIn, type Generations } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import type { PreparedExport } from "./export.ts";
import { evpnForm } from "./export-form.ts";
import { DEFAULT_FAMILIES, type FamilyName, familyOf } from "./family.ts";
import { FamilyRibs } from "./family-ribs.ts";
import type { DownReason } from "./fsm.ts";
import type { RouteSource } from "./held-route.ts";
import type { AcceptTargets, ImportPolicy } from "./import-policy.ts";
import { isInternal, type LocalEnd, type Negotiated, type PeerRestart } from "./negotiation.ts";
import { pathInformation } from "./path-information.ts";
import type { FamilySummary, PeerConfig } from "./peer-summary.ts";
import { peerKeyOf, type RouteChange } from "./route.ts";
import type { RouteRefresh, Session } from "./session.ts";
import type { UnicastSource } from "./unicast-rib-in.ts";
import { UnicastRibs } from "./unicast-ribs.ts";
import type { ReceivedUnicast, UnicastPolicy } from "./unicast-route.ts";
import type { DecodedUpdate } from "./wire/update.ts";

/** What the routes of all peers of a speaker share. */
export type RibsShared = {
  readonly clock: Clock;
  /** How long EVPN routes of a peer are kept that does not say how long itself. */
  readonly staleMs: number;
  readonly accept: () => AcceptTargets;
  /** All EVPN routes to be announced. */
  readonly exports: () => Iterable<PreparedExport>;
  /** Of the unicast families. */
  readonly policy: () => UnicastPolicy;
};

export type RibsListener = {
  /** All that one read of the socket, or one other cause, changed; in order, so that a route may be in it twice. */
  routes(changes: readonly RouteChange[]): void;
  /** The unicast routes have changed. */
  unicast(): void;
  endOfRib(family: FamilyName): void;
  /** More routes are held than should be; `detail` is for people. */
  manyRoutes(detail: string): void;
};

/** Who we are to the peer. */
export type RibsLocal = Pick<LocalEnd, "asn" | "routerId"> & { readonly ownAddresses: ReadonlySet<IpAddress> };

/** The session that is Established, and the one before it as far as routes depend on it. */
type Far = { readonly asn: Asn; readonly routerId: Ipv4; readonly internal: boolean };

export class PeerRibs {
  readonly #config: PeerConfig;
  readonly #local: RibsLocal;
  readonly #shared: RibsShared;
  readonly #on: RibsListener;
  readonly #ribIn: AdjRibIn;
  readonly #evpn: FamilyRibs;
  readonly #unicast: readonly UnicastRibs[];
  #ribOut: AdjRibOut<PreparedExport> | undefined;
  #session: Session | undefined;
  #far: Far;
  readonly #routeSource: RouteSource;
  /** What the peer said of its restarts on the last session. */
  #peerRestart: PeerRestart | undefined;
  /** Not yet told. */
  #changes: RouteChange[] = [];

  constructor(config: PeerConfig, local: RibsLocal, shared: RibsShared, on: RibsListener) {
    this.#config = config;
    this.#local = local;
    this.#shared = shared;
    this.#on = on;
    const { families = DEFAULT_FAMILIES } = config;
    const internal = isInternal(config.asn, local.asn);
    // Of an external peer it is not known before its OPEN, and before that there are no routes of it either.
    const asn = typeof config.asn === "number" ? config.asn : internal ? local.asn : (0 as Asn);
    this.#far = { asn, routerId: "0.0.0.0" as Ipv4, internal };
    this.#routeSource = { peer: peerKeyOf(config), peerAsn: asn, generation: 0 };
    this.#ribIn = new AdjRibIn(this.#routeSource);
    this.#evpn = this.#evpnRibs();
    const unicast = {
      clock: shared.clock,
      policy: shared.policy,
      source: () => this.#source(),
    };
    this.#unicast = families.flatMap((family) =>
      family === "evpn" ? [] : [new UnicastRibs(family, config, unicast, this.#listenerOf(family))],
    );
  }

  get ribIn(): AdjRibIn {
    return this.#ribIn;
  }

  /** The EVPN routes that the peer was told; undefined without a session. */
  get ribOut(): AdjRibOut<PreparedExport> | undefined {
    return this.#ribOut;
  }

  /** What the peer said of its restarts on the last session. */
  get peerRestart(): PeerRestart | undefined {
    return this.#peerRestart;
  }

  /** As the peer said last; undefined if it never did, and is not configured. */
  get peerAsn(): Asn | undefined {
    return this.#far.asn === 0 ? undefined : this.#far.asn;
  }

  unicastIn(): ReceivedUnicast[] {
    return this.#unicast.flatMap((ribs) => ribs.routes());
  }

  /** The unicast prefixes that the peer was told. */
  unicastOut(): Prefix[] {
    return this.#unicast.flatMap((ribs) => ribs.told());
  }

  /** The families that the peer is offered, in order. */
  summaries(): FamilySummary[] {
    const evpn = this.#offers("evpn") ? [this.#evpn] : [];
    return [...evpn, ...this.#unicast].map((ribs) => ribs.summary());
  }

  /** `session` is Established. */
  up(session: Session, agreed: Negotiated): void {
    const { internal, asOctets, maxMessageOctets, peerAsn, peerRouterId } = agreed;
    const context = { asn: this.#local.asn, internal, asOctets };
    const before = this.#peerRestart;
    this.#session = session;
    this.#peerRestart = agreed.peerRestart;
    this.#far = { asn: peerAsn as Asn, routerId: peerRouterId, internal };
    this.#routeSource.peerAsn = peerAsn as Asn;
    for (const upkeep of this.#upkeeps()) if (!agreed.families.includes(upkeep.family)) upkeep.notAgreed();
    for (const ribs of this.#unicast) {
      if (agreed.families.includes(ribs.family)) ribs.up(session, agreed, context, before);
    }
    if (agreed.families.includes("evpn")) {
      this.#ribOut = new AdjRibOut(evpnForm(context), maxMessageOctets, this.#shared.exports());
      this.#evpn.up(session, agreed, this.#ribOut, before);
    }
    this.tell();
    this.pump();
  }

  /** The session is over: its routes are kept for as long as `reason` lets them. */
  down(reason: DownReason): void {
    this.#forgetSession();
    for (const upkeep of this.#upkeeps()) upkeep.down(reason, this.#peerRestart);
    this.tell();
  }

  /** The peer is no more, and neither are its routes. */
  close(): void {
    this.#forgetSession();
    for (const upkeep of this.#upkeeps()) upkeep.close();
    this.tell();
  }

  /** The set of EVPN exports has changed by these. */
  exportsChanged(announce: readonly PreparedExport[], withdraw: readonly string[]): void {
    for (const key of withdraw) this.#ribOut?.withdraw(key);
    for (const route of announce) this.#ribOut?.announce(route);
    this.pump();
  }

  /** The import policy of EVPN has changed: drops what is not wanted any more, and asks for what may be wanted now. */
  importsChanged(): void {
    this.#ribIn.refilter(this.#policy(), this.#changes);
    this.tell();
    this.#evpn.requestRoutes();
  }

  /** The policy of the unicast families has changed, in what it lets in or in what is announced. */
  unicastPolicyChanged(changed: { readonly accepts: boolean }): void {
    for (const ribs of this.#unicast) ribs.policyChanged(changed);
    this.tell();
    this.pump();
    if (changed.accepts) for (const { upkeep } of this.#unicast) upkeep.requestRoutes();
  }

  /** Its changes are told with those of the same read: with `tell`. */
  update(update: DecodedUpdate): void {
    const { attributes, announced, withdrawn, unicast, endOfRib } = update;
    if (announced.length + withdrawn.length > 0) {
      this.#ribIn.apply(update, pathInformation(attributes), this.#policy(), this.#changes);
      this.#evpn.learned();
    }
    for (const part of unicast) {
      this.#unicast.find(({ family }) => family === part.family)?.update(part, attributes);
    }
    if (endOfRib === undefined) return;
    for (const upkeep of this.#upkeeps()) if (upkeep.family === endOfRib) upkeep.endOfRib();
  }

  /** Tells what has changed since the last time. */
  tell(): void {
    const changed = this.#unicast.filter((ribs) => ribs.takeChanged());
    if (changed.length > 0) this.#on.unicast();
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#on.routes(changes);
  }

  routeRefresh({ afi, safi, subtype }: RouteRefresh): void {
    // RFC 2918 section 4: a family that was not agreed is ignored.
    const family = familyOf(afi, safi);
    for (const upkeep of this.#upkeeps()) if (upkeep.family === family) upkeep.routeRefresh(subtype);
    this.pump();
  }

  /** Sends while the connection takes it: the underlay first, which is small and carries the overlay. */
  pump(): void {
    while (this.#session?.writable) {
      let message: Uint8Array | undefined;
      for (const { upkeep } of this.#unicast) message ??= upkeep.nextMessage();
      message ??= this.#evpn.nextMessage();
      if (!message) return;
      this.#session.send(message);
    }
  }

  #offers(family: FamilyName): boolean {
    return (this.#config.families ?? DEFAULT_FAMILIES).includes(family);
  }

  /** Of the families that the peer is offered. */
  #upkeeps(): FamilyRibs[] {
    return [...(this.#offers("evpn") ? [this.#evpn] : []), ...this.#unicast.map(({ upkeep }) => upkeep)];
  }

  #forgetSession(): void {
    this.#session = undefined;
    this.#ribOut = undefined;
    for (const ribs of this.#unicast) ribs.sessionEnded();
  }

  #evpnRibs(): FamilyRibs {
    const ribIn = this.#ribIn;
    const { clock, staleMs } = this.#shared;
    const table = {
      get size() {
        return ribIn.size;
      },
      get staleCount() {
        return ribIn.staleCount;
      },
      rejected: ribIn.rejected,
      get generation() {
        return ribIn.generation;
      },
      markStale: () => ribIn.markStale(),
      sweepStale: (generations?: Generations) => ribIn.sweepStale(this.#changes, generations),
      beginLongLived: () => ribIn.beginLongLived(this.#changes),
      clear: () => ribIn.clear(this.#changes),
    };
    const { maximumRoutes, longLived } = this.#config;
    const options = { clock, staleMs, maximum: () => maximumRoutes, longLived };
    return new FamilyRibs("evpn", table, options, this.#listenerOf("evpn"));
  }

  #listenerOf(family: FamilyName) {
    return {
      changed: () => this.tell(),
      endOfRib: () => {
        this.tell();
        this.#on.endOfRib(family);
      },
      manyRoutes: (detail: string) => this.#on.manyRoutes(detail),
    };
  }

  #policy(): ImportPolicy {
    const { asn, routerId } = this.#local;
    return { asn, routerId, ownAddresses: this.#ownAddresses(), accept: this.#shared.accept() };
  }

  #source(): UnicastSource {
    const { asn, routerId } = this.#local;
    const { interface: link, role } = this.#config;
    const far = {
      peer: peerKeyOf(this.#config),
      peerAsn: this.#far.asn,
      peerRouterId: this.#far.routerId,
      internal: this.#far.internal,
    };
    return { ...far, interface: link, role, asn, routerId, ownAddresses: this.#ownAddresses() };
  }

  #ownAddresses(): ReadonlySet<IpAddress> {
    const { ownAddresses } = this.#local;
    const local = this.#session?.localAddress;
    return local ? new Set([...ownAddresses, local]) : ownAddresses;
  }
}
