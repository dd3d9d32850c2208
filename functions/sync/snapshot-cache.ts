// Snapshots that this process has read of late, so that many hosts that ask for one channel at one seq cost one reading,
// also at the same time. Bounded by octets; what was not asked for the longest goes first.

export class SnapshotCache<T> {
  readonly #entries = new Map<string, { readonly value: Promise<T>; bytes: number }>();
  readonly #maxBytes: number;
  readonly #bytesOf: (value: T) => number;
  #bytes = 0;

  constructor(maxBytes: number, bytesOf: (value: T) => number) {
    this.#maxBytes = maxBytes;
    this.#bytesOf = bytesOf;
  }

  /** The value under `name`, made by `make` if it is not there. What fails is not kept. */
  get(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(name);
    if (known) {
      this.#entries.delete(name);
      this.#entries.set(name, known);
      return known.value;
    }
    const entry = { value: make(), bytes: 0 };
    this.#entries.set(name, entry);
    entry.value.then(
      (value) => {
        if (this.#entries.get(name) !== entry) return;
        entry.bytes = this.#bytesOf(value);
        this.#bytes += entry.bytes;
        this.#shrink();
      },
      () => {
        if (this.#entries.get(name) === entry) this.#entries.delete(name);
      },
    );
    return entry.value;
  }

  #shrink(): void {
    for (const [name, { bytes }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#entries.delete(name);
      this.#bytes -= bytes;
    }
  }
}
