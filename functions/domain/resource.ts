// How the domain speaks of resources: by reference, and as what the store holds under a reference.

import type { Prefix } from "../../shared/address/prefix.ts";
import type {
  Endpoint,
  FabricPeer,
  Host,
  Network,
  Router,
  RouterPrefix,
  Site,
  Tenant,
  VniPool,
} from "../../shared/model/resource.ts";
import type { Rollout } from "./rollout.ts";

export type ResourceOf = {
  tenant: Tenant;
  site: Site;
  host: Host;
  "fabric-peer": FabricPeer;
  "vni-pool": VniPool;
  network: Network;
  router: Router;
  prefix: RouterPrefix;
  endpoint: Endpoint;
  rollout: Rollout;
};
export type ResourceKind = keyof ResourceOf;

/** Kinds whose ids are unique by themselves. */
export const TOP_KINDS = ["tenant", "site", "host", "fabric-peer", "vni-pool", "network", "router", "rollout"] as const;
export type TopKind = (typeof TOP_KINDS)[number];

/** Names one resource; an endpoint's id is unique in its network only, a prefix's in its router. */
export type ResourceRef =
  | { kind: TopKind; id: string }
  | { kind: "endpoint"; network: string; id: string }
  | { kind: "prefix"; router: string; id: string };

/** One word for a reference, as people read it: `network/web`, `endpoint/web/vm1`, `prefix/core/default`. */
export function refText(ref: ResourceRef): string {
  switch (ref.kind) {
    case "endpoint":
      return `endpoint/${ref.network}/${ref.id}`;
    case "prefix":
      return `prefix/${ref.router}/${ref.id}`;
    default:
      return `${ref.kind}/${ref.id}`;
  }
}

/** A live resource. A fence keeps children out while its emptiness, or their fit, is looked at. */
export type Live<T> = {
  state: "live";
  resource: T;
  /** A deletion is under way: no child may be made. */
  deleting: boolean;
  /** A change of subnets is under way: new addresses must be inside these as well. */
  narrowing?: readonly Prefix[];
};

/** What is held under a reference. A tombstone keeps the version, so that a re-creation continues it. */
export type Held<T> = Live<T> | { state: "deleted"; version: number } | { state: "absent" };
