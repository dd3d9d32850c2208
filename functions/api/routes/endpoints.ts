// /v1/networks/{network}/endpoints

import type { OpenAPIHono } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { refuse } from "../../domain/write.ts";
import { answerDeleted, answerGet, answerList, answerOutcome, pageQuery, type Services, withId } from "../answers.ts";
import * as example from "../example.ts";
import { addOperation } from "../operation.ts";
import { refusalProblem } from "../refusal-problem.ts";
import {
  DeletedSchema,
  EndpointMoveSchema,
  EndpointPatchSchema,
  EndpointSchema,
  NewEndpointSchema,
  pageSchema,
} from "../schema.ts";

const COLLECTION = "/v1/networks/{network}/endpoints";
const ONE = "/v1/networks/{network}/endpoints/{endpoint}";
const tag = "Endpoints";
const params = { network: Slug, endpoint: Slug };
const shown = { schema: EndpointSchema, example: example.endpoint };

export function addEndpoints(app: OpenAPIHono, { commands, store, ids }: Services): void {
  addOperation(app, {
    id: "createEndpoint",
    method: "post",
    path: COLLECTION,
    summary: "Create an endpoint",
    description:
      "One MAC at a port of a host. MAC and addresses are unique in the network; the MAC is fixed for its life.",
    tag,
    params: { network: Slug },
    body: { schema: NewEndpointSchema, example: example.newEndpoint },
    answer: { status: 201, description: "The endpoint.", ...shown },
    problems: [404, 409],
    run: async ({ params: { network }, body }) => {
      const create = (id: string) => commands.createEndpoint({ ...body, network, id });
      const outcome = await withId(ids, "endpoint", body.id, create);
      return answerOutcome(outcome, ({ id }) => `/v1/networks/${network}/endpoints/${id}`);
    },
  });
  addOperation(app, {
    id: "listEndpoints",
    method: "get",
    path: COLLECTION,
    summary: "List a network's endpoints",
    tag,
    params: { network: Slug },
    query: { ...pageQuery, host: Slug.optional() },
    answer: {
      status: 200,
      description: "A page, in the order of the ids.",
      schema: pageSchema("EndpointPage", EndpointSchema),
      example: { items: [example.endpoint] },
    },
    problems: [404],
    run: async ({ params: { network }, query: { host, ...page } }) => {
      const parent = { kind: "network", id: network } as const;
      if ((await store.get(parent)).state !== "live") {
        return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref: parent })) };
      }
      const list = { kind: "endpoint", network, ...(host === undefined ? {} : { host }) } as const;
      return answerList(list, page, (request) => store.list<"endpoint">(list, request));
    },
  });
  addOperation(app, {
    id: "getEndpoint",
    method: "get",
    path: ONE,
    summary: "Get an endpoint",
    tag,
    params,
    answer: { status: 200, description: "The endpoint.", ...shown },
    problems: [404],
    run: ({ params: { network, endpoint: id } }) => answerGet(store, { kind: "endpoint", network, id }),
  });
  addOperation(app, {
    id: "changeEndpoint",
    method: "patch",
    path: ONE,
    summary: "Change an endpoint",
    description: "Its addresses, port or name. The host changes by a move only.",
    tag,
    params,
    body: {
      schema: EndpointPatchSchema,
      example: example.endpointPatch,
      patch: true,
      immutable: Object.keys(EndpointSchema.shape),
    },
    answer: { status: 200, description: "The endpoint after the change.", ...shown },
    problems: [404, 409],
    run: async ({ params: { network, endpoint: id }, body: patch }) =>
      answerOutcome(await commands.changeEndpoint({ network, id, patch })),
  });
  addOperation(app, {
    id: "deleteEndpoint",
    method: "delete",
    path: ONE,
    summary: "Delete an endpoint",
    tag,
    params,
    answer: { status: 200, description: "The change.", schema: DeletedSchema, example: { change: example.CHANGE } },
    problems: [404, 409],
    run: async ({ params: { network, endpoint: id } }) => answerDeleted(await commands.deleteEndpoint({ network, id })),
  });
  addOperation(app, {
    id: "moveEndpoint",
    method: "post",
    path: `${ONE}:move`,
    summary: "Move an endpoint to another host",
    description: "Raises its mobility sequence (RFC 7432 section 15). A move to where it is changes nothing.",
    tag,
    params,
    body: { schema: EndpointMoveSchema, example: example.endpointMove },
    answer: {
      status: 200,
      description: "The endpoint after the move.",
      schema: EndpointSchema,
      example: { ...example.endpoint, ...example.endpointMove, mobility: 1, version: 2 },
    },
    problems: [404, 409],
    run: async ({ params: { network, endpoint: id }, body }) =>
      answerOutcome(await commands.moveEndpoint({ ...body, network, id })),
  });
}
