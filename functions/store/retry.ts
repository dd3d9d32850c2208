// Retries of what DynamoDB refuses for the moment. The SDK retries throttling and network faults by itself, but not
// transactions that ran into each other, and not throttling that is told inside a cancellation.

import { TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { StoreBusyError } from "./store.ts";

/** Time and chance of the retries: `random` gives 0..1. */
export type Pacing = { sleep(ms: number): Promise<void>; random(): number };

const ATTEMPTS = 8;
const BASE_MS = 20;
const CAP_MS = 800;

/** Runs `attempt` until it is not refused for the moment; after 8 times, within some 3 s, a StoreBusyError. */
export async function withRetries<T>(pacing: Pacing, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (cause) {
      if (!isTransient(cause)) throw cause;
      if (tried === ATTEMPTS) throw new StoreBusyError(`the store refused ${tried} attempts`, { cause });
      await pacing.sleep(backoffMs(tried, pacing.random()));
    }
  }
}

/** Full jitter: anything from 0 to a ceiling that doubles, so that those who ran into each other part. */
export function backoffMs(tried: number, random: number): number {
  return Math.floor(random * Math.min(CAP_MS, BASE_MS * 2 ** tried));
}

// An internal error leaves open whether it was done: a transaction's token makes its repetition the same one.
const TRANSIENT_ERRORS: ReadonlySet<string> = new Set([
  "InternalServerError",
  "TransactionConflictException",
  "TransactionInProgressException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
]);
const TRANSIENT_REASONS: ReadonlySet<string> = new Set([
  "TransactionConflict",
  "ProvisionedThroughputExceeded",
  "ThrottlingError",
]);

function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (!(error instanceof TransactionCanceledException)) return TRANSIENT_ERRORS.has(error.name);
  const codes = (error.CancellationReasons ?? []).map(({ Code = "None" }) => Code).filter((code) => code !== "None");
  return codes.length > 0 && codes.every((code) => TRANSIENT_REASONS.has(code));
}
