// Records of networks on their way into the tables: which ones changed, worked off in batches, and whole channels compared record
// by record. What becomes of a record is the caller's; only the last change of a key counts.

import type { RecordBody } from "../../shared/model/record.ts";

/** Goes on with a job for a batch; true once it is done. */
export function advance(job: Iterator<void>, batch: number): boolean {
  for (let left = batch; left > 0; left--) if (job.next().done) return true;
  return false;
}

export type RecordIntake = {
  readonly busy: boolean;
  /** Some of this network are still to be put. */
  holds(id: string): boolean;
  /** These records of a network changed. */
  note(id: string, keys: Iterable<string>): void;
  /** All of a network's may have. */
  noteWhole(id: string): void;
  forget(id: string): void;
  /** Does at most a batch of it. */
  work(): void;
};

export function createRecordIntake(options: {
  readonly batch: number;
  /** What is held of a network; undefined body: the record is gone. */
  readonly bodies: (id: string) => ReadonlyMap<string, { readonly body: RecordBody }> | undefined;
  /** Keys of the records that were put before. */
  readonly known: (id: string) => Iterable<string>;
  readonly put: (id: string, key: string, body: RecordBody | undefined) => void;
}): RecordIntake {
  const { batch, bodies, known, put } = options;
  const changed = new Map<string, Set<string>>();
  const wholes = new Map<string, Iterator<void>>();

  function takeChanged(): void {
    let left = batch;
    for (const [id, keys] of changed) {
      const records = bodies(id);
      for (const key of keys) {
        if (left-- === 0) return;
        keys.delete(key);
        put(id, key, records?.get(key)?.body);
      }
      changed.delete(id);
    }
  }

  function takeWholes(): void {
    for (const [id, job] of wholes) {
      if (!advance(job, batch)) return;
      wholes.delete(id);
    }
  }

  /** Compares all records of a network with what is known of it. */
  function* whole(id: string): IterableIterator<void> {
    const records = bodies(id);
    for (const key of known(id)) {
      if (!records?.has(key)) put(id, key, undefined);
      yield;
    }
    for (const [key, { body }] of records ?? []) {
      put(id, key, body);
      yield;
    }
  }

  return {
    get busy() {
      return changed.size > 0 || wholes.size > 0;
    },
    holds: (id) => changed.has(id) || wholes.has(id),
    note(id, keys) {
      const before = changed.get(id) ?? new Set();
      changed.set(id, before);
      for (const key of keys) before.add(key);
    },
    noteWhole: (id) => void wholes.set(id, whole(id)),
    forget(id) {
      changed.delete(id);
      wholes.delete(id);
    },
    work: () => (changed.size > 0 ? takeChanged() : takeWholes()),
  };
}
