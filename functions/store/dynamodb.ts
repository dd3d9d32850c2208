// The store on one DynamoDB table. All reads are consistent: the API reads its own writes, and decisions are made on
// what is there. No rule of the domain and no clock; tombstones take their time from the change.

import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import type { Held, ResourceKind, ResourceOf } from "../domain/resource.ts";
import type { Fence, Write } from "../domain/write.ts";
import { allOf, fencedBy, isNotBeingDeleted, isNotDeleted, versionIs } from "./condition.ts";
import { type Item, readChange, readHeld } from "./item.ts";
import { changeKey, type Key, listedKey, listRange, type Range, resourceKey } from "./key.ts";
import { type Pacing, withRetries } from "./retry.ts";
import type { Committed, ListOf, Page, PageRequest, Store } from "./store.ts";
import { failedWrites, MAX_TRANSACTION_ITEMS, marshallKey, transactItem } from "./transaction.ts";

/** BatchGetItem reads at most this many (a service limit). */
const MAX_BATCH_KEYS = 100;

/**
 * `requestToken` names one transaction, over its repetitions: 1 to 36 characters, never the same twice. Without it the
 * SDK names each attempt, and a repetition of an attempt whose answer was lost is refused by what that one wrote.
 */
export type DynamoDbStoreOptions = {
  client: Pick<DynamoDBClient, "send">;
  table: string;
  pacing: Pacing;
  requestToken?: () => string;
};

export function createDynamoDbStore(options: DynamoDbStoreOptions): Store {
  const { client, table: TableName, pacing, requestToken } = options;

  async function getItem(key: Key): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName, Key: marshallKey(key), ConsistentRead: true });
    return (await withRetries(pacing, () => client.send(command))).Item;
  }

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
    const command = new UpdateItemCommand({
      TableName,
      Key: marshallKey(resourceKey(fence.ref)),
      UpdateExpression: "SET #mark = :mark, #fence = :fence",
      ...condition,
      ExpressionAttributeNames: { ...ExpressionAttributeNames, "#mark": why.kind, "#fence": "fence" },
      ExpressionAttributeValues: { ...ExpressionAttributeValues, ...marshall({ ":mark": mark, ":fence": token }) },
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
      UpdateExpression: "REMOVE #deleting, #narrowing, #fence",
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

  async function list<K extends ResourceKind>(list: ListOf<K>, page: PageRequest): Promise<Page<ResourceOf[K]>> {
    const range = listRange(list);
    const found: { position: string; resource: ResourceOf[K] }[] = [];
    let start =
      page.position === undefined ? undefined : marshallKey({ pk: range.pk, sk: range.prefix + page.position });
    do {
      const command = rangeQuery(TableName, range, page.limit + 1);
      command.input.ExclusiveStartKey = start;
      const { Items = [], LastEvaluatedKey } = await withRetries(pacing, () => client.send(command));
      const items = range.holds === "resources" ? Items : await resourcesOf(list, Items);
      Items.forEach((item, index) => {
        const held: Held<ResourceOf[K]> = readHeld<K>(list.kind as K, items[index]);
        const position = skOf(item).slice(range.prefix.length);
        if (held.state === "live") found.push({ position, resource: held.resource });
      });
      start = LastEvaluatedKey as typeof start;
    } while (start && found.length <= page.limit);
    const shown = found.slice(0, page.limit);
    const items = shown.map(({ resource }) => resource);
    const next = found.length > page.limit ? shown.at(-1)?.position : undefined;
    return next === undefined ? { items } : { items, next };
  }

  /** The resources of index items, in their order; undefined where one was deleted in the meantime. */
  async function resourcesOf(list: ListOf<ResourceKind>, indexItems: readonly Item[]): Promise<(Item | undefined)[]> {
    const keys = indexItems.map((item) => listedKey(list, skOf(item)));
    const byKey = new Map<string, Item>();
    for (let i = 0; i < keys.length; i += MAX_BATCH_KEYS) {
      for (const item of await batchGet(keys.slice(i, i + MAX_BATCH_KEYS))) byKey.set(keyText(item), item);
    }
    return keys.map((key) => byKey.get(keyText(marshallKey(key))));
  }

  async function batchGet(keys: readonly Key[]): Promise<Item[]> {
    const items: Item[] = [];
    let Keys: Item[] = keys.map(marshallKey);
    await withRetries(pacing, async () => {
      const command = new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys, ConsistentRead: true } } });
      const { Responses, UnprocessedKeys } = await client.send(command);
      items.push(...(Responses?.[TableName] ?? []));
      Keys = UnprocessedKeys?.[TableName]?.Keys ?? [];
      if (Keys.length > 0) throw Object.assign(new Error("keys left over"), { name: "ThrottlingException" });
    });
    return items;
  }

  return {
    get: async (ref) => readHeld(ref.kind, await getItem(resourceKey(ref))),
    list,
    async change(id) {
      const item = await getItem(changeKey(id));
      return item && readChange(item);
    },
    commit,
    fence,
    unfence,
  };
}

function rangeQuery(TableName: string, { pk, prefix, holds }: Range, Limit: number): QueryCommand {
  const filter = allOf(isNotDeleted);
  return new QueryCommand({
    TableName,
    KeyConditionExpression: prefix === "" ? "#pk = :pk" : "#pk = :pk AND begins_with(#sk, :prefix)",
    ExpressionAttributeNames: {
      "#pk": "pk",
      ...(prefix === "" ? {} : { "#sk": "sk" }),
      ...(holds === "resources" ? filter.ExpressionAttributeNames : {}),
    },
    ExpressionAttributeValues: { ":pk": { S: pk }, ...(prefix === "" ? {} : { ":prefix": { S: prefix } }) },
    ...(holds === "resources" ? { FilterExpression: filter.ConditionExpression } : {}),
    Limit,
    ConsistentRead: true,
  });
}

function skOf(item: Item): string {
  return item["sk"]?.S ?? "";
}

function keyText(item: Item): string {
  return `${item["pk"]?.S} ${skOf(item)}`;
}
