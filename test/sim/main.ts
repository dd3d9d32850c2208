// `npm run sim -- [--seeds N] [--seed S] [--log]`: simulates N seeds from S on (default 100 from 1), on all cores. Of the
// first that fails it prints everything that happened; `--seeds 1 --seed S` runs exactly that again.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleSimulation } from "./bundle.ts";
import { type Result, resultOf, runSeeds, talliesOf } from "./process.ts";

/** The most seeds that one process runs before the progress moves; it takes some hundred until the code is compiled. */
const CHUNK = 2_000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    log: { type: "boolean", default: false },
  },
});
const first = wholeNumber("seed", values.seed);
const count = wholeNumber("seeds", values.seeds);
const folder = await mkdtemp(join(tmpdir(), "overspan-sim-"));
try {
  const bundle = join(folder, "worker.mjs");
  await bundleSimulation(bundle);
  process.exitCode = await runAll(bundle);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runAll(bundle: string): Promise<number> {
  const results: Result[] = [];
  let next = first;
  let failed: string | undefined;
  const startMs = performance.now();
  const heldSoFar = () => results.reduce((sum, { seeds }) => sum + seeds, 0);
  const workers = availableParallelism();
  const chunk = Math.min(CHUNK, Math.ceil(count / workers));
  const worker = async (): Promise<void> => {
    while (next < first + count && failed === undefined) {
      const from = next;
      next = Math.min(from + chunk, first + count);
      const run = await runSeeds(bundle, from, next - from, ...(values.log ? ["--log"] : []));
      if (run.code !== 0) {
        failed ??= run.output;
        return;
      }
      if (values.log) console.log(run.output.trimEnd().split("\n").slice(0, -1).join("\n"));
      results.push(resultOf(run));
      if (process.stderr.isTTY) process.stderr.write(`\r${heldSoFar()} of ${count} seeds`);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  if (process.stderr.isTTY) process.stderr.write("\r");
  if (failed !== undefined) {
    console.log(failed.trimEnd());
    return 1;
  }
  const tallies = talliesOf(results);
  for (const what of [...tallies.keys()].sort()) console.log(`${String(tallies.get(what)).padStart(9)}  ${what}`);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  const events = results.reduce((sum, result) => sum + result.events, 0);
  console.log(`${heldSoFar()} seeds held: every invariant, every kernel as intended (${events} events, ${seconds} s)`);
  return 0;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${name} must be a whole number from 1, not ${text}`);
  process.exit(2);
}
