// The benches of a large network: one change to all of its hosts (fanout), and all of them coming back at once after the
// broker was away (storm). Every host is the real agent's copy of intent, over the real broker; they share one process, so
// that with a thousand the figures are this machine's rather than a fleet's.

import { type Round, type Row, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { percentile } from "./numbers.ts";
import { eachOf, openBenchWorld, type SimulatedHost, simulateHost, until } from "./world.ts";

const HOSTS = { quick: 50, full: 1000 } as const;

type Fleet = { readonly world: Awaited<ReturnType<typeof openBenchWorld>>; readonly hosts: readonly SimulatedHost[] };

async function openFleet(size: number, progress: BenchOptions["progress"]): Promise<Fleet> {
  progress(`${size} hosts: the cloud's side, identities, a machine on each`);
  const usable = Array.from({ length: size }, (_, at) => ({
    id: `h${at}`,
    vtep: `198.18.${Math.floor(at / 250)}.${(at % 250) + 1}`,
  }));
  const world = await openBenchWorld(usable);
  await world.declareAll(
    usable.map((_, at) => at),
    (n) => `h${n}`,
  );
  await world.runtime.settled();
  const hosts = await eachOf(usable, ({ id }) => simulateHost(world, id));
  await until("all hosts in sync", () => hosts.every(({ inSyncAtMs }) => inSyncAtMs > 0), 240_000);
  return { world, hosts };
}

async function closeFleet({ world, hosts }: Fleet): Promise<void> {
  await eachOf(hosts, (host) => host.close());
  await world.close();
}

/** Runs the bench; the rows are its answer. */
export async function runFanoutBench({ rounds, quick, progress }: BenchOptions): Promise<readonly Row[]> {
  const size = quick ? HOSTS.quick : HOSTS.full;
  const fleet = await openFleet(size, progress);
  const counted: Round[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      progress(`fanout: round ${round} of ${rounds}`);
      const n = 100_000 + round;
      const key = `endpoint/e${n}`;
      const fromMs = await fleet.world.declare(n, "h0");
      await until(`all hosts heard of ${key}`, () => fleet.hosts.every(({ heardAtMs }) => heardAtMs.has(key)));
      const tookMs = fleet.hosts.map(({ heardAtMs }) => Math.max(0, (heardAtMs.get(key) ?? 0) - fromMs));
      const figures = { p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99), maxMs: Math.max(...tookMs) };
      if (round > 0) counted.push({ ours: figures, peers: {} });
    }
  } finally {
    await closeFleet(fleet);
  }
  return [
    toRow(`1 change to ${size} hosts, from the 201 to the copy of each`, counted, {
      text: "last of 1,000 hosts < 1 s",
      met: ({ ours }) => (ours["maxMs"] ?? Number.POSITIVE_INFINITY) < 1000,
    }),
  ];
}

/** Runs the bench; the rows are its answer. */
export async function runStormBench({ rounds, quick, progress }: BenchOptions): Promise<readonly Row[]> {
  const size = quick ? HOSTS.quick : HOSTS.full;
  const fleet = await openFleet(size, progress);
  const counted: Round[] = [];
  try {
    for (let round = 1; round <= rounds; round++) {
      progress(`storm: round ${round} of ${rounds}`);
      await fleet.world.runtime.broker.stop();
      const n = 200_000 + round;
      // What happened meanwhile must be heard of too.
      await fleet.world.declare(n, "h0");
      const fromMs = performance.now();
      await fleet.world.runtime.broker.start();
      const key = `endpoint/e${n}`;
      const isBack = (host: SimulatedHost) => host.inSyncAtMs > fromMs && host.heardAtMs.has(key);
      await until("all hosts back and in sync", () => fleet.hosts.every(isBack), 240_000);
      const tookMs = fleet.hosts.map(({ inSyncAtMs }) => inSyncAtMs - fromMs);
      const figures = { p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99), maxMs: Math.max(...tookMs) };
      counted.push({ ours: figures, peers: {} });
    }
  } finally {
    await closeFleet(fleet);
  }
  return [
    toRow(`${size} hosts lose the broker and come back, until each is in sync and knows what it missed`, counted, {
      text: "all within 30 s",
      met: ({ ours }) => (ours["maxMs"] ?? Number.POSITIVE_INFINITY) < 30_000,
    }),
  ];
}
