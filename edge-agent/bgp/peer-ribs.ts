// The routes of one peer in all its families: what it announced (kept as stale for a time when the session is lost), and what
// it is told. Sessions come and go (peer.ts); this outlives them. The upkeep of one family is in family-ribs.ts.

import type { IpAddress, Ipv4 } from "../../shared/address/ip.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Asn } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { AdjRibIn } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import type { PreparedExport } from "./export.ts";
import { evpnForm, nextHopSelf, type PreparedPrefix, preparePrefix, unicastForm } from "./export-form.ts";
import { DEFAULT_FAMILIES, type FamilyName, familyOf, prefixFamily, type UnicastFamily } from "./family.ts";
import { FamilyRibs } from "./family-ribs.ts";
import type { DownReason } from "./fsm.ts";
import type { AcceptTargets, ImportPolicy } from "./import-policy.ts";
import type { LocalEnd, Negotiated, PeerRestart } from "./negotiation.ts";
import { pathInformation } from "./path-information.ts";
import type { FamilySummary, PeerConfig } from "./peer-summary.ts";
import { type EvpnRoute, type RouteChange, routeKey } from "./route.ts";
import type { RouteRefresh, Session } from "./session.ts";
import { UnicastRibIn, type UnicastSource } from "./unicast-rib-in.ts";
import { type ReceivedUnicast, unicastPath, type UnicastPolicy } from "./unicast-route.ts";
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

/** One unicast family's tables. */
type Unicast = {
  readonly ribs: FamilyRibs<Prefix>;
  readonly ribIn: UnicastRibIn;
  /** Undefined without a session, or where our end of it is no next hop for the family. */
  ribOut: AdjRibOut<PreparedPrefix> | undefined;
  /** Why nothing can be announced. */
  note: string | undefined;
};

/** The session that is Established, and the one before it as far as routes depend on it. */
type Far = { readonly asn: Asn; readonly routerId: Ipv4; readonly internal: boolean };

export class PeerRibs {
  readonly #config: PeerConfig;
  readonly #local: RibsLocal;
  readonly #shared: RibsShared;
  readonly #on: RibsListener;
  readonly #ribIn: AdjRibIn;
  readonly #evpn: FamilyRibs<EvpnRoute>;
  readonly #unicast: ReadonlyMap<UnicastFamily, Unicast>;
  #ribOut: AdjRibOut<PreparedExport> | undefined;
  #session: Session | undefined;
  #far: Far;
  /** What the peer said of its restarts on the last session. */
  #peerRestart: PeerRestart | undefined;
  /** Not yet told. */
  #changes: RouteChange[] = [];

  constructor(config: PeerConfig, local: RibsLocal, shared: RibsShared, on: RibsListener) {
    this.#config = config;
    this.#local = local;
    this.#shared = shared;
    this.#on = on;
    const { address, asn, families = DEFAULT_FAMILIES } = config;
    this.#far = { asn, routerId: "0.0.0.0" as Ipv4, internal: asn === local.asn };
    this.#ribIn = new AdjRibIn({ peer: address, peerAsn: asn });
    this.#evpn = this.#evpnRibs();
    const unicast = families.filter((family) => family !== "evpn");
    this.#unicast = new Map(unicast.map((family) => [family, this.#unicastRibs(family)]));
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

  unicastIn(): ReceivedUnicast[] {
    const source = this.#source();
    return Array.from(this.#unicast.values()).flatMap(({ ribIn }) => ribIn.routes(source));
  }

  /** The unicast prefixes that the peer was told. */
  unicastOut(): Prefix[] {
    return Array.from(this.#unicast.values()).flatMap(({ ribOut }) =>
      Array.from(ribOut?.routes() ?? [], ({ prefix }) => prefix),
    );
  }

  /** The families that the peer is offered, in order. */
  summaries(): FamilySummary[] {
    return this.#offered().map(({ family, ribs }) => {
      const note = family === "evpn" ? undefined : this.#unicast.get(family)?.note;
      return { ...ribs.summary(), ...(note !== undefined && { note }) };
    });
  }

  /** `session` is Established. */
  up(session: Session, agreed: Negotiated): void {
    const { internal, asOctets, maxMessageOctets, peerAsn, peerRouterId } = agreed;
    const context = { asn: this.#local.asn, internal, asOctets };
    const before = this.#peerRestart;
    this.#session = session;
    this.#peerRestart = agreed.peerRestart;
    this.#far = { asn: peerAsn as Asn, routerId: peerRouterId, internal };
    for (const { family, ribs } of this.#offered()) {
      if (!agreed.families.includes(family)) ribs.notAgreed();
      else if (family === "evpn") {
        this.#ribOut = new AdjRibOut(evpnForm(context), maxMessageOctets, this.#shared.exports());
        ribs.up(session, agreed, this.#ribOut, before);
      } else {
        const ribOut = this.#unicastOut(family, { ...context, role: this.#config.role }, agreed);
        ribs.up(session, agreed, ribOut, before);
      }
    }
    this.tell();
    this.pump();
  }

  /** The session is over: its routes are kept for as long as `reason` lets them. */
  down(reason: DownReason): void {
    this.#forgetSession();
    for (const { ribs } of this.#offered()) ribs.down(reason, this.#peerRestart);
    this.tell();
  }

  /** The peer is no more, and neither are its routes. */
  close(): void {
    this.#forgetSession();
    for (const { ribs } of this.#offered()) ribs.close();
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
    const policy = this.#shared.policy();
    for (const [family, { ribIn, ribOut }] of this.#unicast) {
      if (changed.accepts) ribIn.refilter(this.#source(), policy);
      const wanted = new Set(announced(policy, family));
      for (const { key, prefix } of ribOut?.routes() ?? []) if (!wanted.has(prefix)) ribOut?.withdraw(key);
      const told = new Set(Array.from(ribOut?.routes() ?? [], ({ prefix }) => prefix));
      for (const prefix of wanted) if (!told.has(prefix)) ribOut?.announce(preparePrefix(prefix));
    }
    this.tell();
    this.pump();
    if (changed.accepts) for (const { ribs } of this.#unicast.values()) ribs.requestRoutes();
  }

  /** Its changes are told with those of the same read: with `tell`. */
  update(update: DecodedUpdate): void {
    const { attributes, announced, withdrawn, unicast, endOfRib } = update;
    if (announced.length + withdrawn.length > 0) {
      this.#ribIn.apply(update, pathInformation(attributes), this.#policy(), this.#changes);
      this.#evpn.learned(announced, attributes.communities);
    }
    for (const part of unicast) {
      const tables = this.#unicast.get(part.family);
      const path = part.nextHop && unicastPath(attributes, part.nextHop);
      tables?.ribIn.apply(part, path, this.#source(), this.#shared.policy());
      tables?.ribs.learned(part.announced, attributes.communities);
    }
    if (endOfRib === undefined) return;
    for (const { family, ribs } of this.#offered()) if (family === endOfRib) ribs.endOfRib();
  }

  /** Tells what has changed since the last time. */
  tell(): void {
    const changed = Array.from(this.#unicast.values()).filter(({ ribIn }) => ribIn.takeChanged());
    if (changed.length > 0) this.#on.unicast();
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#on.routes(changes);
  }

  routeRefresh({ afi, safi, subtype }: RouteRefresh): void {
    // RFC 2918 section 4: a family that was not agreed is ignored.
    const family = familyOf(afi, safi);
    for (const each of this.#offered()) if (each.family === family) each.ribs.routeRefresh(subtype);
    this.pump();
  }

  /** Sends while the connection takes it: the underlay first, which is small and carries the overlay. */
  pump(): void {
    while (this.#session?.writable) {
      let message: Uint8Array | undefined;
      for (const { ribs } of this.#unicast.values()) message ??= ribs.nextMessage();
      message ??= this.#evpn.nextMessage();
      if (!message) return;
      this.#session.send(message);
    }
  }

  #offered(): { readonly family: FamilyName; readonly ribs: Omit<FamilyRibs<never>, "learned"> }[] {
    const evpn = (this.#config.families ?? DEFAULT_FAMILIES).includes("evpn") ? [this.#evpn] : [];
    return [...evpn, ...Array.from(this.#unicast.values(), ({ ribs }) => ribs)].map((ribs) => ({
      family: ribs.family,
      ribs,
    }));
  }

  #forgetSession(): void {
    this.#session = undefined;
    this.#ribOut = undefined;
    for (const unicast of this.#unicast.values()) {
      unicast.ribOut = undefined;
      unicast.note = undefined;
    }
  }

  /** A table without routes where our end of the session is no next hop: the peer gets its End-of-RIB all the same. */
  #unicastOut(
    family: UnicastFamily,
    context: Parameters<typeof unicastForm>[1],
    agreed: Negotiated,
  ): AdjRibOut<PreparedPrefix> {
    const tables = this.#unicast.get(family);
    const local = this.#session?.localAddress;
    const nextHop = nextHopSelf(family, local, agreed);
    const form = unicastForm(family, context, nextHop ?? { address: this.#local.routerId });
    const prefixes = nextHop ? announced(this.#shared.policy(), family) : [];
    const ribOut = new AdjRibOut(form, agreed.maxMessageOctets, prefixes.map(preparePrefix));
    if (tables) {
      tables.ribOut = nextHop && ribOut;
      tables.note = nextHop ? undefined : `nothing can be announced: ${whyNoNextHop(family, local)}`;
    }
    return ribOut;
  }

  #evpnRibs(): FamilyRibs<EvpnRoute> {
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
      markStale: () => ribIn.markStale(),
      sweepStale: () => ribIn.sweepStale(this.#changes),
      withdraw: (withdrawn: readonly EvpnRoute[]) =>
        ribIn.apply({ withdrawn, announced: [] }, undefined, this.#policy(), this.#changes),
      clear: () => ribIn.clear(this.#changes),
      keyOf: routeKey,
    };
    const options = { clock, staleMs, maximum: () => this.#config.maximumRoutes };
    return new FamilyRibs("evpn", table, options, this.#listenerOf("evpn"));
  }

  /** A route of a peer that promises nothing for the family goes with its session: what forwards would be a dead router. */
  #unicastRibs(family: UnicastFamily): Unicast {
    const ribIn = new UnicastRibIn(family);
    const table = {
      get size() {
        return ribIn.size;
      },
      get staleCount() {
        return ribIn.staleCount;
      },
      rejected: ribIn.rejected,
      markStale: () => ribIn.markStale(),
      sweepStale: () => ribIn.sweepStale(),
      withdraw: (withdrawn: readonly Prefix[]) =>
        ribIn.apply({ withdrawn, announced: [] }, undefined, this.#source(), this.#shared.policy()),
      clear: () => ribIn.clear(),
      keyOf: (prefix: Prefix) => prefix,
    };
    const maximum = () => this.#shared.policy().maximumRoutes ?? this.#config.maximumRoutes;
    const options = { clock: this.#shared.clock, staleMs: 0, maximum };
    const ribs = new FamilyRibs(family, table, options, this.#listenerOf(family));
    return { ribs, ribIn, ribOut: undefined, note: undefined };
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
    const { address, interface: link, role } = this.#config;
    const far = {
      peer: address,
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

function announced({ announce }: UnicastPolicy, family: UnicastFamily): Prefix[] {
  return announce.filter((prefix) => prefixFamily(prefix) === family);
}

function whyNoNextHop(family: UnicastFamily, local: IpAddress | undefined): string {
  if (family === "ipv6-unicast") return "IPv6 routes need a session over IPv6";
  return local === undefined ? "our end of the session is not known" : "the peer takes no IPv6 next hops (RFC 8950)";
}
