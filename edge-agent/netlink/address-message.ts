// RTM_NEWADDR and RTM_NEWROUTE (rtnetlink(7)), read only: which addresses this host has, and which links carry routes
// with a gateway. Used to know the underlay's MTU; nothing here is ever written.

import { type IpAddress, ipFromOctets } from "../../shared/address/ip.ts";
import * as k from "./constants.ts";
import { parseAttributes } from "./message.ts";

export type Address = { readonly index: number; readonly ip: IpAddress };

/** A unicast route of the main table, with the links of its next hops. */
export type Route = { readonly family: number; readonly links: readonly number[]; readonly gateway: boolean };

const IFADDRMSG_BYTES = 8;
const RTMSG_BYTES = 12;
const RTNEXTHOP_BYTES = 8;

/** Reads RTM_NEWADDR; on a point-to-point link IFA_LOCAL is ours and IFA_ADDRESS the other end's. */
export function parseAddress(payload: Buffer): Address | undefined {
  const attributes = parseAttributes(payload, IFADDRMSG_BYTES);
  const octets = attributes.get(k.IFA_LOCAL) ?? attributes.get(k.IFA_ADDRESS);
  return octets && { index: payload.readUInt32LE(4), ip: ipFromOctets(octets) };
}

/** Reads RTM_NEWROUTE; undefined for other tables and for routes that are not unicast. */
export function parseRoute(payload: Buffer): Route | undefined {
  const attributes = parseAttributes(payload, RTMSG_BYTES);
  const table = attributes.get(k.RTA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4);
  if (table !== k.RT_TABLE_MAIN || payload.readUInt8(7) !== k.RTN_UNICAST) return undefined;
  const oif = attributes.get(k.RTA_OIF)?.readUInt32LE(0);
  const hops = parseNextHops(attributes.get(k.RTA_MULTIPATH));
  return {
    family: payload.readUInt8(0),
    links: [...(oif === undefined ? [] : [oif]), ...hops.links],
    gateway: attributes.has(k.RTA_GATEWAY) || attributes.has(k.RTA_VIA) || hops.gateway,
  };
}

function parseNextHops(value: Buffer = Buffer.alloc(0)): { links: number[]; gateway: boolean } {
  const links: number[] = [];
  let gateway = false;
  for (let at = 0; at + RTNEXTHOP_BYTES <= value.length; ) {
    const length = value.readUInt16LE(at);
    if (length < RTNEXTHOP_BYTES || at + length > value.length) throw new RangeError("malformed next hop");
    links.push(value.readInt32LE(at + 4));
    const attributes = parseAttributes(value.subarray(at, at + length), RTNEXTHOP_BYTES);
    gateway ||= attributes.has(k.RTA_GATEWAY) || attributes.has(k.RTA_VIA);
    at += (length + 3) & ~3;
  }
  return { links, gateway };
}
