// RFC 7606 over a session: the whole agent on a real TCP connection, to a peer that sends one malformed UPDATE. What is left
// of the session and of the routes, and that the fault is counted, logged with its octets, and reported to the cloud.

import { afterEach, describe, expect, it } from "vitest";
import { realClock as clock } from "../../../edge-agent/real-clock.ts";
import { type Agent, startAgent } from "../../../edge-agent/agent.ts";
import { createSpeaker, type Speaker } from "../../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../../edge-agent/bgp/transport.ts";
import type { Transport } from "../../../edge-agent/bgp/ports.ts";
import { toHex } from "../../../edge-agent/bgp/wire/hex.ts";
import { encodeMessage, type Message } from "../../../edge-agent/bgp/wire/message.ts";
import { createMemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import type { BrokerConnection } from "../../../edge-agent/intent/mqtt.ts";
import { createDiary } from "../../../edge-agent/log.ts";
import type { IpAddress, Ipv4 } from "../../../shared/address/ip.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "../intent/cloud-model.ts";
import { MAC, MALFORMED_CASES, type MalformedCase } from "./malformed-cases.ts";
import { eventually } from "./namespace-lab.ts";
import { type RawPeer, startRawPeer } from "./raw-peer.ts";
import { announcement, END_OF_RIB, KEEPALIVE, macRoute, openOf } from "./scripted-peer.ts";

const VTEP = "198.51.100.1" as IpAddress;
/** What the agent is told of; the connection itself is to loopback. */
const PEER_ADDRESS = "192.0.2.254";
const LOOPBACK = "127.0.0.1" as IpAddress;
const TARGET = "65001:100" as RouteTarget;
const PEER_ASN = { internal: 65001, external: 65002, "two-octet-as": 65002 } as const;
const FAR_VTEP = "198.51.100.9" as Ipv4;
const HEX_EXCERPT_OCTETS = 64;

const tcp = createTcpTransport();
const overLoopback: Transport = {
  ...tcp,
  connect: (to, handlers) => tcp.connect({ ...to, address: LOOPBACK }, handlers),
};

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

type World = {
  readonly peer: RawPeer;
  readonly speaker: Speaker;
  /** What the diary wrote. */
  readonly lines: readonly string[];
  /** The latest report to the cloud. */
  readonly report: () => { counters: Record<string, number>; events: { kind: string; detail: string }[] } | undefined;
  /** MACs held, in order. */
  readonly macs: () => string[];
};

async function startWorld(kind: MalformedCase["kind"], staleMs: number): Promise<World> {
  const asn = PEER_ASN[kind];
  const capabilities = kind === "two-octet-as" ? [{ kind: "multiprotocol", afi: 25, safi: 70 } as const] : undefined;
  const peer = await startRawPeer([openOf({ asn, ...(capabilities && { capabilities }) }), KEEPALIVE, END_OF_RIB]);
  cleanUps.push(() => peer.close());
  const lines: string[] = [];
  let report: ReturnType<World["report"]>;
  let on: Parameters<BrokerConnection["listen"]>[0] | undefined;
  let speaker: Speaker | undefined;
  let imports: Parameters<Speaker["setImports"]>[0] | undefined;
  const agent: Agent = await startAgent({
    host: "h1",
    broker: {
      connected: true,
      publish: (topic: string, payload: string) => {
        if (topic === "report") report = JSON.parse(payload) as typeof report;
      },
      listen: (handlers) => {
        on = handlers;
      },
      close: () => Promise.resolve(),
    },
    kernel: createMemoryKernel({ vtep: VTEP }),
    replica: {
      load: () => Promise.resolve({ replicas: [], setAside: [] }),
      save: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    },
    snapshots: {
      open: () => {
        throw new Error("nothing is offered here");
      },
    },
    speaker: (listener) => {
      const made = createSpeaker({ transport: overLoopback, clock, random: () => 1, staleMs }, listener);
      speaker = {
        ...made,
        setImports: (accept) => {
          made.setImports(accept);
          imports = accept;
        },
      };
      return speaker;
    },
    clock,
    random: () => 0.5,
    diary: createDiary(clock.wallMs, (line) => lines.push(line)),
    identity: { version: "test", startedAtMs: 0, kernel: "in memory" },
    compareEveryMs: 30_000,
  });
  cleanUps.push(() => agent.close());
  const cloud = createCloudModel("h1");
  // A peer that cannot be asked again for its routes gets a new session whenever what is imported changes (RFC 2918 1).
  const connectRetrySec = kind === "two-octet-as" ? 1 : 30;
  const bgp = { asn: 65001, peers: [{ address: PEER_ADDRESS, port: peer.port, asn, connectRetrySec }] };
  cloud.commit("host:h1", [
    { key: "host", body: { site: "s1", vtep: VTEP, bgp } },
    { key: "network/blue", body: {} },
  ]);
  cloud.commit("net:blue", [
    { key: "network", body: networkBody },
    { key: "vtep/h1", body: vtepBody(VTEP) },
    { key: "endpoint/e1", body: endpointBody(1) },
  ]);
  on?.connected();
  for (const message of cloud.answer({ v: 1, have: [] })) on?.inbox(new TextEncoder().encode(JSON.stringify(message)));
  const started = await eventually("the speaker", () => speaker);
  const targets = [TARGET, `${asn}:100` as RouteTarget];
  await eventually("all imports", () => targets.every((target) => imports?.([target])));
  await eventually("the session", () => started.summary()[0]?.state === "Established").catch((cause: unknown) => {
    throw new Error([...lines, JSON.stringify(started.summary())].join("; "), { cause });
  });
  const macs = () =>
    started
      .ribIn()
      .flatMap(({ nlri }) => (nlri.type === "mac-ip" ? [nlri.mac as string] : []))
      .toSorted();
  return { peer, speaker: started, lines, report: () => report, macs };
}

/** A route as it should be, from a peer of that kind. */
function wellFormed(n: number, kind: MalformedCase["kind"]): Message {
  const asPath = kind === "internal" ? [] : [{ type: "sequence" as const, asns: [PEER_ASN[kind]] }];
  const attributes = { nextHop: FAR_VTEP, targets: [TARGET], asPath };
  return announcement(
    [macRoute(n)],
    attributes,
    kind === "internal" ? [] : ["localPref"],
    kind === "two-octet-as" ? 2 : 4,
  );
}

const FIRST = "02:00:00:00:00:01";
const LAST = "02:00:00:00:00:02";

describe("a malformed UPDATE on a session", () => {
  it.each(MALFORMED_CASES.map((it) => ({ ...it, result: it.outcome.result })))(
    "$fault -> $result (RFC $source)",
    async ({ body, kind, outcome }) => {
      const { peer, speaker, lines, report, macs } = await startWorld(kind, 0);
      peer.send(wellFormed(1, kind));
      await eventually("the first route", () => macs().includes(FIRST));
      const sessions = speaker.summary()[0]?.sessions;
      const { ended } = peer;
      const before = peer.heard.length;
      const notification = () => peer.heard.slice(before).find(({ type }) => type === "NOTIFICATION");
      const update = encodeMessage({ type: "UPDATE", body });
      peer.send(update);

      if (outcome.result === "session-reset") {
        const said = await eventually("the NOTIFICATION", notification);
        if (said.type !== "NOTIFICATION") return expect.unreachable();
        expect([said.notification.code, said.notification.subcode]).toEqual([3, outcome.subcode]);
        if (outcome.data !== undefined) expect(toHex(said.notification.data)).toBe(outcome.data.replaceAll(" ", ""));
        await eventually("the end of the connection", () => peer.ended === ended + 1);
        await eventually("the routes gone", () => macs().length === 0);
        expect(speaker.summary()).not.toMatchObject([{ state: "Established" }]);
      } else {
        peer.send(wellFormed(2, kind));
        await eventually("the route after", () => macs().includes(LAST));
        expect(macs()).toEqual(outcome.result === "treat-as-withdraw" ? [FIRST, LAST] : [FIRST, LAST, MAC]);
        expect(speaker.summary()).toMatchObject([{ state: "Established", sessions }]);
        expect(notification()).toBeUndefined();
      }

      const counted = speaker.summary()[0]?.malformed ?? {};
      const excerpt = toHex(update.subarray(16, 16 + HEX_EXCERPT_OCTETS));
      if (outcome.result === "accepted") {
        expect(counted).toEqual({ "attribute-discard": 0, "treat-as-withdraw": 0, "session-reset": 0 });
        expect(lines.filter((line) => line.includes("malformed"))).toEqual([]);
        return;
      }
      expect(counted).toEqual({
        "attribute-discard": 0,
        "treat-as-withdraw": 0,
        "session-reset": 0,
        [outcome.result]: 1,
      });
      expect(lines.filter((line) => line.includes("bgp-malformed-message") && line.includes(excerpt))).not.toEqual([]);
      const told = await eventually("the report", () => {
        const latest = report();
        return latest?.counters["bgp-malformed-message"] === undefined ? undefined : latest;
      });
      expect(told.counters[`bgp-${outcome.result}`]).toBe(1);
      expect(
        told.events.find(({ kind: it, detail }) => it === "bgp-malformed-message" && detail.includes(excerpt)),
      ).toBeDefined();
    },
  );

  it("a route that is held, announced again malformed -> withdrawn, and nothing else of the peer (RFC 7606 2)", async () => {
    const { peer, macs } = await startWorld("internal", 0);
    peer.send(wellFormed(1, "internal"), wellFormed(2, "internal"));
    await eventually("both", () => macs().length === 2);
    peer.send(announcement([macRoute(1)], { nextHop: FAR_VTEP, targets: [TARGET] }, ["origin"]));
    await eventually("one", () => macs().length === 1);
    expect(macs()).toEqual([LAST]);
  });

  it("a reset, with a time to keep stale routes -> they stay until the session is back (RFC 4724 4.2)", async () => {
    const { peer, speaker, macs } = await startWorld("internal", 60_000);
    peer.send(wellFormed(1, "internal"));
    await eventually("the route", () => macs().length === 1);
    peer.send(encodeMessage({ type: "UPDATE", body: new Uint8Array([0, 0, 0, 5, 0x40]) }));
    await eventually("the end of the session", () => peer.ended === 1);
    expect(macs()).toEqual([FIRST]);
    expect(speaker.summary()).toMatchObject([{ staleRoutes: 1, malformed: { "session-reset": 1 } }]);
  });
});
