// The finite state machine of RFC 4271 section 8 for one connection, as a total pure function. State and event names are
// the RFC's. Timers are actions and their expiries are events; there is no clock, socket or message here.
//
// Options: AllowAutomaticStart and DampPeerOscillations are on, PassiveTcpEstablishment is the role, DelayOpen is off.
// Where this deviates: a NOTIFICATION is never answered with one (RFC 4271 6.4 forbids it, 8.2.2 asks for it in
// OpenSent); header errors are named as such in Established too (6.1); ROUTE-REFRESH is an event like UPDATE (RFC 2918).
// Collisions are between two machines, so their driver decides (6.8) and sends OpenCollisionDump.

import { assertNever } from "../../shared/assert.ts";
import type { Negotiated } from "./negotiation.ts";
import { CeaseSubcode, ErrorCode, FsmSubcode } from "./wire/iana.ts";
import type { Notification } from "./wire/notification.ts";
import type { DecodedUpdate } from "./wire/update.ts";

/** All durations are before jitter. */
export type FsmConfig = {
  /** `active` opens the connection; `passive` is given one that the peer opened, and ends with it. */
  readonly role: "active" | "passive";
  /** After so long without an answer to a connect, connect anew. */
  readonly connectRetryMs: number;
  /** The first rest in Idle; doubles with each failure in a row up to `idleHoldMaxMs`. */
  readonly idleHoldMs: number;
  readonly idleHoldMaxMs: number;
  /** Wanted interval of KEEPALIVE; a third of the agreed hold time where that is less, or where this is absent. */
  readonly keepaliveMs?: number | undefined;
};

export type Timer = "ConnectRetryTimer" | "HoldTimer" | "KeepaliveTimer" | "IdleHoldTimer";

/** `connectRetryCounter` counts failures in a row; a session that lasts for a keepalive interval clears it. */
export type State =
  | { readonly name: "Idle"; readonly connectRetryCounter: number }
  | { readonly name: "Connect"; readonly connectRetryCounter: number }
  | { readonly name: "Active"; readonly connectRetryCounter: number }
  | { readonly name: "OpenSent"; readonly connectRetryCounter: number }
  | { readonly name: "OpenConfirm"; readonly connectRetryCounter: number; readonly agreed: Negotiated }
  | { readonly name: "Established"; readonly connectRetryCounter: number; readonly agreed: Negotiated };
export type StateName = State["name"];

export type Event =
  | { readonly type: "ManualStart" }
  /** `quiet`: without a NOTIFICATION, so that the peer keeps our routes (RFC 4724 section 4). */
  | { readonly type: "ManualStop"; readonly subcode?: number; readonly data?: Uint8Array; readonly quiet?: boolean }
  | { readonly type: "AutomaticStart" }
  /** `restMs` is how long to stay in Idle instead of the usual rest; "for good": until started again. */
  | {
      readonly type: "AutomaticStop";
      readonly subcode: number;
      readonly data?: Uint8Array;
      readonly reason?: string;
      readonly restMs?: number | "for good";
    }
  | { readonly type: "ConnectRetryTimer_Expires" }
  | { readonly type: "HoldTimer_Expires" }
  | { readonly type: "KeepaliveTimer_Expires" }
  | { readonly type: "IdleHoldTimer_Expires" }
  | { readonly type: "Tcp_CR_Acked" }
  | { readonly type: "TcpConnectionConfirmed" }
  | { readonly type: "TcpConnectionFails"; readonly reason: string }
  | { readonly type: "BGPOpen"; readonly agreed: Negotiated }
  | { readonly type: "BGPHeaderErr"; readonly notification: Notification; readonly reason: string }
  | { readonly type: "BGPOpenMsgErr"; readonly notification: Notification; readonly reason: string }
  | { readonly type: "OpenCollisionDump" }
  | { readonly type: "NotifMsgVerErr"; readonly notification: Notification }
  | { readonly type: "NotifMsg"; readonly notification: Notification }
  | { readonly type: "KeepAliveMsg" }
  | { readonly type: "UpdateMsg"; readonly update: DecodedUpdate }
  | { readonly type: "UpdateMsgErr"; readonly notification: Notification; readonly reason: string }
  | { readonly type: "RouteRefreshMsg"; readonly afi: number; readonly safi: number; readonly subtype: number }
  | { readonly type: "RouteRefreshMsgErr"; readonly notification: Notification; readonly reason: string };

/** Why a connection or a session ended. */
export type DownReason =
  | { readonly kind: "sent"; readonly notification: Notification; readonly reason: string }
  | { readonly kind: "received"; readonly notification: Notification }
  | { readonly kind: "connection"; readonly reason: string }
  | { readonly kind: "stopped" };

export type Action =
  | { readonly type: "connect" }
  | { readonly type: "send-open" }
  | { readonly type: "send-keepalive" }
  | { readonly type: "send-notification"; readonly notification: Notification }
  | { readonly type: "close-connection" }
  /** The driver shortens it by up to a quarter where `jitter` is set (RFC 4271 section 10). */
  | { readonly type: "start-timer"; readonly timer: Timer; readonly afterMs: number; readonly jitter: boolean }
  | { readonly type: "stop-timer"; readonly timer: Timer }
  /** Left Connect, Active, OpenSent, OpenConfirm or Established for Idle, lost the connection of OpenSent, or got no answer. */
  | { readonly type: "session-down"; readonly reason: DownReason }
  | { readonly type: "accept-update"; readonly update: DecodedUpdate }
  | { readonly type: "accept-route-refresh"; readonly afi: number; readonly safi: number; readonly subtype: number };

export type Step = { readonly state: State; readonly actions: readonly Action[] };

export const INITIAL_STATE: State = { name: "Idle", connectRetryCounter: 0 };

/** "A HoldTimer value of 4 minutes is suggested" (RFC 4271 8.2.2, Connect). */
const OPEN_HOLD_MS = 240_000;
const NO_DATA = new Uint8Array(0);
/** A connect that was neither taken nor refused. */
export const NO_ANSWER = { kind: "connection", reason: "no answer" } as const satisfies DownReason;

/** One transition. Total: every state takes every event. */
export function step(state: State, event: Event, config: FsmConfig): Step {
  switch (state.name) {
    case "Idle":
      return idle(state, event, config);
    case "Connect":
    case "Active":
      return connecting(state, event, config);
    case "OpenSent":
      return openSent(state, event, config);
    case "OpenConfirm":
      return openConfirm(state, event, config);
    case "Established":
      return established(state, event, config);
    default:
      return assertNever(state);
  }
}

function idle(state: State, event: Event, config: FsmConfig): Step {
  switch (event.type) {
    case "ManualStart":
      return start(0, config);
    case "AutomaticStart":
    case "IdleHoldTimer_Expires":
      return start(state.connectRetryCounter, config);
    case "ManualStop":
      return { state: INITIAL_STATE, actions: [{ type: "stop-timer", timer: "IdleHoldTimer" }] };
    case "OpenCollisionDump":
      return { state, actions: [{ type: "stop-timer", timer: "IdleHoldTimer" }] };
    default:
      return stay(state);
  }
}

function connecting(state: State, event: Event, config: FsmConfig): Step {
  switch (event.type) {
    case "ManualStart":
    case "AutomaticStart":
      return stay(state);
    case "ManualStop":
      return toIdle(state, { kind: "stopped" }, config);
    case "OpenCollisionDump":
      return toIdle(state, { kind: "stopped" }, config, { restart: false });
    case "ConnectRetryTimer_Expires":
      if (config.role === "passive") return stay(state);
      return {
        state: { name: "Connect", connectRetryCounter: state.connectRetryCounter },
        actions: [
          { type: "close-connection" },
          ...(state.name === "Connect" ? [{ type: "session-down", reason: NO_ANSWER } as const] : []),
          connectRetry(config),
          { type: "connect" },
        ],
      };
    case "Tcp_CR_Acked":
    case "TcpConnectionConfirmed":
      return {
        state: { name: "OpenSent", connectRetryCounter: state.connectRetryCounter },
        actions: [
          { type: "stop-timer", timer: "ConnectRetryTimer" },
          { type: "send-open" },
          { type: "start-timer", timer: "HoldTimer", afterMs: OPEN_HOLD_MS, jitter: false },
        ],
      };
    case "TcpConnectionFails":
      // An unreachable peer is no failure of the peer: the rest in Idle does not grow with it.
      return toIdle(state, { kind: "connection", reason: event.reason }, config);
    case "NotifMsgVerErr":
    case "NotifMsg":
      return fail(state, { kind: "received", notification: event.notification }, config);
    default:
      return fail(state, { kind: "connection", reason: `${event.type} in ${state.name}` }, config);
  }
}

function openSent(state: State, event: Event, config: FsmConfig): Step {
  switch (event.type) {
    case "TcpConnectionFails":
      // The only way back to Active: the peer may now connect to us, and our timer to it. Not counted as a failure (8.2.2):
      // GoBGP closes so for 5 s after each session, and the rest after the next one would be long for it.
      return {
        state: { name: "Active", connectRetryCounter: state.connectRetryCounter },
        actions: [
          { type: "close-connection" },
          { type: "stop-timer", timer: "HoldTimer" },
          ...(config.role === "active" ? [connectRetry(config)] : []),
          { type: "session-down", reason: { kind: "connection", reason: event.reason } },
        ],
      };
    case "BGPOpen": {
      const { agreed } = event;
      return {
        state: { name: "OpenConfirm", connectRetryCounter: state.connectRetryCounter, agreed },
        actions: [
          { type: "stop-timer", timer: "ConnectRetryTimer" },
          { type: "send-keepalive" },
          ...(agreed.holdTimeSec > 0
            ? [keepaliveTimer(agreed, config), holdTimer(agreed)]
            : [{ type: "stop-timer", timer: "HoldTimer" } as const]),
        ],
      };
    }
    default:
      return openedSession(state, event, config, FsmSubcode.IN_OPEN_SENT);
  }
}

function openConfirm(state: State & { name: "OpenConfirm" }, event: Event, config: FsmConfig): Step {
  const { agreed, connectRetryCounter } = state;
  switch (event.type) {
    case "KeepaliveTimer_Expires":
      return { state, actions: [{ type: "send-keepalive" }, ...withHoldTime(agreed, keepaliveTimer(agreed, config))] };
    case "KeepAliveMsg":
      return {
        state: { name: "Established", connectRetryCounter, agreed },
        actions: withHoldTime(agreed, holdTimer(agreed)),
      };
    default:
      return openedSession(state, event, config, FsmSubcode.IN_OPEN_CONFIRM);
  }
}

function established(state: State & { name: "Established" }, event: Event, config: FsmConfig): Step {
  const { agreed } = state;
  switch (event.type) {
    case "KeepaliveTimer_Expires":
      return {
        state: { ...state, connectRetryCounter: 0 },
        actions: [{ type: "send-keepalive" }, ...withHoldTime(agreed, keepaliveTimer(agreed, config))],
      };
    case "KeepAliveMsg":
      return { state, actions: withHoldTime(agreed, holdTimer(agreed)) };
    case "UpdateMsg":
      return {
        state,
        actions: [...withHoldTime(agreed, holdTimer(agreed)), { type: "accept-update", update: event.update }],
      };
    case "RouteRefreshMsg": {
      const { afi, safi, subtype } = event;
      return {
        state,
        actions: [...withHoldTime(agreed, holdTimer(agreed)), { type: "accept-route-refresh", afi, safi, subtype }],
      };
    }
    case "UpdateMsgErr":
    case "RouteRefreshMsgErr":
      return notify(state, event.notification, event.reason, config);
    default:
      return openedSession(state, event, config, FsmSubcode.IN_ESTABLISHED);
  }
}

/** What OpenSent, OpenConfirm and Established share: an OPEN was sent, so the end is told by NOTIFICATION. */
function openedSession(state: State, event: Event, config: FsmConfig, unexpected: number): Step {
  switch (event.type) {
    case "ManualStart":
    case "AutomaticStart":
      return stay(state);
    case "ManualStop": {
      const { subcode = CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, data = NO_DATA, quiet } = event;
      const notification = { code: ErrorCode.CEASE, subcode, data };
      const idle = toIdle(state, { kind: "stopped" }, config);
      if (quiet) return idle;
      return { ...idle, actions: [{ type: "send-notification", notification }, ...idle.actions] };
    }
    case "AutomaticStop": {
      const { subcode, data = NO_DATA, reason = "stopped by the speaker", restMs } = event;
      const notification = { code: ErrorCode.CEASE, subcode, data };
      return notify(state, notification, reason, config, restMs);
    }
    case "HoldTimer_Expires":
      return notify(state, { code: ErrorCode.HOLD_TIMER_EXPIRED, subcode: 0, data: NO_DATA }, "peer is silent", config);
    case "BGPHeaderErr":
    case "BGPOpenMsgErr":
      return notify(state, event.notification, event.reason, config);
    case "OpenCollisionDump": {
      const notification = cease(CeaseSubcode.CONNECTION_COLLISION);
      const reason = { kind: "sent", notification, reason: "another connection to this peer stays" } as const;
      const idle = toIdle(state, reason, config, { restart: false });
      return { ...idle, actions: [{ type: "send-notification", notification }, ...idle.actions] };
    }
    case "TcpConnectionFails":
      return fail(state, { kind: "connection", reason: event.reason }, config);
    case "NotifMsgVerErr":
    case "NotifMsg":
      return fail(state, { kind: "received", notification: event.notification }, config);
    case "Tcp_CR_Acked":
    case "TcpConnectionConfirmed":
      return stay(state); // a second connection is a second machine
    case "ConnectRetryTimer_Expires":
    case "IdleHoldTimer_Expires":
    case "KeepaliveTimer_Expires":
    case "BGPOpen":
    case "KeepAliveMsg":
    case "UpdateMsg":
    case "UpdateMsgErr":
    case "RouteRefreshMsg":
    case "RouteRefreshMsgErr": {
      const notification = { code: ErrorCode.FINITE_STATE_MACHINE, subcode: unexpected, data: NO_DATA };
      return notify(state, notification, `${event.type} in ${state.name}`, config);
    }
    default:
      return assertNever(event);
  }
}

function start(connectRetryCounter: number, config: FsmConfig): Step {
  const stop: Action = { type: "stop-timer", timer: "IdleHoldTimer" };
  if (config.role === "passive") return { state: { name: "Active", connectRetryCounter }, actions: [stop] };
  return {
    state: { name: "Connect", connectRetryCounter },
    actions: [stop, connectRetry(config), { type: "connect" }],
  };
}

function notify(
  state: State,
  notification: Notification,
  reason: string,
  config: FsmConfig,
  restMs?: number | "for good",
): Step {
  const failed = fail(state, { kind: "sent", notification, reason }, config, restMs);
  return { ...failed, actions: [{ type: "send-notification", notification }, ...failed.actions] };
}

/** To Idle for a fault: the counter grows, and with it the rest. */
function fail(state: State, reason: DownReason, config: FsmConfig, restMs?: number | "for good"): Step {
  const failed = { ...state, connectRetryCounter: state.connectRetryCounter + 1 };
  return toIdle(failed, reason, config, {
    restart: restMs !== "for good",
    ...(typeof restMs === "number" && { restMs }),
  });
}

function toIdle(
  state: State,
  reason: DownReason,
  config: FsmConfig,
  { restart = true, restMs }: { readonly restart?: boolean; readonly restMs?: number } = {},
): Step {
  const connectRetryCounter = reason.kind === "stopped" && restart ? 0 : state.connectRetryCounter;
  const restarts = restart && reason.kind !== "stopped" && config.role === "active";
  const doublings = Math.min(20, Math.max(0, connectRetryCounter - 1));
  const afterMs = restMs ?? Math.min(config.idleHoldMaxMs, config.idleHoldMs * 2 ** doublings);
  return {
    state: { name: "Idle", connectRetryCounter },
    actions: [
      { type: "close-connection" },
      { type: "stop-timer", timer: "ConnectRetryTimer" },
      { type: "stop-timer", timer: "HoldTimer" },
      { type: "stop-timer", timer: "KeepaliveTimer" },
      restarts
        ? { type: "start-timer", timer: "IdleHoldTimer", afterMs, jitter: restMs === undefined }
        : { type: "stop-timer", timer: "IdleHoldTimer" },
      { type: "session-down", reason },
    ],
  };
}

function stay(state: State): Step {
  return { state, actions: [] };
}

function cease(subcode: number): Notification {
  return { code: ErrorCode.CEASE, subcode, data: NO_DATA };
}

function connectRetry(config: FsmConfig): Action {
  return { type: "start-timer", timer: "ConnectRetryTimer", afterMs: config.connectRetryMs, jitter: true };
}

function holdTimer(agreed: Negotiated): Action {
  return { type: "start-timer", timer: "HoldTimer", afterMs: agreed.holdTimeSec * 1000, jitter: false };
}

/** Before jitter: what is configured, and at most a third of the agreed hold time (RFC 4271 4.4 and section 10). */
export function keepaliveIntervalMs(
  { holdTimeSec }: Pick<Negotiated, "holdTimeSec">,
  { keepaliveMs = Number.POSITIVE_INFINITY }: Pick<FsmConfig, "keepaliveMs">,
): number {
  return Math.min(keepaliveMs, (holdTimeSec * 1000) / 3);
}

function keepaliveTimer(agreed: Negotiated, config: FsmConfig): Action {
  return { type: "start-timer", timer: "KeepaliveTimer", afterMs: keepaliveIntervalMs(agreed, config), jitter: true };
}

/** `timer` if there is a hold time, without which no timers exist (RFC 4271 4.4). */
function withHoldTime(agreed: Negotiated, timer: Action): Action[] {
  return agreed.holdTimeSec > 0 ? [timer] : [];
}
