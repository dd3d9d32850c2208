// The list of rows that are to be looked at, against a plain set.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DirtyRows, type Listed } from "../../../edge-agent/dataplane/dirty-rows.ts";

type Row = Listed & { readonly name: number };

const rows = (count: number): Row[] =>
  Array.from({ length: count }, (_, name) => ({ name, dirty: false, listed: false }));

describe("dirty rows", () => {
  it("dirty rows: any additions and removals -> what a set would hold, each once", () => {
    const act = fc.record({ add: fc.boolean(), row: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
        const all = rows(10);
        const dirty = new DirtyRows<Row>();
        const model = new Set<Row>();
        for (const { add, row } of acts) {
          const it = all[row] as Row;
          if (add) {
            dirty.add(it);
            model.add(it);
          } else {
            dirty.delete(it);
            model.delete(it);
          }
          expect(dirty.size).toBe(model.size);
        }
        expect([...dirty]).toHaveLength(model.size);
        expect(new Set(dirty)).toEqual(model);
        expect(all.filter((row) => row.dirty).length).toBe(model.size);
      }),
    );
  });

  it("dirty rows: thousands come and most go -> the rest is there, each once, and may come again", () => {
    const all = rows(10_000);
    const dirty = new DirtyRows<Row>();
    for (const row of all) dirty.add(row);
    for (const row of all.slice(0, 9990)) dirty.delete(row);
    expect([...dirty]).toEqual(all.slice(9990));
    for (const row of all) dirty.add(row);
    expect(new Set(dirty).size).toBe(10_000);
    expect([...dirty]).toHaveLength(10_000);
  });

  it("dirty rows: one goes and one comes while they are visited -> neither is", () => {
    const [a, b, c] = rows(3) as [Row, Row, Row];
    const dirty = new DirtyRows<Row>();
    dirty.add(a);
    dirty.add(b);
    const seen: Row[] = [];
    for (const row of dirty) {
      seen.push(row);
      dirty.delete(b);
      dirty.add(c);
    }
    expect(seen).toEqual([a]);
    expect([...dirty]).toEqual([a, c]);
  });
});
