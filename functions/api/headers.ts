// The headers that say on what terms a write is to be done: preconditions (RFC 9110 13.1) and the Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header). Entity tags are versions: `"3"`.

import { z } from "@hono/zod-openapi";
import type { Condition } from "./execute.ts";
import { type Problem, plainProblem } from "./problem.ts";

/** What the headers of a request ask. */
export type Terms = { condition?: Condition; key?: string; lastEventId?: string };

const KEY = /^[\x21-\x7e]{1,255}$/;

export function readTerms(headers: Headers, method: string): { terms: Terms } | { problem: Problem } {
  if (method === "get") {
    const lastEventId = headers.get("last-event-id");
    return { terms: lastEventId === null ? {} : { lastEventId } };
  }
  const terms: Terms = {};
  const key = headers.get("idempotency-key");
  if (key !== null) {
    // The draft has it as a quoted string; everybody sends it bare.
    const bare = /^"(.*)"$/.exec(key)?.[1] ?? key;
    if (!KEY.test(bare)) {
      const reason = "Idempotency-Key must be 1 to 255 visible ASCII characters";
      return { problem: plainProblem(400, "idempotency-key", "Bad Idempotency-Key", reason) };
    }
    terms.key = bare;
  }
  const condition: Condition = {};
  const match = headers.get("if-match");
  if (match !== null) condition.match = match.trim() === "*" ? "*" : versionsOf(match);
  const noneMatch = headers.get("if-none-match");
  if (noneMatch !== null) {
    if (noneMatch.trim() !== "*") {
      const reason = "If-None-Match must be * in a write";
      return { problem: plainProblem(400, "precondition", "Bad precondition", reason) };
    }
    condition.noneMatch = true;
  }
  if (match !== null || noneMatch !== null) terms.condition = condition;
  return { terms };
}

/** The entity tag of a version. */
export function tagOf(version: number): string {
  return `"${version}"`;
}

/** Weak tags and those of others match nothing (RFC 9110 8.8.3.2). */
function versionsOf(list: string): number[] {
  return list.split(",").flatMap((tag) => {
    const version = /^"([1-9]\d{0,15})"$/.exec(tag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

/** The headers of an operation, for the document; undefined if it has none of its own. */
export function requestHeaders(method: string, tagged: boolean): Record<string, z.ZodType> | undefined {
  const ifNoneMatch = z.string().optional();
  if (method === "get") {
    return tagged
      ? { "If-None-Match": ifNoneMatch.openapi({ description: "304 if it is still at this tag." }) }
      : undefined;
  }
  return {
    "Idempotency-Key": z.string().optional().openapi({
      description: "A retry with the same key within 24 h is not done again, but answered as the first was.",
      example: "7d0a1c1e-6c1f-4f5e-9d53-0f9b4f3c2a11",
    }),
    ...(tagged
      ? {
          "If-Match": z
            .string()
            .optional()
            .openapi({ description: "Only if it is at one of these tags.", example: '"3"' }),
        }
      : {}),
    ...(tagged && method === "put"
      ? { "If-None-Match": ifNoneMatch.openapi({ description: "`*`: only if it is not there.", example: "*" }) }
      : {}),
  };
}
