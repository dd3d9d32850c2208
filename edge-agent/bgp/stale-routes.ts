// When the stale routes of one peer go: after the restart time (RFC 4724 4.2), and after the long-lived one, at whose start
// those that carry NO_LLGR go (RFC 9494 4.3). End-of-RIB ends both earlier. Which routes are stale is the Adj-RIB-In's.

import type { Clock } from "../clock.ts";
import type { Retention } from "./retention.ts";
import { Community } from "./wire/iana.ts";

export class StaleRoutes<N> {
  readonly #clock: Clock;
  readonly #on: { sweep(): void; withdraw(routes: readonly N[]): void };
  readonly #keyOf: (route: N) => string;
  /** Routes that must not be long-lived, by key. */
  readonly #shortLived = new Map<string, N>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, keyOf: (route: N) => string, on: { sweep(): void; withdraw(routes: readonly N[]): void }) {
    this.#clock = clock;
    this.#keyOf = keyOf;
    this.#on = on;
  }

  /** Remembers which of the routes, of an UPDATE with these communities, may not outlive the restart time. */
  learn(announced: readonly N[], communities: readonly number[] | undefined): void {
    const short = communities?.includes(Community.NO_LLGR) ?? false;
    if (!short && this.#shortLived.size === 0) return;
    for (const route of announced) {
      if (short) this.#shortLived.set(this.#keyOf(route), route);
      else this.#shortLived.delete(this.#keyOf(route));
    }
  }

  /** Starts the time anew. */
  keep({ keepMs, longLivedMs }: Retention): void {
    this.cancel();
    this.#cancel = this.#clock.setTimer(keepMs, () => {
      if (longLivedMs === 0) this.sweep();
      else this.#keepLongLived(longLivedMs);
    });
  }

  sweep(): void {
    this.cancel();
    this.#on.sweep();
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #keepLongLived(longLivedMs: number): void {
    this.#on.withdraw([...this.#shortLived.values()]);
    this.#shortLived.clear();
    this.#cancel = this.#clock.setTimer(longLivedMs, () => this.sweep());
  }
}
