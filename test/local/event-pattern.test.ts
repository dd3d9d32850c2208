import { describe, expect, it } from "vitest";
import { compilePatterns } from "../../local/event-pattern.ts";

const TYPE_FILTER = { dynamodb: { NewImage: { type: { S: ["host", "network"] } } } };
const image = (type: string) => ({ dynamodb: { NewImage: { type: { S: type } } } });

describe("event pattern", () => {
  it.each<[string, unknown[], unknown, boolean]>([
    ["no pattern -> everything", [], {}, true],
    ["a listed value", [TYPE_FILTER], image("host"), true],
    ["a value that is not listed", [TYPE_FILTER], image("log"), false],
    ["a missing branch (a deletion has no new image)", [TYPE_FILTER], { dynamodb: { OldImage: {} } }, false],
    ["one of two patterns", [TYPE_FILTER, { eventName: ["REMOVE"] }], { eventName: "REMOVE" }, true],
    ["two keys, both must match", [{ a: [1], b: [2] }], { a: 1, b: 3 }, false],
    ["prefix", [{ pk: [{ prefix: "NET#" }] }], { pk: "NET#a" }, true],
    ["prefix of something else", [{ pk: [{ prefix: "NET#" }] }], { pk: "HOSTS" }, false],
    ["exists", [{ ttl: [{ exists: true }] }], { ttl: 1 }, true],
    ["exists: false on an absent field", [{ ttl: [{ exists: false }] }], {}, true],
    ["exists: false on a present field", [{ ttl: [{ exists: false }] }], { ttl: 1 }, false],
    ["anything-but", [{ type: [{ "anything-but": ["log"] }] }], { type: "host" }, true],
    ["anything-but the value", [{ type: [{ "anything-but": "log" }] }], { type: "log" }, false],
    ["anything-but needs the field", [{ type: [{ "anything-but": "log" }] }], {}, false],
    ["a list in the event, one element matches", [{ tags: ["a"] }], { tags: ["b", "a"] }, true],
    ["a number is not its text", [{ n: [1] }], { n: "1" }, false],
    ["an inherited name is no field", [{ constructor: [{ exists: true }] }], {}, false],
  ])("event pattern: %s", (_, patterns, value, expected) => {
    expect(compilePatterns(patterns)(value)).toBe(expected);
  });

  it.each<[string, unknown]>([
    ["a numeric range", { n: [{ numeric: [">", 1] }] }],
    ["$or", { $or: [{ a: [1] }] }],
    ["a value outside a list", { a: 1 }],
  ])("event pattern: %s -> refused at start, not ignored", (_, pattern) => {
    expect(() => compilePatterns([pattern])).toThrow(/pattern\./);
  });
});
