// The audit of refused writes: each by itself, since nothing else is written.

import type { Context } from "hono";
import { actorText, withoutSecrets } from "../domain/audit.ts";
import type { Services } from "./answers.ts";
import { actorOf, principalOf } from "./asker.ts";
import type { Operation, ReadInput, Shape } from "./operation.ts";
import type { Problem } from "./problem.ts";
import { tenantOf } from "./reach.ts";
import type { z } from "@hono/zod-openapi";

const MAX_AUDITED_CHARACTERS = 8192;
const KEPT_CHARACTERS = 500;

type Refusal<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  context: Context;
  operation: Operation<P, Q, B>;
  problem: Problem;
  input: ReadInput<P, Q, B> | undefined;
};

/** Leaves its entry. That it cannot be kept is told to the operator, not to the caller. */
export async function auditRefusal<P extends Shape, Q extends Shape, B extends z.ZodType>(
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
