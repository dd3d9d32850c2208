// The underlay's lane from the host's record and a ToR's session to the routes of the kernel, over everything but sockets.

import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createSpeaker } from "../../../edge-agent/bgp/speaker.ts";
import type { Capability } from "../../../edge-agent/bgp/wire/capability.ts";
import { encodeEndOfRib, encodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import { createMemoryRoutes } from "../../../edge-agent/dataplane/memory-routes.ts";
import type { IntentState } from "../../../edge-agent/intent/intent.ts";
import { createPeersLane, fabricPeers } from "../../../edge-agent/lane/peers.ts";
import { createUnderlayLane } from "../../../edge-agent/lane/underlay.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import type { Ipv4 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { HostRecord } from "../../../shared/model/record.ts";
import { FakeClock, FakeNetwork } from "../bgp/fake-network.ts";
import { LINK1, REMOTE, TOR1, VTEP } from "../underlay/routes.ts";

const OLD = "10.0.0.9/32" as Prefix;
const UNDERLAY = { announceVtep: true, accept: [{ prefix: "10.0.0.0/24", ge: 32 }] };
const CHANGE = new Map([["host:h1", "whole"]]) as never;

function scene() {
  const clock = new FakeClock();
  const network = new FakeNetwork("192.0.2.9");
  const kernel = createMemoryRoutes();
  kernel.setLink(LINK1);
  kernel.setAddresses([VTEP]);
  const records = new Map<string, { body: HostRecord }>();
  const channels = new Map([["host:h1", { records }]]);
  const intent = { host: "h1", inSync: false, channels } as unknown as IntentState & { inSync: boolean };
  const diary = createDiary(clock.wallMs, () => undefined);
  const speaker = createSpeaker(
    { transport: network, clock, random: () => 1, staleMs: 120_000 },
    {
      routes: () => undefined,
      unicast: () => lane.unicast?.(),
      session: (peer, state) => lane.session?.(peer, state === "Established"),
      endOfRib: (peer, family) => lane.endOfRib?.(peer, family),
      error: () => undefined,
    },
  );
  const context = { clock, diary, intent, speaker, reportChanged: () => undefined };
  const lane = createUnderlayLane(context, { kernel, compareEveryMs: 30_000 });
  const peers = createPeersLane(context);
  const settle = async () => {
    network.settle();
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  };
  return {
    clock,
    kernel,
    network,
    lane,
    intent,
    settle,
    /** The host's record as the cloud sends it; undefined: the host leaves everything. */
    record: async (underlay?: object) => {
      const peer = { address: TOR1, asn: 65001, families: ["ipv4-unicast"] };
      const bgp = { asn: 65000, peers: [peer], ...(underlay && { underlay }) };
      records.set("host", { body: HostRecord.parse({ site: "s1", vtep: VTEP, bgp }) });
      lane.intent?.(CHANGE);
      peers.intent?.(CHANGE);
      await settle();
    },
    establish: async (...routes: string[]) => {
      const capabilities: Capability[] = [
        { kind: "multiprotocol", afi: 1, safi: 1 },
        { kind: "four-octet-as", asn: 65001 },
        { kind: "route-refresh" },
      ];
      const open = { version: 4, asn: 65001, holdTimeSec: 90, routerId: TOR1 as Ipv4, capabilities };
      network.last.send({ type: "OPEN", open }, { type: "KEEPALIVE" });
      const mpReach = {
        family: "ipv4-unicast",
        nextHop: { address: TOR1 },
        routes: routes as Prefix[],
        invalid: [],
      } as const;
      const asPath = [{ type: "sequence" as const, asns: [65001] }];
      const body = encodeUpdate({ origin: "igp", asPath, mpReach }, { asOctets: 4, internal: false });
      network.last.send({ type: "UPDATE", body });
      await settle();
    },
    endOfRib: async () => {
      network.last.send({ type: "UPDATE", body: encodeEndOfRib("ipv4-unicast") });
      await settle();
    },
    held: async () => (await kernel.read()).ours.map(({ prefix }) => prefix).toSorted(),
  };
}

describe("underlay lane", () => {
  it("a record with an underlay, and a ToR -> the VTEP is announced, what is accepted is in the kernel", async () => {
    const { record, establish, held, lane } = scene();
    await record(UNDERLAY);
    await establish(REMOTE, "172.16.0.0/12");
    expect(await held()).toEqual([REMOTE]);
    expect(lane.view()).toMatchObject({
      config: { announceVtep: true },
      told: new Map([[TOR1, [`${VTEP}/32`]]]),
      routes: [{ prefix: REMOTE }],
      report: { problems: [] },
    });
  });

  it("a record without, an external ToR -> nothing in either direction (RFC 8212); then with -> asked for again", async () => {
    const { record, establish, held, lane, network } = scene();
    await record();
    await establish(REMOTE);
    expect(await held()).toEqual([]);
    expect(lane.view().told.get(TOR1)).toEqual([]);
    await record(UNDERLAY);
    expect(network.ends).toHaveLength(1);
    expect(network.last.log).toContain("ROUTE-REFRESH 1/1");
    expect(lane.view().told.get(TOR1)).toEqual([`${VTEP}/32`]);
  });

  it("a restart -> old routes stay until End-of-RIB of the family, then go", async () => {
    const { record, establish, endOfRib, held, kernel } = scene();
    const hops = [{ device: "eth1", via: TOR1 }];
    const old = [OLD, REMOTE].map((prefix) => ({ prefix, hops, source: VTEP }));
    await kernel.apply(old.map((route) => ({ kind: "add-route", route })));
    const writes = kernel.writes();
    await record(UNDERLAY);
    await establish(REMOTE);
    expect(await held()).toEqual([REMOTE, OLD]);
    expect(kernel.writes()).toBe(writes);
    await endOfRib();
    expect(await held()).toEqual([REMOTE]);
  });

  it("a restart, and the ToR does not come -> old routes go after 60 s (RFC 4724 4.1)", async () => {
    const { record, held, kernel, clock, network, settle } = scene();
    network.peer = "is silent";
    await kernel.apply([
      { kind: "add-route", route: { prefix: OLD, hops: [{ device: "eth1", via: TOR1 }], source: VTEP } },
    ]);
    await record(UNDERLAY);
    clock.advance(59_000, network.settle);
    await settle();
    expect(await held()).toEqual([OLD]);
    clock.advance(2000, network.settle);
    await settle();
    expect(await held()).toEqual([]);
  });

  it("a ToR that dies after that -> its routes go at once", async () => {
    const { record, establish, endOfRib, held, network, settle } = scene();
    await record(UNDERLAY);
    await establish(REMOTE);
    await endOfRib();
    network.last.drop();
    await settle();
    expect(await held()).toEqual([]);
  });

  it("no record of the host yet -> nothing is touched; one that was told to leave everything -> clears up", async () => {
    const { intent, lane, held, kernel, settle } = scene();
    await kernel.apply([
      { kind: "add-route", route: { prefix: OLD, hops: [{ device: "eth1", via: TOR1 }], source: VTEP } },
    ]);
    lane.intent?.(CHANGE);
    await settle();
    expect(await held()).toEqual([OLD]);
    intent.inSync = true;
    lane.intent?.(CHANGE);
    await settle();
    expect(await held()).toEqual([]);
  });
});

describe("peers that are to send EVPN", () => {
  it("a peer with unicast alone, or shut down -> nobody waits for its End-of-RIB of EVPN", () => {
    const peer = (address: string, more: object = {}) => ({ address, asn: 65001, ...more });
    const peers = [
      peer("192.0.2.1"),
      peer("192.0.2.2", { families: ["ipv4-unicast"] }),
      peer("192.0.2.3", { shutdown: {} }),
      peer("192.0.2.4", { families: ["evpn", "ipv4-unicast"] }),
    ];
    const host = HostRecord.parse({ site: "s1", vtep: VTEP, bgp: { asn: 65000, peers } });
    expect(fabricPeers(host)).toEqual(["192.0.2.1", "192.0.2.4"]);
  });
});
