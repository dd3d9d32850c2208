// One operation of the API: its entry in the document and its handler from one description, so that the two cannot
// drift apart. Parses path, query and body by the schemas of the document and answers faults as problems.

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { refuse } from "../domain/write.ts";
import * as example from "./example.ts";
import {
  type FieldError,
  fieldErrors,
  fieldsProblem,
  type Problem,
  PROBLEM_TYPE,
  plainProblem,
  typeMessage,
} from "./problem.ts";
import { immutableRefusals, refusalProblem } from "./refusal-problem.ts";
import { ProblemSchema } from "./schema.ts";

type Shape = Record<string, z.ZodType>;

export type Operation<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  /** The operationId: a name for generated clients. */
  id: string;
  method: "get" | "post" | "patch" | "delete";
  /** As in OpenAPI: `/v1/networks/{network}/endpoints/{endpoint}:move`. */
  path: string;
  summary: string;
  description?: string;
  tag: string;
  params?: P;
  query?: Q;
  /** `patch`: a merge patch. `immutable`: the resource's fields, told apart from unknown ones in a refusal. */
  body?: { schema: B; example: unknown; patch?: boolean; immutable?: readonly string[] };
  answer: { status: 200 | 201; description: string; schema: z.ZodType; example: unknown };
  /** The statuses of its problems besides those that every operation has. */
  problems: readonly number[];
  run(input: Input<P, Q, B>): Promise<Answer>;
};

export type Input<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  params: { [K in keyof P]: z.output<P[K]> };
  query: { [K in keyof Q]: z.output<Q[K]> };
  body: z.output<B>;
};

/** What an operation answers: a body, or a problem. */
export type Answer =
  | { kind: "answer"; body: unknown; headers?: Record<string, string> }
  | { kind: "problem"; problem: Problem };

/** Adds the operation to the app and to its document. */
export function addOperation<P extends Shape, Q extends Shape, B extends z.ZodType>(
  app: OpenAPIHono,
  operation: Operation<P, Q, B>,
): void {
  app.openAPIRegistry.registerPath(documentEntry(operation));
  app.on(operation.method.toUpperCase(), [honoPath(operation.path)], async (context) => {
    const input = await readInput(context, operation);
    if ("problem" in input) return answerProblem(context, input.problem);
    const answer = await operation.run(input.input);
    if (answer.kind === "problem") return answerProblem(context, answer.problem);
    return context.json(answer.body, operation.answer.status, answer.headers);
  });
}

/** Any problem as a response. */
export function answerProblem(context: Context, problem: Problem, headers: Record<string, string> = {}): Response {
  return context.json(problem, problem.status as ContentfulStatusCode, { ...headers, "content-type": PROBLEM_TYPE });
}

type Read<P extends Shape, Q extends Shape, B extends z.ZodType> = { input: Input<P, Q, B> } | { problem: Problem };

async function readInput<P extends Shape, Q extends Shape, B extends z.ZodType>(
  context: Context,
  { params, query, body, path }: Operation<P, Q, B>,
): Promise<Read<P, Q, B>> {
  const names = pathParameters(path);
  const given = Object.fromEntries(names.map((name) => [name, ownParameter(context, path, name)]));
  const parsedParams = z.object(params ?? {}).safeParse(given);
  // An id that cannot be is the id of nothing.
  if (!parsedParams.success) return { problem: nothingHere(context) };
  const parsedQuery = z.strictObject(query ?? {}).safeParse(context.req.query());
  const errors: FieldError[] = parsedQuery.success ? [] : fieldErrors(parsedQuery.error.issues);
  if (errors.length > 0) return { problem: fieldsProblem(errors) };
  const input = { params: parsedParams.data, query: parsedQuery.data } as Omit<Input<P, Q, B>, "body">;
  if (!body) return { input: input as Input<P, Q, B> };
  const json = await readJson(context, body.patch === true);
  if ("problem" in json) return json;
  const parsedBody = body.schema.safeParse(json.value, { error: typeMessage });
  if (parsedBody.success) return { input: { ...input, body: parsedBody.data } };
  const { issues } = parsedBody.error;
  const [first, ...more] = immutableRefusals(issues, body.immutable ?? []);
  return { problem: first ? refusalProblem(refuse(first, ...more)) : fieldsProblem(fieldErrors(issues)) };
}

export function nothingHere(context: Context): Problem {
  return plainProblem(404, "not-found", "Not found", `there is nothing at ${context.req.path.slice(0, 200)}`);
}

const JSON_TYPE = /^application\/json\s*(;|$)/i;
const PATCH_TYPE = /^application\/(merge-patch\+)?json\s*(;|$)/i;

async function readJson(context: Context, patch: boolean): Promise<{ value: unknown } | { problem: Problem }> {
  const type = context.req.header("content-type") ?? "";
  if (!(patch ? PATCH_TYPE : JSON_TYPE).test(type)) {
    const wanted = patch ? "application/merge-patch+json or application/json" : "application/json";
    return { problem: plainProblem(415, "media-type", "Unsupported media type", `the body must be ${wanted}`) };
  }
  const octets = await context.req.arrayBuffer();
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets), refuseProto) };
  } catch (error) {
    const why = error instanceof RangeError ? "nested too deeply" : (error as Error).message;
    const reason = `the body is not JSON: ${why}`;
    return { problem: plainProblem(400, "malformed-json", "Malformed JSON", reason) };
  }
}

/** `__proto__` is an own property after JSON.parse, but vanishes or bites wherever the value is copied. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === "__proto__") throw new SyntaxError("the member name __proto__ is not allowed");
  return value;
}

/** `{name}` at the end of a segment or before a verb such as `:move`. */
const PARAMETER = /\{(\w+)\}(:[a-z]+)?/g;

function pathParameters(path: string): string[] {
  return Array.from(path.matchAll(PARAMETER), ([, name]) => name as string);
}

/** Hono's form; a verb is part of the parameter there, since a segment is one parameter. */
function honoPath(path: string): string {
  return path.replaceAll(PARAMETER, (_, name: string, verb = "") => `:${name}{[^/:]+${verb}}`);
}

/** Matches requests of this path, whatever the method. */
export function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(PARAMETER, (_, __, verb = "") => `[^/:]+${verb}`)}$`);
}

function ownParameter(context: Context, path: string, name: string): string {
  const value: string = context.req.param(name) ?? "";
  return path.includes(`{${name}}:`) ? value.slice(0, value.indexOf(":")) : value;
}

function documentEntry<P extends Shape, Q extends Shape, B extends z.ZodType>(operation: Operation<P, Q, B>) {
  const { id, method, path, summary, description, tag, params, query, body, answer, problems } = operation;
  const content = body && { schema: body.schema, example: body.example };
  const types = body?.patch ? ["application/merge-patch+json", "application/json"] : ["application/json"];
  const always = [500, 503, ...(body ? [400, 413, 415, 422] : []), ...(query ? [422] : [])];
  const statuses = [...new Set([...problems, ...always])].sort((a, b) => a - b);
  const location = { Location: { description: "The path of the new resource.", schema: { type: "string" as const } } };
  return createRoute({
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    operationId: id,
    tags: [tag],
    request: {
      ...(params ? { params: z.object(params) } : {}),
      ...(query ? { query: z.object(query) } : {}),
      ...(content
        ? { body: { required: true, content: Object.fromEntries(types.map((type) => [type, content])) } }
        : {}),
    },
    responses: {
      [answer.status]: {
        description: answer.description,
        content: { "application/json": { schema: answer.schema, example: answer.example } },
        ...(answer.status === 201 ? { headers: location } : {}),
      },
      ...Object.fromEntries(statuses.map((status) => [status, problemEntry(status)])),
    },
  });
}

function problemEntry(status: number) {
  const { kind, title, reason, field } = example.problems[status] ?? { kind: "", title: "Problem", reason: "" };
  const problem = field === undefined ? plainProblem(status, kind, title, reason) : fieldsProblem([{ field, reason }]);
  const shown = { ...problem, type: `urn:overspan:problem:${kind}`, title, status };
  return { description: title, content: { [PROBLEM_TYPE]: { schema: ProblemSchema, example: shown } } };
}
