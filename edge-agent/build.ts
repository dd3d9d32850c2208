// Builds the agent: our own code with shared/ in it, the part for `run` in a file of its own. The packages of
// edge-agent/package.json stay outside, zod excepted, so that the agent installs with nothing of the cloud's side.

import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** All that `npm install` brings but zod: of that the agent needs a part, and the whole is 7 MiB of every host's memory. */
const EXTERNAL = ["@peculiar/x509", "koffi", "mqtt", "netlink", "netlink/*", "reflect-metadata"];
/**
 * How the agent is started: one arena of malloc for all threads, and a small young generation. An idle agent has some MiB less
 * by it (bench/RESULTS.md); half the young generation costs a fifth more CPU time while 100,000 endpoints come.
 */
const START = "#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=4";
const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Writes `overspan-agent.js`, executable, and returns its path; `folder` is made anew. Default: `edge-agent/dist`. */
export async function buildAgent(folder = `${HERE}dist`): Promise<string> {
  const output = join(folder, "overspan-agent.js");
  await rm(folder, { recursive: true, force: true });
  await build({
    entryPoints: { "overspan-agent": `${HERE}cli.ts` },
    outdir: folder,
    chunkNames: "part-[hash]",
    splitting: true,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: EXTERNAL,
    sourcemap: true,
    banner: { js: START },
    logLevel: "warning",
  });
  await chmod(output, 0o755);
  return output;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildAgent());
