// From the API's own writes, through the engine's own stream, to agents' replicas and back as a receipt: the items of
// functions/store are those that functions/publish reads.

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApi } from "../../functions/api/app.ts";
import { tableHostStatuses } from "../../functions/report/host-status.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import { createTestIdentities } from "../fakes/host-identities.ts";
import { identifyAs, OPERATOR } from "../fakes/principals.ts";
import { createTestSecretBox } from "../fakes/secret-box.ts";
import { EngineWorld } from "../functions/publish/engine-world.ts";
import { StreamReader } from "../functions/publish/stream-reader.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

type Api = ReturnType<typeof createApi>;

let engine: Engine;
let world: EngineWorld;
let stream: StreamReader;
let api: Api;

beforeAll(async () => {
  engine = await startEngine();
  world = await EngineWorld.on(engine);
  stream = new StreamReader(engine, world.table);
  for (const host of ["h1", "h2", "h3"]) world.agent(host);
  const clock = { now: () => world.nowMs, sleep: () => Promise.resolve() };
  api = createApi({
    store: createDynamoDbStore({
      client: engine.client,
      table: world.table.name,
      pacing: { sleep: clock.sleep, random: () => 0 },
    }),
    hosts: tableHostStatuses(world.table, clock.now),
    identities: createTestIdentities(),
    secrets: createTestSecretBox(),
    identify: identifyAs(OPERATOR),
    receipts: tableReceipts(world.table, clock.now),
    clock,
    random: randomBytes,
    log: () => undefined,
  });
});
afterAll(async () => {
  stream?.close();
  await engine?.close();
});

/** Calls the API; fails unless it succeeds; the answer is its body. */
async function request(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const headers = { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" };
  const answer = await api.request(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  const text = await answer.text();
  expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

async function publishStream(): Promise<void> {
  expect(await world.consume(await stream.next())).toEqual([]);
  expect(world.counters.get("PoisonRecords")).toBeUndefined();
}

async function reportAll(number: number): Promise<void> {
  for (const [host, agent] of world.agents) {
    const channels = agent.have().map((held) => ({
      ...held,
      ...(held.channel.startsWith("net:") ? { kernel: agent.forwarding(held.channel) } : {}),
    }));
    const who = { version: "0.1.0", startedAtMs: 1, kernel: "6.1.0" };
    const rest = { atMs: 1, number, agent: who, inSync: true, bgp: [], counters: {}, events: [] };
    await world.report(host, { v: FIRST_VERSION, channels, ...rest });
  }
}

describe("from the API", () => {
  test("way: hosts, a network, endpoints, a move, a new address, deletions -> replicas follow, receipts tell", async () => {
    await request("POST", "/v1/tenants", { id: "acme", name: "Acme" });
    await request("POST", "/v1/sites", { id: "fra", name: "Frankfurt" });
    for (const [at, id] of ["h1", "h2", "h3"].entries()) {
      const bgp = { asn: 65001 + at, peers: [{ address: "192.0.2.1", asn: 65100 }] };
      await request("POST", "/v1/hosts", { id, site: "fra", vtep: `198.51.100.${at + 1}`, bgp });
    }
    await request("POST", "/v1/networks", {
      id: "web",
      tenant: "acme",
      name: "Web",
      vni: 10100,
      subnets: ["10.1.0.0/24"],
    });
    const attach = (id: string, host: string, octet: number) =>
      request("POST", "/v1/networks/web/endpoints", {
        id,
        host,
        mac: `02:00:5e:10:00:0${octet}`,
        ips: [`10.1.0.${octet}`],
        port: "tap0",
      });
    const created = await attach("vm1", "h1", 1);
    const receipt = () => request("GET", `/v1/changes/${created["change"]}`);
    expect(await receipt()).toMatchObject({ state: "accepted" });
    await attach("vm2", "h2", 2);
    await publishStream();
    expect(world.agent("h1").keys("net:web")).toEqual([
      "endpoint/vm1",
      "endpoint/vm2",
      "network",
      "vtep/h1",
      "vtep/h2",
    ]);
    expect(world.agent("h1").channels.get("net:web")?.records.get("vtep/h2")?.body).toEqual({
      site: "fra",
      address: "198.51.100.2",
      asns: [65002, 65100],
    });
    expect(await receipt()).toMatchObject({ state: "published", hosts: { total: 2, live: 0 } });
    await reportAll(1);
    expect(await receipt()).toMatchObject({
      state: "live",
      tors: { total: 1, seen: 0, at: [{ state: "pending" }] },
      summary: expect.stringMatching(/^live on 2 of 2 hosts, seen at 0 of 1 ToR; /),
    });

    await request("POST", "/v1/networks/web/endpoints/vm1:move", { host: "h3" });
    await request("PATCH", "/v1/networks/web/endpoints/vm2", { ips: ["10.1.0.20"] });
    await publishStream();
    expect(world.agent("h1").keys("host:h1")).toEqual(["host"]);
    const records = world.agent("h3").channels.get("net:web")?.records;
    expect(records?.get("endpoint/vm1")?.body).toMatchObject({ host: "h3", mobility: 1 });
    expect(records?.get("endpoint/vm2")?.body).toMatchObject({ ips: ["10.1.0.20"] });

    for (const id of ["vm1", "vm2"]) await request("DELETE", `/v1/networks/web/endpoints/${id}`);
    await request("DELETE", "/v1/networks/web");
    await request("DELETE", "/v1/hosts/h1");
    await publishStream();
    expect((await world.replay("net:web")).keys("net:web")).toEqual([]);
    for (const host of ["h2", "h3"]) expect(world.agent(host).keys(`host:${host}`)).toEqual(["host"]);
    expect(world.agent("h1").keys("host:h1")).toEqual([]);
    await world.sync("h1");
    expect(world.agent("h1").channels.size).toBe(0);
  });
});
