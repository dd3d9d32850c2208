// DynamoDB's local engine against its own contract, the table in memory against the engine on random writes, and its stream
// in the form in which Lambda gets one.

import { DescribeTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dynamodbStream } from "../../local/dynamodb-stream.ts";
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

test("stream: an item with every kind of value, empty ones too -> the image that AWS gives to Lambda", async () => {
  const TableName = await engine.createTable();
  const octets = (text: string) => new TextEncoder().encode(text);
  await engine.client.send(
    new PutItemCommand({
      TableName,
      Item: {
        pk: { S: "P" },
        sk: { S: "S" },
        text: { S: "" },
        number: { N: "0" },
        no: { BOOL: false },
        nothing: { NULL: true },
        octets: { B: octets("ab") },
        sets: { M: { S: { SS: ["a"] }, N: { NS: ["1"] }, B: { BS: [octets("ab")] } } },
        empty: { M: {} },
        deep: { L: [{ M: { empty: { M: {} }, list: { L: [] } } }] },
      },
    }),
  );
  const { Table } = await engine.client.send(new DescribeTableCommand({ TableName }));
  const client = new DynamoDBStreamsClient({
    endpoint: engine.endpoint,
    region: "eu-central-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  try {
    const stream = dynamodbStream(client, Table?.LatestStreamArn ?? "");
    const [shard] = await stream.shards();
    const { records } = await stream.read(await stream.iterator(shard?.id ?? "", undefined));
    expect(records.map(({ dynamodb }) => (dynamodb as { NewImage?: unknown }).NewImage)).toEqual([
      {
        pk: { S: "P" },
        sk: { S: "S" },
        text: { S: "" },
        number: { N: "0" },
        no: { BOOL: false },
        nothing: { NULL: true },
        octets: { B: "YWI=" },
        sets: { M: { S: { SS: ["a"] }, N: { NS: ["1"] }, B: { BS: ["YWI="] } } },
        empty: { M: {} },
        deep: { L: [{ M: { empty: { M: {} }, list: { L: [] } } }] },
      },
    ]);
  } finally {
    client.destroy();
  }
});
