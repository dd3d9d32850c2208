// What the resources' operations share: outcomes as answers, ids that the system gives, pages of lists, chosen fields.

import { z } from "@hono/zod-openapi";
import { LabelKey, LabelValue } from "../../shared/model/fields.ts";
import type { Stored } from "../../shared/model/resource.ts";
import type { Ids } from "../domain/ids.ts";
import type { ResourceKind, ResourceOf, ResourceRef } from "../domain/resource.ts";
import { refuse } from "../domain/write.ts";
import type { SecretBox } from "../secrets/secret-box.ts";
import type { Page, PageRequest, Store } from "../store/store.ts";
import type { Commands } from "./commands.ts";
import { formatCursor, parseCursor } from "./cursor.ts";
import type { EventReader } from "./events.ts";
import type { Clock, Outcome, Runtime } from "./execute.ts";
import { tagOf } from "./headers.ts";
import type { HostIdentities } from "./host-identities.ts";
import type { HostStatuses } from "./host-status.ts";
import type { Answer } from "./operation.ts";
import { fieldsProblem } from "./problem.ts";
import type { Receipts } from "./receipts.ts";
import type { Rollouts } from "./rollouts.ts";
import { refusalProblem } from "./refusal-problem.ts";

/** Told of what should not have happened. */
export type Log = (entry: { level: "warn" | "error"; message: string; cause: unknown }) => void;

/** What the routes stand on. */
export type Services = {
  runtime: Runtime;
  commands: Commands;
  store: Store;
  hosts: HostStatuses;
  receipts: Receipts;
  events: EventReader;
  identities: HostIdentities;
  secrets: SecretBox;
  clock: Clock;
  ids: Ids;
  log: Log;
  rollouts: Rollouts;
};

const ID_ATTEMPTS = 5;
type Limit = { default: number; max: number };
const LIMIT: Limit = { default: 50, max: 200 };
/** Of views that say little of each item. */
const WIDE: Limit = { default: 1000, max: 1000 };

/** The query of every list. */
export const pageQuery = pageOf(LIMIT);
export const wideQuery = pageOf(WIDE);

function pageOf({ default: usual, max }: Limit) {
  const reason = `must be a whole number from 1 to ${max}`;
  const limit = z
    .string()
    .regex(/^\d{1,4}$/, reason)
    .transform(Number)
    .refine((asked) => asked >= 1 && asked <= max, reason)
    .optional()
    .openapi({
      type: "integer",
      minimum: 1,
      maximum: max,
      default: usual,
      description: "How many at most.",
      example: usual,
    });
  const cursor = z
    .string()
    .max(1000, "must be a cursor that a page gave")
    .optional()
    .openapi({ description: "The `next` of the page before, for the same list." });
  return { limit, cursor };
}

const MAX_SELECTED = 8;

/** `a=b,c=d`: resources that have all of these labels. */
export const labelQuery = z
  .string()
  .max(1100, "must be at most 8 labels such as tier=web,env=prod")
  .transform((text, context): [string, string][] => {
    const pairs = text.split(",").map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return at < 0 ? ["", ""] : [pair.slice(0, at), pair.slice(at + 1)];
    });
    const valid = pairs.every(([key, value]) => LabelKey.safeParse(key).success && LabelValue.safeParse(value).success);
    if (valid && pairs.length <= MAX_SELECTED) return pairs;
    context.addIssue({ code: "custom", message: "must be at most 8 labels such as tier=web,env=prod" });
    return z.NEVER;
  })
  .optional()
  .openapi({ type: "string", description: "Only what has all of these labels.", example: "tier=web,env=prod" });

/** `id,vni`: only these members of each resource. */
export function fieldsQuery(fields: readonly string[]) {
  return z
    .string()
    .max(1000, "names too many fields")
    .transform((text, context): string[] => {
      const names = text.split(",");
      const unknown = names.find((name) => !fields.includes(name));
      if (unknown === undefined) return names;
      context.addIssue({
        code: "custom",
        message: `names no field: ${unknown.slice(0, 50)}; there are ${fields.join(", ")}`,
      });
      return z.NEVER;
    })
    .optional()
    .openapi({
      type: "string",
      description: "Only these fields, by name, with commas between.",
      example: "id,version",
    });
}

export function hasLabels(resource: object, wanted: readonly [string, string][] | undefined): boolean {
  const labels = "labels" in resource ? (resource.labels as Record<string, string> | undefined) : undefined;
  return (wanted ?? []).every(([key, value]) => labels?.[key] === value);
}

/** 201 with its place or 200, with its entity tag; or the problem. */
export function answerOutcome<T extends Stored>(outcome: Outcome<T>, location?: (resource: T) => string): Answer {
  if (outcome.kind === "refused") return answerRefused(outcome);
  const { resource, effect, replayed } = outcome;
  const created = effect === "create";
  return {
    kind: "answer",
    body: resource,
    created,
    headers: {
      ETag: tagOf(resource.version),
      ...(created && location ? { Location: location(resource) } : {}),
      ...replayedHeader(replayed),
    },
  };
}

/** A deletion's answer: the change, whose receipt can be asked. */
export function answerDeleted(outcome: Outcome<Stored>, cascaded?: number): Answer {
  if (outcome.kind === "refused") return answerRefused(outcome);
  const { resource, replayed } = outcome;
  const body = { change: resource.change, ...(cascaded === undefined ? {} : { cascaded }) };
  return { kind: "answer", body, headers: replayedHeader(replayed) };
}

export function replayedHeader(replayed: boolean | undefined): Record<string, string> {
  return replayed ? { "Idempotency-Replayed": "true" } : {};
}

function answerRefused(outcome: Outcome<Stored> & { kind: "refused" }): Answer {
  const [first] = outcome.refusals;
  const problem = refusalProblem(outcome);
  const version = first.kind === "precondition-failed" ? (first.current as Stored | undefined)?.version : undefined;
  if (first.kind === "cascade-unfinished") return { kind: "problem", problem, headers: { "Retry-After": "1" } };
  return version === undefined
    ? { kind: "problem", problem }
    : { kind: "problem", problem, headers: { ETag: tagOf(version) } };
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

/** The resource, or some fields of it; an entity tag only of what is whole. */
export async function answerGet<K extends ResourceKind>(
  store: Store,
  ref: ResourceRef & { kind: K },
  {
    fields,
    more,
  }: { fields?: readonly string[] | undefined; more?: (resource: ResourceOf[K]) => Promise<object> } = {},
): Promise<Answer> {
  const held = await store.get<K>(ref);
  if (held.state !== "live") return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
  const { resource } = held;
  const body = only({ ...resource, ...(more ? await more(resource) : {}) }, fields);
  return { kind: "answer", body, headers: fields ? {} : { ETag: tagOf(resource.version) } };
}

type PageQuery = { limit?: number | undefined; cursor?: string | undefined; fields?: readonly string[] | undefined };

/** A page of the list that `query` is about; `read` is given the place to go on from. */
export async function answerList<T extends object>(
  list: object,
  { limit = LIMIT.default, cursor, fields }: PageQuery,
  read: (page: PageRequest) => Promise<Page<T>>,
): Promise<Answer> {
  const position = cursor === undefined ? undefined : parseCursor(list, cursor);
  if (cursor !== undefined && position === undefined) {
    const problem = fieldsProblem([{ field: "cursor", reason: "is not a cursor of this list" }]);
    return { kind: "problem", problem };
  }
  const page = await read(position === undefined ? { limit } : { limit, position });
  const items = page.items.map((item) => only(item, fields));
  const { next } = page;
  return { kind: "answer", body: next === undefined ? { items } : { items, next: formatCursor(list, next) } };
}

/** A page that says more than its items; as `answerList`, of a wide view. */
export async function answerPage(
  list: object,
  { limit = WIDE.default, cursor }: PageQuery,
  read: (page: PageRequest) => Promise<{ body: object; next?: string | undefined }>,
): Promise<Answer> {
  const position = cursor === undefined ? undefined : parseCursor(list, cursor);
  if (cursor !== undefined && position === undefined) {
    const problem = fieldsProblem([{ field: "cursor", reason: "is not a cursor of this list" }]);
    return { kind: "problem", problem };
  }
  const { body, next } = await read(position === undefined ? { limit } : { limit, position });
  return { kind: "answer", body: next === undefined ? body : { ...body, next: formatCursor(list, next) } };
}

function only(resource: object, fields: readonly string[] | undefined): object {
  if (!fields) return resource;
  return Object.fromEntries(Object.entries(resource).filter(([name]) => fields.includes(name)));
}
