// Time as the dataplane's drivers see it; main.ts passes the real one, tests one that they advance.

export type Clock = {
  /** Monotonic milliseconds; only differences mean something. */
  readonly nowMs: () => number;
  /** Calls back once after `afterMs`; the returned function cancels it. */
  readonly setTimer: (afterMs: number, callback: () => void) => () => void;
};
