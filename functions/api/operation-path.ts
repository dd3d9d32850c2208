// The paths of operations, as OpenAPI writes them: what they match, and their parameters. A verb such as `:move` may follow
// the last parameter.

import type { Context } from "hono";
import { type Problem, plainProblem } from "./problem.ts";

/** `{name}` at the end of a segment or before a verb such as `:move`. */
const PARAMETER = /\{(\w+)\}(:[a-zA-Z]+)?/g;

/** The names of the parameters, in their order. */
export function pathParameters(path: string): string[] {
  return Array.from(path.matchAll(PARAMETER), ([, name]) => name as string);
}

/** Hono's form of it; a verb is part of the parameter there, since a segment is one parameter. */
export function honoPath(path: string): string {
  return path.replaceAll(PARAMETER, (_, name: string, verb = "") => `:${name}{[^/:]+${verb}}`);
}

/** Matches requests of this path, whatever the method. */
export function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(PARAMETER, (_, __, verb = "") => `[^/:]+${verb}`)}$`);
}

/** The value of a parameter in the request, without the verb. */
export function ownParameter(context: Context, path: string, name: string): string {
  const value: string = context.req.param(name) ?? "";
  return path.includes(`{${name}}:`) ? value.slice(0, value.indexOf(":")) : value;
}

/** 404 for a path that leads nowhere. */
export function nothingHere(context: Context): Problem {
  return plainProblem(404, "not-found", "Not found", `there is nothing at ${context.req.path.slice(0, 200)}`);
}
