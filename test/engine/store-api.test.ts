// The API over DynamoDB's real engine: every case of bad input with a scan before and after, 64 requests at once for one
// thing that only one may have, and requests that race around a deletion or a change of subnets.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import { changeKey } from "../../functions/store/key.ts";
import type { Store } from "../../functions/store/store.ts";
import { canonicalJson } from "../../shared/message/digest.ts";
import {
  type Answer,
  createApiUnderTest,
  created,
  expectProblem,
  type Json,
  seed,
} from "../functions/api/api-under-test.ts";
import { badInputSuite } from "../functions/api/bad-input.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

const MANY = 64;

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.close());

/** Real pauses: requests that ran into each other have to part. */
const pacing = { sleep: (ms: number) => sleep(ms), random: () => Math.random() };

async function open() {
  const table = await engine.createTable();
  const store = createDynamoDbStore({ client: engine.client, table, pacing, requestToken: () => randomUUID() });
  return { store, scan: () => scan(table), dump: async () => canonicalJson(await scan(table)) };
}

type Items = Record<string, Record<string, unknown>>;

async function scan(TableName: string): Promise<Items> {
  const { Items = [], LastEvaluatedKey } = await engine.client.send(
    new ScanCommand({ TableName, ConsistentRead: true }),
  );
  if (LastEvaluatedKey) throw new Error("more items than one scan reads");
  return Object.fromEntries(Items.map((item) => [`${item["pk"]?.S} ${item["sk"]?.S}`, unmarshall(item)]));
}

badInputSuite("DynamoDB", open);

async function opened() {
  const under = await open();
  const api = realTime(under.store);
  await seed(api);
  return { ...under, api };
}

/** The clock of the tests jumps; here others must get their turn while somebody pauses. */
function realTime(store: Store) {
  return createApiUnderTest(store, { slept: [], now: () => Date.now(), sleep: pacing.sleep });
}

const mac = (i: number) => `02:00:00:00:01:${i.toString(16).padStart(2, "0")}`;

describe(`${MANY} at once`, () => {
  async function race(send: (i: number) => Promise<Answer>): Promise<Answer> {
    const answers = await Promise.all(Array.from({ length: MANY }, (_, i) => send(i)));
    const winners = answers.filter(({ status }) => status === 201);
    expect(winners).toHaveLength(1);
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 409);
    return winners[0] as Answer;
  }
  const count = (items: Items, test: (item: Record<string, unknown>) => boolean) =>
    Object.values(items).filter(test).length;

  test("networks of one VNI -> exactly one, and nothing of the others", async () => {
    const { api, scan } = await opened();
    const { body } = await race((i) => api.post("/v1/networks", { id: `n${i}`, tenant: "acme", name: "N", vni: 5000 }));
    const items = await scan();
    expect(items["VNIS VNI#00005000"]).toMatchObject({ owner: body["id"], type: "guard" });
    expect(count(items, (item) => item["type"] === "network")).toBe(2);
    expect(count(items, (item) => item["pk"] === "TENANT#acme" && item["type"] === "index")).toBe(2);
    expect(items["TENANT#acme ROOM"]).toMatchObject({ networks: 998 });
    expect(count(items, (item) => item["type"] === "change" && (item["resource"] as Json)["kind"] === "network")).toBe(
      2,
    );
  });

  test("hosts of one VTEP address -> exactly one", async () => {
    const { api, scan } = await opened();
    const { body } = await race((i) => api.post("/v1/hosts", { id: `x${i}`, site: "fra", vtep: "2001:db8::77" }));
    const items = await scan();
    expect(items["VTEP#2001:db8::77 GUARD"]).toMatchObject({ owner: body["id"] });
    expect(count(items, (item) => item["type"] === "host")).toBe(3);
  });

  test("endpoints of one MAC -> exactly one", async () => {
    const { api, scan } = await opened();
    const path = "/v1/networks/web/endpoints";
    const { body } = await race((i) => api.post(path, { id: `e${i}`, host: "h2", mac: mac(0), port: "tap" }));
    const items = await scan();
    expect(items[`NET#web MAC#${mac(0)}`]).toMatchObject({ owner: body["id"] });
    expect(count(items, (item) => item["type"] === "endpoint")).toBe(2);
  });

  test("endpoints of one address -> exactly one", async () => {
    const { api, scan } = await opened();
    const input = { host: "h2", ips: ["10.0.0.99"], port: "tap" };
    const { body } = await race((i) => api.post("/v1/networks/web/endpoints", { id: `e${i}`, mac: mac(i), ...input }));
    const items = await scan();
    expect(items["NET#web IP4#0a000063"]).toMatchObject({ owner: body["id"] });
    expect(count(items, (item) => String(item["sk"]).startsWith("MAC#"))).toBe(2);
  });

  test("resources of one id -> exactly one", async () => {
    const { api } = await opened();
    await race((i) => api.post("/v1/networks", { id: "same", tenant: "acme", name: `N${i}`, vni: 6000 + i }));
  });

  test("one request under one key -> done once, and all are answered the same", async () => {
    const { api, scan } = await opened();
    const key = { "idempotency-key": "same" };
    const input = { tenant: "acme", name: "N", vni: 5001 };
    const answers = await Promise.all(Array.from({ length: MANY }, () => api.post("/v1/networks", input, key)));
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(1);
    const items = await scan();
    expect(count(items, (item) => item["type"] === "network")).toBe(2);
    expect(count(items, (item) => item["type"] === "memo")).toBe(1);
    expect(items["TENANT#acme ROOM"]).toMatchObject({ networks: 998 });
  });

  test("next free VNI of a pool, and next free address -> each its own, in the range", {
    timeout: 180_000,
  }, async () => {
    const { api } = await opened();
    await created(api.post("/v1/vni-pools", { id: "p", ranges: [{ from: 9000, to: 9127 }] }));
    const networks = await Promise.all(
      Array.from({ length: MANY }, () =>
        created(api.post("/v1/networks", { tenant: "acme", name: "N", vniPool: "p" })),
      ),
    );
    const vnis = new Set(networks.map(({ vni }) => Number(vni)));
    expect(vnis.size).toBe(MANY);
    for (const vni of vnis) expect(vni).toBeLessThanOrEqual(9127);
    const answers = await Promise.all(
      Array.from({ length: MANY }, (_, i) =>
        api.post("/v1/networks/web/endpoints", { host: "h2", mac: mac(i), port: "t", allocate: { ipv4: true } }),
      ),
    );
    const ips = answers.flatMap(({ body }) => (body["ips"] ?? []) as string[]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(ips).size).toBe(MANY);
  });

  test("a port of a host for two networks -> all of the one that was first, none of the other", async () => {
    const { api, scan } = await opened();
    await created(api.post("/v1/networks", { id: "db", tenant: "acme", name: "Db", vni: 200 }));
    const answers = await Promise.all(
      Array.from({ length: MANY }, (_, i) =>
        api.post(`/v1/networks/${i % 2 ? "web" : "db"}/endpoints`, { host: "h2", mac: mac(i), port: "shared" }),
      ),
    );
    const won = answers.filter(({ status }) => status === 201);
    expect(won).toHaveLength(MANY / 2);
    expect(new Set(won.map(({ body }) => body["network"])).size).toBe(1);
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 409);
    expect((await scan())["HOST#h2 PORT#shared"]).toMatchObject({ endpoints: MANY / 2 });
  });

  test("without an id and without a clash -> all of them", async () => {
    const { api } = await opened();
    const input = (i: number) => ({ host: "h2", mac: mac(i), ips: [`10.0.0.${i + 100}`], port: "tap" });
    await Promise.all(
      Array.from({ length: MANY }, (_, i) => created(api.post("/v1/networks/web/endpoints", input(i)))),
    );
    const { body } = await api.get("/v1/networks/web/endpoints?host=h2&limit=200");
    expect(body["items"]).toHaveLength(MANY);
  });
});

test("8 patches of one resource at once -> none is lost", async () => {
  const { api } = await opened();
  const patches = ["name", "mtuBytes", "subnets", "routeTargets"] as const;
  const values = { name: "New", mtuBytes: 1400, subnets: [], routeTargets: { import: ["1:1"], export: ["1:1"] } };
  const answers = await Promise.all(
    [...patches, ...patches].map((field) => api.patch("/v1/networks/web", { [field]: values[field] })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const { body } = await api.get("/v1/networks/web");
  expect(body).toMatchObject({ ...values, version: 5 });
});

test("deletions of a network against creations in it, many rounds -> never an endpoint without its network", async () => {
  const { api, scan } = await opened();
  let both = 0;
  for (let round = 0; round < 12; round++) {
    const id = `r${round}`;
    await created(api.post("/v1/networks", { id, tenant: "acme", name: "R", vni: 7000 + round }));
    const [creation, deletion] = await Promise.all([
      sleep(round).then(() =>
        api.post(`/v1/networks/${id}/endpoints`, { id: "e", host: "h1", mac: mac(round), port: "t" }),
      ),
      api.delete(`/v1/networks/${id}`),
    ]);
    if (creation.status === 201) {
      expectProblem(deletion, 409);
      expect((await api.get(`/v1/networks/${id}`)).status).toBe(200);
    } else {
      expect([404, 409]).toContain(creation.status);
      if (deletion.status === 200) expectProblem(await api.get(`/v1/networks/${id}`), 404);
      else both++;
    }
  }
  // Each saw the other: allowed, but then the fence must be gone and the network usable.
  expect(both).toBeLessThan(12);
  for (const [key, item] of Object.entries(await scan())) expect(item, key).not.toHaveProperty("fence");
});

test("every write -> resource, guards, index and change in the layout that the publisher reads", async () => {
  const { api, scan } = await opened();
  const { body } = await api.post("/v1/networks/web/endpoints/vm1:move", { host: "h2" });
  await api.delete("/v1/networks/web/endpoints/vm1");
  const items = await scan();
  expect(items["NET#web EP#vm1"]).toEqual({
    ...body,
    pk: "NET#web",
    sk: "EP#vm1",
    type: "endpoint",
    version: 3,
    deleted: true,
    ttl: expect.any(Number),
    updatedAt: expect.any(String),
    change: expect.any(String),
  });
  const key = changeKey(String(body["change"]));
  expect(key.pk).toMatch(/^CHANGES#\d{4}-\d\d-\d\d#[0-3]$/);
  expect(items[`TRAIL#endpoint/web/vm1 ${key.sk}`]).toMatchObject({ type: "trail", ttl: expect.any(Number) });
  expect(items[`${key.pk} ${key.sk}`]).toEqual({
    ...key,
    type: "change",
    actor: "user:operator",
    before: expect.objectContaining({ host: "h1", version: 1 }),
    after: body,
    ttl: expect.any(Number),
    id: body["change"],
    resource: { kind: "endpoint", network: "web", id: "vm1" },
    tenant: "acme",
    action: "move",
    channels: ["net:web"],
    key: "endpoint/vm1",
    version: 2,
    at: body["updatedAt"],
  });
  expect(items["NETWORKS web"]).toMatchObject({ type: "network", vni: 100, version: 1 });
  expect(items["HOSTS h1"]).toMatchObject({ type: "host", site: "fra", vtep: "192.0.2.1" });
  expect(items["TENANT#acme NET#web"]).toMatchObject({ type: "index" });
  expect(items["SITE#fra HOST#h1"]).toMatchObject({ type: "index" });
  const gone = [
    "HOST#h1 EP#web#vm1",
    "HOST#h2 EP#web#vm1",
    "NET#web IP4#0a00000b",
    "HOST#h1 PORT#tap1",
    "NET#web MAC#02:00:00:00:00:01",
  ];
  for (const key of gone) expect(items).not.toHaveProperty([key]);
});
