// The agent as one piece, over ports: intent and fabric change -> overlay -> kernel and BGP -> read-back -> report.
// Each part runs on without the others: no broker, no ToR, or a kernel that refuses one network stop nothing else.

import type { IpAddress } from "../shared/address/ip.ts";
import type { Mac } from "../shared/address/mac.ts";
import type { Prefix } from "../shared/address/prefix.ts";
import type { PeerReport, Report } from "../shared/message/report.ts";
import type { ReceivedRoute } from "./bgp/route.ts";
import type { PeerSummary, Speaker, SpeakerError, SpeakerListener } from "./bgp/speaker.ts";
import { type Clock, debounce, type Random } from "./clock.ts";
import type { Kernel } from "./dataplane/kernel.ts";
import { describeProblem } from "./dataplane/problem.ts";
import { createReconciler, type DataplaneReport } from "./dataplane/reconciler.ts";
import type { MovedMac } from "./evpn/mobility.ts";
import type { BrokerConnection } from "./intent/mqtt.ts";
import type { ReplicaStore } from "./intent/replica-files.ts";
import { type IntentSession, openIntent } from "./intent/session.ts";
import { type HostIntent, viewIntent } from "./intent/view.ts";
import type { Diary } from "./log.ts";
import { EMPTY_OVERLAY, importsOf, type Overlay, routerIdOf } from "./overlay.ts";
import { createMalformedLog, type MalformedMessage } from "./report/malformed.ts";
import { channelReports, startReports, type Verified } from "./report/report.ts";
import { createResolver } from "./resolver.ts";

/** What the agent needs of the world. */
export type AgentPorts = {
  readonly host: string;
  readonly broker: BrokerConnection;
  readonly kernel: Kernel;
  readonly replica: ReplicaStore;
  /** Makes the BGP speaker; it starts with no peers. `preserved`: the kernel forwards for us already. */
  readonly speaker: (listener: SpeakerListener, start: { readonly preserved: boolean }) => Speaker;
  readonly clock: Clock;
  readonly random: Random;
  readonly diary: Diary;
  readonly identity: Report["agent"];
  readonly compareEveryMs: number;
  /** VTEPs of the fabric that may be sent to; absent: any. */
  readonly fabricVteps?: readonly Prefix[] | undefined;
};

/** What `show` reads. */
export type AgentView = {
  readonly host: string;
  readonly intent: IntentSession["state"];
  readonly hostIntent: HostIntent | undefined;
  readonly overlay: Overlay;
  readonly dataplane: DataplaneReport | undefined;
  readonly peers: readonly PeerSummary[];
  readonly fabric: readonly ReceivedRoute[];
  /** MACs that moved of late, and those frozen for it. */
  readonly moved: readonly MovedMac[];
  /** The last malformed BGP messages, oldest first. */
  readonly malformed: readonly MalformedMessage[];
  readonly diary: Diary;
  readonly brokerConnected: boolean;
  readonly mayDelete: boolean;
  readonly identity: Report["agent"];
  readonly nowMs: number;
};

export type Agent = {
  view(): AgentView;
  /** Releases a MAC that was frozen for moving too often (RFC 7432 15.1); the networks where it was. */
  clearDuplicate(mac: Mac): readonly string[];
  close(): Promise<void>;
};

/** Changes within this time become one computation. */
const SETTLE_MS = 2;
/** Without End-of-RIB from every ToR, sweeping waits at most so long after the start (RFC 4724 4.1, deferral). */
const END_OF_RIB_WAIT_MS = 60_000;

/** Starts everything; what is in the replica is in the kernel and in BGP before the broker answers. */
export async function startAgent(ports: AgentPorts): Promise<Agent> {
  const { host, broker, clock, random, diary } = ports;
  let overlay: Overlay = EMPTY_OVERLAY;
  let hostIntent: HostIntent | undefined;
  let verified: Verified = new Map();
  let bgpText = "";
  let importsText = "";
  let waitedForRib = false;
  const endOfRib = new Set<IpAddress>();
  const malformed = createMalformedLog();

  const update = debounce(clock, SETTLE_MS, () => refresh());
  const resolver = createResolver({
    clock,
    log: diary,
    fabricVteps: ports.fabricVteps,
    again: () => update.trigger(),
  });
  const preserved = await forwardsAlready(ports);
  const listener: SpeakerListener = {
    routes: () => update.trigger(),
    session: (peer, state, detail) => {
      if (state !== "Established") endOfRib.delete(peer);
      diary.info("bgp-session", `${peer} ${state}${detail ? `: ${detail}` : ""}`);
      reports.changed();
    },
    endOfRib: (peer) => {
      endOfRib.add(peer);
      update.trigger();
    },
    error: onBgpError,
  };
  const speaker = ports.speaker(listener, { preserved });
  const reconciler = createReconciler({
    kernel: ports.kernel,
    clock,
    compareEveryMs: ports.compareEveryMs,
    log: (level, text) => (level === "info" ? diary.info("dataplane", text) : diary.warn("dataplane", text)),
  });
  const session = await openIntent({
    host,
    store: ports.replica,
    connection: broker,
    clock,
    random,
    log: diary,
    onChange: () => update.trigger(),
  });
  const reports = startReports({
    agent: ports.identity,
    clock,
    random,
    send: (payload) => {
      if (broker.connected) broker.publish("report", payload);
    },
    content: () => ({
      channels: channelReports(session.state, overlay, verified),
      inSync: session.state.inSync,
      bgp: speaker.summary().map(peerReport),
      counters: diary.counters,
      events: diary.recent(),
    }),
  });
  diary.onWarning(() => reports.changed());
  reconciler.onReport((report) => {
    verified = readVerified(overlay, report);
    reports.changed();
  });
  const cancelRibWait = clock.setTimer(END_OF_RIB_WAIT_MS, () => {
    waitedForRib = true;
    update.trigger();
  });

  function onBgpError(error: SpeakerError): void {
    diary.warn(`bgp-${error.kind}`, error.detail);
    if (error.kind !== "malformed-message") return;
    diary.count(`bgp-${error.severity}`);
    malformed.add({ ...error, atMs: clock.wallMs() });
  }

  function refresh(): void {
    hostIntent = viewIntent(session.state);
    // A host that knows nothing of itself yet touches nothing; one that was told to leave everything clears up.
    if (!hostIntent && !session.state.inSync) return;
    if (hostIntent) setPeers(hostIntent);
    resolver.heard(broker.connected && session.state.inSync);
    overlay = hostIntent ? resolver.resolve(hostIntent, speaker.ribIn()) : EMPTY_OVERLAY;
    if (!hostIntent) speaker.configure(undefined);
    speaker.setExports(overlay.exports);
    reconciler.setDesired(overlay.desired, { inSync: mayDelete() });
    reports.changed();
  }

  /** Tells the speaker of peers and import targets only when they changed: a new filter asks the ToR for its routes. */
  function setPeers(intent: HostIntent): void {
    const imports = importsOf(intent);
    const importsNow = [...imports].sort().join(" ");
    if (importsNow !== importsText) {
      importsText = importsNow;
      speaker.setImports((targets) => targets.some((target) => imports.has(target)));
    }
    const routerId = routerIdOf(intent.host);
    const { bgp } = intent.host;
    const bgpNow = JSON.stringify([routerId, bgp]);
    if (bgpNow === bgpText) return;
    bgpText = bgpNow;
    if (bgp && !routerId) diary.warn("bgp-no-router-id", "an IPv6 VTEP needs bgp.routerId: no session is opened");
    const ownAddresses = [intent.host.vtep];
    const peers = bgp?.peers.map(({ sourceAddress, ...peer }) => ({ ...peer, localAddress: sourceAddress })) ?? [];
    speaker.configure(bgp && routerId ? { asn: bgp.asn, routerId, peers, ownAddresses } : undefined);
  }

  /** No delete before in-sync: a whole answer from the cloud, and from each ToR its End-of-RIB or the wait's end. */
  function mayDelete(): boolean {
    const peers = hostIntent?.host.bgp?.peers ?? [];
    return session.state.inSync && (waitedForRib || peers.every((peer) => peer.shutdown || endOfRib.has(peer.address)));
  }

  broker.listen({
    connected: () => {
      session.onConnected();
      reports.changed();
    },
    disconnected: () => {
      session.onDisconnected();
      update.trigger();
    },
    inbox: (payload) => session.onInbox(payload),
  });
  update.trigger();

  return {
    view: () => ({
      host,
      intent: session.state,
      hostIntent,
      overlay,
      dataplane: reconciler.latest(),
      peers: speaker.summary(),
      fabric: speaker.ribIn(),
      moved: resolver.moved(),
      malformed: malformed.recent(),
      diary,
      brokerConnected: broker.connected,
      mayDelete: mayDelete(),
      identity: ports.identity,
      nowMs: clock.wallMs(),
    }),
    clearDuplicate(mac) {
      update.trigger();
      return resolver.clear(mac);
    },
    async close() {
      cancelRibWait();
      update.close();
      resolver.close();
      reports.close();
      await session.close();
      await broker.close();
      await speaker.close("restart");
      await reconciler.close();
      await ports.kernel.close();
    },
  };
}

/** True if an earlier process left its forwarding state: ToRs may go on sending to us meanwhile (RFC 4724, F bit). */
async function forwardsAlready({ kernel, diary }: AgentPorts): Promise<boolean> {
  try {
    return (await kernel.dump()).networks.length > 0;
  } catch (cause) {
    diary.warn("kernel-unread", `whether the kernel forwards already is not known: ${(cause as Error).message}`);
    return false;
  }
}

/** What the kernel was read back to hold, by network id, with the reasons where it is not as desired. */
function readVerified(overlay: Overlay, report: DataplaneReport): Verified {
  const byVni = new Map(report.networks.map((network) => [network.vni, network]));
  return new Map(
    overlay.networks.map(({ id, state }) => {
      const read = byVni.get(state.vni);
      const problems = (read?.problems ?? []).map(describeProblem);
      if (report.error) problems.push(report.error);
      return [id, { actual: read?.verified, problems }];
    }),
  );
}

function peerReport(peer: PeerSummary): PeerReport {
  const { address, asn, state, sinceMs, routesIn, routesOut } = peer;
  return { peer: address, asn, state, sinceMs, routesIn, routesOut };
}
