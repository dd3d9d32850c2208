// What one tenant router is on one host: its VRF, routes, neighbours and entries of the L3 VNI, and the prefixes that the
// host announces. Of intent alone: what a fabric adds is not in the store. The agent's own definition is
// edge-agent/lane/router.ts with edge-agent/evpn/ip-vrf.ts; that the two agree is held by test. Pure.

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import { hostPrefix, type Prefix, prefixAddress, prefixContains, prefixLength } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import { exportTargets, importTargets } from "../../shared/evpn/mac-vrf.ts";
import {
  bridgeName,
  routerMac,
  routerMark,
  routerTable,
  vrfName,
  vtepGateway,
  VXLAN_PORT,
  vxlanName,
} from "../../shared/model/device.ts";
import type { Host, Network } from "../../shared/model/resource.ts";
import { type RouteHop, routeLine, routerEntryLine, routerNeighbourLine } from "../../shared/text/fdb.ts";
import type { RouterIndex } from "./index-world.ts";
import { importLine, type Lines } from "./lines.ts";
import { membershipOf } from "./network-lines.ts";

export type RouterOn = {
  readonly host: Host;
  readonly router: RouterIndex;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly rd: RouteDistinguisher | undefined;
};

/** Which machines' routes are looked at: all, or those of the addresses that changed. */
export type RouterScope = ReadonlySet<IpAddress> | "all";

/** Adds the router's lines, if the host carries it. */
export function addRouter(lines: Lines, on: RouterOn, scope: RouterScope): void {
  const { host, router } = on;
  if (!router.carriers.has(host.id)) return;
  const { id, vni, tenant } = router.definition;
  const { kernel } = lines;
  const vrf = vrfName(vni);
  const alias = `alias "${routerMark(id, tenant)}"`;
  kernel.add(`${vrf} type vrf table ${routerTable(vni)} ${alias}`);
  kernel.add(
    `${vxlanName(vni)} type vxlan id ${vni} local ${host.vtep} dstport ${VXLAN_PORT} nolearning master ${vrf} address ${routerMac(host.vtep)} ${alias}`,
  );
  const here = router.networks.filter(({ members }) => members.has(host.id));
  for (const { definition } of here) {
    kernel.add(`${bridgeName(definition.vni)} master ${vrf}`);
    for (const { ip, subnet } of gatewaysOf(definition)) {
      kernel.add(`${isIpv4(ip) ? "inet" : "inet6"} ${ip}/${prefixLength(subnet)} dev ${bridgeName(definition.vni)}`);
    }
  }
  const connected = here.flatMap(({ definition }) =>
    gatewaysOf(definition).map(({ subnet }) => ({ subnet, vni: definition.vni })),
  );
  const statics = staticRoutes(on, connected);
  addMachines(lines, on, scope);
  for (const [prefix, hops] of statics.routes) kernel.add(routeLine(vrf, prefix, hops));
  addPeers(lines, on, statics.vteps);
  addAnnounced(lines, on, new Set([...connected.map(({ subnet }) => subnet), ...statics.own]));
}

/** A host route to each machine elsewhere. */
function addMachines({ kernel }: Lines, { host, router, hosts }: RouterOn, scope: RouterScope): void {
  const { vni } = router.definition;
  for (const ip of scope === "all" ? router.machines.keys() : scope) {
    const at = router.machines.get(ip);
    const vtep = at && at.host !== host.id ? hosts.get(at.host)?.vtep : undefined;
    if (vtep !== undefined) kernel.add(routeLine(vrfName(vni), hostPrefix(ip), [tunnelHop(vni, vtep, ip)]));
  }
}

type Connected = { readonly subnet: Prefix; readonly vni: Network["vni"] };

/** Declared prefixes by the machines that are their next hops; those by a machine here are this host's own. */
function staticRoutes({ host, router, hosts }: RouterOn, connected: readonly Connected[]) {
  const routes = new Map<Prefix, RouteHop[]>();
  const own = new Set<Prefix>();
  const vteps = new Map<IpAddress, Set<boolean>>();
  const subnets = new Set(connected.map(({ subnet }) => subnet));
  for (const { prefix, nextHop } of router.prefixes) {
    const at = router.machines.get(nextHop);
    const on = at ? undefined : connected.find(({ subnet }) => prefixContains(subnet, nextHop));
    const local = at?.host === host.id ? at.network.definition.vni : on?.vni;
    const vtep = local === undefined && at ? hosts.get(at.host)?.vtep : undefined;
    const hop: RouteHop | undefined =
      local === undefined
        ? vtep && tunnelHop(router.definition.vni, vtep, prefixAddress(prefix))
        : { device: bridgeName(local), via: nextHop };
    if (!hop) continue;
    if (local !== undefined) own.add(prefix);
    const taken = subnets.has(prefix) || isMachineElsewhere({ host, router, hosts }, prefix);
    if (taken) continue;
    if (vtep !== undefined) vteps.set(vtep, (vteps.get(vtep) ?? new Set()).add(isIpv4(prefixAddress(prefix))));
    const known = routes.get(prefix) ?? [];
    if (!known.some((each) => each.device === hop.device && each.via === hop.via)) routes.set(prefix, [...known, hop]);
  }
  return { routes, own, vteps };
}

/** A prefix of one address that is a machine's elsewhere: where that is counts. */
function isMachineElsewhere({ host, router, hosts }: Omit<RouterOn, "rd">, prefix: Prefix): boolean {
  const ip = prefixAddress(prefix);
  const at = hostPrefix(ip) === prefix ? router.machines.get(ip) : undefined;
  return at !== undefined && at.host !== host.id && hosts.has(at.host);
}

/** Router MAC and entry of every VTEP that is a hop, as a neighbour for each family that it is a hop of. */
function addPeers(
  { kernel }: Lines,
  { host, router, hosts }: RouterOn,
  statics: ReadonlyMap<IpAddress, ReadonlySet<boolean>>,
): void {
  const { vni } = router.definition;
  const families = new Map<IpAddress, Set<boolean>>();
  for (const [vtep, of] of statics) families.set(vtep, new Set(of));
  for (const [id, of] of router.addressed) {
    const vtep = id === host.id ? undefined : hosts.get(id)?.vtep;
    if (vtep !== undefined) families.set(vtep, new Set([...(families.get(vtep) ?? []), ...of]));
  }
  for (const [vtep, of] of families) {
    const mac = routerMac(vtep);
    kernel.add(routerEntryLine(vni, mac, vtep));
    for (const ipv4 of of) {
      const to = (ipv4 ? "0.0.0.0" : "::") as IpAddress;
      kernel.add(routerNeighbourLine(vni, vtepGateway(vtep, to), mac));
    }
  }
}

function addAnnounced(lines: Lines, { host, router, rd }: RouterOn, own: ReadonlySet<Prefix>): void {
  const { vtep, bgp } = host;
  const { vni } = router.definition;
  if (!bgp || !rd) return;
  const targets = membershipOf(router);
  for (const target of importTargets(targets, bgp)) lines.bgp.add(importLine(vni, target));
  const route = { rd, vtep, vni, routeTargets: exportTargets(targets, bgp), routerMac: routerMac(vtep) };
  for (const prefix of own) {
    const nlri = { type: "ip-prefix", ethernetTag: 0, prefix } as const;
    lines.announce(nlri, route);
  }
}

function tunnelHop(vni: Network["vni"], vtep: IpAddress, to: IpAddress): RouteHop {
  return { device: vxlanName(vni), via: vtepGateway(vtep, to) };
}

/** The gateways that are in a subnet of their network, with that subnet. */
function gatewaysOf({ gateways = [], subnets }: Network): { ip: IpAddress; subnet: Prefix }[] {
  return gateways.flatMap((ip) => {
    const subnet = subnets.find((each) => prefixContains(each, ip));
    return subnet ? [{ ip, subnet }] : [];
  });
}
