// A Kernel that puts a tenant's port on its bridge only when its guard is there, so that there is no moment in which anything
// could be sent from it. Waits for a guard that does not come no longer than it must: a host without guards still forwards.

import type { Clock } from "../clock.ts";
import type { Kernel } from "../dataplane/kernel.ts";

const MOST_WAIT_MS = 3_000;

export function guardFirst(
  kernel: Kernel,
  clock: Pick<Clock, "setTimer">,
  guarded: (ports: readonly string[]) => Promise<void>,
): Kernel {
  return {
    ...kernel,
    apply: async (ops) => {
      const ports = ops.flatMap((op) => (op.kind === "attach-port" && op.role === "tenant" ? [op.name] : []));
      if (ports.length > 0) await atMost(MOST_WAIT_MS, clock, guarded(ports));
      return await kernel.apply(ops);
    },
  };
}

function atMost(ms: number, clock: Pick<Clock, "setTimer">, promise: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(ms, resolve);
    promise.then(resolve, reject).finally(cancel);
  });
}
