// The table's stream from every write to the events that are made of it, in memory. Not a test by itself.

import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { handleEvents } from "../../../functions/events/handler.ts";
import { lastEvent, readEvents } from "../../../functions/events/event-log.ts";
import type { Event } from "../../../functions/events/event.ts";
import { type Item, queryAll } from "../../../functions/publish/table.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { streamRecord, type StoredItem } from "../publish/fixtures.ts";
import { fabricHosts } from "../report/fabric-hosts.ts";

export function eventWorld() {
  const changed: { before: Item | undefined; after: Item }[] = [];
  const world = EngineWorld.inMemory(({ before, after }) => {
    if (after) changed.push({ before: before && (unmarshall(before) as Item), after: unmarshall(after) as Item });
  });
  const hosts = fabricHosts(world);
  const deps = { ...world.deps, pause: () => Promise.resolve() };
  let read = 0;

  /** The records of all that was written since the last time. */
  function records(): DynamoDBRecord[] {
    const fresh = changed.slice(read);
    read = changed.length;
    return fresh.map(({ before, after }) => streamRecord(after as StoredItem, before as StoredItem | undefined));
  }

  /** Feeds what was written, also what that writes, until nothing comes of it. */
  async function settle(batch = records()): Promise<void> {
    if (batch.length > 0) await handleEvents(deps, batch);
  }

  async function told(): Promise<Event[]> {
    const last = await lastEvent(world.table);
    const all = await readEvents(world.table, { seq: 1, index: 0 }, { last, most: 10_000 });
    if (all === "gone") throw new Error("the log has a gap");
    return all.events.map(({ event }) => event);
  }

  /** The keys of the notes of changes that are waited for. */
  async function notes(channel: string): Promise<string[]> {
    return (await queryAll(world.table, `CH#${channel}`, { prefix: "PENDING#" })).map(({ sk }) => sk);
  }

  return { ...hosts, world, deps, records, settle, told, notes };
}
