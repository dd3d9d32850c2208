// What a request gives an operation: path, query, headers and body, parsed by the schemas of the document. What is wrong
// is a problem that names the fields.

import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { canonicalJson } from "../../shared/message/digest.ts";
import { refuse } from "../domain/write.ts";
import { actorOf, principalOf } from "./asker.ts";
import type { Request } from "./execute.ts";
import { readTerms } from "./headers.ts";
import { canBePlanned, type Operation, type ReadInput, type Shape } from "./operation.ts";
import { nothingHere, ownParameter, pathParameters } from "./operation-path.ts";
import { PLAN_QUERY } from "./plan-schema.ts";
import { type FieldError, fieldErrors, fieldsProblem, type Problem, plainProblem, typeMessage } from "./problem.ts";
import { immutableRefusals, refusalProblem } from "./refusal-problem.ts";

type Read<P extends Shape, Q extends Shape, B extends z.ZodType> = { input: ReadInput<P, Q, B> } | { problem: Problem };

export type InputSchemas<P extends Shape, Q extends Shape> = {
  readonly params: z.ZodObject<P>;
  readonly query: z.ZodObject<Q>;
};

/** The schemas of path and query; to be kept, since zod compiles a schema at its first use. */
export function inputSchemas<P extends Shape, Q extends Shape, B extends z.ZodType>(
  operation: Operation<P, Q, B>,
): InputSchemas<P, Q> {
  return { params: z.object(operation.params ?? ({} as P)), query: z.strictObject(queryOf(operation)) };
}

/** What the operation takes, and with it what a plan takes. */
function queryOf<P extends Shape, Q extends Shape, B extends z.ZodType>(operation: Operation<P, Q, B>): Q {
  return { ...(operation.query ?? ({} as Q)), ...(canBePlanned(operation) ? PLAN_QUERY : {}) };
}

/** Parses it all, or says what is wrong with the first part that is. */
export async function readInput<P extends Shape, Q extends Shape, B extends z.ZodType>(
  context: Context,
  { body, path, method }: Operation<P, Q, B>,
  schemas: InputSchemas<P, Q>,
): Promise<Read<P, Q, B>> {
  const names = pathParameters(path);
  const given = Object.fromEntries(names.map((name) => [name, ownParameter(context, path, name)]));
  const parsedParams = schemas.params.safeParse(given);
  // An id that cannot be is the id of nothing.
  if (!parsedParams.success) return { problem: nothingHere(context) };
  const twice = Object.entries(context.req.queries()).find(([, values]) => values.length > 1);
  if (twice) return { problem: fieldsProblem([{ field: twice[0].slice(0, 100), reason: "is given twice" }]) };
  const parsedQuery = schemas.query.safeParse(context.req.query());
  const errors: FieldError[] = parsedQuery.success ? [] : fieldErrors(parsedQuery.error.issues);
  if (errors.length > 0) return { problem: fieldsProblem(errors) };
  const terms = readTerms(context.req.raw.headers, method);
  if ("problem" in terms) return terms;
  const tenant = principalOf(context)?.tenant;
  const request = { ...terms.terms, actor: actorOf(context), ...(tenant === undefined ? {} : { tenant }) };
  const fingerprinted = (asked: unknown): Request => {
    const { key, ...rest } = request;
    if (key === undefined) return rest;
    const fingerprint = fingerprintOf([context.req.method, context.req.path, context.req.query(), asked]);
    return { ...rest, idempotency: { key, fingerprint } };
  };
  const input = { params: parsedParams.data, query: parsedQuery.data } as Omit<ReadInput<P, Q, B>, "body" | "request">;
  if (!body) return { input: { ...input, request: fingerprinted(null) } as ReadInput<P, Q, B> };
  const json = await readJson(context, body.patch === true);
  if ("problem" in json) return json;
  const parsedBody = body.schema.safeParse(json.value, { error: typeMessage });
  if (parsedBody.success) return { input: { ...input, body: parsedBody.data, request: fingerprinted(json.value) } };
  const { issues } = parsedBody.error;
  const [first, ...more] = immutableRefusals(issues, body.immutable ?? []);
  return { problem: first ? refusalProblem(refuse(first, ...more)) : fieldsProblem(fieldErrors(issues)) };
}

/** What is wrong with a body before anything is known but its form. */
export function faultsOf(body: Operation<Shape, Shape, z.ZodType>["body"], given: unknown): FieldError[] {
  if (!body) return given === undefined ? [] : [{ field: "", reason: "must be absent: the operation takes none" }];
  const parsed = body.schema.safeParse(given, { error: typeMessage });
  return parsed.success ? [] : fieldErrors(parsed.error.issues);
}

/** What a request asks, in one line: the order of members and white space make no difference. */
function fingerprintOf(asked: unknown): string {
  return createHash("sha256").update(canonicalJson(asked)).digest("base64url");
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
