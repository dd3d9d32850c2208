// The driver: dump, diff, apply, dump again. One pass at a time, whatever asks for it; an error makes the next pass
// start from a fresh dump instead of patching a model. Decides nothing about entries: diff.ts does.
//
//   setDesired, kernel event, interval, retry  ->  pass:  [dump] -> diff -> apply -> dump -> diff -> report
//                                                    left over or failed?  -> again after a growing delay

import type { Vni } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import { type Diff, diff, type NetworkDiff } from "./diff.ts";
import type { ActualState, Kernel, KernelEvent, Op, OpFailure } from "./kernel.ts";
import type { Problem } from "./problem.ts";
import { readBack } from "./read-back.ts";
import type { DesiredState, NetworkState } from "./state.ts";

/** One network after a pass, as the kernel was read back. */
export type NetworkReport = {
  readonly vni: Vni;
  /** Part of the desired state; false for what awaits deletion. */
  readonly desired: boolean;
  /** What really forwards; undefined if the devices are not there or the kernel could not be read. */
  readonly verified: NetworkState | undefined;
  /** What is still to be written. Empty with no problems: the kernel is as desired. */
  readonly remaining: readonly Op[];
  /** Deletions that wait until the desired state is known to be complete. */
  readonly withheld: readonly Op[];
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
  /** Counts `setDesired` calls: which desired state this report is about. */
  readonly generation: number;
  readonly atMs: number;
  readonly inSync: boolean;
  readonly networks: readonly NetworkReport[];
  readonly counters: DataplaneCounters;
  /** Why the kernel could not be read or written at all. */
  readonly error: string | undefined;
};

export type Reconciler = {
  /** Replaces the desired state; `inSync` says that it is complete, so that what is not in it may be deleted. */
  setDesired(state: DesiredState, options: { readonly inSync: boolean }): number;
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

/** Starts watching at once; writes nothing before the first `setDesired`. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { kernel, clock, log, compareEveryMs = 30_000, settleMs = 50 } = options;
  const retryMs = options.retryMs ?? { first: 200, longest: 10_000 };
  const listeners = new Set<(report: DataplaneReport) => void>();
  const counters: Counters = {
    passes: 0,
    dumps: 0,
    applied: 0,
    refused: 0,
    drift: 0,
    repairs: 0,
    retries: 0,
    overruns: 0,
  };
  /** Networks that were as desired after a pass: the generation of that pass. */
  const cleanAt = new Map<Vni, number>();
  let desired: DesiredState | undefined;
  let inSync = false;
  let generation = 0;
  /** The last read-back, as long as nothing is known to have changed since: `touched` is still what it was before. */
  let known: { readonly actual: ActualState; readonly touched: number } | undefined;
  let touched = 0;
  let latest: DataplaneReport | undefined;
  let running: Promise<void> | undefined;
  let asked = false;
  let closed = false;
  let delayMs = 0;
  let passMs = 0;
  const timers = new Map<"settle" | "compare" | "retry", () => void>();

  const watch = kernel.watch((event) => onEvent(event));

  function onEvent(event: KernelEvent): void {
    touched++;
    if (event.kind === "overrun") {
      counters.overruns++;
      log("warn", "kernel events were lost; comparing everything");
    }
    // The first event starts the wait and later ones do not prolong it, so that a busy kernel cannot put it off; nor
    // can it keep us busy more than half of the time.
    if (!timers.has("settle")) arm("settle", Math.max(settleMs, passMs));
  }

  function arm(name: "settle" | "compare" | "retry", afterMs: number): void {
    timers.get(name)?.();
    if (closed) return;
    const cancel = clock.setTimer(afterMs, () => {
      timers.delete(name);
      touched++;
      ask();
    });
    timers.set(name, cancel);
  }

  function ask(): void {
    if (closed || !desired) return;
    asked = true;
    running ??= run().finally(() => {
      running = undefined;
      if (asked) ask();
    });
  }

  function takeAsked(): boolean {
    const go = asked && !closed;
    asked = false;
    return go;
  }

  async function run(): Promise<void> {
    // What was asked for in one turn of the event loop is one pass.
    await Promise.resolve();
    while (takeAsked()) {
      const startMs = clock.nowMs();
      await pass();
      passMs = clock.nowMs() - startMs;
    }
    if (!timers.has("compare")) arm("compare", compareEveryMs);
  }

  async function pass(): Promise<void> {
    const wanted = desired ?? { networks: [] };
    const about = { generation, mayDelete: inSync };
    counters.passes++;
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
      retry();
      return;
    }
    publish(about, reportNetworks(wanted, { actual, after, failures }), undefined);
    if (after.ops.length > 0) retry();
    else {
      delayMs = 0;
      timers.get("retry")?.();
      timers.delete("retry");
    }
  }

  async function dump(): Promise<NonNullable<typeof known>> {
    counters.dumps++;
    const before = touched;
    return { actual: await kernel.dump(), touched: before };
  }

  function retry(): void {
    counters.retries++;
    delayMs = delayMs === 0 ? retryMs.first : Math.min(delayMs * 2, retryMs.longest);
    arm("retry", delayMs);
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
      const clean = verified && remaining.length + withheld.length + problems.length === 0;
      if (clean) cleanAt.set(vni, about.generation);
    }
    latest = {
      generation: about.generation,
      atMs: clock.nowMs(),
      inSync: about.mayDelete,
      networks,
      counters: { ...counters },
      error,
    };
    for (const listener of listeners) listener(latest);
  }

  return {
    setDesired: (state, { inSync: complete }) => {
      desired = state;
      inSync = complete;
      generation++;
      ask();
      return generation;
    },
    resync: (reason) => {
      log("info", `dataplane: comparing everything: ${reason}`);
      touched++;
      ask();
    },
    onReport: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    latest: () => latest,
    close: async () => {
      closed = true;
      watch.close();
      for (const cancel of timers.values()) cancel();
      timers.clear();
      await running;
    },
  };
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
      remaining: ops,
      withheld,
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
    remaining: [],
    withheld: [],
    problems: [],
  }));
}
