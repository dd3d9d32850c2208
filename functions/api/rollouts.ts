// Drives rollouts: asks the state machine what to do, does it, tells it what came of it, and keeps the outcome on the
// version that it was decided on. Writes go through the same app as everybody's, as whoever made the rollout with what his
// token allowed then, under an Idempotency-Key of the rollout and the write's place: two drivers at once, or one that died
// and comes again, do nothing twice.

import type { OpenAPIHono } from "@hono/zod-openapi";
import { actorText } from "../domain/audit.ts";
import type { Ids } from "../domain/ids.ts";
import type { Held } from "../domain/resource.ts";
import {
  isUnderWay,
  type Rollout,
  type RolloutAction,
  type RolloutEvent,
  type RolloutWrite,
  type SeenChange,
  step,
  type WriteAnswer,
} from "../domain/rollout.ts";
import { driveRollout } from "../domain/rollout-decision.ts";
import type { Store } from "../store/store.ts";
import type { Principal, Scope } from "./access.ts";
import type { Log } from "./answers.ts";
import type { Clock } from "./execute.ts";
import { all } from "./facts.ts";
import type { On } from "./operation.ts";
import type { Receipt, Receipts, WaitingHost } from "./receipts.ts";

/**
 * Requests that the API makes of itself, with whose they are and what they are done on. By the object's identity, which
 * nothing that comes over the network can have.
 */
export type OwnRequests = WeakMap<Request, { principal: Principal; on?: On }>;

export type Rollouts = {
  /** Takes it as far as it goes without waiting, until about then; what it is afterwards. */
  advance(id: string, untilMs: number): Promise<Held<Rollout>>;
  /** Those that go on by themselves, each as far as it goes; how many are under way still. */
  advanceAll(untilMs: number): Promise<number>;
  /** Does one write as somebody; `on`: on a rehearsal. */
  write(write: RolloutWrite, how: { principal: Principal; key?: string; on?: On }): Promise<WriteAnswer>;
};

const READ_AT_ONCE = 8;

export function createRollouts(parts: {
  app: OpenAPIHono;
  own: OwnRequests;
  store: Store;
  receipts: Receipts;
  clock: Clock;
  ids: Ids;
  log: Log;
}): Rollouts {
  const { app, own, store, receipts, clock, ids, log } = parts;

  async function advance(id: string, untilMs: number): Promise<Held<Rollout>> {
    const ref = { kind: "rollout", id } as const;
    let held = await store.get<"rollout">(ref);
    let event: RolloutEvent = { kind: "tick" };
    while (held.state === "live") {
      const { rollout, action } = step(held.resource, event, clock.now());
      const kept = rollout === held.resource ? rollout : await keep(held.resource, rollout);
      if (!kept) {
        // Somebody else was faster: what is to be done is seen anew.
        held = await store.get<"rollout">(ref);
        event = { kind: "tick" };
        continue;
      }
      held = { ...held, resource: kept };
      if (action.do === "wait" || action.do === "nothing" || clock.now() >= untilMs) return held;
      event = await act(kept, action);
    }
    return held;
  }

  async function keep(before: Rollout, after: Rollout): Promise<Rollout | undefined> {
    const nowMs = clock.now();
    const context = { at: new Date(nowMs).toISOString(), change: ids.change(nowMs), actor: actorText(before.actor) };
    const { resource, writes } = driveRollout(before, after, context);
    return (await store.commit(writes)).kind === "committed" ? resource : undefined;
  }

  async function act(rollout: Rollout, action: RolloutAction & { do: "write" | "look" }): Promise<RolloutEvent> {
    if (action.do === "look") return { kind: "seen", seen: await look(action.changes) };
    const { wave, write: index } = action;
    const write = rollout.waves[wave]?.writes[index];
    if (!write) throw new Error(`rollout ${rollout.id} has no write ${index} in wave ${wave}`);
    const key = `rollout/${rollout.id}/${rollout.createdAt}/${wave}.${index}`;
    return {
      kind: "answered",
      wave,
      write: index,
      answer: await perform(write, { principal: principalOf(rollout), key }),
    };
  }

  async function look(changes: readonly string[]): Promise<SeenChange[]> {
    const seen: SeenChange[] = [];
    for (let at = 0; at < changes.length; at += READ_AT_ONCE) {
      seen.push(...(await Promise.all(changes.slice(at, at + READ_AT_ONCE).map(seenOf))));
      if (seen.some(({ is }) => is === "failed")) break;
    }
    return seen;
  }

  async function seenOf(id: string): Promise<SeenChange> {
    const change = await store.change(id);
    // Changes are kept for over a year: one that is not there any more is of long ago, and was not made by this rollout.
    return change ? assess(await receipts.receipt(change)) : { change: id, is: "live" };
  }

  async function perform(
    { method, path, body, ifMatch }: RolloutWrite,
    { principal, key, on }: { principal: Principal; key?: string; on?: On },
  ): Promise<WriteAnswer> {
    const headers = {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
    };
    const request = new Request(`http://rollout${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    own.set(request, { principal, ...(on ? { on } : {}) });
    const response = await app.fetch(request);
    return answerOf(response.status, await response.json());
  }

  return {
    advance,
    async advanceAll(untilMs) {
      const underWay = await all<"rollout">(store, { kind: "rollout", underWay: true });
      let left = 0;
      for (const { id } of underWay) {
        try {
          const held = await advance(id, untilMs);
          if (held.state === "live" && isUnderWay(held.resource)) left++;
        } catch (cause) {
          // The others are not to wait for it; it is tried again.
          log({ level: "error", message: `rollout ${id} could not be taken on`, cause });
          left++;
        }
      }
      return left;
    },
    write: perform,
  };
}

function principalOf({ actor, scopes, tenant }: Rollout): Principal {
  return {
    actor,
    scopes: new Set<Scope>(scopes),
    ...(tenant === undefined ? {} : { tenant }),
    networkEngineer: false,
  };
}

/** What a host says itself is wrong fails a change; what is only not there yet is waited for. */
function assess({ change, state, hosts, summary }: Receipt): SeenChange {
  if (state === "live") return { change, is: "live" };
  const failed = hosts.waiting.find(isWrong);
  if (failed) return { change, is: "failed", host: failed.host, text: failed.reason };
  const [first] = hosts.waiting;
  return { change, is: "waiting", ...(first ? { host: first.host } : {}), text: summary };
}

function isWrong({ state, problem }: WaitingHost): boolean {
  return state === "diverged" || problem !== undefined;
}

/** The body of an answer of our own API; a batch's says of each item what became of it. */
type Body = {
  type?: string;
  detail?: string;
  change?: string;
  refused?: number;
  items?: {
    change?: string;
    endpoint?: { change: string };
    problem?: { status: number; type: string; detail: string };
  }[];
};

/** Worth another try: nobody is at fault who could not be right a moment later. */
const PASSING = "urn:overspan:problem:contended";

function answerOf(status: number, json: unknown): WriteAnswer {
  const { type = "", detail = "", change, items } = json as Body;
  if (status >= 400) {
    if (status === 429 || status >= 500 || type === PASSING) return { kind: "later", status, text: detail };
    return { kind: "refused", status, problem: type, text: detail };
  }
  const refused = items?.find(({ problem }) => problem)?.problem;
  if (refused) {
    const text = `item ${items?.findIndex(({ problem }) => problem)}: ${refused.detail}`;
    if (refused.type === PASSING) return { kind: "later", status: refused.status, text };
    return { kind: "refused", status: refused.status, problem: refused.type, text };
  }
  const changes = items ? items.flatMap((item) => item.change ?? item.endpoint?.change ?? []) : change ? [change] : [];
  return { kind: "done", status, changes };
}
