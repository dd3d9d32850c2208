// What people ask of a rollout: that it be made, go on after a stop, or be given up; and the steps of its drivers. Its
// writes' rights and forms are looked at by who asks (functions/api/rollout-order.ts), its states are in rollout.ts.

import { type Content, planCreate, planNothing, requireLive } from "./plan.ts";
import type { Held } from "./resource.ts";
import { isOver, isUnderWay, type Rollout, step } from "./rollout.ts";
import { type Context, type Decision, type Plan, refuse, type Write } from "./write.ts";

export type CreateRollout = Omit<Content<"rollout">, "state">;

export function createRollout(
  { rollout: held }: { rollout: Held<Rollout> },
  command: CreateRollout,
  context: Context,
): Decision<Rollout> {
  const ref = { kind: "rollout", id: command.id } as const;
  if (held.state === "live") return refuse({ kind: "id-taken", ref });
  const content: Content<"rollout"> = { ...command, state: { name: "planned" } };
  return planCreate({ ref, held, content }, [{ write: "link", index: underWay(command.id) }], context);
}

/** Refused unless it has stopped. `skip`: what it stopped at is left behind. */
export function resumeRollout(
  { rollout: held }: { rollout: Held<Rollout> },
  { id, skip }: { id: string; skip: boolean },
  context: Context,
): Decision<Rollout> {
  const ref = { kind: "rollout", id } as const;
  const live = requireLive(ref, held);
  if ("refusals" in live) return live;
  const { state } = live.resource;
  if (state.name !== "stopped") return refuse({ kind: "rollout-not-stopped", ref, state: state.name });
  const { rollout } = step(live.resource, { kind: "resume", skip }, Date.parse(context.at));
  return planStep(live.resource, rollout, { ...context, action: "resume" });
}

/** What is done stays; abandoned already: nothing to do. */
export function abandonRollout(
  { rollout: held }: { rollout: Held<Rollout> },
  { id }: { id: string },
  context: Context,
): Decision<Rollout> {
  const ref = { kind: "rollout", id } as const;
  const live = requireLive(ref, held);
  if ("refusals" in live) return live;
  const { state } = live.resource;
  if (state.name === "abandoned") return planNothing(live.resource);
  if (isOver(live.resource)) return refuse({ kind: "rollout-over", ref });
  const { rollout } = step(live.resource, { kind: "abandon" }, Date.parse(context.at));
  return planStep(live.resource, rollout, { ...context, action: "abandon" });
}

/** What a driver's step writes, on the version that it was made of. A stop and the end have their entry in the audit. */
export function driveRollout(before: Rollout, after: Rollout, context: Context): Plan<Rollout> {
  if (after.state.name === "stopped" || after.state.name === "done") {
    return planStep(before, after, { ...context, action: "change" });
  }
  return { kind: "plan", effect: "change", ...nextVersion(before, after, context.at) };
}

function nextVersion(before: Rollout, after: Rollout, at: string): { resource: Rollout; writes: Write[] } {
  const { id, version } = before;
  const resource: Rollout = { ...after, version: version + 1, updatedAt: at };
  const ref = { kind: "rollout", id } as const;
  return {
    resource,
    writes: [
      { write: "resource", ref, expected: { state: "live", version }, resource, deleted: false },
      { write: isUnderWay(resource) ? "link" : "unlink", index: underWay(id) },
    ],
  };
}

/** With an entry in the audit, which has the states alone: the writes are in that of its creation. */
function planStep(
  before: Rollout,
  after: Rollout,
  context: Context & { action: "resume" | "abandon" | "change" },
): Plan<Rollout> {
  const { at, change: id, actor, action } = context;
  const { resource, writes } = nextVersion(before, { ...after, change: id }, at);
  const ref = { kind: "rollout", id: resource.id } as const;
  const whose = resource.tenant === undefined ? {} : { tenant: resource.tenant };
  const change = { id, resource: ref, ...whose, action, channels: [], version: resource.version, at };
  const sides = { before: { state: before.state }, after: { state: resource.state } };
  const audit = { outcome: "done" as const, actor, action, resource: ref, ...whose, ...sides };
  const trail: Write = { write: "trail", ref, change: id, at };
  return { kind: "plan", effect: action, resource, writes: [...writes, { write: "record", change, audit }, trail] };
}

function underWay(rollout: string) {
  return { kind: "rollout-under-way", rollout } as const;
}
