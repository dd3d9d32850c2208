// Makes the plan's tables and starts a pump for each of its event source mappings.

import { setTimeout as delay } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { LOCAL_REGION } from "./cloudformation.ts";
import type { DataFolder } from "./data-folder.ts";
import type { DynamodbEngine } from "./dynamodb-engine.ts";
import { dynamodbStream } from "./dynamodb-stream.ts";
import { compilePatterns } from "./event-pattern.ts";
import type { LocalFunctions } from "./functions.ts";
import type { Credentials } from "./object-store.ts";
import { logName, type MappingPlan, type Plan } from "./plan.ts";
import { type Pump, startPump } from "./stream-pump.ts";
import { ensureTable } from "./tables.ts";

export type PumpParts = {
  plan: Plan;
  engine: DynamodbEngine;
  folder: DataFolder;
  credentials: Credentials;
  functions: LocalFunctions;
  nowMs: () => number;
  log: (line: string) => void;
};

/** Makes the tables and starts a pump for each mapping; what it starts it adds to `closers`. */
export async function startPumps(parts: PumpParts, closers: (() => Promise<void>)[]): Promise<Pump[]> {
  const { plan, engine, credentials, log } = parts;
  const config = { endpoint: engine.url, region: LOCAL_REGION, credentials };
  const tables = new DynamoDBClient(config);
  const streams = new DynamoDBStreamsClient(config);
  // Two images of every record, attribute by attribute, for a log that nobody reads.
  streams.middlewareStack.remove("loggerMiddleware");
  closers.push(async () => {
    tables.destroy();
    streams.destroy();
  });
  const streamArns = new Map<string, string>();
  for (const table of plan.tables) streamArns.set(table.name, await ensureTable(tables, table));
  const pumps: Pump[] = [];
  for (const mapping of plan.mappings) {
    const pump = await startMapping(mapping, streamArns.get(mapping.table) as string, streams, parts);
    closers.push(pump.close);
    pumps.push(pump);
  }
  log(`table ${plan.tables.map(({ name }) => name).join(", ")} is ready`);
  return pumps;
}

function startMapping(
  mapping: MappingPlan,
  streamArn: string,
  streams: DynamoDBStreamsClient,
  { folder, functions, nowMs, log }: PumpParts,
): Promise<Pump> {
  return startPump(
    {
      name: logName(mapping.function),
      policy: mapping,
      batchSize: mapping.batchSize,
      matches: compilePatterns(mapping.patterns),
      activePollMs: 20,
      idlePollMs: 100,
      activeForMs: 3000,
    },
    {
      stream: dynamodbStream(streams, streamArn),
      checkpoints: folder.checkpoints(mapping.name),
      invoke: (Records) => functions.invoke(mapping.function, { Records }),
      deadLetter: (records, reason) => folder.deadLetter(mapping.deadLetters ?? mapping.name, records, reason),
      nowMs,
      sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
      log,
    },
  );
}
