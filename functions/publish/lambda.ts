// The Lambda of the table's stream. Its event source mapping needs ReportBatchItemFailures, new images of the types
// host, network and endpoint (old ones too), and both INSERT and MODIFY.
//
// Environment: OVERSPAN_TABLE; OVERSPAN_IOT_ENDPOINT, the host name of the account's IoT data endpoint (else the SDK's
// default, or AWS_ENDPOINT_URL_IOT_DATA_PLANE).

import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { unlogged } from "../store/unlogged.ts";
import { consume } from "./consumer.ts";
import { environmentIotPublisher } from "./iot-publisher.ts";
import { readEnvironment } from "./environment.ts";
import { pacedPublisher } from "./pace.ts";
import { lineTelemetry } from "./telemetry.ts";

const { table, iotEndpoint } = readEnvironment(process.env);

const deps = {
  table: { client: unlogged(new DynamoDBClient({})), name: table },
  publisher: pacedPublisher(environmentIotPublisher(iotEndpoint), {
    nowMs: () => performance.now(),
    wait: (ms) => sleep(ms),
  }),
  telemetry: lineTelemetry(console.log, Date.now),
  now: Date.now,
  /** Full jitter over 20 ms, 40 ms ... 1 s: two consumers at one channel part ways. */
  pause: (attempt: number) => sleep(Math.random() * Math.min(1000, 10 * 2 ** attempt)),
};

export const handler = async (event: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
  try {
    const failed = await consume(deps, event.Records);
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  } finally {
    deps.telemetry.flush();
  }
};
