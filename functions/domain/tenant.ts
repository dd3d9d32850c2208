// Tenants: owners of networks and routers, with the room that quotas leave them.

import { type Quotas, Tenant } from "../../shared/model/resource.ts";
import { type ChangeTenant, type CreateTenant, same, wanted } from "./command.ts";
import { type Children, planChange, planCreate, planDeleteOfParent, planNothing, requireLive } from "./plan.ts";
import type { Held } from "./resource.ts";
import { type Context, type Decision, refuse, type RoomOf, type Write } from "./write.ts";

/** What a tenant may have where its own quotas say nothing. */
export const DEFAULT_QUOTAS: Record<RoomOf, number> = { networks: 1000, routers: 100, endpoints: 100_000 };
const ROOMS = ["networks", "routers", "endpoints"] as const;

type Facts = { tenant: Held<Tenant> };

export function createTenant(facts: Facts, command: CreateTenant, context: Context): Decision<Tenant> {
  const ref = { kind: "tenant", id: command.id } as const;
  if (facts.tenant.state === "live") return refuse({ kind: "id-taken", ref });
  const room: Write = { write: "room", tenant: command.id, mode: "open", rooms: quotasOf(command) };
  return planCreate({ ref, held: facts.tenant, content: command }, [room], context);
}

/** A smaller quota than what is used is allowed: it only keeps new ones out. */
export function changeTenant(facts: Facts, command: ChangeTenant, context: Context): Decision<Tenant> {
  const ref = { kind: "tenant", id: command.id } as const;
  const live = requireLive(ref, facts.tenant);
  if ("refusals" in live) return live;
  const before = live.resource;
  const change = wanted(before, command, { schema: Tenant, fixed: [] });
  if ("refusals" in change) return change;
  const { after } = change;
  if (same(after, before)) return planNothing(before);
  const [from, to] = [quotasOf(before), quotasOf(after)];
  const rooms = Object.fromEntries(ROOMS.filter((of) => to[of] !== from[of]).map((of) => [of, from[of] - to[of]]));
  const shift: Write = { write: "room", tenant: command.id, mode: "shift", rooms };
  return planChange({ ref, live, content: after }, Object.keys(rooms).length > 0 ? [shift] : [], context);
}

/** Refused while it owns networks or routers. */
export function deleteTenant(
  facts: Facts & { children: Children },
  command: { id: string },
  context: Context,
): Decision<Tenant> {
  const ref = { kind: "tenant", id: command.id } as const;
  const writes = ({ id }: Tenant): Write[] => [{ write: "close-room", tenant: id }];
  return planDeleteOfParent({ ref, held: facts.tenant, children: facts.children }, writes, context);
}

function quotasOf({ quotas }: { quotas?: Quotas | undefined }): Record<RoomOf, number> {
  const given = Object.fromEntries(Object.entries(quotas ?? {}).filter(([, most]) => most !== undefined));
  return { ...DEFAULT_QUOTAS, ...given };
}
