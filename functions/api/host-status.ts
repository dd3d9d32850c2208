// The port through which the API asks what hosts reported. functions/report implements it.

import type { Report } from "../../shared/message/report.ts";

/** A host's last report. */
export type HostStatus = {
  /** Cloud clock, ISO 8601. */
  lastSeenAt: string;
  inSync: boolean;
  agent: Report["agent"];
  bgp: Report["bgp"];
  /** What the host's kernel and agent can do, as they say. */
  capabilities?: Record<string, unknown>;
} & Pick<FleetHost, "state" | "reason" | "since" | "channels">;

/** A host as the fleet's view has it, by its last report and the clock. */
export type FleetHost = {
  host: string;
  site: string;
  /** The worst of its channels; `silent`: it reports no more. */
  state: "in-sync" | "behind" | "diverged" | "kernel" | "silent" | "unreported";
  reason?: string;
  /** ISO 8601. */
  since?: string;
  lastSeenAt?: string;
  /** Channels that it did not have as it should when it reported last, the longest first; not all of very many. */
  channels: { channel: string; state: "behind" | "diverged" | "kernel"; behindBy: number; since: string }[];
  sessionsDown: { peer: string; state: string; since: string }[];
  /** Of the last hour. */
  conflicts: { at: string; detail: string }[];
  drift: { at: string; detail: string }[];
};

export type HostStatuses = {
  /** Undefined if it never reported, or not for a month. */
  status(host: { id: string; site: string }): Promise<HostStatus | undefined>;
  /** The hosts in their order. */
  fleet(hosts: readonly { id: string; site: string }[]): Promise<FleetHost[]>;
  /** Those of the hosts that reported that they cannot carry a router. One that said nothing is given the benefit. */
  withoutVrf(hosts: readonly string[]): Promise<string[]>;
  /** The hosts that carry the network. */
  members(network: string): Promise<string[]>;
};
