// How a host gets its certificate: an operator asks for a token, the host trades it for a certificate; and how a host that
// was lost or stolen is shut out.

import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { Slug } from "../../../shared/model/fields.ts";
import { CsrPem } from "../../../shared/message/identity.ts";
import { actorText } from "../../domain/audit.ts";
import { refuse } from "../../domain/write.ts";
import type { Purpose } from "../../secrets/secret-box.ts";
import { actOnce, auditAct, type ProblemAnswer } from "../act.ts";
import * as example from "../example.ts";
import type { Request } from "../execute.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { fieldsProblem, plainProblem } from "../problem.ts";
import { refusalProblem } from "../refusal-problem.ts";

const tag = "Host identity";
const LIFE_SEC = { least: 60, most: 86_400, usual: 3_600 };

const Order = z
  .strictObject({
    lifeSec: z
      .number()
      .int()
      .min(LIFE_SEC.least)
      .max(LIFE_SEC.most)
      .default(LIFE_SEC.usual)
      .openapi({ description: "How long the token can be used.", example: LIFE_SEC.usual }),
  })
  .openapi("JoinTokenOrder");
const Token = z
  .object({
    host: Slug,
    token: z.string().openapi({
      description:
        "Only its hash is kept; if it was asked for under an Idempotency-Key, also the token itself for a day, sealed, " +
        "so that a retry is answered with it.",
    }),
    expiresAt: z.iso.datetime(),
    change: z.string(),
  })
  .openapi("JoinToken");
const Join = z
  .strictObject({
    token: z.string().min(1).max(200).openapi({ description: "From POST /v1/hosts/{host}/join-tokens." }),
    csr: CsrPem.openapi({ description: "PKCS #10 in PEM: a P-256 key, the host's id as common name." }),
  })
  .openapi("Join");
const Joined = z
  .object({
    host: Slug,
    certificateId: z.string(),
    certificate: z.string().openapi({ description: "PEM." }),
    ca: z
      .string()
      .optional()
      .openapi({ description: "Whom the broker's certificate is of, PEM; absent: a public CA." }),
    brokerUrl: z.string(),
  })
  .openapi("Joined");
const Revoked = z.object({ revoked: z.number().int(), change: z.string() }).openapi("Revoked");

const TOKEN_EXAMPLE = `ovj_${"A".repeat(43)}`;
const PEM_EXAMPLE = (what: string) => `-----BEGIN ${what}-----\nMIGf…\n-----END ${what}-----\n`;
const ID_EXAMPLE = "ab".repeat(32);

export function addIdentity(api: Api): void {
  const { services } = api;
  const { identities, secrets, store } = services;
  addOperation(api, {
    id: "createJoinToken",
    method: "post",
    path: "/v1/hosts/{host}/join-tokens",
    summary: "Let a host join",
    description: "A token with which the host gets its first certificate, once. Earlier certificates stay good.",
    tag,
    unplanned: true,
    needs: "admin",
    params: { host: Slug },
    body: { schema: Order, example: { lifeSec: 3600 } },
    answer: {
      status: 201,
      description: "The token.",
      schema: Token,
      example: { host: "h1", token: TOKEN_EXAMPLE, expiresAt: example.AT, change: example.CHANGE },
    },
    problems: [404],
    subject: ({ host }) => ({ kind: "host", id: host }),
    run: async ({ params: { host }, body, request }) => {
      const purpose = purposeOf(host, request);
      // No `Location`: the token is nowhere to be read again.
      return actOnce<KeptToken>(services, request, {
        act: { host, action: "invite" },
        async run() {
          const missing = await unlessThere(host, ["live"]);
          if (missing) return missing;
          const { token, expiresAtMs } = await identities.createToken(host, body.lifeSec);
          const expiresAt = new Date(expiresAtMs).toISOString();
          // The only copy, for whoever repeats this request and for nobody who reads the table.
          const sealed = purpose ? await secrets.seal(token, purpose) : "";
          return { kept: { host, sealed, expiresAt }, answer: { host, token, expiresAt } };
        },
        async again({ sealed, ...told }) {
          const token = purpose && (await secrets.open(sealed, purpose));
          if (token === undefined) throw new Error(`the join token of ${host} that was kept does not open`);
          return { ...told, token };
        },
      });
    },
  });
  addOperation(api, {
    id: "join",
    method: "post",
    path: "/v1/join",
    summary: "Join with a token",
    description: "What overspan-agent join asks: a certificate for the host that the token is for.",
    tag,
    unplanned: true,
    needs: "nothing",
    body: { schema: Join, example: { token: TOKEN_EXAMPLE, csr: PEM_EXAMPLE("CERTIFICATE REQUEST") } },
    answer: {
      status: 200,
      description: "The certificate, and where to use it.",
      schema: Joined,
      example: {
        host: "h1",
        certificateId: ID_EXAMPLE,
        certificate: PEM_EXAMPLE("CERTIFICATE"),
        brokerUrl: "mqtts://broker.example:8883",
      },
    },
    problems: [403],
    run: async ({ body }) => {
      const joined = await identities.join(body.token, body.csr);
      if ("host" in joined) {
        await auditAct(services, { host: joined.host, action: "join", actor: { kind: "host", id: joined.host } });
        return { kind: "answer", body: joined };
      }
      if (joined.refused === "csr")
        return { kind: "problem", problem: fieldsProblem([{ field: "csr", reason: joined.reason }]) };
      const reason = "the token is not known, has run out, or has been used; ask for another one";
      return { kind: "problem", problem: plainProblem(403, "join-token", "Not a token to join with", reason) };
    },
  });
  addOperation(api, {
    id: "revokeHost",
    method: "post",
    path: "/v1/hosts/{host}:revoke",
    summary: "Shut a host out",
    description:
      "Makes every certificate of the host useless at once, for one that was lost or stolen, or that did not clear up when it " +
      "was deleted. Its kernel goes on forwarding " +
      "what it knows: take the machine off the fabric too. To let it in again, ask for a join token.",
    tag,
    unplanned: true,
    needs: "admin",
    params: { host: Slug },
    answer: {
      status: 200,
      description: "How many certificates there were.",
      schema: Revoked,
      example: { revoked: 1, change: example.CHANGE },
    },
    problems: [404],
    subject: ({ host }) => ({ kind: "host", id: host }),
    run: async ({ params: { host }, request }) => {
      return actOnce<{ revoked: number }>(services, request, {
        act: { host, action: "revoke" },
        async run() {
          // Also one that was deleted: it may still have its certificate.
          const missing = await unlessThere(host, ["live", "deleted"]);
          if (missing) return missing;
          const kept = { revoked: await identities.revoke(host) };
          return { kept, answer: kept };
        },
        again: (kept) => Promise.resolve(kept),
      });
    },
  });

  async function unlessThere(host: string, states: readonly string[]): Promise<ProblemAnswer | undefined> {
    const ref = { kind: "host", id: host } as const;
    if (states.includes((await store.get(ref)).state)) return undefined;
    return { kind: "problem", problem: refusalProblem(refuse({ kind: "not-found", ref })) };
  }
}

type KeptToken = { host: string; sealed: string; expiresAt: string };

/** What a token is sealed for: the repetition of this very request. Undefined if it cannot be repeated. */
function purposeOf(host: string, { actor, idempotency }: Request): Purpose | undefined {
  if (!idempotency) return undefined;
  const asked = JSON.stringify([actorText(actor), idempotency.key, idempotency.fingerprint]);
  return { use: "join-token", host, request: createHash("sha256").update(asked).digest("hex") };
}
