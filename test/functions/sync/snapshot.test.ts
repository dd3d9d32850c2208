import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestSum, EMPTY_DIGEST, hashRecord } from "../../../shared/message/digest.ts";
import { decodeInbox, MAX_PAYLOAD_BYTES, type RecordChange } from "../../../shared/message/inbox.ts";
import { networkChannel } from "../../../shared/model/record.ts";
import { recordKey } from "../../../functions/publish/channel-items.ts";
import { getItem, putItem, type Table } from "../../../functions/publish/table.ts";
import { overlay, readSnapshot, snapshotMessages } from "../../../functions/sync/snapshot.ts";
import { EngineWorld } from "../publish/engine-world.ts";
import { endpointItem, hostItem, NOW_MS, networkItem } from "../publish/fixtures.ts";

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

describe("readSnapshot", () => {
  const NOW_SEC = NOW_MS / 1000;

  /** A network of three records; `meanwhile` happens after each read of it. */
  async function network(meanwhile: (world: EngineWorld) => Promise<unknown>) {
    const world = EngineWorld.inMemory();
    await world.publish(hostItem("h1", 1), networkItem("n1", 100));
    await world.publish(endpoint("e1"));
    const client = Object.create(world.table.client) as Table["client"];
    client.send = (async (command: Parameters<Table["client"]["send"]>[0]) => {
      const answer = await world.table.client.send(command);
      await meanwhile(world);
      return answer;
    }) as Table["client"]["send"];
    return () => readSnapshot({ ...world.table, client }, networkChannel("n1"), NOW_SEC);
  }

  const endpoint = (id: string) => endpointItem(id, { network: "n1", host: "h1", index: Number(id.slice(1)) });
  /** Another record than the log has, under its key. */
  const damage = async ({ table }: EngineWorld) => {
    const key = recordKey(networkChannel("n1"), "endpoint/e1");
    await putItem(table, { ...(await getItem(table, key)), ...key, version: 77 });
  };
  const keysOf = ({ records }: { records: readonly RecordChange[] }) => records.map(({ key }) => key).toSorted();

  test("snapshot: the log stands still -> the records at its head", async () => {
    const snapshot = await (await network(() => Promise.resolve()))();
    expect(keysOf(snapshot)).toEqual(["endpoint/e1", "network", "vtep/h1"]);
    expect(digestSum(snapshot.records.map(hashRecord))).toBe(snapshot.head.digest);
  });

  test("snapshot: the log moves on with each read -> followed to where its head was last, proven by its digest", async () => {
    const before = await (await network(() => Promise.resolve()))();
    let index = 2;
    const snapshot = await (await network((world) => world.publish(endpoint(`e${index++}`))))();
    expect(snapshot.head.seq).toBe(before.head.seq + 2);
    expect(keysOf(snapshot)).toEqual(["endpoint/e1", "endpoint/e2", "endpoint/e3", "network", "vtep/h1"]);
    expect(digestSum(snapshot.records.map(hashRecord))).toBe(snapshot.head.digest);
  });

  test.each<[string, (world: EngineWorld) => Promise<unknown>]>([
    ["stands still", damage],
    ["moves on", async (world) => [await damage(world), await world.publish(endpoint("e2"))]],
  ])("snapshot: a record is not what the log says, which %s -> thrown, never handed out", async (_, meanwhile) => {
    await expect((await network(meanwhile))()).rejects.toThrow(
      "the records of net:n1 do not sum to the digest of its log",
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
