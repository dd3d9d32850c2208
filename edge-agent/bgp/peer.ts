// One peer: its sessions (one that we open, and at times one that it opened, of which one survives: RFC 4271 6.8), what it
// announced (Adj-RIB-In, kept as stale for a time when the session is lost) and what it was told (Adj-RIB-Out).

import type { IpAddress } from "../../shared/address/ip.ts";
import { AdjRibIn, NO_CHANGES, type RibChanges } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import type { PreparedExport } from "./export.ts";
import { describeDown, isHardReset } from "./down-reason.ts";
import type { DownReason, FsmConfig, State, StateName } from "./fsm.ts";
import type { AcceptTargets, ImportPolicy } from "./import-policy.ts";
import { type LocalEnd, type Negotiated, survivingConnection } from "./negotiation.ts";
import { pathInformation } from "./path-information.ts";
import type { PeerConfig, PeerSummary } from "./peer-summary.ts";
import type { Connection, ConnectionHandlers, HopLimit } from "./ports.ts";
import { type Malformed, Session, type SessionDeps, type SessionHandlers } from "./session.ts";
import { Afi, BGP_PORT, CeaseSubcode, ErrorCode, Safi } from "./wire/iana.ts";
import { encodeMessage } from "./wire/message.ts";
import type { DecodedUpdate } from "./wire/update.ts";

/** What all peers of a speaker share. */
export type PeerShared = SessionDeps & {
  readonly staleMs: number;
  readonly accept: () => AcceptTargets;
  /** All routes to be announced. */
  readonly exports: () => Iterable<PreparedExport>;
};

export type PeerListener = {
  routes(changes: RibChanges): void;
  /** The peer's state, which is that of its furthest session, has changed. */
  state(state: StateName, detail: string | undefined): void;
  endOfRib(): void;
  malformed(malformed: Malformed): void;
};

const DEFAULT_HOLD_TIME_SEC = 90;
/** Short, so that a session is up within 2 s of the ToR's answering: before jitter, worst case connect-retry + idle-hold. */
const CONNECT_RETRY_MS = 1000;
const IDLE_HOLD_MS = 800;
const IDLE_HOLD_MAX_MS = 30_000;
/** What GTSM sends (RFC 5082 section 3). */
const MAX_TTL = 255;

const PROGRESS: readonly StateName[] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
const OPEN_SENT = PROGRESS.indexOf("OpenSent");

export class Peer {
  readonly config: PeerConfig;
  readonly #local: LocalEnd;
  readonly #shared: PeerShared;
  readonly #on: PeerListener;
  readonly #ribIn: AdjRibIn;
  readonly #ownAddresses: ReadonlySet<IpAddress>;
  #ribOut: AdjRibOut | undefined;
  readonly #outgoing: Session;
  #incoming: Session | undefined;
  /** The one in Established. */
  #established: Session | undefined;
  #agreed: Negotiated | undefined;
  #cancelStale: (() => void) | undefined;
  /** What the listener last heard. */
  #said = 0;
  #saidDetail: string | undefined;
  #shown: { state: StateName; sinceMs: number; lastError?: string };
  #sessions = 0;
  readonly #malformed = { "attribute-discard": 0, "treat-as-withdraw": 0, "session-reset": 0 };
  #messages = { in: 0, out: 0 };
  #closed = false;
  /** Our own session rests in Idle because the peer's was preferred. */
  #parked = false;

  constructor(
    config: PeerConfig,
    local: Omit<LocalEnd, "holdTimeSec"> & { readonly ownAddresses: ReadonlySet<IpAddress> },
    shared: PeerShared,
    on: PeerListener,
  ) {
    this.config = config;
    this.#local = {
      asn: local.asn,
      routerId: local.routerId,
      holdTimeSec: config.holdTimeSec ?? DEFAULT_HOLD_TIME_SEC,
    };
    this.#ownAddresses = local.ownAddresses;
    this.#shared = shared;
    this.#on = on;
    this.#ribIn = new AdjRibIn(config.address, config.asn);
    this.#shown = { state: "Idle", sinceMs: shared.clock.wallMs() };
    this.#outgoing = this.#newSession("active");
  }

  start(): void {
    if (!this.config.passive) this.#outgoing.dispatch({ type: "ManualStart" });
  }

  /** Ends the sessions with a Cease and forgets the peer's routes. */
  stop(subcode: number): void {
    this.#closed = true;
    for (const session of [this.#outgoing, this.#incoming]) session?.dispatch({ type: "ManualStop", subcode });
    this.#cancelStale?.();
    this.#emit(this.#ribIn.clear());
  }

  /** A connection that the peer opened; undefined if it is not wanted. */
  accept(connection: Connection): ConnectionHandlers | undefined {
    if (this.#closed) return undefined;
    if (this.#established) {
      // RFC 4271 6.8: the one that is up stays.
      const notification = {
        code: ErrorCode.CEASE,
        subcode: CeaseSubcode.CONNECTION_COLLISION,
        data: new Uint8Array(0),
      };
      connection.write(encodeMessage({ type: "NOTIFICATION", notification }));
      connection.close();
      return undefined;
    }
    this.#incoming?.dispatch({ type: "OpenCollisionDump" });
    const incoming = this.#newSession("passive");
    this.#incoming = incoming;
    const handlers = incoming.adopt(connection);
    if (!handlers) this.#incoming = undefined;
    return handlers;
  }

  /** The set of exports has changed by these. */
  exportsChanged(announce: readonly PreparedExport[], withdraw: readonly string[]): void {
    for (const key of withdraw) this.#ribOut?.withdraw(key);
    for (const route of announce) this.#ribOut?.announce(route);
    this.#pump();
  }

  /** The import policy has changed: drops what is not wanted any more, and asks for what may be wanted now. */
  importsChanged(): void {
    this.#emit(this.#ribIn.refilter(this.#policy()));
    if (!this.#established || !this.#agreed) return;
    if (this.#agreed.routeRefresh) {
      this.#established.send(encodeMessage({ type: "ROUTE-REFRESH", afi: Afi.L2VPN, safi: Safi.EVPN, subtype: 0 }));
    } else {
      // Without route refresh a new session is the only way to see the routes again (RFC 2918 section 1).
      this.#established.dispatch({ type: "AutomaticStop", subcode: CeaseSubcode.ADMINISTRATIVE_RESET });
    }
  }

  get ribIn(): AdjRibIn {
    return this.#ribIn;
  }

  /** What the peer was told; nothing without a session. */
  ribOut(): PreparedExport[] {
    return this.#ribOut ? [...this.#ribOut.routes()] : [];
  }

  summary(): PeerSummary {
    const { state, sinceMs, lastError = this.#established ? undefined : this.#outgoing.hint } = this.#shown;
    const agreed = this.#established && this.#agreed;
    const localAddress = this.#established?.localAddress;
    const live = [this.#outgoing, this.#incoming].map((session) => session?.counters);
    return {
      address: this.config.address,
      asn: this.config.asn,
      state,
      sinceMs,
      routesIn: this.#ribIn.size,
      staleRoutes: this.#ribIn.staleCount,
      routesOut: this.#ribOut?.size ?? 0,
      rejected: Object.fromEntries(this.#ribIn.rejected),
      messagesIn: live.reduce((sum, it) => sum + (it?.messagesIn ?? 0), this.#messages.in),
      messagesOut: live.reduce((sum, it) => sum + (it?.messagesOut ?? 0), this.#messages.out),
      malformed: { ...this.#malformed },
      sessions: this.#sessions,
      ...(agreed && {
        peerRouterId: agreed.peerRouterId,
        holdTimeSec: agreed.holdTimeSec,
        capabilities: agreed.peerCapabilities,
      }),
      ...(localAddress && { localAddress }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  #newSession(role: FsmConfig["role"]): Session {
    const { address, asn, port = BGP_PORT, localAddress } = this.config;
    const handlers: SessionHandlers = {
      changed: (state, reason) => this.#changed(session, state, reason),
      update: (update) => this.#update(update),
      routeRefresh: (afi, safi) => this.#routeRefresh(afi, safi),
      malformed: (malformed) => {
        this.#malformed[malformed.severity]++;
        this.#on.malformed(malformed);
      },
      drained: () => this.#pump(),
    };
    const peer = { address, asn, port, localAddress, hopLimit: hopLimitOf(this.config) };
    const config = { local: this.#local, peer, fsm: fsmConfigOf(this.config, role) };
    const session: Session = new Session(this.#shared, config, handlers);
    return session;
  }

  #changed(session: Session, state: State, reason: DownReason | undefined): void {
    if (reason) this.#down(session, reason);
    if (state.name === "OpenConfirm") this.#resolveCollision(session, state.agreed);
    else if (state.name === "Established" && this.#established !== session) this.#up(session, state.agreed);
    this.#show(reason);
  }

  #resolveCollision(session: Session, agreed: Negotiated): void {
    const other = session === this.#outgoing ? this.#incoming : this.#outgoing;
    if (other?.state.name === "Established") this.#dump(session);
    else if (other?.state.name === "OpenConfirm") {
      const survivor = survivingConnection(this.#local, agreed) === "ours" ? this.#outgoing : this.#incoming;
      this.#dump(session === survivor ? other : session);
    }
  }

  #dump(session: Session): void {
    if (session === this.#outgoing) this.#parked = true;
    session.dispatch({ type: "OpenCollisionDump" });
  }

  #up(session: Session, agreed: Negotiated): void {
    const other = session === this.#outgoing ? this.#incoming : this.#outgoing;
    this.#established = session;
    this.#agreed = agreed;
    this.#sessions++;
    if (other) this.#dump(other);
    const { internal, asOctets, maxMessageOctets } = agreed;
    this.#ribOut = new AdjRibOut({ asn: this.#local.asn, internal, asOctets }, maxMessageOctets);
    for (const route of this.#shared.exports()) this.#ribOut.announce(route);
    // The peer gets its time anew to announce what is stale; End-of-RIB ends it earlier.
    if (this.#ribIn.staleCount > 0) this.#sweepLater();
    this.#pump();
  }

  #down(session: Session, reason: DownReason): void {
    if (session === this.#incoming) {
      this.#incoming = undefined;
      this.#messages.in += session.counters.messagesIn;
      this.#messages.out += session.counters.messagesOut;
    }
    if (session === this.#established) {
      this.#established = undefined;
      this.#agreed = undefined;
      this.#ribOut = undefined;
      this.#ribIn.markStale();
      if (isHardReset(reason)) this.#sweep();
      else this.#sweepLater();
    }
    if (session === this.#outgoing || !this.#parked || this.#closed) return;
    this.#parked = false;
    if (!this.config.passive) this.#outgoing.dispatch({ type: "AutomaticStart" });
  }

  #update(update: DecodedUpdate): void {
    const path = pathInformation(update.attributes);
    this.#emit(this.#ribIn.apply(update, path, this.#policy()));
    if (!update.endOfRib) return;
    this.#sweep();
    this.#on.endOfRib();
  }

  #routeRefresh(afi: number, safi: number): void {
    if (afi !== Afi.L2VPN || safi !== Safi.EVPN) return; // RFC 2918 section 4: a family that was not agreed is ignored
    this.#ribOut?.resendAll();
    this.#pump();
  }

  #sweepLater(): void {
    this.#cancelStale?.();
    this.#cancelStale = this.#shared.clock.setTimer(this.#shared.staleMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#cancelStale?.();
    this.#cancelStale = undefined;
    this.#emit(this.#ribIn.sweepStale());
  }

  /** Sends while the connection takes it. */
  #pump(): void {
    while (this.#established?.writable && this.#ribOut) {
      const message = this.#ribOut.nextMessage();
      if (!message) return;
      this.#established.send(message);
    }
  }

  #policy(): ImportPolicy {
    const localAddress = this.#established?.localAddress;
    return {
      asn: this.#local.asn,
      routerId: this.#local.routerId,
      ownAddresses: localAddress ? new Set([...this.#ownAddresses, localAddress]) : this.#ownAddresses,
      accept: this.#shared.accept(),
    };
  }

  #emit(changes: RibChanges): void {
    if (changes !== NO_CHANGES && changes.announced.length + changes.withdrawn.length > 0) this.#on.routes(changes);
  }

  #show(reason: DownReason | undefined): void {
    const names = [this.#outgoing.state.name, this.#incoming?.state.name ?? "Idle"];
    const state = names.reduce((a, b) => (PROGRESS.indexOf(b) > PROGRESS.indexOf(a) ? b : a));
    const detail = reason && describeDown(reason);
    const lastError = reason?.kind === "stopped" ? this.#shown.lastError : (detail ?? this.#shown.lastError);
    const changed = state !== this.#shown.state;
    const sinceMs = changed ? this.#shared.clock.wallMs() : this.#shown.sinceMs;
    this.#shown = { state, sinceMs, ...(lastError !== undefined && { lastError }) };
    // A ToR that does not answer is said once, not at every attempt.
    const worthSaying = changed && (PROGRESS.indexOf(state) >= OPEN_SENT || this.#said >= OPEN_SENT);
    if (!worthSaying && (detail === undefined || detail === this.#saidDetail)) return;
    this.#said = PROGRESS.indexOf(state);
    if (detail !== undefined || state === "Established") this.#saidDetail = detail;
    this.#on.state(state, detail);
  }
}

function fsmConfigOf({ connectRetrySec, keepaliveTimeSec }: PeerConfig, role: FsmConfig["role"]): FsmConfig {
  return {
    role,
    connectRetryMs: connectRetrySec === undefined ? CONNECT_RETRY_MS : connectRetrySec * 1000,
    idleHoldMs: connectRetrySec === undefined ? IDLE_HOLD_MS : connectRetrySec * 1000,
    idleHoldMaxMs: Math.max(IDLE_HOLD_MAX_MS, (connectRetrySec ?? 0) * 1000),
    keepaliveMs: keepaliveTimeSec === undefined ? undefined : keepaliveTimeSec * 1000,
  };
}

/** A peer on the link is one hop away: its packets arrive with TTL 255. */
function hopLimitOf({ multihop, ttlSecurityHops }: PeerConfig): HopLimit | undefined {
  if (ttlSecurityHops !== undefined) return { ttl: MAX_TTL, minTtl: MAX_TTL + 1 - ttlSecurityHops };
  return multihop === undefined ? undefined : { ttl: multihop };
}
