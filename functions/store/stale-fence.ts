// Fences that nobody takes down any more: whoever put one up died before the end. Whoever meets one takes it down. That is
// safe at any time, since what is done behind a fence demands that it is still the same: a process that was only slow
// finds it gone, and starts over.

import * as z from "zod";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { Item } from "./item.ts";
import { resourceKey } from "./key.ts";
import type { TableReader } from "./read.ts";
import type { Unfenced } from "./reads.ts";
import type { Store } from "./store.ts";

/** No request takes as long (infra/stack.ts: 29 s), also by clocks that differ. */
export const FENCE_STALE_MS = 120_000;

/** `fencedAtMs` is absent on fences of an older version, which then counts as long ago. */
const Fenced = z.object({ fence: z.string(), fencedAtMs: z.number().default(0) });

/** The token of an item's fence that is too old to be somebody's; undefined if there is none such. */
export function staleFence(item: Item | undefined, nowMs: number): string | undefined {
  const fenced = Fenced.safeParse(item?.["fence"] ? unmarshall(item) : undefined);
  if (!fenced.success || nowMs - fenced.data.fencedAtMs < FENCE_STALE_MS) return undefined;
  return fenced.data.fence;
}

/** Takes such fences down where resources are read, and reads again what they were on. `now` absent: none is stale. */
export function unfencing(reader: Pick<TableReader, "many">, unfence: Store["unfence"], now?: () => number): Unfenced {
  return async (refs, items) => {
    const stale = now ? items.map((item) => staleFence(item, now())) : [];
    if (!stale.some((token) => token !== undefined)) return items;
    for (const [index, token] of stale.entries()) {
      const ref = refs[index];
      if (ref && token !== undefined) await unfence(ref, token);
    }
    return reader.many(refs.map(resourceKey));
  };
}
