import { describe, expect, it } from "vitest";
import { reconnectDelayMs } from "../../../edge-agent/intent/mqtt.ts";

describe("reconnect", () => {
  it("reconnect: 1,000 hosts that lost the broker at once -> at most 600 come back in any second", () => {
    const perSecond = new Map<number, number>();
    for (let host = 0; host < 1_000; host++) {
      const second = Math.floor(reconnectDelayMs(0, () => host / 1_000) / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(600);
  });

  it("reconnect: again and again without success -> the ceiling doubles up to a minute, and never nothing", () => {
    const ceilings = Array.from({ length: 9 }, (_, attempt) => reconnectDelayMs(attempt, () => 0.999_999));
    expect(ceilings.map((ms) => Math.round(ms / 1_000))).toEqual([2, 4, 8, 16, 32, 60, 60, 60, 60]);
    expect(reconnectDelayMs(5, () => 0)).toBe(100);
  });
});
