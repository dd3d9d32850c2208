// The Lambda of the table's stream that writes the log of events. Environment: OVERSPAN_TABLE. Its event source mapping needs
// both images of the types in functions/events/handler.ts, and ReportBatchItemFailures is not used: a batch is in the log
// whole, or comes again.

import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { DynamoDBStreamEvent } from "aws-lambda";
import { readEnvironment } from "../publish/environment.ts";
import { lineTelemetry } from "../publish/telemetry.ts";
import { unlogged } from "../store/unlogged.ts";
import { handleEvents } from "./handler.ts";

const { table } = readEnvironment(process.env);

const deps = {
  table: { client: unlogged(new DynamoDBClient({})), name: table },
  telemetry: lineTelemetry(console.log, Date.now),
  now: Date.now,
  pause: (attempt: number) => sleep(Math.random() * Math.min(500, 5 * 2 ** attempt)),
};

export const handler = async (event: DynamoDBStreamEvent): Promise<void> => {
  try {
    await handleEvents(deps, event.Records);
  } finally {
    deps.telemetry.flush();
  }
};
