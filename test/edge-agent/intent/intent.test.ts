import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { syncRequests } from "../../../edge-agent/intent/answer.ts";
import { createIntent, type IntentState, missing, receive } from "../../../edge-agent/intent/intent.ts";
import { viewIntent } from "../../../edge-agent/intent/view.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import type { InboxMessage } from "../../../shared/message/inbox.ts";
import type { SyncRequest } from "../../../shared/message/sync.ts";
import { createCloudModel, endpointBody, networkBody, vtepBody } from "./cloud-model.ts";

const hostBody = { site: "s1", vtep: "192.0.2.1" };

function carrying() {
  const cloud = createCloudModel("h1");
  const state = createIntent("h1", []);
  const feed = (...messages: InboxMessage[]) => messages.flatMap((message) => receive(state, message));
  feed(
    cloud.delta(
      cloud.commit("host:h1", [
        { key: "host", body: hostBody },
        { key: "network/blue", body: {} },
      ]),
    ),
  );
  feed(
    cloud.delta(
      cloud.commit("net:blue", [
        { key: "network", body: networkBody },
        { key: "vtep/h1", body: vtepBody("192.0.2.1") },
        { key: "endpoint/e1", body: endpointBody(1) },
      ]),
    ),
  );
  return { cloud, state, feed };
}

const syncRequest = (state: IntentState) => syncRequests(state, 1)[0] as SyncRequest;
const seqOf = (state: IntentState) => state.channels.get("net:blue")?.seq;

describe("intent", () => {
  it("intent: entries in order -> applied, and the view shows the network", () => {
    const { state } = carrying();
    const view = viewIntent(state);
    expect(view?.host.vtep).toBe("192.0.2.1");
    expect(view?.networks.map((network) => [network.id, network.endpoints.map((endpoint) => endpoint.id)])).toEqual([
      ["blue", ["e1"]],
    ]);
  });

  it("intent: an entry twice -> nothing the second time", () => {
    const { cloud, feed, state } = carrying();
    const entry = cloud.commit("net:blue", [{ key: "endpoint/e2", body: endpointBody(2) }]);
    expect(feed(cloud.delta(entry))).toMatchObject([{ kind: "changed", channel: "net:blue" }]);
    expect(feed(cloud.delta(entry))).toEqual([]);
    expect(seqOf(state)).toBe(2);
  });

  it("intent: a lost entry -> the next ones wait for it, change nothing, and are used when it comes", () => {
    const { cloud, feed, state } = carrying();
    const [lost, next, last] = [2, 3, 4].map((n) =>
      cloud.delta(cloud.commit("net:blue", [{ key: `endpoint/e${n}`, body: endpointBody(n) }])),
    ) as [InboxMessage, InboxMessage, InboxMessage];
    expect(feed(last, next)).toMatchObject([{ kind: "awaiting" }, { kind: "awaiting" }]);
    expect(seqOf(state)).toBe(1);
    expect(missing(state).gaps).toEqual(["net:blue"]);
    expect(feed(lost)).toMatchObject([{ keys: ["endpoint/e2"] }, { keys: ["endpoint/e3"] }, { keys: ["endpoint/e4"] }]);
    expect(seqOf(state)).toBe(4);
    expect(missing(state).gaps).toEqual([]);
  });

  it("intent: an entry that no answer of the cloud explains -> asked about once more, then let go", () => {
    const { cloud, feed, state } = carrying();
    const stray = { ...cloud.commit("net:blue", [{ key: "endpoint/e2", body: endpointBody(2) }]), prev: 7, seq: 8 };
    feed(cloud.delta(stray));
    // The answer that was on its way when the entry came, and the one that was asked for afterwards.
    const first = cloud.answer(syncRequest(state)).flatMap((message) => feed(message));
    expect(first.at(-1)).toEqual({ kind: "awaiting" });
    expect(missing(state).gaps).toEqual(["net:blue"]);
    const second = cloud.answer(syncRequests(state, 2)[0] as SyncRequest).flatMap((message) => feed(message));
    expect(second.some(({ kind }) => kind === "awaiting")).toBe(false);
    expect([state.early.size, missing(state).gaps, seqOf(state)]).toEqual([0, [], 2]);
  });

  it("intent: more early entries than may be kept -> bounded, and the cloud is asked for what is missing", () => {
    const { cloud, feed, state } = carrying();
    const entry = cloud.commit("net:blue", [{ key: "endpoint/e2", body: endpointBody(2) }]);
    for (let channel = 0; channel < 30; channel++) {
      for (let prev = 1; prev <= 1_001; prev++) {
        feed(cloud.delta({ ...entry, channel: `net:n${channel}`, prev, seq: prev + 1 }));
      }
    }
    const sizes = Array.from(state.early.values(), ({ byPrev }) => byPrev.size);
    expect([Math.max(...sizes), sizes.reduce((sum, size) => sum + size)]).toEqual([1_000, 20_000]);
    expect(missing(state).gaps).toHaveLength(30);
  });

  it("intent: deleted, then made again from version 1 when its tombstone has run out -> taken, as in the log", () => {
    const { cloud, feed, state } = carrying();
    feed(cloud.delta(cloud.commit("net:blue", [{ key: "endpoint/e1", body: null }])));
    expect([...(state.channels.get("net:blue")?.records.keys() ?? [])]).toEqual(["network", "vtep/h1"]);
    cloud.channels.get("net:blue")?.records.delete("endpoint/e1");
    feed(cloud.delta(cloud.commit("net:blue", [{ key: "endpoint/e1", body: endpointBody(9) }])));
    expect(state.channels.get("net:blue")?.records.get("endpoint/e1")?.version).toBe(1);
  });

  it("intent: entries that come before the snapshot they build on -> used after it", () => {
    const { cloud, feed, state } = carrying();
    feed(cloud.delta(cloud.commit("host:h1", [{ key: "network/red", body: {} }])));
    cloud.commit("net:red", [{ key: "network", body: { ...networkBody, vni: 200 } }]);
    const snapshot = cloud.snapshot("net:red");
    feed(cloud.delta(cloud.commit("net:red", [{ key: "endpoint/e1", body: endpointBody(1) }])));
    expect(state.channels.has("net:red")).toBe(false);
    feed(...snapshot);
    expect(state.channels.get("net:red")?.seq).toBe(2);
    expect(state.channels.get("net:red")?.records.size).toBe(2);
  });

  it("intent: a channel that was announced -> nothing is missing until it is given up", () => {
    const { cloud, feed, state } = carrying();
    const entry = cloud.commit("host:h1", [
      { key: "network/red", body: {} },
      { key: "network/green", body: {} },
    ]);
    feed({ v: 1, host: "h1", kind: "delta", entries: [entry], coming: ["net:red"] });
    expect(missing(state).channels).toEqual(["net:green"]);
    state.coming.clear();
    expect(missing(state).channels).toEqual(["net:red", "net:green"]);
  });

  it("intent: left and joined again in one message -> the network is never let go of, and asked for", () => {
    const { cloud, feed, state } = carrying();
    const left = cloud.commit("host:h1", [{ key: "network/blue", body: null }]);
    const joined = cloud.commit("host:h1", [{ key: "network/blue", body: {} }]);
    const effects = feed({ v: 1, host: "h1", kind: "delta", entries: [left, joined] });
    expect(effects.map(({ kind }) => kind)).toEqual(["changed", "changed", "sync"]);
    expect(effects.at(-1)).toMatchObject({ reason: "rejoined", detail: "net:blue" });
    expect(seqOf(state)).toBe(1);
  });

  it("intent: left and joined again in the wrong order, or in a bundle -> the network is never let go of", () => {
    for (const inBundle of [true, false]) {
      const { cloud, feed, state } = carrying();
      const left = cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: null }]));
      const joined = cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: {} }]));
      const effects = inBundle
        ? feed({ v: 2, host: "h1", kind: "bundle", messages: [left, joined] as never })
        : feed(joined, left);
      expect(effects.filter(({ kind }) => kind === "dropped")).toEqual([]);
      expect(seqOf(state)).toBe(1);
    }
  });

  it("intent: left in one message, joined again in the next -> dropped in between", () => {
    const { cloud, feed, state } = carrying();
    const left = cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: null }]));
    expect(feed(left)).toContainEqual({ kind: "dropped", channel: "net:blue" });
    feed(cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: {} }])));
    expect(missing(state).channels).toEqual(["net:blue"]);
  });

  it("intent: a leave from before the host was made again -> nothing is dropped", () => {
    const { cloud, feed, state } = carrying();
    feed(cloud.delta(cloud.commit("host:h1", [{ key: "host", body: { ...hostBody, site: "s2" } }])));
    expect(feed({ v: 1, host: "h1", kind: "leave", channels: ["host:h1", "net:blue"], own: 1 })).toEqual([]);
    expect(state.channels.size).toBe(2);
  });

  it("intent: a router that the host channel names -> its channel is held and left like a network's", () => {
    const { cloud, feed, state } = carrying();
    feed(cloud.delta(cloud.commit("host:h1", [{ key: "router/r1", body: {} }])));
    expect(missing(state).channels).toEqual(["rtr:r1"]);
    feed(cloud.delta(cloud.commit("rtr:r1", [{ key: "router", body: { tenant: "acme", name: "r", vni: 5000 } }])));
    expect(state.channels.get("rtr:r1")?.seq).toBe(1);
    const effects = feed(cloud.delta(cloud.commit("host:h1", [{ key: "router/r1", body: null }])));
    expect(effects).toContainEqual({ kind: "dropped", channel: "rtr:r1" });
  });

  it("intent: digest does not come out -> held state stays in use, and a whole snapshot is asked for", () => {
    const { cloud, feed, state } = carrying();
    const entry = cloud.commit("net:blue", [{ key: "endpoint/e2", body: endpointBody(2) }]);
    const effects = feed(
      cloud.delta({ ...entry, changes: [{ key: "endpoint/e2", version: 1, body: endpointBody(9) }] }),
    );
    expect(effects).toMatchObject([{ kind: "sync", reason: "diverged" }]);
    expect(viewIntent(state)?.networks[0]?.endpoints).toHaveLength(1);
    expect(syncRequest(state).have).toContainEqual({ channel: "net:blue", seq: 1, digest: EMPTY_DIGEST });
    feed(...cloud.answer(syncRequest(state)));
    expect(viewIntent(state)?.networks[0]?.endpoints).toHaveLength(2);
    expect(state.inSync).toBe(true);
  });

  it("intent: an older version of a record in a newer entry -> the newer version stays", () => {
    const { cloud, state } = carrying();
    const record = state.channels.get("net:blue")?.records.get("endpoint/e1");
    const entry = cloud.commit("net:blue", []);
    const stale = { key: "endpoint/e1", version: 1, body: endpointBody(7) };
    expect(receive(state, cloud.delta({ ...entry, changes: [stale] }))).toMatchObject([{ kind: "changed" }]);
    expect(state.channels.get("net:blue")?.records.get("endpoint/e1")).toBe(record);
  });

  it("intent: host channel drops a network -> its channel goes too", () => {
    const { cloud, feed, state } = carrying();
    const effects = feed(cloud.delta(cloud.commit("host:h1", [{ key: "network/blue", body: null }])));
    expect(effects).toContainEqual({ kind: "dropped", channel: "net:blue" });
    expect([...state.channels.keys()]).toEqual(["host:h1"]);
  });

  it("intent: host channel names a network that is not held -> it is awaited", () => {
    const { cloud, feed } = carrying();
    const effects = feed(cloud.delta(cloud.commit("host:h1", [{ key: "network/red", body: {} }])));
    expect(effects).toContainEqual({ kind: "awaiting" });
  });

  it("intent: snapshot in parts, in any order -> applied when whole", () => {
    const { cloud, feed, state } = carrying();
    for (let i = 2; i < 8; i++) cloud.commit("net:blue", [{ key: `endpoint/e${i}`, body: endpointBody(i) }]);
    const [first, second, third] = cloud.snapshot("net:blue", 3) as [InboxMessage, InboxMessage, InboxMessage];
    expect(feed(third, first)).toEqual([]);
    expect(feed(second)).toMatchObject([{ kind: "changed", channel: "net:blue" }]);
    expect(seqOf(state)).toBe(7);
  });

  it("intent: a message for another host, or another host's channel -> refused", () => {
    const { cloud, state } = carrying();
    const entry = createCloudModel("h2").commit("host:h2", [{ key: "host", body: hostBody }]);
    expect(receive(state, { v: 1, host: "h2", kind: "delta", entries: [] })).toMatchObject([{ reason: "foreign" }]);
    expect(receive(state, cloud.delta(entry))).toMatchObject([{ kind: "sync", reason: "foreign" }]);
    expect(state.channels.has("host:h2")).toBe(false);
  });

  it("intent: in-sync older than what the host channel says by now -> nothing is dropped", () => {
    const { cloud, feed, state } = carrying();
    const outdated = cloud.answer(syncRequest(state)).at(-1) as InboxMessage;
    feed(cloud.delta(cloud.commit("host:h1", [{ key: "network/red", body: {} }])));
    feed(cloud.delta(cloud.commit("net:red", [{ key: "network", body: { ...networkBody, vni: 200 } }])));
    feed(outdated);
    expect(state.channels.has("net:red")).toBe(true);
  });

  it("intent: deleted host is told to leave everything -> nothing is held", () => {
    const { feed, state } = carrying();
    feed({ v: 1, host: "h1", kind: "leave", channels: ["host:h1", "net:blue"] });
    expect(state.channels.size).toBe(0);
  });

  it("intent: any loss, duplication and reordering, then one sync -> equal to the cloud", () => {
    const step = fc.record({
      key: fc.integer({ min: 1, max: 6 }),
      remove: fc.boolean(),
      fate: fc.constantFrom("deliver", "drop", "twice", "late"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { cloud, feed, state } = carrying();
        const late: InboxMessage[] = [];
        for (const { key, remove, fate } of steps) {
          const body = remove ? null : endpointBody(key);
          const message = cloud.delta(cloud.commit("net:blue", [{ key: `endpoint/e${key}`, body }]));
          if (fate === "late") late.unshift(message);
          if (fate === "deliver" || fate === "twice") feed(message);
          if (fate === "twice") feed(message);
        }
        feed(...late);
        feed(...cloud.answer(syncRequest(state)));
        expect(state.inSync).toBe(true);
        expect(state.channels.get("net:blue")?.digest).toBe(cloud.channels.get("net:blue")?.digest);
        expect(syncRequest(state).have.map((item) => item.digest)).not.toContain(EMPTY_DIGEST);
      }),
    );
  });
});
