// Tenants: owners of networks.

import type { Tenant } from "../../shared/model/resource.ts";
import type { ChangeTenant, CreateTenant } from "./command.ts";
import { type Children, planChange, planCreate, planDeleteOfParent, planNothing, requireLive } from "./plan.ts";
import type { Held } from "./resource.ts";
import { type Context, type Decision, refuse } from "./write.ts";

type Facts = { tenant: Held<Tenant> };

export function createTenant(facts: Facts, command: CreateTenant, context: Context): Decision<Tenant> {
  const ref = { kind: "tenant", id: command.id } as const;
  if (facts.tenant.state === "live") return refuse({ kind: "id-taken", ref });
  return planCreate({ ref, held: facts.tenant, content: command }, [], context);
}

export function changeTenant(facts: Facts, command: ChangeTenant, context: Context): Decision<Tenant> {
  const ref = { kind: "tenant", id: command.id } as const;
  const live = requireLive(ref, facts.tenant);
  if ("refusals" in live) return live;
  const { name = live.resource.name } = command.patch;
  if (name === live.resource.name) return planNothing(live.resource);
  return planChange({ ref, live, content: { ...live.resource, name } }, [], context);
}

/** Refused while it owns networks. */
export function deleteTenant(
  facts: Facts & { children: Children },
  command: { id: string },
  context: Context,
): Decision<Tenant> {
  const ref = { kind: "tenant", id: command.id } as const;
  return planDeleteOfParent({ ref, held: facts.tenant, children: facts.children }, () => [], context);
}
