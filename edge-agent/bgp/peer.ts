// One peer: its sessions (one that we open, and at times one that it opened, of which one survives: RFC 4271 6.8), and how
// they are shown. What the peer announced and what it is told is in peer-ribs.ts.

import type { Asn } from "../../shared/address/vni.ts";
import { describeDown } from "./down-reason.ts";
import { FAMILIES } from "./family.ts";
import { type DownReason, type Event, type FsmConfig, keepaliveIntervalMs, type State, type StateName } from "./fsm.ts";
import { type LocalEnd, type Negotiated, survivingConnection } from "./negotiation.ts";
import { PassiveWait } from "./passive-wait.ts";
import { PeerRibs, type RibsListener, type RibsLocal, type RibsShared } from "./peer-ribs.ts";
import type { FamilySummary, PeerConfig, PeerSummary, ReachablePeer } from "./peer-summary.ts";
import type { Connection, ConnectionHandlers } from "./ports.ts";
import { peerKeyOf } from "./route.ts";
import { type Malformed, Session, type SessionDeps, type SessionHandlers } from "./session.ts";
import { fsmConfigOf, hopLimitOf } from "./session-settings.ts";
import { BGP_PORT, CeaseSubcode, ErrorCode } from "./wire/iana.ts";
import { encodeMessage } from "./wire/message.ts";
import { encodeShutdownCommunication, hardReset } from "./wire/notification.ts";

/** What all peers of a speaker share. */
export type PeerShared = SessionDeps &
  RibsShared & {
    readonly restart?: SpeakerRestart | undefined;
    readonly hostName?: string | undefined;
    /** When the speaker was made, in the clock's time. */
    readonly startedMs: number;
  };

/** What peers may rely on when the speaker's process ends and another follows. */
export type SpeakerRestart = {
  /** How long peers should keep our routes, 0..4095 s. */
  readonly timeSec: number;
  /** The forwarding state of an earlier process was still there when this one began. */
  readonly preserved: boolean;
};

export type PeerListener = RibsListener & {
  /** The peer's state, which is that of its furthest session, has changed. */
  state(state: StateName, detail: string | undefined): void;
  malformed(malformed: Malformed): void;
};

const DEFAULT_HOLD_TIME_SEC = 90;
/** How late the other connection of a collision may come. */
const COLLISION_MS = 5000;
const NO_DATA = new Uint8Array(0);

const PROGRESS: readonly StateName[] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
const OPEN_SENT = PROGRESS.indexOf("OpenSent");

export class Peer {
  readonly config: ReachablePeer;
  readonly #local: Pick<LocalEnd, "asn" | "routerId">;
  readonly #shared: PeerShared;
  readonly #on: PeerListener;
  readonly #ribs: PeerRibs;
  readonly #outgoing: Session;
  readonly #wait: PassiveWait;
  #incoming: Session | undefined;
  /** The one in Established. */
  #established: Session | undefined;
  #agreed: Negotiated | undefined;
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

  constructor(config: ReachablePeer, local: RibsLocal, shared: PeerShared, on: PeerListener) {
    this.config = config;
    this.#local = local;
    this.#shared = shared;
    this.#on = on;
    this.#ribs = new PeerRibs(config, local, shared, on);
    this.#shown = { state: "Idle", sinceMs: shared.clock.wallMs() };
    if (config.shutdown) this.#shown = { ...this.#shown, lastError: describeShutdown(config.shutdown) };
    this.#outgoing = this.#newSession("active");
    this.#wait = new PassiveWait(shared.clock, shared.transport, (hint) => this.#unheard(hint));
  }

  start(): void {
    if (this.config.shutdown) return;
    if (this.config.passive) this.#wait.begin();
    else this.#outgoing.dispatch({ type: "ManualStart" });
  }

  /**
   * Ends the sessions and forgets the peer's routes. The peer is told why, and that our routes are not to be kept (RFC
   * 8538 section 4), unless `subcode` is of a passing kind; `reason` goes with an administrative shutdown (RFC 9003).
   */
  stop(subcode: number, reason?: string): void {
    const data = reason === undefined ? NO_DATA : encodeShutdownCommunication(reason);
    const plain = { code: ErrorCode.CEASE, subcode, data };
    const hard =
      this.#established && this.#ribs.peerRestart?.notification && subcode !== CeaseSubcode.OTHER_CONFIGURATION_CHANGE;
    this.#stop({ type: "ManualStop", ...(hard ? hardReset(plain) : plain) });
  }

  /** Ends the sessions without a word, so that a peer with graceful restart keeps our routes; others are told. */
  leave(): void {
    const quiet = this.#shared.restart !== undefined && this.#agreed?.peerRestart !== undefined;
    this.#stop({ type: "ManualStop", quiet });
  }

  #stop(event: Event & { type: "ManualStop" }): void {
    this.#closed = true;
    this.#wait.end();
    for (const session of [this.#outgoing, this.#incoming]) session?.dispatch(event);
    this.#ribs.close();
  }

  /** A connection that the peer opened; undefined if it is not wanted. */
  accept(connection: Connection): ConnectionHandlers | undefined {
    if (this.#closed || this.config.shutdown || connection.interface !== this.config.interface) return undefined;
    // RFC 4724 4.2: a peer with graceful restart that connects anew has lost the session that we still see. Right after
    // it came up, though, this is the peer's own attempt of the same moment: a collision.
    const upForMs = this.#shared.clock.wallMs() - this.#shown.sinceMs;
    if (this.#restarts && upForMs >= COLLISION_MS) {
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

  /** The link to the peer is gone: no need to wait for the hold time (as FRR's fast external failover). */
  linkDown(reason: string): void {
    for (const session of [this.#outgoing, this.#incoming]) session?.dispatch({ type: "TcpConnectionFails", reason });
  }

  /** The peer does graceful restart, of at least one family. */
  get #restarts(): boolean {
    return (this.#ribs.peerRestart?.families.length ?? 0) > 0;
  }

  /** As configured, or as the peer said last. */
  get #asn(): Asn | undefined {
    const { asn } = this.config;
    if (typeof asn === "number") return asn;
    return asn === "internal" ? this.#local.asn : this.#ribs.peerAsn;
  }

  get ribs(): PeerRibs {
    return this.#ribs;
  }

  summary(): PeerSummary {
    const families = this.#ribs.summaries();
    const total = (count: (family: FamilySummary) => number) => families.reduce((sum, it) => sum + count(it), 0);
    const { state, sinceMs, lastError = this.#established ? undefined : this.#outgoing.hint } = this.#shown;
    const agreed = this.#established && this.#agreed;
    const localAddress = this.#established?.localAddress;
    const live = [this.#outgoing, this.#incoming].map((session) => session?.counters);
    return {
      peer: peerKeyOf(this.config),
      address: this.config.address,
      asn: this.#asn,
      state,
      sinceMs,
      families,
      routesIn: total((it) => it.routesIn),
      staleRoutes: total((it) => it.staleRoutes),
      routesOut: total((it) => it.routesOut),
      rejected: sumOf(families.map((it) => it.rejected)),
      messagesIn: live.reduce((sum, it) => sum + (it?.messagesIn ?? 0), this.#messages.in),
      messagesOut: live.reduce((sum, it) => sum + (it?.messagesOut ?? 0), this.#messages.out),
      malformed: { ...this.#malformed },
      sessions: this.#sessions,
      ...(agreed && {
        peerRouterId: agreed.peerRouterId,
        ...(agreed.peerHostName !== undefined && { peerHostName: agreed.peerHostName }),
        holdTimeSec: agreed.holdTimeSec,
        keepaliveSec: keepaliveIntervalMs(agreed, fsmConfigOf(this.config, "active")) / 1000,
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
      update: (update) => this.#ribs.update(update),
      routeRefresh: (refresh) => this.#ribs.routeRefresh(refresh),
      malformed: (malformed) => {
        this.#malformed[malformed.severity]++;
        this.#on.malformed(malformed);
      },
      readEnd: () => this.#ribs.tell(),
      drained: () => this.#ribs.pump(),
    };
    const key = peerKeyOf(this.config);
    const peer = { key, address, asn, port, localAddress, interface: link, hopLimit: hopLimitOf(this.config) };
    const config = { local: () => this.#localEnd(), peer, fsm: fsmConfigOf(this.config, role) };
    const session: Session = new Session(this.#shared, config, handlers);
    return session;
  }

  #localEnd(): LocalEnd {
    const { clock, restart, startedMs, hostName } = this.#shared;
    const { holdTimeSec = DEFAULT_HOLD_TIME_SEC, role, strictRole, families, longLived } = this.config;
    const first = this.#sessions === 0 && clock.nowMs() - startedMs < (restart?.timeSec ?? 0) * 1000;
    return {
      ...this.#local,
      holdTimeSec,
      families,
      role,
      strictRole,
      hostName,
      longLived,
      restart: restart && {
        timeSec: restart.timeSec,
        restarted: first,
        preserved: restart.preserved || !first,
      },
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
    this.#wait.end();
    this.#sessions++;
    if (other) this.#dump(other);
    this.#ribs.up(session, agreed);
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
      if (!this.#closed) this.#ribs.down(reason);
      if (!this.#closed && this.config.passive) this.#wait.begin();
    }
    if (session === this.#outgoing || !this.#parked || this.#closed) return;
    this.#parked = false;
    if (!this.config.passive) this.#outgoing.dispatch({ type: "AutomaticStart" });
  }

  /** A passive peer that does not come, and why. */
  #unheard(hint: string): void {
    this.#shown = { ...this.#shown, lastError: hint };
    this.#saidDetail = hint;
    this.#on.state(this.#shown.state, hint);
  }

  /** What the peer was offered and does not offer, in words; undefined if there is nothing. */
  #missing(): string | undefined {
    const missing = this.#ribs.summaries().flatMap(({ family, agreed }) => (agreed ? [] : [FAMILIES[family].title]));
    return missing.length > 0 ? `without ${missing.join(" and ")}, which the peer does not offer` : undefined;
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
    this.#on.state(state, detail ?? (state === "Established" ? this.#missing() : undefined));
  }
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [key, count] of counts.flatMap((it) => Object.entries(it))) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}

function describeShutdown({ reason }: NonNullable<PeerConfig["shutdown"]>): string {
  return reason === undefined ? "administratively shut down" : `administratively shut down: ${JSON.stringify(reason)}`;
}
