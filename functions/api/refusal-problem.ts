// The one place where a refusal of the domain gets its status and its words.

import type { z } from "zod";
import { assertNever } from "../../shared/assert.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { ResourceKind, ResourceRef } from "../domain/resource.ts";
import type { Refused } from "../domain/write.ts";
import { MAX_ERRORS, type Problem, sentence, typeOf } from "./problem.ts";

type Told = { status: number; title: string; field?: string; reason: string; blocking?: ResourceRef[] };

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
  "immutable-field": "The field cannot be changed",
  contended: "Changed by others",
};

function tell(refusal: Refusal): Told {
  return { title: TITLE[refusal.kind], ...words(refusal) };
}

function words(refusal: Refusal): Omit<Told, "title"> {
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
        field: "ips",
        reason: `${refusal.ip} is taken in this network${by("endpoint", refusal.by)}`,
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
    case "subnets-overlap":
      return { status: 422, field: refusal.field, reason: `${refusal.subnet} overlaps ${refusal.other}` };
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
    case "contended":
      return { status: 409, reason: `${nameOf(refusal.ref)} was changed by others at the same time; try again` };
    default:
      return assertNever(refusal);
  }
}

/** `endpoint e1 of network n1`. */
function nameOf(ref: ResourceRef): string {
  return ref.kind === "endpoint" ? `endpoint ${ref.id} of network ${ref.network}` : `${ref.kind} ${ref.id}`;
}

function by(kind: ResourceKind, id: string | undefined): string {
  return id === undefined ? "" : ` by ${kind} ${id}`;
}

function plural(kind: ResourceKind, count: number): string {
  return count === 1 ? kind : `${kind}s`;
}
