// The stream's consumer on the real engine.

import { TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { channelPk, headKey, parseHead, parseRecord } from "../../functions/publish/channel-items.ts";
import { getItem, putItem, queryAll, type Table } from "../../functions/publish/table.ts";
import { decodeInbox } from "../../shared/message/inbox.ts";
import { endpointItem, hostItem, networkItem, type StoredItem } from "../functions/publish/fixtures.ts";
import { EngineWorld } from "../functions/publish/engine-world.ts";
import { StreamReader } from "../functions/publish/stream-reader.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

let engine: Engine;
let world: EngineWorld;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine?.close();
});
beforeEach(async () => {
  world = await EngineWorld.on(engine);
  for (const host of ["h1", "h2", "h3"]) world.agent(host);
  await world.publish(hostItem("h1", 1), hostItem("h2", 2), hostItem("h3", 3), networkItem("n1", 100));
});

function endpoint(id: string, host: string, fields: Partial<Parameters<typeof endpointItem>[1]> = {}): StoredItem {
  const index = Number(id.slice(1));
  return endpointItem(id, { network: "n1", host, index, change: `c-${id}-${fields.version ?? 1}`, ...fields });
}

async function headSeq(channel: "net:n1" | "host:h1" | "host:h2"): Promise<number> {
  return parseHead(await getItem(world.table, headKey(channel))).seq;
}

/** The records of the channel in the table are those that its log replays to. */
async function expectRecordsEqualLog(): Promise<void> {
  const replica = await world.replay("net:n1");
  const items = await queryAll(world.table, channelPk("net:n1"), { prefix: "REC#" });
  const live = items.flatMap((item) => {
    const record = parseRecord(item, world.nowMs / 1000);
    return record && record.body !== null ? [{ key: record.key, version: record.version, body: record.body }] : [];
  });
  expect(live).toEqual(replica.keys("net:n1").map((key) => replica.channels.get("net:n1")?.records.get(key)));
  const head = parseHead(await getItem(world.table, headKey("net:n1")));
  expect(replica.at("net:n1")).toEqual({ seq: head.seq, digest: head.digest });
  expect(replica.forwarding("net:n1")).toBe(head.forwarding);
}

describe("consumer", () => {
  test("consume: endpoints on two hosts -> both hosts hold the network whole, a third hears nothing", async () => {
    await world.publish(endpoint("e1", "h1"), endpoint("e2", "h2"));
    for (const host of ["h1", "h2"]) {
      const agent = world.agent(host);
      expect(agent.keys("net:n1")).toEqual(["endpoint/e1", "endpoint/e2", "network", "vtep/h1", "vtep/h2"]);
      expect(agent.keys(`host:${host}`)).toEqual(["host", "network/n1"]);
      expect(agent.gaps).toBe(0);
    }
    expect(world.agent("h3").keys("net:n1")).toEqual([]);
    await expectRecordsEqualLog();
    expect(await world.marks("c-e1-1")).toMatchObject([{ channel: "net:n1", seq: 2, key: "endpoint/e1", version: 1 }]);
  });

  test("consume: the batch comes again -> no log moves, the messages go out again", async () => {
    const records = await world.write(endpoint("e1", "h1"), endpoint("e2", "h2"));
    expect(await world.consume(records)).toEqual([]);
    const seq = await headSeq("net:n1");
    const sent = world.messages.length;
    expect(await world.consume(records)).toEqual([]);
    expect(await headSeq("net:n1")).toBe(seq);
    expect(world.messages.length).toBeGreaterThan(sent);
    expect(world.agent("h1").gaps).toBe(0);
    await expectRecordsEqualLog();
  });

  test("consume: a crash between commit and publish -> the next delivery tells the hosts, the joined one whole", async () => {
    const records = await world.write(endpoint("e1", "h1"));
    const crash = { publish: () => Promise.reject(new Error("killed")) };
    expect(await world.consume(records, { publisher: crash })).toEqual([]);
    expect(world.agent("h1").keys("net:n1")).toEqual([]);
    await world.consume(records);
    expect(world.agent("h1").keys("net:n1")).toEqual(["endpoint/e1", "network", "vtep/h1"]);
    expect(world.agent("h1").keys("host:h1")).toEqual(["host", "network/n1"]);
  });

  test("consume: two consumers at once on the same records -> one log, each change in it once", async () => {
    const records = await world.write(
      ...Array.from({ length: 40 }, (_, at) => endpoint(`e${at + 1}`, `h${(at % 3) + 1}`)),
    );
    const shuffled = records.slice().reverse();
    const failures = await Promise.all([world.consume(records), world.consume(shuffled), world.consume(records)]);
    expect(failures.flat()).toEqual([]);
    await expectRecordsEqualLog();
    const replica = await world.replay("net:n1");
    expect(replica.keys("net:n1").length).toBe(1 + 3 + 40);
    const items = await queryAll(world.table, channelPk("net:n1"), { prefix: "REC#vtep/" });
    expect(items.map((item) => (item["vtep"] as { endpoints: number }).endpoints)).toEqual([14, 13, 13]);
  });

  test("consume: two consumers, other networks, the same hosts -> the hosts' channels name both", async () => {
    await world.publish(networkItem("n2", 200));
    const one = await world.write(endpoint("e1", "h1"));
    const two = await world.write(endpointItem("e1", { network: "n2", host: "h1", index: 1, change: "c-other" }));
    expect((await Promise.all([world.consume(one), world.consume(two)])).flat()).toEqual([]);
    const replica = await world.replay("host:h1");
    expect(replica.keys("host:h1")).toEqual(["host", "network/n1", "network/n2"]);
  });

  test("consume: 300 endpoints in one batch -> several entries, one coalesced stream of messages", async () => {
    const items = Array.from({ length: 300 }, (_, at) => endpoint(`e${at + 1}`, at % 2 ? "h1" : "h2"));
    await world.publish(...items);
    expect(await headSeq("net:n1")).toBeGreaterThan(6);
    await expectRecordsEqualLog();
    expect(world.agent("h1").keys("net:n1").length).toBe(303);
    expect(world.agent("h1").at("net:n1")).toEqual(world.agent("h2").at("net:n1"));
    expect(await world.marks("c-e299-1")).toHaveLength(1);
  });

  test("consume: a move -> the old host leaves, the new one joins, in one entry", async () => {
    await world.publish(endpoint("e1", "h1"), endpoint("e2", "h3"));
    await world.publish(endpoint("e1", "h2", { version: 2, mobility: 1 }));
    expect(world.agent("h1").keys("host:h1")).toEqual(["host"]);
    expect(world.agent("h2").keys("net:n1")).toEqual(["endpoint/e1", "endpoint/e2", "network", "vtep/h2", "vtep/h3"]);
    expect(world.agent("h3").at("net:n1")).toEqual(world.agent("h2").at("net:n1"));
    const marks = await world.marks("c-e1-2");
    expect(marks.map(({ channel, deleted }) => [channel, deleted])).toEqual([
      ["host:h1", true],
      ["net:n1", false],
    ]);
  });

  test("consume: a move overtaken by a later change -> it is marked too, and so is the host that was left", async () => {
    await world.publish(endpoint("e1", "h1"));
    const move = await world.write(endpoint("e1", "h2", { version: 2, mobility: 1 }));
    const patch = await world.write(endpoint("e1", "h2", { version: 3, mobility: 1, ip: 7 }));
    expect(await world.consume(patch)).toEqual([]);
    expect(await world.marks("c-e1-2")).toEqual([]);
    expect(await world.consume(move)).toEqual([]);
    expect((await world.marks("c-e1-2")).map(({ channel, seq }) => [channel, seq])).toEqual([
      ["host:h1", 3],
      ["net:n1", 3],
    ]);
    expect(await headSeq("net:n1")).toBe(3);
  });

  test("consume: the last endpoint goes and its id comes again -> tombstone kept, versions go on", async () => {
    await world.publish(endpoint("e1", "h1"));
    await world.publish(endpoint("e1", "h1", { version: 2, deleted: true }));
    expect(world.agent("h1").keys("host:h1")).toEqual(["host"]);
    expect(await getItem(world.table, { pk: "CH#net:n1", sk: "REC#endpoint/e1" })).toMatchObject({
      deleted: true,
      version: 2,
    });
    await world.publish(endpoint("e1", "h2", { version: 3 }));
    expect(world.agent("h2").keys("net:n1")).toEqual(["endpoint/e1", "network", "vtep/h2"]);
    await expectRecordsEqualLog();
  });

  test("consume: an id made again from version 1 after its tombstone ran out -> in the log again", async () => {
    await world.publish(endpoint("e1", "h1"), endpoint("e1", "h1", { version: 2, deleted: true }));
    world.nowMs += 8 * 86_400_000;
    await world.publish(endpoint("e1", "h2", { version: 1, change: "c-late" }));
    expect((await world.replay("net:n1")).keys("net:n1")).toEqual(["endpoint/e1", "network", "vtep/h2"]);
    expect(await world.marks("c-late")).toHaveLength(1);
  });

  test("consume: a network's new name, then its deletion -> its record follows", async () => {
    await world.publish(endpoint("e1", "h1"), networkItem("n1", 100, { version: 2, name: "blue" }));
    expect(world.agent("h1").channels.get("net:n1")?.records.get("network")?.body).toMatchObject({ name: "blue" });
    await world.publish(
      endpoint("e1", "h1", { version: 2, deleted: true }),
      networkItem("n1", 100, { version: 3, deleted: true }),
    );
    expect((await world.replay("net:n1")).keys("net:n1")).toEqual([]);
  });

  test("consume: a host's new peers -> its own record, then its vtep record on every member; marked last", async () => {
    await world.publish(endpoint("e1", "h1"), endpoint("e2", "h2"));
    await world.publish(hostItem("h1", 1, { version: 2, change: "c-peers", asns: [65001, 64512] }));
    const vtep = world.agent("h2").channels.get("net:n1")?.records.get("vtep/h1")?.body;
    expect(vtep).toEqual({ site: "site-1", address: "198.51.100.1", asns: [65001, 64512] });
    expect((await world.marks("c-peers")).map(({ channel, key }) => [channel, key])).toEqual([
      ["host:h1", "host"],
      ["net:n1", "vtep/h1"],
    ]);
  });

  test("consume: a host deleted -> its record goes", async () => {
    await world.publish(hostItem("h3", 3, { version: 2, deleted: true }));
    expect(world.agent("h3").keys("host:h3")).toEqual([]);
  });

  test("consume: poison between good records -> kept and counted, the others published", async () => {
    const good = await world.write(endpoint("e1", "h1"));
    const broken = await world.write({ ...endpoint("e2", "h1"), mac: "ff:ff:ff:ff:ff:ff" });
    expect(await world.consume([...broken, ...good])).toEqual([]);
    await world.consume(broken);
    expect(world.counters.get("PoisonRecords")).toBe(2);
    const kept = await queryAll(world.table, "POISON", { prefix: "?#" });
    expect(kept).toMatchObject([{ sk: `?#${broken[0]?.eventID}`, reason: expect.stringContaining("mac") }]);
    expect(world.agent("h1").keys("net:n1")).toEqual(["endpoint/e1", "network", "vtep/h1"]);
  });

  test("consume: an endpoint on a host that does not exist -> it waits, its network goes on; published with its host", async () => {
    await world.publish(endpoint("e1", "h9"), endpoint("e2", "h1"));
    expect(world.counters.get("WaitingEndpoints")).toBe(1);
    expect(world.agent("h1").keys("net:n1")).toEqual(["endpoint/e2", "network", "vtep/h1"]);
    await world.write(endpoint("e1", "h9", { version: 2, ip: 7 }));
    world.agent("h9");
    await world.publish(hostItem("h9", 9));
    expect(world.agent("h9").keys("net:n1")).toEqual(["endpoint/e1", "endpoint/e2", "network", "vtep/h1", "vtep/h9"]);
    expect(world.agent("h1").channels.get("net:n1")?.records.get("endpoint/e1")?.version).toBe(2);
    expect(await queryAll(world.table, "WAITING#h9", { prefix: "net:" })).toEqual([]);
    expect(await world.marks("c-e1-2")).toHaveLength(1);
    await expectRecordsEqualLog();
  });

  test("consume: what waited for a host is deleted before that is there -> forgotten, nothing published", async () => {
    await world.publish(endpoint("e1", "h9"));
    await world.publish(endpoint("e1", "h9", { version: 2, deleted: true }));
    await world.publish(hostItem("h9", 9));
    expect(await queryAll(world.table, "WAITING#h9", { prefix: "net:" })).toEqual([]);
    expect((await world.replay("net:n1")).keys("net:n1")).toEqual(["network"]);
  });

  test("consume: a change of which no step can be made -> kept with the reason, the rest of its channel published", async () => {
    await world.publish(endpoint("e1", "h1"));
    // The count of a member was lost: a deletion would make it negative.
    const key = { pk: "CH#net:n1", sk: "REC#vtep/h1" };
    const member = (await getItem(world.table, key)) as StoredItem & { vtep: { endpoints: number } };
    await putItem(world.table, { ...member, vtep: { ...member.vtep, endpoints: 0 } });
    const bad = endpoint("e1", "h1", { version: 2, deleted: true });
    const records = await world.write(bad, endpoint("e2", "h2"), networkItem("n1", 100, { version: 2, name: "blue" }));
    expect(await world.consume(records)).toEqual([]);
    await world.consume(records);
    const kept = await queryAll(world.table, "POISON", { prefix: "net:n1#" });
    expect(kept).toMatchObject([{ item: "endpoint/e1", reason: expect.stringContaining("counts -1") as string }]);
    expect(world.counters.get("PoisonRecords")).toBeGreaterThan(0);
    expect(world.agent("h2").keys("net:n1")).toContain("endpoint/e2");
    expect((await world.replay("net:n1")).channels.get("net:n1")?.records.get("network")?.version).toBe(2);
  });

  test("consume: a host is deleted while it listens -> told to leave, also when the batch comes again", async () => {
    const records = await world.write(hostItem("h3", 3, { version: 2, deleted: true }));
    for (const time of ["first", "again"]) {
      world.messages.length = 0;
      await world.consume(records);
      const last = decodeInbox(Buffer.from(world.messages.at(-1)?.payload ?? ""));
      expect(last, time).toMatchObject({ kind: "leave", host: "h3", channels: ["host:h3"], own: 2 });
    }
    await world.publish(hostItem("h3", 3, { version: 3 }));
    world.messages.length = 0;
    await world.consume(records);
    const kinds = world.messages.map(({ payload }) => decodeInbox(Buffer.from(payload)).kind);
    expect(kinds, "made again: an old deletion says nothing").toEqual(["delta"]);
  });

  test("consume: a tombstone written by a clock that is a month behind -> older versions stay out all the same", async () => {
    await world.publish(endpoint("e1", "h1"));
    const behind = Math.floor(world.nowMs / 1000) - 30 * 86_400;
    await world.publish({ ...endpoint("e1", "h1", { version: 2, deleted: true }), ttl: behind });
    const late = await world.write(endpoint("e1", "h1", { version: 1, change: "c-late" }));
    await world.consume(late);
    expect((await world.replay("net:n1")).keys("net:n1")).toEqual(["network"]);
  });

  test("consume: a host joins a small network -> one snapshot, announced; no entry of it besides", async () => {
    await world.publish(endpoint("e1", "h2"));
    world.messages.length = 0;
    await world.publish(endpoint("e2", "h1"));
    const kinds = world.messages
      .filter(({ host }) => host === "h1")
      .map(({ payload }) => decodeInbox(Buffer.from(payload)));
    expect(kinds).toMatchObject([
      { kind: "delta", coming: ["net:n1"], entries: [{ channel: "host:h1" }] },
      { kind: "snapshot", channel: "net:n1", part: 1, parts: 1 },
    ]);
  });

  test("consume: a batch of many networks that one host joins -> all of it, though they meet at its channel", async () => {
    const networks = Array.from({ length: 12 }, (_, at) => networkItem(`m${at}`, 300 + at));
    const endpoints = networks.map(({ sk }) =>
      endpointItem("e1", { network: sk, host: "h1", index: 1, change: `c-${sk}` }),
    );
    await world.publish(...networks, ...endpoints);
    expect((await world.replay("host:h1")).keys("host:h1").length).toBe(13);
    expect(world.agent("h1").gaps).toBe(0);
    expect(world.agent("h1").channels.size).toBe(13);
  });

  test("consume: one host's inbox is refused -> counted, the others are told, nothing failed", async () => {
    await world.publish(endpoint("e1", "h1"), endpoint("e2", "h2"));
    world.refused.add("h1");
    await world.publish(endpoint("e3", "h2"));
    expect(world.counters.get("PublishFailures")).toBe(1);
    expect(world.agent("h2").keys("net:n1")).toContain("endpoint/e3");
    world.refused.delete("h1");
    await world.publish(endpoint("e4", "h2"));
    expect(world.agent("h1").gaps, "it sees the gap").toBe(1);
    await world.sync("h1");
    expect(world.agent("h1").at("net:n1")).toEqual(world.agent("h2").at("net:n1"));
  });

  test("consume: the store fails one channel -> exactly its records fail, and succeed when they come again", async () => {
    await world.publish(networkItem("n2", 200));
    const good = await world.write(endpoint("e1", "h1"));
    const bad = await world.write(endpointItem("e1", { network: "n2", host: "h2", index: 1, change: "c-bad" }));
    const table = failingTable(world.table, "CH#net:n2");
    expect(await world.consume([...bad, ...good], { table })).toEqual([bad[0]?.dynamodb?.SequenceNumber]);
    expect(world.agent("h1").keys("net:n1")).toEqual(["endpoint/e1", "network", "vtep/h1"]);
    expect(await world.consume([...bad, ...good])).toEqual([]);
    expect(world.agent("h2").keys("net:n2")).toEqual(["endpoint/e1", "network", "vtep/h2"]);
  });

  test("consume: other writers move the log without end -> the records fail, nothing is lost", async () => {
    const records = await world.write(endpoint("e1", "h1"));
    let moves = 0;
    const pause = async () => {
      moves += 1;
    };
    const table = failingTable(world.table, "CH#net:n1", async () => {
      const head = (await getItem(world.table, headKey("net:n1"))) as StoredItem & { seq: number };
      await putItem(world.table, { ...head, seq: head.seq + 1 });
    });
    expect(await world.consume(records, { table, pause })).toEqual([records[0]?.dynamodb?.SequenceNumber]);
    expect(moves).toBeGreaterThan(5);
  });

  test("consume: records of the engine's own stream, fed as they are -> the same", async () => {
    await world.write(endpoint("e1", "h1"), endpoint("e2", "h2"), endpoint("e1", "h1", { version: 2, deleted: true }));
    const fresh = await EngineWorld.on(engine);
    for (const item of [hostItem("h1", 1), hostItem("h2", 2)]) await fresh.write(item);
    const agent = fresh.agent("h2");
    const stream = new StreamReader(engine, world.table);
    const records = await stream.next();
    stream.close();
    expect(records.length).toBeGreaterThan(5);
    expect(await fresh.consume(records)).toEqual([]);
    expect(agent.keys("net:n1")).toEqual(["endpoint/e2", "network", "vtep/h2"]);
    expect((await fresh.replay("host:h1")).keys("host:h1")).toEqual(["host"]);
  });
});

/** The table, with transactions on one partition failing, or doing something first. */
function failingTable(table: Table, pk: string, first?: () => Promise<void>): Table {
  const client = Object.create(table.client) as Table["client"];
  client.send = (async (command: { input: unknown }) => {
    const hit = command instanceof TransactWriteItemsCommand && JSON.stringify(command.input).includes(`"${pk}"`);
    if (hit && !first) throw new Error("the store is away");
    if (hit) await first?.();
    return table.client.send(command as TransactWriteItemsCommand);
  }) as Table["client"]["send"];
  return { ...table, client };
}
