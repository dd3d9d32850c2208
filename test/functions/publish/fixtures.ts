// Resources as the store keeps them, and the stream records of their writes.

import { marshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { Endpoint, Host, Network, Router, RouterPrefix } from "../../../shared/model/resource.ts";

export type StoredItem = { pk: string; sk: string; type: string; version: number; [name: string]: unknown };

const AT = "2026-01-02T03:04:05.678Z";
/** The clock of the tests, ms since the epoch: in the future, since the engine removes what its own clock says ran out. */
export const NOW_MS = Date.parse("2044-01-02T03:05:00Z");
const TOMBSTONE_TTL_SEC = Math.floor(NOW_MS / 1000) + 7 * 86400;

type Options = { version?: number; change?: string; deleted?: boolean };

function stored({ version = 1, change = `c-${version}` }: Options) {
  return { version, change, createdAt: AT, updatedAt: AT };
}

function tombstone({ deleted }: Options) {
  return deleted ? { deleted: true, ttl: TOMBSTONE_TTL_SEC } : {};
}

export function hostItem(id: string, index: number, options: Options & { asns?: number[] } = {}): StoredItem {
  const [asn, ...peers] = options.asns ?? [65000 + index];
  const bgp = { asn, peers: peers.map((peer, at) => ({ address: `192.0.2.${at + 1}`, asn: peer })) };
  const host = Host.parse({ id, site: "site-1", vtep: `198.51.100.${index}`, bgp, ...stored(options) });
  return { pk: "HOSTS", sk: id, type: "host", ...host, ...tombstone(options) };
}

type Routing = { name?: string; router?: string | undefined; gateways?: string[] };

export function networkItem(id: string, vni: number, options: Options & Routing = {}): StoredItem {
  const name = options.name ?? `network ${id}`;
  const { router, gateways } = options;
  const content = { id, tenant: "acme", name, vni, subnets: ["10.0.0.0/8"], router, gateways };
  const network = Network.parse({ ...content, ...stored(options) });
  return { pk: "NETWORKS", sk: id, type: "network", ...network, ...tombstone(options) };
}

export type EndpointOptions = Options & {
  network: string;
  host: string;
  index: number;
  ip?: number;
  mobility?: number;
};

export function endpointItem(id: string, options: EndpointOptions): StoredItem {
  const { network, host, index, ip = 0, mobility = 0 } = options;
  const hex = index.toString(16).padStart(4, "0");
  const mac = `02:00:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`;
  const ips = [`10.${ip}.${index >> 8}.${index & 255}`];
  const endpoint = Endpoint.parse({ id, network, host, mac, ips, port: `tap${index}`, mobility, ...stored(options) });
  return { pk: `NET#${network}`, sk: `EP#${id}`, type: "endpoint", ...endpoint, ...tombstone(options) };
}

export function routerItem(id: string, vni: number, options: Options = {}): StoredItem {
  const router = Router.parse({ id, tenant: "acme", name: `router ${id}`, vni, ...stored(options) });
  return { pk: "ROUTERS", sk: id, type: "router", ...router, ...tombstone(options) };
}

type Route = { router: string; prefix: string; nextHop: string };

export function prefixItem(id: string, options: Options & Route): StoredItem {
  const { router, prefix, nextHop } = options;
  const route = RouterPrefix.parse({ id, router, prefix, nextHop, ...stored(options) });
  return { pk: `RTR#${router}`, sk: `PFX#${id}`, type: "prefix", ...route, ...tombstone(options) };
}

let sequence = 0;

/** The stream record of a write of `item` over `old`. */
export function streamRecord(item: StoredItem, old?: StoredItem): DynamoDBRecord {
  sequence += 1;
  const image = (value: StoredItem) =>
    marshall(value, { removeUndefinedValues: true }) as NonNullable<DynamoDBRecord["dynamodb"]>["NewImage"] & object;
  return {
    eventID: `event-${sequence}`,
    eventName: old ? "MODIFY" : "INSERT",
    dynamodb: {
      Keys: { pk: { S: item.pk }, sk: { S: item.sk } },
      NewImage: image(item),
      ...(old ? { OldImage: image(old) } : {}),
      SequenceNumber: String(sequence).padStart(12, "0"),
    },
  };
}
