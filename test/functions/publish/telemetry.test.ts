import { describe, expect, test } from "vitest";
import { describeError, lineTelemetry } from "../../../functions/publish/telemetry.ts";

describe("lineTelemetry", () => {
  test("counters: several in one invocation -> one line in CloudWatch's embedded metric format, then none", () => {
    const lines: string[] = [];
    const telemetry = lineTelemetry(
      (line) => lines.push(line),
      () => 5,
    );
    telemetry.count("A");
    telemetry.count("B", 3);
    telemetry.count("A");
    telemetry.flush();
    telemetry.flush();
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        _aws: {
          Timestamp: 5,
          CloudWatchMetrics: [
            {
              Namespace: "Overspan",
              Dimensions: [[]],
              Metrics: [
                { Name: "A", Unit: "Count" },
                { Name: "B", Unit: "Count" },
              ],
            },
          ],
        },
        A: 2,
        B: 3,
      },
    ]);
  });

  test("error: with a cause -> both in one line", () => {
    const lines: string[] = [];
    const telemetry = lineTelemetry(
      (line) => lines.push(line),
      () => 5,
    );
    telemetry.error("no", new Error("outer", { cause: new TypeError("inner") }), { host: "h1" });
    const cause = "Error: outer (TypeError: inner)";
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: "error", message: "no", host: "h1", cause },
    ]);
    expect(describeError("text")).toBe("text");
  });
});
