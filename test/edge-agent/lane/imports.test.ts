import { expect, it } from "vitest";
import type { AcceptTargets } from "../../../edge-agent/bgp/import-policy.ts";
import { createImports } from "../../../edge-agent/lane/imports.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";

const [blue, red] = ["65001:100", "65001:200"] as [RouteTarget, RouteTarget];

it("imports: targets of several lanes -> one filter, set anew only when the union changed", () => {
  const filters: AcceptTargets[] = [];
  const set = createImports({ setImports: (accept) => void filters.push(accept) });
  set("networks", new Set([blue]));
  set("routers", new Set([blue]));
  set("networks", new Set());
  expect(filters).toHaveLength(1);
  set("networks", new Set([red]));
  expect(filters).toHaveLength(2);
  expect([blue, red].map((target) => filters[1]?.([target]))).toEqual([true, true]);
  set("routers", new Set());
  expect([blue, red].map((target) => filters[2]?.([target]))).toEqual([false, true]);
});
