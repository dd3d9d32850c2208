// What a token that is bound to a tenant reaches: the tenant's own. What is another's looks as if it were not there.

import type { Held, ResourceRef } from "../domain/resource.ts";
import { refuse } from "../domain/write.ts";
import type { Store } from "../store/store.ts";
import { type Problem, plainProblem } from "./problem.ts";
import { refusalProblem } from "./refusal-problem.ts";

/** The path's parameters that say whose an operation's subject is. */
const OWNERS = ["network", "router", "tenant", "change", "rollout"] as const;

/** True if a path says whose it is about. */
export function saysWhose(parameters: readonly string[]): boolean {
  return parameters.some((name) => OWNERS.some((owner) => owner === name));
}

/** The tenant that a resource is of; undefined if it is nobody's, or not there. */
export async function tenantOf(store: Store, ref: ResourceRef): Promise<string | undefined> {
  switch (ref.kind) {
    case "tenant":
      return ref.id;
    case "network":
      return ownerOf(await store.get<"network">({ kind: ref.kind, id: ref.id }));
    case "router":
      return ownerOf(await store.get<"router">({ kind: ref.kind, id: ref.id }));
    case "endpoint":
      return tenantOf(store, { kind: "network", id: ref.network });
    case "prefix":
      return tenantOf(store, { kind: "router", id: ref.router });
    default:
      return undefined;
  }
}

function ownerOf(held: Held<{ tenant: string }>): string | undefined {
  return held.state === "live" ? held.resource.tenant : undefined;
}

/**
 * The problem if what the path names is of another tenant or is not there, which is one case here, so that nobody can tell
 * the one from the other; undefined if it is the tenant's. `puts`: the operation makes what is not there.
 */
export async function outOfReach(
  store: Store,
  tenant: string,
  { params, puts }: { params: Readonly<Record<string, unknown>>; puts: boolean },
): Promise<Problem | undefined> {
  for (const kind of ["network", "router"] as const) {
    const id = params[kind];
    if (typeof id !== "string") continue;
    const ref = { kind, id };
    const owner = await tenantOf(store, ref);
    if (owner === tenant) continue;
    if (!puts || hasChild(params)) return refusalProblem(refuse({ kind: "not-found", ref }));
    if (owner !== undefined) return refusalProblem(refuse({ kind: "id-taken", ref }));
  }
  if (typeof params["tenant"] === "string" && params["tenant"] !== tenant) {
    return refusalProblem(refuse({ kind: "not-found", ref: { kind: "tenant", id: params["tenant"] } }));
  }
  const rollout = params["rollout"];
  if (typeof rollout === "string") {
    const ref = { kind: "rollout", id: rollout } as const;
    const held = await store.get<"rollout">(ref);
    const whose = held.state === "live" ? held.resource.tenant : undefined;
    if (whose !== tenant) return refusalProblem(refuse({ kind: "not-found", ref }));
  }
  const id = params["change"];
  if (typeof id === "string" && (await store.change(id))?.tenant !== tenant) return noSuchChange(id);
  return undefined;
}

function hasChild({ endpoint, prefix }: Readonly<Record<string, unknown>>): boolean {
  return endpoint !== undefined || prefix !== undefined;
}

export function noSuchChange(id: string): Problem {
  return plainProblem(404, "not-found", "Not found", `there is no change ${id}`);
}

/** A body that names another tenant as the owner: as if that one did not exist. */
export function foreignOwner(tenant: string, body: unknown): Problem | undefined {
  const named = typeof body === "object" && body !== null && "tenant" in body ? body.tenant : undefined;
  if (typeof named !== "string" || named === tenant) return undefined;
  return refusalProblem(refuse({ kind: "no-such", field: "tenant", ref: { kind: "tenant", id: named } }));
}
