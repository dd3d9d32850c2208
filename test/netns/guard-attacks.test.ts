// What a tenant's machine may and may not send, shown with real frames: an attacker on one port of a bridge, a victim on
// another, guards by nftables in between. Each attack is sent once, with the octets that the attack needs.
//
//   attacker eth0 --tap1-- [ bridge ] --tap2-- eth0 victim

import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realClock } from "../../edge-agent/real-clock.ts";
import { createGuardKeeper, type GuardKeeper } from "../../edge-agent/dataplane/guard-keeper.ts";
import { hostPrefix, linkLocalOf, portGuard, type PortGuard } from "../../edge-agent/dataplane/guard-state.ts";
import type { GuardReason } from "../../edge-agent/dataplane/guards.ts";
import { createNftGuards } from "../../edge-agent/nftables/guards.ts";
import { waitFor } from "../../lab/wait.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import { ip, mac, vni } from "../contract/kernel.ts";
import { arp, BROADCAST, ethernet, icmpv6, ipv4, ipv6, ndBody, udp } from "./frames.ts";
import { linkNamespaces, makeNamespace, type Namespace } from "./namespace.ts";
import { openRaw, type RawSocket } from "./raw-socket.ts";
import { requireKernel } from "./require-root.ts";

const VNI = vni(100);
const MINE = { mac: "02:00:00:00:00:01", ip: "10.0.0.1", ip6: "fd00::1", link: linkLocalOf(mac("02:00:00:00:00:01")) };
const VIRTUAL = { mac: "00:00:5e:00:01:07", ip: "10.0.0.254" };
const VICTIM = {
  mac: "02:00:00:00:00:02",
  ip: "10.0.0.2",
  ip6: "fd00::2",
  link: linkLocalOf(mac("02:00:00:00:00:02")),
};
const GATEWAY = { mac: "02:00:00:00:00:fe", ip: "10.0.0.253", ip6: "fd00::fe" };
const ALL_NODES = { mac: "33:33:00:00:00:01", ip: "ff02::1" };

const guard = (over: Partial<PortGuard> = {}): PortGuard =>
  portGuard({
    port: "tap1",
    vni: VNI,
    mode: "enforce",
    sources: [
      { mac: mac(MINE.mac), prefixes: [hostPrefix(ip(MINE.ip)), hostPrefix(ip(MINE.ip6)), "10.9.0.0/16" as Prefix] },
      { mac: mac(VIRTUAL.mac), prefixes: [hostPrefix(ip(VIRTUAL.ip))] },
    ],
    stormPacketsPerSec: undefined,
    ...over,
  });

let marks = 0;
/** Ends a payload, so that each frame is known again. */
function mark(): Buffer {
  return Buffer.from(`overspan-test-${++marks}.`);
}

/** Appends a mark behind what the frame's own lengths say, where nobody but us looks. */
function marked(frame: Buffer): { readonly frame: Buffer; readonly is: (seen: Buffer) => boolean } {
  const tail = mark();
  return { frame: Buffer.concat([frame, tail]), is: (seen) => seen.includes(tail) };
}

const data = (from: string, to: string) => ipv4({ from, to, protocol: 17, payload: udp(5000, 5001, Buffer.from("x")) });
const nd = (message: {
  from: string;
  to?: { mac: string; ip: string };
  type: number;
  body: Buffer;
  source?: string;
  extension?: boolean;
}) => {
  const { from, to = ALL_NODES, type, body, source = MINE.mac, extension = false } = message;
  const payload = ipv6({ from, to: to.ip, next: 58, payload: icmpv6(from, to.ip, type, body), extension });
  return ethernet({ to: to.mac, from: source, type: 0x86dd, payload });
};

describe.runIf(requireKernel("root", "bridge"))("guards against a hostile machine", () => {
  const namespaces: Namespace[] = [];
  let host: Namespace;
  let attacker: RawSocket;
  let victim: RawSocket;
  let keeper: GuardKeeper;

  const startKeeper = async (): Promise<GuardKeeper> => {
    const made = createGuardKeeper({
      guards: await createNftGuards({ netns: host.name, log: () => undefined }),
      clock: realClock,
      log: () => undefined,
      isAttached: () => false,
      readEveryMs: 50,
    });
    return made;
  };
  const put = async (next: PortGuard): Promise<void> => {
    keeper.change({ ports: new Map([["tap1", next]]) });
    await keeper.settled(["tap1"]);
    // The kernel has it by now; the proof comes a little later.
    const proof = async () => {
      const latest = keeper.latest();
      return latest?.whole || latest?.held.has("tap1") ? latest : undefined;
    };
    const { failures } = await waitFor(proof, { what: "the proof of the guard", deadlineMs: 10_000, everyMs: 5 });
    expect(failures).toEqual(new Map());
  };
  const passes = async (frame: Buffer): Promise<boolean> => {
    const { frame: sent, is } = marked(frame);
    attacker.send(sent);
    return await victim.sees(is, 500);
  };
  const dropped = async (frame: Buffer): Promise<boolean> => {
    const { frame: sent, is } = marked(frame);
    attacker.send(sent);
    // A frame that is known to pass, sent behind it, has overtaken nothing: what is not here now does not come.
    const behind = marked(
      ethernet({ to: VICTIM.mac, from: MINE.mac, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) }),
    );
    attacker.send(behind.frame);
    let seen = false;
    const came = await victim.sees((each) => {
      seen ||= is(each);
      return behind.is(each);
    }, 2000);
    return came && !seen;
  };
  const count = (reason: GuardReason): number =>
    keeper.reading().drops.find((drop) => drop.port === "tap1" && drop.reason === reason)?.packets ?? 0;

  beforeAll(async () => {
    const make = (role: string): Namespace => {
      const namespace = makeNamespace(role);
      namespaces.push(namespace);
      return namespace;
    };
    host = make("host");
    const [one, two] = [make("bad"), make("good")];
    linkNamespaces(host, "tap1", one, "eth0");
    linkNamespaces(host, "tap2", two, "eth0");
    host.run("ip link add name ovbr100 type bridge mcast_snooping 0 stp_state 0");
    host.run("ip link set ovbr100 addrgenmode none up");
    // br_netfilter, where it is, cuts off what is behind a packet's own length: the marks.
    for (const family of ["ip", "ip6"]) {
      if (existsSync(`/proc/sys/net/bridge/bridge-nf-call-${family}tables`)) {
        host.run(`sysctl -qw net.bridge.bridge-nf-call-${family}tables=0`);
      }
    }
    for (const port of ["tap1", "tap2"]) {
      host.run(`ip link set ${port} master ovbr100 up`);
      host.run(`ip link set ${port} type bridge_slave learning off`);
    }
    host.run(`bridge fdb replace ${VICTIM.mac} dev tap2 master static`);
    one.run(`ip link set eth0 address ${MINE.mac} up`);
    two.run(`ip link set eth0 address ${VICTIM.mac} up`);
    attacker = await openRaw(one, "eth0");
    victim = await openRaw(two, "eth0");
    keeper = await startKeeper();
    await put(guard());
  });

  afterAll(async () => {
    await keeper?.close();
    attacker?.close();
    victim?.close();
    for (const namespace of namespaces) namespace.remove();
  });

  describe("what an honest machine sends", () => {
    const from = MINE.mac;
    const all = { to: BROADCAST, from } as const;
    const dad = ndBody(MINE.ip6, [[14, "01:02:03:04:05:06"]]);
    it.each<readonly [string, Buffer]>([
      ["IPv4 from its address", ethernet({ to: VICTIM.mac, from, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) })],
      [
        "IPv4 from an allowed prefix",
        ethernet({ to: VICTIM.mac, from, type: 0x0800, payload: data("10.9.8.7", VICTIM.ip) }),
      ],
      [
        "an ARP request",
        ethernet({
          ...all,
          type: 0x0806,
          payload: arp({ op: "request", senderMac: from, senderIp: MINE.ip, targetIp: VICTIM.ip }),
        }),
      ],
      [
        "an ARP probe (RFC 5227)",
        ethernet({
          ...all,
          type: 0x0806,
          payload: arp({ op: "request", senderMac: from, senderIp: "0.0.0.0", targetIp: MINE.ip }),
        }),
      ],
      [
        "gratuitous ARP of its virtual router's pair (RFC 5798)",
        ethernet({
          to: BROADCAST,
          from: VIRTUAL.mac,
          type: 0x0806,
          payload: arp({ op: "request", senderMac: VIRTUAL.mac, senderIp: VIRTUAL.ip, targetIp: VIRTUAL.ip }),
        }),
      ],
      [
        "IPv4 of its virtual router's pair",
        ethernet({ to: VICTIM.mac, from: VIRTUAL.mac, type: 0x0800, payload: data(VIRTUAL.ip, VICTIM.ip) }),
      ],
      [
        "a DHCP request from 0.0.0.0",
        ethernet({
          ...all,
          type: 0x0800,
          payload: ipv4({
            from: "0.0.0.0",
            to: "255.255.255.255",
            protocol: 17,
            payload: udp(68, 67, Buffer.alloc(20)),
          }),
        }),
      ],
      ["RARP after a live migration", ethernet({ ...all, type: 0x8035, payload: Buffer.alloc(28) })],
      [
        "IPv6 from its address",
        ethernet({
          to: VICTIM.mac,
          from,
          type: 0x86dd,
          payload: ipv6({ from: MINE.ip6, to: VICTIM.ip6, next: 17, payload: udp(5000, 5001, Buffer.alloc(4)) }),
        }),
      ],
      [
        "a neighbour advert for its address",
        nd({ from: MINE.ip6, type: 136, body: ndBody(MINE.ip6, [[2, from]], 0x60) }),
      ],
      [
        "an advert of its link-local address",
        nd({ from: MINE.link, type: 136, body: ndBody(MINE.link, [[2, from]], 0x60) }),
      ],
      ["an advert without the option", nd({ from: MINE.ip6, type: 136, body: ndBody(MINE.ip6, [], 0x60) })],
      ["a solicitation", nd({ from: MINE.ip6, type: 135, body: ndBody(VICTIM.ip6, [[1, from]]) })],
      ["a solicitation without the option", nd({ from: MINE.link, type: 135, body: ndBody(VICTIM.ip6) })],
      ["duplicate address detection with a nonce (RFC 7527)", nd({ from: "::", type: 135, body: dad })],
      [
        "a router solicitation",
        nd({
          from: MINE.link,
          type: 133,
          body: Buffer.concat([Buffer.alloc(4), Buffer.from([1, 1, 2, 0, 0, 0, 0, 1])]),
        }),
      ],
      ["a router solicitation from ::", nd({ from: "::", type: 133, body: Buffer.alloc(4) })],
      ["a multicast listener report from :: (RFC 3590)", nd({ from: "::", type: 143, body: Buffer.alloc(24) })],
    ])("guard: %s -> passes", async (_, frame) => {
      expect(await passes(frame)).toBe(true);
    });
  });

  describe("what an attacker sends", () => {
    const from = MINE.mac;
    const all = { to: BROADCAST, from } as const;
    const dhcp = (ports: readonly [number, number]) =>
      ethernet({
        ...all,
        type: 0x0800,
        payload: ipv4({ from: MINE.ip, to: "255.255.255.255", protocol: 17, payload: udp(...ports, Buffer.alloc(40)) }),
      });
    const advert = (target: string, lladdr: string, more: Partial<Parameters<typeof nd>[0]> = {}) =>
      nd({ from: MINE.link, type: 136, body: ndBody(target, [[2, lladdr]], 0x60), ...more });
    it.each<readonly [string, GuardReason, Buffer]>([
      [
        "another's MAC",
        "mac",
        ethernet({ to: BROADCAST, from: VICTIM.mac, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) }),
      ],
      ["another's IPv4 address", "ipv4", ethernet({ ...all, type: 0x0800, payload: data(GATEWAY.ip, VICTIM.ip) })],
      [
        "the virtual router's address with its own MAC",
        "ipv4",
        ethernet({ ...all, type: 0x0800, payload: data(VIRTUAL.ip, VICTIM.ip) }),
      ],
      [
        "0.0.0.0 that is no DHCP request",
        "ipv4",
        ethernet({ ...all, type: 0x0800, payload: data("0.0.0.0", VICTIM.ip) }),
      ],
      [
        "another's IPv6 address",
        "ipv6",
        ethernet({
          ...all,
          type: 0x86dd,
          payload: ipv6({ from: GATEWAY.ip6, to: VICTIM.ip6, next: 17, payload: udp(1, 2, Buffer.alloc(4)) }),
        }),
      ],
      [
        "a link-local address that is not its MAC's",
        "ipv6",
        ethernet({
          ...all,
          type: 0x86dd,
          payload: ipv6({ from: VICTIM.link, to: "ff02::1", next: 17, payload: udp(1, 2, Buffer.alloc(4)) }),
        }),
      ],
      [
        "a forged ARP reply for the gateway",
        "arp",
        ethernet({
          ...all,
          type: 0x0806,
          payload: arp({
            op: "reply",
            senderMac: from,
            senderIp: GATEWAY.ip,
            targetMac: VICTIM.mac,
            targetIp: VICTIM.ip,
          }),
        }),
      ],
      [
        "an ARP reply that gives its own address another's MAC",
        "arp",
        ethernet({
          ...all,
          type: 0x0806,
          payload: arp({ op: "reply", senderMac: GATEWAY.mac, senderIp: MINE.ip, targetIp: VICTIM.ip }),
        }),
      ],
      [
        "ARP with lengths that move its fields",
        "arp",
        ethernet({
          ...all,
          type: 0x0806,
          payload: Buffer.concat([Buffer.from("0001080008040001", "hex"), Buffer.alloc(28)]),
        }),
      ],
      ["a forged advert for the gateway", "nd", advert(GATEWAY.ip6, from)],
      ["an advert of its address with another's MAC", "nd", advert(MINE.ip6, GATEWAY.mac)],
      [
        "an advert whose second option lies",
        "nd",
        nd({
          from: MINE.ip6,
          type: 136,
          body: ndBody(
            MINE.ip6,
            [
              [2, from],
              [2, GATEWAY.mac],
            ],
            0x60,
          ),
        }),
      ],
      ["a forged advert behind an extension header", "nd", advert(GATEWAY.ip6, from, { extension: true })],
      [
        "an advert without the option for the gateway",
        "nd",
        nd({ from: MINE.link, type: 136, body: ndBody(GATEWAY.ip6) }),
      ],
      [
        "a solicitation with another's MAC as its own",
        "nd",
        nd({ from: MINE.ip6, type: 135, body: ndBody(VICTIM.ip6, [[1, GATEWAY.mac]]) }),
      ],
      [
        "duplicate address detection for another's address",
        "nd",
        nd({ from: "::", type: 135, body: ndBody(VICTIM.ip6) }),
      ],
      ["a rogue router advert", "router-advert", nd({ from: MINE.link, type: 134, body: Buffer.alloc(12) })],
      [
        "a rogue router advert behind an extension header (RFC 7113)",
        "router-advert",
        nd({ from: MINE.link, type: 134, body: Buffer.alloc(12), extension: true }),
      ],
      ["a redirect", "router-advert", nd({ from: MINE.link, type: 137, body: Buffer.alloc(36) })],
      ["a DHCP server's offer", "dhcp-server", dhcp([67, 68])],
      ["a DHCP server's offer from another port", "dhcp-server", dhcp([4000, 68])],
      [
        "a DHCPv6 server's advert",
        "dhcp-server",
        ethernet({
          ...all,
          type: 0x86dd,
          payload: ipv6({ from: MINE.link, to: "ff02::1", next: 17, payload: udp(547, 546, Buffer.alloc(8)) }),
        }),
      ],
      [
        "a frame with a VLAN tag",
        "vlan",
        ethernet({ ...all, tags: [[0x8100, 5]], type: 0x0800, payload: data(MINE.ip, VICTIM.ip) }),
      ],
      [
        "another's address inside a priority tag",
        "vlan",
        ethernet({ ...all, tags: [[0x8100, 0]], type: 0x0800, payload: data(GATEWAY.ip, VICTIM.ip) }),
      ],
      [
        "another's address inside two tags (QinQ)",
        "vlan",
        ethernet({
          ...all,
          tags: [
            [0x88a8, 1],
            [0x8100, 5],
          ],
          type: 0x0800,
          payload: data(GATEWAY.ip, VICTIM.ip),
        }),
      ],
      [
        "another's address inside two tags of the old number",
        "vlan",
        ethernet({
          ...all,
          tags: [
            [0x9100, 1],
            [0x8100, 5],
          ],
          type: 0x0800,
          payload: data(GATEWAY.ip, VICTIM.ip),
        }),
      ],
    ])("guard: %s -> dropped, counted as %s", async (_, reason, frame) => {
      const before = count(reason);
      expect(await dropped(frame)).toBe(true);
      await expect.poll(() => count(reason), { timeout: 2000, interval: 20 }).toBeGreaterThan(before);
    });

    it("guard: another's MAC on a frame to the bridge's own group address (LLDP) -> the bridge does not learn it", async () => {
      const stolen = "02:00:00:00:00:77";
      attacker.send(ethernet({ to: "01:80:c2:00:00:0e", from: stolen, type: 0x88cc, payload: Buffer.alloc(46) }));
      expect(await dropped(ethernet({ ...all, from: stolen, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) }))).toBe(
        true,
      );
      expect(host.run("bridge fdb show br ovbr100")).not.toContain(stolen);
    });

    it("guard: MACs that the port does not have -> seen, with the port", async () => {
      const stranger = mac("02:00:00:00:00:99");
      attacker.send(ethernet({ ...all, from: stranger, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) }));
      await expect
        .poll(() => keeper.reading().sightings, { timeout: 2000, interval: 20 })
        .toContainEqual({ port: "tap1", mac: stranger });
    });
  });

  const spoof = (): Buffer =>
    ethernet({ to: BROADCAST, from: VICTIM.mac, type: 0x0800, payload: data(GATEWAY.ip, VICTIM.ip) });

  it("guard: a machine without declared addresses -> only its MAC is checked, and it is no server", async () => {
    await put(guard({ sources: [{ mac: mac(MINE.mac), prefixes: undefined }] }));
    const from = MINE.mac;
    expect(await passes(ethernet({ to: BROADCAST, from, type: 0x0800, payload: data("10.77.0.1", VICTIM.ip) }))).toBe(
      true,
    );
    expect(await dropped(spoof())).toBe(true);
    expect(await dropped(nd({ from: MINE.link, type: 134, body: Buffer.alloc(12) }))).toBe(true);
  });

  it("guard: a router (every address allowed) -> forwards for others and may advertise itself", async () => {
    const sources = [{ mac: mac(MINE.mac), prefixes: ["0.0.0.0/0" as Prefix, "::/0" as Prefix] }];
    await put(guard({ sources }));
    const from = MINE.mac;
    expect(await passes(ethernet({ to: BROADCAST, from, type: 0x0800, payload: data("8.8.8.8", VICTIM.ip) }))).toBe(
      true,
    );
    expect(await passes(nd({ from: MINE.link, type: 134, body: Buffer.alloc(12) }))).toBe(true);
    expect(await dropped(spoof())).toBe(true);
  });

  it("guard: port security off -> everything passes, strangers are still seen", async () => {
    await put(guard({ mode: "observe" }));
    expect(await passes(spoof())).toBe(true);
    await expect
      .poll(() => keeper.reading().sightings, { timeout: 2000, interval: 20 })
      .toContainEqual({ port: "tap1", mac: VICTIM.mac });
    await put(guard());
    expect(await dropped(spoof())).toBe(true);
  });

  it("guard: learning -> an unknown machine passes, a declared one's MAC does not", async () => {
    keeper.change({ macLists: new Map([[`declared-${VNI}` as const, new Map([[mac(VICTIM.mac), true]])]]) });
    await put(guard({ mode: "learn" }));
    host.run("ip link set tap1 type bridge_slave learning on");
    const unknown = "02:00:00:00:00:55";
    expect(
      await passes(ethernet({ to: BROADCAST, from: unknown, type: 0x0800, payload: data("10.0.5.5", VICTIM.ip) })),
    ).toBe(true);
    expect(await dropped(spoof())).toBe(true);
    const entries = host.run("bridge fdb show br ovbr100");
    expect(entries).toContain(`${unknown} dev tap1 master`);
    expect(entries).toContain(`${VICTIM.mac} dev tap2 master`);
    host.run("ip link set tap1 type bridge_slave learning off");
    await put(guard());
    keeper.change({ macLists: new Map([[`declared-${VNI}` as const, undefined]]) });
  });

  it("guard: a storm of broadcast and unknown unicast -> no more than the limit passes; known unicast is not limited", async () => {
    const known = `known-${VNI}` as const;
    keeper.change({ macLists: new Map([[known, new Map([[mac(VICTIM.mac), true]])]]) });
    await put(guard({ stormPacketsPerSec: 20 }));
    const from = MINE.mac;
    const frame = (to: string) => ethernet({ to, from, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) });
    victim.take();
    for (let i = 0; i < 300; i++) attacker.send(frame(i % 2 ? BROADCAST : "02:00:00:00:0f:0f"));
    const behind = marked(frame(VICTIM.mac));
    const arrived: Buffer[] = [];
    attacker.send(behind.frame);
    expect(await victim.sees((each) => arrived.push(each) > 0 && behind.is(each), 3000)).toBe(true);
    // The burst of 5, and what the limit lets through in the time that sending took; never near 300.
    expect(arrived.length).toBeGreaterThanOrEqual(5);
    expect(arrived.length).toBeLessThan(60);
    await expect.poll(() => count("storm"), { timeout: 2000, interval: 20 }).toBeGreaterThan(200);
    for (let i = 0; i < 100; i++) attacker.send(frame(VICTIM.mac));
    const last = marked(frame(VICTIM.mac));
    attacker.send(last.frame);
    const all: Buffer[] = [];
    expect(await victim.sees((each) => all.push(each) > 0 && last.is(each), 3000)).toBe(true);
    expect(all.length).toBeGreaterThan(100);
    await put(guard());
    keeper.change({ macLists: new Map([[known, undefined]]) });
  });

  it.each([
    ["nft flush ruleset", "everything"],
    ["nft flush chain bridge overspan guard-tap1", "a chain's rules"],
    ["nft delete element bridge overspan guards { tap1 }", "the way to it"],
    ["nft insert rule bridge overspan prerouting accept", "a rule before all others"],
  ])("guard: another hand's `%s` (%s) -> mended, counted", async (command) => {
    const before = keeper.latest()?.counters;
    host.run(command);
    await expect
      .poll(() => keeper.latest()?.counters.repairs, { timeout: 5000, interval: 5 })
      .toBeGreaterThan(before?.repairs ?? 0);
    expect(await dropped(spoof())).toBe(true);
  });

  it("guard: the agent ends, is away and comes back -> an attacker gets nothing through, an honest machine loses nothing", async () => {
    let sent = 0;
    let honest = 0;
    let forged = 0;
    victim.take();
    const bad = marked(spoof());
    const good = marked(ethernet({ to: VICTIM.mac, from: MINE.mac, type: 0x0800, payload: data(MINE.ip, VICTIM.ip) }));
    const timer = setInterval(() => {
      attacker.send(bad.frame);
      attacker.send(good.frame);
      sent++;
      for (const frame of victim.take()) {
        if (good.is(frame)) honest++;
        if (bad.is(frame)) forged++;
      }
    }, 2);
    try {
      await keeper.close();
      keeper = await startKeeper();
      await put(guard());
      // Nothing had to be written: what the last agent left is what is wanted.
      expect(keeper.latest()?.counters.applied).toBe(0);
      // Often enough to meet a kernel that misses entries of a set while a transaction commits.
      for (let i = 0; i < 20; i++) await put(guard(i % 2 === 0 ? { stormPacketsPerSec: 1_000_000 } : {}));
    } finally {
      clearInterval(timer);
    }
    await expect
      .poll(
        () => {
          honest += victim.take().filter(good.is).length;
          return honest;
        },
        { timeout: 2000 },
      )
      .toBe(sent);
    expect(forged).toBe(0);
  });

  it("guard: nothing is wanted any more -> it stays until that is certain and the port has left", async () => {
    keeper.change({ ports: new Map([["tap1", undefined]]) });
    await expect.poll(() => keeper.latest()?.guarded.size).toBe(0);
    expect(host.run("nft list table bridge overspan")).toContain("guard-tap1");
    keeper.setTrust({ inSync: true });
    await expect
      .poll(() => host.run("nft list table bridge overspan"), { timeout: 2000 })
      .not.toMatch(/guard-tap1|tap1\//);
  });
});
