import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyEntry, type ChannelReplica } from "../../../edge-agent/intent/replica.ts";
import { decodeReplica, encodeReplica, openReplicaFiles } from "../../../edge-agent/intent/replica-files.ts";
import { createCloudModel, endpointBody } from "./cloud-model.ts";

function replica(endpoints: number): ChannelReplica {
  const cloud = createCloudModel("h1");
  const changes = Array.from({ length: endpoints }, (_, i) => ({ key: `endpoint/e${i}`, body: endpointBody(i) }));
  const outcome = applyEntry(undefined, cloud.commit("net:blue", changes));
  if (outcome.kind !== "applied") throw new Error(outcome.kind);
  return outcome.replica;
}

describe("replica files", () => {
  let dir: string;
  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), "overspan-replica-")), "replica");
  });
  afterEach(() => rm(join(dir, ".."), { recursive: true, force: true }));

  it("replica files: saved -> loaded equal, and only the owner may read them", async () => {
    const store = await openReplicaFiles(dir);
    await store.save(replica(3));
    const loaded = await store.load();
    expect(loaded.setAside).toEqual([]);
    expect(loaded.replicas.map(({ channel, seq, digest, records }) => [channel, seq, digest, records.size])).toEqual([
      ["net:blue", 1, replica(3).digest, 3],
    ]);
    expect((await stat(join(dir, "net.blue.json"))).mode & 0o777).toBe(0o600);
  });

  it("replica files: any octet changed or cut off -> set aside, never used", async () => {
    const text = encodeReplica(replica(2));
    for (let at = 0; at < text.length; at += 7) {
      const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      expect(typeof decodeReplica(text.slice(0, at)), `cut at ${at}`).toBe("string");
      expect(decodeReplica(flipped), `flipped at ${at}`).toBe("checksum differs");
    }
    const store = await openReplicaFiles(dir);
    await store.save(replica(2));
    await writeFile(join(dir, "net.blue.json"), text.slice(0, -1));
    expect((await store.load()).setAside).toEqual([{ file: "net.blue.json", reason: "checksum differs" }]);
    expect(await readdir(dir)).toEqual(["net.blue.json.set-aside"]);
  });

  it("replica files: another format -> set aside with the reason", () => {
    const rest = encodeReplica(replica(1)).split("\n").slice(1).join("\n").replace('"format":1', '"format":2');
    const text = `${createHash("sha256").update(rest).digest("hex")}\n${rest}`;
    expect(decodeReplica(text)).toBe("format 2, this agent reads 1");
  });

  it("replica files: a write that was cut short before the rename -> the old file stands", async () => {
    const store = await openReplicaFiles(dir);
    await store.save(replica(1));
    const before = await readFile(join(dir, "net.blue.json"), "utf8");
    await writeFile(join(dir, "net.blue.json.new"), "half");
    const loaded = await store.load();
    expect(loaded.replicas).toHaveLength(1);
    expect(await readFile(join(dir, "net.blue.json"), "utf8")).toBe(before);
  });

  it("replica files: one that the disk does not give back -> set aside with the reason, the others are used", async () => {
    const store = await openReplicaFiles(dir);
    await store.save(replica(1));
    await mkdir(join(dir, "net.red.json"));
    const { replicas, setAside } = await store.load();
    expect(replicas.map(({ channel }) => channel)).toEqual(["net:blue"]);
    expect(setAside).toMatchObject([{ file: "net.red.json", reason: expect.stringContaining("EISDIR") as string }]);
  });

  it("replica files: a folder that cannot be made -> refused by name", async () => {
    await mkdir(join(dir, ".."), { recursive: true });
    await writeFile(dir, "a file where the folder should be");
    await expect(openReplicaFiles(dir)).rejects.toThrow(`cannot keep the replica in ${dir}: EEXIST`);
  });

  it("replica files: removed -> gone", async () => {
    const store = await openReplicaFiles(dir);
    await store.save(replica(1));
    await store.remove("net:blue");
    expect((await store.load()).replicas).toEqual([]);
  });
});
