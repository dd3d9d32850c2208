// The Lambda of the IoT rule on `overspan/v1/hosts/+/certificate`. Environment: as functions/publish/lambda.ts, and
// OVERSPAN_HOST_POLICY, the name of the IoT policy of hosts' certificates.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { IoTClient } from "@aws-sdk/client-iot";
import { readEnvironment } from "../publish/environment.ts";
import { environmentIotPublisher } from "../publish/iot-publisher.ts";
import { lineTelemetry } from "../publish/telemetry.ts";
import { unlogged } from "../store/unlogged.ts";
import { handleCertificate } from "./handler.ts";
import { isThere } from "./host-identities.ts";
import { iotIssuer } from "./iot-issuer.ts";

const { table: name, iotEndpoint } = readEnvironment(process.env);
const policy = process.env["OVERSPAN_HOST_POLICY"];
if (!policy) throw new Error("OVERSPAN_HOST_POLICY is not set: it names the IoT policy of hosts' certificates");

const table = { client: unlogged(new DynamoDBClient({})), name };
const deps = {
  issuer: iotIssuer(new IoTClient({}), policy),
  publisher: environmentIotPublisher(iotEndpoint),
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
