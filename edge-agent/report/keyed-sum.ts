// A digest over lines that belong to keys: a key whose lines change costs its own lines. The hash of each key is kept, so
// that taking it out again costs nothing.

import { type Digest, DigestSum, hashText } from "../../shared/message/digest.ts";
import { forwardingDigest } from "../../shared/message/forwarding.ts";

export class KeyedSum<K> {
  readonly #sum = new DigestSum();
  readonly #parts = new Map<K, Digest>();

  get digest(): Digest {
    return this.#sum.digest;
  }

  /** Keys that have lines. */
  get size(): number {
    return this.#parts.size;
  }

  keys(): IterableIterator<K> {
    return this.#parts.keys();
  }

  has(key: K): boolean {
    return this.#parts.has(key);
  }

  /** The sum of a key's lines; undefined if it has none. */
  part(key: K): Digest | undefined {
    return this.#parts.get(key);
  }

  /** The lines of a key from now on. */
  put(key: K, lines: readonly string[]): void {
    const before = this.#parts.get(key);
    if (before) this.#sum.subtract(before);
    const [only] = lines;
    if (only === undefined) {
      if (before) this.#parts.delete(key);
      return;
    }
    const now = lines.length === 1 ? hashText(only) : forwardingDigest(lines);
    this.#sum.add(now);
    this.#parts.set(key, now);
  }
}
