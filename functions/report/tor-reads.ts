// Reads what is known of an endpoint, or of a router's static route, at the ToRs of its host: the host's peers, its last
// report, and what the other hosts of its site were passed. Four reads more than the receipt has made, whatever the size of
// the network; three more of an endpoint's deletion, and three more of a static route, to find its host.

import { staticName } from "../../shared/message/forwarding.ts";
import {
  channelNetwork,
  channelRouter,
  type EndpointRecord,
  hostChannel,
  type HostRecord,
  type PrefixRecord,
} from "../../shared/model/record.ts";
import { guardKey, resourceKey } from "../store/key.ts";
import { headKey, parseHead, recordKey, type WrittenMark } from "../publish/channel-items.ts";
import type { ReaderOf } from "../publish/facts.ts";
import { batchGet, getItem, type Item, keyText, type Table } from "../publish/table.ts";
import { type Rows, rowOf } from "./due.ts";
import { type ChannelRow, channelRowKey, hostRowKey, parseChannelRow, parseHostRow } from "./report-items.ts";
import { hostOfDeleted, hostOfStatic } from "./static-place.ts";
import { countTors, EVPN, type TorCount, type Witness } from "./tors.ts";

/** True for the key of a record whose route ToRs hold. */
export function isSeenAtTors(key: string): boolean {
  return key.startsWith(ENDPOINT) || key.startsWith(STATIC);
}

const ENDPOINT = "endpoint/";
const STATIC = "prefix/";

/**
 * Undefined if there is nothing to be seen: no endpoint's and no static route's change, one that was made again since, one by
 * a next hop that is no endpoint's, or a host that has no EVPN peers or is no more. `has`: a host has all that the change
 * asks of it.
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
  const wanted = await readWanted(table, mark);
  if (!wanted) return undefined;
  const { seq, host, name, nextHop } = wanted;
  const ownKey = recordKey(hostChannel(host), "host");
  const network = channelNetwork(channel);
  // Of a router a host has left, nothing is wanted here: a next hop's host carries it.
  const leaving = mark.deleted && network !== undefined ? keysOfLeaving(host, network) : undefined;
  const items = await batchGet(table, [ownKey, hostRowKey(host), ...Object.values(leaving ?? {})]);
  const record = items.get(keyText(ownKey))?.["body"] as HostRecord | undefined;
  const peers = record && (await namedPeers(table, record));
  if (!record || !peers || peers.length === 0) return undefined;
  const witnesses = [...readers].flatMap(([other, { site }]): Witness[] => {
    const fabric = other === host ? undefined : rowOf(rows, { host: other, channel })?.fabric;
    // Who carries a router is at the site that its last report was of.
    return fabric && (site ?? fabric.site) === record.site ? [{ host: other, fabric }] : [];
  });
  const reported = parseHostRow(items.get(keyText(hostRowKey(host))));
  const own = rowOf(rows, { host, channel });
  const isOfRouter = channelRouter(channel) !== undefined;
  if (isOfRouter && own?.fabric && !own.fabric.hops) return undefined;
  // One that keeps a network for its router's sake is a reader without a site: it has no endpoint there either.
  const reader = readers.get(host);
  const isReader = (isOfRouter ? reader : reader?.site) !== undefined;
  const left = has(host)
    ? (own ?? rowOf(rows, { host, channel: hostChannel(host) }))
    : leaving && leftLater(items, leaving);
  const gone = mark.deleted ? { left: isReader ? undefined : left } : undefined;
  const hop = nextHop === undefined || gone ? undefined : { ip: nextHop, vtep: record.vtep };
  const what = isOfRouter ? "router" : "network";
  return countTors({ seq, name, host, hop, what, gone, peers, reported, own, witnesses, nowMs });
}

/** What tells whether a host left a network by a later change than the one that is looked at. */
function keysOfLeaving(host: string, network: string) {
  const own = hostChannel(host);
  return { head: headKey(own), carried: recordKey(own, `network/${network}`), row: channelRowKey(own, host) };
}

/** What such a host reported of its own channel, once it has all that this one says, and that is not to carry the network. */
function leftLater(items: ReadonlyMap<string, Item>, keys: ReturnType<typeof keysOfLeaving>): ChannelRow | undefined {
  const carried = items.get(keyText(keys.carried));
  if (carried && carried["deleted"] !== true) return undefined;
  const row = parseChannelRow(items.get(keyText(keys.row)));
  return row && row.liveSeq >= parseHead(items.get(keyText(keys.head))).seq ? row : undefined;
}

/** What is looked for, by what hosts name it, and on which host it is. */
type Wanted = {
  readonly seq: number;
  readonly host: string;
  readonly name: string;
  /** Of a static route. */
  readonly nextHop?: string;
};

async function readWanted(table: Table, mark: WrittenMark): Promise<Wanted | undefined> {
  const router = channelRouter(mark.channel);
  const found = await (mark.deleted ? readGone(table, mark) : readThere(table, mark));
  if (!found) return undefined;
  const { seq, body } = found;
  if (router === undefined) {
    const { host, mac } = body as EndpointRecord;
    return { seq, host, name: mac };
  }
  const route = body as PrefixRecord;
  const host = await (mark.deleted ? hostOfDeleted : hostOfStatic)(table, router, route);
  return host === undefined
    ? undefined
    : { seq, host, name: staticName(route.prefix, route.nextHop), nextHop: route.nextHop };
}

type Found = { readonly seq: number; readonly body: unknown };

/** Where it is now is what is looked for: what was seen before it came there says nothing. */
async function readThere(table: Table, { channel, key, seq }: WrittenMark): Promise<Found | undefined> {
  const item = await getItem(table, recordKey(channel, key));
  const body = item?.["body"];
  return item && body ? { body, seq: Math.max(seq, item["seq"] as number) } : undefined;
}

/** What was deleted, and where it was, is in the resource's tombstone for as long as there is one. */
async function readGone(table: Table, { channel, key, seq, version }: WrittenMark): Promise<Found | undefined> {
  const [network, router] = [channelNetwork(channel), channelRouter(channel)];
  const id = key.slice(key.indexOf("/") + 1);
  const ref =
    network !== undefined
      ? ({ kind: "endpoint", network, id } as const)
      : router !== undefined
        ? ({ kind: "prefix", router, id } as const)
        : undefined;
  const item = ref && (await getItem(table, resourceKey(ref)));
  return item?.["deleted"] === true && item["version"] === version ? { body: item, seq } : undefined;
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
