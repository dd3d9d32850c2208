// RTM_*RULE messages (fib_rules.h): the two kinds of routing rule that tenant routers need, "ask the table of the VRF" and
// "ask the table of the host's own addresses", without any selector. Rules with one are read as none of them.
//
//   fib_rule_hdr:  family:1 | dst bits:1 | src bits:1 | tos:1 | table:1 | reserved:2 | action:1 | flags:4

import type { RoutingRule } from "../dataplane/router-kernel.ts";
import { ROUTE_PROTOCOL } from "../dataplane/router-state.ts";
import type { WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { parseAttributes } from "./message.ts";

const HEADER_BYTES = 12;
/** What a rule may carry without choosing among packets: table, priority, l3mdev, protocol, suppressions, padding. */
const NO_SELECTORS: ReadonlySet<number> = new Set([6, 13, 14, 15, 18, 19, 21]);

/** Adds (EEXIST if it is there) or deletes a rule; `add` of the kernel's own place, priority 0, is as the kernel's. */
export function ruleRequest(act: "add" | "delete", rule: Omit<RoutingRule, "ours">): WireRequest {
  const { family, lookup, priority } = rule;
  const add = act === "add";
  return {
    type: add ? k.RTM_NEWRULE : k.RTM_DELRULE,
    flags: add ? k.NLM_F_CREATE | k.NLM_F_EXCL : 0,
    write: (writer, { type, flags, seq }) => {
      writer.begin(type, flags, seq);
      const { buffer, at } = writer.fixed(HEADER_BYTES);
      buffer.writeUInt8(family === "ipv4" ? k.AF_INET : k.AF_INET6, at);
      buffer.writeUInt8(lookup === "local" ? k.RT_TABLE_LOCAL : k.RT_TABLE_UNSPEC, at + 4);
      buffer.writeUInt8(k.FR_ACT_TO_TBL, at + 7);
      writer.u32(k.FRA_PRIORITY, priority);
      if (lookup === "vrf") writer.u8(k.FRA_L3MDEV, 1);
      if (add) writer.u8(k.FRA_PROTOCOL, priority === 0 ? k.RTPROT_KERNEL : ROUTE_PROTOCOL);
      writer.end();
    },
  };
}

/** Reads RTM_NEWRULE; undefined for rules of other families, actions and tables, and for those with a selector. */
export function parseRule(payload: Buffer): RoutingRule | undefined {
  const family = payload.readUInt8(0);
  const selects = payload.readUInt8(1) + payload.readUInt8(2) + payload.readUInt8(3) > 0;
  const action = payload.readUInt8(7);
  if ((family !== k.AF_INET && family !== k.AF_INET6) || selects || action !== k.FR_ACT_TO_TBL) return undefined;
  const attributes = parseAttributes(payload, HEADER_BYTES);
  if ([...attributes.keys()].some((type) => !NO_SELECTORS.has(type))) return undefined;
  const table = attributes.get(k.FRA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4);
  const vrf = attributes.get(k.FRA_L3MDEV)?.readUInt8(0) === 1;
  if (!vrf && table !== k.RT_TABLE_LOCAL) return undefined;
  return {
    family: family === k.AF_INET ? "ipv4" : "ipv6",
    lookup: vrf ? "vrf" : "local",
    priority: attributes.get(k.FRA_PRIORITY)?.readUInt32LE(0) ?? 0,
    ours: attributes.get(k.FRA_PROTOCOL)?.readUInt8(0) === ROUTE_PROTOCOL,
  };
}
