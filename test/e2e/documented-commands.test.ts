// Every command that the README and docs/ show in a `sh` block is run: here, or by the named test, or by CI itself.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { buildAgent } from "../../edge-agent/build.ts";
import { requireKernel } from "../netns/require-root.ts";
import { writeIdentity } from "../local/enrolled-host.ts";

const execute = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Commands that run elsewhere, and where. */
const RUN_ELSEWHERE: Record<string, string> = {
  "npm ci && npm run demo": "test/e2e/demo.test.ts",
  "npm ci && npm test": ".ci/run",
  "npm start": "test/engine/local-main.test.ts",
  "npm run synth": "test/infra/synth.test.ts",
  "npm pack --workspace edge-agent": "test/e2e/agent-package.test.ts",
  "overspan-agent run --config FILE": "beforeAll of this test",
  "overspan-agent uninstall --keep-forwarding": "test/netns/uninstall.test.ts",
  "overspan-agent uninstall --remove": "test/netns/uninstall.test.ts",
};

const documents = ["README.md", "CONTRIBUTING.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)];
const commands = new Set(
  documents
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) => [...readFileSync(join(ROOT, path), "utf8").matchAll(/^```sh\n([^]*?)^```/gm)])
    .flatMap(([, block]) => (block as string).split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== ""),
);

const views = [...commands].filter((command) => /^overspan-agent (show|clear) /.test(command));
/** The recipes: they need a base URL, and are run in their order by a test of their own. */
const recipes = [...commands].filter((command) => /curl -fsSN? /.test(command));
/** Those of docs/cli.md are run in their order by a test of their own. */
const operators = [...commands].filter((command) => command.startsWith("overspan "));
const lab = [...commands].filter((command) => command.startsWith("npm run lab "));

describe("documented commands", () => {
  it("documented commands: each is run by a test that exists", () => {
    expect(commands.size).toBeGreaterThan(12);
    const others = [...commands].filter((command) =>
      [views, lab, recipes, operators].every((run) => !run.includes(command)),
    );
    const unknown = others.filter((command) => command !== "npm run build" && !(command in RUN_ELSEWHERE));
    expect(unknown).toEqual([]);
    if (operators.length > 0) expect(existsSync(join(ROOT, "test/engine/cli.test.ts"))).toBe(true);
    if (recipes.length > 0) expect(existsSync(join(ROOT, "test/functions/api/recipes.test.ts"))).toBe(true);
    const paths = Object.values(RUN_ELSEWHERE).filter((where) => /^\.?[\w/.-]+$/.test(where));
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("documented commands: npm run build -> the agent, the command line and the template", {
    timeout: 120_000,
  }, async () => {
    await execute("npm", ["run", "build"], { cwd: ROOT });
    expect(existsSync(join(ROOT, "edge-agent/dist/overspan-agent.js"))).toBe(true);
    const { stdout } = await execute("npx", ["overspan", "--version"], { cwd: ROOT });
    expect(stdout).toMatch(/^overspan \d+\.\d+\.\d+$/m);
    expect(existsSync(join(ROOT, "infra/cdk.out/Overspan.template.json"))).toBe(true);
  });
});

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("documented commands of the lab", () => {
  it("documented commands: lab up, status and down, in the order they are shown", { timeout: 240_000 }, async () => {
    expect(lab).toEqual(["npm run lab -- up", "npm run lab -- status", "npm run lab -- down"]);
    try {
      await execute("npm", ["run", "lab", "--", "up"], { cwd: ROOT });
      expect((await execute("npm", ["run", "lab", "--", "status"], { cwd: ROOT })).stdout).toContain("s1-h1");
    } finally {
      await execute("npm", ["run", "lab", "--", "down"], { cwd: ROOT });
    }
  });
});

describe.runIf(requireKernel("root", "vxlan", "bridge"))("documented commands of the agent", () => {
  const dir = mkdtempSync(join(tmpdir(), "overspan-documented-"));
  const config = join(dir, "agent.json");
  let bundle: string;
  let agent: ReturnType<typeof spawn>;

  beforeAll(async () => {
    bundle = await buildAgent();
    await writeIdentity(dir, "h1");
    // Nobody answers at that broker: the views must read well then too.
    const broker = { url: "mqtts://127.0.0.1:9" };
    const settings = { host: "h1", broker, stateDir: dir, socket: join(dir, "agent.sock") };
    writeFileSync(config, JSON.stringify(settings), { mode: 0o600 });
    agent = spawn("unshare", ["-n", process.execPath, bundle, "run", "--config", config], { stdio: "ignore" });
    // The socket is there before the agent: until it is up, a request is answered with an error that says so.
    await vi.waitFor(() => execute(process.execPath, [bundle, "show", "summary", "--config", config]), {
      timeout: 20_000,
      interval: 100,
    });
  });
  afterAll(async () => {
    const ended = once(agent, "exit");
    agent.kill("SIGKILL");
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(views.flatMap((view) => [[view], [`${view} --json`]]))(
    "documented commands: %s -> answers",
    async (command) => {
      const words = command
        .replace(/\b(NAME|ADDR|MAC|IP|PREFIX)\b/g, "none")
        .split(" ")
        .slice(1);
      const { stdout } = await execute(process.execPath, [bundle, ...words, "--config", config]);
      expect(stdout.trim()).not.toBe("");
      if (command.endsWith("--json")) JSON.parse(stdout);
    },
  );
});
