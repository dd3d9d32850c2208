// The BGP bench: the same pre-encoded feed for this speaker, FRR and GoBGP, each in a fresh namespace and a fresh process,
// alternating. A session is up for 1.6 s before it is loaded, because FRR holds back its first table for about 1.2 s and
// would be measured asleep. How a figure is taken is in usage.ts.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figures, Row, Target } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { type Case as AnyCase, runRounds, type Side as AnySide } from "../rounds.ts";
import { encodeFeed, type FeedType, routesFrom } from "./feed.ts";
import { FEEDER, Lab, RECEIVER, SECOND } from "./lab.ts";
import { lastActivity, usageOf } from "./usage.ts";

const BEFORE_LOAD_MS = 1600;
/** GoBGP takes seconds for 10,000 routes of type 2, and on a busy machine a kernel does for 100,000. */
const LOAD_WITHIN_MS = 120_000;

type Side = AnySide<Lab>;
type Case = AnyCase<Lab> & {
  /** Left out of `--quick`. */
  readonly long?: true;
};

/** What a receiver is, apart from its load. */
type Receiver = {
  start(lab: Lab): void | Promise<void>;
  count(lab: Lab): number | Promise<number>;
  /** Once, before the load. */
  watch?(): void;
  /** What is known of it alone, after the load. */
  figures?(): Promise<Figures>;
};

const FRR = "frr";
const GOBGP = "gobgpd";

const CASES: readonly Case[] = [
  receive("RT-2 10k, table", "mac", 10_000, { [FRR]: frrTable, [GOBGP]: gobgpTable }, atMost("cpu", GOBGP, 0.1)),
  receive(
    "RT-2 100k, table",
    "mac",
    100_000,
    { [FRR]: frrTable },
    {
      text: "cpu <= 1.0 and rss <= 0.8 of frr (bgpd and zebra)",
      met: ({ ratio }) => ratioOf(ratio, FRR, "cpu") <= 1 && ratioOf(ratio, FRR, "rss") <= 0.8,
    },
  ),
  { ...receive("RT-2 500k, table", "mac", 500_000, { [FRR]: frrTable }, atMost("cpu", FRR, 1)), long: true },
  receive("RT-5 100k, table", "prefix", 100_000, { [FRR]: frrTable, [GOBGP]: gobgpTable }, atMost("cpu", FRR, 1)),
  intoKernel("RT-2 100k, kernel", "mac", 100_000),
  intoKernel("RT-2 10k with neighbours, kernel", "mac-ip", 10_000),
  intoKernel("RT-2 100k with neighbours, kernel", "mac-ip", 100_000),
  {
    name: "send 100k, 4096-octet messages",
    ours: (lab) => oursSends(lab, false),
    peers: { [FRR]: (lab) => frrSends(lab, false) },
    target: sending(),
  },
  {
    name: "send 100k, extended messages",
    ours: (lab) => oursSends(lab, true),
    peers: { [FRR]: (lab) => frrSends(lab, true) },
    target: sending(),
  },
  {
    name: "one route through an FRR reflector",
    ours: oursThroughReflector,
    peers: { "the reflector alone": reflectorAlone },
    target: atMost("wall", "the reflector alone", 1.2),
  },
];

/** Runs the cases that are asked for; a peer that is not installed is named in the row. */
export async function runBgpBench(options: BenchOptions): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("the BGP bench makes network namespaces and needs root");
  const cases = CASES.filter((it) => !(options.quick && it.long) && it.name.includes(options.only ?? ""));
  const hasGobgp = existsSync("/usr/bin/gobgpd");
  const hasFrr = existsSync("/usr/lib/frr/bgpd");
  const away = (peer: string): string | undefined => {
    if (peer === GOBGP) return hasGobgp ? undefined : `no ${peer}: apt-get install gobgpd`;
    return hasFrr ? undefined : `no ${peer}: apt-get install frr`;
  };
  const lab = new Lab();
  try {
    await lab.build();
    return await runRounds(lab, cases, { ...options, away });
  } finally {
    await lab.remove();
  }
}

/** The same with zebra and the kernel behind it, on both sides: entries, and neighbours where the feed has IPs. */
function intoKernel(name: string, type: FeedType, count: number): Case {
  const neighbours = type === "mac-ip";
  const each = async (figures: Promise<Figures>): Promise<Figures> => {
    const all = await figures;
    return { ...all, usEach: ((all["cpuS"] ?? 0) * 1e6) / count };
  };
  return {
    name,
    ours: (lab) => each(load(lab, () => oursKernel(neighbours), type, count)),
    peers: { [FRR]: (lab) => each(load(lab, () => frrKernel(neighbours), type, count)) },
    target: {
      text: "cpu <= 0.5 and rss <= 0.8 of frr (bgpd and zebra), cpu <= 8 us a route",
      met: ({ ours, ratio }) =>
        ratioOf(ratio, FRR, "cpu") <= 0.5 &&
        ratioOf(ratio, FRR, "rss") <= 0.8 &&
        (ours["cpuS"] ?? 9) <= (8 * count) / 1e6,
    },
  };
}

function receive(
  name: string,
  type: FeedType,
  count: number,
  peers: Readonly<Record<string, () => Receiver>>,
  target: Target,
): Case {
  const side =
    (receiver: () => Receiver): Side =>
    (lab) =>
      load(lab, receiver, type, count);
  return {
    name,
    ours: side(oursTable),
    peers: Object.fromEntries(Object.entries(peers).map(([peer, receiver]) => [peer, side(receiver)])),
    target,
  };
}

/** From the first octet of the feed until the receiver holds all of it and rests. */
async function load(lab: Lab, make: () => Receiver, type: FeedType, count: number): Promise<Figures> {
  const receiver = make();
  await receiver.start(lab);
  const feeder = lab.feeder({ to: RECEIVER, from: FEEDER, feed: feedFile(lab, type, count), extended: false });
  await feeder.take("established");
  await sleep(BEFORE_LOAD_MS);
  const pids = lab.pids();
  const before = usageOf(pids);
  receiver.watch?.();
  feeder.tell("send");
  const { atMs: startMs } = await feeder.take("sending");
  const end = await lastActivity(pids, async () => (await receiver.count(lab)) === count, LOAD_WITHIN_MS);
  return {
    wallS: (end.atMs - startMs) / 1000,
    cpuS: end.cpuS - before.cpuS,
    rssMb: usageOf(pids).peakRssMb,
    rssBeforeMb: before.rssMb,
    ...(await receiver.figures?.()),
  };
}

const feeds = new Map<string, string>();

function feedFile(lab: Lab, type: FeedType, count: number): string {
  const path = join(lab.dir, `${type}-${count}.bin`);
  if (!feeds.has(path)) writeFileSync(path, encodeFeed(routesFrom(FEEDER, type, count)));
  feeds.set(path, path);
  return path;
}

function oursTable(): Receiver {
  return oursAs("table", async (_, speaker) => {
    speaker.tell("report");
    return (await speaker.take("report")).routesIn;
  });
}

function oursKernel(neighbours: boolean): Receiver {
  return oursAs("kernel", (lab) => inKernel(lab, { vxlan: "ovx100", bridge: "ovbr100", neighbours }));
}

/** Routes of which all that is made of them is in the kernel. */
function inKernel(
  lab: Lab,
  devices: { readonly vxlan: string; readonly bridge: string; readonly neighbours: boolean },
): number {
  const entries = lab.kernelRoutes(devices.vxlan);
  return devices.neighbours ? Math.min(entries, lab.kernelNeighbours(devices.bridge)) : entries;
}

function oursAs(
  form: "table" | "kernel",
  count: (lab: Lab, speaker: ReturnType<Lab["speaker"]>) => number | Promise<number>,
): Receiver {
  let speaker: ReturnType<Lab["speaker"]> | undefined;
  return {
    start(lab) {
      speaker = lab.speaker({ form, own: RECEIVER, peer: FEEDER, connect: false, exports: 0 });
    },
    count: (lab) => (speaker ? count(lab, speaker) : 0),
    watch: () => speaker?.tell("watch"),
    figures: async () => {
      speaker?.tell("report");
      return { gapMs: (await speaker?.take("report"))?.longestGapMs ?? 0 };
    },
  };
}

function frrTable(): Receiver {
  return { start: (lab) => lab.frr("receiver"), count: (lab) => lab.frrRoutes() };
}

function frrKernel(neighbours: boolean): Receiver {
  return {
    start: (lab) => lab.frr("kernel"),
    count: (lab) => inKernel(lab, { vxlan: "vx100", bridge: "br100", neighbours }),
  };
}

function gobgpTable(): Receiver {
  return { start: (lab) => lab.gobgp(), count: (lab) => lab.gobgpRoutes() };
}

/** Our own 100,000 routes to a peer that only counts. */
async function oursSends(lab: Lab, extended: boolean): Promise<Figures> {
  const speaker = lab.speaker({ form: "table", own: RECEIVER, peer: SECOND, connect: false, exports: 100_000 });
  // The reflector has its routes ready too before its time begins.
  await speaker.take("ready");
  await sleep(BEFORE_LOAD_MS);
  return sink(lab, extended);
}

/** The same routes, reflected: the only way in which FRR has so many without a kernel behind it. */
async function frrSends(lab: Lab, extended: boolean): Promise<Figures> {
  lab.frr("reflector");
  const feeder = lab.feeder({ to: RECEIVER, from: FEEDER, feed: feedFile(lab, "mac", 100_000), extended: false });
  await feeder.take("established");
  await sleep(BEFORE_LOAD_MS);
  feeder.tell("send");
  await lastActivity(lab.pids(), () => lab.frrRoutes() === 100_000, LOAD_WITHIN_MS);
  return sink(lab, extended);
}

async function sink(lab: Lab, extended: boolean): Promise<Figures> {
  const pids = lab.pids();
  const before = usageOf(pids);
  const counter = lab.feeder({ to: RECEIVER, from: SECOND, extended });
  const { atMs } = await counter.take("established");
  let report = { routes: 0, updates: 1, firstMs: atMs, lastMs: atMs };
  const end = await lastActivity(
    pids,
    async () => {
      counter.tell("report");
      report = await counter.take("report");
      return report.routes === 100_000;
    },
    LOAD_WITHIN_MS,
  );
  return {
    wallS: (report.lastMs - atMs) / 1000,
    firstS: (report.firstMs - atMs) / 1000,
    cpuS: end.cpuS - before.cpuS,
    rssMb: usageOf(pids).peakRssMb,
    routesPerUpdate: report.routes / report.updates,
  };
}

/** One speaker of ours announces, the reflector reflects, another speaker of ours hears. */
async function oursThroughReflector(lab: Lab): Promise<Figures> {
  lab.frr("reflector");
  const common = { form: "table", peer: RECEIVER, connect: true, exports: 0 } as const;
  const from = lab.speaker({ ...common, own: FEEDER }, "tx");
  const to = lab.speaker({ ...common, own: SECOND }, "tx");
  await Promise.all([from.take("established"), to.take("established")]);
  await sleep(BEFORE_LOAD_MS);
  from.tell("announce");
  const [announcing, heard] = await Promise.all([from.take("announcing"), to.take("first-route")]);
  return { wallS: (heard.atMs - announcing.atMs) / 1000 };
}

/** The same with raw sockets on both ends: what the reflector itself takes. */
async function reflectorAlone(lab: Lab): Promise<Figures> {
  lab.frr("reflector");
  const common = { to: RECEIVER, extended: false };
  const from = lab.feeder({ ...common, from: FEEDER, feed: feedFile(lab, "mac", 1) });
  const to = lab.feeder({ ...common, from: SECOND });
  await Promise.all([from.take("established"), to.take("established")]);
  await sleep(BEFORE_LOAD_MS);
  from.tell("send");
  const { atMs } = await from.take("sending");
  await sleep(500);
  to.tell("report");
  const { routes, firstMs } = await to.take("report");
  if (routes !== 1) throw new Error(`the reflector sent ${routes} routes instead of one`);
  return { wallS: (firstMs - atMs) / 1000 };
}

function sending(): Target {
  return {
    text: "first route within 0.2 s of Established, as many routes per UPDATE as frr",
    // FRR packs to within one route of what fits.
    met: ({ ours, ratio }) => (ours["firstS"] ?? 1) <= 0.2 && ratioOf(ratio, FRR, "routesPerUpdate") >= 0.99,
  };
}

function atMost(figure: string, peer: string, limit: number): Target {
  return { text: `${figure} <= ${limit} of ${peer}`, met: ({ ratio }) => ratioOf(ratio, peer, figure) <= limit };
}

function ratioOf(ratio: Row["ratio"], peer: string, figure: string): number {
  return ratio[peer]?.[figure] ?? Number.POSITIVE_INFINITY;
}
