// A host's identity for agents that are part of this process: what is there of an earlier life, else what
// `overspan-agent join` gets with a token of the local runtime.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Identity, identityFiles } from "../edge-agent/identity/identity-files.ts";
import { joinHost } from "../edge-agent/identity/join.ts";
import type { LocalRuntime } from "../local/runtime.ts";

export async function identityOf(local: LocalRuntime, host: string, stateDir: string): Promise<Identity> {
  const files = identityFiles(join(stateDir, "identity"));
  const known = await files.load().catch(() => undefined);
  if (known) return known;
  const tokenFile = join(stateDir, "join-token");
  const configFile = join(stateDir, "agent.json");
  await mkdir(stateDir, { recursive: true });
  await writeFile(tokenFile, await local.joinToken(host), { mode: 0o600 });
  await joinHost({ api: local.apiUrl, host, tokenFile, configFile, stateDir });
  await rm(tokenFile);
  return await files.load();
}
