// The consumer of the table's stream: the only writer of the channels. It brings a batch of resource images into the
// logs, channel by channel, and tells the hosts. Order matters in one place: a host's own log first, then its networks.
//
// What fails stays with its channel: exactly the stream records of that channel are reported as failed and come again.
// Whatever of them is in the log by then is only published again, which agents ignore. A message that the broker does
// not take is counted and left: the host heals by its next sync or report.

import type { DynamoDBRecord } from "aws-lambda";
import { type Channel, hostChannel, networkChannel } from "../../shared/model/record.ts";
import { readSnapshot, snapshotMessages } from "../sync/snapshot.ts";
import { type DriveDeps, driveHost, driveNetwork, markHost, type NetworkCommit } from "./drive.ts";
import { readCarriedNetworks, readMembers } from "./facts.ts";
import { Outbox } from "./outbox.ts";
import { keepOrphan, keepPoison } from "./poison.ts";
import type { Publisher } from "./publisher.ts";
import { changeOf, changedKey, collapse, type HostChange, type NetworkChange } from "./resource-change.ts";
import { parseStreamRecord } from "./resource-image.ts";
import type { Telemetry } from "./telemetry.ts";

export type ConsumerDeps = DriveDeps & { readonly publisher: Publisher; readonly telemetry: Telemetry };

/** A change, and the stream records that it must be read again from if it fails. */
type Sourced<C> = { readonly change: C; readonly source: string };

type Batch = {
  readonly hosts: Map<string, Sourced<HostChange>[]>;
  readonly networks: Map<Channel, Sourced<NetworkChange>[]>;
  /** Sequence numbers of the stream records to be delivered again. */
  readonly failed: Set<string>;
  readonly outbox: Outbox;
};

const PUBLISHES_AT_ONCE = 16;

/** Consumes a batch; the answer is the sequence numbers of the stream records that failed. */
export async function consume(deps: ConsumerDeps, records: readonly DynamoDBRecord[]): Promise<string[]> {
  const batch: Batch = { hosts: new Map(), networks: new Map(), failed: new Set(), outbox: new Outbox() };
  for (const record of records) await sort(deps, batch, record);
  const followers = new Map<string, HostChange>();
  for (const [host, sourced] of batch.hosts) {
    await guarded(deps, batch, { channel: hostChannel(host), sourced }, async () => {
      const change = await advanceHostLane(deps, batch, sourced);
      followers.set(host, change);
    });
  }
  for (const [channel, sourced] of batch.networks) {
    await guarded(deps, batch, { channel, sourced }, () => advanceNetworkLane(deps, batch, channel, sourced));
  }
  for (const [host, change] of followers) {
    const sourced = batch.hosts.get(host) ?? [];
    if (sourced.some(({ source }) => batch.failed.has(source))) continue;
    await guarded(deps, batch, { channel: hostChannel(host), sourced }, () => markHost(deps, change));
  }
  await publishAll(deps, batch.outbox);
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
  else append(batch.networks, channel, { change, source });
}

/** The host's own log; then its networks' lanes get the change too, since their `vtep` records are made of the host. */
async function advanceHostLane(deps: ConsumerDeps, batch: Batch, sourced: Sourced<HostChange>[]): Promise<HostChange> {
  const [change] = collapse(sourced.map((each) => each.change));
  if (!change) throw new Error("a lane without a change");
  for (const entry of await driveHost(deps, change)) batch.outbox.add(change.id, entry);
  if (change.body === null) return change;
  for (const network of await readCarriedNetworks(deps.table, change.id)) {
    const { id, version, origins } = change;
    const refresh: NetworkChange = { kind: "vtep", host: id, version, origins };
    for (const { source } of sourced) append(batch.networks, networkChannel(network), { change: refresh, source });
  }
  return change;
}

async function advanceNetworkLane(
  deps: ConsumerDeps,
  batch: Batch,
  channel: Channel,
  sourced: Sourced<NetworkChange>[],
): Promise<void> {
  const outcome = await driveNetwork(deps, channel, collapse(sourced.map((each) => each.change)));
  for (const orphan of outcome.orphans) {
    deps.telemetry.count("OrphanedEndpoints");
    deps.telemetry.warn("an endpoint is on a host that does not exist", { channel, key: changedKey(orphan) });
    await keepOrphan(deps, channel, orphan);
  }
  if (outcome.commits.length === 0) return;
  const members = [...(await readMembers(deps.table, channel)).keys()];
  for (const commit of outcome.commits) address(batch.outbox, commit, members);
}

/** An entry is for the members. A host that left by it hears so in its own channel, and then drops the network whole. */
function address(outbox: Outbox, { entry, memberships }: NetworkCommit, members: readonly string[]): void {
  for (const host of members) outbox.add(host, entry);
  for (const { host, joined, entry: own } of memberships) {
    outbox.add(host, own);
    if (joined && members.includes(host)) outbox.join(host, entry.channel);
  }
}

async function publishAll(deps: ConsumerDeps, outbox: Outbox): Promise<void> {
  // Messages of one host stay in order: each host is one task.
  const queues = new Map<string, string[]>();
  for (const { host, payload } of outbox.messages()) append(queues, host, payload);
  for (const [channel, hosts] of outbox.joined) {
    try {
      const snapshot = await readSnapshot(deps.table, channel, Math.floor(deps.now() / 1000));
      for (const host of hosts) for (const payload of snapshotMessages(host, snapshot)) append(queues, host, payload);
    } catch (error) {
      // The log is committed and the host was told to carry the network: it asks for what it lacks.
      deps.telemetry.count("JoinSnapshotFailures");
      deps.telemetry.error("no snapshot for hosts that joined", error, { channel, hosts: [...hosts] });
    }
  }
  const tasks = [...queues].map(
    ([host, payloads]) =>
      () =>
        publishTo(deps, host, payloads),
  );
  const runners = Array.from({ length: Math.min(PUBLISHES_AT_ONCE, tasks.length) }, async () => {
    for (let task = tasks.shift(); task; task = tasks.shift()) await task();
  });
  await Promise.all(runners);
}

async function publishTo(deps: ConsumerDeps, host: string, payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) {
    try {
      await deps.publisher.publish(host, payload);
      deps.telemetry.count("PublishedMessages");
    } catch (error) {
      deps.telemetry.count("PublishFailures");
      deps.telemetry.error("a host's inbox did not take a message", error, { host });
    }
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
