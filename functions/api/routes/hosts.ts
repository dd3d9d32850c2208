// /v1/hosts, and the endpoints on a host

import { Slug } from "../../../shared/model/fields.ts";
import { refuse } from "../../domain/write.ts";
import { answerList, fieldsQuery, pageQuery } from "../answers.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { refusalProblem } from "../refusal-problem.ts";
import { EndpointSchema, HostPatchSchema, HostSchema, NewHostSchema, pageSchema } from "../schema.ts";
import { ShownHostSchema } from "../status-schema.ts";
import { addResource, OPERATORS, sparse } from "./resource.ts";

export function addHosts(api: Api): void {
  const { store, hosts } = api.services;
  addResource(api, {
    kind: "host",
    names: { one: "Host", many: "Hosts", a: "a host" },
    tag: "Hosts",
    needs: "admin",
    reach: OPERATORS,
    path: "/v1/hosts",
    param: "host",
    parents: {},
    schemas: { resource: HostSchema, shown: ShownHostSchema, input: NewHostSchema, patch: HostPatchSchema },
    examples: {
      resource: example.host,
      shown: example.shownHost,
      input: example.newHost,
      patch: example.hostPatch,
    },
    texts: {
      create: "A hypervisor. Its VTEP address is its own and fixed for its life.",
      delete: "Refused while endpoints are on it or about to move to it, unless the deletion cascades.",
    },
    filters: { site: Slug.optional() },
    list: (_params, { site }) => ({ kind: "host", ...(site === undefined ? {} : { site }) }),
    read: (_params, { site }, page, keep) =>
      store.list<"host">({ kind: "host", ...(site === undefined ? {} : { site }) }, page, keep),
    ref: (_params, id) => ({ kind: "host", id }),
    more: async ({ id, site }) => {
      const status = await hosts.status({ id, site });
      return status ? { status } : {};
    },
    cascades: true,
    commands: (commands) => ({
      create: (request, _params, body) => commands.host.create(request, body),
      put: (request, _params, body) => commands.host.put(request, body),
      change: (request, _params, id, patch) => commands.host.change(request, { id, patch }),
      delete: (request, _params, id) => commands.host.delete(request, { id }),
    }),
  });
  addOperation(api, {
    id: "listHostEndpoints",
    method: "get",
    path: "/v1/hosts/{host}/endpoints",
    summary: "List the endpoints on a host",
    description: "Of all networks, in the order of network and id; those that are prepared to move to it as well.",
    tag: "Hosts",
    needs: "read",
    params: { host: Slug },
    query: { ...pageQuery, fields: fieldsQuery(Object.keys(EndpointSchema.shape)) },
    answer: {
      status: 200,
      description: "A page.",
      schema: pageSchema("HostEndpointPage", sparse("Endpoint", EndpointSchema)),
      example: { items: [example.endpoint] },
    },
    problems: [404],
    run: async ({ params: { host }, query }) => {
      const ref = { kind: "host", id: host } as const;
      if ((await store.get(ref)).state !== "live") {
        return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
      }
      const list = { kind: "endpoint", host } as const;
      return answerList(list, query, (page) => store.list<"endpoint">(list, page));
    },
  });
}
