// Bundles the Lambda handlers with esbuild: minified ES modules, the AWS SDK included, so that what runs is what was
// tested and not whatever SDK the Lambda runtime carries. What is imported when it is needed is a module of its own, so
// that a cold start does not read it. No Docker and no CDK bundling: the same call feeds the stack, the local runtime and
// the tests. Source maps stay beside the assets, for decoding a stack trace later.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

/** The functions that are deployed: `functions/<name>/lambda.ts`, each exporting `handler`. */
export const FUNCTION_NAMES = ["api", "publish", "sync", "report", "events", "identity", "rollout"] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** Where each function's bundle is: a folder that holds `lambda.mjs` and what it imports, and nothing else. */
export type BundleFolders = Readonly<Record<FunctionName, string>>;

/** The handler setting of every function: `handler` of `lambda.mjs`. */
export const LAMBDA_HANDLER = "lambda.handler";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

/** CommonJS in the bundle (parts of the SDK) calls `require` of Node's own modules, which ES modules lack. */
const REQUIRE_BANNER =
  'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);';

export type BundleOptions = {
  /** Bundles go to `<outDir>/<name>/lambda.mjs`, source maps to `<outDir>/maps/<name>/`; emptied first. */
  outDir: string;
  /** The folder with `<name>/lambda.ts`; default: the repository's `functions/`. */
  functionsDir?: string;
};

/** Bundles every function; throws with esbuild's message if one does not build. */
export async function bundleFunctions(options: BundleOptions): Promise<BundleFolders> {
  const functionsDir = options.functionsDir ?? join(REPOSITORY, "functions");
  await rm(options.outDir, { recursive: true, force: true });
  const folders = await Promise.all(
    FUNCTION_NAMES.map(async (name) => [name, await bundleOne(name, functionsDir, options.outDir)] as const),
  );
  return Object.fromEntries(folders) as BundleFolders;
}

async function bundleOne(name: FunctionName, functionsDir: string, outDir: string): Promise<string> {
  const folder = join(outDir, name);
  const maps = join(outDir, "maps", name);
  const result = await build({
    entryPoints: [join(functionsDir, name, "lambda.ts")],
    // Paths in the bundle are relative to this, so that two checkouts give the same bytes and asset hashes.
    absWorkingDir: REPOSITORY,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    mainFields: ["module", "main"],
    banner: { js: REQUIRE_BANNER },
    minify: true,
    keepNames: true,
    sourcemap: "external",
    plugins: [ENGLISH_ONLY],
    logLevel: "silent",
    write: false,
  });
  await Promise.all([mkdir(folder, { recursive: true }), mkdir(maps, { recursive: true })]);
  for (const file of result.outputFiles) {
    const to = file.path.endsWith(".map") ? maps : folder;
    await writeFile(join(to, basename(file.path)), file.contents);
  }
  return folder;
}

/**
 * zod brings its messages in 50 languages, a fifth of the API's bundle, for whoever asks by name (`z.locales.de`). Nobody
 * here does: English is the one that it sets by itself.
 */
const ENGLISH_ONLY: Plugin = {
  name: "english-only",
  setup(bundling) {
    bundling.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};
