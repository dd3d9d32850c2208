// Builds the agent: one file, with shared/ and our own code in it; the packages of edge-agent/package.json stay outside,
// so that the agent installs with nothing of the cloud's side.

import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUTPUT = `${HERE}dist/overspan-agent.js`;

/** Writes `edge-agent/dist/overspan-agent.js`, executable, and returns its path. */
export async function buildAgent(): Promise<string> {
  await build({
    entryPoints: [`${HERE}main.ts`],
    outfile: OUTPUT,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    sourcemap: true,
    banner: { js: "#!/usr/bin/env node" },
    logLevel: "warning",
  });
  await chmod(OUTPUT, 0o755);
  return OUTPUT;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildAgent());
