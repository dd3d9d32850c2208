// Inside the guest kernel: runs the suites named on the command line, with their results as JSON in a file.
// usage: node --import tsx test/kernel/guest.ts RESULT SUITE...

import { startVitest } from "vitest/node";

/** The guest is 3 to 16 times slower than the machine it runs on. */
const TEST_TIMEOUT_MS = 240_000;

const [result, ...suites] = process.argv.slice(2);
if (result === undefined || suites.length === 0) throw new Error("usage: guest.ts RESULT SUITE...");

const vitest = await startVitest("test", [], {
  config: false,
  include: suites,
  exclude: [],
  fileParallelism: false,
  pool: "forks",
  isolate: false,
  testTimeout: TEST_TIMEOUT_MS,
  hookTimeout: TEST_TIMEOUT_MS,
  reporters: ["verbose", "json"],
  outputFile: { json: result },
  watch: false,
});
await vitest.close();
