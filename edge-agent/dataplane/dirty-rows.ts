// Rows of a table that are to be looked at. Each row says itself whether it is among them, since sets of 100,000 keys that
// fill and empty again with every burst cost more than the burst's own work. In the order in which they came.

/** What a row has for it: both are this file's to set. */
export type Listed = {
  /** It is to be looked at. */
  dirty: boolean;
  /** It has a place in the list, perhaps an old one. */
  listed: boolean;
};

/** Old places that are kept before the list is made anew. */
const SLACK = 1024;

export class DirtyRows<Row extends Listed> implements Iterable<Row> {
  #places: Row[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(row: Row): void {
    if (row.dirty) return;
    row.dirty = true;
    this.#size++;
    if (row.listed) return;
    row.listed = true;
    this.#places.push(row);
  }

  delete(row: Row): void {
    if (!row.dirty) return;
    row.dirty = false;
    this.#size--;
    if (this.#size === 0) this.#vacate(this.#places.splice(0));
    else if (this.#places.length > 2 * this.#size + SLACK) this.#compact();
  }

  /** Those of now: one that comes later is not visited, one that goes before its turn is not either. */
  *[Symbol.iterator](): IterableIterator<Row> {
    for (const row of Array.from(this.#places)) if (row.dirty) yield row;
  }

  #compact(): void {
    const before = this.#places;
    this.#places = before.filter((row) => row.dirty);
    this.#vacate(before);
  }

  #vacate(places: readonly Row[]): void {
    for (const row of places) row.listed = row.dirty;
  }
}
