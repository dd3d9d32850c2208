// Makes the template's tables in the local engine, unless a data folder has them already.

import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceNotFoundException,
  type TableDescription,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import type { TablePlan } from "./plan.ts";
import { StartFailure } from "./start-failure.ts";

/** Returns the ARN of the table's stream; StartFailure if the folder holds a table of another shape. */
export async function ensureTable(client: DynamoDBClient, table: TablePlan): Promise<string> {
  const existing = (await describe(client, table.name)) ?? (await create(client, table));
  checkShape(existing, table);
  if (table.ttlAttribute !== undefined) await ensureTtl(client, table.name, table.ttlAttribute);
  if (!existing.LatestStreamArn) throw new Error(`table ${table.name} has no stream`);
  return existing.LatestStreamArn;
}

async function describe(client: DynamoDBClient, name: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: name }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

async function create(client: DynamoDBClient, table: TablePlan): Promise<TableDescription> {
  const { TableDescription } = await client.send(
    new CreateTableCommand({
      TableName: table.name,
      AttributeDefinitions: table.attributes,
      KeySchema: table.keys,
      BillingMode: "PAY_PER_REQUEST",
      ...(table.stream ? { StreamSpecification: { StreamEnabled: true, StreamViewType: table.stream } } : {}),
    }),
  );
  if (!TableDescription) throw new Error(`the engine did not describe the table ${table.name}`);
  return TableDescription;
}

async function ensureTtl(client: DynamoDBClient, name: string, attribute: string): Promise<void> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: name }));
  if (TimeToLiveDescription?.TimeToLiveStatus === "ENABLED") return;
  const TimeToLiveSpecification = { AttributeName: attribute, Enabled: true };
  await client.send(new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification }));
}

function checkShape(existing: TableDescription, table: TablePlan): void {
  const shape = (keys: TableDescription["KeySchema"], stream: string | undefined) =>
    JSON.stringify([keys?.map(({ AttributeName, KeyType }) => [AttributeName, KeyType]), stream]);
  if (shape(existing.KeySchema, existing.StreamSpecification?.StreamViewType) === shape(table.keys, table.stream))
    return;
  throw new StartFailure(
    `The data folder holds a table ${table.name} with other keys or another stream than the template's. ` +
      `It is of another version of Overspan: choose another folder with --data DIR, or remove this one.`,
  );
}
