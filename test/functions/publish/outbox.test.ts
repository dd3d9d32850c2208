import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { decodeInbox, type LogEntry, MAX_PAYLOAD_BYTES } from "../../../shared/message/inbox.ts";
import type { Channel } from "../../../shared/model/record.ts";
import { deltaMessages, Outbox, packTexts } from "../../../functions/publish/outbox.ts";

function entry(channel: Channel, seq: number): LogEntry {
  return { channel, seq, prev: seq - 1, digest: EMPTY_DIGEST, forwarding: EMPTY_DIGEST, changes: [] };
}

function entriesOf(payload: string): string[] {
  const message = decodeInbox(Buffer.from(payload));
  if (message.kind !== "delta") throw new Error(`a ${message.kind}`);
  return message.entries.map(({ channel, seq }) => `${channel} ${seq}`);
}

describe("Outbox", () => {
  test("messages: entries out of order and twice -> each once, in order, the host's own channel first", () => {
    const outbox = new Outbox();
    for (const seq of [3, 2, 3]) outbox.add("h1", entry("net:a", seq));
    outbox.add("h1", entry("host:h1", 9));
    outbox.add("h2", entry("net:a", 2));
    expect(outbox.hosts()).toEqual(["h1", "h2"]);
    expect(outbox.messages("h1", []).map(entriesOf)).toEqual([["host:h1 9", "net:a 2", "net:a 3"]]);
    expect(outbox.messages("h2", []).map(entriesOf)).toEqual([["net:a 2"]]);
  });

  test("messages: a host that joined a network -> no entries of it, and told that the snapshot comes", () => {
    const outbox = new Outbox();
    outbox.add("h1", entry("net:a", 3));
    outbox.add("h1", entry("host:h1", 2));
    outbox.join("h1", "net:a");
    expect(outbox.joined("h1")).toEqual(["net:a"]);
    const [payload = ""] = outbox.messages("h1", ["net:a"]);
    expect(entriesOf(payload)).toEqual(["host:h1 2"]);
    expect(decodeInbox(Buffer.from(payload))).toMatchObject({ coming: ["net:a"] });
  });

  test("messages: a deleted host -> its last entries, then to leave, as of its own channel", () => {
    const outbox = new Outbox();
    outbox.add("h1", entry("host:h1", 4));
    outbox.leave("h1", 4);
    const [delta = "", leave = ""] = outbox.messages("h1", []);
    expect(entriesOf(delta)).toEqual(["host:h1 4"]);
    expect(decodeInbox(Buffer.from(leave))).toMatchObject({ kind: "leave", channels: ["host:h1"], own: 4 });
  });

  test("messages: 200 channels are coming, and entries of the largest size -> within the limit", () => {
    const long = (at: number): Channel => `net:${"n".repeat(30)}-${at}`;
    const entries = Array.from({ length: 2000 }, (_, at) => JSON.stringify(entry("net:a", at + 1)));
    const payloads = deltaMessages(
      "h".repeat(30),
      entries,
      Array.from({ length: 500 }, (_, at) => long(at)),
    );
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(payloads.flatMap(entriesOf)).toHaveLength(2000);
  });

  test("deltaMessages: many entries -> no message larger than the limit, all entries in order", () => {
    const entries = Array.from({ length: 3000 }, (_, at) => entry("net:a", at + 1));
    const payloads = deltaMessages(
      "h1",
      entries.map((each) => JSON.stringify(each)),
    );
    expect(payloads.length).toBeGreaterThan(1);
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(payloads.flatMap(entriesOf)).toEqual(entries.map(({ seq }) => `net:a ${seq}`));
  });

  test("packTexts: any texts -> all of them in order, within the limit unless alone", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.integer({ min: 5, max: 60 }), (texts, limit) => {
        const packs = packTexts(texts, limit);
        expect(packs.flat()).toEqual(texts);
        for (const pack of packs) {
          const bytes = pack.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
          expect(pack.length === 1 || bytes <= limit).toBe(true);
        }
      }),
    );
  });
});
