// A bounded reader over octets in network order. It never throws: reading past the end gives zeros and sets `overrun`,
// which the caller checks once per structure. A sub-reader is confined to its part, so it cannot read past its parent.
// `view` results share the receive buffer; what outlives the message must come from `copy`.

const EMPTY = new Uint8Array(0);

export class Reader {
  #octets: Uint8Array;
  #end: number;
  #at: number;
  #overrun = false;

  constructor(octets: Uint8Array, at = 0, end = octets.length) {
    this.#octets = octets;
    this.#at = at;
    this.#end = Math.min(end, octets.length);
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  /** True once anything was read that was not there. */
  get overrun(): boolean {
    return this.#overrun;
  }

  /** Everything was read, and nothing more. */
  get finished(): boolean {
    return !this.#overrun && this.#at === this.#end;
  }

  u8(): number {
    return this.#take(1) ? (this.#octets[this.#at - 1] as number) : 0;
  }

  u16(): number {
    if (!this.#take(2)) return 0;
    return ((this.#octets[this.#at - 2] as number) << 8) | (this.#octets[this.#at - 1] as number);
  }

  u24(): number {
    if (!this.#take(3)) return 0;
    return (this.#back(3) << 16) | (this.#back(2) << 8) | this.#back(1);
  }

  u32(): number {
    if (!this.#take(4)) return 0;
    return ((this.#back(4) << 24) | (this.#back(3) << 16) | (this.#back(2) << 8) | this.#back(1)) >>> 0;
  }

  /** The next `length` octets, not copied. */
  view(length: number): Uint8Array {
    return this.#take(length) ? this.#octets.subarray(this.#at - length, this.#at) : EMPTY;
  }

  /** The next `length` octets, copied. */
  copy(length: number): Uint8Array {
    return this.#take(length) ? this.#octets.slice(this.#at - length, this.#at) : EMPTY;
  }

  /**
   * A reader of the next `length` octets; an empty one with `overrun` here if they are not all there. `into` is made that reader
   * instead of a new one: a list of a hundred thousand frames needs one.
   */
  sub(length: number, into = new Reader(EMPTY)): Reader {
    const whole = this.#take(length);
    into.#octets = this.#octets;
    into.#at = whole ? this.#at - length : this.#at;
    into.#end = this.#at;
    into.#overrun = false;
    return into;
  }

  /** The octet `count` before the place that is read next. */
  #back(count: number): number {
    return this.#octets[this.#at - count] as number;
  }

  #take(length: number): boolean {
    if (this.#at + length > this.#end) {
      this.#overrun = true;
      this.#at = this.#end;
      return false;
    }
    this.#at += length;
    return true;
  }
}
