// Texts found again by octets: whatever was written before, what is read is what the octets say.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { putIp, putMac, takeIp, takeMac } from "../../../edge-agent/netlink/text-memo.ts";
import { ipFromOctets } from "../../../shared/address/ip.ts";
import { macFromOctets } from "../../../shared/address/mac.ts";
import { ip, mac } from "../../contract/kernel.ts";

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("text memo", () => {
  it("MACs: any written before, any read -> the text of the octets", () => {
    fc.assert(
      fc.property(fc.array(octets(6), { minLength: 1, maxLength: 50 }), fc.array(octets(6)), (written, others) => {
        const buffer = Buffer.alloc(8);
        for (const each of written) {
          putMac(buffer, 1, macFromOctets(each));
          expect(new Uint8Array(buffer.subarray(1, 7))).toEqual(each);
        }
        for (const each of [...written, ...others]) expect(takeMac(Buffer.from(each), 0)).toBe(macFromOctets(each));
      }),
    );
  });

  it("IP addresses: any written before, any read -> the text of the octets", () => {
    const any = fc.oneof(octets(4), octets(16));
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 50 }), fc.array(any), (written, others) => {
        for (const each of written) {
          const buffer = Buffer.alloc(16);
          putIp(buffer, 0, ipFromOctets(each));
          expect(new Uint8Array(buffer.subarray(0, each.length))).toEqual(each);
        }
        for (const each of [...written, ...others]) {
          expect(takeIp(Buffer.from(each), 0, each.length)).toBe(ipFromOctets(each));
        }
      }),
    );
  });

  it("texts: those that share a place -> the newest is known, the other is read, both are right", () => {
    const buffer = Buffer.alloc(6);
    const all = Array.from({ length: 20_000 }, (_, i) => Buffer.from([2, 0, 0, i >> 16, (i >> 8) & 255, i & 255]));
    for (const each of all) putMac(buffer, 0, macFromOctets(each));
    for (const each of all) expect(takeMac(each, 0)).toBe(macFromOctets(each));
  });

  it("octets: cut off, or of no IP address -> RangeError, undefined", () => {
    putMac(Buffer.alloc(6), 0, mac("02:00:00:00:00:01"));
    putIp(Buffer.alloc(4), 0, ip("192.0.2.1"));
    expect(() => takeMac(Buffer.from([2, 0, 0, 0, 0]), 0)).toThrow(RangeError);
    expect(takeIp(Buffer.alloc(20), 0, 20)).toBeUndefined();
  });
});
