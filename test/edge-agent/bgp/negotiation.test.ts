// OPEN validation and what two OPENs agree on.

import { describe, expect, it } from "vitest";
import type { Ipv4 } from "../../../shared/address/ip.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import { type LocalEnd, localOpen, negotiate, survivingConnection } from "../../../edge-agent/bgp/negotiation.ts";
import type { OpenMessage } from "../../../edge-agent/bgp/wire/open.ts";

const LOCAL: LocalEnd = { asn: 65000 as Asn, routerId: "192.0.2.2" as Ipv4, holdTimeSec: 90 };
const PEER: OpenMessage = {
  version: 4,
  asn: 65000,
  holdTimeSec: 180,
  routerId: "192.0.2.1" as Ipv4,
  capabilities: [
    { kind: "multiprotocol", afi: 25, safi: 70 },
    { kind: "four-octet-as", asn: 65000 },
  ],
};
const agree = (open: Partial<OpenMessage>, local: Partial<LocalEnd> = {}, asn = 65000) =>
  negotiate({ ...LOCAL, ...local }, asn as Asn, { ...PEER, ...open });

describe("negotiation", () => {
  it("two plain OPENs -> the smaller hold time, and what both offer", () => {
    expect(agree({})).toEqual({
      peerAsn: 65000,
      peerRouterId: "192.0.2.1",
      internal: true,
      asOctets: 4,
      routeRefresh: false,
      maxMessageOctets: 4096,
      holdTimeSec: 90,
      peerCapabilities: PEER.capabilities,
    });
  });

  it.each([
    [90, 180, 90],
    [90, 9, 9],
    [3, 180, 3],
    [0, 180, 0],
    [90, 0, 0],
  ])("hold times %i and %i -> %i (RFC 4271 4.2)", (ours, theirs, agreed) => {
    expect(agree({ holdTimeSec: theirs }, { holdTimeSec: ours })).toMatchObject({ holdTimeSec: agreed });
  });

  it("capabilities of ours that the peer has too -> in force (RFC 2918, 6793, 8654)", () => {
    const capabilities = [...PEER.capabilities, { kind: "route-refresh" }, { kind: "extended-message" }] as const;
    expect(agree({ capabilities })).toMatchObject({ routeRefresh: true, maxMessageOctets: 65535 });
    const old = agree({ capabilities: [{ kind: "multiprotocol", afi: 25, safi: 70 }] });
    expect(old).toMatchObject({ asOctets: 2 });
  });

  it.each([
    ["another AS number", { asn: 65001 }, "2/2"],
    ["AS number 0 (RFC 7607)", { asn: 0 }, "2/2"],
    ["identifier 0.0.0.0", { routerId: "0.0.0.0" as Ipv4 }, "2/3"],
    ["our identifier, in our AS (RFC 6286)", { routerId: LOCAL.routerId }, "2/3"],
    ["hold time 1", { holdTimeSec: 1 }, "2/6"],
    ["hold time 2", { holdTimeSec: 2 }, "2/6"],
    ["no EVPN", { capabilities: [{ kind: "multiprotocol", afi: 1, safi: 1 }] as const }, "2/7"],
  ])("%s -> refused", (_, open, expected) => {
    const result = agree(open);
    expect("error" in result && `${result.error.code}/${result.error.subcode}`).toBe(expected);
  });

  it("our identifier, in another AS -> accepted (RFC 6286)", () => {
    expect(agree({ asn: 65001, routerId: LOCAL.routerId }, {}, 65001)).toMatchObject({ internal: false });
  });

  it("our OPEN offers EVPN, refresh, long messages, 4-octet AS numbers, and asks for End-of-RIB", () => {
    expect(localOpen(LOCAL).capabilities.map((it) => it.kind)).toEqual([
      "multiprotocol",
      "route-refresh",
      "extended-message",
      "four-octet-as",
      "graceful-restart",
    ]);
  });

  it("collision: the connection of the higher identifier stays, compared as numbers (RFC 4271 6.8)", () => {
    const with10 = { ...LOCAL, routerId: "10.0.0.1" as Ipv4 };
    expect(survivingConnection(with10, { peerRouterId: "9.0.0.1" as Ipv4, peerAsn: 1 })).toBe("ours");
    expect(survivingConnection(with10, { peerRouterId: "100.0.0.1" as Ipv4, peerAsn: 1 })).toBe("theirs");
    expect(survivingConnection(with10, { peerRouterId: with10.routerId, peerAsn: 65001 })).toBe("theirs");
  });
});
