// When the stale routes of one peer go: after the restart time (RFC 4724 4.2), and after the long-lived one (RFC 9494 4.2), at
// whose start they are marked as such. End-of-RIB ends both earlier. Which routes are stale is the Adj-RIB-In's, which tells
// them apart by generation: so routes of two lost sessions can be on two clocks.

import { type Clock, longTimer } from "../clock.ts";
import type { Generations } from "./adj-rib-in.ts";
import type { ForwardingLost, Retention } from "./retention.ts";

/** What is done to an Adj-RIB-In. */
export type StaleTable = {
  /** Routes of earlier generations are stale. */
  readonly generation: number;
  /** Removes stale routes; default all. */
  sweepStale(generations?: Generations): void;
  /** What is stale is long-lived from now on. */
  beginLongLived(): void;
};

export class StaleRoutes {
  readonly #clock: Clock;
  readonly #table: StaleTable;
  readonly #changed: () => void;
  /** Stale routes of earlier generations are long-lived. */
  #longLivedBelow = 0;
  /** A session was lost, and the peer has not said all of it again. */
  #incomplete = false;
  #cancelRestart: (() => void) | undefined;
  readonly #cancelLongLived = new Set<() => void>();

  /** `changed` hears of what the table did by time. */
  constructor(clock: Clock, table: StaleTable, changed: () => void) {
    this.#clock = clock;
    this.#table = table;
    this.#changed = changed;
  }

  /**
   * A session is lost, of which everything is about to become stale. What is so already, from the session before, goes: the peer
   * had its chance (RFC 4724 4.2). The long-lived time goes on instead (RFC 9494 4.2).
   */
  lost({ asked }: Retention): void {
    if (asked && this.#incomplete) this.#sweep({ from: this.#longLivedBelow });
    this.#incomplete = true;
  }

  /** Starts the restart time anew; what is long-lived already is not concerned. */
  keep({ keepMs, longLivedMs }: Pick<Retention, "keepMs" | "longLivedMs">): void {
    this.#cancelRestart?.();
    this.#cancelRestart = undefined;
    if (keepMs > 0) this.#cancelRestart = this.#clock.setTimer(keepMs, () => this.#restartTimeOver(longLivedMs));
    else this.#restartTimeOver(longLivedMs);
  }

  /** The peer has a session again, and says what it still forwards for. */
  returned({ restarting, longLived }: ForwardingLost): void {
    if (restarting) this.#sweep({ from: this.#longLivedBelow });
    if (longLived) this.#sweep({ below: this.#longLivedBelow });
  }

  sweep(): void {
    this.cancel();
    this.#incomplete = false;
    this.#sweep({});
  }

  cancel(): void {
    this.#cancelRestart?.();
    this.#cancelRestart = undefined;
    for (const cancel of this.#cancelLongLived) cancel();
    this.#cancelLongLived.clear();
  }

  #restartTimeOver(longLivedMs: number): void {
    this.#cancelRestart = undefined;
    if (longLivedMs === 0) return this.#sweep({ from: this.#longLivedBelow });
    const below = this.#table.generation;
    this.#longLivedBelow = below;
    this.#table.beginLongLived();
    this.#changed();
    // Neither stopped nor set anew by another session; only by its End-of-RIB.
    const cancel = longTimer(this.#clock, longLivedMs, () => {
      this.#cancelLongLived.delete(cancel);
      this.#sweep({ below });
    });
    this.#cancelLongLived.add(cancel);
  }

  #sweep(generations: Generations): void {
    this.#table.sweepStale(generations);
    this.#changed();
  }
}
