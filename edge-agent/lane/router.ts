// One router of this host: what intent and the fabric say of it, as what the kernel should hold, what the ToRs are to hear,
// and what is wrong with it. Pure.

import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { ImportTarget } from "../../shared/address/rt.ts";
import type { HostRecord } from "../../shared/model/record.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { ExportedRoute, ReceivedRoute } from "../bgp/route.ts";
import { GATEWAY_MAC, routerMac, type RouterState } from "../dataplane/router-state.ts";
import { routerMark } from "../dataplane/state.ts";
import { buildIpVrf, type IpVrfTable, originatePrefix } from "../evpn/ip-vrf.ts";
import { exportTargets, importTargets } from "../../shared/evpn/mac-vrf.ts";
import { type ExportRefusal, prefixRefusal } from "../evpn/policy.ts";
import type { Routing } from "./network.ts";
import type { RouterIntent } from "./router-intent.ts";

/** A router as a whole. */
export type RouterPicture = {
  readonly intent: RouterIntent;
  readonly imports: ReadonlySet<ImportTarget>;
  readonly table: IpVrfTable;
  readonly state: RouterState;
  readonly announced: readonly { readonly route: ExportedRoute; readonly reason: ExportRefusal | undefined }[];
  /** What intent asks for and cannot be, in words for an operator. */
  readonly problems: readonly string[];
};

/** This host, as its routers need it. `rd`: undefined without a BGP identifier. */
export type RouterHost = { readonly record: HostRecord; readonly rd: RouteDistinguisher | undefined };

/** What a router adds to its networks' own lane. */
export function routingOf(intent: RouterIntent, { record }: Pick<RouterHost, "record">): Routing {
  const { vni } = intent.definition;
  const routeTargets = record.bgp ? exportTargets(membership(intent), record.bgp) : [];
  return { routed: { vni, routerMac: routerMac(record.vtep), routeTargets }, bridgeMac: GATEWAY_MAC };
}

/** The route targets that the router imports; none without BGP. */
export function routerImports(intent: RouterIntent, { record }: Pick<RouterHost, "record">): ReadonlySet<ImportTarget> {
  return record.bgp ? importTargets(membership(intent), record.bgp) : new Set();
}

/** `fabric`: routes with one of the router's import targets, by VTEPs that may be used. */
export function pictureRouter(intent: RouterIntent, host: RouterHost, fabric: readonly ReceivedRoute[]): RouterPicture {
  const { id, definition, statics, networks, pending } = intent;
  const { vtep } = host.record;
  const here = networks.filter((network) => network.here);
  const connected = here.flatMap(({ vni, subnets }) => subnets.map((subnet) => ({ network: vni, subnet })));
  const machines = new Map(networks.flatMap((network) => [...network.machines]));
  const hosts = new Set(networks.flatMap(({ vteps }) => [...vteps.keys()]));
  const { vni } = definition;
  const table = buildIpVrf({ ownVtep: vtep, vni, hosts, connected, machines, statics, fabric });
  const macs = peerMacs(intent, table);
  // A way whose router MAC nobody told leads nowhere.
  const routes = table.routes.flatMap(({ prefix, hops }) => {
    const usable = hops.filter((hop) => hop.kind === "machine" || macs.has(hop.vtep));
    return usable.length > 0 ? [{ prefix, hops: usable }] : [];
  });
  const used = new Set(routes.flatMap(({ hops }) => hops.flatMap((hop) => (hop.kind === "vtep" ? [hop.vtep] : []))));
  const state: RouterState = {
    vni: definition.vni,
    owner: routerMark(id, definition.tenant),
    vtep,
    networks: here.map(({ vni, gateways }) => ({ vni, gateways })),
    peers: Array.from(macs).flatMap(([peer, mac]) => {
      const other = table.fabricVnis.get(peer);
      return used.has(peer) ? [{ vtep: peer, mac, ...(other !== undefined && { vni: other }) }] : [];
    }),
    routes,
  };
  const problems = [
    ...pending.map((network) => `network ${network} is not held yet`),
    ...networks.flatMap(({ id: network, stray }) => stray.map((ip) => `gateway ${ip} is in no subnet of ${network}`)),
    ...table.refused.map(
      ({ prefix, vtep: peer, label }) =>
        `route to ${prefix} by ${peer} has the L3 VNI ${label}, which that VTEP's frames cannot be sent with: not followed`,
    ),
    ...table.unresolved.map(({ prefix, nextHop }) => `prefix ${prefix}: no machine has the next hop ${nextHop}`),
  ];
  return {
    intent,
    imports: routerImports(intent, host),
    table,
    state,
    announced: announce(intent, host, table),
    problems,
  };
}

function announce(intent: RouterIntent, { record, rd }: RouterHost, table: IpVrfTable): RouterPicture["announced"] {
  if (!rd || !record.bgp) return [];
  const { vtep } = record;
  const originator = {
    vni: intent.definition.vni,
    rd,
    vtep,
    routerMac: routerMac(vtep),
    routeTargets: exportTargets(membership(intent), record.bgp),
  };
  const prefixes: ReadonlySet<Prefix> = new Set(table.own);
  return table.own.map((prefix) => {
    const route = originatePrefix(originator, prefix);
    return { route, reason: prefixRefusal(route, { vtep, rd, prefixes }) };
  });
}

/** Of a host that intent knows by derivation, whatever the fabric says; of all others as they announce it. */
function peerMacs({ networks }: RouterIntent, table: IpVrfTable): ReadonlyMap<IpAddress, Mac> {
  const macs = new Map(table.fabricMacs);
  for (const { vteps } of networks) for (const vtep of vteps.keys()) macs.set(vtep, routerMac(vtep));
  return macs;
}

function membership({ definition, networks }: RouterIntent) {
  const { vni, routeTargets } = definition;
  return { vni, routeTargets, asns: networks.flatMap(({ asns }) => asns) };
}
