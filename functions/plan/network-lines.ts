// What one network is on one host: devices, ports, entries and neighbours of its kernel, and what it announces and imports
// by BGP. The agent's own definition is edge-agent/overlay.ts; that the two agree is held by test. Pure.

import { hostPrefix } from "../../shared/address/prefix.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import { exportTargets, importTargets } from "../../shared/evpn/mac-vrf.ts";
import {
  bridgeMac,
  bridgeName,
  GATEWAY_MAC,
  ownerMark,
  routerMac,
  VXLAN_PORT,
  vxlanName,
} from "../../shared/model/device.ts";
import type { Endpoint, Host, HostBgp } from "../../shared/model/resource.ts";
import { floodEntryLine, learnedLine, localLine, neighbourLine, tunnelLine } from "../../shared/text/fdb.ts";
import { importLine, type Lines } from "./lines.ts";
import type { NetworkIndex, RouterIndex } from "./index-world.ts";

/** What is looked at: of all endpoints, or of those that changed. */
export type Scope = ReadonlySet<string> | "all";

export type NetworkOn = {
  readonly host: Host;
  readonly network: NetworkIndex;
  /** The router of the network, if the host carries it. */
  readonly router: RouterIndex | undefined;
  /** Undefined without BGP, or without an identifier for it. */
  readonly rd: RouteDistinguisher | undefined;
};

/** Adds the network's lines, if the host is a member. */
export function addNetwork(lines: Lines, on: NetworkOn, scope: Scope): void {
  const { host, network, router, rd } = on;
  if (!network.members.has(host.id)) return;
  const { definition, members } = network;
  addDevices(lines, on);
  for (const member of members.values()) {
    if (member.vtep !== host.vtep) lines.kernel.add(floodEntryLine(definition.vni, member.vtep));
  }
  if (rd && host.bgp) {
    const { vtep } = host;
    const targets = membershipOf(network);
    for (const target of importTargets(targets, host.bgp)) lines.bgp.add(importLine(definition.vni, target));
    const routeTargets = exportTargets(targets, host.bgp);
    const nlri = { type: "imet", ethernetTag: 0, originator: vtep } as const;
    lines.announce(nlri, { rd, vtep, vni: definition.vni, routeTargets });
  }
  const ids = scope === "all" ? network.endpoints.keys() : scope;
  const routed = router && routedBy(router, host.bgp);
  for (const id of ids) {
    const endpoint = network.endpoints.get(id);
    if (endpoint) addEndpoint(lines, on, { endpoint, routed });
  }
}

function addDevices({ kernel }: Lines, { host, network, router }: NetworkOn): void {
  const { id, vni, tenant, mtuBytes, sourcePorts } = network.definition;
  const mtu = mtuBytes === undefined ? "" : ` mtu ${mtuBytes}`;
  const ports = sourcePorts === undefined ? "" : ` srcport ${sourcePorts.from} ${sourcePorts.to}`;
  const alias = `alias "${ownerMark(id, tenant)}"`;
  const mac = router ? GATEWAY_MAC : bridgeMac(vni, host.vtep);
  kernel.add(`${bridgeName(vni)} type bridge address ${mac}${mtu} ${alias}`);
  kernel.add(
    `${vxlanName(vni)} type vxlan id ${vni} local ${host.vtep} dstport ${VXLAN_PORT}${ports} nolearning master ${bridgeName(vni)}${mtu} ${alias}`,
  );
}

function addEndpoint(
  lines: Lines,
  { host, network, rd }: NetworkOn,
  { endpoint, routed }: { endpoint: Endpoint; routed: ReturnType<typeof routedBy> | undefined },
): void {
  const { definition, members } = network;
  const { vni } = definition;
  const { mac, ips, mobility } = endpoint;
  const here = endpoint.host === host.id;
  if (endpoint.next?.host === host.id) addPort(lines, network, { ...endpoint, ...endpoint.next });
  const at = members.get(endpoint.host);
  if (!at) return;
  for (const ip of ips) lines.kernel.add(neighbourLine(vni, ip, mac));
  if (!here) {
    lines.kernel.add(learnedLine(vni, mac));
    lines.kernel.add(tunnelLine(vni, mac, [at.vtep]));
    return;
  }
  addPort(lines, network, endpoint);
  lines.kernel.add(localLine(vni, mac, portOf(endpoint)));
  if (!rd || !host.bgp) return;
  const { vtep } = host;
  const routeTargets = exportTargets(membershipOf(network), host.bgp);
  const moved = mobility > 0 ? { mobility: { sequence: mobility, sticky: false } } : {};
  const own = { rd, vtep, vni, routeTargets, ...moved };
  const withIp = routed
    ? { ...own, l3Vni: routed.vni, routeTargets: [...routeTargets, ...routed.routeTargets], routerMac: routerMac(vtep) }
    : own;
  const nlri = { type: "mac-ip", ethernetTag: 0, mac } as const;
  lines.announce(nlri, own);
  for (const ip of ips) lines.announce({ ...nlri, ip }, withIp);
}

/** The port with what guards it, endpoint by endpoint: of several on one port, all may send. */
function addPort({ kernel }: Lines, { definition }: NetworkIndex, endpoint: Endpoint): void {
  const { mac, ips, portSecurity, isolated, promiscuous, allowedAddresses = [] } = endpoint;
  const { vni, learning, stormPacketsPerSec } = definition;
  const port = portOf(endpoint);
  const open = portSecurity === false;
  const flags = [...(isolated ? ["isolated on"] : []), ...(promiscuous ? ["promiscuous"] : [])];
  kernel.add([`${port} master ${bridgeName(vni)}`, ...flags].join(" "));
  const own = ips.length === 0 ? "any" : ips.map(hostPrefix).join(",");
  const more = allowedAddresses.map((each) => `${each.mac ?? mac}(${each.ip})`);
  const security = open ? (learning ? "off, learning" : "off") : "enforced";
  const storm = stormPacketsPerSec === undefined ? "" : ` storm ${stormPacketsPerSec}/s`;
  kernel.add(`guard ${port} ${security}${storm} from ${[`${mac}(${own})`, ...more].join(" ")}`);
}

/** One that is found by its MAC or alias has no name before it is found. */
function portOf({ port, mac }: Pick<Endpoint, "port" | "mac">): string {
  return port ?? `(port of ${mac})`;
}

/** What the route targets of a network or router follow from. */
export function membershipOf({ definition, asns }: Pick<NetworkIndex | RouterIndex, "definition" | "asns">) {
  const { vni, routeTargets } = definition;
  const importAnyAs = "importAnyAs" in definition ? definition.importAnyAs : undefined;
  return { vni, routeTargets, importAnyAs, asns };
}

function routedBy(router: RouterIndex, bgp: HostBgp | undefined) {
  return { vni: router.definition.vni, routeTargets: bgp ? exportTargets(membershipOf(router), bgp) : [] };
}
