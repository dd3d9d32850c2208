// One run of the simulation: a seed, a plan, a storm, a healing, a verdict.
//
//   0 s            everything is made and started
//   1 s ..  60 s   requests and happenings at random moments, in the storm's weather
//   60 s ..        calm: every part is started again; within `HEAL_MS` all must be as the store intends

import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { createBroker, type SimBroker } from "./broker.ts";
import { createCloud, type SimCloud } from "./cloud.ts";
import { type Clockwork, createClockwork } from "./clockwork.ts";
import { CALM, describeWeather, drawWeather } from "./faults.ts";
import { startFabric } from "./fabric.ts";
import { createHost, type SimHost } from "./host.ts";
import { createTruth, type Truth, Violation } from "./truth.ts";
import { createWires, type Wires } from "./wires.ts";
import { createWorkload, type Plan } from "./workload.ts";

export type Verdict = {
  readonly seed: number;
  /** Why it failed; undefined: all held. */
  readonly failure: string | undefined;
  /** What happened, line by line. */
  readonly log: readonly string[];
  readonly events: number;
  /** How often each thing happened. */
  readonly tallies: ReadonlyMap<string, number>;
};

const STORM_FROM_MS = 1_000;
const STORM_TO_MS = 60_000;
const HEAL_MS = 240_000;

/** Runs the seed to its end. */
export async function runSeed(seed: number): Promise<Verdict> {
  const clockwork = createClockwork(seed);
  let failure: string | undefined;
  try {
    await simulate(clockwork);
  } catch (error) {
    failure = error instanceof Violation ? error.message : ((error as Error).stack ?? String(error));
    clockwork.note(`FAILED: ${failure}`);
  }
  return { seed, failure, log: clockwork.log, events: clockwork.events(), tallies: clockwork.tallies };
}

async function simulate(clockwork: Clockwork): Promise<void> {
  let weather = CALM;
  const problems: unknown[] = [];
  /** Runs work beside the clock; what it throws ends the run. */
  const beside = (work: Promise<unknown>): void => void work.catch((cause: unknown) => problems.push(cause));
  const until = (): boolean => problems.length > 0;
  const go = async (toMs: number, done: () => boolean = () => false): Promise<void> => {
    await clockwork.run(toMs, () => until() || done());
    if (problems.length > 0) throw problems[0];
  };

  const plan = drawPlan(clockwork);
  const truth = createTruth(() => clockwork.nowMs(), plan.fabric);
  const wires = createWires(clockwork);
  const lateCloud: { uplink?: SimCloud["uplink"] } = {};
  const broker = createBroker({
    clockwork,
    weather: () => weather,
    uplink: (host, lane, payload) => lateCloud.uplink?.(host, lane, payload),
  });
  const cloud = createCloud({
    clockwork,
    weather: () => weather,
    publish: (host, payload) => broker.publish(host, payload),
    changed: (change) => truth.heard(change),
  });
  lateCloud.uplink = (host, lane, payload) => cloud.uplink(host, lane, payload);

  if (plan.fabric) {
    const vnis = Array.from({ length: plan.networks }, (_, n) => 100 + n);
    startFabric({ clockwork, wires, hosts: plan.hosts, vnis });
  }
  const hosts = plan.hosts.map(({ id, vtep, ports }) =>
    createHost({
      id,
      vtep: address(vtep),
      ports,
      clockOffMs: clockwork.chance(0.3) ? clockwork.between(-600_000, 600_000) : 0,
      clockwork,
      weather: () => weather,
      broker,
      snapshots: {
        open: () => {
          throw new Error("no snapshots are offered");
        },
      },
      transport: (process) => wires.at(address(vtep), process),
      written: async (host) => {
        await truth.look(host).catch((cause: unknown) => problems.push(cause));
      },
      disturbed: (host) => truth.forget(host),
      died: (host) => wires.cut(host.vtep),
      warned: (host, kind, detail) => {
        // Nothing but a damaged message can make the sums differ: the order of a channel is kept by prev and version.
        if (kind !== "sync-diverged" || weather.corrupt > 0) return;
        problems.push(new Violation(`${host.id} diverged: ${detail}`));
      },
    }),
  );
  const workload = createWorkload({ clockwork, cloud, truth, plan });
  const world: World = { clockwork, broker, wires, hosts, beside };

  let prepared = false;
  beside(workload.prepare().then(() => (prepared = true)));
  for (const host of hosts) host.start();
  await go(STORM_FROM_MS * 20, () => prepared);

  weather = drawWeather(clockwork);
  clockwork.note(`weather: ${describeWeather(weather)}`);
  const startMs = clockwork.nowMs();
  for (let n = clockwork.between(10, 40); n > 0; n--) {
    clockwork.after(clockwork.between(0, STORM_TO_MS), () => beside(workload.act()));
  }
  for (let n = clockwork.between(0, 12); n > 0; n--) {
    clockwork.after(clockwork.between(0, STORM_TO_MS), () => beside(happening(world)));
  }
  const askReceipt = async () => {
    if (workload.changes.length === 0) return;
    const receipt = await cloud.request("GET", `/changes/${clockwork.pick(workload.changes.slice(-5))}`);
    clockwork.tally(`receipt ${typeof receipt?.body["state"] === "string" ? receipt.body["state"] : "unanswered"}`);
    if (receipt?.body["state"] === "live") await truth.toldLive(receipt.body as never, hosts);
  };
  for (let n = clockwork.between(5, 30); n > 0; n--) {
    clockwork.after(clockwork.between(0, STORM_TO_MS), () => beside(askReceipt()));
  }
  await go(startMs + STORM_TO_MS);

  weather = CALM;
  clockwork.note("calm");
  for (const host of hosts) {
    broker.mend(host.id);
    host.start();
  }
  await heal({ clockwork, cloud, truth, hosts, go, changes: workload.changes });
}

type World = {
  readonly clockwork: Clockwork;
  readonly broker: SimBroker;
  readonly wires: Wires;
  readonly hosts: readonly SimHost[];
  readonly beside: (work: Promise<unknown>) => void;
};

/** Something happens to some host, or to the broker. */
async function happening({ clockwork, broker, wires, hosts, beside }: World): Promise<void> {
  const host = clockwork.pick(hosts);
  const laterMs = clockwork.between(10, 30_000);
  const again = (act: () => void) => void clockwork.after(laterMs, act);
  const acts: Readonly<Record<string, () => void>> = {
    "agent killed": () => {
      host.kill();
      again(() => host.start());
    },
    "cut off": () => {
      broker.cut(host.id);
      again(() => broker.mend(host.id));
    },
    "cable to the ToR cut": () => wires.cut(host.vtep),
    "broker restarts": () => broker.restart(),
    "machine reboots": () => {
      host.reboot();
      again(() => host.start());
    },
    "another hand": () => beside(host.tamper()),
    "disk lost": () => {
      host.kill();
      host.wipeDisk();
      again(() => host.start());
    },
    "old disk image": () => {
      host.keepImage();
      again(() => {
        host.kill();
        host.restoreImage();
        host.start();
      });
    },
  };
  const name = clockwork.pick(Object.keys(acts));
  clockwork.tally(name);
  clockwork.note(`${host.id}: ${name}, for ${laterMs} ms`);
  acts[name]?.();
}

type Healing = {
  readonly clockwork: Clockwork;
  readonly cloud: SimCloud;
  readonly truth: Truth;
  readonly hosts: readonly SimHost[];
  readonly go: (toMs: number, done?: () => boolean) => Promise<void>;
  readonly changes: readonly string[];
};

/** All kernels equal the store's intent, and all receipts say so, within `HEAL_MS`. */
async function heal({ clockwork, cloud, truth, hosts, go, changes }: Healing): Promise<void> {
  const deadlineMs = clockwork.nowMs() + HEAL_MS;
  let differences: string[] = [];
  for (;;) {
    await go(clockwork.nowMs() + 5_000);
    differences = await compare(truth, hosts);
    if (differences.length === 0 && cloud.backlog() === 0) break;
    if (clockwork.nowMs() > deadlineMs) throw new Violation(`not healed: ${differences.slice(0, 5).join("; ")}`);
  }
  let waiting = [...changes];
  while (waiting.length > 0) {
    const [change = ""] = waiting;
    let answer: Awaited<ReturnType<SimCloud["request"]>>;
    let answered = false;
    void cloud.request("GET", `/changes/${change}`).then((got) => {
      answer = got;
      answered = true;
    });
    await go(clockwork.nowMs() + 60_000, () => answered);
    if (answer?.body["state"] === "live") {
      waiting = waiting.slice(1);
      continue;
    }
    if (clockwork.nowMs() > deadlineMs) throw new Violation(`a receipt is not live: ${JSON.stringify(answer?.body)}`);
    await go(clockwork.nowMs() + 2_000);
  }
}

async function compare(truth: Truth, hosts: readonly SimHost[]): Promise<string[]> {
  const differences: string[] = [];
  for (const host of hosts) {
    if (host.agent()?.view().mayDelete !== true) differences.push(`${host.id} does not know itself to be in sync`);
    const held = await truth.held(host);
    const wanted = new Map(
      truth.networks().flatMap((network) => {
        const lines = truth.wanted(host.id, network);
        return lines ? [[network.vni, lines] as const] : [];
      }),
    );
    for (const vni of new Set([...held.keys(), ...wanted.keys()])) {
      const has = held.get(vni)?.join(", ") ?? "nothing";
      const should = wanted.get(vni)?.join(", ") ?? "nothing";
      if (has !== should) differences.push(`${host.id} VNI ${vni} has ${has} and should have ${should}`);
    }
  }
  return differences;
}

function drawPlan(clockwork: Clockwork): Plan {
  const networks = clockwork.between(1, 3);
  const hosts = Array.from({ length: clockwork.between(2, 4) }, (_, n) => ({
    id: `h${n + 1}`,
    vtep: `192.0.2.${n + 1}`,
    ports: Array.from({ length: networks }, (_, net) => `tap${net}`),
  }));
  return { hosts, networks, endpoints: clockwork.between(3, 8), fabric: clockwork.chance(0.5) };
}

function address(text: string): IpAddress {
  return parseIp(text) ?? invalid(text);
}

function invalid(text: string): never {
  throw new RangeError(text);
}
