// Channels as they are in the table after a long life, written directly: networks of many endpoints and hosts of many
// networks would take minutes to publish one change at a time.

import { headItem, recordItem, type StoredRecord } from "../../../functions/publish/channel-items.ts";
import { mapBounded } from "../../../functions/publish/bounded.ts";
import { type Item, putItem, type Table } from "../../../functions/publish/table.ts";
import { digestSum, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import { endpointLines, floodLine, forwardingDigest } from "../../../shared/message/forwarding.ts";
import {
  type Channel,
  EndpointRecord,
  HostRecord,
  hostChannel,
  NetworkRecord,
  networkChannel,
  type RecordBody,
  VtepRecord,
} from "../../../shared/model/record.ts";

async function putAll(table: Table, items: readonly Item[]): Promise<void> {
  await mapBounded(items, 16, (item) => putItem(table, item));
}

type Body = { key: string; body: RecordBody; vtep?: NonNullable<StoredRecord["vtep"]> };

/** The items of a channel at seq 1 with these records. */
function channelItems(channel: Channel, bodies: readonly Body[], lines: readonly string[] = []): Item[] {
  const records = bodies.map((each) => ({ version: 1, seq: 1, ...each }));
  const digest = digestSum(records.map((record) => hashRecord({ ...record, body: record.body })));
  const forwarding = lines.length === 0 ? EMPTY_DIGEST : forwardingDigest(lines);
  return [
    headItem(channel, { seq: 1, digest, forwarding }),
    ...records.map((record) => recordItem(channel, record, 0)),
  ];
}

function networkBody(vni: number): NetworkRecord {
  return NetworkRecord.parse({ tenant: "acme", name: `network ${vni}`, vni, subnets: ["10.0.0.0/8"] });
}

const vtepBody = VtepRecord.parse({ site: "site-1", address: "198.51.100.1", asns: [65001] });

export function endpointBody(index: number, host: string): EndpointRecord {
  const hex = index.toString(16).padStart(6, "0");
  const mac = `02:00:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}`;
  const ips = [`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`];
  return EndpointRecord.parse({ host, mac, ips, port: `tap${index}`, mobility: 0 });
}

/** A network `id` of `endpoints` endpoints on `host`. */
export async function putLargeNetwork(table: Table, id: string, host: string, endpoints: number): Promise<void> {
  const bodies = Array.from({ length: endpoints }, (_, index) => endpointBody(index, host));
  const lines = [floodLine(vtepBody.address), ...bodies.flatMap((body) => endpointLines(body, vtepBody.address))];
  const records = [
    { key: "network", body: networkBody(100) },
    { key: `vtep/${host}`, body: vtepBody, vtep: { endpoints, hostVersion: 1, since: 1 } },
    ...bodies.map((body, index) => ({ key: `endpoint/vm-${index}`, body })),
  ];
  await putAll(table, channelItems(networkChannel(id), records, lines));
}

/** A host that carries `networks`, which may hold nothing but their definitions (`small`) or be there already. */
export async function putHost(table: Table, host: string, networks: readonly string[], small = false): Promise<void> {
  const own = [
    { key: "host", body: HostRecord.parse({ site: "site-1", vtep: "198.51.100.1" }) },
    ...networks.map((id) => ({ key: `network/${id}`, body: {} })),
  ];
  const others = small
    ? networks.flatMap((id, at) => channelItems(networkChannel(id), [{ key: "network", body: networkBody(at + 1) }]))
    : [];
  await putAll(table, [...channelItems(hostChannel(host), own), ...others]);
}
