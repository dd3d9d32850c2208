// Properties: subnets against a plain model of addresses, merge patches, ids, and that every plan keeps its books:
// one resource, one change of the same version, no item twice.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergePatch } from "../../../functions/domain/command.ts";
import { changeEndpoint, createEndpoint, deleteEndpoint } from "../../../functions/domain/endpoint.ts";
import { moveEndpoint } from "../../../functions/domain/endpoint-move.ts";
import { createIds, isChangeId } from "../../../functions/domain/ids.ts";
import { addressRefusal, subnetRefusals, subnetsOnlyWiden } from "../../../functions/domain/subnet.ts";
import type { Decision } from "../../../functions/domain/write.ts";
import { writeKey } from "../../../functions/store/key.ts";
import { type IpAddress, ipFromOctets } from "../../../shared/address/ip.ts";
import { type Prefix, parsePrefix } from "../../../shared/address/prefix.ts";
import { Slug } from "../../../shared/model/fields.ts";
import { EndpointPatch } from "../../../shared/model/resource.ts";
import { aHost, aNetwork, anEndpoint, CONTEXT, live, newEndpoint, placed } from "./domain-facts.ts";

// A small world, 10.0.0.0/27, so that prefixes and addresses meet often.
const WORLD = Array.from({ length: 32 }, (_, last) => ipFromOctets(Uint8Array.of(10, 0, 0, last)));
const prefix = fc
  .tuple(fc.integer({ min: 27, max: 32 }), fc.integer({ min: 0, max: 31 }))
  .map(([length, host]) => parse(`10.0.0.${host & (0xff << (32 - length))}/${length}`));
const subnets = fc.array(prefix, { maxLength: 4 }).filter((list) => subnetRefusals(list).length === 0);
const address = fc.constantFrom(...WORLD);

describe("subnets", () => {
  test("overlap: refused exactly if two of them share an address", () => {
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 4 }), (list) => {
        const seen = list.flatMap((one) => WORLD.filter((ip) => inside(one, ip)));
        expect(subnetRefusals(list).length > 0).toBe(new Set(seen).size < seen.length);
      }),
    );
  });

  test("address: allowed exactly if in one of them and not its first or last, of three or more", () => {
    fc.assert(
      fc.property(subnets, address, (list, ip) => {
        const home = list.find((one) => inside(one, ip));
        const all = home ? WORLD.filter((other) => inside(home, other)) : [];
        const reserved = all.length > 2 && (ip === all[0] || ip === all.at(-1));
        const allowed = list.length === 0 || (home !== undefined && !reserved);
        expect(addressRefusal("ips.0", ip, list) === undefined).toBe(allowed);
      }),
    );
  });

  test("widening: if it is called one, no address that was allowed is refused after it", () => {
    fc.assert(
      fc.property(subnets, subnets, (before, after) => {
        if (!subnetsOnlyWiden(before, after)) return;
        for (const ip of WORLD) {
          if (addressRefusal("", ip, before) === undefined) expect(addressRefusal("", ip, after)).toBeUndefined();
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("widening: itself, or more of them, always is one", () => {
    fc.assert(
      fc.property(
        subnets.filter((list) => list.length > 0),
        (list) => {
          expect(subnetsOnlyWiden(list.slice(0, 1), list)).toBe(true);
          expect(subnetsOnlyWiden(list, list)).toBe(true);
        },
      ),
    );
  });
});

describe("merge patch (RFC 7396)", () => {
  test("patched twice with the same -> as once; with nothing -> as before", () => {
    fc.assert(
      fc.property(fc.object(), fc.object(), (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
        expect(mergePatch(target, {})).toEqual(target);
      }),
    );
  });

  test.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("RFC 7396 appendix A: %j with %j -> %j", (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });
});

test("plans of endpoints: one resource, one change of its version, no item twice, what is given back was held", () => {
  const network = live(aNetwork(["10.0.0.0/27"]));
  const host = live(aHost());
  const ips = fc.uniqueArray(address, { maxLength: 6 });
  const identity = { network: "web", id: "vm1" };
  fc.assert(
    fc.property(ips, ips, fc.constantFrom("h1", "h2"), (before, after, to) => {
      const endpoint = live(anEndpoint(before));
      const patch = EndpointPatch.parse({ ips: after });
      const facts = placed({ network, host, endpoint });
      const gone = placed({ network, host, endpoint: { state: "deleted", version: 3 } });
      check(createEndpoint(gone, newEndpoint(after), CONTEXT));
      check(changeEndpoint(facts, { ...identity, patch }, CONTEXT));
      check(moveEndpoint(facts, { ...identity, host: to }, CONTEXT));
      check(deleteEndpoint(facts, identity, CONTEXT));
    }),
  );
});

test("ids: of resources are slugs, of changes sort by time and are told from other text", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(255)), fc.nat(2 ** 45), fc.nat(2 ** 45), (stream, a, b) => {
      const ids = createIds((octets) => Uint8Array.from({ length: octets }, () => stream.next().value ?? 0));
      for (const kind of ["tenant", "site", "host", "network", "endpoint"] as const) {
        expect(Slug.safeParse(ids.resource(kind)).success).toBe(true);
      }
      const [first, second] = [ids.change(Math.min(a, b)), ids.change(Math.max(a, b))];
      expect(isChangeId(first)).toBe(true);
      if (a !== b) expect(first < second).toBe(true);
    }),
  );
  for (const text of ["", "none", "u".repeat(26), "0".repeat(25), "0".repeat(27)]) expect(isChangeId(text)).toBe(false);
});

function check<T extends { version: number }>(decision: Decision<T>): void {
  if (decision.kind === "refused" || decision.writes.length === 0) return;
  const resources = decision.writes.filter((write) => write.write === "resource");
  const records = decision.writes.filter((write) => write.write === "record");
  expect([resources.length, records.length]).toEqual([1, 1]);
  expect(records[0]?.change).toMatchObject({ id: CONTEXT.change, version: decision.resource.version, at: CONTEXT.at });
  expect(resources[0]?.resource).toBe(decision.resource);
  const keys = decision.writes.map((write) => `${writeKey(write).pk} ${writeKey(write).sk}`);
  expect(new Set(keys).size).toBe(keys.length);
}

/** By counting, not by masking as the code under test does. */
function inside(subnet: Prefix, ip: IpAddress): boolean {
  const [base = "", length = ""] = subnet.split("/");
  const last = (text: string) => Number(text.split(".")[3]);
  return last(ip) >= last(base) && last(ip) < last(base) + 2 ** (32 - Number(length));
}

function parse(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`not a prefix: ${text}`);
  return parsed;
}
