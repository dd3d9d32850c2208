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
import type { ResourceKind, ResourceOf } from "../domain/resource.ts";
import type { Fence, Write } from "../domain/write.ts";
import { readAuditPage } from "./audit.ts";
import { allOf, fencedBy, isNotBeingDeleted, isNotDeleted, versionIs } from "./condition.ts";
import { gapsBefore } from "./gaps.ts";
import { type Item, readBook, readChange, readHeld, readMemo, readOwner, readPort, readRoom } from "./item.ts";
import {
  bookKey,
  changeKey,
  guardKey,
  guardNumber,
  listedKey,
  listRange,
  memoKey,
  portKey,
  resourceKey,
  roomKey,
  type Span,
  spanRange,
} from "./key.ts";
import { createReader, skOf } from "./read.ts";
import { type Pacing, withRetries } from "./retry.ts";
import { type Committed, type ListOf, MAX_EXAMINED, type Page, type PageRequest, type Store } from "./store.ts";
import { staleFence } from "./stale-fence.ts";
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

  /** The items, with fences that nobody will take down taken down. */
  async function unfenced(refs: readonly Fence["ref"][], items: readonly (Item | undefined)[]) {
    const stale = now ? items.map((item) => staleFence(item, now())) : [];
    if (!stale.some((token) => token !== undefined)) return items;
    for (const [index, token] of stale.entries()) {
      const ref = refs[index];
      if (ref && token !== undefined) await unfence(ref, token);
    }
    return reader.many(refs.map(resourceKey));
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

  async function list<K extends ResourceKind>(
    list: ListOf<K>,
    page: PageRequest,
    keep: (resource: ResourceOf[K]) => boolean = () => true,
  ): Promise<Page<ResourceOf[K]>> {
    const { pk, prefix, holds } = listRange(list);
    const items: ResourceOf[K][] = [];
    let last = page.position;
    for (let examined = 0; examined < MAX_EXAMINED; ) {
      const limit = Math.min(page.limit + 1, MAX_EXAMINED);
      const after = last === undefined ? {} : { after: prefix + last };
      const found = await reader.query({ pk, prefix, limit, notDeleted: holds === "resources", ...after });
      const resources =
        holds === "resources" ? found.items : await reader.many(found.items.map((item) => listedKey(list, skOf(item))));
      for (const [index, item] of found.items.entries()) {
        const held = readHeld<K>(list.kind as K, resources[index]);
        if (held.state === "live" && keep(held.resource)) {
          if (items.length === page.limit) return last === undefined ? { items } : { items, next: last };
          items.push(held.resource);
        }
        last = skOf(item).slice(prefix.length);
      }
      if (found.next === undefined) return { items };
      last = found.next.slice(prefix.length);
      // Filtered-out items are read too: at least one page's worth.
      examined += Math.max(found.items.length, limit);
    }
    return last === undefined ? { items } : { items, next: last };
  }

  async function free(span: Span, want: number): Promise<bigint[]> {
    const { pk, from, to, first, last } = spanRange(span);
    const gaps: bigint[] = [];
    let at = first;
    let after: string | undefined;
    do {
      const page = await reader.query({ pk, from, to, keysOnly: true, ...(after === undefined ? {} : { after }) });
      for (const item of page.items) {
        const taken = guardNumber(skOf(item));
        gaps.push(...gapsBefore(at, taken, want - gaps.length));
        if (gaps.length === want) return gaps;
        at = taken + 1n;
      }
      after = page.next;
    } while (after !== undefined);
    gaps.push(...gapsBefore(at, last + 1n, want - gaps.length));
    return gaps;
  }

  async function used(span: Span): Promise<number> {
    const { pk, from, to } = spanRange(span);
    let total = 0;
    let after: string | undefined;
    do {
      const page = await reader.query({ pk, from, to, count: true, ...(after === undefined ? {} : { after }) });
      total += page.count;
      after = page.next;
    } while (after !== undefined);
    return total;
  }

  return {
    async get(ref) {
      const [item] = await unfenced([ref], [await reader.get(resourceKey(ref))]);
      return readHeld(ref.kind, item);
    },
    async many(refs) {
      const items = await unfenced(refs, await reader.many(refs.map(resourceKey)));
      return refs.map((ref, index) => readHeld(ref.kind, items[index]));
    },
    list,
    change: async (id) => readChange(await reader.get(changeKey(id))),
    owner: async (guard) => readOwner(await reader.get(guardKey(guard))),
    free,
    used,
    ports: async (places) => (await reader.many(places.map(({ host, port }) => portKey(host, port)))).map(readPort),
    book: async (router) => readBook(await reader.get(bookKey(router))),
    room: async (tenant) => readRoom(await reader.get(roomKey(tenant))),
    memo: async (id) => readMemo(await reader.get(memoKey(id))),
    audit: (query, page) => readAuditPage(reader, query, page),
    commit,
    fence,
    unfence,
  };
}
