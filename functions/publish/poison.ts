// Poison: a record that cannot be read, or a change that no step can be made of, now or ever. It is kept for an operator as
// an item `POISON` / `<channel or ?>#<event or key>` for two weeks, counted (an alarm is on the counter), and holds up
// nothing: its channel goes on without it, and takes the resource's next version as if nothing had been. The keys are those
// of the stream record or change, so that a batch which is delivered again keeps it once.

import type { Channel } from "../../shared/model/record.ts";
import { changedKey, type HostChange, type NetworkChange } from "./resource-change.ts";
import type { Poison } from "./resource-image.ts";
import { putItem, type Table } from "./table.ts";
import { describeError } from "./telemetry.ts";

export type PoisonDeps = { readonly table: Table; readonly now: () => number };

const POISON_TTL_SEC = 14 * 86400;
/** An item may have 400 KB; the image as JSON text can be longer than the item it is of. */
const MAX_IMAGE_CHARS = 100_000;

/** A change that the pure core refused: trying again would only fail again. */
export type Refused = { readonly change: HostChange | NetworkChange; readonly cause: unknown };

/** Keeps a stream record that could not be parsed. */
export async function keepPoison(deps: PoisonDeps, poison: Poison): Promise<void> {
  const { eventId, reason, item } = poison;
  await keep(deps, `?#${eventId}`, { reason, item, image: poison.image.slice(0, MAX_IMAGE_CHARS) });
}

/** Keeps a change that no step can be made of. */
export async function keepRefused(deps: PoisonDeps, channel: Channel, { change, cause }: Refused): Promise<void> {
  const key = changedKey(change);
  const image = JSON.stringify(change).slice(0, MAX_IMAGE_CHARS);
  await keep(deps, `${channel}#${key}#${change.version}`, { reason: describeError(cause), item: key, image });
}

async function keep(deps: PoisonDeps, sk: string, fields: Record<string, string>): Promise<void> {
  const now = deps.now();
  const ttl = Math.floor(now / 1000) + POISON_TTL_SEC;
  await putItem(deps.table, { pk: "POISON", sk, type: "poison", at: new Date(now).toISOString(), ttl, ...fields });
}
