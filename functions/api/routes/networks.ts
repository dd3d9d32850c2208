// /v1/networks

import type { OpenAPIHono } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { answerDeleted, answerGet, answerList, answerOutcome, pageQuery, type Services, withId } from "../answers.ts";
import * as example from "../example.ts";
import { addOperation } from "../operation.ts";
import { DeletedSchema, NetworkPatchSchema, NetworkSchema, NewNetworkSchema, pageSchema } from "../schema.ts";

const COLLECTION = "/v1/networks";
const ONE = "/v1/networks/{network}";
const tag = "Networks";
const params = { network: Slug };
const shown = { schema: NetworkSchema, example: example.network };

export function addNetworks(app: OpenAPIHono, { commands, store, ids }: Services): void {
  addOperation(app, {
    id: "createNetwork",
    method: "post",
    path: COLLECTION,
    summary: "Create a network",
    description:
      "A segment of one VNI over every host that has an endpoint of it. VNI and tenant are fixed for its life.",
    tag,
    body: { schema: NewNetworkSchema, example: example.newNetwork },
    answer: { status: 201, description: "The network.", ...shown },
    problems: [409],
    run: async ({ body }) => {
      const outcome = await withId(ids, "network", body.id, (id) => commands.createNetwork({ ...body, id }));
      return answerOutcome(outcome, ({ id }) => `${COLLECTION}/${id}`);
    },
  });
  addOperation(app, {
    id: "listNetworks",
    method: "get",
    path: COLLECTION,
    summary: "List networks",
    tag,
    query: { ...pageQuery, tenant: Slug.optional() },
    answer: {
      status: 200,
      description: "A page, in the order of the ids.",
      schema: pageSchema("NetworkPage", NetworkSchema),
      example: { items: [example.network] },
    },
    problems: [],
    run: ({ query }) => {
      const { tenant, ...page } = query;
      const list = { kind: "network", ...(tenant === undefined ? {} : { tenant }) } as const;
      return answerList(list, page, (request) => store.list<"network">(list, request));
    },
  });
  addOperation(app, {
    id: "getNetwork",
    method: "get",
    path: ONE,
    summary: "Get a network",
    tag,
    params,
    answer: { status: 200, description: "The network.", ...shown },
    problems: [404],
    run: ({ params }) => answerGet(store, { kind: "network", id: params.network }),
  });
  addOperation(app, {
    id: "changeNetwork",
    method: "patch",
    path: ONE,
    summary: "Change a network",
    tag,
    params,
    body: {
      schema: NetworkPatchSchema,
      example: example.networkPatch,
      patch: true,
      immutable: Object.keys(NetworkSchema.shape),
    },
    answer: { status: 200, description: "The network after the change.", ...shown },
    problems: [404, 409],
    run: async ({ params, body }) => answerOutcome(await commands.changeNetwork({ id: params.network, patch: body })),
  });
  addOperation(app, {
    id: "deleteNetwork",
    method: "delete",
    path: ONE,
    summary: "Delete a network",
    description: "Refused while it has endpoints.",
    tag,
    params,
    answer: { status: 200, description: "The change.", schema: DeletedSchema, example: { change: example.CHANGE } },
    problems: [404, 409],
    run: async ({ params }) => answerDeleted(await commands.deleteNetwork({ id: params.network })),
  });
}
