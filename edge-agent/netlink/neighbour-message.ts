// RTM_*NEIGH messages (rtnetlink(7), neighbour.h): bridge and vxlan forwarding entries, and IP neighbours.
// One message type for three tables; what tells them apart is the family and NTF_SELF / NTF_MASTER.
//
//   ndmsg:  family:1 | pad:3 | ifindex:4 | state:2 | flags:1 | type:1

import { type IpAddress, isIpv4 } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { Request } from "./link-message.ts";
import type { MessageWriter } from "./message.ts";
import { putIp, putMac, takeIp, takeMac } from "./text-memo.ts";

/** An entry as it goes over the wire. */
export type NeighbourMessage = {
  /** AF_BRIDGE for forwarding entries, else the family of `dst`. */
  readonly family: number;
  readonly index: number;
  readonly state: number;
  readonly flags: number;
  /** The MAC: the key of a forwarding entry, the value of a neighbour. */
  readonly mac: Mac | undefined;
  /** The VTEP of a vxlan entry, or the neighbour's address. */
  readonly dst: IpAddress | undefined;
  /** ifindex of the bridge, on the bridge's own entries. */
  readonly master: number | undefined;
  readonly protocol: number | undefined;
  /** The group of nexthops of a vxlan entry, in place of `dst`. */
  readonly nexthop: number | undefined;
  /** VNI of the other side, if a vxlan entry has one of its own. */
  readonly vni: number | undefined;
};

/** What is written of an entry; `master` never is. */
export type NeighbourChange = Pick<NeighbourMessage, "family" | "index" | "state" | "flags" | "mac"> &
  Partial<Pick<NeighbourMessage, "dst" | "protocol" | "nexthop" | "vni">>;

const NDMSG_BYTES = 12;
const MAC_BYTES = 6;

/** Writes one RTM_NEWNEIGH or RTM_DELNEIGH. */
export function writeNeighbour(writer: MessageWriter, request: Request, entry: NeighbourChange): void {
  writer.begin(request.type, request.flags, request.seq);
  const { buffer, at } = writer.fixed(NDMSG_BYTES);
  buffer.writeUInt8(entry.family, at);
  buffer.writeInt32LE(entry.index, at + 4);
  buffer.writeUInt16LE(entry.state, at + 8);
  buffer.writeUInt8(entry.flags, at + 10);
  if (entry.mac !== undefined) {
    const macAt = writer.room(k.NDA_LLADDR, MAC_BYTES);
    putMac(writer.buffer, macAt, entry.mac);
  }
  if (entry.dst !== undefined) {
    const dstAt = writer.room(k.NDA_DST, isIpv4(entry.dst) ? 4 : 16);
    putIp(writer.buffer, dstAt, entry.dst);
  }
  if (entry.nexthop !== undefined) writer.u32(k.NDA_NH_ID, entry.nexthop);
  if (entry.vni !== undefined) writer.u32(k.NDA_VNI, entry.vni);
  if (entry.protocol !== undefined) writer.u8(k.NDA_PROTOCOL, entry.protocol);
  writer.end();
}

/** One entry as a request: an object without a closure of its own. */
export function neighbourRequest(type: number, flags: number, entry: NeighbourChange): WireRequest {
  return { type, flags, entry, write: writeOwn } as NeighbourRequest;
}

type NeighbourRequest = WireRequest & { readonly entry: NeighbourChange };

function writeOwn(this: NeighbourRequest, writer: MessageWriter, request: Request): void {
  writeNeighbour(writer, request, this.entry);
}

/** The family of an IP neighbour. */
export function ipFamily(ip: IpAddress): number {
  return isIpv4(ip) ? k.AF_INET : k.AF_INET6;
}

/** ifindex of the payload at `at`, the cheap part. */
export function neighbourIndex(buffer: Buffer, at: number): number {
  return buffer.readInt32LE(at + 4);
}

/**
 * Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH. Walks the attributes by hand: a full table is 100,000 of these,
 * and a Map for each would double the time.
 */
export function parseNeighbour(payload: Buffer): NeighbourMessage {
  return parseNeighbourAt(payload, 0, payload.length);
}

/** The same of a payload that is in `buffer` from `start` to `end`. */
export function parseNeighbourAt(buffer: Buffer, start: number, end: number): NeighbourMessage {
  let mac: Mac | undefined;
  let dst: IpAddress | undefined;
  let master: number | undefined;
  let protocol: number | undefined;
  let nexthop: number | undefined;
  let vni: number | undefined;
  for (let at = start + NDMSG_BYTES; at + 4 <= end; ) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > end) throw new RangeError("malformed netlink attribute");
    switch (buffer.readUInt16LE(at + 2) & k.NLA_TYPE_MASK) {
      case k.NDA_LLADDR:
        if (length === 4 + MAC_BYTES) mac = takeMac(buffer, at + 4);
        break;
      case k.NDA_DST:
        dst = takeIp(buffer, at + 4, length - 4);
        break;
      case k.NDA_MASTER:
        master = buffer.readUInt32LE(at + 4);
        break;
      case k.NDA_PROTOCOL:
        protocol = buffer.readUInt8(at + 4);
        break;
      case k.NDA_NH_ID:
        nexthop = buffer.readUInt32LE(at + 4);
        break;
      case k.NDA_VNI:
        vni = buffer.readUInt32LE(at + 4);
        break;
      default:
    }
    at += (length + 3) & ~3;
  }
  return {
    family: buffer.readUInt8(start),
    index: buffer.readInt32LE(start + 4),
    state: buffer.readUInt16LE(start + 8),
    flags: buffer.readUInt8(start + 10),
    mac,
    dst,
    master,
    protocol,
    nexthop,
    vni,
  };
}
