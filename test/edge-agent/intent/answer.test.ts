import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { syncRequests } from "../../../edge-agent/intent/answer.ts";
import { createIntent, type IntentEffect, type IntentState, receive } from "../../../edge-agent/intent/intent.ts";
import { type ChannelReplica, fromSnapshot } from "../../../edge-agent/intent/replica.ts";
import { EMPTY_DIGEST, hashRecord, hashText } from "../../../shared/message/digest.ts";
import { type InboxMessage, type InSyncMessage, MAX_PAYLOAD_BYTES } from "../../../shared/message/inbox.ts";
import { coverAll, inRange, splitRange } from "../../../shared/message/range.ts";
import { SyncRequest } from "../../../shared/message/sync.ts";
import { type Channel, networkChannel } from "../../../shared/model/record.ts";
import { createCloudModel, networkBody } from "./cloud-model.ts";

const MANY = 6_000;
const name = (index: number) => `net-${String(index).padStart(5, "0")}-of-a-tenant-with-a-long-name`;

function held(channel: Channel, records: { key: string; version: number; body: unknown }[]): ChannelReplica {
  const [first] = records;
  const digest = records.length === 1 && first ? hashRecord(first) : EMPTY_DIGEST;
  const replica = fromSnapshot({ channel, seq: 5, digest, forwarding: EMPTY_DIGEST, records });
  if (!replica) throw new Error(channel);
  return replica;
}

/** A host that holds its own channel and `networks` that it names. */
function holding(networks: number): IntentState {
  const cloud = createCloudModel("h1");
  const keys = Array.from({ length: networks }, (_, index) => `network/${name(index)}`);
  const state = createIntent("h1", []);
  cloud.commit("host:h1", [
    { key: "host", body: { site: "s1", vtep: "192.0.2.1" } },
    ...keys.map((key) => ({ key, body: {} })),
  ]);
  for (const message of cloud.snapshot("host:h1")) receive(state, message);
  for (let index = 0; index < networks; index++) {
    const channel = networkChannel(name(index));
    state.channels.set(channel, held(channel, [{ key: "network", version: 1, body: networkBody }]));
  }
  return state;
}

/** The end of the answer to one request, as the cloud cuts it. */
function inSyncOf(state: IntentState, request: SyncRequest, maxBytes = 50_000): InSyncMessage[] {
  const items = [...state.channels.values()]
    .filter(({ channel }) => inRange(request, channel))
    .map(({ channel, seq, digest }) => ({ name: channel, bytes: 90, item: { channel, seq, digest } }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const { from, to } = request;
  const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  return splitRange(range, items, maxBytes).map((run) => ({
    v: 2,
    host: "h1",
    kind: "in-sync",
    channels: run.items.map(({ item }) => item),
    ...(request.request === undefined ? {} : { request: request.request }),
    ...run.range,
    own: state.channels.get("host:h1")?.seq ?? 0,
  }));
}

const kinds = (effects: readonly IntentEffect[]) => effects.map(({ kind }) => kind);

describe("sync in parts", () => {
  it("sync request: 6,000 channels -> parts that fit a message, cover every name, and say each channel once", () => {
    const state = holding(MANY);
    const requests = syncRequests(state, 7);
    expect(requests.length).toBeGreaterThan(3);
    for (const request of requests) {
      expect(Buffer.byteLength(JSON.stringify(request))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
      expect(SyncRequest.parse(request)).toEqual(request);
      for (const { channel } of request.have) expect(inRange(request, channel)).toBe(true);
    }
    expect(coverAll(requests)).toBe(true);
    expect(requests.flatMap(({ have }) => have)).toHaveLength(MANY + 1);
    expect(syncRequests(createIntent("h1", []), 1)).toEqual([{ v: 2, request: 1, have: [] }]);
  });

  it("in-sync: parts in any order, some twice -> in sync with the last one and not before", () => {
    const state = holding(MANY);
    const parts = syncRequests(state, 7).flatMap((request) => inSyncOf(state, request));
    expect(parts.length).toBeGreaterThan(8);
    const [last, ...others] = parts.toReversed() as [InSyncMessage, ...InSyncMessage[]];
    for (const part of [...others, ...others]) expect(receive(state, part)).toEqual([]);
    expect(state.inSync).toBe(false);
    expect(kinds(receive(state, last))).toEqual(["in-sync"]);
    expect(state.inSync).toBe(true);
    expect(state.channels.size).toBe(MANY + 1);
  });

  it("in-sync: parts of different requests -> not whole together", () => {
    const state = holding(3);
    const [first, ...rest] = inSyncOf(state, { v: 2, request: 1, have: [] }, 100) as [
      InSyncMessage,
      ...InSyncMessage[],
    ];
    receive(state, { ...first, request: 2 });
    for (const part of rest) receive(state, part);
    expect(state.inSync).toBe(false);
    receive(state, first);
    expect(state.inSync).toBe(true);
  });

  it("in-sync: a range that does not name what is held in it -> dropped there, and nowhere else", () => {
    const state = holding(3);
    const own = state.channels.get("host:h1")?.seq ?? 0;
    state.channels.set("net:a", held("net:a", []));
    state.channels.set("net:z", held("net:z", []));
    const message = { v: 2, host: "h1", kind: "in-sync", channels: [], request: 1, to: "net:b", from: "net:", own };
    expect(receive(state, message as InboxMessage)).toEqual([{ kind: "dropped", channel: "net:a" }]);
    expect(state.channels.has("net:z")).toBe(true);
  });

  it("in-sync: damaged, so that it names others than it should -> nothing that the host's channel names is let go of", () => {
    for (const [right, wrong] of [
      ["00000", "00009"],
      ["host:h1", "host:h8"],
    ] as const) {
      const state = holding(2);
      const before = new Set(state.channels.keys());
      const [request] = syncRequests(state, 1);
      const [message] = inSyncOf(state, request as SyncRequest);
      const channels = message?.channels.map((item) => ({
        ...item,
        channel: item.channel.replace(right, wrong) as Channel,
      }));
      const effects = receive(state, { ...message, channels } as InSyncMessage);
      expect(kinds(effects)).toEqual(["sync"]);
      expect(new Set(state.channels.keys())).toEqual(before);
    }
  });

  it("in-sync: a channel is held at a later step than its log has -> asked for, and the older snapshot taken", () => {
    const state = holding(1);
    const channel = networkChannel(name(0));
    const body = { ...networkBody };
    const records = [{ key: "network", version: 1, body }];
    const log = { seq: 3, digest: hashRecord(records[0] as (typeof records)[number]), forwarding: EMPTY_DIGEST };
    const snapshot = {
      v: 2,
      host: "h1",
      kind: "snapshot",
      channel,
      ...log,
      part: 0,
      parts: 1,
      records,
    } as InboxMessage;
    expect(receive(state, snapshot)).toEqual([]);
    const [request] = syncRequests(state, 4);
    const [right] = inSyncOf(state, request as SyncRequest);
    const channels = right?.channels.map((item) => (item.channel === channel ? { ...item, seq: log.seq } : item));
    const message = { ...right, channels } as InSyncMessage;
    // An answer to an older request may be older than what is held.
    expect(kinds(receive(state, { ...message, request: 3 }))).not.toContain("sync");
    expect(receive(state, message)).toMatchObject([{ kind: "sync", reason: "diverged" }]);
    expect(kinds(receive(state, snapshot))).toContain("changed");
    expect(state.channels.get(channel)?.seq).toBe(log.seq);
    syncRequests(state, 5);
    expect(kinds(receive(state, { ...message, request: 5 }))).toEqual(["in-sync"]);
  });

  it("in-sync: damaged, so that it names one channel twice and another not -> asked again, not in sync", () => {
    const state = holding(2);
    const [message] = inSyncOf(state, { v: 2, request: 1, have: [] });
    // The name has a wrong digit, and the host is past the seq, which it may be of an earlier answer: nothing is lacking.
    syncRequests(state, 2);
    const channels = message?.channels.map((item) =>
      item.channel === networkChannel(name(1))
        ? { ...item, channel: networkChannel(name(0)), seq: item.seq - 1 }
        : item,
    );
    const effects = receive(state, { ...message, channels } as InSyncMessage);
    expect(effects).toEqual([{ kind: "sync", reason: "incomplete", detail: networkChannel(name(1)) }]);
    expect(state.inSync).toBe(false);
    expect(state.channels.size).toBe(3);
    expect(kinds(receive(state, message as InSyncMessage))).toEqual(["in-sync"]);
  });

  it("in-sync: from before the host joined a network that it has by now -> in sync, not asked again", () => {
    const state = holding(2);
    const own = state.channels.get("host:h1")?.seq ?? 0;
    const [message] = inSyncOf(state, { v: 2, request: 1, have: [] }) as [InSyncMessage];
    const channels = message.channels
      .filter(({ channel }) => channel !== networkChannel(name(1)))
      .map((item) => (item.channel === "host:h1" ? { ...item, seq: own - 1 } : item));
    expect(kinds(receive(state, { ...message, channels, own: own - 1 }))).toEqual(["in-sync"]);
  });

  it("in-sync: of a network that the host is to leave, before the news of that -> asked once, then in sync", () => {
    const cloud = createCloudModel("h1");
    const state = createIntent("h1", []);
    cloud.commit("host:h1", [
      { key: "host", body: { site: "s1", vtep: "192.0.2.1" } },
      { key: `network/${name(0)}`, body: {} },
    ]);
    for (const message of cloud.snapshot("host:h1")) receive(state, message);
    const left = networkChannel(name(0));
    state.channels.set(left, held(left, [{ key: "network", version: 1, body: networkBody }]));
    const leaving = cloud.commit("host:h1", [{ key: `network/${name(0)}`, body: null }]);
    const part = { v: 2, host: "h1", kind: "in-sync", own: leaving.seq } as const;
    const networks = (request: number): InboxMessage => ({ ...part, request, channels: [], from: "net:" });
    expect(kinds(receive(state, networks(1)))).toEqual(["sync"]);
    expect(kinds(receive(state, cloud.delta(leaving)))).toEqual(["changed", "dropped"]);
    expect(receive(state, networks(2))).toEqual([]);
    const { seq, digest } = leaving;
    const last: InboxMessage = { ...part, request: 2, channels: [{ channel: "host:h1", seq, digest }], to: "net:" };
    expect(kinds(receive(state, last))).toEqual(["in-sync"]);
  });

  it("in-sync: the host's own channel is in another part, which comes later -> in sync with that and not before", () => {
    const cloud = createCloudModel("h1");
    const state = createIntent("h1", []);
    const { seq, digest } = cloud.commit("host:h1", [{ key: "host", body: { site: "s1", vtep: "192.0.2.1" } }]);
    const part = { v: 2, host: "h1", kind: "in-sync", request: 1, own: 1 } as const;
    expect(receive(state, { ...part, channels: [], from: "net:" })).toEqual([]);
    expect(kinds(cloud.snapshot("host:h1").flatMap((message) => receive(state, message)))).toEqual(["changed"]);
    expect(state.owed.size).toBe(0);
    const last: InboxMessage = { ...part, channels: [{ channel: "host:h1", seq, digest }], to: "net:" };
    expect(kinds(receive(state, last))).toEqual(["in-sync"]);
  });

  it("in-sync: of a deleted host, which left everything -> in sync with nothing", () => {
    const state = holding(2);
    const own = state.channels.get("host:h1")?.seq ?? 0;
    receive(state, { v: 1, host: "h1", kind: "leave", channels: [...state.channels.keys()], own });
    const effects = receive(state, { v: 2, host: "h1", kind: "in-sync", channels: [], request: 1, own });
    expect(kinds(effects)).toEqual(["in-sync"]);
    expect(state.channels.size).toBe(0);
  });

  it("in-sync: names a channel with other content -> asked for, not in sync", () => {
    const state = holding(1);
    const [message] = inSyncOf(state, { v: 2, request: 1, have: [] }) as [InSyncMessage];
    const wrong = message.channels.map((item) => ({ ...item, digest: hashText(item.channel) }));
    expect(receive(state, { ...message, channels: wrong })).toMatchObject([{ kind: "sync", reason: "incomplete" }]);
    expect(state.inSync).toBe(false);
  });
});

describe("ranges", () => {
  it("ranges: any cut of any names -> runs that cover all, hold each name once and fit", () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 40 });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.nat()), (all, maxBytes, order) => {
        const items = all.toSorted((a, b) => (a < b ? -1 : 1)).map((each) => ({ name: each, bytes: each.length }));
        const runs = splitRange({}, items, maxBytes);
        const shuffled = runs.map((run) => ({ run, at: order.next().value })).toSorted((a, b) => a.at - b.at);
        expect(coverAll(shuffled.map(({ run }) => run.range))).toBe(true);
        if (runs.length > 1) expect(coverAll(runs.slice(1).map(({ range }) => range))).toBe(false);
        expect(runs.flatMap((run) => run.items)).toEqual(items);
        for (const run of runs) for (const item of run.items) expect(inRange(run.range, item.name)).toBe(true);
        for (const run of runs.filter((one) => one.items.length > 1))
          expect(run.items.reduce((sum, item) => sum + item.bytes + 1, 0)).toBeLessThanOrEqual(maxBytes + 1);
      }),
    );
  });
});
