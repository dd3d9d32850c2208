// `npm start`: the local runtime on the command line. Progress and the log go to stdout; a fault that its user can mend
// is one paragraph on stderr and exit status 1.

import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HELP, parseCommandLine } from "./options.ts";
import { type LocalRuntime, startLocal } from "./runtime.ts";
import { StartFailure } from "./start-failure.ts";
import { whatNext } from "./what-next.ts";

const DEFAULT_DATA_DIR = fileURLToPath(new URL("../.overspan", import.meta.url));

const IMPATIENT_AFTER_MS = 1000;

async function main(): Promise<number> {
  const startedAtMs = performance.now();
  const log = (line: string): void => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(6);
    process.stdout.write(`${seconds} s  ${line}\n`);
  };
  const commandLine = parseCommandLine(process.argv.slice(2), DEFAULT_DATA_DIR);
  if (commandLine === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  // Node.js 20 is supported here; in the cloud the functions run on 22.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  const { dataDir, ...rest } = commandLine;
  const interrupted = untilSignal();
  log(
    `starting, state ${dataDir === undefined ? "in memory" : `in ${relative(process.cwd(), resolve(dataDir)) || "."}`}`,
  );
  const starting = startLocal({ ...rest, ...(dataDir === undefined ? {} : { dataDir }), log });
  const first = await Promise.race([starting, interrupted]);
  if (typeof first === "string") {
    // Interrupted while starting: let it come up, so that everything it started is known and can be ended.
    await (await starting).close();
    return 0;
  }
  return await serve(first, interrupted, log);
}

async function serve(
  runtime: LocalRuntime,
  interrupted: Promise<string>,
  log: (line: string) => void,
): Promise<number> {
  process.stdout.write(whatNext(runtime));
  const end = await Promise.race([
    interrupted.then((signal) => ({ status: 0, reason: signal })),
    runtime.failed.then((reason) => ({ status: 1, reason })),
  ]);
  log(`ending (${end.reason})`);
  await runtime.close();
  log("ended");
  return end.status;
}

/**
 * The first signal ends everything in order. Ctrl-C reaches this process more than once (from the terminal, and again
 * from npm), so only a signal well after the first one ends it at once; the engine then dies with it all the same.
 */
function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const onSignal = (signal: string): void => {
      firstAtMs ??= performance.now();
      if (performance.now() - firstAtMs > IMPATIENT_AFTER_MS) process.exit(130);
      resolve(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(error instanceof StartFailure ? `${error.message}\n` : `${(error as Error).stack}\n`);
  process.exitCode = 1;
}
