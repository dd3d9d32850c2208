// The suites that need a kernel with VRF, run inside one: User-Mode Linux, booted once, on this checkout's own files. What
// they prove is in test/kernel/*.guest.ts; here their results are taken over, test by test.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What vitest's JSON reporter writes, as far as it is read here. */
type SuiteResult = {
  readonly name: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages: readonly string[] | null;
  }[];
};

const SUITES = [
  new URL("../kernel/routers-contract.guest.ts", import.meta.url),
  new URL("../kernel/routers-world.guest.ts", import.meta.url),
].map((url) => fileURLToPath(url));
const WITH_KERNEL = fileURLToPath(new URL("../kernel/with-kernel.sh", import.meta.url));
const GUEST = fileURLToPath(new URL("../kernel/guest.ts", import.meta.url));
const KERNEL = process.env["UML_KERNEL"] ?? "/usr/bin/linux.uml";
const BOOT_AND_RUN_SEC = 900;

describe.runIf(canBoot())("under a kernel with VRF", () => {
  const folder = mkdtempSync(join(tmpdir(), "ovl3-"));
  const result = join(folder, "result.json");
  let suites: readonly SuiteResult[] = [];
  let said = "";

  beforeAll(
    async () => {
      said = await bootAndRun(folder, result);
      if (existsSync(result))
        suites = (JSON.parse(readFileSync(result, "utf8")) as { testResults: SuiteResult[] }).testResults;
    },
    (BOOT_AND_RUN_SEC + 30) * 1000,
  );
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(SUITES.map((path) => basename(path, ".guest.ts")))("%s: in the guest -> every test passes", (suite) => {
    const found = suites.find(({ name }) => basename(name, ".guest.ts") === suite);
    expect(found, `the guest said:\n${said.slice(-8000)}`).toBeDefined();
    const tests = found?.assertionResults ?? [];
    const failed = tests.filter(({ status }) => status !== "passed");
    const texts = failed.map(({ fullName, status, failureMessages }) =>
      [`${fullName}: ${status}`, ...(failureMessages ?? [])].join("\n"),
    );
    const trouble = [...texts, found?.message ?? ""].filter((text) => text !== "");
    // What a hook failed of is in the output only.
    expect(trouble, `${trouble.join("\n\n")}\n\nthe guest said:\n${said.slice(-8000)}`).toEqual([]);
    expect(tests.length).toBeGreaterThan(0);
  });
});

/** In CI a kernel that cannot be booted is an error; elsewhere the reason is printed. */
function canBoot(): boolean {
  const reasons = [
    ...(process.getuid?.() === 0 ? [] : ["it needs root"]),
    ...(existsSync(KERNEL) ? [] : [`there is no ${KERNEL} (apt-get install user-mode-linux kmod)`]),
  ];
  if (reasons.length === 0) return true;
  const text = `the kernel with VRF cannot be booted here: ${reasons.join("; ")}`;
  if (process.env["CI"]) throw new Error(text);
  console.warn(`${text} (skipped)`);
  return false;
}

/** All that was printed; the results are in the file. */
function bootAndRun(shared: string, result: string): Promise<string> {
  const suites = SUITES.map((path) => relative(process.cwd(), path));
  const limits = ["--share", shared, "--timeout", String(BOOT_AND_RUN_SEC), "--kernel", KERNEL];
  const command = [process.execPath, "--import", "tsx", GUEST, result, ...suites];
  // The guest's vitest is another one than that which runs this file.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_OPTIONS)/.test(name)),
  );
  const child = spawn(WITH_KERNEL, [...limits, "--", ...command], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(`${output}\nstatus ${code}`));
  });
}
