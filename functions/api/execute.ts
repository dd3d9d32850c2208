// Carries a decision out: read the facts, decide, put the fence up if it asks for one, commit, and start over from the
// facts if somebody else was faster. Every rule is in functions/domain, every write in functions/store.

import type { Ids, Random } from "../domain/ids.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { ResourceRef } from "../domain/resource.ts";
import { type Context, type Decision, refuse, type Refused } from "../domain/write.ts";
import type { Failed, Store } from "../store/store.ts";

/** Wall clock in ms since the epoch, and waiting. */
export type Clock = { now(): number; sleep(ms: number): Promise<void> };

/** `random` gives octets: for ids, and for pauses that differ between those who ran into each other. */
export type Runtime = { store: Store; clock: Clock; ids: Ids; random: Random };

export type Command<F, T> = {
  ref: ResourceRef;
  facts(): Promise<F>;
  decide(facts: F, context: Context): Decision<T>;
};

export type Outcome<T> = { kind: "done"; resource: T } | Refused;

/** How often a command is decided anew when what it was decided on has changed. */
const ATTEMPTS = 12;
const PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

export async function execute<F, T>(runtime: Runtime, command: Command<F, T>): Promise<Outcome<T>> {
  for (let tried = 1; tried <= ATTEMPTS; tried++) {
    const outcome = await attempt(runtime, command);
    if (outcome.kind !== "stale") return outcome;
    await runtime.clock.sleep(pauseMs(tried, runtime.random));
  }
  return refuse({ kind: "contended", ref: command.ref });
}

/** Full jitter under a ceiling that doubles. */
function pauseMs(tried: number, random: Random): number {
  const share = (random(1)[0] ?? 0) / 256;
  return Math.floor(share * Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** tried));
}

type Stale = { kind: "stale" };
const STALE: Stale = { kind: "stale" };

async function attempt<F, T>(runtime: Runtime, command: Command<F, T>): Promise<Outcome<T> | Stale> {
  const { store, clock, ids } = runtime;
  const nowMs = clock.now();
  const context: Context = { at: new Date(nowMs).toISOString(), change: ids.change(nowMs) };
  const decision = command.decide(await command.facts(), context);
  if (decision.kind === "refused") return decision;
  if (decision.writes.length === 0) return { kind: "done", resource: decision.resource };
  if (!decision.fence) return commit(store, decision);

  const fence = ids.fence();
  if (!(await store.fence(decision.fence, fence))) return STALE;
  let outcome: Outcome<T> | Stale = STALE;
  try {
    const behind = command.decide(await command.facts(), { ...context, fence });
    outcome = behind.kind === "refused" ? behind : await commit(store, behind);
    return outcome;
  } finally {
    // What is written stands without it; anything else must leave the resource as it was.
    if (outcome.kind !== "done") await store.unfence(decision.fence.ref, fence);
  }
}

async function commit<T>(store: Store, plan: Decision<T> & { kind: "plan" }): Promise<Outcome<T> | Stale> {
  if (plan.writes.length === 0) return STALE;
  const result = await store.commit(plan.writes);
  if (result.kind === "committed") return { kind: "done", resource: plan.resource };
  const taken = result.failed.map(takenBy);
  const [first, ...more] = taken.filter((refusal) => refusal !== undefined);
  return first && more.length + 1 === taken.length ? refuse(first, ...more) : STALE;
}

/** The refusal behind a failed claim; any other failure means that the facts have changed. */
function takenBy({ write, owner: by }: Failed): Refusal | undefined {
  if (write.write !== "claim") return undefined;
  const { guard } = write;
  switch (guard.kind) {
    case "vni":
      return { kind: "vni-taken", vni: guard.vni, by };
    case "vtep":
      return { kind: "vtep-taken", vtep: guard.vtep, by };
    case "mac":
      return { kind: "mac-taken", mac: guard.mac, network: guard.network, by };
    case "ip":
      return { kind: "ip-taken", ip: guard.ip, network: guard.network, by };
  }
}
