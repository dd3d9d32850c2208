// The Lambda of the IoT rule on `overspan/v1/hosts/+/report`. Environment: as functions/publish/lambda.ts, and
// OVERSPAN_SNAPSHOTS, the bucket of snapshot files.

import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { readEnvironment } from "../publish/environment.ts";
import { environmentIotPublisher } from "../publish/iot-publisher.ts";
import { pacedPublisher } from "../publish/pace.ts";
import { lineTelemetry } from "../publish/telemetry.ts";
import { unlogged } from "../store/unlogged.ts";
import { snapshotFiles } from "../sync/snapshot-files.ts";
import { handleReport } from "./handler.ts";

const { table, iotEndpoint, snapshots } = readEnvironment(process.env);
const files = snapshotFiles(snapshots);

const deps = {
  table: { client: unlogged(new DynamoDBClient({})), name: table },
  publisher: pacedPublisher(environmentIotPublisher(iotEndpoint), {
    nowMs: () => performance.now(),
    wait: (ms) => sleep(ms),
  }),
  telemetry: lineTelemetry(console.log, Date.now),
  now: Date.now,
  ...(files ? { files } : {}),
};

export const handler = async (event: unknown): Promise<void> => {
  try {
    await handleReport(deps, event);
  } finally {
    deps.telemetry.flush();
  }
};
