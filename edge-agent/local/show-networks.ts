// The views of networks and endpoints: what each holds, from which source, and why it is not live.

import type { AgentView } from "../agent.ts";
import { networkChannel, type NetworkRecord } from "../../shared/model/record.ts";
import type { MacEntry } from "../evpn/mac-table.ts";
import { l2Networks } from "../intent/view.ts";
import { counted, type Shown, table } from "./text.ts";

type NetworkRow = {
  network: string;
  tenant: string;
  /** Undefined while the cloud has not said. */
  vni: number | undefined;
  local: number;
  remote: number;
  fabric: number;
  learned: number;
  vteps: number;
  /** Route targets; `*:VNI` stands for any AS. */
  imports: string[];
  /** `waiting`: as desired, but for what may not be done before intent is known to be whole. */
  state: "live" | "waiting" | "degraded" | "applying";
  withheld: number;
  problems: string[];
};

/** One row per network that this host carries, those included that cannot be made: of others, or of what is missing. */
export function networkRows(view: AgentView): NetworkRow[] {
  const made = madeRows(view);
  const known = new Set(made.map(({ network }) => network));
  const others = Array.from(l2Networks(view.intent)).filter((id) => !known.has(id));
  return [...made, ...others.map((id) => absentRow(view, id))];
}

function absentRow(view: AgentView, id: string): NetworkRow {
  const channel = networkChannel(id);
  const body = view.intent.channels.get(channel)?.records.get("network")?.body as NetworkRecord | null | undefined;
  const problems = view.partsOf(channel).flatMap((part) => part.problems);
  const counts = { local: 0, remote: 0, fabric: 0, learned: 0, vteps: 0, imports: [], withheld: 0 };
  const state = problems.length > 0 ? ("degraded" as const) : ("applying" as const);
  return { network: id, tenant: body?.tenant ?? "-", vni: body?.vni, ...counts, state, problems };
}

function madeRows(view: AgentView): NetworkRow[] {
  const reports = new Map(view.dataplane?.networks.map((network) => [network.vni, network]));
  return view.overlay.networks.map(({ id, tenant, table: macs, state, imports }) => {
    const report = reports.get(state.vni);
    const parts = view.partsOf(networkChannel(id));
    const problems = parts.flatMap((part) => part.problems);
    // Ports whose guard an earlier process left wait as entries do.
    const held = view.guards?.ports.filter((port) => port.network === id && port.held).length ?? 0;
    const withheld = (report?.withheld ?? 0) + held;
    const written = report?.verified !== undefined && report.remaining === 0;
    const proven = parts.every((part) => part.kernel !== undefined);
    const count = (source: MacEntry["source"]) => macs.entries.filter((entry) => entry.source === source).length;
    return {
      network: id,
      tenant,
      vni: state.vni,
      local: count("local"),
      remote: count("intent"),
      fabric: count("fabric"),
      learned: count("learned"),
      vteps: macs.flood.length,
      imports: [...imports],
      state:
        problems.length > 0
          ? "degraded"
          : written && withheld > 0
            ? "waiting"
            : written && proven
              ? "live"
              : "applying",
      withheld,
      problems,
    };
  });
}

/** `show network [ID]`. */
export function showNetworks(view: AgentView, [only]: readonly string[]): Shown {
  const rows = networkRows(view).filter((row) => only === undefined || row.network === only);
  if (rows.length === 0) {
    return only
      ? { data: rows, text: `no network ${only} on this host`, missing: true }
      : { data: rows, text: "no networks on this host" };
  }
  const lines = table([
    ["NETWORK", "TENANT", "VNI", "LOCAL", "REMOTE", "FABRIC", "LEARNED", "VTEPS", "STATE"],
    ...rows.map((row) => [
      row.network,
      row.tenant,
      row.vni ?? "-",
      row.local,
      row.remote,
      row.fabric,
      row.learned,
      row.vteps,
      row.state,
    ]),
  ]);
  const problems = rows.flatMap((row) => row.problems.map((problem) => `${row.network}: ${problem}`));
  const targets = only === undefined ? rows.flatMap(describeAnyAs) : rows.flatMap(describeTargets);
  const waits = rows.flatMap(({ network, withheld }) =>
    withheld > 0 ? [`${network}: ${counted(withheld, "change")} waiting until intent is known to be whole`] : [],
  );
  return { data: rows, text: [lines, ...targets, ...problems, ...waits].join("\n") };
}

function describeTargets(row: NetworkRow): string[] {
  return [`${row.network}: imports route targets ${row.imports.join(", ") || "none"}`, ...describeAnyAs(row)];
}

/** A wildcard is worth a line in every view of the network: another site's routes may match. */
function describeAnyAs({ network, vni, imports }: NetworkRow): string[] {
  return imports.some((target) => target.startsWith("*"))
    ? [`${network}: imports VNI ${vni} of any AS (*:${vni}), as asked for by importAnyAs`]
    : [];
}

/** `show endpoint [MAC|IP|ID]`. */
export function showEndpoints(view: AgentView, [only]: readonly string[]): Shown {
  const rows = view.overlay.networks.flatMap(({ id, table: macs }) =>
    macs.entries
      .filter(({ mac, ips, endpoint }) => only === undefined || [mac, endpoint, ...ips].includes(only))
      .map((entry) => ({ network: id, ...entry })),
  );
  const text = table([
    ["NETWORK", "MAC", "IPS", "WHERE", "SOURCE", "SEQ", "FABRIC SAYS SO", "ENDPOINT", "NOTES"],
    ...rows.map((row) => [
      row.network,
      row.mac,
      row.ips.join(",") || "-",
      row.port ?? (row.segment?.vteps ?? [row.vtep]).join(","),
      row.source,
      row.mobility,
      row.source === "fabric" || row.confirmed ? "yes" : "no",
      row.endpoint ?? "-",
      notesOf(row),
    ]),
  ]);
  if (rows.length > 0) return { data: rows, text };
  return only
    ? { data: rows, text: `no endpoint ${only} on this host`, missing: true }
    : { data: rows, text: "no endpoints on this host" };
}

/** What else is true of an entry. */
function notesOf({ segment, fixed, gateway, frozen, lastResort }: MacEntry): string {
  const backups = segment?.backups ?? [];
  return [
    ...(gateway ? ["gateway"] : fixed ? ["sticky"] : []),
    ...(frozen ? ["frozen"] : []),
    ...(lastResort ? ["long-lived stale"] : []),
    ...(segment ? [`${segment.mode} segment`] : []),
    ...(backups.length > 0 ? [`backup ${backups.join(",")}`] : []),
  ].join(", ");
}
