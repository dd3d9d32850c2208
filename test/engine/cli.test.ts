// The commands of docs/cli.md, in their order, by the built command line as a process, against the local runtime: the
// deployed template, the bundles and DynamoDB's local engine.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildCli } from "../../cli/build.ts";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";

const PAGE = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));

let dir: string;
let overspan: string;
let runtime: LocalRuntime | undefined;
const log: string[] = [];

type Ran = { exit: number; stdout: string; stderr: string };

/** No shell: the page's commands have neither quotes nor pipes, only the two variables. */
async function run(command: string): Promise<Ran> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: dir,
    OVERSPAN_API: runtime?.apiUrl ?? "",
    OVERSPAN_TOKEN_FILE: join(dir, "token"),
    no_proxy: "127.0.0.1",
  };
  const words = command
    .split(/\s+/)
    .slice(1)
    .map((word) => word.replace(/^\$(\w+)$/, (_, name: string) => env[name as keyof typeof env]));
  return new Promise((resolve) => {
    execFile(process.execPath, [overspan, ...words], { env, cwd: dir }, (error, stdout, stderr) => {
      resolve({ exit: error === null ? 0 : ((error.code as unknown as number) ?? -1), stdout, stderr });
    });
  });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-cli-test-"));
  [runtime, overspan] = await Promise.all([
    startLocal({ apiPort: 0, brokerPort: 0, controlPort: 0, log: (line) => void log.push(line) }),
    buildCli(),
  ]);
  await writeFile(join(dir, "token"), await runtime.token(), { mode: 0o600 });
  const [, yaml = ""] = /```yaml\n([^]*?)```/.exec(await readFile(PAGE, "utf8")) ?? [];
  await writeFile(join(dir, "shop.yaml"), yaml);
}, 120_000);

afterAll(async () => {
  await runtime?.close();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

describe("cli", () => {
  it("cli: every command of docs/cli.md in its order -> does what the page says", { timeout: 300_000 }, async () => {
    const page = await readFile(PAGE, "utf8");
    const lines = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block = ""]) => block.trim().split("\n"));
    expect(lines.length).toBeGreaterThan(40);
    const outputs = new Map<string, Ran>();
    let change = "";
    for (const line of lines) {
      const [command = "", said = ""] = line.split(/\s+#\s*/);
      const exit = Number(/exit status (\d)/.exec(said)?.[1] ?? 0);
      const ran = await run(command.replace("CHANGE", change));
      expect(ran.exit, `${line}\n${ran.stdout}${ran.stderr}\n${log.slice(-5).join("\n")}`).toBe(exit);
      change = /\(change (\w{26})\)/.exec(ran.stdout)?.[1] ?? change;
      outputs.set(command, ran);
    }
    const out = (command: string) => outputs.get(command)?.stdout ?? "";
    expect(out("overspan config show")).toContain("* here");
    expect(out("overspan get endpoints -n web")).toBe(
      [
        "NETWORK  ID   HOST  MAC                IPS        PORT",
        "web      vm1  h1    02:00:5e:10:00:01  10.1.0.2   tap1",
        "web      vm2  h2    02:00:5e:10:00:02  10.1.0.20  tap2",
        "",
      ].join("\n"),
    );
    expect(out("overspan switch-config tor1")).toContain("router bgp 65100");
    expect(out("overspan plan create endpoint web/vm3 --host h2 --mac 02:00:5e:10:00:03")).toMatch(
      /\+ endpoint\/web\/vm3\n[^]*02:00:5e:10:00:03[^]*nothing was written\n$/,
    );
    expect(out("overspan apply -f shop.yaml --dry-run")).toContain("+ endpoint/shop/till\n");
    expect(out("overspan apply -f shop.yaml --prune --yes")).toBe(
      "0 to create, 0 to change, 0 to delete, 2 as declared\n",
    );
    expect(out("overspan trace web/vm1 web/vm2")).toContain("cannot tell: host h1: it has never reported");
    expect(out("overspan audit endpoint/web/vm2 --limit 5")).toContain("endpoint/web/vm2");
    expect((await run("overspan get endpoint web/vm3")).exit).toBe(3);
    expect((await run("overspan get endpoint web/vm2")).exit).toBe(3);
    expect((await run("overspan get endpoint web/vm1")).exit).toBe(0);
  });

  it("cli: no token, a forged one, a file that others can read -> exit status 6, 6 and 2", async () => {
    const token = join(dir, "token");
    const held = await readFile(token, "utf8");
    await writeFile(join(dir, "forged"), `${held.slice(0, -4)}AAAA`, { mode: 0o600 });
    await writeFile(join(dir, "open"), held, { mode: 0o644 });
    expect(await run(`overspan get sites --token-file ${join(dir, "forged")}`)).toMatchObject({ exit: 6, stdout: "" });
    const open = await run(`overspan get sites --token-file ${join(dir, "open")}`);
    expect(open).toMatchObject({ exit: 2, stdout: "" });
    expect(open.stderr).toContain("chmod 600");
    expect(open.stderr).not.toContain(held);
  });
});
