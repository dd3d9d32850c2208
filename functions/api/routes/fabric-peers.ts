// /v1/fabric-peers: the ToRs, and the configuration that each needs for the hosts that peer with it

import { z } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { refuse } from "../../domain/write.ts";
import * as example from "../example.ts";
import { frrConfig } from "../fabric-config.ts";
import { all } from "../facts.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { refusalProblem } from "../refusal-problem.ts";
import { FabricPeerPatchSchema, FabricPeerSchema, NewFabricPeerSchema } from "../schema.ts";
import { addResource, OPERATORS } from "./resource.ts";

export function addFabricPeers(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "fabric-peer",
    names: { one: "FabricPeer", many: "FabricPeers", a: "a fabric peer" },
    tag: "Fabric peers",
    needs: "admin",
    reach: OPERATORS,
    path: "/v1/fabric-peers",
    param: "peer",
    parents: {},
    schemas: { resource: FabricPeerSchema, input: NewFabricPeerSchema, patch: FabricPeerPatchSchema },
    examples: { resource: example.fabricPeer, input: example.newFabricPeer, patch: example.fabricPeerPatch },
    texts: {
      create:
        "A ToR of a site. A host of the site that has one of its addresses among its BGP peers is its neighbour, and must say its AS number.",
      delete: "Hosts keep their BGP peers.",
    },
    filters: { site: Slug.optional() },
    list: (_params, { site }) => ({ kind: "fabric-peer", ...(site === undefined ? {} : { site }) }),
    read: (_params, { site }, page, keep) =>
      store.list<"fabric-peer">({ kind: "fabric-peer", ...(site === undefined ? {} : { site }) }, page, keep),
    ref: (_params, id) => ({ kind: "fabric-peer", id }),
    cascades: false,
    commands: (commands) => ({
      create: (request, _params, body) => commands.fabricPeer.create(request, body),
      put: (request, _params, body) => commands.fabricPeer.put(request, body),
      change: (request, _params, id, patch) => commands.fabricPeer.change(request, { id, patch }),
      delete: (request, _params, id) => commands.fabricPeer.delete(request, { id }),
    }),
  });
  addOperation(api, {
    id: "getFabricPeerConfig",
    method: "get",
    path: "/v1/fabric-peers/{peer}/config",
    summary: "Get a fabric peer's configuration",
    description: "What the switch needs for its hosts, in its own words. Nothing is sent to the switch.",
    tag: "Fabric peers",
    needs: "read",
    params: { peer: Slug },
    query: {
      format: z
        .literal("frr", { error: "must be frr" })
        .optional()
        .openapi({ description: "Whose words: FRRouting's.", example: "frr" }),
    },
    answer: {
      status: 200,
      description: "The configuration.",
      schema: z.string(),
      example: example.fabricConfig,
      type: "text/plain",
    },
    problems: [404],
    run: async ({ params }) => {
      const ref = { kind: "fabric-peer", id: params.peer } as const;
      const held = await store.get(ref);
      if (held.state !== "live") {
        return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
      }
      const hosts = await all<"host">(store, { kind: "host", site: held.resource.site });
      return { kind: "answer", body: frrConfig(held.resource, hosts) };
    },
  });
}
