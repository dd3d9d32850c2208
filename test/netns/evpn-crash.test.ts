// What FRR 8.4 does wrong on a host, and the agent has to do right, on a real kernel: with FRR as the ToR, the agent's own
// process beside it, and a second speaker as other VTEPs of the fabric.
//
// FRR as the host's daemon: zebra stays with a path that was withdrawn when another one is left; the death of bgpd flushes
// every entry of the fabric at once; and what was deleted while both were dead stays in the kernel for ever.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExportedRoute, ZERO_ESI } from "../../edge-agent/bgp/route.ts";
import { type IpAddress, type Ipv4, parseIp } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { RouteDistinguisher } from "../../shared/address/rd.ts";
import type { RouteTarget } from "../../shared/address/rt.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import {
  addVni,
  eventually,
  Frr,
  inside,
  linkedNamespaces,
  removeNamespaces,
  SpeakerInNamespace,
} from "../edge-agent/bgp/namespace-lab.ts";
import { createCloudModel, endpointBody } from "../edge-agent/intent/cloud-model.ts";
import { AgentInNamespace, bundleAgent } from "../kernel/agent-in-namespace.ts";
import { forwarding } from "./dataplane-agent.ts";
import { startIn } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const [TOR_NS, HOST_NS] = ["evc-tor", "evc-host"] as const;
const TOR = parseIp("10.94.0.1") as IpAddress;
const VTEP = parseIp("10.94.0.2") as Ipv4;
/** The second speaker, on the host's link too, and one more VTEP that it announces. */
const [OTHER, THIRD] = ["10.94.0.3", "10.94.0.4"].map((it) => parseIp(it) as Ipv4) as [Ipv4, Ipv4];
const ASN = 65000 as Asn;
const VNI = 100 as Vni;
/** Bare metal behind the ToR: one that stays, and two that go while nobody is there to hear of it. */
const [STAYS, GOES, GOES_TOO] = ["02:00:00:aa:00:01", "02:00:00:aa:00:02", "02:00:00:aa:00:03"] as const;
const ROAMING = "02:00:00:cc:00:01" as Mac;

function roaming(sequence: number, vtep: Ipv4): ExportedRoute {
  const rd = `${vtep}:${VNI}` as RouteDistinguisher;
  return {
    nlri: { type: "mac-ip", rd, esi: ZERO_ESI, ethernetTag: 0, mac: ROAMING, vni: VNI },
    nextHop: vtep,
    routeTargets: [`${ASN}:${VNI}` as RouteTarget],
    mobility: { sequence, sticky: false },
  };
}

describe.runIf(requireKernel("root", "vxlan", "bridge", "frr"))("evpn and crashes, on a real kernel", () => {
  const host = { name: HOST_NS, run: (line: string) => inside(HOST_NS, line), remove: () => undefined };
  const cloud = createCloudModel("h1");
  let frr: Frr;
  let agent: AgentInNamespace;
  let other: SpeakerInNamespace | undefined;

  const startAgent = (): void => {
    agent = new AgentInNamespace("h1", HOST_NS);
    agent.tell(cloud.answer({ v: 1, have: [] }));
  };
  const sessionIs = (state: RegExp): boolean =>
    state.test(agent.log.findLast((line) => line.includes("bgp-session")) ?? "");
  /** MACs whose entries the kernel lost, by itself or by anybody's hand. */
  const deletedIn = (monitored: string): Set<string> =>
    new Set(monitored.split("\n").flatMap((line) => /^Deleted (\S+)/.exec(line)?.[1] ?? []));
  /** Where the kernel sends frames to, of the fabric: `MAC VTEP`. */
  const fabric = (): string[] =>
    forwarding(host).flatMap((line) => {
      const [, mac, vtep] = /^(\S+) dev ovx100 (?:nexthop|dst) (\S+) self/.exec(line) ?? [];
      return mac === undefined ? [] : [`${mac} ${vtep}`];
    });
  const holds = (what: string, entries: readonly string[], withinMs?: number) =>
    eventually(
      what,
      () => {
        const held = fabric();
        if (held.join() === entries.join()) return true;
        throw new Error(held.join());
      },
      withinMs,
    );
  const flood = `00:00:00:00:00:00 ${TOR}`;
  const [stays, goes, goesToo] = [STAYS, GOES, GOES_TOO].map((mac) => `${mac} ${TOR}`) as [string, string, string];
  const all = [flood, stays, goes, goesToo];

  beforeAll(async () => {
    const bundled = bundleAgent();
    linkedNamespaces(TOR_NS, HOST_NS, "10.94.0");
    inside(HOST_NS, `ip addr add ${OTHER}/24 dev to-router`);
    inside(HOST_NS, "ip link add name tap1 type veth peer name machine1");
    for (const port of ["tap1", "machine1"]) inside(HOST_NS, `ip link set ${port} addrgenmode none up`);
    addVni(TOR_NS, VNI, TOR);
    for (const mac of [STAYS, GOES, GOES_TOO]) inside(TOR_NS, `bridge fdb add ${mac} dev acc${VNI} master static`);
    frr = new Frr(
      TOR_NS,
      [
        "hostname tor",
        `router bgp ${ASN}`,
        ` bgp router-id ${TOR}`,
        " no bgp default ipv4-unicast",
        " neighbor HOSTS peer-group",
        ` neighbor HOSTS remote-as ${ASN}`,
        " bgp listen range 10.94.0.0/24 peer-group HOSTS",
        " address-family l2vpn evpn",
        "  neighbor HOSTS activate",
        "  neighbor HOSTS route-reflector-client",
        "  advertise-all-vni",
        " exit-address-family",
        "",
      ].join("\n"),
    );
    const peer = { address: TOR, asn: ASN, sourceAddress: VTEP, connectRetrySec: 1 };
    cloud.commit("host:h1", [
      { key: "host", body: { site: "s1", vtep: VTEP, bgp: { asn: ASN, peers: [peer] } } },
      { key: "network/blue", body: {} },
    ]);
    cloud.commit("net:blue", [
      { key: "network", body: { tenant: "acme", name: "blue", vni: VNI, subnets: ["10.0.0.0/24"] } },
      { key: "vtep/h1", body: { site: "s1", address: VTEP, asns: [ASN] } },
      { key: "endpoint/e1", body: endpointBody(1) },
    ]);
    await bundled;
    startAgent();
    await holds("the fabric's entries", all, 30_000);
  });

  afterAll(async () => {
    try {
      await other?.stop();
      await agent.kill();
      await frr.stop();
    } finally {
      removeNamespaces(TOR_NS, HOST_NS);
    }
  });

  it("two places, the one with the higher sequence withdraws -> the kernel follows to the one that is left", async () => {
    other = new SpeakerInNamespace(HOST_NS);
    const peers = [{ address: TOR, asn: ASN, localAddress: OTHER }];
    other.tell({ type: "configure", config: { asn: ASN, routerId: OTHER, peers } });
    other.tell({ type: "exports", routes: [roaming(7, OTHER), roaming(9, THIRD)] });
    await holds("the higher sequence", [...all, `${ROAMING} ${THIRD}`], 30_000);
    other.tell({ type: "exports", routes: [roaming(7, OTHER)] });
    await holds("the path that is left", [...all, `${ROAMING} ${OTHER}`]);
    other.tell({ type: "exports", routes: [] });
    await holds("no path", all);
    await other.stop();
    other = undefined;
  });

  it("the agent is killed, a MAC goes, and it returns -> the kernel keeps all; what went is swept, and nothing else", async () => {
    const monitor = startIn(host, "bridge monitor fdb");
    await agent.kill();
    inside(TOR_NS, `bridge fdb del ${GOES} dev acc${VNI} master`);
    expect(fabric()).toEqual(all);
    startAgent();
    await holds("what is left", [flood, stays, goesToo], 30_000);
    expect(deletedIn(await monitor.stop())).toEqual(new Set([GOES]));
  });

  it("the ToR's bgpd and the agent die, a MAC goes -> kept until both are back and End-of-RIB came, then swept", async () => {
    const monitor = startIn(host, "bridge monitor fdb");
    const before = [flood, stays, goesToo];
    frr.killBgpd();
    await eventually("the loss of the session", () => !sessionIs(/Established/));
    expect(fabric()).toEqual(before);
    await agent.kill();
    expect(fabric()).toEqual(before);
    startAgent();
    await eventually("a report of all that the cloud says", () => agent.report?.inSync, 30_000);
    expect(fabric()).toEqual(before);
    frr.startBgpd();
    // zebra misses a deletion while there is no bgpd; this one is before any session, and before FRR's first table.
    inside(TOR_NS, `bridge fdb del ${GOES_TOO} dev acc${VNI} master`);
    await holds("what is left", [flood, stays], 30_000);
    expect(deletedIn(await monitor.stop())).toEqual(new Set([GOES_TOO]));
  });
});
