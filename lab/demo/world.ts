// The port through which the story acts on the world below the API: machines, agents, ToRs, the broker. Two worlds
// implement it: real-world.ts (namespaces, FRR) and memory-world.ts (in-memory kernels, without root).

import type { PingOptions } from "../lab.ts";
import type { PingResult, RunningPing } from "../ping.ts";
import type { BareMetal, LabHost, LabSite, MachineSpec } from "../topology.ts";

/** What an agent says of itself: `overspan-agent show summary --json`. */
export type AgentSummary = {
  readonly broker: "connected" | "disconnected";
  readonly inSync: boolean;
  readonly bgp: { readonly peers: number; readonly established: number };
};

export type World = {
  /** Stands before every line of the story; empty in the real world. */
  readonly label: string;
  readonly apiUrl: string;
  /** A token for the API: an operator's, or one that may write and is bound to a tenant. */
  token(tenant?: string): Promise<string>;
  readonly sites: readonly LabSite[];
  readonly hosts: readonly LabHost[];
  readonly bareMetal: readonly BareMetal[];
  addMachine(spec: MachineSpec): Promise<void>;
  /** Plugs a machine into another host. @returns how long it had no link, ms. */
  moveMachine(name: string, host: string): Promise<{ readonly unpluggedMs: number }>;
  /** Starts the agent of a host that the API knows. */
  startAgent(host: string): Promise<void>;
  /** kill -9. */
  killAgent(host: string): Promise<void>;
  /** Undefined while no agent answers. */
  agentSummary(host: string): Promise<AgentSummary | undefined>;
  stopBroker(): Promise<void>;
  startBroker(): Promise<void>;
  /** From a machine or bare metal, by name. */
  ping(from: string, ip: string, options: PingOptions & { readonly count: number }): Promise<PingResult>;
  startPing(from: string, ip: string, options: PingOptions): Promise<RunningPing>;
  /** The site's ToR: `show bgp l2vpn evpn`. */
  torRoutes(site: string): Promise<string>;
  /** The last lines that a part wrote to its log: `agent s1-h1`, `tor s1`, `cloud`. */
  lastWords(part: string): Promise<readonly string[]>;
  /** Removes everything. @returns what is left, in words; empty if nothing is. */
  close(): Promise<readonly string[]>;
};
