// The agent as a process in a network namespace (agent-process.ts), spoken to by its standard input and output.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Report } from "../../shared/message/report.ts";

const BUNDLE = fileURLToPath(new URL("./agent-process.bundle.mjs", import.meta.url));

/** The agent as one file, so that a process of it starts in a fraction of the time. */
export async function bundleAgent(): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL("./agent-process.ts", import.meta.url))],
    outfile: BUNDLE,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "error",
  });
}

export type ShownRouters = {
  readonly routers: readonly {
    readonly router: string;
    readonly state: string;
    readonly problems: readonly string[];
  }[];
  readonly routes: readonly {
    readonly router: string;
    readonly prefix: string;
    readonly source: string;
    readonly inKernel: boolean;
  }[];
};

/** An agent that is `host` to the cloud. */
export class AgentInNamespace {
  readonly log: string[] = [];
  report: Report | undefined;
  readonly #child: ChildProcess;
  readonly #views: ({ readonly view: number } & ShownRouters)[] = [];
  #asked = 0;

  constructor(host: string, namespace: string = host) {
    this.#child = spawn("ip", ["netns", "exec", namespace, process.execPath, BUNDLE, host], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    if (!this.#child.stdout || !this.#child.stderr) throw new Error("the agent has no output");
    createInterface({ input: this.#child.stderr }).on("line", (line) => this.log.push(line));
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as { report?: Report; log?: string; view?: number } & ShownRouters;
      if (said.report) this.report = said.report;
      else if (said.log !== undefined) this.log.push(said.log);
      else if (said.view !== undefined) this.#views.push({ ...said, view: said.view });
    });
  }

  /** All that the cloud says to it now. */
  tell(messages: readonly unknown[]): void {
    for (const inbox of messages) this.#write({ inbox });
  }

  async routers(): Promise<ShownRouters> {
    const view = ++this.#asked;
    this.#write({ view });
    await until("the agent answers", () => this.#views.some((each) => each.view === view));
    return this.#views.find((each) => each.view === view) as ShownRouters;
  }

  /** As a crash: the kernel has what it has. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await until("the agent has ended", () => this.#child.signalCode !== null || this.#child.exitCode !== null);
  }

  #write(command: object): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }
}

/** Waits until `probe` is true, without asking the slow guest all the time; what agents said is read in between. */
export async function until(what: string, probe: () => boolean, withinMs = 90_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (let pauseMs = 0; ; pauseMs = 250) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (probe()) return;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
  }
}
