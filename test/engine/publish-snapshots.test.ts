// A network of several pages on the real engine, its file in the local object store, fetched by the agent's own code.

import { randomUUID } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { syncRequests } from "../../edge-agent/intent/answer.ts";
import { httpSnapshots } from "../../edge-agent/intent/download.ts";
import { fetchSnapshot } from "../../edge-agent/intent/fetch-snapshot.ts";
import { createIntent, receive, receiveFetched } from "../../edge-agent/intent/intent.ts";
import { createSnapshotCache } from "../../functions/sync/answer.ts";
import { s3Snapshots } from "../../functions/sync/s3-snapshots.ts";
import { startObjectStore } from "../../local/object-store.ts";
import { decodeInbox } from "../../shared/message/inbox.ts";
import { EngineWorld } from "../functions/publish/engine-world.ts";
import { endpointItem, hostItem } from "../functions/publish/fixtures.ts";
import { putHost, putLargeNetwork } from "../functions/sync/large-channels.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

const ENDPOINTS = 2_600;
const credentials = { accessKeyId: "local", secretAccessKey: "secret" };

let engine: Engine;
let store: Awaited<ReturnType<typeof startObjectStore>>;

beforeAll(async () => {
  engine = await startEngine();
  store = await startObjectStore({
    host: "127.0.0.1",
    port: 0,
    credentials,
    buckets: () => [{ name: "snapshots", expireAfterDays: 3 }],
    nowMs: Date.now,
    log: () => undefined,
  });
});
afterAll(async () => {
  await engine?.close();
  await store?.close();
});

test("snapshot: a network of several pages, changed while its file is made -> one state, proven by its digest", async () => {
  const world = await EngineWorld.on(engine);
  const s3 = new S3Client({ endpoint: store.url, region: "us-east-1", credentials });
  world.files = {
    objects: s3Snapshots(s3, "snapshots"),
    wait: () => Promise.resolve(),
    newId: randomUUID,
    cache: createSnapshotCache(1_000_000),
  };
  await putLargeNetwork(world.table, "big", "h1", ENDPOINTS);
  await putHost(world.table, "h1", ["big"]);
  await world.write(hostItem("h1", 1));
  const state = createIntent("h1", []);
  const change = (index: number) =>
    world.publish(endpointItem(`vm-${index}`, { network: "big", host: "h1", index, version: 2, change: `c-${index}` }));
  await Promise.all([
    world.sync("h1", syncRequests(state, 1)[0]),
    (async () => {
      for (const index of [1, ENDPOINTS - 1, 5, ENDPOINTS - 5]) await change(index);
    })(),
  ]);
  for (const { payload } of world.messages) {
    const message = decodeInbox(Buffer.from(payload));
    if (message.kind === "malformed") throw new Error(message.reason);
    receive(state, message);
  }
  const [offer] = state.offers.values();
  if (!offer) throw new Error("nothing is on offer");
  const source = httpSnapshots({ allowPlain: true, setTimer: () => () => undefined });
  receiveFetched(state, offer, await fetchSnapshot(source, offer, undefined, new AbortController().signal));
  // What the publisher sent meanwhile was waiting for the snapshot.
  expect(state.early.size).toBe(0);
  expect(state.channels.get("net:big")?.seq).toBe(5);
  expect(state.channels.get("net:big")?.records.size).toBe(ENDPOINTS + 2);
  expect(state.channels.get("net:big")?.records.get("endpoint/vm-5")?.version).toBe(2);
  expect(state.inSync).toBe(true);
});
