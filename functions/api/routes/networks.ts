// /v1/networks

import { Slug } from "../../../shared/model/fields.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { NetworkPatchSchema, NetworkSchema, NewNetworkSchema } from "../schema.ts";
import { addResource, OWNED } from "./resource.ts";

export function addNetworks(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "network",
    names: { one: "Network", many: "Networks", a: "a network" },
    tag: "Networks",
    needs: "write",
    reach: OWNED,
    path: "/v1/networks",
    param: "network",
    parents: {},
    schemas: { resource: NetworkSchema, input: NewNetworkSchema, patch: NetworkPatchSchema },
    examples: { resource: example.network, input: example.newNetwork, patch: example.networkPatch },
    texts: {
      create:
        "A segment of one VNI over every host that has an endpoint of it. VNI and tenant are fixed for its life. `vniPool` instead of `vni` gives the next free one.",
      change: "`router` attaches it to a router of its tenant; then its subnets overlap with no other network there.",
      delete: "Refused while it has endpoints or a router's next hops, unless the deletion cascades.",
    },
    filters: { tenant: Slug.optional() },
    list: (_params, { tenant }) => ({ kind: "network", ...(tenant === undefined ? {} : { tenant }) }),
    read: (_params, { tenant }, page, keep) =>
      store.list<"network">({ kind: "network", ...(tenant === undefined ? {} : { tenant }) }, page, keep),
    ref: (_params, id) => ({ kind: "network", id }),
    cascades: true,
    commands: (commands) => ({
      create: (request, _params, body) => commands.network.create(request, body),
      put: (request, _params, body) => commands.network.put(request, body),
      change: (request, _params, id, patch) => commands.network.change(request, { id, patch }),
      delete: (request, _params, id) => commands.network.delete(request, { id }),
    }),
  });
}
