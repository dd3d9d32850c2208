// RTM_*ROUTE messages (rtnetlink(7), rtnetlink.h): unicast, blackhole and unreachable routes of any table, with one next
// hop, several (ECMP), or a nexthop object. An IPv4 route may go by an IPv6 neighbour (RTA_VIA, RFC 8950).
//
//   rtmsg:      family:1 | dst bits:1 | src bits:1 | tos:1 | table:1 | protocol:1 | scope:1 | type:1 | flags:4
//   rtnexthop:  length:2 | flags:1 | weight - 1:1 | ifindex:4 | attributes (RTA_GATEWAY or RTA_VIA)
//
// Source routing, TOS and route metrics (RTAX_*) are neither written nor read.

import { type IpAddress, ipFromOctets, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import { type Prefix, parsePrefix, prefixAddress, prefixLength } from "../../shared/address/prefix.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { Request } from "./link-message.ts";
import { type MessageWriter, parseAttributes } from "./message.ts";

/** One way of a route. */
export type RouteHop = {
  /** ifindex; 0 leaves it to the kernel, which then needs `via`. */
  readonly index: number;
  /** The neighbour; absent: the destination is on the link. Of either family for an IPv4 route. */
  readonly via?: IpAddress | undefined;
  /** `via` counts as on the link though no prefix there holds it. */
  readonly onlink?: boolean | undefined;
  /** 1..256, the share of an ECMP route; default 1. */
  readonly weight?: number | undefined;
};

export type RouteMessage = {
  readonly prefix: Prefix;
  /** 1..2^32-1. */
  readonly table: number;
  /** RTPROT_*: who made it; 0..255. */
  readonly protocol: number;
  readonly type: "unicast" | "blackhole" | "unreachable";
  /** RTA_PRIORITY. The kernel makes 1024 of an IPv6 route's 0 (IP6_RT_PRIO_USER). */
  readonly metric: number;
  readonly hops: readonly RouteHop[];
  readonly prefSrc?: IpAddress | undefined;
  /** A nexthop object in place of `hops`. When read, `hops` says what it stands for. */
  readonly nexthopId?: number | undefined;
};

const RTMSG_BYTES = 12;
const RTNEXTHOP_BYTES = 8;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;

const TYPES: Readonly<Record<RouteMessage["type"], number>> = {
  unicast: k.RTN_UNICAST,
  blackhole: k.RTN_BLACKHOLE,
  unreachable: k.RTN_UNREACHABLE,
};

/**
 * Adds a route, or puts it in the place of what has its prefix, table and metric, in one step. Of an IPv6 ECMP route all
 * ways are replaced (since Linux 4.11).
 */
export function replaceRoute(route: RouteMessage): WireRequest {
  return request(k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_REPLACE, route);
}

/** Adds a route; EEXIST if there is one with its prefix, table and metric. */
export function addRoute(route: RouteMessage): WireRequest {
  return request(k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_EXCL, route);
}

/** Deletes the route with this prefix, table, metric and protocol, whatever its ways; ESRCH if there is none. */
export function deleteRoute(route: Pick<RouteMessage, "prefix" | "table" | "metric" | "protocol">): WireRequest {
  return {
    type: k.RTM_DELROUTE,
    flags: 0,
    write: (writer, head) => writeRoute(writer, head, { ...route, type: undefined, hops: [] }),
  };
}

/** A dump of both families; the kernel sends every table, since it heeds a filter only on a strictly checked socket. */
export const ROUTE_DUMP: WireRequest = {
  type: k.RTM_GETROUTE,
  flags: 0,
  write: (writer, { type, flags, seq }) => {
    writer.begin(type, flags, seq);
    writer.fixed(RTMSG_BYTES);
    writer.end();
  },
};

function request(type: number, flags: number, route: RouteMessage): WireRequest {
  return { type, flags, write: (writer, head) => writeRoute(writer, head, route) };
}

/** `type` undefined: RTM_DELROUTE of whatever type it is. */
function writeRoute(
  writer: MessageWriter,
  head: Request,
  route: Omit<RouteMessage, "type"> & { readonly type: RouteMessage["type"] | undefined },
): void {
  const { prefix, table, metric, hops, prefSrc, nexthopId } = route;
  const address = prefixAddress(prefix);
  const [only] = hops.length === 1 ? hops : [];
  writer.begin(head.type, head.flags, head.seq);
  const { buffer, at } = writer.fixed(RTMSG_BYTES);
  buffer.writeUInt8(isIpv4(address) ? k.AF_INET : k.AF_INET6, at);
  buffer.writeUInt8(prefixLength(prefix), at + 1);
  // Tables above 255 go into the attribute only.
  buffer.writeUInt8(table < 256 ? table : k.RT_TABLE_UNSPEC, at + 4);
  buffer.writeUInt8(route.protocol, at + 5);
  buffer.writeUInt8(scopeOf(route), at + 6);
  buffer.writeUInt8(route.type === undefined ? 0 : TYPES[route.type], at + 7);
  if (only?.onlink) buffer.writeUInt32LE(k.RTNH_F_ONLINK, at + 8);
  writer.u32(k.RTA_TABLE, table);
  if (prefixLength(prefix) > 0) writer.octets(k.RTA_DST, ipToOctets(address));
  if (metric > 0) writer.u32(k.RTA_PRIORITY, metric);
  if (prefSrc !== undefined) writer.octets(k.RTA_PREFSRC, ipToOctets(prefSrc));
  if (nexthopId !== undefined) writer.u32(k.RTA_NH_ID, nexthopId);
  else if (only) {
    if (only.via !== undefined) writer.octets(...viaAttribute(address, only.via));
    if (only.index > 0) writer.u32(k.RTA_OIF, only.index);
  } else if (hops.length > 1) {
    writer.octets(k.RTA_MULTIPATH, Buffer.concat(hops.map((hop) => multipathHop(address, hop))));
  }
  writer.end();
}

/** The kernel refuses a way without a gateway unless the route's scope is the link (fib_check_nh). */
function scopeOf({ type, hops, nexthopId }: Pick<RouteMessage, "hops" | "nexthopId"> & { type: unknown }): number {
  // 255, "nowhere", matches any scope in a deletion.
  if (type === undefined) return 255;
  const direct = type === "unicast" && nexthopId === undefined && hops.every((hop) => hop.via === undefined);
  return direct ? SCOPE_LINK : SCOPE_UNIVERSE;
}

function viaAttribute(destination: IpAddress, via: IpAddress): [number, Uint8Array] {
  const octets = ipToOctets(via);
  if (isIpv4(destination) === isIpv4(via)) return [k.RTA_GATEWAY, octets];
  return [k.RTA_VIA, Buffer.concat([Uint8Array.of(k.AF_INET6, 0), octets])];
}

function multipathHop(destination: IpAddress, { index, via, onlink, weight = 1 }: RouteHop): Buffer {
  const [type, value] = via === undefined ? [0, new Uint8Array()] : viaAttribute(destination, via);
  const attributeBytes = via === undefined ? 0 : 4 + value.length;
  const padded = (attributeBytes + 3) & ~3;
  const hop = Buffer.alloc(RTNEXTHOP_BYTES + padded);
  hop.writeUInt16LE(hop.length, 0);
  hop.writeUInt8(onlink ? k.RTNH_F_ONLINK : 0, 2);
  hop.writeUInt8(weight - 1, 3);
  hop.writeInt32LE(index, 4);
  if (via !== undefined) {
    hop.writeUInt16LE(attributeBytes, RTNEXTHOP_BYTES);
    hop.writeUInt16LE(type, RTNEXTHOP_BYTES + 2);
    hop.set(value, RTNEXTHOP_BYTES + 4);
  }
  return hop;
}

/** The table of any RTM_*ROUTE payload, without reading the rest: most tables are not ours. */
export function routeTable(payload: Buffer): number {
  const table = payload.readUInt8(4);
  // The octet says 252 ("compat") for tables that do not fit in it.
  if (table !== k.RT_TABLE_UNSPEC && table !== k.RT_TABLE_COMPAT) return table;
  return parseAttributes(payload, RTMSG_BYTES).get(k.RTA_TABLE)?.readUInt32LE(0) ?? table;
}

/** Reads RTM_NEWROUTE or RTM_DELROUTE; undefined for other families, cached routes, and other types than the three. */
export function parseRouteMessage(payload: Buffer): RouteMessage | undefined {
  const family = payload.readUInt8(0);
  const kind = payload.readUInt8(7);
  const type = (Object.keys(TYPES) as RouteMessage["type"][]).find((each) => TYPES[each] === kind);
  const flags = payload.readUInt32LE(8);
  if ((family !== k.AF_INET && family !== k.AF_INET6) || type === undefined || flags & k.RTM_F_CLONED) return undefined;
  const attributes = parseAttributes(payload, RTMSG_BYTES);
  const address = attributes.get(k.RTA_DST) ?? Buffer.alloc(family === k.AF_INET ? 4 : 16);
  const prefix = parsePrefix(`${ipFromOctets(address)}/${payload.readUInt8(1)}`);
  if (prefix === undefined) return undefined;
  const prefSrc = attributes.get(k.RTA_PREFSRC);
  const nexthopId = attributes.get(k.RTA_NH_ID)?.readUInt32LE(0);
  return {
    prefix,
    table: attributes.get(k.RTA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    type,
    metric: attributes.get(k.RTA_PRIORITY)?.readUInt32LE(0) ?? 0,
    hops: type === "unicast" ? parseHops(attributes, flags) : [],
    ...(prefSrc && { prefSrc: ipFromOctets(prefSrc) }),
    ...(nexthopId !== undefined && { nexthopId }),
  };
}

function parseHops(attributes: ReadonlyMap<number, Buffer>, flags: number): RouteHop[] {
  const multipath = attributes.get(k.RTA_MULTIPATH);
  if (!multipath) {
    const index = attributes.get(k.RTA_OIF)?.readUInt32LE(0) ?? 0;
    const via = parseVia(attributes);
    return index === 0 && via === undefined ? [] : [hopOf(index, via, flags, 1)];
  }
  const hops: RouteHop[] = [];
  for (let at = 0; at + RTNEXTHOP_BYTES <= multipath.length; ) {
    const length = multipath.readUInt16LE(at);
    if (length < RTNEXTHOP_BYTES || at + length > multipath.length) throw new RangeError("malformed next hop");
    const via = parseVia(parseAttributes(multipath.subarray(at, at + length), RTNEXTHOP_BYTES));
    hops.push(hopOf(multipath.readInt32LE(at + 4), via, multipath.readUInt8(at + 2), multipath.readUInt8(at + 3) + 1));
    at += (length + 3) & ~3;
  }
  return hops;
}

function hopOf(index: number, via: IpAddress | undefined, flags: number, weight: number): RouteHop {
  const onlink = (flags & k.RTNH_F_ONLINK) !== 0;
  return { index, ...(via !== undefined && { via }), ...(onlink && { onlink }), ...(weight > 1 && { weight }) };
}

function parseVia(attributes: ReadonlyMap<number, Buffer>): IpAddress | undefined {
  const gateway = attributes.get(k.RTA_GATEWAY) ?? attributes.get(k.RTA_VIA)?.subarray(2);
  return gateway && ipFromOctets(gateway);
}
