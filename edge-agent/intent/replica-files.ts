// The replica on disk: one file per channel, so that a change writes one network and not all. A file is replaced whole
// (write, fsync, rename, fsync of the folder) and carries a checksum; one that does not check is set aside, never used.
//
//   line 1   SHA-256 of the rest, in hex
//   line 2   {"format":1,"channel":"net:blue","seq":7,"digest":"…","forwarding":"…"}
//   line 3   the records as one JSON array of {key, version, body}

import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseDigest } from "../../shared/message/digest.ts";
import type { RecordChange } from "../../shared/message/inbox.ts";
import { type Channel, parseChannel } from "../../shared/model/record.ts";
import { type ChannelReplica, fromSnapshot } from "./replica.ts";

const FORMAT = 1;
const SUFFIX = ".json";

/** Where the replica is kept between runs. */
export type ReplicaStore = {
  /** Reads all channels; `setAside` names the files that were not fit to use, with the reason. */
  load(): Promise<{ replicas: ChannelReplica[]; setAside: { file: string; reason: string }[] }>;
  save(replica: ChannelReplica): Promise<void>;
  remove(channel: Channel): Promise<void>;
};

/** Opens `dir`, made with mode 0700 if it is not there. */
export async function openReplicaFiles(dir: string): Promise<ReplicaStore> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new Error(`cannot keep the replica in ${dir}: ${cause.message}`, { cause });
  });
  const pathOf = (channel: Channel) => join(dir, channel.replace(":", ".") + SUFFIX);
  return {
    load: () => loadAll(dir),
    save: (replica) => replaceFile(dir, pathOf(replica.channel), encodeReplica(replica)),
    remove: async (channel) => {
      await rm(pathOf(channel), { force: true });
      await syncFolder(dir);
    },
  };
}

async function loadAll(dir: string): ReturnType<ReplicaStore["load"]> {
  const replicas: ChannelReplica[] = [];
  const setAside: { file: string; reason: string }[] = [];
  for (const file of (await readdir(dir)).filter((name) => name.endsWith(SUFFIX))) {
    const path = join(dir, file);
    // A file that the disk does not give back is as good as a rotten one: the cloud has its content.
    const decoded = await readFile(path, "utf8").then(decodeReplica, (error: Error) => error.message);
    if (typeof decoded !== "string") {
      replicas.push(decoded);
      continue;
    }
    const reason = await rename(path, `${path}.set-aside`).then(
      () => decoded,
      (error: Error) => `${decoded} (it stays where it is: ${error.message})`,
    );
    setAside.push({ file, reason });
  }
  return { replicas, setAside };
}

/** The file's text. Tombstones are left out: after a restart `sync` brings whatever they would have guarded. */
export function encodeReplica(replica: ChannelReplica): string {
  const records: RecordChange[] = [];
  for (const [key, record] of replica.records) {
    if (record.body !== null) records.push({ key, version: record.version, body: record.raw });
  }
  const body = JSON.stringify(records);
  const { channel, seq, digest, forwarding } = replica;
  const header = JSON.stringify({ format: FORMAT, channel, seq, digest, forwarding });
  return `${sha256(`${header}\n${body}`)}\n${header}\n${body}`;
}

/** The replica in a file's text, or why it is not fit to use. */
export function decodeReplica(text: string): ChannelReplica | string {
  const [checksum, headerText, ...rest] = text.split("\n");
  const body = rest.join("\n");
  if (checksum !== sha256(`${headerText}\n${body}`)) return "checksum differs";
  try {
    const header = JSON.parse(headerText ?? "") as Record<string, unknown>;
    if (header["format"] !== FORMAT) return `format ${String(header["format"])}, this agent reads ${FORMAT}`;
    const channel = parseChannel(String(header["channel"]));
    const digest = parseDigest(String(header["digest"]));
    const forwarding = parseDigest(String(header["forwarding"]));
    if (!channel || !digest || !forwarding || typeof header["seq"] !== "number") return "header is not as expected";
    const records = JSON.parse(body) as RecordChange[];
    return fromSnapshot({ channel, seq: header["seq"], digest, forwarding, records }) ?? "digest differs";
  } catch (error) {
    return (error as Error).message;
  }
}

async function replaceFile(dir: string, path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await withFile(await open(temporary, "w", 0o600), async (file) => {
    await file.writeFile(text);
    await file.sync();
  });
  await rename(temporary, path);
  await syncFolder(dir);
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

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
