// Who did what: an entry of the audit, for every write and every refused one. A write's entry is in its transaction.

import type { ChangeAction } from "./change.ts";
import type { ResourceRef } from "./resource.ts";

/** Who asks, by the subject of the token. `anonymous`: no token is needed, as for a host that joins. */
export type Actor = { kind: "anonymous" } | { kind: "user" | "system" | "host"; id: string };

/** How an actor is named in keys, filters and the audit: `anonymous`, `user:jane`. */
export function actorText(actor: Actor): string {
  return actor.kind === "anonymous" ? actor.kind : `${actor.kind}:${actor.id}`;
}

/** What a write did. */
export type AuditedChange = {
  outcome: "done";
  actor: string;
  action: ChangeAction;
  resource: ResourceRef;
  /** Whose the resource is; absent: the operator's. */
  tenant?: string;
  /** The resource before and after; absent before a creation and after a deletion. */
  before?: unknown;
  after?: unknown;
};

/** What was asked and refused. */
export type AuditedRefusal = {
  outcome: "refused";
  /** Of the form of a change's id: it sorts by time. */
  id: string;
  at: string;
  actor: string;
  /** The operation: `createNetwork`. */
  operation: string;
  path: string;
  status: number;
  /** The problem's type and reason. */
  problem: string;
  reason: string;
  /** What was asked, as far as it was JSON and not too large. */
  request?: unknown;
  /** The resource that the path names. */
  resource?: ResourceRef;
  /** To which tenant whoever asked is bound; if to none, whose the resource is. */
  tenant?: string;
};

const SECRET_NAME = /^(.*[^a-z])?(secret|password|passphrase|token|private-?key|md5-?key|credentials?|api-?key)s?$/i;
const MAX_DEPTH = 12;

/** A copy in which members that are secrets by their name (also in camelCase) say so instead. */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === MAX_DEPTH) return "(deeper)";
  if (Array.isArray(value)) return value.map((each) => withoutSecrets(each, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const words = name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
      return [name, SECRET_NAME.test(words) ? "(secret)" : withoutSecrets(member, depth + 1)];
    }),
  );
}
