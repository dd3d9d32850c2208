// The fdb bench: the dataplane's normal path (desired -> tables -> kernel -> what the kernel says -> report) beside the
// tools that only write. Each measurement has a fresh namespace; sides alternate. The row of FRR's zebra, which gets its
// entries from an EVPN feed, is the BGP bench's, since there the feed is part of both sides.

import { runBgpBench } from "../bgp/bench.ts";
import { type Figures, type Round, type Row, type Target, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import type { Says } from "./dataplane.ts";
import { addLines, deleteLines, FdbLab } from "./lab.ts";

const BATCH = "bridge -batch";
const PACKED = "packed C";
const VTEPS = 200;
const MANY = 100_000;
const REPAIRS = 1000;
/** The BGP bench's cases that end in the kernel. */
const FROM_FEED = ", kernel";

type Side = (lab: FdbLab) => Promise<Figures>;
type Case = {
  readonly name: string;
  readonly ours: Side;
  readonly peers: Readonly<Record<string, Side>>;
  readonly target?: Target;
  readonly note?: string;
};

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
    name: "idle, ten networks",
    ours: async (lab) => {
      const dataplane = await lab.dataplane();
      await dataplane.do({ do: "want", entries: 100, vteps: 10, networks: 10 });
      return figuresOf(await dataplane.do({ do: "idle", forMs: 2000 }));
    },
    peers: {},
    target: { text: "rss <= 75 MiB (the dataplane alone)", met: (row) => (row.ours["rssMb"] ?? 99) <= 75 },
  },
];

/** Runs the cases that are asked for, then the BGP bench's row of the kernel. */
export async function runFdbBench(options: BenchOptions): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("the fdb bench makes network namespaces and needs root");
  const cases = CASES.filter((it) => it.name.includes(options.only ?? ""));
  const rounds = new Map<string, Round[]>(cases.map((it) => [it.name, []]));
  const lab = new FdbLab();
  let noPacked: string | undefined;
  try {
    await lab.build();
    ({ noPacked } = lab);
    for (let round = options.quick ? 1 : 0; round <= options.rounds; round++) {
      for (const { name, ours, peers } of cases) {
        const measured: Record<string, Figures> = {};
        const here = Object.entries(peers).filter(([peer]) => peer !== PACKED || noPacked === undefined);
        const sides = [["ours", ours] as const, ...here];
        // Every other round begins with the other side, so that what one leaves in caches favours nobody.
        for (const [side, measure] of round % 2 === 0 ? sides : sides.toReversed()) {
          const figures = await inFreshNamespace(lab, measure);
          measured[side] = figures;
          options.progress(
            `round ${round}${round === 0 ? " (warm-up)" : ""}: ${name}: ${side}: ${JSON.stringify(figures)}`,
          );
        }
        const { ours: own, ...others } = measured;
        if (round > 0 && own) rounds.get(name)?.push({ ours: own, peers: others });
      }
    }
  } finally {
    await lab.remove();
  }
  const rows = cases.map(({ name, peers, target, note }) =>
    toRow(name, rounds.get(name) ?? [], target, PACKED in peers && noPacked !== undefined ? noPacked : note),
  );
  const wanted = options.only === undefined || options.only.endsWith(FROM_FEED);
  return wanted ? [...rows, ...(await runBgpBench({ ...options, only: options.only ?? FROM_FEED }))] : rows;
}

async function inFreshNamespace(lab: FdbLab, measure: Side): Promise<Figures> {
  lab.reset();
  try {
    return await measure(lab);
  } finally {
    await lab.clear();
  }
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
