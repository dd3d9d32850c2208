import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DataFolder, openDataFolder } from "../../local/data-folder.ts";

let dir: string;
let open: DataFolder[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-data-test-"));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((folder) => folder.close()));
  open = [];
  await rm(dir, { recursive: true, force: true });
});

async function openFolder(path: string | undefined): Promise<DataFolder> {
  const folder = await openDataFolder(path);
  open.push(folder);
  return folder;
}

describe("data folder", () => {
  it("data folder: what a pump saved -> read back after a restart, each mapping its own", async () => {
    const first = await openFolder(dir);
    const positions = new Map([
      ["s1", { after: "9", finished: true }],
      ["s2", { after: undefined, finished: false }],
    ]);
    await first.checkpoints("M").save(positions);
    await first.close();
    const second = await openFolder(dir);
    expect(await second.checkpoints("M").load()).toEqual(positions);
    expect(await second.checkpoints("Other").load()).toEqual(new Map());
  });

  it("data folder: shards that save at once -> the last state, whole", async () => {
    const checkpoints = (await openFolder(dir)).checkpoints("M");
    const positions = new Map<string, { after: string; finished: boolean }>();
    const saves = Array.from({ length: 20 }, (_, n) => {
      positions.set(`s${n}`, { after: String(n), finished: false });
      return checkpoints.save(positions);
    });
    await Promise.all(saves);
    expect((await checkpoints.load()).size).toBe(20);
  });

  it("data folder: given up records -> one line each time, with queue and reason", async () => {
    const folder = await openFolder(dir);
    const record = (SequenceNumber: string) => ({ eventID: "e", dynamodb: { SequenceNumber } });
    await folder.deadLetter("M", [record("1"), record("2")], "poison");
    await folder.deadLetter("M", [record("3")], "again");
    const lines = (await readFile(join(dir, "dead-letters.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { queue: "M", reason: "poison", records: [record("1"), record("2")] },
      { queue: "M", reason: "again", records: [record("3")] },
    ]);
  });

  it("data folder: open twice -> refused; after close, or of a process that is gone -> opened", async () => {
    const first = await openFolder(dir);
    await expect(openDataFolder(dir)).rejects.toThrow(/Another Overspan \(process \d+\)/);
    await first.close();
    // The number is taken (it is ours), but by a process that started at another time.
    await writeFile(join(dir, "runtime.pid"), `${process.pid} 1`);
    await openFolder(dir);
  });

  it("data folder: none -> in memory, without anything left behind", async () => {
    const folder = await openFolder(undefined);
    await folder.checkpoints("M").save(new Map([["s", { after: "1", finished: false }]]));
    expect((await folder.checkpoints("M").load()).get("s")?.after).toBe("1");
    await folder.close();
    await expect(readFile(folder.templateDir)).rejects.toThrow("ENOENT");
  });
});
