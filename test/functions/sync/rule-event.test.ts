import { describe, expect, test } from "vitest";
import { parseRuleEvent } from "../../../functions/sync/rule-event.ts";

describe("parseRuleEvent", () => {
  test("rule event: base64 and a host -> the octets as they were sent", () => {
    const payload = Buffer.from([0, 255, 1]);
    expect(parseRuleEvent({ payload: payload.toString("base64"), host: "h1" })).toEqual({ host: "h1", payload });
  });
  test("rule event: an empty payload -> no octets, which the decoder then refuses", () => {
    expect(parseRuleEvent({ payload: "", host: "h1" })).toMatchObject({ host: "h1" });
  });
  test.each([
    [{ host: "h1" }, "payload"],
    [{ payload: "AA==", host: "H 1" }, "host"],
    [{ payload: "*", host: "h1" }, "payload"],
    [null, "event"],
  ])("rule event: %j -> the reason names %s", (event, field) => {
    expect(parseRuleEvent(event)).toMatch(new RegExp(`^${field}: `));
  });
});
