// The flags of a bridge port in RTM_NEWLINK (if_link.h of Linux 6.18, IFLA_BRPORT_*). They can only follow the enslaving: the
// kernel looks for the master before it reads them.

import type { PortFlags } from "../dataplane/host-ports.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";

const IFLA_BRPORT_UNICAST_FLOOD = 9;
const IFLA_BRPORT_MCAST_FLOOD = 27;
const IFLA_BRPORT_BCAST_FLOOD = 30;
const IFLA_BRPORT_ISOLATED = 33;
const IFINFOMSG_BYTES = 16;

/** Of the three flags of flooding, all: whoever changed one of them changed the port. */
export function flagsOf(data: ReadonlyMap<number, Buffer>): PortFlags {
  const on = (type: number): boolean => data.get(type)?.readUInt8(0) === 1;
  return {
    learning: on(k.IFLA_BRPORT_LEARNING),
    isolated: on(IFLA_BRPORT_ISOLATED),
    flood: on(IFLA_BRPORT_UNICAST_FLOOD) && on(IFLA_BRPORT_MCAST_FLOOD) && on(IFLA_BRPORT_BCAST_FLOOD),
  };
}

/** The request that sets them, of an interface that is on a bridge. */
export function setFlags(index: number, flags: PortFlags): WireRequest {
  const one = (value: boolean): number => (value ? 1 : 0);
  return {
    type: k.RTM_NEWLINK,
    flags: 0,
    write: (writer, request) => {
      writer.begin(request.type, request.flags, request.seq);
      const { buffer, at } = writer.fixed(IFINFOMSG_BYTES);
      buffer.writeInt32LE(index, at + 4);
      writer.nest(k.IFLA_LINKINFO, () => {
        writer.text(k.IFLA_INFO_SLAVE_KIND, "bridge");
        writer.nest(k.IFLA_INFO_SLAVE_DATA, () => {
          writer.u8(k.IFLA_BRPORT_LEARNING, one(flags.learning));
          writer.u8(IFLA_BRPORT_ISOLATED, one(flags.isolated));
          for (const type of [IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD]) {
            writer.u8(type, one(flags.flood));
          }
        });
      });
      writer.end();
    },
  };
}
