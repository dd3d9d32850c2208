// The README's main job, run as it says: on this machine's kernel with FRR, and on in-memory kernels.

import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { requireKernel } from "../netns/require-root.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FEW_MINUTES_MS = 240_000;

/** What the issue of the demo asks to be shown; each must be a step that held. */
const STEPS = [
  /tenant, two sites, four hosts/,
  /a stretched network and its endpoints/,
  /ping on one host/,
  /ping across hosts/,
  /ping across sites/,
  /ping to bare metal, /,
  /ping from bare metal, /,
  /what the ToRs know/,
  /live move .*packets lost/,
  /agent killed with -9 under a running ping.* 0 of \d+ packets lost/,
  /broker stopped under a running ping.* 0 of \d+ packets lost/,
  /receipt of the last change.*live on 4 of 4 hosts, seen at 1 of 1 ToR/,
  /m2 deleted.*live on 4 of 4 hosts, gone from 1 of 1 ToR/,
];

function npm(...words: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn("npm", ["run", ...words], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, output })));
}

function expectStory(output: string): void {
  const held = output.split("\n").filter((line) => /\bok\b/.test(line));
  for (const step of STEPS)
    expect(
      held.some((line) => step.test(line)),
      `${step} in:\n${output}`,
    ).toBe(true);
}

const links = () => execFileSync("ip", ["-br", "link"], { encoding: "utf8" }).match(/^[^ @]+/gm);
const namespaces = () => execFileSync("ip", ["netns", "list"], { encoding: "utf8" });

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("demo", () => {
  it("demo: npm run demo as root -> every step holds, status 0, nothing left behind", {
    timeout: FEW_MINUTES_MS,
  }, async () => {
    const before = { links: links(), namespaces: namespaces() };
    const { status, output } = await npm("demo");
    expectStory(output);
    expect(status, output).toBe(0);
    expect({ links: links(), namespaces: namespaces() }).toEqual(before);
  });
});

describe("demo without root", () => {
  it("demo: on in-memory kernels -> the same steps, and every line says so", { timeout: FEW_MINUTES_MS }, async () => {
    const { status, output } = await npm("demo", "--", "--memory");
    expectStory(output);
    expect(status, output).toBe(0);
    const story = output.split("\n").filter((line) => /\b(ok|failed)\b/.test(line) || /^\s*\d+\.\d s/.test(line));
    expect(story.filter((line) => !line.includes("[in-memory kernel]"))).toEqual([]);
  });

  it("demo: the README shows the steps that the demo has", () => {
    const readme = readFileSync(`${ROOT}README.md`, "utf8");
    for (const step of [
      "ping across sites",
      "live move",
      "agent killed with -9",
      "broker stopped",
      "live on 4 of 4 hosts",
    ]) {
      expect(readme).toContain(step);
    }
  });
});
