// What a token says, once its signature, issuer, audience and times hold: who it is, what he may, and for which tenant.
// Pure. Claims are those of RFC 9068: `sub`, `client_id`, `scope` (RFC 8693 4.2; some issuers say `scp`), `roles`; and
// our own `tenant`.

import * as z from "zod";
import { Slug } from "../../shared/model/fields.ts";
import { type Principal, SCOPES, type Scope } from "./access.ts";

/** The role that sees all and changes nothing. */
export const NETWORK_ENGINEER = "network-engineer";

/** As long as it is a part of keys in the table, with an Idempotency-Key of 255 characters beside it. */
const Subject = z.string().regex(/^[\x21-\x7e]{1,200}$/, "must be 1 to 200 visible ASCII characters");
const Words = z.union([z.string().transform((text) => text.split(" ")), z.array(z.string())]);

const Claims = z.object({
  sub: Subject,
  client_id: z.string().optional(),
  scope: Words.optional(),
  scp: Words.optional(),
  roles: Words.optional(),
  tenant: Slug.optional(),
});

/** Scopes and roles that mean nothing here are another program's. A claim of ours that does not parse refuses the token. */
export function principalOf(payload: unknown): Principal | { refused: string } {
  const parsed = Claims.safeParse(payload);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { refused: `the token's claim ${issue?.path.join(".") ?? ""} is of no use` };
  }
  const { sub, client_id: client, scope = [], scp = [], roles = [], tenant } = parsed.data;
  return {
    // RFC 9068 2.2: where no person is involved, the subject is the client.
    actor: { kind: sub === client ? "system" : "user", id: sub },
    scopes: new Set([...scope, ...scp].filter(isScope)),
    networkEngineer: roles.includes(NETWORK_ENGINEER),
    ...(tenant === undefined ? {} : { tenant }),
  };
}

function isScope(word: string): word is Scope {
  return SCOPES.some((scope) => scope === word);
}
