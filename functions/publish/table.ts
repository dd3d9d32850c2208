// The few DynamoDB calls that the channels need, on plain items: consistent reads whole (paged, unprocessed keys asked
// again) and writes. No retry policy beyond the SDK's: what still fails is thrown, and the caller's event comes again.

import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandOutput,
  TransactionCanceledException,
  TransactionConflictException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { mapBounded } from "./bounded.ts";

export type Table = { readonly client: DynamoDBClient; readonly name: string };
export type Key = { readonly pk: string; readonly sk: string };
export type Item = Key & Record<string, unknown>;

/** A condition of a write, in DynamoDB's expression language; names `#n` and values `:v` are given here. */
export type Condition = {
  readonly expression: string;
  readonly names?: Record<string, string>;
  readonly values?: Record<string, unknown>;
};

/** One write of a transaction. */
export type Write =
  | { readonly put: Item; readonly condition?: Condition }
  | { readonly delete: Key; readonly condition?: Condition }
  /** Writes nothing: all is written only if it holds. */
  | { readonly check: Key; readonly condition: Condition };

/** DynamoDB's limits of one transaction. */
export const MAX_TRANSACTION_ITEMS = 100;
export const MAX_TRANSACTION_BYTES = 4_000_000;

const BATCH_KEYS = 100;
const BATCH_ATTEMPTS = 12;
/** Each try is a round trip, which is wait enough. */
const PUT_CONFLICTS = 8;
const BATCHES_AT_ONCE = 8;

/** Map key of an item in the answer of `batchGet`. */
export function keyText(key: Key): string {
  return `${key.pk}\n${key.sk}`;
}

/** Reads one item consistently. */
export async function getItem(table: Table, key: Key): Promise<Item | undefined> {
  const answer = await table.client.send(
    new GetItemCommand({ TableName: table.name, Key: marshall({ pk: key.pk, sk: key.sk }), ConsistentRead: true }),
  );
  return answer.Item ? (unmarshall(answer.Item) as Item) : undefined;
}

/** Reads the items of `keys` consistently (not as one transaction), by `keyText`; absent ones are absent. */
export async function batchGet(table: Table, keys: readonly Key[]): Promise<Map<string, Item>> {
  const wanted = [...new Map(keys.map((key) => [keyText(key), { pk: key.pk, sk: key.sk }])).values()];
  const found = new Map<string, Item>();
  const starts = Array.from({ length: Math.ceil(wanted.length / BATCH_KEYS) }, (_, at) => at * BATCH_KEYS);
  await mapBounded(starts, BATCHES_AT_ONCE, (at) => getBatch(table, wanted.slice(at, at + BATCH_KEYS), found));
  return found;
}

async function getBatch(table: Table, keys: readonly Key[], found: Map<string, Item>): Promise<void> {
  let pending = keys.map((key) => marshall(key));
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt === BATCH_ATTEMPTS) throw new Error(`${pending.length} keys of a batch stay unprocessed`);
    const answer = await table.client.send(
      new BatchGetItemCommand({ RequestItems: { [table.name]: { Keys: pending, ConsistentRead: true } } }),
    );
    for (const raw of answer.Responses?.[table.name] ?? []) {
      const item = unmarshall(raw) as Item;
      found.set(keyText(item), item);
    }
    pending = answer.UnprocessedKeys?.[table.name]?.Keys ?? [];
  }
}

/** Which sort keys a query takes: those with a prefix, or those from `from` to `to`, both included. */
export type SortRange = { readonly prefix: string } | { readonly from: string; readonly to: string };

/** Reads all items of a partition in a range of sort keys, in their order, consistently. */
export async function queryAll(table: Table, pk: string, range: SortRange): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of queryPages(table, pk, range)) items.push(...page);
  return items;
}

/** Items of a page at most: about the 1 MB that the service gives. The local engine takes in all that is left otherwise. */
const PAGE_ITEMS = 4_000;

/** The same page by page, of at most 1 MB each (a service limit); the next one is on its way while a page is worked on. */
export async function* queryPages(table: Table, pk: string, range: SortRange): AsyncGenerator<Item[]> {
  const byPrefix = "prefix" in range;
  const input = {
    TableName: table.name,
    ConsistentRead: true,
    KeyConditionExpression: byPrefix ? "pk = :pk AND begins_with(sk, :a)" : "pk = :pk AND sk BETWEEN :a AND :b",
    ExpressionAttributeValues: marshall(
      byPrefix ? { ":pk": pk, ":a": range.prefix } : { ":pk": pk, ":a": range.from, ":b": range.to },
    ),
    Limit: PAGE_ITEMS,
  };
  const ask = (start: QueryCommandOutput["LastEvaluatedKey"]) => {
    const page = table.client.send(new QueryCommand({ ...input, ExclusiveStartKey: start }));
    // A failure is the reader's when it comes to this page; one that reads no further need not know.
    page.catch(() => {});
    return page;
  };
  let next: Promise<QueryCommandOutput> | undefined = ask(undefined);
  while (next) {
    const { Items = [], LastEvaluatedKey }: QueryCommandOutput = await next;
    next = LastEvaluatedKey && ask(LastEvaluatedKey);
    yield Items.map((raw) => unmarshall(raw) as Item);
  }
}

/** At most `limit` items of a partition whose sort keys have a prefix and come after `after`, in their order, consistently. */
export async function queryPage(
  table: Table,
  pk: string,
  { prefix, after, limit }: { readonly prefix: string; readonly after?: string | undefined; readonly limit: number },
): Promise<Item[]> {
  const items: Item[] = [];
  let start = after === undefined ? undefined : marshall({ pk, sk: after });
  do {
    const answer = await table.client.send(
      new QueryCommand({
        TableName: table.name,
        ConsistentRead: true,
        KeyConditionExpression: "pk = :pk AND begins_with(sk, :a)",
        ExpressionAttributeValues: marshall({ ":pk": pk, ":a": prefix }),
        Limit: limit - items.length,
        ExclusiveStartKey: start,
      }),
    );
    items.push(...(answer.Items ?? []).map((raw) => unmarshall(raw) as Item));
    start = answer.LastEvaluatedKey;
  } while (start && items.length < limit);
  return items;
}

/** Puts an item; false if `condition` did not hold. */
export async function putItem(table: Table, item: Item, condition?: Condition): Promise<boolean> {
  const input = { TableName: table.name, Item: marshallItem(item), ...conditionFields(condition) };
  for (let conflicts = 0; ; conflicts++) {
    try {
      await table.client.send(new PutItemCommand(input));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      // A transaction is at this item, which is over in milliseconds; the SDK does not ask again by itself.
      if (!(error instanceof TransactionConflictException) || conflicts === PUT_CONFLICTS) throw error;
    }
  }
}

/** Writes all or nothing. "conflict": a condition did not hold, or another transaction was at the same items. */
export async function transact(table: Table, writes: readonly Write[]): Promise<"committed" | "conflict"> {
  try {
    await table.client.send(
      new TransactWriteItemsCommand({ TransactItems: writes.map((write) => transactItem(table, write)) }),
    );
    return "committed";
  } catch (error) {
    if (isConflict(error)) return "conflict";
    throw error;
  }
}

/** The octets of an item, about as DynamoDB counts them (never fewer for text, numbers as their digits). */
export function itemBytes(item: Item | Key): number {
  return Buffer.byteLength(JSON.stringify(item));
}

function isConflict(error: unknown): boolean {
  if (!(error instanceof TransactionCanceledException)) return false;
  const codes = (error.CancellationReasons ?? [])
    .map((reason) => reason.Code ?? "None")
    .filter((code) => code !== "None");
  return codes.length > 0 && codes.every((code) => code === "ConditionalCheckFailed" || code === "TransactionConflict");
}

function transactItem(table: Table, write: Write): TransactWriteItem {
  const fields = { TableName: table.name, ...conditionFields(write.condition) };
  if ("check" in write) {
    const { pk, sk } = write.check;
    const check = { ...fields, ConditionExpression: write.condition.expression };
    return { ConditionCheck: { ...check, Key: marshall({ pk, sk }) } };
  }
  if ("put" in write) return { Put: { ...fields, Item: marshallItem(write.put) } };
  return { Delete: { ...fields, Key: marshall({ pk: write.delete.pk, sk: write.delete.sk }) } };
}

function marshallItem(item: Item) {
  return marshall(item, { removeUndefinedValues: true });
}

function conditionFields(condition: Condition | undefined) {
  if (!condition) return {};
  return {
    ConditionExpression: condition.expression,
    ...(condition.names ? { ExpressionAttributeNames: condition.names } : {}),
    ...(condition.values ? { ExpressionAttributeValues: marshall(condition.values) } : {}),
  };
}
