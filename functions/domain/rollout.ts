// A rollout: writes of the API in waves, each live on its hosts before the next one begins. Its states and what moves it
// from one to the next. Pure and total: what to do comes out as an action, what came of it goes in as an event, and an
// event that is late for its state changes nothing, so that any number of drivers may be at one rollout.
//
//   planned -> running -> waiting (receipts) -> waiting (pause) -> running … -> done
//                 \           \-> stopped <-> (resume)                \-> abandoned, from anywhere before the end

import * as z from "zod";
import { Slug } from "../../shared/model/fields.ts";
import { Stored } from "../../shared/model/resource.ts";

export const METHODS = ["POST", "PUT", "PATCH", "DELETE"] as const;

/** What became of a write. `left`: it was refused and left behind on request. */
const Result = z.object({
  status: z.number(),
  change: z.string().optional(),
  left: z.literal(true).optional(),
});

/** `body`: JSON text, so that what was checked is what is sent. */
const Write = z.object({
  method: z.enum(METHODS),
  path: z.string(),
  body: z.string().optional(),
  ifMatch: z.string().optional(),
  result: Result.optional(),
});

/**
 * Why it stopped. `refused`: by the API, as a write of its own would have been. `unanswered`: the API could not say within the
 * time. `failed`: a host reports that it cannot have the change. `late`: a host does not have it within the time.
 */
const Reason = z.object({
  kind: z.enum(["refused", "unanswered", "failed", "late"]),
  text: z.string(),
  change: z.string().optional(),
  host: z.string().optional(),
  status: z.number().optional(),
  problem: z.string().optional(),
});

/** `wave` and `write` count from 0; `pending` are the changes that are not live yet; times are ISO 8601. */
const State = z.discriminatedUnion("name", [
  z.object({ name: z.literal("planned") }),
  /** `since`: when this write became the next one. */
  z.object({
    name: z.literal("running"),
    wave: z.number(),
    write: z.number(),
    since: z.string(),
    pending: z.array(z.string()),
  }),
  /** For receipts until then at most; with none pending, until then before the next wave. */
  z.object({ name: z.literal("waiting"), wave: z.number(), until: z.string(), pending: z.array(z.string()) }),
  z.object({ name: z.literal("done") }),
  z.object({
    name: z.literal("stopped"),
    wave: z.number(),
    write: z.number().optional(),
    pending: z.array(z.string()),
    reason: Reason,
  }),
  z.object({ name: z.literal("abandoned"), wave: z.number() }),
]);

export const Rollout = Stored.extend({
  id: Slug,
  /** Whose token it was made with; absent: no tenant's. */
  tenant: z.string().optional(),
  /** Who made it, and what his token allowed then: it never does more. */
  actor: z.object({ kind: z.enum(["user", "system", "host"]), id: z.string() }),
  scopes: z.array(z.enum(["read", "write", "admin"])),
  waves: z.array(z.object({ name: z.string().optional(), writes: z.array(Write) })),
  liveWithinSec: z.number(),
  pauseSec: z.number(),
  state: State,
});
export type Rollout = z.infer<typeof Rollout>;
export type RolloutWrite = z.infer<typeof Write>;
export type RolloutState = z.infer<typeof State>;

/** `later`: no answer that says whether it can be done; `changes` are those that must become live. */
export type WriteAnswer =
  | { kind: "done"; status: number; changes: readonly string[] }
  | { kind: "refused"; status: number; problem: string; text: string }
  | { kind: "later"; status: number; text: string };

/** How far a change is. */
export type SeenChange =
  | { change: string; is: "live" }
  | { change: string; is: "waiting" | "failed"; host?: string; text: string };

export type RolloutEvent =
  | { kind: "tick" }
  | { kind: "answered"; wave: number; write: number; answer: WriteAnswer }
  | { kind: "seen"; seen: readonly SeenChange[] }
  /** `skip`: what it stopped at is left behind. */
  | { kind: "resume"; skip: boolean }
  | { kind: "abandon" };

/** `wait`: nothing to do before then; undefined: until something is reported. */
export type RolloutAction =
  | { do: "write"; wave: number; write: number }
  | { do: "look"; changes: readonly string[] }
  | { do: "wait"; untilMs?: number }
  | { do: "nothing" };

export type Step = { rollout: Rollout; action: RolloutAction };

/** Of the changes that are not live, as many are looked at in one go. */
export const LOOKED_AT_ONCE = 100;

/** The rollout after the event, the same object if it changes nothing, and what to do next. */
export function step(rollout: Rollout, event: RolloutEvent, nowMs: number): Step {
  switch (event.kind) {
    case "tick":
      return ticked(rollout, nowMs);
    case "answered":
      return answered(rollout, event, nowMs);
    case "seen":
      return seen(rollout, event.seen, nowMs);
    case "resume":
      return resumed(rollout, event.skip, nowMs);
    case "abandon":
      if (isOver(rollout)) return { rollout, action: NOTHING };
      return { rollout: { ...rollout, state: { name: "abandoned", wave: waveOf(rollout.state) } }, action: NOTHING };
  }
}

/** True once nothing can move it any more. */
export function isOver({ state }: Pick<Rollout, "state">): boolean {
  return state.name === "done" || state.name === "abandoned";
}

/** True while it goes on by itself. */
export function isUnderWay({ state }: Pick<Rollout, "state">): boolean {
  return state.name === "planned" || state.name === "running" || state.name === "waiting";
}

const NOTHING: RolloutAction = { do: "nothing" };

function ticked(rollout: Rollout, nowMs: number): Step {
  const { state } = rollout;
  if (state.name === "planned") return beginWave(rollout, 0, nowMs);
  if (state.name === "waiting" && state.pending.length === 0 && Date.parse(state.until) <= nowMs) {
    return beginWave(rollout, state.wave + 1, nowMs);
  }
  return { rollout, action: actionOf(state) };
}

function actionOf(state: RolloutState): RolloutAction {
  if (state.name === "running") return { do: "write", wave: state.wave, write: state.write };
  if (state.name !== "waiting") return NOTHING;
  return state.pending.length > 0
    ? { do: "look", changes: state.pending.slice(0, LOOKED_AT_ONCE) }
    : { do: "wait", untilMs: Date.parse(state.until) };
}

function to(rollout: Rollout, state: RolloutState): Step {
  return { rollout: { ...rollout, state }, action: actionOf(state) };
}

/** From the write on: past the last one of the wave, its receipts are waited for. */
function goOn(rollout: Rollout, at: { wave: number; write: number; pending: string[] }, nowMs: number): Step {
  if (at.write < (rollout.waves[at.wave]?.writes.length ?? 0)) {
    return to(rollout, { name: "running", ...at, since: isoOf(nowMs) });
  }
  const { wave, pending } = at;
  if (pending.length === 0) return afterWave(rollout, wave, nowMs);
  return to(rollout, { name: "waiting", wave, pending, until: isoOf(nowMs + rollout.liveWithinSec * 1000) });
}

function beginWave(rollout: Rollout, wave: number, nowMs: number): Step {
  return goOn(rollout, { wave, write: 0, pending: [] }, nowMs);
}

function afterWave(rollout: Rollout, wave: number, nowMs: number): Step {
  if (wave + 1 >= rollout.waves.length) return to(rollout, { name: "done" });
  if (rollout.pauseSec === 0) return beginWave(rollout, wave + 1, nowMs);
  return to(rollout, { name: "waiting", wave, pending: [], until: isoOf(nowMs + rollout.pauseSec * 1000) });
}

function answered(rollout: Rollout, event: RolloutEvent & { kind: "answered" }, nowMs: number): Step {
  const { state } = rollout;
  const { wave, write, answer } = event;
  if (state.name !== "running" || state.wave !== wave || state.write !== write)
    return { rollout, action: actionOf(state) };
  const { pending } = state;
  switch (answer.kind) {
    case "done": {
      const { status, changes } = answer;
      const [change] = changes;
      const after = withResult(rollout, { wave, write }, { status, ...(change === undefined ? {} : { change }) });
      const all = [...new Set([...pending, ...changes])];
      return goOn(after, { wave, write: write + 1, pending: all }, nowMs);
    }
    case "refused": {
      const { kind, status, problem, text } = answer;
      return to(withResult(rollout, { wave, write }, { status }), {
        name: "stopped",
        wave,
        write,
        pending,
        reason: { kind, text, status, problem },
      });
    }
    case "later": {
      const { status, text } = answer;
      if (nowMs < Date.parse(state.since) + rollout.liveWithinSec * 1000) return { rollout, action: { do: "wait" } };
      return to(rollout, { name: "stopped", wave, write, pending, reason: { kind: "unanswered", text, status } });
    }
  }
}

function seen(rollout: Rollout, changes: readonly SeenChange[], nowMs: number): Step {
  const { state } = rollout;
  if (state.name !== "waiting" || state.pending.length === 0) return { rollout, action: actionOf(state) };
  const { wave, pending, until } = state;
  const awaited = changes.filter(({ change }) => pending.includes(change));
  const live = new Set(awaited.flatMap(({ change, is }) => (is === "live" ? [change] : [])));
  const left = pending.filter((change) => !live.has(change));
  const missing = awaited.filter((each) => each.is !== "live");
  const failed = missing.find(({ is }) => is === "failed");
  const late = Date.parse(until) <= nowMs ? missing[0] : undefined;
  const why = failed ?? late;
  if (why) {
    const { change, host, text } = why;
    const kind = failed ? ("failed" as const) : ("late" as const);
    const reason = { kind, text, change, ...(host === undefined ? {} : { host }) };
    return to(rollout, { name: "stopped", wave, pending: left, reason });
  }
  if (left.length === 0) return afterWave(rollout, wave, nowMs);
  // Those that were looked at go to the end, so that none is hidden behind a hundred that take long.
  const looked = new Set(missing.map(({ change }) => change));
  const isAll = left.length === missing.length;
  const turned = isAll
    ? left
    : [...left.filter((each) => !looked.has(each)), ...left.filter((each) => looked.has(each))];
  if (live.size === 0 && isAll) return { rollout, action: { do: "wait" } };
  const next = to(rollout, { ...state, pending: turned });
  return live.size === 0 || isAll ? { ...next, action: { do: "wait" } } : next;
}

function resumed(rollout: Rollout, skip: boolean, nowMs: number): Step {
  const { state } = rollout;
  if (state.name !== "stopped") return { rollout, action: actionOf(state) };
  const { wave, write, pending, reason } = state;
  if (write !== undefined) {
    if (!skip) return goOn(rollout, { wave, write, pending }, nowMs);
    const after = withResult(rollout, { wave, write }, { status: reason.status ?? 0, left: true });
    return goOn(after, { wave, write: write + 1, pending }, nowMs);
  }
  const awaited = skip ? pending.filter((change) => change !== reason.change) : pending;
  return goOn(rollout, { wave, write: Number.MAX_SAFE_INTEGER, pending: awaited }, nowMs);
}

function withResult(rollout: Rollout, at: { wave: number; write: number }, result: z.infer<typeof Result>): Rollout {
  const waves = rollout.waves.map((wave, w) =>
    w === at.wave
      ? { ...wave, writes: wave.writes.map((each, i) => (i === at.write ? { ...each, result } : each)) }
      : wave,
  );
  return { ...rollout, waves };
}

function waveOf(state: RolloutState): number {
  return "wave" in state ? state.wave : 0;
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
