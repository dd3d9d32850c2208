// /v1/networks/{network}/endpoints: endpoints, many at once; their moves are endpoint-moves.ts

import { z } from "@hono/zod-openapi";
import { IpField, MacField, Slug } from "../../../shared/model/fields.ts";
import type { Endpoint } from "../../../shared/model/resource.ts";
import { refuse } from "../../domain/write.ts";
import type { Page, Store } from "../../store/store.ts";
import { replayedHeader } from "../answers.ts";
import { type EndpointItem, executeKeyedBatch } from "../batch.ts";
import * as example from "../example.ts";
import type { Outcome } from "../execute.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { refusalProblem } from "../refusal-problem.ts";
import { BatchResultSchema, BatchSchema, EndpointPatchSchema, EndpointSchema, NewEndpointSchema } from "../schema.ts";
import { addMoves } from "./endpoint-moves.ts";
import { addResource, UNDER_OWNED } from "./resource.ts";

const COLLECTION = "/v1/networks/{network}/endpoints";
const tag = "Endpoints";

export function addEndpoints(api: Api): void {
  const { store } = api.services;
  addResource(api, {
    kind: "endpoint",
    names: { one: "Endpoint", many: "Endpoints", a: "an endpoint" },
    tag,
    needs: "write",
    reach: UNDER_OWNED,
    path: COLLECTION,
    param: "endpoint",
    parents: { network: Slug },
    schemas: { resource: EndpointSchema, input: NewEndpointSchema, patch: EndpointPatchSchema },
    examples: { resource: example.endpoint, input: example.newEndpoint, patch: example.endpointPatch },
    texts: {
      create:
        "One MAC at a port of a host. MAC and addresses are unique in the network; the MAC is fixed for its life. `allocate` gives the next free address of a family. A port is used by one network only.",
      put: "Says all of it: it is created if it is not there, and what is absent here is removed. Another host is a move. The MAC may not differ.",
      change: "Its addresses, port or name. The host changes by a move or a put only.",
      delete: "A prepared move goes with it.",
    },
    filters: {
      host: Slug.optional(),
      mac: optionalText(MacField, "Only the one with this MAC address.", "02:00:5e:10:00:01"),
      ip: optionalText(IpField, "Only the one with this address.", "10.1.0.10"),
    },
    list: ({ network }, { host, mac, ip }) => ({
      kind: "endpoint",
      network,
      ...(host === undefined ? {} : { host }),
      ...(mac === undefined ? {} : { mac }),
      ...(ip === undefined ? {} : { ip }),
    }),
    read: async ({ network }, { host, mac, ip }, page, keep) => {
      const ref = { kind: "network", id: network } as const;
      if ((await store.get(ref)).state !== "live") {
        return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
      }
      const kept = (endpoint: Endpoint) =>
        keep(endpoint) &&
        (host === undefined || endpoint.host === host) &&
        (mac === undefined || endpoint.mac === mac) &&
        (ip === undefined || endpoint.ips.includes(ip));
      if (mac !== undefined) return ownerOf(store, network, { kind: "mac", network, mac }, kept);
      if (ip !== undefined) return ownerOf(store, network, { kind: "ip", network, ip }, kept);
      const list = { kind: "endpoint", network, ...(host === undefined ? {} : { host }) } as const;
      return store.list<"endpoint">(list, page, kept);
    },
    ref: ({ network }, id) => ({ kind: "endpoint", network, id }),
    cascades: false,
    commands: (commands) => ({
      create: (request, { network }, body) => commands.endpoint.create(request, { ...body, network }),
      put: (request, { network }, body) => commands.endpoint.put(request, { ...body, network }),
      change: (request, { network }, id, patch) => commands.endpoint.change(request, { network, id, patch }),
      delete: (request, { network }, id) => commands.endpoint.delete(request, { network, id }),
    }),
  });
  addBatch(api);
  addMoves(api);
}

/** A query's text that the field's parser turns into its canonical form. */
function optionalText<T extends z.ZodType>(field: T, description: string, shown: string) {
  return field.optional().openapi({ type: "string", description, example: shown });
}

/** A MAC or address has one owner in its network: it is looked up, not searched for. */
async function ownerOf(
  store: Store,
  network: string,
  guard: Parameters<Store["owner"]>[0],
  keep: (endpoint: Endpoint) => boolean,
): Promise<Page<Endpoint>> {
  const id = await store.owner(guard);
  // A gateway's address is no endpoint's.
  if (id === undefined || !Slug.safeParse(id).success) return { items: [] };
  const held = await store.get({ kind: "endpoint", network, id });
  return { items: held.state === "live" && keep(held.resource) ? [held.resource] : [] };
}

function addBatch(api: Api): void {
  const { ids } = api.services;
  addOperation(api, {
    id: "batchEndpoints",
    method: "post",
    path: `${COLLECTION}:batch`,
    summary: "Create, put and delete many endpoints",
    description:
      "Up to 1000 items, done in their order, several to a transaction. An item that is refused stops only itself: the answer is 200 with a result for each. Retried under its Idempotency-Key, it goes on where it broke off.",
    tag,
    needs: "write",
    reach: "path",
    params: { network: Slug },
    body: { schema: BatchSchema, example: example.batch },
    answer: {
      status: 200,
      description: "What became of each item, in their order.",
      schema: BatchResultSchema,
      example: example.batchResult,
    },
    problems: [404],
    subject: ({ network }) => ({ kind: "network", id: network }),
    run: async ({ params: { network }, body, request, on: { runtime } }) => {
      const ref = { kind: "network", id: network } as const;
      if ((await runtime.store.get(ref)).state !== "live") {
        return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
      }
      // Ids that we give must be the same when the request is taken up again: they are not known before.
      const items = body.items.map((item): EndpointItem => {
        if (item.op === "delete") return { op: item.op, command: { network, id: item.id } };
        return {
          op: item.op,
          command: { ...item.endpoint, network, id: item.endpoint.id ?? ids.resource("endpoint") },
        };
      });
      const outcomes = await executeKeyedBatch(runtime, request, items);
      if ("kind" in outcomes) return { kind: "problem", problem: refusalProblem(outcomes) };
      const results = outcomes.map((outcome, index) => resultOf(items[index], outcome));
      const done = outcomes.filter(({ kind }) => kind === "done").length;
      const replayed = outcomes.every((outcome) => outcome.kind === "done" && outcome.replayed);
      return {
        kind: "answer",
        body: { done, refused: outcomes.length - done, items: results },
        headers: replayedHeader(replayed),
      };
    },
  });
}

function resultOf(item: EndpointItem | undefined, outcome: Outcome<Endpoint>) {
  const id = item?.command.id;
  if (outcome.kind === "refused") {
    const problem = refusalProblem(outcome);
    return { status: problem.status, id, problem };
  }
  const { resource, effect } = outcome;
  if (item?.op === "delete") return { status: 200, id, change: resource.change };
  return { status: effect === "create" ? 201 : 200, id: resource.id, endpoint: resource };
}
