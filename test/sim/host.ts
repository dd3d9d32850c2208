// A hypervisor of the simulation: a kernel that outlives its agents, a disk that keeps what was written to it, and the
// real agent, which may be killed between any two of its steps. After every write of the agent the kernel is looked at.

import { startAgent, type Agent } from "../../edge-agent/agent.ts";
import { createSpeaker } from "../../edge-agent/bgp/speaker.ts";
import type { Transport } from "../../edge-agent/bgp/ports.ts";
import type { Kernel } from "../../edge-agent/dataplane/kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import type { SnapshotSource } from "../../edge-agent/intent/fetch-snapshot.ts";
import { entryLine, readReplicaFile, wholeLines } from "../../edge-agent/intent/replica-file.ts";
import type { LoadedReplicas, ReplicaStore } from "../../edge-agent/intent/replica-files.ts";
import { createDiary } from "../../edge-agent/log.ts";
import type { IpAddress } from "../../shared/address/ip.ts";
import type { Channel } from "../../shared/model/record.ts";
import type { SimBroker } from "./broker.ts";
import { type Clockwork, createProcess, type Process } from "./clockwork.ts";
import { happening, type Weather } from "./faults.ts";

export type SimHost = {
  readonly id: string;
  readonly vtep: IpAddress;
  kernel(): MemoryKernel;
  agent(): Agent | undefined;
  /** Starts the agent, if none runs. */
  start(): void;
  /** Ends the agent as SIGKILL does. */
  kill(): void;
  /** The kernel starts anew and holds nothing; the agent, if one ran, is gone. */
  reboot(): void;
  /** Another hand. */
  tamper(): Promise<void>;
  /** What is on the disk is kept aside, and put back later. */
  keepImage(): void;
  restoreImage(): void;
  wipeDisk(): void;
};

type Running = { readonly process: Process; agent: Agent | undefined };

export function createHost(options: {
  readonly id: string;
  readonly vtep: IpAddress;
  readonly ports: readonly string[];
  readonly clockOffMs: number;
  readonly clockwork: Clockwork;
  readonly weather: () => Weather;
  readonly broker: SimBroker;
  readonly snapshots: SnapshotSource;
  readonly transport: (process: Process) => Transport;
  /** After each write of the agent, before it hears of its outcome. */
  readonly written: (host: SimHost) => Promise<void>;
  /** The agent's process is gone: its connections close. */
  readonly died: (host: SimHost) => void;
  /** The agent warns of something. */
  readonly warned: (host: SimHost, kind: string, detail: string) => void;
  /** Another hand, or the machine itself, changed the kernel. */
  readonly disturbed: (host: SimHost) => void;
}): SimHost {
  const { id, vtep, clockwork, weather, broker } = options;
  let kernel = bootKernel();
  let disk = new Map<Channel, string>();
  let image = new Map(disk);
  let running: Running | undefined;
  let refusesUntilMs = 0;

  function bootKernel(): MemoryKernel {
    const fresh = createMemoryKernel({ vtep });
    for (const name of options.ports) fresh.addInterface(name, { up: true });
    return fresh;
  }

  /** One that refuses a write mostly refuses the next attempts too. */
  function refuses(): boolean {
    const { kernelRefuses } = weather();
    if (clockwork.nowMs() < refusesUntilMs && kernelRefuses > 0) return true;
    if (!happening(clockwork, "kernel refuses", kernelRefuses)) return false;
    refusesUntilMs = clockwork.nowMs() + clockwork.between(0, 3_000);
    return true;
  }

  function kernelOf(process: Process): Kernel {
    const under = kernel;
    const never = () => new Promise<never>(() => undefined);
    const answer = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
      await clockwork.sleep(clockwork.between(0, 3));
      if (!process.alive()) return never();
      if (happening(clockwork, "kernel silent", weather().kernelSilent))
        throw new Error(`the kernel does not answer a ${what}`);
      const result = await act();
      await clockwork.sleep(clockwork.between(0, 2));
      return process.alive() ? result : never();
    };
    return {
      ...under,
      dump: () => answer("dump", () => under.dump()),
      apply: (ops) =>
        answer("write", async () => {
          // A crash in the middle: some of the ops are done. Writes are few, calls of the store are many.
          const reached = happening(clockwork, "agent dies in a write", 4 * weather().crash)
            ? clockwork.between(0, ops.length)
            : ops.length;
          under.setFault(() => (refuses() ? "EBUSY" : undefined));
          const refused = await under.apply(ops.slice(0, reached));
          under.setFault(undefined);
          if (kernel === under) await options.written(host);
          if (reached < ops.length) host.kill();
          return refused;
        }),
      watch: (listener) => under.watch((event) => void (process.alive() && listener(event))),
      close: async () => undefined,
    };
  }

  function diskOf(process: Process): ReplicaStore {
    const refuse = async () => {
      await clockwork.sleep(clockwork.between(1, 20));
      if (!process.alive()) await new Promise<never>(() => undefined);
      if (happening(clockwork, "disk refuses", weather().diskRefuses)) throw new Error("no space left on device");
    };
    /** The step that each file is known to end with; entries are appended to nothing else. */
    const known = new Map<Channel, number>();
    return {
      async load() {
        const loaded: LoadedReplicas = { replicas: [], setAside: [] };
        for (const [channel, text] of disk) {
          const read = await readReplicaFile(chunksOf(text));
          if (typeof read === "string") {
            loaded.setAside.push({ file: channel, reason: read });
            disk.delete(channel);
            continue;
          }
          disk.set(channel, text.slice(0, read.bytes));
          known.set(channel, read.replica.seq);
          loaded.replicas.push(read.replica);
        }
        return loaded;
      },
      async save(replica, entries) {
        const { channel, seq } = replica;
        const whole = [...wholeLines(replica)].join("");
        const at = known.get(channel);
        known.delete(channel);
        const news = entries?.filter((entry) => entry.seq > (at ?? 0));
        const appends = at !== undefined && news?.[0]?.prev === at && news.at(-1)?.seq === seq;
        const more = appends ? news.map(entryLine).join("") : undefined;
        // What a crash leaves of an append is any part of it; a whole file is put in place or not.
        const before = disk.get(channel) ?? "";
        if (more !== undefined) disk.set(channel, before + more.slice(0, clockwork.between(0, more.length)));
        await refuse();
        disk.set(channel, more === undefined ? whole : before + more);
        known.set(channel, seq);
      },
      async remove(channel) {
        known.delete(channel);
        await refuse();
        disk.delete(channel);
      },
    };
  }

  const host: SimHost = {
    id,
    vtep,
    kernel: () => kernel,
    agent: () => running?.agent,
    start() {
      if (running) return;
      const process = createProcess(clockwork, options.clockOffMs);
      const own: Running = { process, agent: undefined };
      running = own;
      const diary = createDiary(process.clock.wallMs, (line) => {
        if (process.alive()) clockwork.note(`${id}: ${line.slice(25)}`);
      });
      const attentive = {
        ...diary,
        warn(kind: string, detail: string) {
          if (process.alive()) {
            clockwork.tally(`agent warns: ${kind}`);
            options.warned(host, kind, detail);
          }
          diary.warn(kind, detail);
        },
      };
      const random = () => clockwork.random();
      void startAgent({
        host: id,
        broker: broker.connect(id, process),
        kernel: kernelOf(process),
        replica: diskOf(process),
        snapshots: options.snapshots,
        speaker: (listener, start) =>
          createSpeaker(
            { transport: options.transport(process), clock: process.clock, random, staleMs: 20_000, ...start },
            listener,
          ),
        clock: process.clock,
        random,
        diary: attentive,
        identity: { version: "sim", startedAtMs: process.clock.wallMs(), kernel: "in memory" },
        compareEveryMs: 30_000,
      }).then((agent) => {
        own.agent = agent;
      });
    },
    kill() {
      running?.process.kill();
      options.died(host);
      broker.leave(id);
      running = undefined;
    },
    reboot() {
      host.kill();
      kernel = bootKernel();
      options.disturbed(host);
    },
    async tamper() {
      const { networks } = await kernel.dump();
      const network = networks.length > 0 ? clockwork.pick(networks) : undefined;
      options.disturbed(host);
      if (!network || clockwork.chance(0.2)) return kernel.overrun();
      const names = [network.bridge?.name, network.vxlan?.name].filter((name) => name !== undefined);
      const entry = network.bridgeEntries.length > 0 ? clockwork.pick(network.bridgeEntries) : undefined;
      if (entry && clockwork.chance(0.7)) {
        return kernel.tamper({ kind: "delete-bridge-entry", vni: network.vni, mac: entry.mac, port: entry.port });
      }
      if (names.length > 0) kernel.removeLink(clockwork.pick(names));
    },
    keepImage() {
      image = new Map(disk);
    },
    restoreImage() {
      disk = new Map(image);
    },
    wipeDisk() {
      disk = new Map();
    },
  };
  return host;
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
