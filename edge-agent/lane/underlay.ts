// The lane of the underlay: policy and routes of the unicast families, from this host's own record and BGP to the main table of
// the kernel. Takes part in nothing where the record says nothing of it.

import type { Prefix } from "../../shared/address/prefix.ts";
import { hostChannel, type HostRecord } from "../../shared/model/record.ts";
import type { HostUnderlay } from "../../shared/model/underlay.ts";
import type { FamilyName } from "../bgp/family.ts";
import { type PeerKey, peerKeyOf } from "../bgp/route.ts";
import type { ReceivedUnicast } from "../bgp/unicast-route.ts";
import type { RouteKernel } from "../dataplane/route-kernel.ts";
import { underlayPolicy } from "../underlay/policy.ts";
import { createUnderlayReconciler, type UnderlayReport } from "../underlay/reconciler.ts";
import type { Lane, LaneContext } from "./lane.ts";
import { hostRecord } from "./peers.ts";

/** What `show` and reports read. */
export type UnderlayView = {
  readonly config: HostUnderlay | undefined;
  readonly routes: readonly ReceivedUnicast[];
  /** What each peer was told. */
  readonly told: ReadonlyMap<PeerKey, readonly Prefix[]>;
  /** The kernel as it was read back; undefined before that. */
  readonly report: UnderlayReport | undefined;
  /** The routes are whole, so that what is not among them is deleted. */
  readonly whole: boolean;
};

/** After so long without End-of-RIB the routes count as whole (RFC 4724 4.1, deferral). */
const END_OF_RIB_WAIT_MS = 60_000;
const DEFAULT_MAXIMUM_PATHS = 8;

export function createUnderlayLane(
  context: Pick<LaneContext, "clock" | "diary" | "intent" | "speaker" | "reportChanged">,
  options: { readonly kernel: RouteKernel | undefined; readonly compareEveryMs: number },
): Lane & { view(): UnderlayView } {
  const { clock, diary, intent, speaker } = context;
  const { kernel, compareEveryMs } = options;
  const own = hostChannel(intent.host);
  const endOfRib = new Set<string>();
  let configured = "";
  let accepted = "";
  /** Once true it stays: what is lost later is lost, while after a restart it may only not be there yet. */
  let whole = false;
  const reconciler =
    kernel &&
    createUnderlayReconciler({
      kernel,
      clock,
      log: diary,
      compareEveryMs,
      onReport: () => context.reportChanged(),
    });
  const cancelWait = clock.setTimer(END_OF_RIB_WAIT_MS, () => {
    whole = true;
    reconcile();
  });

  /** Tells the speaker of policy only when it changed: peers are asked for all their routes again. */
  function setPolicy(host: HostRecord | undefined): void {
    const { accept, nextHops, maximumRoutes } = host?.bgp?.underlay ?? {};
    const all = JSON.stringify([host?.vtep, host?.bgp?.underlay]);
    const incoming = JSON.stringify([host?.vtep, host?.bgp?.underlay !== undefined, accept, nextHops, maximumRoutes]);
    if (all === configured) return;
    const accepts = incoming !== accepted;
    configured = all;
    accepted = incoming;
    if (host) speaker.setUnicastPolicy(underlayPolicy(host.vtep, host.bgp?.underlay), { accepts });
  }

  /** A host that knows nothing of itself yet touches nothing; one that was told to leave everything clears up. */
  function reconcile(): void {
    const host = hostRecord(intent);
    if (!host && !intent.inSync) return;
    whole ||= host === undefined || hasAllTables(host);
    const { maximumPaths = DEFAULT_MAXIMUM_PATHS, multipathRelax = false } = host?.bgp?.underlay ?? {};
    const routes = host ? speaker.unicastIn() : [];
    reconciler?.set({ vtep: host?.vtep, routes, maximumPaths, multipathRelax, mayDelete: whole });
  }

  function hasAllTables({ bgp }: HostRecord): boolean {
    const offered = (bgp?.peers ?? []).filter(({ shutdown, families }) => !shutdown && families?.some(isUnicast));
    const sessions = new Map(speaker.summary().map((session) => [session.peer, session]));
    return offered.every((configured) => {
      const peer = peerKeyOf(configured);
      const { state, families = [] } = sessions.get(peer) ?? {};
      const agreed = families.filter(({ family, agreed: both }) => isUnicast(family) && both);
      return state === "Established" && agreed.every(({ family }) => endOfRib.has(`${peer} ${family}`));
    });
  }

  return {
    intent(change) {
      const host = hostRecord(intent);
      // Endpoints come and go; only this host's own record matters, or that there is none.
      if (!change.has(own) && (host || !intent.inSync)) return;
      setPolicy(host);
      reconcile();
    },
    unicast: reconcile,
    session(peer, established) {
      if (!established) for (const key of endOfRib) if (key.startsWith(`${peer} `)) endOfRib.delete(key);
      reconcile();
    },
    endOfRib(peer, family) {
      endOfRib.add(`${peer} ${family}`);
      reconcile();
    },
    view: () => ({
      config: hostRecord(intent)?.bgp?.underlay,
      routes: speaker.unicastIn(),
      told: new Map(speaker.summary().map(({ peer }) => [peer, speaker.unicastOut(peer)])),
      report: reconciler?.latest(),
      whole,
    }),
    async close() {
      cancelWait();
      await reconciler?.close();
    },
  };
}

function isUnicast(family: FamilyName): boolean {
  return family !== "evpn";
}
