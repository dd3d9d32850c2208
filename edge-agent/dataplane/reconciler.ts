// The driver: takes in what changed, writes what that needs, and reports what the kernel says it holds. A pass costs what
// changed, not what there is; what is in the tables came from the kernel's own mouth, by reading or by notification.
//
//   setDesired, change -------\
//   kernel event -> settle ----> pass: learn -> devices -> entries -> deletions -> report
//   now and then --------------> one network read in full and compared (events may lie)

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { createBreath } from "./breath.ts";
import type { DesiredChange, DesiredTrust, NetworkFrame } from "./desired.ts";
import { createDriftLog, type DriftCount, type DriftRecord } from "./drift.ts";
import { confirmDrift, confirmDeviceDrift, settleRepairs } from "./drift-check.ts";
import type { ActualHost, Kernel, KernelEvent, Op } from "./kernel.ts";
import { type Network, setDevices, setUsable, takeChanged } from "./network.ts";
import { createPassLoop, type PassOutcome } from "./pass-loop.ts";
import { type HostPlan, inPhases, isRouted, planHost } from "./plan-host.ts";
import type { Problem } from "./problem.ts";
import { viewVerified } from "./read-back.ts";
import type { DesiredState, NetworkState } from "./state.ts";
import { createTables, type DesiredInput } from "./tables.ts";
import type { VerifiedChange, VerifiedNetwork } from "./verified.ts";
import { createEntryWriter, type WriteRights } from "./write-entries.ts";

/** One network after a pass, as the kernel was read back. */
export type NetworkReport = {
  readonly vni: Vni;
  /** Part of the desired state; false for what awaits deletion. */
  readonly desired: boolean;
  /** What really forwards, as one value made when it is asked for; undefined if the devices are not there. */
  readonly verified: NetworkState | undefined;
  /** Ops still to be written. None and no problems: the kernel is as desired. */
  readonly remaining: number;
  /** Deletions that wait until the desired state is known to be complete. */
  readonly withheld: number;
  readonly problems: readonly Problem[];
};

export type DataplaneCounters = {
  readonly passes: number;
  /** Readings of the whole host or of one network in full. */
  readonly dumps: number;
  /** Ops that the kernel took, and refused. */
  readonly applied: number;
  readonly refused: number;
  /** Things in networks that were as desired and then were not, with no change of the desired state: another hand. */
  readonly drift: number;
  /** Of these, mended. */
  readonly repairs: number;
  /** Of these, found only by the comparison in the background: no event told. */
  readonly missed: number;
  /** Passes that ended with the kernel not answering, or with ops left over. */
  readonly retries: number;
  /** How often events were lost, so that networks were read anew. */
  readonly overruns: number;
};

export type DataplaneReport = {
  /** Counts `setDesired` and `change` calls: which desired state this report is about. */
  readonly generation: number;
  readonly atMs: number;
  readonly inSync: boolean;
  /** All networks that are desired or exist. */
  readonly networks: readonly NetworkReport[];
  /** What changed in the verified state since the report before; a network that is not here did not change. */
  readonly changed: ReadonlyMap<Vni, VerifiedChange>;
  /** MACs that the bridges learned, learned elsewhere or forgot since the report before; `learned(vni)` says which. */
  readonly learned: ReadonlyMap<Vni, ReadonlySet<Mac>>;
  readonly counters: DataplaneCounters;
  /** Why the kernel could not be read or written at all. */
  readonly error: string | undefined;
};

export type Reconciler = {
  /** Replaces the desired state. */
  setDesired(state: DesiredState, trust: DesiredTrust): number;
  /** Changes the desired state by what is named; costs the change's own size. Otherwise as `setDesired`. */
  change(changes: readonly DesiredChange[], trust: DesiredTrust): number;
  /** What the kernel was read back to hold; undefined unless the network's devices are there. */
  verified(vni: Vni): VerifiedNetwork | undefined;
  /** MACs that the network's bridge learned on this host's ports from frames, with the port; at most 4,096. */
  learned(vni: Vni): ReadonlyMap<Mac, string>;
  /** What other hands changed: the last of it, and counts. */
  drift(): { readonly recent: readonly DriftRecord[]; readonly byNetwork: ReadonlyMap<Vni, DriftCount> };
  /** Reads and compares everything anew, soon. */
  resync(reason: string): void;
  /** Called after every pass; returns the function that ends it. */
  onReport(listener: (report: DataplaneReport) => void): () => void;
  latest(): DataplaneReport | undefined;
  /** Ends after the pass under way; the kernel keeps forwarding, nothing is removed. */
  close(): Promise<void>;
};

export type ReconcilerOptions = {
  readonly kernel: Kernel;
  readonly clock: Pick<Clock, "nowMs" | "setTimer"> & Partial<Pick<Clock, "wallMs">>;
  readonly log: (level: "info" | "warn" | "error", text: string) => void;
  /**
   * Every network is read in full and compared about this often, one after the other, as long as that takes no more than a
   * fiftieth of the time. Default 30,000.
   */
  readonly compareEveryMs?: number;
  /** Kernel events within this time are answered by one pass. Default 50. */
  readonly settleMs?: number;
  /** First and longest delay before a retry. Default 200 and 10,000. */
  readonly retryMs?: { readonly first: number; readonly longest: number };
};

type Counters = { -readonly [K in keyof DataplaneCounters]: number };

/** The comparison rests for so many times as long as a network took. */
const REST_FACTOR = 50;
/** Remote VTEPs whose ways are asked for the MTU, for each network. */
const MOST_PATHS = 32;
const MTU_KNOWN_FOR_MS = 5000;
const MOST_READING_MS = 250;

/** Starts watching at once; writes nothing before the first desired state. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { kernel, clock, log, compareEveryMs = 30_000, settleMs } = options;
  const wallMs = clock.wallMs ?? clock.nowMs;
  const listeners = new Set<(report: DataplaneReport) => void>();
  const counters: Counters = {
    passes: 0,
    dumps: 0,
    applied: 0,
    refused: 0,
    drift: 0,
    repairs: 0,
    missed: 0,
    retries: 0,
    overruns: 0,
  };
  const tables = createTables(kernel.tunnelForm);
  const { networks } = tables;
  const drift = createDriftLog();
  const inputs: DesiredInput[] = [];
  const mtus = new Map<string, { readonly bytes: number | undefined; readonly atMs: number }>();
  let begun = false;
  let rights: WriteRights = { mayDelete: false, mayRetarget: false };
  let adopted = false;
  let generation = 0;
  let host: ActualHost | undefined;
  let hostStale = true;
  /** The comparison's turn: what was told of links is not believed. */
  let hostFresh = false;
  /** Read everything, because nothing is known or nothing can be believed. */
  let allStale = true;
  let latest: DataplaneReport | undefined;
  /** The network that the comparison did last. */
  let compared: Vni | undefined;
  let restMs = 0;

  const entries = createEntryWriter({ kernel, tables, clock, onApplied: noteApplied });
  const loop = createPassLoop({
    clock,
    ...(settleMs !== undefined && { settleMs }),
    ...(options.retryMs && { retryMs: options.retryMs }),
    pass: async () => (begun ? await pass() : "done"),
    onError: (cause) => log("error", `dataplane: ${cause.message}`),
    background: {
      everyMs: () => Math.max(compareEveryMs / Math.max(1, networks.size), restMs),
      step: compareOne,
    },
  });
  const watch = kernel.watch(onEvent);

  function onEvent(event: KernelEvent): void {
    if (event.kind === "host" || event.kind === "emptied") hostStale = true;
    if (event.kind === "doubt") {
      if (event.vni === undefined) hostStale = true;
      if (event.lost !== undefined) {
        counters.overruns++;
        const which = event.vni === undefined ? "all networks are" : `VNI ${event.vni} is`;
        log("warn", `kernel events: ${event.lost}; ${which} read anew`);
      }
    }
    tables.onEvent(event);
    // Our own writes come back too, during the pass that made them: they need no other one.
    if (!passing || event.kind === "host" || (event.kind === "doubt" && event.lost !== undefined)) loop.notice();
  }

  let passing = false;

  async function pass(): Promise<PassOutcome> {
    const about = { generation, ...rights };
    passing = true;
    let outcome: PassOutcome;
    try {
      outcome = await reconcile(about);
    } catch (cause) {
      allStale = true;
      // What was half done is nobody else's doing.
      for (const network of networks.values()) network.settled = false;
      const error = cause instanceof Error ? cause.message : String(cause);
      log("error", `dataplane: ${error}`);
      publish(about, error);
      return "again";
    } finally {
      passing = false;
    }
    publish(about, undefined);
    return outcome;
  }

  async function reconcile(allowed: WriteRights): Promise<PassOutcome> {
    const { mayDelete } = allowed;
    const breath = createBreath(clock.nowMs);
    for (let input = inputs.shift(); input; input = inputs.shift()) await tables.fold(input, breath);
    if (allStale) await readAll();
    await readDoubted();
    tables.settleTunnels();
    const plans = await planAll(allowed);
    for (const network of networks.values()) confirmDrift(network, { drift, atMs: wallMs(), counters });
    const ready = [...networks.values()].filter(
      ({ frame, devices, blocked }) => frame && devices?.bridge && devices.vxlan && !blocked,
    );
    await entries.write(ready, allowed);
    if (mayDelete) {
      await applyAll(plans.flatMap((plan) => plan.deletions));
      await entries.sweepTunnels();
    }
    // Where the kernel tells nothing, it is asked.
    await readDoubted();
    if (hostStale) await readHost();
    let left = false;
    for (const network of networks.values()) {
      settleRepairs(network, counters);
      const plan = plans.find((each) => each.vni === network.vni);
      network.waiting.devices = mayDelete ? 0 : (plan?.deletions.length ?? 0);
      if (!network.frame && !network.devices) continue;
      const open = openKeys(network) > 0;
      const failed = network.failure !== undefined || network.remaining > 0;
      network.settled = !open && !failed && network.frame !== undefined;
      network.attached = new Set(network.devices?.ports.map((port) => port.name));
      // Another hand was at it while we wrote.
      if (network.suspects.size > 0) loop.notice();
      left ||= open || failed;
    }
    return left ? "again" : "done";
  }

  /** Devices and ports of all networks: planned when any of it may have changed. */
  async function planAll(allowed: WriteRights): Promise<readonly HostPlan[]> {
    const all = [...networks.values()].sort((a, b) => a.vni - b.vni);
    const changed = all.filter((network) => network.dirty.frame);
    if (hostStale) await readHost();
    if (!host) return [];
    const current = host;
    for (const { frame } of all) if (frame && isRouted(current, frame.vtep)) await learnPathMtu(frame);
    const context = {
      host: current,
      underlayBytes: (frame: NetworkFrame) => underlayBytes(current, frame),
      ...allowed,
    };
    const plans = planHost(all.map(claimOf), context);
    const intended = new Set(changed.map((network) => network.vni));
    for (const plan of plans) {
      const network = tables.network(plan.vni);
      network.failure = undefined;
      network.problems = tables.twice().has(plan.vni)
        ? [{ kind: "vni-claimed-twice", vni: plan.vni }, ...plan.problems]
        : plan.problems;
      network.blocked = plan.blocked;
      setUsable(network, plan.usable);
      network.dirty.frame = false;
      if (!intended.has(plan.vni)) confirmDeviceDrift(network, plan.writes, { drift, atMs: wallMs(), counters });
    }
    const writes = inPhases(plans);
    if (writes.length > 0) {
      await applyAll(writes);
      if (hostStale) await readHost();
    }
    // A device of which the creation was refused is still missing: what is left is seen by planning once more.
    const after = writes.length > 0 && host ? planHost(all.map(claimOf), { ...context, host }) : plans;
    for (const plan of after) tables.network(plan.vni).remaining = plan.writes.length;
    return plans;
  }

  function claimOf(network: Network) {
    const { vni, frame, localPorts } = network;
    return {
      vni,
      frame,
      ports: new Set([...(frame?.ports ?? []).map((port) => port.name), ...localPorts.keys()].sort()),
    };
  }

  async function readHost(): Promise<void> {
    const fresh = hostFresh;
    hostStale = false;
    hostFresh = false;
    host = await kernel.readHost({ fresh });
    takeHost(host);
  }

  function takeHost(read: Pick<ActualHost, "networks">): void {
    const devices = new Map(read.networks.map((each) => [each.vni, each]));
    for (const vni of devices.keys()) tables.network(vni);
    for (const network of networks.values()) {
      const { vni, devices: before } = network;
      const now = devices.get(vni);
      if (before?.vxlan && !now?.vxlan) tables.onEvent({ kind: "emptied", vni, device: "vxlan" });
      if (before?.bridge && !now?.bridge) tables.onEvent({ kind: "emptied", vni, device: "bridge" });
      setDevices(network, now);
      if (!network.devices && !network.frame && network.macs.size + network.ips.size === 0) forgetSoon.add(network.vni);
    }
  }

  /** Networks of which nothing is left: they are in one more report. */
  const forgetSoon = new Set<Vni>();

  async function readAll(): Promise<void> {
    const endReading = tables.beginReading();
    try {
      counters.dumps++;
      const state = await kernel.dump();
      const breath = createBreath(clock.nowMs);
      hostStale = false;
      host = state;
      takeHost(state);
      const read = new Set(state.networks.map((network) => network.vni));
      for (const network of state.networks) await tables.load(network, "event", breath);
      for (const { vni } of adopted ? [] : state.networks) tables.network(vni).adopted = true;
      adopted = true;
      for (const { vni } of networks.values()) if (!read.has(vni)) await tables.load(nothing(vni), "event", breath);
      tables.doubts.clear();
      allStale = false;
    } finally {
      endReading();
    }
  }

  /** Network by network; what is left after a while waits for the next pass, so that intent is not kept waiting. */
  async function readDoubted(): Promise<void> {
    const startMs = clock.nowMs();
    for (const vni of tables.doubts) {
      tables.doubts.delete(vni);
      await readOne(vni, "event");
      if (clock.nowMs() - startMs < MOST_READING_MS || tables.doubts.size === 0) continue;
      loop.ask();
      return;
    }
  }

  async function readOne(vni: Vni, foundBy: "event" | "comparison"): Promise<void> {
    const endReading = tables.beginReading();
    try {
      counters.dumps++;
      const breath = createBreath(clock.nowMs);
      await tables.load(await kernel.readEntries(vni), foundBy, breath);
    } catch (cause) {
      tables.doubts.add(vni);
      throw cause;
    } finally {
      endReading();
    }
  }

  /** One network in full, the next one the next time; the host's links and ways with each round. */
  async function compareOne(): Promise<void> {
    const startMs = clock.nowMs();
    const vnis = [...networks.keys()].sort((a, b) => a - b);
    const next = vnis.find((vni) => compared === undefined || vni > compared);
    compared = next;
    if (next === undefined || vnis.length === 1) hostStale = hostFresh = true;
    if (next !== undefined) await readOne(next, "comparison");
    const network = next === undefined ? undefined : networks.get(next);
    restMs = (clock.nowMs() - startMs) * REST_FACTOR;
    if (hostStale || (network && openKeys(network) + network.suspects.size > 0)) loop.ask();
  }

  async function learnPathMtu(frame: NetworkFrame): Promise<void> {
    const { vtep, flood } = frame;
    const key = mtuKey(frame);
    const known = mtus.get(key);
    if (known && clock.nowMs() - known.atMs < MTU_KNOWN_FOR_MS) return;
    const to = flood.filter((other) => other !== vtep).slice(0, MOST_PATHS);
    mtus.set(key, { bytes: await kernel.pathMtu(vtep, to), atMs: clock.nowMs() });
  }

  function underlayBytes({ addresses }: ActualHost, frame: NetworkFrame): number | undefined {
    return addresses.get(frame.vtep) ?? mtus.get(mtuKey(frame))?.bytes;
  }

  async function applyAll(ops: readonly Op[]): Promise<void> {
    if (ops.length === 0) return;
    hostStale = true;
    noteApplied(ops.length, await kernel.apply(ops));
  }

  function noteApplied(count: number, failures: Awaited<ReturnType<Kernel["apply"]>>): void {
    counters.applied += count - failures.length;
    counters.refused += failures.length;
    for (const failure of failures) {
      if (failure.op.vni === undefined) continue;
      const network = tables.network(failure.op.vni);
      network.failure = { first: network.failure?.first ?? failure, count: (network.failure?.count ?? 0) + 1 };
    }
    for (const { op, code, message } of failures.slice(0, 5)) {
      log("warn", `VNI ${op.vni ?? "-"}: kernel refused ${op.kind}: ${code} ${message}`.trimEnd());
    }
  }

  function publish(
    about: { readonly generation: number; readonly mayDelete: boolean },
    error: string | undefined,
  ): void {
    const changed = new Map<Vni, VerifiedChange>();
    const learned = new Map<Vni, ReadonlySet<Mac>>();
    for (const network of networks.values()) {
      if (network.learnedChanges.size > 0) {
        learned.set(network.vni, new Set(network.learnedChanges));
        network.learnedChanges.clear();
      }
      const change = takeChanged(network);
      const some = change.whole || change.flood || change.macs.size + change.neighbours.size > 0;
      if (some) changed.set(network.vni, change);
    }
    for (const vni of forgetSoon) {
      const network = networks.get(vni);
      if (network && !network.frame && !network.devices) tables.forget(vni);
    }
    forgetSoon.clear();
    const shown = [...networks.values()].filter((network) => network.frame ?? network.devices);
    latest = {
      generation: about.generation,
      atMs: clock.nowMs(),
      inSync: about.mayDelete,
      networks: shown.sort((a, b) => a.vni - b.vni).map((network) => reportOf(network, error === undefined)),
      changed,
      learned,
      counters: { ...counters, ...loop.counts() },
      error,
    };
    for (const listener of listeners) listener(latest);
  }

  function desiredChanged(input: DesiredInput, { inSync, mayRetarget = true }: DesiredTrust): number {
    begun = true;
    rights = { mayDelete: inSync, mayRetarget: mayRetarget || inSync };
    inputs.push(input);
    generation++;
    loop.ask();
    return generation;
  }

  return {
    setDesired: desiredChanged,
    change: desiredChanged,
    verified: (vni) => {
      tables.settleTunnels();
      const network = networks.get(vni);
      return network && viewVerified(network);
    },
    learned: (vni) => networks.get(vni)?.learned ?? NOTHING_LEARNED,
    drift: () => ({ recent: drift.recent(), byNetwork: drift.byNetwork() }),
    resync: (reason) => {
      log("info", `dataplane: comparing everything: ${reason}`);
      allStale = true;
      loop.ask();
    },
    onReport: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    latest: () => latest,
    close: async () => {
      watch.close();
      await loop.close();
    },
  };
}

const NOTHING_LEARNED: ReadonlyMap<Mac, string> = new Map();

function mtuKey({ vtep, flood }: NetworkFrame): string {
  return `${vtep} ${flood.slice(0, MOST_PATHS).join(" ")}`;
}

function nothing(vni: Vni) {
  return { vni, bridgeEntries: [], vxlanEntries: [], flood: [] as IpAddress[], neighbours: [] };
}

/** Keys that are not as desired and could be. */
function openKeys({ dirty, frame, blocked }: Network): number {
  if (!frame || blocked) return 0;
  return dirty.macs.size + dirty.ips.size + (dirty.flood || dirty.all ? 1 : 0);
}

function reportOf(network: Network, readable: boolean): NetworkReport {
  const { vni, frame, failure, problems, waiting, remaining } = network;
  const failed: Problem[] = failure
    ? [{ kind: "op-failed", vni, failure: failure.first, more: failure.count - 1 }]
    : [];
  return {
    vni,
    desired: frame !== undefined,
    get verified() {
      return readable ? viewVerified(network)?.state() : undefined;
    },
    remaining: remaining + openKeys(network),
    withheld: waiting.macs.size + waiting.ips.size + waiting.flood + waiting.devices,
    problems: readable ? [...problems, ...failed] : [],
  };
}
