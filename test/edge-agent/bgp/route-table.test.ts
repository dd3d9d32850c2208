import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EvpnRoute, routeKey } from "../../../edge-agent/bgp/route.ts";
import { RouteTable, sameContent } from "../../../edge-agent/bgp/route-table.ts";
import { evpnRoute } from "./wire/arbitraries.ts";

describe("route table", () => {
  it("any sets and deletes -> what a map by route key holds", () => {
    const step = fc.record({ route: evpnRoute, act: fc.constantFrom("set", "set", "delete"), again: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = new RouteTable<EvpnRoute>();
        const model = new Map<string, EvpnRoute>();
        steps.forEach(({ route, act, again }, i) => {
          // Now and then a route that was there before.
          const subject = again > 2 ? route : (steps[i - again - 1]?.route ?? route);
          if (act === "set") {
            table.set(subject, subject);
            model.set(routeKey(subject), subject);
          } else {
            table.delete(subject);
            model.delete(routeKey(subject));
          }
          expect(table.size).toBe(model.size);
          expect(table.get(subject)).toBe(model.get(routeKey(subject)));
        });
        expect(new Set(table.values())).toEqual(new Set(model.values()));
        table.clear();
        expect([table.size, [...table.values()]]).toEqual([0, []]);
      }),
    );
  });

  it("two forms of one route -> the same content only if they are equal", () => {
    fc.assert(
      fc.property(evpnRoute, fc.integer({ min: 1, max: 0xffffff }), (route, vni) => {
        expect(sameContent(route, { ...route })).toBe(true);
        if ("vni" in route) expect(sameContent(route, { ...route, vni } as EvpnRoute)).toBe(vni === route.vni);
      }),
    );
  });
});
