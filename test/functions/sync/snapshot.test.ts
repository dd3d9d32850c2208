import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestSum, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import { decodeInbox, MAX_PAYLOAD_BYTES, type RecordChange } from "../../../shared/message/inbox.ts";
import { overlay, snapshotMessages } from "../../../functions/sync/snapshot.ts";

const channel = "host:h1";

describe("overlay", () => {
  test("overlay: records read at any moment of a running log -> the state at its end", () => {
    const step = fc.record({ key: fc.nat(6), live: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(fc.nat(30), { minLength: 7, maxLength: 7 }),
        (steps, readAt) => {
          const changes = steps.map(({ key, live }, at) => ({
            key: `network/n${key}`,
            version: at + 1,
            body: live ? {} : null,
          }));
          const stateOf = (key: string, until: number) => {
            const last = changes
              .slice(0, until)
              .filter((change) => change.key === key)
              .at(-1);
            return last && last.body !== null ? [last] : [];
          };
          // Each record is read at a moment of its own, none before entry `from`.
          const from = Math.min(...readAt, changes.length);
          const read = readAt.flatMap((moment, key) => stateOf(`network/n${key}`, moment));
          const logged = changes.slice(from).map((change, at) => ({
            entry: {
              channel,
              seq: from + at + 1,
              prev: from + at,
              digest: EMPTY_DIGEST,
              forwarding: EMPTY_DIGEST,
              changes: [change],
            },
            memberships: [],
            atMs: 0,
          })) as Parameters<typeof overlay>[1];
          const expected = readAt.flatMap((_, key) => stateOf(`network/n${key}`, changes.length));
          const sorted = (records: RecordChange[]) => records.sort((a, b) => (a.key < b.key ? -1 : 1));
          expect(sorted(overlay(read, logged))).toEqual(sorted(expected));
        },
      ),
    );
  });
});

describe("snapshotMessages", () => {
  const snapshot = (count: number) => {
    const records = Array.from({ length: count }, (_, at) => ({ key: `network/n${at}`, version: at + 1, body: {} }));
    const digest = digestSum(records.map(hashRecord));
    return { channel, head: { seq: 7, digest, forwarding: EMPTY_DIGEST }, records } as const;
  };

  test.each([0, 1, 5000])("snapshot: %i records -> numbered parts within the limit that hold them all", (count) => {
    const payloads = snapshotMessages("h1", snapshot(count));
    const parts = payloads.map((payload) => {
      expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
      const message = decodeInbox(Buffer.from(payload));
      if (message.kind !== "snapshot") throw new Error(JSON.stringify(message));
      return message;
    });
    expect(parts.map(({ part, parts: all }) => [part, all])).toEqual(parts.map((_, at) => [at + 1, parts.length]));
    expect(parts.flatMap((part) => part.records)).toEqual(snapshot(count).records);
    expect(parts.length > 1).toBe(count === 5000);
  });
});
