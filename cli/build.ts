// Builds the command line: one file with everything in it, which needs Node.js and nothing else.

import { chmod, readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUTPUT = `${HERE}dist/overspan.js`;

/** Writes `cli/dist/overspan.js`, executable, and returns its path. */
export async function buildCli(): Promise<string> {
  const { version } = JSON.parse(await readFile(`${HERE}package.json`, "utf8")) as { version: string };
  await rm(`${HERE}dist`, { recursive: true, force: true });
  await build({
    entryPoints: [`${HERE}main.ts`],
    outfile: OUTPUT,
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
  await chmod(OUTPUT, 0o755);
  return OUTPUT;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildCli());
