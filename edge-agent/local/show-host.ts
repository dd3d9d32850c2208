// The views of this host: what it is connected to, its channels, its kernel and its diary.

import type { AgentView } from "../agent.ts";
import { describeNetworks } from "../dataplane/describe.ts";
import type { NetworkState } from "../dataplane/state.ts";
import { networkRows } from "./show-networks.ts";
import { type Shown, table } from "./text.ts";

/** `show summary`: the host, its connections, and what is live. */
export function showSummary(view: AgentView): Shown {
  const rows = networkRows(view);
  const established = view.peers.filter((peer) => peer.state === "Established").length;
  const data = {
    host: view.host,
    version: view.identity.version,
    startedAt: new Date(view.identity.startedAtMs).toISOString(),
    vtep: view.hostIntent?.host.vtep,
    broker: view.brokerConnected ? "connected" : "disconnected",
    inSync: view.intent.inSync,
    mayDelete: view.mayDelete,
    bgp: { peers: view.peers.length, established },
    networks: { carried: rows.length, live: rows.filter((row) => row.state === "live").length },
  };
  const text = table([
    ["host", view.host],
    ["agent", `${data.version}, up since ${data.startedAt}`],
    ["VTEP", data.vtep ?? "not known yet: waiting for the cloud"],
    ["broker", data.broker],
    ["intent", view.intent.inSync ? "in sync" : "not confirmed yet: using the copy on disk, deleting nothing"],
    ["BGP", `${established} of ${view.peers.length} sessions established`],
    ["networks", `${data.networks.live} of ${data.networks.carried} as intended in the kernel`],
  ]);
  return { data, text };
}

/** `show fdb`: what the kernel was read back to hold, as bridge(8) and ip(8) write it. */
export function showFdb(view: AgentView): Shown {
  const states = (view.dataplane?.networks ?? [])
    .map((network) => network.verified)
    .filter((state): state is NetworkState => state !== undefined);
  return { data: states, text: states.length > 0 ? describeNetworks(states) : "the kernel holds no network of ours" };
}

/** `show channels`: sequence numbers and digests of what the cloud sent. */
export function showChannels(view: AgentView): Shown {
  const rows = Array.from(view.intent.channels.values(), ({ channel, seq, digest, records }) => ({
    channel,
    seq,
    digest,
    records: [...records.values()].filter((record) => record.body !== null).length,
  }));
  const text = table([
    ["CHANNEL", "SEQ", "DIGEST", "RECORDS"],
    ...rows.map((row) => [row.channel, row.seq, row.digest, row.records]),
  ]);
  return { data: rows, text: rows.length > 0 ? text : "nothing received from the cloud yet" };
}

/** `show events`: the last warnings, and a count of each kind. */
export function showEvents(view: AgentView): Shown {
  const events = view.diary.recent();
  const counters = Object.fromEntries([...view.diary.counters].sort(([a], [b]) => (a < b ? -1 : 1)));
  const lines = events.map((event) => `${new Date(event.atMs).toISOString()} ${event.kind}: ${event.detail}`);
  const counts = Object.entries(counters).map(([kind, count]) => `${count} ${kind}`);
  const text = lines.length > 0 ? `${lines.join("\n")}\n\ncounted: ${counts.join(", ")}` : "no warnings";
  return { data: { events, counters }, text };
}
