// DynamoDB's local engine against its own contract, and the table in memory against the engine on random writes.

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dynamodbContract, play, steps } from "../contract/dynamodb.ts";
import { createMemoryDynamo } from "../sim/dynamodb/engine.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

let engine: Engine;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine?.close();
});

const open = async () => ({ client: engine.client, name: await engine.createTable() });

dynamodbContract("local engine", open);

test("table in memory: random writes -> the same answers and the same items as the local engine", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const memory = { client: createMemoryDynamo().client, name: "table" };
      expect(await play(memory, plan)).toEqual(await play(await open(), plan));
    }),
    { numRuns: 25 },
  );
});
