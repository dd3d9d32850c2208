// `apply -f`: reads files, looks at what is there, shows the difference, asks, and writes it in order. A write is refused
// if the resource is no longer as it was when the difference was shown.

import type { Client } from "../api.ts";
import type { Call, Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatValue } from "../output/print.ts";
import { awaitReceipt, exitOfWait, waitOf } from "../receipt.ts";
import { nameOf, pathOf } from "../resource/ref.ts";
import { named, type Session } from "../session.ts";
import { WAIT_OPTIONS, type Written } from "../write.ts";
import type { Op } from "./diff.ts";
import { applyOptions, readOps } from "./read-ops.ts";
import { countText, diffText } from "./show.ts";

export const applyCommand: Command = {
  words: ["apply"],
  summary: "make everything as files declare it",
  args: [],
  options: [
    ...applyOptions,
    { name: "dry-run", help: "show the difference only" },
    { name: "yes", short: "y", help: "do not ask" },
    ...WAIT_OPTIONS,
  ],
  more:
    "Documents are put in order by what they refer to. With a set, everything gets the label overspan/set=NAME; --prune\n" +
    "touches nothing that does not carry it.",
  examples: [
    { line: "apply -f shop.yaml --dry-run", says: "what would change" },
    { line: "apply -f shop.yaml --yes --wait live", says: "make it so, and wait until it is live" },
    { line: "apply -f shop.yaml --prune --yes", says: "and delete what the set had and has no more" },
  ],
  run: runApply,
};

async function runApply({ options }: Call, session: Session): Promise<ExitCode> {
  const { world, format, paint } = session;
  const wait = waitOf(options);
  const client = await session.client();
  const ops = await readOps(client, options, session);
  const writes = ops.filter(({ op }) => op !== "keep");
  const forPrograms = formatValue(ops.map(forProgram), format);
  world.out.write(forPrograms ?? `${diffText(ops, paint)}${countText(ops)}\n`);
  if (options.has("dry-run") || writes.length === 0) return EXIT.done;
  if (!(await confirm(session, `apply ${writes.length} ${writes.length === 1 ? "write" : "writes"}?`, options))) {
    return EXIT.failed;
  }
  const changes = await writeAll(client, writes, session);
  if (!wait) return EXIT.done;
  const waits: { reached: boolean }[] = [];
  for (const { name, change } of changes) {
    const waited = await awaitReceipt(session, change, wait);
    world.err.write(`${name}: ${waited.receipt.summary}\n`);
    waits.push(waited);
  }
  return exitOfWait({ reached: waits.every(({ reached }) => reached) });
}

/** One after the other, since they refer to each other; stops at the first that is refused and says how far it came. */
async function writeAll(
  client: Client,
  ops: readonly Op[],
  session: Session,
): Promise<{ name: string; change: string }[]> {
  const { world, progress, paintErr } = session;
  const done: { name: string; change: string }[] = [];
  for (const op of ops) {
    const name = op.op === "delete" ? nameOf(op.ref) : nameOf(op.declared.ref);
    progress.show(`${done.length} of ${ops.length}: ${name}`);
    const { change } = await writeOne(client, op, session).catch((cause: unknown) => {
      progress.end();
      world.err.write(
        `${done.length} of ${ops.length} written; ${name} was refused. Run it again: it goes on from there.\n`,
      );
      throw cause;
    });
    progress.keep(`${name} ${paintErr("green", VERB[op.op])}`);
    done.push({ name, change: change as string });
  }
  progress.end();
  return done;
}

const VERB = { create: "created", change: "changed", delete: "deleted", keep: "kept" } as const;

function writeOne(client: Client, op: Op, { world }: Session): Promise<Written> {
  const idempotencyKey = world.newKey();
  switch (op.op) {
    case "keep":
      return Promise.resolve({});
    case "delete":
      return client.request("DELETE", pathOf(op.ref), { terms: { idempotencyKey, ifMatch: op.version } });
    case "create": {
      const { place, ref } = op.declared;
      const terms = { idempotencyKey, ifNoneMatch: "*" as const };
      return named(
        client.request<Written>("PUT", pathOf(ref), { body: op.body, terms }),
        (field) => `${place(field)} ${field}`,
      );
    }
    case "change": {
      const { place, ref } = op.declared;
      const terms = { idempotencyKey, ifMatch: op.version };
      return named(
        client.request<Written>("PUT", pathOf(ref), { body: op.body, terms }),
        (field) => `${place(field)} ${field}`,
      );
    }
  }
}

/** As `-o json` shows an op. */
function forProgram(op: Op): object {
  if (op.op === "delete") return { op: op.op, resource: nameOf(op.ref) };
  const resource = nameOf(op.declared.ref);
  if (op.op === "keep") return { op: op.op, resource };
  return op.op === "change" ? { op: op.op, resource, changes: op.changes } : { op: op.op, resource, fields: op.body };
}
