// The snapshot bench: a new host of a network with 100,000 endpoints, from the 201 of its first machine there until its
// kernel holds them all: the publisher's step, the host's question, the file (there already, or to be made), its way, the
// host's copy, and the kernel. Each round is a new host: an agent's process with an empty namespace as its kernel.

import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { makeNamespace, type Namespace } from "../../test/netns/namespace.ts";
import { type Round, type Row, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { startAgentProcess } from "./agents.ts";
import { forgetFile, growNetwork, tableAt } from "./large-network.ts";
import { type BenchWorld, openBenchWorld } from "./world.ts";

const PATIENCE_MS = 120_000;
const QUIET_MS = 300;
const ENDPOINTS = { quick: 20_000, full: 100_000 } as const;

/** Runs the bench; the rows are its answer. */
export async function runSnapshotBench({ rounds, quick, only, progress }: BenchOptions): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("the snapshot bench makes network namespaces: run it as root");
  const endpoints = quick ? ENDPOINTS.quick : ENDPOINTS.full;
  progress("the cloud's side");
  const world = await openBenchWorld([]);
  try {
    const table = await tableAt(world.storeUrl);
    await world.runtime.settled();
    progress(`a network of ${endpoints} endpoints, into the table`);
    await growNetwork(table, endpoints);
    progress("its way through the stream, which has nothing to do with it");
    await world.runtime.settled();
    const cases = [
      { name: `a new host of a network with ${endpoints} endpoints, its file is there`, fileIsThere: true },
      { name: `a new host of a network with ${endpoints} endpoints, the first to ask`, fileIsThere: false },
    ].filter(({ name }) => only === undefined || name.includes(only));
    const rows: Row[] = [];
    let host = 0;
    for (const { name, fileIsThere } of cases) {
      const counted: Round[] = [];
      // A warm-up round always: the first host of all makes the file for those after it.
      for (let round = 0; round <= rounds; round++) {
        progress(`${name}: round ${round} of ${rounds}`);
        if (!fileIsThere) await forgetFile(table);
        const wallS = await newHost(world, ++host, endpoints + host);
        progress(`${name}: ${wallS.toFixed(2)} s`);
        if (round > 0) counted.push({ ours: { wallS }, peers: {} });
      }
      rows.push(
        toRow(name, counted, {
          text: "100k endpoints in the kernel < 5 s",
          met: ({ ours }) => (ours["wallS"] ?? Number.POSITIVE_INFINITY) < 5,
        }),
      );
    }
    return rows;
  } finally {
    await world.close();
  }
}

/** New host `number`; seconds from the 201 to the last of the `machines`. */
async function newHost(world: BenchWorld, number: number, machines: number): Promise<number> {
  const id = `new-${number}`;
  const vtep = `198.18.200.${number}`;
  await world.post("/hosts", { id, site: "ams", vtep });
  const namespace = makeNamespace(`n${number}`);
  let close: (() => Promise<void>) | undefined;
  try {
    for (const command of [
      `ip addr add ${vtep}/32 dev lo`,
      "ip link add tap1 type veth peer name tap1m",
      "ip link set tap1 up",
      "ip link set tap1m up",
    ]) {
      namespace.run(command);
    }
    const eye = watchFdb(namespace);
    const broker = { url: world.runtime.brokerUrl, identity: await world.identity(id) };
    const agent = await startAgentProcess({ host: id, own: vtep, netns: namespace.name, broker });
    close = () => agent.close();
    const answeredMs = await world.declare(number, id);
    const lastMs = await allHeld(namespace, eye, machines);
    eye.close();
    return (lastMs - answeredMs) / 1000;
  } finally {
    await close?.();
    namespace.remove();
  }
}

type Eye = { count(): number; lastMs(): number; close(): void };

/**
 * When the last of the machines came. In a flood the kernel drops notifications, so that once it is quiet a dump says whether
 * all are there; the last notification is then the last that the full buffer had room for, which came when it was read.
 */
async function allHeld(namespace: Namespace, eye: Eye, machines: number): Promise<number> {
  const endMs = performance.now() + PATIENCE_MS;
  for (let lookedAtMs = 0; ; ) {
    if (performance.now() > endMs) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${machines} machines`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const lastMs = eye.lastMs();
    const isQuiet = performance.now() - Math.max(lastMs, lookedAtMs) > QUIET_MS;
    if (eye.count() < machines && !isQuiet) continue;
    const held = await dumpCount(namespace);
    if (held === machines) return lastMs;
    if (held > machines) throw new Error(`the kernel holds ${held} machines of ${machines}`);
    lookedAtMs = performance.now();
  }
}

async function dumpCount(namespace: Namespace): Promise<number> {
  const argv = ["netns", "exec", namespace.name, "bridge", "fdb", "show"];
  const { stdout } = await promisify(execFile)("ip", argv, { maxBuffer: 256 * 1024 * 1024 });
  return stdout.split("\n").filter(isMachine).length;
}

/** The bridge's half of an entry; its own addresses and its ports' are permanent. */
function isMachine(line: string): boolean {
  return line.startsWith("02:00:") && line.includes(" master ") && !line.endsWith("permanent");
}

/** Counts the bridge's entries as they come. */
function watchFdb(namespace: Namespace): Eye {
  const child = spawn("ip", ["netns", "exec", namespace.name, "bridge", "monitor", "fdb"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let count = 0;
  let lastMs = 0;
  let rest = "";
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (isMachine(line)) count++;
    lastMs = performance.now();
  });
  return { count: () => count, lastMs: () => lastMs, close: () => void child.kill() };
}
