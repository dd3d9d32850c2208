// A diff for people: a line for each resource, and for each field that changes what it was and will be. Pure.

import { canonicalJson } from "../../shared/message/digest.ts";
import type { Paint } from "../output/paint.ts";
import { visible } from "../output/table.ts";
import { nameOf } from "../resource/ref.ts";
import type { Op } from "./diff.ts";

export function diffText(ops: readonly Op[], paint: Paint): string {
  return ops.map((op) => opText(op, paint)).join("");
}

function opText(op: Op, paint: Paint): string {
  switch (op.op) {
    case "keep":
      return "";
    case "create": {
      const fields = Object.entries(op.body).map(([field, value]) =>
        paint("green", `    + ${field}: ${text(value)}\n`),
      );
      return paint("green", `+ ${nameOf(op.declared.ref)}\n`) + fields.join("");
    }
    case "change": {
      const fields = op.changes.flatMap(({ field, before, after }) => [
        before === undefined ? "" : paint("red", `    - ${field}: ${text(before)}\n`),
        after === undefined ? "" : paint("green", `    + ${field}: ${text(after)}\n`),
      ]);
      return paint("yellow", `~ ${nameOf(op.declared.ref)}\n`) + fields.join("");
    }
    case "delete":
      return paint("red", `- ${nameOf(op.ref)}\n`);
  }
}

function text(value: unknown): string {
  return visible(typeof value === "string" ? value : canonicalJson(value));
}

/** `2 to create, 1 to change, 0 to delete, 4 as declared`. */
export function countText(ops: readonly Op[]): string {
  const count = (kind: Op["op"]) => ops.filter(({ op }) => op === kind).length;
  return `${count("create")} to create, ${count("change")} to change, ${count("delete")} to delete, ${count("keep")} as declared`;
}
