// Runs seeds in this process: `--seeds N --seed S [--log]`. Of the first that fails it prints what was drawn from it and
// everything that happened, in order. The last line is what happened how often, as JSON. main.ts starts it.

import { parseArgs } from "node:util";
import type { Result } from "./process.ts";
import { runSeed } from "./run.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    log: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const last = first + Number(values.seeds) - 1;
process.exitCode = await runAll();

/** 0 if all held. The process ends by itself: what is printed to a pipe may be on its way yet. */
async function runAll(): Promise<number> {
  const tallies = new Map<string, number>();
  let events = 0;
  for (let seed = first; seed <= last; seed++) {
    const verdict = await runSeed(seed);
    events += verdict.events;
    for (const [what, times] of verdict.tallies) tallies.set(what, (tallies.get(what) ?? 0) + times);
    if (values.log || verdict.failure !== undefined) console.log(verdict.log.join("\n"));
    if (verdict.failure === undefined) continue;
    console.log(`seed ${seed} failed: ${verdict.failure}\nagain: npm run sim -- --seeds 1 --seed ${seed}`);
    return 1;
  }
  const result: Result = { seeds: last - first + 1, events, tallies: Object.fromEntries(tallies) };
  console.log(JSON.stringify(result));
  return 0;
}
