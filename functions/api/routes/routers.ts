// /v1/routers, and their static routes

import { Slug } from "../../../shared/model/fields.ts";
import { refuse } from "../../domain/write.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { refusalProblem } from "../refusal-problem.ts";
import {
  NewPrefixSchema,
  NewRouterSchema,
  PrefixPatchSchema,
  PrefixSchema,
  RouterPatchSchema,
  RouterSchema,
} from "../schema.ts";
import { addResource, OWNED, UNDER_OWNED } from "./resource.ts";

export function addRouters(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "router",
    names: { one: "Router", many: "Routers", a: "a router" },
    tag: "Routers",
    needs: "write",
    reach: OWNED,
    path: "/v1/routers",
    param: "router",
    parents: {},
    schemas: { resource: RouterSchema, input: NewRouterSchema, patch: RouterPatchSchema },
    examples: { resource: example.router, input: example.newRouter, patch: example.routerPatch },
    texts: {
      create:
        "A tenant's IP-VRF. Its L3 VNI is of the same space as the networks' VNIs and fixed for its life. Networks are attached by their `router`.",
      delete: "Refused while it routes networks or has prefixes. A cascade deletes those and detaches the networks.",
    },
    filters: { tenant: Slug.optional() },
    list: (_params, { tenant }) => ({ kind: "router", ...(tenant === undefined ? {} : { tenant }) }),
    read: (_params, { tenant }, page, keep) =>
      store.list<"router">({ kind: "router", ...(tenant === undefined ? {} : { tenant }) }, page, keep),
    ref: (_params, id) => ({ kind: "router", id }),
    cascades: true,
    commands: (commands) => ({
      create: (request, _params, body) => commands.router.create(request, body),
      put: (request, _params, body) => commands.router.put(request, body),
      change: (request, _params, id, patch) => commands.router.change(request, { id, patch }),
      delete: (request, _params, id) => commands.router.delete(request, { id }),
    }),
  });
  addResource(api, {
    kind: "prefix",
    names: { one: "Prefix", many: "Prefixes", a: "a prefix" },
    tag: "Routers",
    needs: "write",
    reach: UNDER_OWNED,
    path: "/v1/routers/{router}/prefixes",
    param: "prefix",
    parents: { router: Slug },
    schemas: { resource: PrefixSchema, input: NewPrefixSchema, patch: PrefixPatchSchema },
    examples: { resource: example.prefix, input: example.newPrefix, patch: example.prefixPatch },
    texts: {
      create:
        "A static route by way of a machine on one of the router's networks. Several next hops share the traffic.",
      delete: "The route goes from every host that carries the router.",
    },
    filters: {},
    list: ({ router }) => ({ kind: "prefix", router }),
    read: async ({ router }, _filters, page, keep) => {
      const ref = { kind: "router", id: router } as const;
      if ((await store.get(ref)).state === "live") return store.list<"prefix">({ kind: "prefix", router }, page, keep);
      return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
    },
    ref: ({ router }, id) => ({ kind: "prefix", router, id }),
    cascades: false,
    commands: (commands) => ({
      create: (request, { router }, body) => commands.prefix.create(request, { ...body, router }),
      put: (request, { router }, body) => commands.prefix.put(request, { ...body, router }),
      change: (request, { router }, id, patch) => commands.prefix.change(request, { router, id, patch }),
      delete: (request, { router }, id) => commands.prefix.delete(request, { router, id }),
    }),
  });
}
