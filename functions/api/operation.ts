// One operation of the API: its entry in the document and its handler from one description, so that the two cannot
// drift apart. Sees first whether who asks may (`needs`, `reach`: access.ts), parses path, query, headers and body by the
// schemas of the document, answers faults as problems, and leaves an entry of every refused write in the audit.

import { createHash } from "node:crypto";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { canonicalJson } from "../../shared/message/digest.ts";
import { type Actor, actorText, withoutSecrets } from "../domain/audit.ts";
import type { ResourceRef } from "../domain/resource.ts";
import { refuse } from "../domain/write.ts";
import { planOf } from "../plan/plan.ts";
import { denied, type Denied, type Needs, type Principal, type Reach } from "./access.ts";
import type { Services } from "./answers.ts";
import { createCommands } from "./commands.ts";
import * as example from "./example.ts";
import type { Request } from "./execute.ts";
import { readTerms, requestHeaders } from "./headers.ts";
import {
  type FieldError,
  fieldErrors,
  fieldsProblem,
  type Problem,
  PROBLEM_TYPE,
  plainProblem,
  typeMessage,
} from "./problem.ts";
import { foreignOwner, outOfReach, saysWhose, tenantOf } from "./reach.ts";
import { immutableRefusals, refusalProblem } from "./refusal-problem.ts";
import { LINES, PLAN_QUERY, PLAN_TYPE, PlanSchema } from "./plan-schema.ts";
import { ProblemSchema } from "./schema.ts";

export type Shape = Record<string, z.ZodType>;

/** What a write is done on: the store, or a rehearsal (`rehearsed`) that shows what would come of it. */
export type On = Pick<Services, "runtime" | "commands"> & { rehearsed?: true };

/** A write of another operation, as a rollout needs to know it: what it needs, and what is wrong with a body. */
export type KnownWrite = {
  method: string;
  pattern: RegExp;
  needs: Needs;
  reach: Reach;
  faults(body: unknown): FieldError[];
};

/** The app that operations are added to, and what they stand on; `open` is what needs no token. */
export type Api = {
  app: OpenAPIHono;
  services: Services;
  open: { method: string; pattern: RegExp }[];
  /** Every write that has a plan. */
  writes: KnownWrite[];
};

export type Operation<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  /** The operationId: a name for generated clients. */
  id: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  /** As in OpenAPI: `/v1/networks/{network}/endpoints/{endpoint}:move`. */
  path: string;
  summary: string;
  description?: string;
  tag: string;
  needs: Needs;
  /** Default: the operator's alone. */
  reach?: Reach;
  params?: P;
  query?: Q;
  /** `patch`: a merge patch. `immutable`: the resource's fields, told apart from unknown ones in a refusal. */
  body?: { schema: B; example: unknown; patch?: boolean; immutable?: readonly string[] };
  /** `created`: 201 as well, if it was made. `tagged`: with an entity tag, so that preconditions can be made. */
  answer: {
    status: 200 | 201;
    created?: boolean;
    tagged?: boolean;
    description: string;
    schema: z.ZodType;
    example: unknown;
    /** Default application/json. */
    type?: string;
  };
  /** It changes nothing that a plan could show. */
  unplanned?: true;
  /** The statuses of its problems besides those that every operation has. */
  problems: readonly number[];
  /** What a write is about, for the audit of a refusal. */
  subject?(params: { [K in keyof P]: z.output<P[K]> }): ResourceRef;
  /** What is wrong with the request by itself, besides what its schemas say. */
  check?(input: ReadInput<P, Q, B>): Problem | undefined;
  run(input: Input<P, Q, B>): Promise<Answer>;
};

export type Input<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  params: { [K in keyof P]: z.output<P[K]> };
  query: { [K in keyof Q]: z.output<Q[K]> };
  body: z.output<B>;
  /** Who asks, and on what terms. */
  request: Request;
  /** Who asks, with all that the token allows; nobody where none is needed. */
  principal: Principal | undefined;
  on: On;
};

/** What an operation answers: a body, or a problem. */
export type Answer =
  | { kind: "answer"; body: unknown; created?: boolean; headers?: Record<string, string> }
  | { kind: "problem"; problem: Problem; headers?: Record<string, string> };

/** Adds the operation to the app and to its document. */
export function addOperation<P extends Shape, Q extends Shape, B extends z.ZodType>(
  { app, services, open, writes }: Api,
  operation: Operation<P, Q, B>,
): void {
  const { id, method, path, needs, reach = "operator" } = operation;
  if (reach === "path" && !saysWhose(pathParameters(path))) throw new Error(`${id}: the path does not say whose it is`);
  if (needs === "nothing") open.push({ method, pattern: pathPattern(path) });
  if (canBePlanned(operation)) {
    const faults = (body: unknown) => faultsOf(operation.body, body);
    writes.push({ method: method.toUpperCase(), pattern: pathPattern(path), needs, reach, faults });
  }
  app.openAPIRegistry.registerPath(documentEntry(operation));
  // Made once: zod compiles a schema at its first use.
  const schemas: InputSchemas<P, Q> = {
    params: z.object(operation.params ?? ({} as P)),
    query: z.strictObject(queryOf(operation)),
  };
  app.on(method.toUpperCase(), [honoPath(path)], async (context) => {
    // A plan changes nothing: who may see may plan.
    const on: On = onOf(context) ?? { runtime: services.runtime, commands: services.commands };
    const plans = canBePlanned(operation) && (on.rehearsed || context.req.query("plan") === "true");
    const { store } = on.runtime;
    const no = mayNot(context, { needs: plans ? "read" : needs, reach });
    if (no) {
      await auditRefusal({ ...services, store }, { context, operation, problem: no.problem, input: undefined });
      return answerProblem(context, no.problem, no.headers);
    }
    const input = await readInput(context, operation, schemas);
    if ("problem" in input) {
      await auditRefusal({ ...services, store }, { context, operation, problem: input.problem, input: undefined });
      return answerProblem(context, input.problem);
    }
    const wrong = operation.check?.(input.input) ?? (await beyondReach(store, operation, input.input));
    const asked = planTerms(input.input.query);
    if (asked && !wrong) return answerPlan(context, services, { operation, input: input.input, lines: asked.lines });
    const answer: Answer = wrong
      ? { kind: "problem", problem: wrong }
      : await operation.run({ ...input.input, principal: principalOf(context), on });
    if (answer.kind === "problem") {
      await auditRefusal({ ...services, store }, { context, operation, problem: answer.problem, input: input.input });
      return answerProblem(context, answer.problem, answer.headers);
    }
    return answered(context, operation.answer, answer);
  });
}

/** Does the write on a rehearsal. What is refused is refused alike, and left out of the audit: nothing was tried. */
async function answerPlan<P extends Shape, Q extends Shape, B extends z.ZodType>(
  context: Context,
  services: Services,
  planned: { operation: Operation<P, Q, B>; input: ReadInput<P, Q, B>; lines: number },
): Promise<Response> {
  const { operation, input, lines } = planned;
  const { idempotency: _, ...request } = input.request;
  const rehearsal = services.runtime.store.rehearsal();
  const runtime = { ...services.runtime, store: rehearsal };
  const on: On = { runtime, commands: createCommands(runtime), rehearsed: true };
  const answer = await operation.run({ ...input, request, principal: principalOf(context), on });
  if (answer.kind === "problem") return answerProblem(context, answer.problem, answer.headers);
  const plan = await planOf(services.store, rehearsal, { lines, tenant: principalOf(context)?.tenant });
  const status = answer.created ? 201 : operation.answer.created ? 200 : operation.answer.status;
  const body = { operation: operation.id, status, answer: answer.body, ...plan };
  return context.body(JSON.stringify(body), 200, { "content-type": PLAN_TYPE });
}

/** How many lines are asked of a plan; undefined if none is. */
function planTerms(query: unknown): { lines: number } | undefined {
  const { plan, lines = LINES.default } = query as { plan?: boolean; lines?: number };
  return plan ? { lines } : undefined;
}

/** What the operation takes, and with it what a plan takes. */
function queryOf<P extends Shape, Q extends Shape, B extends z.ZodType>(operation: Operation<P, Q, B>): Q {
  return { ...(operation.query ?? ({} as Q)), ...(canBePlanned(operation) ? PLAN_QUERY : {}) };
}

function canBePlanned({ method, unplanned }: Pick<Operation<Shape, Shape, z.ZodType>, "method" | "unplanned">) {
  return method !== "get" && !unplanned;
}

/** Looked at last, so that a request that is wrong by itself tells nothing of what is there. */
async function beyondReach<P extends Shape, Q extends Shape, B extends z.ZodType>(
  store: Services["store"],
  { method, reach }: Operation<P, Q, B>,
  { params, body, request: { tenant } }: ReadInput<P, Q, B>,
): Promise<Problem | undefined> {
  if (tenant === undefined) return undefined;
  const far = reach === "path" ? await outOfReach(store, tenant, { params, puts: method === "put" }) : undefined;
  return far ?? foreignOwner(tenant, body);
}

function answered(context: Context, how: Operation<Shape, Shape, z.ZodType>["answer"], answer: Answer): Response {
  if (answer.kind === "problem") throw new Error("a problem is no answer");
  const tag = answer.headers?.["ETag"];
  const seen = context.req.header("if-none-match");
  const isRead = context.req.method === "GET" || context.req.method === "HEAD";
  // Only what is tagged as unchanging can be not modified.
  if (isRead && how.tagged && tag !== undefined && seen !== undefined && tagMatches(seen, tag)) {
    return context.body(null, 304, answer.headers);
  }
  const status = how.created ? (answer.created ? 201 : 200) : how.status;
  if (how.type !== undefined) {
    return context.body(String(answer.body), status, { ...answer.headers, "content-type": how.type });
  }
  return context.json(answer.body, status, answer.headers);
}

function tagMatches(list: string, tag: string): boolean {
  return list.split(",").some((each) => ["*", tag, `W/${tag}`].includes(each.trim()));
}

/** Any problem as a response. */
export function answerProblem(context: Context, problem: Problem, headers: Record<string, string> = {}): Response {
  return context.json(problem, problem.status as ContentfulStatusCode, { ...headers, "content-type": PROBLEM_TYPE });
}

/** Who asks: what the app's first step found out; nobody where no token is needed. */
function principalOf(context: Context): Principal | undefined {
  return context.get("principal") as Principal | undefined;
}

/** What a request of our own is to be done on. */
function onOf(context: Context): On | undefined {
  return context.get("on") as On | undefined;
}

function actorOf(context: Context): Actor {
  return principalOf(context)?.actor ?? { kind: "anonymous" };
}

function mayNot(context: Context, what: { needs: Needs; reach: Reach }): Denied | undefined {
  if (what.needs === "nothing") return undefined;
  const principal = principalOf(context);
  if (!principal) throw new Error(`${context.req.method} ${context.req.path} was let in without a token`);
  return denied(principal, what);
}

const MAX_AUDITED_CHARACTERS = 8192;
const KEPT_CHARACTERS = 500;

type Refusal<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  context: Context;
  operation: Operation<P, Q, B>;
  problem: Problem;
  input: ReadInput<P, Q, B> | undefined;
};

/** By itself, since nothing else is written. That it cannot be kept is told to the operator, not to the caller. */
async function auditRefusal<P extends Shape, Q extends Shape, B extends z.ZodType>(
  { store, clock, ids, log }: Services,
  { context, operation, problem, input }: Refusal<P, Q, B>,
): Promise<void> {
  if (operation.method === "get" || problem.status >= 500) return;
  const nowMs = clock.now();
  const asked = input?.body === undefined ? undefined : JSON.stringify(withoutSecrets(input.body));
  const resource = input && operation.subject?.(input.params);
  // What a tenant was refused is the tenant's to see, also if it was about another's.
  const tenant = principalOf(context)?.tenant ?? (resource && (await tenantOf(store, resource)));
  const audit = {
    outcome: "refused" as const,
    id: ids.change(nowMs),
    at: new Date(nowMs).toISOString(),
    actor: actorText(actorOf(context)),
    operation: operation.id,
    path: kept(context.req.path),
    status: problem.status,
    problem: problem.type,
    reason: kept(problem.detail),
    ...(asked !== undefined && asked.length <= MAX_AUDITED_CHARACTERS ? { request: asked } : {}),
    ...(resource ? { resource } : {}),
    ...(tenant === undefined ? {} : { tenant }),
  };
  const trail = resource ? [{ write: "trail" as const, ref: resource, change: audit.id, at: audit.at }] : [];
  try {
    await store.commit([{ write: "refused", audit }, ...trail]);
  } catch (cause) {
    log({ level: "error", message: `${operation.id}: a refusal could not be audited`, cause });
  }
}

/** Cut, and without halves of surrogate pairs, which are no text. */
function kept(text: string): string {
  return text.slice(0, KEPT_CHARACTERS).replace(/\p{Cs}/gu, "\ufffd");
}

/** An input but for what it is done on. */
type ReadInput<P extends Shape, Q extends Shape, B extends z.ZodType> = Omit<Input<P, Q, B>, "on" | "principal">;
type Read<P extends Shape, Q extends Shape, B extends z.ZodType> = { input: ReadInput<P, Q, B> } | { problem: Problem };

type InputSchemas<P extends Shape, Q extends Shape> = {
  readonly params: z.ZodObject<P>;
  readonly query: z.ZodObject<Q>;
};

async function readInput<P extends Shape, Q extends Shape, B extends z.ZodType>(
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
function faultsOf(body: Operation<Shape, Shape, z.ZodType>["body"], given: unknown): FieldError[] {
  if (!body) return given === undefined ? [] : [{ field: "", reason: "must be absent: the operation takes none" }];
  const parsed = body.schema.safeParse(given, { error: typeMessage });
  return parsed.success ? [] : fieldErrors(parsed.error.issues);
}

/** What a request asks, in one line: the order of members and white space make no difference. */
function fingerprintOf(asked: unknown): string {
  return createHash("sha256").update(canonicalJson(asked)).digest("base64url");
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
const PARAMETER = /\{(\w+)\}(:[a-zA-Z]+)?/g;

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
  const tagged = answer.tagged ? { ETag: ETAG } : {};
  const created = { ...success, headers: { Location: LOCATION, ...tagged, ...replayed } };
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
