// Builds the agent: our own code with shared/ in it, the part for `run` in a file of its own. The packages of
// edge-agent/package.json stay outside, so that the agent installs with nothing of the cloud's side.

import { chmod, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUTPUT = `${HERE}dist/overspan-agent.js`;

/** Writes `edge-agent/dist/overspan-agent.js`, executable, and returns its path. */
export async function buildAgent(): Promise<string> {
  await rm(`${HERE}dist`, { recursive: true, force: true });
  await build({
    entryPoints: { "overspan-agent": `${HERE}cli.ts` },
    outdir: `${HERE}dist`,
    chunkNames: "part-[hash]",
    splitting: true,
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
