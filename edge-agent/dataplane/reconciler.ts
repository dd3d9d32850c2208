// The driver: takes in what changed, writes what that needs, and reports what the kernel says it holds. A pass costs what
// changed, not what there is; what is in the tables came from the kernel's own mouth, by reading or by notification.
//
//   setDesired, change -------\
//   kernel event -> settle ----> pass: learn -> devices -> entries -> deletions -> report
//   now and then --------------> one network read in full and compared (events may lie)

import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { createAsked } from "./asked.ts";
import { createBreath } from "./breath.ts";
import type { DesiredChange, DesiredTrust, NetworkFrame } from "./desired.ts";
import { createDriftLog, type DriftCount, type DriftRecord } from "./drift.ts";
import { confirmDrift, confirmDeviceDrift, settleRepairs } from "./drift-check.ts";
import type { Kernel, KernelEvent, Op } from "./kernel.ts";
import { type Network, setUsable, takeChanged } from "./network.ts";
import { createPassLoop, type PassOutcome } from "./pass-loop.ts";
import { createPathMtus } from "./path-mtus.ts";
import { type HostPlan, inPhases, isRouted, planHost } from "./plan-host.ts";
import { createReading } from "./reading.ts";
import { viewVerified } from "./read-back.ts";
import { type DataplaneReport, noCounts, openKeys, reportOf } from "./report.ts";
import type { DesiredState } from "./state.ts";
import { createTables, type DesiredInput } from "./tables.ts";
import type { VerifiedChange, VerifiedNetwork } from "./verified.ts";
import { createEntryWriter, type WriteRights } from "./write-entries.ts";

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

/** Starts watching at once; writes nothing before the first desired state. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { kernel, clock, log, compareEveryMs = 30_000, settleMs } = options;
  const wallMs = clock.wallMs ?? clock.nowMs;
  const listeners = new Set<(report: DataplaneReport) => void>();
  const counters = noCounts();
  const tables = createTables(kernel.tunnelForm);
  const { networks } = tables;
  const drift = createDriftLog();
  const asked = createAsked();
  const mtus = createPathMtus(kernel, clock);
  const reading = createReading({ kernel, tables, clock, counters });
  let begun = false;
  let latest: DataplaneReport | undefined;

  const entries = createEntryWriter({ kernel, tables, clock, onApplied: noteApplied });
  const loop = createPassLoop({
    clock,
    ...(settleMs !== undefined && { settleMs }),
    ...(options.retryMs && { retryMs: options.retryMs }),
    pass: async () => (begun ? await pass() : "done"),
    onError: (cause) => log("error", `dataplane: ${cause.message}`),
    background: {
      everyMs: () => Math.max(compareEveryMs / Math.max(1, networks.size), reading.restMs),
      step: async () => {
        if (await reading.compareNext()) loop.ask();
      },
    },
  });
  const watch = kernel.watch(onEvent);

  function onEvent(event: KernelEvent): void {
    if (event.kind === "host" || event.kind === "emptied") reading.doubtHost();
    if (event.kind === "doubt") {
      if (event.vni === undefined) reading.doubtHost();
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
    passing = true;
    let allowed = asked.rights;
    let outcome: PassOutcome;
    try {
      await takeAsked();
      allowed = asked.rights;
      outcome = await reconcile(allowed);
    } catch (cause) {
      reading.doubtAll();
      // What was half done is nobody else's doing.
      for (const network of networks.values()) network.settled = false;
      const error = cause instanceof Error ? cause.message : String(cause);
      log("error", `dataplane: ${error}`);
      publish(allowed, error);
      return "again";
    } finally {
      passing = false;
    }
    publish(allowed, undefined);
    return outcome;
  }

  async function takeAsked(): Promise<void> {
    const breath = createBreath(clock.nowMs);
    asked.begin();
    for (let input = asked.next(); input; input = asked.next()) await tables.fold(input, breath);
    if (asked.more) loop.ask();
  }

  async function reconcile(allowed: WriteRights): Promise<PassOutcome> {
    const { mayDelete } = allowed;
    await reading.renewAll();
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
    await reading.renewHost();
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
    await reading.renewHost();
    const { host } = reading;
    if (!host) return [];
    for (const { frame } of all) if (frame && isRouted(host, frame.vtep)) await mtus.learn(frame);
    const context = { host, underlayBytes: (frame: NetworkFrame) => mtus.underlayBytes(host, frame), ...allowed };
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
      await reading.renewHost();
    }
    // A device of which the creation was refused is still missing: what is left is seen by planning once more.
    const now = reading.host;
    const after = writes.length > 0 && now ? planHost(all.map(claimOf), { ...context, host: now }) : plans;
    for (const plan of after) tables.network(plan.vni).remaining = plan.writes.length;
    for (const network of all) {
      const { frame, devices } = network;
      if (frame && devices?.bridge?.owner === frame.owner && devices.vxlan?.owner === frame.owner)
        network.owner = frame.owner;
    }
    return plans;
  }

  function claimOf(network: Network) {
    const { vni, frame, localPorts, owner } = network;
    return {
      vni,
      frame,
      isOwner: frame !== undefined && owner === frame.owner,
      ports: new Set([...(frame?.ports ?? []).map((port) => port.name), ...localPorts.keys()].sort()),
    };
  }

  async function readDoubted(): Promise<void> {
    if (await reading.renewDoubted()) loop.ask();
  }

  async function applyAll(ops: readonly Op[]): Promise<void> {
    if (ops.length === 0) return;
    reading.doubtHost();
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

  function publish({ mayDelete }: WriteRights, error: string | undefined): void {
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
    reading.forgetEmpty();
    const shown = [...networks.values()].filter((network) => network.frame ?? network.devices);
    latest = {
      generation: asked.generation,
      atMs: clock.nowMs(),
      inSync: mayDelete,
      networks: shown.sort((a, b) => a.vni - b.vni).map((network) => reportOf(network, error === undefined)),
      changed,
      learned,
      counters: { ...counters, ...loop.counts() },
      error,
    };
    for (const listener of listeners) listener(latest);
  }

  function desiredChanged(input: DesiredInput, trust: DesiredTrust): number {
    begun = true;
    loop.ask();
    return asked.add(input, trust);
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
      reading.doubtAll();
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
