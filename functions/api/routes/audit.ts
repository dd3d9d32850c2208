// /v1/audit: who did what, and what was refused

import { z } from "@hono/zod-openapi";
import { firstChangeAt } from "../../domain/ids.ts";
import type { AuditEntry } from "../../store/store.ts";
import { answerList, pageQuery } from "../answers.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { fieldsProblem } from "../problem.ts";
import { AuditEntrySchema, pageSchema } from "../schema.ts";

const WEEK_MS = 7 * 24 * 3600 * 1000;
/** As `refText` gives it. */
const RESOURCE = /^(?:[a-z-]{1,20})(?:\/[a-z0-9-]{1,48}){1,2}$/;

const instant = (description: string) =>
  z.iso
    .datetime({ offset: true, error: "must be a time such as 2026-11-22T12:00:00Z" })
    .refine((text) => Date.parse(text) >= 0, "must not be before 1970")
    .optional()
    .openapi({ description, example: example.AT });

export function addAudit(api: Api): void {
  const { store, clock } = api.services;
  addOperation(api, {
    id: "listAudit",
    method: "get",
    path: "/v1/audit",
    summary: "List what was done and refused",
    description:
      "The newest first: every write with what it changed, and every write that was refused. Kept 400 days. A token that " +
      "is bound to a tenant sees what was done to what is the tenant's, and what it was refused itself.",
    tag: "Audit",
    needs: "read",
    reach: "own",
    query: {
      ...pageQuery,
      resource: z.string().regex(RESOURCE, "must be such as network/web or endpoint/web/vm1").optional().openapi({
        description: "Only of this resource: its kind, its parent if it has one, its id.",
        example: "site/fra",
      }),
      actor: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .openapi({ description: "Only by this actor.", example: "user:jane" }),
      from: instant("From this time on. Default: a week before `to`, or for a resource all that is kept."),
      to: instant("Before this time. Default: now."),
    },
    answer: {
      status: 200,
      description: "A page. `next` may be there with few entries or none: there is more to look at.",
      schema: pageSchema("AuditPage", AuditEntrySchema),
      example: { items: [example.auditEntry] },
    },
    problems: [],
    run: ({ query: { resource, actor, from, to, ...page }, request: { tenant } }) => {
      const nowMs = clock.now();
      const toMs = to === undefined ? nowMs + 1 : Date.parse(to);
      const fromMs = from === undefined ? (resource === undefined ? Math.max(0, toMs - WEEK_MS) : 0) : Date.parse(from);
      if (fromMs > toMs) {
        const problem = fieldsProblem([{ field: "from", reason: "must not be after to" }]);
        return Promise.resolve({ kind: "problem", problem });
      }
      // Not the times but what was said of them: a page further on is asked for later.
      const asWritten = Object.entries({ resource, actor, tenant, from, to }).filter(
        ([, value]) => value !== undefined,
      );
      const list = { kind: "audit", ...Object.fromEntries(asWritten) };
      return answerList(list, page, async (request) => {
        const until = request.position === undefined ? firstChangeAt(toMs) : request.position;
        const asked = {
          from: firstChangeAt(fromMs),
          to: until,
          ...(resource === undefined ? {} : { resource }),
          ...(actor === undefined ? {} : { actor }),
          ...(tenant === undefined ? {} : { tenant }),
        };
        const { items, next } = await store.audit(asked, request);
        return { items: items.map(shown), ...(next === undefined ? {} : { next }) };
      });
    },
  });
}

/** What was asked is kept as text. */
function shown(entry: AuditEntry): AuditEntry {
  if (entry.outcome === "done" || typeof entry.request !== "string") return entry;
  return { ...entry, request: JSON.parse(entry.request) as unknown };
}
