// Two sites in namespaces, for tests of tenant routers under a kernel with VRF: three hypervisors with an agent each, FRR as
// the ToR of two of them, tenants' machines, and bare metal behind the ToR.
//
//   site a   h1 192.0.2.11   h2 192.0.2.12   ToR 192.0.2.1 (FRR, route reflector, AS 65000)
//   site b   h3 198.51.100.13, no ToR to speak with: it knows of the others by intent alone
//
//   router core (L3 VNI 5000)   blue 10.1.0.0/24 (101)   red 10.2.0.0/24 (102)   green 10.3.0.0/24 (103), each fd00:N::/64 too
//   router edge (L3 VNI 6000)   violet 10.1.0.0/24 (201) pink 10.2.0.0/24 (202): the same addresses, another tenant

import { execFileSync } from "node:child_process";
import type { Channel } from "../../shared/model/record.ts";
import { Frr, run } from "../edge-agent/bgp/namespace-lab.ts";
import { createCloudModel } from "../edge-agent/intent/cloud-model.ts";

export type HostName = "h1" | "h2" | "h3";
type NetworkName = "blue" | "red" | "green" | "violet" | "pink";

export const VTEPS: Readonly<Record<HostName, string>> = {
  h1: "192.0.2.11",
  h2: "192.0.2.12",
  h3: "198.51.100.13",
};
export const TOR = "192.0.2.1";
const ASN = 65000;
const NETWORKS: Readonly<Record<NetworkName, { vni: number; subnet: number; router: "core" | "edge" }>> = {
  blue: { vni: 101, subnet: 1, router: "core" },
  red: { vni: 102, subnet: 2, router: "core" },
  green: { vni: 103, subnet: 3, router: "core" },
  violet: { vni: 201, subnet: 1, router: "edge" },
  pink: { vni: 202, subnet: 2, router: "edge" },
};
const ROUTERS = { core: { vni: 5000, tenant: "acme" }, edge: { vni: 6000, tenant: "other" } } as const;

/** A tenant's machine: a namespace with one interface. Its port's name is the machine's. */
export type Machine = { readonly name: string; readonly network: NetworkName; readonly last: number; host: HostName };

export const ip4 = ({ network, last }: Machine): string => `10.${NETWORKS[network].subnet}.0.${last}`;
export const ip6 = ({ network, last }: Machine): string => `fd00:${NETWORKS[network].subnet}::${last}`;
const macOf = ({ network, last }: Machine): string =>
  `02:00:00:00:${NETWORKS[network].vni.toString(16).padStart(2, "0").slice(-2)}:${last.toString(16).padStart(2, "0")}`;

/** `ip -batch` in a namespace, or outside: one process for many links. */
export function ipBatch(namespace: string | undefined, lines: readonly string[]): void {
  const where = namespace === undefined ? [] : ["-n", namespace];
  execFileSync("ip", [...where, "-batch", "-"], { input: `${lines.join("\n")}\n`, stdio: ["pipe", "pipe", "pipe"] });
}

/** True if `from` gets an answer of `to` to one of a few pings. */
export function pings(from: string, to: string, count = 1): boolean {
  try {
    run("ip", "netns", "exec", from, "ping", "-n", "-q", "-c", String(count), "-i", "0.2", "-W", "2", to);
    return true;
  } catch {
    return false;
  }
}

/** The underlay, and the ToR's own VRF with bare metal in it. */
export function makeUnderlay(): void {
  const hosts = Object.entries(VTEPS);
  ipBatch(undefined, ["netns add tor", "netns add bm", "netns add bm2", ...hosts.map(([name]) => `netns add ${name}`)]);
  ipBatch(
    undefined,
    hosts.map(([name], at) => `link add name u${at + 1} netns tor type veth peer name eth0 netns ${name}`),
  );
  ipBatch(undefined, [
    "link add name bm0 netns tor type veth peer name eth0 netns bm",
    "link add name bm1 netns tor type veth peer name eth0 netns bm2",
  ]);
  ipBatch("tor", [
    "link set lo up",
    "link add name lan type bridge",
    "link set u1 master lan",
    "link set u2 master lan",
    ...["lan", "u1", "u2", "u3"].map((name) => `link set ${name} up`),
    `address add ${TOR}/24 dev lan`,
    "address add 198.51.100.1/24 dev u3",
    "link add name core type vrf table 100",
    "link set core up",
    ...[5000, 101].flatMap((vni) => [
      `link add name br${vni} type bridge`,
      `link set br${vni} addrgenmode none`,
      `link set br${vni} master core`,
      `link add name vx${vni} type vxlan id ${vni} local ${TOR} dstport 4789 nolearning`,
      `link set vx${vni} addrgenmode none`,
      `link set vx${vni} master br${vni}`,
      `link set vx${vni} type bridge_slave learning off neigh_suppress on`,
      `link set br${vni} up`,
      `link set vx${vni} up`,
    ]),
    "link set bm0 master core",
    "link set bm0 up",
    "address add 172.16.0.1/24 dev bm0",
    "address add fd00:99::1/64 dev bm0 nodad",
    "link set bm1 addrgenmode none",
    "link set bm1 master br101",
    "link set bm1 up",
    "address add 10.1.0.254/24 dev br101",
  ]);
  const forward = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0"];
  run("ip", "netns", "exec", "tor", "sysctl", "-qw", ...forward);
  for (const [name, vtep] of hosts) {
    const gateway = vtep.replace(/\d+$/, "1");
    ipBatch(name, [
      "link set lo up",
      "link set eth0 up",
      `address add ${vtep}/24 dev eth0`,
      `route add default via ${gateway}`,
    ]);
  }
  for (const [name, address, address6, gateway, gateway6] of [
    ["bm", "172.16.0.9/24", "fd00:99::9/64", "172.16.0.1", "fd00:99::1"],
    ["bm2", "10.1.0.99/24", "fd00:1::99/64", "10.1.0.254", undefined],
  ] as const) {
    const ipv6 = gateway6 === undefined ? [] : [`-6 route add default via ${gateway6}`];
    ipBatch(name, [
      "link set lo up",
      "link set eth0 up",
      `address add ${address} dev eth0`,
      `address add ${address6} dev eth0 nodad`,
      `route add default via ${gateway}`,
    ]);
    for (const line of ipv6) run("ip", "-n", name, ...line.split(" "));
  }
  // FRR announces a machine's IP with an L3 label once its own kernel knows the neighbour.
  run("ip", "netns", "exec", "bm2", "ping", "-c1", "-W2", "10.1.0.254");
}

/** The ToR's configuration of docs/routers.md. */
export function torConfig(): string {
  const hosts = [VTEPS.h1, VTEPS.h2];
  return [
    "vrf core",
    " vni 5000",
    "exit-vrf",
    `router bgp ${ASN}`,
    ` bgp router-id ${TOR}`,
    " no bgp default ipv4-unicast",
    ...hosts.map((host) => ` neighbor ${host} remote-as ${ASN}`),
    " address-family l2vpn evpn",
    ...hosts.flatMap((host) => [`  neighbor ${host} activate`, `  neighbor ${host} route-reflector-client`]),
    "  advertise-all-vni",
    " exit-address-family",
    "exit",
    `router bgp ${ASN} vrf core`,
    " address-family ipv4 unicast",
    "  redistribute connected",
    " exit-address-family",
    " address-family ipv6 unicast",
    "  redistribute connected",
    " exit-address-family",
    " address-family l2vpn evpn",
    "  advertise ipv4 unicast",
    "  advertise ipv6 unicast",
    "  default-originate ipv4",
    " exit-address-family",
    "exit",
    "",
  ].join("\n");
}

export function startTor(): Frr {
  return new Frr("tor", torConfig());
}

/** A machine's namespace, plugged into its host. */
export function plug(machine: Machine): void {
  const { name, host, network } = machine;
  const gateway = `10.${NETWORKS[network].subnet}.0.1`;
  const gateway6 = `fd00:${NETWORKS[network].subnet}::1`;
  ipBatch(undefined, [
    `netns add ${name}`,
    `link add name ${name} netns ${host} type veth peer name eth0 netns ${name}`,
  ]);
  ipBatch(host, [`link set ${name} addrgenmode none`, `link set ${name} up`]);
  ipBatch(name, [
    "link set lo up",
    `link set eth0 address ${macOf(machine)}`,
    "link set eth0 up",
    `address add ${ip4(machine)}/24 dev eth0`,
    `address add ${ip6(machine)}/64 dev eth0 nodad`,
    `route add default via ${gateway}`,
    `route add default via ${gateway6}`,
  ]);
}

/** The machine leaves its host with its interface and appears on another, as a live migration does at its end. */
export function replug(machine: Machine, to: HostName): void {
  const { name } = machine;
  run("ip", "-n", machine.host, "link", "set", name, "netns", to);
  ipBatch(to, [`link set ${name} addrgenmode none`, `link set ${name} up`]);
  machine.host = to;
}

export type StaticPrefix = { readonly id: string; readonly prefix: string; readonly nextHop: string };

/** What the cloud would say to each host of these machines; the hosts' models remember it. */
export class Intent {
  readonly machines: Machine[];
  statics: readonly StaticPrefix[] = [];
  readonly #mobility = new Map<string, number>();
  readonly #clouds: Readonly<Record<HostName, ReturnType<typeof createCloudModel>>> = {
    h1: createCloudModel("h1"),
    h2: createCloudModel("h2"),
    h3: createCloudModel("h3"),
  };

  constructor(machines: Machine[]) {
    this.machines = machines;
  }

  moved({ name }: Machine): void {
    this.#mobility.set(name, (this.#mobility.get(name) ?? 0) + 1);
  }

  /** The whole answer of the cloud to one host. */
  answer(host: HostName): readonly unknown[] {
    const cloud = this.#clouds[host];
    for (const [channel, records] of this.#channels(host)) this.#commit(cloud, channel, records);
    return cloud.answer({ v: 1, have: [] });
  }

  #commit(cloud: ReturnType<typeof createCloudModel>, channel: Channel, records: ReadonlyMap<string, unknown>): void {
    const held = cloud.channels.get(channel)?.records ?? new Map<string, { body: unknown }>();
    const changed = [...records].filter(([key, body]) => JSON.stringify(held.get(key)?.body) !== JSON.stringify(body));
    const gone = [...held].filter(([key, { body }]) => body !== null && !records.has(key));
    const changes = [...changed.map(([key, body]) => ({ key, body })), ...gone.map(([key]) => ({ key, body: null }))];
    if (changes.length > 0) cloud.commit(channel, changes);
  }

  /** A host with a machine on one of a router's networks carries the router and all of its networks. */
  #channels(host: HostName): Map<Channel, ReadonlyMap<string, unknown>> {
    const here = new Set(this.machines.filter((machine) => machine.host === host).map(({ network }) => network));
    const routers = new Set([...here].map((network) => NETWORKS[network].router));
    const names = Object.keys(NETWORKS) as NetworkName[];
    const carried = names.filter((name) => routers.has(NETWORKS[name].router));
    const bgp = { asn: ASN, peers: [{ address: TOR, asn: ASN, connectRetrySec: 1 }] };
    const site = host === "h3" ? "b" : "a";
    const own = { site, vtep: VTEPS[host], ...(host === "h3" ? {} : { bgp }) };
    const channels = new Map<Channel, ReadonlyMap<string, unknown>>();
    channels.set(
      `host:${host}`,
      new Map<string, unknown>([
        ["host", own],
        ...carried.map((name): [string, unknown] => [`network/${name}`, here.has(name) ? {} : { routed: true }]),
        ...[...routers].map((router): [string, unknown] => [`router/${router}`, {}]),
      ]),
    );
    for (const name of carried) channels.set(`net:${name}`, this.#network(name));
    for (const router of routers) {
      const { vni, tenant } = ROUTERS[router];
      const networks = names.filter((name) => NETWORKS[name].router === router);
      const statics = router === "core" ? this.statics : [];
      channels.set(
        `rtr:${router}`,
        new Map<string, unknown>([
          ["router", { tenant, name: router, vni }],
          ...networks.map((name): [string, unknown] => [`network/${name}`, {}]),
          ...statics.map(({ id, prefix, nextHop }): [string, unknown] => [`prefix/${id}`, { prefix, nextHop }]),
        ]),
      );
    }
    return channels;
  }

  #network(name: NetworkName): ReadonlyMap<string, unknown> {
    const { vni, subnet, router } = NETWORKS[name];
    const machines = this.machines.filter(({ network }) => network === name);
    const definition = {
      tenant: ROUTERS[router].tenant,
      name,
      vni,
      subnets: [`10.${subnet}.0.0/24`, `fd00:${subnet}::/64`],
      router,
      gateways: [`10.${subnet}.0.1`, `fd00:${subnet}::1`],
    };
    return new Map<string, unknown>([
      ["network", definition],
      ...machines.map(({ host }): [string, unknown] => [
        `vtep/${host}`,
        { site: host === "h3" ? "b" : "a", address: VTEPS[host], asns: [ASN] },
      ]),
      ...machines.map((machine): [string, unknown] => [
        `endpoint/${machine.name}`,
        {
          host: machine.host,
          mac: macOf(machine),
          ips: [ip4(machine), ip6(machine)],
          port: machine.name,
          mobility: this.#mobility.get(machine.name) ?? 0,
        },
      ]),
    ]);
  }
}
