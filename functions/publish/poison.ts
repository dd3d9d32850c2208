// What no log can have is kept for an operator, as items `POISON` / `<channel or ?>#<event or key>`, for two weeks.
// The key is that of the stream record, so that a batch which is delivered again keeps it once.

import type { Channel } from "../../shared/model/record.ts";
import { changedKey, type NetworkChange } from "./resource-change.ts";
import type { Poison } from "./resource-image.ts";
import { putItem, type Table } from "./table.ts";

export type PoisonDeps = { readonly table: Table; readonly now: () => number };

const POISON_TTL_SEC = 14 * 86400;
/** An item may have 400 KB; the image as JSON text can be longer than the item it is of. */
const MAX_IMAGE_CHARS = 100_000;

/** Keeps a stream record that could not be parsed. */
export async function keepPoison(deps: PoisonDeps, poison: Poison): Promise<void> {
  const { eventId, reason, item } = poison;
  await keep(deps, `?#${eventId}`, { reason, item, image: poison.image.slice(0, MAX_IMAGE_CHARS) });
}

/** Keeps an endpoint whose host does not exist. */
export async function keepOrphan(deps: PoisonDeps, channel: Channel, change: NetworkChange): Promise<void> {
  const key = changedKey(change);
  const image = JSON.stringify(change).slice(0, MAX_IMAGE_CHARS);
  await keep(deps, `${channel}#${key}#${change.version}`, { reason: "its host does not exist", item: key, image });
}

async function keep(deps: PoisonDeps, sk: string, fields: Record<string, string>): Promise<void> {
  const now = deps.now();
  const ttl = Math.floor(now / 1000) + POISON_TTL_SEC;
  await putItem(deps.table, { pk: "POISON", sk, type: "poison", at: new Date(now).toISOString(), ttl, ...fields });
}
