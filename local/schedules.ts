// Runs the template's schedules: each function is invoked every so often, asynchronously, as EventBridge does it.

import type { SchedulePlan } from "./plan.ts";

/** Calls back every so many ms until it is called off. */
export type Every = (ms: number, call: () => void) => { stop: () => void };

/** By the process's own timers, which do not keep it alive. */
export const everyByTimer: Every = (ms, call) => {
  const timer = setInterval(call, ms).unref();
  return { stop: () => clearInterval(timer) };
};

/** Starts every schedule; the function ends them. */
export function startSchedules(
  schedules: readonly SchedulePlan[],
  every: Every,
  invokeAsync: (functionName: string, event: unknown) => void,
): () => Promise<void> {
  const running = schedules.map((schedule) =>
    every(schedule.everyMs, () => invokeAsync(schedule.function, { source: "aws.events", resources: [schedule.name] })),
  );
  return async () => {
    for (const each of running) each.stop();
    await Promise.resolve();
  };
}
