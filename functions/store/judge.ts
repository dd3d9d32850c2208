// What DynamoDB does with the writes of a transaction, done here on plain items: whether their conditions hold, and what
// an item is afterwards. For a store that is kept in memory, and for rehearsals of writes. Pure.

import { unmarshall } from "@aws-sdk/util-dynamodb";
import { canonicalJson } from "../../shared/message/digest.ts";
import type { Write } from "../domain/write.ts";
import type { Condition } from "./condition.ts";
import { additionsOf, itemOf } from "./item.ts";
import { writeKey } from "./key.ts";
import type { Failed } from "./store.ts";
import { conditionsOf } from "./transaction.ts";

/** An item without DynamoDB's type marks. */
export type PlainItem = Readonly<Record<string, unknown>>;

/** The failure of a write on the item that is there; undefined if its conditions hold. */
export function failureOf(write: Write, item: PlainItem | undefined): Failed | undefined {
  if (allHold(conditionsOf(write), item)) return undefined;
  const owner = write.write === "claim" ? item?.["owner"] : write.write === "take-port" && item?.["network"];
  return typeof owner === "string" ? { write, owner } : { write };
}

/** True if every condition holds of the item. */
export function allHold(conditions: readonly Condition[], item: PlainItem | undefined): boolean {
  return conditions.every((condition) => holds(condition, item));
}

/** The item after the write; undefined: there is none. */
export function itemAfter(write: Write, before: PlainItem | undefined): PlainItem | undefined {
  if (write.write === "require") return before;
  const item = itemOf(write);
  if (item) return unmarshall(item);
  const additions = additionsOf(write);
  if (!additions) return undefined;
  const sums = Object.entries(additions.add).map(([name, by]) => [name, Number(before?.[name] ?? 0) + by]);
  return { ...(before ?? writeKey(write)), ...additions.set, ...Object.fromEntries(sums) };
}

function holds({ attribute, operator, value }: Condition, item: PlainItem | undefined): boolean {
  const present = item !== undefined && attribute in item;
  if (operator === "exists") return present;
  if (operator === "not-exists") return !present;
  if (operator === "absent-or=" && !present) return true;
  if (operator === ">=") return present && Number(item[attribute]) >= Number(value);
  return present && canonicalJson(item[attribute]) === canonicalJson(value);
}
