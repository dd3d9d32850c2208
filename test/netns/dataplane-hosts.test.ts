// Two hosts in namespaces, a veth pair as the underlay, the reconciler on the real kernel, and tenants' machines that
// ping each other. No control plane and no BGP: what each host should hold is written down here.
//
//   t1 --tap1- [ hostA 192.0.2.1 ] --u-- [ hostB 192.0.2.2 ] -tap2-- t2
//               \-tapm-- mover (the same machine seen from both hosts) --tapm-/

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { MacTarget } from "../../edge-agent/dataplane/desired.ts";
import { type NetworkState, ownerMark } from "../../edge-agent/dataplane/state.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { ip, mac, vni } from "../contract/kernel.ts";
import { type Agent, forwarding, lines, packetsLost, startAgent } from "./dataplane-agent.ts";
import { BROADCAST, ethernet } from "./frames.ts";
import { linkNamespaces, makeNamespace, type Namespace, startIn } from "./namespace.ts";
import { openRaw } from "./raw-socket.ts";
import { requireKernel } from "./require-root.ts";

const VNI = vni(100);
const A = ip("192.0.2.1");
const B = ip("192.0.2.2");
const ONE = { mac: mac("02:00:00:00:00:01"), ip: ip("10.10.0.1") };
const TWO = { mac: mac("02:00:00:00:00:02"), ip: ip("10.10.0.2") };
const MOVER = { mac: mac("02:00:00:00:00:33"), ip: ip("10.10.0.3") };

type Machine = { readonly mac: Mac; readonly ip: IpAddress; readonly vtep: IpAddress; readonly port: string };

/** What a host should hold, given where every machine is. */
function stateOf(vtep: IpAddress, machines: readonly Machine[]): NetworkState {
  const here = machines.filter((machine) => machine.vtep === vtep);
  const away = machines.filter((machine) => machine.vtep !== vtep);
  return {
    vni: VNI,
    owner: ownerMark("blue", "acme"),
    vtep,
    ports: here.map((machine) => ({ name: machine.port })),
    local: here.map((machine) => ({ mac: machine.mac, port: machine.port })),
    remote: away.map((machine) => ({ mac: machine.mac, vtep: machine.vtep })),
    flood: [A, B].filter((other) => other !== vtep),
    neighbours: machines.map((machine) => ({ ip: machine.ip, mac: machine.mac })),
  };
}

const MACHINES: readonly Machine[] = [
  { ...ONE, vtep: A, port: "tap1" },
  { ...TWO, vtep: B, port: "tap2" },
  { ...MOVER, vtep: A, port: "tapm" },
];

describe.runIf(requireKernel("root", "vxlan", "bridge"))("dataplane on two hosts", () => {
  const namespaces: Namespace[] = [];
  let hostA: Namespace;
  let hostB: Namespace;
  let t1: Namespace;
  let t2: Namespace;
  let mover: Namespace;
  let agentA: Agent;
  let agentB: Agent;

  const make = (role: string): Namespace => {
    const namespace = makeNamespace(role);
    namespaces.push(namespace);
    return namespace;
  };
  const plug = (host: Namespace, port: string, machine: Namespace, device: string, address: Mac): void => {
    linkNamespaces(host, port, machine, device);
    machine.run(`ip link set ${device} address ${address} mtu 1450 up`);
  };

  beforeAll(async () => {
    [hostA, hostB, t1, t2, mover] = ["a", "b", "t1", "t2", "mover"].map(make) as [
      Namespace,
      Namespace,
      Namespace,
      Namespace,
      Namespace,
    ];
    linkNamespaces(hostA, "u", hostB, "u");
    for (const [host, link, other, vtep, away] of [
      [hostA, "198.51.100.1", "198.51.100.2", A, B],
      [hostB, "198.51.100.2", "198.51.100.1", B, A],
    ] as const) {
      host.run(`ip addr add ${link}/30 dev u`);
      host.run("ip link set u up");
      host.run(`ip addr add ${vtep}/32 dev lo`);
      host.run(`ip route add ${away}/32 via ${other} src ${vtep}`);
    }
    plug(hostA, "tap1", t1, "eth0", ONE.mac);
    plug(hostB, "tap2", t2, "eth0", TWO.mac);
    plug(hostA, "tapm", mover, "eth0", MOVER.mac);
    plug(hostB, "tapm", mover, "eth1", MOVER.mac);
    mover.run("ip link set eth1 down");
    t1.run(`ip addr add ${ONE.ip}/24 dev eth0`);
    t2.run(`ip addr add ${TWO.ip}/24 dev eth0`);
    mover.run(`ip addr add ${MOVER.ip}/24 dev eth0`);
    agentA = await startAgent(hostA);
    agentB = await startAgent(hostB);
    await Promise.all([agentA.settle([stateOf(A, MACHINES)]), agentB.settle([stateOf(B, MACHINES)])]);
  });

  afterAll(async () => {
    await agentA?.close();
    await agentB?.close();
    for (const namespace of namespaces) namespace.remove();
  });

  it("machines that are silent for longer than the kernel's ageing times -> entries that nobody declared age, declared ones stay", async () => {
    const [bridged, tunnelled] = ["02:00:00:00:0a:01", "02:00:00:00:0a:02"];
    const before = forwarding(hostA);
    const neighbours = lines(hostA.run("ip neigh show dev ovbr100 nud all"));
    hostA.run(`bridge fdb add ${bridged} dev tap1 master dynamic`);
    hostA.run(`bridge fdb add ${tunnelled} dev ovx100 dst ${B} self dynamic`);
    const shown = (): string => hostA.run("bridge fdb show");
    expect(shown()).toContain(bridged);
    expect(shown()).toContain(tunnelled);
    hostA.run("ip link set ovbr100 type bridge ageing_time 100");
    let round = 0;
    await vi.waitUntil(
      () => {
        // Every change of it makes the kernel look at once, where it else looks every ten seconds.
        hostA.run(`ip link set ovx100 type vxlan id 100 ageing ${(round++ % 2) + 1}`);
        return !shown().includes(bridged) && !shown().includes(tunnelled);
      },
      { timeout: 30_000, interval: 250 },
    );
    expect(forwarding(hostA)).toEqual(before);
    expect(lines(hostA.run("ip neigh show dev ovbr100 nud all"))).toEqual(neighbours);
  });

  it("the kernel shows what was asked for, in the words of bridge and ip", () => {
    expect(forwarding(hostA)).toEqual([
      "00:00:00:00:00:00 dev ovx100 dst 192.0.2.2 self permanent",
      "02:00:00:00:00:01 dev tap1 master ovbr100 static",
      "02:00:00:00:00:02 dev ovx100 extern_learn master ovbr100",
      "02:00:00:00:00:02 dev ovx100 nexthop 192.0.2.2 self extern_learn",
      "02:00:00:00:00:33 dev tapm master ovbr100 static",
    ]);
    expect(lines(hostA.run("ip neigh show dev ovbr100 nud permanent")).sort()).toEqual([
      "10.10.0.1 lladdr 02:00:00:00:00:01 PERMANENT proto 79",
      "10.10.0.2 lladdr 02:00:00:00:00:02 PERMANENT proto 79",
      "10.10.0.3 lladdr 02:00:00:00:00:33 PERMANENT proto 79",
    ]);
    const details = hostA.run("ip -d link show ovx100");
    expect(details).toContain("vxlan id 100 local 192.0.2.1 srcport 0 0 dstport 4789 nolearning");
    expect(details).toContain("mtu 1450");
    expect(details).toMatch(/bridge_slave .* learning off .* neigh_suppress on/);
    expect(details).toContain("alias overspan net=blue tenant=acme");
  });

  it("ping across the hosts -> nothing lost, no ARP over the underlay", () => {
    const sent = () => Number(hostA.run("cat /sys/class/net/ovx100/statistics/tx_packets"));
    t1.run("ip neigh flush dev eth0");
    t2.run("ip neigh flush dev eth0");
    const before = sent();
    expect(packetsLost(t1.run(`ping -c 5 -i 0.02 -W 1 ${TWO.ip}`))).toBe(0);
    // The five echo requests and nothing else: both machines' ARP requests were answered by their own host.
    expect(sent() - before).toBe(5);
  });

  it("ping between machines of one host -> nothing lost, nothing sent over the underlay", () => {
    const sent = () => Number(hostA.run("cat /sys/class/net/ovx100/statistics/tx_packets"));
    const before = sent();
    expect(packetsLost(t1.run(`ping -c 3 -i 0.02 -W 1 ${MOVER.ip}`))).toBe(0);
    expect(sent() - before).toBe(0);
  });

  it("an entry deleted by hand -> it comes back", async () => {
    const before = forwarding(hostA);
    hostA.run(`bridge fdb del ${TWO.mac} dev ovx100 self`);
    hostA.run(`bridge fdb del ${ONE.mac} dev tap1 master`);
    hostA.run(`ip neigh del ${TWO.ip} dev ovbr100`);
    await expect.poll(() => forwarding(hostA), { timeout: 5000, interval: 20 }).toEqual(before);
    await expect
      .poll(() => hostA.run("ip neigh show dev ovbr100"), { timeout: 5000 })
      .toContain(`${TWO.ip} lladdr ${TWO.mac} PERMANENT proto 79`);
    expect(agentA.reconciler.latest()?.counters.repairs).toBeGreaterThanOrEqual(3);
  });

  it("a device deleted by hand -> rebuilt with all its entries", async () => {
    const before = forwarding(hostA);
    hostA.run("ip link del ovx100");
    await expect.poll(() => forwarding(hostA), { timeout: 5000, interval: 20 }).toEqual(before);
    expect(packetsLost(t1.run(`ping -c 3 -i 0.05 -W 1 ${TWO.ip}`))).toBe(0);
  });

  it("both devices set down by hand -> up again with all their entries, and told as drift", async () => {
    const before = forwarding(hostA);
    const neighbours = lines(hostA.run("ip neigh show dev ovbr100 nud permanent")).sort();
    hostA.run("ip link set ovx100 down");
    hostA.run("ip link set ovbr100 down");
    await expect.poll(() => forwarding(hostA), { timeout: 5000, interval: 20 }).toEqual(before);
    const permanent = () => lines(hostA.run("ip neigh show dev ovbr100 nud permanent")).sort();
    await expect.poll(permanent, { timeout: 5000 }).toEqual(neighbours);
    expect(packetsLost(t1.run(`ping -c 3 -i 0.05 -W 1 ${TWO.ip}`))).toBe(0);
    await expect
      .poll(() => agentA.reconciler.drift().recent.map(({ after }) => after), { timeout: 5000 })
      .toContainEqual(expect.stringMatching(/^ovbr100 down$/));
  });

  it("the agent ends and another takes over under a running ping -> no write, no packet lost", async () => {
    const ping = startIn(t1, `ping -c 100 -i 0.01 -W 1 ${TWO.ip}`);
    await agentA.close();
    agentA = await startAgent(hostA);
    const report = await agentA.settle([stateOf(A, MACHINES)]);
    expect(report.counters).toMatchObject({ applied: 0, refused: 0 });
    expect(packetsLost(await ping.ended)).toBe(0);
  });

  it("an undeclared machine on a port that learns -> told; its entry elsewhere yields, and is no drift", async () => {
    const stray = mac("02:00:00:00:00:77");
    const { reconciler } = agentA;
    const want = (target: MacTarget | undefined) =>
      void reconciler.change([{ vni: VNI, macs: new Map([[stray, target]]) }], { inSync: true });
    const where = () => forwarding(hostA, /\b(ov(br|x)100|tap1)\b/).filter((line) => line.startsWith(stray));
    const elsewhere: MacTarget = { kind: "remote", vteps: [B], yields: true };
    const remote = [
      `${stray} dev ovx100 extern_learn master ovbr100`,
      `${stray} dev ovx100 nexthop 192.0.2.2 self extern_learn`,
    ];
    want(elsewhere);
    await expect.poll(where, { timeout: 5000 }).toEqual(remote);
    const { drift } = reconciler.latest()?.counters ?? {};
    hostA.run("ip link set tap1 type bridge_slave learning on");
    const socket = await openRaw(t1, "eth0");
    socket.send(ethernet({ from: stray, to: BROADCAST, type: 0x88b5, payload: Buffer.alloc(46) }));
    await expect.poll(() => reconciler.learned(VNI).get(stray), { timeout: 5000 }).toBe("tap1");
    // The agent knows that it is here now, and leaves it to the bridge.
    want(undefined);
    await expect.poll(where, { timeout: 5000 }).toEqual([`${stray} dev tap1 master ovbr100`]);
    want(elsewhere);
    await expect.poll(where, { timeout: 5000 }).toEqual(remote);
    expect(reconciler.learned(VNI).size).toBe(0);
    expect(reconciler.drift().recent.some(({ before }) => before?.startsWith(stray))).toBe(false);
    expect(reconciler.latest()?.counters.drift).toBe(drift);
    want(undefined);
    hostA.run("ip link set tap1 type bridge_slave learning off");
    socket.close();
  });

  it("a machine moves to the other host under a running ping -> few packets lost, entries replaced", async () => {
    const moved = MACHINES.map((each) => (each.mac === MOVER.mac ? { ...each, vtep: B } : each));
    const ping = startIn(t2, `ping -i 0.02 ${MOVER.ip}`);
    await expect.poll(() => t2.run("ip neigh show dev eth0"), { timeout: 5000 }).toContain(MOVER.mac);
    mover.run("ip addr flush dev eth0");
    mover.run("ip link set eth0 down");
    mover.run("ip link set eth1 up");
    mover.run(`ip addr add ${MOVER.ip}/24 dev eth1`);
    await Promise.all([agentA.settle([stateOf(A, moved)]), agentB.settle([stateOf(B, moved)])]);
    // The kernel may take up to a second to see the new port's carrier (its link watch is rate limited).
    const answers = () => packetsLost(t2.run(`ping -c 3 -i 0.02 -W 1 ${MOVER.ip}`));
    await expect.poll(answers, { timeout: 5000 }).toBe(0);
    expect(packetsLost(t1.run(`ping -c 3 -i 0.02 -W 1 ${MOVER.ip}`))).toBe(0);
    const lost = packetsLost(await ping.stop());
    console.info(`move: ${lost} packets lost at 20 ms, of it the machine's own switch`);
    expect(lost).toBeLessThan(100);
    const about = (host: Namespace) => forwarding(host).filter((line) => line.startsWith(MOVER.mac));
    expect(about(hostA)).toEqual([
      // The kernel keeps `static` of the entry that was replaced.
      "02:00:00:00:00:33 dev ovx100 extern_learn master ovbr100 static",
      "02:00:00:00:00:33 dev ovx100 nexthop 192.0.2.2 self extern_learn",
    ]);
    expect(about(hostB)).toEqual(["02:00:00:00:00:33 dev tapm extern_learn master ovbr100 static"]);
    expect(hostA.run("ip -d link show tapm")).not.toContain("master");
  });

  it("the network is no longer desired -> its devices are gone, the ports are free, nothing else changed", async () => {
    const report = await agentA.settle([]);
    expect(report.networks).toEqual([]);
    expect(hostA.run("ip link show")).not.toMatch(/\bov(br|x)\d/);
    expect(hostA.run("ip link show tap1")).not.toContain("master");
    expect(hostA.run("ip addr show dev u")).toContain("198.51.100.1/30");
  });
});
