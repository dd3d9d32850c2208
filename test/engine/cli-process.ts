// The built command line as a process, in a folder of its own that holds its token. Not a test by itself.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCli } from "../../cli/build.ts";

export type Ran = { exit: number; stdout: string; stderr: string };

export type CliProcess = {
  /** Its home and working directory. */
  readonly dir: string;
  /** Runs one line, `overspan` and all. No shell: lines have neither quotes nor pipes, only the two variables. */
  run(line: string): Promise<Ran>;
  /** Starts one line that goes on: what it printed so far, and Ctrl-C, which gives its exit status. */
  start(line: string): { printed(): string; interrupt(): Promise<number | null> };
  file(name: string, text: string, mode?: number): Promise<string>;
  close(): Promise<void>;
};

/** Builds the command line, for an API that takes the token; each for itself, since test files run beside each other. */
export async function openCli(apiUrl: string, token: string): Promise<CliProcess> {
  const dir = await mkdtemp(join(tmpdir(), "overspan-cli-test-"));
  const overspan = await buildCli(join(dir, "built"));
  const file = async (name: string, text: string, mode = 0o600) => {
    await writeFile(join(dir, name), text, { mode });
    return join(dir, name);
  };
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: dir,
    OVERSPAN_API: apiUrl,
    OVERSPAN_TOKEN_FILE: await file("token", token),
    no_proxy: "127.0.0.1",
  };
  const wordsOf = (line: string) =>
    line
      .split(/\s+/)
      .slice(1)
      .map((word) => word.replace(/^\$(\w+)$/, (_, name: string) => env[name as keyof typeof env]));
  return {
    dir,
    file,
    run(line) {
      return new Promise((resolve) => {
        execFile(process.execPath, [overspan, ...wordsOf(line)], { env, cwd: dir }, (error, stdout, stderr) => {
          resolve({ exit: error === null ? 0 : ((error.code as unknown as number) ?? -1), stdout, stderr });
        });
      });
    },
    start(line) {
      const child = spawn(process.execPath, [overspan, ...wordsOf(line)], { env, cwd: dir, stdio: "pipe" });
      let printed = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
      const exited = once(child, "exit");
      return {
        printed: () => printed,
        async interrupt() {
          child.kill("SIGINT");
          await exited;
          return child.exitCode;
        },
      };
    },
    close: () => rm(dir, { recursive: true, force: true }),
  };
}
