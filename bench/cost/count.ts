// What one change of an endpoint costs, counted: the items that the API writes and reads, those of the publisher and of the
// reports that follow, the messages and their octets; and what that is in list prices. In-memory store, the real functions.

import { randomBytes, randomUUID } from "node:crypto";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createApi } from "../../functions/api/app.ts";
import { tableHostStatuses } from "../../functions/report/host-status.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { createDynamoDbStore } from "../../functions/store/dynamodb.ts";
import type { Table } from "../../functions/publish/table.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import { createTestIdentities } from "../../test/fakes/host-identities.ts";
import { identifyAs, OPERATOR } from "../../test/fakes/principals.ts";
import { createTestSecretBox } from "../../test/fakes/secret-box.ts";
import { EngineWorld } from "../../test/functions/publish/engine-world.ts";
import { endpointItem, hostItem, networkItem } from "../../test/functions/publish/fixtures.ts";
import { createMemoryDynamo } from "../../test/sim/dynamodb/engine.ts";

/** Units of the store: an item of up to 1 KB written, or 4 KB read; in a transaction twice that. */
type Units = { written: number; read: number };

/** All of one change in a network on `hosts` hosts. */
type ChangeCost = {
  readonly hosts: number;
  readonly api: Units;
  readonly publish: Units;
  /** Of one host's report that says the change is live. */
  readonly report: Units;
  readonly messages: number;
  /** Octets of the payloads, all messages together. */
  readonly bytes: number;
};

/** List prices in micro-dollars, second-hand, of October 2025: DynamoDB on demand, AWS IoT Core, Lambda on Arm with 128 MB. */
const PRICES = { writeUnit: 0.625, readUnit: 0.125, iotMessage: 1, invocation: 0.2, gbSecond: 13.3 } as const;
/** A message counts once for each 5 KB, in and out, and so does the host's acknowledgement (QoS 1). */
const METERED_BYTES = 5120;
/** Assumed of an invocation: 20 ms at 0.125 GB. */
const GB_SECONDS = 0.0025;

/** Counts one change of an endpoint; `hosts` carry the network, each with one machine. */
export async function countChange(hosts: number): Promise<ChangeCost> {
  const world = EngineWorld.inMemory();
  const ids = Array.from({ length: hosts }, (_, at) => `h${at}`);
  world.agent("h1");
  const vtep = (at: number) => `198.51.${(at >> 8) + 1}.${at & 255}`;
  await world.publish(...ids.map((id, at) => ({ ...hostItem(id, 1), vtep: vtep(at) })), networkItem("n0", 1));
  await world.publish(...ids.map((host, at) => endpointItem(`e${at}`, { network: "n0", host, index: at })));
  await world.sync("h1");
  await report(world, "h1", 1);
  const changed = endpointItem("e0", { network: "n0", host: "h0", index: 0, version: 2, ip: 9, change: "c-new" });
  const records = await world.write(changed);
  world.messages.length = 0;
  const publish = metered(world.table);
  const failed = await world.consume(records, { table: publish.table });
  if (failed.length > 0) throw new Error("the change was not published");
  const { messages } = world;
  const bytes = messages.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
  const sent = messages.length;
  const reported = metered(world.table);
  await report(world, "h1", 2, reported.table);
  return { hosts, api: await countWrite(), publish: publish.units, report: reported.units, messages: sent, bytes };
}

/** Micro-dollars of a change: the whole, and of it what each host adds. */
export function priceOf({ hosts, api, publish, report, messages, bytes }: ChangeCost): {
  all: number;
  perHost: number;
} {
  const store = ({ written, read }: Units) => written * PRICES.writeUnit + read * PRICES.readUnit;
  const invocation = PRICES.invocation + GB_SECONDS * PRICES.gbSecond;
  const parts = messages === 0 ? 0 : Math.max(1, Math.ceil(bytes / messages / METERED_BYTES));
  // In, out, the acknowledgement; and the host's report, which a rule hands to a function.
  const delivery = messages * (2 * parts + 1) * PRICES.iotMessage;
  const reports = hosts * (2 * PRICES.iotMessage + invocation + store(report));
  const all = store(api) + store(publish) + 2 * invocation + delivery + reports;
  return { all, perHost: (delivery + reports) / hosts };
}

/** A table that counts units. */
function metered(table: Table): { table: Table; units: Units } {
  const units = { written: 0, read: 0 };
  return { table: { ...table, client: counting(table.client, units) }, units };
}

type Input = { TransactItems?: readonly object[]; RequestItems?: object; ConsistentRead?: boolean };
type Output = { Item?: object; Items?: object[]; Responses?: Record<string, object[]> | object[] };

function counting(client: DynamoDBClient, units: Units): DynamoDBClient {
  const send = client.send.bind(client) as (command: object) => Promise<Output>;
  const counted = Object.create(client) as DynamoDBClient;
  counted.send = (async (command: { input: Input }) => {
    const output = await send(command);
    const kind = command.constructor.name;
    const { TransactItems: items } = command.input;
    if (kind === "TransactWriteItemsCommand") units.written += 2 * (items?.length ?? 0);
    else if (kind === "TransactGetItemsCommand") units.read += 2 * (items?.length ?? 0);
    else if (/^(Put|Update|Delete)/.test(kind)) units.written += 1;
    else if (kind === "GetItemCommand") units.read += 1;
    else if (kind === "BatchGetItemCommand") units.read += Object.values(output.Responses ?? {}).flat().length;
    else units.read += Math.max(1, Math.ceil(sizeOf(output.Items) / 4096));
    return output;
  }) as DynamoDBClient["send"];
  return counted;
}

/** About what the store counts: names and values as text. */
function sizeOf(items: readonly object[] = []): number {
  return items.reduce((sum, item) => sum + JSON.stringify(item).length, 0);
}

async function report(world: EngineWorld, host: string, number: number, table?: Table): Promise<void> {
  const channels = world
    .agent(host)
    .have()
    .map((held) => ({
      ...held,
      ...(held.channel.startsWith("net:") ? { kernel: world.agent(host).forwarding(held.channel), problems: [] } : {}),
    }));
  const agent = { version: "0", startedAtMs: 1, kernel: "6.1" };
  const said = {
    v: PROTOCOL_VERSION,
    atMs: world.nowMs,
    agent,
    number,
    inSync: true,
    channels,
    bgp: [],
    counters: {},
    events: [],
  };
  await world.report(host, said, table);
  if (world.counters.has("MalformedReports")) throw new Error("the report was not understood");
}

/** One endpoint by the API: its transaction, and what it looks at before. */
async function countWrite(): Promise<Units> {
  const units = { written: 0, read: 0 };
  const client = counting(createMemoryDynamo().client as unknown as DynamoDBClient, units);
  const now = () => Date.now();
  const app = createApi({
    store: createDynamoDbStore({
      client,
      table: "memory",
      pacing: { sleep: () => Promise.resolve(), random: () => 0 },
      requestToken: () => randomUUID(),
    }),
    hosts: tableHostStatuses({ client, name: "memory" }, now),
    identities: createTestIdentities(),
    secrets: createTestSecretBox(),
    identify: identifyAs(OPERATOR),
    receipts: tableReceipts({ client, name: "memory" }, now),
    clock: { now, sleep: () => Promise.resolve() },
    random: randomBytes,
    log: ({ message, cause }) => {
      throw new Error(message, { cause });
    },
  });
  const post = async (path: string, body: object): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const answer = await app.request(`/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  await post("/tenants", { id: "acme", name: "Acme" });
  await post("/sites", { id: "ams", name: "Amsterdam" });
  await post("/hosts", { id: "h1", site: "ams", vtep: "192.0.2.1" });
  await post("/networks", { id: "web", tenant: "acme", name: "Web", vni: 100, subnets: ["10.0.0.0/16"] });
  const endpoint = (n: number) => ({ host: "h1", mac: `02:00:00:00:00:0${n}`, ips: [`10.0.0.${n}`], port: `tap${n}` });
  await post("/networks/web/endpoints", { id: "e1", ...endpoint(1) });
  Object.assign(units, { written: 0, read: 0 });
  await post("/networks/web/endpoints", { id: "e2", ...endpoint(2) });
  return units;
}
