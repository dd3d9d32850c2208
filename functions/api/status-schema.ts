// The schemas of what hosts report and what it comes to, in the API's document: receipts, convergence, the fleet.

import { z } from "@hono/zod-openapi";
import { Slug } from "../../shared/model/fields.ts";
import * as example from "./example.ts";
import { HostSchema, RefSchema } from "./schema.ts";

const ChannelSchema = z
  .string()
  .openapi({ description: "net:<network>, rtr:<router> or host:<host>.", example: "net:web" });
const FleetState = z.enum(["in-sync", "behind", "diverged", "kernel", "silent", "unreported"]).openapi({
  description:
    "The worst of its channels: diverged: its copy is not what was sent; kernel: its kernel is not as it should be; behind: it lacks entries. silent: it reports no more. unreported: it never did.",
});
const LaggingSchema = z
  .array(
    z.object({
      channel: ChannelSchema,
      state: z.enum(["behind", "diverged", "kernel"]),
      behindBy: z.number().int(),
      since: z.iso.datetime(),
    }),
  )
  .openapi({ description: "Channels that it does not have as it should, the longest first; not all of very many." });

export const ShownHostSchema = HostSchema.extend({
  status: z
    .object({
      lastSeenAt: z.iso.datetime(),
      inSync: z.boolean(),
      agent: z.object({ version: z.string(), startedAtMs: z.number(), kernel: z.string() }),
      bgp: z.array(
        z.object({
          peer: z.string(),
          asn: z.number(),
          state: z.string(),
          sinceMs: z.number(),
          routesIn: z.number(),
          routesOut: z.number(),
        }),
      ),
      capabilities: z.record(z.string(), z.unknown()).optional(),
      state: FleetState,
      reason: z.string().optional(),
      since: z.iso.datetime().optional(),
      channels: LaggingSchema,
    })
    .optional()
    .openapi({
      description: "Its last report, and what it comes to now; absent if it never reported, or not for a month.",
    }),
}).openapi("ShownHost", { example: example.shownHost });

const HostsSchema = z.object({
  total: z.number().int(),
  live: z.number().int(),
  waiting: z.array(
    z.object({
      host: Slug,
      state: z.enum(["unreported", "silent", "pending", "behind", "diverged", "kernel"]).openapi({
        description:
          "unreported: it never reported. silent: it reports no more. pending: not of this channel yet. behind: it lacks entries. diverged: its copy is not what was sent. kernel: its kernel is not as it should be.",
      }),
      reason: z.string(),
      since: z.iso.datetime().optional(),
      problem: z.string().optional().openapi({ description: "What the host says that its kernel refused." }),
    }),
  ),
});
const TorsSchema = z
  .object({
    total: z.number().int(),
    seen: z.number().int(),
    gone: z
      .literal(true)
      .optional()
      .openapi({ description: "Of a deletion: what is seen is that the route is there no more." }),
    at: z.array(
      z.object({
        tor: z.string().openapi({ description: "The fabric peer, or what the ToR calls itself, or its address." }),
        state: z.enum(["seen", "told", "pending", "missing", "held", "down", "unknown"]).openapi({
          description:
            "seen: another host has the route from there; of a deletion, had it from there until then, and has it no more. told: the host told it, and nobody else can show it. pending: one of the two is to come. missing: another host does not have it from there. held: of a deletion, another host still has it from there. down: no session. unknown: the host does not report, or says nothing of its routes.",
        }),
        reason: z.string(),
        by: Slug.optional().openapi({ description: "The host that shows it." }),
      }),
    ),
  })
  .openapi({
    description:
      "Of an endpoint, the ToRs of its host; of a router's prefix, those of the host of the next hop. Absent where there is nothing to be seen.",
  });
const TimesSchema = z
  .object({ measured: z.number().int(), p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() })
  .openapi({ description: "From accepted to live, over the hosts that have it, as far as it was measured." });
export const ReceiptSchema = z
  .object({
    change: z.string(),
    resource: RefSchema,
    at: z.iso.datetime(),
    state: z.enum(["accepted", "published", "live"]).openapi({
      description: "accepted: stored. published: sent to the hosts. live: in the kernel of every host concerned.",
    }),
    published: z.array(z.object({ channel: ChannelSchema, seq: z.number().int() })),
    hosts: HostsSchema,
    times: TimesSchema.optional(),
    tors: TorsSchema.optional(),
    summary: z.string(),
  })
  .openapi("Receipt", { example: example.receipt });

export const ConvergenceSchema = z
  .object({
    network: Slug,
    channel: ChannelSchema,
    seq: z.number().int(),
    converged: z.boolean(),
    hosts: HostsSchema,
    recent: TimesSchema.extend({ steps: z.number().int() })
      .optional()
      .openapi({ description: "From published to live, over these hosts and the last steps." }),
    items: z.array(
      z.object({
        host: Slug,
        state: z.enum(["in-sync", "unreported", "silent", "pending", "behind", "diverged", "kernel"]),
        reason: z.string().optional(),
        since: z.iso.datetime().optional(),
        appliedSeq: z.number().int(),
        behindBy: z.number().int(),
        digestEqual: z.boolean().openapi({ description: "Its copy is what was sent." }),
        kernelEqual: z.boolean().openapi({ description: "Its kernel holds that." }),
        lastSeenAt: z.iso.datetime().optional(),
        errors: z.array(z.string()),
      }),
    ),
    next: z.string().optional().openapi({ description: "The cursor of the next page; absent on the last." }),
    summary: z.string(),
  })
  .openapi("Convergence", { example: example.convergence });

const Noted = z.array(z.object({ at: z.iso.datetime(), detail: z.string() }));
const Count = z.number().int();
export const FleetSchema = z
  .object({
    hosts: z.object({
      total: Count,
      inSync: Count,
      behind: Count,
      diverged: Count,
      kernel: Count,
      silent: Count,
      unreported: Count,
    }),
    sessionsDown: Count,
    conflicts: Count,
    drift: Count,
    items: z
      .array(
        z.object({
          host: Slug,
          site: Slug,
          state: FleetState,
          reason: z.string().optional(),
          since: z.iso.datetime().optional(),
          lastSeenAt: z.iso.datetime().optional(),
          channels: LaggingSchema,
          sessionsDown: z.array(z.object({ peer: z.string(), state: z.string(), since: z.iso.datetime() })),
          conflicts: Noted,
          drift: Noted,
        }),
      )
      .openapi({ description: "Those that need a look." }),
    next: z.string().optional().openapi({ description: "The cursor of the next page; absent on the last." }),
  })
  .openapi("Fleet", { example: example.fleet });
