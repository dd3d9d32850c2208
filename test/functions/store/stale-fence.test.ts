import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { describe, expect, it } from "vitest";
import { createDynamoDbStore } from "../../../functions/store/dynamodb.ts";
import { FENCE_STALE_MS } from "../../../functions/store/stale-fence.ts";
import { createMemoryDynamo } from "../../sim/dynamodb/engine.ts";
import { putItem, type Table } from "../../../functions/publish/table.ts";

const ref = { kind: "site", id: "ams" } as const;
const SITE = { id: "ams", name: "Amsterdam", version: 1, change: "c" };
const AT = "2026-01-01T00:00:00.000Z";

async function fencedStore() {
  const { client } = createMemoryDynamo();
  const clock = { nowMs: Date.parse(AT) };
  const table: Table = { client: client as DynamoDBClient, name: "t" };
  await putItem(table, { pk: "SITES", sk: "ams", type: "site", ...SITE, createdAt: AT, updatedAt: AT });
  const store = createDynamoDbStore({
    client,
    table: "t",
    pacing: { sleep: () => Promise.resolve(), random: () => 0 },
    now: () => clock.nowMs,
  });
  expect(await store.fence({ ref, version: 1, why: { kind: "deleting" } }, "token")).toBe(true);
  return { store, clock };
}

describe("stale fence", () => {
  it("fence: a deletion is under way -> it stands", async () => {
    const { store, clock } = await fencedStore();
    clock.nowMs += FENCE_STALE_MS - 1;
    expect(await store.get(ref)).toMatchObject({ state: "live", deleting: true });
  });

  it("fence: the deletion died behind it -> whoever reads the resource takes it down", async () => {
    const { store, clock } = await fencedStore();
    clock.nowMs += FENCE_STALE_MS;
    expect(await store.get(ref)).toMatchObject({ state: "live", deleting: false });
    expect((await store.many([ref, { kind: "site", id: "none" }])).map(({ state }) => state)).toEqual([
      "live",
      "absent",
    ]);
  });

  it("fence: its maker was only slow -> what it does behind the fence is refused", async () => {
    const { store, clock } = await fencedStore();
    clock.nowMs += FENCE_STALE_MS;
    await store.get(ref);
    const held = await store.get(ref);
    if (held.state !== "live") throw new Error(held.state);
    const expected = { state: "live", version: 1, fence: "token" } as const;
    const resource = { ...held.resource, version: 2 };
    const outcome = await store.commit([{ write: "resource", ref, expected, resource, deleted: true }]);
    expect(outcome.kind).toBe("failed");
  });
});
