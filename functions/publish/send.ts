// Sends what a batch has for the hosts: many hosts at once, the messages of one in order. A host that joined small networks
// gets them whole, unasked, and is told so first; one that joined a large one asks for it.

import type { Channel } from "../../shared/model/record.ts";
import { smallSnapshot } from "../sync/shared-snapshot.ts";
import { type Snapshot, snapshotMessages } from "../sync/snapshot.ts";
import { mapBounded } from "./bounded.ts";
import type { Outbox } from "./outbox.ts";
import type { Publisher } from "./publisher.ts";
import type { Table } from "./table.ts";
import type { Telemetry } from "./telemetry.ts";

export type SendDeps = {
  readonly table: Table;
  readonly publisher: Publisher;
  readonly telemetry: Telemetry;
  /** ms since the epoch. */
  readonly now: () => number;
};

const HOSTS_AT_ONCE = 32;
/** More than that in messages would keep all others waiting: the host asks, and is answered at its own pace. */
const MOST_JOINED = 20;

/** Sends all of it. A message that the broker does not take is counted, and its host heals by itself. */
export async function sendOutbox(deps: SendDeps, outbox: Outbox): Promise<void> {
  const snapshots = new Map<Channel, Promise<Snapshot | undefined>>();
  const snapshotOf = (channel: Channel) => {
    const known = snapshots.get(channel) ?? readJoined(deps, channel);
    snapshots.set(channel, known);
    return known;
  };
  await mapBounded(outbox.hosts(), HOSTS_AT_ONCE, async (host) => {
    const joined = await Promise.all(outbox.joined(host).slice(0, MOST_JOINED).map(snapshotOf));
    const coming = joined.filter((snapshot) => snapshot !== undefined);
    const channels = coming.map(({ channel }) => channel);
    const messages = outbox.messages(host, channels);
    await publishTo(deps, host, [...messages, ...coming.flatMap((snapshot) => snapshotMessages(host, snapshot))]);
  });
}

/** The network that hosts joined; undefined if it is too large, or cannot be read now: then they ask for it. */
async function readJoined(deps: SendDeps, channel: Channel): Promise<Snapshot | undefined> {
  try {
    return await smallSnapshot(deps.table, channel, Math.floor(deps.now() / 1000));
  } catch (error) {
    deps.telemetry.count("JoinSnapshotFailures");
    deps.telemetry.error("no snapshot for hosts that joined", error, { channel });
    return undefined;
  }
}

async function publishTo(deps: SendDeps, host: string, payloads: readonly string[]): Promise<void> {
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
