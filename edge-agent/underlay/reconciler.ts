// Keeps the kernel's routes of the underlay as BGP decides: read, decide, diff, apply, read back. Links and addresses are part
// of what is decided on, so a pass follows each of their changes too. Decides nothing itself.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { ReceivedUnicast } from "../bgp/unicast-route.ts";
import type { Clock } from "../clock.ts";
import { createPassLoop, type PassOutcome } from "../dataplane/pass-loop.ts";
import type { ActualRoutes, KernelRoute, RouteKernel, RouteOp, RouteOpFailure } from "../dataplane/route-kernel.ts";
import type { Log } from "../log.ts";
import { type Decision, decide, type MultipathOptions } from "./best-path.ts";
import { reach } from "./reach.ts";
import { desiredRoutes, diffRoutes, type RouteDiff, sameRoute, wayKey } from "./route-diff.ts";

/** What there is to decide on; replaced as a whole. */
export type UnderlayInput = MultipathOptions & {
  readonly vtep: IpAddress | undefined;
  readonly routes: readonly ReceivedUnicast[];
  /** The routes are known to be whole: what is not among them may go. */
  readonly mayDelete: boolean;
};

export type UnderlayCounters = {
  readonly passes: number;
  readonly retries: number;
  /** Ops that the kernel took, and refused. */
  readonly applied: number;
  readonly refused: number;
  /** Of those, made necessary by another hand alone. */
  readonly drift: number;
};

/** The kernel as it was read back. */
export type UnderlayReport = {
  readonly decisions: readonly Decision[];
  readonly desired: readonly KernelRoute[];
  readonly installed: readonly KernelRoute[];
  /** What is still to be written, or waits until the routes are whole. */
  readonly remaining: RouteDiff;
  /** Why the kernel is not as desired, in words for an operator. */
  readonly problems: readonly string[];
  readonly counters: UnderlayCounters;
};

export type UnderlayReconciler = {
  set(input: UnderlayInput): void;
  latest(): UnderlayReport | undefined;
  /** Ends after the pass under way; the routes stay. */
  close(): Promise<void>;
};

export function createUnderlayReconciler(options: {
  readonly kernel: RouteKernel;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly log: Log;
  readonly compareEveryMs: number;
  readonly onReport: (report: UnderlayReport) => void;
}): UnderlayReconciler {
  const { kernel, clock, log } = options;
  const counters = { applied: 0, refused: 0, drift: 0 };
  let input: UnderlayInput | undefined;
  let latest: UnderlayReport | undefined;
  /** What the last pass left as it should be. */
  let clean: readonly KernelRoute[] | undefined;
  /** Ways that this process decided on, as long as routes may not be whole. */
  const told = new Set<string>();
  let said = new Set<string>();

  const loop = createPassLoop({
    clock,
    pass,
    onError: (cause) => {
      clean = undefined;
      log.warn("underlay-kernel", cause.message);
    },
    background: {
      everyMs: () => options.compareEveryMs,
      step: async () => {
        if (!isIdle()) await pass();
      },
    },
  });
  const watch = kernel.watch(() => {
    if (input && !isIdle()) loop.notice();
  });

  /** There are no routes, and none of ours in the kernel: it need not be read for a host that takes no part. */
  function isIdle(): boolean {
    return (
      input?.mayDelete === true && input.routes.length === 0 && latest?.installed.length === 0 && clean?.length === 0
    );
  }

  async function pass(): Promise<PassOutcome> {
    const wanted = input;
    if (!wanted) return "done";
    let view = judge(wanted, await kernel.read(), told);
    let failures: readonly RouteOpFailure[] = [];
    const { ops } = view.diff;
    if (ops.length > 0) {
      noteDrift(ops, view.desired);
      failures = await kernel.apply(ops);
      counters.applied += ops.length - failures.length;
      counters.refused += failures.length;
      view = judge(wanted, await kernel.read(), told);
    }
    const left = view.diff.ops.length > 0;
    clean = left ? undefined : view.desired;
    publish(view, [...failures.map(describeFailure), ...describe(wanted, view)]);
    return left ? "again" : "done";
  }

  /** What was as desired, and is not though nothing else is desired: another hand. */
  function noteDrift(ops: readonly RouteOp[], desired: readonly KernelRoute[]): void {
    const same = clean?.length === desired.length && desired.every((route, i) => isSame(route, clean?.[i]));
    if (!same) return;
    counters.drift += ops.length;
    const names = ops.map((op) => (op.kind === "delete-route" ? op.prefix : op.route.prefix)).join(", ");
    log.warn("underlay-drift", `another hand changed routes of the underlay, which are put right: ${names}`);
  }

  function publish({ decisions, desired, actual, diff }: View, problems: readonly string[]): void {
    for (const problem of problems) if (!said.has(problem)) log.warn("underlay", problem);
    said = new Set(problems);
    latest = {
      decisions,
      desired,
      installed: actual.ours,
      remaining: diff,
      problems,
      counters: { ...loop.counts(), ...counters },
    };
    options.onReport(latest);
  }

  return {
    set(next) {
      input = next;
      if (!isIdle()) loop.ask();
    },
    latest: () => latest,
    async close() {
      watch.close();
      await loop.close();
    },
  };
}

type View = {
  readonly decisions: readonly Decision[];
  readonly desired: readonly KernelRoute[];
  readonly actual: ActualRoutes;
  readonly diff: RouteDiff;
};

function judge(input: UnderlayInput, actual: ActualRoutes, told: Set<string>): View {
  const decisions = decide(input.routes, (route) => reach(route, actual.links), input);
  const desired = desiredRoutes(decisions, input.vtep, actual);
  if (input.mayDelete) told.clear();
  else for (const { prefix, hops } of desired) for (const hop of hops) told.add(wayKey(prefix, hop));
  return { decisions, desired, actual, diff: diffRoutes(desired, actual, { mayDelete: input.mayDelete, told }) };
}

function describe({ vtep, routes }: UnderlayInput, { decisions, diff, actual }: View): string[] {
  const unreachable = decisions.filter(({ hops }) => hops.length === 0).map(describeUnreachable);
  const taken = diff.taken.map((prefix) => `${prefix}: somebody else's route has the metric of ours, and stays`);
  const homeless = vtep !== undefined && routes.length > 0 && !actual.addresses.has(vtep);
  return [...unreachable, ...taken, ...(homeless ? [`no interface has the VTEP address ${vtep}`] : [])];
}

const WHY = {
  "off-link": "is on no link of this host",
  "link-down": "is on a link that is down",
  "no-link": "is on a link that does not exist",
} as const;

function describeUnreachable({ prefix, paths }: Decision): string {
  const reasons = paths.flatMap(({ route, use }) =>
    use in WHY ? [`next hop ${route.nextHop.address} ${WHY[use as keyof typeof WHY]}`] : [],
  );
  return `${prefix} is not installed: ${reasons.join("; ")}`;
}

function describeFailure({ op, code, message }: RouteOpFailure): string {
  const prefix = op.kind === "delete-route" ? op.prefix : op.route.prefix;
  return `${prefix}: the kernel refused ${op.kind}: ${message === "" ? code : `${code}, ${message}`}`;
}

function isSame(a: KernelRoute, b: KernelRoute | undefined): boolean {
  return b !== undefined && a.prefix === b.prefix && sameRoute(a, b);
}
