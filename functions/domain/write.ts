// What a decision wants written, as data: one list = one transaction. The store knows how to write each kind and which
// condition guards it; it knows no rule of the domain.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Tenant } from "../../shared/model/resource.ts";
import type { ChangeRecord } from "./change.ts";
import type { Refusal } from "./refusal.ts";
import type { ResourceKind, ResourceOf, ResourceRef } from "./resource.ts";

/** Something that only one resource may have: a VNI or VTEP at all, a MAC or IP address in a network. */
export type Guard =
  | { kind: "vni"; vni: Vni }
  | { kind: "vtep"; vtep: IpAddress }
  | { kind: "mac"; network: string; mac: Mac }
  | { kind: "ip"; network: string; ip: IpAddress };

/** An entry that lists a child under a parent other than the one it is stored under. */
export type Index =
  | { kind: "tenant-network"; tenant: string; network: string }
  | { kind: "site-host"; site: string; host: string }
  | { kind: "host-endpoint"; host: string; network: string; endpoint: string };

/** What must still be held under the reference; `fence` is the token of a fence that must still be ours. */
export type Expected = { state: "absent" } | { state: "deleted" | "live"; version: number; fence?: string };

/** A network's subnets as they were read: an address was found to be inside them. */
export type SubnetsRead = { subnets: readonly Prefix[]; narrowing?: readonly Prefix[] };

export type Write =
  /** The new version of a resource; `deleted` makes it a tombstone. */
  | { write: "resource"; ref: ResourceRef; expected: Expected; resource: ResourceOf[ResourceKind]; deleted: boolean }
  /** The parent is there and no fence is around it. */
  | { write: "require"; ref: ResourceRef; subnets?: SubnetsRead }
  | { write: "claim" | "release"; guard: Guard; owner: string }
  | { write: "link" | "unlink"; index: Index }
  | { write: "record"; change: ChangeRecord };

/** A fence to put around a resource before the facts are read once more. */
export type Fence = {
  ref: ResourceRef;
  version: number;
  why: { kind: "deleting" } | { kind: "narrowing"; subnets: readonly Prefix[] };
};

/** What to do: nothing is decided by whoever carries it out. */
export type Plan<T> = {
  kind: "plan";
  /** The resource after it. */
  resource: T;
  /** Empty if nothing changes. */
  writes: Write[];
  /** Present if the writes are safe only behind it: put it up, read the facts again, decide again. */
  fence?: Fence;
};

export type Refused = { kind: "refused"; refusals: readonly [Refusal, ...Refusal[]] };
export type Decision<T> = Plan<T> | Refused;

/** The circumstances of a decision: the time (ISO 8601), the id of the change, and the token of the fence that is up. */
export type Context = { at: string; change: string; fence?: string };

export function refuse(first: Refusal, ...more: Refusal[]): Refused {
  return { kind: "refused", refusals: [first, ...more] };
}

/** The fields that `stamp` writes. */
export type Stamped = Pick<Tenant, "version" | "createdAt" | "updatedAt" | "change">;
