// Ranges of channel names, in the order of their UTF-16 code units (names are ASCII): what one part of a sync request
// or of its answer speaks for. Pure.

import * as z from "zod";

const Bound = z.string().max(200);

/** From `from` (included) up to `to` (excluded); a bound that is absent is open. */
export const ChannelRange = z.object({ from: Bound.optional(), to: Bound.optional() });
export type ChannelRange = z.infer<typeof ChannelRange>;

export function inRange({ from, to }: ChannelRange, name: string): boolean {
  return (from === undefined || name >= from) && (to === undefined || name < to);
}

/** True if the ranges together leave out no name. */
export function coverAll(ranges: readonly ChannelRange[]): boolean {
  const sorted = ranges.toSorted((a, b) => ((a.from ?? "") < (b.from ?? "") ? -1 : 1));
  let end: string | undefined = "";
  for (const { from = "", to } of sorted) {
    if (end === undefined || from > end) break;
    end = to === undefined || to > end ? to : end;
  }
  return end === undefined;
}

/**
 * Cuts a range into runs of named items whose texts have at most `maxBytes` together, a comma each; at least one run.
 * `items` are in the range and in the order of their names.
 */
export function splitRange<T extends { readonly name: string; readonly bytes: number }>(
  range: ChannelRange,
  items: readonly T[],
  maxBytes: number,
): { range: ChannelRange; items: T[] }[] {
  const runs: { range: ChannelRange; items: T[] }[] = [{ range: { ...range }, items: [] }];
  let room = maxBytes;
  for (const item of items) {
    const last = runs.at(-1);
    if (last && (last.items.length === 0 || item.bytes + 1 <= room)) {
      last.items.push(item);
      room -= item.bytes + 1;
      continue;
    }
    if (last) last.range.to = item.name;
    runs.push({ range: { ...range, from: item.name }, items: [item] });
    room = maxBytes - item.bytes - 1;
  }
  return runs;
}
