// The network lane on a clock that stands still, with a speaker, a reconciler and an intent that only keep what they are
// told: what the kernel and the ToRs would hold can be compared with the definition (overlay.ts).

import type { AcceptTargets } from "../../../edge-agent/bgp/import-policy.ts";
import { type ExportedRoute, type ReceivedRoute, type RouteChange, routeKey } from "../../../edge-agent/bgp/route.ts";
import type { PeerSummary, Speaker } from "../../../edge-agent/bgp/speaker.ts";
import { type MacTarget, type NetworkFrame, tablesOf } from "../../../edge-agent/dataplane/desired.ts";
import type { Reconciler } from "../../../edge-agent/dataplane/reconciler.ts";
import type { DataplaneReport } from "../../../edge-agent/dataplane/report.ts";
import type { NetworkState } from "../../../edge-agent/dataplane/state.ts";
import type { VerifiedChange, VerifiedNetwork } from "../../../edge-agent/dataplane/verified.ts";
import { DUPLICATE_LIMITS } from "../../../edge-agent/evpn/duplicate-mac.ts";
import { createMobilityWatch } from "../../../edge-agent/evpn/mobility.ts";
import { createIntent, type IntentState } from "../../../edge-agent/intent/intent.ts";
import type { HostIntent } from "../../../edge-agent/intent/view.ts";
import type { LaneContext } from "../../../edge-agent/lane/lane.ts";
import { createNetworksLane } from "../../../edge-agent/lane/networks.ts";
import type { RaisedSequences } from "../../../edge-agent/lane/raised-sequences.ts";
import { createPace } from "../../../edge-agent/lane/pace.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import type { Overlay } from "../../../edge-agent/overlay.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { importsAny } from "../../../shared/address/rt.ts";
import type { Vni } from "../../../shared/address/vni.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { type Channel, hostChannel, networkChannel, type RecordBody } from "../../../shared/model/record.ts";
import { FakeClock } from "../bgp/fake-network.ts";

/** A network as the kernel was told of it. */
export type Told = {
  frame: NetworkFrame | undefined;
  readonly macs: Map<Mac, MacTarget>;
  readonly neighbours: Map<IpAddress, Mac>;
};

export function networkWorld(
  options: {
    readonly host?: string;
    readonly fabricVteps?: readonly Prefix[];
    readonly raised?: RaisedSequences | undefined;
  } = {},
) {
  const { host = "h1", fabricVteps, raised } = options;
  const clock = new FakeClock();
  const diary = createDiary(clock.wallMs, () => undefined);
  const intent = createIntent(host, []);
  const mobility = createMobilityWatch(DUPLICATE_LIMITS, raised?.known);
  const pace = createPace(clock, () => undefined);
  const told = new Map<Vni, Told>();
  const exported = new Map<string, ExportedRoute>();
  /** All that the ToRs announce, and what of it is let in. */
  const fabric = new Map<string, ReceivedRoute>();
  const ribIn = new Map<string, ReceivedRoute>();
  let accept: AcceptTargets = () => false;

  const keyOf = (route: ReceivedRoute) => `${route.peer} ${routeKey(route.nlri)}`;
  function sift(key: string): RouteChange[] {
    const route = fabric.get(key);
    const before = ribIn.get(key);
    const after = route && accept(route.routeTargets) ? route : undefined;
    if (before === after) return [];
    if (after) ribIn.set(key, after);
    else ribIn.delete(key);
    const { peer, nlri } = (after ?? before) as ReceivedRoute;
    return [{ peer, key: routeKey(nlri), before, after }];
  }

  const sessions: PeerSummary[] = [];
  const speaker: Pick<Speaker, "changeExports" | "setImports" | "ribIn" | "summary"> = {
    summary: () => sessions,
    changeExports(changes) {
      for (const { key, route } of changes) {
        if (route) exported.set(key, route);
        else exported.delete(key);
      }
    },
    setImports(next) {
      accept = next;
      lane.routes?.([...fabric.keys()].flatMap(sift));
    },
    ribIn: () => [...ribIn.values()],
  };
  /** What was told by the last read-back. */
  const kernel = new Map<Vni, NetworkState>();
  let generation = 0;
  let readGeneration = 0;
  const learned = new Map<Mac, string>();
  const reconciler: Pick<Reconciler, "change" | "verified" | "learned"> = {
    learned: () => learned,
    change(changes) {
      generation++;
      for (const change of changes) {
        if ("remove" in change) {
          told.delete(change.vni);
          continue;
        }
        const network = told.get(change.vni) ?? { frame: undefined, macs: new Map(), neighbours: new Map() };
        told.set(change.vni, network);
        if (change.frame) network.frame = change.frame;
        for (const [mac, target] of change.macs ?? []) put(network.macs, mac, target);
        for (const [ip, mac] of change.neighbours ?? []) put(network.neighbours, ip, mac);
      }
      return generation;
    },
    verified: (vni) => {
      const state = kernel.get(vni);
      return state && verifiedOf(state);
    },
  };
  let reports = 0;
  let mostWaiting = 0;
  const context: LaneContext = {
    host,
    clock,
    diary,
    kernel: undefined as never,
    pace,
    intent,
    speaker: speaker as Speaker,
    reconciler: reconciler as Reconciler,
    setImports: (_, targets) => speaker.setImports((carried) => importsAny(targets, carried)),
    routesWaiting: (_, count) => void (mostWaiting = Math.max(mostWaiting, count)),
    trust: () => ({ inSync: true }),
    reportChanged: () => void reports++,
  };
  const lane = createNetworksLane(context, { fabricVteps, mobility, raised });
  const rest = () => clock.advance(0, () => undefined);
  /** Networks of which the devices are not as they should be. */
  const unfinished = new Set<Vni>();
  /** Why the kernel cannot be read. */
  let error: string | undefined;
  const report = (changed: DataplaneReport["changed"], news: DataplaneReport["learned"]) => {
    const networks = Array.from(kernel.keys(), (vni) => ({
      vni,
      desired: told.has(vni),
      problems: [],
      unfinished: unfinished.has(vni),
    }));
    const said = { generation, networks, changed, learned: news, error };
    lane.verified?.(said as unknown as DataplaneReport);
    rest();
  };

  const world = {
    /** What the speaker says of its peers. */
    sessions,
    lane,
    intent,
    diary,
    mobility,
    exported,
    told,
    nowMs: () => clock.nowMs(),
    timers: () => clock.pending,
    warnings: () => diary.recent().map(({ kind }) => kind),
    reports: () => reports,
    /** The longest that the queue of routes has been. */
    mostWaiting: () => mostWaiting,
    fabric: () => [...ribIn.values()],
    /** All that the ToRs announce, imported or not. */
    announced: () => [...fabric.values()],
    /** Lets everything be worked off that is due now. */
    rest,
    /** Time passes. */
    wait: (ms: number) => clock.advance(ms, () => undefined),
    heard: (current: boolean) => lane.heard?.(current),
    /** The cloud changes a record; undefined: it is gone. */
    put: (channel: Channel, key: string, body: RecordBody | undefined) => {
      write(intent, channel, key, body);
      lane.intent?.(new Map([[channel, new Set([key])]]));
    },
    /** The cloud sends everything of a host anew. */
    declares: (next: HostIntent) => {
      const own = hostChannel(host);
      const channels = new Set<Channel>([own, ...intent.channels.keys()]);
      intent.channels.clear();
      write(intent, own, "host", next.host);
      for (const { id, definition, vteps, endpoints } of next.networks) {
        const channel = networkChannel(id);
        channels.add(channel);
        write(intent, own, `network/${id}`, {});
        write(intent, channel, "network", definition);
        for (const [member, vtep] of vteps) write(intent, channel, `vtep/${member}`, vtep);
        for (const { id: endpoint, record } of endpoints) write(intent, channel, `endpoint/${endpoint}`, record);
      }
      lane.intent?.(new Map([...channels].map((channel) => [channel, "whole"] as const)));
      rest();
    },
    announce: (...routes: readonly ReceivedRoute[]) => {
      lane.routes?.(
        routes.flatMap((route) => {
          fabric.set(keyOf(route), route);
          return sift(keyOf(route));
        }),
      );
    },
    withdraw: (...routes: readonly ReceivedRoute[]) => {
      lane.routes?.(
        routes.flatMap((route) => {
          fabric.delete(keyOf(route));
          return sift(keyOf(route));
        }),
      );
    },
    /** The fabric announces this and nothing else. */
    sees: (...routes: readonly ReceivedRoute[]): Overlay => {
      const keys = new Set(routes.map(keyOf));
      world.withdraw(...[...fabric.values()].filter((route) => !keys.has(keyOf(route))));
      world.announce(...routes);
      rest();
      return lane.overlay();
    },
    kernel,
    unfinished,
    /** The kernel does not answer: a pass ends with nothing read. */
    silent: () => {
      error = "no answer";
      report(new Map(), new Map());
      error = undefined;
    },
    /** A pass ends, with what was to go still there. */
    keeps: () => report(new Map(), new Map()),
    /** The kernel was read back for what it was told last. */
    proven: () => readGeneration === generation,
    /** The kernel takes over what it was told, less the MACs that `refuses` names, and is read back. */
    readBack: (refuses: (mac: Mac) => boolean = () => false) => {
      const changed = new Map<Vni, VerifiedChange>();
      for (const vni of new Set([...kernel.keys(), ...told.keys()])) {
        const before = kernel.get(vni);
        const network = told.get(vni);
        const after = network && toldState({ ...network, macs: without(network.macs, refuses) });
        if (after) kernel.set(vni, after);
        else kernel.delete(vni);
        changed.set(vni, differenceOf(before, after));
      }
      readGeneration = generation;
      report(changed, new Map());
    },
    /** The bridge learns MACs on ports, or forgets them. */
    learns: (vni: Vni, ...macs: readonly (readonly [Mac, string | undefined])[]) => {
      for (const [mac, port] of macs) {
        if (port === undefined) learned.delete(mac);
        else learned.set(mac, port);
      }
      report(new Map(), new Map([[vni, new Set(macs.map(([mac]) => mac))]]));
    },
  };
  return world;
}

/** The same in the form of the definition, with sorted lists. */
export function toldState({ frame, macs, neighbours }: Told): NetworkState | undefined {
  if (!frame) return undefined;
  const targets = [...macs].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...frame,
    local: targets.flatMap(([mac, target]) => (target.kind === "local" ? [{ mac, port: target.port }] : [])),
    remote: targets.flatMap(([mac, target]) => {
      const [vtep] = target.kind === "remote" ? target.vteps : [];
      if (target.kind !== "remote" || !vtep) return [];
      const several = target.vteps.length > 1 ? { vteps: target.vteps } : {};
      return [{ mac, vtep, ...several, ...(target.vni !== undefined && { vni: target.vni }) }];
    }),
    neighbours: [...neighbours].map(([ip, mac]) => ({ ip, mac })),
  };
}

function write(intent: IntentState, channel: Channel, key: string, body: RecordBody | undefined): void {
  const held = intent.channels.get(channel);
  const replica = held ?? {
    channel,
    seq: 1,
    digest: EMPTY_DIGEST,
    forwarding: EMPTY_DIGEST,
    records: new Map(),
  };
  intent.channels.set(channel, replica);
  if (body === undefined) replica.records.delete(key);
  else replica.records.set(key, { version: 1, raw: body, body, hash: EMPTY_DIGEST });
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function without(macs: ReadonlyMap<Mac, MacTarget>, refuses: (mac: Mac) => boolean): Map<Mac, MacTarget> {
  return new Map([...macs].filter(([mac]) => !refuses(mac)));
}

function verifiedOf(state: NetworkState): VerifiedNetwork {
  const { macs, neighbours } = tablesOf(state);
  return {
    vni: state.vni,
    vtep: state.vtep,
    flood: state.flood,
    mac: (mac) => macs.get(mac),
    neighbour: (ip) => neighbours.get(ip),
    macs: () => macs,
    neighbours: () => neighbours,
    macCount: macs.size,
    neighbourCount: neighbours.size,
    state: () => state,
  };
}

function differenceOf(before: NetworkState | undefined, after: NetworkState | undefined): VerifiedChange {
  const none = { macs: new Map(), neighbours: new Map(), flood: undefined };
  if (!before || !after || before.vtep !== after.vtep) return { whole: true, ...none };
  const [was, is] = [tablesOf(before), tablesOf(after)];
  const changed = <K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>) =>
    new Map(
      [...new Set([...a.keys(), ...b.keys()])].flatMap((key): [K, V | undefined][] =>
        JSON.stringify(a.get(key)) === JSON.stringify(b.get(key)) ? [] : [[key, a.get(key)]],
      ),
    );
  const sameFlood = before.flood.toSorted().join() === after.flood.toSorted().join();
  return {
    whole: false,
    macs: changed(was.macs, is.macs),
    neighbours: changed(was.neighbours, is.neighbours),
    flood: sameFlood ? undefined : before.flood,
  };
}
