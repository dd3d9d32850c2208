import { describe, expect, test } from "vitest";
import { MAX_PAYLOAD_BYTES } from "../../../shared/message/inbox.ts";
import { hostChannel, networkChannel } from "../../../shared/model/record.ts";
import { largestStep, MAX_STEP_CHANGES, networkStepWrites } from "../../../functions/publish/step-items.ts";
import { changeOf, collapse, type NetworkChange } from "../../../functions/publish/resource-change.ts";
import { parseResource } from "../../../functions/publish/resource-image.ts";
import { keyText } from "../../../functions/publish/table.ts";
import { endpointItem, hostItem, networkItem, NOW_MS, type StoredItem } from "./fixtures.ts";
import { MemoryChannels } from "./memory-channels.ts";
import { Replica } from "./replica.ts";

const N1 = networkChannel("n1");

function world(hosts = 2): MemoryChannels {
  const channels = new MemoryChannels();
  for (let index = 1; index <= hosts; index++) {
    const item = hostItem(`h${index}`, index);
    channels.hosts.set(item.sk, item);
    channels.deliver([item]);
  }
  channels.deliver([networkItem("n1", 100)]);
  return channels;
}

function replay(channels: MemoryChannels): Replica {
  const replica = new Replica("h1");
  for (const entry of channels.logs.get(N1) ?? []) replica.apply(entry);
  expect(replica.gaps).toBe(0);
  return replica;
}

function changesOf(items: StoredItem[]): NetworkChange[] {
  return items.map((item) => {
    const image = parseResource("endpoint", item);
    if (typeof image === "string") throw new Error(image);
    return changeOf(image).change as NetworkChange;
  });
}

describe("advance", () => {
  test("advance: the first endpoint of a host -> the host joins, in its own channel too", () => {
    const channels = world();
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    expect(replay(channels).keys(N1)).toEqual(["endpoint/e1", "network", "vtep/h1"]);
    expect(channels.logs.get(hostChannel("h1"))?.at(-1)?.changes).toEqual([
      { key: "network/n1", version: 2, body: {} },
    ]);
    expect(channels.carried("h2")).toEqual([]);
  });

  test("advance: a move -> one entry in which the old host leaves and the new one joins", () => {
    const channels = world();
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    channels.deliver([endpointItem("e1", { network: "n1", host: "h2", index: 1, version: 2, mobility: 1 })]);
    const last = channels.logs.get(N1)?.at(-1);
    expect(last?.changes.map(({ key, body }) => [key, body === null])).toEqual([
      ["endpoint/e1", false],
      ["vtep/h1", true],
      ["vtep/h2", false],
    ]);
    expect([channels.carried("h1"), channels.carried("h2")]).toEqual([[], ["n1"]]);
    expect(channels.marks.slice(-2).map(({ channel, key, deleted }) => [channel, key, deleted])).toEqual([
      ["net:n1", "endpoint/e1", false],
      ["host:h1", "network/n1", true],
    ]);
    replay(channels);
  });

  test("advance: a move in two phases -> the target joins first and carries nothing yet; the source leaves last", () => {
    const channels = world();
    const here = { network: "n1", host: "h1", index: 1 };
    channels.deliver([endpointItem("e1", here)]);
    const next = { host: "h2", port: "tap9", change: "c-2" };
    channels.deliver([{ ...endpointItem("e1", { ...here, version: 2 }), next }]);
    expect([channels.carried("h1"), channels.carried("h2")]).toEqual([["n1"], ["n1"]]);
    const prepared = replay(channels);
    expect(prepared.channels.get(N1)?.records.get("endpoint/e1")?.body).toMatchObject({
      host: "h1",
      mobility: 0,
      next: { host: "h2", port: "tap9" },
    });
    expect(prepared.forwarding(N1)).toBe(channels.forwarding(N1));
    channels.deliver([endpointItem("e1", { ...here, host: "h2", version: 3, mobility: 1 })]);
    expect([channels.carried("h1"), channels.carried("h2")]).toEqual([[], ["n1"]]);
    const activated = replay(channels);
    expect(activated.channels.get(N1)?.records.get("endpoint/e1")?.body).not.toHaveProperty("next");
    expect(activated.forwarding(N1)).toBe(channels.forwarding(N1));
  });

  test("advance: a prepared move is abandoned -> the target leaves", () => {
    const channels = world();
    const here = { network: "n1", host: "h1", index: 1 };
    const next = { host: "h2", port: "tap1", change: "c-1" };
    channels.deliver([{ ...endpointItem("e1", here), next }]);
    expect(channels.carried("h2")).toEqual(["n1"]);
    channels.deliver([endpointItem("e1", { ...here, version: 2 })]);
    expect([channels.carried("h1"), channels.carried("h2")]).toEqual([["n1"], []]);
    expect(replay(channels).keys(N1)).toEqual(["endpoint/e1", "network", "vtep/h1"]);
  });

  test("advance: the last endpoint is deleted and its id made again -> the version goes on, the host comes back", () => {
    const channels = world();
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1, version: 2, deleted: true })]);
    expect(replay(channels).keys(N1)).toEqual(["network"]);
    expect(channels.records.get(N1)?.get("endpoint/e1")).toMatchObject({ version: 2, body: null });
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    expect(replay(channels).keys(N1), "a late old version").toEqual(["network"]);
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 9, version: 3 })]);
    expect(replay(channels).keys(N1)).toEqual(["endpoint/e1", "network", "vtep/h1"]);
  });

  test("advance: a host's BGP peers change -> its vtep record follows in each network it is a member of", () => {
    const channels = world();
    channels.deliver([networkItem("n2", 200), endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    const patched = hostItem("h1", 1, { version: 2, asns: [65001, 64512, 64512] });
    channels.hosts.set("h1", patched);
    channels.deliver([patched]);
    const changes = channels.logs.get(N1)?.at(-1)?.changes;
    expect(changes).toMatchObject([{ key: "vtep/h1", body: { asns: [65001, 64512], address: "198.51.100.1" } }]);
    expect(channels.head(networkChannel("n2")).seq).toBe(1);
  });

  test("advance: a host's name changes -> its networks hear nothing", () => {
    const channels = world();
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    const { seq } = channels.head(N1);
    const patched = { ...hostItem("h1", 1, { version: 2 }), name: "rack 7" };
    channels.hosts.set("h1", patched);
    channels.deliver([patched]);
    expect(channels.head(N1).seq).toBe(seq);
    expect(channels.marks.filter((mark) => mark.key === "vtep/h1")).toEqual([]);
  });

  test("advance: a host made again with another address before its old endpoint's tombstone arrives -> forwarding follows", () => {
    const channels = world();
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1 })]);
    const successor = hostItem("h1", 77, { version: 3 });
    channels.hosts.set("h1", successor);
    channels.deliver([endpointItem("e2", { network: "n1", host: "h1", index: 2 })]);
    channels.deliver([successor]);
    expect(replay(channels).channels.get(N1)?.records.get("vtep/h1")?.body).toMatchObject({ address: "198.51.100.77" });
    channels.deliver([endpointItem("e1", { network: "n1", host: "h1", index: 1, version: 2, deleted: true })]);
    expect(replay(channels).forwarding(N1)).toBe(channels.forwarding(N1));
  });

  test("collapse: several images of one record in any order -> the newest, with the origin of each", () => {
    const at = (version: number) => endpointItem("e1", { network: "n1", host: "h1", index: 1, version });
    const [change, ...others] = collapse(changesOf([at(2), at(3), at(1), at(3)]));
    expect(others).toEqual([]);
    expect(change?.version).toBe(3);
    expect(change?.origins.map((origin) => origin.change)).toEqual(["c-2", "c-3", "c-1"]);
  });
});

describe("largestStep", () => {
  const many = (count: number, hosts: number) =>
    changesOf(
      Array.from({ length: count }, (_, at) =>
        endpointItem(`e${at}`, { network: "n1", host: `h${(at % hosts) + 1}`, index: at + 1, change: `c-${at}` }),
      ),
    );

  test.each([
    [300, 1],
    [300, 7],
    [60, 60],
  ])("largestStep: %i new endpoints on %i hosts -> steps within a transaction and a message", (count, hosts) => {
    const channels = world(hosts);
    let remaining = many(count, hosts);
    let steps = 0;
    while (remaining.length > 0) {
      const { taken, step } = largestStep(channels.facts(N1, remaining), remaining);
      if (!step) throw new Error("no step");
      const writes = networkStepWrites(step, NOW_MS);
      expect(writes.length).toBeLessThanOrEqual(100);
      const keys = writes.map((write) =>
        keyText("put" in write ? write.put : "delete" in write ? write.delete : write.check),
      );
      expect(new Set(keys).size, "a transaction may name an item once").toBe(keys.length);
      expect(JSON.stringify(step.entry).length).toBeLessThan(MAX_PAYLOAD_BYTES);
      channels.advance(N1, taken);
      remaining = remaining.filter((change) => !taken.includes(change));
      steps += 1;
    }
    expect(steps).toBeLessThanOrEqual(Math.ceil((count + 3 * hosts) / (MAX_STEP_CHANGES - 8)) + 1);
    replay(channels);
  });

  test("largestStep: endpoints with all the addresses they may have -> no entry larger than a message", () => {
    const channels = world(1);
    const ips = Array.from({ length: 16 }, (_, at) => `2001:db8:1111:2222:3333:4444:5555:${(at + 4096).toString(16)}`);
    const changes = changesOf(
      Array.from({ length: 200 }, (_, at) => {
        const id = `${"e".repeat(44)}${String(at).padStart(4, "0")}`;
        return { ...endpointItem(id, { network: "n1", host: "h1", index: at + 1, change: `c-${at}` }), ips };
      }),
    );
    channels.advance(N1, changes);
    for (const entry of channels.logs.get(N1) ?? []) {
      expect(Buffer.byteLength(JSON.stringify(entry))).toBeLessThan(MAX_PAYLOAD_BYTES - 200);
    }
    replay(channels);
  });
});
