// A network of very many endpoints as it is in the table after a long life: its channel's records and the head that is
// their sum, written directly, since the API would take many minutes for 100,000 transactions. The log before is of more
// than 72 hours ago, and gone.

import { BatchWriteItemCommand, DynamoDBClient, ListTablesCommand, type WriteRequest } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { mapBounded } from "../../functions/publish/bounded.ts";
import {
  channelPk,
  headItem,
  headKey,
  parseHead,
  recordItem,
  type StoredRecord,
} from "../../functions/publish/channel-items.ts";
import { getItem, type Item, type Table } from "../../functions/publish/table.ts";
import { unlogged } from "../../functions/store/unlogged.ts";
import { LOCAL_REGION } from "../../local/cloudformation.ts";
import { digestAdd, digestSum, hashRecord } from "../../shared/message/digest.ts";
import { endpointLines, floodLine, forwardingDigest } from "../../shared/message/forwarding.ts";
import { EndpointRecord, networkChannel, VtepRecord } from "../../shared/model/record.ts";
import { ASN, macText, NETWORK } from "./numbers.ts";

/** VTEPs that the endpoints are spread over: hosts that are nobody's process. */
const VTEPS = 200;
/** Numbers of its machines begin here. */
const FIRST = 1_000_000;
/** DynamoDB's limit of one BatchWriteItem. */
const BATCH_ITEMS = 25;
const BATCHES_AT_ONCE = 8;
/** Steps that it took to come to this. */
const SEQ = 50_000;

const CHANNEL = networkChannel(NETWORK);

/** The table of the local runtime, at its engine. */
export async function tableAt(engineUrl: string): Promise<Table> {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = unlogged(new DynamoDBClient({ endpoint: engineUrl, region: LOCAL_REGION, credentials }));
  const { TableNames: [name] = [] } = await client.send(new ListTablesCommand({}));
  if (name === undefined) throw new Error("the runtime has no table");
  return { client, name };
}

/** Makes the network that the API just created one of `endpoints` endpoints, each with a MAC and an address. */
export async function growNetwork(table: Table, endpoints: number): Promise<void> {
  const vteps = Array.from({ length: VTEPS }, (_, at) =>
    VtepRecord.parse({ site: "far", address: `198.18.${100 + (at >> 7)}.${(at & 127) + 1}`, asns: [ASN] }),
  );
  const bodies = Array.from({ length: endpoints }, (_, at) =>
    EndpointRecord.parse({
      host: `far-${at % VTEPS}`,
      mac: macText(FIRST + at),
      ips: [`10.${100 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`],
      port: `tap${at}`,
      mobility: 0,
    }),
  );
  const records: StoredRecord[] = [
    ...vteps.map((body, at) => {
      const counted = Math.ceil((endpoints - at) / VTEPS);
      return { ...stored(`vtep/far-${at}`, body), vtep: { endpoints: counted, hostVersion: 1, since: 1 } };
    }),
    ...bodies.map((body, at) => stored(`endpoint/far-${at}`, body)),
  ];
  const lines = bodies.flatMap((body, at) => endpointLines(body, (vteps[at % VTEPS] as VtepRecord).address));
  const head = parseHead(await getItem(table, headKey(CHANNEL)));
  const after = {
    ...head,
    seq: SEQ,
    digest: digestAdd(head.digest, digestSum(records.map((record) => hashRecord({ ...record, body: record.body })))),
    forwarding: digestAdd(
      head.forwarding,
      forwardingDigest([...lines, ...vteps.map(({ address }) => floodLine(address))]),
    ),
    sites: { ...head.sites, far: forwardingDigest(lines) },
  };
  const items: Item[] = [headItem(CHANNEL, after), ...records.map((record) => recordItem(CHANNEL, record, Date.now()))];
  const starts = Array.from({ length: Math.ceil(items.length / BATCH_ITEMS) }, (_, at) => at * BATCH_ITEMS);
  await mapBounded(starts, BATCHES_AT_ONCE, (at) => putBatch(table, items.slice(at, at + BATCH_ITEMS)));
}

/** Forgets that there is a file of the network, as if nobody had ever asked for one. */
export async function forgetFile({ client, name }: Table): Promise<void> {
  const Key = marshall({ pk: channelPk(CHANNEL), sk: "SNAPSHOT" });
  await client.send(new BatchWriteItemCommand({ RequestItems: { [name]: [{ DeleteRequest: { Key } }] } }));
}

async function putBatch({ client, name }: Table, items: readonly Item[]): Promise<void> {
  let pending: WriteRequest[] = items.map((item) => ({
    PutRequest: { Item: marshall(item, { removeUndefinedValues: true }) },
  }));
  while (pending.length > 0) {
    const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [name]: pending } }));
    pending = answer.UnprocessedItems?.[name] ?? [];
  }
}

function stored(key: string, body: VtepRecord | EndpointRecord): StoredRecord {
  return { key, version: 1, seq: 1, body };
}
