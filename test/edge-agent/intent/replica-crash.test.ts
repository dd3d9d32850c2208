// kill -9 of a process that writes its replica, at random times: what is on the disk is a state that the channel had, and
// none that was said to be durable is lost.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openReplicaFiles } from "../../../edge-agent/intent/replica-files.ts";
import type { Digest } from "../../../shared/message/digest.ts";
import { endlessLog } from "./killed-writer.ts";

const WRITER = fileURLToPath(new URL("./killed-writer.ts", import.meta.url));
const KILLS = 8;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "overspan-crash-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Runs the writer until it has saved `saves` times and then some; the last seq that it said was durable. */
async function writeAndKill(saves: number, thenUs: number): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", WRITER, dir], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<NodeJS.Signals | null>((resolve) => child.on("exit", (_, signal) => resolve(signal)));
  let text = "";
  let lines = 0;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    lines = text.split("\n").length - 1;
    if (lines < saves) return;
    const until = process.hrtime.bigint() + BigInt(thenUs) * 1000n;
    while (process.hrtime.bigint() < until);
    child.kill("SIGKILL");
  });
  expect(await exited).toBe("SIGKILL");
  return Number(text.split("\n").at(-2));
}

it("replica: its writer is killed again and again -> each time a state of the log, nothing durable lost", {
  timeout: 120_000,
}, async () => {
  const digests = new Map<number, Digest>();
  const log = endlessLog();
  let seq = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const durable = await writeAndKill(3 + kill * 11, kill * 137);
    const { replicas, setAside } = await (await openReplicaFiles(dir)).load();
    expect(setAside).toEqual([]);
    const [held] = replicas;
    expect(held?.seq).toBeGreaterThanOrEqual(durable);
    for (; seq < (held?.seq ?? 0); ) {
      const entry = log.next().value;
      seq = entry.seq;
      digests.set(seq, entry.digest);
    }
    expect(held?.digest).toBe(digests.get(held?.seq ?? 0));
  }
  expect(seq).toBeGreaterThan(KILLS * 9);
});
