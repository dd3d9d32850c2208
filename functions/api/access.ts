// Who may do what: what a token allows, and what an operation needs. Pure; tokens are read in token-claims.ts and checked
// in tokens.ts, and what is of which tenant is looked up in reach.ts.

import type { Actor } from "../domain/audit.ts";
import { type Problem, plainProblem } from "./problem.ts";

/** What a token's scopes allow: to see, to change what tenants have, to change what the operator has. Each has the ones before. */
export const SCOPES = ["read", "write", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** What an operation needs. `nothing`: the request proves itself by what is in it, or there is nothing to protect. */
export type Needs = "nothing" | Scope;

/**
 * How an operation is open to tokens that are bound to a tenant. `path`: what the path names is looked at first, and what
 * is another tenant's is not found. `own`: the operation itself shows and takes what is of `request.tenant` only.
 * `operator`: not at all.
 */
export type Reach = "path" | "own" | "operator";

/** Somebody with a token that holds. */
export type Principal = {
  actor: Actor;
  scopes: ReadonlySet<Scope>;
  /** The token is bound to this tenant. */
  tenant?: string;
  /** Sees all that the binding lets him, and changes nothing, whatever the scopes say. */
  networkEngineer: boolean;
};

/** What is known of who asks. `unavailable`: nobody can say, since the issuer's keys are out of reach. */
export type Identified =
  | { kind: "principal"; principal: Principal }
  | { kind: "nobody" }
  | { kind: "refused"; reason: string }
  | { kind: "unavailable" };

/** Finds out who asks. */
export type Identify = (headers: Headers) => Promise<Identified>;

/** A problem with the challenge that goes with it (RFC 9110 11.6.1, RFC 6750 3). */
export type Denied = { problem: Problem; headers: Record<string, string> };

const REALM = 'Bearer realm="overspan"';

/** The answer to who is not known. */
export function denyUnknown(identified: Exclude<Identified, { kind: "principal" }>): Denied {
  switch (identified.kind) {
    case "nobody": {
      const reason = "a token is needed: Authorization: Bearer …";
      const problem = plainProblem(401, "unauthenticated", "Who are you?", reason);
      return { problem, headers: { "www-authenticate": REALM } };
    }
    case "refused": {
      const { reason } = identified;
      const problem = plainProblem(401, "invalid-token", "Not a token that holds", reason);
      const challenge = `${REALM}, error="invalid_token", error_description="${reason}"`;
      return { problem, headers: { "www-authenticate": challenge } };
    }
    case "unavailable": {
      const reason = "the keys of the tokens' issuer cannot be read; try again";
      return { problem: plainProblem(503, "issuer", "The issuer is away", reason), headers: { "retry-after": "1" } };
    }
  }
}

/** Why the principal may not do the operation; undefined if he may. */
export function denied(principal: Principal, { needs, reach }: { needs: Needs; reach: Reach }): Denied | undefined {
  if (needs === "nothing") return undefined;
  const { scopes, tenant, networkEngineer } = principal;
  if (networkEngineer && needs !== "read") {
    const reason = "a network engineer sees all and changes nothing";
    return { problem: plainProblem(403, "read-only", "Not allowed", reason), headers: {} };
  }
  if (!networkEngineer && !includes(scopes, needs)) {
    const reason = `the token lacks the scope ${needs}`;
    const problem = plainProblem(403, "missing-scope", "Not allowed", reason);
    return {
      problem,
      headers: { "www-authenticate": `${REALM}, error="insufficient_scope", scope="${needs}"` },
    };
  }
  if (tenant !== undefined && reach === "operator") {
    const reason = `the token is bound to tenant ${tenant}, and this is the operator's`;
    return { problem: plainProblem(403, "tenant-bound", "Not allowed", reason), headers: {} };
  }
  return undefined;
}

function includes(scopes: ReadonlySet<Scope>, needed: Scope): boolean {
  return SCOPES.slice(SCOPES.indexOf(needed)).some((scope) => scopes.has(scope));
}
