// The BMP exporter (RFC 7854): shows every BGP session of this host to the network team's collector. It connects, and
// only sends. What waits for a slow collector is bounded: when the bound is reached the connection is dropped and made
// anew, because a stream with a gap would be believed. BGP never waits for it and never notices it.
//
// A collector that comes late gets Peer Up for each session, and the ToRs are asked for their routes again (RFC 2918),
// since what policy refused is not kept here and belongs to the Adj-RIB-In before policy.

import type { IpAddress } from "../../shared/address/ip.ts";
import { FAMILIES } from "../bgp/family.ts";
import type { DownReason } from "../bgp/fsm.ts";
import type { EstablishedSession, SessionObserver } from "../bgp/observer.ts";
import type { PeerSummary } from "../bgp/peer-summary.ts";
import type { Connection, Transport } from "../bgp/ports.ts";
import type { PeerKey } from "../bgp/route.ts";
import type { MpUnreach } from "../bgp/wire/attribute-table.ts";
import { encodeMessage } from "../bgp/wire/message.ts";
import type { Notification } from "../bgp/wire/notification.ts";
import { type DecodedUpdate, encodeUpdate } from "../bgp/wire/update.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import {
  encodeInitiation,
  encodePeerDown,
  encodePeerUp,
  encodeRouteMonitoring,
  encodeStatistics,
  encodeTermination,
  type FamilyGauge,
  type MonitoredPeer,
  type PeerDown,
  Statistic,
} from "./message.ts";

export type BmpOptions = {
  readonly collector: { readonly address: IpAddress; readonly port: number };
  readonly sysName: string;
  readonly sysDescr: string;
  readonly transport: Pick<Transport, "connect">;
  readonly clock: Clock;
  readonly log: Log;
  /** Where statistics come from. */
  readonly summary: () => readonly PeerSummary[];
  /** What may wait for the collector; default 16 MiB. */
  readonly maxQueuedOctets?: number;
};

export type BmpExporter = {
  /** For the speaker's sessions. */
  readonly observer: SessionObserver;
  /** Says goodbye (RFC 7854 4.5) and ends. */
  close(): void;
};

/** RFC 7854 3.2 suggests to begin with 30 s and to end with 720 s. */
const RETRY_MS = { first: 30_000, longest: 720_000 };
const STATISTICS_EVERY_MS = 60_000;
const MAX_QUEUED_OCTETS = 16 * 1024 * 1024;
/** "ManualStop" (RFC 4271 8.1.2). */
const MANUAL_STOP = 2;

/** Connects at once, and again whenever the connection is lost. */
export function createBmpExporter(options: BmpOptions): BmpExporter {
  const { collector, transport, clock, log, maxQueuedOctets = MAX_QUEUED_OCTETS } = options;
  const sessions = new Map<PeerKey, EstablishedSession>();
  let connection: Connection | undefined;
  let connected = false;
  let writable = false;
  let queue: Uint8Array[] = [];
  let queuedOctets = 0;
  let failures = 0;
  let cancelRetry = () => {};
  let cancelStatistics = () => {};

  connect();

  function connect(): void {
    const current: Connection = transport.connect(collector, {
      connected: () => {
        failures = 0;
        connected = true;
        writable = true;
        greet();
        log.info("bmp-connected", `${collector.address} port ${collector.port}`);
      },
      data: () => undefined, // a collector says nothing (RFC 7854 3.2)
      drained: () => {
        writable = true;
        flush();
      },
      closed: (reason) => lost(reason),
    });
    connection = current;
  }

  function greet(): void {
    send(encodeInitiation(options));
    for (const session of sessions.values()) {
      send(encodePeerUp(monitored(session), session));
      session.requestRoutes();
    }
    scheduleStatistics();
  }

  function lost(reason: string): void {
    disconnect();
    const afterMs = Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.longest);
    // A collector that is away is said once, not at every attempt.
    if (failures === 0) log.warn("bmp-lost", `${collector.address} port ${collector.port}: ${reason}`);
    failures++;
    cancelRetry = clock.setTimer(afterMs, connect);
  }

  function disconnect(): void {
    connection = undefined;
    connected = false;
    writable = false;
    queue = [];
    queuedOctets = 0;
    cancelStatistics();
  }

  function send(message: Uint8Array): void {
    if (!connected) return;
    if (queuedOctets + message.length > maxQueuedOctets) {
      const slow = connection;
      lost(`the collector is too slow: ${queuedOctets} octets wait for it`);
      slow?.close();
      return;
    }
    queue.push(message);
    queuedOctets += message.length;
    flush();
  }

  function flush(): void {
    if (!writable || !connection || queue.length === 0) return;
    // One write for all that waits: messages are small beside what a socket takes.
    const octets = queue.length === 1 ? (queue[0] ?? new Uint8Array(0)) : Buffer.concat(queue);
    queue = [];
    queuedOctets = 0;
    writable = connection.write(octets);
  }

  function scheduleStatistics(): void {
    cancelStatistics();
    cancelStatistics = clock.setTimer(STATISTICS_EVERY_MS, () => {
      for (const summary of options.summary()) {
        const session = sessions.get(summary.peer);
        if (session) send(encodeStatistics(monitored(session), statisticsOf(summary), tablesOf(summary)));
      }
      if (connected) scheduleStatistics();
    });
  }

  function monitored({ agreed, remoteAddress }: EstablishedSession): MonitoredPeer {
    const { peerAsn, peerRouterId, asOctets } = agreed;
    const twoOctetAsPath = asOctets === 2;
    return { address: remoteAddress, asn: peerAsn, routerId: peerRouterId, twoOctetAsPath, atMs: clock.wallMs() };
  }

  return {
    observer: {
      established(peer, session) {
        sessions.set(peer, session);
        send(encodePeerUp(monitored(session), session));
      },
      update(peer, message, decoded) {
        const session = sessions.get(peer);
        if (!session || !connected) return;
        for (const update of meant(message, decoded, session)) {
          send(encodeRouteMonitoring(monitored(session), update));
        }
      },
      down(peer, reason) {
        const session = sessions.get(peer);
        if (!session) return;
        sessions.delete(peer);
        send(encodePeerDown(monitored(session), peerDown(reason)));
      },
    },
    close() {
      cancelRetry();
      if (connected && connection) {
        connection.write(Buffer.concat([...queue, encodeTermination()]));
      }
      connection?.close();
      disconnect();
    },
  };
}

/** The UPDATE as sent; of a malformed one what it means, withdrawals (RFC 7854 section 5, RFC 7606 section 2). */
function meant(message: Uint8Array, decoded: DecodedUpdate, { agreed }: EstablishedSession): Uint8Array[] {
  if (decoded.severity !== "treat-as-withdraw") return [message];
  const evpn: MpUnreach = { family: "evpn", routes: decoded.withdrawn, invalid: [], skipped: 0 };
  const unicast = decoded.unicast.map(({ family, withdrawn }): MpUnreach => {
    return { family, routes: withdrawn, invalid: [] };
  });
  return [evpn, ...unicast].flatMap((mpUnreach) => {
    if (mpUnreach.family === "other" || mpUnreach.routes.length === 0) return [];
    return [encodeMessage({ type: "UPDATE", body: encodeUpdate({ mpUnreach }, agreed) })];
  });
}

function peerDown(reason: DownReason): PeerDown {
  switch (reason.kind) {
    case "sent":
      return { kind: "local-notification", notification: notificationMessage(reason.notification) };
    case "received":
      return { kind: "remote-notification", notification: notificationMessage(reason.notification) };
    case "connection":
      return { kind: "remote" };
    case "stopped":
      return { kind: "local", event: MANUAL_STOP };
  }
}

function notificationMessage(notification: Notification): Uint8Array {
  return encodeMessage({ type: "NOTIFICATION", notification });
}

function tablesOf({ families }: PeerSummary): FamilyGauge[] {
  return families.map(({ family, routesIn }) => ({ ...FAMILIES[family], routes: routesIn }));
}

function statisticsOf({ rejected, routesIn, malformed }: PeerSummary): ReadonlyMap<number, number> {
  const { "as-loop": asPathLoop = 0, "originated-here": originatorId = 0, ...byPolicy } = rejected;
  return new Map([
    [Statistic.REJECTED_BY_POLICY, Object.values(byPolicy).reduce((sum, it) => sum + it, 0)],
    [Statistic.AS_PATH_LOOP, asPathLoop],
    [Statistic.ORIGINATOR_ID, originatorId],
    [Statistic.ROUTES_IN_ADJ_RIBS_IN, routesIn],
    [Statistic.TREATED_AS_WITHDRAW, malformed["treat-as-withdraw"]],
  ]);
}
