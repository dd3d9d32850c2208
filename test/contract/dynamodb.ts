// What a DynamoDB table must do, as far as the functions use it, run against the local engine and the one in memory.
// The same commands in the same order must give the same answers, errors and stream of changes.

import {
  type AttributeValue,
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";

export type TableUnderTest = {
  client: Pick<DynamoDBClient, "send">;
  name: string;
};

const KEYS = [0, 1, 2, 3].map((n) => ({ pk: `P${n >> 1}`, sk: `S#${n & 1 ? "é" : "a"}` }));

export function dynamodbContract(name: string, open: () => Promise<TableUnderTest>): void {
  describe(`dynamodb contract: ${name}`, () => {
    let table: TableUnderTest;
    beforeEach(async () => {
      table = await open();
    });
    const put = (item: Record<string, unknown>, condition: object = {}) =>
      answerOf(table, new PutItemCommand({ TableName: table.name, Item: marshall(item), ...condition }));
    const get = async (key: { pk: string; sk: string }) => {
      const command = new GetItemCommand({
        TableName: table.name,
        Key: marshall({ pk: key.pk, sk: key.sk }),
        ConsistentRead: true,
      });
      const { Item } = await table.client.send(command);
      return Item && unmarshall(Item);
    };

    test("get: nothing there -> no item; written -> as written, nested too", async () => {
      const item = { pk: "a", sk: "b", list: [1, "x", { deep: true }], none: null, map: {} };
      expect(await get(item)).toBeUndefined();
      await put(item);
      expect(await get(item)).toEqual(item);
    });

    test.each<[string, Record<string, unknown>, boolean]>([
      ["attribute_exists(n)", {}, true],
      ["attribute_not_exists(n)", {}, false],
      ["attribute_not_exists(gone)", {}, true],
      ["n = :v", { ":v": 5 }, true],
      ["n = :v", { ":v": "5" }, false],
      ["n <> :v", { ":v": 5 }, false],
      ["gone <> :v", { ":v": 5 }, true],
      ["gone = :v", { ":v": 5 }, false],
      ["n < :v", { ":v": 10 }, true],
      ["n > :v", { ":v": 10 }, false],
      ["n >= :v", { ":v": 5 }, true],
      ["t < :v", { ":v": "banana" }, true],
      ["t < :v", { ":v": 4 }, false],
      ["gone < :v", { ":v": 4 }, false],
      ["n BETWEEN :a AND :b", { ":a": 5, ":b": 6 }, true],
      ["begins_with(t, :v)", { ":v": "app" }, true],
      ["contains(l, :v)", { ":v": "y" }, true],
      ["contains(t, :v)", { ":v": "ppl" }, true],
      ["l = :v", { ":v": ["x", "y"] }, true],
      ["l = :v", { ":v": ["y", "x"] }, false],
      ["m = :v", { ":v": { b: 2, a: 1 } }, true],
      ["m.a = :v", { ":v": 1 }, true],
      ["size(l) = :v", { ":v": 2 }, true],
      ["NOT n = :v AND t = :t", { ":v": 6, ":t": "apple" }, true],
      ["n = :no OR n = :v AND t = :t", { ":no": 9, ":v": 5, ":t": "apple" }, true],
      ["(n = :v OR n = :no) AND t = :no2", { ":v": 5, ":no": 6, ":no2": "x" }, false],
      ["n = :v OR n = :no AND t = :no2", { ":v": 5, ":no": 6, ":no2": "x" }, true],
    ])("condition: %s with %j -> %s", async (ConditionExpression, values, holds) => {
      await put({ pk: "a", sk: "b", n: 5, t: "apple", l: ["x", "y"], m: { a: 1, b: 2 } });
      const given = Object.keys(values).length > 0 ? { ExpressionAttributeValues: marshall(values) } : {};
      const answer = await put({ pk: "a", sk: "b", n: 6 }, { ConditionExpression, ...given });
      expect(answer).toEqual(holds ? {} : { error: "ConditionalCheckFailedException" });
      expect((await get({ pk: "a", sk: "b" }))?.["n"]).toBe(holds ? 6 : 5);
    });

    test("condition: reserved words as names -> by placeholder", async () => {
      await put({ pk: "a", sk: "b", type: "x" });
      const condition = {
        ConditionExpression: "#type = :type",
        ExpressionAttributeNames: { "#type": "type" },
        ExpressionAttributeValues: marshall({ ":type": "x" }),
      };
      expect(await put({ pk: "a", sk: "b", type: "y" }, condition)).toEqual({});
    });

    test("update: set, sum, default, remove -> as asked; of nothing -> the item is made", async () => {
      const update = (UpdateExpression: string, values: Record<string, unknown>) =>
        answerOf(
          table,
          new UpdateItemCommand({
            TableName: table.name,
            Key: marshall({ pk: "a", sk: "b" }),
            UpdateExpression,
            ...(Object.keys(values).length > 0 ? { ExpressionAttributeValues: marshall(values) } : {}),
            ReturnValues: "ALL_NEW",
          }),
        );
      expect(
        await update("SET n = if_not_exists(n, :zero) + :one, t = :t", { ":zero": 0, ":one": 1, ":t": "x" }),
      ).toEqual({
        attributes: { pk: "a", sk: "b", n: 1, t: "x" },
      });
      expect(await update("SET n = n + :two REMOVE t", { ":two": 2 })).toEqual({
        attributes: { pk: "a", sk: "b", n: 3 },
      });
      expect(await update("ADD n :one", { ":one": 1 })).toEqual({ attributes: { pk: "a", sk: "b", n: 4 } });
    });

    test("query: order, range, limit, filter, start, backwards", async () => {
      for (const sk of ["A#2", "A#10", "A#é", "A#z", "B#1"]) await put({ pk: "a", sk, even: sk.length % 2 === 0 });
      await put({ pk: "b", sk: "A#3" });
      const query = async (fields: object) => {
        const command = new QueryCommand({
          TableName: table.name,
          KeyConditionExpression: "pk = :pk AND begins_with(sk, :a)",
          ExpressionAttributeValues: marshall({ ":pk": "a", ":a": "A#" }),
          ConsistentRead: true,
          ...fields,
        });
        const { Items = [], LastEvaluatedKey } = await table.client.send(command);
        return { found: Items.map((item) => item["sk"]?.S), last: LastEvaluatedKey?.["sk"]?.S };
      };
      expect(await query({})).toEqual({ found: ["A#10", "A#2", "A#z", "A#é"], last: undefined });
      expect(await query({ Limit: 2 })).toEqual({ found: ["A#10", "A#2"], last: "A#2" });
      const start = marshall({ pk: "a", sk: "A#2" });
      expect(await query({ ExclusiveStartKey: start })).toEqual({ found: ["A#z", "A#é"], last: undefined });
      expect(await query({ ScanIndexForward: false, Limit: 1 })).toEqual({ found: ["A#é"], last: "A#é" });
      expect(
        await query({
          FilterExpression: "even = :no",
          ExpressionAttributeValues: marshall({ ":pk": "a", ":a": "A#", ":no": false }),
        }),
      ).toEqual({
        found: ["A#2", "A#z", "A#é"],
        last: undefined,
      });
      const between = {
        KeyConditionExpression: "pk = :pk AND sk BETWEEN :a AND :b",
        ExpressionAttributeValues: marshall({ ":pk": "a", ":a": "A#2", ":b": "A#z" }),
      };
      expect(await query(between)).toEqual({ found: ["A#2", "A#z"], last: undefined });
    });

    test("batch get: keys that are there -> their items, each once", async () => {
      await put({ pk: "a", sk: "b", n: 1 });
      const Keys = [marshall({ pk: "a", sk: "b" }), marshall({ pk: "a", sk: "gone" })];
      const command = new BatchGetItemCommand({ RequestItems: { [table.name]: { Keys, ConsistentRead: true } } });
      const { Responses } = await table.client.send(command);
      expect(Responses?.[table.name]?.map((item) => unmarshall(item))).toEqual([{ pk: "a", sk: "b", n: 1 }]);
    });

    test("transaction: one condition fails -> nothing is written, each reason and the old item is told", async () => {
      await put({ pk: "a", sk: "guard", owner: "x" });
      const answer = await answerOf(
        table,
        transaction(table, [
          { Put: { item: { pk: "a", sk: "new" }, condition: "attribute_not_exists(pk)" } },
          { Put: { item: { pk: "a", sk: "guard" }, condition: "attribute_not_exists(pk)" } },
        ]),
      );
      expect(answer).toEqual({
        error: "TransactionCanceledException",
        reasons: [{ code: "None" }, { code: "ConditionalCheckFailed", item: { pk: "a", sk: "guard", owner: "x" } }],
      });
      expect(await get({ pk: "a", sk: "new" })).toBeUndefined();
    });

    test("transaction: the same token twice -> done once", async () => {
      const writes = [{ Put: { item: { pk: "a", sk: "once" }, condition: "attribute_not_exists(pk)" } }];
      expect(await answerOf(table, transaction(table, writes, "token-1"))).toEqual({});
      expect(await answerOf(table, transaction(table, writes, "token-1"))).toEqual({});
      expect(await answerOf(table, transaction(table, writes, "token-2"))).toMatchObject({
        error: "TransactionCanceledException",
      });
    });
  });
}

type Step =
  | { act: "put" | "delete" | "update"; key: number; value: number; condition: number }
  | {
      act: "transact";
      of: { key: number; value: number; condition: number; act: "put" | "delete" | "check" | "update" }[];
    };

const CONDITIONS = [
  "",
  "attribute_not_exists(pk)",
  "attribute_exists(pk)",
  "v = :c",
  "v <> :c",
  "attribute_not_exists(pk) OR v < :c",
];

const one = { key: fc.nat(KEYS.length - 1), value: fc.nat(3), condition: fc.nat(CONDITIONS.length - 1) };

/** Random writes, mostly refused or accepted about evenly. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ act: fc.constantFrom("put" as const, "delete" as const, "update" as const), ...one }),
    fc.record({
      act: fc.constant("transact" as const),
      of: fc.uniqueArray(
        fc.record({
          act: fc.constantFrom("put" as const, "delete" as const, "check" as const, "update" as const),
          ...one,
        }),
        {
          minLength: 1,
          maxLength: 4,
          selector: ({ key }) => key,
        },
      ),
    }),
  ),
  { minLength: 5, maxLength: 25 },
);

/** Runs the steps and gives each one's answer, then the table's content. */
export async function play(table: TableUnderTest, plan: readonly Step[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  const TableName = table.name;
  const conditionOf = (condition: number, value: number) => {
    const ConditionExpression = CONDITIONS[condition];
    if (!ConditionExpression) return {};
    const values = ConditionExpression.includes(":c") ? { ":c": { N: String(value) } } : {};
    return { ConditionExpression, values };
  };
  const fields = (
    { ConditionExpression, values = {} }: { ConditionExpression?: string; values?: object },
    more: object = {},
  ) => {
    const all = { ...values, ...more } as Record<string, AttributeValue>;
    return {
      ...(ConditionExpression ? { ConditionExpression } : {}),
      ...(Object.keys(all).length > 0 ? { ExpressionAttributeValues: all } : {}),
    };
  };
  const SET = { UpdateExpression: "SET v = if_not_exists(v, :zero) + :v" };
  for (const step of plan) {
    if (step.act === "transact") {
      const TransactItems = step.of.map(({ act, key, value, condition }) => {
        const Key = marshall(KEYS[key] ?? {});
        const given = conditionOf(condition, value);
        const report = given.ConditionExpression ? { ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const } : {};
        if (act === "put")
          return { Put: { TableName, Item: { ...Key, v: { N: String(value) } }, ...fields(given), ...report } };
        if (act === "delete") return { Delete: { TableName, Key, ...fields(given), ...report } };
        if (act === "update") {
          return {
            Update: {
              TableName,
              Key,
              ...SET,
              ...fields(given, { ":v": { N: String(value) }, ":zero": { N: "0" } }),
              ...report,
            },
          };
        }
        return { ConditionCheck: { TableName, Key, ConditionExpression: "attribute_exists(pk)" } };
      });
      answers.push(await answerOf(table, new TransactWriteItemsCommand({ TransactItems })));
      continue;
    }
    const Key = marshall(KEYS[step.key] ?? {});
    const given = conditionOf(step.condition, step.value);
    const v = { N: String(step.value) };
    const command =
      step.act === "put"
        ? new PutItemCommand({ TableName, Item: { ...Key, v }, ...fields(given), ReturnValues: "ALL_OLD" })
        : step.act === "delete"
          ? new DeleteItemCommand({ TableName, Key, ...fields(given), ReturnValues: "ALL_OLD" })
          : new UpdateItemCommand({
              TableName,
              Key,
              ...SET,
              ...fields(given, { ":v": v, ":zero": { N: "0" } }),
              ReturnValues: "ALL_NEW",
            });
    answers.push(await answerOf(table, command));
  }
  for (const key of KEYS) {
    const { Item } = await table.client.send(
      new GetItemCommand({ TableName, Key: marshall(key), ConsistentRead: true }),
    );
    answers.push(Item ? unmarshall(Item) : "absent");
  }
  return answers;
}

type PlannedPut = { Put: { item: Record<string, unknown>; condition: string } };

function transaction(table: TableUnderTest, writes: readonly PlannedPut[], token?: string): TransactWriteItemsCommand {
  const TransactItems = writes.map(({ Put }) => ({
    Put: {
      TableName: table.name,
      Item: marshall(Put.item),
      ConditionExpression: Put.condition,
      ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
    },
  }));
  return new TransactWriteItemsCommand({ TransactItems, ClientRequestToken: token });
}

type WriteCommand = PutItemCommand | DeleteItemCommand | UpdateItemCommand | TransactWriteItemsCommand;

/** A command's answer or error without what differs from engine to engine. */
async function answerOf(table: TableUnderTest, command: WriteCommand): Promise<object> {
  try {
    const { Attributes } = (await table.client.send(command as PutItemCommand)) as {
      Attributes?: Record<string, AttributeValue>;
    };
    return Attributes ? { attributes: unmarshall(Attributes) } : {};
  } catch (error) {
    const { name, CancellationReasons } = error as Error & {
      CancellationReasons?: { Code?: string; Item?: Record<string, AttributeValue> }[];
    };
    if (!CancellationReasons) return { error: name };
    const reasons = CancellationReasons.map(({ Code, Item }) => ({
      code: Code,
      ...(Item ? { item: unmarshall(Item) } : {}),
    }));
    return { error: name, reasons };
  }
}
