// The table's stream in the simulation: what the mapping lets through, and its records.

import type { DynamoDBRecord } from "aws-lambda";
import type { Change } from "./dynamodb/engine.ts";

/** The types of items of which the consumer hears (infra/stream-consumer.ts). */
export const PUBLISHED_TYPES: ReadonlySet<string> = new Set(["host", "network", "endpoint", "router", "prefix"]);

/** A change as the stream tells it. */
export function streamRecord({ before, after }: Change, sequence: number): DynamoDBRecord {
  const NewImage = after as NonNullable<DynamoDBRecord["dynamodb"]>["NewImage"];
  return {
    eventID: `event-${sequence}`,
    eventName: before ? "MODIFY" : "INSERT",
    dynamodb: { SequenceNumber: String(sequence), ...(NewImage && { NewImage }) },
  };
}

/** The lane of a partition, from 0: its changes stay in order. */
export function laneOf(pk: string, lanes: number): number {
  let sum = 0;
  for (const character of pk) sum = (sum * 31 + character.charCodeAt(0)) % 65_521;
  return sum % lanes;
}
