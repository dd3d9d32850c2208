// The Lambda behind the HTTP API (events of format 2.0). Environment: OVERSPAN_TABLE; OVERSPAN_TOKEN_ISSUER,
// OVERSPAN_TOKEN_AUDIENCE and OVERSPAN_TOKEN_KEYS_URL, whose tokens are good; OVERSPAN_SECRETS_KEY, the ARN of the KMS key; OVERSPAN_HOST_POLICY and OVERSPAN_BROKER_URL,
// which hosts that join are told; AWS_ENDPOINT_URL_DYNAMODB and the region and credentials as the SDK reads them. The only
// file of the API that knows environment, time and chance.

import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { handle } from "hono/aws-lambda";
import { tableEvents } from "../events/reader.ts";
import { hostIdentities } from "../identity/host-identities.ts";
import type { Issuer } from "../identity/issuer.ts";
import { tableHostStatuses } from "../report/host-status.ts";
import { tableReceipts } from "../report/receipts.ts";
import type { SecretBox } from "../secrets/secret-box.ts";
import { createDynamoDbStore } from "../store/dynamodb.ts";
import { unlogged } from "../store/unlogged.ts";
import { createApi } from "./app.ts";
import { once } from "./once.ts";
import { remoteKeys, tokenIdentify } from "./tokens.ts";

const table = required("OVERSPAN_TABLE", "it names the DynamoDB table");

const client = unlogged(new DynamoDBClient({}));
const clock = { now: () => Date.now(), sleep: (ms: number) => sleep(ms) };

const pacing = { sleep: clock.sleep, random: () => Math.random() };

/** A CA that systems do not know, as the development CA of the local runtime; PEM. */
const brokerCa = process.env["OVERSPAN_BROKER_CA"];

/** Requests a second of one actor in one instance. */
const RATE = { perSec: 200, burst: 1000 };

// Few requests need the clients of AWS IoT and KMS: they are loaded with the first that does, not at a cold start.
const hostPolicy = process.env["OVERSPAN_HOST_POLICY"] ?? "";
const sealingKey = required("OVERSPAN_SECRETS_KEY", "it names the KMS key that seals secrets");
const iot = once(async () => (await import("../identity/iot-issuer.ts")).environmentIotIssuer(hostPolicy));
const kms = once(async () => (await import("../secrets/kms-secret-box.ts")).environmentKmsSecretBox(sealingKey));
const issuer: Issuer = {
  issue: async (host, csr) => (await iot()).issue(host, csr),
  revoke: async (host, keep) => (await iot()).revoke(host, keep),
};
const secrets: SecretBox = {
  seal: async (secret, purpose) => (await kms()).seal(secret, purpose),
  open: async (sealed, purpose) => (await kms()).open(sealed, purpose),
};

const app = createApi({
  store: createDynamoDbStore({ client, table, pacing, requestToken: () => randomUUID(), now: clock.now }),
  receipts: tableReceipts({ client, name: table }, clock.now),
  hosts: tableHostStatuses({ client, name: table }, clock.now),
  events: tableEvents({ client, name: table }),
  identities: hostIdentities({
    table: { client, name: table },
    issuer,
    broker: { url: process.env["OVERSPAN_BROKER_URL"] ?? "", ...(brokerCa ? { ca: brokerCa } : {}) },
    now: clock.now,
    random: randomBytes,
  }),
  secrets,
  // Without these nobody could be let in: better not to start.
  identify: tokenIdentify({
    issuer: required("OVERSPAN_TOKEN_ISSUER", "it says whose tokens are good"),
    audience: required("OVERSPAN_TOKEN_AUDIENCE", "it says which of the issuer's tokens are for this API"),
    keys: remoteKeys(required("OVERSPAN_TOKEN_KEYS_URL", "it says where the issuer's keys are"), fetch),
    nowMs: clock.now,
  }),
  rate: RATE,
  clock,
  random: randomBytes,
  log: ({ level, message, cause }) => console.error(JSON.stringify({ level, message, cause: describe(cause) })),
});

export const handler = handle(app);

function required(name: string, why: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: ${why}`);
  return value;
}

/** A cause with its stack and the causes behind it, which JSON would leave out. */
function describe(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const { name, message, stack } = cause;
  return { name, message, stack, ...(cause.cause === undefined ? {} : { cause: describe(cause.cause) }) };
}
