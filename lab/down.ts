// Takes a lab down, also one whose `up` crashed or whose state file is lost. Idempotent, and touches only what the lab
// made: processes known by pid and start time or by their mark, namespaces on record or with the prefix, its root link.

import { findPathSpaces, removeFrrLeftovers } from "./frr.ts";
import { listNamespaces, listRootLinks, run } from "./netns.ts";
import { commandLine, endProcesses, isAlive, markedProcesses, type ProcessIdentity, processesIn } from "./process.ts";
import { type LabState, readState, removeState } from "./state.ts";
import { rootLinkAlias } from "./steps.ts";

export type DownOptions = {
  readonly stateDir: string;
  /** Used only where the state file does not say it. */
  readonly prefix: string;
  /** Also when another living process uses the lab. */
  readonly force: boolean;
};

/** What was removed. */
export type DownReport = {
  /** How the lab was found: by its state file, by its prefix because that file is lost, or not at all. */
  readonly foundBy: "state" | "prefix" | "nothing";
  readonly namespaces: readonly string[];
  readonly rootLinks: readonly string[];
  readonly processes: number;
  /** What the lab did not make and therefore left alone, and anything that would not go. */
  readonly notes: readonly string[];
};

/** FRR takes 1.5 s to end on SIGTERM. */
const GRACE_MS = 3000;

/**
 * Removes the lab.
 * @throws Error if another living process uses it and `force` is not set.
 */
export async function downLab(options: DownOptions, progress: (line: string) => void): Promise<DownReport> {
  const stored = readState(options.stateDir);
  if (stored.kind === "lab" && !options.force) await refuseIfUsed(stored.state);
  const recorded = stored.kind === "lab" ? stored.state : undefined;
  const prefix = recorded?.prefix ?? options.prefix;
  // Processes first: one that outlived a crash may still be making things.
  const ours = await ownProcesses(prefix, recorded?.processes ?? []);
  if (ours.length > 0) progress(`ending ${ours.length} processes`);
  const stubborn = await endProcesses(ours, GRACE_MS);
  const lab = await findLab(recorded, prefix);
  if (stored.kind !== "lab" && lab.foundBy !== "nothing") {
    const why = stored.kind === "none" ? "there is no state file" : `the state file is unusable (${stored.reason})`;
    progress(`${why}: going by the prefix ${prefix}, found ${[...lab.namespaces, ...lab.rootLinks].join(", ")}`);
  }
  const strangers = (await processesIn(lab.namespaces)).filter(({ pid }) => !stubborn.some((one) => one.pid === pid));
  const notes = [
    ...(await Promise.all(
      strangers.map(async ({ pid, namespace }) => {
        const command = await commandLine(pid);
        return `process ${pid} (${command}) is not the lab's: left alone; ${namespace} lives on without a name until it ends`;
      }),
    )),
    ...stubborn.map(({ pid }) => `process ${pid} did not end`),
  ];
  for (const link of lab.rootLinks) await run(["ip", "link", "delete", "dev", link]);
  if (lab.namespaces.length > 0) {
    progress(`removing ${lab.namespaces.length} namespaces`);
    const commands = lab.namespaces.map((name) => `netns delete ${name}\n`).join("");
    await run(["ip", "-batch", "-"], { input: commands });
  }
  removeFrrLeftovers(
    lab.pathSpaces,
    ours.map(({ pid }) => pid),
  );
  removeState(options.stateDir);
  const { namespaces, rootLinks } = lab;
  return { foundBy: lab.foundBy, namespaces, rootLinks, processes: ours.length, notes };
}

type FoundLab = Pick<DownReport, "foundBy" | "namespaces" | "rootLinks"> & { readonly pathSpaces: readonly string[] };

/** What of the lab is there now. A name counts only with the prefix, whatever the record says. */
async function findLab(state: LabState | undefined, prefix: string): Promise<FoundLab> {
  const isOurs = (name: string) => name.startsWith(prefix) && (state?.namespaces.includes(name) ?? true);
  const namespaces = (await listNamespaces()).filter(isOurs);
  const rootLinks = (await listRootLinks())
    .filter(({ name, alias }) => name === `${prefix}mgmt` && aliasFits(alias, prefix, state))
    .map(({ name }) => name);
  const pathSpaces = (state?.frr ?? findPathSpaces(prefix)).filter((name) => name.startsWith(prefix));
  const foundBy = state ? "state" : namespaces.length + rootLinks.length > 0 ? "prefix" : "nothing";
  return { foundBy, namespaces, rootLinks, pathSpaces };
}

/** A crash between the making and the marking of the link leaves it without an alias: then the record alone counts. */
function aliasFits(alias: string | undefined, prefix: string, state: LabState | undefined): boolean {
  if (alias !== undefined) return alias === rootLinkAlias(prefix);
  return state?.rootLinks.includes(`${prefix}mgmt`) ?? false;
}

/** Those on record that are still the same, and those that bear the lab's mark. */
async function ownProcesses(prefix: string, recorded: readonly ProcessIdentity[]): Promise<readonly ProcessIdentity[]> {
  const alive = await Promise.all(recorded.map(isAlive));
  const own = [...recorded.filter((_, index) => alive[index]), ...(await markedProcesses(prefix))];
  return [...new Map(own.map((one) => [one.pid, one])).values()];
}

async function refuseIfUsed({ owner }: LabState): Promise<void> {
  if (owner.pid === process.pid || !(await isAlive(owner))) return;
  throw new Error(
    `process ${owner.pid} (${owner.command}) is using the lab: end it, it cleans up itself; or add --force`,
  );
}
