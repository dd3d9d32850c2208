// An operation's entry in the OpenAPI document: its parameters, its answers and its problems, from the same description that
// its handler is made of.

import { createRoute, z } from "@hono/zod-openapi";
import * as example from "./example.ts";
import { requestHeaders } from "./headers.ts";
import { canBePlanned, type DocumentedOperation } from "./operation.ts";
import { PLAN_QUERY, PLAN_TYPE, PlanSchema } from "./plan-schema.ts";
import { fieldsProblem, PROBLEM_TYPE, plainProblem } from "./problem.ts";
import { ProblemSchema } from "./schema.ts";

/** The entry, as zod-openapi registers it. */
export function documentEntry(operation: DocumentedOperation) {
  const { id, method, path, summary, description, tag, needs, reach, params, body, answer, problems } = operation;
  const planned = canBePlanned(operation);
  const query = planned ? { ...operation.query, ...PLAN_QUERY } : operation.query;
  const plan = { [PLAN_TYPE]: { schema: PlanSchema, example: example.plan } };
  const content = body && { schema: body.schema, example: body.example };
  const types = body?.patch ? ["application/merge-patch+json", "application/json"] : ["application/json"];
  // Who needs no token has no memory of his own that a key could name.
  const headers = needs === "nothing" ? undefined : requestHeaders(method, answer.tagged === true);
  const always = [
    ...(needs === "nothing" ? [] : [401, 403]),
    422,
    429,
    500,
    503,
    ...(body ? [413, 415] : []),
    ...(method === "get" ? [] : [400]),
    ...(answer.tagged && method !== "get" ? [412] : []),
  ];
  const statuses = [...new Set([...problems, ...always])].sort((a, b) => a - b);
  const success = {
    description: answer.description,
    content: { [answer.type ?? "application/json"]: { schema: answer.schema, example: answer.example } },
  };
  const replayed = method === "get" || needs === "nothing" ? {} : { "Idempotency-Replayed": REPLAYED };
  // A deletion takes a precondition, and answers with no version.
  const tagged = answer.tagged && method !== "delete" ? { ETag: ETAG } : {};
  // What has no tag cannot be read again: there is no place where.
  const located = answer.tagged ? { Location: LOCATION } : {};
  const created = { ...success, headers: { ...located, ...tagged, ...replayed } };
  const done = {
    ...success,
    content: { ...success.content, ...(planned ? plan : {}) },
    headers: { ...tagged, ...replayed },
  };
  const onlyPlanned = { description: "With `plan`: what would change.", content: plan };
  return createRoute({
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    operationId: id,
    tags: [tag],
    "x-needs": needs,
    "x-reach": needs === "nothing" ? "anybody" : (reach ?? "operator"),
    ...(needs === "nothing" ? { security: [] } : {}),
    request: {
      ...(params ? { params: z.object(params) } : {}),
      ...(query ? { query: z.object(query) } : {}),
      ...(headers ? { headers: z.object(headers) } : {}),
      ...(content
        ? { body: { required: true, content: Object.fromEntries(types.map((type) => [type, content])) } }
        : {}),
    },
    responses: {
      ...(answer.status === 201 || answer.created ? { 201: created } : {}),
      ...(answer.status === 200 || answer.created ? { 200: done } : planned ? { 200: onlyPlanned } : {}),
      ...(answer.tagged && method === "get" ? { 304: { description: "Not modified." } } : {}),
      ...Object.fromEntries(statuses.map((status) => [status, problemEntry(status)])),
    },
  });
}

const LOCATION = { description: "The path of the new resource.", schema: { type: "string" as const } };
const ETAG = { description: "The version, as an entity tag, for If-Match.", schema: { type: "string" as const } };
const REPLAYED = {
  description: "`true`: it was done before under this Idempotency-Key, and this is the answer of then.",
  schema: { type: "string" as const },
};
const CHALLENGE = { description: "`Bearer`, and what is wrong.", schema: { type: "string" as const } };
const RETRY_AFTER = { description: "Seconds to wait.", schema: { type: "string" as const } };

function problemEntry(status: number) {
  const { kind, title, reason, field } = example.problems[status] ?? { kind: "", title: "Problem", reason: "" };
  const problem = field === undefined ? plainProblem(status, kind, title, reason) : fieldsProblem([{ field, reason }]);
  const shown = { ...problem, type: `urn:overspan:problem:${kind}`, title, status };
  const named =
    status === 429 || status === 503
      ? { "Retry-After": RETRY_AFTER }
      : status === 401
        ? { "WWW-Authenticate": CHALLENGE }
        : undefined;
  const headers = named ? { headers: named } : {};
  return { description: title, ...headers, content: { [PROBLEM_TYPE]: { schema: ProblemSchema, example: shown } } };
}
