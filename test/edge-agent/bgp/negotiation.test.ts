// OPEN validation and what two OPENs agree on.

import { describe, expect, it } from "vitest";
import type { Ipv4 } from "../../../shared/address/ip.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import { FAMILIES, type FamilyName } from "../../../edge-agent/bgp/family.ts";
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
      families: ["evpn"],
      extendedNextHop: false,
      routeRefresh: false,
      enhancedRouteRefresh: false,
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

  describe("families", () => {
    const offer = (...families: FamilyName[]) => ({ families });
    const theirs = (...families: FamilyName[]) =>
      families.map((name) => ({ kind: "multiprotocol", afi: FAMILIES[name].afi, safi: FAMILIES[name].safi }) as const);

    it("those that both offer -> agreed, and one is enough (RFC 5492 section 5)", () => {
      const agreed = agree({ capabilities: theirs("ipv4-unicast", "evpn") }, offer("ipv4-unicast", "ipv6-unicast"));
      expect(agreed).toMatchObject({ families: ["ipv4-unicast"] });
    });

    it("none in common -> refused, with the capabilities that were wanted", () => {
      const agreed = agree({ capabilities: theirs("evpn") }, offer("ipv4-unicast", "ipv6-unicast"));
      expect(agreed).toMatchObject({
        error: { code: 2, subcode: 7, data: Uint8Array.of(1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1) },
        reason: "peer does not offer IPv4 Unicast, IPv6 Unicast",
      });
    });

    it("a peer without the multiprotocol capability -> speaks IPv4 unicast (RFC 4760 section 8)", () => {
      expect(agree({ capabilities: [] }, offer("evpn", "ipv4-unicast"))).toMatchObject({ families: ["ipv4-unicast"] });
    });

    it("IPv6 next hops for IPv4 -> offered with IPv4, in force if both say so (RFC 8950 section 4)", () => {
      const capability = { kind: "extended-next-hop", families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] } as const;
      expect(localOpen({ ...LOCAL, ...offer("ipv4-unicast") }, LOCAL.asn).capabilities).toContainEqual(capability);
      expect(localOpen({ ...LOCAL, ...offer("ipv6-unicast") }, LOCAL.asn).capabilities).not.toContainEqual(capability);
      const capabilities = [...theirs("evpn", "ipv4-unicast"), capability];
      expect(agree({ capabilities }, offer("ipv4-unicast"))).toMatchObject({ extendedNextHop: true });
      expect(agree({ capabilities: theirs("ipv4-unicast") }, offer("ipv4-unicast"))).toMatchObject({
        extendedNextHop: false,
      });
    });

    it("a restart of ours -> each offered family is listed", () => {
      const restart = { restarted: false, preserved: true, timeSec: 120 };
      const { capabilities } = localOpen({ ...LOCAL, restart, ...offer("evpn", "ipv6-unicast") }, LOCAL.asn);
      expect(capabilities.find((it) => it.kind === "graceful-restart")).toMatchObject({
        families: [
          { afi: 25, safi: 70, preserved: true },
          { afi: 2, safi: 1, preserved: true },
        ],
      });
    });
  });

  it("our identifier, in another AS -> accepted (RFC 6286)", () => {
    expect(agree({ asn: 65001, routerId: LOCAL.routerId }, {}, 65001)).toMatchObject({ internal: false });
  });

  it("our OPEN offers what is built, and asks for End-of-RIB", () => {
    expect(localOpen(LOCAL, LOCAL.asn).capabilities.map((it) => it.kind)).toEqual([
      "multiprotocol",
      "route-refresh",
      "enhanced-route-refresh",
      "extended-message",
      "four-octet-as",
      "graceful-restart",
    ]);
  });

  it("a restart of ours -> R bit, time, and EVPN with its F bit (RFC 4724 section 3)", () => {
    const restart = { restarted: true, preserved: true, timeSec: 120 };
    const { capabilities } = localOpen({ ...LOCAL, restart, hostName: "h1" }, LOCAL.asn);
    expect(capabilities).toContainEqual({
      kind: "graceful-restart",
      restarted: true,
      notification: true,
      restartTimeSec: 120,
      families: [{ afi: 25, safi: 70, preserved: true }],
    });
    expect(capabilities).toContainEqual({ kind: "fqdn", host: "h1", domain: "" });
  });

  it("the peer's restart: its last capability counts, for each family it lists (RFC 4724 section 3, RFC 9494 3.1)", () => {
    const graceful = { kind: "graceful-restart", restarted: false, notification: true, restartTimeSec: 60 } as const;
    const long = { afi: 25, safi: 70, preserved: true, staleTimeSec: 3600 };
    const capabilities = [
      ...PEER.capabilities,
      { ...graceful, restartTimeSec: 9, families: [] },
      { ...graceful, families: [{ afi: 25, safi: 70, preserved: true }] },
      { kind: "long-lived-graceful-restart", families: [{ ...long, afi: 1, safi: 1, staleTimeSec: 1 }, long] },
      { kind: "fqdn", host: "tor1", domain: "example.net" },
    ] as const;
    expect(agree({ capabilities })).toMatchObject({
      peerRestart: {
        timeSec: 60,
        notification: true,
        families: [
          { family: "evpn", graceful: true, preserved: true, longLivedSec: 3600, longLivedPreserved: true },
          // In the long-lived capability alone: a restart time of zero (RFC 9494 4.2).
          { family: "ipv4-unicast", graceful: false, preserved: false, longLivedSec: 1 },
        ],
      },
      peerHostName: "tor1.example.net",
    });
    const ipv4Only = [...PEER.capabilities, { ...graceful, families: [{ afi: 1, safi: 1, preserved: true }] }];
    expect(agree({ capabilities: ipv4Only })).toMatchObject({
      peerRestart: { families: [{ family: "ipv4-unicast", longLivedSec: 0 }] },
    });
  });

  it.each([
    ["customer", ["provider"], undefined],
    ["provider", ["customer"], undefined],
    ["rs-client", ["rs"], undefined],
    ["peer", ["peer"], undefined],
    ["customer", ["customer"], "2/11"],
    ["customer", ["provider", "peer"], "2/11"],
    ["customer", ["provider", "provider"], undefined],
    ["customer", [], undefined],
  ] as const)("role %s and the peer's %j -> refused with %s (RFC 9234 4.2)", (role, theirs, refusal) => {
    const capabilities = [...PEER.capabilities, ...theirs.map((it) => ({ kind: "role", role: it }) as const)];
    const result = agree({ asn: 65001, capabilities }, { role }, 65001);
    expect("error" in result ? `${result.error.code}/${result.error.subcode}` : undefined).toBe(refusal);
    expect("error" in agree({ capabilities }, { role })).toBe(false); // iBGP has no roles
  });

  it("strict role and a peer without one -> refused; a role is told to external peers only", () => {
    const strict = { role: "customer", strictRole: true } as const;
    expect(agree({ asn: 65001 }, strict, 65001)).toMatchObject({ error: { code: 2, subcode: 11 } });
    const kinds = (asn: number) => localOpen({ ...LOCAL, ...strict }, asn as Asn).capabilities.map((it) => it.kind);
    expect(kinds(65001)).toContain("role");
    expect(kinds(65000)).not.toContain("role");
  });

  it("collision: the connection of the higher identifier stays, compared as numbers (RFC 4271 6.8)", () => {
    const with10 = { ...LOCAL, routerId: "10.0.0.1" as Ipv4 };
    expect(survivingConnection(with10, { peerRouterId: "9.0.0.1" as Ipv4, peerAsn: 1 })).toBe("ours");
    expect(survivingConnection(with10, { peerRouterId: "100.0.0.1" as Ipv4, peerAsn: 1 })).toBe("theirs");
    expect(survivingConnection(with10, { peerRouterId: with10.routerId, peerAsn: 65001 })).toBe("theirs");
  });
});
