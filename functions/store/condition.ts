// Conditions of DynamoDB expressions, built from named sub-conditions, so that a transaction reads as what it demands:
// `allOf(versionIs(3), fencedBy(token))`.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";

/** A sub-condition over one attribute; `value` is undefined where it compares with nothing. */
export type Condition = {
  attribute: string;
  operator: "=" | ">=" | "absent-or=" | "exists" | "not-exists";
  value?: unknown;
};

export const isAbsent: Condition = { attribute: "pk", operator: "not-exists" };
export const isPresent: Condition = { attribute: "pk", operator: "exists" };
export const isNotDeleted: Condition = { attribute: "deleted", operator: "not-exists" };
export const isNotBeingDeleted: Condition = { attribute: "deleting", operator: "not-exists" };
export const isNotNarrowing: Condition = { attribute: "narrowing", operator: "not-exists" };

/** Versions only grow, over deletions too: one version is one state, live or tombstone. */
export function versionIs(version: number): Condition {
  return { attribute: "version", operator: "=", value: version };
}

export function ownedBy(owner: string): Condition {
  return { attribute: "owner", operator: "=", value: owner };
}

export function fencedBy(token: string): Condition {
  return { attribute: "fence", operator: "=", value: token };
}

/** Lists are equal if they have the same elements in the same order. */
export function subnetsAre(subnets: readonly string[]): Condition {
  return { attribute: "subnets", operator: "=", value: subnets };
}

export function narrowingIs(subnets: readonly string[]): Condition {
  return { attribute: "narrowing", operator: "=", value: subnets };
}

/** A number that is at least so much. */
export function atLeast(attribute: string, value: number): Condition {
  return { attribute, operator: ">=", value };
}

export function absentOr(attribute: string, value: unknown): Condition {
  return { attribute, operator: "absent-or=", value };
}

export function attributeIs(attribute: string, value: unknown): Condition {
  return { attribute, operator: "=", value };
}

export type ConditionInput = {
  ConditionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
};

/** The conjunction, with every name and value as a placeholder (`type` and others are reserved words). */
export function allOf(...conditions: readonly [Condition, ...Condition[]]): ConditionInput {
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const terms = conditions.map(({ attribute, operator, value }, index) => {
    const name = `#c${index}`;
    names[name] = attribute;
    if (operator === "exists" || operator === "not-exists") return `attribute_${operator.replace("-", "_")}(${name})`;
    values[`:c${index}`] = value;
    if (operator === "absent-or=") return `(attribute_not_exists(${name}) OR ${name} = :c${index})`;
    return `${name} ${operator} :c${index}`;
  });
  const input = { ConditionExpression: terms.join(" AND "), ExpressionAttributeNames: names };
  return Object.keys(values).length === 0 ? input : { ...input, ExpressionAttributeValues: marshall(values) };
}
