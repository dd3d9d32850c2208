// /v1/rollouts: writes in waves, canaries first, stopped by the first receipt that fails. Reading one takes it on, as the
// schedule does when nobody reads (docs/decisions/0011-rollouts.md).

import { z } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { isOver, type Rollout, type RolloutWrite } from "../../domain/rollout.ts";
import type { AskedWave } from "../../domain/rollout-canary.ts";
import { refuse } from "../../domain/write.ts";
import type { Principal } from "../access.ts";
import { answerList, answerOutcome, pageQuery, withId } from "../answers.ts";
import * as example from "../example.ts";
import type { Outcome } from "../execute.ts";
import { tagOf } from "../headers.ts";
import type { Answer, Api, On } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { plainProblem, type Problem } from "../problem.ts";
import { refusalProblem } from "../refusal-problem.ts";
import { canaryWaves, formProblem, orderDenied, orderProblem, type Placed, sizeProblem } from "../rollout-order.ts";
import {
  ListedRolloutSchema,
  ResumeSchema,
  RolloutAbandonSchema,
  type RolloutOrder,
  RolloutOrderSchema,
  RolloutSchema,
  shownRollout,
} from "../rollout-schema.ts";
import { pageSchema } from "../schema.ts";
import { answerWithin, MAX_WAIT_MS, waitParameter } from "../wait.ts";

const tag = "Rollouts";
/** A read takes a rollout on for so long at most. */
const ADVANCE_MS = 5_000;

const waitQuery = {
  wait: z.enum(["done"], { error: "must be done" }).optional().openapi({
    description: "Answer once it is done, has stopped or is abandoned, or at the timeout.",
    example: "done",
  }),
  timeoutMs: waitParameter("How long to wait."),
};
const STATE = z
  .enum(["planned", "running", "waiting", "done", "stopped", "abandoned"], { error: "is no state of a rollout" })
  .optional()
  .openapi({ description: "Only those in this state.", example: "stopped" });

export function addRollouts(api: Api): void {
  const { services, writes: known } = api;
  const { store, clock, rollouts, ids } = services;
  const shown = { schema: RolloutSchema, example: example.rollout };

  addOperation(api, {
    id: "createRollout",
    method: "post",
    path: "/v1/rollouts",
    summary: "Roll writes out in waves",
    description:
      "Does the writes of a wave in their order, waits until each is live on every host that it concerns, and goes on with the next one. " +
      "The first write that is refused, host that reports a fault, or change that is not live in time stops it. " +
      "The writes are done as whoever makes it, with what the token allows now. Only what travels host by host (hosts, endpoints) can be tried on canary hosts: " +
      "what is of a network or router reaches all of its hosts at once, and is staged network by network. A plan is of all waves together.",
    tag,
    needs: "write",
    reach: "own",
    body: { schema: RolloutOrderSchema, example: example.rolloutOrder },
    answer: { status: 201, tagged: true, description: "It is taken, and begins at the next look.", ...shown },
    problems: [404, 409],
    check: ({ body }) => formProblem(body),
    run: async ({ body, request, principal, on }) => {
      if (!principal) throw new Error("a rollout of nobody");
      const order = await wavesOf(on, principal, body);
      if ("problem" in order) return { kind: "problem", problem: order.problem };
      const wrong = orderProblem(known, order.placed) ?? sizeProblem(order.waves);
      if (wrong) return { kind: "problem", problem: wrong };
      const no = orderDenied(known, { principal, plans: on.rehearsed === true }, order.placed);
      if (no) return { kind: "problem", problem: no.problem, headers: no.headers };
      const made = (id: string) => ({
        ...ofMaker(body, principal),
        id,
        waves: order.waves.map(({ name, writes }) => ({
          ...(name === undefined ? {} : { name }),
          writes: writes.map(keptWrite),
        })),
      });
      if (on.rehearsed) return rehearsed({ ...made(body.id ?? "planned") }, { placed: order.placed, principal, on });
      const create = (id: string) => on.commands.rollout.create(request, made(id));
      return answerRollout(await withId(ids, "rollout", body.id, create));
    },
  });

  addOperation(api, {
    id: "listRollouts",
    method: "get",
    path: "/v1/rollouts",
    summary: "List rollouts",
    tag,
    needs: "read",
    reach: "own",
    query: { ...pageQuery, state: STATE },
    answer: {
      status: 200,
      description: "A page, in the order of the ids, without their writes.",
      schema: pageSchema("RolloutPage", ListedRolloutSchema),
      example: { items: [listed(example.rollout)] },
    },
    problems: [],
    run: ({ query: { state, ...page }, request: { tenant } }) => {
      const keep = (each: Rollout) =>
        (tenant === undefined || each.tenant === tenant) && (state === undefined || each.state.name === state);
      const list = { kind: "rollout", ...(tenant === undefined ? {} : { tenant }), ...(state ? { state } : {}) };
      return answerList(list, page, async (asked) => {
        const { items, next } = await store.list<"rollout">({ kind: "rollout" }, asked, keep);
        const shownItems = items.map((each) => listed(shownRollout(each)));
        return { items: shownItems, ...(next === undefined ? {} : { next }) };
      });
    },
  });

  addOperation(api, {
    id: "getRollout",
    method: "get",
    path: "/v1/rollouts/{rollout}",
    summary: "Get a rollout, and take it on",
    description: "As far as it goes now. It goes on without being read too, a look a minute or more often.",
    tag,
    needs: "read",
    reach: "path",
    params: { rollout: Slug },
    query: waitQuery,
    answer: { status: 200, description: "As it is now.", ...shown },
    problems: [404],
    run: ({ params: { rollout: id }, query: { wait, timeoutMs = MAX_WAIT_MS } }) =>
      answerWithin(clock, { withinMs: wait ? timeoutMs : 0 }, async (deadlineMs) => {
        const held = await rollouts.advance(id, Math.max(deadlineMs, clock.now() + (wait ? 0 : ADVANCE_MS)));
        if (held.state !== "live") return { enough: true, answer: notFound(id) };
        const { resource } = held;
        const answer: Answer = {
          kind: "answer",
          body: shownRollout(resource),
          headers: { ETag: tagOf(resource.version) },
        };
        return { enough: isOver(resource) || resource.state.name === "stopped", answer };
      }),
  });

  const verb = {
    method: "post" as const,
    tag,
    unplanned: true as const,
    needs: "write" as const,
    reach: "path" as const,
    params: { rollout: Slug },
    problems: [404, 409],
    subject: ({ rollout }: { rollout: string }) => ({ kind: "rollout", id: rollout }) as const,
  };
  addOperation(api, {
    ...verb,
    id: "resumeRollout",
    path: "/v1/rollouts/{rollout}:resume",
    summary: "Go on with a rollout that stopped",
    description:
      "Tries again what it stopped at, with as much time as at first, or leaves it behind. What is left to do must be allowed to whoever resumes it, too.",
    body: { schema: ResumeSchema, example: {} },
    answer: { status: 200, tagged: true, description: "As it is now.", ...shown },
    run: async ({ params: { rollout: id }, body, request, principal, on }) => {
      const held = await store.get<"rollout">({ kind: "rollout", id });
      if (held.state !== "live") return notFound(id);
      if (!principal) throw new Error("a rollout resumed by nobody");
      const no = orderDenied(known, { principal, plans: false }, leftOf(held.resource));
      if (no) return { kind: "problem", problem: no.problem, headers: no.headers };
      return answerRollout(await on.commands.rollout.resume(request, { id, skip: body.skip === true }));
    },
  });
  addOperation(api, {
    ...verb,
    id: "abandonRollout",
    path: "/v1/rollouts/{rollout}:abandon",
    summary: "Give a rollout up",
    description:
      "What is done stays as it is; a write that is being done at this moment may still be. Nothing is undone.",
    body: { schema: RolloutAbandonSchema, example: {} },
    answer: { status: 200, tagged: true, description: "As it is now.", ...shown },
    run: async ({ params: { rollout: id }, request, on }) =>
      answerRollout(await on.commands.rollout.abandon(request, { id })),
  });

  /** Does the writes on the rehearsal, in their order: what it shows afterwards is of them all. */
  async function rehearsed(
    rollout: ReturnType<typeof ofMaker> & { id: string; waves: Rollout["waves"] },
    { placed, principal, on }: { placed: readonly Placed[]; principal: Principal; on: On },
  ): Promise<Answer> {
    const results = new Map<RolloutWrite, number>();
    const writes = rollout.waves.flatMap((wave) => wave.writes);
    for (const [index, write] of writes.entries()) {
      const answer = await rollouts.write(write, { principal, on });
      if (answer.kind !== "done") {
        const at = placed[index]?.at ?? "";
        const reason = `would be refused: ${answer.text}`;
        const { status } = answer;
        const shownStatus = status >= 500 || status === 429 ? 409 : status;
        const problem = plainProblem(shownStatus, "rollout-write", "A write would be refused", `${at} ${reason}`);
        return { kind: "problem", problem: { ...problem, field: at } };
      }
      results.set(write, answer.status);
    }
    const at = new Date(clock.now()).toISOString();
    const stored = { version: 1, createdAt: at, updatedAt: at, change: ids.change(clock.now()) };
    const waves = rollout.waves.map((wave) => ({
      ...wave,
      writes: wave.writes.map((write) => ({ ...write, result: { status: results.get(write) ?? 0 } })),
    }));
    const body = shownRollout({ ...rollout, waves, ...stored, state: { name: "planned" } });
    return { kind: "answer", created: true, body };
  }

  async function wavesOf(
    { runtime }: On,
    principal: Principal,
    { waves, canaryHosts, writes = [] }: RolloutOrder,
  ): Promise<{ waves: AskedWave[]; placed: Placed[] } | { problem: Problem }> {
    if (waves) {
      const placed = waves.flatMap((wave, w) =>
        wave.writes.map((write, i) => ({ at: `waves.${w}.writes.${i}`, write })),
      );
      return { waves, placed };
    }
    const asked = canaryHosts ?? [];
    if (principal.tenant !== undefined && !Array.isArray(asked)) {
      const reason = `the token is bound to tenant ${principal.tenant}, and hosts' labels are the operator's: name the hosts`;
      return { problem: plainProblem(403, "tenant-bound", "Not allowed", reason) };
    }
    const split = await canaryWaves(runtime.store, { canaryHosts: asked, writes });
    if ("problem" in split) return split;
    // In the order in which they are done, by where they were asked.
    const placed = split.waves.flatMap((wave) =>
      wave.writes.map((write) => ({ at: `writes.${writes.indexOf(write)}`, write })),
    );
    return { waves: split.waves, placed };
  }
}

function notFound(id: string): Answer {
  return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref: { kind: "rollout", id } })) };
}

function answerRollout(outcome: Outcome<Rollout>): Answer {
  const answer = answerOutcome<Rollout>(outcome, ({ id }) => `/v1/rollouts/${id}`);
  return outcome.kind === "refused" || answer.kind === "problem"
    ? answer
    : { ...answer, body: shownRollout(outcome.resource) };
}

function listed<T extends { waves: unknown }>(shown: T): Omit<T, "waves"> {
  const { waves: _, ...rest } = shown;
  return rest;
}

/** Who makes it, with what the token allows now: no secret, and never more than that. */
function ofMaker({ liveWithinSec, pauseSec }: RolloutOrder, { actor, scopes, tenant }: Principal) {
  if (actor.kind === "anonymous") throw new Error("a rollout of nobody");
  return {
    ...(tenant === undefined ? {} : { tenant }),
    actor,
    scopes: [...scopes],
    liveWithinSec,
    pauseSec,
  };
}

function keptWrite({ method, path, body, ifMatch }: AskedWave["writes"][number]): RolloutWrite {
  return {
    method,
    path,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
  };
}

/** The writes that are not done. */
function leftOf({ waves }: Rollout): Placed[] {
  return waves.flatMap((wave, w) =>
    wave.writes.flatMap(({ method, path, result }, i) =>
      result && (result.left || result.status < 400) ? [] : [{ at: `waves.${w}.writes.${i}`, write: { method, path } }],
    ),
  );
}
