// Reads what a step needs. The order of reads is what makes the facts consistent: a HEAD before its records, so that a
// commit in between moves the HEAD and fails ours; a host's HEAD before its resource, so that a host that changes after
// our read finds the network among those it carries, or fails ours as well.

import {
  type CarriedNetworkRecord,
  channelNetwork,
  type Channel,
  type EndpointRecord,
  hostChannel,
  type HostRecord,
  type VtepRecord,
} from "../../shared/model/record.ts";
import {
  channelPk,
  headKey,
  parseHead,
  parseRecord,
  READER_PREFIX,
  recordKey,
  type StoredRecord,
  vtepRecordKey,
} from "./channel-items.ts";
import { changedKey, type NetworkChange, vtepBody } from "./resource-change.ts";
import { parseResource } from "./resource-image.ts";
import type { HostLane, HostSource, NetworkFacts } from "./step.ts";
import { batchGet, getItem, type Item, keyText, queryAll, queryPage, type Table } from "./table.ts";
import { placedHosts } from "./vtep.ts";

/** The facts of a network's step by `changes`. */
export async function readNetworkFacts(
  table: Table,
  channel: Channel,
  changes: readonly NetworkChange[],
  nowSec: number,
): Promise<NetworkFacts> {
  const record = (items: Map<string, Item>, of: Channel, key: string) =>
    parseRecord(items.get(keyText(recordKey(of, key))), nowSec);

  const head = parseHead(await getItem(table, headKey(channel)));
  const keys = changes.map(changedKey);
  const read = [...new Set(["network", ...keys])];
  const changed = await batchGet(
    table,
    read.map((key) => recordKey(channel, key)),
  );
  const hosts = concernedHosts(
    changes,
    keys.map((key) => record(changed, channel, key)),
  );

  const members = await batchGet(
    table,
    hosts.flatMap((host) => [recordKey(channel, vtepRecordKey(host)), headKey(hostChannel(host))]),
  );
  const carriedKey = `network/${channelNetwork(channel)}`;
  const own = await batchGet(
    table,
    hosts.flatMap((host) => [recordKey(hostChannel(host), carriedKey), { pk: "HOSTS", sk: host }]),
  );

  const records = new Map<string, StoredRecord>();
  for (const [items, recordKeys] of [
    [changed, read],
    [members, hosts.map(vtepRecordKey)],
  ] as const) {
    for (const key of recordKeys) {
      const found = record(items, channel, key);
      if (found) records.set(key, found);
    }
  }
  const sources = new Map<string, HostSource>();
  const lanes = new Map<string, HostLane>();
  for (const host of hosts) {
    const source = hostSource(own.get(keyText({ pk: "HOSTS", sk: host })));
    if (source) sources.set(host, source);
    const laneHead = parseHead(members.get(keyText(headKey(hostChannel(host)))));
    lanes.set(host, { head: laneHead, carried: record(own, hostChannel(host), carriedKey) });
  }
  const residents = await readResidents(table, { channel, records, sources, nowSec });
  return { channel, head, records, hosts: sources, lanes, residents };
}

/** A host's lane for its own record. */
export async function readHostLane(table: Table, channel: Channel, nowSec: number) {
  const head = parseHead(await getItem(table, headKey(channel)));
  const host = parseRecord(await getItem(table, recordKey(channel, "host")), nowSec);
  return { head, host };
}

/**
 * What a host carries, by its own channel. `routed`: networks for their router only, without an endpoint there. `site`: where
 * it is itself, undefined once it is deleted.
 */
export type Carried = {
  readonly site: string | undefined;
  readonly networks: readonly string[];
  readonly routed: readonly string[];
  readonly routers: readonly string[];
  /** The step of the host's own channel that named each record, by its key: `network/<n>`, `router/<r>`. */
  readonly steps: ReadonlyMap<string, number>;
};

export async function readCarried(table: Table, host: string): Promise<Carried> {
  const carried = {
    site: undefined as string | undefined,
    networks: [] as string[],
    routed: [] as string[],
    routers: [] as string[],
  };
  const steps = new Map<string, number>();
  for (const item of await queryAll(table, channelPk(hostChannel(host)), { prefix: "REC#" })) {
    const key = item["key"] as string;
    const [kind, id = ""] = key.split("/");
    steps.set(key, item["seq"] as number);
    if (kind === "host") carried.site = (item["body"] as HostRecord | undefined)?.site;
    if (kind === "router") carried.routers.push(id);
    if (kind !== "network") continue;
    const { routed } = item["body"] as CarriedNetworkRecord;
    (routed ? carried.routed : carried.networks).push(id);
  }
  return { ...carried, steps };
}

/** A host that holds a channel: the entry that made it one, and of a member of a network its site. */
export type ReaderOf = { readonly since: number; readonly site?: string };

/** The hosts that hold a channel of a network or router: members, and other readers. */
export async function readReaders(table: Table, channel: Channel): Promise<Map<string, ReaderOf>> {
  const [members, items] = await Promise.all([
    channelNetwork(channel) === undefined ? new Map<string, ReaderOf>() : readMembers(table, channel),
    queryAll(table, channelPk(channel), { prefix: READER_PREFIX }),
  ]);
  const readers = items.map((item) => [item["host"] as string, { since: item["since"] as number }] as const);
  return new Map([...readers, ...members]);
}

/** Some of the hosts that hold a network's channel, members first; `position` is what a page gave as `next`. */
export async function readReadersPage(
  table: Table,
  channel: Channel,
  { limit, position = "member#" }: { readonly limit: number; readonly position?: string },
): Promise<{ readers: { host: string }[]; next?: string }> {
  const pk = channelPk(channel);
  const [kind, after = ""] = position.split("#");
  const readers: { host: string }[] = [];
  for (const [of, prefix] of READER_RANGES) {
    if (of === "member" && kind !== "member") continue;
    const from = of === kind && after !== "" ? after : undefined;
    const items = await queryPage(table, pk, { prefix, limit: limit - readers.length, after: from && prefix + from });
    readers.push(...items.map(({ sk }) => ({ host: sk.slice(prefix.length) })));
    if (readers.length === limit) return { readers, next: `${of}#${readers.at(-1)?.host}` };
  }
  return { readers };
}

const READER_RANGES = [
  ["member", "REC#vtep/"],
  ["reader", READER_PREFIX],
] as const;

/** The member hosts of a network. */
export async function readMembers(table: Table, channel: Channel): Promise<Map<string, ReaderOf>> {
  const items = await queryAll(table, channelPk(channel), { prefix: "REC#vtep/" });
  return new Map(
    items.map((item): [string, ReaderOf] => {
      const { since } = item["vtep"] as { since: number };
      const { site } = item["body"] as VtepRecord;
      return [(item["key"] as string).slice("vtep/".length), { since, site }];
    }),
  );
}

/** Every host that a change is about: where its endpoint is, was or will be, or whose own data changed. */
function concernedHosts(changes: readonly NetworkChange[], before: readonly (StoredRecord | undefined)[]): string[] {
  const hosts = new Set<string>();
  changes.forEach((change, index) => {
    if (change.kind === "vtep") hosts.add(change.host);
    if (change.kind !== "endpoint") return;
    for (const host of [...placedHosts(before[index]?.body), ...placedHosts(change.body)]) hosts.add(host);
  });
  return [...hosts];
}

/** A deleted host's tombstone still says what its endpoints, whose own tombstones are on the way, were behind. */
function hostSource(item: Item | undefined): HostSource | undefined {
  if (!item) return undefined;
  const image = parseResource("host", item);
  if (typeof image === "string" || image.kind !== "host") return undefined;
  return { version: image.resource.version, body: vtepBody(image.resource) };
}

async function readResidents(
  table: Table,
  facts: { channel: Channel; records: Map<string, StoredRecord>; sources: Map<string, HostSource>; nowSec: number },
): Promise<Map<string, StoredRecord[]>> {
  const { channel, records, sources, nowSec } = facts;
  const moved = [...sources].filter(([host, source]) => {
    const body = records.get(vtepRecordKey(host))?.body as VtepRecord | null | undefined;
    return body && (body.address !== source.body.address || body.site !== source.body.site);
  });
  const residents = new Map<string, StoredRecord[]>(moved.map(([host]) => [host, []]));
  if (moved.length === 0) return residents;
  for (const item of await queryAll(table, channelPk(channel), { prefix: "REC#endpoint/" })) {
    const endpoint = parseRecord(item, nowSec);
    const host = (endpoint?.body as EndpointRecord | null | undefined)?.host;
    if (endpoint && host !== undefined) residents.get(host)?.push(endpoint);
  }
  return residents;
}
