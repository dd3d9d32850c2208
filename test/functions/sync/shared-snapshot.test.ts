// Snapshots as files, in the local object store, and the real agent's side at the other end: large networks, hosts of many
// networks, many hosts at once. The table is in memory; test/engine/publish-snapshots.test.ts has the real engine.

import { randomUUID } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { httpSnapshots } from "../../../edge-agent/intent/download.ts";
import { fetchSnapshot } from "../../../edge-agent/intent/fetch-snapshot.ts";
import { createIntent, type IntentState, receiveFetched } from "../../../edge-agent/intent/intent.ts";
import { channelPk } from "../../../functions/publish/channel-items.ts";
import { Outbox } from "../../../functions/publish/outbox.ts";
import { sendOutbox } from "../../../functions/publish/send.ts";
import { getItem, putItem } from "../../../functions/publish/table.ts";
import { createSnapshotCache, type SnapshotFiles } from "../../../functions/sync/answer.ts";
import { handleSync } from "../../../functions/sync/handler.ts";
import { s3Snapshots } from "../../../functions/sync/s3-snapshots.ts";
import type { SnapshotObjects } from "../../../functions/sync/snapshot-objects.ts";
import { startObjectStore } from "../../../local/object-store.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { decodeInbox, type OfferMessage } from "../../../shared/message/inbox.ts";
import { hostChannel, networkChannel } from "../../../shared/model/record.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { endpointItem, hostItem, NOW_MS } from "../publish/fixtures.ts";
import { askAll, countQueries, requestOf } from "./asking.ts";
import { endpointBody, putHost, putLargeNetwork } from "./large-channels.ts";

/** Beyond what goes in messages. */
const ENDPOINTS = 1_500;
const CREDENTIALS = { accessKeyId: "local", secretAccessKey: "secret" };

let store: Awaited<ReturnType<typeof startObjectStore>>;
let objects: SnapshotObjects & { puts: number; lost: boolean; full: boolean };
let world: EngineWorld;
const never = new AbortController().signal;

beforeEach(async () => {
  store = await startObjectStore({
    host: "127.0.0.1",
    port: 0,
    credentials: CREDENTIALS,
    buckets: () => [{ name: "snapshots", expireAfterDays: 3 }],
    nowMs: Date.now,
    log: () => undefined,
  });
  const real = s3Snapshots(
    new S3Client({ endpoint: store.url, region: "us-east-1", credentials: CREDENTIALS }),
    "snapshots",
  );
  objects = {
    ...real,
    puts: 0,
    lost: false,
    full: false,
    async put(key, body) {
      if (objects.full) throw new Error("slow down");
      objects.puts++;
      return real.put(key, body);
    },
    has: async (key) => !objects.lost && (await real.has(key)),
  };
  world = EngineWorld.inMemory();
  world.files = process();
  await putLargeNetwork(world.table, "big", "h1", ENDPOINTS);
  await putHost(world.table, "h1", ["big"]);
  await world.write(hostItem("h1", 1));
});
afterEach(() => store.close());

/** What one process of the sync function has; `waited` hears of its waiting. */
function process(waited: (ms: number) => void = (ms) => void (world.nowMs += ms)): SnapshotFiles {
  return {
    objects,
    wait: async (ms) => {
      waited(ms);
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    newId: randomUUID,
    cache: createSnapshotCache(1_000_000),
  };
}

const ask = (state: IntentState, request = 1) => askAll(world, state, request);

async function fetchAll(state: IntentState, offers: readonly OfferMessage[]): Promise<void> {
  const source = httpSnapshots({ allowPlain: true, setTimer: () => () => undefined });
  for (const offer of offers) {
    receiveFetched(state, offer, await fetchSnapshot(source, offer, state.channels.get(offer.channel), never));
  }
}

describe("snapshot files", () => {
  test("sync: a large network -> an offer, fetched by its signed URL, and then in sync with all of it", async () => {
    const state = createIntent("h1", []);
    const offers = await ask(state);
    expect(offers.map(({ channel, records }) => [channel, records])).toEqual([["net:big", ENDPOINTS + 2]]);
    expect(state.inSync).toBe(false);
    await fetchAll(state, offers);
    expect(state.inSync).toBe(true);
    const held = state.channels.get("net:big")?.records.get("endpoint/vm-700");
    expect(held?.body).toEqual(endpointBody(700, "h1"));
    expect(await ask(state, 2), "and then it lacks nothing").toEqual([]);
  });

  test("sync: many hosts in many processes at once -> the file is made once, all are sent to it", {
    timeout: 30_000,
  }, async () => {
    const all = Array.from({ length: 25 }, (_, index) => `host-${index}`);
    for (const host of all) await putHost(world.table, host, ["big"]);
    await Promise.all(
      all.map(async (host) => {
        let nowMs = NOW_MS;
        const files = process((ms) => void (nowMs += ms / 10));
        const deps = { ...world.deps, now: () => nowMs, files };
        await handleSync(deps, requestOf(host));
      }),
    );
    const kinds = world.messages.map(({ payload }) => decodeInbox(Buffer.from(payload)).kind);
    expect(objects.puts).toBe(1);
    expect(kinds.filter((kind) => kind === "retry")).toEqual([]);
    expect(kinds.filter((kind) => kind === "in-sync")).toHaveLength(25);
    expect(world.counters.get("SyncedByFile")).toBe(25);
    const urls = world.messages.flatMap(({ payload }) => /"url":"([^"]+)"/.exec(payload)?.[1] ?? []);
    expect(new Set(urls).size, "each URL is of one host").toBe(25);
  });

  test("sync: the log moved on by a few entries -> the same file and the entries", async () => {
    await ask(createIntent("h1", []));
    for (let version = 2; version < 5; version++) {
      await world.publish(
        endpointItem("vm-1", { network: "big", host: "h1", index: 1, version, change: `c-${version}` }),
      );
    }
    const state = createIntent("h1", []);
    await fetchAll(state, await ask(state));
    expect(objects.puts).toBe(1);
    expect(state.inSync).toBe(true);
    expect(state.channels.get("net:big")?.seq).toBe(4);
    expect(state.channels.get("net:big")?.records.get("endpoint/vm-1")?.version).toBe(4);
  });

  test("sync: a large network whose file is there -> none of its 5,000 records is read to see that it is large", async () => {
    await putLargeNetwork(world.table, "larger", "h2", 5_000);
    await putHost(world.table, "h2", ["larger"]);
    const reads = countQueries(world.table, channelPk("net:larger"));
    const deps = { ...world.deps, table: reads.table };
    const asking = requestOf("h2");
    await handleSync({ ...deps, files: process() }, asking);
    expect(reads.records, "2,001 to see that it is, and then all of it with its VTEP and definition").toBe(
      2_001 + 5_002,
    );
    await handleSync({ ...deps, files: process() }, asking);
    expect(objects.puts).toBe(1);
    expect(world.counters.get("SyncedByFile")).toBe(2);
    expect(reads.records, "nothing more").toBe(2_001 + 5_002);
  });

  test("publish: a host joins a large network whose file is there -> none of its records is read, and the host is to ask", async () => {
    await putLargeNetwork(world.table, "larger", "h2", 2_500);
    await putHost(world.table, "h2", ["larger"]);
    await ask(createIntent("h2", []));
    const reads = countQueries(world.table, channelPk("net:larger"));
    const outbox = new Outbox();
    const step = { seq: 1, prev: 0, digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST, changes: [] };
    outbox.add("h3", { channel: hostChannel("h3"), ...step });
    outbox.join("h3", networkChannel("larger"));
    world.messages.length = 0;
    await sendOutbox({ ...world.deps, table: reads.table }, outbox);
    expect(world.messages.map(({ host, payload }) => [host, decodeInbox(Buffer.from(payload))])).toMatchObject([
      ["h3", { kind: "delta", entries: [{ channel: "host:h3" }] }],
    ]);
    expect(reads.records).toBe(0);
  });

  test("sync: a network was large and is small -> its next file shows it, and from then on it goes in messages", async () => {
    const key = { pk: channelPk(networkChannel("shrunk")), sk: "SNAPSHOT" };
    await putLargeNetwork(world.table, "shrunk", "h2", 3);
    await putHost(world.table, "h2", ["shrunk"]);
    await putItem(world.table, { ...key, file: { records: 5_000, seq: 1, object: "of before" }, atMs: 0 });
    const first = await ask(createIntent("h2", []));
    expect(first.map(({ records }) => records)).toEqual([5]);
    world.files = process();
    const second = createIntent("h2", []);
    expect(await ask(second)).toEqual([]);
    expect(second.channels.get(networkChannel("shrunk"))?.records.size).toBe(5);
    expect(objects.puts).toBe(1);
  });

  test("sync: the store of files lost one, or it is old -> made again", async () => {
    await ask(createIntent("h1", []));
    objects.lost = true;
    await ask(createIntent("h1", []));
    expect(objects.puts).toBe(2);
    objects.lost = false;
    world.nowMs += 3 * 86_400_000;
    await ask(createIntent("h1", []));
    expect(objects.puts).toBe(3);
  });

  test("sync: the maker of a file died -> hosts are asked to come again, and the next one makes it", async () => {
    const sk = "SNAPSHOT";
    const untilMs = NOW_MS + 60_000;
    await putItem(world.table, { pk: channelPk("net:big"), sk, leaseBy: "dead", leaseUntilMs: untilMs });
    const state = createIntent("h1", []);
    expect(await ask(state)).toEqual([]);
    expect(world.counters.get("SyncRetriesAsked")).toBe(1);
    expect(decodeInbox(Buffer.from(world.messages.at(-1)?.payload ?? ""))).toMatchObject({ kind: "retry" });
    expect(state.channels.has("host:h1"), "what is ready is sent").toBe(true);
    world.nowMs = untilMs + 1;
    expect(await ask(state, 2)).toHaveLength(1);
    expect(objects.puts).toBe(1);
  });

  test("sync: the store of files is away -> what else there is is sent, the host comes again, and finds no lease in its way", async () => {
    objects.full = true;
    const state = createIntent("h1", []);
    expect(await ask(state)).toEqual([]);
    expect(state.channels.has("host:h1")).toBe(true);
    expect(world.counters.get("SnapshotFileFailures")).toBe(1);
    expect(decodeInbox(Buffer.from(world.messages.at(-1)?.payload ?? ""))).toMatchObject({ kind: "retry" });
    const left = await getItem(world.table, { pk: channelPk("net:big"), sk: "SNAPSHOT" });
    expect(left?.["leaseBy"]).toBeUndefined();
    objects.full = false;
    expect(await ask(createIntent("h1", []))).toHaveLength(1);
  });

  test("sync: an agent of version 1 -> the same network in messages, and an in-sync that it understands", async () => {
    world.messages.length = 0;
    await world.sync("h1", { v: 1, have: [] });
    const messages = world.messages.map(({ payload }) => JSON.parse(payload) as { v: number; kind: string });
    expect(new Set(messages.map(({ v }) => v))).toEqual(new Set([1]));
    expect(messages.map(({ kind }) => kind)).toEqual([...messages.slice(1).map(() => "snapshot"), "in-sync"]);
    expect(messages.length).toBeGreaterThan(4);
  });
});
