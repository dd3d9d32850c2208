// The loop of a reconciler, whatever it reconciles: one pass at a time, what is asked for in one turn of the event loop is
// one pass, notifications settle first, what is left over is tried again after a growing delay, and a slow comparison
// runs between passes. Knows nothing of what a pass does; never runs two things at once.
//
//   ask ----------------------------\
//   notice -> settle time -----------> pass -> "done" | "again" (or rejects) -> growing delay -> pass
//   every background.everyMs() ------> background.step

import type { Clock } from "../clock.ts";

/** `again`: something is left over that time may mend. */
export type PassOutcome = "done" | "again";

export type PassLoop = {
  /** A pass, at the end of this turn of the event loop. */
  ask(): void;
  /** Something changed by itself: a pass after the settle time, which further notices do not prolong. */
  notice(): void;
  /** Passes so far, and those of them that ended with something left over. */
  counts(): { readonly passes: number; readonly retries: number };
  /** Ends after the pass under way; nothing runs after it. */
  close(): Promise<void>;
};

export type PassLoopOptions = {
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly pass: () => Promise<PassOutcome>;
  /** A pass or a step rejected; it is tried again after the growing delay. */
  readonly onError: (cause: Error) => void;
  /** Notices within this time are answered by one pass. Default 50. */
  readonly settleMs?: number;
  /** First and longest delay before a retry. Default 200 and 10,000. */
  readonly retryMs?: { readonly first: number; readonly longest: number };
  /** A small part of a full comparison, now and then; not before the first pass. */
  readonly background?: { readonly everyMs: () => number; readonly step: () => Promise<void> };
};

type Timer = "settle" | "retry" | "background";

export function createPassLoop(options: PassLoopOptions): PassLoop {
  const { clock, pass, onError, settleMs = 50, background } = options;
  const retryMs = options.retryMs ?? { first: 200, longest: 10_000 };
  const timers = new Map<Timer, () => void>();
  const counts = { passes: 0, retries: 0 };
  let running: Promise<void> | undefined;
  let asked = false;
  let stepDue = false;
  let closed = false;
  let delayMs = 0;
  let passMs = 0;

  function arm(name: Timer, afterMs: number, act: () => void): void {
    timers.get(name)?.();
    timers.delete(name);
    if (closed) return;
    const cancel = clock.setTimer(afterMs, () => {
      timers.delete(name);
      act();
    });
    timers.set(name, cancel);
  }

  function disarm(name: Timer): void {
    timers.get(name)?.();
    timers.delete(name);
  }

  function ask(): void {
    if (closed) return;
    asked = true;
    start();
  }

  function start(): void {
    running ??= run().finally(() => {
      running = undefined;
      if (isDue()) start();
    });
  }

  function isDue(): boolean {
    return !closed && (asked || stepDue);
  }

  async function run(): Promise<void> {
    await Promise.resolve();
    while (isDue()) {
      if (asked) {
        asked = false;
        await runPass();
      } else {
        stepDue = false;
        await runStep();
      }
    }
  }

  async function runPass(): Promise<void> {
    const startMs = clock.nowMs();
    counts.passes++;
    const outcome = await pass().catch((cause: unknown) => refused(cause));
    passMs = clock.nowMs() - startMs;
    if (outcome === "again") retry();
    else {
      delayMs = 0;
      disarm("retry");
    }
    if (background && !timers.has("background")) armBackground(background.everyMs);
  }

  async function runStep(): Promise<void> {
    if (!background) return;
    const outcome = await background.step().catch((cause: unknown) => refused(cause));
    if (outcome === "again") retry();
    armBackground(background.everyMs);
  }

  function armBackground(everyMs: () => number): void {
    arm("background", everyMs(), () => {
      stepDue = true;
      start();
    });
  }

  function refused(cause: unknown): PassOutcome {
    onError(cause instanceof Error ? cause : new Error(String(cause)));
    return "again";
  }

  function retry(): void {
    counts.retries++;
    delayMs = delayMs === 0 ? retryMs.first : Math.min(delayMs * 2, retryMs.longest);
    arm("retry", delayMs, ask);
  }

  return {
    ask,
    notice: () => {
      // The first notice starts the wait, so that a busy kernel cannot put the pass off; nor can it keep us busy for more
      // than half of the time.
      if (!timers.has("settle")) arm("settle", Math.max(settleMs, passMs), ask);
    },
    counts: () => ({ ...counts }),
    close: async () => {
      closed = true;
      for (const cancel of timers.values()) cancel();
      timers.clear();
      await running;
    },
  };
}
