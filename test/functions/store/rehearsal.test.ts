// A rehearsal of writes over a table that is not empty: it reads as the table would read after them, page by page, and
// the table stays as it was. (That it is a store at all is the contract's business: memory-store.test.ts.)

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ResourceRef } from "../../../functions/domain/resource.ts";
import type { Expected, Write } from "../../../functions/domain/write.ts";
import type { Store } from "../../../functions/store/store.ts";
import { Tenant } from "../../../shared/model/resource.ts";
import { parseVni } from "../../../shared/address/vni.ts";
import { createMemoryStore } from "../../fakes/store.ts";

const AT = "2100-01-01T00:00:00.000Z";
const IDS = Array.from({ length: 12 }, (_, n) => `t${n}`);

/** Sets a tenant to a version, or deletes it, whatever is there. */
async function act(store: Store, { id, gone, vni }: { id: string; gone: boolean; vni: number }): Promise<unknown> {
  const ref = { kind: "tenant", id } as const satisfies ResourceRef;
  const held = await store.get(ref);
  if (gone && held.state !== "live") return undefined;
  const version = held.state === "absent" ? 1 : (held.state === "live" ? held.resource.version : held.version) + 1;
  const expected: Expected = held.state === "absent" ? held : { state: held.state, version: version - 1 };
  const resource = Tenant.parse({ id, name: id, version, createdAt: AT, updatedAt: AT, change: "c" });
  const guard = { kind: "vni", vni: parseVni(vni) ?? never() } as const;
  const writes: Write[] = [
    { write: "resource", ref, expected, resource, deleted: gone },
    (await store.owner(guard)) === id ? { write: "release", guard, owner: id } : { write: "claim", guard, owner: id },
    { write: "room", tenant: id, mode: "shift", rooms: { networks: 1 } },
  ];
  return store.commit(writes);
}

/** Everything that lists and spans show, page by page. */
async function shown(store: Store, limit: number): Promise<unknown> {
  const items: unknown[] = [];
  let position: string | undefined;
  do {
    const page = await store.list<"tenant">(
      { kind: "tenant" },
      { limit, ...(position === undefined ? {} : { position }) },
    );
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    position = page.next;
  } while (position !== undefined);
  const span = { guard: "vni", from: 1, to: 8 } as const;
  return {
    items,
    used: await store.used(span),
    free: await store.free(span, 8),
    rooms: await Promise.all(IDS.map((id) => store.room(id))).catch((cause: unknown) => String(cause)),
    held: await store.many(IDS.map((id) => ({ kind: "tenant", id }) as const)),
  };
}

const acts = fc.array(
  fc.record({ id: fc.constantFrom(...IDS), gone: fc.boolean(), vni: fc.integer({ min: 1, max: 8 }) }),
  { maxLength: 25 },
);

describe("rehearsal", () => {
  it("rehearsal: random writes over a table -> it reads as a table with those writes, and the table as before", async () => {
    await fc.assert(
      fc.asyncProperty(acts, acts, fc.integer({ min: 1, max: 7 }), async (before, during, limit) => {
        const [table, twin] = [createMemoryStore(), createMemoryStore()];
        for (const each of before) {
          await act(table, each);
          await act(twin, each);
        }
        const dump = await table.dump();
        const rehearsal = table.rehearsal();
        for (const each of during) expect(await act(rehearsal, each)).toEqual(await act(twin, each));
        expect(await shown(rehearsal, limit)).toEqual(await shown(twin, limit));
        expect(await table.dump()).toBe(dump);
      }),
      { numRuns: 60 },
    );
  });
});

function never(): never {
  throw new Error("unreachable");
}
