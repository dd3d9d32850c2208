// The store on one DynamoDB table. All reads are consistent: the API reads its own writes, and decisions are made on
// what is there. No rule of the domain; tombstones take their time from the change, only fences that of the clock.

import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import type { Fence, Write } from "../domain/write.ts";
import { allOf, fencedBy, isNotBeingDeleted, isNotDeleted, versionIs } from "./condition.ts";
import { resourceKey } from "./key.ts";
import { createReader } from "./read.ts";
import { createReads } from "./reads.ts";
import { createRehearsal } from "./rehearsal.ts";
import { type Pacing, withRetries } from "./retry.ts";
import type { Committed, Store } from "./store.ts";
import { unfencing } from "./stale-fence.ts";
import { failedWrites, MAX_TRANSACTION_ITEMS, marshallKey, transactItem } from "./transaction.ts";

/**
 * `requestToken` names one transaction, over its repetitions: 1 to 36 characters, never the same twice. Without it the
 * SDK names each attempt, and a repetition of an attempt whose answer was lost is refused by what that one wrote.
 */
export type DynamoDbStoreOptions = {
  client: Pick<DynamoDBClient, "send">;
  table: string;
  pacing: Pacing;
  requestToken?: () => string;
  /** ms since the epoch. Without it, a fence whose maker died stands until the same is asked for again. */
  now?: () => number;
};

export function createDynamoDbStore(options: DynamoDbStoreOptions): Store {
  const { client, table: TableName, pacing, requestToken, now } = options;
  const reader = createReader(options);

  async function commit(writes: readonly Write[]): Promise<Committed> {
    if (writes.length > MAX_TRANSACTION_ITEMS) throw new Error(`a transaction of ${writes.length} writes`);
    const TransactItems = writes.map((write) => transactItem(TableName, write));
    // One token over all attempts: an attempt whose answer was lost is then the same as its repetition.
    const input = { TransactItems, ClientRequestToken: requestToken?.() };
    try {
      await withRetries(pacing, () => client.send(new TransactWriteItemsCommand(input)));
      return { kind: "committed" };
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const [first, ...more] = failedWrites(writes, error.CancellationReasons ?? []);
      if (!first) throw error;
      return { kind: "failed", failed: [first, ...more] };
    }
  }

  async function fence(fence: Fence, token: string): Promise<boolean> {
    const { why } = fence;
    const conditions = why.kind === "deleting" ? [isNotDeleted] : [isNotDeleted, isNotBeingDeleted];
    const { ExpressionAttributeNames, ExpressionAttributeValues, ...condition } = allOf(
      versionIs(fence.version),
      ...conditions,
    );
    const mark = why.kind === "deleting" ? true : why.subnets;
    const at = now ? { set: ", fencedAtMs = :at", values: marshall({ ":at": now() }) } : { set: "", values: {} };
    const command = new UpdateItemCommand({
      TableName,
      Key: marshallKey(resourceKey(fence.ref)),
      UpdateExpression: `SET #mark = :mark, #fence = :fence${at.set}`,
      ...condition,
      ExpressionAttributeNames: { ...ExpressionAttributeNames, "#mark": why.kind, "#fence": "fence" },
      ExpressionAttributeValues: {
        ...ExpressionAttributeValues,
        ...marshall({ ":mark": mark, ":fence": token }),
        ...at.values,
      },
    });
    return updateIf(command);
  }

  async function unfence(ref: Fence["ref"], token: string): Promise<void> {
    const { ExpressionAttributeNames, ...condition } = allOf(fencedBy(token));
    const names = {
      ...ExpressionAttributeNames,
      "#deleting": "deleting",
      "#narrowing": "narrowing",
      "#fence": "fence",
    };
    const command = new UpdateItemCommand({
      TableName,
      Key: marshallKey(resourceKey(ref)),
      UpdateExpression: "REMOVE #deleting, #narrowing, #fence, fencedAtMs",
      ...condition,
      ExpressionAttributeNames: names,
    });
    await updateIf(command);
  }

  async function updateIf(command: UpdateItemCommand): Promise<boolean> {
    try {
      await withRetries(pacing, () => client.send(command));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  return {
    ...createReads(reader, unfencing(reader, unfence, now)),
    commit,
    fence,
    unfence,
    rehearsal: () => createRehearsal(reader, now),
  };
}
