// RTM_*ADDR messages (if_addr.h) for the addresses of anycast gateways: with the length of their subnet, and without
// duplicate address detection, since every host has the same ones.
//
//   ifaddrmsg:  family:1 | prefix length:1 | flags:1 | scope:1 | ifindex:4

import { type IpAddress, ipFromOctets, ipToOctets, isLinkLocal } from "../../shared/address/ip.ts";
import type { Gateway } from "../dataplane/router-state.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { parseAttributes } from "./message.ts";
import { ipFamily } from "./neighbour-message.ts";

const IFADDRMSG_BYTES = 8;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;

/** Adds (success if it is there) or deletes an address of a link. */
export function gatewayRequest(act: "add" | "delete", index: number, { ip, length }: Gateway): WireRequest {
  const add = act === "add";
  return {
    type: add ? k.RTM_NEWADDR : k.RTM_DELADDR,
    flags: add ? k.NLM_F_CREATE | k.NLM_F_REPLACE : 0,
    write: (writer, { type, flags, seq }) => {
      writer.begin(type, flags, seq);
      const { buffer, at } = writer.fixed(IFADDRMSG_BYTES);
      buffer.writeUInt8(ipFamily(ip), at);
      buffer.writeUInt8(length, at + 1);
      buffer.writeUInt8(isLinkLocal(ip) ? SCOPE_LINK : SCOPE_UNIVERSE, at + 3);
      buffer.writeUInt32LE(index, at + 4);
      writer.octets(k.IFA_LOCAL, ipToOctets(ip));
      writer.octets(k.IFA_ADDRESS, ipToOctets(ip));
      if (add) writer.u32(k.IFA_FLAGS, k.IFA_F_NODAD);
      writer.end();
    },
  };
}

/** The link, the address and its subnet's length of RTM_NEWADDR or RTM_DELADDR; undefined without an address. */
export function parseGateway(payload: Buffer): (Gateway & { readonly index: number }) | undefined {
  const attributes = parseAttributes(payload, IFADDRMSG_BYTES);
  const octets = attributes.get(k.IFA_LOCAL) ?? attributes.get(k.IFA_ADDRESS);
  const ip: IpAddress | undefined = octets && ipFromOctets(octets);
  return ip === undefined ? undefined : { index: payload.readUInt32LE(4), ip, length: payload.readUInt8(1) };
}
