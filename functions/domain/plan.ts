// The parts that every plan is made of: the stamped new version of a resource with its change record, its tombstone, and
// the looks at a held resource that every decision begins with.

import { withoutSecrets } from "./audit.ts";
import type { ChangeAction, ChangeRecord } from "./change.ts";
import { placeOf } from "./change.ts";
import type { Refusal } from "./refusal.ts";
import type { Held, Live, ResourceKind, ResourceOf, ResourceRef } from "./resource.ts";
import { type Context, type Plan, type Refused, refuse, type Stamped, type Write } from "./write.ts";

/** A resource without what the store keeps of it. */
export type Content<K extends ResourceKind> = Omit<ResourceOf[K], keyof Stamped>;

/** The first version of a resource, or the next one if its id was used and deleted before. */
export function planCreate<K extends ResourceKind>(
  subject: { ref: ResourceRef & { kind: K }; held: Held<ResourceOf[K]>; content: Content<K> },
  writes: Write[],
  context: Context,
): Plan<ResourceOf[K]> {
  const { ref, held, content } = subject;
  if (held.state === "live") throw new Error(`create over a live ${ref.kind}`);
  const version = held.state === "absent" ? 1 : held.version + 1;
  const resource = stamp<K>(content, { version, createdAt: context.at, updatedAt: context.at, change: context.change });
  const expected = held.state === "absent" ? held : { state: held.state, version: held.version };
  return assemble(
    { ref, resource, action: "create", context },
    { write: "resource", ref, expected, resource, deleted: false },
    writes,
  );
}

/** The next version of a live resource. */
export function planChange<K extends ResourceKind>(
  subject: { ref: ResourceRef & { kind: K }; live: Live<ResourceOf[K]>; content: Content<K>; action?: ChangeAction },
  writes: Write[],
  context: Context,
): Plan<ResourceOf[K]> {
  const { ref, live, content, action = "change" } = subject;
  const resource = stampNext<K>(live, content, context);
  const expected = expectLive(live, context);
  return assemble(
    { ref, resource, before: live.resource, action, context },
    { write: "resource", ref, expected, resource, deleted: false },
    writes,
  );
}

/** The tombstone of a live resource. */
export function planDelete<K extends ResourceKind>(
  subject: { ref: ResourceRef & { kind: K }; live: Live<ResourceOf[K]> },
  writes: Write[],
  context: Context,
): Plan<ResourceOf[K]> {
  const { ref, live } = subject;
  const resource = stampNext<K>(live, live.resource, context);
  const expected = expectLive(live, context);
  const tombstone: Write = { write: "resource", ref, expected, resource, deleted: true };
  return assemble({ ref, resource, before: live.resource, action: "delete", context }, tombstone, writes);
}

/** The resource as it is: nothing to write. */
export function planNothing<T>(resource: T): Plan<T> {
  return { kind: "plan", effect: "none", resource, writes: [] };
}

/** The resource to change, or the refusal if it is not there or on its way out. */
export function requireLive<T>(ref: ResourceRef, held: Held<T>): Live<T> | Refused {
  if (held.state !== "live") return refuse({ kind: "not-found", ref });
  return held.deleting ? refuse({ kind: "being-deleted", ref }) : held;
}

/** What is wrong with a parent that `field` names; undefined if nothing is. */
export function parentRefusal<T>(field: string, ref: ResourceRef, held: Held<T>): Refusal | undefined {
  if (held.state !== "live") return { kind: "no-such", field, ref };
  return held.deleting ? { kind: "being-deleted", ref, field } : undefined;
}

/** Children that stand in the way of a deletion: the first few, and whether there are more. */
export type Children = { refs: ResourceRef[]; more: boolean };

/** Deletes a parent: refused while it has children, and planned behind a fence that keeps new ones out. */
export function planDeleteOfParent<K extends ResourceKind>(
  subject: { ref: ResourceRef & { kind: K }; held: Held<ResourceOf[K]>; children: Children },
  writesOf: (resource: ResourceOf[K]) => Write[],
  context: Context,
): Plan<ResourceOf[K]> | Refused {
  const { ref, held, children } = subject;
  if (held.state !== "live") return refuse({ kind: "not-found", ref });
  if (children.refs.length > 0) {
    return refuse({ kind: "not-empty", ref, blocking: children.refs, more: children.more });
  }
  const plan = planDelete({ ref, live: held }, writesOf(held.resource), context);
  return { ...plan, fence: { ref, version: held.resource.version, why: { kind: "deleting" } } };
}

function stampNext<K extends ResourceKind>(live: Live<ResourceOf[K]>, content: Content<K>, context: Context) {
  const { version, createdAt } = live.resource;
  return stamp<K>(content, { version: version + 1, createdAt, updatedAt: context.at, change: context.change });
}

function stamp<K extends ResourceKind>(content: Content<K>, stamped: Stamped): ResourceOf[K] {
  // The id first, also where it was given by the system and came last. TypeScript cannot see that
  // Omit<R, keyof Stamped> & Stamped is R again for a generic R.
  const { id, ...rest } = content;
  return { id, ...rest, ...stamped } as unknown as ResourceOf[K];
}

function expectLive(live: Live<Stamped>, context: Context) {
  const { version } = live.resource;
  return { state: live.state, version, ...(context.fence === undefined ? {} : { fence: context.fence }) };
}

function assemble<T extends Stamped>(
  done: { ref: ResourceRef; resource: T; before?: T; action: ChangeAction; context: Context },
  main: Write,
  writes: Write[],
): Plan<T> {
  const { ref, resource, before, action, context } = done;
  const { change: id, version, updatedAt: at } = resource;
  const tenant = ownerOf(ref, resource) ?? context.tenant;
  const whose = tenant === undefined ? {} : { tenant };
  const change: ChangeRecord = { id, resource: ref, ...whose, action, ...placeOf(ref), version, at };
  const audit = {
    outcome: "done" as const,
    actor: context.actor,
    action,
    resource: ref,
    ...whose,
    ...(before === undefined ? {} : { before: withoutSecrets(before) }),
    ...(action === "delete" ? {} : { after: withoutSecrets(resource) }),
  };
  const trail: Write = { write: "trail", ref, change: id, at };
  return {
    kind: "plan",
    effect: action,
    resource,
    writes: [main, ...writes, { write: "record", change, audit }, trail],
  };
}

/** The tenant that a resource says it is of. */
function ownerOf({ kind, id }: ResourceRef, resource: object): string | undefined {
  if (kind === "tenant") return id;
  return "tenant" in resource && typeof resource.tenant === "string" ? resource.tenant : undefined;
}
