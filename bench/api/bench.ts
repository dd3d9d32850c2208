// The API bench: reads and writes through the whole API (parsing, rules, facts, transaction, answer) against the raw SDK
// doing the very same commands on the same engine, at 1, 16 and 64 in flight, alternating. The SDK's side repeats what
// the API's side sent: its reads and its transactions, item for item, with other ids. And the Lambda bundle: its size,
// and the time to the first answer in a fresh process.

import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DeleteTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createApi } from "../../functions/api/app.ts";
import { tableHostStatuses } from "../../functions/report/host-status.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import { bundleFunctions } from "../../infra/bundle.ts";
import { type Engine, startEngine } from "../../test/engine/dynamodb-engine.ts";
import { createTestIdentities } from "../../test/fakes/host-identities.ts";
import { createMemoryStore } from "../../test/fakes/store.ts";
import { createApiUnderTest } from "../../test/functions/api/api-under-test.ts";
import { identifyAs, OPERATOR } from "../../test/fakes/principals.ts";
import { createTestSecretBox } from "../../test/fakes/secret-box.ts";
import { type Figures, type Round, type Row, type Target, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";

const SDK = "raw SDK";
const IN_FLIGHT = [1, 16, 64] as const;
/** Of one side in one round; fewer where they take longer than the limit, so that a run has an end on any machine. */
const REQUESTS = 128;
const SIDE_LIMIT_MS = 5000;
const HOSTS = 4;

type Command = Parameters<DynamoDBClient["send"]>[0];
type Kind = "write" | "read";
/** One request's commands, as the API's side sent them. */
type Script = Command[];

/** Runs the bench; the rows are its answer. */
export async function runApiBench({ rounds, quick, only, progress }: BenchOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const engine = await startEngine();
  try {
    for (const kind of ["write", "read"] as const) {
      const cases = IN_FLIGHT.map((inFlight) => ({ inFlight, name: `${kind}s, ${inFlight} in flight` })).filter(
        ({ name }) => only === undefined || name.includes(only),
      );
      if (cases.length === 0) continue;
      const scripts = await recordScripts(engine, kind);
      // What reads find stays as it is: one pair of tables does for all of their rounds.
      const kept = kind === "read" ? await openSides(engine, kind) : undefined;
      for (const { inFlight, name } of cases) {
        const counted: Round[] = [];
        for (let round = quick ? 1 : 0; round <= rounds; round++) {
          progress(`${name}: round ${round} of ${rounds}`);
          const sides = kept ?? (await openSides(engine, kind));
          const result = await runRound(sides, { kind, inFlight, scripts, oursFirst: round % 2 === 0 });
          if (!kept) await closeSides(sides);
          if (round > 0) counted.push(result);
        }
        rows.push(toRow(name, counted, TARGET));
      }
      if (kept) await closeSides(kept);
    }
  } finally {
    await engine.close();
  }
  if (only === undefined || "refusals".includes(only)) rows.push(await refusalsRow({ rounds, progress }));
  if (only === undefined || "bundle".includes(only)) rows.push(await bundleRow({ rounds, progress }));
  return rows;
}

const TARGET: Target = {
  text: "wall <= 1.4 of raw SDK",
  met: ({ ratio }) => (ratio[SDK]?.["wall"] ?? Number.POSITIVE_INFINITY) <= 1.4,
};

/** What the API sends for each request, in an untimed run on a table of its own, so that the timed ones do nothing else. */
async function recordScripts(engine: Engine, kind: Kind): Promise<readonly Script[]> {
  const side = await openSide(engine);
  await side.prepare(kind);
  const scripts = await side.record(kind);
  await side.close();
  return scripts;
}

type Side = Awaited<ReturnType<typeof openSide>>;
type Sides = { ours: Side; theirs: Side };

/** A fresh table for each side, with the same in it. */
async function openSides(engine: Engine, kind: Kind): Promise<Sides> {
  const [ours, theirs] = await Promise.all([openSide(engine), openSide(engine)]);
  await Promise.all([ours.prepare(kind), theirs.prepare(kind)]);
  return { ours, theirs };
}

async function closeSides({ ours, theirs }: Sides): Promise<void> {
  await Promise.all([ours.close(), theirs.close()]);
}

async function runRound(
  { ours, theirs }: Sides,
  {
    kind,
    inFlight,
    scripts,
    oursFirst,
  }: { kind: Kind; inFlight: number; scripts: readonly Script[]; oursFirst: boolean },
): Promise<Round> {
  // Made before the clock runs.
  const steps = scripts.map((script) => theirs.steps(script));
  const runOurs = () => measure(inFlight, (index) => ours.request(kind, index));
  const runTheirs = () => measure(inFlight, (index) => theirs.replay(steps[index] ?? []));
  if (oursFirst) {
    const figures = await runOurs();
    return { ours: figures, peers: { [SDK]: await runTheirs() } };
  }
  const peer = await runTheirs();
  return { ours: await runOurs(), peers: { [SDK]: peer } };
}

async function measure(inFlight: number, request: (index: number) => Promise<void>): Promise<Figures> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < REQUESTS && performance.now() - start < SIDE_LIMIT_MS; index = next++) {
      const at = performance.now();
      await request(index);
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  // Of all requests, at the pace of those that were made.
  const done = latencies.length;
  const wallS = ((performance.now() - start) / 1000) * (REQUESTS / done);
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { wallS, p50Ms: at(0.5), p99Ms: at(0.99), cpuS: ((user + system) / 1e6) * (REQUESTS / done) };
}

/** A table, the API on it, and a way to send commands by hand. */
async function openSide(engine: Engine) {
  const table = await engine.createTable({ prefix: "bench" });
  let script: Script | undefined;
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  // The local engine fails now and then at many transactions in flight: both sides retry that as patiently.
  const client = new DynamoDBClient({
    endpoint: engine.endpoint,
    region: "eu-central-1",
    credentials,
    maxAttempts: 12,
  });
  const recording = {
    send: (command: Command) => {
      script?.push(command);
      return client.send(command);
    },
  } as unknown as DynamoDBClient;
  const clock = { now: () => Date.now(), sleep: (ms: number) => sleep(ms) };
  const pacing = { sleep: clock.sleep, random: () => Math.random() };
  const app = createApi({
    store: createDynamoDbStore({ client: recording, table, pacing, requestToken: () => randomUUID() }),
    hosts: tableHostStatuses({ client: recording, name: table }, clock.now),
    identities: createTestIdentities(),
    secrets: createTestSecretBox(),
    identify: identifyAs(OPERATOR),
    receipts: tableReceipts({ client: recording, name: table }, clock.now),
    clock,
    random: randomBytes,
    log: ({ message, cause }) => {
      throw new Error(message, { cause });
    },
  });

  async function call(method: string, path: string, body?: object): Promise<void> {
    const answer = await app.request(path, {
      method,
      ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  }
  const request = (kind: Kind, index: number) =>
    kind === "write"
      ? call("POST", "/v1/networks/web/endpoints", endpoint(index))
      : call("GET", `/v1/networks/web/endpoints/vm${index}`);

  return {
    request,
    async prepare(kind: Kind) {
      await call("POST", "/v1/tenants", { id: "acme", name: "Acme" });
      await call("POST", "/v1/sites", { id: "fra", name: "Frankfurt" });
      for (let host = 0; host < HOSTS; host++) {
        await call("POST", "/v1/hosts", { id: `h${host}`, site: "fra", vtep: `192.0.2.${host + 1}` });
      }
      const subnets = ["10.0.0.0/16"];
      await call("POST", "/v1/networks", { id: "web", tenant: "acme", name: "Web", vni: 100, subnets });
      if (kind === "write") return;
      const items = Array.from({ length: REQUESTS }, (_, index) => ({ op: "create", endpoint: endpoint(index) }));
      await call("POST", "/v1/networks/web/endpoints:batch", { items });
    },
    /** The commands of each request, one after the other. */
    async record(kind: Kind): Promise<Script[]> {
      const scripts: Script[] = [];
      for (let index = 0; index < REQUESTS; index++) {
        script = [];
        await request(kind, index);
        scripts.push(script);
      }
      script = undefined;
      return scripts;
    },
    /** The same commands on this table, in steps: reads that the API makes together are made together. */
    steps(recorded: Script): Script[] {
      const steps: Script[] = [[]];
      for (const command of recorded.map((each) => here(each, table))) {
        if (command.constructor.name.startsWith("Transact")) steps.push([command], []);
        else steps.at(-1)?.push(command);
      }
      return steps.filter((step) => step.length > 0);
    },
    async replay(steps: readonly Script[]): Promise<void> {
      for (const step of steps) await Promise.all(step.map((command) => client.send(command)));
    },
    async close(): Promise<void> {
      // The engine gets slower with every table that it holds.
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}

function endpoint(index: number): object {
  const mac = `02:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`;
  const ips = [`10.0.${index >> 8}.${(index & 255) === 255 ? 254 : (index & 255) + 1}`];
  return { id: `vm${index}`, host: `h${index % HOSTS}`, mac, ips: index % 256 < 250 ? ips : [], port: `tap${index}` };
}

/** A recorded command for another table, under a token of its own. */
function here(command: Command, table: string): Command {
  const text = JSON.stringify(command.input).replaceAll(/"TableName":"[^"]+"/g, `"TableName":"${table}"`);
  const input = JSON.parse(text) as Record<string, unknown>;
  const requests = input["RequestItems"];
  if (requests) input["RequestItems"] = { [table]: Object.values(requests)[0] };
  if ("ClientRequestToken" in input) input["ClientRequestToken"] = randomUUID();
  const Constructor = command.constructor as new (input: object) => Command;
  return new Constructor(input);
}

/** What a client that means ill sends, and what comes back at once. */
const JUNK: readonly (readonly [string, string, string | undefined, number])[] = [
  ["POST", "/v1/tenants", "{".repeat(1_000_000), 400],
  ["POST", "/v1/tenants", `{"name":"${"x".repeat(1024 * 1024)}"}`, 413],
  ["POST", "/v1/tenants", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, 400],
  ["POST", "/v1/networks", `{"tenant":"acme","name":"Db","vni":${"9".repeat(1_000_000)}}`, 422],
  ["POST", "/v1/networks", `{"tenant":{},"name":[1],"vni":"\ud800","mtuBytes":null}`, 422],
  ["GET", "/v1/networks/%2e%2e%2ftenants%2facme", undefined, 404],
];

/** Each kind of junk as often, one after the other: the time to its 4xx. The store is in memory: it is of no matter here. */
async function refusalsRow({ rounds, progress }: Pick<BenchOptions, "rounds" | "progress">): Promise<Row> {
  const { app } = createApiUnderTest(createMemoryStore());
  const counted: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    progress(`refusals: round ${round} of ${rounds}`);
    const ours = await measure(1, async (index) => {
      const [method, path, body, status] = JUNK[index % JUNK.length] ?? ["GET", "/", undefined, 404];
      const headers = { "content-type": "application/json" };
      const answer = await app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
      if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status}, not ${status}`);
      await answer.arrayBuffer();
    });
    if (round > 0) counted.push({ ours, peers: {} });
  }
  return toRow("refusals of junk, 1 MB, deep and huge ones too, 1 in flight", counted, {
    text: "p99 < 100 ms",
    met: ({ ours }) => (ours["p99Ms"] ?? Number.POSITIVE_INFINITY) < 100,
  });
}

const COLD_START = fileURLToPath(new URL("cold-start.mjs", import.meta.url));

/** The bundle as it is deployed: its size, and how long a fresh process takes to its first answer. */
async function bundleRow({ rounds, progress }: Pick<BenchOptions, "rounds" | "progress">): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), "overspan-bench-api-"));
  try {
    const { api } = await bundleFunctions({ outDir: folder });
    const path = join(api, "lambda.mjs");
    const files = await readdir(api);
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(api, file))).size));
    const size = sizes.reduce((sum, octets) => sum + octets, 0);
    const counted: Round[] = [];
    for (let round = 0; round <= rounds; round++) {
      progress(`bundle: start ${round} of ${rounds}`);
      const { stdout } = await promisify(execFile)(process.execPath, [COLD_START, path]);
      const figures = JSON.parse(stdout) as Figures;
      if (round > 0) counted.push({ ours: { ...figures, sizeMb: size / 1e6 }, peers: {} });
    }
    return toRow("bundle: first answer of a fresh process, size", counted, {
      text: "first answer < 400 ms, size < 2 MB",
      met: ({ ours }) => (ours["firstAnswerMs"] ?? 0) < 400 && (ours["sizeMb"] ?? 0) < 2,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
