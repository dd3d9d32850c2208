// npm run demo: the whole way of an endpoint, shown on this machine. Exit status 0 only if every step held.

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findJava } from "../../local/java.ts";
import { StartFailure } from "../../local/start-failure.ts";
import { checkRequirements, formatMissing } from "../requirements.ts";
import { DEFAULT_STATE_DIR } from "../state.ts";
import { DEFAULT_TOPOLOGY } from "../topology.ts";
import { openMemoryWorld } from "./memory-world.ts";
import { openRealWorld } from "./real-world.ts";
import { createStage, type Stage, StoryEnded } from "./stage.ts";
import { tellStory } from "./story.ts";
import type { World } from "./world.ts";

const HELP = `Shows Overspan at work: two sites in network namespaces with FRR as their ToRs, the cloud's side on this machine,
an agent on each of four hosts; everything is created through the HTTP API, tried with pings, and removed.

  npm run demo              as root; without root or a kernel feature, on in-memory kernels
  npm run demo -- --memory  on in-memory kernels anyway
  npm run demo -- --state DIR   another folder than ${DEFAULT_STATE_DIR}`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      memory: { type: "boolean", default: false },
      state: { type: "string", default: DEFAULT_STATE_DIR },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  await findJava(process.env);
  const { missing } = values.memory ? { missing: [] } : await checkRequirements();
  const inMemory = values.memory || missing.length > 0;
  if (missing.length > 0) console.log(`${formatMissing(missing)}\nThe same story follows on in-memory kernels.\n`);
  const interrupted = onSignals();
  let world: World | undefined;
  const stage = createStage({
    write: (text) => process.stdout.write(text),
    nowMs: () => performance.now(),
    terminal: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
    lastWords: async (part) => (await world?.lastWords(part)) ?? [],
    signal: interrupted,
  });
  const progress = (line: string) => stage.note(line);
  try {
    const open = inMemory ? openMemoryWorld : openRealWorld;
    if (inMemory) stage.label = "[in-memory kernel] ";
    world = await open({ stateDir: values.state, signal: interrupted, progress });
    const { vni } = DEFAULT_TOPOLOGY;
    await tellStory(world, stage, { vni, nowMs: () => performance.now(), sleep: (ms) => sleep(ms) });
  } catch (error) {
    if (!interrupted.aborted && !(error instanceof StoryEnded)) throw error;
    console.error(`\n${(error as Error).message}`);
  } finally {
    await removeAll(world, stage);
  }
  console.log(stage.summary());
  return !interrupted.aborted && stage.results().every(({ held }) => held) ? 0 : 1;
}

async function removeAll(world: World | undefined, stage: Stage): Promise<void> {
  if (!world) return;
  const startedAt = performance.now();
  const left = await world.close();
  stage.note(`everything removed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  for (const what of left) stage.note(`but: ${what}`);
}

/** Aborts on the first signal; a second one is ignored while things are being removed. */
function onSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => controller.abort(new Error(`interrupted by ${signal}`)));
  }
  return controller.signal;
}

// The SDK's note about the Node versions of next year is not for those who watch a demo.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`demo: ${error instanceof StartFailure ? error.message : (error as Error).stack}`);
  process.exitCode = 1;
}
