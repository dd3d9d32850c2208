// Agents as processes of their own (agent-process.ts), so that each has an event loop to itself, as on a host.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { AgentOptions } from "./agent-process.ts";
import { bundleOf } from "./bundle.ts";

export type AgentProcess = {
  readonly host: string;
  /** Of an agent without a cloud: machines that are declared on it. */
  declare(numbers: readonly number[]): void;
  close(): Promise<void>;
};

/** Starts one; `inside`: the namespace that it runs in, absent: this one. Resolves when it is ready. */
export async function startAgentProcess(options: AgentOptions, inside?: string): Promise<AgentProcess> {
  const argv = [process.execPath, await bundleOf("agent-process"), JSON.stringify(options)];
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
