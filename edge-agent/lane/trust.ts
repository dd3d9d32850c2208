// How far this host's copy of intent can be relied on, over time: the cloud is heard, was heard a moment ago, or has been
// away for so long that a higher sequence in the fabric counts for more (evpn/mac-table.ts).

import type { IntentTrust } from "../evpn/mac-table.ts";

/** Without a word of the cloud for so long, our copy of intent may be what is old. */
export const INTENT_OLD_AFTER_MS = 30_000;

export type Trust = {
  /** Whether the cloud is connected and has confirmed that intent is whole. */
  heard(current: boolean, nowMs: number): void;
  at(nowMs: number): IntentTrust;
  /** When it will change by itself. */
  dueMs(nowMs: number): number | undefined;
};

/** At the start the cloud has not been heard. */
export function createTrust(startMs: number): Trust {
  let current = false;
  let awaySinceMs = startMs;
  const at = (nowMs: number): IntentTrust => {
    if (current) return "current";
    return nowMs < awaySinceMs + INTENT_OLD_AFTER_MS ? "recent" : "old";
  };
  return {
    heard(now, nowMs) {
      if (current && !now) awaySinceMs = nowMs;
      current = now;
    },
    at,
    dueMs: (nowMs) => (at(nowMs) === "recent" ? awaySinceMs + INTENT_OLD_AFTER_MS : undefined),
  };
}
