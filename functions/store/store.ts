// The store as the API needs it: facts read consistently, and lists of writes committed whole or not at all.
// dynamodb.ts implements it. No rule of the domain is here.

import type { AuditedChange, AuditedRefusal } from "../domain/audit.ts";
import type { ChangeRecord } from "../domain/change.ts";
import type { Held, ResourceKind, ResourceOf, ResourceRef } from "../domain/resource.ts";
import type { RouterBook } from "../domain/router-book.ts";
import type { Fence, Guard, Memo, PortUse, RoomOf, Write } from "../domain/write.ts";
import type { Span } from "./key.ts";

/** A write whose condition did not hold; `owner` is whom a guard belongs to. Nothing was written. */
export type Failed = { write: Write; owner?: string };

export type Committed = { kind: "committed" } | { kind: "failed"; failed: readonly [Failed, ...Failed[]] };

/** Live resources in the order of their ids; those of a parent or, for endpoints, of a network, a host or both. */
export type ListOf<K extends ResourceKind> = K extends "host" | "fabric-peer"
  ? { kind: K; site?: string }
  : K extends "network" | "router"
    ? { kind: K; tenant?: string }
    : K extends "prefix"
      ? { kind: K; router: string }
      : K extends "endpoint"
        ? { kind: K; network: string; host?: string } | { kind: K; network?: undefined; host: string }
        : K extends "rollout"
          ? { kind: K; underWay?: true }
          : { kind: K };

/** `position` is opaque: what a page's `next` gave, for the same list. */
export type PageRequest = { limit: number; position?: string };
/** `next` may be there with less than `limit` items, even none: there is more to look at. */
export type Page<T> = { items: T[]; next?: string };

/** How many resources a page looks at for those that `keep` wants; a filter that nothing passes must end too. */
export const MAX_EXAMINED = 2000;

/** An entry of the audit with its change's id and time. */
export type AuditEntry = ({ id: string; at: string; version?: number } & AuditedChange) | AuditedRefusal;

/** Ids of changes: at or after `from`, before `to`. `resource` as `refText` gives it. */
export type AuditQuery = { resource?: string; actor?: string; tenant?: string; from: string; to: string };

export type Store = {
  /** What is held under the reference, tombstones included. */
  get<K extends ResourceKind>(ref: ResourceRef & { kind: K }): Promise<Held<ResourceOf[K]>>;
  /** The same of many of one kind, in their order. */
  many<K extends ResourceKind>(refs: readonly (ResourceRef & { kind: K })[]): Promise<Held<ResourceOf[K]>[]>;
  /** A page of at most `limit` items that `keep` wants; `next` is present only if there is more to look at. */
  list<K extends ResourceKind>(
    list: ListOf<K>,
    page: PageRequest,
    keep?: (resource: ResourceOf[K]) => boolean,
  ): Promise<Page<ResourceOf[K]>>;
  change(id: string): Promise<ChangeRecord | undefined>;
  /** Whom a guard belongs to. */
  owner(guard: Guard): Promise<string | undefined>;
  /** The least numbers of a span that no guard is of, at most `want`. */
  free(span: Span, want: number): Promise<bigint[]>;
  /** How many guards are in a span. */
  used(span: Span): Promise<number>;
  /** Who uses the ports, in their order. */
  ports(places: readonly { host: string; port: string }[]): Promise<(PortUse | undefined)[]>;
  book(router: string): Promise<RouterBook | undefined>;
  /** What the tenant's quotas leave; negative if a quota was lowered under what is used. */
  room(tenant: string): Promise<Record<RoomOf, number> | undefined>;
  memo(id: { actor: string; key: string; part?: string }): Promise<Memo | undefined>;
  /** The newest first. A page looks at a bounded number of days. */
  audit(query: AuditQuery, page: PageRequest): Promise<Page<AuditEntry>>;
  /** All or nothing. */
  commit(writes: readonly Write[]): Promise<Committed>;
  /** Puts a fence up, in place of any other; false if the resource is no longer of that version. */
  fence(fence: Fence, token: string): Promise<boolean>;
  /** Takes the fence down if it is still the one with this token. */
  unfence(ref: ResourceRef, token: string): Promise<void>;
  /** The same store for somebody who only wants to see what would come of it: what is written there is read there alone. */
  rehearsal(): Rehearsal;
};

/** A store whose writes go nowhere, with what was committed to it, in order. */
export type Rehearsal = Store & { readonly committed: readonly Write[] };

/** The store gave up after retrying: conflicts with other transactions, or throttling. Nothing was written. */
export class StoreBusyError extends Error {
  override readonly name = "StoreBusyError";
}
