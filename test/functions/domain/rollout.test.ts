// The state machine of a rollout: every event in every state, and what must hold of each way through.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isOver,
  isUnderWay,
  LOOKED_AT_ONCE,
  type Rollout,
  type RolloutEvent,
  type RolloutState,
  step,
} from "../../../functions/domain/rollout.ts";
import { canaryFirst, concernOf } from "../../../functions/domain/rollout-canary.ts";

const NOW = Date.parse("2026-11-30T12:00:00.000Z");
const AT = new Date(NOW).toISOString();
const later = (sec: number) => new Date(NOW + sec * 1000).toISOString();
const write = (path: string) => ({ method: "PATCH" as const, path, body: "{}" });

function rolloutIn(state: RolloutState, more: Partial<Rollout> = {}): Rollout {
  return {
    id: "r",
    actor: { kind: "user", id: "jane" },
    scopes: ["read", "write"],
    waves: [{ writes: [write("/v1/hosts/h1"), write("/v1/hosts/h2")] }, { writes: [write("/v1/hosts/h3")] }],
    liveWithinSec: 60,
    pauseSec: 30,
    state,
    version: 1,
    createdAt: AT,
    updatedAt: AT,
    change: "c",
    ...more,
  };
}

const REASON = { kind: "failed" as const, text: "no", change: "c1", host: "h1" };
const STATES = {
  planned: { name: "planned" },
  first: { name: "running", wave: 0, write: 0, since: AT, pending: [] },
  last: { name: "running", wave: 1, write: 0, since: AT, pending: [] },
  receipts: { name: "waiting", wave: 0, until: later(60), pending: ["c1", "c2"] },
  lastReceipts: { name: "waiting", wave: 1, until: later(60), pending: ["c1"] },
  pause: { name: "waiting", wave: 0, until: later(30), pending: [] },
  refused: { name: "stopped", wave: 0, write: 0, pending: [], reason: { kind: "refused", text: "no", status: 409 } },
  failed: { name: "stopped", wave: 0, pending: ["c1", "c2"], reason: REASON },
  done: { name: "done" },
  abandoned: { name: "abandoned", wave: 0 },
} satisfies Record<string, RolloutState>;
type Name = keyof typeof STATES;

const done = (changes: string[], at = { wave: 0, write: 0 }): RolloutEvent => ({
  kind: "answered",
  ...at,
  answer: { kind: "done", status: 200, changes },
});
const EVENTS = {
  tick: { kind: "tick" },
  done: done(["c1"]),
  refused: { kind: "answered", wave: 0, write: 0, answer: { kind: "refused", status: 409, problem: "p", text: "no" } },
  later: { kind: "answered", wave: 0, write: 0, answer: { kind: "later", status: 503, text: "busy" } },
  live: { kind: "seen", seen: ["c1", "c2"].map((change) => ({ change, is: "live" as const })) },
  half: {
    kind: "seen",
    seen: [
      { change: "c1", is: "live" },
      { change: "c2", is: "waiting", text: "h2 offline" },
    ],
  },
  waiting: { kind: "seen", seen: ["c1", "c2"].map((change) => ({ change, is: "waiting" as const, text: "h2" })) },
  wrong: { kind: "seen", seen: [{ change: "c1", is: "failed", host: "h1", text: "no" }] },
  resume: { kind: "resume", skip: false },
  skip: { kind: "resume", skip: true },
  abandon: { kind: "abandon" },
} satisfies Record<string, RolloutEvent>;

/** What comes of each event in each state; what is not named changes nothing. */
const GRID: Record<Name, Partial<Record<keyof typeof EVENTS, RolloutState>>> = {
  planned: { tick: STATES.first, abandon: STATES.abandoned },
  first: {
    done: { ...STATES.first, write: 1, pending: ["c1"] },
    refused: {
      name: "stopped",
      wave: 0,
      write: 0,
      pending: [],
      reason: { kind: "refused", text: "no", status: 409, problem: "p" },
    },
    abandon: STATES.abandoned,
  },
  last: { abandon: { name: "abandoned", wave: 1 } },
  receipts: {
    live: { name: "waiting", wave: 0, until: later(30), pending: [] },
    half: { ...STATES.receipts, pending: ["c2"] },
    wrong: { name: "stopped", wave: 0, pending: ["c1", "c2"], reason: REASON },
    abandon: STATES.abandoned,
  },
  lastReceipts: {
    live: STATES.done,
    half: STATES.done,
    wrong: { name: "stopped", wave: 1, pending: ["c1"], reason: REASON },
    abandon: { name: "abandoned", wave: 1 },
  },
  pause: { abandon: STATES.abandoned },
  refused: {
    resume: STATES.first,
    skip: { ...STATES.first, write: 1 },
    abandon: STATES.abandoned,
  },
  failed: {
    resume: STATES.receipts,
    skip: { ...STATES.receipts, pending: ["c2"] },
    abandon: STATES.abandoned,
  },
  done: {},
  abandoned: {},
};

describe("rollout", () => {
  const grid = (Object.keys(STATES) as Name[]).flatMap((state) =>
    (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).map((event) => [state, event] as const),
  );
  it.each(grid)("rollout: %s, %s -> as the grid says", (state, event) => {
    const before = rolloutIn(STATES[state]);
    const { rollout } = step(before, EVENTS[event], NOW);
    const expected = GRID[state][event];
    if (expected) expect(rollout.state).toEqual(expected);
    else expect(rollout).toBe(before);
  });

  it("rollout: an answer of another write than the one that is due -> nothing", () => {
    const before = rolloutIn(STATES.first);
    expect(step(before, done(["c9"], { wave: 0, write: 1 }), NOW).rollout).toBe(before);
    expect(step(before, done(["c9"], { wave: 1, write: 0 }), NOW).rollout).toBe(before);
  });

  it("rollout: a write without an answer -> waited for as long as for receipts, then stopped", () => {
    const before = rolloutIn(STATES.first);
    expect(step(before, EVENTS.later, NOW + 59_999)).toEqual({ rollout: before, action: { do: "wait" } });
    expect(step(before, EVENTS.later, NOW + 60_000).rollout.state).toMatchObject({
      name: "stopped",
      write: 0,
      reason: { kind: "unanswered", status: 503, text: "busy" },
    });
  });

  it("rollout: not live within the time -> stopped with the change and the host; live at the last moment -> not", () => {
    const before = rolloutIn(STATES.receipts);
    const seen: RolloutEvent = { kind: "seen", seen: [{ change: "c2", is: "waiting", host: "h2", text: "offline" }] };
    expect(step(before, seen, NOW + 59_999).rollout.state).toMatchObject({ name: "waiting" });
    expect(step(before, seen, NOW + 60_000).rollout.state).toEqual({
      name: "stopped",
      wave: 0,
      pending: ["c1", "c2"],
      reason: { kind: "late", change: "c2", host: "h2", text: "offline" },
    });
    expect(step(before, EVENTS.live, NOW + 600_000).rollout.state).toMatchObject({ name: "waiting", pending: [] });
  });

  it("rollout: the pause -> waited out, then the next wave; no pause -> at once", () => {
    const before = rolloutIn(STATES.pause);
    expect(step(before, EVENTS.tick, NOW + 29_999)).toEqual({
      rollout: before,
      action: { do: "wait", untilMs: NOW + 30_000 },
    });
    const next = step(before, EVENTS.tick, NOW + 30_000);
    expect(next.rollout.state).toMatchObject({ name: "running", wave: 1, write: 0 });
    expect(next.action).toEqual({ do: "write", wave: 1, write: 0 });
    const hasty = step(rolloutIn(STATES.receipts, { pauseSec: 0 }), EVENTS.live, NOW);
    expect(hasty.rollout.state).toMatchObject({ name: "running", wave: 1, write: 0 });
  });

  it("rollout: more changes than are looked at in one go -> all have their turn", () => {
    const pending = Array.from({ length: 3 * LOOKED_AT_ONCE - 50 }, (_, n) => `c${n}`);
    let rollout = rolloutIn({ name: "waiting", wave: 1, until: later(60), pending });
    const looked = new Set<string>();
    for (let looks = 0; looks < 3; looks++) {
      const { action } = step(rollout, { kind: "tick" }, NOW);
      if (action.do !== "look") throw new Error(action.do);
      for (const change of action.changes) looked.add(change);
      const seen = action.changes.map((change) => ({ change, is: "waiting" as const, text: "h" }));
      ({ rollout } = step(rollout, { kind: "seen", seen }, NOW));
    }
    expect(looked.size).toBe(pending.length);
  });

  it("rollout: whatever happens in whatever order -> no write twice, none out of order, none after the end", () => {
    const event = fc.oneof(
      fc.constantFrom<RolloutEvent>(...Object.values(EVENTS)),
      fc.record({ wave: fc.nat(1), write: fc.nat(1) }).map((at) => done([`c${at.wave}${at.write}`], at)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(100_000)), { maxLength: 60 }), (events) => {
        let rollout = rolloutIn(STATES.planned);
        let nowMs = NOW;
        const place = ({ state }: Rollout) =>
          state.name === "running" ? state.wave * 10 + state.write : "wave" in state ? state.wave * 10 : 0;
        for (const [each, ms] of events) {
          nowMs += ms;
          const { rollout: after, action } = step(rollout, each, nowMs);
          if (isOver(rollout)) expect(after).toBe(rollout);
          if (after.state.name === "running" && rollout.state.name === "running") {
            expect(place(after)).toBeGreaterThanOrEqual(place(rollout));
          }
          if (action.do === "write") {
            expect(after.state).toMatchObject({ name: "running", wave: action.wave, write: action.write });
            expect(after.waves[action.wave]?.writes[action.write]?.result?.change).toBeUndefined();
          }
          if (!isUnderWay(after)) expect(action).toEqual({ do: "nothing" });
          rollout = after;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("canary hosts", () => {
  const asked = (method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: Record<string, unknown>) => ({
    method,
    path,
    body,
  });
  const stays = { network: "web", id: "vm1", at: "host" };
  it.each([
    [asked("PATCH", "/v1/hosts/h1", { bgp: {} }), ["h1"]],
    [asked("DELETE", "/v1/hosts/h1?cascade=true"), ["h1"]],
    [asked("POST", "/v1/hosts", { id: "h9" }), ["h9"]],
    [asked("POST", "/v1/networks/web/endpoints", { host: "h1" }), ["h1"]],
    [asked("PUT", "/v1/networks/web/endpoints/vm1", { host: "h2" }), ["h2"]],
    [asked("POST", "/v1/networks/web/endpoints/vm1:move", { host: "h2" }), ["h2"]],
    [asked("POST", "/v1/networks/web/endpoints/vm1:activateMove", {}), [{ ...stays, at: "next" }]],
    [asked("DELETE", "/v1/networks/web/endpoints/vm1"), [stays]],
    [
      asked("POST", "/v1/networks/web/endpoints:batch", {
        items: [
          { op: "put", endpoint: { host: "h1" } },
          { op: "delete", id: "vm1" },
        ],
      }),
      ["h1", stays],
    ],
    [asked("PATCH", "/v1/networks/web", { mtuBytes: 1400 }), []],
    [asked("PUT", "/v1/routers/core/prefixes/p", {}), []],
  ])("write %j -> concerns %j", (write, hosts) => {
    expect(concernOf(write)).toEqual(hosts);
  });

  it("canaries: their writes first, each in its order; one of both kinds or none -> said", () => {
    const [a, b, c, d] = ["h1", "h2", "h1", "web"].map((name) => asked("PATCH", `/v1/x/${name}`));
    if (!a || !b || !c || !d) throw new Error("four writes");
    const given = [
      { write: b, hosts: ["h2"] },
      { write: a, hosts: ["h1"] },
      { write: d, hosts: [] },
      { write: c, hosts: ["h1", "h1"] },
    ];
    expect(canaryFirst(given, new Set(["h1"]))).toEqual({
      kind: "waves",
      waves: [
        { name: "canary", writes: [a, c] },
        { name: "rest", writes: [b, d] },
      ],
    });
    expect(canaryFirst([...given, { write: d, hosts: ["h1", "h2"] }], new Set(["h1"]))).toEqual({
      kind: "mixed",
      at: 4,
    });
    expect(canaryFirst(given, new Set(["h7"]))).toEqual({ kind: "none" });
  });
});
