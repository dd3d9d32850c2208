// Fuzzing of every decoder: `--seconds N` in all (default 60), `--target NAME` for one alone, `--seed S` to repeat a run.
// Ends with 1 and the input in hex if a decoder throws, breaks what it promises, or does not come to an end.
//
// Coverage comes from V8, not from a fuzzing engine: the one for Node (Jazzer.js 4) is built for glibc 2.38 and later, and
// does not load where the rest of this project runs.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { Search } from "./fuzz.ts";
import { MAX_INPUT_OCTETS } from "./mutate.ts";
import { TARGETS } from "./targets.ts";
import type { WorkerTask } from "./worker.ts";

/** An input takes microseconds; this leaves room for a busy machine. */
const HANGS_AFTER_MS = 10_000;
const STARTS_WITHIN_MS = 60_000;

/** A thread of Node 20 does not inherit the loader that reads TypeScript. */
const BOOT = `import("tsx/esm/api").then(({ register }) => (register(), import(${JSON.stringify(
  new URL("./worker.ts", import.meta.url).href,
)})))`;

const { values } = parseArgs({
  options: { seconds: { type: "string" }, target: { type: "string" }, seed: { type: "string" } },
});
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? Date.now() % 0x7fffffff);
const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0 || !(seconds > 0)) {
  process.stderr.write(`--seconds must be above 0, and --target one of ${TARGETS.map(({ name }) => name).join(" ")}\n`);
  process.exit(2);
}

const lanes = Math.min(chosen.length, availableParallelism(), 2);
const each = (seconds * lanes) / chosen.length;
process.stdout.write(`${chosen.length} targets, ${each.toFixed(1)} s each, seed ${seed}\n`);
const waiting = [...chosen];
let findings = 0;
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let target = waiting.shift(); target; target = waiting.shift()) {
      const { runs, corpus, covered, finding } = await fuzz(target.name);
      const outcome = finding ? "FOUND" : "ok";
      const figures = `${String(runs).padStart(9)} runs ${String(covered).padStart(6)} covered ${String(corpus).padStart(4)} inputs`;
      process.stdout.write(`${target.name.padEnd(20)} ${figures}  ${outcome}\n`);
      if (!finding) continue;
      findings++;
      process.stdout.write(`  input ${Buffer.from(finding.input).toString("hex") || "(empty)"}\n  ${finding.error}\n`);
    }
  }),
);
process.exit(findings === 0 ? 0 : 1);

/** One target in a worker; an input that does not come to an end is a finding too. */
function fuzz(target: string): Promise<Search> {
  const watch = new SharedArrayBuffer(8 + MAX_INPUT_OCTETS);
  const numbers = new Int32Array(watch, 0, 2);
  const workerData: WorkerTask = { target, seconds: each, seed, watch };
  const worker = new Worker(BOOT, { eval: true, workerData });
  return new Promise((resolve, reject) => {
    let seen = 0;
    let seenAtMs = performance.now();
    const timer = setInterval(() => {
      const runs = Atomics.load(numbers, 0);
      const nowMs = performance.now();
      if (runs !== seen) [seen, seenAtMs] = [runs, nowMs];
      if (nowMs - seenAtMs < (runs === 0 ? STARTS_WITHIN_MS : HANGS_AFTER_MS)) return;
      clearInterval(timer);
      const input = new Uint8Array(watch, 8).slice(0, numbers[1]);
      const finding = { input, error: `no end within ${HANGS_AFTER_MS / 1000} s` };
      void worker.terminate().then(() => resolve({ runs, corpus: 0, covered: 0, finding }));
    }, 250);
    worker.once("message", (result: Search) => {
      clearInterval(timer);
      resolve(result);
    });
    worker.once("error", (error) => {
      clearInterval(timer);
      reject(error);
    });
  });
}
