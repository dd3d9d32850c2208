// The log of events: numbers without a gap, and readers that lose nothing.

import { beforeEach, describe, expect, test } from "vitest";
import type { Event, Position } from "../../../functions/events/event.ts";
import { appendEvents, lastEvent, readEvents } from "../../../functions/events/event-log.ts";
import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { EngineWorld } from "../publish/engine-world.ts";

let world: EngineWorld;
let deps: Parameters<typeof appendEvents>[0];
beforeEach(() => {
  world = EngineWorld.inMemory();
  deps = { table: world.table, now: () => world.nowMs, pause: () => Promise.resolve() };
});

const event = (key: string, size = 0): Event => ({
  key,
  kind: "change",
  at: "2044-01-02T03:05:00.000Z",
  data: { text: "x".repeat(size) },
});
const append = (...keys: string[]) =>
  appendEvents(deps, async () => ({ events: keys.map((key) => event(key)), once: keys[0] ?? "" }));

async function readAll(after: Position, most: number): Promise<string[]> {
  const keys: string[] = [];
  const last = await lastEvent(world.table);
  for (let from = after; from.seq <= last; ) {
    const read = await readEvents(world.table, from, { last, most });
    if (read === "gone") return [...keys, "gone"];
    keys.push(...read.events.map(({ event: { key } }) => key));
    from = read.next;
  }
  return keys;
}

describe("event log", () => {
  test("log: 16 writers at once -> every event once, numbered without a gap", async () => {
    const names = Array.from({ length: 16 }, (_, at) => [`a${at}`, `b${at}`]);
    await Promise.all(names.map((keys) => append(...keys)));
    expect(await lastEvent(world.table)).toBe(16);
    expect((await readAll({ seq: 1, index: 0 }, 3)).sort()).toEqual(names.flat().sort());
  });

  test("log: more than an item holds -> several items, in order; written again under the same name -> nothing", async () => {
    const events = ["a", "b", "c"].map((key) => event(key, 150_000));
    const write = () => appendEvents(deps, async () => ({ events, once: "batch" }));
    await write();
    await write();
    expect(await readAll({ seq: 1, index: 0 }, 10)).toEqual(["a", "b", "c"]);
  });

  test("log: read on from within an item, and over the end of a block -> what comes after, and nothing twice", async () => {
    for (let at = 1; at <= 260; at++) await append(`a${at}`, `b${at}`);
    const keys = await readAll({ seq: 255, index: 1 }, 2);
    expect(keys).toEqual(["b255", "a256", "b256", "a257", "b257", "a258", "b258", "a259", "b259", "a260", "b260"]);
  });

  test("log: an item that is kept no more -> gone, and not silently less", async () => {
    for (const key of ["a", "b", "c"]) await append(key);
    const Key = { pk: { S: "EVENTS#0" }, sk: { S: "000000000000001" } };
    await world.table.client.send(new DeleteItemCommand({ TableName: world.table.name, Key }));
    expect(await readAll({ seq: 1, index: 0 }, 10)).toEqual(["gone"]);
    expect(await readAll({ seq: 2, index: 0 }, 10)).toEqual(["b", "c"]);
  });
});
