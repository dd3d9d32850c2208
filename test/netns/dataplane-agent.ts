// A reconciler on the real kernel of a namespace, and how to read what it did: shared by the dataplane's kernel tests.

import { vi } from "vitest";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { createReconciler, type Reconciler } from "../../edge-agent/dataplane/reconciler.ts";
import type { DataplaneReport } from "../../edge-agent/dataplane/report.ts";
import type { NetworkState } from "../../edge-agent/dataplane/state.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import type { Namespace } from "./namespace.ts";

export type Agent = {
  readonly reconciler: Reconciler;
  /** Sets the state and waits until a report about it says that all is in the kernel. */
  settle(networks: readonly NetworkState[]): Promise<DataplaneReport>;
  close(): Promise<void>;
};

export async function startAgent(namespace: Namespace): Promise<Agent> {
  const kernel = await createNetlinkKernel({ netns: namespace.name, log: console.warn });
  const reconciler = createReconciler({ kernel, clock, log: () => undefined });
  return {
    reconciler,
    settle: async (networks) => {
      const generation = reconciler.setDesired({ networks }, { inSync: true });
      const done = (): DataplaneReport | false => {
        const report = reconciler.latest();
        const clean = report?.networks.every((network) => network.remaining + network.problems.length === 0);
        return report && report.generation >= generation && clean && !report.error ? report : false;
      };
      return await vi.waitUntil(done, { timeout: 10_000, interval: 5 });
    },
    close: async () => {
      await reconciler.close();
      await kernel.close();
    },
  };
}

/** Trimmed, without empty ones. */
export function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/**
 * The declared entries of a host, as `bridge` prints them, with the VTEPs in the place of a group's id; without what the
 * kernel makes of itself.
 */
export function forwarding(host: Namespace, of = /\bov(br|x)100\b/): string[] {
  const gateways = new Map<string, string>();
  const groups = new Map<string, string>();
  for (const line of lines(host.run("ip nexthop show"))) {
    const [, id = "", kind, value = ""] = line.split(" ");
    if (kind === "via") gateways.set(id, value);
    else if (kind === "group") groups.set(id, value);
  }
  const vteps = (id: string) =>
    (groups.get(id) ?? "")
      .split("/")
      .map((member) => gateways.get(member))
      .join("/");
  const declared = lines(host.run("bridge fdb show"))
    .map((line) => line.replace(/nhid (\d+)/, (_, id: string) => `nexthop ${vteps(id)}`))
    .filter((line) => /^(02:00:00|00:00:00:00)/.test(line));
  return declared.filter((line) => of.test(line)).sort();
}

/** From ping's summary. */
export function packetsLost(output: string): number {
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(output);
  if (!counts) throw new Error(`no summary from ping: ${output}`);
  return Number(counts[1]) - Number(counts[2]);
}
