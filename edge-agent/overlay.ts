// Intent and fabric in, one picture out: what the kernel should hold, what BGP should announce and import, and where
// the two sources disagree. This is the definition, made from scratch: lane/network.ts keeps the same picture up to date
// change by change, and is held to this one by test. Pure.

import { type IpAddress, type Ipv4, isIpv4 } from "../shared/address/ip.ts";
import type { Mac } from "../shared/address/mac.ts";
import type { RouteDistinguisher } from "../shared/address/rd.ts";
import type { ImportTarget } from "../shared/address/rt.ts";
import type { EndpointRecord, HostRecord, VtepRecord } from "../shared/model/record.ts";
import type { HostBgp } from "../shared/model/resource.ts";
import type { ExportedRoute, ReceivedRoute } from "./bgp/route.ts";
import type { MacTarget } from "./dataplane/desired.ts";
import {
  type DesiredState,
  type LocalEntry,
  type NeighbourEntry,
  type NetworkState,
  ownerMark,
  type RemoteEntry,
} from "./dataplane/state.ts";
import {
  buildMacTable,
  type Declared,
  type IntentTrust,
  type MacEntry,
  type MacTable,
  type MobilityDecisions,
  NO_DECISIONS,
  routesOf,
} from "./evpn/mac-table.ts";
import { exportTargets, importTargets, routeDistinguishers } from "../shared/evpn/mac-vrf.ts";
import { chooseNeighbour } from "./evpn/mac-vrf-table.ts";
import { isOwn, type Originator, originateMac, originateMembership } from "./evpn/originate.ts";
import { type ExportRefusal, exportRefusal, leadsWhereAllowed, type NextHopList } from "./evpn/policy.ts";
import type { HostIntent, NetworkIntent } from "./intent/view.ts";

/** One network of the picture. */
export type OverlayNetwork = {
  readonly id: string;
  readonly tenant: string;
  /** Undefined without a BGP identifier to make it of. */
  readonly rd: RouteDistinguisher | undefined;
  readonly imports: ReadonlySet<ImportTarget>;
  readonly table: MacTable;
  readonly state: NetworkState;
};

/** A route that policy kept from being announced: always a fault of ours, and worth an event. */
export type RefusedExport = { readonly route: ExportedRoute; readonly reason: ExportRefusal };

export type Overlay = {
  readonly networks: readonly OverlayNetwork[];
  readonly desired: DesiredState;
  readonly exports: readonly ExportedRoute[];
  readonly refusedExports: readonly RefusedExport[];
  /** The union of all networks' import route targets: a route with none of them never reaches a table. */
  readonly imports: ReadonlySet<ImportTarget>;
};

/** The BGP identifier (RFC 6286): as configured, else the VTEP address if that is IPv4. */
export function routerIdOf(host: { vtep: HostRecord["vtep"]; bgp?: HostBgp | undefined }): Ipv4 | undefined {
  return host.bgp?.routerId ?? (isIpv4(host.vtep) ? host.vtep : undefined);
}

/** What the overlay depends on besides intent and fabric: which VTEPs may be used, how far intent can be relied on, and which MACs moved. */
export type OverlayContext = {
  /** Absent: any VTEP. */
  readonly mayUse: NextHopList | undefined;
  readonly trust: IntentTrust;
  readonly decisions: (network: string) => MobilityDecisions;
};

const DEFAULT_CONTEXT: OverlayContext = {
  mayUse: undefined,
  trust: "current",
  decisions: () => NO_DECISIONS,
};

/** Builds the picture from what the cloud wants and what the fabric says. */
export function buildOverlay(
  intent: HostIntent,
  fabric: readonly ReceivedRoute[],
  context: OverlayContext = DEFAULT_CONTEXT,
): Overlay {
  const { mayUse } = context;
  const accepted = mayUse ? fabric.filter((route) => leadsWhereAllowed(route, mayUse)) : fabric;
  const routerId = routerIdOf(intent.host);
  const vnis = intent.networks.map((network) => network.definition.vni);
  const rds = routerId
    ? routeDistinguishers(vnis, { routerId, given: intent.host.bgp?.routeDistinguishers })
    : undefined;
  const built = intent.networks.map((network) => {
    const settings = settingsOf(intent, network, rds?.get(network.definition.vni));
    return buildNetwork(intent, network, settings, { fabric: accepted, context });
  });
  const announced = built.flatMap(({ announcements }) => announcements);
  const networks = built.map(({ network }) => network);
  return {
    networks,
    desired: { networks: networks.map((network) => network.state) },
    exports: announced.flatMap(({ route, reason }) => (reason ? [] : [route])),
    refusedExports: announced.flatMap(({ route, reason }) => (reason ? [{ route, reason }] : [])),
    imports: new Set(networks.flatMap((network) => [...network.imports])),
  };
}

/** Everything of a network that its definition, its members and this host's own record decide. */
export type NetworkSettings = {
  readonly frame: Pick<NetworkState, "vni" | "owner" | "vtep" | "mtuBytes" | "sourcePorts" | "uplinks">;
  /** Undefined without a BGP identifier to make it of. */
  readonly rd: RouteDistinguisher | undefined;
  readonly imports: ReadonlySet<ImportTarget>;
  /** Undefined where there is no BGP. */
  readonly originator: Originator | undefined;
};

export function settingsOf(
  { host }: Pick<HostIntent, "host">,
  { id, definition, vteps }: Pick<NetworkIntent, "id" | "definition" | "vteps">,
  rd: RouteDistinguisher | undefined,
): NetworkSettings {
  const { vni, tenant, mtuBytes, sourcePorts, routeTargets, importAnyAs } = definition;
  const { vtep, bgp } = host;
  const asns = Array.from(vteps.values()).flatMap((each) => each.asns);
  const membership = { vni, routeTargets, importAnyAs, asns };
  const uplinks = [...new Set(bgp?.peers.flatMap((peer) => peer.interface ?? []))].sort();
  return {
    frame: {
      vni,
      owner: ownerMark(id, tenant),
      vtep,
      mtuBytes,
      ...(sourcePorts && { sourcePorts: { low: sourcePorts.from, high: sourcePorts.to } }),
      ...(uplinks.length > 0 && { uplinks }),
    },
    rd,
    imports: bgp ? importTargets(membership, bgp) : new Set(),
    originator: rd && bgp ? { vni, rd, vtep, routeTargets: exportTargets(membership, bgp) } : undefined,
  };
}

/** Stands for a port that was not found; no interface can have the name: "port with MAC … does not exist yet". */
export function namelessPort(mac: Mac): string {
  return `with MAC ${mac}`;
}

/** An endpoint whose host's VTEP is not known is left out: there is nowhere to send its frames. */
export function declaredOf(
  own: { readonly id: string; readonly vtep: IpAddress },
  vteps: ReadonlyMap<string, VtepRecord>,
  { id, record }: { readonly id: string; readonly record: EndpointRecord },
): Declared | undefined {
  const { mac, ips, mobility, host, port } = record;
  if (host === own.id) return { id, mac, ips, mobility, vtep: own.vtep, port: port ?? namelessPort(mac) };
  const vtep = vteps.get(host)?.address;
  return vtep && { id, mac, ips, mobility, vtep };
}

/**
 * Where frames to an entry's MAC go; undefined: the bridge found that out by itself. On a network that learns, what only the
 * fabric knows goes where it is heard.
 */
export function targetOf(entry: MacEntry, learning: boolean): MacTarget | undefined {
  const { source, port, vtep, vni, segment } = entry;
  if (source === "learned") return undefined;
  if (port !== undefined) return { kind: "local", port };
  const yields = learning && source === "fabric" && !entry.fixed && !entry.frozen && entry.endpoint === undefined;
  return {
    kind: "remote",
    vteps: segment?.vteps ?? [vtep],
    ...(vni !== undefined && { vni }),
    ...(yields && { yields: true as const }),
  };
}

/** A route as it would be announced, and why it may not be. */
export type Announcement = { readonly route: ExportedRoute; readonly reason: ExportRefusal | undefined };

/** The network's own route. */
export function announceMembership(originator: Originator): Announcement {
  const route = originateMembership(originator);
  return { route, reason: exportRefusal(route, { ...originator, macs: new Set() }) };
}

/** The routes of one entry; `macs` are those that may be announced. */
export function announceMac(
  originator: Originator,
  entry: MacEntry,
  macs: Pick<ReadonlySet<Mac>, "has">,
): readonly Announcement[] {
  if (!isOwn(entry)) return NOTHING;
  const { vtep, rd } = originator;
  return originateMac(originator, entry).map((route) => ({ route, reason: exportRefusal(route, { vtep, rd, macs }) }));
}

const NOTHING: readonly Announcement[] = [];

function buildNetwork(
  intent: HostIntent,
  network: NetworkIntent,
  settings: NetworkSettings,
  { fabric, context }: { readonly fabric: readonly ReceivedRoute[]; readonly context: OverlayContext },
): { network: OverlayNetwork; announcements: readonly Announcement[] } {
  const { frame, imports, originator } = settings;
  const own = { id: intent.id, vtep: intent.host.vtep };
  const declared = network.endpoints.flatMap((endpoint) => declaredOf(own, network.vteps, endpoint) ?? []);
  const table = buildMacTable({
    ownVtep: own.vtep,
    vni: frame.vni,
    declared,
    members: Array.from(network.vteps.values(), (vtep) => vtep.address),
    fabric: routesOf(fabric, imports),
    decisions: context.decisions(network.id),
    trust: context.trust,
  });
  const state: NetworkState = {
    ...frame,
    // Of an endpoint that the fabric is followed for, too: it may come back.
    ports: Array.from(new Set(declared.flatMap(({ port }) => port ?? [])), (name) => ({ name })),
    local: table.entries.flatMap(localOf),
    remote: table.entries.flatMap((entry) => (entry.port === undefined ? [remoteOf(entry)] : [])),
    flood: table.flood.map((member) => member.vtep),
    neighbours: neighboursOf(table),
  };
  const macs = new Set(network.endpoints.flatMap(({ record }) => (record.host === own.id ? [record.mac] : [])));
  const announcements = originator
    ? [announceMembership(originator), ...table.entries.flatMap((entry) => announceMac(originator, entry, macs))]
    : [];
  const { id, definition } = network;
  return { network: { id, tenant: definition.tenant, rd: settings.rd, imports, table, state }, announcements };
}

/** The entry in the form of a whole state, if it is to be on a port here. What was learned is the bridge's own. */
export function localOf({ mac, source, port }: MacEntry): LocalEntry[] {
  return source === "local" && port !== undefined ? [{ mac, port }] : [];
}

/** The same of one that is elsewhere. */
export function remoteOf({ mac, vtep, segment, vni }: MacEntry): RemoteEntry {
  const several = segment && segment.vteps.length > 1 ? { vteps: segment.vteps } : {};
  return { mac, vtep, ...several, ...(vni !== undefined && { vni }) };
}

function neighboursOf({ entries }: MacTable): NetworkState["neighbours"] {
  const byMac = new Map(entries.map((entry) => [entry.mac, entry]));
  const claims = new Map<IpAddress, Mac[]>();
  for (const { mac, ips } of entries) {
    for (const ip of ips) claims.set(ip, [...(claims.get(ip) ?? []), mac]);
  }
  return Array.from(claims, ([ip, macs]) => ({ ip, mac: chooseNeighbour(ip, macs, (mac) => byMac.get(mac)) })).filter(
    (neighbour): neighbour is NeighbourEntry => neighbour.mac !== undefined,
  );
}
