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
};

export type HostStatuses = {
  /** Undefined if it never reported, or not for a month. */
  status(host: string): Promise<HostStatus | undefined>;
  /** Those of the hosts that reported that they cannot carry a router. One that said nothing is given the benefit. */
  withoutVrf(hosts: readonly string[]): Promise<string[]>;
  /** The hosts that carry the network. */
  members(network: string): Promise<string[]>;
};
