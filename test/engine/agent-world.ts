// A small world for tests that break agents: the local runtime, and agents of this process on in-memory kernels, all over
// the real broker, functions and table. BGP has no peers here, unless a test puts a ToR on the wires. The check is one: each kernel against the API's intent.

import { identityOf } from "../../lab/join.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { realClock } from "../../edge-agent/real-clock.ts";
import { type Agent, startAgent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import { createMemoryKernel, type MemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import { createMemoryRouters, type MemoryRouters } from "../../edge-agent/dataplane/memory-routers.ts";
import { httpSnapshots } from "../../edge-agent/intent/download.ts";
import { type BrokerConnection, connectBroker, type TlsIdentity } from "../../edge-agent/intent/mqtt.ts";
import { openReplicaFiles, type ReplicaStore } from "../../edge-agent/intent/replica-files.ts";
import { createDiary } from "../../edge-agent/log.ts";
import { createMemoryNetwork, type MemoryNetwork } from "../../lab/demo/memory-network.ts";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";
import { parseIp } from "../../shared/address/ip.ts";
import type { Vni } from "../../shared/address/vni.ts";

/** A loaded machine takes its time; nothing here waits longer than it has to. */
export const PATIENCE = { timeout: 30_000, interval: 25 };

export type TestAgent = {
  readonly agent: Agent;
  readonly lines: readonly string[];
  counter(kind: string): number;
  /** Every payload that came to its inbox, oldest first. */
  readonly received: readonly Uint8Array[];
  /** Gives it a payload as if the broker had. */
  deliver(payload: string | Uint8Array): void;
  close(): Promise<void>;
};

export type AgentSettings = {
  /** Of another than its own. */
  readonly identity?: Partial<TlsIdentity>;
  /** How far this host's wall clock is off. */
  readonly clockOffMs?: number;
  readonly store?: (store: ReplicaStore) => ReplicaStore;
  /** Its kernel has VRFs. */
  readonly vrf?: boolean;
};

export type AgentWorld = {
  readonly runtime: LocalRuntime;
  /** Where the agents' BGP is. */
  readonly wires: MemoryNetwork;
  readonly kernels: ReadonlyMap<string, MemoryKernel>;
  /** Of agents that were started with VRFs. */
  readonly routers: ReadonlyMap<string, MemoryRouters>;
  api(method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>;
  /** As `api`, and fails the test unless the answer is a success. */
  must(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  startAgent(host: string, settings?: AgentSettings): Promise<TestAgent>;
  replicaDir(host: string): string;
  /** Waits until the change is live on every host it concerns. */
  live(change: unknown): Promise<void>;
  /** Waits until the kernels of `hosts` hold what the API says of `network`, and nothing else of it. */
  converged(network: string, hosts: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

type Endpoint = { id: string; host: string; mac: string; ips: string[]; port: string };

/** Starts the cloud's side with a tenant `acme`, a site `ams` and `hosts`, host number n with the VTEP 192.0.2.n. */
export async function openAgentWorld(hosts: readonly string[]): Promise<AgentWorld> {
  const folder = await mkdtemp(join(tmpdir(), "overspan-agents-"));
  const log: string[] = [];
  const runtime = await startLocal({ apiPort: 0, brokerPort: 0, controlPort: 0, log: (line) => void log.push(line) });
  const wires = createMemoryNetwork();
  const vtepOf = (host: string) => `192.0.2.${hosts.indexOf(host) + 1}`;
  const kernels = new Map(hosts.map((host) => [host, createMemoryKernel({ vtep: address(vtepOf(host)) })]));
  const agents: TestAgent[] = [];
  const routers = new Map<string, MemoryRouters>();

  const token = await runtime.token();
  const api: AgentWorld["api"] = async (method, path, body) => {
    const response = await fetch(`${runtime.apiUrl}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const must: AgentWorld["must"] = async (method, path, body) => {
    const answer = await api(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };

  await must("POST", "/tenants", { id: "acme", name: "Acme" });
  await must("POST", "/sites", { id: "ams", name: "Amsterdam" });
  for (const id of hosts) await must("POST", "/hosts", { id, site: "ams", vtep: vtepOf(id) });

  async function endpointsOf(network: string): Promise<Endpoint[]> {
    const found: Endpoint[] = [];
    for (let cursor = ""; ; ) {
      const page = await must("GET", `/networks/${network}/endpoints?limit=200${cursor}`);
      const { items, next } = page as { items: Endpoint[]; next?: string };
      found.push(...items);
      if (next === undefined) return found;
      cursor = `&cursor=${encodeURIComponent(next)}`;
    }
  }

  const world: AgentWorld = {
    runtime,
    wires,
    kernels,
    routers,
    api,
    must,
    replicaDir: (host) => join(folder, host, "replica"),
    async startAgent(host, { identity, clockOffMs = 0, store = (real: ReplicaStore) => real, vrf } = {}) {
      const own = await identityOf(runtime, host, join(folder, host));
      const lines: string[] = [];
      const clock = { ...realClock, wallMs: () => Date.now() + clockOffMs };
      const diary = createDiary(clock.wallMs, (line) => void lines.push(line));
      const url = runtime.brokerUrl;
      const tap = tapInbox(
        connectBroker({ host, url, identity: { ...own, ...identity } }, { log: diary, clock, random: Math.random }),
      );
      const l2 = found(kernels, host);
      const l3 = vrf ? withRouters(l2, address(vtepOf(host))) : undefined;
      if (l3) routers.set(host, l3.routers);
      const agent = await startAgent({
        host,
        broker: tap.connection,
        kernel: { ...(l3?.kernel ?? l2), close: async () => undefined },
        ...(l3 && { routers: l3.routers }),
        replica: store(await openReplicaFiles(world.replicaDir(host))),
        snapshots: httpSnapshots({ allowPlain: true, setTimer: clock.setTimer }),
        speaker: (listener) =>
          createSpeaker(
            { transport: wires.at(address(vtepOf(host))), clock, random: Math.random, staleMs: 1_000 },
            listener,
          ),
        clock,
        random: Math.random,
        diary,
        identity: { version: "test", startedAtMs: clock.wallMs(), kernel: "in memory" },
        compareEveryMs: 30_000,
      });
      let closing: Promise<void> | undefined;
      const started: TestAgent = {
        agent,
        lines,
        received: tap.received,
        deliver: tap.deliver,
        counter: (kind) => diary.counters.get(kind) ?? 0,
        close: () => (closing ??= agent.close()),
      };
      agents.push(started);
      return started;
    },
    async live(change) {
      await expect.poll(async () => (await must("GET", `/changes/${String(change)}`))["state"], PATIENCE).toBe("live");
    },
    async converged(network, on) {
      const { vni } = (await must("GET", `/networks/${network}`)) as { vni: number };
      const endpoints = await endpointsOf(network);
      for (const host of on) {
        const read = async () => await holds(found(kernels, host), vni);
        await expect.poll(read, { ...PATIENCE, message: host }).toEqual(shouldHold(host, endpoints, vtepOf));
      }
    },
    async close() {
      await Promise.all(agents.map((one) => one.close()));
      await runtime.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return world;
}

/** The two parts of one kernel: VRFs hear of the bridges that the other part makes. */
function withRouters(l2: MemoryKernel, vtep: ReturnType<typeof address>) {
  let bridges: { vni: Vni; name: string; up: boolean }[] = [];
  const routers = createMemoryRouters({ bridges: () => bridges, vtep });
  const kernel: MemoryKernel = {
    ...l2,
    async apply(...args) {
      const answer = await l2.apply(...args);
      const { networks } = await l2.dump();
      bridges = networks.flatMap(({ vni, bridge }) => (bridge ? [{ vni, name: bridge.name, up: true }] : []));
      routers.bridgesChanged();
      return answer;
    },
  };
  return { kernel, routers };
}

/** The real connection, with an ear at the inbox and a hand in it. */
function tapInbox(real: BrokerConnection) {
  const received: Uint8Array[] = [];
  let inbox: (payload: Uint8Array) => void = () => undefined;
  const connection: BrokerConnection = {
    get connected() {
      return real.connected;
    },
    publish: (lane, payload) => real.publish(lane, payload),
    listen(on) {
      inbox = (payload) => on.inbox(payload);
      real.listen({
        ...on,
        inbox(payload) {
          received.push(payload);
          on.inbox(payload);
        },
      });
    },
    close: () => real.close(),
  };
  const deliver = (payload: string | Uint8Array) =>
    inbox(typeof payload === "string" ? new TextEncoder().encode(payload) : payload);
  return { connection, received, deliver };
}

/** What a kernel holds of one network, as sorted lines; undefined if it has none of its devices. */
async function holds(kernel: MemoryKernel, vni: number): Promise<string[] | undefined> {
  const { networks } = await kernel.dump();
  const network = networks.find((one) => one.vni === vni);
  if (!network) return undefined;
  const { bridge, vxlan, bridgeEntries, vxlanEntries, flood, neighbours } = network;
  return [
    ...(bridge && vxlan ? [] : ["a device is missing"]),
    ...bridgeEntries.map(({ mac, port }) => `${mac} port ${port === vxlan?.name ? "(vxlan)" : port}`),
    ...vxlanEntries.map(({ mac, tunnel }) => `${mac} dst ${tunnel.vteps.join("/")}`),
    ...flood.map((vtep) => `flood ${vtep}`),
    ...neighbours.map(({ ip, mac }) => `${ip} lladdr ${mac}`),
  ].sort();
}

function shouldHold(host: string, endpoints: readonly Endpoint[], vtepOf: (host: string) => string) {
  const members = new Set(endpoints.map((endpoint) => endpoint.host));
  if (!members.has(host)) return undefined;
  const lines = endpoints.flatMap(({ mac, ips, port, host: at }) => [
    ...(at === host ? [`${mac} port ${port}`] : [`${mac} port (vxlan)`, `${mac} dst ${vtepOf(at)}`]),
    ...ips.map((ip) => `${ip} lladdr ${mac}`),
  ]);
  const flood = [...members].filter((member) => member !== host).map((member) => `flood ${vtepOf(member)}`);
  return [...lines, ...flood].sort();
}

function found(kernels: ReadonlyMap<string, MemoryKernel>, host: string): MemoryKernel {
  const kernel = kernels.get(host);
  if (!kernel) throw new RangeError(`there is no host ${host}`);
  return kernel;
}

function address(text: string) {
  const ip = parseIp(text);
  if (!ip) throw new RangeError(text);
  return ip;
}
