// The loop that every reconciler of this host runs in: when a pass begins, and that nothing ever runs beside it.

import { describe, expect, it } from "vitest";
import { createPassLoop, type PassLoopOptions, type PassOutcome } from "../../../edge-agent/dataplane/pass-loop.ts";
import { createFakeClock } from "./fake-clock.ts";

function open(options: Partial<PassLoopOptions> & { outcomes?: (PassOutcome | Error)[] } = {}) {
  const clock = createFakeClock();
  const log: string[] = [];
  const { outcomes = [], ...rest } = options;
  const loop = createPassLoop({
    clock,
    pass: async () => {
      log.push(`pass ${clock.nowMs()}`);
      const outcome = outcomes.shift() ?? "done";
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    onError: (cause) => log.push(cause.message),
    ...rest,
  });
  return { clock, log, loop };
}

describe("pass loop", () => {
  it("asked many times in one turn -> one pass", async () => {
    const { clock, log, loop } = open();
    for (let i = 0; i < 5; i++) loop.ask();
    await clock.advance(0);
    expect(log).toEqual(["pass 0"]);
    expect(loop.counts()).toEqual({ passes: 1, retries: 0 });
  });

  it("a storm of notices -> one pass in each settle time, the first not put off", async () => {
    const { clock, log, loop } = open();
    for (let i = 0; i < 100; i++) {
      loop.notice();
      await clock.advance(1);
    }
    await clock.advance(50);
    expect(log).toEqual(["pass 50", "pass 100"]);
  });

  it("something left over, or a rejection -> again after a growing delay, which a good pass resets", async () => {
    const { clock, log, loop } = open({ outcomes: ["again", new Error("no answer"), "again", "done", "again"] });
    loop.ask();
    await clock.advance(2000);
    expect(log).toEqual(["pass 0", "pass 200", "no answer", "pass 600", "pass 1400"]);
    loop.ask();
    await clock.advance(200);
    expect(log.slice(-2)).toEqual(["pass 2000", "pass 2200"]);
    expect(loop.counts()).toEqual({ passes: 6, retries: 4 });
  });

  it("asked during a pass -> another one after it, never beside it", async () => {
    const ends: (() => void)[] = [];
    let beside = 0;
    let most = 0;
    const { clock, loop } = open({
      pass: async () => {
        most = Math.max(most, ++beside);
        await new Promise<void>((resolve) => ends.push(resolve));
        beside--;
        return "done";
      },
    });
    loop.ask();
    await clock.advance(0);
    loop.ask();
    loop.ask();
    ends.shift()?.();
    await clock.advance(0);
    ends.shift()?.();
    await clock.advance(0);
    expect([most, loop.counts().passes]).toEqual([1, 2]);
  });

  it("background steps -> from the first pass on, at their pace; one that rejects is told and goes on", async () => {
    const steps: number[] = [];
    const { clock, log, loop } = open({
      background: {
        everyMs: () => 1000,
        step: async () => {
          steps.push(clock.nowMs());
          if (steps.length === 1) throw new Error("step failed");
        },
      },
    });
    await clock.advance(5000);
    expect(steps).toEqual([]);
    loop.ask();
    await clock.advance(3000);
    expect(steps).toEqual([6000, 7000, 8000]);
    expect(log).toEqual(["pass 5000", "step failed", "pass 6200"]);
  });

  it("closed during a pass -> the pass ends, nothing follows", async () => {
    const { clock, log, loop } = open({ outcomes: ["again"], background: { everyMs: () => 10, step: async () => {} } });
    loop.ask();
    loop.notice();
    await Promise.resolve();
    await loop.close();
    loop.ask();
    await clock.advance(60_000);
    expect(log.length).toBeLessThanOrEqual(1);
  });
});
