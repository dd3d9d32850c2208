// When the stale routes of one peer go: after the restart time (RFC 4724 4.2), and after the long-lived one (RFC 9494 4.2), at
// whose start they are marked as such. End-of-RIB ends both earlier. Which routes are stale is the Adj-RIB-In's, which tells
// them apart by generation: those that are long-lived by now, and those of a session that was lost since.

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
  #up = false;
  /** Stale routes of earlier generations are long-lived. */
  #longLivedBelow = 0;
  /** A session was lost, and the peer has not said all of it again. */
  #incomplete = false;
  #cancelRestart: (() => void) | undefined;
  #cancelLongLived: (() => void) | undefined;
  /** The long-lived time ended while the peer was saying all of it again. */
  #longLivedOver = false;

  /** `changed` hears of what the table did by time. */
  constructor(clock: Clock, table: StaleTable, changed: () => void) {
    this.#clock = clock;
    this.#table = table;
    this.#changed = changed;
  }

  /**
   * A session is lost, of which everything is about to become stale: what of `kept` is granted. What is stale already, from the
   * session before, goes: the peer had its chance (RFC 4724 4.2). With a long-lived time it stays until that is over, and if it
   * is over, nothing is granted any more (RFC 9494 4.2).
   */
  lost(kept: Retention | undefined): Retention | undefined {
    this.#up = false;
    if (!kept || this.#longLivedOver) return undefined;
    if (kept.asked && kept.longLivedMs === 0 && this.#incomplete) this.#sweep({ from: this.#longLivedBelow });
    this.#incomplete = true;
    return kept;
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
    this.#up = true;
    if (restarting) this.#sweep({ from: this.#longLivedBelow });
    if (longLived) this.#sweep({ below: this.#longLivedBelow });
  }

  sweep(): void {
    this.cancel();
    this.#incomplete = false;
    this.#longLivedOver = false;
    this.#sweep({});
  }

  cancel(): void {
    this.#cancelRestart?.();
    this.#cancelRestart = undefined;
    this.#cancelLongLived?.();
    this.#cancelLongLived = undefined;
  }

  #restartTimeOver(longLivedMs: number): void {
    this.#cancelRestart = undefined;
    if (longLivedMs === 0) return this.#sweep({ from: this.#longLivedBelow });
    this.#longLivedBelow = this.#table.generation;
    this.#table.beginLongLived();
    this.#changed();
    // Neither stopped nor set anew by another session, which is on the same clock then; only its End-of-RIB stops it.
    this.#cancelLongLived ??= longTimer(this.#clock, longLivedMs, () => this.#longLivedTimeOver());
  }

  /** While the peer has a session, it may still lose it before End-of-RIB: see `lost`. */
  #longLivedTimeOver(): void {
    this.cancel();
    this.#longLivedOver = this.#up;
    this.#sweep({});
  }

  #sweep(generations: Generations): void {
    this.#table.sweepStale(generations);
    this.#changed();
  }
}
