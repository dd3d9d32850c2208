// What the IoT rules on `sync` and `report` hand to their Lambdas: the payload as it was sent, in base64, so that a
// malformed one arrives too, and the host, which the rule takes from the topic. Only the broker's access rules say who may
// publish there, so the host of a message is never taken from its payload.

import * as z from "zod";
import { Slug } from "../../shared/model/fields.ts";

/** The event of `SELECT encode(*, 'base64') AS payload, topic(4) AS host`. */
export const RuleEvent = z.object({ payload: z.base64(), host: Slug });
export type RuleEvent = z.infer<typeof RuleEvent>;

export type HostPayload = { readonly host: string; readonly payload: Uint8Array };

/** Parses a rule's event; the reason as text if it is none: then the rule itself is wrong. */
export function parseRuleEvent(event: unknown): HostPayload | string {
  const parsed = RuleEvent.safeParse(event);
  if (parsed.success) return { host: parsed.data.host, payload: Buffer.from(parsed.data.payload, "base64") };
  const issue = parsed.error.issues[0];
  return `${issue?.path.join(".") || "event"}: ${issue?.message ?? "invalid"}`;
}
