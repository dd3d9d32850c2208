// How the domain speaks of resources: by reference, and as what the store holds under a reference.

import type { Prefix } from "../../shared/address/prefix.ts";
import type { Endpoint, Host, Network, Site, Tenant } from "../../shared/model/resource.ts";

export type ResourceOf = { tenant: Tenant; site: Site; host: Host; network: Network; endpoint: Endpoint };
export type ResourceKind = keyof ResourceOf;

/** Names one resource; an endpoint's id is unique in its network only. */
export type ResourceRef =
  | { kind: "tenant" | "site" | "host" | "network"; id: string }
  | { kind: "endpoint"; network: string; id: string };

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
