// RTM_*NEIGH messages (rtnetlink(7), neighbour.h): bridge and vxlan forwarding entries, and IP neighbours.
// One message type for three tables; what tells them apart is the family and NTF_SELF / NTF_MASTER.
//
//   ndmsg:  family:1 | pad:3 | ifindex:4 | state:2 | flags:1 | type:1

import { type IpAddress, ipFromOctets, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Mac, macFromOctets, writeMac } from "../../shared/address/mac.ts";
import * as k from "./constants.ts";
import type { Request } from "./link-message.ts";
import type { MessageWriter } from "./message.ts";

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

/** Writes one RTM_NEWNEIGH or RTM_DELNEIGH. */
export function writeNeighbour(writer: MessageWriter, request: Request, entry: NeighbourChange): void {
  writer.begin(request.type, request.flags, request.seq);
  const { buffer, at } = writer.fixed(NDMSG_BYTES);
  buffer.writeUInt8(entry.family, at);
  buffer.writeInt32LE(entry.index, at + 4);
  buffer.writeUInt16LE(entry.state, at + 8);
  buffer.writeUInt8(entry.flags, at + 10);
  if (entry.mac !== undefined) writer.octets(k.NDA_LLADDR, macOctets(entry.mac));
  if (entry.dst !== undefined) writer.octets(k.NDA_DST, ipToOctets(entry.dst));
  if (entry.nexthop !== undefined) writer.u32(k.NDA_NH_ID, entry.nexthop);
  if (entry.vni !== undefined) writer.u32(k.NDA_VNI, entry.vni);
  if (entry.protocol !== undefined) writer.u8(k.NDA_PROTOCOL, entry.protocol);
  writer.end();
}

/** The family of an IP neighbour. */
export function ipFamily(ip: IpAddress): number {
  return isIpv4(ip) ? k.AF_INET : k.AF_INET6;
}

/** ifindex of a payload, the cheap part. */
export function neighbourIndex(payload: Buffer): number {
  return payload.readInt32LE(4);
}

/**
 * Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH. Walks the attributes by hand: a full table is 100,000 of these,
 * and a Map for each would double the time.
 */
export function parseNeighbour(payload: Buffer): NeighbourMessage {
  let mac: Mac | undefined;
  let dst: IpAddress | undefined;
  let master: number | undefined;
  let protocol: number | undefined;
  let nexthop: number | undefined;
  let vni: number | undefined;
  for (let at = NDMSG_BYTES; at + 4 <= payload.length; ) {
    const length = payload.readUInt16LE(at);
    if (length < 4 || at + length > payload.length) throw new RangeError("malformed netlink attribute");
    switch (payload.readUInt16LE(at + 2) & k.NLA_TYPE_MASK) {
      case k.NDA_LLADDR:
        if (length === 10) mac = macFromOctets(payload, at + 4);
        break;
      case k.NDA_DST:
        dst = address(payload, at + 4, length - 4);
        break;
      case k.NDA_MASTER:
        master = payload.readUInt32LE(at + 4);
        break;
      case k.NDA_PROTOCOL:
        protocol = payload.readUInt8(at + 4);
        break;
      case k.NDA_NH_ID:
        nexthop = payload.readUInt32LE(at + 4);
        break;
      case k.NDA_VNI:
        vni = payload.readUInt32LE(at + 4);
        break;
      default:
    }
    at += (length + 3) & ~3;
  }
  return {
    family: payload.readUInt8(0),
    index: payload.readInt32LE(4),
    state: payload.readUInt16LE(8),
    flags: payload.readUInt8(10),
    mac,
    dst,
    master,
    protocol,
    nexthop,
    vni,
  };
}

/** Other families' neighbours (DECnet once, now none) have addresses that are not ours to read. */
function address(payload: Buffer, at: number, length: number): IpAddress | undefined {
  if (length === 4) return ipFromOctets(payload.subarray(at, at + 4));
  return length === 16 ? ipFromOctets(payload.subarray(at, at + 16)) : undefined;
}

const scratch = new Uint8Array(6);

/** The writer copies at once, so one array serves all calls. */
function macOctets(mac: Mac): Uint8Array {
  writeMac(mac, scratch);
  return scratch;
}
