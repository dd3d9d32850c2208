// /v1/changes/{change} and /v1/networks/{network}/convergence: how far what was stored has come.

import { z } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { isChangeId } from "../../domain/ids.ts";
import { refuse } from "../../domain/write.ts";
import type { ChangeRecord } from "../../domain/change.ts";
import { answerPage, type Services, wideQuery } from "../answers.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { noSuchChange } from "../reach.ts";
import { refusalProblem } from "../refusal-problem.ts";
import type { Receipt } from "../receipts.ts";
import { ConvergenceSchema, ReceiptSchema } from "../status-schema.ts";
import { answerWithin, MAX_WAIT_MS, waitParameter } from "../wait.ts";

const tag = "Receipts";

const ChangeId = z
  .string()
  .refine(isChangeId)
  .openapi({ description: "The `change` of a write.", example: example.CHANGE });
const receiptQuery = {
  wait: z.enum(["live", "seen"], { error: "must be live or seen" }).optional().openapi({
    description:
      "Answer once it is live, or at the timeout. seen: once it is live, and each ToR has it or, where no other host could show it, was told it. Of a deletion: each ToR has it no more or, where no other host had it from there until then, was told so.",
    example: "live",
  }),
  timeoutMs: waitParameter("How long to wait."),
};

export function addChanges(api: Api): void {
  const { services } = api;
  const { store, receipts } = services;
  addOperation(api, {
    id: "getReceipt",
    method: "get",
    path: "/v1/changes/{change}",
    summary: "Get the receipt of a change",
    description:
      "Where the change is live, which hosts are waited for and why, how long it took, and which ToRs are seen to hold the route of an endpoint or of a router's prefix, or, if it was deleted, to hold it no more.",
    tag,
    needs: "read",
    reach: "path",
    params: { change: ChangeId },
    query: receiptQuery,
    answer: { status: 200, description: "The receipt.", schema: ReceiptSchema, example: example.receipt },
    problems: [404],
    run: async ({ params, query: { wait, timeoutMs = MAX_WAIT_MS } }) => {
      const change = await store.change(params.change);
      if (!change) {
        return { kind: "problem", problem: noSuchChange(params.change) };
      }
      return { kind: "answer", body: await receiptWithin(services, change, { wait, timeoutMs }) };
    },
  });
  addOperation(api, {
    id: "getConvergence",
    method: "get",
    path: "/v1/networks/{network}/convergence",
    summary: "Get the convergence of a network",
    description:
      "Which hosts have the network's newest state in their kernels, host by host, and how long the last steps took. Of a network with more hosts than a page, counts and times are of the page.",
    tag,
    needs: "read",
    reach: "path",
    params: { network: Slug },
    query: wideQuery,
    answer: { status: 200, description: "The convergence.", schema: ConvergenceSchema, example: example.convergence },
    problems: [404],
    run: async ({ params: { network }, query }) => {
      const ref = { kind: "network", id: network } as const;
      if ((await store.get(ref)).state === "live") {
        return answerPage({ ...ref, view: "convergence" }, query, async (page) => {
          const { next, ...body } = await receipts.convergence(network, page);
          return { body, next };
        });
      }
      return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
    },
  });
}

/** The receipt, once it says what is waited for, or as it is after `timeoutMs`. */
function receiptWithin(
  { receipts, clock }: Services,
  change: ChangeRecord,
  { wait, timeoutMs }: { wait: "live" | "seen" | undefined; timeoutMs: number },
): Promise<Receipt> {
  return answerWithin(clock, { withinMs: wait ? timeoutMs : 0 }, async () => {
    const answer = await receipts.receipt(change);
    return { answer, enough: answer.state === "live" && (wait !== "seen" || isSettled(answer)) };
  });
}

/** True if waiting longer can prove no more: where nobody else is on a ToR, what it was told is all that can be known. */
function isSettled({ tors }: Receipt): boolean {
  return (tors?.at ?? []).every(({ state }) => state === "seen" || state === "told");
}
