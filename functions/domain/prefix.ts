// Static routes of a router: by way of a machine on one of its networks. Two of one prefix share its traffic; two that
// are the same in prefix and next hop are not both needed.

import { RouterPrefix } from "../../shared/model/resource.ts";
import { type ChangePrefix, type CreatePrefix, same, wanted } from "./command.ts";
import { planChange, planCreate, planDelete, planNothing, requireLive } from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import type { Held } from "./resource.ts";
import { bookWrite, isReachable, MAX_ROUTER_PREFIXES, type RouterBook, type Routing } from "./router-book.ts";
import { type Context, type Decision, type Refused, refuse, refuseAny } from "./write.ts";

type Facts = { routing: Routing; prefix: Held<RouterPrefix> };
type Identity = { router: string; id: string };

export function createPrefix(facts: Facts, command: CreatePrefix, context: Context): Decision<RouterPrefix> {
  const { router, id, prefix, nextHop } = command;
  const ref = refOf(command);
  const book = bookOf(facts, command);
  if ("refusals" in book) return book;
  if (facts.prefix.state === "live") return refuse({ kind: "id-taken", ref });
  const refused = refuseAny(routeRefusals(book, command));
  if (refused) return refused;
  const after = { ...book, prefixes: { ...book.prefixes, [id]: { prefix, nextHop } } };
  const held = facts.routing.router;
  const whose = held.state === "live" ? { tenant: held.resource.tenant } : {};
  const required = { write: "require", ref: { kind: "router", id: router }, ...whose } as const;
  const writes = [required, bookWrite(router, book, after)];
  return planCreate({ ref, held: facts.prefix, content: command }, writes, context);
}

export function changePrefix(facts: Facts, command: ChangePrefix, context: Context): Decision<RouterPrefix> {
  const { router, id } = command;
  const ref = refOf(command);
  const book = bookOf(facts, command);
  if ("refusals" in book) return book;
  const live = requireLive(ref, facts.prefix);
  if ("refusals" in live) return live;
  const before = live.resource;
  const change = wanted(before, command, { schema: RouterPrefix, fixed: ["router", "prefix"] });
  if ("refusals" in change) return change;
  const { after } = change;
  if (same(after, before)) return planNothing(before);
  if (after.nextHop === before.nextHop) return planChange({ ref, live, content: after }, [], context);
  const refused = refuseAny(routeRefusals(book, after));
  if (refused) return refused;
  const entry = { prefix: after.prefix, nextHop: after.nextHop };
  const write = bookWrite(router, book, { ...book, prefixes: { ...book.prefixes, [id]: entry } });
  return planChange({ ref, live, content: after }, [write], context);
}

export function deletePrefix(facts: Facts, command: Identity, context: Context): Decision<RouterPrefix> {
  const ref = refOf(command);
  const book = bookOf(facts, command);
  if ("refusals" in book) return book;
  const live = requireLive(ref, facts.prefix);
  if ("refusals" in live) return live;
  const { [command.id]: _, ...prefixes } = book.prefixes;
  return planDelete({ ref, live }, [bookWrite(command.router, book, { ...book, prefixes })], context);
}

function refOf({ router, id }: Identity) {
  return { kind: "prefix", router, id } as const;
}

function bookOf({ routing }: Facts, { router }: Identity): RouterBook | Refused {
  const ref = { kind: "router", id: router } as const;
  const live = requireLive(ref, routing.router);
  if ("refusals" in live) return live;
  return routing.book ?? refuse({ kind: "not-found", ref });
}

function routeRefusals(book: RouterBook, route: Identity & Pick<RouterPrefix, "prefix" | "nextHop">): Refusal[] {
  const { router, id, prefix, nextHop } = route;
  const others = Object.entries(book.prefixes).filter(([other]) => other !== id);
  if (others.length >= MAX_ROUTER_PREFIXES) {
    return [{ kind: "too-many", field: "prefix", what: "prefixes of one router", most: MAX_ROUTER_PREFIXES }];
  }
  const refusals: Refusal[] = [];
  if (prefix.includes(":") !== nextHop.includes(":")) refusals.push({ kind: "next-hop-family", nextHop, prefix });
  else if (!isReachable(book.networks, nextHop)) refusals.push({ kind: "next-hop-unreachable", nextHop, router });
  const twin = others.find(([, other]) => other.prefix === prefix && other.nextHop === nextHop);
  if (twin) refusals.push({ kind: "prefix-taken", prefix, nextHop, by: twin[0] });
  const connected = Object.entries(book.networks).find(([, subnets]) => subnets.includes(prefix));
  if (connected) refusals.push({ kind: "prefix-is-connected", prefix, network: connected[0] });
  return refusals;
}
