// The parsers of what the kernel sends. A length that points outside of its message is a RangeError, which the connection
// takes as a message to be left out; any other exception, or no end, is a fault.

import { parseAddress } from "../../edge-agent/netlink/address-message.ts";
import { linkHead, parseLink } from "../../edge-agent/netlink/link-message.ts";
import { type NetlinkMessage, parseErrorReply, parseMessages } from "../../edge-agent/netlink/message.ts";
import { parseNeighbour } from "../../edge-agent/netlink/neighbour-message.ts";
import { parseNexthop } from "../../edge-agent/netlink/nexthop-message.ts";
import { parseRouteMessage, routeTable } from "../../edge-agent/netlink/route-message.ts";
import { hex } from "../edge-agent/bgp/wire/hex-message.ts";
import type { Target } from "./target.ts";

const ROUTE = `02 20 00 00 00 4f 00 01 04000000 0800 0f00 a0860100 0800 0100 0a010007 0800 0500 c0000202
  0800 0400 07000000`;
const MULTIPATH = `02 00 00 00 fe 4f 00 01 00000000 2c00 0900 1000 00 01 03000000 0800 0500 c0000201
  1800 00 00 04000000 0e00 1200 0a00 fe80 000000000000 0000000000000001 0000`;
const NEIGHBOUR = `07 00 00 00 07000000 8000 02 00 0a00 0200 02aa00000001 0000 0800 0100 c6336401 0800 0900 04000000
  0500 0c00 4f000000`;
const ADDRESS = "02 18 00 00 03000000 0800 0100 c0000201 0800 0200 c0000201";
const LINK = `00 00 0100 03000000 43100000 ffffffff 0b00 0300 6f76783130300000 0800 0400 dc050000 0800 0a00 04000000
  3800 1200 0a00 0100 7678 6c616e0000 00 2400 0200 0800 0100 64000000 0800 0400 c0000201 0600 0f00 12b50000
  0500 0700 00000000`;

export const NETLINK_TARGETS: readonly Target[] = [
  target(
    "netlink-datagram",
    [messageOf("18", ROUTE), messageOf("1c", NEIGHBOUR), messageOf("02", "fffffff000000000")],
    (octets) => {
      for (const message of parseMessages(octets)) parseOne(message);
    },
  ),
  target("netlink-link", [hex(LINK)], (octets) => {
    linkHead(octets);
    parseLink(octets);
  }),
  target("netlink-neighbour", [hex(NEIGHBOUR)], (octets) => parseNeighbour(octets)),
  target("netlink-route", [hex(ROUTE), hex(MULTIPATH)], (octets) => {
    routeTable(octets);
    parseRouteMessage(octets);
    parseNexthop(octets);
  }),
  target("netlink-address", [hex(ADDRESS)], (octets) => parseAddress(octets)),
];

function target(name: string, seeds: readonly Uint8Array[], parse: (octets: Buffer) => unknown): Target {
  return {
    name,
    seeds,
    run(octets) {
      try {
        parse(Buffer.from(octets));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    },
  };
}

function parseOne(message: NetlinkMessage): void {
  const { payload } = message;
  parseErrorReply(message);
  if (message.type === 0x18) parseRouteMessage(payload);
  else if (message.type === 0x1c) parseNeighbour(payload);
  else if (message.type === 0x10) parseLink(payload);
}

/** `length(4) type(2) flags(2) sequence(4) port(4)`, in the machine's order. */
function messageOf(type: string, payload: string): Uint8Array {
  const octets = hex(payload);
  const whole = Buffer.alloc(16 + octets.length);
  whole.writeUInt32LE(whole.length, 0);
  whole.writeUInt16LE(Number.parseInt(type, 16), 4);
  whole.set(octets, 16);
  return whole;
}
