// The adapter to node:net over loopback, and a session of two speakers over it.

import { afterEach, describe, expect, it } from "vitest";
import { createServer } from "node:net";
import { type IpAddress, parseIp, type Ipv4 } from "../../../shared/address/ip.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import { realClock as clock } from "../../../edge-agent/real-clock.ts";
import type { Connection } from "../../../edge-agent/bgp/ports.ts";
import { createSpeaker, type Speaker } from "../../../edge-agent/bgp/speaker.ts";
import { createTcpTransport } from "../../../edge-agent/bgp/transport.ts";
import { eventually } from "./namespace-lab.ts";
import { exportOf } from "./scripted-peer.ts";

const ip = (text: string): IpAddress => parseIp(text) as IpAddress;
const LOOPBACK = ip("127.0.0.1");
const transport = createTcpTransport();
const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

function fail(reason: string): void {
  throw new Error(reason);
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || !address) throw new Error("no port");
  return address.port;
}

describe("transport", () => {
  it("8 MB arrive, and each piece takes 2 ms -> all of it comes, in order", async () => {
    const port = await freePort();
    const own = createTcpTransport();
    const silent = { connected: () => undefined, drained: () => undefined, closed: () => undefined };
    const sent = Buffer.allocUnsafe(8 * 2 ** 20);
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at);
    const got: Uint8Array[] = [];
    let length = 0;
    const data = (octets: Uint8Array) => {
      got.push(octets.slice());
      length += octets.length;
      for (const untilMs = performance.now() + 2; performance.now() < untilMs; );
    };
    const server = own.listen({ port, address: LOOPBACK }, () => ({ ...silent, data }), fail);
    cleanUps.push(() => server.close());
    const connection: Connection = transport.connect(
      { address: LOOPBACK, port },
      { ...silent, data: () => undefined, connected: () => void connection.write(sent) },
    );
    cleanUps.push(() => connection.close());
    await eventually("read", () => length === sent.length);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
  });

  it("held -> nothing is read, of connections that come meanwhile too; released -> all of it, in order", async () => {
    const port = await freePort();
    const own = createTcpTransport();
    let got = "";
    const silent = { connected: () => undefined, drained: () => undefined, closed: () => undefined };
    const data = (octets: Uint8Array) => void (got += Buffer.from(octets).toString());
    const server = own.listen({ port, address: LOOPBACK }, () => ({ ...silent, data }), fail);
    cleanUps.push(() => server.close());
    const dial = () =>
      new Promise<Connection>((resolve) => {
        const connection = transport.connect(
          { address: LOOPBACK, port },
          { ...silent, data: () => undefined, connected: () => resolve(connection) },
        );
        cleanUps.push(() => connection.close());
      });
    const first = await dial();
    first.write(Buffer.from("a"));
    await eventually("read", () => got === "a");
    own.hold?.(true);
    first.write(Buffer.from("b"));
    const second = await dial();
    second.write(Buffer.from("c"));
    // The server's own side has been through several turns once this other pair has talked.
    const other = createTcpTransport();
    const port2 = await freePort();
    let echoed = false;
    const echo = other.listen(
      { port: port2, address: LOOPBACK },
      () => ({ ...silent, data: () => void (echoed = true) }),
      fail,
    );
    cleanUps.push(() => echo.close());
    const third = other.connect(
      { address: LOOPBACK, port: port2 },
      { ...silent, data: () => undefined, connected: () => void third.write(Buffer.from("x")) },
    );
    cleanUps.push(() => third.close());
    await eventually("the other pair talked", () => echoed);
    expect(got).toBe("a");
    own.hold?.(false);
    await eventually("all of it", () => got.length === 3);
    expect(got.split("").toSorted()).toEqual(["a", "b", "c"]);
  });

  it("connect, octets both ways, close after what was written", async () => {
    const port = await freePort();
    const log: string[] = [];
    const text = (octets: Uint8Array): string => Buffer.from(octets).toString();
    const server = transport.listen(
      { port, address: LOOPBACK },
      (connection) => ({
        connected: () => undefined,
        data: (octets) => {
          log.push(`server got ${text(octets)} from ${connection.remoteAddress}`);
          connection.write(Buffer.from("last words"));
          connection.close();
        },
        drained: () => undefined,
        closed: () => log.push("never: the server closed it itself"),
      }),
      (reason) => log.push(reason),
    );
    cleanUps.push(() => server.close());
    const connection: Connection = transport.connect(
      { address: LOOPBACK, port, localAddress: ip("127.0.0.9") },
      {
        connected: () => connection.write(Buffer.from("hello")),
        data: (octets) => log.push(`client got ${text(octets)}`),
        drained: () => undefined,
        closed: (reason) => log.push(`client: ${reason}`),
      },
    );
    await eventually("the end", () => log.length === 3);
    expect(log).toEqual(["server got hello from 127.0.0.9", "client got last words", "client: closed by the peer"]);
  });

  it("nobody there -> closed with the reason; a port in use -> failed with the reason", async () => {
    const port = await freePort();
    const reasons: string[] = [];
    const ignore = { connected: () => undefined, data: () => undefined, drained: () => undefined };
    transport.connect({ address: LOOPBACK, port }, { ...ignore, closed: (reason) => reasons.push(reason) });
    await eventually("refused", () => reasons.length === 1);
    expect(reasons[0]).toContain("ECONNREFUSED");
    const listen = () =>
      transport.listen(
        { port, address: LOOPBACK },
        () => undefined,
        (reason) => reasons.push(reason),
      );
    const first = listen();
    cleanUps.push(() => first.close());
    await new Promise((resolve) => setImmediate(resolve));
    listen();
    await eventually("in use", () => reasons.length === 2);
    expect(reasons[1]).toContain("EADDRINUSE");
  });
});

describe("two speakers over TCP", () => {
  it("one connects, one listens -> 3000 routes cross, each way what was asked for", { timeout: 30_000 }, async () => {
    const port = await freePort();
    const asn = 65000 as Asn;
    const speaker = (listen: boolean): Speaker => {
      const deps = { transport, clock, random: Math.random, staleMs: 1000 };
      const on = {
        routes: () => undefined,
        session: () => undefined,
        endOfRib: () => undefined,
        error: () => undefined,
      };
      const made = createSpeaker({ ...deps, ...(listen && { listen: { port, address: ip("127.0.0.1") } }) }, on);
      cleanUps.push(() => made.close());
      made.setImports(() => true);
      return made;
    };
    const listener = speaker(true);
    const connector = speaker(false);
    connector.setExports(Array.from({ length: 3000 }, (_, i) => exportOf(i)));
    listener.configure({
      asn,
      routerId: "192.0.2.8" as Ipv4,
      peers: [{ address: ip("127.0.0.9"), asn, passive: true }],
    });
    connector.configure({
      asn,
      routerId: "192.0.2.9" as Ipv4,
      peers: [{ address: LOOPBACK, asn, port, localAddress: ip("127.0.0.9") }],
    });
    await eventually("3000 routes", () => listener.summary()[0]?.routesIn === 3000, 15_000);
    expect(listener.summary()).toMatchObject([{ state: "Established", malformed: { "session-reset": 0 } }]);
    connector.setExports([exportOf(7)]);
    await eventually("one route", () => listener.summary()[0]?.routesIn === 1, 15_000);
    await connector.close();
    await eventually("the Cease", () => listener.summary()[0]?.lastError?.includes("Administrative Shutdown"));
  });

  it("one restarts -> the other keeps its routes, and sweeps what it does not announce again (RFC 4724)", async () => {
    const port = await freePort();
    const asn = 65000 as Asn;
    const on = { routes: () => undefined, session: () => undefined, endOfRib: () => undefined, error: () => undefined };
    const deps = { transport, clock, random: Math.random, staleMs: 1, restart: { timeSec: 60, preserved: true } };
    const listener = createSpeaker({ ...deps, listen: { port, address: LOOPBACK } }, on);
    cleanUps.push(() => listener.close());
    listener.setImports(() => true);
    const peer = { address: ip("127.0.0.9"), asn, passive: true };
    listener.configure({ asn, routerId: "192.0.2.8" as Ipv4, peers: [peer] });
    const start = (...routes: number[]): Speaker => {
      const made = createSpeaker(deps, on);
      cleanUps.push(() => made.close());
      made.setExports(routes.map((n) => exportOf(n)));
      const peers = [{ address: LOOPBACK, asn, port, localAddress: ip("127.0.0.9") }];
      made.configure({ asn, routerId: "192.0.2.9" as Ipv4, peers });
      return made;
    };
    const summary = () => listener.summary()[0];
    const first = start(1, 2, 3);
    await eventually("three routes", () => summary()?.routesIn === 3);
    await first.close("restart");
    await eventually("three stale routes", () => summary()?.staleRoutes === 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(summary()).toMatchObject({ routesIn: 3, lastError: "closed by the peer" });
    start(2, 3);
    await eventually("two routes", () => summary()?.routesIn === 2 && summary()?.staleRoutes === 0);
    expect(summary()).toMatchObject({ sessions: 2 });
  });
});
