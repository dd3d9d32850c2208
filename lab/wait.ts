// Waiting for a condition of the world outside, always with a deadline.

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

export type WaitOptions = {
  /** Completes "gave up after 5 s waiting for …". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Default 50. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Asks until the answer is not undefined, and returns it.
 * @throws Error when the deadline passes, or with the signal's reason when it aborts.
 */
export async function waitFor<T>(ask: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const end = performance.now() + options.deadlineMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= end) {
      throw new Error(`gave up after ${(options.deadlineMs / 1000).toFixed(1)} s waiting for ${options.what}`);
    }
    await sleep(options.everyMs ?? 50);
  }
}

/** As `waitFor`, for a yes-or-no question, and with the deadline as an answer: false. */
export async function waitUntil(ask: () => Promise<boolean>, options: WaitOptions): Promise<boolean> {
  const end = performance.now() + options.deadlineMs;
  while (!(await ask())) {
    options.signal?.throwIfAborted();
    if (performance.now() >= end) return false;
    await sleep(options.everyMs ?? 50);
  }
  return true;
}
