// /v1/vni-pools

import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { NewVniPoolSchema, ShownVniPoolSchema, VniPoolPatchSchema, VniPoolSchema } from "../schema.ts";
import { addResource, OPERATORS } from "./resource.ts";

export function addVniPools(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "vni-pool",
    names: { one: "VniPool", many: "VniPools", a: "a VNI pool" },
    tag: "VNI pools",
    needs: "admin",
    reach: OPERATORS,
    path: "/v1/vni-pools",
    param: "pool",
    parents: {},
    schemas: {
      resource: VniPoolSchema,
      shown: ShownVniPoolSchema,
      input: NewVniPoolSchema,
      patch: VniPoolPatchSchema,
    },
    examples: {
      resource: example.vniPool,
      shown: example.shownVniPool,
      input: example.newVniPool,
      patch: example.vniPoolPatch,
    },
    texts: {
      create:
        "Ranges of VNIs that a network or router takes the next free one of. Pools may overlap: a VNI is taken once.",
      delete: "Networks and routers keep the VNIs that they got.",
    },
    filters: {},
    list: () => ({ kind: "vni-pool" }),
    read: (_params, _filters, page, keep) => store.list<"vni-pool">({ kind: "vni-pool" }, page, keep),
    ref: (_params, id) => ({ kind: "vni-pool", id }),
    more: async ({ ranges }) => {
      const used = await Promise.all(ranges.map(({ from, to }) => store.used({ guard: "vni", from, to })));
      const size = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
      return { size, used: used.reduce((sum, each) => sum + each, 0) };
    },
    cascades: false,
    commands: (commands) => ({
      create: (request, _params, body) => commands.vniPool.create(request, body),
      put: (request, _params, body) => commands.vniPool.put(request, body),
      change: (request, _params, id, patch) => commands.vniPool.change(request, { id, patch }),
      delete: (request, _params, id) => commands.vniPool.delete(request, { id }),
    }),
  });
}
