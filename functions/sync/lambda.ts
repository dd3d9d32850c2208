// The Lambda of the IoT rule on `overspan/v1/hosts/+/sync`. Environment: as functions/publish/lambda.ts.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { IoTDataPlaneClient } from "@aws-sdk/client-iot-data-plane";
import { readEnvironment } from "../publish/environment.ts";
import { iotPublisher } from "../publish/iot-publisher.ts";
import { lineTelemetry } from "../publish/telemetry.ts";
import { handleSync } from "./handler.ts";

const { table, iotEndpoint } = readEnvironment(process.env);

const deps = {
  table: { client: new DynamoDBClient({}), name: table },
  publisher: iotPublisher(new IoTDataPlaneClient(iotEndpoint ? { endpoint: iotEndpoint } : {})),
  telemetry: lineTelemetry(console.log, Date.now),
  now: Date.now,
};

export const handler = async (event: unknown): Promise<void> => {
  try {
    await handleSync(deps, event);
  } finally {
    deps.telemetry.flush();
  }
};
