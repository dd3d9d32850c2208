// The converge bench: from the API's 201 until the bridge of every other host of the network has the machine, by whole
// agents on real kernels over the real broker, store and functions; against FRR on every host with a route reflector, which
// does the same from a local `bridge fdb add`. One change at a time, and in a burst. Alternating, in one run.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Agent, startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import { httpSnapshots } from "../../edge-agent/intent/download.ts";
import { connectBroker } from "../../edge-agent/intent/mqtt.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { createMemoryNetwork } from "../../lab/demo/memory-network.ts";
import { FRR_DAEMONS } from "../../lab/frr.ts";
import type { Ipv4 } from "../../shared/address/ip.ts";
import { type Figures, type Round, type Row, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { type KernelHost, layWire, startFrr, type Wire } from "./kernels.ts";
import { type BenchWorld, clock, eachOf, macText, NO_REPLICA, openBenchWorld, percentile, until } from "./world.ts";

const HOSTS = 3;
const FRR = "FRR everywhere, route reflector";

/** One side: makes machine `n` known on the first host, and says when it did. */
type Side = { readonly hosts: readonly KernelHost[]; add(numbers: readonly number[]): Promise<number> };

/** Runs the bench; the rows are its answer. */
export async function runConvergeBench({ rounds, quick, only, progress }: BenchOptions): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("the converge bench makes network namespaces: run it as root");
  const closers: (() => Promise<void> | void)[] = [];
  try {
    progress("the cloud's side, agents on three hosts");
    const ours = await openOurs(closers);
    const hasFrr = existsSync(`${FRR_DAEMONS}/bgpd`);
    const theirs = hasFrr ? await openFrr(closers) : undefined;
    const missing = hasFrr ? undefined : "no FRR: apt-get install frr";
    let next = 1000;
    const numbers = (count: number) => Array.from({ length: count }, () => next++);
    const sizes = quick ? [1, 200] : [1, 1000, 10_000];
    const rows: Row[] = [];
    for (const size of sizes) {
      const name =
        size === 1 ? "one change at a time, until all kernels hold it" : `burst of ${size}, from the last 201`;
      if (only !== undefined && !name.includes(only)) continue;
      const counted: Round[] = [];
      for (let round = 0; round <= rounds; round++) {
        progress(`${name}: round ${round} of ${rounds}`);
        const times = size === 1 ? (quick ? 10 : 40) : 1;
        const figures = await measure(ours, { size, times, numbers });
        const peers: Record<string, Figures> = theirs ? { [FRR]: await measure(theirs, { size, times, numbers }) } : {};
        if (round > 0) counted.push({ ours: figures, peers });
      }
      rows.push(toRow(name, counted, targetOf(size), missing));
    }
    return rows;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

function targetOf(size: number) {
  if (size === 1) {
    return { text: "p99 < 250 ms", met: ({ ours }: Pick<Row, "ours">) => (ours["p99Ms"] ?? 1e9) < 250 };
  }
  return {
    text: "faster than FRR everywhere",
    met: ({ ratio }: Pick<Row, "ratio">) => (ratio[FRR]?.["wall"] ?? 2) < 1,
  };
}

async function measure(
  side: Side,
  { size, times, numbers }: { size: number; times: number; numbers: (count: number) => number[] },
): Promise<Figures> {
  const tookMs: number[] = [];
  const others = side.hosts.slice(1);
  for (let time = 0; time < times; time++) {
    const batch = numbers(size);
    const fromMs = await side.add(batch);
    const seen = (mac: string) => others.every(({ seenAtMs }) => seenAtMs.has(mac));
    const macs = batch.map(macText);
    await until(`${size} machines in all kernels`, () => macs.every(seen), 120_000);
    const last = Math.max(...macs.flatMap((mac) => others.map(({ seenAtMs }) => seenAtMs.get(mac) ?? 0)));
    // A batch's first entries may be there before its last 201; the last one can only just not.
    tookMs.push(Math.max(0, last - fromMs));
  }
  if (size > 1) return { wallS: percentile(tookMs, 0.5) / 1000 };
  return { p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99), maxMs: Math.max(...tookMs) };
}

async function openOurs(closers: (() => Promise<void> | void)[]): Promise<Side> {
  const wire = layWire("o", HOSTS);
  closers.push(() => wire.close());
  const ids = wire.hosts.map(({ address }, at) => ({ id: `h${at}`, vtep: address }));
  const world = await openBenchWorld(ids);
  closers.push(() => world.close());
  await world.declareAll(
    ids.map((_, at) => at),
    (n) => `h${n}`,
  );
  const agents = await eachOf(ids, ({ id }) => openAgent(world, id, wire));
  closers.push(async () => void (await eachOf(agents, (agent) => agent.close())));
  const isReady = ({ seenAtMs }: KernelHost) => ids.every((_, n) => seenAtMs.has(macText(n)));
  await until("the first machines in all kernels", () => wire.hosts.every(isReady), 120_000);
  return {
    hosts: wire.hosts,
    add: ([first = 0, ...more]) =>
      more.length === 0 ? world.declare(first, "h0") : world.declareAll([first, ...more], () => "h0"),
  };
}

async function openAgent(world: BenchWorld, id: string, wire: Wire): Promise<Agent> {
  const at = Number(id.slice(1));
  const { namespace, address } = wire.hosts[at] as KernelHost;
  const diary = createDiary(clock.wallMs, () => undefined);
  const options = { host: id, url: world.runtime.brokerUrl, identity: await world.identity(id) };
  const transport = createMemoryNetwork().at(address as Ipv4);
  return await startAgent({
    host: id,
    broker: connectBroker(options, { log: diary, clock, random: Math.random }),
    kernel: await createNetlinkKernel({ netns: namespace.name, log: () => undefined }),
    replica: NO_REPLICA,
    snapshots: httpSnapshots({ allowPlain: true, setTimer: clock.setTimer }),
    speaker: (listener) => createSpeaker({ transport, clock, random: Math.random, staleMs: 1000 }, listener),
    clock,
    random: Math.random,
    diary,
    identity: { version: "bench", startedAtMs: clock.wallMs(), kernel: "real" },
    compareEveryMs: 30_000,
  });
}

async function openFrr(closers: (() => Promise<void> | void)[]): Promise<Side> {
  // One more: the route reflector.
  const wire = layWire("f", HOSTS + 1);
  closers.push(() => wire.close());
  closers.push(await startFrr(wire));
  const hosts = wire.hosts.slice(0, -1);
  const [first] = hosts as [KernelHost];
  const add = (numbers: readonly number[]): number => {
    const lines = numbers.map((n) => `fdb add ${macText(n)} dev tap1 master static`).join("\n");
    const args = ["netns", "exec", first.namespace.name, "bridge", "-batch", "-"];
    const done = spawnSync("ip", args, { input: `${lines}\n`, encoding: "utf8" });
    if (done.status !== 0) throw new Error(done.stderr);
    return performance.now();
  };
  // Sessions are up once a first machine has come through.
  add([1]);
  const there = () => hosts.slice(1).every(({ seenAtMs }) => seenAtMs.has(macText(1)));
  await until("FRR's first machine in all kernels", there, 60_000);
  return { hosts, add: (numbers) => Promise.resolve(add(numbers)) };
}
