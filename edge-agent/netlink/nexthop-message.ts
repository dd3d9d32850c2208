// RTM_*NEXTHOP messages (rtnetlink(7), nexthop.h): nexthops for forwarding entries (NHA_FDB), which are an address and no
// link, and groups of them. Routes' nexthops are read as far as to know that their ids are taken.
//
//   nhmsg:        family:1 | scope:1 | protocol:1 | reserved:1 | flags:4
//   nexthop_grp:  id:4 | weight - 1:1 | weight high:1 | reserved:2

import { type IpAddress, ipFromOctets, ipToOctets } from "../../shared/address/ip.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { parseAttributes } from "./message.ts";
import { ipFamily } from "./neighbour-message.ts";

export type NexthopMessage = {
  /** 1..2^32-1, one space for the whole network namespace. */
  readonly id: number;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
  readonly fdb: boolean;
  readonly gateway: IpAddress | undefined;
  /** Ids of the members, if it is a group. */
  readonly group: readonly number[] | undefined;
};

const NHMSG_BYTES = 8;
const GROUP_MEMBER_BYTES = 8;

/** Makes a nexthop or a group; refused with EEXIST if the id is taken. */
export function addNexthop(nexthop: Omit<NexthopMessage, "fdb">): WireRequest {
  const { id, protocol, gateway, group } = nexthop;
  return {
    type: k.RTM_NEWNEXTHOP,
    flags: k.NLM_F_CREATE | k.NLM_F_EXCL,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(NHMSG_BYTES);
      buffer.writeUInt8(gateway === undefined ? k.AF_UNSPEC : ipFamily(gateway), at);
      buffer.writeUInt8(protocol, at + 2);
      writer.u32(k.NHA_ID, id);
      if (gateway !== undefined) writer.octets(k.NHA_GATEWAY, ipToOctets(gateway));
      if (group) {
        const members = Buffer.alloc(group.length * GROUP_MEMBER_BYTES);
        group.forEach((member, index) => members.writeUInt32LE(member, index * GROUP_MEMBER_BYTES));
        writer.octets(k.NHA_GROUP, members);
      }
      writer.octets(k.NHA_FDB, new Uint8Array());
      writer.end();
    },
  };
}

/** Deletes a nexthop or a group, and with it every entry that leads there; a nexthop leaves its groups. */
export function deleteNexthop(id: number): WireRequest {
  return {
    type: k.RTM_DELNEXTHOP,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      writer.fixed(NHMSG_BYTES);
      writer.u32(k.NHA_ID, id);
      writer.end();
    },
  };
}

/** Reads RTM_NEWNEXTHOP or RTM_DELNEXTHOP; undefined for one without an id, which there is none. */
export function parseNexthop(payload: Buffer): NexthopMessage | undefined {
  const attributes = parseAttributes(payload, NHMSG_BYTES);
  const id = attributes.get(k.NHA_ID)?.readUInt32LE(0);
  if (id === undefined) return undefined;
  const gateway = attributes.get(k.NHA_GATEWAY);
  const group = attributes.get(k.NHA_GROUP);
  return {
    id,
    protocol: payload.readUInt8(2),
    fdb: attributes.has(k.NHA_FDB),
    gateway: gateway && ipFromOctets(gateway),
    group: group && membersOf(group),
  };
}

function membersOf(value: Buffer): number[] {
  const members: number[] = [];
  for (let at = 0; at + GROUP_MEMBER_BYTES <= value.length; at += GROUP_MEMBER_BYTES) {
    members.push(value.readUInt32LE(at));
  }
  return members;
}
