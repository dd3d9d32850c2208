// The one place where a refusal of the domain gets its status and its words.

import type { z } from "zod";
import type { Refusal } from "../domain/refusal.ts";
import type { ResourceKind, ResourceRef } from "../domain/resource.ts";
import { GATEWAY_OWNER, type Refused } from "../domain/write.ts";
import { MAX_ERRORS, type Problem, sentence, typeOf } from "./problem.ts";
import { moreWords, nameOf } from "./refusal-words.ts";

type Told = {
  status: number;
  title: string;
  field?: string;
  reason: string;
  blocking?: ResourceRef[];
  current?: unknown;
};

/** The problem of a refusal: status and words of the first, the fields of all. */
export function refusalProblem({ refusals }: Refused): Problem {
  const [first] = refusals;
  const told = tell(first);
  const errors = refusals.flatMap((refusal) => {
    const { field, reason } = tell(refusal);
    return field === undefined ? [] : [{ field, reason }];
  });
  return {
    type: typeOf(first.kind),
    title: told.title,
    status: told.status,
    detail: told.field === undefined ? sentence(told.reason) : `${told.field} ${told.reason}`,
    ...(told.field === undefined ? {} : { field: told.field }),
    reason: told.reason,
    ...(errors.length === 0 ? {} : { errors: errors.slice(0, MAX_ERRORS) }),
    ...(told.blocking ? { blocking: told.blocking } : {}),
    ...(told.current === undefined ? {} : { current: told.current }),
  };
}

/** The fields that a patch names and the resource has, but that no patch changes. */
export function immutableRefusals(issues: readonly z.core.$ZodIssue[], fields: readonly string[]): Refusal[] {
  const unknown = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [],
  );
  return unknown.filter((key) => fields.includes(key)).map((field) => ({ kind: "immutable-field", field }));
}

const TITLE: Record<Refusal["kind"], string> = {
  "not-found": "Not found",
  "no-such": "No such resource",
  "id-taken": "The id is taken",
  "being-deleted": "Being deleted",
  "not-empty": "Not empty",
  "vni-taken": "The VNI is taken",
  "vtep-taken": "The VTEP address is taken",
  "mac-taken": "The MAC address is taken",
  "ip-taken": "The IP address is taken",
  "ip-outside-subnets": "The address is outside the subnets",
  "ip-reserved": "The address is reserved",
  duplicate: "Given twice",
  "subnets-overlap": "Subnets overlap",
  "subnet-change-strands-endpoints": "Endpoints would be outside the subnets",
  "router-id-needed": "A router id is needed",
  required: "A field is missing",
  "not-whole": "Not whole",
  "gateway-outside-subnets": "The gateway is outside the subnets",
  "second-gateway": "A second gateway in one subnet",
  "gateways-needed": "Gateways are needed",
  "other-tenant": "Of another tenant",
  "no-vrf": "A host cannot carry routers",
  "next-hops-stranded": "Next hops would be out of reach",
  "next-hop-unreachable": "The next hop is out of reach",
  "next-hop-family": "The next hop is of another family",
  "prefix-taken": "There is such a route",
  "prefix-is-connected": "The prefix is a network's",
  "port-taken": "The port is taken",
  "peer-address-taken": "The address is taken",
  "asn-mismatch": "Another AS number than the fabric peer's",
  "too-many": "Too many",
  quota: "Over the quota",
  "vni-outside-pool": "The VNI is not of the pool",
  "pool-exhausted": "The pool is exhausted",
  "subnets-exhausted": "The subnets are exhausted",
  "range-reversed": "The range is reversed",
  "ranges-overlap": "Ranges overlap",
  "move-prepared": "A move is prepared",
  "move-not-prepared": "No move is prepared",
  "move-not-ready": "The target is not ready",
  "same-host": "It is on that host",
  "rollout-not-stopped": "It has not stopped",
  "rollout-over": "It is over",
  "precondition-failed": "Precondition failed",
  "key-reused": "The Idempotency-Key was used",
  "cascade-unfinished": "Not all is deleted yet",
  "immutable-field": "The field cannot be changed",
  contended: "Changed by others",
};

function tell(refusal: Refusal): Told {
  return { title: TITLE[refusal.kind], ...words(refusal) };
}

type Words = Omit<Told, "title">;

function words(refusal: Refusal): Words {
  switch (refusal.kind) {
    case "not-found":
      return { status: 404, reason: `there is no ${nameOf(refusal.ref)}` };
    case "no-such":
      return {
        status: 422,
        field: refusal.field,
        reason: `names a ${refusal.ref.kind} that does not exist: ${refusal.ref.id}`,
      };
    case "id-taken":
      return { status: 409, field: "id", reason: `is taken: there is a ${nameOf(refusal.ref)}` };
    case "being-deleted": {
      const { field, ref } = refusal;
      if (field !== undefined) return { status: 409, field, reason: `names ${nameOf(ref)}, which is being deleted` };
      return { status: 409, reason: `${nameOf(ref)} is being deleted; delete it again if that was interrupted` };
    }
    case "not-empty": {
      const { ref, blocking, more } = refusal;
      const count = `${more ? "more than " : ""}${blocking.length} ${plural(blocking[0]?.kind ?? ref.kind, blocking.length)}`;
      return { status: 409, reason: `${nameOf(ref)} still has ${count}`, blocking };
    }
    case "vni-taken":
      return { status: 409, field: "vni", reason: `${refusal.vni} is taken${by("network", refusal.by)}` };
    case "vtep-taken":
      return { status: 409, field: "vtep", reason: `${refusal.vtep} is taken${by("host", refusal.by)}` };
    case "mac-taken":
      return {
        status: 409,
        field: "mac",
        reason: `${refusal.mac} is taken in this network${by("endpoint", refusal.by)}`,
      };
    case "ip-taken":
      return {
        status: 409,
        field: refusal.field,
        reason: `${refusal.ip} is taken in this network${refusal.by === GATEWAY_OWNER ? " by its gateway" : by("endpoint", refusal.by)}`,
      };
    case "ip-outside-subnets": {
      const { field, ip, subnets } = refusal;
      return { status: 422, field, reason: `${ip} is outside the network's subnets (${subnets.join(", ")})` };
    }
    case "ip-reserved":
      return {
        status: 422,
        field: refusal.field,
        reason: `${refusal.ip} is the ${refusal.role} address of ${refusal.subnet}`,
      };
    case "duplicate":
      return { status: 422, field: refusal.field, reason: `${refusal.value} is given twice` };
    case "subnets-overlap": {
      const { field, subnet, other, network } = refusal;
      if (network === undefined) return { status: 422, field, reason: `${subnet} overlaps ${other}` };
      const blocking: ResourceRef[] = [{ kind: "network", id: network }];
      return {
        status: 409,
        field,
        reason: `${subnet} overlaps ${other} of network ${network}, of the same router`,
        blocking,
      };
    }
    case "subnet-change-strands-endpoints": {
      const { stranded, more } = refusal;
      const first = stranded[0] ? ` (${stranded[0].ref.id}: ${stranded[0].ip})` : "";
      const count = `${more ? "more than " : ""}${stranded.length}`;
      const blocking = stranded.map(({ ref }) => ref);
      return {
        status: 409,
        field: "subnets",
        reason: `would leave ${count} addresses of endpoints outside${first}`,
        blocking,
      };
    }
    case "router-id-needed":
      return {
        status: 422,
        field: "bgp.routerId",
        reason: "is required, since the VTEP address is IPv6 (RFC 4271 4.2)",
      };
    case "required":
      return { status: 422, field: refusal.field, reason: "is required" };
    case "immutable-field":
      // Only an endpoint has a host.
      return {
        status: 422,
        field: refusal.field,
        reason: refusal.field === "host" ? "changes by a move only (POST …:move)" : "cannot be changed",
      };
    case "not-whole":
      return { status: 422, field: refusal.field, reason: refusal.reason };
    case "contended":
      return { status: 409, reason: `${nameOf(refusal.ref)} was changed by others at the same time; try again` };
    default:
      return moreWords(refusal);
  }
}

function by(kind: ResourceKind, id: string | undefined): string {
  if (id === undefined) return "";
  // A router's VNI is owned by `router/<id>`.
  return ` by ${id.includes("/") ? id.replace("/", " ") : `${kind} ${id}`}`;
}

function plural(kind: ResourceKind, count: number): string {
  if (count === 1) return kind;
  return kind === "prefix" ? "prefixes" : `${kind}s`;
}
