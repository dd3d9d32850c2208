// The world of the story without root: the cloud's side, the broker, the agents, their replicas and their BGP are the
// real code; kernels, ToRs and wires are in memory, and agents are parts of this process instead of processes.

import { mkdtemp, rm } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import type { Clock } from "../../edge-agent/clock.ts";
import type { Kernel } from "../../edge-agent/dataplane/kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import { httpSnapshots } from "../../edge-agent/intent/download.ts";
import { connectBroker, type TlsIdentity } from "../../edge-agent/intent/mqtt.ts";
import { openReplicaFiles } from "../../edge-agent/intent/replica-files.ts";
import { answerShow } from "../../edge-agent/local/show.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { agentVersion } from "../../edge-agent/version.ts";
import { startLocal } from "../../local/runtime.ts";
import { identityOf } from "../join.ts";
import { buildMachine, buildTopology, DEFAULT_TOPOLOGY, type LabHost, type LabMachine } from "../topology.ts";
import { UNDERLAY_MTU_BYTES } from "../topology.ts";
import { isAnswered, type MemoryFabric, type Station, startMemoryPing } from "./memory-ping.ts";
import { createMemoryNetwork, type MemoryTransport } from "./memory-network.ts";
import { startMemoryTors } from "./memory-tor.ts";
import type { AgentSummary, World } from "./world.ts";

export type MemoryWorldOptions = { readonly progress: (line: string) => void };

const LAST_LINES = 12;
/** What ping(8) sends by default. */
const PING_BYTES = 56;

/** An agent of this process, and how to end it without a goodbye. */
type Incarnation = { readonly agent: Agent; kill(): Promise<void> };

export async function openMemoryWorld({ progress }: MemoryWorldOptions): Promise<World> {
  const logs = new Map<string, string[]>();
  const logTo = (part: string) => (line: string) => void logs.set(part, [...(logs.get(part) ?? []), line].slice(-100));
  const folder = await mkdtemp(join(tmpdir(), "overspan-demo-"));
  const local = await startLocal({ apiPort: 0, brokerPort: 0, controlPort: 0, log: logTo("cloud") }).catch(
    async (error: unknown) => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    },
  );
  progress(`the cloud's template runs on this machine: API ${local.apiUrl}, broker ${local.brokerUrl}`);

  const topology = buildTopology(DEFAULT_TOPOLOGY);
  const hosts = topology.sites.flatMap((site) => site.hosts);
  const network = createMemoryNetwork();
  const tors = startMemoryTors(topology, network, { clock: mortalClock().clock, random: Math.random });
  const kernels = new Map(hosts.map((host) => [host.vtep, newKernel(host)]));
  const agents = new Map<string, Incarnation>();
  const machines = new Map<string, LabMachine>();
  const hostOf = (id: string) => found(hosts, (host) => host.id === id, id);
  const kernelOf = (id: string) => kernels.get(hostOf(id).vtep) as MemoryKernel;
  const fabric: MemoryFabric = {
    vni: topology.options.vni,
    kernels,
    locate: (mac) => tors.locate(mac),
    station: (wanted) => {
      const stations = [...machines.values()].map((machine) => stationOf(machine, hostOf(machine.host)));
      const bare = topology.sites.map(({ tor, bareMetal }): [string, Station] => [
        bareMetal.name,
        { ...bareMetal, at: { kind: "tor", vtep: tor.loopback } },
      ]);
      return [...stations, ...bare].find(([name, { ip }]) => name === wanted || ip === wanted)?.[1];
    },
  };
  const ping = (from: string, ip: string, how: { intervalMs?: number | undefined; sizeBytes?: number | undefined }) => {
    const { intervalMs = 100, sizeBytes = PING_BYTES } = how;
    return { answered: () => isAnswered(fabric, from, ip, sizeBytes), intervalMs };
  };
  const timing = { nowMs: () => performance.now(), sleep: (ms: number) => sleep(ms) };

  return {
    label: "[in-memory kernel] ",
    apiUrl: local.apiUrl,
    token: (tenant) => local.token({ subject: "demo", ...(tenant === undefined ? {} : { tenant, scope: "write" }) }),
    sites: topology.sites,
    hosts,
    bareMetal: topology.sites.map((site) => site.bareMetal),
    async addMachine(spec) {
      const machine = buildMachine(topology.options, spec);
      machines.set(machine.name, machine);
      kernelOf(machine.host).addInterface(machine.tap, { mtuBytes: machine.mtuBytes, up: true });
    },
    async moveMachine(name, to) {
      const machine = found([...machines.values()], (one) => one.name === name, name);
      const startedAt = performance.now();
      kernelOf(machine.host).removeLink(machine.tap);
      machines.set(name, { ...machine, host: to });
      kernelOf(to).addInterface(machine.tap, { mtuBytes: machine.mtuBytes, up: true });
      return { unpluggedMs: performance.now() - startedAt };
    },
    async startAgent(host) {
      const parts = { host: hostOf(host), kernel: kernelOf(host), transport: network.at(hostOf(host).underlayAddress) };
      const stateDir = join(folder, host);
      const identity = await identityOf(local, host, stateDir);
      const brokerUrl = local.brokerUrl;
      agents.set(host, await incarnate({ ...parts, identity, brokerUrl, stateDir, log: logTo(`agent ${host}`) }));
    },
    async killAgent(host) {
      await agents.get(host)?.kill();
      agents.delete(host);
    },
    async agentSummary(host) {
      const agent = agents.get(host)?.agent;
      const answer = agent && answerShow(agent.view(), { command: ["show", "summary"], json: true });
      return answer && "text" in answer ? (JSON.parse(answer.text) as AgentSummary) : undefined;
    },
    stopBroker: () => local.broker.stop(),
    startBroker: () => local.broker.start(),
    ping(from, ip, how) {
      const { answered, intervalMs } = ping(from, ip, how);
      return startMemoryPing(answered, { ...timing, intervalMs, count: how.count }).stop();
    },
    async startPing(from, ip, how) {
      const { answered, intervalMs } = ping(from, ip, how);
      return startMemoryPing(answered, { ...timing, intervalMs });
    },
    torRoutes: async () => tors.show(),
    lastWords: async (part) => (logs.get(part) ?? []).slice(-LAST_LINES),
    async close() {
      for (const { agent } of agents.values()) await agent.close();
      await tors.close();
      await local.close();
      await rm(folder, { recursive: true, force: true });
      return [];
    },
  };
}

type IncarnateOptions = {
  readonly host: LabHost;
  readonly kernel: MemoryKernel;
  readonly transport: MemoryTransport;
  readonly identity: TlsIdentity;
  readonly brokerUrl: string;
  readonly stateDir: string;
  readonly log: (line: string) => void;
};

/** One life of an agent: everything it holds of the world stops at once when it is killed. */
async function incarnate(options: IncarnateOptions): Promise<Incarnation> {
  const { host, kernel, transport, identity, brokerUrl, stateDir, log } = options;
  let alive = true;
  const { clock, stop } = mortalClock();
  const diary = createDiary(clock.wallMs, (line) => void (alive && log(line)));
  const broker = connectBroker({ host: host.id, url: brokerUrl, identity }, { log: diary, clock, random: Math.random });
  const agent = await startAgent({
    host: host.id,
    broker,
    kernel: mortalKernel(kernel, () => alive),
    replica: await openReplicaFiles(join(stateDir, "replica")),
    snapshots: httpSnapshots({ allowPlain: true, setTimer: clock.setTimer }),
    speaker: (listener) => createSpeaker({ transport, clock, random: Math.random, staleMs: 120_000 }, listener),
    clock,
    random: Math.random,
    diary,
    identity: { version: agentVersion(), startedAtMs: clock.wallMs(), kernel: `${release()} (in memory)` },
    compareEveryMs: 30_000,
  });
  return {
    agent,
    async kill() {
      alive = false;
      stop();
      transport.cut();
      await broker.close();
    },
  };
}

/** The kernel outlives the agent: what a dead one asks is never answered, and its close closes nothing. */
function mortalKernel(kernel: MemoryKernel, alive: () => boolean): Kernel {
  const never = <T>() => new Promise<T>(() => undefined);
  return {
    ...kernel,
    dump: () => (alive() ? kernel.dump() : never()),
    readHost: (options) => (alive() ? kernel.readHost(options) : never()),
    readEntries: (vni) => (alive() ? kernel.readEntries(vni) : never()),
    pathMtu: (from, to) => (alive() ? kernel.pathMtu(from, to) : never()),
    apply: (ops) => (alive() ? kernel.apply(ops) : never()),
    watch: (listener) => kernel.watch((event) => alive() && listener(event)),
    close: async () => undefined,
  };
}

/** A clock whose timers end with the one who set them. */
function mortalClock(): { readonly clock: Clock; readonly stop: () => void } {
  const running = new Set<NodeJS.Timeout>();
  let stopped = false;
  const clock: Clock = {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimer(afterMs, callback) {
      if (stopped) return () => undefined;
      const timer = setTimeout(() => {
        running.delete(timer);
        callback();
      }, afterMs);
      running.add(timer);
      return () => {
        running.delete(timer);
        clearTimeout(timer);
      };
    },
  };
  return {
    clock,
    stop() {
      stopped = true;
      for (const timer of running) clearTimeout(timer);
      running.clear();
    },
  };
}

function newKernel(host: LabHost): MemoryKernel {
  const kernel = createMemoryKernel();
  kernel.setAddress(host.vtep, UNDERLAY_MTU_BYTES);
  return kernel;
}

function stationOf({ name, mac, ip, tap }: LabMachine, { vtep }: LabHost): [string, Station] {
  return [name, { mac, ip, at: { kind: "host", vtep, port: tap } }];
}

function found<T>(all: readonly T[], matches: (one: T) => boolean, what: string): T {
  const one = all.find(matches);
  if (one === undefined) throw new RangeError(`there is no ${what}`);
  return one;
}
