// Time and chance as parameters: the machine's clock is real-clock.ts, for processes alone.

export type Clock = {
  /** Monotonic milliseconds; only differences mean something. */
  readonly nowMs: () => number;
  /** Milliseconds since the epoch, for people and reports. */
  readonly wallMs: () => number;
  /** Calls back once after `afterMs`; the returned function cancels it. */
  readonly setTimer: (afterMs: number, callback: () => void) => () => void;
};

/** A number in [0, 1). */
export type Random = () => number;

/** setTimeout takes no longer time: what is longer ends at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A timer of any length, in parts where it has to be. */
export function longTimer(clock: Pick<Clock, "setTimer">, afterMs: number, callback: () => void): () => void {
  if (afterMs <= LONGEST_TIMER_MS) return clock.setTimer(afterMs, callback);
  let cancel = clock.setTimer(LONGEST_TIMER_MS, () => {
    cancel = longTimer(clock, afterMs - LONGEST_TIMER_MS, callback);
  });
  return () => cancel();
}

/** Gathers triggers: `act` runs once, `ms` after the first of a group, and never after `close`. */
export function debounce(
  clock: Pick<Clock, "setTimer">,
  ms: number,
  act: () => void,
): { trigger(): void; cancel(): void; close(): void } {
  let cancel: (() => void) | undefined;
  let closed = false;
  return {
    trigger() {
      if (closed) return;
      cancel ??= clock.setTimer(ms, () => {
        cancel = undefined;
        act();
      });
    },
    cancel() {
      cancel?.();
      cancel = undefined;
    },
    close() {
      closed = true;
      cancel?.();
    },
  };
}
