import { describe, expect, it } from "vitest";
import { createDiary } from "../../../edge-agent/log.ts";
import type { ChannelReplica } from "../../../edge-agent/intent/replica.ts";
import type { SnapshotSource } from "../../../edge-agent/intent/fetch-snapshot.ts";
import type { ReplicaStore } from "../../../edge-agent/intent/replica-files.ts";
import { type IntentChange, openIntent } from "../../../edge-agent/intent/session.ts";
import type { InboxMessage } from "../../../shared/message/inbox.ts";
import type { SyncRequest } from "../../../shared/message/sync.ts";
import type { Channel } from "../../../shared/model/record.ts";
import { FakeClock } from "../bgp/fake-network.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "./cloud-model.ts";

/** A disk in memory that can refuse to write. */
function memoryStore() {
  const files = new Map<Channel, { seq: number }>();
  const disk = { full: false };
  const store: ReplicaStore = {
    load: () => Promise.resolve({ replicas: [], setAside: [] }),
    save: (replica: ChannelReplica) => {
      if (disk.full) return Promise.reject(new Error("no space left on device"));
      files.set(replica.channel, { seq: replica.seq });
      return Promise.resolve();
    },
    remove: (channel) => {
      files.delete(channel);
      return Promise.resolve();
    },
  };
  return { store, files, disk };
}

async function open() {
  const clock = new FakeClock();
  const sent: string[] = [];
  const connection = { connected: true, publish: (_: string, payload: string) => void sent.push(payload) };
  const diary = createDiary(clock.wallMs, () => undefined);
  const { store, files, disk } = memoryStore();
  const offered = memorySnapshots();
  const { snapshots } = offered;
  const heard: IntentChange[] = [];
  const session = await openIntent({
    host: "h1",
    store,
    snapshots,
    connection,
    clock,
    random: () => 0.5,
    log: diary,
    onChange: (change) => void heard.push(change),
  });
  const cloud = createCloudModel("h1");
  cloud.commit("host:h1", [
    { key: "host", body: { site: "s1", vtep: "192.0.2.1" } },
    { key: "network/blue", body: {} },
  ]);
  cloud.commit("net:blue", [
    { key: "network", body: networkBody },
    { key: "vtep/h1", body: vtepBody("192.0.2.1") },
  ]);
  const deliver = (...messages: InboxMessage[]) => {
    for (const message of messages) session.onInbox(new TextEncoder().encode(JSON.stringify(message)));
  };
  const pass = (ms: number) => clock.advance(ms, () => undefined);
  return { session, connection, sent, diary, files, disk, cloud, deliver, pass, heard, offered };
}

/** Offers, and what they lead to; `later` decides when. */
function memorySnapshots() {
  const asked: string[] = [];
  const files = new Map<string, Uint8Array>();
  const gate = { open: Promise.resolve() };
  const snapshots: SnapshotSource = {
    async *open({ url }) {
      asked.push(url);
      await gate.open;
      const file = files.get(url);
      if (!file) throw new Error("status 403");
      yield file;
    },
  };
  return { snapshots, files, asked, gate };
}

/** Connected, and the whole answer received. */
async function inSync() {
  const all = await open();
  all.session.onConnected();
  all.pass(20);
  all.deliver(...all.cloud.answer({ v: 1, have: [] }));
  all.sent.length = 0;
  return all;
}

describe("intent session", () => {
  it("intent session: connected -> one sync with what is held; the answer -> in sync, on disk, listener told", async () => {
    const { session, sent, files, cloud, deliver, pass, heard } = await open();
    session.onConnected();
    pass(20);
    expect(sent).toEqual(['{"v":2,"request":500000001,"have":[]}']);
    deliver(...cloud.answer({ v: 1, have: [] }));
    expect(session.state.inSync).toBe(true);
    expect(heard.length).toBeGreaterThan(0);
    await session.flush();
    expect([...files]).toEqual([
      ["host:h1", { seq: 1 }],
      ["net:blue", { seq: 1 }],
    ]);
  });

  it.each([
    ["not JSON", "{{{"],
    ["another version", '{"v":9,"host":"h1","kind":"delta","entries":[]}'],
    ["a record that cannot be", '{"v":1,"host":"h1","kind":"delta","entries":[{"channel":"net:blue","seq":2}]}'],
  ])("intent session: malformed (%s) -> counted, kept for the report, skipped, and a sync follows", async (_, text) => {
    const { session, sent, diary, pass } = await inSync();
    const before = [...session.state.channels.values()].map(({ channel, seq }) => [channel, seq]);
    session.onInbox(new TextEncoder().encode(text));
    pass(600);
    expect(diary.counters.get("inbox-malformed")).toBe(1);
    expect(diary.recent().map((event) => event.kind)).toEqual(["inbox-malformed"]);
    expect([...session.state.channels.values()].map(({ channel, seq }) => [channel, seq])).toEqual(before);
    expect(sent).toHaveLength(1);
  });

  it("intent session: a flood of malformed messages -> syncs at least half a second apart", async () => {
    const { session, sent, diary, pass } = await inSync();
    for (let i = 0; i < 200; i++) {
      session.onInbox(new Uint8Array([0xff]));
      pass(10);
    }
    expect(diary.counters.get("inbox-malformed")).toBe(200);
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.length).toBeLessThanOrEqual(5);
  });

  it("intent session: every answer is one that it cannot use -> asked ever less often; a good one -> as ever", async () => {
    const { session, sent, cloud, deliver, pass } = await open();
    session.onConnected();
    const unusable = new TextEncoder().encode('{"v":9}');
    let answered = 0;
    for (let ms = 0; ms < 120_000; ms += 20) {
      pass(20);
      for (; answered < sent.length; answered++) session.onInbox(unusable);
    }
    expect(answered).toBeGreaterThan(5);
    expect(answered).toBeLessThan(12);
    deliver(...cloud.answer({ v: 1, have: [] }));
    sent.length = 0;
    session.onInbox(unusable);
    pass(60_000);
    session.onInbox(unusable);
    pass(20);
    expect(sent.length).toBeGreaterThan(1);
  });

  it("intent session: no answer -> asked again, ever less often, and no more once answered", async () => {
    const { session, sent, cloud, deliver, pass } = await open();
    session.onConnected();
    pass(20);
    pass(5_020);
    expect(sent).toHaveLength(2);
    pass(5_020);
    expect(sent).toHaveLength(2);
    pass(5_020);
    expect(sent).toHaveLength(3);
    deliver(...cloud.answer({ v: 1, have: [] }));
    pass(200_000);
    expect(sent).toHaveLength(3);
  });

  it("intent session: a network's channel follows its mention at once -> nobody is asked; if not -> the cloud is", async () => {
    const { session, sent, diary, cloud, deliver, pass } = await inSync();
    deliver(cloud.delta(cloud.commit("host:h1", [{ key: "network/red", body: {} }])));
    pass(100);
    deliver(cloud.delta(cloud.commit("net:red", [{ key: "network", body: { ...networkBody, vni: 200 } }])));
    pass(1_000);
    expect(sent).toEqual([]);
    deliver(cloud.delta(cloud.commit("host:h1", [{ key: "network/green", body: {} }])));
    pass(1_000);
    expect(diary.counters.get("sync-missing-channel")).toBe(1);
    expect(sent).toHaveLength(1);
    await session.close();
  });

  it("intent session: the disk refuses for a while -> reported, the change is in use, and written by itself later", async () => {
    const { session, diary, disk, files, cloud, deliver, pass } = await inSync();
    await session.flush();
    disk.full = true;
    deliver(cloud.delta(cloud.commit("net:blue", [{ key: "endpoint/e1", body: endpointBody(1) }])));
    await session.flush();
    expect(diary.counters.get("replica-write-failed")).toBe(1);
    expect(session.state.channels.get("net:blue")?.seq).toBe(2);
    disk.full = false;
    pass(5_000);
    await expect.poll(() => files.get("net:blue")).toEqual({ seq: 2 });
    pass(60_000);
    expect(diary.counters.get("replica-write-failed")).toBe(1);
  });

  it("intent session: several entries in one message -> one change that names the records; dropped -> whole", async () => {
    const { session, cloud, deliver, heard } = await inSync();
    heard.length = 0;
    const entries = [1, 2].map((n) => cloud.commit("net:blue", [{ key: `endpoint/e${n}`, body: endpointBody(n) }]));
    deliver(cloud.delta(...entries));
    expect(heard).toEqual([new Map([["net:blue", new Set(["endpoint/e1", "endpoint/e2"])]])]);
    deliver(cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: null }])));
    expect(heard[1]).toEqual(
      new Map<Channel, unknown>([
        ["host:h1", new Set(["network/blue"])],
        ["net:blue", "whole"],
      ]),
    );
    await session.close();
  });

  it("intent session: a gap that closes by itself -> nobody is asked; one that stays -> the cloud is", async () => {
    const { session, sent, diary, cloud, deliver, pass } = await inSync();
    const [one, two] = [1, 2].map((n) =>
      cloud.delta(cloud.commit("net:blue", [{ key: `endpoint/e${n}`, body: endpointBody(n) }])),
    ) as [InboxMessage, InboxMessage];
    deliver(two);
    pass(50);
    deliver(one);
    pass(1_000);
    expect(sent).toEqual([]);
    cloud.commit("net:blue", [{ key: "endpoint/e3", body: endpointBody(3) }]);
    deliver(cloud.delta(cloud.commit("net:blue", [{ key: "endpoint/e4", body: endpointBody(4) }])));
    pass(1_000);
    expect(diary.counters.get("sync-gap")).toBe(1);
    expect(sent).toHaveLength(1);
    deliver(...cloud.answer(JSON.parse(sent[0] ?? "") as SyncRequest));
    expect(session.state.early.size).toBe(0);
    await session.close();
  });

  it("intent session: told that a channel comes -> waited for longer, and asked for if it does not", async () => {
    const { session, sent, cloud, deliver, pass } = await inSync();
    const entry = cloud.commit("host:h1", [{ key: "network/red", body: {} }]);
    deliver({ v: 1, host: "h1", kind: "delta", entries: [entry], coming: ["net:red"] });
    pass(4_000);
    expect(sent).toEqual([]);
    pass(2_000);
    expect(sent).toHaveLength(1);
    await session.close();
  });

  it("intent session: a channel on offer -> fetched, then in sync, on disk; entries that came meanwhile are used", async () => {
    const { session, sent, cloud, deliver, pass, offered, files, heard } = await open();
    session.onConnected();
    pass(20);
    const { offer, file } = cloud.offer("net:blue");
    offered.files.set(offer.url, file);
    let release = () => {};
    offered.gate.open = new Promise((resolve) => {
      release = resolve;
    });
    const whole = cloud.answer({ v: 2, have: [] }).at(-1) as InboxMessage;
    deliver(...cloud.snapshot("host:h1"), { v: 2, host: "h1", kind: "bundle", messages: [offer, offer] }, whole);
    deliver(cloud.delta(cloud.commit("net:blue", [{ key: "endpoint/e1", body: endpointBody(1) }])));
    pass(120_000);
    expect(sent, "nothing is asked while it is fetched").toHaveLength(1);
    expect(session.state.inSync).toBe(false);
    release();
    await expect.poll(() => session.state.inSync).toBe(true);
    expect(session.state.channels.get("net:blue")?.seq).toBe(2);
    expect(heard.some((change) => change.get("net:blue") === "whole")).toBe(true);
    expect(offered.asked).toHaveLength(1);
    await session.flush();
    expect(files.get("net:blue")).toEqual({ seq: 2 });
    await session.close();
  });

  it("intent session: the offer leads to nothing -> reported, and asked again, ever less often", async () => {
    const { session, sent, diary, cloud, deliver, pass, offered } = await inSync();
    const failed = async (times: number) => {
      cloud.commit("net:blue", [{ key: "endpoint/e1", body: endpointBody(times) }]);
      deliver(cloud.offer("net:blue").offer);
      await expect.poll(() => diary.counters.get("snapshot-fetch-failed")).toBe(times);
    };
    await failed(1);
    pass(1_300);
    expect(sent).toHaveLength(1);
    await failed(2);
    pass(1_300);
    expect(sent).toHaveLength(1);
    pass(1_300);
    expect(sent).toHaveLength(2);
    const { offer, file } = cloud.offer("net:blue");
    offered.files.set(offer.url, file);
    deliver(offer);
    await expect.poll(() => session.state.channels.get("net:blue")?.seq).toBe(3);
    expect(diary.recent()[0]?.detail).toContain("status 403");
    await session.close();
  });

  it("intent session: the network is left while its snapshot is fetched -> it is not held", async () => {
    const { session, cloud, deliver, offered } = await inSync();
    cloud.commit("net:blue", [{ key: "endpoint/e1", body: endpointBody(1) }]);
    const { offer, file } = cloud.offer("net:blue");
    offered.files.set(offer.url, file);
    deliver(offer, cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: null }])));
    await expect.poll(() => offered.asked).toHaveLength(1);
    await session.flush();
    expect([...session.state.channels.keys()]).toEqual(["host:h1"]);
    await session.close();
  });

  it("intent session: told to try again later -> asked after that time and not before", async () => {
    const { session, sent, deliver, pass } = await inSync();
    deliver({ v: 2, host: "h1", kind: "retry", afterMs: 3_000, reason: "busy" });
    pass(2_900);
    expect(sent).toEqual([]);
    pass(300);
    expect(sent).toHaveLength(1);
    await session.close();
  });

  it("intent session: disconnected -> nothing is asked until connected again", async () => {
    const { session, connection, sent, cloud, deliver, pass } = await inSync();
    connection.connected = false;
    session.onDisconnected();
    cloud.commit("net:blue", []);
    deliver(cloud.delta(cloud.commit("net:blue", [])));
    pass(60_000);
    expect(sent).toEqual([]);
    connection.connected = true;
    session.onConnected();
    pass(20);
    expect(sent).toHaveLength(1);
  });
});
