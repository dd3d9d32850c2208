// From what is written to the table to what a reader of events is told.

import { beforeEach, describe, expect, test } from "vitest";
import { handleEvents } from "../../../functions/events/handler.ts";
import { hostEvents } from "../../../functions/events/host-events.ts";
import { parseHostRow } from "../../../functions/report/report-items.ts";
import { newEvents } from "../../../functions/report/reported-events.ts";
import { getItem } from "../../../functions/publish/table.ts";
import { endpointItem, hostItem, networkItem } from "../publish/fixtures.ts";
import { session, TOR1 } from "../report/fabric-hosts.ts";
import { eventWorld } from "./event-world.ts";

let at: ReturnType<typeof eventWorld>;

beforeEach(async () => {
  at = eventWorld();
  for (const host of ["h1", "h2"]) at.world.agent(host);
  await at.world.publish(hostItem("h1", 1, { change: "c-h1" }), hostItem("h2", 2, { change: "c-h2" }));
  await at.world.publish(networkItem("n1", 100, { change: "c-n1" }));
  await at.world.publish(endpoint(1, "h1"), endpoint(2, "h2"));
});

function endpoint(index: number, host: string, version = 1) {
  return endpointItem(`e${index}`, { network: "n1", host, index, version, change: `c-e${index}-${version}` });
}

const receipts = async (change: string) =>
  (await at.told()).filter(({ data }) => data["change"] === change).map(({ data }) => data["state"]);

describe("receipt events", () => {
  test("events: a change is published, then live on its hosts one after the other -> told twice, with whose it is", async () => {
    await at.settle();
    expect(await receipts("c-e1-1")).toEqual(["published"]);
    await at.report("h1");
    await at.settle();
    expect(await receipts("c-e1-1")).toEqual(["published"]);
    await at.report("h2");
    await at.settle();
    expect(await receipts("c-e1-1")).toEqual(["published", "live"]);
    expect((await at.told()).at(-1)).toMatchObject({
      kind: "receipt",
      tenant: "acme",
      resource: { kind: "endpoint", id: expect.any(String), network: "n1" },
      data: { channel: "net:n1", summary: "live on 2 of 2 hosts" },
    });
    expect(await at.notes("net:n1")).toEqual([]);
  });

  test("events: the hosts' reports come before the mark -> told all the same", async () => {
    const marks = at.records();
    for (const host of ["h1", "h2"]) await at.report(host);
    await at.settle();
    expect(await at.told()).toMatchObject(Array.from(await at.told(), ({ kind }) => ({ kind })));
    expect(await receipts("c-e2-1")).toEqual([]);
    await at.settle(marks);
    expect(await receipts("c-e2-1")).toEqual(["published", "live"]);
  });

  test("events: a move -> live only once the host that was left has cleared up", async () => {
    for (const host of ["h1", "h2"]) await at.report(host);
    await at.settle();
    await at.world.publish(endpoint(1, "h2", 2));
    await at.report("h2");
    await at.settle();
    expect(await receipts("c-e1-2")).toEqual(["published"]);
    at.world.agent("h1").channels.delete("net:n1");
    await at.report("h1");
    await at.settle();
    expect(await receipts("c-e1-2")).toEqual(["published", "live"]);
    expect([await at.notes("net:n1"), await at.notes("host:h1")]).toEqual([[], []]);
  });

  test("events: a batch that comes again, whole or beside another consumer -> told once", async () => {
    for (const host of ["h1", "h2"]) await at.report(host);
    const batch = at.records();
    await Promise.all([handleEvents(at.deps, batch), handleEvents(at.deps, batch)]);
    await handleEvents(at.deps, batch);
    const keys = (await at.told()).map(({ key }) => key);
    expect(keys).toEqual([...new Set(keys)]);
    expect(await receipts("c-e1-1")).toEqual(["published", "live"]);
  });

  test("events: the consumer dies after any of its writes, and the batch comes again -> nothing is lost", async () => {
    for (const host of ["h1", "h2"]) await at.report(host);
    const batch = at.records();
    for (let dies = 1; ; dies++) {
      let left = dies;
      const client = new Proxy(at.world.table.client, {
        get: (target, name) =>
          name === "send"
            ? (command: { constructor: { name: string } }) => {
                if (/Put|Transact/.test(command.constructor.name) && left-- === 0) throw new Error("killed");
                return target.send(command as never);
              }
            : Reflect.get(target, name),
      });
      const died = await handleEvents({ ...at.deps, table: { ...at.world.table, client } }, batch).then(
        () => false,
        () => true,
      );
      if (!died) break;
    }
    for (const change of ["c-h1", "c-n1", "c-e1-1", "c-e2-1"]) {
      expect(await receipts(change), change).toEqual(["published", "live"]);
    }
  });
});

describe("change events", () => {
  const item = (id: string, more: object) => ({
    pk: "CHANGES#2044-01-02#0",
    sk: id,
    type: "change",
    id,
    at: "2044-01-02T03:05:00.000Z",
    action: "create",
    actor: "user:jane",
    channels: [],
    version: 1,
    ...more,
  });

  test("events: a write -> who did what to what of which tenant, and nothing of what was there before", async () => {
    at.records();
    await at.world.write(
      item("c1", { resource: { kind: "endpoint", network: "n1", id: "e9" }, after: { mac: "x" } }),
      item("c2", { resource: { kind: "site", id: "fra" } }),
      item("c3", { resource: { kind: "tenant", id: "acme" } }),
    );
    await at.settle();
    const told = (await at.told()).filter(({ kind }) => kind === "change");
    expect(told.map(({ tenant }) => tenant)).toEqual(["acme", undefined, "acme"]);
    expect(told[0]?.data).toEqual({ change: "c1", action: "create", version: 1, actor: "user:jane" });
  });

  test("events: a record that is none -> set aside and counted, the others told", async () => {
    at.records();
    await at.world.write(item("c1", { resource: "none" }), item("c2", { resource: { kind: "site", id: "fra" } }));
    await at.settle();
    expect((await at.told()).map(({ data }) => data["change"])).toEqual(["c2"]);
    expect(at.world.counters.get("UnreadableEventRecords")).toBe(1);
  });
});

describe("host events", () => {
  test("events: a session comes up and goes down -> each told once, with what it was", async () => {
    at.records();
    await at.report("h1");
    await at.report("h1");
    await at.report("h1", { bgp: [session(TOR1, { state: "Active", sinceMs: 5000 })] });
    await at.settle();
    expect((await at.told()).filter(({ kind }) => kind === "bgp")).toMatchObject([
      { host: "h1", data: { peer: TOR1, state: "Established" } },
      { host: "h1", at: "1970-01-01T00:00:05.000Z", data: { state: "Active", before: "Established" } },
    ]);
  });

  test("events: the agent reports its last events each time -> a conflict and a drift are told once, with their network", async () => {
    at.records();
    const row = async () => parseHostRow(await getItem(at.world.table, { pk: "REPORTS", sk: "h1" }));
    await at.report("h1");
    const before = await row();
    if (!before) throw new Error("no row");
    const conflict = { atMs: 1, kind: "conflict", detail: "n1: 02:00:00:00:00:01 is declared at …" };
    const drift = { atMs: 2, kind: "drift", detail: "VNI 100: a -> b (event)" };
    const other = { atMs: 3, kind: "sync-gap", detail: "" };
    const after = { ...before, events: [conflict, drift, other] };
    expect(hostEvents("h1", before, after)).toMatchObject([
      { kind: "conflict", resource: { kind: "network", id: "n1" } },
      { kind: "drift", data: { detail: drift.detail } },
    ]);
    expect(hostEvents("h1", after, { ...after, events: [conflict, drift, other, { ...drift, atMs: 4 }] })).toHaveLength(
      1,
    );
  });

  test("new events: of another process, or where the last known one has gone -> those that are not known", () => {
    const event = (atMs: number) => ({ atMs, kind: "drift", detail: "" });
    const known = { startedAtMs: 1, events: [event(1), event(2)] };
    expect(newEvents(known, { startedAtMs: 1, events: [event(1), event(2), event(2), event(3)] })).toEqual([event(3)]);
    expect(newEvents(known, { startedAtMs: 2, events: [event(2), event(5)] })).toEqual([event(5)]);
    expect(newEvents(undefined, known)).toEqual(known.events);
  });
});
