// overspan: the command line. The only file here that reads the environment, the terminal, clocks and chance.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { COMMANDS } from "./commands.ts";
import { usage } from "./failure.ts";
import { run } from "./run.ts";
import { VERSION } from "./version.ts";
import type { HeldFile, Screen, World } from "./world.ts";

const interruption = new AbortController();

function screenOf(stream: NodeJS.WriteStream): Screen {
  return {
    write: (words) => void stream.write(words),
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns ?? 80;
    },
  };
}

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await reader.question(question, { signal: interruption.signal });
  } finally {
    reader.close();
  }
}

async function readGiven(path: string): Promise<string> {
  if (path === "-") return text(process.stdin);
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw usage(`${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "unknown reason"}`);
  }
}

/** Mode and content of the same open file: nobody can exchange it in between. */
async function readHeld(path: string): Promise<HeldFile | undefined> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw usage(`${path} cannot be read: ${cause.code ?? "unknown reason"}`);
  });
  if (!file) return undefined;
  try {
    const { mode, uid } = await file.stat().then((stat) => ({ mode: stat.mode, uid: stat.uid }));
    const isRegular = (await file.stat()).isFile();
    const own = process.getuid?.();
    return { text: await file.readFile("utf8"), mode, isRegular, isOwn: own === undefined || uid === own };
  } finally {
    await file.close();
  }
}

async function writeHeld(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, content, { mode: 0o600, flag: "wx" });
  await rename(fresh, path);
}

function runProgram([program = "", ...words]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(output) : reject(new Error(`it ended with ${code}`))));
  });
}

const world: World = {
  env: process.env,
  out: screenOf(process.stdout),
  err: screenOf(process.stderr),
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
  fetch: (request) => fetch(request),
  nowMs: () => Date.now(),
  sleep: (ms) => sleep(ms, undefined, { signal: interruption.signal }).catch(() => undefined),
  interrupted: interruption.signal,
  newKey: () => `cli-${randomUUID()}`,
  readFile: readGiven,
  readHeld,
  writeHeld,
  runProgram,
};

const INTERRUPTED = 130;
process.once("SIGINT", () => {
  interruption.abort();
  // What is in flight gets a moment; a second Ctrl-C ends at once.
  process.once("SIGINT", () => process.exit(INTERRUPTED));
});
// `overspan get … | head` closes the pipe: that is no fault.
process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code === "EPIPE") process.exit(0);
  throw cause;
});

const exit = await run(process.argv.slice(2), COMMANDS, VERSION, world);
process.exitCode = interruption.signal.aborted ? INTERRUPTED : exit;
