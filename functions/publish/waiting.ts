// Endpoints whose host is not known. The API refuses them, so that only a hand in the table or a lost host item makes one.
// No log can have it, since nobody knows where it is; it waits for its host, as an item `WAITING#<host>`, and when the host
// is there its resource is read again and published as if it had just been written.

import { type Channel, channelNetwork } from "../../shared/model/record.ts";
import { changedKey, changeOf, type NetworkChange } from "./resource-change.ts";
import { parseResource } from "./resource-image.ts";
import { getItem, type Key, putItem, queryAll, type Table, transact } from "./table.ts";
import { placedHosts } from "./vtep.ts";

export type WaitingDeps = { readonly table: Table; readonly now: () => number };

const WAITING_TTL_SEC = 30 * 86_400;

/** An endpoint that waited, as it is now; and the item that says so. */
export type Waiting = { readonly channel: Channel; readonly change: NetworkChange | undefined; readonly item: Key };

/**
 * Keeps endpoints of a network whose hosts do not exist. @throws if one does by now: its own change may have been consumed
 * before our item was there, so that nobody would look at it again.
 */
export async function keepWaiting(
  deps: WaitingDeps,
  channel: Channel,
  changes: readonly NetworkChange[],
): Promise<void> {
  for (const change of changes) {
    if (change.kind !== "endpoint" || !change.body) continue;
    const hosts = placedHosts(change.body);
    for (const host of hosts) {
      await putItem(deps.table, {
        pk: waitingPk(host),
        sk: `${channel}#${changedKey(change)}`,
        type: "waiting",
        channel,
        endpoint: change.id,
        at: new Date(deps.now()).toISOString(),
        ttl: Math.floor(deps.now() / 1000) + WAITING_TTL_SEC,
      });
    }
    const known = await Promise.all(hosts.map((host) => getItem(deps.table, { pk: "HOSTS", sk: host })));
    if (known.every((item) => item !== undefined))
      throw new Error(`the hosts of ${changedKey(change)} appeared just now: ${hosts.join(", ")}`);
  }
}

/** What waits for a host. */
export async function readWaiting(table: Table, host: string): Promise<Waiting[]> {
  const items = await queryAll(table, waitingPk(host), { prefix: "net:" });
  return Promise.all(
    items.map(async (item) => {
      const channel = item["channel"] as Channel;
      const key = { pk: `NET#${channelNetwork(channel)}`, sk: `EP#${String(item["endpoint"])}` };
      const image = parseResource("endpoint", await getItem(table, key));
      const found = typeof image === "string" ? undefined : changeOf(image).change;
      const change = found?.kind === "endpoint" ? found : undefined;
      return { channel, change, item: { pk: item.pk, sk: item.sk } };
    }),
  );
}

/** Forgets what waits no more: it is in its log. */
export async function settleWaiting(table: Table, items: readonly Key[]): Promise<void> {
  for (const item of items) await transact(table, [{ delete: { pk: item.pk, sk: item.sk } }]);
}

function waitingPk(host: string): string {
  return `WAITING#${host}`;
}
