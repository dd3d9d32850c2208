import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pacedPublisher } from "../../../functions/publish/pace.ts";

/** A publisher on a clock that only waiting moves; what was sent when. */
function paced() {
  let nowMs = 0;
  const sent: { host: string; payload: string; atMs: number }[] = [];
  const pending: { atMs: number; resolve: () => void }[] = [];
  const publisher = pacedPublisher(
    {
      publish: (host, payload) => {
        sent.push({ host, payload, atMs: nowMs });
        return Promise.resolve();
      },
    },
    {
      nowMs: () => nowMs,
      wait: (ms) => new Promise((resolve) => pending.push({ atMs: nowMs + ms, resolve })),
    },
  );
  return {
    publisher,
    sent,
    /** Lets the time pass until nobody waits. */
    drain: async (): Promise<void> => {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        const next = pending.sort((a, b) => a.atMs - b.atMs).shift();
        if (!next) return;
        nowMs = Math.max(nowMs, next.atMs);
        next.resolve();
      }
    },
    pass: (ms: number) => void (nowMs += ms),
  };
}

describe("paced publisher", () => {
  test("pace: 300 messages to one host -> all in order, never more than 50 in any second", async () => {
    const { publisher, sent, drain } = paced();
    for (let at = 0; at < 300; at++) void publisher.publish("h1", String(at));
    await drain();
    expect(sent.map(({ payload }) => Number(payload))).toEqual(Array.from({ length: 300 }, (_, at) => at));
    for (const { atMs } of sent) {
      const within = sent.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1000).length;
      expect(within).toBeLessThanOrEqual(51);
    }
    expect((sent.at(-1)?.atMs ?? 0) / 1000).toBeCloseTo((300 - 20) / 30, 0);
  });

  test("pace: many hosts, or one that is quiet enough -> nobody waits", async () => {
    const { publisher, sent, pass } = paced();
    for (let at = 0; at < 100; at++) {
      for (const host of ["h1", "h2", "h3"]) await publisher.publish(host, "x");
      pass(34);
    }
    expect(sent).toHaveLength(300);
    for (let host = 0; host < 12_000; host++) await publisher.publish(`host-${host}`, "x");
    expect(sent).toHaveLength(12_300);
  });

  test("pace: any pattern of sending -> per host the order of the calls, and at most 50 a second", async () => {
    const call = fc.record({ host: fc.constantFrom("a", "b"), afterMs: fc.integer({ min: 0, max: 80 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 200 }), async (calls) => {
        const { publisher, sent, drain, pass } = paced();
        calls.forEach(({ host, afterMs }, at) => {
          pass(afterMs);
          void publisher.publish(host, String(at));
        });
        await drain();
        for (const host of ["a", "b"]) {
          const own = sent.filter((each) => each.host === host);
          expect(own.map(({ payload }) => Number(payload))).toEqual(
            calls.flatMap((each, at) => (each.host === host ? [at] : [])),
          );
          own.forEach(({ atMs }, at) => expect(own[at + 51]?.atMs ?? Infinity).toBeGreaterThan(atMs + 999));
        }
      }),
      { numRuns: 50 },
    );
  });
});
