// The synthesised assembly, made anew only if something it is made of changed: the CDK and four bundles take seconds,
// and most starts change nothing. In memory mode its folder is new each time, and so is the assembly.

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plan, readPlan } from "./plan.ts";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

export type AssemblyOptions = { outDir: string; functionsDir?: string; log: (line: string) => void };

/** Synthesises if needed, and reads the plan. */
export async function currentPlan(options: AssemblyOptions): Promise<Plan> {
  const { outDir, functionsDir, log } = options;
  const stampFile = join(outDir, "made-from.json");
  const madeFrom = await hashInputs(functionsDir ?? join(REPOSITORY, "functions"));
  const stamp = await readStamp(stampFile);
  if (stamp?.madeFrom === madeFrom) {
    log("the template and the bundles are those of the last start");
    return await readPlan(stamp.templateFile, stamp.assetManifestFile);
  }
  // Loaded only here: the CDK is by far the largest thing that this process loads.
  const { synthesize } = await import("../infra/synth.ts");
  const { templateFile, assetManifestFile } = await synthesize({ outDir, ...(functionsDir ? { functionsDir } : {}) });
  await writeFile(stampFile, JSON.stringify({ madeFrom, templateFile, assetManifestFile }));
  log("the template is synthesised and the functions are bundled");
  return await readPlan(templateFile, assetManifestFile);
}

type Stamp = { madeFrom: string; templateFile: string; assetManifestFile: string };

/** No stamp, a damaged one, or one of a folder that was moved: synthesise. */
async function readStamp(path: string): Promise<Stamp | undefined> {
  try {
    const stamp = JSON.parse(await readFile(path, "utf8")) as Stamp;
    await Promise.all([readFile(stamp.templateFile), readFile(stamp.assetManifestFile)]);
    return stamp;
  } catch {
    return undefined;
  }
}

/** Of every source file that can end up in the template or a bundle, and of the exact versions of the packages. */
async function hashInputs(functionsDir: string): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of [join(REPOSITORY, "infra"), join(REPOSITORY, "shared"), functionsDir]) {
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".ts")).sort();
    for (const name of names) hash.update(`${folder}/${name}\0`).update(await readFile(join(folder, name)));
  }
  return hash.update(await readFile(join(REPOSITORY, "package-lock.json"))).digest("hex");
}
