// Faults that DynamoDB raises and its local engine does not: a wrapper of the client's send raises them, and the real
// engine does the rest.

import { randomUUID } from "node:crypto";
import { type DynamoDBClient, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Write } from "../../functions/domain/write.ts";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import { StoreBusyError } from "../../functions/store/store.ts";
import { Endpoint, Tenant } from "../../shared/model/resource.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.close());

/** Answers a command instead of the engine: throws, or returns what it would have answered; undefined to let it pass. */
type Fault = (command: {
  input: object;
  constructor: { name: string };
}) => object | undefined | Promise<object | undefined>;

async function faulty(fault: Fault) {
  const table = await engine.createTable();
  const slept: number[] = [];
  const sleep = (ms: number) => {
    slept.push(ms);
    return Promise.resolve();
  };
  const send = async (command: Parameters<Fault>[0]) => {
    const answer = await fault(command);
    return answer ?? engine.client.send(command as Parameters<DynamoDBClient["send"]>[0]);
  };
  const client = { send } as unknown as Pick<DynamoDBClient, "send">;
  return {
    store: createDynamoDbStore({
      client,
      table,
      pacing: { sleep, random: () => 0.5 },
      requestToken: () => randomUUID(),
    }),
    slept,
  };
}

/** Raises `error` at the first `times` commands of that name. */
function failing(name: string, times: number, error: () => Error): Fault & { seen: number } {
  const fault = Object.assign(
    (command: Parameters<Fault>[0]) => {
      if (command.constructor.name !== name) return undefined;
      fault.seen++;
      if (fault.seen <= times) throw error();
      return undefined;
    },
    { seen: 0 },
  );
  return fault;
}

function cancelled(...codes: string[]): TransactionCanceledException {
  return new TransactionCanceledException({
    message: `Transaction cancelled [${codes.join(", ")}]`,
    $metadata: {},
    CancellationReasons: codes.map((Code) => ({ Code })),
  });
}

const named = (name: string) => () => Object.assign(new Error(name), { name });

const STORED = {
  version: 1,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
  change: "c",
};
const ref = { kind: "tenant", id: "t1" } as const;
const write: Write = {
  write: "resource",
  ref,
  expected: { state: "absent" },
  resource: Tenant.parse({ id: "t1", name: "T", ...STORED }),
  deleted: false,
};

test.each([
  ["TransactionConflict", () => cancelled("TransactionConflict", "None")],
  ["throttling inside a cancellation", () => cancelled("None", "ThrottlingError")],
  ["TransactionInProgressException", named("TransactionInProgressException")],
  ["ProvisionedThroughputExceededException", named("ProvisionedThroughputExceededException")],
])("commit: %s three times -> retried with growing pauses, written once", async (_, error) => {
  const fault = failing("TransactWriteItemsCommand", 3, error);
  const { store, slept } = await faulty(fault);
  expect(await store.commit([write])).toEqual({ kind: "committed" });
  expect(fault.seen).toBe(4);
  expect(slept).toEqual([20, 40, 80]);
  expect(await store.get(ref)).toMatchObject({ state: "live", resource: { version: 1 } });
});

test("commit: conflicts without end -> gives up after 8 attempts, the cause is kept, nothing is written", async () => {
  const fault = failing("TransactWriteItemsCommand", Number.POSITIVE_INFINITY, () => cancelled("TransactionConflict"));
  const { store, slept } = await faulty(fault);
  const error: unknown = await store.commit([write]).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StoreBusyError);
  expect((error as Error).cause).toBeInstanceOf(TransactionCanceledException);
  expect(fault.seen).toBe(8);
  expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(3000);
  expect(await store.get(ref)).toEqual({ state: "absent" });
});

test("commit: a condition failed beside a conflict -> told at once, no retry", async () => {
  const fault = failing("TransactWriteItemsCommand", 1, () =>
    cancelled("TransactionConflict", "ConditionalCheckFailed"),
  );
  const { store, slept } = await faulty(fault);
  const second: Write = { ...write, ref: { kind: "tenant", id: "t2" } };
  expect(await store.commit([write, second])).toEqual({ kind: "failed", failed: [{ write: second }] });
  expect(slept).toEqual([]);
});

test("commit: done, but its answer was lost -> the repetition is the same transaction, not a refusal", async () => {
  let lost = 0;
  const { store } = await faulty(async (command) => {
    if (command.constructor.name !== "TransactWriteItemsCommand" || lost > 0) return undefined;
    lost++;
    await engine.client.send(command as Parameters<DynamoDBClient["send"]>[0]);
    throw Object.assign(new Error("in progress"), { name: "TransactionInProgressException" });
  });
  const id = "01kaptn6r00000000000000000";
  const change = { id, resource: ref, action: "create", channels: [], version: 1, at: STORED.createdAt } as const;
  const record: Write = {
    write: "record",
    change: { ...change, channels: [] },
    audit: { outcome: "done", actor: "anonymous", action: "create", resource: ref },
  };
  expect(await store.commit([write, record])).toEqual({ kind: "committed" });
  expect(lost).toBe(1);
});

test.each([
  ["a fault of our own", () => cancelled("ValidationError")],
  ["an error that is not of DynamoDB", () => new TypeError("ours")],
])("commit: %s -> thrown as it is, no retry", async (_, error) => {
  const fault = failing("TransactWriteItemsCommand", 1, error);
  const { store } = await faulty(fault);
  await expect(store.commit([write])).rejects.toThrow(error().message);
  expect(fault.seen).toBe(1);
});

test("commit: too many writes for one transaction -> our own bug, before anything is sent", async () => {
  const fault = failing("TransactWriteItemsCommand", 0, () => new Error("unused"));
  const { store } = await faulty(fault);
  await expect(store.commit(Array.from({ length: 101 }, () => write))).rejects.toThrow("101 writes");
  expect(fault.seen).toBe(0);
});

test("fence: conflict with a transaction -> retried", async () => {
  const fault = failing("UpdateItemCommand", 2, named("TransactionConflictException"));
  const { store } = await faulty(fault);
  await store.commit([write]);
  expect(await store.fence({ ref, version: 1, why: { kind: "deleting" } }, "token")).toBe(true);
  expect(fault.seen).toBe(3);
});

test("list: a batch leaves keys over -> asked again until all are there, in order", async () => {
  let batches = 0;
  const { store } = await faulty((command) => {
    if (command.constructor.name !== "BatchGetItemCommand") return undefined;
    batches++;
    // Everything left over at first, then the engine's answer.
    return batches === 1
      ? { Responses: {}, UnprocessedKeys: (command.input as { RequestItems: object }).RequestItems }
      : undefined;
  });
  const base = { network: "n", host: "h", mac: "02:00:00:00:00:01", ips: [], port: "p", mobility: 0, ...STORED };
  const writes = ["a", "b", "c"].flatMap((id): Write[] => [
    {
      write: "resource",
      ref: { kind: "endpoint", network: "n", id },
      expected: { state: "absent" },
      resource: Endpoint.parse({ ...base, id }),
      deleted: false,
    },
    { write: "link", index: { kind: "host-endpoint", host: "h", network: "n", endpoint: id } },
  ]);
  await store.commit(writes);
  const { items } = await store.list<"endpoint">({ kind: "endpoint", host: "h" }, { limit: 10 });
  expect(items.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(batches).toBe(2);
});
