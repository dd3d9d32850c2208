// RTM_*NEIGH. The vectors are what iproute2 6.1 sends (seen with strace) and what Linux 6.18 answers to dumps.

import { describe, expect, it } from "vitest";
import { isOwnAddress, isPinned } from "../../../edge-agent/netlink/assemble.ts";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { MessageWriter } from "../../../edge-agent/netlink/message.ts";
import {
  type NeighbourMessage,
  parseNeighbour,
  writeNeighbour,
} from "../../../edge-agent/netlink/neighbour-message.ts";
import { ip, mac } from "../../contract/kernel.ts";
import { fromHex, toHex } from "./hex.ts";

const HEADER_BYTES = 16;
const none = { dst: undefined, master: undefined, protocol: undefined, nexthop: undefined, vni: undefined };
const NEW = k.NLM_F_REQUEST | k.NLM_F_ACK;

type Vector = {
  readonly command: string;
  readonly type: number;
  readonly flags: number;
  readonly entry: NeighbourMessage;
  readonly hex: string;
};

const VECTORS: readonly Vector[] = [
  {
    command: "bridge fdb replace 02:00:00:00:00:01 dev tap1 master static",
    type: k.RTM_NEWNEIGH,
    flags: NEW | k.NLM_F_CREATE | k.NLM_F_REPLACE,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 5,
      state: k.NUD_NOARP | k.NUD_REACHABLE,
      flags: k.NTF_MASTER,
      mac: mac("02:00:00:00:00:01"),
    },
    hex: `28000000 1c00 0505 70eb026b 00000000  07000000 05000000 4200 04 00  0a00 0200 020000000001 0000`,
  },
  {
    command: "bridge fdb replace 02:00:00:00:00:02 dev ovx100 master extern_learn dynamic",
    type: k.RTM_NEWNEIGH,
    flags: NEW | k.NLM_F_CREATE | k.NLM_F_REPLACE,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 3,
      state: k.NUD_REACHABLE,
      flags: k.NTF_MASTER | k.NTF_EXT_LEARNED,
      mac: mac("02:00:00:00:00:02"),
    },
    hex: `28000000 1c00 0505 70eb026b 00000000  07000000 03000000 0200 14 00  0a00 0200 020000000002 0000`,
  },
  {
    command: "bridge fdb replace 02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self extern_learn dynamic",
    type: k.RTM_NEWNEIGH,
    flags: NEW | k.NLM_F_CREATE | k.NLM_F_REPLACE,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 3,
      state: k.NUD_REACHABLE,
      flags: k.NTF_SELF | k.NTF_EXT_LEARNED,
      mac: mac("02:00:00:00:00:02"),
      dst: ip("192.0.2.2"),
    },
    hex: `30000000 1c00 0505 70eb026b 00000000  07000000 03000000 0200 12 00
          0a00 0200 020000000002 0000  0800 0100 c0000202`,
  },
  {
    command: "bridge fdb append 00:00:00:00:00:00 dev ovx100 dst 192.0.2.2 self permanent",
    type: k.RTM_NEWNEIGH,
    flags: NEW | k.NLM_F_CREATE | k.NLM_F_APPEND,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 3,
      state: k.NUD_PERMANENT | k.NUD_NOARP,
      flags: k.NTF_SELF,
      mac: mac("00:00:00:00:00:00"),
      dst: ip("192.0.2.2"),
    },
    hex: `30000000 1c00 050c 70eb026b 00000000  07000000 03000000 c000 02 00
          0a00 0200 000000000000 0000  0800 0100 c0000202`,
  },
  {
    command: "bridge fdb del 02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 self",
    type: k.RTM_DELNEIGH,
    flags: NEW,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 3,
      state: k.NUD_PERMANENT | k.NUD_NOARP,
      flags: k.NTF_SELF,
      mac: mac("02:00:00:00:00:02"),
      dst: ip("192.0.2.2"),
    },
    hex: `30000000 1d00 0500 70eb026b 00000000  07000000 03000000 c000 02 00
          0a00 0200 020000000002 0000  0800 0100 c0000202`,
  },
  {
    command: "bridge fdb replace 02:00:00:00:00:02 dev ovx100 nhid 1325400066 self extern_learn dynamic",
    type: k.RTM_NEWNEIGH,
    flags: NEW | k.NLM_F_CREATE | k.NLM_F_REPLACE,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 3,
      state: k.NUD_REACHABLE,
      flags: k.NTF_SELF | k.NTF_EXT_LEARNED,
      mac: mac("02:00:00:00:00:02"),
      nexthop: 0x4f000002,
    },
    hex: `30000000 1c00 0505 70eb026b 00000000  07000000 03000000 0200 12 00
          0a00 0200 020000000002 0000  0800 0d00 0200004f`,
  },
  {
    command: "bridge fdb replace 02:00:00:00:00:02 dev ovx100 dst 192.0.2.2 vni 7000 self extern_learn dynamic",
    type: k.RTM_NEWNEIGH,
    flags: NEW | k.NLM_F_CREATE | k.NLM_F_REPLACE,
    entry: {
      ...none,
      family: k.AF_BRIDGE,
      index: 3,
      state: k.NUD_REACHABLE,
      flags: k.NTF_SELF | k.NTF_EXT_LEARNED,
      mac: mac("02:00:00:00:00:02"),
      dst: ip("192.0.2.2"),
      vni: 7000,
    },
    hex: `38000000 1c00 0505 70eb026b 00000000  07000000 03000000 0200 12 00
          0a00 0200 020000000002 0000  0800 0100 c0000202  0800 0700 581b0000`,
  },
];

describe("neighbour messages as iproute2 sends them", () => {
  it.each(VECTORS)("$command -> the same octets, both ways", ({ type, flags, entry, hex }) => {
    const { family, index, state, flags: entryFlags, mac: address, dst, nexthop, vni } = entry;
    const sent = { family, index, state, flags: entryFlags, mac: address, dst, nexthop, vni };
    const writer = new MessageWriter();
    writeNeighbour(writer, { type, flags, seq: 0x6b02eb70 }, sent);
    expect(toHex(writer.take())).toBe(toHex(fromHex(hex)));
    expect(parseNeighbour(fromHex(hex).subarray(HEADER_BYTES))).toEqual(entry);
  });

  it("ip neigh replace 10.0.0.7 … nud permanent proto 79 -> read, attributes in another order", () => {
    const hex = `02000000 02000000 8000 00 00  0500 0c00 4f000000  0800 0100 0a000007  0a00 0200 020000000002 0000`;
    expect(parseNeighbour(fromHex(hex))).toEqual({
      family: k.AF_INET,
      index: 2,
      state: k.NUD_PERMANENT,
      flags: 0,
      mac: "02:00:00:00:00:02",
      dst: "10.0.0.7",
      master: undefined,
      protocol: 79,
      nexthop: undefined,
      vni: undefined,
    });
  });

  it("an attribute that is too long, or too short to be one -> malformed", () => {
    const head = "07000000 03000000 0200 14 00";
    expect(() => parseNeighbour(fromHex(`${head} 0c00 0200 020000000002`))).toThrow("malformed netlink attribute");
    expect(() => parseNeighbour(fromHex(`${head} 0300 0200`))).toThrow("malformed netlink attribute");
  });
});

describe("bridge entries as Linux 6.18 dumps them", () => {
  const cache = "0800 0f00 00000000  1400 0300 00000000 b4000000 b4000000 00000000";
  const entry = (hex: string) => parseNeighbour(fromHex(`${hex} 0800 0900 02000000 ${cache}`));

  it("extern_learn, static, and a port's own address -> told apart", () => {
    const extern = entry("07000000 03000000 0200 10 00  0a00 0200 020000000002 0000");
    const pinned = entry("07000000 05000000 4000 00 00  0a00 0200 020000000001 0000");
    const own = entry("07000000 03000000 8000 00 00  0a00 0200 5e9416075c9a 0000");
    const learned = entry("07000000 05000000 0200 00 00  0a00 0200 020000000009 0000");
    expect([extern, pinned, own, learned].map((each) => each.master)).toEqual([2, 2, 2, 2]);
    expect([extern, pinned, learned].map(isPinned)).toEqual([true, true, false]);
    expect([extern, pinned, own, learned].map(isOwnAddress)).toEqual([false, false, true, false]);
  });
});
