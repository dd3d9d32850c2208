// What somebody who is bound to a tenant is told and may touch: nothing of another's, not even its name. Pure.

import type { Refusal } from "./refusal.ts";
import type { Held, ResourceRef } from "./resource.ts";
import { type Refused, refuse } from "./write.ts";

/**
 * The refusal if the owner of what is asked about is another tenant. Seen on the facts that the decision is made on.
 * `makes`: the owner is what would be made, whose id is taken then.
 */
export function foreign(
  tenant: string | undefined,
  owner: Held<{ tenant: string }> | undefined,
  { ref, makes }: { ref: ResourceRef; makes: boolean },
): Refused | undefined {
  if (tenant === undefined || owner?.state !== "live" || owner.resource.tenant === tenant) return undefined;
  return refuse({ kind: makes ? "id-taken" : "not-found", ref });
}

/** A refusal without what it tells of others. */
export function asTold(tenant: string | undefined, refused: Refused): Refused {
  if (tenant === undefined) return refused;
  const [first, ...more] = refused.refusals;
  return refuse(withoutOthers(first), ...more.map(withoutOthers));
}

/** Whose a VNI or a port is, is not said: it may be anybody's. Another tenant's router is one that does not exist. */
function withoutOthers(refusal: Refusal): Refusal {
  switch (refusal.kind) {
    case "vni-taken":
      return { ...refusal, by: undefined };
    case "port-taken":
      return { ...refusal, network: undefined };
    case "other-tenant":
      return { kind: "no-such", field: refusal.field, ref: refusal.ref };
    default:
      return refusal;
  }
}
