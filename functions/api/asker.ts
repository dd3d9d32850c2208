// Who asks, as the app's first step found out and left in the request's context.

import type { Context } from "hono";
import type { Actor } from "../domain/audit.ts";
import type { Principal } from "./access.ts";

/** Who asks; nobody where no token is needed. */
export function principalOf(context: Context): Principal | undefined {
  return context.get("principal") as Principal | undefined;
}

/** The same, as the audit names it. */
export function actorOf(context: Context): Actor {
  return principalOf(context)?.actor ?? { kind: "anonymous" };
}
