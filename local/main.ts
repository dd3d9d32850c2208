// `npm start`: the local runtime on the command line. Progress and the log go to stdout; a fault that its user can mend
// is one paragraph on stderr and exit status 1.

import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HELP, parseCommandLine } from "./options.ts";
import { type LocalRuntime, startLocal } from "./runtime.ts";
import { StartFailure } from "./start-failure.ts";
import { whatNext } from "./what-next.ts";

const DEFAULT_DATA_DIR = fileURLToPath(new URL("../.overspan", import.meta.url));

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

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(signal));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(error instanceof StartFailure ? `${error.message}\n` : `${(error as Error).stack}\n`);
  process.exitCode = 1;
}
