// Simulated time and chance. Everything that happens is an event at a moment; between two events all promises that can
// settle do. So a run is a function of its seed: same seed, same events in the same order, same log.

import type { Clock } from "../../edge-agent/clock.ts";

export type Clockwork = {
  nowMs(): number;
  /** 0 to less than 1. */
  random(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Runs `act` after a time; the function that is returned prevents it. */
  after(ms: number, act: () => void): () => void;
  sleep(ms: number): Promise<void>;
  /** A line of the log, with the time. */
  note(text: string): void;
  readonly log: readonly string[];
  /** Counts what happened, so that a run can show that its faults did come. */
  tally(what: string): void;
  readonly tallies: ReadonlyMap<string, number>;
  /** Runs events until the time, or until `until` holds after one of them. */
  run(toMs: number, until?: () => boolean): Promise<void>;
  /** Events run so far. */
  events(): number;
};

/** A process of the simulation: when it is killed, nothing of it happens any more. */
export type Process = { readonly clock: Clock; readonly alive: () => boolean; kill(): void };

/** The wall clock at the start of each simulation, ms since the epoch. */
export const EPOCH_MS = Date.UTC(2030, 0, 1);

/** Events at one turn of the loop. */
const AT_A_TURN = 32;

type Event = { readonly atMs: number; readonly order: number; act: (() => void) | undefined };

export function createClockwork(seed: number): Clockwork {
  const heap: Event[] = [];
  const log: string[] = [];
  const tallies = new Map<string, number>();
  const random = mulberry32(seed);
  let nowMs = 0;
  let order = 0;
  let events = 0;

  const earlier = (a: Event, b: Event) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

  function push(event: Event): void {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const [child, parent] = [heap[at], heap[above]];
      if (!child || !parent || !earlier(child, parent)) break;
      heap[at] = parent;
      heap[above] = child;
      at = above;
    }
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const [a, b] = [heap[child], heap[least]];
        if (a && b && earlier(a, b)) least = child;
      }
      const [here, below] = [heap[at], heap[least]];
      if (least === at || !here || !below) break;
      heap[at] = below;
      heap[least] = here;
      at = least;
    }
    return first;
  }

  const clockwork: Clockwork = {
    nowMs: () => nowMs,
    random,
    between: (low, high) => low + Math.floor(random() * (high - low + 1)),
    chance: (probability) => random() < probability,
    pick: (list) => list[Math.floor(random() * list.length)] ?? missing(),
    after(ms, act) {
      const event: Event = { atMs: nowMs + Math.max(0, ms), order: order++, act };
      push(event);
      return () => {
        event.act = undefined;
      };
    },
    sleep: (ms) => new Promise((resolve) => void clockwork.after(ms, resolve)),
    note: (text) => void log.push(`${(nowMs / 1000).toFixed(3).padStart(8)} ${text}`),
    log,
    tally: (what) => void tallies.set(what, (tallies.get(what) ?? 0) + 1),
    tallies,
    async run(toMs, until) {
      /** Runs the next event; false: there is none until then. */
      const step = (): boolean => {
        const next = heap[0];
        if (!next || next.atMs > toMs) return false;
        pop();
        if (!next.act) return step();
        nowMs = next.atMs;
        events++;
        next.act();
        return true;
      };
      // What was begun since the last run comes first.
      await settled();
      let stopped: boolean | undefined;
      while (stopped === undefined) stopped = await inTurns(step, until);
      if (!stopped) nowMs = Math.max(nowMs, toMs);
    },
    events: () => events,
  };
  return clockwork;
}

/** A process whose wall clock is off by so much. */
export function createProcess(clockwork: Clockwork, offMs: number): Process {
  let alive = true;
  const pending = new Set<() => void>();
  return {
    alive: () => alive,
    clock: {
      nowMs: () => clockwork.nowMs(),
      wallMs: () => EPOCH_MS + clockwork.nowMs() + offMs,
      setTimer(afterMs, act) {
        if (!alive) return () => undefined;
        const cancel = clockwork.after(afterMs, () => {
          pending.delete(cancel);
          act();
        });
        pending.add(cancel);
        return () => {
          pending.delete(cancel);
          cancel();
        };
      },
    },
    kill() {
      alive = false;
      for (const cancel of pending) cancel();
      pending.clear();
    },
  };
}

/** Resolves when no promise can settle any more without an event: microtasks come before the next macrotask. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Does `step` until it returns false, or `until` holds after it: tells which, or undefined if neither came yet. All
 * promises settle between two steps; the loop, a turn of which costs more than most events do, turns once for many.
 */
function inTurns(step: () => boolean, until: () => boolean = () => false): Promise<boolean | undefined> {
  return new Promise((resolve, reject) => {
    let ended: boolean | undefined;
    for (let n = 0; n <= AT_A_TURN; n++) {
      setImmediate(() => {
        if (ended !== undefined) return;
        try {
          if (n > 0 && until()) ended = true;
          else if (n < AT_A_TURN && !step()) ended = false;
          if (ended !== undefined || n === AT_A_TURN) resolve(ended);
        } catch (error) {
          ended = true;
          reject(error);
        }
      });
    }
  });
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function missing(): never {
  throw new RangeError("nothing to pick from");
}
