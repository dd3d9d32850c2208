// A problem of the API as a failure: its words with the names that the user knows (a flag, a place in a file) instead of
// the request's fields, and what to do next.

import { type Problem, refOf } from "./api.ts";
import { exitOf } from "./exit-code.ts";
import { Failure } from "./failure.ts";
import { visible } from "./output/table.ts";

const MOST_SHOWN = 10;

/** `nameField` gives what a field of the request is called where the user gave it. */
export function failureOf(problem: Problem, nameField: (field: string) => string = (field) => field): Failure {
  const faults = (problem.errors ?? []).map(({ field, reason }) => `${nameField(field)} ${reason}`.trim());
  const message = faults.length > 0 ? faults.slice(0, MOST_SHOWN).join("\n  ") : problem.detail;
  return new Failure(exitOf(problem.status), lines(message), nextSteps(problem).map(visible));
}

/** Line ends are ours. */
function lines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}

function nextSteps(problem: Problem): string[] {
  const { status, blocking = [] } = problem;
  const kind = problem.type.replace("urn:overspan:problem:", "");
  const inTheWay = blocking.slice(0, MOST_SHOWN).map((ref) => `in the way: ${refOf(ref)}`);
  const more = blocking.length > MOST_SHOWN ? [`and ${blocking.length - MOST_SHOWN} more`] : [];
  return [...inTheWay, ...more, ...(BY_KIND[kind]?.(problem) ?? BY_STATUS[status] ?? [])];
}

const BY_KIND: Record<string, (problem: Problem) => string[]> = {
  "no-such": ({ reason }) => {
    const [, kind, id] = /^names an? ([a-z-]+) that does not exist: (\S+)$/.exec(reason) ?? [];
    return kind === undefined ? [] : [`make it first: overspan create ${kind} ${id}`];
  },
  "not-empty": () => ["delete those first, or all of it at once with --cascade"],
  "id-taken": () => ["change it with overspan edit, or choose another id"],
  "precondition-failed": () => ["somebody changed it: read it again (overspan get … -o yaml), then decide"],
  "key-reused": () => ["take another --idempotency-key, or none"],
  "move-not-ready": () => ["wait for the preparation (overspan receipt CHANGE --wait live), or use --force"],
  "move-prepared": () => ["overspan activate-move or overspan abandon-move first"],
  "move-not-prepared": () => ["overspan prepare-move first, or overspan move at once"],
  "immutable-field": ({ field }) =>
    field === "host" ? ["overspan move ENDPOINT --to HOST"] : ["it is fixed for life: delete and create it anew"],
  "pool-exhausted": () => ["overspan describe vni-pool shows how full it is; give it another --range"],
  quota: () => ["overspan describe tenant shows what it uses; raise it with overspan edit tenant --quota"],
  contended: () => ["run it again"],
  "cascade-unfinished": () => ["run it again: it goes on where it stopped"],
  "about:blank": () => ["is that the address of an Overspan API? set it with OVERSPAN_API, --api or a context"],
};

const BY_STATUS: Record<number, string[]> = {
  401: ["give a valid token: OVERSPAN_TOKEN, OVERSPAN_TOKEN_FILE, --token-file, or a context (overspan config)"],
  403: ["the token does not allow it: use one with the scope, or of the tenant, that this needs"],
  404: ["overspan get KIND lists what is there"],
  409: [],
  413: ["send less at once"],
  429: ["wait a moment; the API limits how many requests a second it takes"],
  503: ["run it again in a moment"],
};
