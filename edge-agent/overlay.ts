// Intent and fabric in, one picture out: what the kernel should hold, what BGP should announce and import, and where
// the two sources disagree. The one place where intent, evpn and dataplane meet as data. Pure.

import { type IpAddress, type Ipv4, isIpv4 } from "../shared/address/ip.ts";
import type { Mac } from "../shared/address/mac.ts";
import type { RouteDistinguisher } from "../shared/address/rd.ts";
import type { RouteTarget } from "../shared/address/rt.ts";
import type { HostBgp } from "../shared/model/resource.ts";
import type { ExportedRoute, ReceivedRoute } from "./bgp/route.ts";
import { type DesiredState, type NetworkState, ownerMark } from "./dataplane/state.ts";
import {
  buildMacTable,
  type Declared,
  type IntentTrust,
  type MacTable,
  type MobilityDecisions,
  NO_DECISIONS,
  routesOf,
} from "./evpn/mac-table.ts";
import { exportTargets, importTargets, routeDistinguishers } from "./evpn/mac-vrf.ts";
import { originate } from "./evpn/originate.ts";
import { type ExportRefusal, exportRefusal, leadsWhereAllowed, type NextHopList } from "./evpn/policy.ts";
import type { HostIntent, NetworkIntent } from "./intent/view.ts";

/** One network of the picture. */
export type OverlayNetwork = {
  readonly id: string;
  readonly intent: NetworkIntent;
  /** Undefined without a BGP identifier to make it of. */
  readonly rd: RouteDistinguisher | undefined;
  readonly imports: ReadonlySet<RouteTarget>;
  readonly table: MacTable;
  readonly state: NetworkState;
};

export type Overlay = {
  readonly networks: readonly OverlayNetwork[];
  readonly desired: DesiredState;
  readonly exports: readonly ExportedRoute[];
  /** Routes that policy kept from being announced: always a fault of ours, and worth an event. */
  readonly refusedExports: readonly { readonly route: ExportedRoute; readonly reason: ExportRefusal }[];
  /** The union of all networks' import route targets: a route with none of them never reaches a table. */
  readonly imports: ReadonlySet<RouteTarget>;
};

export const EMPTY_OVERLAY: Overlay = {
  networks: [],
  desired: { networks: [] },
  exports: [],
  refusedExports: [],
  imports: new Set(),
};

/** The BGP identifier (RFC 6286): as configured, else the VTEP address if that is IPv4. */
export function routerIdOf(host: { vtep: HostIntent["host"]["vtep"]; bgp?: HostBgp | undefined }): Ipv4 | undefined {
  return host.bgp?.routerId ?? (isIpv4(host.vtep) ? host.vtep : undefined);
}

/** The route targets that this host's networks import, which decide what is kept of the fabric's routes at all. */
export function importsOf(intent: HostIntent): ReadonlySet<RouteTarget> {
  const all = new Set<RouteTarget>();
  for (const network of intent.networks) for (const target of networkImports(intent, network)) all.add(target);
  return all;
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
  const rds = routerId ? routeDistinguishers(vnis, routerId) : undefined;
  const networks = intent.networks.map((network) => ({
    ...buildNetwork(intent, network, accepted, context),
    rd: rds?.get(network.definition.vni),
  }));
  const originated = networks.flatMap(({ intent: network, table, rd }) => {
    const vni = network.definition.vni;
    if (!rd || !intent.host.bgp) return [];
    const routeTargets = exportTargets(membership(network), intent.host.bgp);
    const { vtep } = intent.host;
    const macs = new Set(network.endpoints.flatMap(({ record }) => (record.host === intent.id ? [record.mac] : [])));
    const routes = originate({ vni, rd, vtep, routeTargets, entries: table.entries });
    return routes.map((route) => ({ route, reason: exportRefusal(route, { vtep, rd, macs }) }));
  });
  return {
    networks,
    desired: { networks: networks.map((network) => network.state) },
    exports: originated.flatMap(({ route, reason }) => (reason ? [] : [route])),
    refusedExports: originated.flatMap(({ route, reason }) => (reason ? [{ route, reason }] : [])),
    imports: new Set(networks.flatMap((network) => [...network.imports])),
  };
}

function buildNetwork(
  intent: HostIntent,
  network: NetworkIntent,
  fabric: readonly ReceivedRoute[],
  context: OverlayContext,
): Omit<OverlayNetwork, "rd"> {
  const imports = networkImports(intent, network);
  const ownVtep = intent.host.vtep;
  const declared = declaredOf(intent, network);
  const table = buildMacTable({
    ownVtep,
    declared,
    members: Array.from(network.vteps.values(), (vtep) => vtep.address),
    fabric: routesOf(fabric, imports),
    decisions: context.decisions(network.id),
    trust: context.trust,
  });
  const local = table.entries.flatMap(({ mac, port }) => (port === undefined ? [] : [{ mac, port }]));
  const state: NetworkState = {
    vni: network.definition.vni,
    owner: ownerMark(network.id, network.definition.tenant),
    vtep: ownVtep,
    mtuBytes: network.definition.mtuBytes,
    // Of an endpoint that the fabric is followed for, too: it may come back.
    ports: Array.from(new Set(declared.flatMap(({ port }) => port ?? [])), (name) => ({ name })),
    local,
    remote: table.entries.filter((entry) => entry.source !== "local").map(({ mac, vtep }) => ({ mac, vtep })),
    flood: table.flood.map((member) => member.vtep),
    neighbours: uniqueNeighbours(table),
  };
  return { id: network.id, intent: network, imports, table, state };
}

/** An endpoint whose host's VTEP is not known is left out: there is nowhere to send its frames. */
function declaredOf(intent: HostIntent, network: NetworkIntent): Declared[] {
  return network.endpoints.flatMap(({ id, record }) => {
    const { mac, ips, mobility, host, port } = record;
    if (host === intent.id) return [{ id, mac, ips, mobility, vtep: intent.host.vtep, port }];
    const vtep = network.vteps.get(host)?.address;
    return vtep ? [{ id, mac, ips, mobility, vtep }] : [];
  });
}

/** One MAC per IP: declared ones first, then what the fabric calls immutable (RFC 9047 2), then in the order of entries. */
function uniqueNeighbours(table: MacTable): NetworkState["neighbours"] {
  const byIp = new Map<string, NetworkState["neighbours"][number]>();
  const add = (mac: Mac, ips: readonly IpAddress[]): void => {
    for (const ip of ips) if (!byIp.has(ip)) byIp.set(ip, { ip, mac });
  };
  for (const { mac, ips, endpoint } of table.entries) if (endpoint !== undefined) add(mac, ips);
  for (const { mac, immutableIps = [] } of table.entries) add(mac, immutableIps);
  for (const { mac, ips } of table.entries) add(mac, ips);
  return [...byIp.values()];
}

function networkImports(intent: HostIntent, network: NetworkIntent): ReadonlySet<RouteTarget> {
  return intent.host.bgp ? importTargets(membership(network), intent.host.bgp) : new Set();
}

function membership(network: NetworkIntent) {
  const { vni, routeTargets } = network.definition;
  return { vni, routeTargets, asns: Array.from(network.vteps.values()).flatMap((vtep) => vtep.asns) };
}
