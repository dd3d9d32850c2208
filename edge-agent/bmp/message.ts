// The messages of the BGP Monitoring Protocol, version 3 (RFC 7854), encoded; this host never receives any. Pure.
//
//   version(1)=3 length(4, of the whole message) type(1)
//   of types 0 to 3 then the per-peer header: peer type(1) flags(1) distinguisher(8) address(16) AS(4) BGP identifier(4)
//   seconds(4) microseconds(4)

import { type IpAddress, type Ipv4, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import { Writer } from "../bgp/wire/writer.ts";

/** BMP Message Types (RFC 7854 10.1). */
const MessageType = {
  ROUTE_MONITORING: 0,
  STATISTICS_REPORT: 1,
  PEER_DOWN: 2,
  PEER_UP: 3,
  INITIATION: 4,
  TERMINATION: 5,
} as const;

/** Per-peer header flags (RFC 7854 4.2). Without the L flag a message is about the Adj-RIB-In before policy. */
const PeerFlag = { IPV6: 0x80, TWO_OCTET_AS_PATH: 0x20 } as const;

/** BMP Initiation and Termination Message TLVs (RFC 7854 10.5, 10.6). */
const InformationType = { SYS_DESCR: 1, SYS_NAME: 2 } as const;
const TerminationType = { REASON: 1 } as const;
/** "Session administratively closed". */
const ADMINISTRATIVELY_CLOSED = 0;

/** BMP Statistics Types (RFC 7854 10.8): counters in 32 bits since the session began, gauges in 64. */
export const Statistic = {
  REJECTED_BY_POLICY: 0,
  AS_PATH_LOOP: 4,
  ORIGINATOR_ID: 5,
  ROUTES_IN_ADJ_RIBS_IN: 7,
  TREATED_AS_WITHDRAW: 11,
} as const;
/** "Number of routes in per-AFI/SAFI Adj-RIB-In". */
const ROUTES_PER_FAMILY = 9;
const GAUGES: ReadonlySet<number> = new Set([Statistic.ROUTES_IN_ADJ_RIBS_IN]);

/** Whom a message is about, and as of when. */
export type MonitoredPeer = {
  readonly address: IpAddress;
  readonly asn: number;
  readonly routerId: Ipv4;
  /** The session's AS_PATHs have 2-octet numbers. */
  readonly twoOctetAsPath: boolean;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
};

export type PeerUp = {
  readonly localAddress: IpAddress | undefined;
  readonly localPort: number | undefined;
  readonly remotePort: number | undefined;
  /** Whole BGP messages. */
  readonly sentOpen: Uint8Array;
  readonly receivedOpen: Uint8Array;
};

/** Why a session ended (RFC 7854 4.9); `notification` is a whole BGP message. */
export type PeerDown =
  | { readonly kind: "local-notification"; readonly notification: Uint8Array }
  /** The event of the state machine, by its number in RFC 4271 8.1. */
  | { readonly kind: "local"; readonly event: number }
  | { readonly kind: "remote-notification"; readonly notification: Uint8Array }
  | { readonly kind: "remote" };

/** The first message: who speaks (section 4.3). Texts are UTF-8. */
export function encodeInitiation({ sysName, sysDescr }: { sysName: string; sysDescr: string }): Uint8Array {
  const writer = new Writer(128);
  writeText(writer, InformationType.SYS_DESCR, sysDescr);
  writeText(writer, InformationType.SYS_NAME, sysName);
  return frame(MessageType.INITIATION, writer.finish());
}

/** The last message (section 4.5). */
export function encodeTermination(): Uint8Array {
  const body = new Writer(6).u16(TerminationType.REASON).u16(2).u16(ADMINISTRATIVELY_CLOSED);
  return frame(MessageType.TERMINATION, body.finish());
}

/** Section 4.10. An unknown address or port is zero. */
export function encodePeerUp(peer: MonitoredPeer, up: PeerUp): Uint8Array {
  const writer = new Writer(512);
  writePeer(writer, peer);
  writeAddress(writer, up.localAddress);
  writer.u16(up.localPort ?? 0).u16(up.remotePort ?? 0);
  return frame(MessageType.PEER_UP, writer.octets(up.sentOpen).octets(up.receivedOpen).finish());
}

/** Section 4.9. */
export function encodePeerDown(peer: MonitoredPeer, down: PeerDown): Uint8Array {
  const writer = new Writer(128);
  writePeer(writer, peer);
  switch (down.kind) {
    case "local-notification":
      writer.u8(1).octets(down.notification);
      break;
    case "local":
      writer.u8(2).u16(down.event);
      break;
    case "remote-notification":
      writer.u8(3).octets(down.notification);
      break;
    case "remote":
      writer.u8(4);
  }
  return frame(MessageType.PEER_DOWN, writer.finish());
}

/** Section 4.6: one whole UPDATE as the peer sent it. */
export function encodeRouteMonitoring(peer: MonitoredPeer, update: Uint8Array): Uint8Array {
  const writer = new Writer(update.length + 64);
  writePeer(writer, peer);
  return frame(MessageType.ROUTE_MONITORING, writer.octets(update).finish());
}

/** How many routes of one family an Adj-RIB-In has. */
export type FamilyGauge = { readonly afi: number; readonly safi: number; readonly routes: number };

/** Section 4.8. */
export function encodeStatistics(
  peer: MonitoredPeer,
  statistics: ReadonlyMap<number, number>,
  families: readonly FamilyGauge[] = [],
): Uint8Array {
  const writer = new Writer(128);
  writePeer(writer, peer);
  writer.u32(statistics.size + families.length);
  for (const [type, value] of statistics) {
    writer.u16(type);
    if (GAUGES.has(type))
      writer
        .u16(8)
        .u32(Math.floor(value / 2 ** 32))
        .u32(value % 2 ** 32);
    else writer.u16(4).u32(value % 2 ** 32);
  }
  for (const { afi, safi, routes } of families) {
    writer.u16(ROUTES_PER_FAMILY).u16(11).u16(afi).u8(safi);
    writer.u32(Math.floor(routes / 2 ** 32)).u32(routes % 2 ** 32);
  }
  return frame(MessageType.STATISTICS_REPORT, writer.finish());
}

const VERSION = 3;
const COMMON_HEADER_OCTETS = 6;
/** Peer type: a peer of the one routing instance that there is. */
const GLOBAL_INSTANCE = 0;

function frame(type: number, body: Uint8Array): Uint8Array {
  const length = COMMON_HEADER_OCTETS + body.length;
  return new Writer(length).u8(VERSION).u32(length).u8(type).octets(body).finish();
}

function writePeer(writer: Writer, { address, asn, routerId, twoOctetAsPath, atMs }: MonitoredPeer): void {
  const flags = (isIpv4(address) ? 0 : PeerFlag.IPV6) | (twoOctetAsPath ? PeerFlag.TWO_OCTET_AS_PATH : 0);
  writer.u8(GLOBAL_INSTANCE).u8(flags).u32(0).u32(0);
  writeAddress(writer, address);
  writer.u32(asn).octets(ipToOctets(routerId));
  writer.u32(Math.floor(atMs / 1000)).u32(Math.floor((atMs % 1000) * 1000));
}

/** 16 octets; an IPv4 address is in the last four (RFC 7854 4.2). */
function writeAddress(writer: Writer, address: IpAddress | undefined): void {
  const octets = address ? ipToOctets(address) : new Uint8Array(16);
  writer.octets(new Uint8Array(16 - octets.length)).octets(octets);
}

function writeText(writer: Writer, type: number, text: string): void {
  writer.u16(type).withLength(2, () => writer.octets(new TextEncoder().encode(text)));
}
