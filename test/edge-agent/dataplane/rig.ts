// A reconciler on a kernel in memory, with the ops that it writes and the reports that it gives.

import type { Op } from "../../../edge-agent/dataplane/kernel.ts";
import type { MemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import { createReconciler, type Reconciler } from "../../../edge-agent/dataplane/reconciler.ts";
import type { DataplaneReport, NetworkReport } from "../../../edge-agent/dataplane/report.ts";
import type { NetworkState } from "../../../edge-agent/dataplane/state.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

export type Rig = {
  readonly kernel: MemoryKernel;
  readonly clock: FakeClock;
  readonly reconciler: Reconciler;
  readonly reports: readonly DataplaneReport[];
  readonly last: () => DataplaneReport;
  readonly report: (vni: number) => NetworkReport | undefined;
  /** Sets the state, lets it be applied, and says which ops that took. */
  want(networks: readonly NetworkState[], options?: { readonly inSync: boolean }): Promise<readonly Op[]>;
};

export function openRig(kernel: MemoryKernel, log: (text: string) => void = () => undefined): Rig {
  const clock = createFakeClock();
  const reports: DataplaneReport[] = [];
  const ops: Op[] = [];
  const recording: MemoryKernel = {
    ...kernel,
    apply: (batch) => {
      ops.push(...batch);
      return kernel.apply(batch);
    },
  };
  const reconciler = createReconciler({ kernel: recording, clock, log: (_, text) => log(text) });
  reconciler.onReport((report) => reports.push(report));
  const last = (): DataplaneReport => {
    const report = reports.at(-1);
    if (!report) throw new Error("no report yet");
    return report;
  };
  return {
    kernel,
    clock,
    reconciler,
    reports,
    last,
    report: (vni) => last().networks.find((network) => network.vni === vni),
    want: async (networks, options = { inSync: true }) => {
      ops.length = 0;
      reconciler.setDesired({ networks }, options);
      await clock.advance(0);
      return [...ops];
    },
  };
}
