// Routers: a tenant's IP-VRFs. The L3 VNI is of the same space as the networks' VNIs. What a router routes is in its book.

import { Router, type Tenant } from "../../shared/model/resource.ts";
import { type ChangeRouter, type CreateRouter, same, wanted } from "./command.ts";
import { parentRefusal, planChange, planCreate, planDelete, planNothing, requireLive } from "./plan.ts";
import type { Held } from "./resource.ts";
import { bookedRefs, EMPTY_BOOK, type Routing } from "./router-book.ts";
import { chooseVni, type PoolOffer } from "./vni-pool.ts";
import { type Context, type Decision, refuse, refuseAny, type Write } from "./write.ts";

/** How many networks and prefixes a refusal to delete names. */
const BLOCKING_NAMED = 20;

export function createRouter(
  facts: { router: Held<Router>; tenant: Held<Tenant>; pool?: PoolOffer | undefined },
  command: CreateRouter,
  context: Context,
): Decision<Router> {
  const ref = { kind: "router", id: command.id } as const;
  if (facts.router.state === "live") return refuse({ kind: "id-taken", ref });
  const { vniPool: _, ...content } = command;
  const chosen = chooseVni(command, facts.pool);
  const tenant = { kind: "tenant", id: command.tenant } as const;
  const refused = refuseAny([parentRefusal("tenant", tenant, facts.tenant), "kind" in chosen ? chosen : undefined]);
  if (refused) return refused;
  if ("kind" in chosen) throw new Error("a router without a VNI");
  const { vni, allocated } = chosen;
  const guard = { kind: "vni", vni } as const;
  const writes: Write[] = [
    { write: "require", ref: tenant },
    { write: "room", tenant: command.tenant, mode: "take", rooms: { routers: 1 } },
    { write: "claim", guard, owner: vniOwner(command.id), ...(allocated ? { allocated } : {}) },
    { write: "link", index: { kind: "tenant-router", tenant: command.tenant, router: command.id } },
    { write: "book", router: command.id, expected: 0, book: EMPTY_BOOK },
  ];
  return planCreate({ ref, held: facts.router, content: { ...content, vni } }, writes, context);
}

export function changeRouter(
  facts: { router: Held<Router> },
  command: ChangeRouter,
  context: Context,
): Decision<Router> {
  const ref = { kind: "router", id: command.id } as const;
  const live = requireLive(ref, facts.router);
  if ("refusals" in live) return live;
  const put = command.put && { ...command.put, vniPool: undefined };
  const change = wanted(
    live.resource,
    { patch: command.patch, put },
    {
      schema: Router,
      fixed: ["tenant", "vni"],
    },
  );
  if ("refusals" in change) return change;
  if (same(change.after, live.resource)) return planNothing(live.resource);
  return planChange({ ref, live, content: change.after }, [], context);
}

/** Refused while it routes networks or has static routes; its book is what keeps new ones out. */
export function deleteRouter(facts: Routing, command: { id: string }, context: Context): Decision<Router> {
  const ref = { kind: "router", id: command.id } as const;
  const live = requireLive(ref, facts.router);
  if ("refusals" in live) return live;
  const { id, tenant, vni } = live.resource;
  const blocking = facts.book ? bookedRefs(facts.book, id) : [];
  if (blocking.length > 0) {
    const more = blocking.length > BLOCKING_NAMED;
    return refuse({ kind: "not-empty", ref, blocking: blocking.slice(0, BLOCKING_NAMED), more });
  }
  const writes: Write[] = [
    { write: "release", guard: { kind: "vni", vni }, owner: vniOwner(id) },
    { write: "room", tenant, mode: "shift", rooms: { routers: -1 } },
    { write: "unlink", index: { kind: "tenant-router", tenant, router: id } },
    { write: "book", router: id, expected: facts.book?.revision ?? 0 },
  ];
  return planDelete({ ref, live }, writes, context);
}

/** Networks own their VNIs by their plain id. */
function vniOwner(router: string): string {
  return `router/${router}`;
}
