// The lab's network as data: two sites with a ToR, hosts and a bare-metal machine each, a WAN between them, and a
// management network to the root namespace. Pure: steps.ts says how to make it, lab.ts makes it.
//
//   root ── ovl-mgmt ─┬─ s1-h1 ─┐                               ┌─ s2-h1 ─┬─ mgmt
//      198.18.255.0/24 └─ s1-h2 ─┴─ s1-tor ── wan ── s2-tor ─────┴─ s2-h2 ─┘
//                          iBGP 65001  │                 │  eBGP 65002, hosts 65021 and 65022
//                                   s1-bare           s2-bare        (access ports of the demo VNI)

import { type Ipv4, parseIpv4 } from "../shared/address/ip.ts";
import { type Mac, parseMac } from "../shared/address/mac.ts";
import { type Asn, parseAsn, parseVni, type Vni } from "../shared/address/vni.ts";

/** What can be chosen about a lab. Two labs with different prefixes and management networks can be up at once. */
export type TopologyOptions = {
  /** Starts the name of every namespace and of the link in the root namespace; 2..6 characters. */
  readonly prefix: string;
  /** The VNI that the ToRs carry for their bare-metal machines. */
  readonly vni: Vni;
  /** The first three octets of the management network, `198.18.255`. */
  readonly managementNet: string;
};

export const DEFAULT_TOPOLOGY: TopologyOptions = {
  prefix: "ovl-",
  vni: parseVni(10100) as Vni,
  managementNet: "198.18.255",
};

/** Octets an underlay frame may carry: room for a tenant's 1500 and more inside VXLAN. */
export const UNDERLAY_MTU_BYTES = 9000;

/** The demo network's subnet; bare-metal machines have addresses in it from the start. */
export const DEMO_SUBNET = "10.100.0.0/24";
export const DEMO_SUBNET_LENGTH = 24;

export type Tor = {
  readonly id: string;
  readonly namespace: string;
  readonly loopback: Ipv4;
  readonly asn: Asn;
  /** Its end of the link to the WAN router, and the router's end. */
  readonly wanAddress: Ipv4;
  readonly wanGateway: Ipv4;
};

export type LabHost = {
  /** Also the host's id in the API: `s1-h1`. */
  readonly id: string;
  readonly site: string;
  readonly namespace: string;
  /** On lo; the source of its VXLAN packets. */
  readonly vtep: Ipv4;
  readonly asn: Asn;
  /** Its end of the link to the ToR, where its BGP session starts. */
  readonly underlayAddress: Ipv4;
  readonly torAddress: Ipv4;
  readonly torAsn: Asn;
  /** On the management network. */
  readonly mgmt: Ipv4;
};

export type BareMetal = {
  readonly name: string;
  readonly site: string;
  readonly namespace: string;
  readonly ip: Ipv4;
  readonly mac: Mac;
  readonly mtuBytes: number;
};

export type LabSite = {
  readonly id: string;
  readonly name: string;
  /** How the ToR and its hosts peer. */
  readonly peering: "ibgp" | "ebgp";
  /** The site's underlay: loopbacks, VTEPs and links. */
  readonly underlay: string;
  readonly tor: Tor;
  readonly hosts: readonly LabHost[];
  readonly bareMetal: BareMetal;
};

export type Topology = {
  readonly options: TopologyOptions;
  readonly sites: readonly LabSite[];
  readonly wan: { readonly namespace: string };
  readonly management: {
    readonly namespace: string;
    /** The veth end in the root namespace, where the MQTT broker listens. */
    readonly rootLink: string;
    readonly rootAddress: Ipv4;
  };
};

/** A tenant's machine: a namespace whose eth0 is one end of a veth pair, and whose other end is the tap on a host. */
export type MachineSpec = {
  /** 1..11 characters, since `tap-<name>` must fit an interface name. */
  readonly name: string;
  readonly host: string;
  readonly ip: string;
  readonly mac: string;
  /** Default 1500. */
  readonly mtuBytes?: number;
};

export type LabMachine = {
  readonly name: string;
  readonly host: string;
  readonly namespace: string;
  readonly tap: string;
  readonly ip: Ipv4;
  readonly mac: Mac;
  readonly mtuBytes: number;
};

/** Machines of `lab up`: two on one host, one on every other. */
export const DEFAULT_MACHINES: readonly MachineSpec[] = [
  { name: "m1", host: "s1-h1", ip: "10.100.0.11", mac: "02:0e:00:00:00:11" },
  { name: "m2", host: "s1-h1", ip: "10.100.0.12", mac: "02:0e:00:00:00:12" },
  { name: "m3", host: "s1-h2", ip: "10.100.0.13", mac: "02:0e:00:00:00:13" },
  { name: "m4", host: "s2-h1", ip: "10.100.0.14", mac: "02:0e:00:00:00:14" },
  { name: "m5", host: "s2-h2", ip: "10.100.0.15", mac: "02:0e:00:00:00:15" },
];

const TOR_ASNS = [65001, 65002] as const;
const HOSTS_PER_SITE = 2;

/**
 * Builds the topology.
 * @throws RangeError for a prefix or management network that cannot be used.
 */
export function buildTopology(options: TopologyOptions): Topology {
  if (!/^[a-z][a-z0-9]{0,4}-$/.test(options.prefix)) {
    throw new RangeError(
      `the prefix must be 1 to 5 lower-case letters or digits and a hyphen, not "${options.prefix}"`,
    );
  }
  return {
    options,
    sites: [buildSite(options, 1, "ibgp"), buildSite(options, 2, "ebgp")],
    wan: { namespace: `${options.prefix}wan` },
    management: {
      namespace: `${options.prefix}mgmt`,
      rootLink: `${options.prefix}mgmt`,
      rootAddress: ipv4(`${options.managementNet}.1`),
    },
  };
}

/** A machine as it will be; checks what a namespace, an interface and the kernel would refuse later. */
export function buildMachine(options: TopologyOptions, spec: MachineSpec): LabMachine {
  if (!/^[a-z0-9][a-z0-9-]{0,10}$/.test(spec.name)) {
    throw new RangeError(`a machine's name must be 1 to 11 lower-case letters, digits and hyphens, not "${spec.name}"`);
  }
  return {
    name: spec.name,
    host: spec.host,
    namespace: `${options.prefix}m-${spec.name}`,
    tap: `tap-${spec.name}`,
    ip: ipv4(spec.ip),
    mac: mac(spec.mac),
    mtuBytes: spec.mtuBytes ?? 1500,
  };
}

/** Every namespace of the fabric, machines not included, in the order of creation. */
export function fabricNamespaces(topology: Topology): string[] {
  const inSites = topology.sites.flatMap((site) => [
    site.tor.namespace,
    site.bareMetal.namespace,
    ...site.hosts.map((host) => host.namespace),
  ]);
  return [topology.management.namespace, topology.wan.namespace, ...inSites];
}

function buildSite(options: TopologyOptions, index: number, peering: "ibgp" | "ebgp"): LabSite {
  const id = `s${index}`;
  const torAsn = asn(TOR_ASNS[index - 1] as number);
  const hosts = Array.from({ length: HOSTS_PER_SITE }, (_, i): LabHost => {
    const number = i + 1;
    const link = 128 + 2 * number;
    return {
      id: `${id}-h${number}`,
      site: id,
      namespace: `${options.prefix}${id}-h${number}`,
      vtep: ipv4(`198.18.${index}.${10 + number}`),
      asn: peering === "ibgp" ? torAsn : asn(65000 + 10 * index + number),
      underlayAddress: ipv4(`198.18.${index}.${link + 1}`),
      torAddress: ipv4(`198.18.${index}.${link}`),
      torAsn,
      mgmt: ipv4(`${options.managementNet}.${10 * index + number}`),
    };
  });
  return {
    id,
    name: `Site ${index}`,
    peering,
    underlay: `198.18.${index}.0/24`,
    tor: {
      id: `${id}-tor`,
      namespace: `${options.prefix}${id}-tor`,
      loopback: ipv4(`198.18.${index}.1`),
      asn: torAsn,
      wanAddress: ipv4(`198.18.0.${2 * index}`),
      wanGateway: ipv4(`198.18.0.${2 * index + 1}`),
    },
    hosts,
    bareMetal: {
      name: `${id}-bare`,
      site: id,
      namespace: `${options.prefix}${id}-bare`,
      ip: ipv4(`10.100.0.${200 + index}`),
      mac: mac(`02:ba:5e:00:00:0${index}`),
      mtuBytes: 1500,
    },
  };
}

function ipv4(text: string): Ipv4 {
  const ip = parseIpv4(text);
  if (!ip) throw new RangeError(`not an IPv4 address: ${text}`);
  return ip;
}

function mac(text: string): Mac {
  const parsed = parseMac(text);
  if (!parsed) throw new RangeError(`not a MAC address: ${text}`);
  return parsed;
}

function asn(value: number): Asn {
  const parsed = parseAsn(value);
  if (parsed === undefined) throw new RangeError(`not an AS number: ${value}`);
  return parsed;
}
