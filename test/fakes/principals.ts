// People and systems as tests need them, without tokens: what functions/api/tokens.ts makes of one. Not a test by itself.

import { type Identify, type Principal, SCOPES, type Scope } from "../../functions/api/access.ts";

/** A user with a scope and those before it; bound to a tenant if one is given. */
export function somebody(id: string, scope: Scope, tenant?: string): Principal {
  const scopes = new Set(SCOPES.slice(0, SCOPES.indexOf(scope) + 1));
  return { actor: { kind: "user", id }, scopes, networkEngineer: false, ...(tenant === undefined ? {} : { tenant }) };
}

export const OPERATOR = somebody("operator", "admin");
export const NETWORK_ENGINEER: Principal = { ...somebody("neo", "admin"), networkEngineer: true };

/** Every request is this one's. */
export function identifyAs(principal: Principal): Identify {
  return () => Promise.resolve({ kind: "principal", principal });
}
