// Measures the heap while a snapshot of 100,000 endpoints is fetched onto an older copy of the same channel: prints the
// size of one copy and the most that was in use above the start, in MB, after garbage collection. For fetch-snapshot.test.ts.

import { createHash } from "node:crypto";
import { createGzip } from "node:zlib";
import { fetchSnapshot } from "../../../edge-agent/intent/fetch-snapshot.ts";
import { type Digest, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import type { OfferMessage } from "../../../shared/message/inbox.ts";
import { endpointBody } from "./cloud-model.ts";

const ENDPOINTS = 100_000;
/** Of every so many endpoints one is another in the newer snapshot. */
const CHANGED_EVERY = 100;

function record(index: number, generation: number) {
  const version = index % CHANGED_EVERY === 0 ? generation : 1;
  return { key: `endpoint/vm-${index}`, version, body: endpointBody(index + (version - 1) * ENDPOINTS) };
}

async function snapshot(seq: number): Promise<{ offer: OfferMessage; file: Buffer }> {
  let sum = 0n;
  for (let i = 0; i < ENDPOINTS; i++) sum += BigInt(`0x${hashRecord(record(i, seq))}`);
  const digest = BigInt.asUintN(64, sum).toString(16).padStart(16, "0") as Digest;
  const of = { channel: "net:blue" as const, seq, digest, forwarding: EMPTY_DIGEST, records: ENDPOINTS };
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  gzip.on("data", (chunk: Buffer) => chunks.push(chunk));
  gzip.write(`${JSON.stringify({ format: 1, ...of })}\n`);
  for (let i = 0; i < ENDPOINTS; i++) {
    if (!gzip.write(`${JSON.stringify(record(i, seq))}\n`)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  await new Promise<void>((resolve) => {
    gzip.once("end", resolve);
    gzip.end();
  });
  const file = Buffer.concat(chunks);
  const sha256 = createHash("sha256").update(file).digest("hex");
  const url = "https://store/x";
  return { offer: { v: 2, host: "h1", kind: "offer", ...of, url, headers: {}, bytes: file.length, sha256 }, file };
}

function usedMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

const older = await snapshot(1);
const newer = await snapshot(2);
const { signal } = new AbortController();
const before = usedMb();
let peak = 0;
let pieces = 0;
const source = {
  async *open({ url }: { url: string }) {
    const { file } = url === "older" ? older : newer;
    for (let at = 0; at < file.length; at += 65_536) {
      yield file.subarray(at, at + 65_536);
      if (++pieces % 10 === 0) peak = Math.max(peak, usedMb() - before);
    }
  },
};
const held = await fetchSnapshot(source, { ...older.offer, url: "older" }, undefined, signal);
const copy = usedMb() - before;
peak = 0;
const replica = await fetchSnapshot(source, newer.offer, held, signal);
const both = usedMb() - before;
if (held.seq + replica.seq !== 3) throw new Error("not what was asked for");
process.stdout.write(JSON.stringify({ copyMb: copy, peakMb: Math.max(peak, both) }));
