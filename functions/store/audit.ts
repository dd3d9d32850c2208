// The audit, the newest first: of one resource by its trail, of all by the days' partitions, merged. A page looks at a
// bounded number of entries and days, and its cursor goes on where it stopped.

import { changeTime, firstChangeAt } from "../domain/ids.ts";
import type { Item } from "./item.ts";
import { readAudit } from "./item.ts";
import { CHANGE_SHARDS, changeKey, changesPk, trailPk } from "./key.ts";
import { skOf, type TableReader } from "./read.ts";
import type { AuditEntry, AuditQuery, Page, PageRequest } from "./store.ts";

const DAY_MS = 24 * 3600 * 1000;
const DAYS_A_PAGE = 31;
const READ_AT_ONCE = 100;
const PAGES_READ = 20;

export async function readAuditPage(
  reader: TableReader,
  query: AuditQuery,
  { limit, position }: PageRequest,
): Promise<Page<AuditEntry>> {
  // Ids are fixed in length, so "before the position" is "up to the id below it".
  let before = position !== undefined && position < query.to ? position : query.to;
  const entries: AuditEntry[] = [];
  for (let pages = 0; pages < PAGES_READ; pages++) {
    const found =
      query.resource === undefined ? await ofDays(reader, query, before) : await ofTrail(reader, query, before);
    for (const entry of found.entries) {
      if (query.actor !== undefined && entry.actor !== query.actor) continue;
      if (query.tenant !== undefined && entry.tenant !== query.tenant) continue;
      entries.push(entry);
      if (entries.length > limit) {
        const shown = entries.slice(0, limit);
        return { items: shown, next: shown.at(-1)?.id ?? before };
      }
    }
    if (found.next === undefined) return { items: entries };
    before = found.next;
  }
  return { items: entries, next: before };
}

type Found = { entries: AuditEntry[]; next: string | undefined };

async function ofTrail(reader: TableReader, query: AuditQuery, before: string): Promise<Found> {
  const pk = trailPk(query.resource ?? "");
  const slice = { pk, from: query.from, to: before, descending: true, keysOnly: true, limit: READ_AT_ONCE };
  const { items, next } = await reader.query(slice);
  const ids = items.map(skOf).filter((id) => id < before);
  const changes = await reader.many(ids.map(changeKey));
  return { entries: changes.filter((item): item is Item => item !== undefined).map(readAudit), next };
}

/** The newest entries of one day, and of the days before it while there are none. */
async function ofDays(reader: TableReader, query: AuditQuery, before: string): Promise<Found> {
  const firstMs = changeTime(query.from);
  let untilMs = changeTime(before);
  // An id of the first instant of a day is the end of the day before.
  if (before === firstChangeAt(untilMs)) untilMs -= 1;
  for (let days = 0; days < DAYS_A_PAGE; days++) {
    if (untilMs < firstMs) return { entries: [], next: undefined };
    const dayMs = Math.floor(untilMs / DAY_MS) * DAY_MS;
    const shards = await Promise.all(
      Array.from({ length: CHANGE_SHARDS }, (_, shard) =>
        reader.query({
          pk: changesPk(dayMs, shard),
          from: query.from,
          to: before,
          descending: true,
          limit: READ_AT_ONCE,
        }),
      ),
    );
    const all = shards.flatMap(({ items }) => items).filter((item) => skOf(item) < before);
    all.sort((a, b) => (skOf(a) < skOf(b) ? 1 : -1));
    // Of a shard that has more, nothing below its last item may be shown yet.
    const floor = shards
      .flatMap(({ items, next }) => (next === undefined ? [] : [skOf(items.at(-1) ?? {})]))
      .sort()
      .at(-1);
    const whole = all.filter((item) => floor === undefined || skOf(item) >= floor);
    const startOfDay = firstChangeAt(dayMs);
    if (whole.length > 0 || floor !== undefined) {
      return { entries: whole.map(readAudit), next: floor ?? (dayMs <= firstMs ? undefined : startOfDay) };
    }
    if (dayMs <= firstMs) return { entries: [], next: undefined };
    untilMs = dayMs - 1;
  }
  return { entries: [], next: firstChangeAt(untilMs + 1) };
}
