// Hosts for tests that break what is between the cloud and the kernels: the local runtime in this process, three namespaces
// on one switch, and in each the agent's own process, started from the bundle that is shipped. No ToR: what is tested is
// how intent gets to the hosts.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { buildAgent } from "../../edge-agent/build.ts";
import { identityOf } from "../../lab/join.ts";
import { waitFor } from "../../lab/wait.ts";
import { type LocalRuntime, startLocal } from "../../local/runtime.ts";
import { forwarding } from "./dataplane-agent.ts";
import { linkNamespaces, makeNamespace, type Namespace } from "./namespace.ts";
import { type StoreProxy, startStoreProxy } from "./store-proxy.ts";

/** A loaded machine takes its time; nothing here waits longer than it has to. */
const PATIENCE = { deadlineMs: 90_000, everyMs: 100 };

const ROOT_ADDRESS = "198.18.251.254";
const VNI = 100;
const PORTS = 4;

export type FaultWorld = {
  readonly runtime: LocalRuntime;
  readonly store: StoreProxy;
  readonly hosts: readonly string[];
  /** An API request; one that the store's state made fail is asked again. */
  write(method: string, path: string, body?: object): Promise<void>;
  /** Starts the host's agent. */
  start(host: string): Promise<void>;
  /** Ends the host's agent as nothing can stop it. */
  kill(host: string): Promise<void>;
  link(host: string, state: "up" | "down"): void;
  /** Copies the host's disk as it is now. */
  keepImage(host: string): Promise<void>;
  restoreImage(host: string): Promise<void>;
  /**
   * Waits until each change so far is live, each kernel's digest is the cloud's, and the entries are what the API says.
   * Hosts that are `away` are not waited for; the changes are, once nobody is away.
   */
  allEqual(away?: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

type Endpoint = { id: string; host: string; mac: string; port: string };

/** Starts it all, with a network `blue` and nothing on it; what a failure leaves behind is removed. */
export async function openFaultWorld(): Promise<FaultWorld> {
  const undo: (() => unknown)[] = [];
  const close = async () => {
    for (const act of undo.splice(0).reverse()) await act();
  };
  try {
    return await open(undo, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(undo: (() => unknown)[], close: () => Promise<void>): Promise<FaultWorld> {
  const folder = await mkdtemp(join(tmpdir(), "overspan-faults-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const hosts = ["h1", "h2", "h3"];
  const namespace = (role: string) => {
    const made = makeNamespace(role);
    undo.push(() => made.remove());
    return made;
  };
  const switching = namespace("core");
  const namespaces = new Map(hosts.map((host) => [host, namespace(host)]));
  const inside = (host: string) => found(namespaces, host);
  layCables(switching, namespaces);

  const log: string[] = [];
  const proxies: StoreProxy[] = [];
  const runtime = await startLocal({
    apiPort: 0,
    brokerPort: 0,
    controlPort: 0,
    brokerHost: ROOT_ADDRESS,
    dataDir: join(folder, "cloud"),
    storeBehind: async (url) => {
      const proxy = await startStoreProxy(url);
      proxies.push(proxy);
      undo.push(() => proxy.close());
      return proxy.url;
    },
    log: (line) => void log.push(line),
  });
  undo.push(() => runtime.close());
  const [store] = proxies;
  if (!store) throw new Error("the runtime did not ask for the way to its store");
  const bundle = await buildAgent();
  const token = await runtime.token();
  const changes: string[] = [];
  const agents = new Map<string, ChildProcess>();

  const api = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${runtime.apiUrl}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const read = async (path: string) => {
    const { status, body } = await api("GET", path);
    return status === 200 ? body : {};
  };

  const world: FaultWorld = {
    runtime,
    store,
    hosts,
    async write(method, path, body) {
      const asked = async () => {
        const answer = await api(method, path, body);
        return answer.status < 500 ? answer : undefined;
      };
      const { status, body: got } = await waitFor(asked, { ...PATIENCE, what: `an answer to ${method} ${path}` });
      // Asked again after an answer that got lost: it is done already.
      if (status === 409 || status === 404) return;
      if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(got)}`);
      if (typeof got["change"] === "string") changes.push(got["change"]);
    },
    async start(host) {
      const config = await configOf(runtime, host, join(folder, host));
      const output = openSync(join(folder, `${host}.log`), "a");
      const words = ["netns", "exec", inside(host).name, process.execPath, bundle, "run", "--config", config];
      agents.set(host, spawn("ip", words, { stdio: ["ignore", output, output] }));
      closeSync(output);
    },
    async kill(host) {
      const agent = agents.get(host);
      agents.delete(host);
      agent?.kill("SIGKILL");
      if (agent && agent.exitCode === null && agent.signalCode === null) await once(agent, "exit");
    },
    link: (host, state) => void inside(host).run(`ip link set uplink ${state}`),
    async keepImage(host) {
      await rm(join(folder, `${host}.image`), { recursive: true, force: true });
      await cp(join(folder, host), join(folder, `${host}.image`), { recursive: true });
    },
    async restoreImage(host) {
      await rm(join(folder, host), { recursive: true, force: true });
      await cp(join(folder, `${host}.image`), join(folder, host), { recursive: true });
    },
    async allEqual(away = []) {
      await runtime.settled();
      const present = hosts.filter((host) => !away.includes(host));
      for (const change of away.length > 0 ? changes : changes.splice(0)) {
        const live = async () => {
          const { state, hosts: at } = await read(`/changes/${change}`);
          return state === "live" || (state === "published" && waitsOnlyFor(away, at)) || undefined;
        };
        await waitFor(live, { ...PATIENCE, what: `change ${change} to be live` });
      }
      const equal = async () => {
        const { converged, hosts: at } = await read("/networks/blue/convergence");
        const { live = 0, total } = (at ?? {}) as { live?: number; total?: number };
        if (total !== hosts.length || live < present.length) return undefined;
        return away.length > 0 ? waitsOnlyFor(away, at) || undefined : converged === true || undefined;
      };
      await waitFor(equal, { ...PATIENCE, what: "the kernels' digests to equal the cloud's" });
      const { items } = (await read("/networks/blue/endpoints?limit=200")) as { items: Endpoint[] };
      for (const host of present) expect(kernelOf(inside(host)), host).toEqual(shouldHold(host, hosts, items));
    },
    close,
  };
  undo.push(() => Promise.all(hosts.map((host) => world.kill(host))));
  await world.write("POST", "/tenants", { id: "acme", name: "Acme" });
  await world.write("POST", "/sites", { id: "ams", name: "Amsterdam" });
  for (const id of hosts) await world.write("POST", "/hosts", { id, site: "ams", vtep: addressOf(id, hosts) });
  await world.write("POST", "/networks", { id: "blue", tenant: "acme", name: "Blue", vni: VNI });
  return world;
}

/** Of the hosts of a receipt, only those lack it that are away. */
function waitsOnlyFor(away: readonly string[], at: unknown): boolean {
  const { waiting = [] } = (at ?? {}) as { waiting?: { host: string }[] };
  return waiting.every(({ host }) => away.includes(host));
}

/** Hosts and this process on one switch; machines' ports on each host. */
function layCables(core: Namespace, namespaces: ReadonlyMap<string, Namespace>): void {
  const hosts = [...namespaces.keys()];
  const rootLink = `dpr${process.pid}`.slice(0, 15);
  core.run("ip link add name lan type bridge stp_state 0");
  core.run("ip link set lan up");
  execFileSync("ip", `link add name ${rootLink} type veth peer name root netns ${core.name}`.split(" "));
  execFileSync("ip", `addr add ${ROOT_ADDRESS}/24 dev ${rootLink}`.split(" "));
  execFileSync("ip", `link set ${rootLink} up`.split(" "));
  core.run("ip link set root master lan up");
  for (const [host, namespace] of namespaces) {
    linkNamespaces(namespace, "uplink", core, host);
    core.run(`ip link set ${host} master lan up`);
    namespace.run(`ip addr add ${addressOf(host, hosts)}/24 dev uplink`);
    namespace.run("ip link set uplink up");
    for (let port = 0; port < PORTS; port++) {
      namespace.run(`ip link add name tap${port} type veth peer name machine${port}`);
      for (const name of [`tap${port}`, `machine${port}`]) namespace.run(`ip link set ${name} addrgenmode none up`);
    }
  }
}

/** Joins, if the host has not, and writes what is of this test only into the config. */
async function configOf(runtime: LocalRuntime, host: string, stateDir: string): Promise<string> {
  await identityOf(runtime, host, stateDir);
  const config = join(stateDir, "agent.json");
  const written = JSON.parse(await readFile(config, "utf8")) as object;
  const own = { socket: `${stateDir}.sock`, allowPlainSnapshots: true };
  await writeFile(config, JSON.stringify({ ...written, ...own }), { mode: 0o600 });
  return config;
}

/** Where the kernel sends the frames of declared machines, as lines. */
function kernelOf(host: Namespace): string[] {
  return forwarding(host)
    .flatMap((line) => {
      const [, mac, dev, vtep] = /^(02:\S+) dev (\S+)(?:.* (?:nexthop|dst) (\S+))?/.exec(line) ?? [];
      if (mac === undefined || dev === undefined) return [];
      if (vtep !== undefined) return [`${mac} dst ${vtep}`];
      return dev.startsWith("tap") ? [`${mac} port ${dev}`] : [];
    })
    .sort();
}

function shouldHold(host: string, hosts: readonly string[], endpoints: readonly Endpoint[]): string[] {
  return endpoints
    .map(({ mac, port, host: at }) => (at === host ? `${mac} port ${port}` : `${mac} dst ${addressOf(at, hosts)}`))
    .sort();
}

function addressOf(host: string, hosts: readonly string[]): string {
  return `198.18.251.${hosts.indexOf(host) + 1}`;
}

function found<T>(all: ReadonlyMap<string, T>, name: string): T {
  const one = all.get(name);
  if (one === undefined) throw new RangeError(`there is no ${name}`);
  return one;
}
