// Rollouts in the API's document: the order, and what is shown of one.

import { z } from "@hono/zod-openapi";
import { DisplayName, Slug } from "../../shared/model/fields.ts";
import { Labels, Stored } from "../../shared/model/resource.ts";
import { actorText } from "../domain/audit.ts";
import { METHODS, type Rollout, type RolloutState } from "../domain/rollout.ts";
import * as example from "./example.ts";
import { MOST } from "./rollout-order.ts";
import "./field-description.ts";

const STATES = ["planned", "running", "waiting", "done", "stopped", "abandoned"] as const;
const MAX_SEC = 86_400;
/** How many changes of those that are waited for are named. */
const NAMED = 20;

const write = {
  method: z.enum(METHODS),
  path: z.string().min(1).max(500).openapi({ description: "With its query, as it is sent.", example: "/v1/hosts/h11" }),
  body: z
    .record(z.string(), z.unknown())
    .optional()
    .openapi({ type: "object", description: "As the operation takes it.", example: { labels: { ring: "1" } } }),
  ifMatch: z
    .string()
    .regex(/^[\x20-\x7e]{1,200}$/, "must be an If-Match of visible ASCII characters")
    .optional()
    .openapi({ description: "The write's If-Match.", example: '"3"' }),
};
const WriteSchema = z.strictObject(write).openapi("RolloutWrite");
const writes = z.array(WriteSchema).min(1, "must not be empty").max(MOST.writes, `are more than ${MOST.writes}`);
const seconds = (least: number, usual: number, description: string) =>
  z.number().int().min(least).max(MAX_SEC).default(usual).openapi({ description, example: usual });

export const RolloutOrderSchema = z
  .strictObject({
    id: Slug.optional(),
    waves: z
      .array(z.strictObject({ name: DisplayName.optional(), writes }))
      .min(1, "must not be empty")
      .max(MOST.waves, `are more than ${MOST.waves}`)
      .optional()
      .openapi({ description: "In their order, the canaries first. Or `canaryHosts` and `writes`." }),
    canaryHosts: z
      .union([z.array(Slug).min(1).max(1000), z.strictObject({ labels: Labels })], {
        error: "must be ids of hosts, or labels of some",
      })
      .optional()
      .openapi({ description: "The hosts whose own writes, among `writes`, make the first wave." }),
    writes: writes.optional().openapi({ description: "All writes, in their order." }),
    liveWithinSec: seconds(1, 300, "How long the receipts of a wave may take, from its last write on."),
    pauseSec: seconds(0, 0, "How long a wave that is live is left alone before the next one."),
  })
  .openapi("RolloutOrder");
export type RolloutOrder = z.output<typeof RolloutOrderSchema>;

export const ResumeSchema = z
  .strictObject({
    skip: z.boolean().optional().openapi({
      description: "Leave behind what it stopped at: the write is not done, or its change is not waited for any more.",
      example: false,
    }),
  })
  .openapi("RolloutResume");
export const RolloutAbandonSchema = z.strictObject({}).openapi("RolloutAbandon");

const ShownWrite = z
  .object({
    ...write,
    status: z.number().int().optional().openapi({ description: "As it was answered; absent: not done yet." }),
    change: z
      .string()
      .optional()
      .openapi({ description: "Its change, of a batch the first; its receipt can be asked." }),
    left: z.literal(true).optional().openapi({ description: "It was left behind." }),
  })
  .openapi("ShownRolloutWrite");

export const RolloutSchema = z
  .object({
    id: Slug,
    tenant: z.string().optional().openapi({ description: "To which the maker's token was bound." }),
    by: z.string().openapi({ description: "Who made it, and as whom its writes are done: user:jane." }),
    state: z.enum(STATES),
    wave: z.number().int().optional().openapi({ description: "Where it is, counted from 0." }),
    until: z.iso
      .datetime()
      .optional()
      .openapi({ description: "How long it waits: for receipts, or before the next wave." }),
    reason: z
      .object({
        kind: z.enum(["refused", "unanswered", "failed", "late"]).openapi({
          description:
            "refused: the API refused a write. unanswered: it did not answer one in time. failed: a host says that it cannot have a change, or has another. late: a host does not have it in time.",
        }),
        text: z.string(),
        path: z.string().optional().openapi({ description: "Of the write." }),
        change: z.string().optional(),
        host: z.string().optional(),
        status: z.number().int().optional(),
        problem: z.string().optional().openapi({ description: "The type of the refusal." }),
      })
      .optional()
      .openapi({ description: "Why it stopped." }),
    waitingFor: z.object({ total: z.number().int(), changes: z.array(z.string()) }).openapi({
      description: `The changes of this wave that were not live when last looked at, the first ${NAMED} by name.`,
    }),
    waves: z.array(
      z.object({
        name: z.string().optional(),
        state: z.enum([...STATES, "live"]),
        writes: z.array(ShownWrite),
      }),
    ),
    liveWithinSec: z.number().int(),
    pauseSec: z.number().int(),
    summary: z.string(),
    ...Stored.shape,
  })
  .openapi("Rollout", { example: example.rollout });
export const ListedRolloutSchema = RolloutSchema.omit({ waves: true }).openapi("ListedRollout");

type Shown = z.input<typeof RolloutSchema>;

/** A rollout as the API shows it. */
export function shownRollout(rollout: Rollout): Shown {
  const { id, tenant, actor, state, waves, liveWithinSec, pauseSec, version, createdAt, updatedAt, change } = rollout;
  const pending = "pending" in state ? state.pending : [];
  const at = "wave" in state ? state.wave : undefined;
  const path = state.name === "stopped" ? pathOf(rollout, state) : undefined;
  return {
    id,
    ...(tenant === undefined ? {} : { tenant }),
    by: actorText(actor),
    state: state.name,
    ...(at === undefined ? {} : { wave: at }),
    ...("until" in state ? { until: state.until } : {}),
    ...(state.name === "stopped" ? { reason: { ...state.reason, ...(path === undefined ? {} : { path }) } } : {}),
    waitingFor: { total: pending.length, changes: pending.slice(0, NAMED) },
    waves: waves.map(({ name, writes: all }, index) => ({
      ...(name === undefined ? {} : { name }),
      state: waveState(state, index),
      writes: all.map(({ method, path, body, ifMatch, result }) => ({
        method,
        path,
        ...(body === undefined ? {} : { body: JSON.parse(body) as Record<string, unknown> }),
        ...(ifMatch === undefined ? {} : { ifMatch }),
        ...result,
      })),
    })),
    liveWithinSec,
    pauseSec,
    summary: summaryOf(rollout),
    version,
    createdAt,
    updatedAt,
    change,
  };
}

/** Of the write that was refused, or whose change failed. */
function pathOf({ waves }: Rollout, { wave, write, reason }: RolloutState & { name: "stopped" }): string | undefined {
  const { writes: all = [] } = waves[wave] ?? {};
  return (write === undefined ? all.find(({ result }) => result?.change === reason.change) : all[write])?.path;
}

function waveState(state: RolloutState, index: number): Shown["waves"][number]["state"] {
  if (state.name === "done") return "live";
  if (!("wave" in state) || index > state.wave) return state.name === "abandoned" ? "abandoned" : "planned";
  if (index < state.wave) return "live";
  return state.name === "waiting" && state.pending.length === 0 ? "live" : state.name;
}

function summaryOf({ state, waves }: Rollout): string {
  const at = "wave" in state ? `wave ${state.wave + 1} of ${waves.length}` : "";
  switch (state.name) {
    case "planned":
      return `planned: ${waves.length} ${waves.length === 1 ? "wave" : "waves"}`;
    case "running":
      return `${at}: write ${state.write + 1} of ${waves[state.wave]?.writes.length}`;
    case "waiting":
      return state.pending.length > 0
        ? `${at}: waiting for ${state.pending.length} ${state.pending.length === 1 ? "change" : "changes"} until ${state.until}`
        : `${at} is live; the next one begins at ${state.until}`;
    case "stopped": {
      const { host, text } = state.reason;
      return `stopped in ${at}: ${host === undefined ? "" : `host ${host}: `}${text}`;
    }
    case "done":
      return `done: ${waves.length} ${waves.length === 1 ? "wave is" : "waves are"} live`;
    case "abandoned":
      return `abandoned in ${at}`;
  }
}
