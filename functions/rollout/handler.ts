// One invocation of the schedule: takes on the rollouts that are under way, again and again while there are some and time
// is left. A rollout that fails to be taken on stops no other one.

import type { Clock } from "../api/execute.ts";
import type { Rollouts } from "../api/rollouts.ts";

/** Most of the minute until the next invocation. */
export const DRIVEN_MS = 45_000;
/** Between two looks at receipts: hosts report within seconds. */
const LOOK_EVERY_MS = 3_000;

/** Returns how many rollouts are under way still. */
export async function driveRollouts(rollouts: Pick<Rollouts, "advanceAll">, clock: Clock): Promise<number> {
  const untilMs = clock.now() + DRIVEN_MS;
  for (;;) {
    const left = await rollouts.advanceAll(untilMs);
    if (left === 0 || clock.now() + LOOK_EVERY_MS >= untilMs) return left;
    await clock.sleep(LOOK_EVERY_MS);
  }
}
