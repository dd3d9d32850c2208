// A token bucket: so many events a second, with one second's worth at once.

export class RateLimit {
  readonly #perSec: number;
  readonly #nowMs: () => number;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSec: number, nowMs: () => number) {
    this.#perSec = perSec;
    this.#nowMs = nowMs;
    this.#tokens = perSec;
    this.#filledAtMs = nowMs();
  }

  /** True if one more event is within the limit, and counts it. */
  take(): boolean {
    const nowMs = this.#nowMs();
    this.#tokens = Math.min(this.#perSec, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSec);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
