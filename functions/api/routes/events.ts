// /v1/events: what happens, as server-sent events

import { z } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { TOP_KINDS } from "../../domain/resource.ts";
import { EVENT_KINDS, parsePosition } from "../../events/event.ts";
import { eventStream } from "../events.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { waitParameter } from "../wait.ts";

/** Shorter than other waits: a look at the log after the time is up may have ten pages to read. */
const MAX_WAIT_MS = 20_000;

/** Several values with commas between. */
function someOf<T extends string>(values: readonly T[], description: string) {
  return z
    .string()
    .max(200)
    .transform((text, context): T[] => {
      const named = text.split(",").map((each) => values.find((value) => value === each));
      const known = named.flatMap((each) => each ?? []);
      if (known.length === named.length) return known;
      context.addIssue({ code: "custom", message: `must be some of ${values.join(", ")}` });
      return z.NEVER;
    })
    .optional()
    .openapi({ type: "string", description, example: values[0] });
}

export function addEvents(api: Api): void {
  const { events: reader, clock } = api.services;
  addOperation(api, {
    id: "watchEvents",
    method: "get",
    path: "/v1/events",
    summary: "Watch what happens",
    description:
      "Server-sent events, which begin now or after the Last-Event-ID: changes, receipts (published, live), conflicts, drift, BGP sessions. " +
      "The answer ends with the first events, or after waitMs with none; an EventSource comes back by itself and misses nothing. " +
      "An event of the kind reset says that what was missed is kept no more (3 days). A token of a tenant sees the tenant's own.",
    tag: "Events",
    needs: "read",
    reach: "own",
    query: {
      kind: someOf(EVENT_KINDS, "Only events of these kinds, with commas between."),
      resource: someOf([...TOP_KINDS, "endpoint", "prefix"], "Only of resources of these kinds, with commas between."),
      network: Slug.optional(),
      host: Slug.optional(),
      tenant: Slug.optional(),
      after: z
        .string()
        .max(30)
        .transform((text, context) => {
          const position = parsePosition(text);
          if (position) return position;
          context.addIssue({ code: "custom", message: "must be the id of an event" });
          return z.NEVER;
        })
        .optional()
        .openapi({
          type: "string",
          description: "After the event of this id, as the header Last-Event-ID, which goes before it.",
          example: "17-3",
        }),
      waitMs: waitParameter("How long to wait for an event.", MAX_WAIT_MS),
    },
    answer: {
      status: 200,
      description: "Events, each with the id to go on from.",
      type: "text/event-stream",
      schema: z.string(),
      example: example.eventStream,
    },
    problems: [],
    run: async ({ query: { after, waitMs = MAX_WAIT_MS, ...filter }, request }) => {
      const last = request.lastEventId === undefined ? undefined : parsePosition(request.lastEventId);
      // A token that is bound to a tenant adds that one to what is asked: of another's there is nothing.
      const tenants = [filter.tenant, request.tenant].flatMap((each) => each ?? []);
      const body = await eventStream(
        { reader, clock },
        { after: last ?? after, filter: { ...filter, tenants }, waitMs },
      );
      return { kind: "answer", body, headers: { "cache-control": "no-store" } };
    },
  });
}
