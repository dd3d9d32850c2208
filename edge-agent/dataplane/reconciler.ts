// The driver: dump, diff, apply, dump again. One pass at a time, whatever asks for it; an error makes the next pass
// start from a fresh dump instead of patching a model. Decides nothing about entries: diff.ts does.
//
//   setDesired, kernel event, interval, retry  ->  pass:  [dump] -> diff -> apply -> dump -> diff -> report
//                                                    left over or failed?  -> again after a growing delay

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { type DesiredChange, type MacTarget, type NetworkFrame, sameTarget, tablesOf } from "./desired.ts";
import { type Diff, diff, type NetworkDiff } from "./diff.ts";
import type { ActualState, Kernel, KernelEvent, OpFailure } from "./kernel.ts";
import { createPassLoop, type PassOutcome } from "./pass-loop.ts";
import type { Problem } from "./problem.ts";
import { readBack } from "./read-back.ts";
import type { DesiredState, NetworkState } from "./state.ts";
import type { VerifiedChange, VerifiedNetwork } from "./verified.ts";

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
  readonly dumps: number;
  /** Ops that the kernel took, and refused. */
  readonly applied: number;
  readonly refused: number;
  /** Differences found in networks that were as desired before, with no change of the desired state: another hand. */
  readonly drift: number;
  /** Of these, mended: the network's ops were all taken. */
  readonly repairs: number;
  /** Passes that ended with the kernel not answering, or with ops left over. */
  readonly retries: number;
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
  readonly counters: DataplaneCounters;
  /** Why the kernel could not be read or written at all. */
  readonly error: string | undefined;
};

export type Reconciler = {
  /** Replaces the desired state; `inSync` says that it is complete, so that what is not in it may be deleted. */
  setDesired(state: DesiredState, options: { readonly inSync: boolean }): number;
  /** Changes the desired state by what is named; costs the change's own size. Otherwise as `setDesired`. */
  change(changes: readonly DesiredChange[], options: { readonly inSync: boolean }): number;
  /** What the kernel was read back to hold; undefined unless the network's devices are there. */
  verified(vni: Vni): VerifiedNetwork | undefined;
  /** Compares everything anew, soon. */
  resync(reason: string): void;
  /** Called after every pass; returns the function that ends it. */
  onReport(listener: (report: DataplaneReport) => void): () => void;
  latest(): DataplaneReport | undefined;
  /** Ends after the pass under way; the kernel keeps forwarding, nothing is removed. */
  close(): Promise<void>;
};

export type ReconcilerOptions = {
  readonly kernel: Kernel;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly log: (level: "info" | "warn" | "error", text: string) => void;
  /** A full comparison at least this often; finds what events did not tell. Default 30,000. */
  readonly compareEveryMs?: number;
  /** Kernel events within this time are answered by one pass. Default 50. */
  readonly settleMs?: number;
  /** First and longest delay before a retry. Default 200 and 10,000. */
  readonly retryMs?: { readonly first: number; readonly longest: number };
};

type Counters = { -readonly [K in keyof DataplaneCounters]: number };

type Tables = ReturnType<typeof tablesOf>;
type Draft = {
  frame: NetworkFrame | undefined;
  readonly macs: Tables["macs"];
  readonly neighbours: Tables["neighbours"];
};

/** Starts watching at once; writes nothing before the first desired state. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { kernel, clock, log, compareEveryMs = 30_000, settleMs = 50 } = options;
  const listeners = new Set<(report: DataplaneReport) => void>();
  const counters: Counters = {
    applied: 0,
    refused: 0,
    dumps: 0,
    drift: 0,
    repairs: 0,
    overruns: 0,
    passes: 0,
    retries: 0,
  };
  /** Networks that were as desired after a pass: the generation of that pass. */
  const cleanAt = new Map<Vni, number>();
  const drafts = new Map<Vni, Draft>();
  let twice: readonly NetworkState[] = [];
  let begun = false;
  let inSync = false;
  let generation = 0;
  /** The last read-back, as long as nothing is known to have changed since: `touched` is still what it was before. */
  let known: { readonly actual: ActualState; readonly touched: number } | undefined;
  let touched = 0;
  let latest: DataplaneReport | undefined;
  let verified: ReadonlyMap<Vni, VerifiedNetwork> = new Map();

  const loop = createPassLoop({
    clock,
    settleMs,
    ...(options.retryMs && { retryMs: options.retryMs }),
    pass: async () => (begun ? await pass() : "done"),
    onError: (cause) => log("error", `dataplane: ${cause.message}`),
    background: {
      everyMs: () => compareEveryMs,
      step: async () => {
        touched++;
        loop.ask();
      },
    },
  });
  const watch = kernel.watch((event) => onEvent(event));

  function onEvent(event: KernelEvent): void {
    touched++;
    if (event.kind === "overrun") {
      counters.overruns++;
      log("warn", "kernel events were lost; comparing everything");
    }
    loop.notice();
  }

  function desiredNow(): DesiredState {
    const networks = [...drafts.values()].flatMap(({ frame, macs, neighbours }) =>
      frame ? [stateOf(frame, macs, neighbours)] : [],
    );
    return { networks: [...networks, ...twice] };
  }

  async function pass(): Promise<PassOutcome> {
    const wanted = desiredNow();
    const about = { generation, mayDelete: inSync };
    let failures: readonly OpFailure[] = [];
    let after: Diff;
    let actual: ActualState;
    try {
      let current = known?.touched === touched ? known : await dump();
      after = diff(wanted, current.actual, about);
      if (after.ops.length > 0) {
        const { networks, ops } = after;
        const drifted = noteDrift(networks, about.generation);
        known = undefined;
        failures = await kernel.apply(ops);
        noteApplied(ops.length, failures, drifted);
        current = await dump();
        after = diff(wanted, current.actual, about);
      }
      known = current;
      actual = current.actual;
    } catch (cause) {
      known = undefined;
      const error = cause instanceof Error ? cause.message : String(cause);
      log("error", `dataplane: ${error}`);
      publish(about, unreadable(wanted), error);
      return "again";
    }
    publish(about, reportNetworks(wanted, { actual, after, failures }), undefined);
    return after.ops.length > 0 ? "again" : "done";
  }

  async function dump(): Promise<NonNullable<typeof known>> {
    counters.dumps++;
    const before = touched;
    return { actual: await kernel.dump(), touched: before };
  }

  /** Ops in a network that was clean for the same desired state: nobody but another hand made them necessary. */
  function noteDrift(networks: readonly NetworkDiff[], about: number): ReadonlyMap<Vni, number> {
    const drifted = new Map<Vni, number>();
    for (const { vni, ops } of networks) {
      if (ops.length === 0 || cleanAt.get(vni) !== about) continue;
      drifted.set(vni, ops.length);
      counters.drift += ops.length;
      log("warn", `VNI ${vni}: ${ops.length} differences made by another hand, first ${ops[0]?.kind}`);
    }
    return drifted;
  }

  function noteApplied(count: number, failures: readonly OpFailure[], drifted: ReadonlyMap<Vni, number>): void {
    counters.applied += count - failures.length;
    counters.refused += failures.length;
    for (const [vni, found] of drifted) {
      if (!failures.some((failure) => failure.op.vni === vni)) counters.repairs += found;
    }
    for (const { op, code, message } of failures.slice(0, 5)) {
      log("warn", `VNI ${op.vni}: kernel refused ${op.kind}: ${code} ${message}`.trimEnd());
    }
  }

  function publish(
    about: { readonly generation: number; readonly mayDelete: boolean },
    networks: readonly NetworkReport[],
    error: string | undefined,
  ): void {
    cleanAt.clear();
    for (const { vni, remaining, withheld, problems, verified } of networks) {
      const clean = verified && remaining + withheld + problems.length === 0;
      if (clean) cleanAt.set(vni, about.generation);
    }
    const next = verifiedOf(networks);
    const changed = compareVerified(verified, next);
    verified = next;
    latest = {
      generation: about.generation,
      atMs: clock.nowMs(),
      inSync: about.mayDelete,
      networks,
      changed,
      counters: { ...counters, ...loop.counts() },
      error,
    };
    for (const listener of listeners) listener(latest);
  }

  return {
    setDesired: (state, options) => {
      drafts.clear();
      twice = [];
      for (const network of state.networks) {
        if (drafts.has(network.vni)) twice = [...twice, network];
        else drafts.set(network.vni, tablesOf(network));
      }
      return desiredChanged(options.inSync);
    },
    change: (changes, options) => {
      for (const change of changes) applyChange(drafts, change);
      return desiredChanged(options.inSync);
    },
    verified: (vni) => verified.get(vni),
    resync: (reason) => {
      log("info", `dataplane: comparing everything: ${reason}`);
      touched++;
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

  function desiredChanged(complete: boolean): number {
    begun = true;
    inSync = complete;
    generation++;
    loop.ask();
    return generation;
  }
}

function applyChange(drafts: Map<Vni, Draft>, change: DesiredChange): void {
  if ("remove" in change) {
    drafts.delete(change.vni);
    return;
  }
  const draft = drafts.get(change.vni) ?? { frame: undefined, macs: new Map(), neighbours: new Map() };
  drafts.set(change.vni, draft);
  draft.frame = change.frame ?? draft.frame;
  for (const [mac, target] of change.macs ?? []) {
    if (target) draft.macs.set(mac, target);
    else draft.macs.delete(mac);
  }
  for (const [ip, mac] of change.neighbours ?? []) {
    if (mac) draft.neighbours.set(ip, mac);
    else draft.neighbours.delete(ip);
  }
}

function stateOf(frame: NetworkFrame, macs: Tables["macs"], neighbours: Tables["neighbours"]): NetworkState {
  const local: NetworkState["local"][number][] = [];
  const remote: NetworkState["remote"][number][] = [];
  for (const [mac, target] of macs) {
    if (target.kind === "local") local.push({ mac, port: target.port });
    else remote.push({ mac, vtep: target.vteps[0] as IpAddress });
  }
  return { ...frame, local, remote, neighbours: Array.from(neighbours, ([ip, mac]) => ({ ip, mac })) };
}

function verifiedOf(networks: readonly NetworkReport[]): ReadonlyMap<Vni, VerifiedNetwork> {
  const all = new Map<Vni, VerifiedNetwork>();
  for (const { vni, verified: state } of networks) {
    if (!state) continue;
    const { macs, neighbours } = tablesOf(state);
    all.set(vni, {
      vni,
      vtep: state.vtep,
      flood: state.flood,
      mac: (mac) => macs.get(mac),
      neighbour: (ip) => neighbours.get(ip),
      macs: () => macs,
      neighbours: () => neighbours,
      macCount: macs.size,
      neighbourCount: neighbours.size,
      state: () => state,
    });
  }
  return all;
}

function compareVerified(
  before: ReadonlyMap<Vni, VerifiedNetwork>,
  after: ReadonlyMap<Vni, VerifiedNetwork>,
): ReadonlyMap<Vni, VerifiedChange> {
  const changes = new Map<Vni, VerifiedChange>();
  for (const vni of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(vni), after.get(vni)];
    if (!old || !now || old.vtep !== now.vtep) {
      changes.set(vni, { whole: true, macs: new Map(), neighbours: new Map(), flood: undefined });
      continue;
    }
    const macs = new Map<Mac, MacTarget | undefined>();
    for (const [mac, target] of old.macs()) if (!sameTarget(target, now.mac(mac))) macs.set(mac, target);
    for (const [mac] of now.macs()) if (!old.mac(mac)) macs.set(mac, undefined);
    const neighbours = new Map<IpAddress, Mac | undefined>();
    for (const [ip, mac] of old.neighbours()) if (mac !== now.neighbour(ip)) neighbours.set(ip, mac);
    for (const [ip] of now.neighbours()) if (!old.neighbour(ip)) neighbours.set(ip, undefined);
    const flood = old.flood.join() === now.flood.join() ? undefined : old.flood;
    if (macs.size + neighbours.size > 0 || flood) changes.set(vni, { whole: false, macs, neighbours, flood });
  }
  return changes;
}

function reportNetworks(
  wanted: DesiredState,
  pass: { readonly actual: ActualState; readonly after: Diff; readonly failures: readonly OpFailure[] },
): NetworkReport[] {
  const desired = new Set(wanted.networks.map((network) => network.vni));
  const actual = new Map(pass.actual.networks.map((network) => [network.vni, network]));
  const refused = new Map<Vni, OpFailure[]>();
  for (const failure of pass.failures) {
    const { vni } = failure.op;
    const list = refused.get(vni);
    if (list) list.push(failure);
    else refused.set(vni, [failure]);
  }
  return pass.after.networks.map(({ vni, ops, withheld, problems }) => {
    const [failure, ...more] = ops.length > 0 ? (refused.get(vni) ?? []) : [];
    const have = actual.get(vni);
    return {
      vni,
      desired: desired.has(vni),
      verified: have && readBack(have),
      remaining: ops.length,
      withheld: withheld.length,
      problems: failure ? [...problems, { kind: "op-failed", vni, failure, more: more.length }] : problems,
    };
  });
}

/** The kernel did not answer: nothing is verified. */
function unreadable(wanted: DesiredState): NetworkReport[] {
  return wanted.networks.map(({ vni }) => ({
    vni,
    desired: true,
    verified: undefined,
    remaining: 0,
    withheld: 0,
    problems: [],
  }));
}
