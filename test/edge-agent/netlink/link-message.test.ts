// RTM_NEWLINK: recorded answers of Linux 6.18, and what we write read back by our own reader.

import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../edge-agent/netlink/address-message.ts";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { linkHead, parseLink, writeLink } from "../../../edge-agent/netlink/link-message.ts";
import { MessageWriter, parseMessages } from "../../../edge-agent/netlink/message.ts";
import { ip } from "../../contract/kernel.ts";
import { fromHex, toHex } from "./hex.ts";

/** `ip link show ovx100`, cut to the attributes that we read and some that we do not; INFO_SLAVE_DATA whole. */
const VXLAN_PORT_LINK = `
  00000100 03000000 02100000 00000000
  0b00 0300 6f7678313030 00 00  0800 0d00 e8030000  0500 1000 02000000  0800 0400 dc050000  0800 0a00 02000000
  2200 1400 6f7665727370616e206e65743d626c75652074656e616e743d61636d6500 0000
  8400 1200
    0a00 0100 76786c616e00 0000
    2c00 0200 0800 0100 64000000  0800 0400 c0000201  0500 0500 00000000  0500 0700 00000000  0600 0f00 12b5 0000
    0b00 0400 62726964676500 00
    3c00 0500 0500 0100 00000000  0600 0200 2000 0000  0500 0800 00000000  0500 0900 01000000  0500 1b00 01000000
              0500 2000 01000000  0500 2300 00000000`;

describe("parseLink", () => {
  it("a vxlan device as a bridge's port -> all that the dataplane compares", () => {
    expect(parseLink(fromHex(VXLAN_PORT_LINK))).toEqual({
      index: 3,
      name: "ovx100",
      kind: "vxlan",
      up: false,
      loopback: false,
      mtuBytes: 1500,
      alias: "overspan net=blue tenant=acme",
      master: 2,
      vxlan: { vni: 100, local: "192.0.2.1", udpPort: 4789, learning: false },
      port: { learning: false, neighSuppress: true },
    });
  });

  it("a loopback -> no kind, no master, no alias", () => {
    const hex = "00000403 01000000 49000100 00000000  0700 0300 6c6f00 00  0800 0400 00000100";
    expect(parseLink(fromHex(hex))).toEqual({
      index: 1,
      name: "lo",
      kind: "",
      up: true,
      loopback: true,
      mtuBytes: 65536,
      alias: undefined,
      master: undefined,
      vxlan: undefined,
      port: undefined,
    });
  });

  it("cut anywhere -> read or malformed, nothing else", () => {
    const whole = fromHex(VXLAN_PORT_LINK);
    for (let length = 16; length < whole.length; length++) {
      try {
        parseLink(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });
});

describe("writeLink", () => {
  const request = { type: k.RTM_NEWLINK, flags: k.NLM_F_REQUEST | k.NLM_F_ACK, seq: 1 };
  const written = (change: Parameters<typeof writeLink>[2]): Buffer => {
    const writer = new MessageWriter();
    writeLink(writer, request, change);
    return writer.take();
  };

  it("ip link set ovx100 master ovbr100 -> iproute2's octets", () => {
    const hex = "28000000 1000 0500 01000000 00000000  00000000 03000000 00000000 00000000  0800 0a00 02000000";
    expect(toHex(written({ index: 3, master: 2 }))).toBe(toHex(fromHex(hex)));
  });

  it("a vxlan device and a bridge's port -> read back as written", () => {
    const local = ip("2001:db8::1");
    const message = written({
      index: 7,
      name: "ovx100",
      kind: "vxlan",
      alias: "overspan net=blue tenant=acme",
      mtuBytes: 1430,
      up: true,
      master: 2,
      quietIpv6: true,
      vxlan: { vni: 0xffffff, local, learning: false, udpPort: 4789, sourcePorts: { low: 49152, high: 65535 } },
    });
    const [parsed] = parseMessages(message);
    if (!parsed) throw new Error("no message");
    expect(linkHead(parsed.payload)).toEqual({ family: 0, index: 7 });
    expect(parseLink(parsed.payload)).toMatchObject({
      index: 7,
      name: "ovx100",
      kind: "vxlan",
      up: true,
      alias: "overspan net=blue tenant=acme",
      mtuBytes: 1430,
      master: 2,
      vxlan: {
        vni: 0xffffff,
        local: "2001:db8::1",
        udpPort: 4789,
        learning: false,
        sourcePorts: { low: 49152, high: 65535 },
      },
    });
    const [port] = parseMessages(written({ index: 7, port: { learning: false, neighSuppress: true } }));
    expect(port && parseLink(port.payload).port).toEqual({ learning: false, neighSuppress: true });
  });

  it("nothing about flags given -> none changed", () => {
    expect(written({ index: 7, mtuBytes: 1400 }).readUInt32LE(16 + 12)).toBe(0);
  });
});

describe("parseAddress", () => {
  it("an address -> the local one, with its link", () => {
    const hex = "02208000 01000000  0800 0100 c0000201  0800 0200 c0000201  0700 0300 6c6f00 00";
    expect(parseAddress(fromHex(hex))).toEqual({ index: 1, ip: "192.0.2.1" });
  });
});
