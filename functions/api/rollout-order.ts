// An order of a rollout, looked at before it is taken: that each write is one of this API's that can be told whole before
// it is done, that its body has the form, and that whoever asks may do it. Whether it can be done is seen when it is.

import { type FieldError, fieldsProblem, type Problem } from "./problem.ts";
import { denied, type Denied, type Principal } from "./access.ts";
import { all } from "./facts.ts";
import { hasLabels } from "./answers.ts";
import type { KnownWrite } from "./operation.ts";
import type { RolloutOrder } from "./rollout-schema.ts";
import type { Store } from "../store/store.ts";
import {
  type AskedWave,
  type AskedWrite,
  canaryFirst,
  concernOf,
  type PlacedEndpoint,
} from "../domain/rollout-canary.ts";

export const MOST = { waves: 100, writes: 1000, bytes: 200_000, changesOfWave: 2000 };

/** Where a write is in the order, as a field: `waves.0.writes.2`. */
export type Placed = { at: string; write: AskedWrite };

/** The write's operation; undefined if it is none that a rollout can do. */
export function knownWrite(writes: readonly KnownWrite[], { method, path }: AskedWrite): KnownWrite | undefined {
  const [bare = ""] = path.split("?");
  return writes.find((each) => each.method === method && each.pattern.test(bare));
}

/** What is wrong with the writes by themselves. */
export function orderProblem(known: readonly KnownWrite[], placed: readonly Placed[]): Problem | undefined {
  const errors = placed.flatMap(({ at, write }): FieldError[] => {
    const reason = pathFault(write.path);
    if (reason !== undefined) return [{ field: `${at}.path`, reason }];
    const operation = knownWrite(known, write);
    if (!operation) {
      return [
        { field: `${at}.path`, reason: `is no write of a resource: ${write.method} ${write.path.slice(0, 200)}` },
      ];
    }
    return operation.faults(write.body).map(({ field, reason }) => ({ field: join(`${at}.body`, field), reason }));
  });
  return errors.length > 0 ? fieldsProblem(errors) : undefined;
}

function join(at: string, field: string): string {
  return field === "" ? at : `${at}.${field}`;
}

function pathFault(path: string): string | undefined {
  const url = URL.canParse(path, "http://rollout") ? new URL(path, "http://rollout") : undefined;
  if (url?.origin !== "http://rollout" || url.pathname + url.search !== path || !path.startsWith("/v1/")) {
    return "must be a path of this API, as it is sent: /v1/…";
  }
  if (path.startsWith("/v1/rollouts")) return "must not be of a rollout";
  return url.searchParams.has("plan") ? "must not ask for a plan: plan the rollout" : undefined;
}

/** Why the principal may not do one of the writes; undefined if he may do all. */
export function orderDenied(
  known: readonly KnownWrite[],
  { principal, plans }: { principal: Principal; plans: boolean },
  placed: readonly Placed[],
): Denied | undefined {
  for (const { at, write } of placed) {
    const operation = knownWrite(known, write);
    // A plan changes nothing: who may see may plan.
    const no = operation && denied(principal, { ...operation, ...(plans ? { needs: "read" } : {}) });
    if (no) return { ...no, problem: { ...no.problem, field: at, detail: `${at}: ${no.problem.detail}` } };
  }
  return undefined;
}

/** Changes that a write makes, as far as receipts are waited for. */
export function changesOf({ body }: AskedWrite): number {
  const items = body?.["items"];
  return Array.isArray(items) ? items.length : 1;
}

type Canaries = string[] | { labels: Record<string, string> };

/** The waves of a flat list: the canary hosts' writes first. */
export async function canaryWaves(
  store: Store,
  { canaryHosts, writes }: { canaryHosts: Canaries; writes: AskedWrite[] },
): Promise<{ waves: AskedWave[] } | { problem: Problem }> {
  const canaries = await canariesOf(store, canaryHosts);
  if ("problem" in canaries) return canaries;
  const concerns = writes.map((write) => concernOf(write));
  const endpoints = concerns.flat().filter((concern) => typeof concern !== "string");
  const places = await placesOf(store, endpoints);
  const placed = writes.map((write, index) => ({
    write,
    hosts: (concerns[index] ?? []).map((concern) => (typeof concern === "string" ? concern : places(concern))),
  }));
  const first = canaryFirst(placed, new Set(canaries.hosts));
  switch (first.kind) {
    case "waves":
      return { waves: first.waves };
    case "mixed":
      return fault(
        `writes.${first.at}`,
        "concerns canary hosts and others at once: make it two writes, or say the waves",
      );
    case "none":
      return fault(
        "canaryHosts",
        "have no write of their own: what travels per network reaches all of its hosts at once; say the waves",
      );
  }
}

async function canariesOf(store: Store, asked: Canaries): Promise<{ hosts: string[] } | { problem: Problem }> {
  if (Array.isArray(asked)) {
    const held = await store.many(asked.map((id) => ({ kind: "host", id }) as const));
    const at = held.findIndex(({ state }) => state !== "live");
    return at < 0 ? { hosts: asked } : fault(`canaryHosts.${at}`, `names a host that does not exist: ${asked[at]}`);
  }
  const labels = Object.entries(asked.labels);
  const hosts = (await all<"host">(store, { kind: "host" })).filter((host) => hasLabels(host, labels));
  return hosts.length > 0 ? { hosts: hosts.map(({ id }) => id) } : fault("canaryHosts.labels", "are of no host");
}

/** Where endpoints are, or are prepared to be; those that are not there are nowhere. */
async function placesOf(store: Store, endpoints: readonly PlacedEndpoint[]) {
  const held = await store.many(endpoints.map(({ network, id }) => ({ kind: "endpoint", network, id }) as const));
  const byName = new Map(endpoints.map(({ network, id }, at) => [`${network}/${id}`, held[at]]));
  return ({ network, id, at }: PlacedEndpoint): string => {
    const found = byName.get(`${network}/${id}`);
    if (found?.state !== "live") return "";
    return at === "next" ? (found.resource.next?.host ?? "") : found.resource.host;
  };
}

function fault(field: string, reason: string): { problem: Problem } {
  return { problem: fieldsProblem([{ field, reason }]) };
}

/** What is wrong with what an order says, besides what its schema says: who goes first, said once. */
export function formProblem({ waves, canaryHosts, writes }: RolloutOrder): Problem | undefined {
  if (waves && (canaryHosts || writes)) {
    return fieldsProblem([
      { field: "waves", reason: "are given, and canaryHosts or writes too: it is one or the other" },
    ]);
  }
  if (waves) return undefined;
  if (!writes) return fieldsProblem([{ field: "waves", reason: "is required, or canaryHosts and writes" }]);
  return canaryHosts
    ? undefined
    : fieldsProblem([{ field: "canaryHosts", reason: "is required with writes: who goes first?" }]);
}

/** That an order is more than one item of the table holds, or a wave more than is looked after at once. */
export function sizeProblem(waves: readonly AskedWave[]): Problem | undefined {
  const writes = waves.flatMap((wave) => wave.writes);
  if (writes.length > MOST.writes) {
    return fieldsProblem([{ field: "waves", reason: `have more than ${MOST.writes} writes` }]);
  }
  if (Buffer.byteLength(JSON.stringify(waves)) > MOST.bytes) {
    return fieldsProblem([{ field: "waves", reason: `are more than ${MOST.bytes} bytes: make it several rollouts` }]);
  }
  const large = waves.findIndex(
    (wave) => wave.writes.reduce((sum, write) => sum + changesOf(write), 0) > MOST.changesOfWave,
  );
  if (large < 0) return undefined;
  const reason = `has more than ${MOST.changesOfWave} changes, with the items of its batches: make it several waves`;
  return fieldsProblem([{ field: `waves.${large}`, reason }]);
}
