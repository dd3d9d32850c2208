// Agents as processes of their own (agent-process.ts), bundled as the shipped agent is, so that each has an event loop of
// its own, as on hosts of their own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { AgentOptions } from "./agent-process.ts";

const SOURCE = fileURLToPath(new URL("agent-process.ts", import.meta.url));
const BUNDLE = fileURLToPath(new URL("dist/agent-process.mjs", import.meta.url));

export type AgentProcess = {
  readonly host: string;
  /** Of an agent without a cloud: machines that are declared on it. */
  declare(numbers: readonly number[]): void;
  close(): Promise<void>;
};

let built: Promise<unknown> | undefined;

/** Starts one; `inside`: the namespace that it runs in, absent: this one. Resolves when it is ready. */
export async function startAgentProcess(options: AgentOptions, inside?: string): Promise<AgentProcess> {
  built ??= build({
    entryPoints: [SOURCE],
    outfile: BUNDLE,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  await built;
  const argv = [process.execPath, BUNDLE, JSON.stringify(options)];
  const [command = "", ...args] = inside === undefined ? argv : ["ip", "netns", "exec", inside, ...argv];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  await ready(child, options.host);
  return {
    host: options.host,
    declare: (numbers) => void child.stdin?.write(`${JSON.stringify(numbers)}\n`),
    close: async () => {
      child.stdin?.end();
      await ended;
    },
  };
}

function ready(child: ChildProcess, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the agent of ${host} ended with ${code} before it was ready`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).once("line", () => resolve());
  });
}
