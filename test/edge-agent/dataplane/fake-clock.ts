// A clock that stands still until it is advanced, and lets all pending promises settle in between.

import { setImmediate } from "node:timers/promises";

export type FakeClock = {
  nowMs(): number;
  setTimer(afterMs: number, callback: () => void): () => void;
  /** Fires what falls due, in order, and waits for what it starts. */
  advance(ms: number): Promise<void>;
};

export function createFakeClock(): FakeClock {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  };
  return {
    nowMs: () => now,
    setTimer: (afterMs, callback) => {
      const timer = { at: now + afterMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: async (ms) => {
      const end = now + ms;
      await settled();
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        now = next.at;
        timers.delete(next);
        next.callback();
        await settled();
      }
      now = end;
    },
  };
}
