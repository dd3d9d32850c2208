// Delivers one batch of stream records to a function the way Lambda's event source mapping does: retries bounded,
// partial failures honoured, a failing batch bisected, what fails to the end put aside so that the shard goes on.
// No timers and no I/O of its own: both come through the ports.

export type BatchPolicy = { maxRetries: number; bisect: boolean; reportsItemFailures: boolean };

export type BatchPorts<Record> = {
  /** Calls the function and returns its answer; rejects if it failed or timed out. */
  invoke: (records: readonly Record[]) => Promise<unknown>;
  sequenceNumber: (record: Record) => string;
  /** Waits before the retry with this number, counted from 1; false ends the delivery (the pump is being closed). */
  waitBeforeRetry: (retry: number) => Promise<boolean>;
  /** Everything up to and with `record` needs no more delivery. */
  progress: (record: Record) => Promise<void>;
  /** These records are given up. */
  giveUp: (records: readonly Record[], reason: string) => Promise<void>;
};

type Pending<Record> = { records: readonly Record[]; retries: number };

/** Delivers `records` in order; false if it was ended before all were delivered or given up. */
export async function deliverBatch<Record>(
  records: readonly Record[],
  policy: BatchPolicy,
  ports: BatchPorts<Record>,
): Promise<boolean> {
  const pending: Pending<Record>[] = [{ records, retries: 0 }];
  for (let batch = pending.shift(); batch; batch = pending.shift()) {
    const outcome = await attempt(batch.records, policy, ports);
    const delivered = batch.records.slice(0, outcome.delivered);
    const rest = batch.records.slice(outcome.delivered);
    const last = delivered.at(-1);
    if (last !== undefined) await ports.progress(last);
    if (rest.length === 0) continue;

    // A batch that moved on starts its retries anew: otherwise a long batch with many slow spots would be given up.
    const retries = delivered.length > 0 ? 0 : batch.retries;
    if (policy.bisect && rest.length > 1) {
      // Halving is no retry (as with Lambda): it isolates the record that fails, which then has its retries alone.
      const half = Math.ceil(rest.length / 2);
      pending.unshift({ records: rest.slice(0, half), retries }, { records: rest.slice(half), retries });
      continue;
    }
    if (policy.maxRetries >= 0 && retries >= policy.maxRetries) {
      await ports.giveUp(rest, outcome.reason);
      await ports.progress(rest.at(-1) as Record);
      continue;
    }
    if (!(await ports.waitBeforeRetry(retries + 1))) return false;
    pending.unshift({ records: rest, retries: retries + 1 });
  }
  return true;
}

type Outcome = { delivered: number; reason: string };

async function attempt<Record>(
  records: readonly Record[],
  policy: BatchPolicy,
  ports: BatchPorts<Record>,
): Promise<Outcome> {
  let answer: unknown;
  try {
    answer = await ports.invoke(records);
  } catch (error) {
    return { delivered: 0, reason: (error as Error).message };
  }
  if (!policy.reportsItemFailures) return { delivered: records.length, reason: "" };
  return readItemFailures(
    answer,
    records.map((record) => ports.sequenceNumber(record)),
  );
}

/**
 * Lambda's rules for the answer: none, null or an empty list is success; otherwise delivery resumes at the lowest
 * sequence number that is named; a name that is not in the batch fails all of it.
 */
function readItemFailures(answer: unknown, sequenceNumbers: string[]): Outcome {
  const success = { delivered: sequenceNumbers.length, reason: "" };
  if (answer === null || answer === undefined) return success;
  const failures = (answer as { batchItemFailures?: unknown }).batchItemFailures;
  if (failures === null || failures === undefined) return success;
  if (!Array.isArray(failures)) return { delivered: 0, reason: "batchItemFailures is not a list" };
  let first = sequenceNumbers.length;
  for (const failure of failures as ({ itemIdentifier?: unknown } | null)[]) {
    const index = sequenceNumbers.findIndex((number) => number === failure?.itemIdentifier);
    if (index < 0)
      return { delivered: 0, reason: `batchItemFailures names ${JSON.stringify(failure)}, not in the batch` };
    first = Math.min(first, index);
  }
  return { delivered: first, reason: "the function reported the record as failed" };
}
