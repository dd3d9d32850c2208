// `npm run sim -- --seeds N [--seed S]`: runs N seeds from S on (default 1) and prints, of the first that fails, what was
// drawn from it and everything that happened, in order; `--seed S --seeds 1` runs exactly that again.

import { parseArgs } from "node:util";
import { runSeed } from "./run.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    log: { type: "boolean" },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
let events = 0;
const tallies = new Map<string, number>();
for (let seed = first; seed < first + count; seed++) {
  const verdict = await runSeed(seed);
  events += verdict.events;
  for (const [what, times] of verdict.tallies) tallies.set(what, (tallies.get(what) ?? 0) + times);
  if (values.log || verdict.failure !== undefined) console.log(verdict.log.join("\n"));
  if (verdict.failure !== undefined) {
    console.log(`seed ${seed} failed: ${verdict.failure}\nagain: npm run sim -- --seeds 1 --seed ${seed}`);
    process.exit(1);
  }
}
for (const what of [...tallies.keys()].sort()) console.log(`${String(tallies.get(what)).padStart(9)}  ${what}`);
console.log(`${count} seeds held, ${events} events`);
