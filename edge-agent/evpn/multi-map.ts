// Several values where nearly always there is one, which is then kept bare: an array for each of 100,000 keys would cost
// more than all that it holds. Values are told apart by identity; they must not be arrays themselves.

export type OneOrMore<V> = V | V[];

/** With `value`, once. An array that is held is changed in place. */
export function withValue<V extends object | string>(held: OneOrMore<V> | undefined, value: V): OneOrMore<V> {
  if (held === undefined) return value;
  if (!Array.isArray(held)) return held === value ? held : [held, value];
  if (!held.includes(value)) held.push(value);
  return held;
}

/** Without it; undefined if none is left. An array that is held is changed in place, order included. */
export function withoutValue<V extends object | string>(
  held: OneOrMore<V> | undefined,
  value: V,
): OneOrMore<V> | undefined {
  if (!Array.isArray(held)) return held === value ? undefined : held;
  const at = held.indexOf(value);
  const last = at < 0 ? undefined : held.pop();
  if (last !== undefined && at < held.length) held[at] = last;
  return held.length > 1 ? held : held[0];
}

export function valuesOf<V extends object | string>(held: OneOrMore<V> | undefined): readonly V[] {
  return held === undefined ? [] : Array.isArray(held) ? held : [held];
}

/** Values by key. */
export class MultiMap<K, V extends object | string> {
  readonly #values = new Map<K, OneOrMore<V>>();

  keys(): IterableIterator<K> {
    return this.#values.keys();
  }

  /** The one value, or several; undefined for none. */
  get(key: K): V | readonly V[] | undefined {
    return this.#values.get(key);
  }

  all(key: K): readonly V[] {
    return valuesOf(this.#values.get(key));
  }

  put(key: K, value: V): void {
    const held = this.#values.get(key);
    const now = withValue(held, value);
    if (now !== held) this.#values.set(key, now);
  }

  delete(key: K, value: V): void {
    const now = withoutValue(this.#values.get(key), value);
    if (now === undefined) this.#values.delete(key);
    else this.#values.set(key, now);
  }
}
