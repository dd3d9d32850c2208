// Namespaces for interoperability tests: a router's with FRR, VXLAN and a bridge, and one for our speaker, joined by a
// veth pair. Everything made is removed again, and only that.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ReceivedRoute } from "../../../edge-agent/bgp/route.ts";
import type { PeerSummary } from "../../../edge-agent/bgp/speaker.ts";
import type { Command } from "./speaker-process.ts";

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a command line, split at spaces, in a namespace. */
export function inside(namespace: string, line: string): string {
  return run("ip", "netns", "exec", namespace, ...line.split(" "));
}

/** Waits until `probe` gives a value; throws with `what` and the last error after the deadline. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${withinMs} ms: ${what}${last instanceof Error ? ` (${last.message})` : ""}`);
}

/** Removes the namespaces, ending whatever runs in them. */
export function removeNamespaces(...names: string[]): void {
  const existing = run("ip", "netns", "list")
    .split("\n")
    .map((line) => line.split(" ")[0]);
  for (const name of names.filter((it) => existing.includes(it))) {
    for (const pid of run("ip", "netns", "pids", name).split("\n").filter(Boolean)) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    run("ip", "netns", "del", name);
  }
}

/** Two namespaces with one link: `router` has .1 and `speaker` .2 of `net` ("10.98.0"). */
export function linkedNamespaces(router: string, speaker: string, net: string): void {
  removeNamespaces(router, speaker);
  for (const name of [router, speaker]) {
    run("ip", "netns", "add", name);
    inside(name, "ip link set lo up");
  }
  run(
    "ip",
    ..."link add to-speaker netns".split(" "),
    router,
    ..."type veth peer name to-router netns".split(" "),
    speaker,
  );
  inside(router, `ip addr add ${net}.1/24 dev to-speaker`);
  inside(speaker, `ip addr add ${net}.2/24 dev to-router`);
  inside(router, "ip link set to-speaker up");
  inside(speaker, "ip link set to-router up");
}

/** A VNI as zebra wants it: a vxlan device in a plain bridge, and an access port. */
export function addVni(namespace: string, vni: number, local: string): void {
  const lines = [
    `ip link add br${vni} type bridge stp_state 0`,
    `ip link add vx${vni} type vxlan id ${vni} local ${local} dstport 4789 nolearning`,
    `ip link add acc${vni} type veth peer name h${vni}`,
    ...[`br${vni}`, `vx${vni}`, `acc${vni}`, `h${vni}`].map((name) => `ip link set ${name} addrgenmode none`),
    `ip link set vx${vni} master br${vni}`,
    `ip link set vx${vni} type bridge_slave neigh_suppress on learning off`,
    `ip link set acc${vni} master br${vni}`,
    ...[`br${vni}`, `vx${vni}`, `acc${vni}`, `h${vni}`].map((name) => `ip link set ${name} up`),
  ];
  for (const line of lines) inside(namespace, line);
}

/** zebra and bgpd in a namespace. */
export class Frr {
  readonly #namespace: string;
  readonly #dir = mkdtempSync(join(tmpdir(), "overspan-frr-"));

  readonly #launched: string[] = [];

  constructor(namespace: string, config: string) {
    this.#namespace = namespace;
    const { uid, gid } = userIds("frr");
    writeFileSync(join(this.#dir, "frr.conf"), config);
    chownSync(this.#dir, uid, gid);
    this.#start("zebra", "-s", "90000000");
    this.startBgpd();
  }

  startBgpd(): void {
    this.#start("bgpd");
  }

  /** Ends bgpd as a crash would. */
  killBgpd(): void {
    process.kill(this.#pid("bgpd"), "SIGKILL");
    rmSync(join(this.#dir, "bgpd.pid"));
  }

  show(command: string): string {
    return run("vtysh", "--vty_socket", this.#dir, "-c", command);
  }

  json(command: string): unknown {
    return JSON.parse(this.show(`${command} json`));
  }

  /** Ends both daemons and removes their files; the namespace is removed by its maker. */
  async stop(): Promise<void> {
    for (const daemon of ["bgpd", "zebra"]) {
      const pid = this.#pid(daemon);
      process.kill(pid, "SIGTERM");
      await eventually(`${daemon} ends`, () => !isRunning(pid));
    }
    rmSync(this.#dir, { recursive: true });
    // A daemon that was killed leaves its crash log behind, named for the process that launched it.
    for (const name of this.#launched) rmSync(`/var/tmp/frr/${name}`, { recursive: true, force: true });
    rmSync(`/run/frr/${this.#namespace}`, { recursive: true, force: true });
  }

  #start(daemon: "zebra" | "bgpd", ...more: string[]): void {
    const files = ["-f", join(this.#dir, "frr.conf"), "-i", join(this.#dir, `${daemon}.pid`)];
    const sockets = ["-z", join(this.#dir, "zserv.api"), "--vty_socket", this.#dir, "-A", "127.0.0.1"];
    const identity = ["-d", "-N", this.#namespace, "-u", "frr", "-g", "frr"];
    const log = ["--log", `file:${join(this.#dir, `${daemon}.log`)}`];
    const args = [...identity, ...files, ...sockets, ...log, ...more];
    const started = spawnSync("ip", ["netns", "exec", this.#namespace, `/usr/lib/frr/${daemon}`, ...args]);
    if (started.status !== 0) throw new Error(`${daemon} does not start: ${started.stderr}`);
    this.#launched.push(`${daemon}.${started.pid}`);
  }

  #pid(daemon: string): number {
    return Number(readFileSync(join(this.#dir, `${daemon}.pid`), "utf8"));
  }
}

export type SpeakerEvent = {
  readonly atMs: number;
  readonly event: "routes" | "session" | "end-of-rib" | "error" | "answer";
  readonly state?: string;
  readonly detail?: string;
  readonly id?: number;
};
export type Answer = { readonly summary: readonly PeerSummary[]; readonly ribIn: readonly ReceivedRoute[] };

/** Our speaker in a namespace. */
export class SpeakerInNamespace {
  readonly events: SpeakerEvent[] = [];
  readonly #child: ChildProcess;
  #queries = 0;

  constructor(namespace: string, ...options: string[]) {
    const script = new URL("./speaker-process.ts", import.meta.url).pathname;
    const args = ["netns", "exec", namespace, process.execPath, "--import", "tsx", script, ...options];
    this.#child = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] });
    if (!this.#child.stdout) throw new Error("the speaker has no standard output");
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.events.push(JSON.parse(line)));
  }

  tell(command: Command): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  async ask(): Promise<Answer> {
    const id = ++this.#queries;
    this.tell({ type: "query", id });
    const answer = await eventually("an answer", () => this.events.find((it) => it.event === "answer" && it.id === id));
    return answer as unknown as Answer;
  }

  async stop(): Promise<void> {
    this.tell({ type: "close" });
    await hasEnded(this.#child);
  }
}

/** Waits for the end of a process that was told to end, or has ended already. */
export async function hasEnded(child: ChildProcess): Promise<void> {
  await eventually("the process ends", () => child.exitCode !== null || child.signalCode !== null);
}

function isRunning(pid: number): boolean {
  return readdirSync("/proc").includes(String(pid));
}

function userIds(user: string): { uid: number; gid: number } {
  return { uid: Number(run("id", "-u", user)), gid: Number(run("id", "-g", user)) };
}
