// The data folder: everything that survives a restart, and the lock that keeps two runtimes from sharing it. Without a
// folder the same parts live in memory (and the template in a temporary folder that close() removes).
//
//   database/            the engine's files          secrets/<name>       the development CA, who it knows, the keys of
//                                                                         the development issuer and of KMS (0600)
//   stream-<name>.json   where delivery stands       dead-letters.jsonl   stream records that were given up
//   template/            the synthesised assembly    runtime.pid          who runs on this folder

import { appendFile, chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { StartFailure } from "./start-failure.ts";
import type { CheckpointStore, Position, StreamRecord } from "./stream-pump.ts";

export type SecretStore = {
  load: (name: string) => Promise<string | undefined>;
  save: (name: string, secret: string) => Promise<void>;
};

export type DataFolder = {
  /** Undefined: the engine keeps its data in memory. */
  databaseDir: string | undefined;
  templateDir: string;
  secrets: SecretStore;
  /** Of the development issuer, while this runtime runs; only its owner can read it. */
  tokenKeyFile: string;
  checkpoints: (mapping: string) => CheckpointStore;
  /** Puts what was given up in a queue. */
  deadLetter: (queue: string, records: readonly StreamRecord[], reason: string) => Promise<void>;
  /** What is in the queues, oldest first; at most the last 1,000 of this run. */
  deadLetters: () => readonly DeadLetter[];
  close: () => Promise<void>;
};

/** Records that a mapping gave up, as an operator sees them. */
export type DeadLetter = { queue: string; reason: string; records: readonly StreamRecord[] };

/** In a data folder. */
export const TOKEN_KEY_FILE = join("secrets", "token-key");

const KEPT_DEAD_LETTERS = 1_000;

function rememberDeadLetters() {
  const letters: DeadLetter[] = [];
  return {
    letters,
    remember: (letter: DeadLetter): void => {
      letters.push(letter);
      if (letters.length > KEPT_DEAD_LETTERS) letters.shift();
    },
  };
}

/** Opens (and makes) the folder, or a stand-in in memory; StartFailure if another runtime has it. */
export async function openDataFolder(dir: string | undefined): Promise<DataFolder> {
  return dir === undefined ? openInMemory() : await openOnDisk(resolve(dir));
}

async function openInMemory(): Promise<DataFolder> {
  const secrets = new Map<string, string>();
  const positions = new Map<string, Map<string, Position>>();
  const { letters, remember } = rememberDeadLetters();
  // Made for its owner alone.
  const dir = await mkdtemp(join(tmpdir(), "overspan-memory-"));
  return {
    databaseDir: undefined,
    templateDir: join(dir, "template"),
    tokenKeyFile: join(dir, "token-key"),
    secrets: {
      load: async (host) => secrets.get(host),
      save: async (host, secret) => void secrets.set(host, secret),
    },
    checkpoints: (mapping) => ({
      load: async () => new Map(positions.get(mapping)),
      save: async (saved) => void positions.set(mapping, new Map(saved)),
    }),
    deadLetter: async (queue, records, reason) => remember({ queue, reason, records }),
    deadLetters: () => letters,
    close: () => rm(dir, { recursive: true, force: true }),
  };
}

async function openOnDisk(dir: string): Promise<DataFolder> {
  const databaseDir = join(dir, "database");
  const secretsDir = join(dir, "secrets");
  await mkdir(databaseDir, { recursive: true });
  await mkdir(secretsDir, { recursive: true, mode: 0o700 });
  await chmod(secretsDir, 0o700);
  const unlock = await lock(dir);
  const { letters, remember } = rememberDeadLetters();
  return {
    databaseDir,
    templateDir: join(dir, "template"),
    tokenKeyFile: join(dir, TOKEN_KEY_FILE),
    secrets: {
      load: (host) => readIfPresent(join(secretsDir, host)),
      save: (host, secret) => replaceFile(join(secretsDir, host), secret),
    },
    checkpoints: (mapping) => fileCheckpoints(join(dir, `stream-${mapping}.json`)),
    async deadLetter(queue, records, reason) {
      remember({ queue, reason, records });
      await appendFile(join(dir, "dead-letters.jsonl"), `${JSON.stringify({ queue, reason, records })}\n`, {
        mode: 0o600,
      });
    },
    deadLetters: () => letters,
    close: unlock,
  };
}

function fileCheckpoints(path: string): CheckpointStore {
  // Shards save independently of each other, the file is one: one write after the other.
  let saving = Promise.resolve();
  return {
    async load() {
      const text = await readIfPresent(path);
      const entries = Object.entries(text ? (JSON.parse(text) as Record<string, Partial<Position>>) : {});
      return new Map(entries.map(([shard, { after, finished }]) => [shard, { after, finished: finished === true }]));
    },
    save(positions) {
      const write = () => replaceFile(path, JSON.stringify(Object.fromEntries(positions)));
      saving = saving.then(write, write);
      return saving;
    },
  };
}

/** Whole or not at all: a crash leaves the old file or the new one. */
async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function lock(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, "runtime.pid");
  const mine = `${process.pid} ${await startTime(process.pid)}`;
  const holder = await readIfPresent(path);
  if (holder !== undefined) {
    const [pid, startedAt] = holder.split(" ");
    // The start time tells a process from a later one with the same number.
    if ((await startTime(Number(pid))) === startedAt)
      throw new StartFailure(
        `Another Overspan (process ${pid}) runs on the data folder ${dir}. ` +
          `Stop it, or choose another folder with --data DIR or none with --memory.`,
      );
  }
  await writeFile(path, mine, { mode: 0o600 });
  return () => rm(path, { force: true });
}

/** When a process started, in the kernel's ticks; undefined if there is none (proc(5), stat field 22). */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readIfPresent(`/proc/${pid}/stat`);
  // The name in field 2 may hold anything, also spaces and brackets; the fields after it do not.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
