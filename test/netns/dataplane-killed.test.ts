// A dataplane that is killed at random points of a thousand random changes, and others that write where it writes: in the
// end the kernel holds what is wanted, and machines that no change was about never lost a packet.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "esbuild";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packetsLost, startAgent } from "./dataplane-agent.ts";
import { HERE, stateAfter, THERE } from "./dataplane-changes.ts";
import { linkNamespaces, makeNamespace, type Namespace, startIn } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const CHANGES = 1000;
const KILLS = 25;

describe.runIf(requireKernel("root", "vxlan", "bridge"))("dataplane, killed and disturbed", () => {
  const dir = mkdtempSync(join(tmpdir(), "overspan-killed-"));
  const namespaces: Namespace[] = [];
  let host: Namespace;
  let near: Namespace;
  const script = join(dir, "child.mjs");

  beforeAll(async () => {
    symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(dir, "node_modules"));
    await build({
      entryPoints: [fileURLToPath(new URL("./dataplane-child.ts", import.meta.url))],
      outfile: script,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      packages: "external",
      logLevel: "warning",
    });
    const [a, b, one, two] = ["ka", "kb", "k1", "k2"].map((role) => {
      const namespace = makeNamespace(role);
      namespaces.push(namespace);
      return namespace;
    }) as [Namespace, Namespace, Namespace, Namespace];
    host = a;
    near = one;
    linkNamespaces(a, "u", b, "u");
    for (const [here, link, other, vtep, away] of [
      [a, "198.51.100.1", "198.51.100.2", "192.0.2.1", THERE.vtep],
      [b, "198.51.100.2", "198.51.100.1", THERE.vtep, "192.0.2.1"],
    ] as const) {
      here.run(`ip addr add ${link}/30 dev u`);
      here.run("ip link set u mtu 1550 up");
      here.run(`ip addr add ${vtep}/32 dev lo`);
      here.run(`ip route add ${away}/32 via ${other} src ${vtep}`);
    }
    for (const [on, port, machine, endpoint] of [
      [a, HERE.port, one, HERE],
      [b, "tap2", two, THERE],
    ] as const) {
      linkNamespaces(on, port, machine, "eth0");
      machine.run(`ip link set eth0 address ${endpoint.mac} mtu 1450 up`);
      machine.run(`ip addr add ${endpoint.ip}/24 dev eth0`);
    }
    // The other host is a plain VXLAN host: what it holds is not what is tested.
    b.run("ip link add name br0 type bridge");
    b.run(`ip link add name vx0 type vxlan id 100 local ${THERE.vtep} remote 192.0.2.1 dstport 4789`);
    for (const port of ["vx0", "tap2"]) b.run(`ip link set ${port} master br0 up`);
    b.run("ip link set br0 up");
    const first = await startAgent(host);
    await first.settle(stateAfter(0).networks);
    await first.close();
  });
  afterAll(() => {
    for (const namespace of namespaces) namespace.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  it("kill -9 at random points of 1,000 changes -> equal to intent, no packet of others lost", {
    timeout: 240_000,
  }, async () => {
    const ping = startIn(near, `ping -i 0.02 -W 1 ${THERE.ip}`);
    let at = 0;
    for (let life = 0; at < CHANGES; life++) {
      const child = startChild(at, CHANGES);
      const killAt = life < KILLS ? at + Math.floor(Math.random() * ((2 * CHANGES) / KILLS)) : CHANGES;
      const reached = await watch(child, killAt);
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      // The next one is told what the last one was told last, as a replica on disk would have it.
      at = reached === "done" ? CHANGES : reached;
    }
    const checker = await startAgent(host);
    const report = await checker.settle(stateAfter(CHANGES).networks);
    expect(report.counters).toMatchObject({ refused: 0 });
    expect(report.networks.map((network) => network.verified)).toEqual(
      stateAfter(CHANGES).networks.toSorted((x, y) => x.vni - y.vni),
    );
    await checker.close();
    expect(packetsLost(await ping.stop())).toBe(0);
  });

  it("100,000 changes by another hand in one burst -> all undone, nobody dies, untouched machines lose nothing", {
    timeout: 180_000,
  }, async () => {
    const agent = await startAgent(host);
    const wanted = stateAfter(0).networks;
    await agent.settle(wanted);
    const ping = startIn(near, `ping -i 0.05 -W 2 ${THERE.ip}`);
    const lines: string[] = [];
    for (let i = 0; i < 60_000; i++) {
      const address = `02:77:00:00:${hex(i >> 8)}:${hex(i)}`;
      lines.push(`fdb replace ${address} dev ovx100 dst 192.0.2.9 self extern_learn`);
    }
    for (let i = 0; i < 40_000; i++) lines.push(`fdb del 02:77:00:00:${hex(i >> 8)}:${hex(i)} dev ovx100 self`);
    // The agent may be faster and have deleted it already: the batch goes on.
    writeFileSync(join(dir, "burst"), `${lines.join("\n")}\n`);
    const burst = spawn("ip", ["netns", "exec", host.name, "bridge", "-force", "-batch", join(dir, "burst")], {
      stdio: "ignore",
    });
    await once(burst, "exit");
    const startMs = performance.now();
    const held = () =>
      host
        .run("bridge fdb show dev ovx100")
        .split("\n")
        .filter((line) => line.startsWith("02:77")).length;
    await expect.poll(held, { timeout: 60_000, interval: 200 }).toBe(0);
    console.info(`burst: undone ${((performance.now() - startMs) / 1000).toFixed(1)} s after its end`);
    await agent.settle(wanted);
    expect(agent.reconciler.latest()?.networks[0]?.verified).toEqual(wanted[0]);
    await agent.close();
    expect(packetsLost(await ping.stop())).toBe(0);
  });

  function startChild(from: number, to: number): ChildProcess {
    const args = ["netns", "exec", host.name, process.execPath, script, String(from), String(to)];
    return spawn("ip", args, { stdio: ["ignore", "pipe", "inherit"] });
  }
});

function hex(value: number): string {
  return (value & 0xff).toString(16).padStart(2, "0");
}

/** Resolves a moment after the child began the change, or when it is done with all. */
function watch(child: ChildProcess, killAt: number): Promise<number | "done"> {
  return new Promise((resolve, reject) => {
    if (!child.stdout) throw new Error("no output");
    let last = 0;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === "done") return resolve("done");
      last = Number(line);
      if (last >= killAt) setTimeout(() => resolve(last), Math.random() * 8);
    });
    child.once("exit", (code) => reject(new Error(`the child ended by itself: ${code}`)));
  });
}
