import { describe, expect, it } from "vitest";
import { LONGEST_TIMER_MS, longTimer } from "../../edge-agent/clock.ts";
import { FakeClock } from "./bgp/fake-network.ts";

describe("a timer longer than setTimeout takes", () => {
  /** The longest of RFC 9494 3.1: 194 days. */
  const longMs = 0xffffff * 1000;

  it("long timer: the whole time -> called once at its end, not before", () => {
    const clock = new FakeClock();
    let calls = 0;
    longTimer(clock, longMs, () => calls++);
    clock.advance(longMs - 1, () => {});
    expect(calls).toBe(0);
    clock.advance(1, () => {});
    expect([calls, clock.pending]).toEqual([1, 0]);
  });

  it("long timer: cancelled in any of its parts -> never called", () => {
    for (const atMs of [1, LONGEST_TIMER_MS + 1, 3 * LONGEST_TIMER_MS]) {
      const clock = new FakeClock();
      const cancel = longTimer(clock, longMs, () => expect.unreachable());
      clock.advance(atMs, () => {});
      cancel();
      expect(clock.pending).toBe(0);
    }
  });
});
