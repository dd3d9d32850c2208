// The replica on disk: one file per channel (its form is replica-file.ts), owner-only. A change is appended and made
// durable; a file that has grown by its own length is written anew (write aside, fsync, rename, fsync of the folder). So
// a crash at any octet leaves a state that the channel had, and writing costs in proportion to what changed.
//
// A file that does not check is set aside, never used: the cloud has its content.

import { constants, createReadStream } from "node:fs";
import { chmod, type FileHandle, mkdir, open, readdir, rename, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { LogEntry } from "../../shared/message/inbox.ts";
import type { Channel } from "../../shared/model/record.ts";
import type { ChannelReplica } from "./replica.ts";
import { entryLine, type ReadReplica, readReplicaFile, wholeLines } from "./replica-file.ts";

const SUFFIX = ".replica";
/** Of format 1, and of a write that a crash left behind. */
const OLD_SUFFIX = ".json";
const NEW_SUFFIX = ".new";
/** Entries are appended up to the length of the channel whole, and at least up to this. */
const APPEND_AT_LEAST_BYTES = 64 * 1024;
/** How much of a large channel is handed to the disk at once. */
const WRITE_BYTES = 256 * 1024;

export type LoadedReplicas = {
  replicas: ChannelReplica[];
  /** The files that were not fit to use, with the reason. */
  setAside: { file: string; reason: string }[];
};

/** Where the replica is kept between runs. Calls follow each other; none is made before the last one ended. */
export type ReplicaStore = {
  load(): Promise<LoadedReplicas>;
  /** Makes the disk hold `replica`; `entries`: those applied since the last save, absent after anything else. */
  save(replica: ChannelReplica, entries?: readonly LogEntry[]): Promise<void>;
  remove(channel: Channel): Promise<void>;
};

/** What a file is known to hold: entries may be appended to nothing else. */
type OnDisk = { seq: number; wholeBytes: number; appendedBytes: number };

/** Opens `dir`, made if it is not there, and closed to others (mode 0700) if it was open; not one of somebody else. */
export async function openReplicaFiles(dir: string): Promise<ReplicaStore> {
  const prepare = async () => {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    // Whoever can write here says what this host forwards. Only the owner's (or root's) chmod succeeds.
    await chmod(dir, 0o700);
  };
  await prepare().catch((cause: Error) => {
    throw new Error(`cannot keep the replica in ${dir}: ${cause.message}`, { cause });
  });
  const onDisk = new Map<Channel, OnDisk>();
  const pathOf = (channel: Channel) => join(dir, fileName(channel));

  async function rewrite(replica: ChannelReplica): Promise<void> {
    const { channel, seq } = replica;
    const wholeBytes = await replaceFile(dir, pathOf(channel), wholeLines(replica));
    onDisk.set(channel, { seq, wholeBytes, appendedBytes: 0 });
  }

  return {
    async load() {
      const { found, setAside } = await loadAll(dir);
      for (const { replica, bytes, wholeBytes } of found)
        onDisk.set(replica.channel, { seq: replica.seq, wholeBytes, appendedBytes: bytes - wholeBytes });
      return { replicas: found.map(({ replica }) => replica), setAside };
    },
    async save(replica, entries) {
      const known = onDisk.get(replica.channel);
      const news = known && entries?.filter(({ seq }) => seq > known.seq);
      if (news?.length === 0) return;
      // Whatever fails from here on: the file is not known to hold anything until it is written whole.
      onDisk.delete(replica.channel);
      const text = known && news && follows(known.seq, news) ? news.map(entryLine).join("") : undefined;
      const appendedBytes = known && text !== undefined ? known.appendedBytes + Buffer.byteLength(text) : undefined;
      const seq = news?.at(-1)?.seq;
      if (!known || text === undefined || appendedBytes === undefined || seq === undefined) return rewrite(replica);
      if (appendedBytes > Math.max(APPEND_AT_LEAST_BYTES, known.wholeBytes)) return rewrite(replica);
      await appendFile(pathOf(replica.channel), text);
      onDisk.set(replica.channel, { seq, wholeBytes: known.wholeBytes, appendedBytes });
    },
    async remove(channel) {
      onDisk.delete(channel);
      await rm(pathOf(channel), { force: true });
      await syncFolder(dir);
    },
  };
}

function fileName(channel: Channel): string {
  return channel.replace(":", ".") + SUFFIX;
}

function follows(seq: number, entries: readonly LogEntry[]): boolean {
  let at = seq;
  for (const entry of entries) {
    if (entry.prev !== at) return false;
    at = entry.seq;
  }
  return true;
}

async function loadAll(dir: string) {
  const found: ReadReplica[] = [];
  const setAside: LoadedReplicas["setAside"] = [];
  for (const file of await readdir(dir)) {
    const path = join(dir, file);
    if (file.endsWith(NEW_SUFFIX)) await rm(path, { force: true, recursive: true });
    if (!file.endsWith(SUFFIX) && !file.endsWith(OLD_SUFFIX)) continue;
    const read = file.endsWith(SUFFIX) ? await readOne(path, file) : "format 1, of an older agent";
    if (typeof read !== "string") {
      found.push(read);
      continue;
    }
    const reason = await rename(path, `${path}.set-aside`).then(
      () => read,
      (error: Error) => `${read} (it stays where it is: ${error.message})`,
    );
    setAside.push({ file, reason });
  }
  return { found, setAside };
}

/** Reads a file and cuts off what a crash left behind its last whole line, so that entries can be appended again. */
async function readOne(path: string, file: string): Promise<ReadReplica | string> {
  try {
    const read = await readReplicaFile(createReadStream(path) as AsyncIterable<Uint8Array>);
    if (typeof read === "string") return read;
    if (fileName(read.replica.channel) !== file) return `it holds ${read.replica.channel}`;
    await truncate(path, read.bytes);
    return read;
  } catch (error) {
    // A file that the disk does not give back is as good as a rotten one.
    return (error as Error).message;
  }
}

/** Replaces a file whole; the octets written. */
async function replaceFile(dir: string, path: string, lines: Iterable<string>): Promise<number> {
  const temporary = path + NEW_SUFFIX;
  let bytes = 0;
  await withFile(await open(temporary, "w", 0o600), async (file) => {
    for (const text of batches(lines)) {
      await file.writeFile(text);
      bytes += Buffer.byteLength(text);
    }
    await file.sync();
  });
  await rename(temporary, path);
  await syncFolder(dir);
  return bytes;
}

function* batches(lines: Iterable<string>): Generator<string> {
  let text = "";
  for (const line of lines) {
    text += line;
    if (text.length < WRITE_BYTES) continue;
    yield text;
    text = "";
  }
  yield text;
}

async function appendFile(path: string, text: string): Promise<void> {
  // Without O_CREAT: entries alone are no channel.
  await withFile(await open(path, constants.O_WRONLY | constants.O_APPEND), async (file) => {
    await file.writeFile(text);
    await file.datasync();
  });
}

/** Makes a rename or removal itself durable. */
async function syncFolder(dir: string): Promise<void> {
  await withFile(await open(dir, "r"), (folder) => folder.sync());
}

async function withFile(file: FileHandle, use: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
