// Changes that are published and not live yet, under every channel where they are waited for:
//
//   CH#<channel>   PENDING#<change>
//
// So that a report that a host has caught up finds whose news it is. A change is noted before it is looked at, and looked at
// again whenever a host of one of its channels catches up: whichever comes last finds both. Who tells that it is live takes the
// notes away and leaves `CHANGE#<id> TOLD` in the same transaction, so that it is told once, also if it is noted again.

import * as z from "zod";
import { type Channel, parseChannel } from "../../shared/model/record.ts";
import { channelPk, type WrittenMark } from "../publish/channel-items.ts";
import { type Key, putItem, queryAll, type Table, type Write } from "../publish/table.ts";
import { type Due, dueOf, readRows, type Rows, rowOf } from "../report/due.ts";

/** A change that some host never has is given up as news; its receipt tells of it for 30 days. */
const KEPT_SEC = 86400;
/** A change that is waited for in more channels (a host's with as many networks) is not noted: the note would be too large. */
const MOST_CHANNELS = 50;

const Place = z.object({
  channel: z.string().transform((text, context): Channel => {
    const channel = parseChannel(text);
    if (channel) return channel;
    context.addIssue({ code: "custom", message: "must be a channel" });
    return z.NEVER;
  }),
  seq: z.number(),
  key: z.string(),
});
const Pending = z.object({ change: z.string(), own: Place, places: z.array(Place) });
/** `own` is where the change itself is; `places` are all where somebody has to have it. */
export type Pending = z.infer<typeof Pending>;

/** True for the mark of what a change is about; others are of what follows from it. */
export function isOwn({ channel, key }: Pick<WrittenMark, "channel" | "key">): boolean {
  if (channel.startsWith("net:")) return key === "network" || key.startsWith("endpoint/");
  if (channel.startsWith("rtr:")) return key === "router" || key.startsWith("prefix/");
  return key === "host";
}

export async function notePending(table: Table, nowMs: number, marks: readonly WrittenMark[]): Promise<void> {
  const own = marks.find(isOwn);
  if (!own || marks.length > MOST_CHANNELS) return;
  const ttl = Math.floor(nowMs / 1000) + KEPT_SEC;
  const places = marks.map(({ channel, seq, key }) => ({ channel, seq, key }));
  const { channel, seq, key } = own;
  const pending: Pending = { change: own.change, own: { channel, seq, key }, places };
  for (const at of pendingKeys(pending)) await putItem(table, { ...at, type: "pending", ...pending, ttl });
}

export async function readPending(table: Table, channel: Channel): Promise<Pending[]> {
  const items = await queryAll(table, channelPk(channel), { prefix: "PENDING#" });
  return items.map((item) => Pending.parse(item));
}

/** Where it says that a change was told to be live. */
export function toldKey({ change }: Pending): Key {
  return { pk: `CHANGE#${change}`, sk: "TOLD" };
}

/** The writes by which a change is told, which fail if it was before. */
export function tellOnce(pending: Pending, nowMs: number): Write[] {
  const ttl = Math.floor(nowMs / 1000) + 2 * KEPT_SEC;
  return [
    { put: { ...toldKey(pending), type: "told", ttl }, condition: { expression: "attribute_not_exists(pk)" } },
    ...forgetPending(pending),
  ];
}

export function forgetPending(pending: Pending): Write[] {
  return pendingKeys(pending).map((each): Write => ({ delete: each }));
}

/** Where its notes are. */
export function pendingKeys({ change, own, places }: Pending): Key[] {
  const channels = new Set([own.channel, ...places.map(({ channel }) => channel)]);
  return [...channels].map((channel) => ({ pk: channelPk(channel), sk: `PENDING#${change}` }));
}

/** Looks at what hosts have, each channel once: made anew for every batch. */
export function createLook(table: Table): (pending: Pending) => Promise<number | undefined> {
  const channels = new Map<Channel, Promise<{ due: Due[]; rows: Rows; since: ReadonlyMap<string, number> }>>();

  async function read(channel: Channel) {
    const { due, readers } = await dueOf(table, { channel, seq: Number.MAX_SAFE_INTEGER });
    const since = new Map(Array.from(readers, ([host, reader]) => [host, reader.since]));
    return { due, rows: await readRows(table, due), since };
  }

  /** On how many hosts the change is live; undefined if somebody lacks it. */
  return async ({ places }) => {
    const hosts = new Set<string>();
    for (const { channel, seq } of places) {
      const reading = channels.get(channel) ?? read(channel);
      channels.set(channel, reading);
      const { due, rows, since } = await reading;
      for (const each of due) {
        if ((since.get(each.host) ?? 0) > seq) continue;
        if ((rowOf(rows, each)?.liveSeq ?? 0) < seq) return undefined;
        hosts.add(each.host);
      }
    }
    return hosts.size;
  };
}
