// `npm run sim -- [--seeds N] [--seed S] [--log]`: simulates N seeds from S on (default 100 from 1), on all cores. Of the
// first that fails it prints everything that happened; `--seeds 1 --seed S` runs exactly that again.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleSimulation } from "./bundle.ts";

type Result = { readonly seeds: number; readonly events: number; readonly tallies: Record<string, number> };

/** Seeds that one process runs before the progress moves. */
const CHUNK = 100;

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
  const tallies = new Map<string, number>();
  let next = first;
  let held = 0;
  let events = 0;
  let failed: string | undefined;
  const startMs = performance.now();
  const worker = async (): Promise<void> => {
    while (next < first + count && failed === undefined) {
      const from = next;
      next = Math.min(from + CHUNK, first + count);
      const { code, output } = await run(bundle, from, next - from);
      if (code !== 0) {
        failed ??= output;
        return;
      }
      const lines = output.trimEnd().split("\n");
      const result = JSON.parse(lines.pop() ?? "") as Result;
      if (values.log) console.log(lines.join("\n"));
      held += result.seeds;
      events += result.events;
      for (const [what, times] of Object.entries(result.tallies)) tallies.set(what, (tallies.get(what) ?? 0) + times);
      if (process.stderr.isTTY) process.stderr.write(`\r${held} of ${count} seeds`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (process.stderr.isTTY) process.stderr.write("\r");
  if (failed !== undefined) {
    console.log(failed.trimEnd());
    return 1;
  }
  for (const what of [...tallies.keys()].sort()) console.log(`${String(tallies.get(what)).padStart(9)}  ${what}`);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(`${held} seeds held: every invariant, every kernel as intended (${events} events, ${seconds} s)`);
  return 0;
}

function run(bundle: string, from: number, seeds: number): Promise<{ code: number | null; output: string }> {
  const words = [bundle, "--seeds", String(seeds), "--seed", String(from), ...(values.log ? ["--log"] : [])];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${name} must be a whole number from 1, not ${text}`);
  process.exit(2);
}
