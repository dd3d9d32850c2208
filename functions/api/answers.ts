// What the resources' operations share: outcomes as answers, ids that the system gives, pages of lists.

import { z } from "@hono/zod-openapi";
import type { Stored } from "../../shared/model/resource.ts";
import type { ResourceKind, ResourceOf, ResourceRef } from "../domain/resource.ts";
import { refuse } from "../domain/write.ts";
import type { Page, PageRequest, Store } from "../store/store.ts";
import type { Commands } from "./commands.ts";
import { formatCursor, parseCursor } from "./cursor.ts";
import type { Clock, Outcome } from "./execute.ts";
import type { Ids } from "../domain/ids.ts";
import type { Answer } from "./operation.ts";
import { fieldsProblem } from "./problem.ts";
import { refusalProblem } from "./refusal-problem.ts";
import type { Receipts } from "./receipts.ts";

/** What the routes stand on. */
export type Services = { commands: Commands; store: Store; receipts: Receipts; clock: Clock; ids: Ids };

const ID_ATTEMPTS = 5;
const LIMIT = { default: 50, max: 200 };

/** The query of every list. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,3}$/, `must be a whole number from 1 to ${LIMIT.max}`)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= LIMIT.max, `must be a whole number from 1 to ${LIMIT.max}`)
    .optional()
    .openapi({
      type: "integer",
      minimum: 1,
      maximum: LIMIT.max,
      default: LIMIT.default,
      description: "How many at most.",
      example: LIMIT.default,
    }),
  cursor: z
    .string()
    .max(1000, "must be a cursor that a page gave")
    .optional()
    .openapi({ description: "The `next` of the page before, for the same list." }),
};

/** 201 with its place, 200, or the problem. */
export function answerOutcome<T extends Stored>(outcome: Outcome<T>, location?: (resource: T) => string): Answer {
  if (outcome.kind === "refused") return { kind: "problem", problem: refusalProblem(outcome) };
  const { resource } = outcome;
  return { kind: "answer", body: resource, ...(location ? { headers: { Location: location(resource) } } : {}) };
}

/** A deletion's answer: the change, whose receipt can be asked. */
export function answerDeleted(outcome: Outcome<Stored>): Answer {
  if (outcome.kind === "refused") return { kind: "problem", problem: refusalProblem(outcome) };
  return { kind: "answer", body: { change: outcome.resource.change } };
}

/** Runs a creation under the given id or, if none is given, under one that is free. */
export async function withId<T>(
  ids: Ids,
  kind: ResourceKind,
  given: string | undefined,
  create: (id: string) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (given !== undefined) return create(given);
  for (let tried = 1; ; tried++) {
    const outcome = await create(ids.resource(kind));
    const taken = outcome.kind === "refused" && outcome.refusals[0].kind === "id-taken";
    if (!taken || tried === ID_ATTEMPTS) return outcome;
  }
}

export async function answerGet<K extends ResourceKind>(store: Store, ref: ResourceRef & { kind: K }): Promise<Answer> {
  const held = await store.get<K>(ref);
  if (held.state === "live") return { kind: "answer", body: held.resource };
  return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
}

type PageQuery = { limit?: number | undefined; cursor?: string | undefined };

/** A page of the list that `query` is about; `read` is given the place to go on from. */
export async function answerList<K extends ResourceKind>(
  list: object,
  { limit = LIMIT.default, cursor }: PageQuery,
  read: (page: PageRequest) => Promise<Page<ResourceOf[K]>>,
): Promise<Answer> {
  const position = cursor === undefined ? undefined : parseCursor(list, cursor);
  if (cursor !== undefined && position === undefined) {
    const problem = fieldsProblem([{ field: "cursor", reason: "is not a cursor of this list" }]);
    return { kind: "problem", problem };
  }
  const { items, next } = await read(position === undefined ? { limit } : { limit, position });
  return { kind: "answer", body: next === undefined ? { items } : { items, next: formatCursor(list, next) } };
}
