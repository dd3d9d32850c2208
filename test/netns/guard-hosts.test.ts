// Port security through whole agents on two hosts: what the API's fields do to real machines. What each guard lets through
// is guard-attacks.test.ts.
//
//   t1 --tap1-\                                        /-anyname-- t3
//   t2 --tap2-- [ hostA 192.0.2.1 ] --u-- [ hostB 192.0.2.2 ]
//   probe-tap4-/

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { answerShow } from "../../edge-agent/local/show.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { ip, mac } from "../contract/kernel.ts";
import { packetsLost } from "./dataplane-agent.ts";
import { BROADCAST, ethernet, ipv4, udp } from "./frames.ts";
import { type GuardedHost, startGuardedHost } from "./guarded-host.ts";
import { linkNamespaces, makeNamespace, type Namespace, startIn } from "./namespace.ts";
import { openRaw, type RawSocket } from "./raw-socket.ts";
import { requireKernel } from "./require-root.ts";

const A = ip("192.0.2.1");
const B = ip("192.0.2.2");
const STORM_PER_SEC = 200;
const machine = (number: number) => ({ mac: mac(`02:00:00:00:00:0${number}`), ip: ip(`10.0.0.${number}`) });
const [ONE, TWO, THREE, PROBE, FIVE] = [1, 2, 3, 4, 5].map(machine) as [
  ReturnType<typeof machine>,
  ReturnType<typeof machine>,
  ReturnType<typeof machine>,
  ReturnType<typeof machine>,
  ReturnType<typeof machine>,
];

const endpoint = (
  id: string,
  host: string,
  at: ReturnType<typeof machine>,
  more: Readonly<Record<string, unknown>>,
) => ({
  key: `endpoint/${id}`,
  body: { host, mac: at.mac, ips: [at.ip], mobility: 0, ...more },
});

const RECORDS = [
  { key: "vtep/ha", body: { site: "s1", address: A, asns: [] } },
  { key: "vtep/hb", body: { site: "s1", address: B, asns: [] } },
  endpoint("e1", "ha", ONE, { port: "tap1", isolated: true }),
  endpoint("e2", "ha", TWO, { port: "tap2", isolated: true }),
  endpoint("e3", "hb", THREE, { port: "anyname" }),
  endpoint("e4", "ha", PROBE, { port: "tap4", promiscuous: true, portSecurity: false }),
];

describe.runIf(requireKernel("root", "vxlan", "bridge"))("port security on two hosts", () => {
  const namespaces: Namespace[] = [];
  let [hostA, hostB, t1, t2, t3, probe, t5]: Namespace[] = [];
  let a: GuardedHost;
  let b: GuardedHost;
  const sockets: RawSocket[] = [];
  const raw = async (namespace: Namespace | undefined): Promise<RawSocket> => {
    const socket = await openRaw(namespace as Namespace, "eth0");
    sockets.push(socket);
    return socket;
  };
  const plug = (host: Namespace, port: string, into: Namespace, at: { mac: Mac; ip: string }): void => {
    linkNamespaces(host, port, into, "eth0");
    into.run(`ip link set eth0 address ${at.mac} mtu 1450 up`);
    into.run(`ip addr add ${at.ip}/24 dev eth0`);
  };
  const frame = (from: { mac: string; ip: string }, to: string, text: string) =>
    ethernet({
      to,
      from: from.mac,
      type: 0x0800,
      payload: ipv4({ from: from.ip, to: "10.0.0.99", protocol: 17, payload: udp(1, 2, Buffer.from(text)) }),
    });
  const shown = (host: GuardedHost, ...command: string[]): string => {
    const answer = answerShow(host.agent.view(), { command: ["show", ...command], json: false });
    return "text" in answer ? answer.text : answer.error;
  };
  const guarded = async (host: GuardedHost, ...ports: string[]): Promise<void> => {
    for (const port of ports) {
      await vi.waitFor(() => expect(shown(host, "guard", port)).toMatch(/ guarded /), { timeout: 10_000 });
    }
  };

  /** Receipts wait for guards, flags and mirrors too. */
  const live = async (host: GuardedHost): Promise<void> => {
    await vi.waitFor(
      () => {
        const channel = host.report()?.channels.find((each) => each.channel === "net:blue");
        expect(channel).toMatchObject({ problems: [], kernel: expect.any(String) });
      },
      { timeout: 10_000 },
    );
  };

  beforeAll(async () => {
    [hostA, hostB, t1, t2, t3, probe, t5] = ["a", "b", "t1", "t2", "t3", "probe", "t5"].map((role) => {
      const namespace = makeNamespace(role);
      namespaces.push(namespace);
      return namespace;
    });
    if (!hostA || !hostB || !t1 || !t2 || !t3 || !probe) throw new Error("no namespaces");
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
    plug(hostA, "tap1", t1, ONE);
    plug(hostA, "tap2", t2, TWO);
    plug(hostB, "anyname", t3, THREE);
    plug(hostA, "tap4", probe, PROBE);
    const network = { stormPacketsPerSec: STORM_PER_SEC };
    a = await startGuardedHost({ namespace: hostA, host: "ha", vtep: A, network, records: RECORDS });
    b = await startGuardedHost({ namespace: hostB, host: "hb", vtep: B, network, records: RECORDS });
    await guarded(a, "tap1", "tap2", "tap4");
    await guarded(b, "anyname");
    await live(a);
    await live(b);
    const reached = () => expect(packetsLost(run(t1, `ping -c 1 -W 1 ${THREE.ip}`))).toBe(0);
    await vi.waitFor(reached, { timeout: 10_000 });
  });

  afterAll(async () => {
    for (const socket of sockets) socket.close();
    await a?.close();
    await b?.close();
    for (const namespace of namespaces) namespace.remove();
  });

  /** What a command printed, whatever its exit status: ping's is not 0 when something was lost. */
  function run(namespace: Namespace | undefined, command: string): string {
    try {
      return (namespace as Namespace).run(command);
    } catch (error) {
      return (error as { stdout?: string }).stdout ?? "";
    }
  }

  it("guards: an honest machine -> nothing of its traffic to the other host is lost", () => {
    expect(packetsLost(run(t1, `ping -c 20 -i 0.02 -W 1 ${THREE.ip}`))).toBe(0);
  });

  it("isolated ports -> not each other, but machines of the other host", () => {
    expect(packetsLost(run(t1, `ping -c 3 -i 0.05 -W 1 ${TWO.ip}`))).toBe(3);
    expect(packetsLost(run(t2, `ping -c 3 -i 0.05 -W 1 ${THREE.ip}`))).toBe(0);
  });

  it("a flag changed by another hand -> set again", async () => {
    hostA?.run("ip link set tap1 type bridge_slave isolated off learning on");
    await expect
      .poll(() => hostA?.run("bridge -d link show dev tap1"), { timeout: 2000, interval: 20 })
      .toMatch(/learning off.*isolated on/);
  });

  it("a promiscuous port -> gets every frame that passes the host, once", async () => {
    const [sender, other, watcher] = [await raw(t1), await raw(t3), await raw(probe)];
    const count = (frames: readonly Buffer[], text: string): number =>
      frames.filter((each) => each.includes(text)).length;
    sender.send(frame(ONE, THREE.mac, "to-the-other-host"));
    other.send(frame(THREE, ONE.mac, "from-the-other-host"));
    sender.send(frame(ONE, BROADCAST, "to-everybody"));
    sender.send(frame(ONE, PROBE.mac, "to-the-probe-itself"));
    const seen: Buffer[] = [];
    await expect
      .poll(
        () => {
          seen.push(...watcher.take());
          return ["to-the-other-host", "from-the-other-host", "to-everybody", "to-the-probe-itself"].map((text) =>
            count(seen, text),
          );
        },
        { timeout: 3000 },
      )
      .toEqual([1, 1, 1, 1]);
    expect(watcher.take()).toEqual([]);
  });

  it("a broadcast storm -> the other host gets no more of it than the limit", async () => {
    const [sender, other] = [await raw(t1), await raw(t3)];
    other.take();
    const startMs = performance.now();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 200; i++) sender.send(frame(ONE, BROADCAST, "storm"));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const tookSec = (performance.now() - startMs) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const arrived = other.take().filter((each) => each.includes("storm")).length;
    expect(arrived).toBeGreaterThan(0);
    // The burst of a tenth of a second, and what the time allows.
    expect(arrived).toBeLessThanOrEqual(STORM_PER_SEC * (0.1 + tookSec) + 2);
  });

  it("a machine that nobody declared, a machine of the other host -> told once each, and shown", async () => {
    const sender = await raw(t1);
    for (let i = 0; i < 3; i++) {
      sender.send(frame({ mac: "02:00:00:00:00:77", ip: ONE.ip }, BROADCAST, "stranger"));
      sender.send(frame({ mac: THREE.mac, ip: THREE.ip }, BROADCAST, "thief"));
    }
    await expect.poll(() => shown(a, "unknown"), { timeout: 10_000, interval: 100 }).toContain("02:00:00:00:00:77");
    expect(shown(a, "unknown")).toMatch(/02:00:00:00:00:03 +tap1 +moved machine: declared at VTEP 192\.0\.2\.2/);
    const told = a.diary.recent().filter(({ kind }) => kind === "unknown-machine" || kind === "moved-machine");
    expect(told.map(({ detail }) => detail).sort()).toEqual([
      "blue: 02:00:00:00:00:03 is seen on port tap1, but is declared at VTEP 192.0.2.2",
      "blue: 02:00:00:00:00:77 is seen on port tap1, and nobody declared it",
    ]);
    expect(shown(a, "guard", "tap1")).toMatch(/\d+ mac/);
    expect(packetsLost(run(t1, `ping -c 3 -i 0.02 -W 1 ${THREE.ip}`))).toBe(0);
  });

  it("a port that comes under attack, found by its alias -> not one forged frame before its guard is there", async () => {
    linkNamespaces(hostA as Namespace, "vnet9", t5 as Namespace, "eth0");
    t5?.run(`ip link set eth0 address ${FIVE.mac} mtu 1450 up`);
    hostA?.run("ip link set vnet9 up");
    const [attacker, other] = [await raw(t5), await raw(t3)];
    other.take();
    const seen: Buffer[] = [];
    const timer = setInterval(() => {
      for (let i = 0; i < 10; i++) attacker.send(frame(TWO, BROADCAST, "forged"));
      attacker.send(frame(FIVE, THREE.mac, "honest"));
      seen.push(...other.take());
    }, 1);
    try {
      for (const each of [a, b]) each.tell("net:blue", [endpoint("e5", "ha", FIVE, {})]);
      await expect
        .poll(() => a.report()?.channels.find(({ channel }) => channel === "net:blue")?.problems)
        .toEqual(["port with MAC 02:00:00:00:00:05 does not exist yet"]);
      hostA?.run("ip link set vnet9 alias overspan-endpoint=e5");
      await expect
        .poll(() => seen.filter((each) => each.includes("honest")).length, { timeout: 10_000 })
        .toBeGreaterThan(50);
    } finally {
      clearInterval(timer);
    }
    expect(seen.filter((each) => each.includes("forged")).length).toBe(0);
    expect(shown(a, "guard", "vnet9")).toContain(FIVE.mac);
  });

  it("the loopback device as a port -> refused with the reason", async () => {
    a.tell("net:blue", [endpoint("e6", "ha", machine(6), { port: "lo" })]);
    await expect.poll(() => shown(a, "guard"), { timeout: 5000 }).toContain("lo");
    await expect
      .poll(
        () =>
          a
            .report()
            ?.channels.find(({ channel }) => channel === "net:blue")
            ?.problems.join(),
        { timeout: 5000 },
      )
      .toContain("port lo is this host's loopback device, and never a port");
    a.tell("net:blue", [{ key: "endpoint/e6", body: null }]);
  });

  it("an endpoint is taken away -> its guard goes after its port has left; a machine left behind reaches nobody", async () => {
    const ping = startIn(t1 as Namespace, `ping -c 50 -i 0.02 -W 1 ${THREE.ip}`);
    a.tell("net:blue", [{ key: "endpoint/e2", body: null }]);
    await expect.poll(() => hostA?.run("bridge link show"), { timeout: 10_000 }).not.toContain("tap2");
    await expect
      .poll(() => hostA?.run("nft list table bridge overspan"), { timeout: 10_000 })
      .not.toContain("guard-tap2");
    expect(packetsLost(await ping.ended)).toBe(0);
  });
});
