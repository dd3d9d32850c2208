// The simulation as one file for plain node: it starts faster than from source, a mutant can be
// put in on the way, and nothing in it waits for a thread.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { Mutant } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
const ZLIB = join(import.meta.dirname, "zlib.ts");

/** Writes the bundle to `outfile`; with `mutant`, that bug is in it. */
export async function bundleSimulation(outfile: string, mutant?: Mutant): Promise<void> {
  let found = 0;
  await build({
    entryPoints: [join(import.meta.dirname, "worker.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    mainFields: ["module", "main"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "error",
    plugins: [
      {
        name: "simulation",
        setup(bundle) {
          // Only what the agent and the functions import; the SDK keeps the real one.
          bundle.onResolve({ filter: /^node:zlib$/ }, ({ importer }) =>
            importer.endsWith(".ts") && !importer.startsWith(import.meta.dirname) ? { path: ZLIB } : undefined,
          );
          bundle.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            if (!mutant || path !== join(ROOT, mutant.file)) return undefined;
            const source = await readFile(path, "utf8");
            found = source.split(mutant.find).length - 1;
            return { contents: source.replace(mutant.find, mutant.put), loader: "ts" };
          });
        },
      },
    ],
  });
  if (mutant && found !== 1) {
    throw new Error(`mutant "${mutant.name}": its text is in ${mutant.file} ${found} times, not once`);
  }
}
