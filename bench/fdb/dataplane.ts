// The measured side of the fdb bench, a process of its own: the dataplane's normal path (change -> tables -> kernel ->
// notifications -> report) in the namespace that it is started in. Reads commands and writes figures as JSON lines.

import { createInterface } from "node:readline";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import type { DesiredChange, MacTarget } from "../../edge-agent/dataplane/desired.ts";
import { createReconciler } from "../../edge-agent/dataplane/reconciler.ts";
import type { DataplaneReport } from "../../edge-agent/dataplane/report.ts";
import { ownerMark } from "../../edge-agent/dataplane/state.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import { entryOf, LOCAL, VNI, vtepOf } from "./entries.ts";

export type DataplaneOptions = {
  /** Entries of plain destinations, in place of nexthops. */
  readonly tunnelForm?: "nexthop" | "dst";
};

/** What is measured: until the report says that all of it is in the kernel and was told back by it. */
export type Command =
  /** Makes networks wanted, with so many MACs and as many neighbours in all, behind so many VTEPs. */
  | { readonly do: "want"; readonly entries: number; readonly vteps: number; readonly networks: number }
  /** Takes back all MACs behind one VTEP. */
  | { readonly do: "withdraw"; readonly vtep: number; readonly entries: number; readonly vteps: number }
  /** Waits until so many repairs were counted. */
  | { readonly do: "repaired"; readonly count: number }
  /** Takes one MAC to another VTEP and back, so often. */
  | { readonly do: "moves"; readonly count: number }
  | { readonly do: "idle"; readonly forMs: number };

export type Says = {
  readonly event: "ready" | "done";
  readonly wallS: number;
  readonly cpuS: number;
  /** Of `cpuS`, what the kernel took for it. */
  readonly systemS: number;
  readonly longestGapMs: number;
  readonly rssMb: number;
  readonly applied: number;
  readonly repairs: number;
};

const options = JSON.parse(process.argv[2] ?? "{}") as DataplaneOptions;
const kernel = await createNetlinkKernel({ log: (text) => void process.stderr.write(`${text}\n`), ...options });
const reconciler = createReconciler({
  kernel,
  clock,
  log: (level, text) => void (level === "info" || process.stderr.write(`${text}\n`)),
});

let longestGapMs = 0;
let lastTurnMs = performance.now();
setInterval(() => {
  const now = performance.now();
  longestGapMs = Math.max(longestGapMs, now - lastTurnMs - 1);
  lastTurnMs = now;
}, 1).unref();

const vni = VNI as Vni;
const frame = {
  vni,
  owner: ownerMark("bench", "bench"),
  vtep: LOCAL,
  mtuBytes: 1450,
  ports: [],
};

function change(changes: readonly DesiredChange[]): Promise<void> {
  const generation = reconciler.change(changes, { inSync: true });
  return until((report) => report.generation >= generation);
}

/** Resolves when a report says that all is in the kernel, and more if asked. */
function until(more: (report: DataplaneReport) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = reconciler.onReport((report) => {
      const clean = report.networks.every((network) => network.remaining + network.problems.length === 0);
      if (report.error !== undefined) reject(new Error(report.error));
      if (!clean || !more(report)) return;
      stop();
      resolve();
    });
  });
}

async function run(command: Command): Promise<void> {
  switch (command.do) {
    case "want": {
      const changes = wanted(command);
      await measured(() => change(changes));
      break;
    }
    case "withdraw": {
      const macs = new Map<Mac, undefined>();
      for (let i = command.vtep; i < command.entries; i += command.vteps) macs.set(entryOf(i).mac, undefined);
      await measured(() => change([{ vni, macs }]));
      break;
    }
    case "repaired":
      await measured(() => until((report) => report.counters.repairs >= command.count));
      break;
    case "moves":
      await measured(async () => {
        const { mac } = entryOf(0);
        for (let i = 1; i <= command.count; i++) {
          await change([{ vni, macs: new Map([[mac, { kind: "remote", vteps: [vtepOf(i % 2)] }]]) }]);
        }
      });
      break;
    case "idle":
      await measured(() => new Promise((resolve) => setTimeout(resolve, command.forMs)));
  }
}

function wanted({ entries, vteps, networks }: Extract<Command, { do: "want" }>): DesiredChange[] {
  const flood = Array.from({ length: vteps }, (_, index) => vtepOf(index));
  return Array.from({ length: networks }, (_, network) => {
    const macs = new Map<Mac, MacTarget>();
    const neighbours = new Map<IpAddress, Mac>();
    for (let i = network; i < entries; i += networks) {
      const { mac, ip } = entryOf(i);
      macs.set(mac, { kind: "remote", vteps: [vtepOf(i % vteps)] });
      neighbours.set(ip, mac);
    }
    const vni = (VNI + network) as Vni;
    return { vni, frame: { ...frame, vni, flood }, macs, neighbours };
  });
}

async function measured(act: () => Promise<void>): Promise<void> {
  await new Promise(setImmediate);
  longestGapMs = 0;
  lastTurnMs = performance.now();
  const startMs = performance.now();
  const start = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(start);
  const wallS = (performance.now() - startMs) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 2));
  say("done", { wallS, cpuS: (user + system) / 1e6, systemS: system / 1e6 });
}

function say(event: Says["event"], times: Pick<Says, "wallS" | "cpuS" | "systemS">): void {
  const counters = reconciler.latest()?.counters;
  const says: Says = {
    event,
    ...times,
    longestGapMs,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    applied: counters?.applied ?? 0,
    repairs: counters?.repairs ?? 0,
  };
  process.stdout.write(`${JSON.stringify(says)}\n`);
}

let queue: Promise<void> = Promise.resolve();
createInterface({ input: process.stdin }).on("line", (line) => {
  queue = queue.then(() => run(JSON.parse(line) as Command));
  queue.catch((cause: unknown) => {
    process.stderr.write(`${(cause as Error).stack}\n`);
    process.exit(1);
  });
});
process.stdin.on("end", () => process.exit(0));
say("ready", { wallS: 0, cpuS: 0, systemS: 0 });
