// What other hands changed in our networks: the last changes with what was there before and after, and counts. Pure.

import type { Vni } from "../../shared/address/vni.ts";

/** One thing that was as desired and then was not, though nobody asked for it. */
export type DriftRecord = {
  /** When it was confirmed, by the wall clock. */
  readonly atMs: number;
  readonly vni: Vni;
  /** In the form of `bridge fdb`, `ip neigh` or `ip link`; undefined: nothing was there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** A notification told, or only the comparison in the background did. */
  readonly foundBy: "event" | "comparison";
  readonly repaired: boolean;
};

export type DriftCount = { readonly found: number; readonly repaired: number; readonly lastAtMs: number };

export type DriftLog = {
  /** Notes a change that is about to be repaired; returns what is to be called once it is. */
  note(record: Omit<DriftRecord, "repaired">): () => void;
  /** Oldest first. */
  recent(): readonly DriftRecord[];
  byNetwork(): ReadonlyMap<Vni, DriftCount>;
};

const KEEP = 200;

export function createDriftLog(): DriftLog {
  const records: { -readonly [K in keyof DriftRecord]: DriftRecord[K] }[] = [];
  const counts = new Map<Vni, { found: number; repaired: number; lastAtMs: number }>();
  return {
    note: (found) => {
      const record = { ...found, repaired: false };
      records.push(record);
      if (records.length > KEEP) records.shift();
      const count = counts.get(found.vni) ?? { found: 0, repaired: 0, lastAtMs: 0 };
      counts.set(found.vni, count);
      count.found++;
      count.lastAtMs = found.atMs;
      return () => {
        if (record.repaired) return;
        record.repaired = true;
        count.repaired++;
      };
    },
    recent: () => records,
    byNetwork: () => counts,
  };
}
