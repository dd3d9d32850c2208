// The converge bench: from the API's 201 until the bridge of every other host of the network has the machine, by whole
// agents on real kernels over the real broker, store and functions; against FRR on every host with a route reflector, which
// does the same from a local `bridge fdb add`. One change at a time, and in a burst. Then without the cloud, kernel to
// kernel: through an FRR ToR's EVPN alone, and where two hosts peer directly. Alternating, in one run.

import { existsSync } from "node:fs";
import { FRR_DAEMONS } from "../../lab/frr.ts";
import { type Figures, type Round, type Row, type Target, toRow } from "../form.ts";
import type { BenchOptions } from "../main.ts";
import type { KernelHost } from "./kernels.ts";
import { macText, percentile } from "./numbers.ts";
import { type Closers, openCloudSide, openDirectSide, openFrrSide, openSeamSide, type Side } from "./sides.ts";

const FRR = "FRR everywhere, route reflector";
const FRR_PAIR = "FRR to FRR";
const PATIENCE_MS = 120_000;
/** Seldom, since a dump keeps a kernel busy that is being measured. */
const LOOK_AGAIN_MS = 3_000;
const NO_FRR = "no FRR: apt-get install frr";

/** `size` machines at once, `times` times a round; `from`: when the clock starts. */
type Case = {
  readonly name: string;
  readonly size: number;
  readonly times: number;
  readonly from: "answered" | "kernel";
  readonly ours: "cloud" | "seam" | "direct";
  /** The name that FRR has in the row; absent: nobody does the like. */
  readonly peer?: string;
  readonly target: Target;
};

/** Runs the bench; the rows are its answer. */
export async function runConvergeBench({ rounds, quick, only, progress }: BenchOptions): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("the converge bench makes network namespaces: run it as root");
  const cases = casesOf(quick).filter(({ name }) => only === undefined || name.includes(only));
  const closers: Closers = [];
  const hasFrr = existsSync(`${FRR_DAEMONS}/bgpd`);
  try {
    const sides = new Map<Case["ours"] | "frr", Side>();
    const sideOf = async (name: Case["ours"] | "frr"): Promise<Side> => {
      const open = { cloud: openCloudSide, seam: openSeamSide, direct: openDirectSide, frr: openFrrSide }[name];
      const side = sides.get(name) ?? (await open(closers, progress));
      sides.set(name, side);
      return side;
    };
    let next = 1000;
    const numbers = (count: number) => Array.from({ length: count }, () => next++);
    const rows: Row[] = [];
    for (const each of cases) {
      if (each.ours === "seam" && !hasFrr) {
        progress(`${each.name}: left out, ${NO_FRR}`);
        continue;
      }
      const ours = await sideOf(each.ours);
      const theirs = each.peer !== undefined && hasFrr ? await sideOf("frr") : undefined;
      const counted: Round[] = [];
      // A warm-up round first, unless it is quick.
      for (let round = quick ? 1 : 0; round <= rounds; round++) {
        progress(`${each.name}: round ${round} of ${rounds}`);
        const figures = await measure(ours, each, numbers);
        const peers: Record<string, Figures> =
          theirs && each.peer !== undefined ? { [each.peer]: await measure(theirs, each, numbers) } : {};
        if (round > 0) counted.push({ ours: figures, peers });
      }
      rows.push(toRow(each.name, counted, each.target, each.peer !== undefined && !hasFrr ? NO_FRR : undefined));
    }
    return rows;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

function casesOf(quick: boolean): Case[] {
  const times = quick ? 10 : 40;
  const burst = (size: number): Case => ({
    name: `burst of ${size}, from the last 201`,
    size,
    times: 1,
    from: "answered",
    ours: "cloud",
    peer: FRR,
    target: {
      text: "faster than FRR everywhere",
      met: ({ ratio }) => (ratio[FRR]?.["wall"] ?? Number.POSITIVE_INFINITY) < 1,
    },
  });
  return [
    {
      name: "one change at a time, from the 201 until all kernels hold it",
      size: 1,
      times,
      from: "answered",
      ours: "cloud",
      peer: FRR,
      target: { text: "p99 < 250 ms", met: ({ ours }) => (ours["p99Ms"] ?? Number.POSITIVE_INFINITY) < 250 },
    },
    burst(1000),
    ...(quick ? [] : [burst(10_000)]),
    {
      name: "one change between two hosts through an FRR ToR's EVPN alone, kernel to kernel",
      size: 1,
      times,
      from: "kernel",
      ours: "seam",
      peer: FRR_PAIR,
      target: { text: "p50 <= 65 ms", met: ({ ours }) => (ours["p50Ms"] ?? Number.POSITIVE_INFINITY) <= 65 },
    },
    {
      name: "one change between two hosts that peer directly, kernel to kernel",
      size: 1,
      times,
      from: "kernel",
      ours: "direct",
      target: { text: "p50 < 10 ms", met: ({ ours }) => (ours["p50Ms"] ?? Number.POSITIVE_INFINITY) < 10 },
    },
  ];
}

async function allHeld(hosts: readonly KernelHost[], macs: readonly string[]): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  for (let lookedAtMs = performance.now(); ; ) {
    const missing = () => hosts.filter(({ seenAtMs }) => !macs.every((mac) => seenAtMs.has(mac)));
    if (missing().length === 0) return;
    if (performance.now() > endMs) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${macs.length} machines`);
    await new Promise((resolve) => setTimeout(resolve, macs.length > 1 ? 50 : 5));
    if (performance.now() - lookedAtMs < LOOK_AGAIN_MS) continue;
    await Promise.all(missing().map((host) => host.lookAgain()));
    lookedAtMs = performance.now();
  }
}

async function measure(
  side: Side,
  { size, times, from }: Case,
  numbers: (count: number) => number[],
): Promise<Figures> {
  const tookMs: number[] = [];
  const declaredMs: number[] = [];
  const [first, ...others] = side.hosts;
  for (let time = 0; time < times; time++) {
    const batch = numbers(size);
    const macs = batch.map(macText);
    const answeredMs = await side.add(batch);
    const last = (hosts: typeof others) =>
      Math.max(...macs.flatMap((mac) => hosts.map((it) => it.seenAtMs.get(mac) ?? 0)));
    const watched = from === "kernel" && first ? [first, ...others] : others;
    await allHeld(watched, macs);
    const fromMs = from === "kernel" && first ? last([first]) : answeredMs;
    // Without a cloud the answer is the declaration itself.
    declaredMs.push(last(others) - answeredMs);
    // A burst's first entries may be there before its last 201; the last one can only just not.
    tookMs.push(Math.max(0, last(others) - fromMs));
  }
  if (size > 1) return { wallS: Math.max(0.001, percentile(tookMs, 0.5) / 1000) };
  return {
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    maxMs: Math.max(...tookMs),
    // An agent tells its peers while it writes its own kernel: of two kernels the other one may be the first.
    ...(from === "kernel" && side.declares ? { fromDeclaredP50Ms: percentile(declaredMs, 0.5) } : {}),
  };
}
