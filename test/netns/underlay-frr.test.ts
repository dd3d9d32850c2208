// The underlay against two FRR as ToRs: ECMP in the kernel, a ToR that dies, a restart of the agent, and what a host must never
// do. All over numbered IPv4 and IPv6 sessions; those by link-local addresses are in underlay-unnumbered.test.ts.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Frr, inside, removeNamespaces } from "../edge-agent/bgp/namespace-lab.ts";
import { packetsLost } from "./dataplane-agent.ts";
import { startIn } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";
import {
  HOST_ASN,
  HostInNamespace,
  makeLab,
  namesOf,
  REMOTE6,
  REMOTES,
  startTor,
  TOR_LINK_LOCAL,
  TORS,
  VTEP,
  VTEP6,
} from "./underlay-lab.ts";

const names = namesOf("frr");
const [FIRST = ""] = REMOTES;
const UNDERLAY = {
  announceVtep: true,
  accept: [
    { prefix: "10.99.0.0/24", ge: 32 },
    { prefix: "2001:db8:99::/64", ge: 128 },
  ],
  multipathRelax: true,
};
const record = (underlay: object | undefined, vtep = VTEP) => ({
  site: "s1",
  vtep,
  bgp: {
    asn: HOST_ASN,
    routerId: VTEP,
    peers: TORS.map(({ address, asn }) => ({ address, asn, families: ["ipv4-unicast"], holdTimeSec: 9 })),
    ...(underlay && { underlay }),
  },
});

describe.runIf(requireKernel("root", "frr"))("underlay with FRR", () => {
  const tors: Frr[] = [];
  let host: HostInNamespace;
  const route = (prefix: string) => inside(names.host, `ip route show ${prefix} proto 79`);
  const hops = (prefix = FIRST) =>
    Array.from(route(prefix).matchAll(/via (?:inet6 )?(\S+)/g), ([, via = ""]) => via).toSorted();
  const both = TORS.map(({ address }) => address).toSorted();
  /** What a ToR was told by the host. */
  const told = (i: number) => {
    const answer = tors[i]?.json(`show bgp ipv4 unicast neighbors 192.0.2.${4 * i + 2} routes`) as {
      routes?: Record<string, { nexthops: { ip: string }[] }[]>;
    };
    return Object.keys(answer.routes ?? {});
  };
  const established = () =>
    eventually(
      "both sessions",
      async () => (await host.ask()).summary.every(({ state }) => state === "Established"),
      20_000,
    );

  beforeAll(async () => {
    makeLab(names);
    tors.push(startTor(names, 0, "192.0.2.2"), startTor(names, 1, "192.0.2.6"));
    host = new HostInNamespace(names);
    host.tell({ type: "record", record: record(UNDERLAY) });
    await established();
  }, 60_000);

  afterAll(async () => {
    try {
      await host.stop();
      for (const tor of tors) await tor.stop();
    } finally {
      removeNamespaces(names.host, ...names.tors, names.remote);
    }
  }, 30_000);

  it("both ToRs announce the remote VTEPs -> ECMP in the main table, ours by protocol and metric, from the VTEP", async () => {
    await eventually("two ways", () => hops().join() === both.join());
    const text = inside(names.host, `ip route show ${FIRST}`);
    expect(text).toContain("proto 79");
    expect(text).toContain("metric 1103");
    expect(text).toContain(`src ${VTEP}`);
    expect(inside(names.host, `ping -c 1 -W 2 ${FIRST}`)).toContain("1 received");
    expect((await host.ask()).report).toMatchObject({ problems: [], remaining: { ops: [], taken: [], withheld: [] } });
  });

  it("the VTEP's /32 -> in the ToRs' kernels; nothing else of this host, and no ToR's routes by way of it", async () => {
    for (const i of [0, 1]) await eventually("the VTEP", () => told(i).join() === `${VTEP}/32`);
    for (const [i, tor] of names.tors.entries()) {
      await eventually("its kernel", () => inside(tor, `ip route show ${VTEP}`).includes(`via 192.0.2.${4 * i + 2}`));
    }
    const other = tors[1]?.json("show bgp ipv4 unicast 172.16.1.0/24") as { paths?: unknown[] };
    expect(other.paths ?? []).toEqual([]);
    expect(route("172.16.1.0/24")).toBe("");
    expect((await host.ask()).summary[0]).toMatchObject({ rejected: { prefix: 1 } });
  });

  it("another hand deletes a route -> put back; an operator's own route beside it -> not touched", async () => {
    inside(names.host, `ip route add ${FIRST}/32 via 192.0.2.5 proto static metric 5`);
    inside(names.host, `ip route del ${FIRST}/32 metric 1103`);
    await eventually("put back", () => hops().length === 2);
    expect(inside(names.host, `ip route show ${FIRST} proto static`)).toContain("metric 5");
    inside(names.host, `ip route del ${FIRST}/32 metric 5`);
    expect((await host.ask()).report?.counters.drift).toBeGreaterThan(0);
  });

  it("a ToR's bgpd dies -> one way left at once, nothing lost; it returns -> two again", async () => {
    // A flow that goes by the first ToR now.
    const remote = REMOTES.find((each) => inside(names.host, `ip route get ${each} from ${VTEP}`).includes("to-tor1"));
    expect(remote).toBeDefined();
    const ping = startIn(
      { name: names.host, run: () => "", remove: () => undefined },
      `ping -i 0.02 -c 100 -W 1 ${remote}`,
    );
    tors[0]?.killBgpd();
    await eventually("one way", () => hops().join() === TORS[1].address);
    expect(packetsLost(await ping.ended)).toBe(0);
    tors[0]?.startBgpd();
    await eventually("two ways again", () => hops().join() === both.join(), 20_000);
  }, 40_000);

  it("a ToR's link loses its carrier -> that way is gone at once, before BGP notices; it returns -> two again", async () => {
    inside(names.tors[0], "ip link set to-host down");
    await eventually("one way", () => hops().join() === TORS[1].address);
    expect(inside(names.host, `ping -c 3 -i 0.1 -W 1 ${FIRST}`)).toContain("3 received");
    inside(names.tors[0], "ip link set to-host up");
    // The link-local address goes with the link, and FRR takes no IPv6 session without one.
    inside(names.tors[0], `ip addr add ${TOR_LINK_LOCAL[0]}/64 dev to-host nodad`);
    await eventually("two ways again", () => hops().join() === both.join(), 20_000);
  }, 40_000);

  it.each(["stop", "kill"] as const)(
    "the agent ends (%s) and another follows -> the routes stay, no ping is lost",
    async (how) => {
      const before = route(FIRST);
      const ping = startIn(
        { name: names.host, run: () => "", remove: () => undefined },
        `ping -i 0.05 -c 80 -W 1 ${FIRST}`,
      );
      await host[how]();
      expect(route(FIRST)).toBe(before);
      // Something that the new process must sweep: an earlier one's route that no ToR announces any more.
      inside(names.host, `ip route add 10.99.0.99/32 via 192.0.2.1 proto 79 metric 1103`);
      host = new HostInNamespace(names);
      host.tell({ type: "record", record: record(UNDERLAY) });
      await established();
      await eventually("swept after End-of-RIB", () => route("10.99.0.99") === "", 20_000);
      await eventually("two ways", () => hops().join() === both.join());
      expect(packetsLost(await ping.ended)).toBe(0);
    },
    40_000,
  );

  it("the configuration goes, and comes back -> nothing in, nothing out (RFC 8212); all again, in the same sessions", async () => {
    const sessions = async () => (await host.ask()).summary.map((peer) => peer.sessions);
    const before = await sessions();
    host.tell({ type: "record", record: record(undefined) });
    await eventually("no routes", () => hops().length === 0);
    for (const i of [0, 1]) await eventually("the ToR has nothing of us", () => told(i).length === 0);
    host.tell({ type: "record", record: record(UNDERLAY) });
    await eventually("two ways", () => hops().join() === both.join());
    for (const i of [0, 1]) await eventually("the VTEP", () => told(i).join() === `${VTEP}/32`);
    expect(await sessions()).toEqual(before);
  });

  it("an IPv6 VTEP over IPv6 sessions -> announced as /128, and the remote one by both ToRs", async () => {
    for (const [i, tor] of tors.entries()) {
      const neighbour = `2001:db8:1:${i + 1}::2`;
      const lines = [
        `router bgp ${TORS[i]?.asn}`,
        `neighbor ${neighbour} remote-as ${HOST_ASN}`,
        `neighbor ${neighbour} timers connect 1`,
      ];
      tor.show(
        ["configure terminal", ...lines, "address-family ipv6 unicast", `neighbor ${neighbour} activate`].join("\n"),
      );
    }
    const { bgp, ...rest } = record(UNDERLAY, VTEP6);
    const peers = TORS.map(({ address6, asn }) => ({
      address: address6,
      asn,
      families: ["ipv6-unicast"],
      holdTimeSec: 9,
    }));
    host.tell({ type: "record", record: { ...rest, bgp: { ...bgp, peers } } });
    const text = () => inside(names.host, `ip -6 route show ${REMOTE6} proto 79`);
    await eventually("two ways", () => TORS.every(({ address6 }) => text().includes(`via ${address6} `)), 20_000);
    expect(text()).toContain(`src ${VTEP6}`);
    for (const tor of names.tors) {
      await eventually("the VTEP", () => inside(tor, `ip -6 route show ${VTEP6}`).includes("proto bgp"));
    }
    expect(inside(names.host, `ping -c 1 -W 2 ${REMOTE6}`)).toContain("1 received");
    host.tell({ type: "record", record: record(UNDERLAY) });
    await eventually("IPv4 again", () => hops().join() === both.join(), 20_000);
    expect(text()).toBe("");
  }, 60_000);
});
