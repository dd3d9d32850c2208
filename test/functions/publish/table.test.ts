import { TransactionConflictException } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { describe, expect, test } from "vitest";
import { mapBounded } from "../../../functions/publish/bounded.ts";
import { batchGet, getItem, putItem, queryPages, type Table } from "../../../functions/publish/table.ts";
import { createMemoryDynamo } from "../../sim/dynamodb/engine.ts";

/** A table whose first `conflicts` puts meet a transaction. */
function conflicting(conflicts: number): Table & { puts: () => number } {
  const { client } = createMemoryDynamo();
  let puts = 0;
  const send = async (command: { constructor: { name: string } }) => {
    if (command.constructor.name === "PutItemCommand" && ++puts <= conflicts)
      throw new TransactionConflictException({ $metadata: {}, message: "a transaction is under way" });
    return client.send(command as Parameters<typeof client.send>[0]);
  };
  return { client: { send } as unknown as Table["client"], name: "t", puts: () => puts };
}

describe("table", () => {
  test("put: a transaction is at the item -> tried again until it is over", async () => {
    const table = conflicting(5);
    expect(await putItem(table, { pk: "a", sk: "b", value: 1 })).toBe(true);
    expect(await getItem(table, { pk: "a", sk: "b" })).toMatchObject({ value: 1 });
  });

  test("put: without end -> thrown after nine tries, so that the caller's event comes again", async () => {
    const table = conflicting(100);
    await expect(putItem(table, { pk: "a", sk: "b" })).rejects.toThrow("a transaction is under way");
    expect(table.puts()).toBe(9);
  });

  test("batch get: 1,000 keys, some twice, some not there -> each that is there, once", async () => {
    const table = conflicting(0);
    for (let at = 0; at < 500; at++) await putItem(table, { pk: `p${at}`, sk: "s", at });
    const keys = Array.from({ length: 1_000 }, (_, at) => ({ pk: `p${at}`, sk: "s" }));
    const found = await batchGet(table, [...keys, ...keys]);
    expect([...found.values()].map(({ at }) => at).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 500 }, (_, at) => at),
    );
  });
});

describe("pages", () => {
  /** A table that answers a query with one page after the other; what is not answered yet waits in `asked`. */
  function paged(pages: readonly (readonly string[] | Error)[]) {
    const asked: { limit: number; start: unknown }[] = [];
    const send = async ({ input }: { input: { Limit: number; ExclusiveStartKey?: unknown } }) => {
      const page = pages[asked.push({ limit: input.Limit, start: input.ExclusiveStartKey }) - 1] ?? [];
      if (page instanceof Error) throw page;
      const more = asked.length < pages.length && { LastEvaluatedKey: { sk: { S: page.at(-1) } } };
      return { Items: page.map((sk) => marshall({ pk: "p", sk })), ...more };
    };
    return { table: { client: { send } as unknown as Table["client"], name: "t" }, asked };
  }

  test("pages: while one is worked on -> the next is asked for already, of as many items, after the last", async () => {
    const { table, asked } = paged([["a", "b"], ["c"], ["d"]]);
    const seen: (readonly [string[], number])[] = [];
    for await (const page of queryPages(table, "p", { prefix: "" }))
      seen.push([page.map(({ sk }) => sk), asked.length]);
    expect(seen).toEqual([
      [["a", "b"], 2],
      [["c"], 3],
      [["d"], 3],
    ]);
    expect(asked).toEqual([
      { limit: 4_000, start: undefined },
      { limit: 4_000, start: { sk: { S: "b" } } },
      { limit: 4_000, start: { sk: { S: "c" } } },
    ]);
  });

  test("pages: the next one fails -> the reader has the one before it, and then the failure", async () => {
    const reading = queryPages(paged([["a"], new Error("throttled")]).table, "p", { prefix: "" });
    expect((await reading.next()).value).toMatchObject([{ sk: "a" }]);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(reading.next()).rejects.toThrow("throttled");
  });

  test("pages: the reader has enough and the next one fails -> nobody is told, nothing ends with it", async () => {
    const unhandled: unknown[] = [];
    const hear = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", hear);
    for await (const _ of queryPages(paged([["a"], new Error("throttled")]).table, "p", { prefix: "" })) break;
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", hear);
    expect(unhandled).toEqual([]);
  });
});

describe("bounded", () => {
  test("bounded: one fails -> rejected with it", async () => {
    const work = (n: number) => (n === 3 ? Promise.reject(new Error("three")) : Promise.resolve(n));
    await expect(mapBounded([1, 2, 3, 4], 2, work)).rejects.toThrow("three");
  });

  test("bounded: ten, three at a time -> results in their order, never four at once", async () => {
    let running = 0;
    let peak = 0;
    const results = await mapBounded([...Array(10).keys()], 3, async (n) => {
      peak = Math.max(peak, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return n * 2;
    });
    expect(results).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(peak).toBe(3);
  });
});
