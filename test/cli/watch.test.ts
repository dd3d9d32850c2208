// Server-sent events, and `watch` over connections that break.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEventReader } from "../../cli/watch/server-sent-events.ts";
import { createCliUnderTest } from "./cli-under-test.ts";

describe("server-sent events", () => {
  const STREAM =
    '\ufeffid: 1\nevent: change\ndata: {"a":1}\n\n: hello\r\nretry: 50\r\ndata: two\r\ndata:lines\r\n\r\nid: 3\rdata: cr\r\rdata: open';
  it("server-sent events: all line ends, comments, several data lines -> whole events (HTML 9.2.6)", () => {
    const reader = createEventReader();
    expect(reader.read(STREAM)).toEqual([
      { id: "1", type: "change", data: '{"a":1}' },
      { id: "1", type: "message", data: "two\nlines" },
      { id: "3", type: "message", data: "cr" },
    ]);
    expect([reader.retryMs(), reader.lastId()]).toEqual([50, "3"]);
  });

  it("server-sent events: cut anywhere -> the same events", () => {
    const whole = createEventReader().read(STREAM);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length }), { maxLength: 6 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), STREAM.length];
        const reader = createEventReader();
        const chunks = places.slice(1).map((end, index) => STREAM.slice(places[index], end));
        expect(chunks.flatMap((chunk) => reader.read(chunk))).toEqual(whole);
      }),
    );
  });
});

describe("cli watch", () => {
  const event = (id: number, type: string) => `id: ${id}\nevent: ${type}\ndata: {"summary":"n${id}"}\n\n`;

  it("watch: the connection ends -> taken up after the last event, until there are enough", async () => {
    const { cli } = createCliUnderTest();
    const asked: string[] = [];
    const streams = [event(1, "change"), "retry: 100\n\nid: 2\n\n", event(3, "change")];
    const fetch = (request: Request) => {
      asked.push(`${new URL(request.url).search} ${request.headers.get("last-event-id")}`);
      return Promise.resolve(new Response(streams[asked.length - 1] ?? ""));
    };
    const ran = await cli("watch --after 0 --kind change,bgp --host h1 --count 2 -o json", { fetch });
    expect(ran.exit).toBe(0);
    expect(ran.out).toBe(
      '{"id":"1","type":"change","data":{"summary":"n1"}}\n{"id":"3","type":"change","data":{"summary":"n3"}}\n',
    );
    expect(asked).toEqual(["0", "1", "2"].map((id) => `?kind=change%2Cbgp&host=h1 ${id}`));
  });

  it("watch: an event for people -> when, what, of what, where", async () => {
    const { cli } = createCliUnderTest();
    const data = {
      at: "2026-11-22T12:00:00.000Z",
      kind: "receipt",
      resource: { kind: "endpoint", network: "web", id: "vm1" },
      host: "h1",
      data: { state: "live", name: "\u001b[31mred" },
    };
    const fetch = () => Promise.resolve(new Response(`id: 1-0\nevent: receipt\ndata: ${JSON.stringify(data)}\n\n`));
    const { out } = await cli("watch --count 1", { fetch });
    expect(out).toBe("2026-11-22T12:00:00.000Z  receipt   endpoint/web/vm1  on h1  state=live,name=\ufffd[31mred\n");
  });

  it("watch: nothing comes in time -> exit status 5; a refusal -> at once", async () => {
    const { cli } = createCliUnderTest();
    const silent = () => Promise.resolve(new Response(""));
    expect(await cli("watch --count 1 --timeout 5", { fetch: silent })).toMatchObject({ exit: 5, out: "" });
    const refusal = () => Promise.resolve(Response.json({ detail: "no token" }, { status: 401 }));
    const refused = await cli("watch", { fetch: refusal });
    expect(refused).toMatchObject({ exit: 6 });
    expect(refused.err).toContain("no token\n  -> give a token");
  });
});
