// What is there of a lab now, compared with what its state file says. Reads only.

import { peerStates } from "./lab.ts";
import { listNamespaces } from "./netns.ts";
import { isAlive } from "./process.ts";
import { frrDirectory, readState } from "./state.ts";
import { buildMachine, buildTopology, type LabHost, type LabMachine, type Topology } from "./topology.ts";
import { parseVni, type Vni } from "../shared/address/vni.ts";

export type LabStatus = {
  /** `broken`: something that should be there is not; `lost`: namespaces with the prefix but no usable state file. */
  readonly state: "down" | "starting" | "up" | "broken" | "lost";
  readonly since?: string;
  readonly prefix: string;
  readonly vni?: number;
  readonly hosts: readonly LabHost[];
  readonly machines: readonly LabMachine[];
  readonly bgp: readonly BgpSession[];
  /** What is missing or does not run, in words. */
  readonly problems: readonly string[];
};

/** One EVPN session as a ToR sees it. Sessions to hosts are down until an agent runs there. */
export type BgpSession = {
  readonly tor: string;
  /** The host or ToR at the other end. */
  readonly peer: string;
  readonly address: string;
  readonly state: string;
};

/** Looks at the lab with this state folder; `prefix` is for finding one whose state file is lost. */
export async function labStatus(stateDir: string, prefix: string): Promise<LabStatus> {
  const stored = readState(stateDir);
  const namespaces = await listNamespaces();
  if (stored.kind !== "lab") {
    const left = namespaces.filter((name) => name.startsWith(prefix));
    const unusable = stored.kind === "unusable" ? [stored.reason] : [];
    const problems = [...unusable, ...left.map((name) => `namespace ${name} is on no record`)];
    return { state: problems.length > 0 ? "lost" : "down", prefix, hosts: [], machines: [], bgp: [], problems };
  }
  const { state } = stored;
  const vni = parseVni(state.vni) as Vni;
  const topology = buildTopology({ prefix: state.prefix, vni, managementNet: state.managementNet });
  const alive = await Promise.all(state.processes.map(isAlive));
  const problems = [
    ...state.namespaces.filter((name) => !namespaces.includes(name)).map((name) => `namespace ${name} is gone`),
    ...state.processes.filter((_, index) => !alive[index]).map(({ what, pid }) => `${what} (${pid}) has ended`),
  ];
  return {
    state: state.phase === "starting" ? "starting" : problems.length > 0 ? "broken" : "up",
    since: state.createdAt,
    prefix: state.prefix,
    vni,
    hosts: topology.sites.flatMap((site) => site.hosts),
    machines: state.machines.map((machine) => buildMachine(topology.options, machine)),
    bgp: (await Promise.all(topology.sites.map((site) => torSessions(stateDir, topology, site.id)))).flat(),
    problems,
  };
}

async function torSessions(stateDir: string, topology: Topology, siteId: string): Promise<BgpSession[]> {
  const site = topology.sites.find(({ id }) => id === siteId);
  if (!site) return [];
  const names = new Map<string, string>([
    ...site.hosts.map((host) => [host.underlayAddress, host.id] as const),
    ...topology.sites.map((other) => [other.tor.loopback, other.tor.id] as const),
  ]);
  const peers = await peerStates(frrDirectory(stateDir, site.tor.namespace));
  return [...peers].map(([address, state]) => ({ tor: site.tor.id, peer: names.get(address) ?? "?", address, state }));
}

/** The status as lines of text. */
export function formatStatus(status: LabStatus): string {
  const { state, since, prefix, vni, hosts, machines, bgp, problems } = status;
  const head = since === undefined ? `lab: ${state}` : `lab: ${state} since ${since}, VNI ${vni}`;
  return [
    head,
    ...table([
      ...hosts.map(({ id, namespace, vtep, mgmt }) => ["host", id, namespace, `VTEP ${vtep}`, `management ${mgmt}`]),
      ...machines.map(({ name, host, namespace, tap, ip }) => ["machine", name, namespace, `${tap} on ${host}`, ip]),
      ...bgp.map((one) => ["bgp", one.tor, one.peer, one.address, one.state]),
    ]),
    ...problems.map((problem) => `problem: ${problem}`),
    ...(state === "lost" ? [`"npm run lab -- down" removes what has the prefix ${prefix}`] : []),
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}
