// One run of the simulation: a seed, a plan, a storm, a healing, a verdict.
//
//   0 s     everything is made and started, and nothing fails
//   then    the storm: requests and happenings at random moments, in the weather that was drawn
//   then    calm: every part is started again; within `HEAL_MS` all must be as the store intends
//
// Most worlds are small and their storms short and dense, since what a fault breaks mostly needs two hosts, two requests
// and no more; some last a minute, for what only time brings about, and some of those are larger.

import { type IpAddress, parseIp } from "../../shared/address/ip.ts";
import { createBroker, type SimBroker } from "./broker.ts";
import { createCloud, type SimCloud } from "./cloud.ts";
import { type Clockwork, createClockwork } from "./clockwork.ts";
import {
  CALM,
  describeWeather,
  drawWeather,
  type Fault,
  HAPPENINGS,
  type Happening,
  happening as happens,
} from "./faults.ts";
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

/** Requests are done within so long while nothing fails. */
const PREPARED_MS = 20_000;
const HEAL_MS = 240_000;

/** How much of each there is, from and to. */
type Scale = {
  readonly weight: number;
  readonly hosts: Range;
  readonly networks: Range;
  readonly endpoints: Range;
  readonly requests: Range;
  readonly happenings: Range;
  readonly receipts: Range;
  readonly stormMs: number;
};
type Range = readonly [from: number, to: number];

const SCALES = {
  small: {
    weight: 80,
    hosts: [2, 3],
    networks: [1, 2],
    endpoints: [2, 4],
    requests: [4, 10],
    happenings: [0, 5],
    receipts: [2, 8],
    stormMs: 15_000,
  },
  long: {
    weight: 10,
    hosts: [2, 2],
    networks: [1, 2],
    endpoints: [2, 4],
    requests: [4, 12],
    happenings: [2, 8],
    receipts: [2, 10],
    stormMs: 60_000,
  },
  large: {
    weight: 10,
    hosts: [2, 4],
    networks: [1, 3],
    endpoints: [3, 8],
    requests: [10, 40],
    happenings: [0, 12],
    receipts: [5, 30],
    stormMs: 60_000,
  },
} as const satisfies Record<string, Scale>;

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

  const scale = drawScale(clockwork);
  const plan = drawPlan(clockwork, scale);
  const truth = createTruth(clockwork, plan.fabric);
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
      clockOffMs: happens(clockwork, "wrong clock", 0.3) ? clockwork.between(-600_000, 600_000) : 0,
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
        // Nothing but a damaged message can make the sums differ: the order of a channel is kept by prev and version. Once one
        // was taken, the agent may find out at any later time.
        if (kind !== "sync-diverged" || clockwork.tallies.has("message damaged" satisfies Fault)) return;
        problems.push(new Violation(`${host.id} diverged: ${detail}`));
      },
    }),
  );
  const workload = createWorkload({ clockwork, cloud, truth, plan });
  const world: World = { clockwork, broker, wires, hosts, beside, longestMs: scale.stormMs / 2 };

  let prepared = false;
  beside(workload.prepare().then(() => (prepared = true)));
  for (const host of hosts) host.start();
  await go(PREPARED_MS, () => prepared);

  weather = drawWeather(clockwork);
  clockwork.note(`weather: ${describeWeather(weather)}`);
  const startMs = clockwork.nowMs();
  const { stormMs } = scale;
  const within = (range: Range, act: () => void): void => {
    for (let n = clockwork.between(...range); n > 0; n--) clockwork.after(clockwork.between(0, stormMs), act);
  };
  within(scale.requests, () => beside(workload.act()));
  within(scale.happenings, () => happening(world));
  const askReceipt = async () => {
    if (workload.changes.length === 0) return;
    // Mostly the answer comes in the moment in which the change is first said to be live: then a false one is seen.
    const wait = clockwork.chance(0.7) ? `?wait=live&timeoutMs=${clockwork.between(500, 5_000)}` : "";
    const receipt = await cloud.request("GET", `/changes/${clockwork.pick(workload.changes.slice(-3))}${wait}`);
    clockwork.tally(`receipt ${typeof receipt?.body["state"] === "string" ? receipt.body["state"] : "unanswered"}`);
    if (receipt?.body["state"] === "live") await truth.toldLive(receipt.body as never, hosts);
  };
  within(scale.receipts, () => beside(askReceipt()));
  await go(startMs + stormMs);

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
  /** What is cut off or gone comes back within so long. */
  readonly longestMs: number;
};

/** Something happens to some host, or to the broker. */
function happening({ clockwork, broker, wires, hosts, beside, longestMs }: World): void {
  const host = clockwork.pick(hosts);
  const laterMs = clockwork.between(10, longestMs);
  const again = (act: () => void) => void clockwork.after(laterMs, act);
  const acts: Readonly<Record<Happening, () => void>> = {
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
  const name = clockwork.pick(HAPPENINGS);
  clockwork.tally(name);
  clockwork.note(`${host.id}: ${name}, for ${laterMs} ms`);
  acts[name]();
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
  const differences = truth.orphans().map((path) => `${path} is in a network that is gone`);
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

function drawScale(clockwork: Clockwork): Scale {
  const weights = Object.values(SCALES).reduce((sum, { weight }) => sum + weight, 0);
  let at = clockwork.between(0, weights - 1);
  const [name, scale] = Object.entries(SCALES).find(([, { weight }]) => (at -= weight) < 0) ?? ["small", SCALES.small];
  clockwork.tally(`${name} world`);
  return scale;
}

function drawPlan(clockwork: Clockwork, scale: Scale): Plan {
  const networks = clockwork.between(...scale.networks);
  const hosts = Array.from({ length: clockwork.between(...scale.hosts) }, (_, n) => ({
    id: `h${n + 1}`,
    vtep: `192.0.2.${n + 1}`,
    ports: Array.from({ length: networks }, (_, net) => `tap${net}`),
  }));
  return { hosts, networks, endpoints: clockwork.between(...scale.endpoints), fabric: clockwork.chance(0.5) };
}

function address(text: string): IpAddress {
  return parseIp(text) ?? invalid(text);
}

function invalid(text: string): never {
  throw new RangeError(text);
}
