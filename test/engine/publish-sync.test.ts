// Answers to sync requests on the real engine: agents that missed messages, lost their disk, or were told wrong things.

import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EMPTY_DIGEST, hashText } from "../../shared/message/digest.ts";
import { decodeInbox } from "../../shared/message/inbox.ts";
import type { Channel } from "../../shared/model/record.ts";
import { logKey } from "../../functions/publish/channel-items.ts";
import { handleSync } from "../../functions/sync/handler.ts";
import { readSnapshot, snapshotMessages } from "../../functions/sync/snapshot.ts";
import { endpointItem, hostItem, networkItem, type StoredItem } from "../functions/publish/fixtures.ts";
import { EngineWorld, ruleEvent } from "../functions/publish/engine-world.ts";
import { Replica } from "../functions/publish/replica.ts";
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
  await world.publish(hostItem("h1", 1), hostItem("h2", 2), networkItem("n1", 100), networkItem("n2", 200));
  await world.publish(endpoint("e1", "h1"), endpoint("e2", "h2"));
});

function endpoint(id: string, host: string, fields: Partial<Parameters<typeof endpointItem>[1]> = {}): StoredItem {
  return endpointItem(id, { network: "n1", host, index: Number(id.slice(1)), change: `c-${id}`, ...fields });
}

/** The kinds of the messages that a sync brings, and what of it concerns the network. */
async function kindsOfSync(host: string, have?: Parameters<EngineWorld["sync"]>[1]): Promise<string[]> {
  world.messages.length = 0;
  await world.sync(host, have);
  return world.messages.flatMap(({ payload }) => kindsOf(decodeInbox(Buffer.from(payload))));
}

function kindsOf(message: ReturnType<typeof decodeInbox>): string[] {
  switch (message.kind) {
    case "delta":
      return [`delta ${message.entries.map(({ channel, seq }) => `${channel} ${seq}`).join(", ")}`];
    case "snapshot":
      return [`snapshot ${message.channel} ${message.seq}`];
    case "offer":
      return [`offer ${message.channel} ${message.seq}`];
    case "leave":
      return [`leave ${message.channels.join(", ")}`];
    case "in-sync":
      return [`in-sync ${message.channels.map((each) => each.channel).join(", ")}`];
    case "retry":
      return ["retry"];
    case "bundle":
      return message.messages.flatMap(kindsOf);
    case "malformed":
      throw new Error(message.reason);
  }
}

const WHOLE = "in-sync host:h1, net:n1";

describe("sync", () => {
  test("sync: a host that holds nothing -> snapshots of all its channels, then in-sync", async () => {
    expect(await kindsOfSync("h1")).toEqual(["snapshot host:h1 2", "snapshot net:n1 2", WHOLE]);
    expect(world.agent("h1").keys("net:n1")).toEqual(["endpoint/e1", "endpoint/e2", "network", "vtep/h1", "vtep/h2"]);
    expect(await kindsOfSync("h1"), "and then it lacks nothing").toEqual([WHOLE]);
  });

  test("sync: a host that is a few behind -> the entries it lacks", async () => {
    await world.sync("h1");
    const absent = world.agent("h1");
    world.agents.clear();
    await world.publish(endpoint("e3", "h2"));
    await world.publish(endpoint("e4", "h2"));
    world.agents.set("h1", absent);
    expect(await kindsOfSync("h1")).toEqual(["delta net:n1 3, net:n1 4", WHOLE]);
    expect(absent.keys("net:n1")).toContain("endpoint/e4");
  });

  test("sync: a host that is more than 50 behind, or whose entries have run out -> a snapshot", async () => {
    await world.sync("h1");
    const absent = world.agent("h1");
    world.agents.clear();
    for (let at = 0; at < 3; at++) await world.publish(endpoint(`e${at + 3}`, "h2"));
    const Key = marshall(logKey("net:n1", 4));
    await world.table.client.send(new DeleteItemCommand({ TableName: world.table.name, Key }));
    world.agents.set("h1", absent);
    expect(await kindsOfSync("h1")).toEqual(["snapshot net:n1 5", WHOLE]);
    const far = [{ channel: "net:n1" as Channel, seq: 2, digest: EMPTY_DIGEST }];
    for (let at = 6; at < 55; at++) await world.publish(endpoint(`e${at}`, "h2"));
    expect(await kindsOfSync("h1", [...absent.have().filter(({ channel }) => channel !== "net:n1"), ...far])).toEqual([
      "snapshot net:n1 54",
      WHOLE,
    ]);
  });

  test("sync: equal seq and other digest -> a snapshot, and the divergence is counted", async () => {
    await world.sync("h1");
    const have = world
      .agent("h1")
      .have()
      .map((each) => (each.channel === "net:n1" ? { ...each, digest: hashText("?") } : each));
    expect(await kindsOfSync("h1", have)).toEqual(["snapshot net:n1 2", WHOLE]);
    expect(world.counters.get("DivergedChannels")).toBe(1);
  });

  test("sync: behind with a digest that the log never had -> a snapshot", async () => {
    await world.sync("h1");
    await world.publish(endpoint("e3", "h2"));
    const have = [{ channel: "net:n1" as Channel, seq: 2, digest: hashText("?") }];
    expect((await kindsOfSync("h1", have)).slice(1)).toEqual(["snapshot net:n1 3", WHOLE]);
  });

  test("sync: a host that holds a network which it left -> leave", async () => {
    await world.sync("h1");
    const absent = world.agent("h1");
    world.agents.clear();
    await world.publish(endpoint("e1", "h2", { version: 2 }));
    world.agents.set("h1", absent);
    expect(await kindsOfSync("h1")).toEqual(["delta host:h1 3", "leave net:n1", "in-sync host:h1"]);
    expect([...absent.channels.keys()]).toEqual(["host:h1"]);
  });

  test("sync: a deleted host -> leave all, in-sync of nothing", async () => {
    await world.sync("h1");
    const absent = world.agent("h1");
    world.agents.clear();
    await world.publish(
      endpoint("e1", "h1", { version: 2, deleted: true }),
      hostItem("h1", 1, { version: 2, deleted: true }),
    );
    world.agents.set("h1", absent);
    expect(await kindsOfSync("h1")).toEqual(["leave host:h1, net:n1", "in-sync "]);
    expect(absent.channels.size).toBe(0);
  });

  test("sync: a host of which nothing is known -> no answer, counted", async () => {
    expect(await kindsOfSync("h9", [{ channel: "net:n1", seq: 2, digest: EMPTY_DIGEST }])).toEqual([]);
    expect(world.counters.get("UnansweredHosts")).toBe(1);
  });

  test("sync: a host deleted and just made again, its log still empty -> no answer that could empty it", async () => {
    await world.publish(
      endpoint("e1", "h1", { version: 2, deleted: true }),
      hostItem("h1", 1, { version: 2, deleted: true }),
    );
    const unpublished = await world.write(hostItem("h1", 1, { version: 3 }));
    expect(await kindsOfSync("h1")).toEqual([]);
    await world.consume(unpublished);
    expect(await kindsOfSync("h1", [])).toEqual(["snapshot host:h1 5", "in-sync host:h1"]);
  });

  test.each([
    ["not JSON", "{"],
    ["another version", { v: 99, have: [] }],
    ["a channel of no kind", { v: 1, have: [{ channel: "tenant:x", seq: 1, digest: EMPTY_DIGEST }] }],
  ])("sync: a malformed request, %s -> counted, no answer", async (_, message) => {
    await handleSync(world.deps, ruleEvent("h1", message));
    expect(world.messages.filter(({ payload }) => payload.includes("in-sync"))).toEqual([]);
    expect(world.counters.get("MalformedSyncRequests")).toBe(1);
  });

  test("sync: an event without host or with octets that are no base64 -> counted, no answer", async () => {
    await handleSync(world.deps, { payload: "AA==" });
    await handleSync(world.deps, { payload: "*", host: "h1" });
    expect(world.counters.get("MalformedSyncRequests")).toBe(2);
  });

  test("snapshot: read while the log moves -> one state, proven by its digest", async () => {
    const writes = (async () => {
      for (let at = 10; at < 30; at++) await world.publish(endpoint(`e${at}`, at % 2 ? "h1" : "h2"));
    })();
    const progress = { done: false };
    const finished = writes.finally(() => {
      progress.done = true;
    });
    let read = 0;
    while (!progress.done) {
      const snapshot = await readSnapshot(world.table, "net:n1", world.nowMs / 1000);
      const replica = new Replica("h1");
      for (const payload of snapshotMessages("h1", snapshot)) replica.receive(payload);
      read += 1;
    }
    await finished;
    expect(read).toBeGreaterThan(3);
  });
});
