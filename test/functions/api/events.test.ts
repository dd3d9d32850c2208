// GET /v1/events: server-sent events that end and are resumed.

import { beforeEach, describe, expect, test } from "vitest";
import type { Event, Position } from "../../../functions/events/event.ts";
import { createClient } from "../../../functions/api/client.ts";
import type { EventReader } from "../../../functions/api/events.ts";
import { createMemoryStore } from "../../fakes/store.ts";
import {
  type ApiUnderTest,
  createApiUnderTest,
  createTestClock,
  expectProblem,
  type TestClock,
} from "./api-under-test.ts";

/** Items of events; `kept` is the number of the first that is. */
function log(): EventReader & { items: Event[][]; kept: number } {
  const reader = {
    items: [] as Event[][],
    kept: 1,
    last: () => Promise.resolve(reader.items.length),
    read: (after: Position, { last, most }: { last: number; most: number }) => {
      if (after.seq < reader.kept) return Promise.resolve("gone" as const);
      const to = Math.min(last, after.seq + most - 1);
      const events = reader.items.slice(after.seq - 1, to).flatMap((item, at) =>
        item.flatMap((event, index) => {
          const seq = after.seq + at;
          const isRead = seq === after.seq && index < after.index;
          return isRead ? [] : [{ event, position: { seq, index: index + 1 } }];
        }),
      );
      return Promise.resolve({ events, next: { seq: to + 1, index: 0 } });
    },
  };
  return reader;
}

const event = (key: string, more: Partial<Event> = {}): Event => ({
  key,
  kind: "change",
  at: "2026-11-22T12:00:00.000Z",
  data: {},
  ...more,
});

let events: ReturnType<typeof log>;
let clock: TestClock;
let api: ApiUnderTest;
beforeEach(() => {
  events = log();
  clock = createTestClock();
  api = createApiUnderTest(createMemoryStore(), clock, { events });
});

/** As an EventSource reads it: the events, and the id to go on from. */
async function read(query = "", lastEventId?: string) {
  const { status, type, body } = await api.get(
    `/v1/events${query}`,
    lastEventId === undefined ? {} : { "last-event-id": lastEventId },
  );
  expect([status, type]).toEqual([200, "text/event-stream"]);
  const blocks = String(body["text"])
    .split("\n\n")
    .map((block) => block.split("\n").map((line) => line.split(": ", 2)));
  let id = lastEventId ?? "";
  const keys: string[] = [];
  const kinds: string[] = [];
  for (const fields of blocks) {
    const value = (name: string) => fields.find(([field]) => field === name)?.[1];
    id = value("id") ?? id;
    const data = String(body["text"]).split("\n\n")[blocks.indexOf(fields)]?.split("data: ")[1];
    if (data === undefined) continue;
    kinds.push(value("event") ?? "");
    keys.push(String((JSON.parse(data) as { key?: string }).key));
  }
  return { keys, kinds, id };
}

describe("events", () => {
  test("events: nothing known of the reader -> news from now on, after what he waits", async () => {
    events.items.push([event("old")]);
    const first = await read("?waitMs=2000");
    expect(first.keys).toEqual([]);
    expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBe(2000);
    events.items.push([event("a"), event("b")]);
    const second = await read("", first.id);
    expect(second.keys).toEqual(["a", "b"]);
    expect((await read("?waitMs=0", second.id)).keys).toEqual([]);
  });

  test("events: something happens while he waits -> the answer ends with it", async () => {
    let looks = 0;
    events.last = () => {
      looks += 1;
      if (looks === 4) events.items.push([event("a")]);
      return Promise.resolve(events.items.length);
    };
    expect((await read()).keys).toEqual(["a"]);
    expect(clock.slept).toHaveLength(3);
  });

  test("events: read in any number of answers, cut anywhere -> all of them once, in order", async () => {
    for (let at = 0; at < 60; at++) events.items.push([event(`a${at}`), event(`b${at}`)]);
    const wanted = events.items.flat().map(({ key }) => key);
    for (const from of ["1-0", "1-1", "7-2", "60-2"]) {
      const keys: string[] = [];
      let id = from;
      for (let answers = 0; answers < 10; answers++) {
        const answer = await read("?waitMs=0", id);
        keys.push(...answer.keys);
        id = answer.id;
      }
      const [seq = 0, index = 0] = from.split("-").map(Number);
      expect(keys).toEqual(wanted.slice((seq - 1) * 2 + index));
    }
  });

  test("events: a filter that nothing passes -> the place moves on, so that nothing is looked at twice", async () => {
    for (let at = 0; at < 300; at++) events.items.push([event(`a${at}`)]);
    const { id, keys } = await read("?kind=bgp&waitMs=0", "1-0");
    expect(keys).toEqual([]);
    expect(Number(id.split("-")[0])).toBeGreaterThan(150);
  });

  test("events: what he has not read is kept no more -> a reset, and on from there", async () => {
    events.items.push([event("a")], [event("b")]);
    events.kept = 2;
    const answer = await read("", "1-1");
    expect(answer).toMatchObject({ kinds: ["reset"], id: "3-0" });
    expect((await read("?waitMs=0", "99-0")).kinds).toEqual(["reset"]);
  });

  test("client: watches -> each event once, over as many answers as it takes, and resets", async () => {
    events.items.push([event("a")], [event("b"), event("c")]);
    const client = createClient({ baseUrl: "http://api", fetch: async (request) => api.app.request(request) });
    const seen: string[] = [];
    for await (const watched of client.events({ kind: "change", waitMs: 0 }, "1-0")) {
      seen.push("event" in watched ? watched.event.key : "reset");
      if (seen.length === 3) events.items.push([event("d")]);
      if (seen.length === 4) events.kept = 5;
      if (seen.length === 4) events.items.push([event("lost")], [event("e")]);
      if (watched.id === "6-0") break;
    }
    expect(seen).toEqual(["a", "b", "c", "d", "reset"]);
  });

  test.each([
    ["kind=receipt,bgp", ["r", "s"]],
    ["resource=network", ["c"]],
    ["resource=endpoint", ["r"]],
    ["network=web", ["r", "c"]],
    ["host=h1", ["s"]],
    ["tenant=acme", ["r", "c"]],
    ["tenant=other", []],
    ["kind=change&tenant=acme", ["c"]],
  ])("events: ?%s -> %j", async (filter, keys) => {
    events.items.push([
      event("r", { kind: "receipt", tenant: "acme", resource: { kind: "endpoint", id: "vm1", network: "web" } }),
      event("c", { tenant: "acme", resource: { kind: "network", id: "web" } }),
      event("s", { kind: "bgp", host: "h1" }),
      event("x", { resource: { kind: "site", id: "fra" } }),
    ]);
    expect((await read(`?${filter}&waitMs=0`, "1-0")).keys).toEqual(keys);
  });

  test("events: a token that is bound to a tenant -> that tenant's alone, whatever is asked", async () => {
    const principal = {
      actor: { kind: "user" as const, id: "jane" },
      scopes: new Set(["read" as const]),
      tenant: "acme",
      networkEngineer: false,
    };
    const identify = () => Promise.resolve({ kind: "principal" as const, principal });
    api = createApiUnderTest(createMemoryStore(), clock, { events, identify });
    events.items.push([event("a", { tenant: "acme" }), event("b", { tenant: "other" }), event("c")]);
    expect((await read("?waitMs=0", "1-0")).keys).toEqual(["a"]);
    expect((await read("?waitMs=0&tenant=other", "1-0")).keys).toEqual([]);
    expectProblem(await api.get("/v1/fleet"), 403);
  });

  test.each([
    ["kind=none", "kind"],
    ["after=x", "after"],
    ["waitMs=20001", "waitMs"],
    ["network=NO", "network"],
  ])("events: ?%s -> 422 naming %s", async (query, field) => {
    expect(expectProblem(await api.get(`/v1/events?${query}`), 422).field).toBe(field);
  });
});
