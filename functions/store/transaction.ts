// Writes as the items of one DynamoDB transaction, and its cancellation reasons as the writes that failed.

import type { CancellationReason, TransactWriteItem } from "@aws-sdk/client-dynamodb";
import type { Write } from "../domain/write.ts";
import {
  allOf,
  type Condition,
  fencedBy,
  isAbsent,
  isNotBeingDeleted,
  isNotDeleted,
  isNotNarrowing,
  isPresent,
  narrowingIs,
  ownedBy,
  subnetsAre,
  versionIs,
} from "./condition.ts";
import { itemOf, readOwner } from "./item.ts";
import { type Key, writeKey } from "./key.ts";
import type { Failed } from "./store.ts";

/** The most items that one transaction can have (a service limit). */
export const MAX_TRANSACTION_ITEMS = 100;

/** The transaction item of a write, with the condition that guards it. */
export function transactItem(TableName: string, write: Write): TransactWriteItem {
  const [first, ...more] = conditionsOf(write);
  const condition = first ? { ...allOf(first, ...more), ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const } : {};
  const Item = itemOf(write);
  if (Item) return { Put: { TableName, Item, ...condition } };
  const Key = marshallKey(writeKey(write));
  // An unconditional check does not exist; `require` always has conditions.
  if (first && write.write === "require") return { ConditionCheck: { TableName, Key, ...allOf(first, ...more) } };
  return { Delete: { TableName, Key, ...condition } };
}

/** The writes whose conditions did not hold; empty if the transaction was cancelled for other reasons. */
export function failedWrites(writes: readonly Write[], reasons: readonly CancellationReason[]): Failed[] {
  return writes.flatMap((write, index) => {
    const reason = reasons[index];
    if (reason?.Code !== "ConditionalCheckFailed") return [];
    const owner = write.write === "claim" ? readOwner(reason.Item) : undefined;
    return [owner === undefined ? { write } : { write, owner }];
  });
}

/** What must hold of the item that is there, for the write to be done. */
export function conditionsOf(write: Write): Condition[] {
  switch (write.write) {
    case "resource": {
      const { expected } = write;
      if (expected.state === "absent") return [isAbsent];
      return [versionIs(expected.version), ...(expected.fence === undefined ? [] : [fencedBy(expected.fence)])];
    }
    case "require":
      return requirement(write);
    case "claim":
    case "record":
      return [isAbsent];
    case "release":
      return [ownedBy(write.owner)];
    case "link":
    case "unlink":
      return [];
  }
}

function requirement({ subnets }: Write & { write: "require" }): Condition[] {
  const alive = [isPresent, isNotDeleted, isNotBeingDeleted];
  if (!subnets) return alive;
  const narrowing = subnets.narrowing ? narrowingIs(subnets.narrowing) : isNotNarrowing;
  return [...alive, subnetsAre(subnets.subnets), narrowing];
}

export function marshallKey({ pk, sk }: Key): Record<keyof Key, { S: string }> {
  return { pk: { S: pk }, sk: { S: sk } };
}
