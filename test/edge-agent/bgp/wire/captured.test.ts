// What FRR, GoBGP and ExaBGP really sent, read here; and written here again where the form is free of choice.

import { describe, expect, it } from "vitest";
import { END_OF_RIB_VECTORS, OPEN_VECTORS, UPDATE_VECTORS } from "../../../vectors/bgp/captured.ts";
import { UNICAST_END_OF_RIB_VECTORS, UNICAST_VECTORS } from "../../../vectors/bgp/unicast.ts";
import { pathInformation } from "../../../../edge-agent/bgp/path-information.ts";
import { encodeEvpnRoute } from "../../../../edge-agent/bgp/wire/evpn-nlri.ts";
import { encodeExtCommunity } from "../../../../edge-agent/bgp/wire/ext-community.ts";
import { toHex } from "../../../../edge-agent/bgp/wire/hex.ts";
import { checkHeader, decodeMessage, encodeMessage } from "../../../../edge-agent/bgp/wire/message.ts";
import { decodeUpdate, encodeEndOfRib } from "../../../../edge-agent/bgp/wire/update.ts";
import { encodeNextHop, encodePrefix } from "../../../../edge-agent/bgp/wire/unicast-nlri.ts";
import { unicastPath } from "../../../../edge-agent/bgp/unicast-route.ts";
import { bodyOf, hex, messageOf } from "./hex-message.ts";

const INTERNAL = { asOctets: 4, internal: true } as const;

describe("captured UPDATEs", () => {
  it.each(UPDATE_VECTORS)(
    "update: $origin -> read, and its routes and communities written octet for octet",
    (vector) => {
      const message = messageOf(vector.hex);
      expect(checkHeader(message, 4096)).toBe(message.length);
      const update = decodeUpdate(bodyOf(vector.hex), INTERNAL);
      if (update.severity !== "ok") expect.unreachable(JSON.stringify(update));
      expect(update.announced).toEqual(vector.announced ?? []);
      expect(update.withdrawn).toEqual(vector.withdrawn ?? []);
      expect(update.endOfRib).toBeUndefined();

      const path = pathInformation(update.attributes);
      expect(path?.nextHop).toBe(vector.nextHop);
      expect(path?.routeTargets).toEqual(vector.routeTargets);
      if (path) expect(path).toMatchObject({ encapsulations: [8], asPath: [], localPref: 100, ...vector.also });

      const all = toHex(hex(vector.hex));
      for (const route of [...update.announced, ...update.withdrawn])
        expect(all).toContain(toHex(encodeEvpnRoute(route)));
      for (const community of update.attributes.extCommunities ?? []) {
        expect(all).toContain(toHex(encodeExtCommunity(community)));
      }
    },
  );

  it.each(END_OF_RIB_VECTORS)("update: End-of-RIB of $origin -> recognised (RFC 4724 section 2)", ({ hex }) => {
    expect(decodeUpdate(bodyOf(hex), INTERNAL)).toMatchObject({ severity: "ok", endOfRib: "evpn", withdrawn: [] });
  });

  it("update: our End-of-RIB -> the octets of FRR's", () => {
    const frr = END_OF_RIB_VECTORS[0]?.hex ?? "";
    expect(encodeMessage({ type: "UPDATE", body: encodeEndOfRib() })).toEqual(messageOf(frr));
  });
});

describe("captured UPDATEs of unicast families", () => {
  const families = ["ipv4-unicast", "ipv6-unicast"] as const;

  it.each(UNICAST_VECTORS)("update: $origin -> read, and its routes and next hop written octet for octet", (vector) => {
    const { internal, family, announced = [], withdrawn = [], nextHop, also = {} } = vector;
    const message = messageOf(vector.hex);
    expect(checkHeader(message, 4096)).toBe(message.length);
    const update = decodeUpdate(bodyOf(vector.hex), { asOctets: 4, internal, families });
    if (update.severity !== "ok") expect.unreachable(JSON.stringify(update));
    expect(update.unicast).toEqual([{ family, announced, withdrawn, ...(nextHop && { nextHop }) }]);
    expect(update.endOfRib).toBeUndefined();
    const all = toHex(hex(vector.hex));
    const [part] = update.unicast;
    for (const prefix of [...(part?.announced ?? []), ...(part?.withdrawn ?? [])]) {
      expect(all).toContain(toHex(encodePrefix(prefix)));
    }
    if (!part?.nextHop) return;
    expect(all).toContain(toHex(encodeNextHop(part.nextHop)));
    expect(unicastPath(update.attributes, part.nextHop)).toMatchObject(also);
  });

  it.each(UNICAST_END_OF_RIB_VECTORS)(
    "update: End-of-RIB of $origin for $family -> recognised, and ours is the same (RFC 4724 section 2)",
    ({ hex, family }) => {
      expect(decodeUpdate(bodyOf(hex), { ...INTERNAL, families })).toMatchObject({ endOfRib: family });
      expect(encodeMessage({ type: "UPDATE", body: encodeEndOfRib(family) })).toEqual(messageOf(hex));
    },
  );
});

describe("captured OPENs", () => {
  it("open: FRR's, each capability in its own parameter -> read, and written octet for octet", () => {
    const message = decodeMessage(messageOf(OPEN_VECTORS.frr));
    expect(message).toMatchObject({
      type: "OPEN",
      open: { version: 4, asn: 65000, holdTimeSec: 180, routerId: "10.99.0.1" },
    });
    if ("error" in message || message.type !== "OPEN") return expect.unreachable();
    expect(message.open.capabilities).toEqual([
      { kind: "multiprotocol", afi: 25, safi: 70 },
      { kind: "unknown", code: 128, value: "" },
      { kind: "route-refresh" },
      { kind: "enhanced-route-refresh" },
      { kind: "four-octet-as", asn: 65000 },
      { kind: "extended-message" },
      { kind: "unknown", code: 69, value: "00194601" },
      { kind: "fqdn", host: "tor", domain: "" },
      { kind: "graceful-restart", restarted: true, notification: true, restartTimeSec: 120, families: [] },
      {
        kind: "long-lived-graceful-restart",
        families: [{ afi: 25, safi: 70, preserved: true, staleTimeSec: 0 }],
      },
    ]);
    expect(encodeMessage(message)).toEqual(messageOf(OPEN_VECTORS.frr));
  });

  it("open: GoBGP's, all capabilities in one parameter -> read", () => {
    expect(decodeMessage(messageOf(OPEN_VECTORS.gobgp))).toMatchObject({
      open: {
        asn: 65000,
        holdTimeSec: 90,
        routerId: "10.99.0.9",
        capabilities: [
          { kind: "route-refresh" },
          { kind: "fqdn" },
          { kind: "multiprotocol", afi: 25, safi: 70 },
          { kind: "four-octet-as", asn: 65000 },
          { kind: "extended-next-hop", families: [{ afi: 25, safi: 70, nextHopAfi: 2 }] },
        ],
      },
    });
  });

  it("open: extended optional parameters -> read (RFC 9072)", () => {
    const open = "04 fd e8 00 5a 0a 00 00 01 ff ff 00 0b 02 00 08 01 04 00 19 00 46 02 00";
    expect(decodeMessage(messageOf(`00 2b 01 ${open}`))).toMatchObject({
      open: { capabilities: [{ kind: "multiprotocol", afi: 25, safi: 70 }, { kind: "route-refresh" }] },
    });
  });
});
