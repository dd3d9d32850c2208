// One namespace for one measurement of the fdb bench, the measured process in it, and the peers' tools. Everything made is
// removed again.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bundlePrograms } from "../bundle.ts";
import { inside, removeNamespaces, run } from "../../test/edge-agent/bgp/namespace-lab.ts";
import { buildAgent } from "../../edge-agent/build.ts";
import type { Figures } from "../form.ts";
import type { Command, DataplaneOptions, Says } from "./dataplane.ts";
import { BRIDGE, entryOf, LOCAL, VNI, VXLAN, vtepOf } from "./entries.ts";

const NAMESPACE = "bnch-fdb";
const WITHIN_MS = 120_000;
const COMPILER = "gcc";

export type Dataplane = {
  /** Does it and returns its figures. */
  do(command: Command): Promise<Says>;
  /** Ends the process; the kernel keeps what it has. */
  end(): Promise<void>;
};

export class FdbLab {
  readonly namespace = NAMESPACE;
  /** For files, until the lab is removed. */
  readonly dir = mkdtempSync(join(tmpdir(), "overspan-bench-"));
  readonly #children: ChildProcess[] = [];
  readonly #packed = join(this.dir, "packed");
  /** Why there is no packed writer. */
  noPacked: string | undefined;

  async build(): Promise<void> {
    const here = fileURLToPath(new URL(".", import.meta.url));
    await bundlePrograms({ dataplane: `${here}dataplane.ts`, cloud: `${here}cloud.ts` }, this.#dist());
    await buildAgent(this.program("agent"));
    copyFileSync(new URL("../../edge-agent/package.json", import.meta.url), this.program("agent/package.json"));
    const compiled = spawnSync(COMPILER, ["-O2", "-o", this.#packed, `${here}packed.c`], { encoding: "utf8" });
    if (compiled.status !== 0) this.noPacked = "no gcc: apt-get install gcc libc6-dev";
  }

  /** A fresh namespace with the VTEP's address. */
  reset(): void {
    removeNamespaces(NAMESPACE);
    run("ip", "netns", "add", NAMESPACE);
    inside(NAMESPACE, "ip link set lo up");
    inside(NAMESPACE, `ip addr add ${LOCAL}/32 dev lo`);
  }

  /** Bridge and vxlan device, as the peers' user would make them. */
  makeDevices(): void {
    for (const line of [
      `ip link add name ${BRIDGE} type bridge stp_state 0`,
      `ip link add name ${VXLAN} type vxlan id ${VNI} local ${LOCAL} dstport 4789 nolearning`,
      `ip link set ${VXLAN} master ${BRIDGE}`,
      `ip link set ${VXLAN} type bridge_slave neigh_suppress on learning off`,
      `ip link set ${BRIDGE} up`,
      `ip link set ${VXLAN} up`,
    ]) {
      inside(NAMESPACE, line);
    }
  }

  async clear(): Promise<void> {
    removeNamespaces(NAMESPACE);
    for (const child of this.#children.splice(0)) await ended(child);
  }

  /** A process in the namespace, which ends with it. */
  owns(child: ChildProcess): void {
    this.#children.push(child);
  }

  /** A program that was built for the bench. */
  program(name: string): string {
    return join(this.#dist(), name);
  }

  async remove(): Promise<void> {
    await this.clear();
    rmSync(this.dir, { recursive: true, force: true });
    rmSync(this.#dist(), { recursive: true, force: true });
  }

  /** The dataplane in a process of its own. */
  async dataplane(options: DataplaneOptions = {}): Promise<Dataplane> {
    const args = ["netns", "exec", NAMESPACE, process.execPath, this.program("dataplane.mjs"), JSON.stringify(options)];
    const child = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#children.push(child);
    const { stdin, stdout } = child;
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    const take = async (): Promise<Says> => {
      const expired = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`the dataplane was not done in ${WITHIN_MS / 1000} s`)), WITHIN_MS).unref();
      });
      const line = await Promise.race([lines.next(), expired]);
      if (line.done === true) throw new Error("the dataplane's process ended");
      return JSON.parse(line.value) as Says;
    };
    await take();
    return {
      do: async (command) => {
        stdin.write(`${JSON.stringify(command)}\n`);
        return await take();
      },
      end: async () => {
        stdin.end();
        await ended(child);
      },
    };
  }

  /** `bridge -batch` and `ip -batch` with these lines. */
  batch(fdb: readonly string[], neigh: readonly string[] = []): Figures {
    const files = { fdb: join(this.dir, "fdb"), neigh: join(this.dir, "neigh") };
    writeFileSync(files.fdb, `${fdb.join("\n")}\n`);
    writeFileSync(files.neigh, `${neigh.join("\n")}\n`);
    const also = neigh.length > 0 ? ` && ip -batch ${files.neigh}` : "";
    return this.#timed(`bridge -batch ${files.fdb}${also}`);
  }

  packed(entries: number, vteps: number): Figures {
    return this.#timed(`${this.#packed} ${this.#index(VXLAN)} ${this.#index(BRIDGE)} ${entries} ${vteps}`);
  }

  #index(name: string): number {
    return Number(/^(\d+):/.exec(inside(NAMESPACE, `ip -o link show ${name}`))?.[1]);
  }

  /** Wall and CPU seconds of a shell command and its children. */
  #timed(command: string): Figures {
    const script = `TIMEFORMAT="%R %U %S"; time { ${command}; }`;
    const result = spawnSync("ip", ["netns", "exec", NAMESPACE, "bash", "-c", script], { encoding: "utf8" });
    const [wall, user, system] = (result.stderr.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
    if (result.status !== 0 || system === undefined) throw new Error(`${command} failed: ${result.stderr}`);
    return { wallS: wall as number, cpuS: (user as number) + system };
  }

  #dist(): string {
    return fileURLToPath(new URL("../dist/fdb", import.meta.url));
  }
}

/** The peers' lines for the same entries. */
export function addLines(entries: number, vteps: number): { readonly fdb: string[]; readonly neigh: string[] } {
  const fdb: string[] = [];
  const neigh: string[] = [];
  for (let i = 0; i < entries; i++) {
    const { mac, ip } = entryOf(i);
    // Both halves by one line, which is one message: the fastest way that the tool has.
    fdb.push(`fdb replace ${mac} dev ${VXLAN} dst ${vtepOf(i % vteps)} self master extern_learn dynamic`);
    neigh.push(`neigh replace ${ip} lladdr ${mac} dev ${BRIDGE} nud permanent protocol 79`);
  }
  return { fdb, neigh };
}

/** The peers' lines that delete every `step`-th entry from `first` on, at most `count`. */
export function deleteLines(first: number, step: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `fdb del ${entryOf(first + at * step).mac} dev ${VXLAN} self master`);
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.stdin?.end();
  });
}
