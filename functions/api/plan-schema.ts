// The schema of a plan, for the document: what `?plan=true` answers instead of a write (functions/plan/plan.ts).

import { z } from "@hono/zod-openapi";
import { Slug } from "../../shared/model/fields.ts";
import { RefSchema } from "./schema.ts";

/** A media type of its own, so that nobody takes a plan for what was written. */
export const PLAN_TYPE = "application/vnd.overspan.plan+json";

export const LINES = { default: 200, max: 10_000 };
const linesReason = `must be a whole number from 0 to ${LINES.max}`;

/** What every write that can be planned takes besides. */
export const PLAN_QUERY = {
  plan: z
    .enum(["true", "false"], { error: "must be true or false" })
    .transform((text) => text === "true")
    .optional()
    .openapi({ type: "boolean", description: "Write nothing: answer what would change.", example: true }),
  lines: z
    .string()
    .regex(/^\d{1,5}$/, linesReason)
    .transform(Number)
    .refine((lines) => lines <= LINES.max, linesReason)
    .optional()
    .openapi({
      type: "integer",
      minimum: 0,
      maximum: LINES.max,
      default: LINES.default,
      description: "Of a plan: how many lines it shows over all hosts.",
      example: LINES.default,
    }),
};

const count = (description: string) => z.number().int().openapi({ description });
const LineCounts = z.object({ added: z.number().int(), removed: z.number().int() });

export const PlanSchema = z
  .object({
    operation: z.string().openapi({ description: "The operation that was planned." }),
    status: z.number().int().openapi({ description: "As the write would be answered." }),
    answer: z.unknown().openapi({ description: "What the write would answer; ids that the system gives may differ." }),
    resources: z.object({
      total: count("How many resources would be written."),
      items: z.array(z.object({ resource: RefSchema, does: z.enum(["create", "change", "delete"]) })),
      leftOut: count("How many are not named."),
    }),
    hosts: z.object({
      touched: count("How many hosts would have something to do."),
      lines: count("How many lines would differ on all of them."),
      items: z.array(
        z.object({
          host: Slug,
          site: z.string(),
          kernel: LineCounts,
          bgp: LineCounts,
          lines: z.array(z.string()).openapi({
            description: "`-` goes, `+` comes: kernel as `bridge fdb`, `ip neigh` and `ip route`, then `show bgp`.",
          }),
          leftOut: count("Lines of this host that are not shown."),
        }),
      ),
      leftOut: count("How many hosts are not named."),
    }),
    tors: z
      .array(
        z.object({
          tor: Slug.optional().openapi({ description: "The fabric peer that has the address." }),
          site: z.string(),
          peer: z.string().openapi({ description: "The BGP peer's address, or a host and its link." }),
          announced: count("Prefixes that it would hear of."),
          withdrawn: count("Prefixes that it would hear of no more."),
          changed: count("Prefixes that it would hear of with other attributes."),
        }),
      )
      .openapi({ description: "What each ToR would hear of the hosts; not what ToRs tell each other." }),
    headroom: z
      .array(z.object({ of: z.string(), used: z.number().int(), limit: z.number().int() }))
      .openapi({ description: "Quotas and broker limits, as they would be used after the write." }),
    isolation: z.object({
      ok: z.boolean(),
      checks: z.array(
        z.object({
          check: z.enum(["route-targets", "vnis", "subnets"]),
          ok: z.boolean(),
          findings: z.array(z.string()),
        }),
      ),
    }),
    beyond: z.string().optional().openapi({ description: "Why hosts were not looked at." }),
  })
  .openapi("Plan", { description: "What a write would change." });
