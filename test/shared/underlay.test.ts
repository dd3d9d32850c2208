// What the API takes of a host's part in the underlay, and what an older agent makes of what a newer cloud sends.

import { describe, expect, it } from "vitest";
import { BgpFamilies, HostUnderlay, PlacedUnderlay } from "../../shared/model/underlay.ts";

const faults = (value: unknown) =>
  HostUnderlay.safeParse(value).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

describe("underlay: accepted prefixes", () => {
  it.each([
    { prefix: "10.0.0.0/16" },
    { prefix: "10.0.0.0/16", ge: 32, le: 32 },
    { prefix: "0.0.0.0/0", le: 32 },
    { prefix: "2001:db8::/32", ge: 128 },
  ])("%j -> taken as it is", (entry) => {
    expect(HostUnderlay.parse({ accept: [entry] })).toEqual({ accept: [entry] });
  });

  it.each([
    { prefix: "10.0.0.0/16", ge: 8 },
    { prefix: "10.0.0.0/16", ge: 32, le: 24 },
    { prefix: "10.0.0.0/16", le: 33 },
    { prefix: "2001:db8::/32", le: 129 },
  ])("%j -> refused: bounds in the wrong order or beyond the family", (entry) => {
    expect(faults({ accept: [entry] })).not.toEqual([]);
  });

  it("an unknown field -> refused by the API, ignored by an agent", () => {
    const later = { announceVtep: true, accept: [{ prefix: "10.0.0.0/16", later: 1 }], later: 1 };
    expect(faults(later)).toHaveLength(2);
    expect(PlacedUnderlay.parse(later)).toEqual({ announceVtep: true, accept: [{ prefix: "10.0.0.0/16" }] });
  });
});

describe("families of a peer", () => {
  it.each([[[]], [["evpn", "evpn"]], [["ipv4-multicast"]]])("%j -> refused", (families) => {
    expect(BgpFamilies.safeParse(families).success).toBe(false);
  });

  it("unicast alone -> taken", () => {
    expect(BgpFamilies.parse(["ipv4-unicast", "ipv6-unicast"])).toEqual(["ipv4-unicast", "ipv6-unicast"]);
  });
});
