// The simulation: hundreds of seeds hold, a seed replays exactly, and bugs that are put in on purpose are seen. The seeds run
// in processes of their own, one a core.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleSimulation } from "../sim/bundle.ts";
import { MUTANTS } from "../sim/mutants.ts";

const SEEDS = 600;
/** A mutant is to be seen within so many seeds. */
const MUTANT_SEEDS = 150;

let folder: string;
let sound: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "overspan-sim-"));
  sound = join(folder, "sound.mjs");
  await bundleSimulation(sound);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Run = { readonly code: number | null; readonly output: string };

function run(bundle: string, ...words: string[]): Promise<Run> {
  const child = spawn(process.execPath, [bundle, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

describe("simulation", () => {
  test(`${SEEDS} seeds of faults -> every invariant holds, every kernel ends as the store intends`, async () => {
    const workers = Math.min(4, availableParallelism());
    const each = Math.ceil(SEEDS / workers);
    const runs = Array.from({ length: workers }, (_, n) =>
      run(sound, "--seeds", String(each), "--seed", String(1 + n * each)),
    );
    for (const { code, output } of await Promise.all(runs)) expect(code, output.slice(-20_000)).toBe(0);
  }, 900_000);

  test("the same seed twice -> the same log, line by line", async () => {
    const once = await run(sound, "--seeds", "1", "--seed", "7", "--log");
    expect(once.output.split("\n").length).toBeGreaterThan(50);
    expect((await run(sound, "--seeds", "1", "--seed", "7", "--log")).output).toBe(once.output);
  });

  test.each(MUTANTS)("mutant: $name -> seen, with the seed to see it again", async (mutant) => {
    const bundle = join(folder, `${mutant.name.replaceAll(" ", "-")}.mjs`);
    await bundleSimulation(bundle, mutant);
    const { code, output } = await run(bundle, "--seeds", String(MUTANT_SEEDS));
    expect(code, `${MUTANT_SEEDS} seeds did not see it`).toBe(1);
    const seed = /again: npm run sim -- --seeds 1 --seed (\d+)/.exec(output)?.[1] ?? "";
    expect((await run(bundle, "--seeds", "1", "--seed", seed)).output).toContain(`seed ${seed} failed`);
  });
});
