// Hosts of very many networks, and very many hosts at once. Nothing here is large enough for a file.

import { beforeEach, describe, expect, test } from "vitest";
import { syncRequests } from "../../../edge-agent/intent/answer.ts";
import { createIntent } from "../../../edge-agent/intent/intent.ts";
import { mapBounded } from "../../../functions/publish/bounded.ts";
import { channelPk } from "../../../functions/publish/channel-items.ts";
import { createSnapshotCache } from "../../../functions/sync/answer.ts";
import { handleSync } from "../../../functions/sync/handler.ts";
import { decodeInbox } from "../../../shared/message/inbox.ts";
import { endpointItem, hostItem, networkItem } from "../publish/fixtures.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { askAll, countQueries, requestOf } from "./asking.ts";
import { putHost } from "./large-channels.ts";

let world: EngineWorld;

beforeEach(() => {
  const unasked = () => Promise.reject(new Error("no file is wanted here"));
  world = EngineWorld.inMemory();
  world.files = {
    objects: { put: unasked, has: unasked, sign: unasked },
    wait: unasked,
    newId: () => "unused",
    cache: createSnapshotCache(1_000_000),
  };
});

describe("reads", () => {
  test("sync: a host that missed one entry -> four reads: its head, its records, the heads, the entry", async () => {
    const agent = world.agent("h1");
    await world.publish(hostItem("h1", 1), networkItem("n1", 100));
    await world.publish(endpointItem("e1", { network: "n1", host: "h1", index: 1 }));
    const payload = Buffer.from(JSON.stringify({ v: 2, request: 1, have: agent.have() })).toString("base64");
    world.agents.delete("h1");
    await world.publish(endpointItem("e2", { network: "n1", host: "h1", index: 2 }));
    const reads = countQueries(world.table, channelPk("host:h1"));
    world.messages.length = 0;
    await handleSync({ ...world.deps, table: reads.table }, { host: "h1", payload });
    expect(world.messages.map((message) => decodeInbox(Buffer.from(message.payload)).kind)).toEqual([
      "delta",
      "in-sync",
    ]);
    expect(reads.requests()).toBe(4);
  });
});

describe("hosts of many networks", () => {
  test("sync: 3,000 networks, from nothing and again -> few messages that fit, in sync by parts", {
    timeout: 60_000,
  }, async () => {
    const networks = Array.from({ length: 3_000 }, (_, at) => `network-${String(at).padStart(4, "0")}`);
    await putHost(world.table, "h7", networks, true);
    const state = createIntent("h7", []);
    expect(await askAll(world, state, 1)).toEqual([]);
    expect(state.inSync).toBe(true);
    expect(state.channels.size).toBe(3_001);
    expect(world.messages.length).toBeLessThan(40);
    state.inSync = false;
    expect(syncRequests(state, 2).length).toBeGreaterThan(1);
    await askAll(world, state, 2);
    expect(state.inSync).toBe(true);
    expect(world.messages.every(({ payload }) => decodeInbox(Buffer.from(payload)).kind === "in-sync")).toBe(true);
  });
});

describe("reconnect storm", () => {
  test("storm: 1,000 hosts of one network ask at once, holding nothing -> it is read once a process, all are answered", {
    timeout: 60_000,
  }, async () => {
    const hosts = Array.from({ length: 1_000 }, (_, at) => `host-${at}`);
    await putHost(world.table, "template", ["small"], true);
    for (let at = 0; at < hosts.length; at += 50)
      await Promise.all(hosts.slice(at, at + 50).map((host) => putHost(world.table, host, ["small"])));
    const reads = countQueries(world.table, channelPk("net:small"));
    const deps = { ...world.deps, table: reads.table };
    // As many at once as the template admits.
    await mapBounded(hosts, 40, async (host) => {
      await handleSync(deps, requestOf(host));
    });
    const whole = world.messages.filter(({ payload }) => decodeInbox(Buffer.from(payload)).kind === "in-sync");
    expect(new Set(whole.map(({ host }) => host)).size).toBe(1_000);
    expect(reads.queries()).toBe(1);
    expect(world.counters.get("SyncAnswers")).toBe(1_000);
  });
});
