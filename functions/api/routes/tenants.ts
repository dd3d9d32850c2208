// /v1/tenants

import type { OpenAPIHono } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { answerDeleted, answerGet, answerList, answerOutcome, pageQuery, type Services, withId } from "../answers.ts";
import * as example from "../example.ts";
import { addOperation } from "../operation.ts";
import { DeletedSchema, NewTenantSchema, pageSchema, TenantPatchSchema, TenantSchema } from "../schema.ts";

const COLLECTION = "/v1/tenants";
const ONE = "/v1/tenants/{tenant}";
const tag = "Tenants";
const params = { tenant: Slug };
const shown = { schema: TenantSchema, example: example.tenant };

export function addTenants(app: OpenAPIHono, { commands, store, ids }: Services): void {
  addOperation(app, {
    id: "createTenant",
    method: "post",
    path: COLLECTION,
    summary: "Create a tenant",
    tag,
    body: { schema: NewTenantSchema, example: example.newTenant },
    answer: { status: 201, description: "The tenant.", ...shown },
    problems: [409],
    run: async ({ body }) => {
      const outcome = await withId(ids, "tenant", body.id, (id) => commands.createTenant({ ...body, id }));
      return answerOutcome(outcome, ({ id }) => `${COLLECTION}/${id}`);
    },
  });
  addOperation(app, {
    id: "listTenants",
    method: "get",
    path: COLLECTION,
    summary: "List tenants",
    tag,
    query: pageQuery,
    answer: {
      status: 200,
      description: "A page, in the order of the ids.",
      schema: pageSchema("TenantPage", TenantSchema),
      example: { items: [example.tenant] },
    },
    problems: [],
    run: ({ query }) => {
      const list = { kind: "tenant" } as const;
      return answerList(list, query, (page) => store.list<"tenant">(list, page));
    },
  });
  addOperation(app, {
    id: "getTenant",
    method: "get",
    path: ONE,
    summary: "Get a tenant",
    tag,
    params,
    answer: { status: 200, description: "The tenant.", ...shown },
    problems: [404],
    run: ({ params }) => answerGet(store, { kind: "tenant", id: params.tenant }),
  });
  addOperation(app, {
    id: "changeTenant",
    method: "patch",
    path: ONE,
    summary: "Change a tenant",
    tag,
    params,
    body: {
      schema: TenantPatchSchema,
      example: example.tenantPatch,
      patch: true,
      immutable: Object.keys(TenantSchema.shape),
    },
    answer: { status: 200, description: "The tenant after the change.", ...shown },
    problems: [404, 409],
    run: async ({ params, body }) => answerOutcome(await commands.changeTenant({ id: params.tenant, patch: body })),
  });
  addOperation(app, {
    id: "deleteTenant",
    method: "delete",
    path: ONE,
    summary: "Delete a tenant",
    description: "Refused while it owns networks.",
    tag,
    params,
    answer: { status: 200, description: "The change.", schema: DeletedSchema, example: { change: example.CHANGE } },
    problems: [404, 409],
    run: async ({ params }) => answerDeleted(await commands.deleteTenant({ id: params.tenant })),
  });
}
