import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { currentPlan } from "../../local/assembly.ts";

const FUNCTIONS = fileURLToPath(new URL("../../functions", import.meta.url));
const SYNTHESISED = "the template is synthesised and the functions are bundled";
const COPIED = "the template and the bundles are copies of those of an earlier start";

let folder: string;
const said: string[] = [];
const plan = (name: string) =>
  currentPlan({ outDir: join(folder, name), keptDir: join(folder, "kept"), log: (line) => said.push(line) });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "overspan-assembly-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("assembly: a new folder, the same sources -> copied whole, and its plan is of its own files", async () => {
  const first = await plan("first");
  const second = await plan("second");
  expect(said).toEqual([SYNTHESISED, COPIED]);
  const here = (text: string) => text.replaceAll(join(folder, "second"), join(folder, "first"));
  expect(JSON.parse(here(JSON.stringify(second)))).toEqual(first);
  expect(await readdir(join(folder, "kept"))).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
});

it("assembly: other sources -> made anew, never from the copy", async () => {
  const functionsDir = join(folder, "functions");
  await cp(FUNCTIONS, functionsDir, { recursive: true });
  await writeFile(join(functionsDir, "another.ts"), "export {};\n");
  const log = (line: string): number => said.push(line);
  said.length = 0;
  await currentPlan({ outDir: join(folder, "other"), functionsDir, keptDir: join(folder, "kept"), log }).catch(
    () => undefined,
  );
  expect(said).not.toContain(COPIED);
});
