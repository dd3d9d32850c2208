// The timers of one state machine: at most one of each name. Their expiries are events.

import type { Clock, Random } from "../clock.ts";
import type { Action, Timer } from "./fsm.ts";

export class SessionTimers {
  readonly #deps: { readonly clock: Clock; readonly random: Random };
  readonly #expired: (timer: Timer) => void;
  readonly #running = new Map<Timer, () => void>();

  constructor(deps: { readonly clock: Clock; readonly random: Random }, expired: (timer: Timer) => void) {
    this.#deps = deps;
    this.#expired = expired;
  }

  /** Starts or restarts. Jitter shortens to between three quarters and the whole (RFC 4271 section 10). */
  start({ timer, afterMs, jitter }: Extract<Action, { type: "start-timer" }>): void {
    this.stop(timer);
    const delayMs = jitter ? afterMs * (0.75 + 0.25 * this.#deps.random()) : afterMs;
    const cancel = this.#deps.clock.setTimer(delayMs, () => {
      this.#running.delete(timer);
      this.#expired(timer);
    });
    this.#running.set(timer, cancel);
  }

  stop(timer: Timer): void {
    this.#running.get(timer)?.();
    this.#running.delete(timer);
  }
}
