// Drives the kernel to the desired routers: the loop is pass-loop.ts, what is to be written router-diff.ts. A pass repeats
// itself while it gets further, since some things can only be seen to be missing once others are there (the switches of a
// new device, the rule that goes when its successor has been read back). One bad router never stops the others.

import type { Vni } from "../../shared/address/vni.ts";
import type { Clock } from "../clock.ts";
import type { DesiredTrust } from "./desired.ts";
import { createPassLoop, type PassOutcome } from "./pass-loop.ts";
import { diffRouters, type RouterDiff } from "./router-diff.ts";
import type { ActualRouters, RouterKernel, RouterOp, RouterOpFailure } from "./router-kernel.ts";
import type { RouterPlan, RouterProblem } from "./router-problem.ts";
import { readBackRouter, type VerifiedRouter } from "./router-read-back.ts";
import type { DesiredRouters, RouterState } from "./router-state.ts";

/** One router after a pass, as the kernel was read back. */
export type RouterReport = {
  readonly vni: Vni;
  /** Part of the desired state; false for what awaits deletion. */
  readonly desired: boolean;
  /** What really routes; undefined if the devices are not there or the kernel could not be read. */
  readonly verified: VerifiedRouter | undefined;
  /** What is still to be written. Empty with no problems: the kernel is as desired. */
  readonly remaining: readonly RouterOp[];
  readonly withheld: readonly RouterOp[];
  readonly problems: readonly RouterProblem[];
};

export type RoutersCounters = {
  readonly passes: number;
  readonly retries: number;
  readonly applied: number;
  readonly refused: number;
  /** Differences found in routers that were as desired before, with no change of the desired state: another hand. */
  readonly drift: number;
  readonly overruns: number;
};

export type RoutersReport = {
  readonly atMs: number;
  readonly routers: readonly RouterReport[];
  /** What of the host's own settings is still to be written. */
  readonly host: readonly RouterOp[];
  readonly counters: RoutersCounters;
  /** Why the kernel could not be read or written at all. */
  readonly error: string | undefined;
};

export type RouterReconciler = {
  /** Replaces the desired state. */
  setDesired(state: DesiredRouters, trust: DesiredTrust): void;
  /** Called after every pass; returns the function that ends it. */
  onReport(listener: (report: RoutersReport) => void): () => void;
  latest(): RoutersReport | undefined;
  /** Ends after the pass under way; the kernel keeps routing, nothing is removed. */
  close(): Promise<void>;
};

/** A pass compares and writes at most so often; what is left then waits for the retry. */
const MOST_ROUNDS = 5;

export function createRouterReconciler(options: {
  readonly kernel: RouterKernel;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly log: (level: "info" | "warn" | "error", text: string) => void;
  /** A full comparison at least this often. Default 30,000. */
  readonly compareEveryMs?: number;
}): RouterReconciler {
  const { kernel, clock, log, compareEveryMs = 30_000 } = options;
  const listeners = new Set<(report: RoutersReport) => void>();
  const counters = { applied: 0, refused: 0, drift: 0, overruns: 0 };
  let desired: DesiredRouters | undefined;
  let trust: DesiredTrust = { inSync: false };
  /** Routers that the kernel held before this process wrote any. */
  let adopted: ReadonlySet<Vni> | undefined;
  /** Routers that were as desired after a pass: what was desired of them then. */
  const cleanAs = new Map<Vni, RouterState | undefined>();
  /** Whose devices were seen to be whose, by L3 VNI. */
  const owners = new Map<Vni, string>();
  /** The same of what all routers share. */
  let hostCleanAs: DesiredRouters | undefined;
  let latest: RoutersReport | undefined;

  const loop = createPassLoop({
    clock,
    pass,
    onError: (cause) => {
      log("error", `routers: ${cause.message}`);
      publish(unread(cause.message));
    },
    background: {
      everyMs: () => compareEveryMs,
      step: async () => {
        if (!isIdle()) loop.ask();
      },
    },
  });
  const watch = kernel.watch((event) => {
    if (event === "overrun") counters.overruns++;
    if (desired && !isIdle()) loop.notice();
  });

  /** Most hosts have no router, and the tables of some are long: what was seen to be nothing is not read again. */
  function isIdle(): boolean {
    const nothing = latest?.error === undefined && latest?.routers.length === 0 && latest.host.length === 0;
    return desired?.routers.length === 0 && nothing;
  }

  async function pass(): Promise<PassOutcome> {
    const wanted = desired ?? { routers: [] };
    const about = new Map(wanted.routers.map((router) => [router.vni, router]));
    const { inSync: mayDelete, mayRetarget = true } = trust;
    let actual = await kernel.dump();
    adopted ??= new Set(actual.routers.map(({ vni }) => vni));
    // What was right and is not was turned by another hand.
    const isHeld = (vni: Vni) => !cleanAs.has(vni) || cleanAs.get(vni) !== about.get(vni);
    const held = new Set(mayRetarget || mayDelete ? [] : [...adopted].filter(isHeld));
    const recognised = new Set([...about.keys()].filter((vni) => owners.get(vni) === about.get(vni)?.owner));
    let found = diffRouters(wanted, actual, { mayDelete, held, recognised });
    noteDrift(found, about);
    if (hostCleanAs === wanted) noteDriftOf("routing rules", found.host.ops);
    let failures: readonly RouterOpFailure[] = [];
    for (let round = 0; round < MOST_ROUNDS && found.ops.length > 0 && failures.length === 0; round++) {
      failures = await kernel.apply(found.ops);
      noteApplied(found.ops.length, failures);
      actual = await kernel.dump();
      found = diffRouters(wanted, actual, { mayDelete, held, recognised });
    }
    for (const { vni, vrf } of actual.routers)
      if (vrf && vrf.owner === about.get(vni)?.owner) owners.set(vni, vrf.owner);
    publish({ routers: reportRouters(wanted, actual, { found, failures }), host: found.host.ops, error: undefined });
    hostCleanAs = found.host.ops.length === 0 ? wanted : undefined;
    cleanAs.clear();
    for (const router of found.routers) if (isClean(router)) cleanAs.set(router.vni, about.get(router.vni));
    return found.ops.length > 0 ? "again" : "done";
  }

  /** Ops for a router that was clean for the same desired state: nobody but another hand made them necessary. */
  function noteDrift({ routers }: RouterDiff, about: ReadonlyMap<Vni, RouterState>): void {
    for (const { vni, ops } of routers) {
      if (ops.length === 0 || !cleanAs.has(vni) || cleanAs.get(vni) !== about.get(vni)) continue;
      noteDriftOf(`router of L3 VNI ${vni}`, ops);
    }
  }

  function noteDriftOf(whose: string, ops: readonly RouterOp[]): void {
    if (ops.length === 0) return;
    counters.drift += ops.length;
    log("warn", `${whose}: ${ops.length} differences made by another hand, first ${ops[0]?.kind}`);
  }

  function noteApplied(count: number, failures: readonly RouterOpFailure[]): void {
    counters.applied += count - failures.length;
    counters.refused += failures.length;
    for (const { op, code, message } of failures.slice(0, 5)) {
      const whose = op.vni === undefined ? "routers" : `router of L3 VNI ${op.vni}`;
      log("warn", `${whose}: kernel refused ${op.kind}: ${code} ${message}`.trimEnd());
    }
  }

  function unread(error: string): Omit<RoutersReport, "atMs" | "counters"> {
    const nothing = { desired: true, verified: undefined, remaining: [], withheld: [], problems: [] };
    return { routers: (desired?.routers ?? []).map(({ vni }) => ({ vni, ...nothing })), host: [], error };
  }

  function publish(report: Omit<RoutersReport, "atMs" | "counters">): void {
    latest = { ...report, atMs: clock.nowMs(), counters: { ...counters, ...loop.counts() } };
    for (const listener of listeners) listener(latest);
  }

  return {
    setDesired: (state, now) => {
      const before = new Map(desired?.routers.map((router) => [router.vni, router]));
      // What is as it was stays the same object, by which drift is told from what we were asked for.
      const routers = state.routers.map((router) => {
        const known = before.get(router.vni);
        return known && JSON.stringify(known) === JSON.stringify(router) ? known : router;
      });
      const same = routers.length === before.size && routers.every((router) => before.get(router.vni) === router);
      const sameTrust = trust.inSync === now.inSync && trust.mayRetarget === now.mayRetarget;
      if (desired && same && sameTrust) return;
      desired = { routers };
      trust = now;
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

function reportRouters(
  wanted: DesiredRouters,
  actual: ActualRouters,
  { found, failures }: { readonly found: RouterDiff; readonly failures: readonly RouterOpFailure[] },
): RouterReport[] {
  const desired = new Set(wanted.routers.map((router) => router.vni));
  const held = new Map(actual.routers.map((router) => [router.vni, router]));
  return found.routers.map(({ vni, ops, withheld, problems }) => {
    // A refusal of what all routers share concerns each of them.
    const [failure, ...more] = failures.filter(({ op }) => op.vni === vni || op.vni === undefined);
    const have = held.get(vni);
    return {
      vni,
      desired: desired.has(vni),
      verified: have && readBackRouter(have, actual),
      remaining: ops,
      withheld,
      problems: failure ? [...problems, { kind: "op-failed", failure, more: more.length }] : problems,
    };
  });
}

function isClean({ ops, withheld, problems }: RouterPlan): boolean {
  return ops.length + withheld.length + problems.length === 0;
}
