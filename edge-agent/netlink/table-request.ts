// Requests for tables of the kernel, whole or of one device. Pure.

import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { MessageWriter } from "./message.ts";

const IFINFOMSG_BYTES = 16;
const NDMSG_BYTES = 12;

/** Without the counters, which are nine tenths of each link's message. */
export const LINKS = linkRequest(0);
export const ADDRESSES = tableRequest(k.RTM_GETADDR, k.AF_UNSPEC, 8);
/** All forwarding entries of all bridges and vxlan devices. */
export const FORWARDING = tableRequest(k.RTM_GETNEIGH, k.AF_BRIDGE, NDMSG_BYTES);
export const NEIGHBOURS = tableRequest(k.RTM_GETNEIGH, k.AF_UNSPEC, NDMSG_BYTES);
export const NEXTHOPS = tableRequest(k.RTM_GETNEXTHOP, k.AF_UNSPEC, 8);

/** One link; not a dump. */
export function oneLink(index: number): WireRequest {
  return linkRequest(index);
}

/** One link by its name; not a dump. */
export function oneNamedLink(name: string): WireRequest {
  return linkRequest(0, name);
}

/** Forwarding entries on the ports of a bridge: the bridge's, and those of a vxlan device among the ports. */
export function entriesOnPortsOf(bridge: number): WireRequest {
  return tableRequest(k.RTM_GETNEIGH, k.AF_BRIDGE, NDMSG_BYTES, (writer) => writer.u32(k.NDA_MASTER, bridge));
}

/** Forwarding entries on one device. */
export function entriesOnDevice(index: number): WireRequest {
  return tableRequest(k.RTM_GETNEIGH, k.AF_BRIDGE, NDMSG_BYTES, undefined, index);
}

/** IP neighbours on one device. */
export function neighboursOn(index: number): WireRequest {
  return tableRequest(k.RTM_GETNEIGH, k.AF_UNSPEC, NDMSG_BYTES, (writer) => writer.u32(k.NDA_IFINDEX, index));
}

/** A dump of a table: the family, perhaps an ifindex, and zeros for the rest of the message's fixed part. */
function tableRequest(
  type: number,
  family: number,
  fixedBytes: number,
  attributes?: (writer: MessageWriter) => void,
  index = 0,
): WireRequest {
  return {
    type,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(fixedBytes);
      buffer.writeUInt8(family, at);
      if (index !== 0) buffer.writeInt32LE(index, at + 4);
      attributes?.(writer);
      writer.end();
    },
  };
}

function linkRequest(index: number, name?: string): WireRequest {
  return {
    type: k.RTM_GETLINK,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(IFINFOMSG_BYTES);
      buffer.writeInt32LE(index, at + 4);
      if (name !== undefined) writer.text(k.IFLA_IFNAME, name);
      writer.u32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS);
      writer.end();
    },
  };
}
