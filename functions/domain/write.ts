// What a decision wants written, as data: one list = one transaction. The store knows how to write each kind and which
// condition guards it; it knows no rule of the domain.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Prefix } from "../../shared/address/prefix.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { Tenant } from "../../shared/model/resource.ts";
import type { AuditedChange, AuditedRefusal } from "./audit.ts";
import type { ChangeAction, ChangeRecord } from "./change.ts";
import type { Refusal } from "./refusal.ts";
import type { ResourceKind, ResourceOf, ResourceRef } from "./resource.ts";
import type { RouterBook } from "./router-book.ts";

/** Something that only one resource may have: a VNI or VTEP at all, a MAC or IP address in a network, a ToR's address. */
export type Guard =
  | { kind: "vni"; vni: Vni }
  | { kind: "vtep"; vtep: IpAddress }
  | { kind: "mac"; network: string; mac: Mac }
  | { kind: "ip"; network: string; ip: IpAddress }
  | { kind: "peer-address"; site: string; ip: IpAddress };

/** Whom a gateway's address belongs to: no endpoint's id begins so. */
export const GATEWAY_OWNER = "#gateway";

/** An entry that lists a child under a parent other than the one it is stored under. */
export type Index =
  | { kind: "tenant-network"; tenant: string; network: string }
  | { kind: "tenant-router"; tenant: string; router: string }
  | { kind: "site-host"; site: string; host: string }
  | { kind: "site-fabric-peer"; site: string; peer: string }
  | { kind: "host-endpoint"; host: string; network: string; endpoint: string }
  /** Which rollouts go on by themselves. */
  | { kind: "rollout-under-way"; rollout: string };

/** What must still be held under the reference; `fence` is the token of a fence that must still be ours. */
export type Expected = { state: "absent" } | { state: "deleted" | "live"; version: number; fence?: string };

/** A network's subnets as they were read: an address was found to be inside them. */
export type SubnetsRead = { subnets: readonly Prefix[]; narrowing?: readonly Prefix[] };

/** Who uses a port of a host: so many endpoints of one network, never of two. */
export type PortUse = { network: string; endpoints: number };

/** What quotas count. */
export type RoomOf = "networks" | "routers" | "endpoints";

/** A write that was carried out under an Idempotency-Key, as its repetition is to be answered. */
export type Memo = {
  /** Whose key it is, and which part of a request of many parts. */
  actor: string;
  key: string;
  part?: string;
  /** Of method, path and body. */
  fingerprint: string;
  effect: Effect;
  resource: unknown;
  /** When it is forgotten, epoch seconds. */
  ttl: number;
};

export type Write =
  /** The new version of a resource; `deleted` makes it a tombstone. */
  | { write: "resource"; ref: ResourceRef; expected: Expected; resource: ResourceOf[ResourceKind]; deleted: boolean }
  /** The parent is there, no fence is around it and, if it is a tenant's, it is the same tenant's as when it was read. */
  | { write: "require"; ref: ResourceRef; tenant?: string; subnets?: SubnetsRead }
  /** `allocated`: any other would have done as well, so that one that is taken by now is no refusal. */
  | { write: "claim"; guard: Guard; owner: string; allocated?: boolean }
  | { write: "release"; guard: Guard; owner: string }
  | { write: "link" | "unlink"; index: Index }
  /** So many more endpoints of the network use the port, if none of another network does. */
  | { write: "take-port"; host: string; port: string; network: string; endpoints: number }
  /** One endpoint less than what was read. */
  | { write: "leave-port"; host: string; port: string; expected: PortUse }
  /** On the revision that was read, 0 for none; absent: the book goes with its router. */
  | { write: "book"; router: string; expected: number; book?: RouterBook }
  /** `open` says how much there is. `take` asks that so much is left; `shift` asks nothing, and negatives give back. */
  | { write: "room"; tenant: string; mode: "open" | "take" | "shift"; rooms: Partial<Record<RoomOf, number>> }
  | { write: "close-room"; tenant: string }
  | { write: "record"; change: ChangeRecord; audit: AuditedChange }
  /** The entry that lists a change under its resource. */
  | { write: "trail"; ref: ResourceRef; change: string; at: string }
  | { write: "refused"; audit: AuditedRefusal }
  /** `replaces`: the end of the one before, which ran out and is still there. */
  | { write: "memo"; memo: Memo; replaces?: number };

/** A fence to put around a resource before the facts are read once more. */
export type Fence = {
  ref: ResourceRef;
  version: number;
  why: { kind: "deleting" } | { kind: "narrowing"; subnets: readonly Prefix[] };
};

/** What became of a resource; `none`: it was so already. */
export type Effect = ChangeAction | "none";

/** What to do: nothing is decided by whoever carries it out. */
export type Plan<T> = {
  kind: "plan";
  effect: Effect;
  /** The resource after it. */
  resource: T;
  /** Empty if nothing changes. */
  writes: Write[];
  /** Present if the writes are safe only behind it: put it up, read the facts again, decide again. */
  fence?: Fence;
};

export type Refused = { kind: "refused"; refusals: readonly [Refusal, ...Refusal[]] };
export type Decision<T> = Plan<T> | Refused;

/**
 * The circumstances of a decision: the time (ISO 8601), the id of the change, who asks, whose the resource is as far as it
 * does not say so itself, and the token of a fence.
 */
export type Context = { at: string; change: string; actor: string; tenant?: string; fence?: string };

export function refuse(first: Refusal, ...more: Refusal[]): Refused {
  return { kind: "refused", refusals: [first, ...more] };
}

/** The refusal of these, undefined if there are none. */
export function refuseAny(refusals: readonly (Refusal | undefined)[]): Refused | undefined {
  const [first, ...more] = refusals.filter((refusal) => refusal !== undefined);
  return first && refuse(first, ...more);
}

/** The fields that `stamp` writes. */
export type Stamped = Pick<Tenant, "version" | "createdAt" | "updatedAt" | "change">;
