// The real clock, for agents that are part of a bench.

import type { Clock } from "../../edge-agent/clock.ts";

export const clock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (afterMs, callback) => {
    if (afterMs <= 0) {
      // As in the agent's main: a timer of no time lasts a millisecond.
      const soon = setImmediate(callback);
      return () => clearImmediate(soon);
    }
    const timer = setTimeout(callback, afterMs);
    return () => clearTimeout(timer);
  },
};

/** Now, ms since the epoch, to the microsecond: two processes of one machine can compare it. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
