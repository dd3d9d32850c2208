// Problems (RFC 9457): every error of the API as application/problem+json. What the domain refuses gets its words in
// refusal-problem.ts.

import type { z } from "zod";
import type { ResourceRef } from "../domain/resource.ts";

export const PROBLEM_TYPE = "application/problem+json";

export type FieldError = { field: string; reason: string };
export type Problem = {
  /** `urn:overspan:problem:` and a word that programs can switch on. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** The first field at fault, as a path: `bgp.peers.0.asn`. */
  field?: string;
  /** What is wrong with it, or why it cannot be done. */
  reason: string;
  /** Every field at fault. */
  errors?: FieldError[];
  /** What is in the way of a deletion or a change. */
  blocking?: ResourceRef[];
  /** The resource as it is, if a precondition failed. */
  current?: unknown;
};

/** How many faults of one request are named. */
export const MAX_ERRORS = 50;

/** The problem of fields that do not parse. */
export function fieldsProblem(all: readonly FieldError[]): Problem {
  const errors = all.slice(0, MAX_ERRORS);
  const [{ field, reason } = { field: "", reason: "is invalid" }] = errors;
  const more = all.length > 1 ? ` (and ${all.length - 1} more)` : "";
  return {
    type: typeOf("invalid-fields"),
    title: "Invalid fields",
    status: 422,
    detail: `${field || "The body"} ${reason}${more}`,
    ...(field === "" ? {} : { field }),
    reason,
    errors,
  };
}

/** A problem with nothing but words. */
export function plainProblem(status: number, kind: string, title: string, reason: string): Problem {
  return { type: typeOf(kind), title, status, detail: sentence(reason), reason };
}

/** The faults of a value by its schema's issues. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") return [{ field: path.join("."), reason: issue.message }];
    return issue.keys.map((key) => ({ field: [...path, key.slice(0, 100)].join("."), reason: "is not a known field" }));
  });
}

/** Words for what zod tells in its own; undefined where the schema has its own words. */
export function typeMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== "invalid_type") return undefined;
  if (issue.input === undefined) return "is required";
  return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}, not ${typeName(issue.input)}`;
}

const TYPE_NAMES: Record<string, string> = {
  array: "an array",
  int: "a whole number",
  number: "a number",
  object: "an object",
  string: "a string",
};

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "a number" : String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The `type` of a problem of this kind. */
export function typeOf(kind: string): string {
  return `urn:overspan:problem:${kind}`;
}

/** A reason as a sentence of its own. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
