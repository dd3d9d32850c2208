import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchPolicy, deliverBatch } from "../../local/batch.ts";

const POLICY: BatchPolicy = { maxRetries: 2, bisect: true, reportsItemFailures: true };

/** Delivers `records`; `answer` is the function, which may throw. Keeps what happened. */
async function run(records: string[], answer: (batch: readonly string[]) => unknown, policy = POLICY, maxWaits = 1000) {
  const log = { calls: [] as string[], gaveUp: [] as string[], progress: [] as string[], waits: 0 };
  const finished = await deliverBatch(records, policy, {
    invoke: async (batch) => {
      log.calls.push(batch.join(""));
      return answer(batch);
    },
    sequenceNumber: (record) => record,
    waitBeforeRetry: async () => ++log.waits <= maxWaits,
    progress: async (record) => void log.progress.push(record),
    giveUp: async (given) => void log.gaveUp.push(...given),
  });
  return { ...log, finished };
}

const failing = (...items: string[]) => ({ batchItemFailures: items.map((itemIdentifier) => ({ itemIdentifier })) });
const letters = (text: string) => text.split("");

describe("batch", () => {
  it.each([undefined, null, {}, { batchItemFailures: null }, failing()])(
    "batch: answer %j -> delivered",
    async (answer) => {
      expect(await run(letters("abc"), () => answer)).toMatchObject({ calls: ["abc"], progress: ["c"], waits: 0 });
    },
  );

  it("batch: the function throws once -> halves are delivered in order, without waiting", async () => {
    let failed = false;
    const result = await run(letters("abcd"), () => {
      if (failed) return undefined;
      failed = true;
      throw new Error("once");
    });
    expect(result).toMatchObject({ calls: ["abcd", "ab", "cd"], progress: ["b", "d"], gaveUp: [], waits: 0 });
  });

  it("batch: one record always fails -> it alone is retried, given up, and the others are delivered", async () => {
    const result = await run(letters("abcd"), (batch) => {
      if (batch.includes("c")) throw new Error("poison");
      return undefined;
    });
    expect(result).toMatchObject({ calls: ["abcd", "ab", "cd", "c", "c", "c", "d"], gaveUp: ["c"], waits: 2 });
    expect(result.progress).toEqual(["b", "c", "d"]);
  });

  it("batch: a reported failure -> what comes before it is done, and it comes again with what follows", async () => {
    let calls = 0;
    const result = await run(letters("abcd"), () => (calls++ === 0 ? failing("d", "b") : undefined));
    expect(result).toMatchObject({ calls: ["abcd", "bc", "d"], progress: ["a", "c", "d"], gaveUp: [] });
  });

  it.each([failing("x"), failing(""), { batchItemFailures: [null] }, { batchItemFailures: "a" }])(
    "batch: answer %j, which names nothing in the batch -> all of it fails",
    async (answer) => {
      expect((await run(["a"], () => answer)).gaveUp).toEqual(["a"]);
    },
  );

  it("batch: without bisect a batch is retried whole and given up whole", async () => {
    const policy = { ...POLICY, bisect: false };
    const result = await run(letters("ab"), () => Promise.reject(new Error("no")), policy);
    expect(result).toMatchObject({ calls: ["ab", "ab", "ab"], gaveUp: ["a", "b"], progress: ["b"] });
  });

  it("batch: without ReportBatchItemFailures the answer means nothing", async () => {
    const result = await run(["a"], () => failing("a"), { ...POLICY, reportsItemFailures: false });
    expect(result).toMatchObject({ calls: ["a"], gaveUp: [] });
  });

  it("batch: maxRetries -1 -> never given up; ended while waiting -> unfinished, without progress", async () => {
    const policy = { ...POLICY, maxRetries: -1 };
    const result = await run(["a"], () => Promise.reject(new Error("no")), policy, 20);
    expect(result).toMatchObject({ finished: false, gaveUp: [], progress: [] });
    expect(result.calls).toHaveLength(21);
  });

  it("batch: whatever fails -> each record is delivered or given up, in order, and never both", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 24 }),
        fc.array(fc.integer({ min: 0, max: 23 }), { maxLength: 6 }),
        fc.boolean(),
        async (count, poison, reports) => {
          const records = Array.from({ length: count }, (_, index) => String(index));
          const bad = new Set(poison.map(String));
          const delivered: string[] = [];
          const result = await run(records, (batch) => {
            const at = batch.findIndex((record) => bad.has(record));
            if (at >= 0 && !reports) throw new Error("poison");
            delivered.push(...batch.slice(0, at < 0 ? batch.length : at));
            return at < 0 ? undefined : failing(batch[at] as string);
          });
          expect(result.finished).toBe(true);
          expect(result.gaveUp).toEqual(records.filter((record) => bad.has(record)));
          expect(delivered).toEqual(records.filter((record) => !bad.has(record)));
          expect(result.progress.at(-1)).toBe(records.at(-1));
        },
      ),
    );
  });
});
