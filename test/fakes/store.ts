// The store in memory: the same items under the same keys, with the conditions judged here instead of by DynamoDB.
// Every operation yields once, so that concurrent requests interleave between their reads and writes as they would.

import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import type { ResourceKind, ResourceOf } from "../../functions/domain/resource.ts";
import { readAuditPage } from "../../functions/store/audit.ts";
import {
  type Condition,
  fencedBy,
  isNotBeingDeleted,
  isNotDeleted,
  versionIs,
} from "../../functions/store/condition.ts";
import { gapsBefore } from "../../functions/store/gaps.ts";
import {
  additionsOf,
  type Item,
  itemOf,
  readBook,
  readChange,
  readHeld,
  readMemo,
  readOwner,
  readPort,
  readRoom,
} from "../../functions/store/item.ts";
import {
  bookKey,
  changeKey,
  guardKey,
  guardNumber,
  type Key,
  listedKey,
  listRange,
  memoKey,
  portKey,
  resourceKey,
  roomKey,
  type Span,
  spanRange,
  writeKey,
} from "../../functions/store/key.ts";
import type { Slice } from "../../functions/store/read.ts";
import { type Failed, type ListOf, MAX_EXAMINED, type PageRequest, type Store } from "../../functions/store/store.ts";
import { conditionsOf, MAX_TRANSACTION_ITEMS } from "../../functions/store/transaction.ts";
import { canonicalJson } from "../../shared/message/digest.ts";

type Plain = Record<string, unknown>;

export type MemoryStore = Store & {
  /** Every item, by key, in canonical JSON: equal texts are equal tables. */
  dump(): Promise<string>;
};

export function createMemoryStore(): MemoryStore {
  const table = new Map<string, Map<string, Plain>>();
  const peek = ({ pk, sk }: Key) => table.get(pk)?.get(sk);
  const read = async (key: Key): Promise<Item | undefined> => {
    await Promise.resolve();
    const plain = peek(key);
    return plain && marshall(plain, { removeUndefinedValues: true });
  };
  const set = ({ pk, sk }: Key, item: Plain) => {
    const partition = table.get(pk) ?? new Map<string, Plain>();
    table.set(pk, partition.set(sk, item));
  };
  const hold = (key: Key, conditions: readonly Condition[]) =>
    conditions.every((condition) => holds(condition, peek(key)));

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

  function takenIn(span: Span): bigint[] {
    const { pk, from, to } = spanRange(span);
    return skList(pk)
      .filter((sk) => sk >= from && sk <= to)
      .map(guardNumber);
  }

  return {
    get: async (ref) => readHeld(ref.kind, await read(resourceKey(ref))),
    async many(refs) {
      const items = await many(refs.map(resourceKey));
      return refs.map((ref, index) => readHeld(ref.kind, items[index]));
    },
    change: async (id) => readChange(await read(changeKey(id))),
    owner: async (guard) => readOwner(await read(guardKey(guard))),
    ports: async (places) => (await many(places.map(({ host, port }) => portKey(host, port)))).map(readPort),
    book: async (router) => readBook(await read(bookKey(router))),
    room: async (tenant) => readRoom(await read(roomKey(tenant))),
    memo: async (id) => readMemo(await read(memoKey(id))),
    audit: (asked, page) => readAuditPage({ get: read, many, query }, asked, page),
    async free(span, want) {
      await Promise.resolve();
      const { first, last } = spanRange(span);
      const gaps: bigint[] = [];
      let at = first;
      for (const taken of [...takenIn(span), last + 1n]) {
        gaps.push(...gapsBefore(at, taken, want - gaps.length));
        at = taken + 1n;
      }
      return gaps;
    },
    async used(span) {
      await Promise.resolve();
      return takenIn(span).length;
    },
    async commit(writes) {
      await Promise.resolve();
      if (writes.length > MAX_TRANSACTION_ITEMS) throw new Error(`a transaction of ${writes.length} writes`);
      const keys = new Set(writes.map((write) => JSON.stringify(writeKey(write))));
      if (keys.size < writes.length) throw new Error("an item is written twice in one transaction");
      const failed: Failed[] = writes.flatMap((write) => {
        if (hold(writeKey(write), conditionsOf(write))) return [];
        const item = peek(writeKey(write));
        const owner = write.write === "claim" ? item?.["owner"] : write.write === "take-port" && item?.["network"];
        return [typeof owner === "string" ? { write, owner } : { write }];
      });
      const [first, ...more] = failed;
      if (first) return { kind: "failed", failed: [first, ...more] };
      for (const write of writes) {
        const key = writeKey(write);
        const item = itemOf(write);
        const additions = additionsOf(write);
        if (item) set(key, unmarshall(item));
        else if (additions) {
          const before = peek(key) ?? { ...key };
          const sums = Object.entries(additions.add).map(([name, by]) => [name, Number(before[name] ?? 0) + by]);
          set(key, { ...before, ...additions.set, ...Object.fromEntries(sums) });
        } else if (write.write !== "require") table.get(key.pk)?.delete(key.sk);
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
    async list<K extends ResourceKind>(
      list: ListOf<K>,
      { limit, position }: PageRequest,
      keep: (resource: ResourceOf[K]) => boolean = () => true,
    ) {
      await Promise.resolve();
      const { pk, prefix, holds } = listRange(list);
      const items: ResourceOf[K][] = [];
      let last = position;
      let examined = 0;
      for (const sk of skList(pk)) {
        if (!sk.startsWith(prefix) || (position !== undefined && sk <= prefix + position)) continue;
        const plain = peek(holds === "index" ? listedKey(list, sk) : { pk, sk });
        const held = readHeld<K>(list.kind as K, plain && marshall(plain, { removeUndefinedValues: true }));
        if (examined++ >= MAX_EXAMINED && last !== undefined) return { items, next: last };
        if (held.state === "live" && keep(held.resource)) {
          if (items.length === limit) return last === undefined ? { items } : { items, next: last };
          items.push(held.resource);
        }
        last = sk.slice(prefix.length);
      }
      return { items };
    },
    async dump() {
      await Promise.resolve();
      const items = [...table].flatMap(([pk, partition]) => [...partition].map(([sk, item]) => [`${pk} ${sk}`, item]));
      return canonicalJson(Object.fromEntries(items));
    },
  };
}

function holds({ attribute, operator, value }: Condition, item: Plain | undefined): boolean {
  const present = item !== undefined && attribute in item;
  if (operator === "exists") return present;
  if (operator === "not-exists") return !present;
  if (operator === "absent-or=" && !present) return true;
  if (operator === ">=") return present && Number(item[attribute]) >= Number(value);
  return present && canonicalJson(item[attribute]) === canonicalJson(value);
}
