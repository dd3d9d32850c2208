// Synthesises the stack into a cloud assembly (template and asset folders), without an AWS account, the network or
// Docker. `npm run synth` writes infra/cdk.out, which `cdk deploy --app infra/cdk.out` deploys; the local runtime
// calls `synthesize` and runs the same template.

import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { App } from "aws-cdk-lib";
import { type BundleFolders, bundleFunctions } from "./bundle.ts";
import { addStack, STACK_NAME } from "./stack.ts";

export type SynthOptions = {
  /** The cloud assembly's folder; emptied first. */
  outDir: string;
  /** The folder with `<name>/lambda.ts`; default: the repository's `functions/`. */
  functionsDir?: string;
};

export type Synthesis = { templateFile: string; assetManifestFile: string; bundles: BundleFolders };

/** Bundles the functions and synthesises the stack into `outDir`. */
export async function synthesize(options: SynthOptions): Promise<Synthesis> {
  await rm(options.outDir, { recursive: true, force: true });
  const bundles = await bundleFunctions({ ...options, outDir: join(options.outDir, "bundles") });
  const app = new App({
    outdir: options.outDir,
    analyticsReporting: false,
    treeMetadata: false,
    context: { "@aws-cdk/aws-iam:minimizePolicies": true },
  });
  addStack(app, bundles);
  const assembly = app.synth();
  return {
    templateFile: join(assembly.directory, `${STACK_NAME}.template.json`),
    assetManifestFile: join(assembly.directory, `${STACK_NAME}.assets.json`),
    bundles,
  };
}

async function main(): Promise<void> {
  const outDir = fileURLToPath(new URL("cdk.out", import.meta.url));
  const startedAtMs = performance.now();
  const { templateFile, bundles } = await synthesize({ outDir });
  const template = JSON.parse(await readFile(templateFile, "utf8")) as { Resources: Record<string, { Type: string }> };
  const here = (path: string) => relative(process.cwd(), path);
  for (const [name, folder] of Object.entries(bundles)) {
    const sizes = await Promise.all((await readdir(folder)).map(async (file) => (await stat(join(folder, file))).size));
    const octets = sizes.reduce((sum, size) => sum + size, 0);
    process.stdout.write(`  ${name.padEnd(8)} ${String(Math.round(octets / 1024)).padStart(5)} KiB\n`);
  }
  const count = Object.keys(template.Resources).length;
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  process.stdout.write(`${here(templateFile)}: ${count} resources, in ${seconds} s\n`);
  process.stdout.write(`deploy with: npx aws-cdk@2 deploy --app ${here(outDir)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
