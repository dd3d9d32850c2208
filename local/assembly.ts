// The synthesised assembly, made anew only if something it is made of changed: the CDK and the bundles take seconds, and
// most starts change nothing. A copy is kept under the hash of its sources, for folders that are new, as in memory mode.

import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile, mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plan, readPlan } from "./plan.ts";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

/** The repository's own place for the copy. */
export const KEPT_DIR = join(REPOSITORY, ".overspan/assembly");

/** `keptDir`: where the copy is, of the sources as they were last; without it none is kept. */
export type AssemblyOptions = {
  outDir: string;
  functionsDir?: string;
  keptDir?: string;
  log: (line: string) => void;
};

/** Synthesises if needed, and reads the plan. */
export async function currentPlan(options: AssemblyOptions): Promise<Plan> {
  const { outDir, functionsDir, keptDir, log } = options;
  const stampFile = join(outDir, "made-from.json");
  const madeFrom = await hashInputs(functionsDir ?? join(REPOSITORY, "functions"));
  const stamp = await readStamp(stampFile);
  if (stamp?.madeFrom === madeFrom) {
    log("the template and the bundles are those of the last start");
    return await readPlan(stamp.templateFile, stamp.assetManifestFile);
  }
  const kept = keptDir && join(keptDir, madeFrom);
  if (kept && (await copied(kept, outDir))) {
    const { templateFile, assetManifestFile } = await readNames(kept);
    const files = { templateFile: join(outDir, templateFile), assetManifestFile: join(outDir, assetManifestFile) };
    await writeFile(stampFile, JSON.stringify({ madeFrom, ...files }));
    log("the template and the bundles are copies of those of an earlier start");
    return await readPlan(files.templateFile, files.assetManifestFile);
  }
  // Loaded only here: the CDK is by far the largest thing that this process loads.
  const { synthesize } = await import("../infra/synth.ts");
  const { templateFile, assetManifestFile } = await synthesize({ outDir, ...(functionsDir ? { functionsDir } : {}) });
  await writeFile(stampFile, JSON.stringify({ madeFrom, templateFile, assetManifestFile }));
  if (kept) await keep(outDir, kept);
  log("the template is synthesised and the functions are bundled");
  return await readPlan(templateFile, assetManifestFile);
}

/** False if there is nothing of use to copy. */
async function copied(kept: string, outDir: string): Promise<boolean> {
  try {
    await readNames(kept);
    await rm(outDir, { recursive: true, force: true });
    await cp(kept, outDir, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** The names of its two files within a kept assembly. */
async function readNames(kept: string): Promise<{ templateFile: string; assetManifestFile: string }> {
  const stamp = JSON.parse(await readFile(join(kept, "made-from.json"), "utf8")) as Stamp;
  return { templateFile: basename(stamp.templateFile), assetManifestFile: basename(stamp.assetManifestFile) };
}

/** Whole or not at all, and instead of those of earlier sources; without it the next start only takes longer. */
async function keep(outDir: string, kept: string): Promise<void> {
  let aside: string | undefined;
  try {
    await mkdir(dirname(kept), { recursive: true });
    aside = await mkdtemp(`${kept}.`);
    await cp(outDir, aside, { recursive: true });
    for (const name of await readdir(dirname(kept))) {
      if (/^[0-9a-f]{64}$/.test(name)) await rm(join(dirname(kept), name), { recursive: true, force: true });
    }
    await rename(aside, kept);
  } catch {
    if (aside) await rm(aside, { recursive: true, force: true });
  }
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
