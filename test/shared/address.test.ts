import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareIps,
  ipFromOctets,
  ipToOctets,
  isUnicastIp,
  parseIp,
  parseIpv4,
  parseIpv6,
} from "../../shared/address/ip.ts";
import { isMulticastMac, macFromOctets, macToOctets, parseMac } from "../../shared/address/mac.ts";
import { parsePrefix, prefixContains, prefixesOverlap } from "../../shared/address/prefix.ts";
import { parseRouteDistinguisher, rdFromOctets, rdToOctets } from "../../shared/address/rd.ts";
import { autoRouteTarget, parseRouteTarget, rtFromOctets, rtToOctets } from "../../shared/address/rt.ts";
import { type Asn, parseAsn, parseVni, type Vni } from "../../shared/address/vni.ts";

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("mac", () => {
  it("mac: any octets -> text and back", () => {
    fc.assert(
      fc.property(octets(6), (bytes) => {
        const mac = macFromOctets(bytes);
        expect(macToOctets(mac)).toEqual(bytes);
        expect(parseMac(mac.toUpperCase().replaceAll(":", "-"))).toBe(mac);
      }),
    );
  });

  it.each(["", "02:00:00:00:00", "02:00:00:00:00:0g", "02:00:00:00:00:00:00", "0200.0000.0001", " 02:00:00:00:00:01"])(
    "mac: %j -> refused",
    (text) => expect(parseMac(text)).toBeUndefined(),
  );

  it("mac: group bit -> multicast, broadcast included", () => {
    const isGroup = (text: string) => isMulticastMac(parseMac(text) as never);
    expect([isGroup("01:00:5e:00:00:01"), isGroup("ff:ff:ff:ff:ff:ff"), isGroup("02:00:00:00:00:01")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("mac: too few octets -> RangeError, nothing read past the end", () => {
    expect(() => macFromOctets(new Uint8Array(8), 3)).toThrow(RangeError);
  });
});

describe("ip", () => {
  it("ip: any octets -> text and back, and the text parses to itself", () => {
    fc.assert(
      fc.property(fc.oneof(octets(4), octets(16)), (bytes) => {
        const ip = ipFromOctets(bytes);
        expect(ipToOctets(ip)).toEqual(bytes);
        expect(parseIp(ip)).toBe(ip);
      }),
    );
  });

  it.each([
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["fe80::", "fe80::"],
  ])("ip: %s -> %s (RFC 5952 section 4)", (text, canonical) => expect(parseIpv6(text)).toBe(canonical));

  it.each([
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.5",
    "1.2.3.-4",
    "::1::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    ":1",
    "12345::",
    "fe80::1%eth0",
    "::1.2.3",
    "1:2:3:4:5:6:7::8:9",
  ])("ip: %j -> refused", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it("ip: loopback, multicast, unspecified -> not unicast", () => {
    const unicast = [
      "0.0.0.0",
      "127.0.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "ff02::1",
      "::ffff:192.0.2.1",
    ].map((text) => isUnicastIp(parseIp(text) as never));
    expect(unicast).toEqual(unicast.map(() => false));
    expect(isUnicastIp(parseIp("fe80::1") as never)).toBe(true);
  });

  it("ip: order is by number, not by text", () => {
    const [low, high] = [parseIpv4("10.0.0.9"), parseIpv4("10.0.0.10")] as [never, never];
    expect(compareIps(low, high)).toBeLessThan(0);
    expect(compareIps(high, low)).toBeGreaterThan(0);
    expect(compareIps(high, high)).toBe(0);
  });
});

describe("prefix", () => {
  it.each(["10.0.0.1/24", "10.0.0.0/33", "10.0.0.0", "2001:db8::1/64", "::/129", "10.0.0.0/08"])(
    "prefix: %j -> refused",
    (text) => expect(parsePrefix(text)).toBeUndefined(),
  );

  it("prefix: contains its own addresses and no others, of its family only", () => {
    const prefix = parsePrefix("10.1.2.0/23") as never;
    const inside = (text: string) => prefixContains(prefix, parseIp(text) as never);
    expect([inside("10.1.2.0"), inside("10.1.3.255"), inside("10.1.4.0"), inside("::10.1.2.0")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it("prefix: overlap is symmetric", () => {
    const [wide, narrow, other] = ["10.0.0.0/8", "10.9.0.0/16", "11.0.0.0/8"].map(parsePrefix) as [never, never, never];
    expect([prefixesOverlap(wide, narrow), prefixesOverlap(narrow, wide), prefixesOverlap(wide, other)]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("numbers", () => {
  it.each([0, -1, 1.5, 16777216, Number.NaN, Number.POSITIVE_INFINITY])("vni: %d -> refused (RFC 7348)", (value) => {
    expect(parseVni(value)).toBeUndefined();
  });
  it("vni: the ends of the range -> accepted", () => expect([parseVni(1), parseVni(16777215)]).toEqual([1, 16777215]));
  it.each([0, 23456, 65535, 4294967295, 4294967296])("asn: %d -> refused (RFC 6793, 7300, 7607)", (value) => {
    expect(parseAsn(value)).toBeUndefined();
  });
});

describe("route distinguisher and route target", () => {
  it.each([
    ["192.0.2.1:100", "0001c00002010064"],
    ["65000:100", "0000fde800000064"],
    ["4200000001:100", "0002fa56ea010064"],
    ["65000L:7", "00020000fde80007"],
  ])("rd: %s <-> %s (RFC 4364 4.2)", (text, bytes) => {
    expect(hex(rdToOctets(parseRouteDistinguisher(text) as never))).toBe(bytes);
    expect(rdFromOctets(Buffer.from(bytes, "hex"))).toBe(text);
  });

  it.each([
    ["65000:100", "0002fde800000064"],
    ["192.0.2.1:100", "0102c00002010064"],
    ["4200000001:100", "0202fa56ea010064"],
  ])("rt: %s <-> %s (RFC 4360, RFC 5668)", (text, bytes) => {
    expect(hex(rtToOctets(parseRouteTarget(text) as never))).toBe(bytes);
    expect(rtFromOctets(Buffer.from(bytes, "hex"))).toBe(text);
  });

  it.each(["65536:65536", "4294967296:1", "1.2.3.4:65536", "1:4294967296", "a:1", "1", "01:1", "1.2.3.4L:1"])(
    "rd: %j -> refused, a part is out of range",
    (text) => expect(parseRouteDistinguisher(text)).toBeUndefined(),
  );

  it("rt: another community -> undefined", () => {
    expect(rtFromOctets(Buffer.from("030c000000000008", "hex"))).toBeUndefined();
  });

  it("rd: any octets -> text; of types 0 to 2 back to the same octets", () => {
    fc.assert(
      fc.property(octets(8), (bytes) => {
        const rd = rdFromOctets(bytes);
        const type = ((bytes[0] as number) << 8) | (bytes[1] as number);
        if (type <= 2) expect(rdToOctets(rd)).toEqual(bytes);
      }),
    );
  });

  it("rt: automatic of a 4-octet ASN -> its low 16 bits, as FRR derives it", () => {
    expect(autoRouteTarget(4200000002 as Asn, 100 as Vni)).toBe("59906:100");
  });
});
