// The store on DynamoDB's real engine does what the contract says. Its faults are in store-faults.test.ts, the layout of
// its items and its races in store-api.test.ts.

import { randomUUID } from "node:crypto";
import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll } from "vitest";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import { canonicalJson } from "../../shared/message/digest.ts";
import { storeContract } from "../contract/store.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.close());

storeContract("DynamoDB", async () => {
  const table = await engine.createTable();
  const store = createDynamoDbStore({
    client: engine.client,
    table,
    pacing: { sleep: () => Promise.resolve(), random: () => 0 },
    requestToken: () => randomUUID(),
  });
  return { store, dump: async () => canonicalJson(await scan(engine.client, table)) };
});

async function scan(client: DynamoDBClient, TableName: string) {
  const { Items = [], LastEvaluatedKey } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
  if (LastEvaluatedKey) throw new Error("more items than one scan reads");
  return Object.fromEntries(Items.map((item) => [`${item["pk"]?.S} ${item["sk"]?.S}`, unmarshall(item)]));
}
