// Feeds a function from a table's stream, as a Lambda event source mapping does: shards in parallel but a child after
// its parent, records of a shard in order, the mapping's filter before its batches, a checkpoint after each delivery.
// It starts at the oldest record of a shard that it has no checkpoint of, so that nothing written while it was down is
// lost. Polling is fast after a record or a nudge and slower when idle; the stream itself is behind a port.

import { type BatchPolicy, deliverBatch } from "./batch.ts";
import type { Matcher } from "./event-pattern.ts";

/** A stream record as Lambda hands it over, as far as the pump looks into it. */
export type StreamRecord = { eventID: string; dynamodb: { SequenceNumber: string } };

export type Shard = { id: string; parent: string | undefined };

/** The stream: an adapter of the DynamoDB Streams API, or a fake. */
export type StreamReader = {
  shards: () => Promise<Shard[]>;
  /** A place to read from: after a sequence number, or at the shard's oldest record. */
  iterator: (shard: string, after: string | undefined) => Promise<string>;
  /** `next` is undefined at the end of a closed shard. */
  read(iterator: string): Promise<{ records: StreamRecord[]; next: string | undefined }>;
};

/** Where a shard's delivery stands. */
export type Position = { after: string | undefined; finished: boolean };

export type CheckpointStore = {
  load: () => Promise<Map<string, Position>>;
  save: (positions: ReadonlyMap<string, Position>) => Promise<void>;
};

export type PumpSettings = {
  name: string;
  policy: BatchPolicy;
  batchSize: number;
  matches: Matcher;
  /** Polling when there was something less than `activeForMs` ago, and otherwise. */
  activePollMs: number;
  idlePollMs: number;
  activeForMs: number;
};

export type PumpPorts = {
  stream: StreamReader;
  checkpoints: CheckpointStore;
  invoke: (records: readonly StreamRecord[]) => Promise<unknown>;
  deadLetter: (records: readonly StreamRecord[], reason: string) => Promise<void>;
  nowMs: () => number;
  /** Resolves after `ms`, or at once when `signal` fires. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  log: (line: string) => void;
};

export type Pump = {
  /** Looks at the stream at once: something was probably written. */
  nudge: () => void;
  /** Resolves when everything that is in the stream at the time of the call is delivered or given up. */
  settled: () => Promise<void>;
  close: () => Promise<void>;
};

/** Backoff of retries: doubling from 100 ms to 5 s, so that ten retries ride out half a minute of a missing broker. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5000;
/** New shards appear rarely: DynamoDB rolls a shard over after hours, or when it splits. */
const SHARD_REFRESH_MS = 5000;
/** A quiet look at the stream can come just before a record that was acknowledged to its writer. */
const QUIET_PASSES_TO_SETTLE = 2;

/** Starts pumping. */
export async function startPump(settings: PumpSettings, ports: PumpPorts): Promise<Pump> {
  const positions = await ports.checkpoints.load();
  const iterators = new Map<string, string>();
  const waiters: { quietPasses: number; resolve: () => void }[] = [];
  const closing = new AbortController();
  let nap = new AbortController();
  let shards: Shard[] = [];
  let shardsReadAtMs = Number.NEGATIVE_INFINITY;
  let activeUntilMs = ports.nowMs() + settings.activeForMs;

  const wake = (): void => {
    activeUntilMs = ports.nowMs() + settings.activeForMs;
    nap.abort();
  };

  const refreshShards = async (): Promise<void> => {
    if (ports.nowMs() - shardsReadAtMs < SHARD_REFRESH_MS) return;
    shards = await ports.stream.shards();
    shardsReadAtMs = ports.nowMs();
    const listed = new Set(shards.map(({ id }) => id));
    for (const id of positions.keys()) if (!listed.has(id)) positions.delete(id);
  };

  /** Reads and delivers once from a shard; true if there was something. */
  const pumpShard = async ({ id }: Shard): Promise<boolean> => {
    const position = positions.get(id);
    const iterator = iterators.get(id) ?? (await ports.stream.iterator(id, position?.after));
    iterators.delete(id);
    const { records, next } = await ports.stream.read(iterator);
    for (const batch of batches(records.filter(settings.matches), settings.batchSize)) {
      if (!(await deliver(id, batch))) return true;
    }
    const last = records.at(-1);
    if (last || next === undefined) {
      await setPosition(id, last?.dynamodb.SequenceNumber ?? position?.after, next === undefined);
    }
    if (next === undefined) shardsReadAtMs = Number.NEGATIVE_INFINITY;
    else iterators.set(id, next);
    return records.length > 0;
  };

  const deliver = (shard: string, batch: StreamRecord[]): Promise<boolean> =>
    deliverBatch(batch, settings.policy, {
      invoke: (records) => ports.invoke(records),
      sequenceNumber: (record) => record.dynamodb.SequenceNumber,
      async waitBeforeRetry(retry) {
        const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (retry - 1));
        ports.log(`${settings.name}: delivery failed, retry ${retry} in ${waitMs} ms`);
        await ports.sleep(waitMs, closing.signal);
        return !closing.signal.aborted;
      },
      progress: (record) => setPosition(shard, record.dynamodb.SequenceNumber, false),
      async giveUp(records, reason) {
        ports.log(`${settings.name}: gave up ${records.length} record(s): ${reason}`);
        await ports.deadLetter(records, reason);
      },
    });

  const setPosition = async (shard: string, after: string | undefined, finished: boolean): Promise<void> => {
    positions.set(shard, { after, finished });
    await ports.checkpoints.save(positions);
  };

  /** True if some shard had a record. */
  const pass = async (): Promise<boolean> => {
    await refreshShards();
    const listed = new Set(shards.map(({ id }) => id));
    const open = shards.filter(({ id, parent }) => {
      if (positions.get(id)?.finished) return false;
      return parent === undefined || !listed.has(parent) || positions.get(parent)?.finished === true;
    });
    const found = await Promise.all(open.map(pumpShard));
    // A shard that ended may have made its child readable.
    return found.some(Boolean) || open.some(({ id }) => positions.get(id)?.finished);
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      nap = new AbortController();
      const asking = waiters.slice();
      let active = true;
      try {
        active = await pass();
        settleQuiet(asking, active);
      } catch (error) {
        if (closing.signal.aborted) return;
        ports.log(`${settings.name}: cannot read the stream: ${(error as Error).message}`);
        iterators.clear();
        await ports.sleep(RETRY_FIRST_MS, closing.signal);
      }
      if (active) activeUntilMs = ports.nowMs() + settings.activeForMs;
      const eager = ports.nowMs() < activeUntilMs || waiters.length > 0;
      if (!closing.signal.aborted) await ports.sleep(eager ? settings.activePollMs : settings.idlePollMs, nap.signal);
    }
  };

  const settleQuiet = (asking: typeof waiters, active: boolean): void => {
    for (const waiter of asking) {
      waiter.quietPasses = active ? 0 : waiter.quietPasses + 1;
      if (waiter.quietPasses < QUIET_PASSES_TO_SETTLE) continue;
      waiters.splice(waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  };

  const running = run();
  return {
    nudge: wake,
    settled: () =>
      new Promise((resolve) => {
        if (closing.signal.aborted) return resolve();
        waiters.push({ quietPasses: 0, resolve });
        wake();
      }),
    async close() {
      closing.abort();
      nap.abort();
      await running;
      for (const { resolve } of waiters.splice(0)) resolve();
    },
  };
}

function batches<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
