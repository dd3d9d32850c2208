// The agent as one piece, over ports. Each concern is a lane (lane/lane.ts), from its sources to its effects:
//
//   intent (MQTT) --> peers      -> BGP sessions
//                 |-> underlay   -> routes of the kernel, the VTEP for the ToRs
//                 \-> networks   -> L2 entries of the kernel, RT-2 and RT-3 for the ToRs
//   routes (BGP)  --/-> routers    -> VRFs of the kernel, RT-5 for the ToRs
//                                     | read-back
//                     reports  <------/   -> the cloud
//
// This file makes the lanes and passes on what happens; it decides nothing else. A lane runs on without the others: no
// broker, no ToR, or a kernel that refuses one network stop nothing else. To add one: a file in lane/, a line at LANES.

import type { Mac } from "../shared/address/mac.ts";
import type { Prefix } from "../shared/address/prefix.ts";
import type { Report } from "../shared/message/report.ts";
import { type Channel, hostChannel, type HostRecord } from "../shared/model/record.ts";
import type { ReceivedRoute } from "./bgp/route.ts";
import type { PeerSummary, Speaker, SpeakerError, SpeakerListener } from "./bgp/speaker.ts";
import type { Clock, Random } from "./clock.ts";
import type { Kernel } from "./dataplane/kernel.ts";
import type { Guards } from "./dataplane/guards.ts";
import type { HostPorts } from "./dataplane/host-ports.ts";
import { createReconciler, type Reconciler } from "./dataplane/reconciler.ts";
import type { DataplaneReport } from "./dataplane/report.ts";
import type { RouterKernel, RouterSupport } from "./dataplane/router-kernel.ts";
import type { RouteKernel } from "./dataplane/route-kernel.ts";
import type { MovedMac } from "./evpn/mobility.ts";
import type { SnapshotSource } from "./intent/fetch-snapshot.ts";
import type { BrokerConnection } from "./intent/mqtt.ts";
import type { ReplicaStore } from "./intent/replica-files.ts";
import { type IntentChange, type IntentSession, openIntent } from "./intent/session.ts";
import { createCompleteness } from "./lane/completeness.ts";
import { guardFirst } from "./lane/guard-first.ts";
import { createGuardsLane, type GuardView } from "./lane/guards.ts";
import { createHold } from "./lane/hold.ts";
import { createImports } from "./lane/imports.ts";
import type { ChannelPart, Lane, LaneContext } from "./lane/lane.ts";
import { createNetworksLane } from "./lane/networks.ts";
import { createPace } from "./lane/pace.ts";
import { createPeersLane, fabricPeers, hostRecord } from "./lane/peers.ts";
import { createPortFinder } from "./lane/port-finder.ts";
import type { RaisedSequences } from "./lane/raised-sequences.ts";
import { createRoutersLane, type RoutersLane } from "./lane/routers.ts";
import { createUnderlayLane, type UnderlayView } from "./lane/underlay.ts";
import type { Diary } from "./log.ts";
import type { Overlay } from "./overlay.ts";
import { createMalformedLog, type MalformedMessage } from "./report/malformed.ts";
import { withDrift, withDriftCounts } from "./report/drift-report.ts";
import { channelReports, peerReport, startReports } from "./report/report.ts";
import { underlayReport } from "./report/underlay-report.ts";

/** What the agent needs of the world. */
export type AgentPorts = {
  readonly host: string;
  readonly broker: BrokerConnection;
  readonly kernel: Kernel;
  /** What guards the ports, and finds those without a name; absent: no port is guarded, and all must be named. */
  readonly portSecurity?: { readonly guards: Guards; readonly hostPorts: HostPorts };
  /** The part of the kernel that has VRFs; absent: tenants' routers cannot be here. */
  readonly routers?: RouterKernel | undefined;
  /** The part of the kernel that has the underlay's routes; absent: none are installed. */
  readonly routes?: RouteKernel | undefined;
  /** Mobility sequences kept over restarts; absent: they are not. */
  readonly raised?: RaisedSequences | undefined;
  readonly replica: ReplicaStore;
  /** Where offered snapshots are fetched. */
  readonly snapshots: SnapshotSource;
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
  /** This host's own record. */
  readonly hostIntent: { readonly host: HostRecord } | undefined;
  /** Made when it is asked for. */
  readonly overlay: Overlay;
  readonly dataplane: DataplaneReport | undefined;
  /** What the lanes know of a channel, as the report has it. */
  partsOf(channel: Channel): readonly ChannelPart[];
  /** What other hands changed in networks. */
  readonly drift: ReturnType<Reconciler["drift"]>;
  /** What this kernel can do. */
  readonly capabilities: Kernel["capabilities"];
  readonly routers: ReturnType<RoutersLane["view"]>;
  readonly peers: readonly PeerSummary[];
  readonly fabric: readonly ReceivedRoute[];
  /** MACs that moved of late, and those frozen for it. */
  readonly moved: readonly MovedMac[];
  /** Guards of the ports, what they dropped and whom they saw; undefined without them. */
  readonly guards: GuardView | undefined;
  /** Unicast routes, and what the kernel holds of them. */
  readonly underlay: UnderlayView;
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

/** Starts everything; what is in the replica is in the kernel and in BGP before the broker answers. */
export async function startAgent(ports: AgentPorts): Promise<Agent> {
  const { host, broker, kernel, clock, random, diary } = ports;
  const lanes: Lane[] = [];
  const malformed = createMalformedLog();
  const pace = createPace(clock, () => completeness.judge());
  const preserved = await forwardsAlready(ports);
  // Known before any network is looked at: its bridge has the gateway's address or its own.
  const support = await routerSupport(ports);
  const speaker = ports.speaker(
    {
      routes: (changes) => each((lane) => lane.routes?.(changes)),
      session: onSession,
      unicast: () => each((lane) => lane.unicast?.()),
      endOfRib: (peer, family) => {
        if (family === "evpn") completeness.endOfRib(peer);
        each((lane) => lane.endOfRib?.(peer, family));
      },
      error: onBgpError,
    },
    { preserved },
  );
  const reconciler = createReconciler({
    kernel: guardFirst(kernel, clock, () => guards),
    clock,
    compareEveryMs: ports.compareEveryMs,
    log: (level, text) => (level === "info" ? diary.info("dataplane", text) : diary.warn("dataplane", text)),
  });
  const session = await openIntent({
    host,
    store: ports.replica,
    snapshots: ports.snapshots,
    connection: broker,
    clock,
    random,
    log: diary,
    onChange: onIntent,
  });
  const intent = session.state;
  const completeness = createCompleteness({
    clock,
    inSync: () => intent.inSync,
    peers: () => fabricPeers(hostRecord(intent)),
    busy: () => pace.busy,
    changed: (now) => each((lane) => lane.complete?.(now)),
  });
  const reports = startReports({
    agent: ports.identity,
    clock,
    random,
    send: (payload) => {
      if (broker.connected) broker.publish("report", payload);
    },
    content: () => ({
      channels: channelReports(intent, partsOf, {
        peers: speaker.summary(),
        sentAll: (peer) => completeness.sentAll(peer),
      }),
      inSync: intent.inSync,
      bgp: speaker.summary().map(peerReport),
      underlay: underlayReport(underlay.view()),
      counters: withDriftCounts(diary.counters, reconciler.drift().byNetwork),
      events: withDrift(diary.recent(), reconciler.drift().recent),
      capabilities: {
        ...Object.fromEntries(kernel.capabilities.map(({ name, present }) => [name, present])),
        vrf: support.vrf,
      },
    }),
  });
  const context: LaneContext = {
    host,
    clock,
    diary,
    kernel,
    pace,
    intent,
    speaker,
    reconciler,
    setImports: createImports(speaker),
    routesWaiting: createHold(speaker),
    trust: () => ({ inSync: completeness.now, mayRetarget: completeness.mayRetarget }),
    reportChanged: () => reports.changed(),
  };
  // LANES
  const { portSecurity } = ports;
  const finder = portSecurity && createPortFinder({ host, hostPorts: portSecurity.hostPorts, clock, log: diary });
  const guards = finder && createGuardsLane(context, { ...portSecurity, finder });
  const routers = createRoutersLane(context, {
    kernel: ports.routers,
    support,
    compareEveryMs: ports.compareEveryMs,
    fabricVteps: ports.fabricVteps,
    onRouting: (network) => networks.routingChanged(network),
  });
  const networks = createNetworksLane(context, {
    fabricVteps: ports.fabricVteps,
    routing: (network) => routers.routing(network),
    placed: finder?.resolve,
    raised: ports.raised,
  });
  const underlay = createUnderlayLane(context, { kernel: ports.routes, compareEveryMs: ports.compareEveryMs });
  // Guards before networks: a port waits for its own before it is attached. Policy of unicast routes before peers.
  lanes.push(underlay, createPeersLane(context), ...(guards ? [guards] : []), routers, networks);
  finder?.onChange((changed) => networks.intent?.(changed));

  diary.onWarning(() => reports.changed());
  reconciler.onReport((report) => {
    each((lane) => lane.verified?.(report));
    reports.changed();
  });
  broker.listen({
    connected: () => {
      session.onConnected();
      heard();
    },
    disconnected: () => {
      session.onDisconnected();
      heard();
    },
    inbox: (payload) => session.onInbox(payload),
  });
  onIntent(new Map([hostChannel(host), ...intent.channels.keys()].map((channel) => [channel, "whole"] as const)));

  function each(act: (lane: Lane) => void): void {
    for (const lane of lanes) act(lane);
  }

  function partsOf(channel: Channel): ChannelPart[] {
    return lanes.flatMap((lane) => lane.channel?.(channel) ?? []);
  }

  function onIntent(change: IntentChange): void {
    each((lane) => lane.intent?.(change));
    heard();
  }

  /** The cloud came, went, or confirmed that intent is whole. */
  function heard(): void {
    each((lane) => lane.heard?.(broker.connected && intent.inSync));
    completeness.judge();
    reports.changed();
  }

  function onSession(...[peer, state, detail]: Parameters<SpeakerListener["session"]>): void {
    diary.info("bgp-session", `${peer} ${state}${detail ? `: ${detail}` : ""}`);
    const established = state === "Established";
    if (!established) completeness.sessionLost(peer);
    each((lane) => lane.session?.(peer, established));
    reports.changed();
  }

  function onBgpError(error: SpeakerError): void {
    diary.warn(`bgp-${error.kind}`, error.detail);
    if (error.kind !== "malformed-message") return;
    diary.count(`bgp-${error.severity}`);
    malformed.add({ ...error, atMs: clock.wallMs() });
  }

  function view(): AgentView {
    const record = hostRecord(intent);
    let overlay: Overlay | undefined;
    return {
      host,
      intent,
      hostIntent: record && { host: record },
      // Long for a large fabric, and most views do without.
      get overlay() {
        return (overlay ??= networks.overlay());
      },
      dataplane: reconciler.latest(),
      partsOf,
      drift: reconciler.drift(),
      capabilities: kernel.capabilities,
      get routers() {
        return routers.view();
      },
      peers: speaker.summary(),
      get fabric() {
        return speaker.ribIn();
      },
      moved: networks.moved(),
      guards: guards?.view(),
      underlay: underlay.view(),
      malformed: malformed.recent(),
      diary,
      brokerConnected: broker.connected,
      mayDelete: completeness.now,
      identity: ports.identity,
      nowMs: clock.wallMs(),
    };
  }

  return {
    view,
    clearDuplicate: (mac) => networks.clearDuplicate(mac),
    async close() {
      completeness.close();
      pace.close();
      reports.close();
      for (const lane of lanes) await lane.close?.();
      await session.close();
      await broker.close();
      await speaker.close("restart");
      await reconciler.close();
      await kernel.close();
    },
  };
}

/** True if an earlier process left its forwarding state: ToRs may go on sending to us meanwhile (RFC 4724, F bit). */
async function forwardsAlready({ kernel, diary }: AgentPorts): Promise<boolean> {
  try {
    return (await kernel.readHost()).networks.length > 0;
  } catch (cause) {
    diary.warn("kernel-unread", `whether the kernel forwards already is not known: ${(cause as Error).message}`);
    return false;
  }
}

/** A kernel that does not answer has none: the networks go on without. */
async function routerSupport({ routers, diary }: AgentPorts): Promise<RouterSupport> {
  if (!routers) return { vrf: false, reason: "this agent was started without" };
  try {
    return await routers.support();
  } catch (cause) {
    const reason = (cause as Error).message;
    diary.warn("vrf-unknown", reason);
    return { vrf: false, reason };
  }
}
