// The Lambda of the IoT rule on `overspan/v1/hosts/+/certificate`. Environment: as functions/publish/lambda.ts, and
// OVERSPAN_HOST_POLICY, the name of the IoT policy of hosts' certificates.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { IoTClient } from "@aws-sdk/client-iot";
import { IoTDataPlaneClient } from "@aws-sdk/client-iot-data-plane";
import { readEnvironment } from "../publish/environment.ts";
import { iotPublisher } from "../publish/iot-publisher.ts";
import { lineTelemetry } from "../publish/telemetry.ts";
import { handleCertificate } from "./handler.ts";
import { isThere } from "./host-identities.ts";
import { iotIssuer } from "./iot-issuer.ts";

const { table: name, iotEndpoint } = readEnvironment(process.env);
const policy = process.env["OVERSPAN_HOST_POLICY"];
if (!policy) throw new Error("OVERSPAN_HOST_POLICY is not set: it names the IoT policy of hosts' certificates");

const table = { client: new DynamoDBClient({}), name };
const deps = {
  issuer: iotIssuer(new IoTClient({}), policy),
  publisher: iotPublisher(new IoTDataPlaneClient(iotEndpoint ? { endpoint: iotEndpoint } : {})),
  telemetry: lineTelemetry(console.log, Date.now),
  knows: (host: string) => isThere(table, host),
};

export const handler = async (event: unknown): Promise<void> => {
  try {
    await handleCertificate(deps, event);
  } finally {
    deps.telemetry.flush();
  }
};
