// The benches of a large network: one change to all of its hosts (fanout), and all of them coming back at once after the
// broker was away (storm). The hosts are simulated (fleet-process.ts), in one process beside the cloud's side, so that with
// a thousand of them the figures are this machine's rather than a fleet's.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type Figures, type Round, type Row, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { bundleOf } from "./bundle.ts";
import { epochMs } from "../epoch.ts";
import type { FleetAsks, FleetSays } from "./fleet-process.ts";
import { percentile } from "./numbers.ts";
import { type BenchWorld, eachOf, openBenchWorld } from "./world.ts";

const HOSTS = { quick: 50, full: 1000 } as const;
const PATIENCE_MS = 240_000;

type Fleet = {
  readonly world: BenchWorld;
  /** When each host heard of a record, or with `syncedAfterMs`, was in sync after that. */
  all(watch: Omit<FleetAsks & { do: "watch" }, "do">): Promise<readonly number[]>;
  close(): Promise<void>;
};

/** Runs the bench; the rows are its answer. */
export async function runFanoutBench({ rounds, quick, progress }: BenchOptions): Promise<readonly Row[]> {
  const size = quick ? HOSTS.quick : HOSTS.full;
  const fleet = await openFleet(size, progress);
  const counted: Round[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      progress(`fanout: round ${round} of ${rounds}`);
      const n = 100_000 + round;
      const all = fleet.all({ key: `endpoint/e${n}` });
      await fleet.world.declare(n, "h0");
      const answeredMs = epochMs();
      const figures = figuresOf(await all, answeredMs);
      if (round > 0) counted.push({ ours: figures, peers: {} });
    }
  } finally {
    await fleet.close();
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
      const { broker } = fleet.world.runtime;
      await broker.stop();
      const n = 200_000 + round;
      // What happened meanwhile must be heard of too.
      await fleet.world.declare(n, "h0");
      const fromMs = epochMs();
      const all = fleet.all({ key: `endpoint/e${n}`, syncedAfterMs: fromMs });
      await broker.start();
      counted.push({ ours: figuresOf(await all, fromMs), peers: {} });
    }
  } finally {
    await fleet.close();
  }
  return [
    toRow(`${size} hosts lose the broker and come back, until each is in sync and knows what it missed`, counted, {
      text: "all within 30 s",
      met: ({ ours }) => (ours["maxMs"] ?? Number.POSITIVE_INFINITY) < 30_000,
    }),
  ];
}

function figuresOf(atMs: readonly number[], fromMs: number): Figures {
  const tookMs = atMs.map((at) => Math.max(0, at - fromMs));
  return { p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99), maxMs: Math.max(...tookMs) };
}

async function openFleet(size: number, progress: BenchOptions["progress"]): Promise<Fleet> {
  progress(`the cloud's side, ${size} hosts`);
  const hosts = Array.from({ length: size }, (_, at) => ({
    id: `h${at}`,
    vtep: `198.18.${Math.floor(at / 250)}.${(at % 250) + 1}`,
  }));
  const world = await openBenchWorld(hosts);
  const child = fork(await bundleOf("fleet-process"), [], { execArgv: [] });
  const close = async () => {
    child.disconnect();
    await once(child, "exit");
    await world.close();
  };
  try {
    progress("a machine on each");
    await world.declareAll(
      hosts.map((_, at) => at),
      (n) => `h${n}`,
    );
    await world.runtime.settled();
    progress("their identities");
    const identified = await eachOf(hosts, async ({ id }) => ({ id, identity: await world.identity(id) }));
    progress("their connections, until all are in sync");
    const inSync = next(child, (say) => say.said === "in-sync", "all hosts in sync");
    ask(child, { do: "open", url: world.runtime.brokerUrl, hosts: identified });
    await inSync;
  } catch (error) {
    await close();
    throw error;
  }
  return {
    world,
    close,
    all: async (watch) => {
      const what = `all hosts heard of ${watch.key}`;
      const answer = next(child, (say) => say.said === "all" && say.key === watch.key, what);
      ask(child, { do: "watch", ...watch });
      const say = await answer;
      return say.said === "all" ? say.atMs : [];
    },
  };
}

function ask(child: ChildProcess, asks: FleetAsks): void {
  child.send(asks);
}

/** The next thing that the process says of this kind. */
function next(child: ChildProcess, is: (say: FleetSays) => boolean, what: string): Promise<FleetSays> {
  return new Promise((resolve, reject) => {
    const hear = (say: FleetSays) => {
      if (is(say)) end(() => resolve(say));
    };
    const ended = () => end(() => reject(new Error("the hosts' process ended")));
    const late = setTimeout(
      () => end(() => reject(new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`))),
      PATIENCE_MS,
    );
    const end = (act: () => void) => {
      clearTimeout(late);
      child.off("message", hear).off("exit", ended);
      act();
    };
    child.on("message", hear).on("exit", ended);
  });
}
