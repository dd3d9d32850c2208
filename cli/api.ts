// What the API answers, by the typed client's own types: the only door to functions/.

import type { ApiError, createClient } from "../functions/api/client.ts";

export type Client = ReturnType<typeof createClient>;
export type Problem = ApiError["problem"];
export type Receipt = Awaited<ReturnType<Client["receipt"]>>;
export type Convergence = Awaited<ReturnType<Client["networks"]["convergence"]>>;
export type ResourceRef = NonNullable<Problem["blocking"]>[number];

/** `endpoint/web/vm1`. */
export function refOf(ref: ResourceRef): string {
  if (ref.kind === "endpoint") return `${ref.kind}/${ref.network}/${ref.id}`;
  return ref.kind === "prefix" ? `${ref.kind}/${ref.router}/${ref.id}` : `${ref.kind}/${ref.id}`;
}
