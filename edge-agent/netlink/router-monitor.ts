// Which of the kernel's notifications concern tenant routers and were not caused by us. Pure but for its memory of which
// links are theirs. A wrong guess costs one comparison too many: forwarding entries and switches do not say whose hand it
// was, so our own writes of those are compared once more.

import { vrfOfTable } from "../dataplane/router-state.ts";
import * as k from "./constants.ts";
import { type L3Link, parseL3Link } from "./l3-link-message.ts";
import { linkHead } from "./link-message.ts";
import { type NetlinkMessage, parseAttributes } from "./message.ts";
import { routeTable } from "./route-message.ts";
import { roleOf } from "./router-tables.ts";

export type RouterMonitor = {
  /** True if the notification means "compare again"; `ownPort` is the port that our requests come from. */
  concerns(message: NetlinkMessage, ownPort: number): boolean;
  /** A dump saw these links. */
  onDump(links: readonly L3Link[]): void;
  /** The vxlan devices of L3 VNIs, by ifindex. */
  vxlans(): ReadonlySet<number>;
};

const NETCONFMSG_BYTES = 4;
const NETCONFA_IFINDEX = 1;

export function createRouterMonitor(): RouterMonitor {
  const ours = new Set<number>();
  const vxlans = new Set<number>();

  const onLink = (payload: Buffer): boolean => {
    const { family, index } = linkHead(payload);
    // AF_BRIDGE: flags of a bridge port.
    if (family !== k.AF_UNSPEC) return false;
    const link = parseL3Link(payload);
    // A VRF or a vxlan device of others may stand in the way, or no longer.
    return ours.has(index) || roleOf(link) !== undefined || link.kind === "vrf" || link.kind === "vxlan";
  };

  return {
    concerns: (message, ownPort) => {
      const { type, payload, port } = message;
      const own = port === ownPort;
      switch (type) {
        case k.RTM_NEWLINK:
        case k.RTM_DELLINK:
          return !own && onLink(payload);
        case k.RTM_NEWADDR:
        case k.RTM_DELADDR:
          return !own;
        case k.RTM_NEWRULE:
        case k.RTM_DELRULE:
          return !own;
        case k.RTM_NEWROUTE:
        case k.RTM_DELROUTE:
          return !own && payload.readUInt8(5) !== k.RTPROT_KERNEL && vrfOfTable(routeTable(payload)) !== undefined;
        case k.RTM_NEWNEIGH:
        case k.RTM_DELNEIGH:
          return !own && vxlans.has(payload.readInt32LE(4));
        case k.RTM_NEWNETCONF: {
          const index = parseAttributes(payload, NETCONFMSG_BYTES).get(NETCONFA_IFINDEX)?.readInt32LE(0);
          return index !== undefined && ours.has(index);
        }
        default:
          return false;
      }
    },
    onDump: (links) => {
      ours.clear();
      vxlans.clear();
      for (const link of links) {
        const role = roleOf(link);
        if (!role) continue;
        ours.add(link.index);
        if (role.kind === "vxlan") vxlans.add(link.index);
      }
    },
    vxlans: () => vxlans,
  };
}
