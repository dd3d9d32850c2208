// A token bucket for each actor, in this instance's memory: it keeps one caller from taking the others' share. It is not
// in the table, since a write for every request would cost more than most requests, and on one item that all of an
// actor's requests meet at. The ceiling over all instances is the gateway's own throttle. Pure but for its state.

/** Requests a second, and how many at once after a pause. */
export type Rate = { perSec: number; burst: number };

const MAX_ACTORS = 10_000;

type Bucket = { tokens: number; atMs: number };

/** Asks for one request: 0 if it may pass, else after how many seconds to try again. */
export type RateLimit = (actor: string, nowMs: number) => number;

export function createRateLimit({ perSec, burst }: Rate): RateLimit {
  const buckets = new Map<string, Bucket>();
  return (actor, nowMs) => {
    const { tokens, atMs } = buckets.get(actor) ?? { tokens: burst, atMs: nowMs };
    const filled = Math.min(burst, tokens + (Math.max(0, nowMs - atMs) * perSec) / 1000);
    const passes = filled >= 1;
    // The one that asked last is the newest entry; the oldest goes, with a full bucket by then.
    buckets.delete(actor);
    buckets.set(actor, { tokens: passes ? filled - 1 : filled, atMs: nowMs });
    const [oldest] = buckets.keys();
    if (buckets.size > MAX_ACTORS && oldest !== undefined) buckets.delete(oldest);
    return passes ? 0 : Math.ceil((1 - filled) / perSec);
  };
}
