// One peer: its sessions (one that we open, and at times one that it opened, of which one survives: RFC 4271 6.8), what it
// announced (Adj-RIB-In, kept as stale for a time when the session is lost) and what it was told (Adj-RIB-Out).

import type { IpAddress } from "../../shared/address/ip.ts";
import { AdjRibIn, NO_CHANGES, type RibChanges } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import type { PreparedExport } from "./export.ts";
import { describeDown } from "./down-reason.ts";
import type { DownReason, Event, FsmConfig, State, StateName } from "./fsm.ts";
import type { AcceptTargets, ImportPolicy } from "./import-policy.ts";
import { type LocalEnd, type Negotiated, type PeerRestart, survivingConnection } from "./negotiation.ts";
import { pathInformation } from "./path-information.ts";
import type { MaximumRoutes, PeerConfig, PeerSummary } from "./peer-summary.ts";
import type { Connection, ConnectionHandlers } from "./ports.ts";
import { isForwardingLost, retention } from "./retention.ts";
import { type Malformed, type RouteRefresh, Session, type SessionDeps, type SessionHandlers } from "./session.ts";
import { fsmConfigOf, hopLimitOf } from "./session-settings.ts";
import { StaleRoutes } from "./stale-routes.ts";
import { Afi, BGP_PORT, CeaseSubcode, ErrorCode, RefreshSubtype, Safi } from "./wire/iana.ts";
import { encodeMessage } from "./wire/message.ts";
import { encodeShutdownCommunication, hardReset } from "./wire/notification.ts";
import type { DecodedUpdate } from "./wire/update.ts";
import { Writer } from "./wire/writer.ts";

/** What all peers of a speaker share. */
export type PeerShared = SessionDeps & {
  /** How long routes of a peer are kept that does not say how long itself. */
  readonly staleMs: number;
  readonly restart?: SpeakerRestart | undefined;
  readonly hostName?: string | undefined;
  /** When the speaker was made, in the clock's time. */
  readonly startedMs: number;
  readonly accept: () => AcceptTargets;
  /** All routes to be announced. */
  readonly exports: () => Iterable<PreparedExport>;
};

/** What peers may rely on when the speaker's process ends and another follows. */
export type SpeakerRestart = {
  /** How long peers should keep our routes, 0..4095 s. */
  readonly timeSec: number;
  /** The forwarding state of an earlier process was still there when this one began. */
  readonly preserved: boolean;
};

export type PeerListener = {
  routes(changes: RibChanges): void;
  /** The peer's state, which is that of its furthest session, has changed. */
  state(state: StateName, detail: string | undefined): void;
  endOfRib(): void;
  malformed(malformed: Malformed): void;
  /** More routes are held than should be; `detail` is for people. */
  manyRoutes(detail: string): void;
};

const DEFAULT_HOLD_TIME_SEC = 90;
/** How late the other connection of a collision may come. */
const COLLISION_MS = 5000;
const DEFAULT_WARN_PERCENT = 75;
const NO_DATA = new Uint8Array(0);

const PROGRESS: readonly StateName[] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
const OPEN_SENT = PROGRESS.indexOf("OpenSent");

export class Peer {
  readonly config: PeerConfig;
  readonly #local: Pick<LocalEnd, "asn" | "routerId">;
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
  readonly #stale: StaleRoutes;
  /** What the peer said of its restarts on the last session. */
  #peerRestart: PeerRestart | undefined;
  /** The peer asked for all routes; `marked` while they are being sent between marks (RFC 7313). */
  #refresh: "none" | "asked" | "marked" = "none";
  #warnedOfRoutes = false;
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
    local: Pick<LocalEnd, "asn" | "routerId"> & { readonly ownAddresses: ReadonlySet<IpAddress> },
    shared: PeerShared,
    on: PeerListener,
  ) {
    this.config = config;
    this.#local = local;
    this.#ownAddresses = local.ownAddresses;
    this.#shared = shared;
    this.#on = on;
    this.#ribIn = new AdjRibIn(config.address, config.asn);
    this.#stale = new StaleRoutes(shared.clock, {
      sweep: () => this.#emit(this.#ribIn.sweepStale()),
      withdraw: (withdrawn) => this.#emit(this.#ribIn.apply({ withdrawn, announced: [] }, undefined, this.#policy())),
    });
    this.#shown = { state: "Idle", sinceMs: shared.clock.wallMs() };
    if (config.shutdown) this.#shown = { ...this.#shown, lastError: describeShutdown(config.shutdown) };
    this.#outgoing = this.#newSession("active");
  }

  start(): void {
    if (!this.config.passive && !this.config.shutdown) this.#outgoing.dispatch({ type: "ManualStart" });
  }

  /**
   * Ends the sessions and forgets the peer's routes. The peer is told why, and that our routes are not to be kept (RFC
   * 8538 section 4), unless `subcode` is of a passing kind; `reason` goes with an administrative shutdown (RFC 9003).
   */
  stop(subcode: number, reason?: string): void {
    const data = reason === undefined ? NO_DATA : encodeShutdownCommunication(reason);
    const plain = { code: ErrorCode.CEASE, subcode, data };
    const hard =
      this.#established && this.#peerRestart?.notification && subcode !== CeaseSubcode.OTHER_CONFIGURATION_CHANGE;
    this.#stop({ type: "ManualStop", ...(hard ? hardReset(plain) : plain) });
  }

  /** Ends the sessions without a word, so that a peer with graceful restart keeps our routes; others are told. */
  leave(): void {
    const quiet = this.#shared.restart !== undefined && this.#agreed?.peerRestart !== undefined;
    this.#stop({ type: "ManualStop", quiet });
  }

  #stop(event: Event & { type: "ManualStop" }): void {
    this.#closed = true;
    for (const session of [this.#outgoing, this.#incoming]) session?.dispatch(event);
    this.#stale.cancel();
    this.#emit(this.#ribIn.clear());
  }

  /** A connection that the peer opened; undefined if it is not wanted. */
  accept(connection: Connection): ConnectionHandlers | undefined {
    if (this.#closed || this.config.shutdown || connection.interface !== this.config.interface) return undefined;
    // RFC 4724 4.2: a peer with graceful restart that connects anew has lost the session that we still see. Right after
    // it came up, though, this is the peer's own attempt of the same moment: a collision.
    const upForMs = this.#shared.clock.wallMs() - this.#shown.sinceMs;
    if (this.#peerRestart?.covered && upForMs >= COLLISION_MS) {
      this.#established?.dispatch({ type: "TcpConnectionFails", reason: "the peer has restarted and connected anew" });
    }
    if (this.#established) {
      // RFC 4271 6.8: the one that is up stays.
      const notification = {
        code: ErrorCode.CEASE,
        subcode: CeaseSubcode.CONNECTION_COLLISION,
        data: NO_DATA,
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
        ...(agreed.peerHostName !== undefined && { peerHostName: agreed.peerHostName }),
        holdTimeSec: agreed.holdTimeSec,
        capabilities: agreed.peerCapabilities,
      }),
      ...(localAddress && { localAddress }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  #newSession(role: FsmConfig["role"]): Session {
    const { address, asn, port = BGP_PORT, localAddress, interface: link } = this.config;
    const handlers: SessionHandlers = {
      changed: (state, reason) => this.#changed(session, state, reason),
      update: (update) => this.#update(update),
      routeRefresh: (refresh) => this.#routeRefresh(refresh),
      malformed: (malformed) => {
        this.#malformed[malformed.severity]++;
        this.#on.malformed(malformed);
      },
      drained: () => this.#pump(),
    };
    const peer = { address, asn, port, localAddress, interface: link, hopLimit: hopLimitOf(this.config) };
    const config = { local: () => this.#localEnd(), peer, fsm: fsmConfigOf(this.config, role) };
    const session: Session = new Session(this.#shared, config, handlers);
    return session;
  }

  #localEnd(): LocalEnd {
    const { clock, restart, startedMs, hostName } = this.#shared;
    const { holdTimeSec = DEFAULT_HOLD_TIME_SEC, role, strictRole } = this.config;
    const first = this.#sessions === 0 && clock.nowMs() - startedMs < (restart?.timeSec ?? 0) * 1000;
    return {
      ...this.#local,
      holdTimeSec,
      role,
      strictRole,
      hostName,
      restart: restart && { timeSec: restart.timeSec, restarted: first, preserved: restart.preserved || !first },
    };
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
    const context = { asn: this.#local.asn, internal, asOctets };
    this.#ribOut = new AdjRibOut(context, maxMessageOctets, this.#shared.exports());
    this.#refresh = "none";
    const lost = isForwardingLost(this.#peerRestart, agreed.peerRestart);
    this.#peerRestart = agreed.peerRestart;
    // The peer gets its time anew to announce what is stale; End-of-RIB ends it earlier.
    if (lost) this.#stale.sweep();
    else if (this.#ribIn.staleCount > 0) this.#stale.keep({ keepMs: this.#shared.staleMs, longLivedMs: 0 });
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
      const kept = retention(reason, this.#peerRestart, this.#shared.staleMs);
      if (this.#closed) this.#stale.cancel();
      else if (kept) this.#stale.keep(kept);
      else this.#stale.sweep();
    }
    if (session === this.#outgoing || !this.#parked || this.#closed) return;
    this.#parked = false;
    if (!this.config.passive) this.#outgoing.dispatch({ type: "AutomaticStart" });
  }

  #update(update: DecodedUpdate): void {
    const path = pathInformation(update.attributes);
    this.#stale.learn(update);
    this.#emit(this.#ribIn.apply(update, path, this.#policy()));
    if (this.config.maximumRoutes) this.#limitRoutes(this.config.maximumRoutes);
    if (!update.endOfRib) return;
    this.#stale.sweep();
    this.#on.endOfRib();
  }

  /** Counts what is held: routes that no network imports take no memory (RFC 4486 section 4, first item). */
  #limitRoutes({ limit, warnPercent = DEFAULT_WARN_PERCENT, restartAfterSec }: MaximumRoutes): void {
    const held = this.#ribIn.size;
    const many = held >= (limit * warnPercent) / 100;
    if (many && !this.#warnedOfRoutes) this.#on.manyRoutes(`${held} routes are held, the limit is ${limit}`);
    this.#warnedOfRoutes = many;
    if (held <= limit) return;
    const data = new Writer(7).u16(Afi.L2VPN).u8(Safi.EVPN).u32(limit).finish();
    const plain = { code: ErrorCode.CEASE, subcode: CeaseSubcode.MAXIMUM_PREFIXES, data };
    this.#established?.dispatch({
      type: "AutomaticStop",
      ...(this.#peerRestart?.notification ? hardReset(plain) : plain),
      reason: `more than ${limit} routes`,
      restMs: restartAfterSec === undefined ? "for good" : restartAfterSec * 1000,
    });
  }

  #routeRefresh({ afi, safi, subtype }: RouteRefresh): void {
    if (afi !== Afi.L2VPN || safi !== Safi.EVPN) return; // RFC 2918 section 4: a family that was not agreed is ignored
    if (subtype === RefreshSubtype.REQUEST) {
      this.#refresh = "asked";
      this.#pump();
    } else if (this.#agreed?.enhancedRouteRefresh && subtype === RefreshSubtype.BEGIN) {
      this.#ribIn.markStale();
      this.#stale.keep({ keepMs: this.#shared.staleMs, longLivedMs: 0 });
    } else if (this.#agreed?.enhancedRouteRefresh && subtype === RefreshSubtype.END) {
      this.#stale.sweep();
    }
  }

  /** Sends while the connection takes it. */
  #pump(): void {
    while (this.#established?.writable && this.#ribOut) {
      const message = this.#ribOut.nextMessage() ?? this.#refreshMessage(this.#ribOut);
      if (!message) return;
      this.#established.send(message);
    }
  }

  /**
   * Once everything is sent: the answer to a request for all routes, between marks if the peer knows them (RFC 7313 4).
   * So the first table and its End-of-RIB come before, and a second request waits for the end of the first's answer.
   */
  #refreshMessage(ribOut: AdjRibOut): Uint8Array | undefined {
    if (this.#refresh === "none") return undefined;
    const marks = this.#agreed?.enhancedRouteRefresh ?? false;
    const ends = this.#refresh === "marked";
    this.#refresh = marks && !ends ? "marked" : "none";
    if (!ends) ribOut.resendAll();
    if (!marks) return ribOut.nextMessage();
    const subtype = ends ? RefreshSubtype.END : RefreshSubtype.BEGIN;
    return encodeMessage({ type: "ROUTE-REFRESH", afi: Afi.L2VPN, safi: Safi.EVPN, subtype });
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

function describeShutdown({ reason }: NonNullable<PeerConfig["shutdown"]>): string {
  return reason === undefined ? "administratively shut down" : `administratively shut down: ${JSON.stringify(reason)}`;
}
