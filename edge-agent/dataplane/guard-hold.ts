// Which guards an earlier process left that may be newer than our copy of intent: they stay as they are until intent is known
// not to be older. What was once as desired is not among them: whatever is desired after that is newer.

import type { DesiredGuards, HeldGuards } from "./guard-diff.ts";
import type { ActualGuards, Guards, MacListKey } from "./guards.ts";

export type GuardHold = {
  readonly held: HeldGuards;
  /** Takes in a reading, made before anything was written in answer to it; the first one shows what was left. */
  see(actual: ActualGuards, desired: DesiredGuards): void;
  /** Intent is known not to be older: nothing is held any more. */
  release(): void;
};

export function createGuardHold(guards: Pick<Guards, "print" | "printMirror">): GuardHold {
  const held = { ports: new Set<string>(), mirrors: new Set<string>(), macLists: new Set<MacListKey>() };
  let seen = false;
  return {
    held,
    see(actual, desired) {
      if (!seen) {
        for (const port of actual.ports.keys()) held.ports.add(port);
        for (const from of actual.mirrors.keys()) held.mirrors.add(from);
        for (const key of actual.macLists.keys()) held.macLists.add(key);
      }
      seen = true;
      for (const port of held.ports) {
        const guard = desired.ports.get(port);
        const has = actual.ports.get(port);
        if (has === undefined || (guard && has === guards.print(guard))) held.ports.delete(port);
      }
      for (const from of held.mirrors) {
        const mirror = desired.mirrors.get(from);
        const has = actual.mirrors.get(from);
        if (has === undefined || (mirror && has === guards.printMirror(mirror))) held.mirrors.delete(from);
      }
    },
    release() {
      seen = true;
      held.ports.clear();
      held.mirrors.clear();
      held.macLists.clear();
    },
  };
}
