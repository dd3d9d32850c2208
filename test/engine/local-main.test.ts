// `npm start` as a process: its messages, Ctrl-C, and that nothing is left behind when it is killed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** On a loaded machine a start takes half a minute; a test that waits for two of its steps gets twice that. */
const PATIENCE = { timeout: 60_000, interval: 50 };
const TEST_TIMEOUT_MS = 130_000;

type Run = { child: ChildProcess; stdout: () => string; stderr: () => string; exited: Promise<number | null> };
const runs: Run[] = [];

afterEach(async () => {
  for (const { child, exited } of runs.splice(0)) {
    child.kill("SIGKILL");
    await exited;
  }
});

function start(args: string[], environment: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(process.execPath, ["--import", "tsx", "local/main.ts", ...args], {
    cwd: REPOSITORY,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (chunk: string) => (text[name] += chunk));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const run = { child, stdout: () => text.stdout, stderr: () => text.stderr, exited };
  runs.push(run);
  return run;
}

const FREE_PORTS = ["--memory", "--api-port", "0", "--broker-port", "0", "--control-port", "0"];

/** The engine's address, when it is up. */
async function engineUrl(run: Run): Promise<string> {
  const url = () => /engine answers at (\S+),/.exec(run.stdout())?.[1];
  await expect.poll(url, PATIENCE).toBeDefined();
  return url() as string;
}

const answers = (url: string) =>
  fetch(url).then(
    () => true,
    () => false,
  );

describe("npm start", { timeout: TEST_TIMEOUT_MS }, () => {
  it("npm start: killed while starting -> its Java ends with it", async () => {
    const run = start(FREE_PORTS);
    const url = await engineUrl(run);
    expect(await answers(url)).toBe(true);
    run.child.kill("SIGKILL");
    await run.exited;
    await expect.poll(() => answers(url), { timeout: 5000 }).toBe(false);
  });

  it("npm start: Ctrl-C, twice as npm passes it on -> everything ends in order, status 0", async () => {
    const run = start(FREE_PORTS);
    const url = await engineUrl(run);
    await expect.poll(run.stdout, PATIENCE).toContain("Ctrl-C ends it.");
    run.child.kill("SIGINT");
    run.child.kill("SIGINT");
    expect(await run.exited).toBe(0);
    expect(run.stdout()).toMatch(/ending \(SIGINT\)\n.*ended\n$/);
    expect(run.stderr()).toBe("");
    expect(await answers(url)).toBe(false);
  });

  it("npm start: a busy port -> one paragraph with the remedy, status 1, and nothing started", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const run = start([...FREE_PORTS, "--broker-port", String(port)]);
    expect(await run.exited).toBe(1);
    expect(run.stderr().trim().split("\n")).toHaveLength(1);
    expect(run.stderr()).toContain(`127.0.0.1:${port}`);
    expect(run.stderr()).toContain("--broker-port");
    expect(run.stdout()).not.toContain("engine answers");
    await new Promise((resolve) => server.close(resolve));
  });

  it("npm start: no Java -> one paragraph with the remedy, status 1", async () => {
    const run = start(FREE_PORTS, { JAVA_HOME: "/nonexistent" });
    expect(await run.exited).toBe(1);
    expect(run.stderr()).toMatch(/^The local runtime .* apt-get install openjdk-17-jre-headless.*\n$/);
  });

  it("npm start: --help -> the options, status 0", async () => {
    const run = start(["--help"]);
    expect(await run.exited).toBe(0);
    expect(run.stdout()).toContain("--broker-host");
  });
});
