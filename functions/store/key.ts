// Where each item is in the table: the one place that knows the keys.
//
//   item                             pk                          sk
//   tenant, site, host, network,     TENANTS SITES HOSTS NETWORKS  <id>
//   router, fabric peer, VNI pool,   ROUTERS FABRIC-PEERS VNI-POOLS
//   rollout                          ROLLOUTS
//   endpoint                         NET#<network>               EP#<id>
//   prefix                           RTR#<router>                PFX#<id>
//   guard                            VNIS                        VNI#<8 digits>
//                                    VTEP#<ip>, PEER#<site>#<ip>  GUARD
//                                    NET#<network>               MAC#<mac>, IP4#<8 hex>, IP6#<32 hex>
//   index                            TENANT#<t>                  NET#<network>, RTR#<router>
//                                    SITE#<s>                    HOST#<host>, PEER#<peer>
//                                    HOST#<h>                    EP#<network>#<endpoint>
//                                    ROLLOUTS-UNDER-WAY          <rollout>
//   a port's use                     HOST#<h>                    PORT#<port>
//   a router's book                  RTR#<router>                BOOK
//   room that quotas leave           TENANT#<t>                  ROOM
//   change, refusal                  CHANGES#<day>#<shard>       <id>
//   trail of a resource's changes    TRAIL#<kind>/<id>           <change>
//   memo of an idempotency key       MEMO#<actor>#<key>          MEMO, PART#<part>
//
// VNIs and IP addresses sort by number, so that the next free one is found by one range. Changes sort by time; those of
// a day are in several partitions, since one takes a thousand writes a second.

import { type IpAddress, ipToOctets } from "../../shared/address/ip.ts";
import { changeTime } from "../domain/ids.ts";
import { type ResourceKind, type ResourceRef, refText, type TopKind } from "../domain/resource.ts";
import type { Guard, Index, Write } from "../domain/write.ts";
import type { ListOf } from "./store.ts";

export type Key = { pk: string; sk: string };

const COLLECTION: Record<TopKind, string> = {
  tenant: "TENANTS",
  site: "SITES",
  host: "HOSTS",
  "fabric-peer": "FABRIC-PEERS",
  "vni-pool": "VNI-POOLS",
  network: "NETWORKS",
  router: "ROUTERS",
  rollout: "ROLLOUTS",
};

/** A partition of its own, so that who drives them reads those alone. */
const UNDER_WAY = "ROLLOUTS-UNDER-WAY";

export function resourceKey(ref: ResourceRef): Key {
  if (ref.kind === "endpoint") return { pk: `NET#${ref.network}`, sk: `EP#${ref.id}` };
  if (ref.kind === "prefix") return { pk: `RTR#${ref.router}`, sk: `PFX#${ref.id}` };
  return { pk: COLLECTION[ref.kind], sk: ref.id };
}

export function guardKey(guard: Guard): Key {
  switch (guard.kind) {
    case "vni":
      return { pk: "VNIS", sk: vniSk(guard.vni) };
    case "vtep":
      return { pk: `VTEP#${guard.vtep}`, sk: "GUARD" };
    case "peer-address":
      return { pk: `PEER#${guard.site}#${guard.ip}`, sk: "GUARD" };
    case "mac":
      return { pk: `NET#${guard.network}`, sk: `MAC#${guard.mac}` };
    case "ip":
      return { pk: `NET#${guard.network}`, sk: ipSk(guard.ip) };
  }
}

export function indexKey(index: Index): Key {
  switch (index.kind) {
    case "tenant-network":
      return { pk: `TENANT#${index.tenant}`, sk: `NET#${index.network}` };
    case "tenant-router":
      return { pk: `TENANT#${index.tenant}`, sk: `RTR#${index.router}` };
    case "site-host":
      return { pk: `SITE#${index.site}`, sk: `HOST#${index.host}` };
    case "site-fabric-peer":
      return { pk: `SITE#${index.site}`, sk: `PEER#${index.peer}` };
    case "host-endpoint":
      return { pk: `HOST#${index.host}`, sk: `EP#${index.network}#${index.endpoint}` };
    case "rollout-under-way":
      return { pk: UNDER_WAY, sk: index.rollout };
  }
}

/** How many partitions the changes of a day are in. */
export const CHANGE_SHARDS = 4;

/** The id says when the change was, and so the day. */
export function changeKey(id: string): Key {
  return { pk: changesPk(changeTime(id), (id.codePointAt(id.length - 1) ?? 0) % CHANGE_SHARDS), sk: id };
}

/** A partition of the changes of the day at that time. */
export function changesPk(atMs: number, shard: number): string {
  return `CHANGES#${new Date(atMs).toISOString().slice(0, 10)}#${shard}`;
}

/** `resource` as `refText` gives it. */
export function trailPk(resource: string): string {
  return `TRAIL#${resource}`;
}

export function portKey(host: string, port: string): Key {
  return { pk: `HOST#${host}`, sk: `PORT#${port}` };
}

export function bookKey(router: string): Key {
  return { pk: `RTR#${router}`, sk: "BOOK" };
}

export function roomKey(tenant: string): Key {
  return { pk: `TENANT#${tenant}`, sk: "ROOM" };
}

export function memoKey({ actor, key, part }: { actor: string; key: string; part?: string }): Key {
  // Both may have a # in them: without one in the actor, no two callers' keys are one.
  return {
    pk: `MEMO#${actor.replaceAll("%", "%25").replaceAll("#", "%23")}#${key}`,
    sk: part === undefined ? "MEMO" : `PART#${part}`,
  };
}

/** The item that a write puts, checks or deletes. */
export function writeKey(write: Write): Key {
  switch (write.write) {
    case "resource":
    case "require":
      return resourceKey(write.ref);
    case "claim":
    case "release":
      return guardKey(write.guard);
    case "link":
    case "unlink":
      return indexKey(write.index);
    case "take-port":
    case "leave-port":
      return portKey(write.host, write.port);
    case "book":
      return bookKey(write.router);
    case "room":
    case "close-room":
      return roomKey(write.tenant);
    case "record":
      return changeKey(write.change.id);
    case "trail":
      return { pk: trailPk(refText(write.ref)), sk: write.change };
    case "refused":
      return changeKey(write.audit.id);
    case "memo":
      return memoKey(write.memo);
  }
}

/** Numbers that guards are of, in order: VNIs, or the addresses of one family in a network. Both ends included. */
export type Span =
  | { guard: "vni"; from: number; to: number }
  | { guard: "ip"; network: string; from: IpAddress; to: IpAddress };

/** Where a span's guards are, and the number of each. */
export function spanRange(span: Span): { pk: string; from: string; to: string; first: bigint; last: bigint } {
  if (span.guard === "vni") {
    const { from, to } = span;
    return { pk: "VNIS", from: vniSk(from), to: vniSk(to), first: BigInt(from), last: BigInt(to) };
  }
  const { network, from, to } = span;
  return { pk: `NET#${network}`, from: ipSk(from), to: ipSk(to), first: ipNumber(from), last: ipNumber(to) };
}

/** The number in a guard's sk. */
export function guardNumber(sk: string): bigint {
  const text = sk.slice(4);
  return sk.startsWith("VNI#") ? BigInt(text) : BigInt(`0x${text}`);
}

function vniSk(vni: number): string {
  return `VNI#${String(vni).padStart(8, "0")}`;
}

function ipSk(ip: IpAddress): string {
  return `IP${ip.includes(":") ? 6 : 4}#${Buffer.from(ipToOctets(ip)).toString("hex")}`;
}

function ipNumber(ip: IpAddress): bigint {
  return BigInt(`0x${Buffer.from(ipToOctets(ip)).toString("hex")}`);
}

/** The items of a list: under `pk`, those whose sk starts with `prefix`; the resources themselves or index items. */
export type Range = { pk: string; prefix: string; holds: "resources" | "index" };

export function listRange(list: ListOf<ResourceKind>): Range {
  switch (list.kind) {
    case "tenant":
    case "site":
    case "vni-pool":
      return { pk: COLLECTION[list.kind], prefix: "", holds: "resources" };
    case "host":
    case "fabric-peer": {
      if (list.site === undefined) return { pk: COLLECTION[list.kind], prefix: "", holds: "resources" };
      return { pk: `SITE#${list.site}`, prefix: list.kind === "host" ? "HOST#" : "PEER#", holds: "index" };
    }
    case "network":
    case "router": {
      if (list.tenant === undefined) return { pk: COLLECTION[list.kind], prefix: "", holds: "resources" };
      return { pk: `TENANT#${list.tenant}`, prefix: list.kind === "network" ? "NET#" : "RTR#", holds: "index" };
    }
    case "rollout":
      return list.underWay
        ? { pk: UNDER_WAY, prefix: "", holds: "index" }
        : { pk: COLLECTION[list.kind], prefix: "", holds: "resources" };
    case "prefix":
      return { pk: `RTR#${list.router}`, prefix: "PFX#", holds: "resources" };
    case "endpoint":
      if (list.host === undefined) return { pk: `NET#${list.network}`, prefix: "EP#", holds: "resources" };
      return {
        pk: `HOST#${list.host}`,
        prefix: list.network === undefined ? "EP#" : `EP#${list.network}#`,
        holds: "index",
      };
  }
}

/** The key of the resource that an index item lists. */
export function listedKey(list: ListOf<ResourceKind>, sk: string): Key {
  if (list.kind === "rollout") return resourceKey({ kind: list.kind, id: sk });
  const [, first = "", second = ""] = sk.split("#");
  if (list.kind === "endpoint") return resourceKey({ kind: "endpoint", network: first, id: second });
  if (list.kind === "prefix") throw new Error("prefixes have no index");
  return resourceKey({ kind: list.kind, id: first });
}
