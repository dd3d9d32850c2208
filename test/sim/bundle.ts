// The simulation as one file for plain node: it starts faster than from source, a mutant can be
// put in on the way, and nothing in it waits for a thread.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { Mutant } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What the agent and the functions get in place of these modules; the stand-ins themselves may import the real ones. */
const STAND_INS: Readonly<Record<string, string>> = {
  "node:zlib": "zlib.ts",
  "@aws-sdk/client-dynamodb": "dynamodb/sdk.ts",
  "@aws-sdk/util-dynamodb": "dynamodb/attributes.ts",
};

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
    inject: [join(import.meta.dirname, "fetch.ts")],
    logLevel: "error",
    plugins: [
      {
        name: "simulation",
        setup(bundle) {
          bundle.onResolve({ filter: /^(node:zlib|@aws-sdk\/.*)$/ }, ({ path, importer }) => {
            const standIn = join(import.meta.dirname, STAND_INS[path] ?? path);
            // Only for our own code; what comes with a library stays its own.
            const isOurs = importer.endsWith(".ts") && importer !== standIn && !importer.includes("node_modules");
            return path in STAND_INS && isOurs ? { path: standIn } : undefined;
          });
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
