// A Kernel that puts a tenant's port on its bridge only when its guard is there, and with its flags, so that there is no moment
// in which it could do what it must not. Waits for a guard that does not come no longer than it must: a host without guards still forwards.

import type { Clock } from "../clock.ts";
import type { Kernel, Op } from "../dataplane/kernel.ts";
import type { GuardsLane } from "./guards.ts";

const MOST_WAIT_MS = 3_000;

export function guardFirst(
  kernel: Kernel,
  clock: Pick<Clock, "setTimer">,
  guards: () => Pick<GuardsLane, "guarded" | "flagsOf"> | undefined,
): Kernel {
  return {
    ...kernel,
    apply: async (ops) => {
      const lane = guards();
      const ports = ops.flatMap((op) => (isAttachment(op) ? [op.name] : []));
      if (!lane || ports.length === 0) return await kernel.apply(ops);
      await atMost(MOST_WAIT_MS, clock, lane.guarded(ports));
      return await kernel.apply(ops.map((op) => withFlags(op, lane)));
    },
  };
}

function isAttachment(op: Op): op is Extract<Op, { kind: "attach-port" }> {
  return op.kind === "attach-port" && op.role === "tenant";
}

function withFlags(op: Op, lane: Pick<GuardsLane, "flagsOf">): Op {
  const flags = isAttachment(op) ? lane.flagsOf(op.name) : undefined;
  return isAttachment(op) && flags ? { ...op, flags } : op;
}

function atMost(ms: number, clock: Pick<Clock, "setTimer">, promise: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(ms, resolve);
    promise.then(resolve, reject).finally(cancel);
  });
}
