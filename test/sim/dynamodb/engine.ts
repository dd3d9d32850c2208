// A DynamoDB table in memory, behind the SDK client's own `send`: the code under test builds the same commands and reads
// the same answers and errors. Writes leave stream records in the order in which they happened. Passes the contract of
// the real engine (test/contract/dynamodb.ts). One table with pk and sk; no indexes, no capacity, no clock of its own.

import {
  type AttributeValue,
  BatchGetItemCommand,
  type CancellationReason,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { compareText, equal, holds, type Placeholders, updated, type WireItem } from "./expression.ts";

/** One change of one item, as the stream tells it. */
export type Change = { readonly before: WireItem | undefined; readonly after: WireItem | undefined };

export type MemoryDynamo = {
  readonly client: Pick<DynamoDBClient, "send">;
  /** Items in no order. */
  items(): WireItem[];
  /** Deletes an item as TTL does, if it is still there. */
  expire(item: WireItem): void;
};

type Written = { ConditionExpression?: string | undefined } & NamesAndValues & { old?: boolean };
type NamesAndValues = {
  ExpressionAttributeNames?: Record<string, string> | undefined;
  ExpressionAttributeValues?: Record<string, AttributeValue> | undefined;
};

const NO_METADATA = { $metadata: {} };
/** BatchGetItem answers at most 16 MB; this many items keeps callers honest about UnprocessedKeys. */
const BATCH_ANSWERED = 100;

/** An empty table; `onChange` hears every change, in order. */
export function createMemoryDynamo(onChange: (change: Change) => void = () => {}): MemoryDynamo {
  const partitions = new Map<string, Map<string, WireItem>>();
  const sorted = new Map<string, string[]>();
  const tokens = new Map<string, unknown>();

  function read(key: WireItem): WireItem | undefined {
    return partitions.get(textOf(key, "pk"))?.get(textOf(key, "sk"));
  }

  function write(key: WireItem, after: WireItem | undefined): void {
    const [pk, sk] = [textOf(key, "pk"), textOf(key, "sk")];
    const partition = partitions.get(pk) ?? new Map<string, WireItem>();
    partitions.set(pk, partition);
    const before = partition.get(sk);
    if (after) partition.set(sk, after);
    else partition.delete(sk);
    if ((before === undefined) !== (after === undefined)) sorted.delete(pk);
    // A write that changes nothing leaves no record.
    if (before === after || equal(before && { M: before }, after && { M: after })) return;
    onChange({ before, after });
  }

  function sortKeys(pk: string): string[] {
    let keys = sorted.get(pk);
    if (!keys) sorted.set(pk, (keys = [...(partitions.get(pk)?.keys() ?? [])].sort(compareText)));
    return keys;
  }

  function allowed(input: Written, item: WireItem | undefined): boolean {
    return input.ConditionExpression === undefined || holds(input.ConditionExpression, item, placeholders(input));
  }

  function query({ input }: QueryCommand) {
    const given = placeholders(input);
    const { partition, range } = keyCondition(input.KeyConditionExpression ?? "");
    const pk = given.values[partition]?.S;
    if (pk === undefined) throw new Error(`ValidationException: ${partition} is no text`);
    const start = input.ExclusiveStartKey && textOf(input.ExclusiveStartKey, "sk");
    const forward = input.ScanIndexForward !== false;
    const found: WireItem[] = [];
    let seen = 0;
    let last: WireItem | undefined;
    const keys = sortKeys(pk);
    const items = partitions.get(pk);
    for (const sk of forward ? keys : keys.slice().reverse()) {
      if (start !== undefined && (forward ? compareText(sk, start) <= 0 : compareText(sk, start) >= 0)) continue;
      const item = items?.get(sk);
      if (!item || (range !== undefined && !holds(range, item, given))) continue;
      seen++;
      last = item;
      if (input.FilterExpression === undefined || holds(input.FilterExpression, item, given)) found.push(item);
      if (seen === input.Limit) break;
    }
    const more = seen === input.Limit && last ? { LastEvaluatedKey: keyOf(last) } : {};
    return { ...NO_METADATA, Items: found, Count: found.length, ScannedCount: seen, ...more };
  }

  function transact({ input }: TransactWriteItemsCommand) {
    const token = input.ClientRequestToken;
    if (token !== undefined && tokens.has(token)) return NO_METADATA;
    const planned: { key: WireItem; after: WireItem | undefined | "check" }[] = [];
    const reasons: CancellationReason[] = [];
    for (const { Put, Delete, Update, ConditionCheck } of input.TransactItems ?? []) {
      const each = Put ?? Delete ?? Update ?? ConditionCheck;
      const key = Put?.Item ? keyOf(Put.Item) : keyOf(Delete?.Key ?? Update?.Key ?? ConditionCheck?.Key ?? {});
      if (!each) throw new Error("a transaction item without an action");
      if (planned.some((other) => equal({ M: other.key }, { M: key }))) {
        throw new Error("ValidationException: Transaction request cannot include multiple operations on one item");
      }
      const before = read(key);
      const ok = allowed(each, before);
      const shown = each.ReturnValuesOnConditionCheckFailure === "ALL_OLD" && before ? { Item: before } : {};
      reasons.push(ok ? { Code: "None" } : { Code: "ConditionalCheckFailed", Message: CHECK_FAILED, ...shown });
      const after = Put
        ? Put.Item
        : Update
          ? updated(Update.UpdateExpression ?? "", before ?? key, placeholders(Update))
          : ConditionCheck
            ? "check"
            : undefined;
      planned.push({ key, after });
    }
    if (reasons.some((reason) => reason.Code !== "None")) throw cancelled(reasons);
    for (const { key, after } of planned) if (after !== "check") write(key, after);
    if (token !== undefined) tokens.set(token, true);
    return NO_METADATA;
  }

  function single(input: Written, key: WireItem, after: (before: WireItem | undefined) => WireItem | undefined) {
    const before = read(key);
    if (!allowed(input, before)) throw checkFailed(before);
    write(key, after(before));
    return { before, after: read(key) };
  }

  function run(command: unknown): unknown {
    if (command instanceof GetItemCommand) {
      const Item = read(command.input.Key ?? {});
      return { ...NO_METADATA, ...(Item ? { Item } : {}) };
    }
    if (command instanceof BatchGetItemCommand) {
      const [table, request] = Object.entries(command.input.RequestItems ?? {})[0] ?? ["", undefined];
      const keys = request?.Keys ?? [];
      if (keys.length > 100) throw new Error("ValidationException: too many keys in a batch");
      const items = keys
        .slice(0, BATCH_ANSWERED)
        .map(read)
        .filter((item) => item !== undefined);
      return { ...NO_METADATA, Responses: { [table]: items }, UnprocessedKeys: {} };
    }
    if (command instanceof QueryCommand) return query(command);
    if (command instanceof TransactWriteItemsCommand) return transact(command);
    if (command instanceof PutItemCommand) {
      const { Item = {} } = command.input;
      const { before } = single(command.input, keyOf(Item), () => Item);
      return { ...NO_METADATA, ...(command.input.ReturnValues === "ALL_OLD" && before ? { Attributes: before } : {}) };
    }
    if (command instanceof DeleteItemCommand) {
      const { before } = single(command.input, command.input.Key ?? {}, () => undefined);
      return { ...NO_METADATA, ...(command.input.ReturnValues === "ALL_OLD" && before ? { Attributes: before } : {}) };
    }
    if (command instanceof UpdateItemCommand) {
      const { Key = {}, UpdateExpression = "", ReturnValues } = command.input;
      const { before, after } = single(command.input, Key, (item) =>
        updated(UpdateExpression, item ?? Key, placeholders(command.input)),
      );
      const shown = ReturnValues === "ALL_NEW" ? after : ReturnValues === "ALL_OLD" ? before : undefined;
      return { ...NO_METADATA, ...(shown ? { Attributes: shown } : {}) };
    }
    throw new Error(`the table in memory knows no ${(command as object).constructor.name}`);
  }

  return {
    // `send` is overloaded for each command's answer; here the command decides it at run time.
    client: { send: async (command: unknown): Promise<never> => run(command) as never },
    items: () => [...partitions.values()].flatMap((partition) => [...partition.values()]),
    expire: (item) => write(keyOf(item), undefined),
  };
}

const CHECK_FAILED = "The conditional request failed";

function checkFailed(before: WireItem | undefined): ConditionalCheckFailedException {
  const shown = before ? { Item: before } : {};
  return new ConditionalCheckFailedException({ $metadata: {}, message: CHECK_FAILED, ...shown });
}

/** The error of a transaction that was cancelled for these reasons, one per item. */
export function cancelled(reasons: CancellationReason[]): TransactionCanceledException {
  const codes = reasons.map((reason) => reason.Code).join(", ");
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return new TransactionCanceledException({ $metadata: {}, message, CancellationReasons: reasons });
}

function placeholders(input: NamesAndValues): Placeholders {
  return { names: input.ExpressionAttributeNames ?? {}, values: input.ExpressionAttributeValues ?? {} };
}

type KeyCondition = { readonly partition: string; readonly range: string | undefined };
const keyConditions = new Map<string, KeyCondition>();

/** The value that names the partition (`pk = :x`, which comes first), and what is asked of the sort key. */
function keyCondition(expression: string): KeyCondition {
  let known = keyConditions.get(expression);
  if (!known) {
    const [, partition, range] = /^\s*(?:#\w+|pk)\s*=\s*(:\w+)(?:\s+AND\s+(.+))?$/.exec(expression) ?? [];
    if (partition === undefined) throw new Error(`not a key condition: ${expression}`);
    keyConditions.set(expression, (known = { partition, range }));
  }
  return known;
}

function textOf(item: WireItem, name: "pk" | "sk"): string {
  const text = item[name]?.S;
  if (text === undefined) throw new Error(`ValidationException: an item without ${name}`);
  return text;
}

function keyOf(item: WireItem): WireItem {
  return { pk: { S: textOf(item, "pk") }, sk: { S: textOf(item, "sk") } };
}
