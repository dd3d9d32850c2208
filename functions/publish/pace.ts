// Keeps a publisher below what AWS IoT passes on to one connection: 100 messages a second, the excess is discarded. Who is
// over it waits, and a consumer that waits finds more in its next batch: so a fast stream becomes larger messages.
// Half is left for another process that talks to the same host.

import type { Publisher } from "./publisher.ts";

export const PACE = { perSec: 30, burst: 20 } as const;
/** Buckets that are full again are forgotten beyond so many hosts. */
const MAX_HOSTS = 10_000;

export type PaceTime = {
  /** Monotonic ms. */
  readonly nowMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
};

/** A publisher that sends each host at most `burst` messages at once and `perSec` a second, in the order of the calls. */
export function pacedPublisher(publisher: Publisher, { nowMs, wait }: PaceTime): Publisher {
  /** When each host's bucket is full again. */
  const fullAtMs = new Map<string, number>();
  const gapMs = 1000 / PACE.perSec;

  return {
    async publish(host, payload) {
      const now = nowMs();
      const fullAt = Math.max(now, fullAtMs.get(host) ?? 0) + gapMs;
      if (fullAtMs.size >= MAX_HOSTS) for (const [other, at] of fullAtMs) if (at <= now) fullAtMs.delete(other);
      fullAtMs.set(host, fullAt);
      const waitMs = fullAt - now - PACE.burst * gapMs;
      if (waitMs > 0) await wait(waitMs);
      await publisher.publish(host, payload);
    },
  };
}
