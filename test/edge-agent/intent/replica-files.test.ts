import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyEntry, type ChannelReplica } from "../../../edge-agent/intent/replica.ts";
import { readReplicaFile, wholeLines } from "../../../edge-agent/intent/replica-file.ts";
import { openReplicaFiles, type ReplicaStore } from "../../../edge-agent/intent/replica-files.ts";
import type { LogEntry } from "../../../shared/message/inbox.ts";
import { createCloudModel, endpointBody } from "./cloud-model.ts";

const FILE = "net.blue.replica";

/** A channel, and how it moves on. */
function history(endpoints: number) {
  const cloud = createCloudModel("h1");
  const changes = Array.from({ length: endpoints }, (_, i) => ({ key: `endpoint/e${i}`, body: endpointBody(i) }));
  const outcome = applyEntry(undefined, cloud.commit("net:blue", changes));
  if (outcome.kind !== "applied") throw new Error(outcome.kind);
  const { replica } = outcome;
  return {
    replica,
    /** The next entry, already applied. */
    step: (number = endpoints + replica.seq): LogEntry => {
      const entry = cloud.commit("net:blue", [{ key: `endpoint/e${number}`, body: endpointBody(number) }]);
      expect(applyEntry(replica, entry).kind).toBe("applied");
      return entry;
    },
  };
}

const stateOf = ({ channel, seq, digest, records }: ChannelReplica) => [channel, seq, digest, records.size];

async function read(octets: Uint8Array): ReturnType<typeof readReplicaFile> {
  return readReplicaFile(
    (async function* () {
      yield octets;
    })(),
  );
}

describe("replica files", () => {
  let dir: string;
  let store: ReplicaStore;
  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), "overspan-replica-")), "replica");
    store = await openReplicaFiles(dir);
  });
  afterEach(() => rm(join(dir, ".."), { recursive: true, force: true }));

  const reload = async () => (await openReplicaFiles(dir)).load();

  it("replica files: saved whole and by entries -> loaded equal, and only the owner may read them", async () => {
    const { replica, step } = history(3);
    await store.save(replica);
    await store.save(replica, [step(), step()]);
    await store.save(replica, [step(1)]);
    const { replicas, setAside } = await reload();
    expect(setAside).toEqual([]);
    expect(replicas.map(stateOf)).toEqual([stateOf(replica)]);
    expect(replicas[0]?.records).toEqual(replica.records);
    expect((await stat(join(dir, FILE))).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    await chmod(dir, 0o777);
    await reload();
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  });

  it("replica files: an entry on a large channel -> costs its own length, not the channel's", async () => {
    const { replica, step } = history(5_000);
    await store.save(replica);
    const before = await stat(join(dir, FILE));
    for (let i = 0; i < 20; i++) await store.save(replica, [step(i)]);
    const after = await stat(join(dir, FILE));
    expect(after.ino, "the same file, appended to").toBe(before.ino);
    expect((after.size - before.size) / 20).toBeLessThan(400);
    expect(before.size).toBeGreaterThan(500_000);
  });

  it("replica files: entries without end -> written whole now and then, a constant share of what is appended", async () => {
    const { replica, step } = history(10);
    await store.save(replica);
    let wholes = 0;
    let { ino, size } = await stat(join(dir, FILE));
    for (let i = 0; i < 1_000; i++) {
      await store.save(replica, [step(i % 10)]);
      const now = await stat(join(dir, FILE));
      if (now.ino !== ino || now.size < size) wholes++;
      ({ ino, size } = now);
      expect(size).toBeLessThan(80_000);
    }
    expect(wholes).toBeGreaterThan(1);
    expect(wholes).toBeLessThan(8);
    expect((await reload()).replicas.map(stateOf)).toEqual([stateOf(replica)]);
  }, 60_000);

  it("replica files: entries that do not follow what is on disk -> written whole", async () => {
    const { replica, step } = history(2);
    await store.save(replica);
    step();
    const second = step();
    await store.save(replica, [second]);
    expect((await reload()).replicas.map(stateOf)).toEqual([stateOf(replica)]);
  });

  it("replica files: cut at any octet -> the state before or a file that is not fit, never another state", async () => {
    const { replica, step } = history(2);
    await store.save(replica);
    const states = new Map([[replica.seq, stateOf(replica)]]);
    const whole = (await stat(join(dir, FILE))).size;
    for (let i = 0; i < 3; i++) {
      await store.save(replica, [step(i)]);
      states.set(replica.seq, stateOf(replica));
    }
    const octets = await readFile(join(dir, FILE));
    const seen = new Set<number>();
    for (let at = 0; at < octets.length; at++) {
      const found = await read(octets.subarray(0, at));
      if (typeof found === "string") expect(at, found).toBeLessThan(whole);
      else {
        expect(stateOf(found.replica)).toEqual(states.get(found.replica.seq));
        expect(found.bytes).toBeLessThanOrEqual(at);
        seen.add(found.replica.seq);
      }
    }
    expect([...seen]).toEqual([1, 2, 3]);
  });

  it("replica files: any octet changed -> not fit, or, in the last entry, the state before it", async () => {
    const { replica, step } = history(2);
    await store.save(replica);
    const whole = (await stat(join(dir, FILE))).size;
    const states = [stateOf(replica)];
    await store.save(replica, [step(1)]);
    states.push(stateOf(replica));
    const lastAt = (await stat(join(dir, FILE))).size;
    await store.save(replica, [step(0)]);
    const octets = await readFile(join(dir, FILE));
    for (let at = 0; at < octets.length; at++) {
      for (const bit of [1, 0x80]) {
        const flipped = Buffer.from(octets);
        flipped[at] = (flipped[at] ?? 0) ^ bit;
        const found = await read(flipped);
        // Without the line feed before it, the last line and the one before are one that is bad.
        const expected = at >= lastAt ? states[1] : at === lastAt - 1 ? states[0] : undefined;
        const what = typeof found === "string" ? undefined : stateOf(found.replica);
        expect(what, `at ${at} of ${whole}, ${lastAt}`).toEqual(expected);
      }
    }
  });

  it("replica files: lines left out, doubled or swapped, each whole -> not fit", async () => {
    const { replica, step } = history(2);
    await store.save(replica);
    for (let i = 0; i < 3; i++) await store.save(replica, [step(i)]);
    const lines = (await readFile(join(dir, FILE), "utf8")).split(/(?<=\n)/);
    const others = lines.flatMap((line, at) => [
      at < lines.length - 1 ? lines.toSpliced(at, 1) : [],
      lines.toSpliced(at, 0, line),
      at > 0 ? lines.toSpliced(at - 1, 2, line, lines[at - 1] as string) : [],
    ]);
    for (const other of others) expect(typeof (await read(Buffer.from(other.join("")))), other.join("")).toBe("string");
  });

  it("replica files: the end of the last write is missing -> cut off, and entries are appended after it", async () => {
    const { replica, step } = history(2);
    await store.save(replica);
    const octets = await readFile(join(dir, FILE));
    const entry = step();
    await store.save(replica, [entry]);
    const all = await readFile(join(dir, FILE));
    await writeFile(join(dir, FILE), all.subarray(0, all.length - 5));
    const again = await openReplicaFiles(dir);
    const { replicas } = await again.load();
    const held = replicas[0] as ChannelReplica;
    expect(held.seq).toBe(1);
    expect((await stat(join(dir, FILE))).size).toBe(octets.length);
    expect(applyEntry(held, entry).kind).toBe("applied");
    await again.save(held, [entry]);
    expect(await readFile(join(dir, FILE))).toEqual(all);
  });

  it("replica files: rotten, of another format or of another channel -> set aside with the reason, never used", async () => {
    const { replica } = history(2);
    const text = [...wholeLines(replica)].join("");
    await writeFile(join(dir, FILE), text.replace("e1", "e2"));
    await writeFile(join(dir, "net.red.replica"), text);
    await writeFile(join(dir, "net.old.json"), "0123\n{}\n[]");
    expect((await reload()).setAside.toSorted((a, b) => (a.file < b.file ? -1 : 1))).toEqual([
      { file: FILE, reason: "checksum differs" },
      { file: "net.old.json", reason: "format 1, of an older agent" },
      { file: "net.red.replica", reason: "it holds net:blue" },
    ]);
    expect((await readdir(dir)).toSorted()).toEqual(
      [FILE, "net.old.json", "net.red.replica"].map((file) => `${file}.set-aside`),
    );
  });

  it("replica files: a write that was cut short before the rename -> the old file stands", async () => {
    const { replica } = history(1);
    await store.save(replica);
    await writeFile(join(dir, `${FILE}.new`), "half");
    expect((await reload()).replicas.map(stateOf)).toEqual([stateOf(replica)]);
    expect(await readdir(dir)).toEqual([FILE]);
  });

  it("replica files: a write failed, half of it done -> the next one writes the channel whole", async () => {
    const { replica, step } = history(1);
    await store.save(replica);
    await rm(join(dir, FILE));
    await expect(store.save(replica, [step()])).rejects.toThrow("ENOENT");
    await store.save(replica, [step()]);
    expect((await reload()).replicas.map(stateOf)).toEqual([stateOf(replica)]);
  });

  it("replica files: one that the disk does not give back -> set aside with the reason, the others are used", async () => {
    await store.save(history(1).replica);
    await mkdir(join(dir, "net.red.replica"));
    const { replicas, setAside } = await reload();
    expect(replicas.map(({ channel }) => channel)).toEqual(["net:blue"]);
    expect(setAside).toMatchObject([{ file: "net.red.replica", reason: expect.stringContaining("EISDIR") as string }]);
  });

  it("replica files: a folder that cannot be made -> refused by name", async () => {
    await rm(dir, { recursive: true });
    await writeFile(dir, "a file where the folder should be");
    await expect(openReplicaFiles(dir)).rejects.toThrow(`cannot keep the replica in ${dir}: EEXIST`);
  });

  it("replica files: removed -> gone", async () => {
    const { replica, step } = history(1);
    await store.save(replica);
    await store.remove("net:blue");
    expect((await reload()).replicas).toEqual([]);
    await store.save(replica, [step()]);
    expect((await reload()).replicas.map(stateOf)).toEqual([stateOf(replica)]);
  });
});
