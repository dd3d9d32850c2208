// What processes use, read from /proc and not asked of them: CPU time in nanoseconds from each thread's schedstat, and
// resident memory. When a receiver is done is seen the same way for all: its last activity before a long enough silence.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { epochMs } from "../epoch.ts";

export type Usage = { readonly cpuS: number; readonly rssMb: number; readonly peakRssMb: number };

const SAMPLE_MS = 5;
/** A receiver that did nothing for so long is done, or waits for something. */
const SILENCE_MS = 300;
/** Of one sample; a daemon's timers stay below it. */
const ACTIVE_SHARE = 0.1;

/** CPU seconds, resident and peak memory, summed over the processes. */
export function usageOf(pids: readonly number[]): Usage {
  let peak = 0;
  let rss = 0;
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    rss += kilobytes(status, "VmRSS");
    peak += kilobytes(status, "VmHWM");
  }
  return { cpuS: cpuOf(pids), rssMb: rss / 1024, peakRssMb: peak / 1024 };
}

/**
 * Waits for `done` to be true after a silence of the processes; returns the CPU seconds and the time of their last
 * activity. `done` is asked only in silence, so that asking costs the receiver nothing that counts.
 */
export async function lastActivity(
  pids: readonly number[],
  done: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<{ readonly atMs: number; readonly cpuS: number }> {
  const deadline = performance.now() + withinMs;
  let before = cpuOf(pids);
  let sampledAt = performance.now();
  let activeAtMs = epochMs();
  while (performance.now() < deadline) {
    await sleep(SAMPLE_MS);
    const now = cpuOf(pids);
    const at = performance.now();
    if ((now - before) * 1000 > (at - sampledAt) * ACTIVE_SHARE) activeAtMs = epochMs();
    before = now;
    sampledAt = at;
    if (epochMs() - activeAtMs < SILENCE_MS) continue;
    // All that was used until now counts, also what was too little at a time to show as activity on a busy machine.
    if (await done()) return { atMs: activeAtMs, cpuS: now };
    before = cpuOf(pids);
    sampledAt = performance.now();
  }
  throw new Error(`a receiver was not done within ${withinMs / 1000} s`);
}

function cpuOf(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
  }
  return nanoseconds / 1e9;
}

function kilobytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
}
