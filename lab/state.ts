// The lab's record of what it made, written before each thing is made, so that `down` is complete after a crash too.
// One JSON file, replaced as a whole by rename; its existence is also the lock against a second lab with this folder.

import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";

export const DEFAULT_STATE_DIR = "/run/overspan-lab";

const Process = z.object({ pid: z.number().int(), startTicks: z.string() });

const LabState = z.object({
  version: z.literal(1),
  createdAt: z.string(),
  prefix: z.string(),
  vni: z.number(),
  managementNet: z.string(),
  /** `starting` also after a crash of `up`. */
  phase: z.enum(["starting", "up"]),
  /** True if it stays when its maker ends (`lab up`); otherwise a lab whose owner is dead is the remains of a crash. */
  lasting: z.boolean(),
  owner: z.object({ ...Process.shape, command: z.string() }),
  namespaces: z.array(z.string()),
  /** Links in the root namespace. */
  rootLinks: z.array(z.string()),
  processes: z.array(z.object({ ...Process.shape, what: z.string() })),
  /** FRR's path spaces (`-N`). */
  frr: z.array(z.string()),
  machines: z.array(
    z.object({ name: z.string(), host: z.string(), ip: z.string(), mac: z.string(), mtuBytes: z.number() }),
  ),
});
export type LabState = z.infer<typeof LabState>;

/** What a state folder says: nothing, a lab, or a file that cannot be used and why. */
export type StoredState =
  | { readonly kind: "none" }
  | { readonly kind: "lab"; readonly state: LabState }
  | { readonly kind: "unusable"; readonly reason: string };

export type StateFile = {
  readonly directory: string;
  readonly state: LabState;
  /** Changes the record on disk before it returns. */
  update(change: (state: LabState) => LabState): void;
};

export function statePath(directory: string): string {
  return join(directory, "state.json");
}

/** Where a ToR's FRR keeps its configuration, sockets and log. */
export function frrDirectory(directory: string, pathSpace: string): string {
  return join(directory, "frr", pathSpace);
}

/** Where processes that the lab starts write what they say. */
export function logDirectory(directory: string): string {
  return join(directory, "log");
}

/** Files of the programs that run inside, such as an agent's configuration and replica. */
export function workDirectory(directory: string): string {
  return join(directory, "work");
}

/** Starts a record. @returns undefined if there is one already. */
export function createState(directory: string, initial: LabState): StateFile | undefined {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  try {
    writeFileSync(statePath(directory), format(initial), { flag: "wx", mode: 0o644 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
  let state = initial;
  return {
    directory,
    get state() {
      return state;
    },
    update(change) {
      state = change(state);
      const path = statePath(directory);
      writeFileSync(`${path}.new`, format(state), { mode: 0o644 });
      renameSync(`${path}.new`, path);
    },
  };
}

export function readState(directory: string): StoredState {
  const path = statePath(directory);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? { kind: "none" } : { kind: "unusable", reason: message };
  }
  try {
    return { kind: "lab", state: LabState.parse(JSON.parse(text)) };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return { kind: "unusable", reason: `${path}: ${reason}` };
  }
}

/** Removes the record and the lab's own subfolders; the folder itself only if nothing else is in it. */
export function removeState(directory: string): void {
  for (const own of [join(directory, "frr"), logDirectory(directory), workDirectory(directory)]) {
    rmSync(own, { recursive: true, force: true });
  }
  rmSync(`${statePath(directory)}.new`, { force: true });
  rmSync(statePath(directory), { force: true });
  removeEmpty(directory);
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTEMPTY" && code !== "EBUSY") throw error;
  }
}

function format(state: LabState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}
