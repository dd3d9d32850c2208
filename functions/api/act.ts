// Acts that are no change of a resource: a host is invited or revoked. Each has its entry in the audit and, under an
// Idempotency-Key, is done once: a repetition is answered from what was kept, in the transaction of the audit's entry.

import { type Actor, actorText } from "../domain/audit.ts";
import type { ChangeAction } from "../domain/change.ts";
import type { Write } from "../domain/write.ts";
import { StoreBusyError } from "../store/store.ts";
import { replayedHeader, type Services } from "./answers.ts";
import { memoWrites, type Outcome, recall, type Request } from "./execute.ts";
import type { Answer } from "./operation.ts";
import { refusalProblem } from "./refusal-problem.ts";

export type ProblemAnswer = Extract<Answer, { kind: "problem" }>;

export type Act = { readonly host: string; readonly action: ChangeAction };

/** What is kept of an act for its repetitions, and what is answered now: secrets are only in the latter. */
export type Acted<K extends object> = { kept: K; answer: object };

/** `run` does it, or says what is in the way; `again` makes the answer anew of what was kept. */
export type Once<K extends object> = {
  act: Act;
  run: () => Promise<Acted<K> | ProblemAnswer>;
  again: (kept: K) => Promise<object>;
};

/** Does it once. Two at once under one key may both run; the one whose entry is first is what both answer. */
export async function actOnce<K extends object>(
  services: Services,
  request: Request,
  { act, run, again }: Once<K>,
): Promise<Answer> {
  const { runtime } = services;
  type Kept = K & { change: string };
  const before = await recall<Kept>(runtime, request);
  if (before.outcome) return repeated(before.outcome, again);
  const done = await run();
  if ("kind" in done) return done;
  const { kept, answer } = done;
  const change = await auditAct(services, { ...act, actor: request.actor }, (id) =>
    memoWrites(
      request,
      { effect: act.action, resource: { ...kept, change: id } },
      { nowMs: runtime.clock.now(), replaces: before.replaces },
    ),
  );
  if (change !== undefined) return { kind: "answer", body: { ...answer, change } };
  const twin = await recall<Kept>(runtime, request);
  if (!twin.outcome) throw new StoreBusyError(`the audit of ${act.action} of ${act.host} could not be written`);
  return repeated(twin.outcome, again);
}

async function repeated<K extends object>(outcome: Outcome<K>, again: (kept: K) => Promise<object>): Promise<Answer> {
  if (outcome.kind === "refused") return { kind: "problem", problem: refusalProblem(outcome) };
  return { kind: "answer", body: await again(outcome.resource), headers: replayedHeader(true) };
}

/** An entry of the audit of its own: nothing of the resource changes. Its id; undefined if `more` could not be written. */
export async function auditAct(
  { store, ids, clock }: Services,
  act: Act & { readonly actor: Actor },
  more: (change: string) => Write[] = () => [],
): Promise<string | undefined> {
  const nowMs = clock.now();
  const { action } = act;
  const ref = { kind: "host", id: act.host } as const;
  const held = await store.get(ref);
  const version = held.state === "live" ? held.resource.version : 0;
  const id = ids.change(nowMs);
  const at = new Date(nowMs).toISOString();
  const change = { id, resource: ref, action, channels: [], version, at };
  const audited = { outcome: "done" as const, actor: actorText(act.actor), action, resource: ref };
  const { kind } = await store.commit([
    { write: "record", change, audit: audited },
    { write: "trail", ref, change: id, at },
    ...more(id),
  ]);
  return kind === "committed" ? id : undefined;
}
