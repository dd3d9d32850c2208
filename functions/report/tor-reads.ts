// Reads what is known of an endpoint at the ToRs of its host: the host's peers, its last report, and what the other hosts of
// its site were passed. Four reads more than the receipt has made, whatever the size of the network.

import { channelNetwork, type EndpointRecord, hostChannel, type HostRecord } from "../../shared/model/record.ts";
import { guardKey } from "../store/key.ts";
import { recordKey, type WrittenMark } from "../publish/channel-items.ts";
import type { ReaderOf } from "../publish/facts.ts";
import { batchGet, getItem, keyText, type Table } from "../publish/table.ts";
import { type Rows, rowOf } from "./due.ts";
import { hostRowKey, parseHostRow } from "./report-items.ts";
import { countTors, EVPN, type TorCount, type Witness } from "./tors.ts";

/**
 * Undefined if there is nothing to be seen: no endpoint's change, one that was made again since, or a host that has no EVPN
 * peers or is no more. `has`: a host has all that the change asks of it.
 */
export async function readTors(
  table: Table,
  nowMs: number,
  {
    mark,
    readers,
    rows,
    has,
  }: {
    mark: WrittenMark | undefined;
    readers: ReadonlyMap<string, ReaderOf> | undefined;
    rows: Rows;
    has: (host: string) => boolean;
  },
): Promise<TorCount | undefined> {
  if (!mark || !readers) return undefined;
  const { channel } = mark;
  const wanted = await (mark.deleted ? readGone(table, mark) : readThere(table, mark));
  if (!wanted) return undefined;
  const { seq, host, mac } = wanted;
  const ownKey = recordKey(hostChannel(host), "host");
  const items = await batchGet(table, [ownKey, hostRowKey(host)]);
  const record = items.get(keyText(ownKey))?.["body"] as HostRecord | undefined;
  const peers = record && (await namedPeers(table, record));
  if (!record || !peers || peers.length === 0) return undefined;
  const witnesses = [...readers].flatMap(([other, { site }]): Witness[] => {
    const fabric = other === host || site !== record.site ? undefined : rowOf(rows, { host: other, channel })?.fabric;
    return fabric ? [{ host: other, fabric }] : [];
  });
  const reported = parseHostRow(items.get(keyText(hostRowKey(host))));
  const own = rowOf(rows, { host, channel });
  // One that keeps the channel for its router's sake is a reader without a site: it has no endpoint there either.
  const isLeft = readers.get(host)?.site === undefined && has(host);
  const left = isLeft ? (own ?? rowOf(rows, { host, channel: hostChannel(host) })) : undefined;
  const gone = mark.deleted ? { left } : undefined;
  return countTors({ seq, mac, host, gone, peers, reported, own, witnesses, nowMs });
}

type Wanted = { readonly seq: number; readonly host: string; readonly mac: string };

/** Where it is now is what is looked for: what was seen before it came there says nothing. */
async function readThere(table: Table, { channel, key, seq }: WrittenMark): Promise<Wanted | undefined> {
  const item = await getItem(table, recordKey(channel, key));
  const endpoint = item?.["body"] as EndpointRecord | undefined;
  return item && endpoint && { ...endpoint, seq: Math.max(seq, item["seq"] as number) };
}

/** What was deleted, and where it was, is in the resource's tombstone for as long as there is one. */
async function readGone(table: Table, { channel, key, seq, version }: WrittenMark): Promise<Wanted | undefined> {
  const id = key.slice("endpoint/".length);
  const item = await getItem(table, { pk: `NET#${channelNetwork(channel)}`, sk: `EP#${id}` });
  if (item?.["deleted"] !== true || item["version"] !== version) return undefined;
  return { seq, host: item["host"] as string, mac: item["mac"] as string };
}

/** The peers that are to have a host's EVPN routes, with the fabric peers' names where the API knows them. */
async function namedPeers(table: Table, { site, bgp }: HostRecord) {
  const peers = (bgp?.peers ?? []).filter(
    ({ families, shutdown }) => shutdown === undefined && (families?.includes(EVPN) ?? true),
  );
  const guards = peers.map(({ address }) => address && guardKey({ kind: "peer-address", site, ip: address }));
  const owners = await batchGet(
    table,
    guards.flatMap((guard) => guard ?? []),
  );
  return peers.flatMap(({ address, interface: link }, at) => {
    const key = link ?? address;
    const guard = guards[at];
    const name = guard && (owners.get(keyText(guard))?.["owner"] as string | undefined);
    return key === undefined ? [] : [{ key, name }];
  });
}
