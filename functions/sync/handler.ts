// One sync request: decode, answer to the host's inbox, in order.
//
// A malformed request is counted, logged and not answered: an agent that cannot speak would ask again at once and be
// sent everything it holds over and over. It stays with what it has, its kernel forwards on, and an operator is told.

import { decodeJson } from "../../shared/message/inbox.ts";
import { SyncRequest } from "../../shared/message/sync.ts";
import type { Publisher } from "../publish/publisher.ts";
import { type AnswerDeps, answerHost } from "./answer.ts";
import { parseRuleEvent } from "./rule-event.ts";

export type SyncDeps = AnswerDeps & { readonly publisher: Publisher };

/** Handles the event of the rule on `sync`. @throws if the store or broker fails: the invocation is tried again. */
export async function handleSync(deps: SyncDeps, event: unknown): Promise<void> {
  const parsed = parseRuleEvent(event);
  if (typeof parsed === "string") {
    deps.telemetry.count("MalformedSyncRequests");
    deps.telemetry.warn("not an event of the sync rule", { reason: parsed });
    return;
  }
  const { host, payload } = parsed;
  const request = decodeJson<SyncRequest>(payload, SyncRequest);
  if ("kind" in request) {
    deps.telemetry.count("MalformedSyncRequests");
    deps.telemetry.warn("malformed sync request", { host, reason: request.reason });
    return;
  }
  await sendAnswer(deps, host, request);
}

/** Answers a host; also the remedy for one whose report shows that it is behind. */
export async function sendAnswer(deps: SyncDeps, host: string, asked: Parameters<typeof answerHost>[2]): Promise<void> {
  const answer = await answerHost(deps, host, asked);
  if (answer.kind === "silence") {
    deps.telemetry.count("UnansweredHosts");
    deps.telemetry.warn("a host gets no answer", { host, reason: answer.reason });
    return;
  }
  for (const message of answer.messages) await deps.publisher.publish(host, message);
  deps.telemetry.count("SyncAnswers");
}
