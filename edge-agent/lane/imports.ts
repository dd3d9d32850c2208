// The route targets that the lanes import, as one: the speaker is told only when their union changed, since a new filter
// asks every ToR for all of its routes again (RFC 2918).

import { type ImportTarget, importsAny } from "../../shared/address/rt.ts";
import type { Speaker } from "../bgp/speaker.ts";

/** Returns the setter of one lane's targets. */
export function createImports(
  speaker: Pick<Speaker, "setImports">,
): (lane: string, targets: ReadonlySet<ImportTarget>) => void {
  const byLane = new Map<string, ReadonlySet<ImportTarget>>();
  let all: ReadonlySet<ImportTarget> = new Set();
  return (lane, targets) => {
    byLane.set(lane, targets);
    const now = new Set(Array.from(byLane.values()).flatMap((each) => [...each]));
    if (now.size === all.size && [...now].every((target) => all.has(target))) return;
    all = now;
    speaker.setImports((carried) => importsAny(now, carried));
  };
}
