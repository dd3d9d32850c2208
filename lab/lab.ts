// The lab as a program uses it: bring it up, add and move machines, run things inside, take it down.
// Everything is written to the state file before it is made; down.ts undoes what is written there.

import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type DownReport, downLab } from "./down.ts";
import { DAEMONS, daemonArgv, frrLastWords, isServing, prepareFrr, vtysh } from "./frr.ts";
import { bgpdConfig, zebraConfig } from "./frr-config.ts";
import {
  type CommandError,
  commandEnvironment,
  inNamespace,
  listNamespaces,
  listRootLinks,
  type Output,
  run,
  type RunOptions,
  runSteps,
  start,
} from "./netns.ts";
import { type PingResult, type PingTarget, type RunningPing, runPing, startPing } from "./ping.ts";
import { commandLine, identify, isAlive, type ProcessIdentity } from "./process.ts";
import { createState, DEFAULT_STATE_DIR, frrDirectory, type LabState, logDirectory, readState } from "./state.ts";
import type { StateFile } from "./state.ts";
import { fabricSteps, machineSteps, moveSteps } from "./steps.ts";
import {
  type BareMetal,
  buildMachine,
  buildTopology,
  DEFAULT_TOPOLOGY,
  fabricNamespaces,
  type LabHost,
  type LabMachine,
  type LabSite,
  type MachineSpec,
  type Topology,
  type TopologyOptions,
} from "./topology.ts";
import { waitFor } from "./wait.ts";

export type LabOptions = Partial<TopologyOptions> & {
  /** Default `/run/overspan-lab`. */
  readonly stateDir?: string;
  /** Called once all links are there, the management network's too; the ToRs' FRR still starts then. */
  readonly linked?: () => void;
  /** Machines to add at once. */
  readonly machines?: readonly MachineSpec[];
  /** True for a lab that stays when this process ends; default false: then it counts as left by a crash. */
  readonly lasting?: boolean;
  /** Aborting it stops `upLab` at its next step; what was made by then is removed. */
  readonly signal?: AbortSignal;
};

/** Told one line per step, for people. */
export type Progress = (line: string) => void;

/** A process that the lab started in a namespace. */
export type LabProcess = {
  readonly pid: number;
  readonly logFile: string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
};

export type PingOptions = Pick<PingTarget, "intervalMs" | "sizeBytes" | "dontFragment">;

export type Lab = {
  readonly topology: Topology;
  readonly stateDir: string;
  readonly sites: readonly LabSite[];
  readonly hosts: readonly LabHost[];
  readonly bareMetal: readonly BareMetal[];
  /** Machines now, in the order in which they were added. */
  machines(): readonly LabMachine[];
  addMachine(spec: MachineSpec): Promise<LabMachine>;
  /** Plugs the machine into another host. @returns how long it had no link, ms. */
  moveMachine(name: string, host: string): Promise<{ readonly unpluggedMs: number }>;
  /** Runs a command of FRR's shell on a site's ToR. */
  vtysh(site: string, command: string): Promise<string>;
  /** Runs a program in a namespace to its end. @throws CommandError */
  exec(namespace: string, argv: readonly string[], options?: RunOptions): Promise<Output>;
  /** Starts a program in a namespace; it lives until it ends, is killed, or the lab goes down. */
  spawn(
    namespace: string,
    argv: readonly string[],
    options: { readonly what: string; readonly logFile?: string },
  ): Promise<LabProcess>;
  ping(
    fromNamespace: string,
    ip: string,
    options: PingOptions & { readonly count: number; readonly waitMs?: number },
  ): Promise<PingResult>;
  startPing(fromNamespace: string, ip: string, options?: PingOptions): Promise<RunningPing>;
  /** Removes the lab, whoever uses it. */
  down(progress: Progress): Promise<DownReport>;
};

/**
 * Brings the lab up: namespaces, links, and FRR on the ToRs with their session to each other established.
 * Remains of a crashed lab with this state folder are removed first. What a failure leaves behind is removed too.
 * @throws Error if a lab is up already, or something of its name exists that is not its own.
 */
export async function upLab(options: LabOptions, progress: Progress): Promise<Lab> {
  const { stateDir = DEFAULT_STATE_DIR, lasting = false, machines = [], linked, signal, ...chosen } = options;
  const topology = buildTopology({ ...DEFAULT_TOPOLOGY, ...chosen });
  await clearTheWay(stateDir, topology, progress);
  const file = createState(stateDir, await initialState(topology, lasting));
  if (!file) throw new Error(`another lab has just started with the state folder ${stateDir}`);
  try {
    await build({ file, topology, signal }, progress, linked);
    const lab = openLab(file, topology);
    for (const machine of machines) await lab.addMachine(machine);
    file.update((state) => ({ ...state, phase: "up" }));
    return lab;
  } catch (error) {
    progress("failed: removing what was made");
    await downLab({ stateDir, prefix: topology.options.prefix, force: true }, progress);
    throw error;
  }
}

type Run = { readonly file: StateFile; readonly topology: Topology; readonly signal: AbortSignal | undefined };

async function build(run: Run, progress: Progress, linked: () => void = () => undefined): Promise<void> {
  const { file, topology, signal } = run;
  const startedAt = performance.now();
  const namespaces = fabricNamespaces(topology);
  const { rootLink } = topology.management;
  file.update((state) => ({ ...state, namespaces, rootLinks: [rootLink] }));
  await runSteps(fabricSteps(topology), { mark: topology.options.prefix, signal });
  progress(`${namespaces.length} namespaces and their links (${seconds(startedAt)})`);
  linked();
  await Promise.all(topology.sites.map((site) => startFrr(run, site)));
  progress(`FRR on ${topology.sites.map((site) => site.tor.id).join(" and ")} (${seconds(startedAt)})`);
  await Promise.all(topology.sites.map((site) => torsJoined(run, site)));
  progress(`EVPN between the ToRs: bare metal reaches bare metal (${seconds(startedAt)})`);
}

async function startFrr(run: Run, site: LabSite): Promise<void> {
  const { file, topology, signal } = run;
  const { id, namespace } = site.tor;
  file.update((state) => ({ ...state, frr: [...state.frr, namespace] }));
  const directory = frrDirectory(file.directory, namespace);
  prepareFrr(directory, { zebra: zebraConfig(site), bgpd: bgpdConfig(topology, site) });
  for (const daemon of DAEMONS) {
    const argv = daemonArgv(daemon, namespace, directory);
    await startProcess(file, namespace, argv, `${daemon} of ${id}`, join(directory, `${daemon}.out`));
    const serving = async () => {
      await mustLive(file.state, id, directory);
      return isServing(daemon, directory) ? true : undefined;
    };
    await waitFor(serving, { what: `${daemon} of ${id} to serve`, deadlineMs: 20_000, everyMs: 20, signal });
  }
}

/** Established is not enough: bare metal reaches the other site once the kernel has the other ToR to flood to. */
async function torsJoined({ file, topology, signal }: Run, site: LabSite): Promise<void> {
  const { id, namespace } = site.tor;
  const others = topology.sites.filter((other) => other !== site).map((other) => other.tor.loopback);
  const joined = async () => {
    await mustLive(file.state, id, frrDirectory(file.directory, namespace));
    const flood = await floodList(namespace, `vx${topology.options.vni}`);
    return others.every((vtep) => flood.includes(vtep)) ? true : undefined;
  };
  const what = `${id} to learn ${others.join(", ")} over EVPN`;
  await waitFor(joined, { what, deadlineMs: 20_000, everyMs: 100, signal });
}

/** Where the kernel copies broadcast frames of a vxlan device to. */
async function floodList(namespace: string, vxlan: string): Promise<string[]> {
  const { stdout } = await run(["bridge", "-n", namespace, "-json", "fdb", "show", "dev", vxlan]);
  const entries = JSON.parse(stdout || "[]") as { mac: string; dst?: string }[];
  return entries.flatMap(({ mac, dst }) => (mac === "00:00:00:00:00:00" && dst !== undefined ? [dst] : []));
}

/** @throws Error if a daemon of the ToR has ended by itself. */
async function mustLive(state: LabState, tor: string, directory: string): Promise<void> {
  for (const one of state.processes) {
    if (!one.what.endsWith(` of ${tor}`) || (await isAlive(one))) continue;
    throw new Error(`${one.what} ended by itself; it said: ${frrLastWords(directory)}`);
  }
}

/** The BGP state of each EVPN neighbour of a ToR, by address; empty while bgpd does not answer. */
export async function peerStates(directory: string): Promise<ReadonlyMap<string, string>> {
  let text: string;
  try {
    text = await vtysh(directory, "show bgp l2vpn evpn summary json");
  } catch (error) {
    if ((error as CommandError).name !== "CommandError") throw error;
    return new Map();
  }
  const { peers = {} } = JSON.parse(text || "{}") as { peers?: Record<string, { state: string }> };
  return new Map(Object.entries(peers).map(([address, peer]) => [address, peer.state]));
}

function openLab(file: StateFile, topology: Topology): Lab {
  const { options, sites } = topology;
  const hosts = sites.flatMap((site) => site.hosts);
  const hostOf = (id: string) => found(hosts, (host) => host.id === id, `host ${id}`);
  const machines = () => file.state.machines.map((machine) => buildMachine(options, machine));
  const mark = options.prefix;
  return {
    topology,
    stateDir: file.directory,
    sites,
    hosts,
    bareMetal: sites.map((site) => site.bareMetal),
    machines,
    async addMachine(spec) {
      const machine = buildMachine(options, spec);
      const host = hostOf(machine.host);
      if ((await listNamespaces()).includes(machine.namespace)) throw new Error(`${machine.namespace} exists already`);
      file.update((state) => ({
        ...state,
        namespaces: [...state.namespaces, machine.namespace],
        machines: [...state.machines, { ...spec, mtuBytes: machine.mtuBytes }],
      }));
      await runSteps(machineSteps(machine, host.namespace), { mark });
      return machine;
    },
    async moveMachine(name, to) {
      const machine = found(machines(), (one) => one.name === name, `machine ${name}`);
      const [from, target] = [hostOf(machine.host), hostOf(to)];
      const startedAt = performance.now();
      await runSteps(moveSteps(machine.tap, from.namespace, target.namespace), { mark });
      const unpluggedMs = performance.now() - startedAt;
      const moved = (one: MachineSpec) => (one.name === name ? { ...one, host: to } : one);
      file.update((state) => ({ ...state, machines: state.machines.map(moved) as LabState["machines"] }));
      return { unpluggedMs };
    },
    vtysh(siteId, command) {
      const site = found(sites, (one) => one.id === siteId, `site ${siteId}`);
      return vtysh(frrDirectory(file.directory, site.tor.namespace), command);
    },
    exec: (namespace, argv, runOptions = {}) =>
      run(inNamespace(namespace, argv), { env: commandEnvironment(mark), ...runOptions }),
    spawn(namespace, argv, { what, logFile }) {
      const log = logFile ?? join(logDirectory(file.directory), `${what.replaceAll(/[^a-z0-9.-]+/gi, "-")}.log`);
      return startProcess(file, namespace, argv, what, log);
    },
    ping: (namespace, ip, { count, waitMs, ...how }) => runPing({ namespace, ip, mark, ...how }, { count, waitMs }),
    startPing: (namespace, ip, how = {}) => startPing({ namespace, ip, mark, ...how }),
    down: (progress) => downLab({ stateDir: file.directory, prefix: options.prefix, force: true }, progress),
  };
}

/** The mark in its environment names the process as ours until its pid is on record. */
async function startProcess(
  file: StateFile,
  namespace: string,
  argv: readonly string[],
  what: string,
  logFile: string,
): Promise<LabProcess> {
  mkdirSync(join(logFile, ".."), { recursive: true });
  const output = openSync(logFile, "a");
  try {
    const child = start(namespace, argv, { output, env: commandEnvironment(file.state.prefix) });
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", (cause) => reject(new Error(`${what} could not be started`, { cause })));
    });
    // Whoever cares awaits `exited`; for the others a program that cannot be started shows as one that does not answer.
    exited.catch(() => undefined);
    child.unref();
    const { pid } = child;
    if (pid === undefined) await exited;
    const identity = pid === undefined ? undefined : await identify(pid);
    if (identity) file.update((state) => ({ ...state, processes: [...state.processes, { ...identity, what }] }));
    return { pid: pid as number, logFile, exited, kill: (signal) => void child.kill(signal) };
  } finally {
    closeSync(output);
  }
}

/** Refuses to build over something foreign or alive; removes what a crashed lab left. */
async function clearTheWay(stateDir: string, topology: Topology, progress: Progress): Promise<void> {
  const { prefix } = topology.options;
  const stored = readState(stateDir);
  if (stored.kind === "lab") {
    const { state } = stored;
    if ((state.phase === "up" && state.lasting) || (await isAlive(state.owner))) {
      throw new Error(`a lab is up already (since ${state.createdAt}, by ${state.owner.command}): take it down first`);
    }
  }
  if (stored.kind !== "none") {
    progress("a lab before this one did not end well: removing what it left");
    await downLab({ stateDir, prefix, force: true }, progress);
  }
  const namespaces = (await listNamespaces()).filter((name) => name.startsWith(prefix));
  const links = (await listRootLinks()).filter(({ name }) => name === topology.management.rootLink);
  const inTheWay = [...namespaces, ...links.map(({ name }) => `the link ${name}`)];
  if (inTheWay.length > 0) {
    const which = inTheWay.slice(0, 5).join(", ");
    throw new Error(`in the way, and on no record of this lab: ${which}. "npm run lab -- down" removes a lost lab's`);
  }
}

async function initialState(topology: Topology, lasting: boolean): Promise<LabState> {
  const { prefix, vni, managementNet } = topology.options;
  const self = (await identify(process.pid)) as ProcessIdentity;
  return {
    version: 1,
    createdAt: new Date().toISOString(),
    prefix,
    vni,
    managementNet,
    phase: "starting",
    lasting,
    owner: { ...self, command: await commandLine(process.pid) },
    namespaces: [],
    rootLinks: [],
    processes: [],
    frr: [],
    machines: [],
  };
}

function found<T>(all: readonly T[], matches: (one: T) => boolean, what: string): T {
  const one = all.find(matches);
  if (one === undefined) throw new RangeError(`there is no ${what} in the lab`);
  return one;
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
