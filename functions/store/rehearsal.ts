// A store for somebody who only wants to see what would come of a write: it reads the table, keeps what is written to
// itself, and reads its own writes over the table's items. So every command, batch and cascade runs here as it would for
// real, with the same conditions and the same refusals, and nothing is written anywhere.

import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import type { ResourceRef } from "../domain/resource.ts";
import type { Fence, Write } from "../domain/write.ts";
import { type Condition, fencedBy, isNotBeingDeleted, isNotDeleted, versionIs } from "./condition.ts";
import type { Item } from "./item.ts";
import { allHold, failureOf, itemAfter, type PlainItem } from "./judge.ts";
import { type Key, resourceKey, writeKey } from "./key.ts";
import { type Slice, skOf, type TableReader } from "./read.ts";
import { createReads } from "./reads.ts";
import { unfencing } from "./stale-fence.ts";
import type { Committed, Rehearsal } from "./store.ts";
import { MAX_TRANSACTION_ITEMS } from "./transaction.ts";

/** `now` as the store itself has it: fences that are stale to it are stale here. */
export function createRehearsal(table: TableReader, now?: () => number): Rehearsal {
  const { reader, set } = createOverlay(table);
  const committed: Write[] = [];
  const plainAt = async (key: Key): Promise<PlainItem | undefined> => {
    const item = await reader.get(key);
    return item && unmarshall(item);
  };
  const holdsAt = async (key: Key, ...conditions: readonly Condition[]) => {
    const item = await plainAt(key);
    return item && allHold(conditions, item) ? item : undefined;
  };

  async function commit(writes: readonly Write[]): Promise<Committed> {
    if (writes.length > MAX_TRANSACTION_ITEMS) throw new Error(`a transaction of ${writes.length} writes`);
    const items = (await reader.many(writes.map(writeKey))).map((item) => item && unmarshall(item));
    const [first, ...more] = writes.flatMap((write, at) => failureOf(write, items[at]) ?? []);
    if (first) return { kind: "failed", failed: [first, ...more] };
    writes.forEach((write, at) => set(writeKey(write), itemAfter(write, items[at])));
    committed.push(...writes);
    return { kind: "committed" };
  }

  async function fence({ ref, version, why }: Fence, token: string): Promise<boolean> {
    const key = resourceKey(ref);
    const alive = why.kind === "deleting" ? [isNotDeleted] : [isNotDeleted, isNotBeingDeleted];
    const item = await holdsAt(key, versionIs(version), ...alive);
    if (!item) return false;
    const mark = why.kind === "deleting" ? { deleting: true } : { narrowing: [...why.subnets] };
    set(key, { ...item, ...mark, fence: token, ...(now ? { fencedAtMs: now() } : {}) });
    return true;
  }

  async function unfence(ref: ResourceRef, token: string): Promise<void> {
    const key = resourceKey(ref);
    const item = await holdsAt(key, fencedBy(token));
    if (!item) return;
    const { deleting: _, narrowing: __, fence: ___, fencedAtMs: ____, ...rest } = item;
    set(key, rest);
  }

  // One after the other, as transactions on the same items would be.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const done = last.then(act);
    last = done.catch(() => undefined);
    return done;
  };

  return {
    ...createReads(reader, unfencing(reader, unfence, now)),
    commit: (writes) => inTurn(() => commit(writes)),
    fence: (asked, token) => inTurn(() => fence(asked, token)),
    unfence: (ref, token) => inTurn(() => unfence(ref, token)),
    rehearsal: () => createRehearsal(reader, now),
    committed,
  };
}

/** The table with items of our own over its: undefined where one is gone. */
function createOverlay(table: TableReader) {
  const own = new Map<string, Map<string, Item | undefined>>();

  const heldAt = ({ pk, sk }: Key): { item: Item | undefined } | undefined => {
    const partition = own.get(pk);
    return partition?.has(sk) ? { item: partition.get(sk) } : undefined;
  };

  /** A page of the table, with what is ours in its stretch put in, and what is gone left out. */
  async function query(slice: Slice) {
    const { pk, from, to, prefix = "", after, descending = false, notDeleted, limit } = slice;
    const partition = own.get(pk);
    if (!partition) return table.query(slice);
    // Counting needs the items here: which of ours are new cannot be told from a number.
    const { count: _, ...asItems } = slice;
    const page = await table.query(slice.count ? { ...asItems, keysOnly: true } : slice);
    const isAfter = (a: string, b: string) => (descending ? a < b : a > b);
    const inStretch = (sk: string) =>
      sk.startsWith(prefix) &&
      (from === undefined || (sk >= from && sk <= (to ?? sk))) &&
      (after === undefined || isAfter(sk, after)) &&
      (page.next === undefined || !isAfter(sk, page.next));
    const ours = [...partition].filter(([sk]) => inStretch(sk));
    const items = [
      ...page.items.filter((item) => !partition.has(skOf(item))),
      ...ours.flatMap(([, item]) => (item && !(notDeleted && item["deleted"]) ? [item] : [])),
    ].sort((a, b) => (isAfter(skOf(b), skOf(a)) ? -1 : 1));
    if (limit === undefined || items.length <= limit) return { items, count: items.length, next: page.next };
    const shown = items.slice(0, limit);
    const last = shown.at(-1);
    return { items: shown, count: shown.length, next: last && skOf(last) };
  }

  const reader: TableReader = {
    get: async (key) => {
      const held = heldAt(key);
      return held ? held.item : table.get(key);
    },
    async many(keys) {
      const read = await table.many(keys.filter((key) => !heldAt(key)));
      let at = 0;
      return keys.map((key) => {
        const held = heldAt(key);
        return held ? held.item : read[at++];
      });
    },
    query,
  };

  const set = ({ pk, sk }: Key, item: PlainItem | undefined): void => {
    const partition = own.get(pk) ?? new Map<string, Item | undefined>();
    own.set(pk, partition.set(sk, item && marshall(item, { removeUndefinedValues: true })));
  };

  return { reader, set };
}
