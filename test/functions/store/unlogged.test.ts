import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { IoTDataPlaneClient } from "@aws-sdk/client-iot-data-plane";
import { describe, expect, test } from "vitest";
import { unlogged } from "../../../functions/store/unlogged.ts";

/** A request that needs no server: it is refused on this machine. */
const UNSENT = { requestHandler: { handle: () => Promise.reject(new Error("not sent")) } };
const CREDENTIALS = { accessKeyId: "a", secretAccessKey: "b" };

describe("clients without the SDK's log", () => {
  test.each([
    ["DynamoDB", () => new DynamoDBClient({})],
    ["AWS IoT's data plane", () => new IoTDataPlaneClient({})],
    // local/pumps.ts, which imports no function, takes it out by its name.
    ["DynamoDB's streams", () => new DynamoDBStreamsClient({})],
  ])("unlogged: a client of %s -> the middleware that works out what to log is gone, and was there", (_, make) => {
    expect(make().middlewareStack.identify()).toContainEqual(expect.stringMatching(/^loggerMiddleware - /));
    expect(unlogged(make()).middlewareStack.identify()).not.toContainEqual(expect.stringMatching(/logger/i));
  });

  test("unlogged: a logger that was given -> hears nothing of a failed request, whose error comes all the same", async () => {
    const heard: unknown[] = [];
    const hear = (what: unknown) => void heard.push(what);
    const logger = { trace: hear, debug: hear, info: hear, warn: hear, error: hear };
    const client = unlogged(
      new DynamoDBClient({ region: "x", credentials: CREDENTIALS, maxAttempts: 1, logger, ...UNSENT }),
    );
    const sent = client.send(new GetItemCommand({ TableName: "t", Key: { pk: { S: "secret" } } }));
    await expect(sent).rejects.toThrow("not sent");
    expect(JSON.stringify(heard)).not.toContain("secret");
  });
});
