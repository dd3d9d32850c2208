// What the API answers, by the typed client's own types: the only door to functions/.

import type { ApiError, createClient, Plan as ClientPlan } from "../functions/api/client.ts";

export type Client = ReturnType<typeof createClient>;
export type Plan = ClientPlan;
export type Fleet = Awaited<ReturnType<Client["fleet"]>>;
export type Rollout = Awaited<ReturnType<Client["rollouts"]["get"]>>;
export type ListedRollout = Awaited<ReturnType<Client["rollouts"]["list"]>>["items"][number];
export type Problem = ApiError["problem"];
export type Receipt = Awaited<ReturnType<Client["receipt"]>>;
export type Convergence = Awaited<ReturnType<Client["networks"]["convergence"]>>;
export type ResourceRef = NonNullable<Problem["blocking"]>[number];

/** `endpoint/web/vm1`. */
export function refOf({ kind, id, network, router }: NamedRef): string {
  return [kind, network ?? router, id].filter((part) => part !== undefined).join("/");
}

type NamedRef = { kind: string; id: string; network?: string | undefined; router?: string | undefined };
