// The lane of L2 networks: intent and the fabric's routes in, entries for the kernel and routes for the ToRs out, and the
// proof of what the kernel holds. Who is right about a MAC is evpn/; how an entry becomes kernel objects is dataplane/.

import { channelNetwork } from "../../shared/model/record.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { debounce } from "../clock.ts";
import { describeProblem } from "../dataplane/problem.ts";
import type { DataplaneReport } from "../dataplane/reconciler.ts";
import type { MovedMac } from "../evpn/mobility.ts";
import { type HostIntent, viewIntent } from "../intent/view.ts";
import { EMPTY_OVERLAY, importsOf, type Overlay } from "../overlay.ts";
import { kernelDigest } from "../report/kernel-digest.ts";
import { createResolver } from "../resolver.ts";
import type { ChannelPart, Lane, LaneContext } from "./lane.ts";

export type NetworksLane = Lane & {
  readonly hostIntent: HostIntent | undefined;
  readonly overlay: Overlay;
  /** MACs that moved of late, and frozen ones. */
  moved(): readonly MovedMac[];
  /** Releases a frozen MAC; the networks where it was. */
  clearDuplicate(mac: Mac): readonly string[];
};

/** Changes within this time become one computation. */
const SETTLE_MS = 2;

export function createNetworksLane(
  context: LaneContext,
  options: { readonly fabricVteps: readonly Prefix[] | undefined },
): NetworksLane {
  const { clock, diary, intent, speaker, reconciler } = context;
  let overlay = EMPTY_OVERLAY;
  let hostIntent: HostIntent | undefined;
  let report: DataplaneReport | undefined;
  const update = debounce(clock, SETTLE_MS, refresh);
  const resolver = createResolver({
    clock,
    log: diary,
    fabricVteps: options.fabricVteps,
    again: () => update.trigger(),
  });

  function refresh(): void {
    hostIntent = viewIntent(intent);
    // A host that knows nothing of itself yet touches nothing; one that was told to leave everything clears up.
    if (!hostIntent && !intent.inSync) return;
    context.setImports("networks", hostIntent ? importsOf(hostIntent) : new Set());
    overlay = hostIntent ? resolver.resolve(hostIntent, speaker.ribIn()) : EMPTY_OVERLAY;
    speaker.setExports(overlay.exports);
    reconciler.setDesired(overlay.desired, { inSync: context.complete() });
    context.reportChanged();
  }

  return {
    get hostIntent() {
      return hostIntent;
    },
    get overlay() {
      return overlay;
    },
    intent: () => update.trigger(),
    routes: () => update.trigger(),
    complete: () => update.trigger(),
    heard(current) {
      resolver.heard(current);
      update.trigger();
    },
    verified(now) {
      report = now;
    },
    channel(channel): ChannelPart | undefined {
      const id = channelNetwork(channel);
      const network = overlay.networks.find((each) => each.id === id);
      if (!network || !report) return undefined;
      const read = report.networks.find(({ vni }) => vni === network.state.vni);
      const problems = (read?.problems ?? []).map(describeProblem);
      if (report.error) problems.push(report.error);
      return { kernel: kernelDigest(read?.verified, network.table), problems };
    },
    moved: () => resolver.moved(),
    clearDuplicate(mac) {
      update.trigger();
      return resolver.clear(mac);
    },
    close() {
      update.close();
      resolver.close();
    },
  };
}
