// IPv4 and IPv6 unicast on the wire: both directions, the classic fields, next hops of RFC 2545 and 8950, and the
// consequence of each fault (RFC 7606).

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UnicastFamily } from "../../../../edge-agent/bgp/family.ts";
import type { MpReach, UpdateContext } from "../../../../edge-agent/bgp/wire/attribute-table.ts";
import { Reader } from "../../../../edge-agent/bgp/wire/reader.ts";
import {
  decodeNextHop,
  decodePrefixes,
  encodeNextHop,
  encodePrefix,
} from "../../../../edge-agent/bgp/wire/unicast-nlri.ts";
import { decodeUpdate, encodeEndOfRib, encodeUpdate } from "../../../../edge-agent/bgp/wire/update.ts";
import { type IpAddress, ipFromOctets, type Ipv6 } from "../../../../shared/address/ip.ts";
import type { Prefix } from "../../../../shared/address/prefix.ts";
import { hex } from "./hex-message.ts";

const FAMILIES = ["evpn", "ipv4-unicast", "ipv6-unicast"] as const;
const EXTERNAL: UpdateContext = { asOctets: 4, internal: false, families: FAMILIES };
const INTERNAL: UpdateContext = { ...EXTERNAL, internal: true };
const PATH = "40 01 01 00 40 02 06 02 01 00 00 fd e9";
const NEXT_HOP = "40 03 04 c0 00 02 01";

const size = (text: string) => hex(text).length.toString(16).padStart(4, "0");
/** An UPDATE of its three fields. */
const update = (fields: { withdrawn?: string; attributes?: string; nlri?: string }, context = EXTERNAL) => {
  const { withdrawn = "", attributes = "", nlri = "" } = fields;
  return decodeUpdate(hex(`${size(withdrawn)} ${withdrawn} ${size(attributes)} ${attributes} ${nlri}`), context);
};
const reach = (family: "00 01 01" | "00 02 01", nextHop: string, nlri: string) => {
  const value = `${family} ${nextHop} 00 ${nlri}`;
  return `90 0e ${size(value)} ${value}`;
};
const LINK_LOCAL = "fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
const GLOBAL = "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01";

const prefixes = (family: UnicastFamily): fc.Arbitrary<Prefix> => {
  const octets = family === "ipv4-unicast" ? 4 : 16;
  return fc
    .tuple(fc.uint8Array({ minLength: octets, maxLength: octets }), fc.integer({ min: 0, max: octets * 8 }))
    .filter(([bytes]) => (bytes[0] ?? 0) < 0xe0)
    .map(([bytes, bits]) => {
      const masked = bytes.map((octet, i) => octet & (0xff << (8 - Math.min(8, Math.max(0, bits - i * 8)))));
      return `${ipFromOctets(masked)}/${bits}` as Prefix;
    });
};
const families = fc.constantFrom<UnicastFamily>("ipv4-unicast", "ipv6-unicast");
const withRoutes = families.chain((family) =>
  fc.record({ family: fc.constant(family), routes: fc.array(prefixes(family), { maxLength: 20 }) }),
);

describe("unicast NLRI: properties", () => {
  it("decode(encode(x)) = x, for the prefixes of both families", () => {
    fc.assert(
      fc.property(withRoutes, ({ family, routes }) => {
        const octets = Buffer.concat(routes.map(encodePrefix));
        expect(decodePrefixes(new Reader(octets), family)).toEqual({ routes, invalid: [] });
      }),
    );
  });

  it("decode(encode(x)) = x, for whole UPDATEs with MP_REACH_NLRI and each form of next hop", () => {
    const global = "2001:db8::1" as Ipv6;
    const linkLocal = "fe80::1" as Ipv6;
    const nextHops = fc.constantFrom(
      { address: global },
      { address: global, linkLocal },
      { address: linkLocal, linkLocal },
    );
    fc.assert(
      fc.property(withRoutes, nextHops, ({ family, routes }, nextHop) => {
        const mpReach: MpReach = { family, nextHop, routes, invalid: [] };
        const octets = encodeUpdate({ origin: "igp", asPath: [], mpReach }, EXTERNAL);
        const decoded = decodeUpdate(octets, EXTERNAL);
        expect(decoded).toMatchObject({ severity: "ok", attributes: { mpReach } });
        expect(decoded).toMatchObject({ unicast: [{ family, announced: routes, withdrawn: [], nextHop }] });
      }),
    );
  });

  it("any octets -> an answer, and never an exception or a read beyond them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), families, (octets, family) => {
        decodeUpdate(octets, EXTERNAL);
        decodeNextHop(octets, family);
        const whole = decodePrefixes(new Reader(octets), family);
        // What lies beyond the field must make no difference.
        const longer = Buffer.concat([octets, Buffer.alloc(64, 0xff)]);
        expect(decodePrefixes(new Reader(longer, 0, octets.length), family)).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("unicast UPDATE: well-formed", () => {
  it("IPv4 in the classic fields -> withdrawals, and routes with NEXT_HOP (RFC 4271 4.3)", () => {
    const decoded = update({ withdrawn: "18 c6 33 64", attributes: `${PATH} ${NEXT_HOP}`, nlri: "20 0a 00 00 01 00" });
    expect(decoded).toMatchObject({
      severity: "ok",
      announced: [],
      unicast: [
        {
          family: "ipv4-unicast",
          announced: ["10.0.0.1/32", "0.0.0.0/0"],
          withdrawn: ["198.51.100.0/24"],
          nextHop: { address: "192.0.2.1" },
        },
      ],
    });
  });

  it("bits beyond the prefix's length -> cleared (RFC 4271 4.3)", () => {
    const decoded = update({ attributes: `${PATH} ${NEXT_HOP}`, nlri: "0c 0a ff" });
    expect(decoded).toMatchObject({ unicast: [{ announced: ["10.240.0.0/12"] }] });
  });

  it("classic routes beside MP_REACH_NLRI of another family -> each with its own next hop (RFC 7606 5.1)", () => {
    const attributes = `${reach("00 02 01", `10 ${GLOBAL}`, "40 20 01 0d b8 00 00 00 02")} ${PATH} ${NEXT_HOP}`;
    expect(update({ attributes, nlri: "08 0a" })).toMatchObject({
      unicast: [
        { family: "ipv4-unicast", announced: ["10.0.0.0/8"], nextHop: { address: "192.0.2.1" } },
        { family: "ipv6-unicast", announced: ["2001:db8:0:2::/64"], nextHop: { address: "2001:db8::1" } },
      ],
    });
  });

  it.each([
    ["IPv4 (RFC 4760)", "04 c0 00 02 01", { address: "192.0.2.1" }],
    ["a global address", `10 ${GLOBAL}`, { address: "2001:db8::1" }],
    ["a global and a link-local one", `20 ${GLOBAL} ${LINK_LOCAL}`, { address: "2001:db8::1", linkLocal: "fe80::1" }],
    ["a link-local address alone", `10 ${LINK_LOCAL}`, { address: "fe80::1", linkLocal: "fe80::1" }],
    ["a link-local one twice", `20 ${LINK_LOCAL} ${LINK_LOCAL}`, { address: "fe80::1", linkLocal: "fe80::1" }],
    ["zeros and a link-local one", `20 ${"00 ".repeat(16)}${LINK_LOCAL}`, { address: "fe80::1", linkLocal: "fe80::1" }],
  ])("IPv4 routes with %s as next hop -> taken (RFC 8950 section 3)", (_name, nextHop, expected) => {
    const decoded = update({ attributes: `${reach("00 01 01", nextHop, "20 0a 00 00 01")} ${PATH}` });
    expect(decoded).toMatchObject({ severity: "ok", unicast: [{ announced: ["10.0.0.1/32"], nextHop: expected }] });
  });

  it("NEXT_HOP beside MP_REACH_NLRI alone -> ignored (RFC 4760 section 3)", () => {
    const attributes = `${reach("00 02 01", `10 ${GLOBAL}`, "00")} ${PATH} 40 03 04 e0 00 00 01`;
    expect(update({ attributes })).toMatchObject({ severity: "ok", unicast: [{ announced: ["::/0"] }] });
  });

  it("the End-of-RIB of each family -> recognised (RFC 4724 section 2)", () => {
    for (const family of FAMILIES) {
      expect(decodeUpdate(encodeEndOfRib(family), EXTERNAL)).toMatchObject({ severity: "ok", endOfRib: family });
      expect(decodeUpdate(encodeEndOfRib(family), { ...EXTERNAL, families: [] })).toMatchObject({
        endOfRib: undefined,
      });
    }
  });

  it("families that were not agreed -> ignored, and counted", () => {
    const attributes = `${reach("00 02 01", `10 ${GLOBAL}`, "00")} ${PATH}`;
    const decoded = update({ attributes, nlri: "08 0a", withdrawn: "08 0b" }, { asOctets: 4, internal: false });
    expect(decoded).toMatchObject({ severity: "ok", unicast: [], ignored: 3 });
  });
});

describe("unicast UPDATE: faults", () => {
  const withdrawn = (family: UnicastFamily, ...routes: string[]) => ({
    severity: "treat-as-withdraw",
    unicast: [{ family, announced: [], withdrawn: routes }],
  });

  it.each([
    ["NEXT_HOP is missing (RFC 7606 3.d)", PATH],
    ["NEXT_HOP has 5 octets (RFC 7606 7.3)", `${PATH} 40 03 05 c0 00 02 01 00`],
    ["NEXT_HOP is 224.0.0.1 (RFC 4271 6.3)", `${PATH} 40 03 04 e0 00 00 01`],
    ["NEXT_HOP is 0.0.0.0 (RFC 4271 6.3)", `${PATH} 40 03 04 00 00 00 00`],
    ["NEXT_HOP is optional by its flags (RFC 7606 3.c)", `${PATH} c0 03 04 c0 00 02 01`],
    ["ORIGIN is missing (RFC 7606 3.d)", `40 02 06 02 01 00 00 fd e9 ${NEXT_HOP}`],
    ["AS_PATH is missing (RFC 7606 3.d)", `40 01 01 00 ${NEXT_HOP}`],
    ["MULTI_EXIT_DISC has 3 octets (RFC 7606 7.4)", `${PATH} ${NEXT_HOP} 80 04 03 00 00 00`],
  ])("classic routes: %s -> withdrawn", (_name, attributes) => {
    expect(update({ attributes, nlri: "08 0a" })).toMatchObject(withdrawn("ipv4-unicast", "10.0.0.0/8"));
  });

  it("classic routes of an internal peer without LOCAL_PREF -> withdrawn (RFC 7606 3.d)", () => {
    const attributes = `${PATH} ${NEXT_HOP}`;
    expect(update({ attributes, nlri: "08 0a" }, INTERNAL)).toMatchObject(withdrawn("ipv4-unicast", "10.0.0.0/8"));
    const whole = update({ attributes: `${attributes} 40 05 04 00 00 00 64`, nlri: "08 0a" }, INTERNAL);
    expect(whole).toMatchObject({ severity: "ok", unicast: [{ announced: ["10.0.0.0/8"] }] });
  });

  it("LOCAL_PREF of an external peer -> discarded, the route stays (RFC 7606 7.5)", () => {
    const decoded = update({ attributes: `${PATH} ${NEXT_HOP} 40 05 04 00 00 00 c8`, nlri: "08 0a" });
    expect(decoded).toMatchObject({ severity: "attribute-discard", unicast: [{ announced: ["10.0.0.0/8"] }] });
    expect(decoded).not.toHaveProperty("attributes.localPref");
  });

  it("a next hop in MP_REACH_NLRI that is a multicast address -> withdrawn", () => {
    const nextHop = "10 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
    const decoded = update({ attributes: `${reach("00 02 01", nextHop, "00")} ${PATH}` });
    expect(decoded).toMatchObject(withdrawn("ipv6-unicast", "::/0"));
  });

  it("a multicast prefix beside a good one -> it alone is withdrawn (RFC 4271 6.3)", () => {
    expect(update({ attributes: `${PATH} ${NEXT_HOP}`, nlri: "08 0a 18 e0 00 00" })).toMatchObject({
      severity: "treat-as-withdraw",
      unicast: [{ announced: ["10.0.0.0/8"], withdrawn: ["224.0.0.0/24"] }],
    });
  });

  it.each([
    ["a classic prefix of 33 bits (RFC 7606 5.3)", { nlri: "21 0a 00 00 00 00" }, 10],
    ["a classic prefix that is cut (RFC 7606 5.3)", { nlri: "18 0a 00" }, 10],
    ["a withdrawn prefix of 40 bits (RFC 7606 5.3)", { withdrawn: "28 0a 00 00 00 00" }, 10],
    [
      "an IPv6 prefix of 129 bits (RFC 7606 5.3)",
      { attributes: `${reach("00 02 01", `10 ${GLOBAL}`, `81 ${GLOBAL} 00`)} ${PATH}` },
      9,
    ],
    [
      "an IPv6 next hop of 4 octets (RFC 7606 7.11)",
      { attributes: `${reach("00 02 01", "04 c0 00 02 01", "00")} ${PATH}` },
      9,
    ],
    ["a next hop of 12 octets", { attributes: `${reach("00 01 01", `0c ${GLOBAL.slice(0, 35)}`, "00")} ${PATH}` }, 9],
    ["MP_UNREACH_NLRI with a cut prefix", { attributes: "80 0f 05 00 02 01 40 20" }, 9],
  ])("%s -> session reset, since the routes cannot be told", (_name, fields, subcode) => {
    expect(update(fields)).toMatchObject({ severity: "session-reset", subcode });
  });
});

describe("unicast next hops", () => {
  it.each(["192.0.2.1", "2001:db8::1"])("%s -> its octets", (address) => {
    expect(decodeNextHop(encodeNextHop({ address: address as IpAddress }), "ipv4-unicast")).toEqual({ address });
  });
});
