// The table half of a router's diff: routes, and the neighbours and entries of the L3 VNI that routes by a VTEP need. Pure.
// A route is one kernel object whatever its ways, and is replaced in one step.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { type Prefix, prefixAddress } from "../../shared/address/prefix.ts";
import type { ActualHop, ActualRoute, ActualRouter, ActualRouters, RouterOp } from "./router-kernel.ts";
import {
  LAST_RESORT_METRIC,
  ROUTE_METRIC,
  type RouterHop,
  type RouterState,
  routerTable,
  vtepGateway,
} from "./router-state.ts";
import { IPV6_FORWARDING } from "./router-sysctl.ts";
import { bridgeName, vxlanName } from "./state.ts";

type WantedRoute = Omit<ActualRoute, "ours">;

const LAST_RESORTS: readonly WantedRoute[] = (["0.0.0.0/0", "::/0"] as Prefix[]).map((prefix) => ({
  prefix,
  metric: LAST_RESORT_METRIC,
  type: "unreachable",
  hops: [],
}));

/** Ops that make the table and the L3 VNI's entries right. */
export function diffRoutes(router: RouterState, have: ActualRouter | undefined, actual: ActualRouters): RouterOp[] {
  const { vni } = router;
  const table = routerTable(vni);
  const device = vxlanName(vni);
  const bridges = new Set(actual.bridges.map((bridge) => bridge.name));
  const wanted = new Map<string, WantedRoute>();
  for (const route of LAST_RESORTS) {
    if (isIpv4(prefixAddress(route.prefix)) || actual.sysctls.has(IPV6_FORWARDING)) wanted.set(keyOf(route), route);
  }
  for (const { prefix, hops } of router.routes) {
    const ways = hops
      .map((hop) => kernelHop(vni, prefix, hop))
      .filter((hop) => hop.device === device || bridges.has(hop.device));
    const route: WantedRoute = { prefix, metric: ROUTE_METRIC, type: "unicast", hops: ways };
    if (ways.length > 0) wanted.set(keyOf(route), route);
  }
  const ops: RouterOp[] = [];
  const held = new Map((have?.routes ?? []).map((route) => [keyOf(route), route]));
  for (const [key, route] of wanted) {
    const is = held.get(key);
    if (!is?.ours || !sameRoute(is, route)) ops.push({ kind: "replace-route", vni, table, route });
  }
  for (const [key, route] of held) {
    if (route.ours && !wanted.has(key)) ops.push({ kind: "delete-route", vni, table, route });
  }
  return [...ops, ...diffPeers(router, have)];
}

/** Ops that clear a table; the devices take neighbours and entries with them. */
export function removeRoutes(have: ActualRouter): RouterOp[] {
  const { vni } = have;
  const ours = have.routes.filter((route) => route.ours);
  return ours.map((route) => ({ kind: "delete-route", vni, table: routerTable(vni), route }));
}

function diffPeers(router: RouterState, have: ActualRouter | undefined): RouterOp[] {
  const { vni } = router;
  const device = vxlanName(vni);
  const ops: RouterOp[] = [];
  const macs = new Map(router.peers.map(({ vtep, mac }) => [vtep, mac]));
  const neighbours = new Map<IpAddress, Mac>();
  for (const { prefix, hops } of router.routes) {
    for (const hop of hops) {
      const mac = hop.kind === "vtep" ? macs.get(hop.vtep) : undefined;
      if (hop.kind === "vtep" && mac) neighbours.set(vtepGateway(hop.vtep, prefixAddress(prefix)), mac);
    }
  }
  const is = new Map((have?.neighbours ?? []).map(({ ip, mac }) => [ip, mac]));
  for (const [ip, mac] of neighbours) {
    if (is.get(ip) !== mac) ops.push({ kind: "replace-l3-neighbour", vni, device, ip, mac });
  }
  for (const [ip, mac] of is) if (!neighbours.has(ip)) ops.push({ kind: "delete-l3-neighbour", vni, device, ip, mac });
  const entries = new Map(router.peers.map((peer) => [peer.mac, peer]));
  const held = new Map((have?.entries ?? []).map((peer) => [peer.mac, peer]));
  for (const [mac, peer] of entries) {
    const is = held.get(mac);
    const right = is?.vtep === peer.vtep && is.vni === peer.vni;
    if (!right) ops.push({ kind: "replace-l3-entry", vni, device, peer });
  }
  for (const [mac, peer] of held) {
    if (!entries.has(mac)) ops.push({ kind: "delete-l3-entry", vni, device, peer });
  }
  return ops;
}

/** How the kernel has a hop of the route. */
export function kernelHop(vni: RouterState["vni"], prefix: Prefix, hop: RouterHop): ActualHop {
  if (hop.kind === "machine") return { device: bridgeName(hop.network), via: hop.ip };
  return { device: vxlanName(vni), via: vtepGateway(hop.vtep, prefixAddress(prefix)) };
}

/** True if the two lead the same ways, in whatever order. */
function sameHops(a: readonly ActualHop[], b: readonly ActualHop[]): boolean {
  const texts = new Set(a.map(({ device, via }) => `${device} ${via}`));
  return a.length === b.length && b.every(({ device, via }) => texts.has(`${device} ${via}`));
}

function sameRoute(is: ActualRoute, wanted: WantedRoute): boolean {
  return is.type === wanted.type && sameHops(is.hops, wanted.hops);
}

function keyOf({ prefix, metric }: Pick<ActualRoute, "prefix" | "metric">): string {
  return `${prefix} ${metric}`;
}
