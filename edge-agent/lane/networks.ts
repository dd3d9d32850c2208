// The lane of L2 networks: intent and the fabric's routes in, entries for the kernel and routes for the ToRs out, and the
// proof of what the kernel holds. Who is right about a MAC is evpn/; how an entry becomes kernel objects is dataplane/.
//
// Everything that changes is put in a queue and worked off in slices, in this order: which networks there are, their
// records, their settings, the routes, and then the entries of what all that touched. So a change costs what it
// concerns, a burst stalls nothing, and a single change is told in the next turn of the event loop.

import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { Vni } from "../../shared/address/vni.ts";
import {
  channelNetwork,
  hostChannel,
  type HostRecord,
  networkChannel,
  type RecordBody,
} from "../../shared/model/record.ts";
import { describeProblem } from "../dataplane/problem.ts";
import type { DataplaneReport, NetworkReport } from "../dataplane/report.ts";
import { DUPLICATE_LIMITS } from "../evpn/duplicate-mac.ts";
import type { IntentTrust } from "../evpn/mac-table.ts";
import { routeDistinguishers } from "../../shared/evpn/mac-vrf.ts";
import { createMobilityWatch, type MobilityWatch, type MovedMac, type RaisedMac } from "../evpn/mobility.ts";
import { nextHopList } from "../evpn/policy.ts";
import { l2Networks } from "../intent/view.ts";
import { type Overlay, routerIdOf } from "../overlay.ts";
import { sayConflicts, sayMobility, sayRefused } from "./disputes.ts";
import type { Lane, LaneContext } from "./lane.ts";
import { createNetworkProofs } from "./network-proofs.ts";
import { MOST_LEARNED, Network, type NetworkStep, type Routing } from "./network.ts";
import { overlayOf } from "./overlay-view.ts";
import { hostRecord, withLearnedAsns } from "./peers.ts";
import type { RaisedSequences } from "./raised-sequences.ts";
import { createRecordIntake } from "./record-intake.ts";
import { createRouteIntake } from "./route-intake.ts";
import { RouteSorter } from "./route-sorter.ts";
import { createTrust } from "./trust.ts";

export type NetworksLane = Lane & {
  /** The whole picture, made when asked for. */
  overlay(): Overlay;
  /** MACs that moved of late, and frozen ones. */
  moved(): readonly MovedMac[];
  /** Releases a frozen MAC; the networks where it was. */
  clearDuplicate(mac: Mac): readonly string[];
  /** What a router adds to this network has changed (`routing` below says what it is now). */
  routingChanged(network: string): void;
};

/** Keys, records or routes that are worked off between two looks at the clock: well under a millisecond. */
const BATCH = 256;

export function createNetworksLane(
  context: LaneContext,
  options: {
    /** VTEPs of the fabric that may be sent to; absent: any. */
    readonly fabricVteps?: readonly Prefix[] | undefined;
    /** What a router of this host adds to a network; absent: there are no routers. */
    readonly routing?: (network: string) => Routing | undefined;
    /** The sequences that this host raised, kept over restarts; absent: they are forgotten with the process. */
    readonly raised?: RaisedSequences | undefined;
    readonly mobility?: MobilityWatch;
    /** A record with the port that was found for it, where it names none; absent: all are named. */
    readonly placed?:
      | ((network: string, key: string, body: RecordBody | undefined) => RecordBody | undefined)
      | undefined;
  },
): NetworksLane {
  const { host, clock, diary, intent, speaker, reconciler, pace } = context;
  const { fabricVteps, routing, placed, raised } = options;
  const { mobility = createMobilityWatch(DUPLICATE_LIMITS, raised?.known) } = options;
  const trust = createTrust(clock.nowMs());
  const turn = pace.add(work);

  const networks = new Map<string, Network>();
  const proofs = createNetworkProofs({ reconciler, clock, changed: () => context.reportChanged() });
  /** The network that has a VNI; another that wants it too waits. And the other way round. */
  const holders = new Map<Vni, Network>();
  const held = new Map<Network, Vni>();
  let own: HostRecord | undefined;
  let begun = false;
  let trusted: IntentTrust = "recent";
  let report: DataplaneReport | undefined;
  let reports: ReadonlyMap<Vni, NetworkReport> = new Map();
  /** The desired state that was told last. */
  let toldLast = 0;
  /** The one with which the kernel was told which networks there are. */
  let ownTold = 0;
  /** Networks of which intent changed and the kernel was not read back since: with which desired state it was told all. */
  const unread = new Map<Network, number | undefined>();

  // What is to be done.
  let ownChanged = false;
  const records = createRecordIntake({
    batch: BATCH,
    bodies: (id) => intent.channels.get(networkChannel(id))?.records,
    known: (id) => networks.get(id)?.records.keys() ?? [],
    put,
  });
  let vnisChanged = false;
  const unsettled = new Set<Network>();
  const dirty = new Set<Network>();
  const routes = createRouteIntake({
    batch: BATCH,
    sorter: new RouteSorter(fabricVteps && nextHopList(fabricVteps)),
    ribIn: () => speaker.ribIn(),
    networks: () => holders.values(),
    dirty,
    setImports: (targets) => context.setImports("networks", new Set(targets)),
    waiting: (count) => context.routesWaiting("networks", count),
  });
  let cancelTimer = () => {};
  /** Ports that were said to have learned too much. */
  const crowded = new Set<string>();

  /** Does the first thing that is to be done, up to a batch of it; true if there is more. */
  function work(): boolean {
    if (ownChanged) takeOwn();
    else if (records.busy) records.work();
    else if (vnisChanged) assignVnis();
    else if (unsettled.size > 0) settleSome();
    else if (routes.importsStale) routes.takeImports();
    else if (dirty.size > 0) stepOne();
    else if (routes.busy) routes.work();
    else if (proofs.busy) proofs.work(BATCH);
    const more = isBusy();
    if (!more) schedule();
    return more;
  }

  function isBusy(): boolean {
    const settings = ownChanged || vnisChanged || unsettled.size > 0 || routes.importsStale;
    return settings || records.busy || routes.busy || dirty.size > 0 || proofs.busy;
  }

  // Which networks there are.

  function takeOwn(): void {
    ownChanged = false;
    const record = hostRecord(intent);
    const now = record && withLearnedAsns(record, speaker.summary());
    // A host that knows nothing of itself yet touches nothing; one that was told to leave everything clears up.
    if (!now && !intent.inSync) return;
    begun = true;
    own = now;
    const carried = now ? l2Networks(intent) : new Set<string>();
    for (const id of networks.keys()) if (!carried.has(id)) remove(id);
    for (const id of carried) if (now && !networks.has(id)) create(id, now);
    vnisChanged = true;
    ownTold = change([]);
  }

  function change(changes: Parameters<typeof reconciler.change>[0]): number {
    toldLast = reconciler.change(changes, context.trust());
    return toldLast;
  }

  function create(id: string, record: HostRecord): void {
    networks.set(id, new Network(id, { id: host, record, rd: undefined, routing: routing?.(id) }));
    records.noteWhole(id);
  }

  function remove(id: string): void {
    const network = networks.get(id);
    if (!network) return;
    networks.delete(id);
    records.forget(id);
    mobility.forget(id);
    unsettled.delete(network);
    routes.forget(network);
    dirty.delete(network);
    proofs.close(network);
    unread.delete(network);
    const vni = held.get(network);
    if (vni === undefined) return;
    held.delete(network);
    holders.delete(vni);
    vnisChanged = true;
    routes.importsChanged();
    speaker.changeExports(network.takeBack());
    change([{ vni, remove: true }]);
    context.reportChanged();
  }

  /** A VNI is one network's; one that changes its VNI is made anew. */
  function assignVnis(): void {
    vnisChanged = false;
    if (!own) return;
    for (const [network, vni] of held) {
      if (network.vni === vni) continue;
      remove(network.id);
      create(network.id, own);
    }
    for (const network of networks.values()) {
      const { vni } = network;
      if (vni === undefined || holders.has(vni)) continue;
      holders.set(vni, network);
      held.set(network, vni);
      proofs.open(network, vni);
      for (const [mac, port] of reconciler.learned(vni)) learn(network, mac, port);
    }
    const routerId = routerIdOf(own);
    const rds = routerId && routeDistinguishers(holders.keys(), { routerId, given: own?.bgp?.routeDistinguishers });
    for (const [vni, network] of holders) configure(network, rds?.get(vni));
  }

  function configure(network: Network, rd: RouteDistinguisher | undefined): void {
    if (!own) return;
    // Where RDs shift, one network's new one may be another's old one: nothing is announced before all is taken back.
    if (network.rd !== rd) speaker.changeExports(network.takeBack());
    network.configure({ id: host, record: own, rd, routing: routing?.(network.id) });
    if (network.unsettled) noteIntent(network);
    if (network.unsettled) unsettled.add(network);
    if (network.dirty) dirty.add(network);
  }

  // Their records and settings.

  function put(id: string, key: string, body: RecordBody | undefined): void {
    const network = networks.get(id);
    if (!network) return;
    network.put(key, placed ? placed(id, key, body) : body);
    noteIntent(network);
    if (key === "network") vnisChanged = true;
    if (network.unsettled) unsettled.add(network);
    dirty.add(network);
  }

  /** What the kernel was read back to hold is of before. */
  function noteIntent(network: Network): void {
    unread.set(network, undefined);
  }

  /** All that intent says of the network was told: it is proven by the next reading. */
  function noteTold(network: Network): void {
    if (!unread.has(network) || unread.get(network) !== undefined || network.dirty || network.unsettled) return;
    unread.set(network, toldLast);
    takeRead(network, toldLast);
  }

  function takeRead(network: Network, told: number | undefined): void {
    if (told !== undefined && report && report.error === undefined && report.generation >= told) unread.delete(network);
  }

  function settleSome(): void {
    let left = BATCH / 16;
    for (const network of unsettled) {
      if (left-- === 0) return;
      unsettled.delete(network);
      if (!held.has(network)) continue;
      dirty.add(network);
      if (!network.applySettings()) continue;
      routes.importsChanged(network);
      proofs.importsChanged(network);
    }
  }

  // What the kernel and the ToRs are told.

  function stepOne(): void {
    const [network] = dirty;
    if (!network) return;
    dirty.delete(network);
    if (!held.has(network) || network.unsettled) return;
    const { id } = network;
    const own = { vtep: network.ownVtep, nowMs: clock.nowMs() };
    const step = network.step(
      {
        trust: trusted,
        decisions: mobility.decisions(id),
        settle: (mac, outcome) => {
          const events = mobility.settle(id, mac, outcome, own);
          for (const event of events) sayMobility(diary, event);
          return events.length > 0;
        },
      },
      BATCH,
    );
    if (network.dirty) dirty.add(network);
    // Before the ToRs hear of them: what they hear may outlive this process.
    if (mobility.takeRaisedChanged()) raised?.keep(mobility.raised().filter(isStillOurs));
    if (step) tell(network, step);
    noteTold(network);
  }

  /** Until intent is whole nobody knows that an endpoint is gone. */
  function isStillOurs({ network, mac }: RaisedMac): boolean {
    return !intent.inSync || (networks.get(network)?.records.isLocal(mac) ?? false);
  }

  function tell(network: Network, { desired, exports, refused, delta, endpoints }: NetworkStep): void {
    if (exports.length > 0) speaker.changeExports(exports);
    const generation = desired && change([desired]);
    sayConflicts(diary, network.id, delta.conflicts);
    sayRefused(diary, network.id, refused);
    proofs.told(network, { delta, endpoints }, generation);
  }

  // Time.

  function schedule(): void {
    cancelTimer();
    const nowMs = clock.nowMs();
    const dueMs = Math.min(
      mobility.dueMs() ?? Number.POSITIVE_INFINITY,
      trust.dueMs(nowMs) ?? Number.POSITIVE_INFINITY,
    );
    cancelTimer = Number.isFinite(dueMs) ? clock.setTimer(Math.max(0, dueMs - nowMs), timePassed) : () => {};
  }

  function timePassed(): void {
    for (const [id, macs] of mobility.takeDue(clock.nowMs())) for (const mac of macs) touch(id, mac);
    reconsider();
  }

  /** How far intent can be relied on bears on what it and the fabric disagree about. */
  function reconsider(): void {
    const now = trust.at(clock.nowMs());
    if (now !== trusted) {
      trusted = now;
      for (const network of networks.values()) {
        network.table.touchConflicts();
        if (network.dirty) dirty.add(network);
      }
    }
    turn.wake();
  }

  /** What the bridge learned on a port here, where the network allows to tell. */
  function learn(network: Network, mac: Mac, port: string | undefined): void {
    if (!network.learn(mac, port) && network.learning && port !== undefined) {
      const key = `${network.id} ${port}`;
      if (!crowded.has(key)) {
        const detail = `${network.id}: port ${port} has more than ${MOST_LEARNED} undeclared machines; the others are not announced`;
        diary.warn("learned-too-many", detail);
      }
      crowded.add(key);
    }
    if (network.dirty) dirty.add(network);
  }

  function touch(id: string, mac: Mac): void {
    const network = networks.get(id);
    network?.table.touch(mac);
    if (network) dirty.add(network);
  }

  /** The host's own channel is live once the kernel has let go of what it names no more. */
  function leftBehind(): string[] {
    if (!begun) return [];
    const isRead = !ownChanged && report?.error === undefined && (report?.generation ?? -1) >= ownTold;
    const left = (report?.networks ?? []).filter(({ desired }) => !desired);
    if (!isRead) return ["the kernel was not read since this host's networks changed"];
    return left.map(({ vni }) => `VNI ${vni} is not this host's any more, and still in its kernel`);
  }

  return {
    intent(change) {
      for (const [channel, keys] of change) {
        if (channel === hostChannel(host)) ownChanged = true;
        const id = channelNetwork(channel);
        if (id === undefined || !networks.has(id)) continue;
        if (keys === "whole") records.noteWhole(id);
        else records.note(id, keys);
      }
      // In sync without a record of its own: it is to leave everything.
      if (!own && intent.inSync && !begun) ownChanged = true;
      turn.wake();
    },
    routes(changes) {
      routes.add(changes);
      turn.wake();
    },
    session(peer, established) {
      if (!established) proofs.sessionLost(peer);
      // The route targets that a network imports by itself follow from its ToRs' AS numbers, which may be news.
      if (!established || !own?.bgp?.peers.some(({ asn }) => asn === "external")) return;
      ownChanged = true;
      turn.wake();
    },
    endOfRib(peer, family) {
      if (family !== "evpn") return;
      proofs.sentAll(peer);
      turn.wake();
    },
    heard(current) {
      trust.heard(current, clock.nowMs());
      reconsider();
    },
    complete() {
      if (begun) change([]);
    },
    verified(now) {
      report = now;
      reports = new Map(now.networks.map((each) => [each.vni, each]));
      proofs.read(now);
      for (const [network, told] of unread) takeRead(network, told);
      for (const [vni, macs] of now.learned) {
        const network = holders.get(vni);
        const learned = reconciler.learned(vni);
        for (const mac of network ? macs : []) if (network) learn(network, mac, learned.get(mac));
      }
      turn.wake();
    },
    channel(channel) {
      if (channel === hostChannel(host)) return { kernel: undefined, problems: leftBehind() };
      const network = networks.get(channelNetwork(channel) ?? "");
      if (!network) return undefined;
      const vni = held.get(network);
      if (vni === undefined) {
        const holder = network.vni === undefined ? undefined : holders.get(network.vni);
        return {
          kernel: undefined,
          problems: holder ? [`network ${holder.id} has VNI ${network.vni} on this host`] : [],
        };
      }
      const problems = (reports.get(vni)?.problems ?? []).map(describeProblem);
      if (report?.error) problems.push(report.error);
      const { kernel, fabric } = proofs.of(network) ?? {};
      // The lines that are proven say nothing of MTU, ports and much else of intent: that is there when all was told and read.
      const isAsTold = !ownChanged && !vnisChanged && !records.holds(network.id) && !unread.has(network);
      return { kernel: isAsTold && !reports.get(vni)?.unfinished ? kernel : undefined, fabric, problems };
    },
    overlay: () => overlayOf(holders.values()),
    moved: () => mobility.moved(clock.nowMs()),
    clearDuplicate(mac) {
      const released = mobility.clear(mac);
      for (const id of released) {
        diary.info("duplicate-mac-cleared", `${id}: ${mac} is released by command`);
        touch(id, mac);
      }
      turn.wake();
      return released;
    },
    routingChanged(id) {
      const network = networks.get(id);
      if (!network) return;
      configure(network, network.rd);
      turn.wake();
    },
    close() {
      turn.close();
      cancelTimer();
    },
  };
}
