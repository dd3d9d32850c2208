// Adapter to FRR: starts zebra and bgpd in a ToR's namespace, asks them through vtysh, removes what they leave behind.
// `-N` keeps the instances of one machine apart; `-s` keeps zebra alive when its netlink socket is flooded.

import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./netns.ts";

export const FRR_DAEMONS = "/usr/lib/frr";
/** zebra's netlink receive buffer, octets; Debian's own start script has the same. */
const NETLINK_BUFFER_BYTES = 90_000_000;

/** The daemons of a ToR in the order in which they start. */
export const DAEMONS = ["zebra", "bgpd"] as const;
export type Daemon = (typeof DAEMONS)[number];

/** Makes the folder with each daemon's configuration, owned by the user frr, who must be able to reach it. */
export function prepareFrr(directory: string, configs: Readonly<Record<Daemon, string>>): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  requireSearchable(directory);
  const { uid, gid } = frrUser();
  chownSync(directory, uid, gid);
  for (const daemon of DAEMONS) {
    const file = join(directory, `${daemon}.conf`);
    writeFileSync(file, configs[daemon]);
    chownSync(file, uid, gid);
  }
}

/**
 * True once a daemon serves its sockets. bgpd must not start before zebra does: it would find zebra only at its next
 * try, ten seconds later, and in 8.4.4 never register the next hops that it asked for in between.
 */
export function isServing(daemon: Daemon, directory: string): boolean {
  const sockets = daemon === "zebra" ? ["zserv.api", "zebra.vty"] : ["bgpd.vty"];
  return sockets.every((name) => existsSync(join(directory, name)));
}

/** The command line of one daemon in the foreground. */
export function daemonArgv(daemon: Daemon, pathSpace: string, directory: string): string[] {
  const file = (name: string) => join(directory, name);
  const user = ["-u", "frr", "-g", "frr"];
  const sockets = ["-N", pathSpace, "-A", "127.0.0.1", "-z", file("zserv.api"), "--vty_socket", directory];
  const files = ["-f", file(`${daemon}.conf`), "-i", file(`${daemon}.pid`), "--log", `file:${file(`${daemon}.log`)}`];
  const own = daemon === "zebra" ? ["-s", String(NETLINK_BUFFER_BYTES)] : [];
  return [join(FRR_DAEMONS, daemon), ...user, ...sockets, ...files, ...own];
}

/** Runs one command of FRR's shell in all daemons of the folder and returns what it prints. */
export async function vtysh(directory: string, command: string): Promise<string> {
  const { stdout } = await run(["vtysh", "--vty_socket", directory, "-c", command]);
  return stdout;
}

/** The end of what the daemons of the folder wrote, for the report of a failure. */
export function frrLastWords(directory: string): string {
  const files = readdirSync(directory).filter((name) => /\.(out|log)$/.test(name));
  const lines = files.flatMap((name) => readFileSync(join(directory, name), "utf8").trim().split("\n").slice(-3));
  return lines.filter((line) => line !== "").join(" | ") || "nothing";
}

/** Removes what FRR keeps outside the lab's folder: `/run/frr/<path space>` and crash folders of these pids. */
export function removeFrrLeftovers(pathSpaces: readonly string[], pids: readonly number[]): void {
  for (const name of pathSpaces) {
    for (const parent of ["/run/frr", "/var/tmp/frr"]) rmSync(join(parent, name), { recursive: true, force: true });
  }
  for (const pid of pids) {
    for (const daemon of DAEMONS) rmSync(`/var/tmp/frr/${daemon}.${pid}`, { recursive: true, force: true });
  }
}

/** Path spaces in /run/frr whose name starts with the prefix. */
export function findPathSpaces(prefix: string): string[] {
  try {
    return readdirSync("/run/frr").filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

/** FRR drops root before it opens its files: one folder on the way that others may not enter ends it with "not found". */
function requireSearchable(directory: string): void {
  for (let path = directory; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) {
      throw new Error(`FRR's user cannot enter ${path}: chmod o+x it, or choose another state folder (--state DIR)`);
    }
    if (path === dirname(path)) return;
  }
}

function frrUser(): { uid: number; gid: number } {
  const entry = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((line) => line.startsWith("frr:"));
  const [, , uid, gid] = entry?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error("there is no user frr: reinstall Debian's package frr");
  return { uid: Number(uid), gid: Number(gid) };
}
