// What the converge bench compares: hosts with kernels of their own, and one way in which a machine on the first becomes
// known to the others. Each is opened once, before its first case, and stays until the bench ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { startAgentProcess } from "./agents.ts";
import { type KernelHost, layWire, startFrr, startReflector, type Wire } from "./kernels.ts";
import { macText } from "./numbers.ts";
import { eachOf, openBenchWorld, until } from "./world.ts";

export type Closers = (() => Promise<void> | void)[];

/** `add` makes machines known on the first host; resolves with the time at which whoever asked had his answer. */
export type Side = {
  readonly hosts: readonly KernelHost[];
  /** The answer is that it was declared, and nothing is done yet. */
  readonly declares?: true;
  add(numbers: readonly number[]): Promise<number>;
};

type Open = (closers: Closers, progress: (line: string) => void) => Promise<Side>;

const HOSTS = 3;
/** A first machine that shows that all is up. */
const PROOF = 1;

/** The API, the store, the functions, the broker, and an agent for each of three hosts. */
export const openCloudSide: Open = async (closers, progress) => {
  progress("the cloud's side, agents on three hosts");
  const wire = open(closers, "o", HOSTS);
  const ids = wire.hosts.map(({ address }, at) => ({ id: `h${at}`, vtep: address }));
  const world = await openBenchWorld(ids);
  closers.push(() => world.close());
  await world.declareAll(
    ids.map((_, at) => at),
    (n) => `h${n}`,
  );
  const agents = await eachOf(ids, async ({ id, vtep }) => {
    const { namespace } = wire.hosts[Number(id.slice(1))] as KernelHost;
    const broker = { url: world.runtime.brokerUrl, identity: await world.identity(id) };
    return startAgentProcess({ host: id, own: vtep, netns: namespace.name, broker });
  });
  closers.push(async () => void (await eachOf(agents, (agent) => agent.close())));
  const isReady = ({ seenAtMs }: KernelHost) => ids.every((_, n) => seenAtMs.has(macText(n)));
  await until("the first machines in all kernels", () => wire.hosts.every(isReady), 120_000);
  return {
    hosts: wire.hosts,
    add: ([first = 0, ...more]) =>
      more.length === 0 ? world.declare(first, "h0") : world.declareAll([first, ...more], () => "h0"),
  };
};

/** FRR on three hosts, and one more as the route reflector. */
export const openFrrSide: Open = async (closers, progress) => {
  progress("FRR on three hosts, and a route reflector");
  const wire = open(closers, "f", HOSTS + 1);
  closers.push(await startFrr(wire));
  const hosts = wire.hosts.slice(0, -1);
  const [first] = hosts as [KernelHost];
  return await proven({ hosts, add: (numbers) => bridgeAdd(first, numbers) });
};

/** Two of our agents without a cloud, each with a session to an FRR that reflects between them. */
export const openSeamSide: Open = async (closers, progress) => {
  progress("two agents without a cloud, an FRR ToR between them");
  const wire = open(closers, "s", 3);
  const tor = wire.hosts.at(-1) as KernelHost;
  closers.push(await startReflector(wire));
  return await openPair(closers, wire.hosts.slice(0, 2), () => [{ address: tor.address }]);
};

/** Two of our agents without a cloud, with a session between them. */
export const openDirectSide: Open = async (closers, progress) => {
  progress("two agents without a cloud that peer directly");
  const wire = open(closers, "d", 2);
  const [one, other] = wire.hosts as [KernelHost, KernelHost];
  return await openPair(closers, wire.hosts, (host) =>
    host === one ? [{ address: other.address }] : [{ address: one.address, passive: true }],
  );
};

async function openPair(
  closers: Closers,
  hosts: readonly KernelHost[],
  peersOf: (host: KernelHost) => readonly { address: string; passive?: boolean }[],
): Promise<Side> {
  const agents = await eachOf(hosts, (host) =>
    startAgentProcess(
      { host: `h${hosts.indexOf(host)}`, own: host.address, peers: peersOf(host) },
      host.namespace.name,
    ),
  );
  closers.push(async () => void (await eachOf(agents, (agent) => agent.close())));
  const add = (numbers: readonly number[]): Promise<number> => {
    agents[0]?.declare(numbers);
    return Promise.resolve(performance.now());
  };
  return await proven({ hosts, declares: true, add });
}

/** Sessions are up once a first machine has come through. */
async function proven(side: Side): Promise<Side> {
  await side.add([PROOF]);
  const isThere = ({ seenAtMs }: KernelHost) => seenAtMs.has(macText(PROOF));
  await until("the first machine in all kernels", () => side.hosts.every(isThere), 60_000);
  return side;
}

function open(closers: Closers, role: string, hosts: number): Wire {
  const wire = layWire(role, hosts);
  closers.push(() => wire.close());
  return wire;
}

async function bridgeAdd({ namespace }: KernelHost, numbers: readonly number[]): Promise<number> {
  const lines = numbers.map((n) => `fdb add ${macText(n)} dev tap1 master static\n`);
  const args = ["netns", "exec", namespace.name, "bridge", "-batch", "-"];
  const child = spawn("ip", args, { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(lines.join(""));
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`bridge -batch ended with ${code}`);
  return performance.now();
}
