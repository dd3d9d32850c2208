// What `rollout create -f FILE` sends: an order as the API takes it, or the writes that files of declared resources come to.
// Pure.

import { parse } from "yaml";
import { usage } from "../failure.ts";
import { nameOf, pathOf } from "../resource/ref.ts";
import type { Op } from "../apply/diff.ts";

export type Order = Readonly<Record<string, unknown>>;
type Write = { method: "PUT" | "DELETE"; path: string; body?: object; ifMatch?: string };

/** The order in a file; undefined if it is none, but declares resources. A file that is no YAML is refused as no order. */
export function readOrder(text: string): Order | undefined {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100 });
  } catch {
    // Several documents, or faults that the reader of declarations tells with their lines.
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  return "waves" in value || "writes" in value ? value : undefined;
}

/**
 * The writes that ops come to, in their order. Each is refused if the resource is no longer as it was looked at; that
 * something is created meanwhile by somebody else is not seen.
 */
export function writesOf(ops: readonly Op[]): Write[] {
  return ops.flatMap((op): Write[] => {
    switch (op.op) {
      case "keep":
        return [];
      case "create":
        return [{ method: "PUT", path: pathOf(op.declared.ref), body: op.body }];
      case "change":
        return [{ method: "PUT", path: pathOf(op.declared.ref), body: op.body, ifMatch: `"${op.version}"` }];
      case "delete":
        return [{ method: "DELETE", path: pathOf(op.ref), ifMatch: `"${op.version}"` }];
    }
  });
}

/** What a field of an order of these writes is called where the user gave it. */
export function fieldOfWrites(ops: readonly Op[]): (field: string) => string {
  const written = ops.filter(({ op }) => op !== "keep");
  return (field) => {
    const [, index, rest = ""] = /^writes\.(\d+)(?:\.body)?(?:\.(.*))?$/.exec(field) ?? [];
    const op = index === undefined ? undefined : written[Number(index)];
    if (!op) return field === "canaryHosts" ? "--canary" : field;
    return op.op === "delete" || op.op === "keep" ? `${refOf(op)} ${rest}` : `${op.declared.place(rest)} ${rest}`;
  };
}

function refOf(op: Op): string {
  return nameOf(op.op === "delete" ? op.ref : op.declared.ref);
}

/** With what flags say, which goes before what the file says. */
export function withFlags(
  order: Order,
  {
    id,
    canaries,
    liveWithinSec,
    pauseSec,
  }: {
    id: string | undefined;
    canaries: readonly string[];
    liveWithinSec: number | undefined;
    pauseSec: number | undefined;
  },
): Order {
  if (canaries.length > 0 && "waves" in order) {
    throw usage("--canary says who goes first, and so do the waves of the file: it is one or the other");
  }
  return {
    ...order,
    ...(id === undefined ? {} : { id }),
    ...(canaries.length === 0 ? {} : { canaryHosts: canaries }),
    ...(liveWithinSec === undefined ? {} : { liveWithinSec }),
    ...(pauseSec === undefined ? {} : { pauseSec }),
  };
}
