// One target in a thread of its own, where V8 counts for it alone and which can be ended if an input never does.

import { parentPort, workerData } from "node:worker_threads";
import { startCoverage } from "./coverage.ts";
import { search } from "./fuzz.ts";
import { chanceOf } from "./mutate.ts";
import { TARGETS } from "./targets.ts";

export type WorkerTask = {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /** Two 32-bit numbers, the runs so far and the length of the input in work, then that input. */
  readonly watch: SharedArrayBuffer;
};

const { target: name, seconds, seed, watch } = workerData as WorkerTask;
const target = TARGETS.find((it) => it.name === name);
if (!target) throw new Error(`no target ${name}`);
const numbers = new Int32Array(watch, 0, 2);
const shown = new Uint8Array(watch, 8);
const endMs = performance.now() + seconds * 1000;

const found = search(target, {
  coverage: startCoverage(),
  chance: chanceOf(seed),
  isOver: () => performance.now() >= endMs,
  before(input) {
    shown.set(input.subarray(0, shown.length));
    numbers[1] = Math.min(input.length, shown.length);
    Atomics.add(numbers, 0, 1);
  },
});
parentPort?.postMessage(found);
