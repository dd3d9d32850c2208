import type { DynamoDBRecord } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { parseStreamRecord } from "../../../functions/publish/resource-image.ts";
import { endpointItem, hostItem, networkItem, streamRecord } from "./fixtures.ts";

const endpoint = endpointItem("e1", { network: "n1", host: "h1", index: 1 });

describe("parseStreamRecord", () => {
  test.each([hostItem("h1", 1), networkItem("n1", 100), endpoint])("image: a $type -> the resource", (item) => {
    expect(parseStreamRecord(streamRecord(item))).toMatchObject({ kind: item.type, deleted: false });
  });

  test("image: a tombstone -> deleted, with its end", () => {
    const item = endpointItem("e1", { network: "n1", host: "h1", index: 1, version: 2, deleted: true });
    expect(parseStreamRecord(streamRecord(item, endpoint))).toMatchObject({ deleted: true, ttl: item["ttl"] });
  });

  test("image: what TTL removed -> ignored", () => {
    const record: DynamoDBRecord = { ...streamRecord(endpoint), eventName: "REMOVE" };
    expect(parseStreamRecord(record)).toEqual({ kind: "ignored" });
  });

  test("image: a fence around a resource, which is no new version -> ignored", () => {
    expect(parseStreamRecord(streamRecord({ ...endpoint, deleting: true }, endpoint))).toEqual({ kind: "ignored" });
  });

  test.each(["head", "log", "record", "report", "guard", "change"])("image: an item of type %s -> ignored", (type) => {
    expect(parseStreamRecord(streamRecord({ ...endpoint, type }))).toEqual({ kind: "ignored" });
  });

  test("image: a record with an empty map, as the local engine's stream shows it -> ignored, not poison", () => {
    const record = streamRecord({ ...endpoint, type: "record" });
    const image = { ...record.dynamodb?.NewImage, body: {} } as never;
    expect(parseStreamRecord({ ...record, dynamodb: { NewImage: image } })).toEqual({ kind: "ignored" });
  });

  test("image: an endpoint without a MAC -> poison that names item and field", () => {
    const { mac: _, ...rest } = endpoint;
    const parsed = parseStreamRecord(streamRecord(rest));
    expect(parsed).toMatchObject({ kind: "poison", item: "NET#n1 EP#e1", reason: expect.stringContaining("mac:") });
  });

  test("image: an attribute of no known kind -> poison, no exception", () => {
    const record = streamRecord(endpoint);
    const image = { ...record.dynamodb?.NewImage, mac: { X: "?" } } as never;
    expect(parseStreamRecord({ ...record, dynamodb: { ...record.dynamodb, NewImage: image } }).kind).toBe("poison");
  });
});
