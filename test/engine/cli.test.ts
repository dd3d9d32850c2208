// The commands of docs/cli.md, in their order, by the built command line as a process, against the local runtime: the
// deployed template, the bundles and DynamoDB's local engine.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";
import { type CliProcess, openCli, type Ran } from "./cli-process.ts";

const PAGE = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));

let cli: CliProcess | undefined;
let runtime: LocalRuntime | undefined;
const log: string[] = [];

beforeAll(async () => {
  runtime = await startLocal({ apiPort: 0, brokerPort: 0, controlPort: 0, log: (line) => void log.push(line) });
  cli = await openCli(runtime.apiUrl, await runtime.token());
  // "where `shop.yaml` is …", and then what is in it.
  const page = await readFile(PAGE, "utf8");
  const files = [...page.matchAll(/^where `(\w+\.yaml)`[^]*?```yaml\n([^]*?)^```/gm)];
  expect(files.map(([, name]) => name)).toEqual(["shop.yaml", "timers.yaml"]);
  for (const [, name = "", text = ""] of files) await cli.file(name, text);
}, 240_000);

afterAll(async () => {
  await runtime?.close();
  await cli?.close();
}, 60_000);

function run(line: string): Promise<Ran> {
  if (!cli) throw new Error("not open");
  return cli.run(line);
}

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
    expect(out("overspan rollout create -f timers.yaml --canary h1 --id timers --plan")).toMatch(
      /~ host\/h1\n~ host\/h2\n[^]*nothing was written\n$/,
    );
    expect(out("overspan rollout get timers")).toMatch(
      /^rollout\/timers waiting {2}wave 1 of 2: [^]*wave 2 \(rest\): planned/,
    );
    expect(out("overspan rollout list --state waiting")).toContain("timers  waiting");
    expect(out("overspan rollout abandon timers")).toContain("rollout/timers abandoned");
    expect(out("overspan fleet --site fra --check -o name")).toBe("host/h1\nhost/h2\n");
    expect(out("overspan watch --kind change --count 1 --after 1-0")).toMatch(/^\S+Z {2}change {4}\S+\/\S+ /);
    expect((await run("overspan get endpoint web/vm3")).exit).toBe(3);
    expect((await run("overspan get endpoint web/vm2")).exit).toBe(3);
    expect((await run("overspan get endpoint web/vm1")).exit).toBe(0);
  });

  it("cli: no token, a forged one, a file that others can read -> exit status 6, 6 and 2", async () => {
    const held = await readFile(join(cli?.dir ?? "", "token"), "utf8");
    const forged = await cli?.file("forged", `${held.slice(0, -4)}AAAA`);
    const readable = await cli?.file("open", held, 0o644);
    expect(await run(`overspan get sites --token-file ${forged}`)).toMatchObject({ exit: 6, stdout: "" });
    const open = await run(`overspan get sites --token-file ${readable}`);
    expect(open).toMatchObject({ exit: 2, stdout: "" });
    expect(open.stderr).toContain("chmod 600");
    expect(open.stderr).not.toContain(held);
  });
});
