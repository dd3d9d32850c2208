// The cloud of the simulation: the real API, publisher, sync and report functions over one table in memory. Each call
// of the store takes its time and may be throttled, lose its answer, or be the last thing its caller did. The stream
// delivers in the order of each partition only, at least once, in batches that may be split, repeated, or be in the
// hands of two consumers at once.

import {
  type CancellationReason,
  type DynamoDBClient,
  GetItemCommand,
  ProvisionedThroughputExceededException,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { consume } from "../../functions/publish/consumer.ts";
import { handleReport } from "../../functions/report/handler.ts";
import { tableHostStatuses } from "../../functions/report/host-status.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import { handleSync } from "../../functions/sync/handler.ts";
import { createTestIdentities } from "../fakes/host-identities.ts";
import { identifyAs, OPERATOR } from "../fakes/principals.ts";
import { createTestSecretBox } from "../fakes/secret-box.ts";
import { apiOn } from "./api.ts";
import { type Clockwork, EPOCH_MS } from "./clockwork.ts";
import { cancelled, type Change, createMemoryDynamo, type MemoryDynamo } from "./dynamodb/engine.ts";
import { happening, type Weather } from "./faults.ts";
import { laneOf, PUBLISHED_TYPES, streamRecord } from "./stream.ts";

export type Answer = { readonly status: number; readonly body: Record<string, unknown> };

export type SimCloud = {
  readonly table: MemoryDynamo;
  /** An API request; undefined when no answer came (the function died, or took too long). */
  request(method: string, path: string, body?: object): Promise<Answer | undefined>;
  uplink(host: string, lane: "sync" | "report", payload: Uint8Array): void;
  /** Stream records that are not consumed yet. */
  backlog(): number;
};

type Sender = Pick<DynamoDBClient, "send">;

const TABLE = "sim";
/** What an API client waits for an answer, and Lambda for a function. */
const TIMEOUT_MS = 29_000;
const CONSUMER_TIMEOUT_MS = 10_000;
const LANES = 2;
const BATCH = 10;

export function createCloud(options: {
  readonly clockwork: Clockwork;
  readonly weather: () => Weather;
  readonly publish: (host: string, payload: string) => void;
  /** Every change of the table, at once. */
  readonly changed: (change: Change) => void;
}): SimCloud {
  const { clockwork, weather, publish, changed } = options;
  const lanes = Array.from({ length: LANES }, (): DynamoDBRecord[] => []);
  const busy = lanes.map(() => false);
  let sequence = 0;

  const engine = createMemoryDynamo((change) => {
    changed(change);
    if (!PUBLISHED_TYPES.has(change.after?.["type"]?.S ?? "")) return;
    const record = streamRecord(change, ++sequence);
    const lane = laneOf(change.after?.["pk"]?.S ?? "", LANES);
    lanes[lane]?.push(record);
    pump(lane);
  });
  const now = () => EPOCH_MS + clockwork.nowMs();
  const client: Sender = { send: (command: unknown): Promise<never> => call(command) as Promise<never> };
  const table = { client: client as DynamoDBClient, name: TABLE };
  const pause = (attempt: number) => clockwork.sleep(clockwork.random() * Math.min(1000, 10 * 2 ** attempt));
  const telemetry = {
    count: (name: string) => clockwork.tally(name),
    warn: (message: string) => clockwork.note(`cloud: ${message}`),
    error: (message: string, cause: unknown) => clockwork.note(`cloud: ${message}: ${String(cause)}`),
  };
  const publisher = {
    async publish(host: string, payload: string) {
      await clockwork.sleep(clockwork.between(1, 5));
      if (happening(clockwork, "publish refused", weather().throttle))
        throw new Error("the broker refuses for the moment");
      publish(host, payload);
    },
  };
  const deps = { table, publisher, telemetry, now };
  const pacing = { sleep: (ms: number) => clockwork.sleep(ms), random: () => clockwork.random() };
  let token = 0;
  const api = apiOn({
    store: createDynamoDbStore({ client, table: TABLE, pacing, requestToken: () => `token-${++token}` }),
    hosts: tableHostStatuses(table, now),
    receipts: tableReceipts(table, now),
    identities: createTestIdentities(),
    secrets: createTestSecretBox(),
    identify: identifyAs(OPERATOR),
    clock: { now, sleep: (ms) => clockwork.sleep(ms) },
    random: (octets) => Uint8Array.from({ length: octets }, () => clockwork.between(0, 255)),
    log: ({ message, cause }) => clockwork.note(`api: ${message}: ${String(cause)}`),
  });

  async function call(command: unknown): Promise<unknown> {
    await clockwork.sleep(clockwork.between(1, 12));
    const { throttle, conflict, lostAnswer, crash } = weather();
    if (happening(clockwork, "function dies", crash)) {
      if (clockwork.chance(0.5)) await engine.client.send(command as GetItemCommand).catch(() => undefined);
      clockwork.note("a function dies");
      return new Promise(() => undefined);
    }
    if (happening(clockwork, "store throttles", throttle)) {
      throw new ProvisionedThroughputExceededException({ $metadata: {}, message: "throttled" });
    }
    if (command instanceof TransactWriteItemsCommand && happening(clockwork, "transaction conflict", conflict)) {
      throw cancelled(
        (command.input.TransactItems ?? []).map((): CancellationReason => ({ Code: "TransactionConflict" })),
      );
    }
    const answer: unknown = await engine.client.send(command as GetItemCommand);
    // The way back, now and then: mostly the next call's way there does for both.
    if (clockwork.chance(0.2)) await clockwork.sleep(clockwork.between(1, 4));
    // The SDK asks again by itself when a connection breaks; what it cannot mend looks like throttling to its caller.
    if (happening(clockwork, "answer lost", lostAnswer)) {
      throw new ProvisionedThroughputExceededException({ $metadata: {}, message: "no answer" });
    }
    return answer;
  }

  function pump(lane: number): void {
    if (busy[lane]) return;
    busy[lane] = true;
    clockwork.after(clockwork.between(1, 60), () => void deliver(lane));
  }

  /** One delivery after the other in a lane, until it is empty, as an event source mapping does. */
  async function deliver(lane: number): Promise<void> {
    const records = lanes[lane] ?? [];
    let size = BATCH;
    while (records.length > 0) {
      const { redeliver, split, twoConsumers } = weather();
      const batch = records.slice(0, happening(clockwork, "batch split", split) ? clockwork.between(1, size) : size);
      if (happening(clockwork, "two consumers", twoConsumers)) void invokeLate(batch.slice());
      const failed = await invoke(batch);
      if (failed === "timeout") {
        size = Math.max(1, size >> 1);
        clockwork.note(`the consumer of lane ${lane} gave no answer`);
        continue;
      }
      const again = batch.findIndex((record) => failed.includes(record.dynamodb?.SequenceNumber ?? ""));
      // What comes before the first failure is done with, unless the answer is lost on its way.
      const done = again < 0 ? batch.length : again;
      if (!happening(clockwork, "batch again", redeliver)) records.splice(0, done);
      size = BATCH;
      await clockwork.sleep(again < 0 ? clockwork.between(1, 30) : clockwork.between(100, 1_000));
    }
    busy[lane] = false;
  }

  /** Another consumer with the same batch: at once, or held up until newer ones are done. */
  async function invokeLate(batch: readonly DynamoDBRecord[]): Promise<void> {
    if (clockwork.chance(0.5)) await clockwork.sleep(clockwork.between(0, 5_000));
    await invoke(batch);
  }

  async function invoke(batch: readonly DynamoDBRecord[]): Promise<string[] | "timeout"> {
    const work = consume({ ...deps, pause }, batch).catch((cause: unknown) => {
      clockwork.note(`the consumer failed: ${String(cause)}`);
      return batch.map((record) => record.dynamodb?.SequenceNumber ?? "");
    });
    return Promise.race([work, clockwork.sleep(CONSUMER_TIMEOUT_MS).then(() => "timeout" as const)]);
  }

  return {
    table: engine,
    async request(method, path, body) {
      const text = JSON.stringify(body);
      const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(text ?? "")) };
      const init = body ? { method, headers, body: text } : { method };
      const answered = (async () => {
        const response = await api.request(`/v1${path}`, init);
        return { status: response.status, body: (await response.json()) as Record<string, unknown> };
      })();
      return Promise.race([answered, clockwork.sleep(TIMEOUT_MS).then(() => undefined)]);
    },
    uplink(host, lane, payload) {
      const event = { payload: Buffer.from(payload).toString("base64"), host };
      const handle = lane === "sync" ? handleSync : handleReport;
      // Invoked asynchronously, with two more attempts (infra/stack.ts).
      const attempt = (left: number): void => {
        handle(deps, event).catch((cause: unknown) => {
          clockwork.note(`${lane} of ${host} failed: ${String(cause)}`);
          if (left > 0) clockwork.after(clockwork.between(500, 2_000), () => attempt(left - 1));
        });
      };
      attempt(2);
    },
    backlog: () => lanes.reduce((sum, lane) => sum + lane.length, 0),
  };
}
