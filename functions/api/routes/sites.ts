// /v1/sites

import type { OpenAPIHono } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { answerDeleted, answerGet, answerList, answerOutcome, pageQuery, type Services, withId } from "../answers.ts";
import * as example from "../example.ts";
import { addOperation } from "../operation.ts";
import { DeletedSchema, NewSiteSchema, pageSchema, SitePatchSchema, SiteSchema } from "../schema.ts";

const COLLECTION = "/v1/sites";
const ONE = "/v1/sites/{site}";
const tag = "Sites";
const params = { site: Slug };
const shown = { schema: SiteSchema, example: example.site };

export function addSites(app: OpenAPIHono, { commands, store, ids }: Services): void {
  addOperation(app, {
    id: "createSite",
    method: "post",
    path: COLLECTION,
    summary: "Create a site",
    tag,
    body: { schema: NewSiteSchema, example: example.newSite },
    answer: { status: 201, description: "The site.", ...shown },
    problems: [409],
    run: async ({ body }) => {
      const outcome = await withId(ids, "site", body.id, (id) => commands.createSite({ ...body, id }));
      return answerOutcome(outcome, ({ id }) => `${COLLECTION}/${id}`);
    },
  });
  addOperation(app, {
    id: "listSites",
    method: "get",
    path: COLLECTION,
    summary: "List sites",
    tag,
    query: pageQuery,
    answer: {
      status: 200,
      description: "A page, in the order of the ids.",
      schema: pageSchema("SitePage", SiteSchema),
      example: { items: [example.site] },
    },
    problems: [],
    run: ({ query }) => {
      const list = { kind: "site" } as const;
      return answerList(list, query, (page) => store.list<"site">(list, page));
    },
  });
  addOperation(app, {
    id: "getSite",
    method: "get",
    path: ONE,
    summary: "Get a site",
    tag,
    params,
    answer: { status: 200, description: "The site.", ...shown },
    problems: [404],
    run: ({ params }) => answerGet(store, { kind: "site", id: params.site }),
  });
  addOperation(app, {
    id: "changeSite",
    method: "patch",
    path: ONE,
    summary: "Change a site",
    tag,
    params,
    body: {
      schema: SitePatchSchema,
      example: example.sitePatch,
      patch: true,
      immutable: Object.keys(SiteSchema.shape),
    },
    answer: { status: 200, description: "The site after the change.", ...shown },
    problems: [404, 409],
    run: async ({ params, body }) => answerOutcome(await commands.changeSite({ id: params.site, patch: body })),
  });
  addOperation(app, {
    id: "deleteSite",
    method: "delete",
    path: ONE,
    summary: "Delete a site",
    description: "Refused while it has hosts.",
    tag,
    params,
    answer: { status: 200, description: "The change.", schema: DeletedSchema, example: { change: example.CHANGE } },
    problems: [404, 409],
    run: async ({ params }) => answerDeleted(await commands.deleteSite({ id: params.site })),
  });
}
