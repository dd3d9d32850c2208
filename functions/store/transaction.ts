// Writes as the items of one DynamoDB transaction, and its cancellation reasons as the writes that failed.

import type { CancellationReason, TransactWriteItem } from "@aws-sdk/client-dynamodb";
import type { Write } from "../domain/write.ts";
import { marshall } from "@aws-sdk/util-dynamodb";
import {
  absentOr,
  allOf,
  atLeast,
  attributeIs,
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
import { additionsOf, itemOf, readOwner } from "./item.ts";
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
  const additions = additionsOf(write);
  if (additions) return { Update: { TableName, Key, ...update(additions, conditionsOf(write)) } };
  // An unconditional check does not exist; `require` always has conditions.
  if (first && write.write === "require") return { ConditionCheck: { TableName, Key, ...allOf(first, ...more) } };
  return { Delete: { TableName, Key, ...condition } };
}

/** An update that adds to numbers and sets texts, under a condition if there is one. */
function update({ add, set }: NonNullable<ReturnType<typeof additionsOf>>, conditions: readonly Condition[]) {
  const [first, ...more] = conditions;
  const condition = first && allOf(first, ...more);
  const [adds, sets] = [Object.entries(add), Object.entries(set)];
  const clauses = [
    ...(sets.length > 0 ? [`SET ${sets.map((_, index) => `#s${index} = :s${index}`).join(", ")}`] : []),
    `ADD ${adds.map((_, index) => `#a${index} :a${index}`).join(", ")}`,
  ];
  return {
    UpdateExpression: clauses.join(" "),
    ...(condition
      ? {
          ConditionExpression: condition.ConditionExpression,
          ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
        }
      : {}),
    ExpressionAttributeNames: {
      ...condition?.ExpressionAttributeNames,
      ...Object.fromEntries(adds.map(([name], index) => [`#a${index}`, name])),
      ...Object.fromEntries(sets.map(([name], index) => [`#s${index}`, name])),
    },
    ExpressionAttributeValues: {
      ...condition?.ExpressionAttributeValues,
      ...marshall(Object.fromEntries(adds.map(([, by], index) => [`:a${index}`, by]))),
      ...marshall(Object.fromEntries(sets.map(([, text], index) => [`:s${index}`, text]))),
    },
  };
}

/** The writes whose conditions did not hold; empty if the transaction was cancelled for other reasons. */
export function failedWrites(writes: readonly Write[], reasons: readonly CancellationReason[]): Failed[] {
  return writes.flatMap((write, index) => {
    const reason = reasons[index];
    if (reason?.Code !== "ConditionalCheckFailed") return [];
    const owner = write.write === "claim" || write.write === "take-port" ? readOwner(reason.Item) : undefined;
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
    case "refused":
      return [isAbsent];
    case "release":
      return [ownedBy(write.owner)];
    case "take-port":
      return [absentOr("network", write.network)];
    case "leave-port": {
      const { network, endpoints } = write.expected;
      return [attributeIs("network", network), endpoints > 1 ? atLeast("endpoints", 2) : attributeIs("endpoints", 1)];
    }
    case "book":
      return write.expected === 0 ? [isAbsent] : [attributeIs("revision", write.expected)];
    case "room":
      if (write.mode === "open") return [isAbsent];
      if (write.mode === "shift") return [];
      return Object.entries(write.rooms).flatMap(([of, taken]) => (taken > 0 ? [atLeast(of, taken)] : []));
    case "memo":
      return write.replaces === undefined ? [isAbsent] : [attributeIs("ttl", write.replaces)];
    case "link":
    case "unlink":
    case "trail":
    case "close-room":
      return [];
  }
}

function requirement({ tenant, subnets }: Write & { write: "require" }): Condition[] {
  const alive = [
    isPresent,
    isNotDeleted,
    isNotBeingDeleted,
    ...(tenant === undefined ? [] : [attributeIs("tenant", tenant)]),
  ];
  if (!subnets) return alive;
  const narrowing = subnets.narrowing ? narrowingIs(subnets.narrowing) : isNotNarrowing;
  return [...alive, subnetsAre(subnets.subnets), narrowing];
}

export function marshallKey({ pk, sk }: Key): Record<keyof Key, { S: string }> {
  return { pk: { S: pk }, sk: { S: sk } };
}
