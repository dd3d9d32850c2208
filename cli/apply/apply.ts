// `apply -f`: reads files, looks at what is there, shows the difference, asks, and writes it in order. A write is refused
// if the resource is no longer as it was when the difference was shown.

import type { Client } from "../api.ts";
import type { Call, Command, Option, Options } from "../command.ts";
import { confirm } from "../confirm.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { usage } from "../failure.ts";
import { formatValue } from "../output/print.ts";
import { ApiError } from "../../functions/api/client.ts";
import { awaitReceipt, exitOfWait, waitOf } from "../receipt.ts";
import { kind as kindRow, KINDS, type Resource } from "../resource/kind.ts";
import { listAll } from "../resource/read.ts";
import { nameOf, pathOf } from "../resource/ref.ts";
import { named, type Session } from "../session.ts";
import { WAIT_OPTIONS, type Written } from "../write.ts";
import { type Actual, diff, type Op, SET_LABEL } from "./diff.ts";
import { type Declared, readDeclaration } from "./document.ts";
import { countText, diffText } from "./show.ts";

/** How many resources are read at the same time. */
const PARALLEL = 8;

/** What says which files, and of which set. */
export const applyOptions: readonly Option[] = [
  {
    name: "filename",
    short: "f",
    value: "FILE",
    many: true,
    help: "YAML or JSON, several documents; - is the standard input",
  },
  { name: "set", value: "NAME", many: true, help: "the name of the set of files; or a document of kind set says it" },
  { name: "prune", help: "delete what carries the set's label and is not declared any more" },
];

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

/** Reads the files and what is there, and gives what is to be done. */
export async function readOps(client: Client, options: Options, session: Session): Promise<Op[]> {
  const { world } = session;
  const paths = options.all("filename");
  if (paths.length === 0) throw usage("apply needs -f FILE", "overspan apply --help shows what is in one");
  const files = await Promise.all(paths.map(async (path) => ({ path, text: await world.readFile(path) })));
  const declaration = readDeclaration(files);
  const set = options.text("set") ?? declaration.set;
  if (options.has("prune") && set === undefined) {
    throw usage("--prune needs to know the set", "say --set NAME, or add a document: {kind: set, id: NAME}");
  }
  const actual = await readActual(client, declaration.resources, session);
  const labelled = options.has("prune") ? await readLabelled(client, set as string, session) : [];
  session.progress.end();
  return diff(declaration.resources, actual, { set, labelled });
}

/** What is there of the declared, by name. */
async function readActual(
  client: Client,
  declared: readonly Declared[],
  { progress }: Session,
): Promise<Map<string, Resource>> {
  const actual = new Map<string, Resource>();
  let read = 0;
  await inParallel(declared, async ({ ref }) => {
    const resource = await client.request<Resource>("GET", pathOf(ref)).catch((cause: unknown) => {
      if (cause instanceof ApiError && cause.problem.status === 404) return undefined;
      throw cause;
    });
    if (resource) actual.set(nameOf(ref), resource);
    progress.show(`read ${++read} of ${declared.length}`);
  });
  return actual;
}

/** Everything that carries the set's label, in every network and router too. */
async function readLabelled(client: Client, set: string, { progress }: Session): Promise<Actual[]> {
  const found: Actual[] = [];
  const query = { label: `${SET_LABEL}=${set}` };
  for (const kind of KINDS.filter(({ path }) => path)) {
    progress.show(`looking for ${kind.plural} of ${set}`);
    const parents = kind.parent
      ? (await listAll(client, kindRow(kind.parent), undefined)).map(({ id }) => id as string)
      : [undefined];
    await inParallel(parents, async (parent) => {
      for (const resource of await listAll(client, kind, parent, { query })) {
        const ref = { kind, id: resource["id"] as string, ...(parent === undefined ? {} : { parent }) };
        found.push({ ref, resource });
      }
    });
  }
  return found;
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await act(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
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
