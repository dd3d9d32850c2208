// Many simulated hosts in a process of their own: each is the real agent's copy of intent over a connection of its own to
// the real broker, without BGP and kernel. What they heard, and when, they tell who started them.
//
// Over the IPC channel: FleetAsks in, FleetSays out. Times are ms since the epoch.

import { httpSnapshots } from "../../edge-agent/intent/download.ts";
import { connectBroker, type TlsIdentity } from "../../edge-agent/intent/mqtt.ts";
import { openIntent } from "../../edge-agent/intent/session.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { networkChannel } from "../../shared/model/record.ts";
import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { epochMs } from "../epoch.ts";
import { NETWORK } from "./numbers.ts";
import { NO_REPLICA } from "./no-replica.ts";

export type FleetAsks =
  | { readonly do: "open"; readonly url: string; readonly hosts: readonly { id: string; identity: TlsIdentity }[] }
  /** To be told when all have heard of a record; `syncedAfterMs`: and have been in sync after that time. */
  | { readonly do: "watch"; readonly key: string; readonly syncedAfterMs?: number };

export type FleetSays =
  | { readonly said: "in-sync" }
  /** Of a watched record, each host's time: of hearing of it, or where asked for, of being in sync. */
  | { readonly said: "all"; readonly key: string; readonly atMs: readonly number[] };

type SimulatedHost = {
  /** When it heard of each record of the network. */
  readonly heardAtMs: ReadonlyMap<string, number>;
  /** When an answer to a sync was last whole. */
  readonly inSyncAtMs: () => number;
};

const CHANNEL = networkChannel(NETWORK);
const LOOK_EVERY_MS = 5;
/** Connections that are begun at once: the others wait for one of them to be in sync. */
const OPENING = 16;

let hosts: readonly SimulatedHost[] = [];

process.on("message", (asks: FleetAsks) => {
  if (asks.do === "open") void open(asks).then(() => say({ said: "in-sync" }));
  else void watch(asks);
});
process.on("disconnect", () => process.exit(0));

function say(message: FleetSays): void {
  process.send?.(message);
}

async function open({ url, hosts: wanted }: FleetAsks & { do: "open" }): Promise<void> {
  const opened: SimulatedHost[] = [];
  const waiting = wanted.slice();
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const host = await simulateHost(url, one.id, one.identity);
      opened.push(host);
      await until(() => host.inSyncAtMs() > 0);
    }
  };
  await Promise.all(Array.from({ length: OPENING }, next));
  hosts = opened;
}

async function watch({ key, syncedAfterMs }: FleetAsks & { do: "watch" }): Promise<void> {
  await until(() =>
    hosts.every((host) => host.heardAtMs.has(key) && host.inSyncAtMs() > (syncedAfterMs ?? Number.NEGATIVE_INFINITY)),
  );
  const timeOf = ({ heardAtMs, inSyncAtMs }: SimulatedHost) =>
    syncedAfterMs === undefined ? (heardAtMs.get(key) ?? Number.NaN) : inSyncAtMs();
  say({ said: "all", key, atMs: hosts.map(timeOf) });
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

/** Connects a host that only keeps its copy of intent. */
async function simulateHost(url: string, id: string, identity: TlsIdentity): Promise<SimulatedHost> {
  const diary = createDiary(clock.wallMs, () => undefined);
  const connection = connectBroker({ host: id, url, identity }, { log: diary, clock, random: Math.random });
  const heardAtMs = new Map<string, number>();
  let inSyncAtMs = Number.NEGATIVE_INFINITY;
  const session = await openIntent({
    host: id,
    store: NO_REPLICA,
    snapshots: httpSnapshots({ allowPlain: true, setTimer: clock.setTimer }),
    connection,
    clock,
    random: Math.random,
    log: diary,
    onChange: (change) => {
      const keys = change.get(CHANNEL);
      // Of what is there at first only that it is there matters, not when it came.
      if (keys === undefined || keys === "whole") return;
      for (const key of keys) if (!heardAtMs.has(key)) heardAtMs.set(key, epochMs());
    },
  });
  connection.listen({
    connected: () => session.onConnected(),
    disconnected: () => session.onDisconnected(),
    inbox: (payload) => {
      session.onInbox(payload);
      if (Buffer.from(payload).includes('"kind":"in-sync"')) inSyncAtMs = epochMs();
    },
  });
  return { heardAtMs, inSyncAtMs: () => inSyncAtMs };
}
