// RTM_NEWADDR (rtnetlink(7)), read only: which addresses this host has. Nothing here is ever written.

import { type IpAddress, ipFromOctets } from "../../shared/address/ip.ts";
import * as k from "./constants.ts";
import { parseAttributes } from "./message.ts";

export type Address = { readonly index: number; readonly ip: IpAddress };

const IFADDRMSG_BYTES = 8;

/** Reads RTM_NEWADDR; on a point-to-point link IFA_LOCAL is ours and IFA_ADDRESS the other end's. */
export function parseAddress(payload: Buffer): Address | undefined {
  const attributes = parseAttributes(payload, IFADDRMSG_BYTES);
  const octets = attributes.get(k.IFA_LOCAL) ?? attributes.get(k.IFA_ADDRESS);
  return octets && { index: payload.readUInt32LE(4), ip: ipFromOctets(octets) };
}
