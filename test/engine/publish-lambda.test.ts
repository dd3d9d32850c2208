// The bundles of the event-driven functions as they are deployed, each loaded alone, against the real engine and an HTTP
// server that speaks the IoT data plane's Publish: environment, clients and adapters included.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DynamoDBBatchResponse } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bundleFunctions } from "../../infra/bundle.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { parseHostTopic } from "../../shared/message/topic.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { EngineWorld, ruleEvent } from "../functions/publish/engine-world.ts";
import { endpointItem, hostItem, networkItem } from "../functions/publish/fixtures.ts";
import { Replica } from "../functions/publish/replica.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

type Handler = (event: unknown) => Promise<unknown>;

let engine: Engine;
let world: EngineWorld;
let dataPlane: Server;
let folder: string;
const handlers = new Map<string, Handler>();
const agent = new Replica("h1");
const published: { host: string; qos: string | null }[] = [];
const lines: string[] = [];

beforeAll(async () => {
  engine = await startEngine();
  world = await EngineWorld.on(engine);
  dataPlane = await startDataPlane();
  vi.stubEnv("OVERSPAN_TABLE", world.table.name);
  vi.stubEnv("OVERSPAN_IOT_ENDPOINT", "iot.invalid");
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint);
  const { port } = dataPlane.address() as AddressInfo;
  vi.stubEnv("AWS_ENDPOINT_URL_IOT_DATA_PLANE", `http://127.0.0.1:${port}`);
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  folder = await mkdtemp(join(tmpdir(), "overspan-bundles-"));
  const folders = await bundleFunctions({ outDir: folder });
  for (const name of ["publish", "sync", "report"] as const) {
    const module = (await import(pathToFileURL(join(folders[name], "lambda.mjs")).href)) as { handler: Handler };
    handlers.set(name, module.handler);
  }
});
afterAll(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await new Promise((resolve) => (dataPlane ? dataPlane.close(resolve) : resolve(undefined)));
  if (folder) await rm(folder, { recursive: true, force: true });
  await engine?.close();
});

/** Answers Publish (POST /topics/{topic}?qos=1) and gives what is for h1 to its replica. */
async function startDataPlane(): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://local.invalid");
    const topic = parseHostTopic(decodeURIComponent(url.pathname.slice("/topics/".length)));
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      published.push({ host: topic?.host ?? "?", qos: url.searchParams.get("qos") });
      if (topic?.host === "h1" && topic.lane === "inbox") agent.receive(Buffer.concat(chunks).toString());
      response.writeHead(topic ? 200 : 404, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function call(name: string, event: unknown): Promise<unknown> {
  const handler = handlers.get(name);
  if (!handler) throw new Error(`no bundle of ${name}`);
  return handler(event);
}

describe("bundles", () => {
  test("publish, sync, report: an endpoint's way -> in the agent's replica, then live on its receipt", async () => {
    const endpoint = endpointItem("e1", { network: "n1", host: "h1", index: 1, change: "c-e1" });
    const Records = await world.write(hostItem("h1", 1), networkItem("n1", 100), endpoint);
    const answer = (await call("publish", { Records })) as DynamoDBBatchResponse;
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(agent.keys("net:n1")).toEqual(["endpoint/e1", "network", "vtep/h1"]);
    expect(published.every(({ host, qos }) => host === "h1" && qos === "1")).toBe(true);

    await call("sync", ruleEvent("h1", { v: PROTOCOL_VERSION, have: agent.have() }));
    expect(agent.inSync).toEqual(["host:h1", "net:n1"]);

    const kernel = agent.forwarding("net:n1");
    const channels = agent.have().map((held) => (held.channel === "net:n1" ? { ...held, kernel } : held));
    const who = { version: "0.1.0", startedAtMs: 1, kernel: "6.1.0" };
    const rest = { atMs: 1, number: 1, agent: who, inSync: true, bgp: [], counters: {}, events: [] };
    await call("report", ruleEvent("h1", { v: PROTOCOL_VERSION, channels, ...rest }));
    const receipt = await tableReceipts(world.table, Date.now).receipt({
      id: "c-e1",
      resource: { kind: "endpoint", network: "n1", id: "e1" },
      action: "create",
      channels: ["net:n1"],
      version: 1,
      at: new Date(0).toISOString(),
    });
    expect(receipt).toMatchObject({ state: "live", summary: "live on 1 of 1 host" });
  });

  test("publish: a record that is poison -> no failure, a counter in CloudWatch's embedded format", async () => {
    lines.length = 0;
    const Records = await world.write({ ...networkItem("n3", 300), vni: 0 });
    expect(await call("publish", { Records })).toEqual({ batchItemFailures: [] });
    const metrics = lines.map((line) => JSON.parse(line) as Record<string, unknown>).find((line) => line["_aws"]);
    expect(metrics).toMatchObject({ PoisonRecords: 1 });
  });
});
