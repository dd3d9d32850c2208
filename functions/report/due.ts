// Which hosts have to have what of a change, and what each of them has.

import { type Channel, channelNetwork, channelRouter, hostChannel } from "../../shared/model/record.ts";
import { recordKey, type WrittenMark } from "../publish/channel-items.ts";
import { type ReaderOf, readReaders } from "../publish/facts.ts";
import { batchGet, getItem, keyText, type Table } from "../publish/table.ts";
import { type Lag, lagOf } from "./liveness.ts";
import { livedAt } from "./live-times.ts";
import { type ChannelRow, channelRowKey, hostRowKey, parseChannelRow, parseHostRow } from "./report-items.ts";

/** A step of a channel that a host has to have; `sinceMs`: when it was published. */
export type Due = { readonly host: string; readonly channel: Channel; readonly seq: number; readonly sinceMs?: number };

/** The rows of hosts in channels, by `keyText(channelRowKey(…))`. */
export type Rows = ReadonlyMap<string, ChannelRow>;

/** What a host has of all that is due on it: what is missing, or since when it has all, as far as that is known. */
export type HostState = { readonly lag: Lag | undefined; readonly liveAtMs: number | undefined };

/** What a mark asks of which hosts; `readers` of a network's or router's channel. */
export async function dueOf(
  table: Table,
  mark: Pick<WrittenMark, "channel" | "seq"> & Partial<Pick<WrittenMark, "atMs">>,
): Promise<{ due: Due[]; readers: ReadonlyMap<string, ReaderOf> }> {
  const { channel, seq, atMs } = mark;
  if (channelNetwork(channel) === undefined && channelRouter(channel) === undefined) {
    return { due: await dueOfHost(table, mark), readers: new Map() };
  }
  const readers = await readReaders(table, channel);
  const due = [...readers].filter(([, { since }]) => since <= seq);
  return { due: due.map(([host]) => ({ host, channel, seq, ...sinceOf(atMs) })), readers };
}

/** A host that is deleted, by this change or since, is nobody to wait for. */
async function dueOfHost(table: Table, { channel, seq, atMs }: Parameters<typeof dueOf>[1]): Promise<Due[]> {
  const record = await getItem(table, recordKey(channel, "host"));
  const isThere = record !== undefined && record["deleted"] !== true;
  return isThere ? [{ host: channel.slice(hostChannel("").length), channel, seq, ...sinceOf(atMs) }] : [];
}

function sinceOf(atMs: number | undefined): Pick<Due, "sinceMs"> {
  return atMs === undefined ? {} : { sinceMs: atMs };
}

export async function readRows(table: Table, places: readonly Pick<Due, "host" | "channel">[]): Promise<Rows> {
  const items = await batchGet(
    table,
    places.map(({ host, channel }) => channelRowKey(channel, host)),
  );
  const rows = new Map<string, ChannelRow>();
  for (const [key, item] of items) {
    const row = parseChannelRow(item);
    if (row) rows.set(key, row);
  }
  return rows;
}

export function rowOf(rows: Rows, { channel, host }: Pick<Due, "host" | "channel">): ChannelRow | undefined {
  return rows.get(keyText(channelRowKey(channel, host)));
}

/** A host counts once, and is live only if all that is due on it is. Only those that are not live are asked for their report. */
export async function statesOf(
  table: Table,
  nowMs: number,
  { due, rows }: { readonly due: readonly Due[]; readonly rows: Rows },
): Promise<Map<string, HostState>> {
  const late = due.filter((each) => (rowOf(rows, each)?.liveSeq ?? 0) < each.seq);
  const hosts = await batchGet(
    table,
    late.map(({ host }) => hostRowKey(host)),
  );
  const states = new Map<string, HostState>();
  for (const each of due) {
    const row = rowOf(rows, each);
    const host = parseHostRow(hosts.get(keyText(hostRowKey(each.host))));
    const lag = lagOf(each.seq, { row, host }, { nowMs, lackingSinceMs: each.sinceMs });
    const atMs = row && livedAt(each.seq, row);
    const before = states.get(each.host);
    states.set(each.host, {
      lag: before?.lag ?? lag,
      liveAtMs: before ? later(before.liveAtMs, atMs) : atMs,
    });
  }
  return states;
}

/** Unknown if one of them is. */
function later(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}
