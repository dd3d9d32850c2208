// /v1/hosts

import type { OpenAPIHono } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { answerDeleted, answerGet, answerList, answerOutcome, pageQuery, type Services, withId } from "../answers.ts";
import * as example from "../example.ts";
import { addOperation } from "../operation.ts";
import { DeletedSchema, HostPatchSchema, HostSchema, NewHostSchema, pageSchema } from "../schema.ts";

const COLLECTION = "/v1/hosts";
const ONE = "/v1/hosts/{host}";
const tag = "Hosts";
const params = { host: Slug };
const shown = { schema: HostSchema, example: example.host };

export function addHosts(app: OpenAPIHono, { commands, store, ids }: Services): void {
  addOperation(app, {
    id: "createHost",
    method: "post",
    path: COLLECTION,
    summary: "Create a host",
    description: "A hypervisor. Its VTEP address is its own and fixed for its life.",
    tag,
    body: { schema: NewHostSchema, example: example.newHost },
    answer: { status: 201, description: "The host.", ...shown },
    problems: [409],
    run: async ({ body }) => {
      const outcome = await withId(ids, "host", body.id, (id) => commands.createHost({ ...body, id }));
      return answerOutcome(outcome, ({ id }) => `${COLLECTION}/${id}`);
    },
  });
  addOperation(app, {
    id: "listHosts",
    method: "get",
    path: COLLECTION,
    summary: "List hosts",
    tag,
    query: { ...pageQuery, site: Slug.optional() },
    answer: {
      status: 200,
      description: "A page, in the order of the ids.",
      schema: pageSchema("HostPage", HostSchema),
      example: { items: [example.host] },
    },
    problems: [],
    run: ({ query }) => {
      const { site, ...page } = query;
      const list = { kind: "host", ...(site === undefined ? {} : { site }) } as const;
      return answerList(list, page, (request) => store.list<"host">(list, request));
    },
  });
  addOperation(app, {
    id: "getHost",
    method: "get",
    path: ONE,
    summary: "Get a host",
    tag,
    params,
    answer: { status: 200, description: "The host.", ...shown },
    problems: [404],
    run: ({ params }) => answerGet(store, { kind: "host", id: params.host }),
  });
  addOperation(app, {
    id: "changeHost",
    method: "patch",
    path: ONE,
    summary: "Change a host",
    tag,
    params,
    body: {
      schema: HostPatchSchema,
      example: example.hostPatch,
      patch: true,
      immutable: Object.keys(HostSchema.shape),
    },
    answer: { status: 200, description: "The host after the change.", ...shown },
    problems: [404, 409],
    run: async ({ params, body }) => answerOutcome(await commands.changeHost({ id: params.host, patch: body })),
  });
  addOperation(app, {
    id: "deleteHost",
    method: "delete",
    path: ONE,
    summary: "Delete a host",
    description: "Refused while endpoints are on it.",
    tag,
    params,
    answer: { status: 200, description: "The change.", schema: DeletedSchema, example: { change: example.CHANGE } },
    problems: [404, 409],
    run: async ({ params }) => answerDeleted(await commands.deleteHost({ id: params.host })),
  });
}
