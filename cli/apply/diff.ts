// What has to be done so that the API has what is declared: diff(declared, actual) -> ops, ordered so that what is referred
// to is there before what refers to it, and deletions go the other way round. Pure.

import { canonicalJson } from "../../shared/message/digest.ts";
import { KINDS, type Resource } from "../resource/kind.ts";
import { nameOf, type Ref } from "../resource/ref.ts";
import type { Declared } from "./document.ts";

/** On everything that a set's files made: what `--prune` may touch. */
export const SET_LABEL = "overspan/set";

export type FieldChange = { field: string; before: unknown; after: unknown };

export type Op =
  | { op: "create"; declared: Declared; body: Resource }
  /** `version`: as it was when it was looked at; if it is not any more, nothing is written. */
  | { op: "change"; declared: Declared; body: Resource; version: number; changes: FieldChange[] }
  | { op: "keep"; declared: Declared }
  | { op: "delete"; ref: Ref; version: number };

export type Actual = { ref: Ref; resource: Resource };

/**
 * `actual` has what is there of the declared; `labelled` what carries the set's label, of which the undeclared is deleted.
 * Without a set nothing is labelled.
 */
export function diff(
  declared: readonly Declared[],
  actual: ReadonlyMap<string, Resource>,
  { set, labelled = [] }: { set: string | undefined; labelled?: readonly Actual[] },
): Op[] {
  const ordered = [...declared].sort((a, b) => rank(a.ref) - rank(b.ref));
  const writes = ordered.map((one): Op => {
    const body = withLabel(one.fields, set);
    const there = actual.get(nameOf(one.ref));
    if (!there) return { op: "create", declared: one, body };
    const wanted = settled(body, there);
    const changes = fieldChanges(there, wanted);
    if (changes.length === 0) return { op: "keep", declared: one };
    return { op: "change", declared: one, body: wanted, version: there["version"] as number, changes };
  });
  const names = new Set(declared.map(({ ref }) => nameOf(ref)));
  const deletes = labelled
    .filter(({ ref }) => !names.has(nameOf(ref)))
    .sort((a, b) => rank(b.ref) - rank(a.ref) || nameOf(a.ref).localeCompare(nameOf(b.ref)))
    .map(({ ref, resource }): Op => ({ op: "delete", ref, version: resource["version"] as number }));
  return [...writes, ...deletes];
}

/** Parents, and what fields refer to, before the rest: the order of the kinds. */
function rank({ kind }: Ref): number {
  return KINDS.indexOf(kind);
}

function withLabel(fields: Resource, set: string | undefined): Resource {
  if (set === undefined) return fields;
  return { ...fields, labels: { ...(fields["labels"] as object | undefined), [SET_LABEL]: set } };
}

/** What the API keeps when a put leaves it open: what was given out, and what is fixed for life. */
function settled(wanted: Resource, there: Resource): Resource {
  const { vniPool, allocate, ...rest } = wanted as { vniPool?: unknown; allocate?: Record<string, unknown> };
  const result: Record<string, unknown> = { ...rest };
  if (result["vni"] === undefined && there["vni"] !== undefined) result["vni"] = there["vni"];
  if (vniPool !== undefined && there["vni"] === undefined) result["vniPool"] = vniPool;
  if (allocate) {
    const held = there["ips"] as readonly string[];
    const given = (result["ips"] as readonly string[] | undefined) ?? [];
    const open = Object.entries(allocate).filter(([family]) => !given.some((ip) => familyOf(ip) === family));
    const kept = open.flatMap(([family]) => held.filter((ip) => familyOf(ip) === family));
    const missing = open.filter(([family]) => !held.some((ip) => familyOf(ip) === family));
    result["ips"] = [...given, ...kept];
    if (missing.length > 0) result["allocate"] = Object.fromEntries(missing);
  }
  return result;
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return ip.includes(":") ? "ipv6" : "ipv4";
}

/** Members that only the API writes. */
const OWN = new Set([
  "id",
  "version",
  "createdAt",
  "updatedAt",
  "change",
  "mobility",
  "next",
  "usage",
  "size",
  "used",
  "status",
]);

/** The members that differ; of objects, member by member. */
function fieldChanges(there: Resource, wanted: Resource): FieldChange[] {
  const names = new Set([...Object.keys(there), ...Object.keys(wanted)]);
  // A child names its parent, which the path says.
  const parents = new Set(
    wanted["mac"] !== undefined ? ["network"] : wanted["nextHop"] !== undefined ? ["router"] : [],
  );
  return [...names]
    .filter((name) => !OWN.has(name) && !parents.has(name))
    .sort()
    .flatMap((name) => memberChanges(name, there[name], wanted[name]));
}

function memberChanges(field: string, before: unknown, after: unknown): FieldChange[] {
  if (same(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => memberChanges(`${field}.${name}`, before[name], after[name]));
  }
  return [{ field, before, after }];
}

function same(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
