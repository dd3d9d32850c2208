// What a store reads, made of single items, batches and ranges: the same on DynamoDB, in memory and in a rehearsal.

import type { ResourceKind, ResourceOf, ResourceRef } from "../domain/resource.ts";
import { readAuditPage } from "./audit.ts";
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
import { skOf, type TableReader } from "./read.ts";
import { type ListOf, MAX_EXAMINED, type Page, type PageRequest, type Store } from "./store.ts";

/** The part of a store that writes nothing. */
export type Reads = Omit<Store, "commit" | "fence" | "unfence" | "rehearsal">;

/** The items of resources, with fences that nobody will take down taken down. */
export type Unfenced = (
  refs: readonly ResourceRef[],
  items: readonly (Item | undefined)[],
) => Promise<readonly (Item | undefined)[]>;

export function createReads(reader: TableReader, unfenced: Unfenced): Reads {
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
  };
}
