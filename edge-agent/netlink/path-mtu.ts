// The MTU of the way from a local address to another host, by asking the kernel for the route (RTM_GETROUTE, as
// `ip route get TO from FROM`): what a VTEP on a loopback device can be sure of. Of an ECMP route it is one of the ways.

import { type IpAddress, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import type { Connection, WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { LinkTable } from "./link-table.ts";
import { parseAttributes } from "./message.ts";
import { ipFamily } from "./neighbour-message.ts";

const RTMSG_BYTES = 12;

/** The port's `pathMtu`; where there is no route at all, undefined. */
export function createPathMtu(connection: Connection, links: Pick<LinkTable, "byIndex">) {
  return async (from: IpAddress, to: readonly IpAddress[]): Promise<number | undefined> => {
    let least: number | undefined;
    for (const other of to) {
      if (isIpv4(other) !== isIpv4(from)) continue;
      await connection.ask(routeTo(from, other), ({ type, payload }) => {
        if (type !== k.RTM_NEWROUTE) return;
        const mtu = mtuOf(payload, links);
        if (mtu !== undefined && (least === undefined || mtu < least)) least = mtu;
      });
    }
    return least;
  };
}

function routeTo(from: IpAddress, to: IpAddress): WireRequest {
  return {
    type: k.RTM_GETROUTE,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(RTMSG_BYTES);
      const bits = isIpv4(to) ? 32 : 128;
      buffer.writeUInt8(ipFamily(to), at);
      buffer.writeUInt8(bits, at + 1);
      buffer.writeUInt8(bits, at + 2);
      writer.octets(k.RTA_DST, ipToOctets(to));
      writer.octets(k.RTA_SRC, ipToOctets(from));
      writer.end();
    },
  };
}

/** The route's own MTU if it has one, else that of its link; a way back to ourselves says nothing. */
function mtuOf(payload: Buffer, links: Pick<LinkTable, "byIndex">): number | undefined {
  if (payload.readUInt8(7) !== k.RTN_UNICAST) return undefined;
  const attributes = parseAttributes(payload, RTMSG_BYTES);
  const link = links.byIndex.get(attributes.get(k.RTA_OIF)?.readUInt32LE(0) ?? 0);
  if (!link || link.loopback) return undefined;
  const metrics = attributes.get(k.RTA_METRICS);
  const own = metrics && parseAttributes(metrics).get(k.RTAX_MTU)?.readUInt32LE(0);
  return own ? Math.min(own, link.mtuBytes) : link.mtuBytes;
}
