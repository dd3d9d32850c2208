// The decoders of BGP, which read what a peer sends. They never throw and never keep the receive buffer; what they understood
// of routes, paths, capabilities and communities, written again, is understood as the same.

import type { FamilyName } from "../../edge-agent/bgp/family.ts";
import { pathInformation } from "../../edge-agent/bgp/path-information.ts";
import { routeKey } from "../../edge-agent/bgp/route.ts";
import {
  isRouterAdvertisement,
  isRouterSolicitation,
  routerAdvertisement,
  routerSolicitation,
} from "../../edge-agent/bgp/router-advertisement.ts";
import { decodeAsPath, encodeAsPath, mergeAs4Path } from "../../edge-agent/bgp/wire/as-path.ts";
import { decodeAttributes } from "../../edge-agent/bgp/wire/attributes.ts";
import type { UpdateContext } from "../../edge-agent/bgp/wire/attribute-table.ts";
import { decodeCapabilities, encodeCapability } from "../../edge-agent/bgp/wire/capability.ts";
import { decodeEvpnNlri, encodeEvpnRoute } from "../../edge-agent/bgp/wire/evpn-nlri.ts";
import { decodeExtCommunity, encodeExtCommunity } from "../../edge-agent/bgp/wire/ext-community.ts";
import { Framer } from "../../edge-agent/bgp/wire/framer.ts";
import { decodeMessage, encodeMessage, HEADER_OCTETS } from "../../edge-agent/bgp/wire/message.ts";
import {
  decodeNotification,
  describeNotification,
  encodeNotification,
} from "../../edge-agent/bgp/wire/notification.ts";
import { decodeOpen, encodeOpen } from "../../edge-agent/bgp/wire/open.ts";
import { decodePmsi, encodePmsi } from "../../edge-agent/bgp/wire/pmsi-tunnel.ts";
import { Reader } from "../../edge-agent/bgp/wire/reader.ts";
import { decodeNextHop, decodePrefixes, encodePrefix } from "../../edge-agent/bgp/wire/unicast-nlri.ts";
import { decodeUpdate } from "../../edge-agent/bgp/wire/update.ts";
import { Writer } from "../../edge-agent/bgp/wire/writer.ts";
import type { Mac } from "../../shared/address/mac.ts";
import { parsePrefix } from "../../shared/address/prefix.ts";
import { MALFORMED_CASES } from "../edge-agent/bgp/malformed-cases.ts";
import { bodyOf, hex, messageOf } from "../edge-agent/bgp/wire/hex-message.ts";
import { END_OF_RIB_VECTORS, OPEN_VECTORS, UPDATE_VECTORS } from "../vectors/bgp/captured.ts";
import { decodedForGood, mustEqual, type Target } from "./target.ts";

const ALL: readonly FamilyName[] = ["evpn", "ipv4-unicast", "ipv6-unicast"];
const CONTEXTS: readonly UpdateContext[] = [
  { asOctets: 4, internal: true },
  { asOctets: 2, internal: false, families: ALL },
  { asOctets: 4, internal: false, families: ALL },
];

const ROUTER = "02:aa:00:00:00:01" as Mac;
const OPENS = Object.values(OPEN_VECTORS);
const UPDATES = [...UPDATE_VECTORS, ...END_OF_RIB_VECTORS].map((vector) => bodyOf(vector.hex));
const UPDATE_SEEDS = [
  ...UPDATES,
  ...MALFORMED_CASES.map(({ body }) => body),
  // IPv4 in the classic fields, and IPv6 in MP_REACH_NLRI.
  hex("00 04 18 c6 33 64 00 0e 40 01 01 00 40 02 00 40 03 04 0a 00 00 01 18 c6 33 65 20 0a 00 00 07"),
  hex(`00 00 00 31 90 0e 00 1d 00 02 01 10 20 01 0d b8 ${"00 ".repeat(11)} 01 00 40 20 01 0d b8 00 00 00 01 40 01 01 00
    40 02 06 02 01 00 00 fd e8`),
];
/** `lengths(4) attributes` to the attributes. */
const ATTRIBUTE_SEEDS = UPDATES.map((body) => body.subarray(4));
const NLRI_SEEDS = [
  `02 21 00 01 0a 63 00 01 00 02 ${"00 ".repeat(14)} 30 02 aa 00 00 00 01 00 00 00 64`,
  `02 25 00 01 0a 63 00 01 00 02 ${"00 ".repeat(14)} 30 02 aa 00 00 00 01 20 c0 00 02 01 00 00 64`,
  `02 34 00 01 0a 63 00 01 00 02 ${"00 ".repeat(14)} 30 02 aa 00 00 00 01 80 20 01 0d b8 ${"00 ".repeat(12)} 00 00 64 00 13 88`,
  "03 11 00 01 0a 63 00 01 00 02 00 00 00 00 20 0a 63 00 01",
  `01 19 00 01 0a 63 00 01 00 02 00 ${"11 ".repeat(9)} ff ff ff ff 00 00 64`,
  `04 17 00 01 0a 63 00 01 00 02 00 ${"11 ".repeat(9)} 20 0a 63 00 01`,
  `05 22 00 01 0a 63 00 01 00 01 ${"00 ".repeat(14)} 18 c6 33 64 00 00 00 00 00 00 13 88`,
  "09 14 00 01 0a 63 00 01 00 02 00 00 00 00 00 09 fd e8 00 00 00 07",
  "0a 1b 00 01 0a 63 00 01 00 02 00 00 00 05 20 0a 00 00 01 20 ef 01 01 01 20 0a 63 00 01",
  "0b 1b 09 14 00 01 0a 63 00 01 00 02 00 00 00 00 00 09 fd e8 00 00 00 07 20 0a 63 00 02",
].map(hex);

export const BGP_TARGETS: readonly Target[] = [
  {
    name: "framer",
    seeds: [...OPENS, ...UPDATE_VECTORS.map((it) => it.hex), "00 13 04", "00 17 05 00 19 00 46"].map(messageOf),
    words: [new Uint8Array(16).fill(0xff)],
    run(octets) {
      // However TCP cuts the stream, the messages are the same.
      const whole = messagesOf([octets]);
      const cut = (octets[octets.length >> 1] ?? 0) % (octets.length + 1);
      mustEqual(messagesOf([octets.slice(0, cut), octets.slice(cut)]), whole, "cut in two");
    },
  },
  {
    name: "message",
    seeds: [...OPENS, "00 13 04", "00 17 05 00 19 00 46", "00 17 03 06 02 01 41"].map(messageOf),
    run(octets) {
      const message = decodeMessage(octets);
      if ("error" in message || message.type === "UPDATE") return;
      const again = decodeMessage(encodeMessage(message));
      mustEqual(again, message, "written again");
    },
  },
  {
    name: "open",
    seeds: OPENS.map(bodyOf),
    run(octets) {
      const open = decodedForGood(octets, decodeOpen);
      if (!("error" in open)) mustEqual(decodeOpen(encodeOpen(open)), open, "written again");
    },
  },
  {
    name: "capabilities",
    seeds: OPENS.map((it) => bodyOf(it).subarray(12)),
    run(octets) {
      const all = decodedForGood(octets, (it) => decodeCapabilities(new Reader(it)));
      if (!all) return;
      const again = Buffer.concat(all.map(encodeCapability));
      mustEqual(decodeCapabilities(new Reader(again)), all, "written again");
    },
  },
  {
    name: "notification",
    seeds: ["06 02 05 68 65 6c 6c 6f", "06 09 06 02 03 61 62 63", "02 01 00 04", "01 02 00 00"].map(hex),
    run(octets) {
      const notification = decodedForGood(octets, decodeNotification);
      describeNotification(notification);
      if (octets.length >= 2)
        mustEqual(decodeNotification(encodeNotification(notification)), notification, "written again");
    },
  },
  ...CONTEXTS.map(
    (context, i): Target => ({
      name: ["update", "update-2-octet-as", "update-unicast"][i] as string,
      seeds: UPDATE_SEEDS,
      run(octets) {
        const length = octets.length;
        const update = decodedForGood(octets, (it) => decodeUpdate(it, context));
        if (update.severity === "session-reset") return;
        const count = update.announced.length + update.withdrawn.length;
        if (count > length) throw new Error(`${count} routes of ${length} octets`);
        for (const route of [...update.announced, ...update.withdrawn]) routeKey(route);
        const path = pathInformation(update.attributes);
        if (update.announced.length > 0 && !path) throw new Error("routes without a path");
      },
    }),
  ),
  {
    name: "attributes",
    seeds: ATTRIBUTE_SEEDS,
    run(octets) {
      for (const context of CONTEXTS) decodedForGood(octets.slice(), (it) => decodeAttributes(new Reader(it), context));
    },
  },
  {
    name: "evpn-nlri",
    seeds: NLRI_SEEDS,
    run(octets) {
      const nlri = decodedForGood(octets, (it) => decodeEvpnNlri(new Reader(it)));
      if ("error" in nlri) return;
      for (const route of nlri.routes) {
        const parsed = route.type === "ip-prefix" ? parsePrefix(route.prefix) : route.rd;
        if (parsed === undefined) throw new Error(`${routeKey(route)} is no route`);
      }
      const again = decodeEvpnNlri(new Reader(Buffer.concat(nlri.routes.map(encodeEvpnRoute))));
      mustEqual("error" in again ? again : again.routes, nlri.routes, "written again");
    },
  },
  ...(["ipv4-unicast", "ipv6-unicast"] as const).map(
    (family): Target => ({
      name: family,
      seeds: [
        "18 c6 33 64",
        "00",
        "20 c6 33 64 01 19 c6 33 64 80",
        `40 20 01 0d b8 00 00 00 01 80 ${"20 ".repeat(16)}`,
      ].map(hex),
      run(octets) {
        const next = decodedForGood(octets.slice(), (it) => decodeNextHop(it, family));
        if (next && octets.length < 4) throw new Error("a next hop of nothing");
        const nlri = decodedForGood(octets, (it) => decodePrefixes(new Reader(it), family));
        if ("error" in nlri) return;
        const again = decodePrefixes(new Reader(Buffer.concat(nlri.routes.map(encodePrefix))), family);
        mustEqual("error" in again ? again : again.routes, nlri.routes, "written again");
      },
    }),
  ),
  {
    name: "pmsi",
    seeds: ["00 06 00 00 64 0a 63 00 01", `00 06 00 00 64 ${"20 ".repeat(16)}`, "01 03 00 00 00 e0 00 00 01"].map(hex),
    run(octets) {
      const pmsi = decodedForGood(octets, (it) => decodePmsi(new Reader(it)));
      if (!pmsi) return;
      const writer = new Writer(32);
      encodePmsi(pmsi, writer);
      mustEqual(decodePmsi(new Reader(writer.finish())), pmsi, "written again");
    },
  },
  {
    name: "ext-community",
    seeds: [
      "03 0c 00 00 00 00 00 08",
      "00 02 fd e8 00 00 00 64",
      "01 02 0a 00 00 01 00 64",
      "02 02 00 01 00 00 00 64",
      "06 00 01 00 00 00 00 07",
      "06 01 01 00 00 00 00 64",
      "06 02 02 aa 00 00 00 01",
      "06 03 02 aa 00 00 00 01",
      "06 08 0b 00 00 00 00 00",
      "03 0d 00 00 00 00 00 00",
      "06 09 00 81 00 00 00 00",
    ].map(hex),
    run(octets) {
      const eight = new Uint8Array(8);
      eight.set(octets.subarray(0, 8));
      const community = decodedForGood(eight, decodeExtCommunity);
      mustEqual(decodeExtCommunity(encodeExtCommunity(community)), community, "written again");
    },
  },
  {
    name: "as-path",
    seeds: ["02 02 00 00 fd e8 00 01 00 00", "01 01 00 00 fd e9 02 01 00 00 00 01", "02 01 fd e8"].map(hex),
    run(octets) {
      const [two, four] = ([2, 4] as const).map((asOctets) => {
        const path = decodedForGood(octets.slice(), (it) => decodeAsPath(new Reader(it), asOctets));
        if (!path) return undefined;
        const writer = new Writer(64);
        encodeAsPath(path, writer, asOctets);
        mustEqual(decodeAsPath(new Reader(writer.finish()), asOctets), path, "written again");
        return path;
      });
      if (two && four) mergeAs4Path(two, four);
    },
  },
  {
    name: "router-advertisement",
    seeds: [
      routerAdvertisement(ROUTER),
      routerSolicitation(ROUTER),
      hex(`86 00 ${"00 ".repeat(14)} 03 04 ${"00 ".repeat(30)}`),
    ],
    run(octets) {
      if (isRouterAdvertisement(octets) && isRouterSolicitation(octets)) throw new Error("both of the two");
      if (isRouterAdvertisement(octets) && octets.length % 8 !== 0) throw new Error("options that do not fill it");
    },
  },
];

/** What a framer makes of chunks: the lengths of messages, then an error or nothing. */
function messagesOf(chunks: readonly Uint8Array[]): unknown[] {
  const framer = new Framer();
  const told: unknown[] = [];
  for (const chunk of chunks) {
    framer.push(
      chunk,
      (message) => {
        if (message.length < HEADER_OCTETS) throw new Error("a message without a header");
        told.push([...message]);
        return true;
      },
      ({ error }) => told.push(error.code, error.subcode),
    );
  }
  return told;
}
