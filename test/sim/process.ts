// Seeds in a process of their own: the worker's bundle under plain node.

import { spawn } from "node:child_process";

/** `code` 0: all held, and the last line of `output` is a `Result`; 1: one failed, and `output` is its schedule. */
export type Run = { readonly code: number | null; readonly output: string };

/** What happened in so many seeds. */
export type Result = { readonly seeds: number; readonly events: number; readonly tallies: Record<string, number> };

/**
 * A simulation makes much garbage that soon dies: a larger nursery saves a tenth of its time. And its code is much and
 * evenly used: of what V8 11 optimises at its own measure, most does not pay within a process's seeds (another tenth).
 */
const NODE_FLAGS = [
  "--max-semi-space-size=32",
  ...(process.versions.v8.startsWith("11.") ? ["--interrupt-budget=270000"] : []),
];

/** Runs `seeds` seeds from `from` on, up to the first that fails. */
export function runSeeds(bundle: string, from: number, seeds: number, ...words: readonly string[]): Promise<Run> {
  const args = [...NODE_FLAGS, bundle, "--seeds", String(seeds), "--seed", String(from), ...words];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** The result of a run in which all held. */
export function resultOf({ output }: Run): Result {
  return JSON.parse(output.slice(output.trimEnd().lastIndexOf("\n") + 1)) as Result;
}

/** How often each thing happened in all of them. */
export function talliesOf(results: readonly Result[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const { tallies } of results) {
    for (const [what, times] of Object.entries(tallies)) all.set(what, (all.get(what) ?? 0) + times);
  }
  return all;
}
