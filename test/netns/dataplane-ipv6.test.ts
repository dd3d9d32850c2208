// The same as dataplane-hosts.test.ts with IPv6 throughout: the underlay, the VTEPs and the tenants.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NetworkState, ownerMark } from "../../edge-agent/dataplane/state.ts";
import { ip, mac, vni } from "../contract/kernel.ts";
import { type Agent, forwarding, lines, packetsLost, startAgent } from "./dataplane-agent.ts";
import { linkNamespaces, makeNamespace, type Namespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const A = ip("2001:db8::a");
const B = ip("2001:db8::b");
const ONE = { mac: mac("02:00:00:00:00:01"), ip: ip("fd00::1"), port: "tap1" };
const TWO = { mac: mac("02:00:00:00:00:02"), ip: ip("fd00::2"), port: "tap2" };

/** One machine here, one there; the MTU is left to the underlay. */
function stateOf(vtep: typeof A, here: typeof ONE, away: typeof ONE): NetworkState {
  const other = vtep === A ? B : A;
  return {
    vni: vni(100),
    owner: ownerMark("six", "acme"),
    vtep,
    ports: [{ name: here.port }],
    local: [{ mac: here.mac, port: here.port }],
    remote: [{ mac: away.mac, vtep: other }],
    flood: [other],
    neighbours: [{ ip: away.ip, mac: away.mac }],
  };
}

describe.runIf(requireKernel("root", "vxlan", "bridge"))("dataplane on two hosts, IPv6", () => {
  const namespaces: Namespace[] = [];
  let hostA: Namespace;
  let t1: Namespace;
  let t2: Namespace;
  let agents: Agent[] = [];

  beforeAll(async () => {
    const [a, b, one, two] = ["a6", "b6", "t1", "t2"].map((role) => {
      const namespace = makeNamespace(role);
      namespaces.push(namespace);
      return namespace;
    }) as [Namespace, Namespace, Namespace, Namespace];
    hostA = a;
    t1 = one;
    t2 = two;
    linkNamespaces(a, "u", b, "u");
    for (const [host, link, gateway, vtep] of [
      [a, "fe80::a", "fe80::b", A],
      [b, "fe80::b", "fe80::a", B],
    ] as const) {
      host.run("ip link set u mtu 1600 up");
      host.run(`ip addr add ${link}/64 dev u nodad`);
      host.run(`ip addr add ${vtep}/128 dev lo nodad`);
      host.run(`ip route add ${vtep === A ? B : A}/128 via ${gateway} dev u src ${vtep}`);
    }
    for (const [host, machine, endpoint] of [
      [a, one, ONE],
      [b, two, TWO],
    ] as const) {
      linkNamespaces(host, endpoint.port, machine, "eth0");
      machine.run(`ip link set eth0 address ${endpoint.mac} up`);
      machine.run(`ip addr add ${endpoint.ip}/64 dev eth0 nodad`);
    }
    agents = [await startAgent(a), await startAgent(b)];
    await Promise.all([agents[0]?.settle([stateOf(A, ONE, TWO)]), agents[1]?.settle([stateOf(B, TWO, ONE)])]);
  });

  afterAll(async () => {
    for (const agent of agents) await agent.close();
    for (const namespace of namespaces) namespace.remove();
  });

  it("entries towards an IPv6 VTEP; the MTU is the underlay's less 70", () => {
    expect(forwarding(hostA)).toEqual([
      "00:00:00:00:00:00 dev ovx100 dst 2001:db8::b self permanent",
      "02:00:00:00:00:01 dev tap1 master ovbr100 static",
      "02:00:00:00:00:02 dev ovx100 extern_learn master ovbr100",
      "02:00:00:00:00:02 dev ovx100 nexthop 2001:db8::b self extern_learn",
    ]);
    expect(hostA.run("ip link show ovx100")).toContain("mtu 1530");
    expect(lines(hostA.run("ip -6 neigh show dev ovbr100 nud permanent"))).toEqual([
      "fd00::2 lladdr 02:00:00:00:00:02 PERMANENT proto 79",
    ]);
  });

  it("ping across the hosts -> nothing lost, no neighbour solicitation over the underlay", () => {
    // Counted where they would arrive, since the tenants' multicast reports cross the underlay too.
    const solicited = () => /^Icmp6InNeighborSolicits\s+(\d+)$/m.exec(t2.run("cat /proc/net/snmp6"))?.[1];
    const before = solicited();
    expect(packetsLost(t1.run(`ping -c 5 -i 0.02 -W 1 ${TWO.ip}`))).toBe(0);
    expect(before).toBeDefined();
    expect(solicited()).toBe(before);
    expect(t1.run("ip -6 neigh show dev eth0")).toContain(`${TWO.ip} lladdr ${TWO.mac}`);
  });
});
