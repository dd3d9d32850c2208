// From the topology to the commands that make it: pure lists of steps, run by netns.ts.
// Links inside the overlay get `addrgenmode none`: otherwise their own IPv6 discovery adds MACs that nobody declared.

import {
  DEMO_SUBNET_LENGTH,
  fabricNamespaces,
  type LabMachine,
  type LabSite,
  type Topology,
  UNDERLAY_MTU_BYTES,
} from "./topology.ts";

/** One command of ip(8) in a namespace (undefined: the root namespace), or a sysctl there. */
export type Step =
  | { readonly kind: "ip"; readonly namespace: string | undefined; readonly args: readonly string[] }
  | { readonly kind: "sysctl"; readonly namespace: string; readonly key: string; readonly value: string };

/** What `ip link` shows as the alias of a link that the lab made in the root namespace, and how `down` knows it. */
export function rootLinkAlias(prefix: string): string {
  return `overspan-lab:${prefix}`;
}

/** The whole fabric without machines, in an order in which every step finds what it needs. */
export function fabricSteps(topology: Topology): Step[] {
  const namespaces = fabricNamespaces(topology);
  return [
    ...namespaces.map((name) => ip(undefined, `netns add ${name}`)),
    ...namespaces.map((name) => ip(name, "link set lo up")),
    ...managementSteps(topology),
    ...wanSteps(topology),
    ...topology.sites.flatMap((site) => siteSteps(topology, site)),
  ];
}

/** A machine's namespace, its eth0 and the tap on its host. */
export function machineSteps(machine: LabMachine, hostNamespace: string): Step[] {
  const { namespace, tap } = machine;
  return [
    ip(undefined, `netns add ${namespace}`),
    ip(namespace, "link set lo up"),
    ...accessLink({ ...machine, plugNamespace: hostNamespace, plug: tap }),
  ];
}

/**
 * Moves the tap, and with it the machine's only link, to another host. The machine keeps its eth0, MAC and addresses
 * and sees its carrier go and come back, as a guest does that was paused for the last step of a live migration.
 * What belongs to the namespace it leaves is lost on the way: the bridge, the up flag, addrgenmode.
 */
export function moveSteps(tap: string, fromNamespace: string, toNamespace: string): Step[] {
  return [
    ip(fromNamespace, `link set dev ${tap} netns ${toNamespace}`),
    ip(toNamespace, `link set dev ${tap} addrgenmode none up`),
  ];
}

function managementSteps({ options, sites, management }: Topology): Step[] {
  const { namespace, rootLink, rootAddress } = management;
  const port = (link: string) => ip(namespace, `link set dev ${link} master br-mgmt addrgenmode none up`);
  return [
    ip(namespace, "link add name br-mgmt type bridge stp_state 0"),
    ip(namespace, "link set dev br-mgmt addrgenmode none up"),
    ...sites
      .flatMap((site) => site.hosts)
      .flatMap((host) => [
        ip(namespace, `link add name ${host.id} type veth peer name mgmt netns ${host.namespace}`),
        port(host.id),
        ip(host.namespace, "link set dev mgmt addrgenmode none up"),
        ip(host.namespace, `addr add ${host.mgmt}/24 dev mgmt`),
      ]),
    ip(undefined, `link add name ${rootLink} type veth peer name root netns ${namespace}`),
    ip(undefined, `link set dev ${rootLink} alias ${rootLinkAlias(options.prefix)}`),
    ip(undefined, `link set dev ${rootLink} addrgenmode none`),
    ip(undefined, `addr add ${rootAddress}/24 dev ${rootLink}`),
    ip(undefined, `link set dev ${rootLink} up`),
    port("root"),
  ];
}

/** A plain router: it knows where each site's underlay is, and nothing of overlays. */
function wanSteps({ sites, wan }: Topology): Step[] {
  return [
    forwarding(wan.namespace),
    ...sites.flatMap(({ id, tor, underlay }) => [
      ...underlayLink(
        { namespace: wan.namespace, link: id, address: tor.wanGateway },
        { namespace: tor.namespace, link: "wan", address: tor.wanAddress },
      ),
      ip(wan.namespace, `route add ${underlay} via ${tor.wanAddress}`),
    ]),
  ];
}

function siteSteps(topology: Topology, site: LabSite): Step[] {
  const { tor, hosts } = site;
  const others = topology.sites.filter((other) => other !== site);
  return [
    forwarding(tor.namespace),
    ip(tor.namespace, `addr add ${tor.loopback}/32 dev lo`),
    ...others.map((other) => ip(tor.namespace, `route add ${other.underlay} via ${tor.wanGateway}`)),
    ...hosts.flatMap((host) => [
      ...underlayLink(
        { namespace: tor.namespace, link: host.id, address: host.torAddress },
        { namespace: host.namespace, link: "uplink", address: host.underlayAddress },
      ),
      ip(host.namespace, `addr add ${host.vtep}/32 dev lo`),
      ip(tor.namespace, `route add ${host.vtep}/32 via ${host.underlayAddress}`),
      ...topology.sites.map(({ underlay }) =>
        ip(host.namespace, `route add ${underlay} via ${host.torAddress} src ${host.vtep}`),
      ),
    ]),
    ...torVtepSteps(topology, site),
  ];
}

/** The ToR as a VTEP: a vxlan device on a bridge, which zebra finds by itself, and the access port to the bare metal. */
function torVtepSteps(topology: Topology, { tor, bareMetal }: LabSite): Step[] {
  const { vni } = topology.options;
  const { namespace } = tor;
  const [bridge, vxlan, access] = [`br${vni}`, `vx${vni}`, `acc${vni}`];
  return [
    ip(namespace, `link add name ${bridge} type bridge stp_state 0`),
    ip(namespace, `link set dev ${bridge} addrgenmode none up`),
    ip(namespace, `link add name ${vxlan} type vxlan id ${vni} local ${tor.loopback} dstport 4789 nolearning`),
    ip(namespace, `link set dev ${vxlan} mtu ${UNDERLAY_MTU_BYTES - 50} master ${bridge} addrgenmode none`),
    ip(namespace, `link set dev ${vxlan} type bridge_slave neigh_suppress on learning off`),
    ip(namespace, `link set dev ${vxlan} up`),
    ...accessLink({ ...bareMetal, plugNamespace: namespace, plug: access }),
    ip(namespace, `link set dev ${access} master ${bridge}`),
  ];
}

type Plugged = Pick<LabMachine, "namespace" | "ip" | "mac" | "mtuBytes"> & {
  readonly plugNamespace: string;
  readonly plug: string;
};

/** eth0 in a machine's namespace, and its other end where the machine is plugged in. */
function accessLink({ namespace, ip: address, mac, mtuBytes, plugNamespace, plug }: Plugged): Step[] {
  const peer = `name ${plug} mtu ${mtuBytes} netns ${plugNamespace}`;
  return [
    ip(namespace, `link add name eth0 address ${mac} mtu ${mtuBytes} type veth peer ${peer}`),
    ip(namespace, "link set dev eth0 addrgenmode none up"),
    ip(namespace, `addr add ${address}/${DEMO_SUBNET_LENGTH} dev eth0`),
    ip(plugNamespace, `link set dev ${plug} addrgenmode none up`),
  ];
}

type LinkEnd = { readonly namespace: string; readonly link: string; readonly address: string };

/** A routed point-to-point link (RFC 3021). */
function underlayLink(a: LinkEnd, b: LinkEnd): Step[] {
  const mtu = `mtu ${UNDERLAY_MTU_BYTES}`;
  return [
    ip(a.namespace, `link add name ${a.link} ${mtu} type veth peer name ${b.link} ${mtu} netns ${b.namespace}`),
    ...[a, b].flatMap(({ namespace, link, address }) => [
      ip(namespace, `link set dev ${link} addrgenmode none up`),
      ip(namespace, `addr add ${address}/31 dev ${link}`),
    ]),
  ];
}

function forwarding(namespace: string): Step {
  return { kind: "sysctl", namespace, key: "net/ipv4/ip_forward", value: "1" };
}

/** No argument of ours has a space in it: names are checked by topology.ts, the rest are addresses and numbers. */
function ip(namespace: string | undefined, command: string): Step {
  return { kind: "ip", namespace, args: command.split(" ") };
}
