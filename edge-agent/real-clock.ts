// The machine's clock, for the processes that run on it.

import type { Clock } from "./clock.ts";

export const realClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (afterMs, callback) => {
    if (afterMs <= 0) {
      // A timer of no time lasts a millisecond, which would be a sixth of what the lanes' slices take.
      const soon = setImmediate(callback);
      return () => clearImmediate(soon);
    }
    const timer = setTimeout(callback, afterMs);
    return () => clearTimeout(timer);
  },
};
