// A growing buffer of octets in network order, with lengths filled in after the fact.

export class Writer {
  #octets: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#octets = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#octets[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#octets[at] = value >>> 8;
    this.#octets[at + 1] = value;
    return this;
  }

  u24(value: number): this {
    return this.u8(value >>> 16).u16(value & 0xffff);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  octets(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#octets.set(value, at);
    return this;
  }

  /** Writes a length field of 1 or 2 octets, then what `body` writes, then fills the length in; throws if it does not fit. */
  withLength(size: 1 | 2, body: () => void): this {
    const at = this.#grow(size);
    body();
    const length = this.#length - at - size;
    if (length > (size === 1 ? 0xff : 0xffff))
      throw new RangeError(`${length} octets do not fit a ${size}-octet length`);
    if (size === 2) this.#octets[at] = length >>> 8;
    this.#octets[at + size - 1] = length;
    return this;
  }

  /** A copy of everything written. */
  finish(): Uint8Array {
    return this.#octets.slice(0, this.#length);
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#octets.length * 2));
      larger.set(this.#octets);
      this.#octets = larger;
    }
    return at;
  }
}
