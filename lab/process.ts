// Adapter to /proc: knows a process again by pid and start time, finds the processes of a namespace, ends processes.
// A pid alone names nobody: the kernel gives it to the next process.

import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { PROCESS_MARK } from "./netns.ts";
import { waitUntil } from "./wait.ts";

/** A process that stays the same one: `startTicks` is field 22 of /proc/PID/stat (clock ticks since boot). */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: string };

/** Who runs under this pid now; undefined if nobody does, or only a zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const fields = await statFields(pid);
  if (!fields || fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, startTicks: fields[19] as string };
}

/** True while that very process runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startTicks === identity.startTicks;
}

/** The command line, for people; empty for a process that has gone. */
export async function commandLine(pid: number): Promise<string> {
  const text = await readText(`/proc/${pid}/cmdline`);
  return text?.split("\0").join(" ").trim() ?? "";
}

/** Every process that the lab with this mark started (its environment says so), in whatever namespace; never ourselves. */
export async function markedProcesses(mark: string): Promise<ProcessIdentity[]> {
  const wanted = `${PROCESS_MARK}=${mark}`;
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const environ = pid === process.pid ? undefined : await readText(`/proc/${pid}/environ`);
      return environ?.split("\0").includes(wanted) ? identify(pid) : undefined;
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** All processes that live in one of the named namespaces. */
export async function processesIn(namespaces: readonly string[]): Promise<{ pid: number; namespace: string }[]> {
  const byInode = new Map<string, string>();
  for (const name of namespaces) {
    const inode = await stat(`/run/netns/${name}`).catch(() => undefined);
    if (inode) byInode.set(`net:[${inode.ino}]`, name);
  }
  if (byInode.size === 0) return [];
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const link = await readlink(`/proc/${pid}/ns/net`).catch(() => "");
      const namespace = byInode.get(link);
      return namespace === undefined ? [] : [{ pid, namespace }];
    }),
  );
  return found.flat();
}

/**
 * Asks the processes to end, and kills those that have not after the grace period.
 * @returns those that are still there, which no signal could end (a process in the kernel's hands).
 */
export async function endProcesses(
  processes: readonly ProcessIdentity[],
  graceMs: number,
): Promise<readonly ProcessIdentity[]> {
  for (const [signal, deadlineMs] of [["SIGTERM", graceMs] as const, ["SIGKILL", 5000] as const]) {
    for (const one of await living(processes)) await send(one, signal);
    const what = `${processes.length} processes to end`;
    if (await waitUntil(async () => (await living(processes)).length === 0, { what, deadlineMs })) return [];
  }
  return living(processes);
}

async function allPids(): Promise<number[]> {
  return (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
}

async function living(processes: readonly ProcessIdentity[]): Promise<ProcessIdentity[]> {
  const alive = await Promise.all(processes.map(isAlive));
  return processes.filter((_, index) => alive[index]);
}

async function send(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(identity))) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The fields of /proc/PID/stat from the state on; the name before it may hold spaces and parentheses. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readText(`/proc/${pid}/stat`);
  return text
    ?.slice(text.lastIndexOf(")") + 2)
    .trim()
    .split(" ");
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
