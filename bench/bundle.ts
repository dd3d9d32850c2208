// Programs of benches that run as processes of their own, bundled as the shipped agent is, so that no loader runs beside them.

import { build } from "esbuild";

/** Bundles each program of `from`, named by its output, as `NAME.mjs` in the folder `into`; `split`: what they share is apart. */
export async function bundlePrograms(
  from: Readonly<Record<string, string>>,
  into: string,
  { split = false } = {},
): Promise<void> {
  await build({
    entryPoints: { ...from },
    outdir: into,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: split,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
}
