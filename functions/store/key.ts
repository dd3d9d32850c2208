// Where each item is in the table: the one place that knows the keys.
//
//   item                             pk                          sk
//   tenant, site, host, network      TENANTS SITES HOSTS NETWORKS  <id>
//   endpoint                         NET#<network>               EP#<id>
//   guard                            VNI#<vni>, VTEP#<ip>        GUARD
//                                    NET#<network>               MAC#<mac>, IP#<ip>
//   index                            TENANT#<t>                  NET#<network>
//                                    SITE#<s>                    HOST#<host>
//                                    HOST#<h>                    EP#<network>#<endpoint>
//   change                           CHANGE#<id>                 CHANGE

import type { ResourceKind, ResourceRef } from "../domain/resource.ts";
import type { Guard, Index, Write } from "../domain/write.ts";
import type { ListOf } from "./store.ts";

export type Key = { pk: string; sk: string };

const COLLECTION = { tenant: "TENANTS", site: "SITES", host: "HOSTS", network: "NETWORKS" } as const;

export function resourceKey(ref: ResourceRef): Key {
  if (ref.kind === "endpoint") return { pk: `NET#${ref.network}`, sk: `EP#${ref.id}` };
  return { pk: COLLECTION[ref.kind], sk: ref.id };
}

export function guardKey(guard: Guard): Key {
  switch (guard.kind) {
    case "vni":
      return { pk: `VNI#${guard.vni}`, sk: "GUARD" };
    case "vtep":
      return { pk: `VTEP#${guard.vtep}`, sk: "GUARD" };
    case "mac":
      return { pk: `NET#${guard.network}`, sk: `MAC#${guard.mac}` };
    case "ip":
      return { pk: `NET#${guard.network}`, sk: `IP#${guard.ip}` };
  }
}

export function indexKey(index: Index): Key {
  switch (index.kind) {
    case "tenant-network":
      return { pk: `TENANT#${index.tenant}`, sk: `NET#${index.network}` };
    case "site-host":
      return { pk: `SITE#${index.site}`, sk: `HOST#${index.host}` };
    case "host-endpoint":
      return { pk: `HOST#${index.host}`, sk: `EP#${index.network}#${index.endpoint}` };
  }
}

export function changeKey(id: string): Key {
  return { pk: `CHANGE#${id}`, sk: "CHANGE" };
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
    case "record":
      return changeKey(write.change.id);
  }
}

/** The items of a list: under `pk`, those whose sk starts with `prefix`; the resources themselves or index items. */
export type Range = { pk: string; prefix: string; holds: "resources" | "index" };

export function listRange(list: ListOf<ResourceKind>): Range {
  switch (list.kind) {
    case "tenant":
    case "site":
      return { pk: COLLECTION[list.kind], prefix: "", holds: "resources" };
    case "host":
      if (list.site === undefined) return { pk: COLLECTION.host, prefix: "", holds: "resources" };
      return { pk: `SITE#${list.site}`, prefix: "HOST#", holds: "index" };
    case "network":
      if (list.tenant === undefined) return { pk: COLLECTION.network, prefix: "", holds: "resources" };
      return { pk: `TENANT#${list.tenant}`, prefix: "NET#", holds: "index" };
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
  const [, first = "", second = ""] = sk.split("#");
  return list.kind === "endpoint"
    ? resourceKey({ kind: "endpoint", network: first, id: second })
    : resourceKey({ kind: list.kind, id: first });
}
