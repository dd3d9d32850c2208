// Deletion of a resource with all that is in the way, when it is asked for: children first, each by its own transaction
// and with its own entry in the audit. Whoever asks again goes on where it broke off. What only refers to the resource is
// changed, not deleted: a router's networks are detached, a prepared move to a host is abandoned.

import type { Stored } from "../../shared/model/resource.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { ResourceRef } from "../domain/resource.ts";
import { refuse } from "../domain/write.ts";
import { executeBatch } from "./batch.ts";
import type { Commands } from "./commands.ts";
import type { Outcome, Request, Runtime } from "./execute.ts";
import { all, childrenOf } from "./facts.ts";

/** The HTTP API ends at 30 s. */
const TIME_MS = 20_000;
const ROUNDS = 1000;
const AT_ONCE = 200;

type Cascade = { runtime: Runtime; commands: Commands; request: Request; untilMs: number; deleted: number };

/** Deletes the resource; with how many others are gone or changed. */
export async function deleteCascading(
  runtime: Runtime,
  commands: Commands,
  { request, ref }: { request: Request; ref: ResourceRef },
): Promise<{ outcome: Outcome<Stored>; cascaded: number }> {
  const untilMs = runtime.clock.now() + TIME_MS;
  const cascade: Cascade = { runtime, commands, request, untilMs, deleted: 0 };
  const outcome = await clear(cascade, ref, request);
  return { outcome, cascaded: cascade.deleted };
}

/** `terms` are those of the resource that was asked for; what is in its way is deleted on none. */
async function clear(cascade: Cascade, ref: ResourceRef, terms: Request): Promise<Outcome<Stored>> {
  const { runtime, commands } = cascade;
  for (let round = 0; round < ROUNDS; round++) {
    const outcome = await deleteOne(commands, ref, terms);
    if (outcome.kind === "done" || !isBlocked(outcome.refusals[0])) return outcome;
    const refused = await clearBlocking(cascade, ref, outcome.refusals[0]);
    if (refused) return refused;
    if (runtime.clock.now() >= cascade.untilMs) break;
  }
  return refuse({ kind: "cascade-unfinished", ref, deleted: cascade.deleted });
}

/** Who asks, on no terms. */
function plainly({ actor, tenant }: Request): Request {
  return { actor, ...(tenant === undefined ? {} : { tenant }) };
}

type Blocked = Extract<Refusal, { kind: "not-empty" | "next-hops-stranded" }>;

function isBlocked(refusal: Refusal): refusal is Blocked {
  return refusal.kind === "not-empty" || refusal.kind === "next-hops-stranded";
}

/** What is in the way goes; the refusal of what will not. */
async function clearBlocking(
  cascade: Cascade,
  parent: ResourceRef,
  blocked: Blocked,
): Promise<Outcome<Stored> | undefined> {
  const { runtime, request } = cascade;
  const plain = plainly(request);
  if (parent.kind === "host" || (parent.kind === "network" && blocked.kind === "not-empty")) {
    return clearEndpoints(cascade, { kind: parent.kind, id: parent.id });
  }
  const refs =
    blocked.kind === "not-empty" ? await wider(runtime, parent, blocked) : await hopsOf(cascade, parent, blocked);
  // A router's static routes before its networks, which their next hops are in.
  refs.sort((a, b) => Number(b.kind === "prefix") - Number(a.kind === "prefix"));
  for (const ref of refs) {
    if (runtime.clock.now() >= cascade.untilMs) return undefined;
    const outcome =
      parent.kind === "router" && ref.kind === "network"
        ? await cascade.commands.network.change(plain, { id: ref.id, patch: { router: null } })
        : await clear(cascade, ref, plain);
    if (outcome.kind === "refused" && outcome.refusals[0].kind !== "not-found") return outcome;
    cascade.deleted++;
  }
  return undefined;
}

async function clearEndpoints(
  cascade: Cascade,
  parent: { kind: "host" | "network"; id: string },
): Promise<Outcome<Stored> | undefined> {
  const { runtime, commands, request } = cascade;
  const plain = plainly(request);
  const { refs } = await childrenOf(runtime.store, parent, AT_ONCE);
  const ids = refs.flatMap((ref) => (ref.kind === "endpoint" ? [ref] : []));
  const held = await runtime.store.many(ids);
  const onlyComing = ids.filter((_, at) => {
    const endpoint = held[at];
    return parent.kind === "host" && endpoint?.state === "live" && endpoint.resource.host !== parent.id;
  });
  for (const { network, id } of onlyComing) await commands.endpoint.abandonMove(plain, { network, id });
  const items = ids
    .filter((ref) => !onlyComing.includes(ref))
    .map(({ network, id }) => ({ op: "delete" as const, command: { network, id } }));
  const outcomes = await executeBatch(runtime, plain, items);
  cascade.deleted += onlyComing.length + outcomes.filter(({ kind }) => kind === "done").length;
  return outcomes.find((outcome) => outcome.kind === "refused" && outcome.refusals[0].kind !== "not-found");
}

/** More of what is in the way than a refusal names. */
async function wider(runtime: Runtime, parent: ResourceRef, blocked: Blocked): Promise<ResourceRef[]> {
  if (parent.kind === "tenant" || parent.kind === "site") {
    return (await childrenOf(runtime.store, { kind: parent.kind, id: parent.id }, AT_ONCE)).refs;
  }
  return blocked.kind === "not-empty" ? [...blocked.blocking] : [];
}

/** The static routes whose next hops are in the network that is to go. */
async function hopsOf({ runtime }: Cascade, parent: ResourceRef, blocked: Blocked): Promise<ResourceRef[]> {
  if (parent.kind !== "network" || blocked.kind !== "next-hops-stranded") return [];
  const network = await runtime.store.get({ kind: "network", id: parent.id });
  const router = network.state === "live" ? network.resource.router : undefined;
  if (router === undefined) return [];
  const named = new Set(blocked.prefixes.map(({ id }) => id));
  const prefixes = await all<"prefix">(runtime.store, { kind: "prefix", router });
  return prefixes.filter(({ id }) => named.has(id)).map(({ id }) => ({ kind: "prefix", router, id }) as const);
}

function deleteOne(commands: Commands, ref: ResourceRef, request: Request): Promise<Outcome<Stored>> {
  switch (ref.kind) {
    case "tenant":
      return commands.tenant.delete(request, ref);
    case "site":
      return commands.site.delete(request, ref);
    case "host":
      return commands.host.delete(request, ref);
    case "fabric-peer":
      return commands.fabricPeer.delete(request, ref);
    case "vni-pool":
      return commands.vniPool.delete(request, ref);
    case "network":
      return commands.network.delete(request, ref);
    case "router":
      return commands.router.delete(request, ref);
    case "prefix":
      return commands.prefix.delete(request, ref);
    case "endpoint":
      return commands.endpoint.delete(request, ref);
    case "rollout":
      throw new Error("a rollout is nobody's child");
  }
}
