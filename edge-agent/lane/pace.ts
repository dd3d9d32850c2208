// Work in slices: what the lanes have to do runs for a few milliseconds at a time, then sockets and timers have their turn.
// So a burst of 100,000 routes stalls nothing, and a single change waits for nobody. Decides nothing about the work itself.

import type { Clock } from "../clock.ts";

/** Does a little of what is to do, well under a millisecond's worth; true if there is more. */
export type Work = () => boolean;

/** One worker's place in the queue. */
export type Turn = {
  /** There is something to do; the work runs in the next turn of the event loop. */
  wake(): void;
  close(): void;
};

export type Pace = {
  add(work: Work): Turn;
  /** Something is still to be done. */
  readonly busy: boolean;
  close(): void;
};

/** So long the event loop may be kept from everything else, ms. */
const SLICE_MS = 5;

/** `rested` runs whenever everything has been done. */
export function createPace(clock: Pick<Clock, "nowMs" | "setTimer">, rested: () => void): Pace {
  const awake = new Set<Work>();
  let cancel: (() => void) | undefined;
  let closed = false;

  function slice(): void {
    cancel = undefined;
    const untilMs = clock.nowMs() + SLICE_MS;
    // A worker that has more goes behind the others, so that none waits for all of another's.
    for (const work of awake) {
      awake.delete(work);
      if (work()) awake.add(work);
      if (awake.size > 0 && clock.nowMs() >= untilMs) break;
    }
    if (awake.size > 0) schedule();
    else if (!closed) rested();
  }

  function schedule(): void {
    if (!closed) cancel ??= clock.setTimer(0, slice);
  }

  return {
    add: (work) => ({
      wake() {
        awake.add(work);
        schedule();
      },
      close: () => void awake.delete(work),
    }),
    get busy() {
      return awake.size > 0;
    },
    close() {
      closed = true;
      cancel?.();
    },
  };
}
