// Reports and receipts on the real engine: what hosts say becomes rows, and rows become "live on 4 of 4 hosts".

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EMPTY_DIGEST, hashText } from "../../shared/message/digest.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import { type Channel, networkChannel } from "../../shared/model/record.ts";
import type { ChangeRecord } from "../../functions/domain/change.ts";
import { placeOf } from "../../functions/domain/change.ts";
import type { ResourceRef } from "../../functions/domain/resource.ts";
import { getItem } from "../../functions/publish/table.ts";
import { channelRowKey, parseChannelRow, parseHostRow } from "../../functions/report/report-items.ts";
import { handleReport } from "../../functions/report/handler.ts";
import { tableReceipts } from "../../functions/report/receipts.ts";
import { endpointItem, hostItem, networkItem, type StoredItem } from "../functions/publish/fixtures.ts";
import { EngineWorld, ruleEvent } from "../functions/publish/engine-world.ts";
import { type Engine, startEngine } from "./dynamodb-engine.ts";

const N1 = networkChannel("n1");
const E1: ResourceRef = { kind: "endpoint", network: "n1", id: "e1" };

let engine: Engine;
let world: EngineWorld;
let number: number;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine?.close();
});
beforeEach(async () => {
  number = 0;
  world = await EngineWorld.on(engine);
  for (const host of ["h1", "h2"]) world.agent(host);
  await world.publish(
    hostItem("h1", 1, { change: "c-h1" }),
    hostItem("h2", 2),
    networkItem("n1", 100, { change: "c-n1" }),
  );
  await world.publish(endpoint("e1", "h1"), endpoint("e2", "h2"));
});

function endpoint(id: string, host: string, fields: Partial<Parameters<typeof endpointItem>[1]> = {}): StoredItem {
  const change = `c-${id}-${fields.version ?? 1}`;
  return endpointItem(id, { network: "n1", host, index: Number(id.slice(1)), change, ...fields });
}

type Fields = { kernel?: string; problems?: string[]; channels?: unknown[]; number?: number; startedAtMs?: number };

/** The report of an agent that holds what its replica holds, with a kernel to match unless told otherwise. */
async function report(host: string, fields: Fields = {}): Promise<void> {
  const agent = world.agent(host);
  const channels = agent.have().map((held) => ({
    ...held,
    ...(held.channel.startsWith("net:") ? { kernel: fields.kernel ?? agent.forwarding(held.channel) } : {}),
    ...(held.channel.startsWith("net:") ? { problems: fields.problems ?? [] } : {}),
  }));
  number += 1;
  await world.report(host, {
    v: FIRST_VERSION,
    atMs: world.nowMs,
    number: fields.number ?? number,
    agent: { version: "0.1.0", startedAtMs: fields.startedAtMs ?? 1, kernel: "6.1.0" },
    inSync: true,
    channels: fields.channels ?? channels,
    bgp: [],
    counters: { applied: 1 },
    events: [{ atMs: 1, kind: "started", detail: "" }],
  });
}

async function row(channel: Channel, host: string) {
  return parseChannelRow(await getItem(world.table, channelRowKey(channel, host)));
}

function change(id: string, resource: ResourceRef, action: ChangeRecord["action"] = "create"): ChangeRecord {
  return { id, resource, action, ...placeOf(resource), version: 1, at: "2044-01-02T03:04:05.678Z" };
}

const receiptOf = (record: ChangeRecord) => tableReceipts(world.table, () => world.nowMs).receipt(record);
const convergence = () => tableReceipts(world.table, () => world.nowMs).convergence("n1", { limit: 1000 });

describe("report", () => {
  test("report: a host at the head with the kernel as it should be -> rows that say live, a sign of life", async () => {
    await report("h1");
    expect(await row(N1, "h1")).toMatchObject({ appliedSeq: 2, live: true, liveSeq: 2, problems: [] });
    expect(await row("host:h1", "h1")).toMatchObject({ appliedSeq: 2, live: true, liveSeq: 2 });
    const seen = parseHostRow(await getItem(world.table, { pk: "REPORTS", sk: "h1" }));
    expect(seen).toMatchObject({
      lastSeenAt: new Date(world.nowMs).toISOString(),
      number: 1,
      counters: { applied: 1 },
    });
  });

  test("report: another kernel after having been live -> not live, liveSeq stays", async () => {
    await report("h1");
    await report("h1", { kernel: EMPTY_DIGEST, problems: ["mac is missing"] });
    expect(await row(N1, "h1")).toMatchObject({ live: false, liveSeq: 2, problems: ["mac is missing"] });
  });

  test("report: the same again -> the row is not written until five minutes later", async () => {
    await report("h1");
    await report("h1");
    expect((await row(N1, "h1"))?.number).toBe(1);
    world.nowMs += 5 * 60_000;
    await report("h1");
    expect((await row(N1, "h1"))?.number).toBe(3);
  });

  test("report: one that comes late -> ignored; one of a restarted agent -> taken", async () => {
    await report("h1", { number: 9 });
    await report("h1", { number: 8, kernel: EMPTY_DIGEST });
    expect((await row(N1, "h1"))?.live).toBe(true);
    expect(world.counters.get("StaleReports")).toBe(1);
    await report("h1", { number: 1, startedAtMs: 2, kernel: EMPTY_DIGEST });
    expect((await row(N1, "h1"))?.live).toBe(false);
  });

  test("report: a network that is not the host's -> no row, and a leave once the host's log is at rest", async () => {
    await world.publish(
      networkItem("n9", 900),
      endpointItem("e9", { network: "n9", host: "h2", index: 9, change: "c-e9" }),
    );
    const foreign = { channel: "net:n9", seq: 2, digest: EMPTY_DIGEST, kernel: EMPTY_DIGEST };
    await report("h1", { channels: [...world.agent("h1").have(), foreign] });
    expect(await row("net:n9", "h1")).toBeUndefined();
    expect(world.counters.get("ForeignChannelsReported")).toBe(1);
    world.messages.length = 0;
    world.nowMs += 10_000;
    await report("h1", { channels: [...world.agent("h1").have(), foreign] });
    expect(world.messages.map(({ host, payload }) => [host, JSON.parse(payload).kind])).toEqual([
      ["h1", "leave"],
      ["h1", "in-sync"],
    ]);
  });

  test("report: another host's own channel -> no row of either", async () => {
    await report("h1", { channels: [{ channel: "host:h2", seq: 2, digest: EMPTY_DIGEST }] });
    expect(await row("host:h2", "h1")).toBeUndefined();
    expect(await row("host:h2", "h2")).toBeUndefined();
  });

  test("report: an unknown host, or a malformed payload -> counted, nothing written", async () => {
    await report("h9", { channels: [] });
    await handleReport(world.deps, ruleEvent("h1", "{"));
    expect(await getItem(world.table, { pk: "REPORTS", sk: "h9" })).toBeUndefined();
    expect(await getItem(world.table, { pk: "REPORTS", sk: "h1" })).toBeUndefined();
    expect([world.counters.get("ReportsOfUnknownHosts"), world.counters.get("MalformedReports")]).toEqual([1, 1]);
  });

  test("report: a host that missed a delta -> answered after the delta had its time, and caught up", async () => {
    world.refused.add("h1");
    await world.publish(endpoint("e3", "h2"));
    world.refused.clear();
    await report("h1");
    expect(world.agent("h1").at(N1).seq).toBe(2);
    world.nowMs += 6_000;
    await report("h1");
    expect(world.agent("h1").at(N1).seq).toBe(3);
    expect(world.agent("h1").inSync).toEqual(["host:h1", "net:n1"]);
  });

  test("report: a diverged host -> answered at once", async () => {
    const [own, net] = world.agent("h1").have();
    await report("h1", { channels: [own, { ...net, digest: hashText("?") }] });
    expect(world.counters.get("DivergedChannels")).toBe(1);
    expect(world.messages.at(-1)?.payload).toContain("in-sync");
  });
});

describe("receipts", () => {
  test("receipt: not published yet -> accepted", async () => {
    await world.write(endpoint("e3", "h1"));
    const receipt = await receiptOf(change("c-e3-1", { kind: "endpoint", network: "n1", id: "e3" }));
    expect(receipt).toMatchObject({ state: "accepted", published: [], summary: "accepted; not published yet" });
  });

  test("receipt: published, nobody reported -> waiting for all, by name", async () => {
    expect(await receiptOf(change("c-e1-1", E1))).toMatchObject({
      state: "published",
      published: [{ channel: "net:n1", seq: 2 }],
      hosts: { total: 2, live: 0 },
      summary: "live on 0 of 2 hosts; waiting for h1 (never reported), h2 (never reported)",
    });
  });

  test("receipt: one host live, the other silent, then live -> the summary follows", async () => {
    await report("h1");
    await report("h2", { kernel: EMPTY_DIGEST });
    world.nowMs += 95_000;
    const waiting = await receiptOf(change("c-e1-1", E1));
    expect(waiting.summary).toBe("live on 1 of 2 hosts; waiting for h2 (offline 95 s)");
    await report("h2");
    expect(await receiptOf(change("c-e1-1", E1))).toMatchObject({ state: "live", summary: "live on 2 of 2 hosts" });
  });

  test("receipt: a move -> waits for the members and, by its own channel, for the host that was left", async () => {
    for (const host of ["h1", "h2"]) await report(host);
    await world.publish(endpoint("e1", "h2", { version: 2, mobility: 1 }));
    await report("h2");
    const moved = await receiptOf(change("c-e1-2", E1, "move"));
    expect(moved.summary).toBe("live on 1 of 2 hosts; waiting for h1 (behind by 1)");
    world.agent("h1").channels.delete(N1);
    await report("h1");
    expect((await receiptOf(change("c-e1-2", E1, "move"))).state).toBe("live");
  });

  test("receipt: a host that joined later -> not waited for", async () => {
    for (const host of ["h1", "h2"]) await report(host);
    await world.publish(hostItem("h3", 3), endpoint("e3", "h3"));
    expect(await receiptOf(change("c-e1-1", E1))).toMatchObject({ state: "live", hosts: { total: 2 } });
    expect((await receiptOf(change("c-e3-1", { kind: "endpoint", network: "n1", id: "e3" }))).hosts.total).toBe(3);
  });

  test("receipt: a host deleted since -> waited for no more", async () => {
    await world.publish(
      endpoint("e2", "h2", { version: 2, deleted: true }),
      hostItem("h2", 2, { version: 2, deleted: true }),
    );
    await report("h1");
    const deletion = change("c-e2-2", { kind: "endpoint", network: "n1", id: "e2" }, "delete");
    expect(await receiptOf(deletion)).toMatchObject({ state: "live", hosts: { total: 1, live: 1 } });
  });

  test("receipt: a host's creation -> live once the host has applied it", async () => {
    const creation = change("c-h1", { kind: "host", id: "h1" });
    expect((await receiptOf(creation)).summary).toBe("live on 0 of 1 host; waiting for h1 (never reported)");
    await report("h1");
    expect((await receiptOf(creation)).state).toBe("live");
  });

  test("receipt: a host's new peers -> waits for the members of its networks", async () => {
    for (const host of ["h1", "h2"]) await report(host);
    await world.publish(hostItem("h1", 1, { version: 2, change: "c-peers", asns: [65001, 64512] }));
    const peers = change("c-peers", { kind: "host", id: "h1" }, "change");
    expect((await receiptOf(peers)).hosts).toMatchObject({ total: 2, live: 0 });
    for (const host of ["h1", "h2"]) await report(host);
    expect((await receiptOf(peers)).summary).toBe("live on 2 of 2 hosts");
  });

  test("receipt: a network that no host carries, a tenant -> nothing to wait for", async () => {
    await world.publish(networkItem("n2", 200, { change: "c-n2" }));
    const network = await receiptOf(change("c-n2", { kind: "network", id: "n2" }));
    expect(network).toMatchObject({ state: "live", hosts: { total: 0 }, summary: "published; no host needs it" });
    expect((await receiptOf(change("c-t", { kind: "tenant", id: "t" }))).state).toBe("live");
  });

  test("convergence: hosts at the head -> converged; a new step -> waiting, with reasons", async () => {
    for (const host of ["h1", "h2"]) await report(host);
    expect(await convergence()).toMatchObject({ seq: 2, converged: true, summary: "live on 2 of 2 hosts" });
    await world.publish(endpoint("e3", "h2"));
    await report("h2");
    expect(await convergence()).toMatchObject({
      seq: 3,
      converged: false,
      hosts: { total: 2, live: 1, waiting: [{ host: "h1", reason: "behind by 1" }] },
    });
  });

  test("convergence: a network never published -> not converged", async () => {
    const receipts = tableReceipts(world.table, () => world.nowMs);
    expect(await receipts.convergence("n7", { limit: 1000 })).toMatchObject({
      seq: 0,
      converged: false,
      summary: "not published yet",
    });
  });
});
