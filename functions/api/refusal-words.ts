// Status and words of the refusals that routing, pools, moves and the terms of a request bring; refusal-problem.ts has
// the rest.

import { assertNever } from "../../shared/assert.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { ResourceRef } from "../domain/resource.ts";

type Words = { status: number; field?: string; reason: string; blocking?: ResourceRef[]; current?: unknown };

/** Those that refusal-problem.ts has words for. */
type Told =
  | "not-found"
  | "no-such"
  | "id-taken"
  | "being-deleted"
  | "not-empty"
  | "vni-taken"
  | "vtep-taken"
  | "mac-taken"
  | "ip-taken"
  | "ip-outside-subnets"
  | "ip-reserved"
  | "duplicate"
  | "subnets-overlap"
  | "subnet-change-strands-endpoints"
  | "router-id-needed"
  | "required"
  | "immutable-field"
  | "not-whole"
  | "contended";

export function moreWords(refusal: Exclude<Refusal, { kind: Told }>): Words {
  switch (refusal.kind) {
    case "gateway-outside-subnets":
      return { status: 422, field: refusal.field, reason: `${refusal.ip} is in none of the network's subnets` };
    case "second-gateway":
      return { status: 422, field: refusal.field, reason: `${refusal.ip} is a second gateway in ${refusal.subnet}` };
    case "gateways-needed":
      return { status: 422, field: "gateways", reason: "is required, since the network has a router" };
    case "other-tenant":
      return { status: 422, field: refusal.field, reason: `names ${nameOf(refusal.ref)}, which is of another tenant` };
    case "no-vrf": {
      const { field, router, hosts } = refusal;
      const reason = `cannot be: ${hosts.slice(0, 5).join(", ")} reported no VRF support, which router ${router} needs`;
      return { status: 409, field, reason, blocking: hosts.slice(0, 20).map((id) => ({ kind: "host", id })) };
    }
    case "next-hops-stranded": {
      const first = refusal.prefixes[0];
      return { status: 409, reason: `would leave next hops out of reach (${first?.id}: ${first?.nextHop})` };
    }
    case "next-hop-unreachable":
      return {
        status: 422,
        field: "nextHop",
        reason: `${refusal.nextHop} is in no network of router ${refusal.router}`,
      };
    case "next-hop-family":
      return { status: 422, field: "nextHop", reason: `${refusal.nextHop} is not of the family of ${refusal.prefix}` };
    case "prefix-taken": {
      const { prefix, nextHop, by } = refusal;
      return { status: 409, field: "prefix", reason: `${prefix} by way of ${nextHop} is prefix ${by}` };
    }
    case "prefix-is-connected":
      return { status: 409, field: "prefix", reason: `${refusal.prefix} is a subnet of network ${refusal.network}` };
    case "port-taken": {
      const { host, port, network } = refusal;
      const reason = `${port} of host ${host} is used by ${network === undefined ? "another network" : `network ${network}`}`;
      const blocking: ResourceRef[] = network === undefined ? [] : [{ kind: "network", id: network }];
      return { status: 409, field: "port", reason, blocking };
    }
    case "peer-address-taken": {
      const { field, ip, site, by } = refusal;
      return {
        status: 409,
        field,
        reason: `${ip} is taken in site ${site}${by === undefined ? "" : ` by fabric peer ${by}`}`,
      };
    }
    case "asn-mismatch": {
      const { field, asn, expected, peer } = refusal;
      return { status: 422, field, reason: `${asn} is not that of fabric peer ${peer}, which is ${expected}` };
    }
    case "too-many":
      return { status: 409, field: refusal.field, reason: `would be more than ${refusal.most} ${refusal.what}` };
    case "quota":
      return { status: 409, reason: `tenant ${refusal.tenant} has no room for more ${refusal.of}` };
    case "vni-outside-pool":
      return { status: 422, field: "vni", reason: `${refusal.vni} is not in VNI pool ${refusal.pool}` };
    case "pool-exhausted":
      return { status: 409, field: "vniPool", reason: `${refusal.pool} has no free VNI` };
    case "subnets-exhausted":
      return { status: 409, field: refusal.field, reason: "finds no free address in the network's subnets" };
    case "range-reversed":
      return { status: 422, field: refusal.field, reason: "must begin before it ends" };
    case "ranges-overlap":
      return { status: 422, field: refusal.field, reason: "overlaps another range" };
    case "move-prepared":
      return {
        status: 409,
        reason: `${nameOf(refusal.ref)} is prepared to move to ${refusal.host}; abandon that first`,
      };
    case "move-not-prepared":
      return { status: 409, reason: `no move of ${nameOf(refusal.ref)} is prepared` };
    case "move-not-ready": {
      const { ref, host, reason } = refusal;
      return { status: 409, reason: `${host} is not ready for ${nameOf(ref)}: ${reason}` };
    }
    case "same-host":
      return { status: 409, field: "host", reason: `is where ${nameOf(refusal.ref)} is: ${refusal.host}` };
    case "rollout-not-stopped":
      return { status: 409, reason: `${nameOf(refusal.ref)} has not stopped: it is ${refusal.state}` };
    case "rollout-over":
      return { status: 409, reason: `${nameOf(refusal.ref)} is done` };
    case "precondition-failed": {
      const { ref, current } = refusal;
      const version = (current as { version?: number } | undefined)?.version;
      const reason = version === undefined ? `there is no ${nameOf(ref)}` : `${nameOf(ref)} is at version ${version}`;
      return { status: 412, reason, current };
    }
    case "key-reused":
      return { status: 422, reason: "this Idempotency-Key was used for another request" };
    case "cascade-unfinished": {
      const { ref, deleted } = refusal;
      return { status: 503, reason: `${deleted} resources are deleted, ${nameOf(ref)} not yet: ask again` };
    }
    default:
      return assertNever(refusal);
  }
}

/** `endpoint e1 of network n1`. */
export function nameOf(ref: ResourceRef): string {
  switch (ref.kind) {
    case "endpoint":
      return `endpoint ${ref.id} of network ${ref.network}`;
    case "prefix":
      return `prefix ${ref.id} of router ${ref.router}`;
    case "fabric-peer":
      return `fabric peer ${ref.id}`;
    case "vni-pool":
      return `VNI pool ${ref.id}`;
    default:
      return `${ref.kind} ${ref.id}`;
  }
}
