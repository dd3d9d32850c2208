// The whole grid of states and events of the state machine, its invariants, and the transitions worth naming.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ipv4 } from "../../../shared/address/ip.ts";
import {
  type Action,
  type Event,
  type FsmConfig,
  INITIAL_STATE,
  type State,
  step,
  type Timer,
} from "../../../edge-agent/bgp/fsm.ts";
import type { Negotiated } from "../../../edge-agent/bgp/negotiation.ts";
import type { DecodedUpdate } from "../../../edge-agent/bgp/wire/update.ts";

const ACTIVE: FsmConfig = { role: "active", connectRetryMs: 1000, idleHoldMs: 800, idleHoldMaxMs: 30_000 };
const PASSIVE: FsmConfig = { ...ACTIVE, role: "passive" };
const NO_DATA = new Uint8Array(0);

const agreed: Negotiated = {
  peerAsn: 65000,
  peerRouterId: "192.0.2.1" as Ipv4,
  internal: true,
  asOctets: 4,
  routeRefresh: true,
  enhancedRouteRefresh: true,
  maxMessageOctets: 4096,
  holdTimeSec: 90,
  peerCapabilities: [],
  families: ["evpn"],
  extendedNextHop: false,
};
const silent: Negotiated = { ...agreed, holdTimeSec: 0 };
const update: DecodedUpdate = {
  severity: "ok",
  announced: [],
  withdrawn: [],
  attributes: {},
  unicast: [],
  endOfRib: undefined,
  ignored: 0,
  faults: [],
};

const STATES: readonly State[] = [
  { name: "Idle", connectRetryCounter: 2 },
  { name: "Connect", connectRetryCounter: 2 },
  { name: "Active", connectRetryCounter: 2 },
  { name: "OpenSent", connectRetryCounter: 2 },
  { name: "OpenConfirm", connectRetryCounter: 2, agreed },
  { name: "Established", connectRetryCounter: 2, agreed },
];

const notification = (code: number, subcode: number) => ({ code, subcode, data: NO_DATA });
const EVENTS: readonly Event[] = [
  { type: "ManualStart" },
  { type: "ManualStop" },
  { type: "AutomaticStart" },
  { type: "AutomaticStop", subcode: 4 },
  { type: "ConnectRetryTimer_Expires" },
  { type: "HoldTimer_Expires" },
  { type: "KeepaliveTimer_Expires" },
  { type: "IdleHoldTimer_Expires" },
  { type: "Tcp_CR_Acked" },
  { type: "TcpConnectionConfirmed" },
  { type: "TcpConnectionFails", reason: "reset" },
  { type: "BGPOpen", agreed },
  { type: "BGPHeaderErr", notification: notification(1, 1), reason: "marker" },
  { type: "BGPOpenMsgErr", notification: notification(2, 2), reason: "AS" },
  { type: "OpenCollisionDump" },
  { type: "NotifMsgVerErr", notification: notification(2, 1) },
  { type: "NotifMsg", notification: notification(6, 2) },
  { type: "KeepAliveMsg" },
  { type: "UpdateMsg", update },
  { type: "UpdateMsgErr", notification: notification(3, 9), reason: "attribute" },
  { type: "RouteRefreshMsg", afi: 25, safi: 70, subtype: 0 },
  { type: "RouteRefreshMsgErr", notification: notification(7, 1), reason: "length" },
];

/**
 * RFC 4271 8.2.2 as a table: the next state, and the NOTIFICATION that is sent, if any. `.` stays as it is.
 * Columns: Idle, Connect, Active, OpenSent, OpenConfirm, Established.
 */
const GRID: Record<Event["type"], readonly [string, string, string, string, string, string]> = {
  ManualStart: ["Connect", ".", ".", ".", ".", "."],
  ManualStop: [".", "Idle", "Idle", "Idle 6/2", "Idle 6/2", "Idle 6/2"],
  AutomaticStart: ["Connect", ".", ".", ".", ".", "."],
  AutomaticStop: [".", "Idle", "Idle", "Idle 6/4", "Idle 6/4", "Idle 6/4"],
  ConnectRetryTimer_Expires: [".", "Connect", "Connect", "Idle 5/1", "Idle 5/2", "Idle 5/3"],
  HoldTimer_Expires: [".", "Idle", "Idle", "Idle 4/0", "Idle 4/0", "Idle 4/0"],
  KeepaliveTimer_Expires: [".", "Idle", "Idle", "Idle 5/1", "OpenConfirm", "Established"],
  IdleHoldTimer_Expires: ["Connect", "Idle", "Idle", "Idle 5/1", "Idle 5/2", "Idle 5/3"],
  Tcp_CR_Acked: [".", "OpenSent", "OpenSent", ".", ".", "."],
  TcpConnectionConfirmed: [".", "OpenSent", "OpenSent", ".", ".", "."],
  TcpConnectionFails: [".", "Idle", "Idle", "Active", "Idle", "Idle"],
  BGPOpen: [".", "Idle", "Idle", "OpenConfirm", "Idle 5/2", "Idle 5/3"],
  BGPHeaderErr: [".", "Idle", "Idle", "Idle 1/1", "Idle 1/1", "Idle 1/1"],
  BGPOpenMsgErr: [".", "Idle", "Idle", "Idle 2/2", "Idle 2/2", "Idle 2/2"],
  OpenCollisionDump: [".", "Idle", "Idle", "Idle 6/7", "Idle 6/7", "Idle 6/7"],
  NotifMsgVerErr: [".", "Idle", "Idle", "Idle", "Idle", "Idle"],
  NotifMsg: [".", "Idle", "Idle", "Idle", "Idle", "Idle"],
  KeepAliveMsg: [".", "Idle", "Idle", "Idle 5/1", "Established", "Established"],
  UpdateMsg: [".", "Idle", "Idle", "Idle 5/1", "Idle 5/2", "Established"],
  UpdateMsgErr: [".", "Idle", "Idle", "Idle 5/1", "Idle 5/2", "Idle 3/9"],
  RouteRefreshMsg: [".", "Idle", "Idle", "Idle 5/1", "Idle 5/2", "Established"],
  RouteRefreshMsgErr: [".", "Idle", "Idle", "Idle 5/1", "Idle 5/2", "Idle 7/1"],
};

const cases = STATES.flatMap((state, column) => EVENTS.map((event) => ({ state, event, column })));
const types = (actions: readonly Action[]): string[] => actions.map((it) => it.type);
const stopped = (actions: readonly Action[]): Timer[] =>
  actions.flatMap((it) => (it.type === "stop-timer" ? [it.timer] : []));
const started = (actions: readonly Action[]): Timer[] =>
  actions.flatMap((it) => (it.type === "start-timer" ? [it.timer] : []));

describe("fsm: the grid of RFC 4271 8.2.2", () => {
  it("the grid: all states, all events", () => {
    expect(cases).toHaveLength(6 * Object.keys(GRID).length);
  });

  it.each(cases)("fsm: $state.name, $event.type -> as in the table", ({ state, event, column }) => {
    const next = step(state, event, ACTIVE);
    const sent = next.actions.find((it) => it.type === "send-notification")?.notification;
    const shown = `${next.state.name}${sent ? ` ${sent.code}/${sent.subcode}` : ""}`;
    const expected = GRID[event.type][column] as string;
    expect(shown).toBe(expected === "." ? state.name : expected);
    if (expected === ".") expect(types(next.actions).filter((it) => it !== "stop-timer")).toEqual([]);
  });
});

describe.each([{ config: ACTIVE }, { config: PASSIVE }])("fsm: invariants, $config.role", ({ config }) => {
  it.each(cases)("fsm: $state.name, $event.type", ({ state, event }) => {
    const frozen = JSON.stringify([state, event]);
    const { state: next, actions } = step(state, event, config);
    expect(JSON.stringify([state, event])).toBe(frozen);

    if (next.name === "Idle" && state.name !== "Idle") {
      expect(types(actions)).toContain("close-connection");
      expect(stopped(actions)).toEqual(expect.arrayContaining(["ConnectRetryTimer", "HoldTimer", "KeepaliveTimer"]));
      expect(types(actions)).toContain("session-down");
      expect(started(actions).filter((it) => it !== "IdleHoldTimer")).toEqual([]);
    }
    // Leaving Established is always told, and exactly once.
    if (state.name === "Established" && next.name !== "Established") {
      expect(types(actions).filter((it) => it === "session-down")).toHaveLength(1);
    }
    // A NOTIFICATION is the last thing sent before the connection is closed, and never an answer to one.
    if (types(actions).includes("send-notification")) {
      expect(types(actions).slice(0, 2)).toEqual(["send-notification", "close-connection"]);
      expect(event.type).not.toMatch(/^Notif/);
      expect(next.name).toBe("Idle");
    }
    // Nothing is sent where there is no connection.
    if (["Idle", "Connect", "Active"].includes(state.name) && next.name !== "OpenSent") {
      expect(types(actions).filter((it) => it.startsWith("send-"))).toEqual([]);
    }
    // Messages reach the RIBs in Established only, and RIBs exist only after both OPENs.
    if (types(actions).some((it) => it.startsWith("accept-")))
      expect([state.name, next.name]).toEqual(["Established", "Established"]);
    expect("agreed" in next).toBe(next.name === "OpenConfirm" || next.name === "Established");
    // The passive role never opens a connection, nor a timer that would.
    if (config.role === "passive") {
      expect(types(actions)).not.toContain("connect");
      expect(started(actions)).not.toContain("ConnectRetryTimer");
      expect(started(actions)).not.toContain("IdleHoldTimer");
    }
    for (const action of actions) if (action.type === "start-timer") expect(action.afterMs).toBeGreaterThan(0);
  });
});

describe("fsm: any sequence of events", () => {
  it.each([ACTIVE, PASSIVE])("$role -> connections and timers are never left behind", (config) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 80 }), (events) => {
        let state: State = INITIAL_STATE;
        let connection: "none" | "opening" | "open" = "none";
        const timers = new Set<Timer>();
        for (const event of events) {
          // Only what can happen: a timer that runs expires, a connection that is there fails or speaks.
          const timer = /^(\w+Timer)_Expires$/.exec(event.type)?.[1] as Timer | undefined;
          if (timer && !timers.delete(timer)) continue;
          if (event.type === "TcpConnectionFails" && connection === "none") continue;
          if (/Msg|BGP/.test(event.type) && connection !== "open") continue;
          if (/^Tcp.*(Acked|Confirmed)$/.test(event.type)) {
            const offered = config.role === "active" ? connection === "opening" : state.name === "Active";
            if (!offered) continue;
            connection = "open";
          }
          const next = step(state, event, config);
          for (const action of next.actions) {
            if (action.type.startsWith("send-")) expect(connection).toBe("open");
            if (action.type === "connect") {
              expect(connection).toBe("none");
              connection = "opening";
            } else if (action.type === "close-connection") connection = "none";
            else if (action.type === "start-timer") timers.add(action.timer);
            else if (action.type === "stop-timer") timers.delete(action.timer);
          }
          state = next.state;
          if (state.name === "Idle") {
            expect(connection).toBe("none");
            expect([...timers].filter((it) => it !== "IdleHoldTimer")).toEqual([]);
          }
          if (["OpenSent", "OpenConfirm", "Established"].includes(state.name)) {
            expect(connection).toBe("open");
            expect(timers).not.toContain("ConnectRetryTimer");
            expect(timers).not.toContain("IdleHoldTimer");
            // Something always ends a silent session.
            expect(timers).toContain("HoldTimer");
          }
          if (state.name === "Connect") expect(timers).toContain("ConnectRetryTimer");
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("fsm: times", () => {
  const idleHoldAfter = (state: State, event: Event): number | undefined =>
    step(state, event, ACTIVE).actions.flatMap((it) =>
      it.type === "start-timer" && it.timer === "IdleHoldTimer" ? [it.afterMs] : [],
    )[0];

  it("hold time 90 s -> keepalive every 30 s, hold timer 90 s (RFC 4271 section 10)", () => {
    const { actions } = step({ name: "OpenSent", connectRetryCounter: 0 }, { type: "BGPOpen", agreed }, ACTIVE);
    expect(actions).toContainEqual({ type: "start-timer", timer: "KeepaliveTimer", afterMs: 30_000, jitter: true });
    expect(actions).toContainEqual({ type: "start-timer", timer: "HoldTimer", afterMs: 90_000, jitter: false });
  });

  it("hold time 0 -> no timer at all in OpenConfirm and Established (RFC 4271 4.4)", () => {
    let state: State = { name: "OpenSent", connectRetryCounter: 0 };
    for (const event of [
      { type: "BGPOpen", agreed: silent },
      { type: "KeepAliveMsg" },
      { type: "UpdateMsg", update },
    ] as const) {
      const next = step(state, event, ACTIVE);
      expect(started(next.actions)).toEqual([]);
      if (event.type === "BGPOpen") expect(stopped(next.actions)).toContain("HoldTimer");
      state = next.state;
    }
    expect(state.name).toBe("Established");
  });

  it("OPEN sent -> four minutes for the peer's (RFC 4271 8.2.2)", () => {
    const { actions } = step({ name: "Connect", connectRetryCounter: 0 }, { type: "Tcp_CR_Acked" }, ACTIVE);
    expect(actions).toContainEqual({ type: "start-timer", timer: "HoldTimer", afterMs: 240_000, jitter: false });
  });

  it("failures in a row -> the rest in Idle doubles to its limit; an unreachable peer does not make it grow", () => {
    const failure: Event = { type: "UpdateMsgErr", notification: notification(3, 1), reason: "test" };
    const rests = [0, 1, 2, 3, 10].map((connectRetryCounter) =>
      idleHoldAfter({ name: "Established", connectRetryCounter, agreed }, failure),
    );
    expect(rests).toEqual([800, 1600, 3200, 6400, 30_000]);
    const unreachable = step(
      { name: "Connect", connectRetryCounter: 1 },
      { type: "TcpConnectionFails", reason: "" },
      ACTIVE,
    );
    expect(unreachable.state.connectRetryCounter).toBe(1);
    const closed = step(
      { name: "OpenSent", connectRetryCounter: 1 },
      { type: "TcpConnectionFails", reason: "" },
      ACTIVE,
    );
    expect(closed.state).toEqual({ name: "Active", connectRetryCounter: 1 });
  });

  it("a session that lives for a keepalive interval -> failures are forgotten", () => {
    const { state } = step(
      { name: "Established", connectRetryCounter: 5, agreed },
      { type: "KeepaliveTimer_Expires" },
      ACTIVE,
    );
    expect(state.connectRetryCounter).toBe(0);
  });

  it("stopped by an operator, or for another connection -> no restart by itself", () => {
    for (const type of ["ManualStop", "OpenCollisionDump"] as const) {
      for (const state of STATES) expect(idleHoldAfter(state, { type })).toBeUndefined();
    }
  });
});
