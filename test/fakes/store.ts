// The store in memory: the same items under the same keys, with the conditions judged here instead of by DynamoDB.
// Every operation yields once, so that concurrent requests interleave between their reads and writes as they would.

import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import type { ResourceKind } from "../../functions/domain/resource.ts";
import {
  type Condition,
  fencedBy,
  isNotBeingDeleted,
  isNotDeleted,
  versionIs,
} from "../../functions/store/condition.ts";
import { itemOf, readChange, readHeld } from "../../functions/store/item.ts";
import { changeKey, type Key, listedKey, listRange, resourceKey, writeKey } from "../../functions/store/key.ts";
import type { Failed, ListOf, PageRequest, Store } from "../../functions/store/store.ts";
import { conditionsOf } from "../../functions/store/transaction.ts";
import { canonicalJson } from "../../shared/message/digest.ts";

type Plain = Record<string, unknown>;

export type MemoryStore = Store & {
  /** Every item, by key, in canonical JSON: equal texts are equal tables. */
  dump(): Promise<string>;
};

export function createMemoryStore(): MemoryStore {
  const table = new Map<string, Plain>();
  const at = ({ pk, sk }: Key) => `${pk} ${sk}`;
  const read = (key: Key) => {
    const plain = table.get(at(key));
    return plain && marshall(plain);
  };
  const hold = (key: Key, conditions: readonly Condition[]) =>
    conditions.every((condition) => holds(condition, table.get(at(key))));

  return {
    async get(ref) {
      await Promise.resolve();
      return readHeld(ref.kind, read(resourceKey(ref)));
    },
    async change(id) {
      await Promise.resolve();
      const item = read(changeKey(id));
      return item && readChange(item);
    },
    async commit(writes) {
      await Promise.resolve();
      const failed: Failed[] = writes.flatMap((write) => {
        if (hold(writeKey(write), conditionsOf(write))) return [];
        const owner = write.write === "claim" ? table.get(at(writeKey(write)))?.["owner"] : undefined;
        return [typeof owner === "string" ? { write, owner } : { write }];
      });
      const [first, ...more] = failed;
      if (first) return { kind: "failed", failed: [first, ...more] };
      for (const write of writes) {
        const item = itemOf(write);
        if (item) table.set(at(writeKey(write)), unmarshall(item));
        else if (write.write !== "require") table.delete(at(writeKey(write)));
      }
      return { kind: "committed" };
    },
    async fence({ ref, version, why }, token) {
      await Promise.resolve();
      const alive = why.kind === "deleting" ? [isNotDeleted] : [isNotDeleted, isNotBeingDeleted];
      const key = resourceKey(ref);
      if (!hold(key, [versionIs(version), ...alive])) return false;
      const mark = why.kind === "deleting" ? { deleting: true } : { narrowing: [...why.subnets] };
      table.set(at(key), { ...table.get(at(key)), ...mark, fence: token });
      return true;
    },
    async unfence(ref, token) {
      await Promise.resolve();
      const key = resourceKey(ref);
      if (!hold(key, [fencedBy(token)])) return;
      const { deleting: _, narrowing: __, fence: ___, ...rest } = table.get(at(key)) ?? {};
      table.set(at(key), rest);
    },
    async list<K extends ResourceKind>(list: ListOf<K>, { limit, position }: PageRequest) {
      await Promise.resolve();
      const { pk, prefix, holds } = listRange(list);
      const after = position === undefined ? "" : prefix + position;
      const found = [...table.values()]
        .map((item) => ({ pk: String(item["pk"]), sk: String(item["sk"]) }))
        .filter((key) => key.pk === pk && key.sk.startsWith(prefix) && key.sk > after)
        .sort((a, b) => (a.sk < b.sk ? -1 : 1))
        .flatMap((key) => {
          const held = readHeld<K>(list.kind as K, read(holds === "index" ? listedKey(list, key.sk) : key));
          return held.state === "live" ? [{ position: key.sk.slice(prefix.length), resource: held.resource }] : [];
        });
      const shown = found.slice(0, limit);
      const items = shown.map(({ resource }) => resource);
      const next = found.length > limit ? shown.at(-1)?.position : undefined;
      return next === undefined ? { items } : { items, next };
    },
    async dump() {
      await Promise.resolve();
      return canonicalJson(Object.fromEntries(table));
    },
  };
}

function holds({ attribute, operator, value }: Condition, item: Plain | undefined): boolean {
  const present = item !== undefined && attribute in item;
  if (operator === "exists") return present;
  if (operator === "not-exists") return !present;
  return present && canonicalJson(item[attribute]) === canonicalJson(value);
}
