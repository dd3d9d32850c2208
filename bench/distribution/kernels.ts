// Hosts with kernels of their own for the converge bench: namespaces on one wire, and what their bridges say the moment
// that they hold a MAC. Whoever fills them, agents or FRR, is measured by the same eyes (`bridge monitor fdb`).

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { daemonArgv, DAEMONS, isServing, prepareFrr, removeFrrLeftovers } from "../../lab/frr.ts";
import { linkNamespaces, makeNamespace, type Namespace } from "../../test/netns/namespace.ts";
import { ASN, VNI } from "./numbers.ts";
import { until } from "./world.ts";

export type KernelHost = {
  readonly namespace: Namespace;
  readonly address: string;
  /** When the bridge first had the MAC, by MAC. */
  readonly seenAtMs: Map<string, number>;
  /**
   * Looks what it has besides, since in a flood the kernel drops notifications: that came when the last of them was read, for
   * which the full buffer had room.
   */
  lookAgain(): Promise<void>;
};

export type Wire = {
  readonly hosts: readonly KernelHost[];
  close(): void;
};

/** Hosts 10.97.0.1 and on, each with a machine's port `tap1`. */
export function layWire(role: string, count: number): Wire {
  const middle = makeNamespace(`${role}w`);
  const children: ChildProcess[] = [];
  middle.run("ip link add br0 type bridge");
  middle.run("ip link set br0 up");
  const hosts = Array.from({ length: count }, (_, at): KernelHost => {
    const namespace = makeNamespace(`${role}${at + 1}`);
    const address = `10.97.0.${at + 1}`;
    linkNamespaces(namespace, "u", middle, `p${at + 1}`);
    middle.run(`ip link set p${at + 1} master br0 up`);
    namespace.run(`ip addr add ${address}/24 dev u`);
    namespace.run("ip link set u up");
    namespace.run("ip link add tap1 type veth peer name tap1m");
    namespace.run("ip link set tap1 up");
    namespace.run("ip link set tap1m up");
    const seenAtMs = new Map<string, number>();
    const child = spawn("ip", ["netns", "exec", namespace.name, "bridge", "monitor", "fdb"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.push(child);
    let lastMs = 0;
    const see = (line: string, atMs: number): void => {
      // Frames go somewhere once the bridge has the MAC: the tunnel's half is written before or with it.
      const [, mac = ""] = /^(02:00:(?:[0-9a-f]{2}:){3}[0-9a-f]{2}) dev \S+ .*master/.exec(line) ?? [];
      if (mac !== "" && !seenAtMs.has(mac)) seenAtMs.set(mac, atMs);
    };
    createInterface({ input: child.stdout }).on("line", (line) => {
      lastMs = performance.now();
      see(line, lastMs);
    });
    const lookAgain = async (): Promise<void> => {
      const argv = ["netns", "exec", namespace.name, "bridge", "fdb", "show"];
      const { stdout } = await promisify(execFile)("ip", argv, { maxBuffer: 256 * 1024 * 1024 });
      for (const line of stdout.split("\n")) see(line, lastMs);
    };
    return { namespace, address, seenAtMs, lookAgain };
  });
  return {
    hosts,
    close: () => {
      for (const child of children) child.kill();
      for (const { namespace } of hosts) namespace.remove();
      middle.remove();
    },
  };
}

/** FRR on every host but the last, which is the route reflector of the others. */
export function startFrr(wire: Wire): Promise<() => Promise<void>> {
  for (const host of wire.hosts.slice(0, -1)) addTunnel(host);
  return startDaemons(wire, wire.hosts);
}

/** FRR on the last host alone, the route reflector of the others, whatever speaks there. */
export function startReflector(wire: Wire): Promise<() => Promise<void>> {
  return startDaemons(wire, wire.hosts.slice(-1));
}

async function startDaemons(wire: Wire, hosts: readonly KernelHost[]): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "overspan-bench-frr-"));
  // FRR gives up root, and has to reach its files.
  chmodSync(folder, 0o755);
  const children: ChildProcess[] = [];
  const reflector = wire.hosts.at(-1) as KernelHost;
  for (const host of hosts) {
    const { namespace, address } = host;
    const clients = host === reflector ? wire.hosts.slice(0, -1) : [];
    const directory = join(folder, namespace.name);
    prepareFrr(directory, {
      zebra: `hostname ${namespace.name}\n`,
      bgpd: bgpdText(address, reflector.address, clients),
    });
    for (const daemon of DAEMONS) {
      const argv = ["netns", "exec", namespace.name, ...daemonArgv(daemon, namespace.name, directory)];
      children.push(spawn("ip", argv, { stdio: "ignore" }));
      await until(`${daemon} of ${namespace.name} serves`, () => isServing(daemon, directory));
    }
  }
  const ended = children.map((child) => new Promise<void>((resolve) => child.once("exit", () => resolve())));
  return async () => {
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(ended);
    const pids = children.flatMap(({ pid }) => pid ?? []);
    const spaces = hosts.map(({ namespace }) => namespace.name);
    removeFrrLeftovers(spaces, pids);
    rmSync(folder, { recursive: true, force: true });
  };
}

/** What FRR needs to be there (its documentation, section "EVPN"). */
function addTunnel({ namespace, address }: KernelHost): void {
  const run = (command: string) => namespace.run(command);
  run("ip link add br100 type bridge");
  run("ip link set br100 addrgenmode none up");
  run(`ip link add vxlan100 type vxlan id ${VNI} local ${address} dstport 4789 nolearning`);
  run("ip link set vxlan100 master br100 addrgenmode none up");
  run("bridge link set dev vxlan100 learning off neigh_suppress on");
  run("ip link set tap1 master br100");
}

function bgpdText(own: string, reflector: string, clients: readonly KernelHost[]): string {
  const peers = clients.length > 0 ? clients.map(({ address }) => address) : [reflector];
  return [
    `router bgp ${ASN}`,
    ` bgp router-id ${own}`,
    " no bgp default ipv4-unicast",
    ...peers.flatMap((peer) => [
      ` neighbor ${peer} remote-as ${ASN}`,
      ` neighbor ${peer} timers connect 1`,
      ` neighbor ${peer} advertisement-interval 0`,
    ]),
    " address-family l2vpn evpn",
    ...peers.map((peer) => `  neighbor ${peer} activate`),
    ...(clients.length > 0 ? peers.map((peer) => `  neighbor ${peer} route-reflector-client`) : []),
    ...(clients.length > 0 ? [] : ["  advertise-all-vni"]),
    " exit-address-family",
    "",
  ].join("\n");
}
