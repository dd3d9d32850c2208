// A child process of a bench that speaks JSON lines, in a namespace: told by lines, and heard by events of its own kinds.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { eventually } from "../test/edge-agent/bgp/namespace-lab.ts";

export type Talker<E extends { readonly event: string }> = {
  readonly child: ChildProcess;
  tell(line: string): void;
  /** The first event of this name that was not taken yet. */
  take<N extends E["event"]>(name: N, withinMs?: number): Promise<Extract<E, { event: N }>>;
};

/** Starts `script` with Node in a namespace; its argument is `options` as JSON. */
export function startTalker<E extends { readonly event: string }>(
  namespace: string,
  script: string,
  options: object,
): Talker<E> {
  const args = ["netns", "exec", namespace, process.execPath, script, JSON.stringify(options)];
  const child = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] });
  const { stdin, stdout } = child;
  stdin.on("error", () => undefined); // it was ended while we told it something
  const events: E[] = [];
  createInterface({ input: stdout }).on("line", (line) => events.push(JSON.parse(line) as E));
  return {
    child,
    tell: (line) => void stdin.write(`${line}\n`),
    take: async (name, withinMs = 20_000) => {
      const at = await eventually(
        `${script} says ${name}`,
        () => {
          if (child.exitCode !== null) throw new Error(`${script} ended`);
          const index = events.findIndex((it) => it.event === name);
          return index < 0 ? undefined : { index };
        },
        withinMs,
      );
      return events.splice(at.index, 1)[0] as Extract<E, { event: typeof name }>;
    },
  };
}
