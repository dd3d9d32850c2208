// The agent's version, from its package.

import { readFileSync } from "node:fs";

/** As in edge-agent/package.json, which stands one folder above the built file and beside this one. */
export function agentVersion(): string {
  for (const path of ["../package.json", "./package.json"]) {
    const manifest = readManifest(new URL(path, import.meta.url));
    if (manifest?.name === "@overspan/agent") return manifest.version;
  }
  throw new Error("the package.json of @overspan/agent is missing");
}

function readManifest(url: URL): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(url, "utf8")) as { name: string; version: string };
  } catch {
    return undefined;
  }
}
