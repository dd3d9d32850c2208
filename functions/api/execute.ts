// Carries a decision out: read the facts, decide, put the fence up if it asks for one, commit, and start over from the
// facts if somebody else was faster. What a request asks besides its command (preconditions, an idempotency key) is seen
// to here, for every command alike. Every rule is in functions/domain, every write in functions/store.

import { type Actor, actorText } from "../domain/audit.ts";
import type { Ids, Random } from "../domain/ids.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { Held, ResourceRef } from "../domain/resource.ts";
import { asTold, foreign } from "../domain/tenant-view.ts";
import {
  type Context,
  type Decision,
  type Effect,
  GATEWAY_OWNER,
  type Plan,
  type Refused,
  refuse,
  type Stamped,
  type Write,
} from "../domain/write.ts";
import type { Failed, Store } from "../store/store.ts";
import type { HostStatuses } from "./host-status.ts";

/** Wall clock in ms since the epoch, and waiting. */
export type Clock = { now(): number; sleep(ms: number): Promise<void> };

/** `random` gives octets: for ids, and for pauses that differ between those who ran into each other. */
export type Runtime = { store: Store; hosts: HostStatuses; clock: Clock; ids: Ids; random: Random };

/** Versions that the resource must, or must not, be at (RFC 9110 13.1): entity tags are versions. */
export type Condition = { match?: "*" | readonly number[]; noneMatch?: true };

/** Who asks, and on what terms. */
export type Request = {
  actor: Actor;
  /** Who asks is bound to this tenant: what is another's is not there for him. */
  tenant?: string;
  condition?: Condition;
  /** What a reader of events has already (the header of an EventSource that comes back). */
  lastEventId?: string;
  /** `fingerprint` is of method, path and body; `part` is of a request that is carried out in parts. */
  idempotency?: { key: string; fingerprint: string; part?: string };
};

export type Command<F, T> = {
  ref: ResourceRef;
  /** `tried` counts from 1: what is allocated is chosen more widely when others were faster. */
  facts(tried: number): Promise<F>;
  held(facts: F): Held<T>;
  /** Whose it is: the resource or its parent, which says its tenant; absent for what only the operator has. */
  owner?(facts: F): Held<{ tenant: string }>;
  /** True if it makes what is not there. */
  creates?: boolean;
  decide(facts: F, context: Context): Decision<T>;
};

/** `replayed`: it was done before under the same key, and this is what was answered then. */
export type Done<T> = { kind: "done"; resource: T; effect: Effect; replayed?: true };
export type Outcome<T> = Done<T> | Refused;

/** How often a command is decided anew when what it was decided on has changed. */
export const ATTEMPTS = 12;
const PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

export async function execute<F, T extends Stamped>(
  runtime: Runtime,
  request: Request,
  command: Command<F, T>,
): Promise<Outcome<T>> {
  const outcome = await untilDone(runtime, request, command);
  return outcome.kind === "refused" ? asTold(request.tenant, outcome) : outcome;
}

async function untilDone<F, T extends Stamped>(
  runtime: Runtime,
  request: Request,
  command: Command<F, T>,
): Promise<Outcome<T>> {
  for (let tried = 1; tried <= ATTEMPTS; tried++) {
    const memory = await recall<T>(runtime, request);
    if (memory.outcome) return memory.outcome;
    const outcome = await attempt(runtime, { request, command, tried, replaces: memory.replaces });
    if (outcome.kind === "done") return outcome;
    if (outcome.kind === "refused") {
      // A twin of this request may have been carried out since: what it wrote is what refuses this one.
      return (await recall<T>(runtime, request)).outcome ?? outcome;
    }
    await runtime.clock.sleep(pauseMs(tried, runtime.random));
  }
  return refuse({ kind: "contended", ref: command.ref });
}

/** Full jitter under a ceiling that doubles. */
export function pauseMs(tried: number, random: Random): number {
  const share = (random(1)[0] ?? 0) / 256;
  return Math.floor(share * Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** tried));
}

/** The circumstances of a decision that is made now. */
export function contextOf({ clock, ids }: Pick<Runtime, "clock" | "ids">, { actor }: Pick<Request, "actor">): Context {
  const nowMs = clock.now();
  return { at: new Date(nowMs).toISOString(), change: ids.change(nowMs), actor: actorText(actor) };
}

/** For the record of a change: the tenant of what is written. */
export function whose(owner: Held<{ tenant: string }> | undefined): { tenant?: string } {
  return owner?.state === "live" ? { tenant: owner.resource.tenant } : {};
}

type Memory<T> = { outcome?: Outcome<T>; replaces?: number };

/** What was done under the request's key before; `replaces` is a memo that ran out and is still in the table. */
export async function recall<T>({ store, clock }: Runtime, { actor, idempotency }: Request): Promise<Memory<T>> {
  if (!idempotency) return {};
  const { key, fingerprint, part } = idempotency;
  const memo = await store.memo({ actor: actorText(actor), key, ...(part === undefined ? {} : { part }) });
  if (!memo) return {};
  if (memo.ttl * 1000 <= clock.now()) return { replaces: memo.ttl };
  if (memo.fingerprint !== fingerprint) return { outcome: refuse({ kind: "key-reused", key }) };
  // What this API stored for the same operation and body.
  return { outcome: { kind: "done", resource: memo.resource as T, effect: memo.effect, replayed: true } };
}

const MEMO_SEC = 24 * 3600;

/** The write that remembers what is done; none without a key. */
export function memoWrites(
  { actor, idempotency }: Request,
  done: { resource: unknown; effect: Effect },
  at: { nowMs: number; replaces?: number | undefined },
): Write[] {
  if (!idempotency) return [];
  const { nowMs, replaces } = at;
  const memo = { ...idempotency, actor: actorText(actor), ...done, ttl: Math.ceil(nowMs / 1000) + MEMO_SEC };
  return [{ write: "memo", memo, ...(replaces === undefined ? {} : { replaces }) }];
}

type Stale = { kind: "stale" };
const STALE: Stale = { kind: "stale" };

async function attempt<F, T extends Stamped>(
  runtime: Runtime,
  given: { request: Request; command: Command<F, T>; tried: number; replaces: number | undefined },
): Promise<Outcome<T> | Stale> {
  const { store, ids, clock } = runtime;
  const { request, command, tried, replaces } = given;
  const context = contextOf(runtime, request);
  const decide = async (more: { fence?: string }): Promise<Decision<T>> => {
    const facts = await command.facts(tried);
    const owner = command.owner?.(facts);
    const held = command.held(facts);
    // What says itself whose it is: its own parent, so to speak.
    const makes = (owner as unknown) === held && command.creates === true;
    return (
      foreign(request.tenant, owner, { ref: command.ref, makes }) ??
      unmet(command, request, held) ??
      command.decide(facts, { ...context, ...whose(owner), ...more })
    );
  };
  const carryOut = (plan: Plan<T>) => {
    const { effect, resource } = plan;
    const memo = memoWrites(request, { effect, resource }, { nowMs: clock.now(), replaces });
    return commit(store, { ...plan, writes: [...plan.writes, ...memo] });
  };
  const decision = await decide({});
  if (decision.kind === "refused") return decision;
  if (!decision.fence) return carryOut(decision);

  const fence = ids.fence();
  if (!(await store.fence(decision.fence, fence))) return STALE;
  let outcome: Outcome<T> | Stale = STALE;
  try {
    const behind = await decide({ fence });
    // Nothing left to do behind the fence: somebody else did it.
    if (behind.kind === "refused") outcome = behind;
    else if (behind.writes.length > 0) outcome = await carryOut(behind);
    return outcome;
  } finally {
    // What is written stands without it; anything else must leave the resource as it was.
    if (outcome.kind !== "done") await store.unfence(decision.fence.ref, fence);
  }
}

function unmet<T extends Stamped>(
  { ref, creates = false }: Pick<Command<unknown, T>, "ref" | "creates">,
  { condition }: Request,
  held: Held<T>,
): Refused | undefined {
  if (!condition) return undefined;
  const { match, noneMatch } = condition;
  if (held.state !== "live") {
    // Of what is not there and is not made, "not found" says more.
    return match !== undefined && creates
      ? refuse({ kind: "precondition-failed", ref, current: undefined })
      : undefined;
  }
  const { resource } = held;
  const matches = match === undefined || match === "*" || match.includes(resource.version);
  return matches && !noneMatch ? undefined : refuse({ kind: "precondition-failed", ref, current: resource });
}

async function commit<T>(store: Store, plan: Plan<T>): Promise<Outcome<T> | Stale> {
  const { resource, effect, writes } = plan;
  if (writes.length === 0) return { kind: "done", resource, effect };
  const result = await store.commit(writes);
  if (result.kind === "committed") return { kind: "done", resource, effect };
  const taken = result.failed.map(refusalOf);
  const [first, ...more] = taken.filter((refusal) => refusal !== undefined);
  return first && more.length + 1 === taken.length ? refuse(first, ...more) : STALE;
}

/** The refusal behind a failed claim or a quota; any other failure means that the facts have changed. */
export function refusalOf({ write, owner: by }: Failed): Refusal | undefined {
  if (write.write === "room") return { kind: "quota", tenant: write.tenant, of: Object.keys(write.rooms).join(", ") };
  if (write.write === "take-port") return { kind: "port-taken", host: write.host, port: write.port, network: by };
  if (write.write !== "claim" || write.allocated) return undefined;
  const { guard } = write;
  switch (guard.kind) {
    case "vni":
      return { kind: "vni-taken", vni: guard.vni, by };
    case "vtep":
      return { kind: "vtep-taken", vtep: guard.vtep, by };
    case "mac":
      return { kind: "mac-taken", mac: guard.mac, network: guard.network, by };
    case "ip":
      return {
        kind: "ip-taken",
        ip: guard.ip,
        network: guard.network,
        by,
        field: write.owner === GATEWAY_OWNER ? "gateways" : "ips",
      };
    case "peer-address":
      return { kind: "peer-address-taken", field: "addresses", ip: guard.ip, site: guard.site, by };
  }
}
