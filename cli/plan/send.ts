// A write, or with `--plan` what it would change.

import type { Terms } from "../../functions/api/client.ts";
import type { Client } from "../api.ts";
import type { Options } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { Failure } from "../failure.ts";
import { formatValue } from "../output/print.ts";
import { named, type Session } from "../session.ts";
import type { Written } from "../write.ts";
import { planText } from "./plan.ts";

export type WriteRequest = {
  method: "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  terms: Terms;
  query?: Record<string, string>;
};

/** Writes, and gives what the API answered; or shows the plan, and gives the exit status. */
export async function send(
  session: Session,
  options: Options,
  request: WriteRequest,
  nameField: (field: string) => string = (field) => field,
): Promise<{ written: Written } | { planned: ExitCode }> {
  const { method, path, body, terms, query = {} } = request;
  const client = await session.client();
  if (!options.has("plan")) {
    return { written: await named(client.request<Written>(method, path, { body, terms, query }), nameField) };
  }
  await assertPlans(client);
  const plan = await named(
    client.plan((api) => api.request(method, path, { body, terms, query })),
    nameField,
  );
  const { world, format, paint } = session;
  world.out.write(formatValue(plan, format) ?? planText(plan, paint));
  return { planned: plan.isolation.ok ? EXIT.done : EXIT.conflict };
}

/** An API that knows no plans would do the write: it is asked before. */
export async function assertPlans(client: Client): Promise<void> {
  const document = await client.request<unknown>("GET", "/openapi.json");
  if (JSON.stringify(document).includes('"name":"plan"')) return;
  throw new Failure(EXIT.failed, "this API knows no plans; nothing was asked of it", ["use an API of this version"]);
}
