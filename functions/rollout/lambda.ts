// The Lambda that takes rollouts on, invoked by the clock. Environment: OVERSPAN_TABLE; AWS_ENDPOINT_URL_DYNAMODB and the
// region and credentials as the SDK reads them. It does writes through the API, in this process, and lets nobody in.

import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createRolloutDriver } from "../api/app.ts";
import { readEnvironment } from "../publish/environment.ts";
import { tableHostStatuses } from "../report/host-status.ts";
import { tableReceipts } from "../report/receipts.ts";
import { createDynamoDbStore } from "../store/dynamodb.ts";
import { unlogged } from "../store/unlogged.ts";
import { driveRollouts } from "./handler.ts";

const { table: name } = readEnvironment(process.env);

const client = unlogged(new DynamoDBClient({}));
const clock = { now: () => Date.now(), sleep: (ms: number) => sleep(ms) };
const pacing = { sleep: clock.sleep, random: () => Math.random() };
const notHere = () => Promise.reject(new Error("hosts do not join by way of a rollout, and it keeps no secret"));

const rollouts = createRolloutDriver({
  store: createDynamoDbStore({ client, table: name, pacing, requestToken: () => randomUUID(), now: clock.now }),
  receipts: tableReceipts({ client, name }, clock.now),
  hosts: tableHostStatuses({ client, name }, clock.now),
  identities: { createToken: notHere, join: notHere, revoke: notHere },
  secrets: { seal: notHere, open: notHere },
  identify: () => Promise.resolve({ kind: "nobody" }),
  clock,
  random: randomBytes,
  log: ({ level, message, cause }) => console.error(JSON.stringify({ level, message, cause: String(cause) })),
});

export const handler = () => driveRollouts(rollouts, clock);
