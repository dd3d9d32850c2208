// Netlink framing: both directions, random attributes, and datagrams cut or altered anywhere.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as k from "../../../edge-agent/netlink/constants.ts";
import { MessageWriter, parseAttributes, parseErrorReply, parseMessages } from "../../../edge-agent/netlink/message.ts";
import { fromHex } from "./hex.ts";

describe("netlink framing", () => {
  it("any messages with any attributes -> parsed as written, whatever the writer's first capacity", () => {
    const attribute = fc.record({
      type: fc.integer({ min: 1, max: 0x3fff }),
      value: fc.uint8Array({ maxLength: 40 }),
    });
    const message = fc.record({
      type: fc.integer({ min: 16, max: 0xffff }),
      flags: fc.integer({ min: 0, max: 0xffff }),
      seq: fc.integer({ min: 0, max: 0xffffffff }),
      attributes: fc.uniqueArray(attribute, { maxLength: 6, selector: (each) => each.type }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.integer({ min: 1, max: 200 }), (messages, capacity) => {
        const writer = new MessageWriter(capacity);
        for (const { type, flags, seq, attributes } of messages) {
          writer.begin(type, flags, seq);
          for (const { type: each, value } of attributes) writer.octets(each, value);
          writer.end();
        }
        const parsed = parseMessages(writer.take()).map(({ type, flags, seq, payload }) => ({
          type,
          flags,
          seq,
          attributes: [...parseAttributes(payload)].map(([each, value]) => ({ type: each, value: [...value] })),
        }));
        expect(parsed).toEqual(
          messages.map((each) => ({
            ...each,
            attributes: each.attributes.map(({ type, value }) => ({ type, value: [...value] })),
          })),
        );
        expect(writer.take()).toHaveLength(0);
      }),
    );
  });

  it("any octets -> parsed or refused as malformed, never read past the end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        for (const parse of [parseMessages, parseAttributes]) {
          try {
            parse(Buffer.from(octets));
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            expect((error as Error).message).toContain("malformed");
          }
        }
      }),
    );
  });

  it("a header longer than the datagram -> malformed", () => {
    expect(() => parseMessages(fromHex("14000000 0300 0000 01000000 00000000"))).toThrow("malformed netlink message");
    expect(() => parseMessages(fromHex("00000000 0300 0000 01000000 00000000"))).toThrow("malformed netlink message");
  });

  it("nested attributes -> length covers the children, padding included", () => {
    const writer = new MessageWriter();
    writer.begin(16, 0, 1);
    writer.nest(18, () => {
      writer.text(1, "vxlan");
      writer.nest(2, () => writer.u8(7, 0));
    });
    writer.end();
    expect(writer.take()).toEqual(
      fromHex(
        "2c000000 1000 0000 01000000 00000000  1c00 1280  0a00 0100 76786c616e00 0000  0c00 0280 0500 0700 00000000",
      ),
    );
  });
});

describe("parseErrorReply", () => {
  const reply = (flags: number, hex: string) => parseErrorReply({ type: k.NLMSG_ERROR, flags, payload: fromHex(hex) });
  const header = "28000000 1c00 0505 01000000 00000000";

  it("errno 0 -> an acknowledgement", () => {
    expect(reply(k.NLM_F_CAPPED, `00000000 ${header}`)).toEqual({ errno: 0, text: undefined });
  });

  it("capped, with the kernel's words (NETLINK_EXT_ACK) -> both", () => {
    const words = "0f00 0100 4e6f206465766963650000"; // "No device", from linux/netlink.h NLMSGERR_ATTR_MSG
    expect(reply(k.NLM_F_CAPPED | k.NLM_F_ACK_TLVS, `edffffff ${header} ${words}`)).toEqual({
      errno: 19,
      text: "No device",
    });
  });

  it("not capped -> the words follow the whole request", () => {
    const request = `18000000 1c00 0505 01000000 00000000 0102030405060708`;
    expect(reply(k.NLM_F_ACK_TLVS, `efffffff ${request} 0700 0100 6e6f00 00`)).toEqual({ errno: 17, text: "no" });
  });
});
