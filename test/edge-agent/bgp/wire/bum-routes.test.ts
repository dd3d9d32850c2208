// The route types of RFC 9572, by hand from its layouts: no daemon at hand sends them.

import { expect, it } from "vitest";
import { type EvpnRoute, routeKey } from "../../../../edge-agent/bgp/route.ts";
import { decodeEvpnNlri, encodeEvpnRoute } from "../../../../edge-agent/bgp/wire/evpn-nlri.ts";
import { toHex } from "../../../../edge-agent/bgp/wire/hex.ts";
import { Reader } from "../../../../edge-agent/bgp/wire/reader.ts";
import { namesOf } from "../../../../edge-agent/local/route-text.ts";
import { describePrefix } from "../../../../shared/text/evpn-route.ts";
import { hex } from "./hex-message.ts";

const RD = "00 01 c0 00 02 01 00 64";
const REGION = "00 09 fd e8 00 00 00 07";
const PER_REGION = `09 14 ${RD} 00 00 00 00 ${REGION}`;

it.each<[string, string, object, string]>([
  [
    "per-region I-PMSI (3.1)",
    PER_REGION,
    { type: "per-region-i-pmsi", rd: "192.0.2.1:100", ethernetTag: 0, region: "0009fde800000007" },
    "[9]:[0]:[0009fde800000007]",
  ],
  [
    "S-PMSI of one flow (3.2)",
    `0a 1b ${RD} 00 00 00 05 20 0a 00 00 01 20 ef 01 01 01 20 c0 00 02 01`,
    {
      type: "s-pmsi",
      rd: "192.0.2.1:100",
      ethernetTag: 5,
      source: "10.0.0.1",
      group: "239.1.1.1",
      originator: "192.0.2.1",
    },
    "[10]:[5]:[10.0.0.1]:[239.1.1.1]:[32]:[192.0.2.1]",
  ],
  [
    "S-PMSI of all sources and groups (3.2, RFC 6625)",
    `0a 13 ${RD} 00 00 00 00 00 00 20 c0 00 02 01`,
    { type: "s-pmsi", rd: "192.0.2.1:100", ethernetTag: 0, originator: "192.0.2.1" },
    "[10]:[0]:[*]:[*]:[32]:[192.0.2.1]",
  ],
  [
    "Leaf of a per-region I-PMSI (3.3)",
    `0b 1b ${PER_REGION} 20 c0 00 02 02`,
    { type: "leaf", rd: "192.0.2.1:100", route: PER_REGION.replaceAll(" ", ""), originator: "192.0.2.2" },
    `[11]:[${PER_REGION.replaceAll(" ", "")}]:[32]:[192.0.2.2]`,
  ],
])("EVPN NLRI: %s -> read, shown, and written alike (RFC 9572)", (_, octets, route, shown) => {
  expect(decodeEvpnNlri(new Reader(hex(octets)))).toEqual({ routes: [route], invalid: [], skipped: 0 });
  expect(toHex(encodeEvpnRoute(route as EvpnRoute))).toBe(octets.replaceAll(" ", ""));
  expect(describePrefix(route as EvpnRoute)).toBe(shown);
  expect(namesOf(route as EvpnRoute)).not.toEqual([]);
  expect(routeKey(route as EvpnRoute)).toMatch(/^(9|10|11)\|/);
});

it.each([
  ["per-region I-PMSI, too short", `09 0c ${RD} 00 00 00 00`],
  ["per-region I-PMSI, too long", `09 15 ${RD} 00 00 00 00 ${REGION} 00`],
  ["S-PMSI with a source of 33 bits", `0a 13 ${RD} 00 00 00 00 21 00 20 c0 00 02 01`],
  ["Leaf without an originator", `0b 16 ${PER_REGION}`],
  ["Leaf of a route that is cut", `0b 03 09 14 00`],
])("EVPN NLRI: %s -> skipped like an unknown type, its neighbours are read", (_, octets) => {
  const field = decodeEvpnNlri(new Reader(hex(`${octets} ${PER_REGION}`)));
  expect(field).toMatchObject({ routes: [{ type: "per-region-i-pmsi" }], skipped: 1 });
});
