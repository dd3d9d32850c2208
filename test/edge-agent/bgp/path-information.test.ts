import { describe, expect, it } from "vitest";
import { pathInformation } from "../../../edge-agent/bgp/path-information.ts";
import { decodeExtCommunity, encodeExtCommunity } from "../../../edge-agent/bgp/wire/ext-community.ts";
import { fromHex, toHex } from "../../../edge-agent/bgp/wire/hex.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";

const mpReach = { family: "evpn", nextHop: "192.0.2.2" as IpAddress, routes: [], invalid: [], skipped: 0 } as const;
const community = (hex: string) => decodeExtCommunity(fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array(0));

describe("path information", () => {
  it.each([
    ["06 08 01 00 00 00 00 00", { router: true, override: false, immutable: false }],
    ["06 08 02 00 00 00 00 00", { router: false, override: true, immutable: false }],
    ["06 08 08 00 00 00 00 00", { router: false, override: false, immutable: true }],
    ["06 08 0b 00 00 00 00 00", { router: true, override: true, immutable: true }],
  ])("path information: ARP/ND community %s -> its flags, and the same octets back (RFC 9047 2)", (hex, flags) => {
    const decoded = community(hex);
    expect(pathInformation({ mpReach, extCommunities: [decoded] })?.arpNd).toEqual(flags);
    expect(toHex(encodeExtCommunity(decoded))).toBe(hex.replaceAll(" ", ""));
  });

  it("path information: ESI label and ES-Import communities -> how the segment is attached, and whom its routes are for (RFC 7432 7.5, 7.6)", () => {
    const singleActive = community("06 01 01 00 00 00 00 64");
    expect(pathInformation({ mpReach, extCommunities: [singleActive] })?.esiLabel).toEqual({
      singleActive: true,
      label: 100,
    });
    const esImport = community("06 02 02 aa 00 00 00 01");
    expect(pathInformation({ mpReach, extCommunities: [esImport] })?.esImport).toBe("02:aa:00:00:00:01");
    expect(pathInformation({ mpReach })).toMatchObject({ esImport: undefined, esiLabel: undefined, arpNd: undefined });
  });
});
