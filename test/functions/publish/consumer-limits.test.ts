// The consumer at its limits, on a table in memory: more writes of one resource than a transaction has room for, and a
// rival between two of its reads.

import type { BatchGetItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { queryAll, type Table } from "../../../functions/publish/table.ts";
import { hostChannel, networkChannel } from "../../../shared/model/record.ts";
import { EngineWorld } from "./engine-world.ts";
import { endpointItem, hostItem, networkItem } from "./fixtures.ts";

const N1 = networkChannel("n1");

async function world(): Promise<EngineWorld> {
  const made = EngineWorld.inMemory();
  await made.publish(hostItem("h1", 1), hostItem("h2", 2), networkItem("n1", 100));
  return made;
}

const poison = (of: EngineWorld) => queryAll(of.table, "POISON", { prefix: "" });

/** Versions from `first` to `last` of e1, each with a change of its own, moving to h2 with the last. */
async function writes(of: EngineWorld, first: number, last: number): Promise<DynamoDBRecord[]> {
  const records: DynamoDBRecord[] = [];
  for (let version = first; version <= last; version++) {
    const place = { network: "n1", host: version === last ? "h2" : "h1", index: 1 };
    records.push(...(await of.write(endpointItem("e1", { ...place, ip: version, version, change: `c-${version}` }))));
  }
  return records;
}

describe("consumer at its limits", () => {
  test("consumer: a batch of 100 writes of one endpoint, which moves -> one step, and every change is marked where it left", async () => {
    const channels = await world();
    await channels.publish(endpointItem("e1", { network: "n1", host: "h1", index: 1, change: "c-1" }));
    expect(await channels.consume(await writes(channels, 2, 101))).toEqual([]);
    expect(await poison(channels)).toEqual([]);
    const replica = await channels.replay(N1);
    expect(replica.keys(N1)).toEqual(["endpoint/e1", "network", "vtep/h2"]);
    for (const change of ["c-2", "c-50", "c-101"]) {
      const marks = await channels.marks(change);
      expect(marks.map(({ channel }) => channel).sort()).toEqual([hostChannel("h1"), N1].sort());
    }
  });

  test("consumer: four endpoints are written 24 times each, and all move -> all there, all marked", async () => {
    const channels = await world();
    const ids = ["e1", "e2", "e3", "e4"];
    const at = (index: number, host: string) => ({ network: "n1", host, index });
    for (const [index, id] of ids.entries())
      await channels.publish(endpointItem(id, { ...at(index, "h1"), change: `${id}-1` }));
    const records: DynamoDBRecord[] = [];
    for (let version = 2; version <= 25; version++) {
      for (const [index, id] of ids.entries()) {
        const place = at(index, version === 25 ? "h2" : "h1");
        records.push(...(await channels.write(endpointItem(id, { ...place, version, change: `${id}-${version}` }))));
      }
    }
    expect(await channels.consume(records)).toEqual([]);
    expect((await channels.replay(N1)).keys(N1)).toEqual([...ids.map((id) => `endpoint/${id}`), "network", "vtep/h2"]);
    for (const id of ids) expect((await channels.marks(`${id}-2`)).length).toBeGreaterThan(0);
  });

  test("consumer: a host is written 100 times in a batch, with another AS at last -> its networks have it, and all is marked", async () => {
    const channels = await world();
    await channels.publish(endpointItem("e1", { network: "n1", host: "h1", index: 1, change: "c-1" }));
    const records: DynamoDBRecord[] = [];
    for (let version = 2; version <= 101; version++)
      records.push(
        ...(await channels.write(hostItem("h1", 1, { version, asns: [65000 + version], change: `h-${version}` }))),
      );
    expect(await channels.consume(records)).toEqual([]);
    expect(await poison(channels)).toEqual([]);
    const replica = await channels.replay(N1);
    expect(replica.channels.get(N1)?.records.get("vtep/h1")?.body).toMatchObject({ asns: [65101] });
    expect((await channels.marks("h-2")).map(({ channel }) => channel).sort()).toEqual([hostChannel("h1"), N1].sort());
  });

  test("consumer: a rival takes an older version between two reads -> read anew, nothing is set aside", async () => {
    const channels = await world();
    await channels.publish(endpointItem("e1", { network: "n1", host: "h1", index: 1 }));
    const moved = await channels.write(endpointItem("e1", { network: "n1", host: "h2", index: 1, version: 2 }));
    const gone = { network: "n1", host: "h2", index: 1, version: 3, deleted: true };
    const deleted = await channels.write(endpointItem("e1", gone));
    const table = afterFirstBatch(channels.table, () => channels.consume(moved));
    expect(await channels.consume(deleted, { table })).toEqual([]);
    expect(await poison(channels)).toEqual([]);
    expect((await channels.replay(N1)).keys(N1)).toEqual(["network"]);
  });
});

/** A table of which the second batch of reads is kept waiting by `act`. */
function afterFirstBatch(table: Table, act: () => Promise<unknown>): Table {
  const client = Object.create(table.client) as Table["client"];
  let batches = 0;
  client.send = (async (command: BatchGetItemCommand) => {
    if (command.constructor.name === "BatchGetItemCommand" && ++batches === 2) await act();
    return table.client.send(command);
  }) as Table["client"]["send"];
  return { ...table, client };
}
