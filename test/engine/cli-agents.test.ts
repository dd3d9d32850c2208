// The command line where agents run: the real stream of events, a trace by what kernels hold, an evacuation and a rollout
// that wait for them. Agents of this process on in-memory kernels, over the real broker, functions and table.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentWorld, openAgentWorld, PATIENCE } from "./agent-world.ts";
import { type CliProcess, openCli } from "./cli-process.ts";

const HOSTS = ["h1", "h2", "h3"];
/** Each look starts a process. */
const PATIENCE_OF_PROCESSES = { timeout: 60_000, interval: 500 };
let world: AgentWorld;
let cli: CliProcess;

beforeAll(async () => {
  world = await openAgentWorld(HOSTS);
  for (const host of HOSTS) {
    await world.startAgent(host);
    for (const port of ["tap1", "tap2"]) world.kernels.get(host)?.addInterface(port, { up: true, mtuBytes: 1450 });
  }
  cli = await openCli(world.runtime.apiUrl, await world.runtime.token());
}, 240_000);

afterAll(async () => {
  await cli?.close();
  await world?.close();
}, 60_000);

async function must(line: string): Promise<string> {
  const { exit, stdout, stderr } = await cli.run(`overspan ${line}`);
  expect(exit, `${line}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

type Event = { id: string; type: string; data: { resource?: { kind: string; id: string }; data: { state?: string } } };
const eventsOf = (stdout: string) =>
  stdout
    .split("\n")
    // What follows the last line end is nothing, or a line that is not whole yet.
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);

/** `receipt endpoint/vm1 live`. */
function heardOf({ type, data: { resource, data } }: Event): string {
  return [type, `${resource?.kind}/${resource?.id}`, ...(data.state === undefined ? [] : [data.state])].join(" ");
}

describe("cli with agents", { timeout: 240_000 }, () => {
  it("watch: a network and its endpoints get live -> changes and receipts as they come; from an id on, what came after it", async () => {
    const watch = cli.start("overspan watch --kind change,receipt --network web --after 1-0 -o json");
    const heard = () => eventsOf(watch.printed()).map(heardOf);
    await must("create network web --tenant acme --name Web --vni 100 --subnet 10.1.0.0/24");
    await expect.poll(heard, PATIENCE).toContain("change network/web");
    await must("create endpoint web/vm1 --host h1 --mac 02:00:5e:10:00:01 --ip 10.1.0.11 --port tap1 --wait live");
    await must("create endpoint web/vm2 --host h2 --mac 02:00:5e:10:00:02 --ip 10.1.0.12 --port tap2 --wait live");
    await expect
      .poll(heard, PATIENCE)
      .toEqual(expect.arrayContaining(["receipt endpoint/vm1 live", "receipt endpoint/vm2 live"]));
    expect(await watch.interrupt()).toBe(130);
    const changes = eventsOf(watch.printed()).filter(({ type }) => type === "change");
    expect(changes.map(heardOf)).toEqual(["change network/web", "change endpoint/vm1", "change endpoint/vm2"]);
    // What a watcher who was cut off after the first one asks.
    const [first, ...after] = changes;
    const again = await must(`watch --kind change --network web --count 2 --timeout 60 -o json --after ${first?.id}`);
    expect(eventsOf(again)).toEqual(after);
  });

  it("trace: both kernels hold it -> should work; one has no such port -> where it breaks", async () => {
    const works = await must("trace web/vm1 web/vm2");
    expect(works).toContain("read back: its kernel has network web");
    expect(works).toContain("fdb: 02:00:5e:10:00:02 is behind VTEP 192.0.2.2, VNI 100");
    expect(works).toContain("should work");
    await must("create endpoint web/vm3 --host h3 --mac 02:00:5e:10:00:03 --port nowhere");
    const broken = async () => (await cli.run("overspan trace web/vm1 web/vm3")).stdout;
    await expect.poll(broken, PATIENCE_OF_PROCESSES).toMatch(/h3[^]*nowhere/);
    expect(await cli.run("overspan trace web/vm1 web/vm3")).toMatchObject({ exit: 1 });
    await must("delete endpoint web/vm3 --wait live");
  });

  it("evacuate: each endpoint in two phases to a host that is in sync -> live there, and its host is empty", async () => {
    await must("create endpoint web/vm4 --host h1 --mac 02:00:5e:10:00:04 --ip 10.1.0.14 --port tap2 --wait live");
    const { exit, stdout, stderr } = await cli.run("overspan evacuate h1 --to h3 --parallel 1 --yes");
    expect(exit, stdout + stderr).toBe(0);
    expect(stderr).toMatch(/web\/vm4 moved to h3: live on \d+ of \d+ hosts.*\(2 of 2\)\nh1 is empty\n$/);
    expect(await must("get endpoints --host h3 -o name")).toBe("endpoint/web/vm1\nendpoint/web/vm4\n");
    await world.converged("web", ["h1", "h2", "h3"]);
  });

  it("rollout: canary and rest -> each wave live in its agents before the next; fleet -> all hosts are well", async () => {
    const host = (id: string, n: number) =>
      `{kind: host, id: ${id}, site: ams, vtep: 192.0.2.${n}, labels: {ring: a}}\n`;
    await cli.file("ring.yaml", HOSTS.map((id, index) => host(id, index + 1)).join("---\n"));
    const { exit, stdout, stderr } = await cli.run(
      "overspan rollout create -f ring.yaml --canary h2 --id ring --watch --timeout 90",
    );
    expect(exit, stdout + stderr).toBe(0);
    expect(stdout).toMatch(
      /^rollout\/ring done[^]*wave 1 \(canary\): live\n[^]*PUT \/v1\/hosts\/h2 [^]*wave 2 \(rest\): live/,
    );
    const check = async () => (await cli.run("overspan fleet --check")).exit;
    await expect.poll(check, PATIENCE_OF_PROCESSES).toBe(0);
  });
});
