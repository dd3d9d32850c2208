import { afterEach, describe, expect, it } from "vitest";
import { compilePatterns } from "../../local/event-pattern.ts";
import {
  type CheckpointStore,
  type Position,
  type Pump,
  startPump,
  type StreamRecord,
} from "../../local/stream-pump.ts";
import { FakeStream } from "./fake-stream.ts";

let open: Pump[] = [];
afterEach(async () => {
  await Promise.all(open.map((pump) => pump.close()));
  open = [];
});

function memoryCheckpoints(): CheckpointStore & { saved: Map<string, Position> } {
  const saved = new Map<string, Position>();
  return {
    saved,
    load: async () => new Map(saved),
    save: async (positions) => {
      saved.clear();
      for (const [shard, position] of positions) saved.set(shard, position);
    },
  };
}

type World = {
  stream: FakeStream;
  checkpoints?: CheckpointStore;
  answer?: (numbers: string[]) => unknown;
  batchSize?: number;
  patterns?: unknown[];
};

/** Starts a pump over fakes; sleeping takes no time. */
async function pumpOver({ stream, checkpoints, answer, batchSize = 100, patterns = [] }: World) {
  const batches: string[][] = [];
  const deadLetters: string[] = [];
  const log: string[] = [];
  let nowMs = 0;
  const pump = await startPump(
    {
      name: "test",
      policy: { maxRetries: 2, bisect: true, reportsItemFailures: true },
      batchSize,
      matches: compilePatterns(patterns),
      activePollMs: 20,
      idlePollMs: 100,
      activeForMs: 1000,
    },
    {
      stream,
      checkpoints: checkpoints ?? memoryCheckpoints(),
      invoke: async (records) => {
        const numbers = records.map(({ dynamodb }) => dynamodb.SequenceNumber);
        batches.push(numbers);
        return answer?.(numbers);
      },
      deadLetter: async (records: readonly StreamRecord[]) => {
        deadLetters.push(...records.map(({ dynamodb }) => dynamodb.SequenceNumber));
      },
      nowMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
        await new Promise((resolve) => setImmediate(resolve));
      },
      log: (line) => log.push(line),
    },
  );
  open.push(pump);
  return { pump, batches, deadLetters, log };
}

describe("stream pump", () => {
  it("stream pump: records before its first start -> delivered in order from the oldest on", async () => {
    const stream = new FakeStream({ s1: ["1", "2", "3"] });
    const { pump, batches } = await pumpOver({ stream, batchSize: 2 });
    await pump.settled();
    expect(batches).toEqual([["1", "2"], ["3"]]);
  });

  it("stream pump: records that the filter refuses -> not delivered, but passed", async () => {
    const stream = new FakeStream({ s1: ["1", "x2", "3", "x4"] });
    const checkpoints = memoryCheckpoints();
    const patterns = [{ eventID: [{ "anything-but": ["x2", "x4"] }] }];
    const { pump, batches } = await pumpOver({ stream, checkpoints, patterns });
    await pump.settled();
    expect(batches).toEqual([["1", "3"]]);
    expect(checkpoints.saved.get("s1")).toEqual({ after: "x4", finished: false });
  });

  it("stream pump: closed and started again -> goes on after its checkpoint, with what came in between", async () => {
    const stream = new FakeStream({ s1: ["1", "2"] });
    const checkpoints = memoryCheckpoints();
    const first = await pumpOver({ stream, checkpoints });
    await first.pump.settled();
    await first.pump.close();
    stream.append("s1", "3");
    const second = await pumpOver({ stream, checkpoints });
    await second.pump.settled();
    expect(first.batches).toEqual([["1", "2"]]);
    expect(second.batches).toEqual([["3"]]);
  });

  it("stream pump: a child shard -> only after its parent is at its end", async () => {
    const stream = new FakeStream({ parent: ["1", "2"], child: ["3"] }, { child: "parent" });
    const { pump, batches } = await pumpOver({ stream, batchSize: 1 });
    await pump.settled();
    expect(batches.flat()).toEqual(["1", "2"]);
    stream.append("parent", "2b");
    stream.end("parent");
    // The child becomes readable in the pass after the one that finds the end.
    await pump.settled();
    await pump.settled();
    expect(batches.flat()).toEqual(["1", "2", "2b", "3"]);
  });

  it("stream pump: a parent that is no longer listed -> its child is read", async () => {
    const stream = new FakeStream({ child: ["3"] }, { child: "long-gone" });
    const { pump, batches } = await pumpOver({ stream });
    await pump.settled();
    expect(batches).toEqual([["3"]]);
  });

  it("stream pump: a poison record -> dead letter, and those behind it are delivered", async () => {
    const stream = new FakeStream({ s1: ["1", "2", "3"] });
    const checkpoints = memoryCheckpoints();
    const answer = (numbers: string[]) => {
      if (numbers.includes("2")) throw new Error("poison");
    };
    const { pump, batches, deadLetters, log } = await pumpOver({ stream, checkpoints, answer });
    await pump.settled();
    expect(deadLetters).toEqual(["2"]);
    expect(batches.at(-1)).toEqual(["3"]);
    expect(checkpoints.saved.get("s1")?.after).toBe("3");
    expect(log).toContain("test: gave up 1 record(s): poison");
  });

  it("stream pump: the stream fails or loses its iterators -> read again, nothing twice, nothing lost", async () => {
    const stream = new FakeStream({ s1: ["1"] });
    const { pump, batches, log } = await pumpOver({ stream });
    await pump.settled();
    stream.failNextReads(3);
    stream.append("s1", "2");
    await pump.settled();
    expect(batches).toEqual([["1"], ["2"]]);
    expect(log.filter((line) => line.includes("cannot read the stream"))).toHaveLength(3);
  });

  it("stream pump: closed while the function fails -> ends, and the record comes again at the next start", async () => {
    const stream = new FakeStream({ s1: [] });
    const checkpoints = memoryCheckpoints();
    let closing: Promise<void> | undefined;
    const first = await pumpOver({
      stream,
      checkpoints,
      answer: () => {
        closing ??= first.pump.close();
        throw new Error("going down");
      },
    });
    stream.append("s1", "1");
    await expect.poll(() => closing !== undefined).toBe(true);
    await closing;
    expect(first.deadLetters).toEqual([]);
    const second = await pumpOver({ stream, checkpoints });
    await second.pump.settled();
    expect(second.batches).toEqual([["1"]]);
  });
});
