// The agent as an operator installs it: from its tarball, alone, with nothing of the cloud's side.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../edge-agent/build.ts";

const execute = promisify(execFile);
const AGENT = fileURLToPath(new URL("../../edge-agent", import.meta.url));

describe("agent package", () => {
  let dir: string;
  let command: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "overspan-package-"));
    await buildAgent();
    const { stdout } = await execute("npm", ["pack", "--json", "--pack-destination", dir], { cwd: AGENT });
    const [packed] = JSON.parse(stdout) as [{ filename: string }];
    const tarball = join(dir, packed.filename);
    await execute("npm", ["install", "--prefix", dir, "--prefer-offline", "--no-audit", "--no-fund", tarball]);
    command = join(dir, "node_modules/.bin/overspan-agent");
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("agent package: installed alone -> starts, without the CDK and the AWS SDK", async () => {
    const { stdout } = await execute(command, ["--help"]);
    expect(stdout).toContain("overspan-agent run --config FILE");
    const installed = await readdir(join(dir, "node_modules"));
    expect(installed).toContain("netlink");
    expect(installed.filter((name) => /aws|hono|cdk/.test(name))).toEqual([]);
  });

  it("agent package: its command -> starts Node with the memory that a hypervisor can spare", async () => {
    const [first] = (await readFile(command, "utf8")).split("\n");
    expect(first).toBe("#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=4");
  });

  it.each([
    [["run"], /run needs --config FILE/],
    [["run", "--config", "/nonexistent.json"], /cannot read config file \/nonexistent.json/],
    [["dance"], /unknown command "dance"; see overspan-agent --help/],
    [["show", "summary", "--socket", "/nonexistent.sock"], /is it running\?/],
    [["--colour"], /colour/],
  ])("agent package: %j -> exit status 1 and one line that says what to do", async (words, message) => {
    const failure = await execute(command, words).catch((error: unknown) => error as { code: number; stderr: string });
    expect(failure).toMatchObject({ code: 1 });
    expect(failure.stderr).toMatch(message);
    expect(failure.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("agent package: --version -> that of its package", async () => {
    expect((await execute(command, ["--version"])).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
