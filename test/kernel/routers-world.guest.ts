// Tenant routers end to end, on a real kernel with VRF (test/netns/vrf-kernel.test.ts boots it): agents of two sites, FRR as
// a ToR with its own VRF, machines and bare metal that ping each other (test/kernel/l3-world.ts draws it). The tests build
// on each other: one world, since a start costs more than all of them.

import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runUninstall } from "../../edge-agent/main-uninstall.ts";
import { forwardingDigest, hostRouteLine, prefixLine } from "../../shared/message/forwarding.ts";
import { type Frr, run } from "../edge-agent/bgp/namespace-lab.ts";
import { prefix } from "../contract/routers.ts";
import { ip } from "../contract/kernel.ts";
import { AgentInNamespace, bundleAgent, until } from "./agent-in-namespace.ts";
import {
  type HostName,
  Intent,
  ip4,
  ip6,
  type Machine,
  makeUnderlay,
  pings,
  plug,
  replug,
  startTor,
  TOR,
  VTEPS,
} from "./l3-world.ts";

const GATEWAY_MAC = "06:6f:00:00:00:01";

const blue: Machine = { name: "blue11", network: "blue", last: 11, host: "h1" };
const red: Machine = { name: "red11", network: "red", last: 11, host: "h1" };
const red2: Machine = { name: "red12", network: "red", last: 12, host: "h2" };
const green: Machine = { name: "green13", network: "green", last: 13, host: "h3" };
/** The same addresses as `blue` and `red2`, another tenant's. */
const violet: Machine = { name: "violet11", network: "violet", last: 11, host: "h1" };
const pink: Machine = { name: "pink12", network: "pink", last: 12, host: "h2" };
const all = [blue, red, red2, green, violet, pink];

const intent = new Intent(all);
const agents = new Map<HostName, AgentInNamespace>();
let tor: Frr | undefined;

function agent(host: HostName): AgentInNamespace {
  const found = agents.get(host);
  if (!found) throw new Error(`no agent on ${host}`);
  return found;
}

function tellAll(): void {
  for (const [host, each] of agents) each.tell(intent.answer(host));
}

function inNamespace(namespace: string, line: string): string {
  return run("ip", "netns", "exec", namespace, ...line.split(" "));
}

/** The host's report proves exactly these lines for the channel's part of the routers. */
async function proves(host: HostName, channel: string, digest: string): Promise<void> {
  const of = () => agent(host).report?.channels.find((each) => each.channel === channel);
  await until(`${host} proves ${channel}: ${JSON.stringify(of())}`, () => of()?.kernel === digest);
}

async function live(host: HostName): Promise<void> {
  for (const deadline = Date.now() + 90_000; ; ) {
    const { routers } = await agent(host).routers();
    if (routers.length > 0 && routers.every(({ state }) => state === "live")) return;
    if (Date.now() > deadline) {
      throw new Error(`${host} is not live: ${JSON.stringify(routers)}\n${agent(host).log.slice(-20).join("\n")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

describe("routers of two sites", () => {
  beforeAll(async () => {
    const bundled = bundleAgent();
    makeUnderlay();
    for (const machine of all) plug(machine);
    tor = startTor();
    await bundled;
    for (const host of ["h1", "h2", "h3"] as const) {
      agents.set(host, new AgentInNamespace(host));
      agent(host).tell(intent.answer(host));
    }
    for (const host of agents.keys()) await live(host);
  });
  afterAll(async () => {
    for (const each of agents.values()) await each.kill();
    await tor?.stop();
  });

  it("same host, two subnets -> routed there, IPv4 and IPv6", () => {
    expect(pings("blue11", ip4(red))).toBe(true);
    expect(pings("blue11", ip6(red))).toBe(true);
  });

  it("two hosts, and a network that the other does not have -> routed by the L3 VNI (RFC 9135 symmetric IRB)", () => {
    expect(pings("blue11", ip4(red2))).toBe(true);
    expect(pings("red12", ip4(blue))).toBe(true);
    expect(pings("red12", ip6(blue))).toBe(true);
    expect(inNamespace("h2", `ip route show vrf ovr5000 ${ip4(blue)}`)).toContain(
      `via ${VTEPS.h1} dev ovx5000 proto 79`,
    );
    expect(inNamespace("h2", "ip link show type bridge")).not.toContain("ovbr101");
  });

  it("two sites, no BGP between them -> routed from intent alone", () => {
    expect(pings("blue11", ip4(green))).toBe(true);
    expect(pings("green13", ip4(red2))).toBe(true);
    expect(pings("green13", ip6(red2))).toBe(true);
  });

  it("the gateway -> answers on every host with the one MAC, and machines find it there", () => {
    for (const [name, gateway] of [
      ["red11", "10.2.0.1"],
      ["red12", "10.2.0.1"],
      ["red12", "fd00:2::1"],
    ] as const) {
      expect(pings(name, gateway)).toBe(true);
      expect(inNamespace(name, `ip neigh show ${gateway}`)).toContain(`lladdr ${GATEWAY_MAC}`);
    }
  });

  it("receipts -> host routes are proven where nobody of the network is, and no problem is left anywhere", async () => {
    const hostRoutes = [ip4(blue), ip6(blue)].map((each) => hostRouteLine(ip(each), ip(VTEPS.h1)));
    await proves("h2", "net:blue", forwardingDigest(hostRoutes));
    for (const each of agents.values()) {
      expect(each.report?.channels.filter(({ problems }) => problems.length > 0)).toEqual([]);
      expect(each.report?.capabilities?.["vrf"]).toBe(true);
    }
  });

  it("another tenant with the same addresses -> reaches its own machine, and never the other's", () => {
    expect(ip4(violet)).toBe(ip4(blue));
    expect(pings("violet11", ip4(pink))).toBe(true);
    // Both answer at 10.2.0.12: whose counter rises tells who was asked.
    const before = inNamespace("red12", "cat /sys/class/net/eth0/statistics/rx_packets");
    const pinkBefore = Number(inNamespace("pink12", "cat /sys/class/net/eth0/statistics/rx_packets"));
    expect(pings("violet11", ip4(pink), 3)).toBe(true);
    expect(Number(inNamespace("pink12", "cat /sys/class/net/eth0/statistics/rx_packets"))).toBeGreaterThanOrEqual(
      pinkBefore + 3,
    );
    expect(Number(inNamespace("red12", "cat /sys/class/net/eth0/statistics/rx_packets"))).toBeLessThan(
      Number(before) + 3,
    );
    // What only the other tenant has is nowhere.
    expect(pings("violet11", ip4(green))).toBe(false);
    expect(pings("pink12", "172.16.0.9")).toBe(false);
  });

  it("a tenant -> reaches no host by its VTEP, its own neither", () => {
    for (const vtep of Object.values(VTEPS)) expect([vtep, pings("blue11", vtep)]).toEqual([vtep, false]);
    expect(inNamespace("h1", "ip rule show").split("\n")[0]).toContain("[l3mdev-table]");
  });

  it("bare metal behind the ToR -> RT-5 both ways, RT-2 host route, default route (RFC 9136 4.4.1, RFC 9135 5.1)", async () => {
    await until("the ToR's prefixes are here", () =>
      inNamespace("h2", "ip route show vrf ovr5000").includes("172.16.0.0/24"),
    );
    expect(inNamespace("h2", "ip route show vrf ovr5000 172.16.0.0/24")).toContain(`via ${TOR} dev ovx5000 proto 79`);
    await until("the default route is here", () =>
      /^default via 192\.0\.2\.1 /m.test(inNamespace("h2", "ip route show vrf ovr5000")),
    );
    await until("the ToR routes to our machines", () =>
      inNamespace("tor", `ip route get vrf core ${ip4(red2)}`).includes(VTEPS.h2),
    );
    expect(pings("red12", "172.16.0.9")).toBe(true);
    expect(pings("red12", "fd00:99::9")).toBe(true);
    expect(pings("bm", ip4(red))).toBe(true);
    await until("the bare metal machine's host route", () =>
      inNamespace("h2", "ip route show vrf ovr5000").includes("10.1.0.99 via"),
    );
    expect(pings("red12", "10.1.0.99", 3)).toBe(true);
    expect(tor?.show("show bgp l2vpn evpn route type prefix")).toContain("[5]:[0]:[24]:[10.2.0.0]");
    // Nobody's transit: what the ToR told is not told to it.
    const own = tor?.show(`show bgp l2vpn evpn neighbors ${VTEPS.h2} routes`);
    expect(own).not.toContain("172.16.0.0");
  });

  it("a static prefix by a machine -> routed on every host, announced by the machine's, proven", async () => {
    run("ip", "-n", "blue11", "address", "add", "10.9.0.1/32", "dev", "lo");
    inNamespace("blue11", "sysctl -qw net.ipv4.ip_forward=1");
    intent.statics = [{ id: "p1", prefix: "10.9.0.0/16", nextHop: ip4(blue) }];
    tellAll();
    await until("the prefix works across hosts", () => pings("red12", "10.9.0.1"));
    expect(pings("red11", "10.9.0.1")).toBe(true);
    expect(pings("green13", "10.9.0.1")).toBe(true);
    const line = prefixLine(prefix("10.9.0.0/16"), ip(ip4(blue)));
    for (const host of ["h1", "h2", "h3"] as const) await proves(host, "rtr:core", forwardingDigest([line]));
    await until("the ToR has it", () => inNamespace("tor", "ip route show vrf core").includes(`10.9.0.0/16`));
    const shown = () => agent("h2").report?.channels.find(({ channel }) => channel === "rtr:core")?.statics;
    const name = `10.9.0.0/16 ${ip4(blue)}`;
    const seen = () => shown()?.seen.find(({ peer }) => peer === TOR);
    await until("the other host is shown the route by the ToR", () => seen()?.count === 1 && !seen()?.lacking?.length);
    intent.statics = [];
    tellAll();
    await until("it is gone", () => !inNamespace("h2", "ip route show vrf ovr5000").includes("10.9.0.0/16"));
    const gone = () => shown()?.strays.find(({ peer }) => peer === TOR);
    await until("the ToR passes it on no more", () => gone()?.routes?.length === 0 && `${gone()?.deleted}` === name);
  });

  it("routes, rules and gateways taken away by another hand -> are back within seconds", async () => {
    await live("h2");
    run("ip", "-n", "h2", "route", "del", ip4(blue), "vrf", "ovr5000");
    run("ip", "-n", "h2", "address", "del", "10.2.0.1/24", "dev", "ovbr102");
    run("ip", "-n", "h2", "rule", "del", "pref", "1");
    const routes = (): string => inNamespace("h2", "ip route show vrf ovr5000");
    await until(
      "the routes are back",
      () => routes().includes(`${ip4(blue)} via`) && routes().includes("10.2.0.0/24 dev"),
    );
    expect(inNamespace("h2", "ip address show ovbr102")).toContain("10.2.0.1/24");
    await until("the rule too", () => inNamespace("h2", "ip rule show").includes("1:\tfrom all lookup [l3mdev-table]"));
    await until("it is said", () => agent("h2").log.join("\n").includes("made by another hand"));
  });

  it("an agent killed and started again -> not one ping lost, nothing made anew", async () => {
    const devices = inNamespace("h1", "ip -o link show type vrf");
    const words = ["netns", "exec", "red12", "ping", "-n", "-q", "-i", "0.2", "-c", "50", ip4(blue)];
    const stream = new Promise<string>((resolve) => {
      execFile("ip", words, (_, stdout) => resolve(stdout));
    });
    await agent("h1").kill();
    agents.set("h1", new AgentInNamespace("h1"));
    agent("h1").tell(intent.answer("h1"));
    await live("h1");
    expect(await stream).toContain("50 received");
    expect(inNamespace("h1", "ip -o link show type vrf")).toBe(devices);
    expect(agent("h1").log.join("\n")).not.toContain("refused");
  });

  it("a machine that moves to another host -> its gateway is there with the same address and MAC, and all find it", async () => {
    replug(red, "h2");
    intent.moved(red);
    tellAll();
    await until("its gateway answers", () => pings("red11", "10.2.0.1"));
    expect(inNamespace("red11", "ip neigh show 10.2.0.1")).toContain(`lladdr ${GATEWAY_MAC}`);
    await until("from the other host", () => pings("blue11", ip4(red)));
    await until("from the other site", () => pings("green13", ip4(red)));
    await until("from bare metal", () => pings("bm", ip4(red)));
    expect(inNamespace("h1", "ip route show vrf ovr5000")).toContain(`${ip4(red)} via ${VTEPS.h2}`);
    // Nobody of red is on the first host any more: its bridge goes, the routes stay.
    await until("the bridge goes", () => !inNamespace("h1", "ip link show type bridge").includes("ovbr102"));
    expect(pings("blue11", ip4(red2))).toBe(true);
  });

  it("the last machine of a router leaves a host -> its VRF and table go, the others' stay", async () => {
    intent.machines.splice(intent.machines.indexOf(violet), 1);
    tellAll();
    await until("the VRF goes", () => !inNamespace("h1", "ip link show type vrf").includes("ovr6000"));
    expect(run("ip", "-n", "h1", "route", "show", "table", "1300006000").trim()).toBe("");
    expect(pings("blue11", ip4(red2))).toBe(true);
  });

  it("uninstall --remove -> VRFs, tables and gateways are gone, and the host's rules are as the kernel had them", async () => {
    for (const each of agents.values()) await each.kill();
    const said: string[] = [];
    const options = { mode: "remove", socket: "/nonexistent/agent.sock", netns: "h2" } as const;
    const whole = await runUninstall({ ...options, say: (line) => void said.push(line) });
    expect([whole, said.filter((line) => line.includes("not removed"))]).toEqual([true, []]);
    expect(inNamespace("h2", "ip link show type vrf").trim()).toBe("");
    expect(run("ip", "-n", "h2", "route", "show", "table", "1300005000").trim()).toBe("");
    for (const family of ["-4", "-6"]) {
      const rules = inNamespace("h2", `ip ${family} rule show`);
      expect(rules.split("\n")[0]).toContain("0:\tfrom all lookup local");
      expect(rules).not.toContain("proto 79");
    }
  });
});
