// What a host announces and accepts in the underlay.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { missingPolicy, underlayPolicy } from "../../../edge-agent/underlay/policy.ts";
import type { IpAddress, Ipv6 } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { type AcceptedPrefix, HostUnderlay } from "../../../shared/model/underlay.ts";
import { TOR1, VTEP } from "./routes.ts";

const EXTERNAL = { external: true };
const INTERNAL = { external: false };
const nextHop = { address: TOR1 };

function refusal(accept: readonly unknown[], prefix: string) {
  const underlay = HostUnderlay.parse({ accept });
  return underlayPolicy(VTEP, underlay).refuse(prefix as Prefix, nextHop, EXTERNAL);
}

describe("underlay policy: what is announced", () => {
  it.each([
    [VTEP, `${VTEP}/32`],
    ["2001:db8::1" as IpAddress, "2001:db8::1/128"],
  ])("the VTEP %s -> that address, and nothing else ever", (vtep, prefix) => {
    expect(underlayPolicy(vtep, { announceVtep: true }).announce).toEqual([prefix]);
    expect(underlayPolicy(vtep, { announceVtep: false }).announce).toEqual([]);
    expect(underlayPolicy(vtep, {}).announce).toEqual([]);
    expect(underlayPolicy(vtep, undefined).announce).toEqual([]);
  });
});

describe("underlay policy: what is accepted", () => {
  it("no configuration -> nothing, of anybody; none for acceptance -> nothing of external peers (RFC 8212)", () => {
    const prefix = "10.0.0.2/32" as Prefix;
    expect(underlayPolicy(VTEP, undefined).refuse(prefix, nextHop, EXTERNAL)).toBe("no-policy");
    expect(underlayPolicy(VTEP, undefined).refuse(prefix, nextHop, INTERNAL)).toBe("no-policy");
    expect(underlayPolicy(VTEP, {}).refuse(prefix, nextHop, EXTERNAL)).toBe("no-policy");
    expect(underlayPolicy(VTEP, {}).refuse(prefix, nextHop, INTERNAL)).toBeUndefined();
  });

  it("which direction lacks policy -> as FRR's (Policy) says, of external peers only", () => {
    expect(missingPolicy(undefined, EXTERNAL)).toEqual({ in: true, out: true });
    expect(missingPolicy({ announceVtep: true }, EXTERNAL)).toEqual({ in: true, out: false });
    expect(missingPolicy({ accept: [] }, EXTERNAL)).toEqual({ in: false, out: true });
    expect(missingPolicy(undefined, INTERNAL)).toEqual({ in: false, out: false });
  });

  it.each<[AcceptedPrefix["prefix"] | string, object, string[], string[]]>([
    ["10.0.0.0/16", {}, ["10.0.0.0/16"], ["10.0.0.0/17", "10.0.0.0/15", "10.0.0.2/32"]],
    ["10.0.0.0/16", { ge: 32 }, ["10.0.0.2/32"], ["10.0.0.0/16", "10.1.0.2/32", "10.0.0.0/31"]],
    ["10.0.0.0/16", { le: 24 }, ["10.0.0.0/16", "10.0.9.0/24"], ["10.0.0.0/25", "10.0.0.0/8"]],
    ["10.0.0.0/16", { ge: 20, le: 24 }, ["10.0.16.0/20", "10.0.1.0/24"], ["10.0.0.0/19", "10.0.0.0/25"]],
    ["0.0.0.0/0", {}, ["0.0.0.0/0"], ["10.0.0.0/8", "::/0"]],
    ["0.0.0.0/0", { le: 32 }, ["0.0.0.0/0", "10.0.0.2/32"], ["2001:db8::/32"]],
    ["2001:db8::/32", { ge: 128 }, ["2001:db8::2/128"], ["2001:db8::/64", "2001:db9::2/128", "10.0.0.2/32"]],
  ])("%s %j -> %j, and not %j", (prefix, bounds, inside, outside) => {
    for (const each of inside) expect([each, refusal([{ prefix, ...bounds }], each)]).toEqual([each, undefined]);
    for (const each of outside) expect([each, refusal([{ prefix, ...bounds }], each)]).toEqual([each, "prefix"]);
  });

  it("this host's own VTEP, reflected by anybody -> refused whatever the list says", () => {
    expect(refusal([{ prefix: "0.0.0.0/0", le: 32 }], `${VTEP}/32`)).toBe("own-prefix");
  });

  it("a next hop that is not in the list -> refused; a link-local one -> it is the link's", () => {
    const policy = underlayPolicy(
      VTEP,
      HostUnderlay.parse({ accept: [{ prefix: "0.0.0.0/0" }], nextHops: ["192.0.2.0/24"] }),
    );
    const everything = "0.0.0.0/0" as Prefix;
    expect(policy.refuse(everything, nextHop, EXTERNAL)).toBeUndefined();
    expect(policy.refuse(everything, { address: "198.51.100.1" as IpAddress }, EXTERNAL)).toBe("next-hop");
    const linkLocal = "fe80::1" as Ipv6;
    expect(policy.refuse(everything, { address: linkLocal, linkLocal }, EXTERNAL)).toBeUndefined();
  });

  it("an empty list -> nothing", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 32, max: 32 }), (address, bits) => {
        expect(refusal([], `${address}/${bits}`)).toMatch(/prefix/);
      }),
    );
  });
});
