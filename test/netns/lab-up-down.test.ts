// The lab on the real kernel with FRR, under a prefix of its own, so that a lab of the user's is not in the way.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { downLab } from "../../lab/down.ts";
import { type Lab, upLab } from "../../lab/lab.ts";
import { commandEnvironment, inNamespace, listNamespaces } from "../../lab/netns.ts";
import { checkRequirements } from "../../lab/requirements.ts";
import { readState, statePath } from "../../lab/state.ts";
import { formatStatus, labStatus } from "../../lab/status.ts";
import { waitFor } from "../../lab/wait.ts";
import { requireKernel } from "./require-root.ts";

const PREFIX = "ovlt-";
const OPTIONS = { prefix: PREFIX, managementNet: "198.18.254" };
const silent = () => undefined;

let stateDir: string;
let before: Trace;

/** What a lab could leave behind. */
type Trace = { namespaces: string[]; links: string[]; processes: string[]; folders: string[] };

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("lab", () => {
  beforeAll(() => {
    stateDir = mkdtempSync(join(tmpdir(), "overspan-lab-test-"));
    chmodSync(stateDir, 0o755);
    before = trace();
  });
  afterAll(async () => {
    await downLab({ stateDir, prefix: PREFIX, force: true }, silent);
    rmSync(stateDir, { recursive: true, force: true });
  });

  describe("up", () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await upLab({ ...OPTIONS, stateDir }, silent);
    });
    afterAll(() => downLab({ stateDir, prefix: PREFIX, force: true }, silent));

    test("lab: this machine -> nothing is missing", async () => {
      expect(await checkRequirements()).toEqual({ missing: [] });
    });

    test("lab: up -> the ToRs know each other, and bare metal reaches bare metal with 1500 octets", async () => {
      const [one, two] = lab.bareMetal;
      const how = { count: 3, intervalMs: 50, sizeBytes: 1472, dontFragment: true };
      const result = await lab.ping(one?.namespace as string, two?.ip as string, how);
      expect(result).toMatchObject({ sent: 3, received: 3, lost: 0 });
      const routes = await lab.vtysh("s1", "show bgp l2vpn evpn");
      expect(routes).toContain("[3]:[0]:[32]:[198.18.2.1]");
    });

    test("lab: up -> every host reaches every VTEP from its own, and the root namespace's broker address", async () => {
      for (const from of lab.hosts) {
        for (const to of lab.hosts) {
          const argv = ["ping", "-c1", "-W2", "-M", "do", "-s", "8000", "-I", from.vtep, to.vtep];
          await lab.exec(from.namespace, argv);
        }
        await lab.exec(from.namespace, ["ping", "-c1", "-W2", lab.topology.management.rootAddress]);
      }
    });

    test("lab: status -> up, with the ToRs' session established and nothing wrong", async () => {
      const status = await labStatus(stateDir, PREFIX);
      expect(status.problems).toEqual([]);
      expect(status.state).toBe("up");
      const torToTor = status.bgp.filter(({ peer }) => peer.endsWith("-tor")).map(({ state }) => state);
      expect(torToTor).toEqual(["Established", "Established"]);
      expect(formatStatus(status)).toContain("VTEP 198.18.1.11");
    });

    test("lab: a machine on a host, moved to another site -> the tap follows, eth0 keeps its MAC", async () => {
      const machine = await lab.addMachine({ name: "mv", host: "s1-h1", ip: "10.100.0.50", mac: "02:0e:00:00:00:50" });
      expect(await links(lab, "s1-h1")).toContain("tap-mv");
      const { unpluggedMs } = await lab.moveMachine("mv", "s2-h1");
      expect(unpluggedMs).toBeLessThan(2000);
      expect(await links(lab, "s1-h1")).not.toContain("tap-mv");
      expect(await links(lab, "s2-h1")).toContain("tap-mv");
      const { stdout } = await lab.exec(machine.namespace, ["ip", "-br", "link", "show", "eth0"]);
      expect(stdout).toMatch(/^eth0@\S+\s+UP\s+02:0e:00:00:00:50/);
      expect(lab.machines().map(({ name, host }) => [name, host])).toEqual([["mv", "s2-h1"]]);
    });

    test("lab: a running ping, its target gone for a while -> the loss is counted", async () => {
      const [one, two] = lab.bareMetal;
      const target = two?.namespace as string;
      const ping = await lab.startPing(one?.namespace as string, two?.ip as string, { intervalMs: 20 });
      await waitFor(async () => (ping.received() > 3 ? true : undefined), { what: "answers", deadlineMs: 5000 });
      await lab.exec(target, ["ip", "link", "set", "eth0", "down"]);
      await sleep(300);
      await lab.exec(target, ["ip", "link", "set", "eth0", "up"]);
      const answers = ping.received();
      await waitFor(async () => (ping.received() > answers + 3 ? true : undefined), {
        what: "more",
        deadlineMs: 10_000,
      });
      const result = await ping.stop();
      expect(result.lost).toBeGreaterThan(5);
      expect(result.longestGapMs).toBeGreaterThan(250);
      expect(result.sent).toBe(result.received + result.lost);
    });

    test("lab: a second one with this record or this prefix -> refused, and the first lives on", async () => {
      await expect(upLab({ ...OPTIONS, stateDir }, silent)).rejects.toThrow(/a lab is up already/);
      const otherDir = mkdtempSync(join(tmpdir(), "overspan-lab-test-"));
      await expect(upLab({ ...OPTIONS, stateDir: otherDir }, silent)).rejects.toThrow(/in the way.*ovlt-/);
      rmSync(otherDir, { recursive: true, force: true });
      expect((await labStatus(stateDir, PREFIX)).problems).toEqual([]);
    });

    test("lab: down -> nothing is left, its programs included, and foreign ones live on", async () => {
      execFileSync("ip", ["netns", "add", "ovltx"]);
      const foreign = spawn("sleep", ["300"], { env: commandEnvironment(), stdio: "ignore" });
      const argv = inNamespace(lab.hosts[0]?.namespace as string, ["sleep", "301"]);
      const guest = spawn("ip", argv.slice(1), { env: commandEnvironment(), stdio: "ignore" });
      const own = await lab.spawn(lab.hosts[1]?.namespace as string, ["sleep", "302"], { what: "a program" });
      try {
        await waitFor(async () => (commands().includes("sleep 301") ? true : undefined), {
          what: "it",
          deadlineMs: 5000,
        });
        const report = await lab.down(silent);
        expect(report).toMatchObject({ foundBy: "state", rootLinks: ["ovlt-mgmt"], processes: 5 });
        expect(report.notes).toEqual([expect.stringMatching(new RegExp(`process ${guest.pid} .*not the lab's`))]);
        expect(await own.exited).toEqual({ code: null, signal: "SIGTERM" });
        expect([foreign.exitCode, guest.exitCode, guest.signalCode]).toEqual([null, null, null]);
        expect(await listNamespaces()).toContain("ovltx");
      } finally {
        for (const child of [foreign, guest]) {
          child.kill();
          await once(child, "exit");
        }
        execFileSync("ip", ["netns", "delete", "ovltx"]);
      }
      expect(trace()).toEqual(before);
      expect(await lab.down(silent)).toMatchObject({ foundBy: "nothing", namespaces: [], processes: 0 });
    });
  });

  test.each([300, 900, 1600])("lab: up killed after %i ms of making -> down leaves nothing", async (afterMs) => {
    const args = [
      "--import",
      "tsx",
      "lab/main.ts",
      "up",
      "--state",
      stateDir,
      "--prefix",
      PREFIX,
      "--net",
      "198.18.254",
    ];
    const up = spawn(process.execPath, args, { stdio: "ignore" });
    await waitFor(async () => (readState(stateDir).kind === "lab" ? true : undefined), {
      what: "up",
      deadlineMs: 20_000,
    });
    await sleep(afterMs);
    up.kill("SIGKILL");
    await once(up, "exit");
    const report = await downLab({ stateDir, prefix: PREFIX, force: false }, silent);
    expect(report.notes).toEqual([]);
    expect(trace()).toEqual(before);
  });

  test("lab: state file lost -> down finds the lab by its prefix and says so", async () => {
    await upLab({ ...OPTIONS, stateDir }, silent);
    rmSync(statePath(stateDir));
    expect((await labStatus(stateDir, PREFIX)).state).toBe("lost");
    const said: string[] = [];
    const report = await downLab({ stateDir, prefix: PREFIX, force: false }, (line) => void said.push(line));
    expect(report).toMatchObject({ foundBy: "prefix", processes: 4, notes: [] });
    expect(said.join("\n")).toMatch(/no state file.*ovlt-s1-tor/);
    expect(trace()).toEqual(before);
  });

  test("lab: up fails midway (FRR's user cannot enter the folder) -> says why and leaves nothing", async () => {
    mkdirSync(stateDir, { mode: 0o700, recursive: true });
    await expect(upLab({ ...OPTIONS, stateDir }, silent)).rejects.toThrow(/FRR's user cannot enter/);
    expect(trace()).toEqual(before);
  });
});

async function links(lab: Lab, host: string): Promise<string> {
  const namespace = lab.hosts.find(({ id }) => id === host)?.namespace as string;
  return (await lab.exec(namespace, ["ip", "-br", "link"])).stdout;
}

/** Only what concerns this lab: other programs of the machine come and go while we look. */
function trace(): Trace {
  return {
    namespaces: execFileSync("ip", ["netns"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.startsWith("ovlt")),
    links: execFileSync("ip", ["-br", "link"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.startsWith("ovlt")),
    processes: commands().filter((command) => command.includes("ovlt-")),
    // FRR's package makes the folder only where systemd runs.
    folders: (existsSync("/run/frr") ? readdirSync("/run/frr") : []).filter((name) => name.startsWith("ovlt-")),
  };
}

function commands(): string[] {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
}
