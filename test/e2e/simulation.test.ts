// The simulation: thousands of seeds hold, every kind of fault came among them and every invariant was looked at, a seed
// replays exactly, and bugs that are put in on purpose are seen. The seeds run in processes of their own, one a core.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleSimulation } from "../sim/bundle.ts";
import { FAULTS } from "../sim/faults.ts";
import { MUTANTS } from "../sim/mutants.ts";
import { resultOf, runSeeds, talliesOf } from "../sim/process.ts";
import { CHECKS } from "../sim/truth.ts";

const SEEDS = 2_000;
/** Among them, each fault strikes and each invariant is checked at least so often. */
const LEAST = 50;
/** A mutant is to be seen within so many seeds. */
const MUTANT_SEEDS = 500;

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

describe("simulation", () => {
  test(`${SEEDS} seeds of faults -> every invariant holds, every kernel ends as the store intends`, async () => {
    const workers = Math.min(4, availableParallelism());
    const each = Math.ceil(SEEDS / workers);
    const runs = await Promise.all(Array.from({ length: workers }, (_, n) => runSeeds(sound, 1 + n * each, each)));
    for (const { code, output } of runs) expect(code, output.slice(-20_000)).toBe(0);
    const tallies = talliesOf(runs.map(resultOf));
    const rare = [...FAULTS, ...CHECKS].filter((what) => (tallies.get(what) ?? 0) < LEAST);
    expect(rare, `came fewer than ${LEAST} times`).toEqual([]);
  }, 900_000);

  test("the same seed twice -> the same log, line by line", async () => {
    const once = await runSeeds(sound, 7, 1, "--log");
    expect(once.output.split("\n").length).toBeGreaterThan(50);
    expect((await runSeeds(sound, 7, 1, "--log")).output).toBe(once.output);
  });

  test.concurrent.each(MUTANTS)("mutant: $name -> seen, with the seed to see it again", async (mutant) => {
    const bundle = join(folder, `${mutant.name.replaceAll(" ", "-")}.mjs`);
    await bundleSimulation(bundle, mutant);
    const { code, output } = await runSeeds(bundle, 1, MUTANT_SEEDS);
    expect(code, `${MUTANT_SEEDS} seeds did not see it`).toBe(1);
    const seed = Number(/again: npm run sim -- --seeds 1 --seed (\d+)/.exec(output)?.[1]);
    expect((await runSeeds(bundle, seed, 1)).output).toBe(output);
  });
});
