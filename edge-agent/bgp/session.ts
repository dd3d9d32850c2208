// One connection to a peer: the loop that feeds octets and timers to the state machine and does what it says. Decisions of
// the protocol are in fsm.ts, negotiation.ts and wire/; here is only their plumbing.

import { assertNever } from "../../shared/assert.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Clock, Random } from "../clock.ts";
import {
  type Action,
  type DownReason,
  type Event,
  type FsmConfig,
  INITIAL_STATE,
  NO_ANSWER,
  type State,
  step,
} from "./fsm.ts";
import { DEFAULT_FAMILIES, FAMILIES } from "./family.ts";
import { type LocalEnd, localOpen, type Negotiated, negotiate, type RemoteAs } from "./negotiation.ts";
import type { SessionObserver } from "./observer.ts";
import type { Connection, ConnectionHandlers, HopLimit, Transport } from "./ports.ts";
import type { PeerKey } from "./route.ts";
import { SessionTimers } from "./session-timers.ts";
import type { UpdateContext } from "./wire/attribute-table.ts";
import { Framer } from "./wire/framer.ts";
import { toHex } from "./wire/hex.ts";
import { ErrorCode, OpenSubcode, RefreshSubcode, RefreshSubtype } from "./wire/iana.ts";
import { decodeMessage, encodeMessage, type Message } from "./wire/message.ts";
import type { MessageError, Notification } from "./wire/notification.ts";
import { type DecodedUpdate, decodeUpdate } from "./wire/update.ts";

export type SessionConfig = {
  /** Asked for each OPEN: what it says of restarts changes. */
  readonly local: () => LocalEnd;
  readonly peer: {
    readonly address: IpAddress;
    readonly asn: RemoteAs;
    readonly key: PeerKey;
    readonly port: number;
    readonly localAddress?: IpAddress | undefined;
    readonly interface?: string | undefined;
    readonly hopLimit?: HopLimit | undefined;
  };
  readonly fsm: FsmConfig;
};

/** A message with a fault: what it led to, and its octets for the log. */
export type Malformed = {
  readonly severity: "attribute-discard" | "treat-as-withdraw" | "session-reset";
  readonly code: number;
  readonly subcode: number;
  readonly reason: string;
  /** The message's first octets, without the marker. */
  readonly hex: string;
};

/** The body of a ROUTE-REFRESH (RFC 2918, 7313). */
export type RouteRefresh = { readonly afi: number; readonly safi: number; readonly subtype: number };

export type SessionHandlers = {
  /** The state has changed; for a move away from a connection, `reason` says why. */
  changed(state: State, reason: DownReason | undefined): void;
  update(update: DecodedUpdate): void;
  routeRefresh(refresh: RouteRefresh): void;
  malformed(malformed: Malformed): void;
  /** Everything that was read at a time has been handled. */
  readEnd(): void;
  /** More may be sent now. */
  drained(): void;
};

export type SessionDeps = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer?: SessionObserver | undefined;
};

/** What a log shows of a malformed message. */
const HEX_EXCERPT_OCTETS = 128;
const MARKER_OCTETS = 16;
/** A ROUTE-REFRESH with nothing but its family. */
const REFRESH_OCTETS = 23;
const NO_OCTETS = new Uint8Array(0);

export class Session {
  readonly #deps: SessionDeps;
  readonly #config: SessionConfig;
  readonly #on: SessionHandlers;
  readonly #timers: SessionTimers;
  readonly #queue: Event[] = [];
  #running = false;
  #state: State = INITIAL_STATE;
  #connection: Connection | undefined;
  #framer = new Framer();
  #writable = false;
  /** Of the connection closed last: why the peer may not have been heard. */
  #hint: string | undefined;
  readonly #counters = { messagesIn: 0, messagesOut: 0 };
  /** Of the present connection, for the observer. */
  readonly #opens: { sent: Uint8Array; received: Uint8Array } = { sent: NO_OCTETS, received: NO_OCTETS };

  constructor(deps: SessionDeps, config: SessionConfig, on: SessionHandlers) {
    this.#deps = deps;
    this.#config = config;
    this.#on = on;
    this.#timers = new SessionTimers(deps, (timer) => this.dispatch({ type: `${timer}_Expires` }));
  }

  get state(): State {
    return this.#state;
  }

  get counters(): Readonly<{ messagesIn: number; messagesOut: number }> {
    return this.#counters;
  }

  get localAddress(): IpAddress | undefined {
    return this.#connection?.localAddress;
  }

  /** Why the peer may not be heard. */
  get hint(): string | undefined {
    return this.#connection?.hint?.();
  }

  /** False while the connection has enough to send. */
  get writable(): boolean {
    return this.#writable;
  }

  /** Feeds an event; events that arise meanwhile wait their turn. */
  dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#take(next);
    } finally {
      this.#running = false;
    }
  }

  /** Takes over a connection that the peer opened; undefined if it cannot be protected as the peer wants it. */
  adopt(connection: Connection): ConnectionHandlers | undefined {
    const { hopLimit } = this.#config.peer;
    const unlimited = hopLimit && (connection.limitHops ? connection.limitHops(hopLimit) : "not supported");
    if (unlimited !== undefined) return undefined;
    this.dispatch({ type: "AutomaticStart" });
    this.#open(connection);
    const handlers = this.#handlersOf(() => connection);
    handlers.connected();
    return handlers;
  }

  /** Sends a whole message; only in Established. */
  send(octets: Uint8Array): void {
    if (!this.#connection) return;
    this.#counters.messagesOut++;
    this.#writable = this.#connection.write(octets);
  }

  #take(event: Event): void {
    const before = this.#state;
    const { state, actions } = step(before, event, this.#config.fsm);
    this.#state = state;
    let reason: DownReason | undefined;
    for (const action of actions) {
      if (action.type === "session-down") reason = withHint(action.reason, this.#hint);
      else this.#perform(action);
    }
    this.#observe(before, state, reason);
    if (state.name !== before.name || reason) this.#on.changed(state, reason);
  }

  #observe(before: State, state: State, reason: DownReason | undefined): void {
    const { observer } = this.#deps;
    if (!observer || before.name === state.name) return;
    const { key, address } = this.#config.peer;
    if (before.name === "Established") observer.down(key, reason ?? { kind: "stopped" });
    if (state.name !== "Established") return;
    observer.established(key, {
      remoteAddress: address,
      agreed: state.agreed,
      localAddress: this.#connection?.localAddress,
      localPort: this.#connection?.localPort,
      remotePort: this.#connection?.remotePort,
      sentOpen: this.#opens.sent,
      receivedOpen: this.#opens.received,
      requestRoutes: () => this.#requestRoutes(),
    });
  }

  #requestRoutes(): void {
    if (this.#state.name !== "Established" || !this.#state.agreed.routeRefresh) return;
    for (const name of this.#state.agreed.families) {
      const { afi, safi } = FAMILIES[name];
      this.#sendMessage({ type: "ROUTE-REFRESH", afi, safi, subtype: RefreshSubtype.REQUEST });
    }
  }

  #perform(action: Exclude<Action, { type: "session-down" }>): void {
    switch (action.type) {
      case "connect":
        return this.#connect();
      case "send-open":
        this.#opens.sent = encodeMessage({
          type: "OPEN",
          open: localOpen(this.#config.local(), this.#config.peer.asn),
        });
        return this.send(this.#opens.sent);
      case "send-keepalive":
        return this.#sendMessage({ type: "KEEPALIVE" });
      case "send-notification":
        return this.#sendMessage({ type: "NOTIFICATION", notification: action.notification });
      case "close-connection":
        return this.#close();
      case "start-timer":
        return this.#timers.start(action);
      case "stop-timer":
        return this.#timers.stop(action.timer);
      case "accept-update":
        return this.#on.update(action.update);
      case "accept-route-refresh":
        return this.#on.routeRefresh(action);
      default:
        return assertNever(action);
    }
  }

  #connect(): void {
    const { address, port, localAddress, interface: link, hopLimit } = this.#config.peer;
    let connection: Connection | undefined;
    const handlers = this.#handlersOf(() => connection);
    connection = this.#deps.transport.connect({ address, port, localAddress, interface: link, hopLimit }, handlers);
    this.#open(connection);
  }

  #open(connection: Connection): void {
    this.#connection = connection;
    this.#framer = new Framer();
    this.#writable = true;
  }

  #close(): void {
    this.#hint = this.#connection?.hint?.();
    this.#connection?.close();
    this.#connection = undefined;
    this.#writable = false;
  }

  /** Handlers that fall silent when the session has moved on to another connection, or to none. */
  #handlersOf(connection: () => Connection | undefined): ConnectionHandlers {
    const current = (): boolean => this.#connection !== undefined && this.#connection === connection();
    return {
      connected: () => {
        if (current())
          this.dispatch({ type: this.#config.fsm.role === "active" ? "Tcp_CR_Acked" : "TcpConnectionConfirmed" });
      },
      data: (octets) => {
        if (!current()) return;
        this.#framer.push(
          octets,
          (message) => {
            this.#receive(message);
            return current();
          },
          (error, rest) => {
            this.#report(error, rest);
            this.dispatch({ type: "BGPHeaderErr", notification: error.error, reason: error.reason });
          },
        );
        this.#on.readEnd();
      },
      drained: () => {
        if (!current()) return;
        this.#writable = true;
        this.#on.drained();
      },
      closed: (reason) => {
        if (current()) this.dispatch({ type: "TcpConnectionFails", reason });
      },
    };
  }

  #receive(octets: Uint8Array): void {
    this.#counters.messagesIn++;
    const message = decodeMessage(octets);
    if ("error" in message) {
      this.#report(message, octets);
      const type = message.error.code === ErrorCode.OPEN_MESSAGE ? "BGPOpenMsgErr" : "BGPHeaderErr";
      return this.dispatch({ type, notification: message.error, reason: message.reason });
    }
    switch (message.type) {
      case "OPEN": {
        this.#opens.received = octets.slice();
        const agreed = negotiate(this.#config.local(), this.#config.peer.asn, message.open);
        if ("error" in agreed) {
          this.#report(agreed, octets);
          return this.dispatch({ type: "BGPOpenMsgErr", notification: agreed.error, reason: agreed.reason });
        }
        if (this.#state.name === "OpenSent") this.#framer.maxOctets = agreed.maxMessageOctets;
        return this.dispatch({ type: "BGPOpen", agreed });
      }
      case "KEEPALIVE":
        return this.dispatch({ type: "KeepAliveMsg" });
      case "NOTIFICATION": {
        const { notification } = message;
        return this.dispatch({ type: isVersionError(notification) ? "NotifMsgVerErr" : "NotifMsg", notification });
      }
      case "ROUTE-REFRESH":
        return this.#receiveRefresh(message, octets);
      case "UPDATE":
        return this.#receiveUpdate(message.body, octets);
      default:
        return assertNever(message);
    }
  }

  #receiveRefresh({ afi, safi, subtype }: RouteRefresh, octets: Uint8Array): void {
    const enhanced = "agreed" in this.#state && this.#state.agreed.enhancedRouteRefresh;
    // RFC 7313 section 5: marks have no more than the family; a request may bring filters (RFC 5291).
    if (enhanced && subtype !== RefreshSubtype.REQUEST && octets.length !== REFRESH_OCTETS) {
      const subcode = RefreshSubcode.INVALID_MESSAGE_LENGTH;
      const notification = { code: ErrorCode.ROUTE_REFRESH, subcode, data: octets.slice() };
      const reason = `ROUTE-REFRESH of ${octets.length} octets`;
      this.#report({ error: notification, reason }, octets);
      return this.dispatch({ type: "RouteRefreshMsgErr", notification, reason });
    }
    this.dispatch({ type: "RouteRefreshMsg", afi, safi, subtype });
  }

  #receiveUpdate(body: Uint8Array, octets: Uint8Array): void {
    const agreed = "agreed" in this.#state ? this.#state.agreed : undefined;
    const update = decodeUpdate(body, updateContext(agreed));
    if (update.severity === "session-reset") {
      const notification = { code: ErrorCode.UPDATE_MESSAGE, subcode: update.subcode, data: update.data };
      this.#report({ error: notification, reason: update.reason }, octets);
      return this.dispatch({ type: "UpdateMsgErr", notification, reason: update.reason });
    }
    const worst = update.faults.find(({ severity }) => severity === update.severity);
    if (worst) {
      // One message, however many faults it has: what it leads to is that of the worst one (RFC 7606 3.h).
      const reason = update.faults.map((fault) => fault.reason).join("; ");
      const hex = toHex(octets.subarray(MARKER_OCTETS), HEX_EXCERPT_OCTETS);
      const { severity, subcode } = worst;
      this.#on.malformed({ severity, code: ErrorCode.UPDATE_MESSAGE, subcode, reason, hex });
    }
    if (this.#state.name === "Established") {
      this.#deps.observer?.update(this.#config.peer.key, octets, update);
    }
    this.dispatch({ type: "UpdateMsg", update });
  }

  #report({ error, reason }: MessageError, octets: Uint8Array): void {
    const { code, subcode } = error;
    // A broken marker is worth seeing.
    const shown = code === ErrorCode.MESSAGE_HEADER ? octets : octets.subarray(MARKER_OCTETS);
    this.#on.malformed({ severity: "session-reset", code, subcode, reason, hex: toHex(shown, HEX_EXCERPT_OCTETS) });
  }

  #sendMessage(message: Message): void {
    this.send(encodeMessage(message));
  }
}

function updateContext(agreed: Negotiated | undefined): UpdateContext {
  const { asOctets = 4, internal = false, families = DEFAULT_FAMILIES } = agreed ?? {};
  return { asOctets, internal, families };
}

/** Silence may have a reason that the kernel knows. */
function withHint(reason: DownReason, hint: string | undefined): DownReason {
  const silence = reason.kind === "connection" ? reason.reason === NO_ANSWER.reason : isHoldTimerExpired(reason);
  return hint !== undefined && silence && "reason" in reason
    ? { ...reason, reason: `${reason.reason}; ${hint}` }
    : reason;
}

function isHoldTimerExpired(reason: DownReason): boolean {
  return reason.kind === "sent" && reason.notification.code === ErrorCode.HOLD_TIMER_EXPIRED;
}

function isVersionError({ code, subcode }: Notification): boolean {
  return code === ErrorCode.OPEN_MESSAGE && subcode === OpenSubcode.UNSUPPORTED_VERSION;
}
