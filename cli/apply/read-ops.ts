// What files declare against what is there: the one way of reading it for `apply`, `plan -f` and `rollout create`.

import type { Client } from "../api.ts";
import type { Option, Options } from "../command.ts";
import { usage } from "../failure.ts";
import { inParallel } from "../parallel.ts";
import { kind as kindRow, KINDS, type Resource } from "../resource/kind.ts";
import { listAll } from "../resource/read.ts";
import { nameOf, pathOf } from "../resource/ref.ts";
import { type Session, unlessAbsent } from "../session.ts";
import { type Actual, diff, type Op, SET_LABEL } from "./diff.ts";
import { type Declared, readDeclaration } from "./document.ts";

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

/** Reads the files and what is there, and gives what is to be done. */
export async function readOps(client: Client, options: Options, session: Session): Promise<Op[]> {
  const { world } = session;
  const paths = options.all("filename");
  if (paths.length === 0) throw usage("which files? say -f FILE", "overspan apply --help shows what is in one");
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
  await inParallel(declared, PARALLEL, async ({ ref }) => {
    const resource = await unlessAbsent(client.request<Resource>("GET", pathOf(ref)));
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
    await inParallel(parents, PARALLEL, async (parent) => {
      for (const resource of await listAll(client, kind, parent, { query })) {
        const ref = { kind, id: resource["id"] as string, ...(parent === undefined ? {} : { parent }) };
        found.push({ ref, resource });
      }
    });
  }
  return found;
}
