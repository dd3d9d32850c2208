// Which blocks of the product's code ran, from V8's own counters: exact, and without changing the code that is tested.

import { type Profiler, Session } from "node:inspector";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OURS = ["edge-agent", "shared"].map((tree) => pathToFileURL(join(ROOT, tree)).href);

/** What ran: by function, an octet per character of its source, 1 if that ran. */
type Taken = ReadonlyMap<string, Uint8Array>;

export type Coverage = {
  /** What ran since the last time. */
  take(): Taken;
  /** True if some of it never ran before. */
  isNew(taken: Taken): boolean;
  learn(taken: Taken): void;
  /** Characters of the product's source that have run. */
  size(): number;
};

export function startCoverage(): Coverage {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const known = new Map<string, Uint8Array>();
  return {
    take: () => take(session),
    isNew(taken) {
      for (const [key, ran] of taken) {
        const before = known.get(key);
        if (!before || ran.some((octet, at) => octet > (before[at] as number))) return true;
      }
      return false;
    },
    learn(taken) {
      for (const [key, ran] of taken) {
        const before = known.get(key);
        if (before) ran.forEach((octet, at) => (before[at] = (before[at] as number) | octet));
        else known.set(key, ran);
      }
    },
    size: () => [...known.values()].reduce((sum, ran) => sum + ran.reduce((some, octet) => some + octet, 0), 0),
  };
}

function take(session: Session): Taken {
  let scripts: readonly Profiler.ScriptCoverage[] = [];
  // Within one thread the answer comes before `post` returns.
  session.post("Profiler.takePreciseCoverage", (error, answer) => {
    if (error) throw error;
    scripts = answer.result;
  });
  const taken = new Map<string, Uint8Array>();
  for (const { url, scriptId, functions } of scripts) {
    if (!OURS.some((tree) => url.startsWith(tree))) continue;
    for (const { ranges } of functions) {
      const [whole] = ranges;
      if (!whole || whole.count === 0) continue;
      const { startOffset: from, endOffset: to } = whole;
      const ran = new Uint8Array(to - from);
      // Inner ranges come after outer ones. Where they begin and end depends on the counts, what they cover does not.
      for (const { startOffset, endOffset, count } of ranges)
        ran.fill(count > 0 ? 1 : 0, startOffset - from, endOffset - from);
      taken.set(`${scriptId}:${from}-${to}`, ran);
    }
  }
  return taken;
}
