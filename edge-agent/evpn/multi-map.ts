// Several values under a key where nearly always there is one, which is then kept bare: an array for each of 100,000 keys
// would cost more than all that it holds.

/** Values are told apart by `same`; they must not be arrays themselves. */
export class MultiMap<K, V extends object | string> {
  readonly #values = new Map<K, V | V[]>();
  readonly #same: (a: V, b: V) => boolean;

  constructor(same: (a: V, b: V) => boolean = Object.is) {
    this.#same = same;
  }

  get size(): number {
    return this.#values.size;
  }

  keys(): IterableIterator<K> {
    return this.#values.keys();
  }

  has(key: K): boolean {
    return this.#values.has(key);
  }

  /** The one value, or several; undefined for none. */
  get(key: K): V | readonly V[] | undefined {
    return this.#values.get(key);
  }

  /** The values of a key. */
  all(key: K): readonly V[] {
    const held = this.#values.get(key);
    return held === undefined ? [] : Array.isArray(held) ? held : [held];
  }

  /** Adds a value, in the place of one that is the same. */
  put(key: K, value: V): void {
    const held = this.#values.get(key);
    if (held === undefined) {
      this.#values.set(key, value);
    } else if (Array.isArray(held)) {
      const at = held.findIndex((each) => this.#same(each, value));
      if (at < 0) held.push(value);
      else held[at] = value;
    } else {
      this.#values.set(key, this.#same(held, value) ? value : [held, value]);
    }
  }

  delete(key: K, value: V): void {
    const held = this.#values.get(key);
    if (held === undefined) return;
    if (!Array.isArray(held)) {
      if (this.#same(held, value)) this.#values.delete(key);
      return;
    }
    const left = held.filter((each) => !this.#same(each, value));
    const [only] = left;
    if (only === undefined) this.#values.delete(key);
    else this.#values.set(key, left.length === 1 ? only : left);
  }

  clear(): void {
    this.#values.clear();
  }
}
