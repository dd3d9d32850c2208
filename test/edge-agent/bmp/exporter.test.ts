// A speaker with a scripted peer, and a collector that takes the exporter's octets apart again.

import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import type { Ipv4 } from "../../../shared/address/ip.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import type { ConnectionHandlers, Transport } from "../../../edge-agent/bgp/ports.ts";
import { createSpeaker } from "../../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../../edge-agent/bgp/transport.ts";
import { decodeUpdate } from "../../../edge-agent/bgp/wire/update.ts";
import { encodeMessage, HEADER_OCTETS } from "../../../edge-agent/bgp/wire/message.ts";
import { createBmpExporter } from "../../../edge-agent/bmp/exporter.ts";
import { FakeClock, FakeNetwork } from "../bgp/fake-network.ts";
import { announcement, KEEPALIVE, macRoute, openOf, OURS, PEER, TARGET } from "../bgp/scripted-peer.ts";

const NAMES = ["route-monitoring", "statistics", "peer-down", "peer-up", "initiation", "termination"];
const PER_PEER_END = 48;

/** Cuts a stream into messages by their length fields; the last must be whole. */
function messagesIn(octets: Uint8Array): { name: string; octets: Uint8Array }[] {
  const messages: { name: string; octets: Uint8Array }[] = [];
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  for (let at = 0; at < octets.length; at += view.getUint32(at + 1)) {
    expect(octets[at]).toBe(3);
    const whole = octets.subarray(at, at + view.getUint32(at + 1));
    messages.push({ name: NAMES[octets[at + 5] as number] ?? "?", octets: whole });
  }
  return messages;
}

class FakeCollector implements Pick<Transport, "connect"> {
  attempts = 0;
  closed = false;
  /** What `write` answers. */
  takes = true;
  received: Uint8Array[] = [];
  handlers: ConnectionHandlers | undefined;

  readonly connect: Transport["connect"] = ({ address }, handlers) => {
    this.attempts++;
    this.received = [];
    this.closed = false;
    this.handlers = handlers;
    return {
      remoteAddress: address,
      localAddress: undefined,
      write: (octets) => {
        this.received.push(octets.slice());
        return this.takes;
      },
      close: () => (this.closed = true),
    };
  };

  get messages() {
    return messagesIn(Buffer.concat(this.received));
  }

  get names(): string[] {
    return this.messages.map(({ name }) => name);
  }
}

function scene(options: { maxQueuedOctets?: number } = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork(OURS);
  const collector = new FakeCollector();
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (kind: string) => void warnings.push(kind) };
  const exporter = createBmpExporter({
    collector: { address: "192.0.2.9" as Ipv4, port: 11019 },
    sysName: "h1",
    sysDescr: "test",
    transport: collector,
    clock,
    log,
    summary: () => speaker.summary(),
    ...options,
  });
  const speaker = createSpeaker(
    { transport: network, clock, random: () => 1, staleMs: 1000, observer: exporter.observer },
    { routes: () => undefined, session: () => undefined, endOfRib: () => undefined, error: () => undefined },
  );
  speaker.setImports((targets) => targets.includes(TARGET));
  speaker.configure({ asn: 65000 as Asn, routerId: OURS, peers: [{ address: PEER, asn: 65000 as Asn }] });
  network.settle();
  const establish = () => network.last.send(openOf(), KEEPALIVE);
  return { clock, network, collector, warnings, exporter, speaker, establish };
}

describe("BMP exporter", () => {
  it("a session that comes up and goes -> initiation, peer up with both OPENs, the UPDATEs, peer down", () => {
    const { collector, network, establish } = scene();
    collector.handlers?.connected();
    establish();
    const update = announcement([macRoute(1), macRoute(2)], { targets: ["65000:999" as RouteTarget] });
    network.last.send(update);
    network.last.drop();
    expect(collector.names).toEqual(["initiation", "peer-up", "route-monitoring", "peer-down"]);
    const [, up, monitoring, down] = collector.messages.map(({ octets }) => octets);
    const sent = network.last.raw[0] as Uint8Array;
    const opens = Buffer.concat([sent, encodeMessage(openOf())]);
    expect(Buffer.from(up?.subarray(PER_PEER_END + 20) ?? [])).toEqual(opens);
    // Before policy: no network imports these routes.
    expect(Buffer.from(monitoring?.subarray(PER_PEER_END) ?? [])).toEqual(Buffer.from(encodeMessage(update)));
    expect(down?.[PER_PEER_END]).toBe(4);
  });

  it("a collector that comes late -> peer up, and the peer is asked for its routes again (RFC 2918)", () => {
    const { collector, network, establish } = scene();
    establish();
    network.last.send(announcement([macRoute(1)]));
    collector.handlers?.connected();
    expect(collector.names).toEqual(["initiation", "peer-up"]);
    expect(network.last.log).toContain("ROUTE-REFRESH 25/70");
  });

  it("a malformed UPDATE that withdraws -> monitored as the withdrawal that it means (RFC 7854 section 5)", () => {
    const { collector, network, establish } = scene();
    collector.handlers?.connected();
    establish();
    network.last.send(announcement([macRoute(1)], {}, ["origin"]));
    const monitored = collector.messages.at(-1)?.octets.subarray(PER_PEER_END + HEADER_OCTETS);
    expect(decodeUpdate(monitored ?? new Uint8Array(0), { asOctets: 4, internal: true })).toMatchObject({
      announced: [],
      withdrawn: [{ mac: "02:00:00:00:00:01" }],
    });
  });

  it("a malformed UPDATE with routes of several families -> one withdrawal for each (RFC 7606 5.1)", () => {
    const { collector, network, speaker } = scene();
    const families = ["evpn", "ipv4-unicast"] as const;
    speaker.configure({ asn: 65000 as Asn, routerId: OURS, peers: [{ address: PEER, asn: 65000 as Asn, families }] });
    network.settle();
    collector.handlers?.connected();
    const capabilities = [
      { kind: "multiprotocol", afi: 25, safi: 70 },
      { kind: "multiprotocol", afi: 1, safi: 1 },
      { kind: "four-octet-as", asn: 65000 },
    ] as const;
    network.last.send(openOf({ capabilities }), KEEPALIVE);
    // EVPN in MP_REACH_NLRI, 10.0.0.0/8 in the classic field, and no ORIGIN for either.
    const evpn = announcement([macRoute(1)], { nextHop: PEER }, ["origin"]);
    if (evpn.type !== "UPDATE") throw new Error("an announcement is an UPDATE");
    network.last.send({ type: "UPDATE", body: Uint8Array.of(...evpn.body, 8, 10) });
    const monitored = collector.messages.slice(-2).map(({ octets }) => octets.subarray(PER_PEER_END + HEADER_OCTETS));
    const decoded = monitored.map((octets) => decodeUpdate(octets, { asOctets: 4, internal: true, families }));
    expect(decoded).toMatchObject([
      { withdrawn: [{ mac: "02:00:00:00:00:01" }] },
      { unicast: [{ family: "ipv4-unicast", withdrawn: ["10.0.0.0/8"] }] },
    ]);
  });

  it("a minute -> statistics of each session (RFC 7854 4.8)", () => {
    const { collector, clock, network, establish } = scene();
    collector.handlers?.connected();
    establish();
    network.last.send(announcement([macRoute(1)]));
    clock.advance(30_000, () => network.last.send(KEEPALIVE));
    clock.advance(31_000, network.settle);
    const statistics = collector.messages.find(({ name }) => name === "statistics")?.octets ?? new Uint8Array(0);
    expect(Buffer.from(statistics.subarray(PER_PEER_END)).toString("hex")).toContain("000700080000000000000001");
  });

  it("a collector that takes nothing -> dropped at the bound, connected anew later; BGP never notices", () => {
    const { collector, clock, network, warnings, establish, speaker } = scene({ maxQueuedOctets: 2000 });
    collector.handlers?.connected();
    establish();
    collector.takes = false;
    for (let i = 0; i < 40; i++) network.last.send(announcement([macRoute(i)]));
    expect(collector.closed).toBe(true);
    expect(warnings).toEqual(["bmp-lost"]);
    expect(speaker.summary()[0]).toMatchObject({ state: "Established", routesIn: 40 });
    clock.advance(30_000, network.settle);
    expect(collector.attempts).toBe(2);
  });

  it("a slow collector -> what waited goes out in one write when there is room", () => {
    const { collector, network, establish } = scene();
    collector.handlers?.connected();
    establish();
    collector.takes = false;
    for (let i = 0; i < 3; i++) network.last.send(announcement([macRoute(i)]));
    const writes = collector.received.length;
    collector.takes = true;
    collector.handlers?.drained();
    expect(collector.received.length).toBe(writes + 1);
    expect(collector.names.slice(2)).toEqual(["route-monitoring", "route-monitoring", "route-monitoring"]);
  });

  it("no collector -> said once, tried again after 30 s, 60 s, at most 720 s (RFC 7854 3.2)", () => {
    const { collector, clock, network, warnings } = scene();
    const waits = [30_000, 60_000, 120_000, 240_000, 480_000, 720_000, 720_000];
    waits.forEach((wait, i) => {
      collector.handlers?.closed("connect ECONNREFUSED");
      clock.advance(wait - 1, network.settle);
      expect(collector.attempts).toBe(i + 1);
      clock.advance(1, network.settle);
      expect(collector.attempts).toBe(i + 2);
    });
    expect(warnings).toEqual(["bmp-lost"]);
  });

  it("close -> termination, and no further attempt (RFC 7854 4.5)", () => {
    const { collector, clock, network, exporter } = scene();
    collector.handlers?.connected();
    exporter.close();
    expect(collector.names).toEqual(["initiation", "termination"]);
    expect(collector.closed).toBe(true);
    clock.advance(3_600_000, network.settle);
    expect(collector.attempts).toBe(1);
  });

  it("a real connection -> a collector on TCP gets initiation and termination", async () => {
    const chunks: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("end", () => server.close());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const ended = new Promise<void>((resolve) => server.once("close", resolve));
    const exporter = createBmpExporter({
      collector: { address: "127.0.0.1" as Ipv4, port: address.port },
      sysName: "h1",
      sysDescr: "test",
      transport: createTcpTransport(),
      clock: new FakeClock(),
      log: { info: () => exporter.close(), warn: () => undefined },
      summary: () => [],
    });
    await ended;
    expect(messagesIn(Buffer.concat(chunks)).map(({ name }) => name)).toEqual(["initiation", "termination"]);
  });
});
