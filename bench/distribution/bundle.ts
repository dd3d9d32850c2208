// Programs of the distribution benches that run as processes of their own, bundled as the shipped agent is, so that no
// loader runs beside them.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PROGRAMS = ["agent-process", "fleet-process"] as const;

let built: Promise<unknown> | undefined;

/** The path of a program's bundle, made when one is first wanted. */
export async function bundleOf(program: (typeof PROGRAMS)[number]): Promise<string> {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  built ??= build({
    entryPoints: PROGRAMS.map((name) => here(`${name}.ts`)),
    outdir: here("dist"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  await built;
  return here(`dist/${program}.mjs`);
}
