// What a fuzz target is: a decoder with inputs to begin with, and what must hold of it for any octets.

export type Target = {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Octets that mean something to the decoder, such as keywords. */
  readonly words?: readonly Uint8Array[];
  /** Throws if something that must hold does not. */
  run(octets: Uint8Array): void;
};

/** Throws with both sides unless they are equal as JSON. */
export function mustEqual(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: ${left} is not ${right}`);
}

/** Decodes, and throws if what was decoded still depends on the octets, which a receive buffer loses with the next read. */
export function decodedForGood<T>(octets: Uint8Array, decode: (octets: Uint8Array) => T): T {
  const value = decode(octets);
  const before = JSON.stringify(value);
  octets.fill(0xa5);
  mustEqual(value, JSON.parse(before ?? "null") ?? undefined, "changed with the receive buffer");
  return value;
}
