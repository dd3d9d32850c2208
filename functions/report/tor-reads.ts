// Reads what is known of an endpoint at the ToRs of its host: the host's peers, its last report, and what the other hosts of
// its site were passed. Four reads more than the receipt has made, whatever the size of the network.

import { type EndpointRecord, hostChannel, type HostRecord } from "../../shared/model/record.ts";
import { guardKey } from "../store/key.ts";
import { recordKey, type WrittenMark } from "../publish/channel-items.ts";
import type { ReaderOf } from "../publish/facts.ts";
import { batchGet, getItem, keyText, type Table } from "../publish/table.ts";
import { type Rows, rowOf } from "./due.ts";
import { hostRowKey, parseHostRow } from "./report-items.ts";
import { countTors, EVPN, type TorCount, type Witness } from "./tors.ts";

/** Undefined if there is nothing to be seen: no endpoint's change, the endpoint is gone, or its host has no EVPN peers. */
export async function readTors(
  table: Table,
  nowMs: number,
  {
    mark,
    readers,
    rows,
  }: { mark: WrittenMark | undefined; readers: ReadonlyMap<string, ReaderOf> | undefined; rows: Rows },
): Promise<TorCount | undefined> {
  if (!mark || !readers) return undefined;
  const { channel, key } = mark;
  const item = await getItem(table, recordKey(channel, key));
  const endpoint = item?.["body"] as EndpointRecord | undefined;
  if (!item || !endpoint) return undefined;
  // Where it is now is what is looked for: what was seen before it came there says nothing.
  const seq = Math.max(mark.seq, item["seq"] as number);
  const { host, mac } = endpoint;
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
  return countTors({ seq, mac, host, peers, reported, own: rowOf(rows, { host, channel }), witnesses, nowMs });
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
