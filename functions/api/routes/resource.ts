// The six operations that every resource has: create, list, get, put, change, delete. What differs is told by the files
// of the resources.

import { z } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import type { Stored } from "../../../shared/model/resource.ts";
import type { ResourceKind, ResourceOf, ResourceRef } from "../../domain/resource.ts";
import type { Page, PageRequest } from "../../store/store.ts";
import {
  answerDeleted,
  answerGet,
  answerList,
  answerOutcome,
  fieldsQuery,
  hasLabels,
  labelQuery,
  pageQuery,
  withId,
} from "../answers.ts";
import type { Needs, Reach } from "../access.ts";
import { deleteCascading } from "../cascade.ts";
import type { Commands } from "../commands.ts";
import * as example from "../example.ts";
import type { Outcome, Request } from "../execute.ts";
import type { Answer, Api, Shape } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { fieldsProblem } from "../problem.ts";
import { DeletedSchema, pageSchema } from "../schema.ts";

type Params<P extends Shape> = { [K in keyof P]: z.output<P[K]> };
type Filters<F extends Shape> = { [K in keyof F]: z.output<F[K]> };
/** What the commands of a kind take, without id and parents. */
type Body = { id?: string | undefined };

/** How tokens that are bound to a tenant reach the operations of a resource; `write`: put, change and delete. */
export type Reaches = { create: Reach; list: Reach; get: Reach; write: Reach };

/** Of what a tenant owns; of what is under that; of what the operator has. */
export const OWNED: Reaches = { create: "own", list: "own", get: "path", write: "path" };
export const UNDER_OWNED: Reaches = { create: "path", list: "path", get: "path", write: "path" };
export const OPERATORS: Reaches = { create: "operator", list: "operator", get: "operator", write: "operator" };

export type Resource<
  K extends ResourceKind,
  P extends Shape,
  F extends Shape,
  N extends z.ZodType,
  C extends z.ZodType,
> = {
  kind: K;
  /** For ids and texts: `Tenant`, `Tenants`, `a tenant`. */
  names: { one: string; many: string; a: string };
  tag: string;
  needs: Needs;
  reach: Reaches;
  /** The collection, with the parents' parameters; and the parameter of one. */
  path: string;
  param: string;
  parents: P;
  schemas: { resource: z.ZodObject; shown?: z.ZodObject; input: N; patch: C };
  examples: { resource: object; shown?: object; input: object; patch: object };
  texts: { create?: string; put?: string; change?: string; delete: string };
  filters: F;
  /** What a list is of, for its cursors; and a page of it. The filter `tenant` of a bound token is its tenant. */
  list(params: Params<P>, filters: Filters<F>): object;
  read(
    params: Params<P>,
    filters: Filters<F>,
    page: PageRequest,
    keep: (resource: ResourceOf[K]) => boolean,
    request: Request,
  ): Promise<Page<ResourceOf[K]> | Answer>;
  ref: (params: Params<P>, id: string) => ResourceRef & { kind: K };
  /** More of it than is stored. */
  more?: (resource: ResourceOf[K]) => Promise<object>;
  /** True if deletions may cascade. */
  cascades: boolean;
  /** Those of the kind, among all: the write's, or its rehearsal's. */
  commands: (commands: Commands) => {
    create(request: Request, params: Params<P>, body: z.output<N> & { id: string }): Promise<Outcome<ResourceOf[K]>>;
    put(request: Request, params: Params<P>, body: z.output<N> & { id: string }): Promise<Outcome<ResourceOf[K]>>;
    change(request: Request, params: Params<P>, id: string, patch: z.output<C>): Promise<Outcome<ResourceOf[K]>>;
    delete(request: Request, params: Params<P>, id: string): Promise<Outcome<ResourceOf[K]>>;
  };
};

/** Adds the operations of a resource. */
export function addResource<
  K extends ResourceKind,
  P extends Shape,
  F extends Shape,
  N extends z.ZodType<Body>,
  C extends z.ZodType,
>(api: Api, resource: Resource<K, P, F, N, C>): void {
  const { services } = api;
  const { kind, names, tag, needs, reach, path, parents, schemas, examples, texts, commands, ref } = resource;
  const one = `${path}/{${resource.param}}`;
  const params = { ...parents, [resource.param]: Slug };
  const idOf = (given: Record<string, unknown>) => given[resource.param] as string;
  const parentsOf = (given: object) => given as Params<P>;
  const placeOf = (given: Params<P>, id: string) =>
    `${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(given[name]))}/${id}`;
  const subject = (given: object) => ref(parentsOf(given), idOf(given as Record<string, unknown>));
  const shown = { schema: schemas.resource, example: examples.resource };
  const whole = { schema: schemas.shown ?? schemas.resource, example: examples.shown ?? examples.resource };
  const fields = fieldsQuery(Object.keys(whole.schema.shape));
  const listFields = fieldsQuery(Object.keys(schemas.resource.shape));
  const some = sparse(names.one, schemas.resource);
  const parentProblems = Object.keys(parents).length > 0 ? [404] : [];
  const body = { schema: schemas.input, example: examples.input };

  addOperation(api, {
    id: `create${names.one}`,
    method: "post",
    path,
    summary: `Create ${names.a}`,
    ...(texts.create === undefined ? {} : { description: texts.create }),
    tag,
    needs,
    reach: reach.create,
    params: parents,
    body,
    answer: { status: 201, tagged: true, description: "It is created.", ...shown },
    problems: [...parentProblems, 409],
    run: async ({ params, body, request, on }) => {
      const create = (id: string) => commands(on.commands).create(request, params, { ...body, id });
      const outcome = await withId(services.ids, kind, body.id, create);
      return answerOutcome<Stored & { id: string }>(outcome, ({ id }) => placeOf(params, id));
    },
  });
  addOperation(api, {
    id: `list${names.many}`,
    method: "get",
    path,
    summary: `List ${names.many}`,
    tag,
    needs: "read",
    reach: reach.list,
    params: parents,
    query: { ...pageQuery, ...resource.filters, label: labelQuery, fields: listFields },
    answer: {
      status: 200,
      description: "A page, in the order of the ids.",
      schema: pageSchema(`${names.one}Page`, some),
      example: { items: [examples.resource] },
    },
    problems: parentProblems,
    run: async ({ params, query, request }) => {
      const { limit, cursor, label, fields, ...given } = query as typeof query & {
        limit?: number;
        cursor?: string;
        label?: [string, string][];
        fields?: string[];
        tenant?: string;
      };
      const { tenant } = request;
      const foreign = tenant !== undefined && given.tenant !== undefined && given.tenant !== tenant;
      if (foreign) return { kind: "answer", body: { items: [] } };
      const filters = tenant === undefined || reach.list !== "own" ? given : { ...given, tenant };
      const list = { ...resource.list(params, filters as Filters<F>), ...(label ? { label } : {}) };
      let problem: Answer | undefined;
      const answer = await answerList(list, { limit, cursor, fields }, async (page) => {
        const keep = (item: ResourceOf[K]) => hasLabels(item, label);
        const read = await resource.read(params, filters as Filters<F>, page, keep, request);
        if (!("kind" in read)) return read;
        problem = read;
        return { items: [] };
      });
      return problem ?? answer;
    },
  });
  addOperation(api, {
    id: `get${names.one}`,
    method: "get",
    path: one,
    summary: `Get ${names.a}`,
    tag,
    needs: "read",
    reach: reach.get,
    params,
    query: { fields },
    // What is reported of it changes without it: then it is never "not modified".
    answer: {
      status: 200,
      tagged: !resource.more,
      description: "As it is.",
      ...whole,
      schema: schemas.shown ? sparse(`Shown${names.one}`, schemas.shown) : some,
    },
    problems: [404],
    run: ({ params, query }) => {
      const { more } = resource;
      return answerGet<K>(services.store, subject(params), { fields: query.fields, ...(more ? { more } : {}) });
    },
  });
  addOperation(api, {
    id: `put${names.one}`,
    method: "put",
    path: one,
    summary: `Create or replace ${names.a}`,
    description:
      texts.put ??
      "Says all of it: it is created if it is not there, and what is absent here is removed. What is fixed for its life may be absent or must be as it is.",
    tag,
    needs,
    reach: reach.write,
    params,
    body,
    answer: { status: 200, created: true, tagged: true, description: "As it is now.", ...shown },
    problems: [...parentProblems, 409],
    subject,
    check: ({ params, body }) =>
      body.id === undefined || body.id === idOf(params)
        ? undefined
        : fieldsProblem([{ field: "id", reason: "must be the id of the path, or absent" }]),
    run: async ({ params, body, request, on }) => {
      const id = idOf(params);
      const outcome = await commands(on.commands).put(request, parentsOf(params), { ...body, id });
      return answerOutcome<Stored & { id: string }>(outcome, () => placeOf(parentsOf(params), id));
    },
  });
  addOperation(api, {
    id: `change${names.one}`,
    method: "patch",
    path: one,
    summary: `Change ${names.a}`,
    ...(texts.change === undefined ? {} : { description: texts.change }),
    tag,
    needs,
    reach: reach.write,
    params,
    body: {
      schema: schemas.patch,
      example: examples.patch,
      patch: true,
      immutable: Object.keys(schemas.resource.shape),
    },
    answer: { status: 200, tagged: true, description: "As it is after the change.", ...shown },
    problems: [404, 409],
    subject,
    run: async ({ params, body, request, on }) =>
      answerOutcome<Stored>(await commands(on.commands).change(request, parentsOf(params), idOf(params), body)),
  });
  addOperation(api, {
    id: `delete${names.one}`,
    method: "delete",
    path: one,
    summary: `Delete ${names.a}`,
    description: texts.delete,
    tag,
    needs,
    reach: reach.write,
    params,
    ...(resource.cascades ? { query: { cascade: CASCADE } } : {}),
    answer: {
      status: 200,
      tagged: true,
      description: "The change.",
      schema: DeletedSchema,
      example: { change: example.CHANGE },
    },
    problems: [404, 409],
    subject,
    run: async ({ params, query, request, on }) => {
      if (!(query as { cascade?: boolean }).cascade) {
        return answerDeleted(await commands(on.commands).delete(request, parentsOf(params), idOf(params)));
      }
      const { outcome, cascaded } = await deleteCascading(on.runtime, on.commands, { request, ref: subject(params) });
      return answerDeleted(outcome, cascaded);
    },
  });
}

const CASCADE = z
  .enum(["true", "false"], { error: "must be true or false" })
  .transform((text) => text === "true")
  .optional()
  .openapi({ type: "boolean", description: "Delete what is in the way as well.", example: true });

/** With chosen fields no member is sure to be there. */
export function sparse(name: string, schema: z.ZodObject): z.ZodType {
  return z.union([
    schema,
    schema.partial().openapi(`SomeOf${name}`, { description: "The fields that were asked for." }),
  ]);
}
