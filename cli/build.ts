// Builds the command line: one file with everything in it, which needs Node.js and nothing else.

import { chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Writes `overspan.js`, executable, and returns its path; `folder` is made anew. Default: `cli/dist`. */
export async function buildCli(folder = `${HERE}dist`): Promise<string> {
  const output = join(folder, "overspan.js");
  const { version } = JSON.parse(await readFile(`${HERE}package.json`, "utf8")) as { version: string };
  await rm(folder, { recursive: true, force: true });
  await build({
    entryPoints: [`${HERE}main.ts`],
    outfile: output,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    minifySyntax: true,
    define: { OVERSPAN_VERSION: JSON.stringify(version) },
    // Packages that are CommonJS ask for Node's own modules by `require`.
    banner: {
      js: '#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  await chmod(output, 0o755);
  return output;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildCli());
