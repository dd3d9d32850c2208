// The handler of an operation: sees first whether who asks may (`needs`, `reach`: access.ts), parses the request, does it or
// plans it, answers faults as problems, and leaves an entry of every refused write in the audit.

import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { planOf } from "../plan/plan.ts";
import { denied, type Denied, type Needs, type Reach } from "./access.ts";
import type { Services } from "./answers.ts";
import { principalOf } from "./asker.ts";
import { createCommands } from "./commands.ts";
import {
  type Answer,
  type Api,
  canBePlanned,
  type On,
  type Operation,
  type ReadInput,
  type Shape,
} from "./operation.ts";
import { faultsOf, inputSchemas, type InputSchemas, readInput } from "./operation-input.ts";
import { honoPath, pathParameters, pathPattern } from "./operation-path.ts";
import { LINES, PLAN_TYPE } from "./plan-schema.ts";
import { type Problem, PROBLEM_TYPE } from "./problem.ts";
import { foreignOwner, outOfReach, saysWhose } from "./reach.ts";
import { auditRefusal } from "./refusal-audit.ts";

/** Adds the operation to the app and to its document. */
export function addOperation<P extends Shape, Q extends Shape, B extends z.ZodType>(
  { app, services, open, writes, operations }: Api,
  operation: Operation<P, Q, B>,
): void {
  const { id, method, path, needs, reach = "operator" } = operation;
  if (reach === "path" && !saysWhose(pathParameters(path))) throw new Error(`${id}: the path does not say whose it is`);
  if (needs === "nothing") open.push({ method, pattern: pathPattern(path) });
  if (canBePlanned(operation)) {
    const faults = (body: unknown) => faultsOf(operation.body, body);
    writes.push({ method: method.toUpperCase(), pattern: pathPattern(path), needs, reach, faults });
  }
  operations.push(operation);
  // Made by the first request: most operations are not asked for in the life of an instance, and each costs its start.
  let schemas: InputSchemas<P, Q> | undefined;
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
    const input = await readInput(context, operation, (schemas ??= inputSchemas(operation)));
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

/** What a request of our own is to be done on. */
function onOf(context: Context): On | undefined {
  return context.get("on") as On | undefined;
}

function mayNot(context: Context, what: { needs: Needs; reach: Reach }): Denied | undefined {
  if (what.needs === "nothing") return undefined;
  const principal = principalOf(context);
  if (!principal) throw new Error(`${context.req.method} ${context.req.path} was let in without a token`);
  return denied(principal, what);
}
