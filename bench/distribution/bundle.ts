// Where the programs of the distribution benches are.

import { fileURLToPath } from "node:url";
import { bundlePrograms } from "../bundle.ts";

const PROGRAMS = ["agent-process", "fleet-process"] as const;

let built: Promise<void> | undefined;

/** The path of a program's bundle, made when one is first wanted. */
export async function bundleOf(program: (typeof PROGRAMS)[number]): Promise<string> {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  built ??= bundlePrograms(Object.fromEntries(PROGRAMS.map((name) => [name, here(`${name}.ts`)])), here("dist"));
  await built;
  return here(`dist/${program}.mjs`);
}
