// Consistent reads of one DynamoDB table: single items, batches, ranges page by page. Throttling and conflicts are
// retried here.

import { BatchGetItemCommand, type DynamoDBClient, GetItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import type { Item } from "./item.ts";
import type { Key } from "./key.ts";
import { type Pacing, withRetries } from "./retry.ts";
import { marshallKey } from "./transaction.ts";

/** BatchGetItem reads at most this many (a service limit). */
const MAX_BATCH_KEYS = 100;

export type TableReader = ReturnType<typeof createReader>;

/** Part of a partition: from `from` to `to`, both included, or after them; a page of at most `limit` items. */
export type Slice = {
  pk: string;
  from?: string;
  to?: string;
  /** Of the sk; instead of `from` and `to`. */
  prefix?: string;
  after?: string;
  descending?: boolean;
  keysOnly?: boolean;
  notDeleted?: boolean;
  count?: boolean;
  limit?: number;
};

export function createReader(options: { client: Pick<DynamoDBClient, "send">; table: string; pacing: Pacing }) {
  const { client, table: TableName, pacing } = options;

  async function get(key: Key): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName, Key: marshallKey(key), ConsistentRead: true });
    return (await withRetries(pacing, () => client.send(command))).Item;
  }

  /** The items of the keys, in their order; undefined where there is none. */
  async function many(keys: readonly Key[]): Promise<(Item | undefined)[]> {
    const byKey = new Map<string, Item>();
    const unique = [...new Map(keys.map((key) => [keyText(key), key])).values()];
    for (let i = 0; i < unique.length; i += MAX_BATCH_KEYS) {
      for (const item of await batch(unique.slice(i, i + MAX_BATCH_KEYS))) byKey.set(itemText(item), item);
    }
    return keys.map((key) => byKey.get(keyText(key)));
  }

  async function batch(keys: readonly Key[]): Promise<Item[]> {
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

  /** One page of a slice; `next` is the sk to go on after. */
  async function query(slice: Slice): Promise<{ items: Item[]; count: number; next: string | undefined }> {
    const { pk, from, to, prefix, after, descending = false, keysOnly, notDeleted, count, limit } = slice;
    const range =
      prefix !== undefined && prefix !== ""
        ? { text: " AND begins_with(#sk, :from)", values: { ":from": prefix } }
        : from !== undefined && to !== undefined
          ? { text: " AND #sk BETWEEN :from AND :to", values: { ":from": from, ":to": to } }
          : { text: "", values: {} };
    const command = new QueryCommand({
      TableName,
      KeyConditionExpression: `#pk = :pk${range.text}`,
      ExpressionAttributeNames: {
        "#pk": "pk",
        ...(range.text === "" && !keysOnly ? {} : { "#sk": "sk" }),
        ...(notDeleted ? { "#deleted": "deleted" } : {}),
      },
      ExpressionAttributeValues: marshall({ ":pk": pk, ...range.values }),
      ...(notDeleted ? { FilterExpression: "attribute_not_exists(#deleted)" } : {}),
      ...(keysOnly ? { ProjectionExpression: "#pk, #sk" } : {}),
      ...(count ? { Select: "COUNT" as const } : {}),
      ...(limit === undefined ? {} : { Limit: limit }),
      ...(after === undefined ? {} : { ExclusiveStartKey: marshallKey({ pk, sk: after }) }),
      ScanIndexForward: !descending,
      ConsistentRead: true,
    });
    const { Items = [], Count = 0, LastEvaluatedKey } = await withRetries(pacing, () => client.send(command));
    return { items: Items, count: Count, next: LastEvaluatedKey?.["sk"]?.S };
  }

  return { get, many, query };
}

export function skOf(item: Item): string {
  return item["sk"]?.S ?? "";
}

function keyText({ pk, sk }: Key): string {
  return `${pk} ${sk}`;
}

function itemText(item: Item): string {
  return `${item["pk"]?.S} ${skOf(item)}`;
}
