// Adapter to network namespaces: runs ip(8), and other programs through `ip netns exec`, always as argument arrays and
// never through a shell. Consecutive steps in one namespace go to one `ip -batch`, since a process costs more than a link.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import type { Step } from "./steps.ts";

/** The environment variable that marks every process the lab starts, so that `down` knows it without a record. */
export const PROCESS_MARK = "OVERSPAN_LAB";

const NETNS_DIRECTORY = "/run/netns";

/** The result of a program that ended with status 0. */
export type Output = { readonly stdout: string; readonly stderr: string };

/** A program that did not end with status 0, with what it said. */
export class CommandError extends Error {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  constructor(command: string, result: Output & { readonly code: number | undefined }, cause: unknown) {
    const said = result.stderr.trim() || result.stdout.trim() || String(cause);
    super(`${command}: ${said}`, { cause });
    this.name = "CommandError";
    this.code = result.code;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

export type RunOptions = {
  readonly input?: string | undefined;
  /** Default 20 s; a program that is still running then is killed and counts as failed. */
  readonly timeoutMs?: number | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
};

/**
 * Runs a program to its end.
 * @throws CommandError unless its status is 0.
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [file, ...args] = argv;
  if (file === undefined) throw new RangeError("no program to run");
  const env = options.env ?? commandEnvironment();
  const limits = { env, timeout: options.timeoutMs ?? 20_000, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, limits, (error, stdout, stderr) => {
      if (!error) return resolve({ stdout, stderr });
      const code = typeof error.code === "number" ? error.code : undefined;
      reject(new CommandError(argv.join(" "), { stdout, stderr, code }, error));
    });
    // A program that ends before it has read its input is reported by its status, not by our broken pipe.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
  });
}

/**
 * Runs the steps in order; stops at the first that fails. `mark` is for the environment of the processes: a batch that
 * outlives a crash of ours would go on making things while they are being removed.
 */
export async function runSteps(
  steps: readonly Step[],
  options: { readonly mark: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const env = commandEnvironment(options.mark);
  for (const batch of batches(steps)) {
    options.signal?.throwIfAborted();
    const [first] = batch;
    if (first?.kind === "sysctl") await writeSysctl(first, env);
    else await runBatch(batch, env);
  }
}

/** Consecutive ip steps of one namespace together; every other step alone. */
export function batches(steps: readonly Step[]): Step[][] {
  const result: Step[][] = [];
  for (const step of steps) {
    const last = result.at(-1);
    const head = last?.[0];
    if (last && head?.kind === "ip" && step.kind === "ip" && head.namespace === step.namespace) last.push(step);
    else result.push([step]);
  }
  return result;
}

/** The argument array that runs `argv` in a namespace. */
export function inNamespace(namespace: string, argv: readonly string[]): string[] {
  return ["ip", "netns", "exec", namespace, ...argv];
}

/** Starts a program in a namespace in a process group of its own, its output appended to an open file or piped. */
export function start(
  namespace: string,
  argv: readonly string[],
  options: { readonly output: number | "pipe"; readonly env: NodeJS.ProcessEnv },
): ChildProcess {
  const [file, ...args] = inNamespace(namespace, argv) as [string, ...string[]];
  const { output, env } = options;
  return spawn(file, args, { env, detached: true, stdio: ["ignore", output, output] });
}

/** The names of all namespaces of ip(8), the lab's or not. */
export async function listNamespaces(): Promise<string[]> {
  try {
    return await readdir(NETNS_DIRECTORY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Links of the root namespace with their aliases. */
export async function listRootLinks(): Promise<{ readonly name: string; readonly alias: string | undefined }[]> {
  const { stdout } = await run(["ip", "-json", "link", "show"]);
  const links = JSON.parse(stdout) as { ifname: string; ifalias?: string }[];
  return links.map(({ ifname, ifalias }) => ({ name: ifname, alias: ifalias }));
}

/** English messages, and the system administrator's folders also where the PATH lacks them (`su` without a dash). */
export function commandEnvironment(mark?: string): NodeJS.ProcessEnv {
  const path = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
  return { ...process.env, PATH: path, LC_ALL: "C", ...(mark === undefined ? {} : { [PROCESS_MARK]: mark }) };
}

async function runBatch(steps: readonly Step[], env: NodeJS.ProcessEnv): Promise<void> {
  const commands = steps.map((step) => (step.kind === "ip" ? step.args.join(" ") : ""));
  const namespace = steps[0]?.namespace;
  const where = namespace === undefined ? [] : ["-n", namespace];
  try {
    await run(["ip", ...where, "-batch", "-"], { input: `${commands.join("\n")}\n`, env });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const line = /Command failed -:(\d+)/.exec(error.stderr)?.[1];
    const failed = line === undefined ? commands.join("; ") : commands[Number(line) - 1];
    const reason = error.stderr.replace(/Command failed -:\d+/, "").trim() || error.message;
    throw new Error(`${["ip", ...where, failed].join(" ")}: ${reason}`, { cause: error });
  }
}

/** /proc/sys/net shows the namespace of the process that opens it, so a process in the namespace must do the writing. */
async function writeSysctl(step: Extract<Step, { kind: "sysctl" }>, env: NodeJS.ProcessEnv): Promise<void> {
  await run(inNamespace(step.namespace, ["tee", `/proc/sys/${step.key}`]), { input: step.value, env });
}
