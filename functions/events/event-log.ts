// The log of events in the table: items of some events each, numbered without a gap.
//
//   EVENTS               HEAD        the number of the last item
//   EVENTS               DONE#<id>   the batch of the stream with this first and last record is in the log
//   EVENTS#<seq / 256>   <seq>       some events, kept three days
//
// An item is written in one transaction with the HEAD, on condition of its old number: what has a number is there, and
// nothing comes before it any more. So a reader that goes on after a number misses nothing, whoever else writes.

import { getItem, type Item, type Key, queryAll, type Table, transact, type Write } from "../publish/table.ts";
import { Event, type Position } from "./event.ts";

const KEPT_SEC = 3 * 86400;
const DONE_SEC = 2 * 86400;
const BLOCK = 256;
/** Of one item: with a margin to the 400 KB that an item may have. */
const MOST_BYTES = 200_000;
const MOST_CONFLICTS = 50;

const HEAD: Key = { pk: "EVENTS", sk: "HEAD" };

export type AppendDeps = {
  readonly table: Table;
  readonly now: () => number;
  /** Waits before the `attempt`-th retry (from 1) of a write that met another writer. */
  readonly pause: (attempt: number) => Promise<void>;
};

/** What is to be appended, with the writes that go with it, all or nothing. */
export type Append = {
  readonly events: readonly Event[];
  /** Names what these events are made of: what was appended under the same name is not appended again. */
  readonly once?: string;
  readonly also?: readonly Write[];
};

/** Appends what `make` gives, which is asked again if others were faster. @throws if the store fails, or they always are. */
export async function appendEvents(deps: AppendDeps, make: () => Promise<Append>): Promise<void> {
  const { once } = await make();
  for (let part = 0; ; part++) {
    const name = once === undefined ? undefined : `${once}#${part}`;
    const isMore = await appendItem(deps, name, async () => {
      const { events, also } = await make();
      const items = inItems(events);
      return { events: items[part] ?? [], also: also ?? [], isMore: part + 1 < items.length };
    });
    if (!isMore) return;
  }
}

type Made = { readonly events: readonly Event[]; readonly also: readonly Write[]; readonly isMore: boolean };

/** True if there is more to append. */
async function appendItem(deps: AppendDeps, once: string | undefined, make: () => Promise<Made>): Promise<boolean> {
  const { table, now, pause } = deps;
  const done: Key = { pk: "EVENTS", sk: `DONE#${once}` };
  for (let conflicts = 0; conflicts <= MOST_CONFLICTS; conflicts++) {
    if (conflicts > 0) await pause(conflicts);
    const { events, also, isMore } = await make();
    if (events.length === 0) return isMore;
    if (once !== undefined && (await getItem(table, done))) return isMore;
    const before = await lastEvent(table);
    const seq = before + 1;
    const nowSec = Math.floor(now() / 1000);
    const first = before === 0;
    const outcome = await transact(table, [
      {
        put: { ...HEAD, type: "events-head", seq },
        condition: first
          ? { expression: "attribute_not_exists(pk)" }
          : { expression: "#seq = :seq", names: { "#seq": "seq" }, values: { ":seq": before } },
      },
      { put: { ...itemKey(seq), type: "events", seq, events, ttl: nowSec + KEPT_SEC } },
      ...(once === undefined
        ? []
        : [
            {
              put: { ...done, type: "events-done", ttl: nowSec + DONE_SEC },
              condition: { expression: "attribute_not_exists(pk)" },
            },
          ]),
      ...also,
    ]);
    if (outcome === "committed") return isMore;
  }
  throw new Error(`the log of events was moved by others more than ${MOST_CONFLICTS} times in a row`);
}

/** The number of the last item; 0 if there is none. */
export async function lastEvent(table: Table): Promise<number> {
  return ((await getItem(table, HEAD))?.["seq"] as number | undefined) ?? 0;
}

export type ReadEvent = { readonly position: Position; readonly event: Event };

/**
 * The events from a position on, of at most `most` items, and where to go on; "gone" if some of them are kept no more. `last`
 * is the number of the last item, which the position is not beyond.
 */
export async function readEvents(
  table: Table,
  after: Position,
  { last, most }: { readonly last: number; readonly most: number },
): Promise<{ readonly events: ReadEvent[]; readonly next: Position } | "gone"> {
  const to = Math.min(last, Math.max(1, after.seq) + most - 1);
  const items: Item[] = [];
  for (let from = Math.max(1, after.seq); from <= to; ) {
    const end = Math.min(to, (Math.floor(from / BLOCK) + 1) * BLOCK - 1);
    items.push(...(await queryAll(table, itemKey(from).pk, { from: itemKey(from).sk, to: itemKey(end).sk })));
    from = end + 1;
  }
  const expected = to - Math.max(1, after.seq) + 1;
  if (items.length < expected) return "gone";
  const events = items.flatMap((item) => {
    const seq = item["seq"] as number;
    const all = Event.array().parse(item["events"]);
    return all.flatMap((event, index) => {
      const isRead = seq < after.seq || (seq === after.seq && index < after.index);
      return isRead ? [] : [{ position: { seq, index: index + 1 }, event }];
    });
  });
  return { events, next: { seq: to + 1, index: 0 } };
}

function itemKey(seq: number): Key {
  return { pk: `EVENTS#${Math.floor(seq / BLOCK)}`, sk: String(seq).padStart(15, "0") };
}

function inItems(events: readonly Event[]): Event[][] {
  const items: Event[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event));
    if (bytes + size > MOST_BYTES) {
      items.push([]);
      bytes = 0;
    }
    items.at(-1)?.push(event);
    bytes += size;
  }
  return items;
}
