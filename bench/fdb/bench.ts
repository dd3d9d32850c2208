// The fdb bench: the dataplane's normal path (desired -> tables -> kernel -> what the kernel says -> report) beside the
// tools that only write. Each measurement has a fresh namespace; sides alternate. The row of FRR's zebra, which gets its
// entries from an EVPN feed, is the BGP bench's, since there the feed is part of both sides.

import { runBgpBench } from "../bgp/bench.ts";
import type { Figures, Row, Target } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import { type Case as AnyCase, runRounds } from "../rounds.ts";
import { agentAtRest, agentTwice } from "./agent.ts";
import type { Says } from "./dataplane.ts";
import { addLines, deleteLines, FdbLab } from "./lab.ts";

const BATCH = "bridge -batch";
const PACKED = "packed C";
const VTEPS = 200;
const MANY = 100_000;
const REPAIRS = 1000;
/** The BGP bench's cases that end in the kernel. */
const FROM_FEED = ", kernel";

type Case = AnyCase<FdbLab>;

const CASES: readonly Case[] = [
  insert("10k entries, normal path", 10_000, { text: `wall <= 0.5 of ${BATCH}`, met: fastEnough }),
  insert("100k entries, normal path", MANY, {
    text: `wall <= 0.5 of ${BATCH}, cpu <= 2 of ${PACKED}, gap <= 50 ms, rss <= 200 MiB`,
    met: (row) =>
      fastEnough(row) && (row.ratio[PACKED]?.["cpu"] ?? 0) <= 2 && gapMet(row) && (row.ours["rssMb"] ?? 0) <= 200,
  }),
  {
    name: "100k entries, plain destinations",
    ours: (lab) => oursInserts(lab, MANY, "dst"),
    peers: {},
    note: "what kernels without fdb nexthops get",
  },
  adopt("adoption of 100k entries, one network", 1),
  adopt("adoption of 100k entries, ten networks", 10),
  {
    name: "repair of 1,000 deleted entries of 100k",
    ours: repair,
    peers: {},
    target: { text: "all back within 1 s, gap <= 50 ms", met: (row) => (row.ours["wallS"] ?? 9) <= 1 && gapMet(row) },
  },
  {
    name: "withdrawal of one VTEP of 200, 100k entries",
    ours: async (lab) => {
      const dataplane = await lab.dataplane();
      await dataplane.do({ do: "want", entries: MANY, vteps: VTEPS, networks: 1 });
      return figuresOf(await dataplane.do({ do: "withdraw", vtep: 3, entries: MANY, vteps: VTEPS }));
    },
    peers: {
      [BATCH]: async (lab) => {
        lab.makeDevices();
        lab.batch(addLines(MANY, VTEPS).fdb);
        return lab.batch(deleteLines(3, VTEPS, MANY / VTEPS));
      },
    },
    target: {
      text: `cpu <= 1 of ${BATCH}, gap <= 50 ms`,
      met: (row) => (row.ratio[BATCH]?.["cpu"] ?? 9) <= 1 && gapMet(row),
    },
  },
  {
    name: "one MAC moves between VTEPs, 100 times, among 100k",
    ours: async (lab) => {
      const dataplane = await lab.dataplane();
      await dataplane.do({ do: "want", entries: MANY, vteps: VTEPS, networks: 1 });
      return figuresOf(await dataplane.do({ do: "moves", count: 100 }));
    },
    peers: {},
    target: { text: "wall <= 1 ms each", met: (row) => (row.ours["wallS"] ?? 9) <= 0.1 },
  },
  {
    name: "agent, idle with ten networks",
    ours: (lab) => agentAtRest(lab, { endpoints: 100, networks: 10, vteps: 10 }),
    peers: {},
    target: { text: "rss <= 75 MiB", met: (row) => (row.ours["rssMb"] ?? 99) <= 75 },
    note: "the whole agent with its broker, 6 s after all is live",
  },
  {
    name: "agent, 100k endpoints of ten networks, killed and started again",
    ours: (lab) => agentTwice(lab, { endpoints: MANY, networks: 10, vteps: VTEPS }),
    peers: {},
    target: { text: "rss <= 200 MiB (peak)", met: (row) => (row.ours["rssMb"] ?? 999) <= 200 },
    note: "the whole agent, from its start to the report that proves all of it; againS: the second one, which takes over",
  },
];

/** Runs the cases that are asked for, then the BGP bench's rows of the kernel. */
export async function runFdbBench(options: BenchOptions): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("the fdb bench makes network namespaces and needs root");
  const cases = CASES.filter((it) => it.name.includes(options.only ?? ""));
  const lab = new FdbLab();
  const rows: Row[] = [];
  try {
    await lab.build();
    const away = (peer: string): string | undefined => (peer === PACKED ? lab.noPacked : undefined);
    rows.push(...(await runRounds(lab, cases, { ...options, away })));
  } finally {
    await lab.remove();
  }
  const wanted = options.only === undefined || options.only.endsWith(FROM_FEED);
  return wanted ? [...rows, ...(await runBgpBench({ ...options, only: options.only ?? FROM_FEED }))] : rows;
}

function insert(name: string, entries: number, target: Target): Case {
  return {
    name,
    ours: (lab) => oursInserts(lab, entries, "nexthop"),
    peers: {
      [BATCH]: async (lab) => {
        lab.makeDevices();
        const { fdb, neigh } = addLines(entries, VTEPS);
        return each(lab.batch(fdb, neigh), entries);
      },
      [PACKED]: async (lab) => {
        lab.makeDevices();
        return each(lab.packed(entries, VTEPS), entries);
      },
    },
    target,
  };
}

async function oursInserts(lab: FdbLab, entries: number, tunnelForm: "nexthop" | "dst"): Promise<Figures> {
  const dataplane = await lab.dataplane({ tunnelForm });
  return each(figuresOf(await dataplane.do({ do: "want", entries, vteps: VTEPS, networks: 1 })), entries);
}

/** With the CPU time of one machine: its entry and its neighbour. */
function each(figures: Figures, entries: number): Figures {
  return { ...figures, usEach: ((figures["cpuS"] ?? 0) * 1e6) / entries };
}

/** A new process finds what an earlier one left, and is told the same by intent. */
function adopt(name: string, networks: number): Case {
  return {
    name,
    ours: async (lab) => {
      const command = { do: "want", entries: MANY, vteps: VTEPS, networks } as const;
      const first = await lab.dataplane();
      await first.do(command);
      await first.end();
      const said = await (await lab.dataplane()).do(command);
      return { ...figuresOf(said), writes: said.applied };
    },
    peers: {},
    target: {
      text: "wall <= 2 s, no write, gap <= 50 ms",
      met: (row) => (row.ours["wallS"] ?? 9) <= 2 && row.ours["writes"] === 0 && gapMet(row),
    },
  };
}

/** Both halves of 1,000 entries are deleted by hand; the time counts from then on. */
async function repair(lab: FdbLab): Promise<Figures> {
  const dataplane = await lab.dataplane();
  await dataplane.do({ do: "want", entries: MANY, vteps: VTEPS, networks: 1 });
  const repaired = dataplane.do({ do: "repaired", count: REPAIRS });
  const { wallS = 0 } = lab.batch(deleteLines(0, 7, REPAIRS));
  const figures = figuresOf(await repaired);
  return { ...figures, wallS: Math.max(0, (figures["wallS"] ?? 0) - wallS) };
}

function figuresOf({ wallS, cpuS, systemS, rssMb, longestGapMs }: Says): Figures {
  return { wallS, cpuS, systemS, rssMb, gapMs: longestGapMs };
}

function fastEnough({ ratio }: Pick<Row, "ratio">): boolean {
  return (ratio[BATCH]?.["wall"] ?? 9) <= 0.5;
}

function gapMet({ ours }: Pick<Row, "ours">): boolean {
  return (ours["gapMs"] ?? 99) <= 50;
}
