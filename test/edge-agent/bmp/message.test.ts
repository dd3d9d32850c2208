import { describe, expect, it } from "vitest";
import type { IpAddress, Ipv4 } from "../../../shared/address/ip.ts";
import {
  encodeInitiation,
  encodePeerDown,
  encodePeerUp,
  encodeRouteMonitoring,
  encodeStatistics,
  encodeTermination,
  type MonitoredPeer,
  Statistic,
} from "../../../edge-agent/bmp/message.ts";

const hexOf = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const compact = (text: string): string => text.replace(/\s+/g, "");

const PEER: MonitoredPeer = {
  address: "192.0.2.1" as Ipv4,
  asn: 4_200_000_001,
  routerId: "10.0.0.1" as Ipv4,
  twoOctetAsPath: false,
  atMs: 1_700_000_000_250,
};
/** Peer type, flags, distinguisher, address, AS, identifier, seconds, microseconds. */
const PEER_HEX = `00 00 0000000000000000 000000000000000000000000c0000201 fa56ea01 0a000001 6553f100 0003d090`;

// Laid out by hand from RFC 7854, sections 4.1 to 4.10.
describe("BMP messages", () => {
  it("initiation: name and description -> TLVs 1 and 2 (RFC 7854 4.3)", () => {
    expect(hexOf(encodeInitiation({ sysName: "h1", sysDescr: "x" }))).toBe(
      compact("03 00000011 04  0001 0001 78  0002 0002 6831"),
    );
  });

  it("termination: -> administratively closed (RFC 7854 4.5)", () => {
    expect(hexOf(encodeTermination())).toBe(compact("03 0000000c 05  0001 0002 0000"));
  });

  it("route monitoring: the UPDATE after the per-peer header (RFC 7854 4.2, 4.6)", () => {
    expect(hexOf(encodeRouteMonitoring(PEER, Uint8Array.of(0xab, 0xcd)))).toBe(
      compact(`03 00000032 00 ${PEER_HEX} abcd`),
    );
  });

  it("per-peer header: an IPv6 peer with 2-octet AS numbers -> flags V and A (RFC 7854 4.2)", () => {
    const peer: MonitoredPeer = { ...PEER, address: "2001:db8::1" as IpAddress, asn: 65000, twoOctetAsPath: true };
    expect(hexOf(encodeRouteMonitoring(peer, new Uint8Array(0)))).toBe(
      compact(`03 00000030 00 00 a0 0000000000000000 20010db8000000000000000000000001 0000fde8 0a000001
        6553f100 0003d090`),
    );
  });

  it("peer up: addresses, ports and both OPENs (RFC 7854 4.10)", () => {
    const up = {
      localAddress: "192.0.2.2" as Ipv4,
      localPort: 40000,
      remotePort: 179,
      sentOpen: Uint8Array.of(1),
      receivedOpen: Uint8Array.of(2, 2),
    };
    expect(hexOf(encodePeerUp(PEER, up))).toBe(
      compact(`03 00000047 03 ${PEER_HEX} 000000000000000000000000c0000202 9c40 00b3 01 0202`),
    );
    const unknown = { ...up, localAddress: undefined, localPort: undefined, remotePort: undefined };
    expect(hexOf(encodePeerUp(PEER, unknown))).toContain(compact(`${"00".repeat(16)} 0000 0000 01 0202`));
  });

  it("peer down: each reason (RFC 7854 4.9)", () => {
    const notification = Uint8Array.of(9);
    const reasons = [
      encodePeerDown(PEER, { kind: "local-notification", notification }),
      encodePeerDown(PEER, { kind: "local", event: 2 }),
      encodePeerDown(PEER, { kind: "remote-notification", notification }),
      encodePeerDown(PEER, { kind: "remote" }),
    ].map((octets) => hexOf(octets.subarray(48)));
    expect(reasons).toEqual(["0109", "020002", "0309", "04"]);
  });

  it("statistics: counters in 32 bits, gauges in 64 (RFC 7854 4.8)", () => {
    const statistics = new Map<number, number>([
      [Statistic.REJECTED_BY_POLICY, 5],
      [Statistic.ROUTES_IN_ADJ_RIBS_IN, 2 ** 33 + 1],
    ]);
    expect(hexOf(encodeStatistics(PEER, statistics))).toBe(
      compact(`03 00000048 01 ${PEER_HEX} 00000002  0000 0004 00000005  0007 0008 0000000200000001`),
    );
  });

  it("statistics: routes of a family -> AFI, SAFI and a gauge of 64 bits (RFC 7854 4.8, type 9)", () => {
    const families = [{ afi: 1, safi: 1, routes: 2 ** 32 + 7 }];
    expect(hexOf(encodeStatistics(PEER, new Map(), families))).toBe(
      compact(`03 00000043 01 ${PEER_HEX} 00000001  0009 000b 0001 01 0000000100000007`),
    );
  });
});
