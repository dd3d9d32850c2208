// Fetches what an offer leads to and builds the channel of it, record by record as it comes: neither the file nor its
// text is ever in memory whole. Everything that the offer said is checked before the channel is handed out.

import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type OfferMessage, RecordChange } from "../../shared/message/inbox.ts";
import { SnapshotHeader } from "../../shared/message/snapshot-file.ts";
import { buildSnapshot, type ChannelReplica } from "./replica.ts";

/** Where offers lead: the adapter is download.ts. */
export type SnapshotSource = {
  /** The octets at the URL, as they come; rejects if it is refused or breaks off. */
  open(offer: Pick<OfferMessage, "url" | "headers">, signal: AbortSignal): AsyncIterable<Uint8Array>;
};

/** The longest line: an item of the store has at most 400 KB. */
const MAX_LINE_BYTES = 1_000_000;
const NEWLINE = 0x0a;

/** The channel; `held` is what is held of it now, and stays. @throws with the reason if it is not what was offered. */
export async function fetchSnapshot(
  source: SnapshotSource,
  offer: OfferMessage,
  held: ChannelReplica | undefined,
  signal: AbortSignal,
): Promise<ChannelReplica> {
  const { channel } = offer;
  const hash = createHash("sha256");
  const builder = buildSnapshot(offer, held);
  let lines = 0;

  function take(text: string): void {
    const value: unknown = JSON.parse(text);
    if (lines++ === 0) checkHeader(SnapshotHeader.parse(value), offer);
    else if (lines > offer.records + 1) throw new Error(`more than the ${offer.records} records that were offered`);
    else builder.add(RecordChange.parse(value));
  }

  await pipeline(
    () => counted(source.open(offer, signal), offer.bytes, (chunk) => void hash.update(chunk)),
    createGunzip(),
    async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const text of linesOf(chunks)) take(text);
    },
  );
  if (hash.digest("hex") !== offer.sha256) throw new Error("SHA-256 differs");
  const replica = lines === offer.records + 1 ? builder.finish() : undefined;
  if (!replica) throw new Error(`the records do not sum to the digest of ${channel} at ${offer.seq}`);
  return replica;
}

function checkHeader(header: SnapshotHeader, offer: OfferMessage): void {
  for (const name of ["channel", "seq", "digest", "forwarding", "records"] as const) {
    if (header[name] !== offer[name]) throw new Error(`${name} is ${header[name]}, offered was ${offer[name]}`);
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  expected: number,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > expected) throw new Error(`more than the ${expected} octets that were offered`);
    see(chunk);
    yield chunk;
  }
  if (bytes < expected) throw new Error(`${bytes} of ${expected} octets came`);
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = octets.indexOf(NEWLINE); end >= 0; end = octets.indexOf(NEWLINE, start)) {
      const line = octets.subarray(start, end);
      yield rest.length === 0 ? line.toString("utf8") : Buffer.concat([...rest, line]).toString("utf8");
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start === octets.length) continue;
    rest.push(Buffer.from(octets.subarray(start)));
    restBytes += octets.length - start;
    if (restBytes > MAX_LINE_BYTES) throw new Error(`a line of more than ${MAX_LINE_BYTES} octets`);
  }
  if (restBytes > 0) throw new Error("the last line is cut short");
}
