// What `overspan-agent show …` prints: tables an operator can read, and the same as JSON. Reads the agent's view only.

import type { ReceivedRoute } from "../bgp/route.ts";
import type { AgentView } from "../agent.ts";
import { describeNetworks } from "../dataplane/describe.ts";
import { describeProblem } from "../dataplane/problem.ts";
import type { NetworkState } from "../dataplane/state.ts";
import type { MacEntry } from "../evpn/mac-table.ts";
import type { LocalAnswer, LocalRequest } from "./socket.ts";

/** A view: its rows as data, and how they read. */
type Shown = { readonly data: unknown; readonly text: string };

const VIEWS: Record<string, { help: string; show: (view: AgentView, words: readonly string[]) => Shown }> = {
  summary: { help: "the host, its connections, and what is live", show: showSummary },
  network: { help: "each network: VNI, entries, state; with an id: why it is not live", show: showNetworks },
  endpoint: { help: "each endpoint: where it is, who says so; with a MAC, IP or id: only that", show: showEndpoints },
  fdb: { help: "what the kernel was read back to hold, as bridge(8) and ip(8) write it", show: showFdb },
  "bgp summary": { help: "the sessions with the ToRs", show: showBgpSummary },
  "bgp rib": { help: "the routes that the ToRs sent and a network imports", show: showBgpRib },
  channels: { help: "the channels of intent: sequence numbers and digests", show: showChannels },
  events: { help: "the last warnings, and a count of each kind", show: showEvents },
};

/** The lines of `--help` about `show`. */
export function showHelp(): string {
  return table(Object.entries(VIEWS).map(([name, { help }]) => [`  show ${name}`, help]));
}

/** Answers a request of the socket; an unknown view gets the list of those there are. */
export function answerShow(view: AgentView, request: LocalRequest): LocalAnswer {
  const [verb, ...words] = request.command;
  const name = Object.keys(VIEWS).find((key) => words.slice(0, key.split(" ").length).join(" ") === key);
  if (verb !== "show" || !name) {
    return { error: `unknown command "${request.command.join(" ")}"; there is:\n${showHelp()}` };
  }
  const { data, text } = (VIEWS[name] as (typeof VIEWS)[string]).show(view, words.slice(name.split(" ").length));
  return { text: request.json ? JSON.stringify(data, null, 2) : text };
}

function showSummary(view: AgentView): Shown {
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

type NetworkRow = {
  network: string;
  tenant: string;
  vni: number;
  local: number;
  remote: number;
  fabric: number;
  vteps: number;
  state: string;
  problems: string[];
};

function networkRows(view: AgentView): NetworkRow[] {
  const reports = new Map(view.dataplane?.networks.map((network) => [network.vni, network]));
  return view.overlay.networks.map(({ id, intent, table: macs, state }) => {
    const report = reports.get(state.vni);
    const problems = report?.problems.map(describeProblem) ?? [];
    const clean = report?.verified && report.remaining.length === 0 && problems.length === 0;
    const count = (source: MacEntry["source"]) => macs.entries.filter((entry) => entry.source === source).length;
    return {
      network: id,
      tenant: intent.definition.tenant,
      vni: state.vni,
      local: count("local"),
      remote: count("intent"),
      fabric: count("fabric"),
      vteps: macs.flood.length,
      state: clean ? "live" : problems.length > 0 ? "degraded" : "applying",
      problems,
    };
  });
}

function showNetworks(view: AgentView, [only]: readonly string[]): Shown {
  const rows = networkRows(view).filter((row) => only === undefined || row.network === only);
  if (rows.length === 0)
    return { data: rows, text: only ? `no network ${only} on this host` : "no networks on this host" };
  const lines = table([
    ["NETWORK", "TENANT", "VNI", "LOCAL", "REMOTE", "FABRIC", "VTEPS", "STATE"],
    ...rows.map((row) => [row.network, row.tenant, row.vni, row.local, row.remote, row.fabric, row.vteps, row.state]),
  ]);
  const problems = rows.flatMap((row) => row.problems.map((problem) => `${row.network}: ${problem}`));
  return { data: rows, text: [lines, ...problems].join("\n") };
}

function showEndpoints(view: AgentView, [only]: readonly string[]): Shown {
  const rows = view.overlay.networks.flatMap(({ id, table: macs }) =>
    macs.entries
      .filter(({ mac, ips, endpoint }) => only === undefined || [mac, endpoint, ...ips].includes(only))
      .map((entry) => ({ network: id, ...entry })),
  );
  const text = table([
    ["NETWORK", "MAC", "IPS", "WHERE", "SOURCE", "SEQ", "FABRIC SAYS SO", "ENDPOINT"],
    ...rows.map((row) => [
      row.network,
      row.mac,
      row.ips.join(",") || "-",
      row.port ?? row.vtep,
      row.source,
      row.mobility,
      row.source === "fabric" || row.confirmed ? "yes" : "no",
      row.endpoint ?? "-",
    ]),
  ]);
  return { data: rows, text: rows.length > 0 ? text : only ? `no endpoint ${only} here` : "no endpoints here" };
}

function showFdb(view: AgentView): Shown {
  const states = (view.dataplane?.networks ?? [])
    .map((network) => network.verified)
    .filter((state): state is NetworkState => state !== undefined);
  return { data: states, text: states.length > 0 ? describeNetworks(states) : "the kernel holds no network of ours" };
}

function showBgpSummary(view: AgentView): Shown {
  const text = table([
    ["NEIGHBOR", "AS", "STATE", "UP/DOWN", "PFXRCD", "PFXSNT", "LAST ERROR"],
    ...view.peers.map((peer) => [
      peer.address,
      peer.asn,
      peer.state,
      duration(view.nowMs - peer.sinceMs),
      peer.routesIn,
      peer.routesOut,
      peer.lastError ?? "-",
    ]),
  ]);
  return { data: view.peers, text: view.peers.length > 0 ? text : "no BGP peers are configured for this host" };
}

function showBgpRib(view: AgentView): Shown {
  const text = table([
    ["ROUTE", "NEXT HOP", "RT", "SEQ", "FROM"],
    ...view.fabric.map((route) => [
      describeNlri(route),
      route.nextHop,
      route.routeTargets.join(" "),
      route.mobility?.sequence ?? 0,
      route.peer,
    ]),
  ]);
  return { data: view.fabric, text: view.fabric.length > 0 ? text : "no routes from the fabric" };
}

/** The bracketed form that FRR and GoBGP print. */
function describeNlri({ nlri }: ReceivedRoute): string {
  switch (nlri.type) {
    case "mac-ip":
      return `[2]:[${nlri.ethernetTag}]:[48]:[${nlri.mac}]${nlri.ip ? `:[${nlri.ip}]` : ""} RD ${nlri.rd}`;
    case "imet":
      return `[3]:[${nlri.ethernetTag}]:[${nlri.originator}] RD ${nlri.rd}`;
    case "ethernet-ad":
      return `[1]:[${nlri.ethernetTag}]:[${nlri.esi}] RD ${nlri.rd}`;
    case "ethernet-segment":
      return `[4]:[${nlri.esi}]:[${nlri.originator}] RD ${nlri.rd}`;
    case "ip-prefix":
      return `[5]:[${nlri.ethernetTag}]:[${nlri.prefix}] RD ${nlri.rd}`;
  }
}

function showChannels(view: AgentView): Shown {
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

function showEvents(view: AgentView): Shown {
  const events = view.diary.recent();
  const counters = Object.fromEntries([...view.diary.counters].sort(([a], [b]) => (a < b ? -1 : 1)));
  const lines = events.map((event) => `${new Date(event.atMs).toISOString()} ${event.kind}: ${event.detail}`);
  const counts = Object.entries(counters).map(([kind, count]) => `${count} ${kind}`);
  const text = lines.length > 0 ? `${lines.join("\n")}\n\ncounted: ${counts.join(", ")}` : "no warnings";
  return { data: { events, counters }, text };
}

/** `1d02h`, `02:03:04`: the forms of `show bgp summary`. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (seconds >= 86_400) return `${Math.floor(seconds / 86_400)}d${two((seconds % 86_400) / 3600)}h`;
  return `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

/** Columns aligned by their longest cell, without trailing blanks. */
function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, String(cell).length);
    });
  }
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, column) => String(cell).padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}
