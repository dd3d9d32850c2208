// A file of declared resources: several YAML documents (or JSON), each with its kind and id. Parsed once, with the place of
// every value kept, so that a fault is told with its line. Pure.

import { isMap, isScalar, LineCounter, type Node, parseAllDocuments } from "yaml";
import * as schemas from "../../shared/model/resource.ts";
import { usage } from "../failure.ts";
import { type Kind, kindOf, type KindName, type Resource } from "../resource/kind.ts";
import { nameOf, type Ref } from "../resource/ref.ts";

/** One document, parsed: `fields` is what a put of it says. */
export type Declared = {
  ref: Ref;
  fields: Resource;
  /** `shop.yaml:12:5` of a field, or of the document. */
  place: (field: string) => string;
};

/** `set` is the name of the set of files; its label is on everything that is applied with it. */
export type Declaration = { set: string | undefined; resources: readonly Declared[] };

type File = { path: string; text: string };

/** Reads all files as one declaration; throws a Failure that names every fault with its line. */
export function readDeclaration(files: readonly File[]): Declaration {
  const faults: string[] = [];
  const resources: Declared[] = [];
  const sets = new Set<string>();
  for (const document of files.flatMap((file) => documentsOf(file, faults))) {
    const kindWord = document.value["kind"];
    if (kindWord === "set") {
      const id = document.value["id"];
      if (isSlug(id)) sets.add(id);
      else faults.push(`${document.place("id")} a set needs an id of small letters, digits and hyphens`);
      continue;
    }
    const declared = declaredOf(document, faults);
    if (declared) resources.push(declared);
  }
  if (sets.size > 1) faults.push(`there is more than one set: ${[...sets].join(", ")}`);
  faults.push(...twice(resources));
  if (faults.length > 0)
    throw usage(faults.join("\n  "), "nothing was asked of the API: mend the file and run it again");
  return { set: [...sets][0], resources };
}

type Document = { value: Record<string, unknown>; place: (field: string) => string };

function documentsOf({ path, text }: File, faults: string[]): Document[] {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const found: Document[] = [];
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  if (!Array.isArray(documents)) return [];
  for (const document of documents) {
    for (const error of document.errors) faults.push(`${at(error.pos[0])} ${error.message.split("\n")[0]}`);
    if (document.errors.length > 0 || document.contents === null) continue;
    const start = document.contents.range?.[0] ?? document.range[0];
    let value: unknown;
    try {
      // Aliases may not multiply: a small file stays a small value.
      value = document.toJS({ maxAliasCount: 100 });
    } catch (cause) {
      faults.push(`${at(start)} ${(cause as Error).message}`);
      continue;
    }
    if (!isMap(document.contents) || !isObject(value)) {
      faults.push(`${at(start)} a document must be a map with kind, id and fields`);
      continue;
    }
    const contents = document.contents;
    found.push({ value, place: (field) => at(offsetOf(contents, field) ?? start) });
  }
  return found;
}

/** Where the deepest part of a path is that the document has. */
function offsetOf(contents: Node, field: string): number | undefined {
  let node: unknown = contents;
  let offset: number | undefined;
  for (const name of field === "" ? [] : field.split(".")) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === name);
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else {
      const items = (node as { items?: unknown[] } | null)?.items;
      const item = items?.[Number(name)];
      if (item === undefined) break;
      node = item;
      offset = (item as Node).range?.[0] ?? offset;
    }
  }
  return offset;
}

function declaredOf({ value, place }: Document, faults: string[]): Declared | undefined {
  const { kind: word, id, ...rest } = value;
  const kind = typeof word === "string" ? kindOf(word) : undefined;
  const schema = kind && SCHEMAS[kind.name];
  if (!kind || !schema) {
    const known = Object.keys(SCHEMAS).join(", ");
    faults.push(
      `${place("kind")} kind must be one of ${known}, or set${word === undefined ? "" : `, not ${JSON.stringify(word)}`}`,
    );
    return undefined;
  }
  if (!isSlug(id)) {
    faults.push(`${place("id")} id must be 1 to 48 small letters, digits and inner hyphens`);
    return undefined;
  }
  const parent = parentOf(kind, rest, place, faults);
  if (parent === null) return undefined;
  const fields = kind.parent ? without(rest, kind.parent) : rest;
  const parsed = schema.safeParse(fields);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) faults.push(faultOf(issue, place));
    return undefined;
  }
  const ref = { kind, id, ...(parent === undefined ? {} : { parent }) };
  return { ref, fields: parsed.data as Resource, place };
}

/** Null: it is missing, which is told. */
function parentOf(
  { parent }: Kind,
  rest: Record<string, unknown>,
  place: Document["place"],
  faults: string[],
): string | undefined | null {
  if (!parent) return undefined;
  const named = rest[parent];
  if (isSlug(named)) return named;
  faults.push(`${place(parent)} ${parent} must name the ${parent} that it is in`);
  return null;
}

type Issue = { path: PropertyKey[]; message: string; code: string; keys?: string[] };

function faultOf(issue: Issue, place: Document["place"]): string {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const field = [...issue.path.map(String), issue.keys?.[0] ?? ""].join(".");
    return `${place(field)} ${field} is not a known field`;
  }
  return `${place(path)} ${path} ${issue.message}`;
}

type Schema = {
  safeParse: (value: unknown) => { success: true; data: unknown } | { success: false; error: { issues: Issue[] } };
};

const SCHEMAS: Partial<Record<KindName, Schema>> = {
  tenant: schemas.NewTenant,
  site: schemas.NewSite,
  "fabric-peer": schemas.NewFabricPeer,
  "vni-pool": schemas.NewVniPool,
  host: schemas.NewHost,
  router: schemas.NewRouter,
  network: schemas.NewNetwork,
  prefix: schemas.NewPrefix,
  endpoint: schemas.NewEndpoint,
};

function twice(resources: readonly Declared[]): string[] {
  const seen = new Map<string, Declared>();
  return resources.flatMap((declared) => {
    const name = nameOf(declared.ref);
    const first = seen.get(name);
    seen.set(name, declared);
    return first ? [`${declared.place("id")} ${name} is declared already at ${first.place("id")}`] : [];
  });
}

function without(value: Record<string, unknown>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));
}

function isSlug(value: unknown): value is string {
  return typeof value === "string" && /^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$/.test(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
