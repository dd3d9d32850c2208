// The store in memory: the same items under the same keys, with the conditions judged here instead of by DynamoDB.
// Every operation yields once, so that concurrent requests interleave between their reads and writes as they would.

import { marshall } from "@aws-sdk/util-dynamodb";
import {
  type Condition,
  fencedBy,
  isNotBeingDeleted,
  isNotDeleted,
  versionIs,
} from "../../functions/store/condition.ts";
import type { Item } from "../../functions/store/item.ts";
import { allHold, failureOf, itemAfter, type PlainItem } from "../../functions/store/judge.ts";
import { type Key, resourceKey, writeKey } from "../../functions/store/key.ts";
import type { Slice } from "../../functions/store/read.ts";
import { createReads } from "../../functions/store/reads.ts";
import { createRehearsal } from "../../functions/store/rehearsal.ts";
import type { Store } from "../../functions/store/store.ts";
import { MAX_TRANSACTION_ITEMS } from "../../functions/store/transaction.ts";
import { canonicalJson } from "../../shared/message/digest.ts";

export type MemoryStore = Store & {
  /** Every item, by key, in canonical JSON: equal texts are equal tables. */
  dump(): Promise<string>;
};

export function createMemoryStore(): MemoryStore {
  const table = new Map<string, Map<string, PlainItem>>();
  const peek = ({ pk, sk }: Key) => table.get(pk)?.get(sk);
  const read = async (key: Key): Promise<Item | undefined> => {
    await Promise.resolve();
    const plain = peek(key);
    return plain && marshall(plain, { removeUndefinedValues: true });
  };
  const set = ({ pk, sk }: Key, item: PlainItem) => {
    const partition = table.get(pk) ?? new Map<string, PlainItem>();
    table.set(pk, partition.set(sk, item));
  };
  const hold = (key: Key, conditions: readonly Condition[]) => allHold(conditions, peek(key));

  const many = (keys: readonly Key[]) => Promise.all(keys.map(read));
  const skList = (pk: string) => [...(table.get(pk)?.keys() ?? [])].sort();

  /** One page of everything: the pages of the real one are its contract's business. */
  async function query({ pk, from, to, prefix = "", after, descending = false, limit }: Slice) {
    const sks = skList(pk).filter(
      (sk) => sk.startsWith(prefix) && (from === undefined || (sk >= from && sk <= (to ?? sk))),
    );
    if (descending) sks.reverse();
    const rest = sks.filter((sk) => after === undefined || (descending ? sk < after : sk > after));
    const shown = rest.slice(0, limit);
    const items = (await many(shown.map((sk) => ({ pk, sk })))).filter((item) => item !== undefined);
    return { items, count: items.length, next: shown.length < rest.length ? shown.at(-1) : undefined };
  }

  const reader = { get: read, many, query };
  return {
    ...createReads(reader, (_refs, items) => Promise.resolve(items)),
    rehearsal: () => createRehearsal(reader),
    async commit(writes) {
      await Promise.resolve();
      if (writes.length > MAX_TRANSACTION_ITEMS) throw new Error(`a transaction of ${writes.length} writes`);
      const keys = new Set(writes.map((write) => JSON.stringify(writeKey(write))));
      if (keys.size < writes.length) throw new Error("an item is written twice in one transaction");
      const [first, ...more] = writes.flatMap((write) => failureOf(write, peek(writeKey(write))) ?? []);
      if (first) return { kind: "failed", failed: [first, ...more] };
      for (const write of writes) {
        const key = writeKey(write);
        const after = itemAfter(write, peek(key));
        if (after) set(key, after);
        else table.get(key.pk)?.delete(key.sk);
      }
      return { kind: "committed" };
    },
    async fence({ ref, version, why }, token) {
      await Promise.resolve();
      const alive = why.kind === "deleting" ? [isNotDeleted] : [isNotDeleted, isNotBeingDeleted];
      const key = resourceKey(ref);
      if (!hold(key, [versionIs(version), ...alive])) return false;
      const mark = why.kind === "deleting" ? { deleting: true } : { narrowing: [...why.subnets] };
      set(key, { ...peek(key), ...mark, fence: token });
      return true;
    },
    async unfence(ref, token) {
      await Promise.resolve();
      const key = resourceKey(ref);
      if (!hold(key, [fencedBy(token)])) return;
      const { deleting: _, narrowing: __, fence: ___, ...rest } = peek(key) ?? {};
      set(key, rest);
    },
    async dump() {
      await Promise.resolve();
      const items = [...table].flatMap(([pk, partition]) => [...partition].map(([sk, item]) => [`${pk} ${sk}`, item]));
      return canonicalJson(Object.fromEntries(items));
    },
  };
}
