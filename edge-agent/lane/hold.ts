// Backpressure from the lanes to the ToRs: while any lane lags behind, the speaker reads nothing, and what the ToRs send
// waits in their own queues. So memory is bounded however long a table is.

import type { Speaker } from "../bgp/speaker.ts";

/** Route changes that a lane may have waiting before it holds the speaker, and when it lets go again. */
const MOST_WAITING = 16_384;
const FEW_WAITING = 4_096;

/** Returns what a lane tells of its queue whenever that has changed. */
export function createHold(speaker: Pick<Speaker, "hold">): (lane: string, waiting: number) => void {
  const lagging = new Set<string>();
  return (lane, waiting) => {
    const before = lagging.size;
    if (waiting > MOST_WAITING) lagging.add(lane);
    else if (waiting < FEW_WAITING) lagging.delete(lane);
    if (lagging.size > 0 !== before > 0) speaker.hold(lagging.size > 0);
  };
}
