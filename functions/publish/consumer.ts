// The consumer of the table's stream: the only writer of the channels. It brings a batch of resource images into the
// logs, several channels at a time, and tells the hosts. Order matters in one place: a host's own log first, then its
// networks, then routers.
//
// What fails stays with its channel: exactly the stream records of that channel are reported as failed and come again.
// Whatever of them is in the log by then is only published again, which agents ignore. What can never succeed is set
// aside. A message that the broker does not take is counted and left: the host heals by its next sync or report.

import type { DynamoDBRecord } from "aws-lambda";
import type { LogEntry } from "../../shared/message/inbox.ts";
import { type Channel, hostChannel, networkChannel } from "../../shared/model/record.ts";
import { mapBounded } from "./bounded.ts";
import { type DriveDeps, driveHost, driveNetwork, markHost, type NetworkCommit } from "./drive.ts";
import { readCarried, readReaders } from "./facts.ts";
import { madeAgain } from "./made-again.ts";
import { Outbox } from "./outbox.ts";
import { keepPoison, keepRefused } from "./poison.ts";
import { driveRouter, followRouters } from "./routers.ts";
import { sendOutbox, type SendDeps } from "./send.ts";
import {
  changeOf,
  changedKey,
  collapse,
  type HostChange,
  type NetworkChange,
  type RouterChange,
} from "./resource-change.ts";
import { parseStreamRecord } from "./resource-image.ts";
import type { Key } from "./table.ts";
import { keepWaiting, readWaiting, settleWaiting } from "./waiting.ts";

export type ConsumerDeps = DriveDeps & SendDeps;

/** A change, and the stream records that it must be read again from if it fails. */
type Sourced<C> = { readonly change: C; readonly source: string };

type Batch = {
  readonly hosts: Map<string, Sourced<HostChange>[]>;
  readonly networks: Map<Channel, Sourced<NetworkChange>[]>;
  readonly routers: Map<Channel, Sourced<RouterChange>[]>;
  /** Items of endpoints that waited for a host of this batch, by channel. */
  readonly waited: Map<Channel, Key[]>;
  /** Sequence numbers of the stream records to be delivered again. */
  readonly failed: Set<string>;
  readonly outbox: Outbox;
};

/** Channels that are driven at the same time. */
const CHANNELS_AT_ONCE = 8;

/** Consumes a batch; the answer is the sequence numbers of the stream records that failed. */
export async function consume(deps: ConsumerDeps, records: readonly DynamoDBRecord[]): Promise<string[]> {
  const batch: Batch = {
    hosts: new Map(),
    networks: new Map(),
    routers: new Map(),
    waited: new Map(),
    failed: new Set(),
    outbox: new Outbox(),
  };
  for (const record of records) await sort(deps, batch, record);
  const followers = new Map<string, HostChange>();
  await mapBounded([...batch.hosts], CHANNELS_AT_ONCE, ([host, sourced]) =>
    guarded(deps, batch, { channel: hostChannel(host), sourced }, async () => {
      followers.set(host, await advanceHostLane(deps, batch, sourced));
    }),
  );
  await mapBounded([...batch.networks], CHANNELS_AT_ONCE, ([channel, sourced]) =>
    guarded(deps, batch, { channel, sourced }, () => advanceNetworkLane(deps, batch, channel, sourced)),
  );
  await mapBounded([...batch.routers], CHANNELS_AT_ONCE, ([channel, sourced]) =>
    guarded(deps, batch, { channel, sourced }, async () => {
      const entries = await driveRouter(deps, channel, collapse(sourced.map((each) => each.change)));
      await addressReaders(deps, batch.outbox, channel, entries);
    }),
  );
  await mapBounded([...followers], CHANNELS_AT_ONCE, async ([host, change]) => {
    const sourced = batch.hosts.get(host) ?? [];
    if (sourced.some(({ source }) => batch.failed.has(source))) return;
    await guarded(deps, batch, { channel: hostChannel(host), sourced }, () => markHost(deps, change));
  });
  await sendOutbox(deps, batch.outbox);
  return [...batch.failed];
}

/** Puts a stream record's change in its lane; poison is kept aside and stops nothing. */
async function sort(deps: ConsumerDeps, batch: Batch, record: DynamoDBRecord): Promise<void> {
  const source = record.dynamodb?.SequenceNumber ?? "";
  const parsed = parseStreamRecord(record);
  if (parsed.kind === "ignored") return;
  if (parsed.kind === "poison") {
    deps.telemetry.count("PoisonRecords");
    deps.telemetry.warn("poison record", { eventId: parsed.eventId, item: parsed.item, reason: parsed.reason });
    await guarded(deps, batch, { channel: "poison", sourced: [{ source }] }, () => keepPoison(deps, parsed));
    return;
  }
  const { channel, change } = changeOf(parsed);
  if (change.kind === "host") append(batch.hosts, change.id, { change, source });
  else if (change.kind === "router" || change.kind === "prefix") append(batch.routers, channel, { change, source });
  else append(batch.networks, channel, { change, source });
}

/** The host's own log; then its networks' lanes get the change too, since their `vtep` records are made of the host. */
async function advanceHostLane(deps: ConsumerDeps, batch: Batch, sourced: Sourced<HostChange>[]): Promise<HostChange> {
  const [change] = collapse(sourced.map((each) => each.change));
  if (!change) throw new Error("a lane without a change");
  const { entries, deletedAt } = await driveHost(deps, change);
  for (const entry of entries) batch.outbox.add(change.id, entry);
  if (deletedAt !== undefined) batch.outbox.leave(change.id, deletedAt);
  if (change.body === null) return change;
  for (const network of (await readCarried(deps.table, change.id)).networks) {
    const { id, version, origins } = change;
    const refresh: NetworkChange = { kind: "vtep", host: id, version, origins };
    for (const { source } of sourced) append(batch.networks, networkChannel(network), { change: refresh, source });
  }
  for (const { channel, change: endpoint, item } of await readWaiting(deps.table, change.id)) {
    append(batch.waited, channel, item);
    for (const { source } of sourced) {
      // Also where there is nothing left to publish: the lane forgets the item.
      const lane = batch.networks.get(channel) ?? [];
      batch.networks.set(channel, endpoint ? [...lane, { change: endpoint, source }] : lane);
    }
  }
  return change;
}

async function advanceNetworkLane(
  deps: ConsumerDeps,
  batch: Batch,
  channel: Channel,
  sourced: Sourced<NetworkChange>[],
): Promise<void> {
  const told = collapse(sourced.map((each) => each.change));
  const changes = collapse([...told, ...(await madeAgain(deps.table, channel, told))]);
  const outcome = await driveNetwork(deps, channel, changes);
  for (const orphan of outcome.orphans) {
    deps.telemetry.count("WaitingEndpoints");
    deps.telemetry.warn("an endpoint waits for a host that does not exist", { channel, key: changedKey(orphan) });
  }
  for (const refused of outcome.refused) {
    const key = changedKey(refused.change);
    deps.telemetry.count("PoisonRecords");
    deps.telemetry.error("a change that no step can be made of", refused.cause, { channel, key });
    await keepRefused(deps, channel, refused);
  }
  // What waited is forgotten first: some of it may have to wait on, and is kept anew.
  await settleWaiting(deps.table, batch.waited.get(channel) ?? []);
  await keepWaiting(deps, channel, outcome.orphans);
  if (outcome.routed || changes.some(({ kind }) => kind === "network")) {
    const refused = new Set(outcome.refused.map(({ change }) => change));
    const own = changes.filter((change) => !refused.has(change));
    const followed = await followRouters(deps, channel, { again: outcome.again, changes: own });
    for (const { host, entries, joined } of followed.hosts) {
      for (const entry of entries) batch.outbox.add(host, entry);
      for (const each of joined) batch.outbox.join(host, each);
    }
    for (const entry of followed.entries) await addressReaders(deps, batch.outbox, entry.channel, [entry]);
  }
  if (outcome.commits.length === 0) return;
  const readers = [...(await readReaders(deps.table, channel)).keys()];
  for (const commit of outcome.commits) address(batch.outbox, commit, readers);
}

async function addressReaders(deps: ConsumerDeps, outbox: Outbox, channel: Channel, entries: readonly LogEntry[]) {
  for (const host of (await readReaders(deps.table, channel)).keys()) {
    for (const entry of entries) outbox.add(host, entry);
  }
}

/** An entry is for all who hold the channel. A host that left by it hears so in its own channel, and then drops the network whole. */
function address(outbox: Outbox, { entry, memberships }: NetworkCommit, readers: readonly string[]): void {
  for (const host of readers) outbox.add(host, entry);
  for (const { host, joined, entry: own } of memberships) {
    outbox.add(host, own);
    if (joined && readers.includes(host)) outbox.join(host, entry.channel);
  }
}

type Lane = { readonly channel: Channel | "poison"; readonly sourced: readonly { readonly source: string }[] };

/** Runs one lane's work; its failure fails the lane's stream records and nothing else. */
async function guarded(deps: ConsumerDeps, batch: Batch, lane: Lane, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    for (const { source } of lane.sourced) batch.failed.add(source);
    deps.telemetry.count("FailedChannelSteps");
    deps.telemetry.error("a channel could not be advanced", error, { channel: lane.channel });
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
