// The completion scripts, read by the shells themselves. bash is everywhere; zsh and fish where they are installed
// (scripts/packages.ts brings them).

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../cli/commands.ts";
import { completionScript, type Shell } from "../../cli/completion.ts";

const dir = mkdtempSync(join(tmpdir(), "overspan-completion-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const ASKED: readonly (readonly [string, readonly string[]])[] = [
  ["cre", ["create"]],
  ["get hos", ["host"]],
  ["create endpoint x --allo", ["--allocate", "--allowed-address"]],
  ["plan create endp", ["endpoint"]],
  ["completion ", ["bash", "fish", "zsh"]],
  ["get hosts -o ya", ["yaml"]],
  ["trace web/", ["web/vm1", "web/vm2"]],
  ["rollout re", ["resume"]],
  ["rollout list --state st", ["stopped"]],
  ["fleet --ch", ["--check"]],
];

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

/** With an `overspan` of its own, which knows two endpoints. */
const STUB = "overspan() { printf 'endpoint/web/vm1\\nendpoint/web/vm2\\n'; }";

async function bashAnswers(line: string): Promise<string[]> {
  const words = ["overspan", ...line.split(" ")];
  const script = [
    completionScript("bash", COMMANDS),
    STUB,
    `COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length - 1}`,
    "_overspan",
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join("\n");
  const { stdout } = await promisify(execFile)("bash", [file("asked.bash", script)], {
    env: { PATH: process.env["PATH"] },
  });
  return stdout.trim().split("\n").sort();
}

async function fishAnswers(line: string): Promise<string[]> {
  const script = [
    completionScript("fish", COMMANDS),
    "function overspan; printf 'endpoint/web/vm1\\nendpoint/web/vm2\\n'; end",
    `complete -C "overspan ${line}"`,
  ].join("\n");
  const { stdout } = await promisify(execFile)("fish", ["--no-config", file("asked.fish", script)], {
    env: { PATH: process.env["PATH"], HOME: dir },
  });
  return stdout
    .trim()
    .split("\n")
    .map((answer) => answer.split("\t")[0] as string)
    .sort();
}

async function accepts(shell: Shell): Promise<void> {
  const path = file(`read.${shell}`, completionScript(shell, COMMANDS));
  const words = { bash: ["-n", path], zsh: ["-f", "-n", path], fish: ["--no-execute", path] }[shell];
  const { stderr } = await promisify(execFile)(shell, words);
  expect(stderr).toBe("");
}

const installed = (shell: string) =>
  (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, shell)));

describe("cli completion", () => {
  it.each(ASKED)("completion: bash, overspan %s -> %j", async (line, answers) => {
    expect(await bashAnswers(line)).toEqual(answers);
  });

  it.runIf(installed("fish")).each(ASKED)("completion: fish, overspan %s -> %j", async (line, answers) => {
    expect(await fishAnswers(line)).toEqual(answers);
  });

  it("completion: the script for bash -> accepted by it", () => accepts("bash"));
  it.runIf(installed("zsh"))("completion: the script for zsh -> accepted by it", () => accepts("zsh"));
  it.runIf(installed("fish"))("completion: the script for fish -> accepted by it", () => accepts("fish"));
});
