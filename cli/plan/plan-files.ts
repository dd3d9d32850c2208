// `plan -f FILE`: what applying files would change, the difference first and then the API's plan of each write. A write
// that stands on one before it, which is not there yet, cannot be planned: that is said.

import { ApiError } from "../../functions/api/client.ts";
import { applyOptions, readOps } from "../apply/read-ops.ts";
import type { Op } from "../apply/diff.ts";
import { countText, diffText } from "../apply/show.ts";
import type { Client, Plan } from "../api.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatValue } from "../output/print.ts";
import { visible } from "../output/table.ts";
import { nameOf, pathOf } from "../resource/ref.ts";
import { assertPlans } from "./send.ts";
import { planText } from "./plan.ts";

type Planned = { resource: string; plan: Plan } | { resource: string; refused: string };

export const planFilesCommand: Command = {
  words: ["plan"],
  summary: "what files, or a command, would change; nothing is written",
  args: [],
  options: applyOptions,
  more: "overspan plan -f FILE plans files; overspan plan COMMAND …, such as overspan plan delete host h1, plans a write.",
  examples: [
    { line: "plan -f shop.yaml", says: "what applying it would change" },
    { line: "plan create endpoint web/vm9 --host h1 --mac 02:00:5e:10:00:09", says: "what one write would change" },
  ],
  run: async ({ options }, session) => {
    const { world, format, paint } = session;
    const client = await session.client();
    await assertPlans(client);
    const ops = await readOps(client, options, session);
    const planned: Planned[] = [];
    for (const op of ops.filter(({ op }) => op !== "keep")) planned.push(await planOp(client, op));
    const text = () =>
      planned.map((one) =>
        "plan" in one
          ? `${paint("bold", `== ${one.resource}`)}\n${planText(one.plan, paint)}`
          : `${paint("bold", `== ${one.resource}`)}\nno plan yet: ${visible(one.refused)}\n`,
      );
    world.out.write(formatValue(planned, format) ?? `${diffText(ops, paint)}${countText(ops)}\n${text().join("")}`);
    const clashes = planned.some((one) => "plan" in one && !one.plan.isolation.ok);
    return clashes ? EXIT.conflict : EXIT.done;
  },
};

async function planOp(client: Client, op: Op): Promise<Planned> {
  const ref = op.op === "delete" ? op.ref : op.declared.ref;
  const resource = nameOf(ref);
  try {
    const plan = await client.plan((api) =>
      op.op === "create" || op.op === "change"
        ? api.request("PUT", pathOf(ref), { body: op.body })
        : api.request("DELETE", pathOf(ref)),
    );
    return { resource, plan };
  } catch (cause) {
    if (cause instanceof ApiError && cause.problem.status < 500) return { resource, refused: cause.problem.detail };
    throw cause;
  }
}
