// The local runtime with everything real: the deployed template, the bundles, DynamoDB's local engine, the broker, and a
// host that speaks MQTT. One story in order, over a restart with the same data folder.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DynamoDBClient, GetItemCommand, ListTablesCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificateRequest } from "../../edge-agent/identity/certificate-request.ts";
import { withRenewal } from "../../edge-agent/identity/connection.ts";
import { identityFiles } from "../../edge-agent/identity/identity-files.ts";
import { startRenewal } from "../../edge-agent/identity/renewal.ts";
import { connectBroker } from "../../edge-agent/intent/mqtt.ts";
import { identityOf } from "../../lab/join.ts";
import { startDynamodbEngine } from "../../local/dynamodb-engine.ts";
import { findJava } from "../../local/java.ts";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";
import { StartFailure } from "../../local/start-failure.ts";
import { commandsToTry, tokenCommand, whatNext } from "../../local/what-next.ts";
import type { Digest } from "../../shared/message/digest.ts";
import { decodeInbox, type InboxMessage } from "../../shared/message/inbox.ts";
import type { Report } from "../../shared/message/report.ts";
import type { SyncRequest } from "../../shared/message/sync.ts";
import { hostTopic } from "../../shared/message/topic.ts";

/** A loaded machine takes its time; nothing here waits longer than it has to. */
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const PATIENCE = { timeout: 20_000, interval: 20 };

let dataDir: string;
let runtime: LocalRuntime | undefined;
const log: string[] = [];

const settings = { apiPort: 0, brokerPort: 0, controlPort: 0, log: (line: string) => void log.push(line) };

function running(): LocalRuntime {
  if (!runtime) throw new Error(`the runtime did not start:\n${log.join("\n")}`);
  return runtime;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "overspan-local-test-"));
  runtime = await startLocal({ ...settings, dataDir });
}, 120_000);

afterAll(async () => {
  await runtime?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

const shell = (command: string, token = "") =>
  promisify(execFile)("/bin/sh", ["-c", command], { cwd: REPOSITORY, env: { ...process.env, TOKEN: token } });

async function api(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const authorization = `Bearer ${await running().token()}`;
  const response = await fetch(`${running().apiUrl}${path}`, {
    method,
    headers: { authorization, ...(body ? { "content-type": "application/json" } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: await response.json() };
}

/** A host as far as this test needs one: it keeps what arrives, and asks and reports when told. */
async function connectHost(id: string) {
  const { certificateId, keyPem, certificatePem, caPem } = await identityOf(running(), id, join(dataDir, "hosts", id));
  const client: MqttClient = await mqtt.connectAsync(running().brokerUrl, {
    clientId: id,
    key: keyPem,
    cert: certificatePem,
    ca: caPem,
    reconnectPeriod: 0,
  });
  const inbox: InboxMessage[] = [];
  client.on("message", (_topic, payload) => {
    const message = decodeInbox(payload);
    if (message.kind === "malformed") throw new Error(message.reason);
    inbox.push(message);
  });
  await client.subscribeAsync(hostTopic(id, "inbox"), { qos: 1 });
  const send = (lane: "sync" | "report", message: SyncRequest | Report) =>
    client.publishAsync(hostTopic(id, lane), JSON.stringify(message), { qos: 1 });
  return {
    certificateId,
    inbox,
    /** Asks for everything and returns the channels of the in-sync message. */
    async sync() {
      inbox.length = 0;
      await send("sync", { v: 1, have: [] });
      await expect.poll(() => inbox.at(-1)?.kind, PATIENCE).toBe("in-sync");
      const last = inbox.at(-1);
      return last?.kind === "in-sync" ? last.channels : [];
    },
    report: (report: Report) => send("report", report),
    close: () => client.endAsync(),
  };
}

const realClock = {
  nowMs: () => performance.now(),
  setTimer(afterMs: number, callback: () => void) {
    const timer = setTimeout(callback, afterMs);
    return () => clearTimeout(timer);
  },
};

function pick(body: unknown, name: string): object {
  return { [name]: (body as Record<string, unknown>)[name] };
}

type Step = { channel: string; seq: number; digest: Digest; forwarding: Digest };

/** The newest step of a channel that the messages speak of. */
function newest(inbox: InboxMessage[], channel: string): Step | undefined {
  const steps = inbox.flatMap((message): Step[] => {
    if (message.kind === "delta") return message.entries;
    return message.kind === "snapshot" ? [message] : [];
  });
  return steps
    .filter((step) => step.channel === channel)
    .sort((a, b) => a.seq - b.seq)
    .at(-1);
}

function reportOf(inbox: InboxMessage[], channels: string[], number: number): Report {
  return {
    v: 1,
    atMs: Date.now(),
    number,
    agent: { version: "test", startedAtMs: 1, kernel: "test" },
    inSync: true,
    channels: channels.flatMap((channel) => {
      const step = newest(inbox, channel);
      if (!step) return [];
      const kernel = channel.startsWith("net:") ? { kernel: step.forwarding } : {};
      return [{ channel: channel as `net:${string}`, seq: step.seq, digest: step.digest, ...kernel, problems: [] }];
    }),
    bgp: [],
    counters: {},
    events: [],
  };
}

describe("local runtime", () => {
  it("local runtime: the commands that it prints -> each works as it stands", async () => {
    const printed = whatNext(running());
    const { stdout: token } = await shell(`${tokenCommand(running())}; printf %s "$TOKEN"`);
    for (const command of [tokenCommand(running()), ...commandsToTry(running())]) expect(printed).toContain(command);
    for (const command of commandsToTry(running())) {
      const { stdout } = await shell(command, token);
      const answer = JSON.parse(stdout) as { status?: number; title?: string };
      expect(answer.status, `${command}\n${stdout}`).toBeUndefined();
    }
    expect(await api("GET", "/v1/networks/blue/endpoints")).toMatchObject({
      status: 200,
      body: { items: [{ id: "web-1" }] },
    });
  });

  it("local runtime: a host syncs -> the whole of its channels, then in-sync", async () => {
    await running().settled();
    const host = await connectHost("h1");
    const channels = await host.sync();
    expect(channels.map(({ channel }) => channel).sort()).toEqual(["host:h1", "net:blue"]);
    await host.close();
  });

  it("local runtime: an endpoint through the API -> a delta in the inbox; the host's report -> a live receipt", async () => {
    const host = await connectHost("h1");
    await host.sync();
    const endpoint = { id: "web-2", host: "h1", mac: "02:00:00:00:00:02", ips: ["10.0.0.12"], port: "tap1" };
    const created = await api("POST", "/v1/networks/blue/endpoints", endpoint);
    expect(created.status).toBe(201);
    const { change } = created.body as { change: string };
    const keys = () =>
      host.inbox
        .flatMap((message) => (message.kind === "delta" ? message.entries : []))
        .flatMap((entry) => entry.changes);
    await expect.poll(() => keys().map(({ key }) => key), PATIENCE).toContain("endpoint/web-2");
    expect(await api("GET", `/v1/changes/${change}`)).toMatchObject({ body: { state: "published" } });

    await host.report(reportOf(host.inbox, ["host:h1", "net:blue"], 1));
    const state = async () => ((await api("GET", `/v1/changes/${change}`)).body as { state: string }).state;
    await expect.poll(state, PATIENCE).toBe("live");
    await host.close();
  });

  it("local runtime: a host that the API does not know -> no token to join with", async () => {
    await expect(running().joinToken("nobody")).rejects.toThrow("no join token for nobody");
  });

  it("local runtime: an agent's certificate that is near its end -> a new one over its connection; the old one is void", async () => {
    const { body } = await api("GET", "/v1/hosts/h1");
    expect((await api("POST", "/v1/hosts", { ...pick(body, "site"), id: "h7", vtep: "192.0.2.77" })).status).toBe(201);
    const stateDir = join(dataDir, "hosts", "h7");
    const identity = await identityOf(running(), "h7", stateDir);
    // A host clock that is far on, until the new certificate is there.
    let aheadMs = (identity.notAfterMs - identity.notBeforeMs) * 0.9;
    const clock = { ...realClock, wallMs: () => Date.now() + aheadMs };
    const quiet = { info: () => undefined, warn: () => undefined };
    const connection = connectBroker(
      { host: "h7", url: running().brokerUrl, identity },
      { log: quiet, clock, random: Math.random },
    );
    const used: string[] = [];
    const renewal = startRenewal({
      host: "h7",
      identity,
      files: identityFiles(join(stateDir, "identity")),
      makeRequest: makeCertificateRequest,
      publish: (payload) => connection.publish("certificate", payload),
      use(next) {
        aheadMs = 0;
        used.push(next.certificateId);
        connection.use(next);
      },
      clock,
      random: Math.random,
      log: quiet,
    });
    const whole = withRenewal(connection, { host: "h7", renewal, log: quiet });
    let connected = 0;
    whole.listen({ connected: () => void connected++, disconnected: () => undefined, inbox: () => undefined });
    await expect.poll(() => [used.length, connected], PATIENCE).toEqual([1, 2]);
    expect(used).not.toContain(identity.certificateId);
    expect((await identityOf(running(), "h7", stateDir)).certificateId).toBe(used[0]);
    // The confirmation makes the old one void.
    const { keyPem, certificatePem, caPem } = identity;
    const old = { clientId: "h7", key: keyPem, cert: certificatePem, ca: caPem, reconnectPeriod: 0 };
    const attempt = async () => {
      const client = await mqtt.connectAsync(running().brokerUrl, old).catch(() => undefined);
      await client?.endAsync();
      return client === undefined ? "refused" : "connected";
    };
    await expect.poll(attempt, PATIENCE).toBe("refused");
    await whole.close();
  });

  it("local runtime: secrets -> readable by their owner alone", async () => {
    const mode = async (path: string) => ((await stat(join(dataDir, path))).mode & 0o777).toString(8);
    expect([await mode("secrets"), await mode("secrets/development-ca")]).toEqual(["700", "600"]);
  });

  it("local runtime: the broker stopped and started by the control endpoint -> hosts are cut off, and come back", async () => {
    const control = (path: string) => fetch(`${running().controlUrl}/local/broker/${path}`, { method: "POST" });
    expect(await (await control("stop")).json()).toEqual({ running: false });
    await expect(connectHost("h1")).rejects.toThrow();
    expect(await (await control("start")).json()).toEqual({ running: true });
    await (await connectHost("h1")).close();
  });

  it("local runtime: the documentation page -> everything from this machine, and a policy that sees to it", async () => {
    const page = await fetch(`${running().apiUrl}/docs`);
    const html = await page.text();
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string);
    expect(paths.length).toBeGreaterThanOrEqual(4);
    for (const path of [...paths, "/openapi.json"]) {
      expect(path).toMatch(/^\//);
      expect((await fetch(`${running().apiUrl}${path}`)).status, path).toBe(200);
    }
  });

  it("local runtime: a request of a web page of another origin -> refused", async () => {
    const headers = { origin: "https://example.net", "content-type": "text/plain" };
    expect((await fetch(`${running().apiUrl}/v1/tenants`, { method: "POST", headers, body: "{}" })).status).toBe(403);
    expect((await fetch(`${running().controlUrl}/local/broker/stop`, { method: "POST", headers })).status).toBe(403);
  });

  it.each(["apiPort", "brokerPort", "controlPort"] as const)(
    "local runtime: %s is taken -> the remedy, at once",
    async (name) => {
      const { apiUrl, brokerUrl, controlUrl } = running();
      const taken = { apiPort: apiUrl, brokerPort: brokerUrl, controlPort: controlUrl }[name];
      const option = { apiPort: "--api-port", brokerPort: "--broker-port", controlPort: "--control-port" }[name];
      const port = Number(new URL(taken).port);
      const starting = startLocal({ ...settings, [name]: port });
      await expect(starting).rejects.toThrow(StartFailure);
      await expect(starting).rejects.toThrow(new RegExp(`127\\.0\\.0\\.1:${port}.*another port with ${option}`));
    },
  );

  it("local runtime: another one on its data folder -> refused, naming the process", async () => {
    await expect(startLocal({ ...settings, dataDir })).rejects.toThrow(
      `(process ${process.pid}) runs on the data folder`,
    );
    // The refused one must not have taken the lock away.
    expect(await readFile(join(dataDir, "runtime.pid"), "utf8")).toMatch(new RegExp(`^${process.pid} `));
  });

  it("local runtime: restarted -> state is there, and what was written while it was down is delivered", async () => {
    const before = await connectHost("h1");
    const seqBefore = (await before.sync()).find(({ channel }) => channel === "net:blue")?.seq ?? 0;
    await before.close();
    await running().settled();
    await running().close();
    runtime = undefined;
    await writeWhileDown();
    log.length = 0;
    runtime = await startLocal({ ...settings, dataDir });
    expect(log.join("\n")).toContain("those of the last start");

    await running().settled();
    const after = await connectHost("h1");
    expect(after.certificateId).toBe(before.certificateId);
    const seqAfter = (await after.sync()).find(({ channel }) => channel === "net:blue")?.seq;
    // One step for the one write: the records from before the restart were not published again.
    expect(seqAfter).toBe(seqBefore + 1);
    expect(JSON.stringify(after.inbox)).toContain('"port":"tap9"');
    expect(await api("GET", "/v1/hosts/h1")).toMatchObject({ status: 200, body: { id: "h1", site: "ams" } });
    await after.close();
  });
});

/** Gives web-1 another port, past the API, with nothing but the engine running. */
async function writeWhileDown(): Promise<void> {
  const java = await findJava(process.env);
  const engine = await startDynamodbEngine({ java, databaseDir: join(dataDir, "database"), environment: process.env });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new DynamoDBClient({ endpoint: engine.url, region: "us-east-1", credentials });
  try {
    const TableName = (await client.send(new ListTablesCommand({}))).TableNames?.[0];
    const Key = { pk: { S: "NET#blue" }, sk: { S: "EP#web-1" } };
    const { Item } = await client.send(new GetItemCommand({ TableName, Key }));
    const version = { N: String(Number(Item?.version?.N) + 1) };
    await client.send(new PutItemCommand({ TableName, Item: { ...Item, ...Key, version, port: { S: "tap9" } } }));
  } finally {
    client.destroy();
    await engine.close();
  }
}
