import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import { ExportSet } from "../../../edge-agent/bgp/export-set.ts";
import type { ExportedRoute } from "../../../edge-agent/bgp/route.ts";
import { routeKey } from "../../../edge-agent/bgp/route.ts";
import { exportOf } from "./scripted-peer.ts";

const keyOf = (n: number): string => routeKey(exportOf(n).nlri);

describe("export set", () => {
  it.each([
    ["whole sets", false],
    ["sets made by single changes", true],
  ])("any %s, one after the other -> exactly the differences are told", (_, byChanges) => {
    const route = fc.tuple(fc.nat(8), fc.nat(2));
    const set = fc.uniqueArray(route, { selector: ([n]) => n, maxLength: 9 });
    fc.assert(
      fc.property(fc.array(set, { maxLength: 12 }), (sets) => {
        const exports = new ExportSet();
        let before = new Map<string, number>();
        for (const routes of sets) {
          const now = new Map(routes.map(([n, sequence]) => [keyOf(n), sequence]));
          const wanted = routes.map(([n, sequence]) => exportOf(n, { sequence, sticky: false }));
          const { announce, withdraw } = byChanges
            ? exports.change([
                ...Array.from(before.keys(), (key) => ({ key, route: undefined })),
                ...wanted.map((it) => ({ key: routeKey(it.nlri), route: it })),
              ])
            : exports.replace(wanted);
          const changed = [...now].filter(([key, sequence]) => before.get(key) !== sequence).map(([key]) => key);
          expect(announce.map(({ key }) => key).toSorted()).toEqual(changed.toSorted());
          expect([...withdraw].toSorted()).toEqual([...before.keys()].filter((key) => !now.has(key)).toSorted());
          expect(new Set(Array.from(exports.values(), ({ key }) => key))).toEqual(new Set(now.keys()));
          before = now;
        }
      }),
    );
  });

  it("an equal set of new objects -> nothing is announced, and the held ones stay the same objects", () => {
    const exports = new ExportSet();
    exports.replace([exportOf(1), exportOf(2)]);
    const held = [...exports.values()];
    expect(exports.replace([exportOf(2), exportOf(1)])).toEqual({ announce: [], withdraw: [], unsendable: [] });
    expect([...exports.values()]).toEqual(held);
  });

  it("a route that no message can hold -> left out, and withdrawn if it was told before", () => {
    const exports = new ExportSet();
    exports.replace([exportOf(1)]);
    const routeTargets = Array.from({ length: 600 }, (_, i) => `65000:${i + 1}` as RouteTarget);
    const large: ExportedRoute = { ...exportOf(1), routeTargets };
    const { announce, withdraw, unsendable } = exports.replace([large]);
    expect([announce, withdraw, unsendable.map(({ key }) => key)]).toEqual([[], [keyOf(1)], [keyOf(1)]]);
  });

  it("a change of label, target, next hop or tunnel -> announced again", () => {
    const exports = new ExportSet();
    const base = exportOf(1);
    const forms: ExportedRoute[] = [
      base,
      { ...base, routeTargets: ["65000:200" as RouteTarget] },
      { ...base, mobility: { sequence: 0, sticky: true } },
      { ...base, nlri: { ...base.nlri, vni: 7 } as ExportedRoute["nlri"] },
    ];
    expect(forms.map((form) => exports.replace([form]).announce.length)).toEqual([1, 1, 1, 1]);
  });
});
