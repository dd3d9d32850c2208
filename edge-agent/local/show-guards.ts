// The views of port security: how each port is guarded and what was dropped there, and machines that nobody declared.

import type { AgentView } from "../agent.ts";
import type { GuardReason } from "../dataplane/guards.ts";
import { type Shown, table } from "./text.ts";

const MODES = { enforce: "enforced", observe: "off", learn: "off, learning" } as const;

/** `show guard [PORT]`: the guard of each port, and what it dropped by reason. */
export function showGuards(view: AgentView, [only]: readonly string[]): Shown {
  const { guards } = view;
  if (!guards) return { data: [], text: "this agent guards no ports" };
  const dropped = new Map<string, Map<GuardReason, number>>();
  for (const { port, reason, packets } of guards.reading.drops) {
    if (packets === 0) continue;
    dropped.set(port, (dropped.get(port) ?? new Map<GuardReason, number>()).set(reason, packets));
  }
  const rows = guards.ports
    .filter(({ port }) => only === undefined || port === only)
    .map(({ network, port, policy, state, reason }) => ({
      port,
      network,
      security: MODES[policy.guard.mode],
      state,
      ...(reason !== undefined && { reason }),
      sources: policy.guard.sources.map(({ mac, prefixes }) => ({ mac, addresses: prefixes ?? ("any" as const) })),
      stormPacketsPerSec: policy.guard.stormPacketsPerSec ?? null,
      isolated: policy.flags.isolated,
      promiscuous: policy.promiscuous,
      dropped: Object.fromEntries([...(dropped.get(port) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))),
    }));
  const lines = table([
    ["PORT", "NETWORK", "SECURITY", "STATE", "MAY SEND FROM", "STORM/S", "FLAGS", "DROPPED"],
    ...rows.map((row) => [
      row.port,
      row.network,
      row.security,
      row.state,
      row.sources.map(sourceText).join(" "),
      row.stormPacketsPerSec ?? "-",
      [...(row.isolated ? ["isolated"] : []), ...(row.promiscuous ? ["promiscuous"] : [])].join(",") || "-",
      Object.entries(row.dropped)
        .map(([why, packets]) => `${packets} ${why}`)
        .join(", ") || "-",
    ]),
  ]);
  const reasons = rows.flatMap((row) => (row.reason === undefined ? [] : [`${row.port}: ${row.reason}`]));
  const lacks = [guards.lacks.guards, guards.lacks.mirrors].flatMap((reason) => reason ?? []);
  const text = rows.length > 0 ? lines : only ? `no port ${only} on this host` : "no ports on this host";
  return { data: rows, text: [text, ...new Set([...reasons, ...lacks])].join("\n") };
}

/** `show unknown`: machines that were seen on a port of this host and are not declared there. */
export function showUnknown(view: AgentView): Shown {
  const strangers = view.guards?.strangers ?? [];
  const at = (ms: number): string => new Date(ms).toISOString();
  const rows = strangers.map(({ network, port, mac, kind, declaredAt, firstMs, lastMs }) => ({
    network,
    mac,
    port,
    kind,
    declaredAt: declaredAt ?? null,
    first: at(firstMs),
    last: at(lastMs),
  }));
  if (rows.length === 0) return { data: rows, text: "every machine that was seen is declared" };
  const text = table([
    ["NETWORK", "MAC", "SEEN ON", "WHAT", "FIRST", "LAST"],
    ...rows.map((row) => [
      row.network,
      row.mac,
      row.port,
      row.declaredAt === null ? "unknown machine" : `moved machine: declared at ${row.declaredAt}`,
      row.first,
      row.last,
    ]),
  ]);
  const quiet = view.guards?.quiet ?? 0;
  return { data: rows, text: quiet > 0 ? `${text}\n${quiet} more were too many to tell of` : text };
}

function sourceText({
  mac,
  addresses,
}: {
  readonly mac: string;
  readonly addresses: "any" | readonly string[];
}): string {
  if (addresses === "any") return `${mac}(any)`;
  return `${mac}(${addresses.map((prefix) => prefix.replace(/\/(?:32|128)$/, "")).join(",")})`;
}
