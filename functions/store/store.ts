// The store as the API needs it: facts read consistently, and lists of writes committed whole or not at all.
// dynamodb.ts implements it. No rule of the domain is here.

import type { ChangeRecord } from "../domain/change.ts";
import type { Held, ResourceKind, ResourceOf, ResourceRef } from "../domain/resource.ts";
import type { Fence, Write } from "../domain/write.ts";

/** A write whose condition did not hold; `owner` is whom a guard belongs to. Nothing was written. */
export type Failed = { write: Write; owner?: string };

export type Committed = { kind: "committed" } | { kind: "failed"; failed: readonly [Failed, ...Failed[]] };

/** Live resources in the order of their ids; those of a parent or, for endpoints, of a network, a host or both. */
export type ListOf<K extends ResourceKind> = K extends "host"
  ? { kind: "host"; site?: string }
  : K extends "network"
    ? { kind: "network"; tenant?: string }
    : K extends "endpoint"
      ? { kind: "endpoint"; network: string; host?: string } | { kind: "endpoint"; network?: undefined; host: string }
      : { kind: K };

/** `position` is opaque: what a page's `next` gave, for the same list. */
export type PageRequest = { limit: number; position?: string };
export type Page<T> = { items: T[]; next?: string };

export type Store = {
  /** What is held under the reference, tombstones included. */
  get<K extends ResourceKind>(ref: ResourceRef & { kind: K }): Promise<Held<ResourceOf[K]>>;
  /** A page of at most `limit` items; `next` is present only if there are more. */
  list<K extends ResourceKind>(list: ListOf<K>, page: PageRequest): Promise<Page<ResourceOf[K]>>;
  change(id: string): Promise<ChangeRecord | undefined>;
  /** All or nothing. */
  commit(writes: readonly Write[]): Promise<Committed>;
  /** Puts a fence up, in place of any other; false if the resource is no longer of that version. */
  fence(fence: Fence, token: string): Promise<boolean>;
  /** Takes the fence down if it is still the one with this token. */
  unfence(ref: ResourceRef, token: string): Promise<void>;
};

/** The store gave up after retrying: conflicts with other transactions, or throttling. Nothing was written. */
export class StoreBusyError extends Error {
  override readonly name = "StoreBusyError";
}
